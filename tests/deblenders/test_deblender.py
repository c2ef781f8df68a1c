import keras
import numpy as np
import pytest

from kdeblend.deblenders import DEBLENDERS
from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.deblenders.network import NetworkDeblender
from kdeblend.models.files import save_generator
from kdeblend.models.unet import build_unet
from kdeblend.training.config import preset_config

RNG = np.random.default_rng(1)
pytestmark = pytest.mark.backend


def halving_network(bands=3, size=None):
    """Gives half the blend, and half the blend mirrored in its bands' order."""
    blend = keras.Input((size, size, bands))
    return keras.Model(blend, [blend - 1, keras.ops.flip(blend, axis=-1) - 1], name="halves")


def convolving_network():
    """Gives two images that take convolutions to make."""
    blend = keras.Input((None, None, 3))
    image = keras.layers.Conv2D(3, 3, padding="same", name="first")(blend)
    last = keras.layers.Rescaling(0.5, name="last")(image)
    return keras.Model(blend, [last, last])


@pytest.fixture
def blends():
    return RNG.random((5, 20, 24, 3), np.float32)


class Broken(Deblender):
    name = "broken"

    def __init__(self, layers):
        self.layers = layers

    def deblend_batch(self, blends):
        return self.layers


def test_identity_returns_the_blend_twice(blends):
    layers = Deblender.from_preset("identity").deblend(blends)
    assert layers.dtype == np.float32
    np.testing.assert_array_equal(layers, np.stack([blends, blends], axis=1))


def test_integers_are_scaled():
    images = RNG.integers(0, 256, (2, 9, 9, 3), np.uint8)
    layers = Deblender.from_preset("identity").deblend(images)
    np.testing.assert_allclose(layers[:, 0], images / 255, atol=1e-7)


def test_network_answer_is_mapped_to_unit_range(blends):
    layers = NetworkDeblender(halving_network(), consistent=False).deblend(blends)
    np.testing.assert_allclose(layers[:, 0], blends / 2, atol=1e-6)
    np.testing.assert_allclose(layers[:, 1], blends[..., ::-1] / 2, atol=1e-6)


def test_settings_follow_weights_and_options(blends):
    keras.utils.set_random_seed(0)
    blend = keras.Input((None, None, 3))
    outputs = [keras.layers.Conv2D(3, 1)(blend) for _ in range(2)]
    network = keras.Model(blend, outputs)
    settings = NetworkDeblender(network).settings()
    assert settings == NetworkDeblender(network, blend_mode="max").settings()
    assert settings != NetworkDeblender(network, consistent=False).settings()
    assert settings != NetworkDeblender(network, blend_mode="sum").settings()
    network.layers[1].set_weights([2 * weight + 1 for weight in network.layers[1].get_weights()])
    assert settings != NetworkDeblender(network).settings()


def test_network_is_consistent_by_default(blends):
    layers = NetworkDeblender(halving_network()).deblend(blends)
    np.testing.assert_array_equal(layers.max(axis=1), blends)
    layers = NetworkDeblender(halving_network(), blend_mode="sum").deblend(blends)
    np.testing.assert_allclose(layers.sum(axis=1), blends, atol=1e-6)


@pytest.mark.parametrize(
    ("head", "trained", "blend_mode", "consistent"),
    [
        ("visible", "max", None, False),
        ("visible", "max", "max", False),
        ("visible", "sum", None, True),
        ("visible", "sum", "max", True),
        ("direct", "max", None, True),
    ],
)
def test_what_a_head_has_built_in_is_not_done_again(blends, head, trained, blend_mode, consistent):
    keras.utils.set_random_seed(0)
    network = build_unet(widths=(4,), blocks=0, space_to_depth=1, head=head, blend_mode=trained)
    by_default = NetworkDeblender(network, blend_mode).deblend(blends)
    asked_for = {
        answer: NetworkDeblender(network, blend_mode, consistent=answer).deblend(blends)
        for answer in (True, False)
    }
    assert (asked_for[True] != asked_for[False]).any()
    np.testing.assert_array_equal(by_default, asked_for[consistent])


