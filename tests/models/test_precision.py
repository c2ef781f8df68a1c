import keras
import numpy as np
import pytest

from kdeblend.models.generators import GENERATORS
from kdeblend.models.precision import copy_in_precision

pytestmark = pytest.mark.backend

SMALL = {
    "resnet": {"root_blocks": 1, "branch_blocks": 1, "filters": 4},
    "unet": {"widths": (4, 8), "blocks": 1},
}


def precisions(network):
    return {layer.name: layer.compute_dtype for layer in network.layers}


@pytest.mark.parametrize("family", sorted(SMALL))
def test_all_but_the_named_layers_compute_in_the_precision(family):
    generator = GENERATORS[family](**SMALL[family])
    generator.set_weights([weight + 0.01 for weight in generator.get_weights()])
    copy = copy_in_precision(generator, "mixed_bfloat16", but=["head"])
    kinds = precisions(copy)
    assert kinds.pop("head") == "float32"
    assert "bfloat16" in kinds.values()
    assert set(precisions(generator).values()) == {"float32"}
    blends = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    for exact, quick in zip(
        generator.predict_on_batch(blends), copy.predict_on_batch(blends), strict=True
    ):
        assert quick.dtype == np.float32
        assert 0 < np.abs(exact - quick).max() < 0.1


def test_weights_are_of_its_own():
    blend = keras.Input((None, None, 3))
    network = keras.Model(blend, keras.layers.Conv2D(2, 1, name="only")(blend))
    copy = copy_in_precision(network, "float32")
    before = copy.get_weights()[0]
    network.set_weights([2 * weight for weight in network.get_weights()])
    np.testing.assert_array_equal(copy.get_weights()[0], before)


def test_networks_inside_of_networks_are_converted():
    inner = keras.Sequential([keras.layers.Conv2D(3, 1, name="inner")])
    blend = keras.Input((None, None, 3))
    network = keras.Model(blend, keras.layers.Rescaling(1.0, name="last")(inner(blend)))
    copy = copy_in_precision(network, "mixed_bfloat16", but=["last"])
    (converted,) = [layer for layer in copy.layers if isinstance(layer, keras.Sequential)]
    assert converted.layers[-1].compute_dtype == "bfloat16"
    np.testing.assert_array_equal(copy.get_weights()[0], network.get_weights()[0])
