import numpy as np
import pytest
from keras import ops

from kdeblend.models.heads import DirectHead, VisibleHead

pytestmark = pytest.mark.backend


@pytest.fixture
def features():
    rng = np.random.default_rng(1)
    blend = rng.random((2, 5, 4, 3), np.float32)
    return blend, *rng.normal(0, 3, (2, 2, 5, 4, 6)).astype(np.float32)


def layers_of(head, inputs):
    return [(ops.convert_to_numpy(each) + 1) / 2 for each in head(list(inputs))]


def test_visible_layers_never_exceed_the_blend(features):
    blend = features[0]
    for layer in layers_of(VisibleHead(), features):
        assert (layer <= blend + 1e-6).all()
        assert (layer >= -1e-6).all()


def test_visible_head_is_the_formula(features):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    blend, first, second = features
    visible = sigmoid(first[..., :3] - second[..., :3])
    expected = (
        blend * (visible + (1 - visible) * sigmoid(first[..., 3:])),
        blend * (1 - visible + visible * sigmoid(second[..., 3:])),
    )
    for received, truth in zip(layers_of(VisibleHead(), features), expected, strict=True):
        np.testing.assert_allclose(received, truth, atol=1e-5)


def test_a_galaxy_in_front_equals_the_blend():
    blend = np.full((1, 1, 1, 1), 0.7, np.float32)
    front = np.array([[[[30.0, 0.0]]]], np.float32)
    behind = np.array([[[[-30.0, -30.0]]]], np.float32)
    first, second = layers_of(VisibleHead(), (blend, front, behind))
    assert first.item() == pytest.approx(0.7, abs=1e-5)
    assert second.item() == pytest.approx(0, abs=1e-5)


def test_direct_head_is_tanh(features):
    blend, first, second = features
    received = [ops.convert_to_numpy(each) for each in DirectHead()([blend, first, second])]
    np.testing.assert_allclose(received[0], np.tanh(first), atol=1e-5)
    np.testing.assert_allclose(received[1], np.tanh(second), atol=1e-5)


@pytest.mark.parametrize("kind", [DirectHead, VisibleHead])
def test_config_round_trip(kind):
    head = kind(blend_mode="mixed", name="head")
    assert kind.from_config(head.get_config()).get_config() == head.get_config()