def test_batches_and_progress(blends):
    done = []
    small = NetworkDeblender(halving_network(), batch_size=2)
    layers = small.deblend(blends, done.append)
    assert done == [2, 2, 1]
    np.testing.assert_array_equal(layers, NetworkDeblender(halving_network()).deblend(blends))


def test_large_images_come_in_smaller_batches():
    deblender = NetworkDeblender(halving_network(), batch_size=8)
    assert [deblender.blends_at_once(side, side) for side in (20, 80, 160, 4000)] == [8, 8, 2, 1]


def test_grey_image_in_colour_network():
    grey = RNG.random((2, 10, 12, 1), np.float32)
    layers = NetworkDeblender(halving_network(), consistent=False).deblend(grey)
    assert layers.shape == (2, 2, 10, 12, 1)
    np.testing.assert_allclose(layers[:, 1], grey / 2, atol=1e-6)
    assert NetworkDeblender(halving_network()).deblend(grey).max() == grey.max()


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (halving_network(1), (1, 9, 9, 3), "1 bands"),
        (halving_network(3), (1, 9, 9, 4), "3 bands"),
        (halving_network(3, 16), (1, 9, 16, 3), "16 rows"),
    ],
)
def test_images_that_the_network_cannot_take(network, shape, message):
    with pytest.raises(ValueError, match=message):
        NetworkDeblender(network).deblend(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([np.zeros((9, 9, 3))] * 2, "as numpy.stack makes of images of one size. Received: list"),
        (np.zeros((9, 9, 3)), "shape"),
        (np.zeros((1, 9, 9, 0)), "shape"),
        (np.zeros((1, 7, 9, 3)), "9 x 7 pixels"),
        (np.zeros((1, 9, 9, 3), int), "int64"),
        (np.full((1, 9, 9, 3), 1.1), "1.1"),
        (np.full((1, 9, 9, 3), -0.1), "-0.1"),
        (np.where(np.arange(9) == 4, np.nan, np.zeros((1, 9, 9, 9))), "finite"),
    ],
)
def test_images_that_no_deblender_takes(images, message):
    with pytest.raises(ValueError, match=message):
        Deblender.from_preset("identity").deblend(images)


@pytest.mark.parametrize(
    ("layers", "message"),
    [(np.zeros((1, 9, 9, 3)), "shape"), (np.full((1, 2, 9, 9, 3), np.nan), "finite")],
)
def test_wrong_layers_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        Broken(layers).deblend(np.zeros((1, 9, 9, 3)))


def test_network_needs_two_outputs():
    blend = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="1 outputs"):
        NetworkDeblender(keras.Model(blend, blend * 2))
    with pytest.raises(ValueError, match="batch_size=0"):
        NetworkDeblender(halving_network(), batch_size=0)
    with pytest.raises(ValueError, match="nothing"):
        NetworkDeblender(halving_network(), blend_mode="nothing")
    with pytest.raises(ValueError, match="orientations=3"):
        NetworkDeblender(halving_network(), orientations=3)
    with pytest.raises(ValueError, match="stamp_size=0"):
        NetworkDeblender(halving_network(), stamp_size=0)


def test_a_network_is_shown_the_middle_of_an_image_larger_than_its_stamps():
    images = np.full((2, 60, 90, 3), 0.5, np.float32)
    whole = NetworkDeblender(halving_network()).deblend(images)
    middle = NetworkDeblender(halving_network(), stamp_size=32).deblend(images)
    np.testing.assert_array_equal(middle[:, :, 25:35, 40:50], whole[:, :, 25:35, 40:50])
    np.testing.assert_array_equal(middle[:, 1, :, :10], images[:, :, :10])


def test_pixels_of_either_byte_order():
    images = np.arange(300, dtype=">u2").reshape(1, 10, 10, 3) * 200
    layers = IdentityDeblender().deblend(images)
    np.testing.assert_allclose(layers[:, 0], images / 65535, atol=1e-6)


def test_bfloat16_is_for_all_but_the_last_layer(blends):
    network = convolving_network()
    exact = NetworkDeblender(network)
    quick = NetworkDeblender(network, mixed_precision=True)
    kinds = {layer.name: layer.compute_dtype for layer in quick.generator.layers}
    assert (kinds["first"], kinds["last"]) == ("bfloat16", "float32")
    difference = np.abs(exact.deblend(blends) - quick.deblend(blends))
    assert 0 < difference.max() < 0.02
    assert quick.settings() == exact.settings() | {"mixed_precision": True}


def saved_network(path):
    blend = keras.Input((None, None, 3))
    half = keras.layers.Rescaling(1.0, offset=-1.0)(blend)
    keras.Model(blend, [half, half]).save(path)


def test_stamps_of_a_run_are_known(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    saved_network(run / "generator.keras")
    assert Deblender.from_preset(str(run)).stamp_size is None
    preset_config("quick").replace(stamp_size=24).save(run / "config.yaml")
    for path in (run, run / "generator.keras"):
        assert Deblender.from_preset(str(path)).stamp_size == 24
    other = tmp_path / "other.keras"
    saved_network(other)
    assert Deblender.from_preset(str(other)).stamp_size is None
    save_generator(halving_network(), other, {"stamp_size": 32})
    assert Deblender.from_preset(str(other)).stamp_size == 32


def test_the_blend_mode_of_a_run_counts_where_the_network_does_not_say_it(tmp_path, blends):
    saved_network(tmp_path / "generator.keras")
    preset_config("quick").replace(blend_mode="sum").save(tmp_path / "config.yaml")
    deblender = Deblender.from_preset(str(tmp_path))
    assert deblender.blend_mode == "sum"
    np.testing.assert_allclose(deblender.deblend(blends).sum(axis=1), blends, atol=1e-6)
    assert Deblender.from_preset(str(tmp_path), blend_mode="max").blend_mode == "max"
    build_unet(widths=(4, 8), blocks=0, blend_mode="mixed").save(tmp_path / "generator.keras")
    assert Deblender.from_preset(str(tmp_path)).blend_mode == "mixed"


def test_a_network_does_without_the_blend_mode_of_its_training(tmp_path, blends):
    network = build_unet(widths=(4,), blocks=0, space_to_depth=1, head="direct")
    expected = NetworkDeblender(network, consistent=False).deblend(blends)
    network.get_layer("head").blend_mode = "of a package that is not there"
    network.save(tmp_path / "generator.keras")
    deblender = Deblender.from_preset(str(tmp_path / "generator.keras"))
    assert deblender.blend_mode == "of a package that is not there"
    np.testing.assert_allclose(deblender.deblend(blends), expected, atol=1e-6)


def test_nor_need_a_network_say_it_itself(tmp_path, blends):
    save_generator(halving_network(), tmp_path / "n.keras", {"blend_mode": "of another package"})
    deblender = Deblender.from_preset(str(tmp_path / "n.keras"))
    assert deblender.blend_mode == "of another package"
    np.testing.assert_allclose(deblender.deblend(blends)[:, 0], blends / 2, atol=1e-6)


def test_from_run_folder_and_file(tmp_path, blends):
    run = tmp_path / "run"
    run.mkdir()
    saved_network(run / "generator.keras")
    for path in (run, run / "generator.keras"):
        deblender = Deblender.from_preset(str(path), consistent=False, batch_size=3)
        assert (deblender.name, deblender.batch_size) == (path.name, 3)
        np.testing.assert_allclose(deblender.deblend(blends)[:, 0], blends / 2, atol=1e-6)
    sums = Deblender.from_preset(str(run), blend_mode="sum").deblend(blends)
    np.testing.assert_allclose(sums.sum(axis=1), blends, atol=1e-6)


def test_what_there_is_not_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"'nowhere'.*identity"):
        Deblender.from_preset("nowhere")
    with pytest.raises(ValueError, match=r"generator\.keras"):
        Deblender.from_preset(str(tmp_path))
    (tmp_path / "bad.keras").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"bad\.keras must be the \.keras file of"):
        Deblender.from_preset(str(tmp_path / "bad.keras"))


def test_a_mistake_in_an_option_is_no_fault_of_the_file(tmp_path):
    saved_network(tmp_path / "generator.keras")
    for option, message in (("orientations", "`orientations` must be"), ("batch_size", "`batch_s")):
        with pytest.raises(ValueError, match=f"^{message}"):
            Deblender.from_preset(str(tmp_path), **{option: 0})


def test_registry_lists_identity():
    assert "identity" in DEBLENDERS
