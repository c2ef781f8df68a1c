import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from kdeblend.models.perceptual import PerceptualLoss


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (2, 1, 16, 16, 3)).astype(np.float32)


@pytest.mark.backend
def test_distance_of_features_of_preprocessed_images(images):
    loss = PerceptualLoss("none", layer="block1_conv2", image_size=None)

    def features(batch):
        levels = keras.applications.vgg19.preprocess_input((batch + 1) * 127.5)
        return loss.features.predict_on_batch(np.ascontiguousarray(levels, np.float32))

    truth, prediction = images
    expected = np.mean((features(truth) - features(prediction)) ** 2)
    assert float(loss(truth, prediction)) == pytest.approx(expected, rel=1e-4)
    assert float(loss(truth, truth)) == 0


@pytest.mark.backend
def test_one_band_counts_as_three_equal_ones(images):
    loss = PerceptualLoss("none", layer="block1_conv1", image_size=32)
    truth, prediction = images[..., :1]
    repeated = [ops.repeat(each, 3, axis=-1) for each in (truth, prediction)]
    assert float(loss(truth, prediction)) == pytest.approx(float(loss(*repeated)), rel=1e-5)


def test_other_numbers_of_bands_are_refused():
    loss = PerceptualLoss("none", layer="block1_conv1", image_size=None)
    five = np.zeros((1, 8, 8, 5), np.float32)
    with pytest.raises(ValueError, match="1 or 3 bands"):
        loss(five, five)


def test_weights_from_a_file(tmp_path, images):
    vgg = keras.applications.VGG19(include_top=False, weights=None)
    path = tmp_path / "vgg19.weights.h5"
    vgg.save_weights(path)
    loss = PerceptualLoss(path, layer="block1_conv1", image_size=None)
    np.testing.assert_array_equal(
        loss.features.get_weights()[0], vgg.get_layer("block1_conv1").get_weights()[0]
    )
    assert loss.trainable_variables == []


@pytest.mark.backend
def test_an_untrained_network_is_always_the_same(images):
    losses = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        losses.append(PerceptualLoss("none", "block1_conv1", None))
    kernel = losses[0].features.get_layer("block1_conv1").get_weights()[0]
    limit = (6 / (9 * (3 + 64))) ** 0.5
    drawn = np.random.default_rng(0).uniform(-limit, limit, kernel.shape)
    np.testing.assert_allclose(kernel, drawn, atol=1e-6)
    again = losses[1].features.get_layer("block1_conv1").get_weights()[0]
    np.testing.assert_array_equal(again, kernel)


def test_config_round_trip_needs_no_weights_file():
    loss = PerceptualLoss("none", layer="block2_conv1", image_size=64)
    config = loss.get_config()
    assert PerceptualLoss.from_config(config).get_config() == config
    assert (config["layer"], config["image_size"]) == ("block2_conv1", 64)


def test_wrong_arguments_are_explained(tmp_path):
    with pytest.raises(ValueError, match=r"block5_conv4.*Received: layer='block9'"):
        PerceptualLoss("none", layer="block9")
    with pytest.raises(ValueError, match=r"'imagenet', 'none' or the path.*no file"):
        PerceptualLoss(tmp_path / "absent.h5", layer="block1_conv1")
    broken = tmp_path / "broken.weights.h5"
    broken.write_bytes(b"not HDF5")
    with pytest.raises(ValueError, match="can not be loaded"):
        PerceptualLoss(broken, layer="block1_conv1")


def test_failed_download_says_what_to_do(monkeypatch, tmp_path):
    from keras.src.applications import vgg19

    monkeypatch.setattr(vgg19, "WEIGHTS_PATH_NO_TOP", "http://127.0.0.1:9/vgg19.h5")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(keras.config, "keras_home", lambda: str(tmp_path), raising=False)
    with pytest.raises(OSError, match="--vgg-weights PATH"):
        PerceptualLoss("imagenet")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_download_from_a_local_server(monkeypatch, tmp_path):
    from keras.src.applications import vgg19
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    vgg = keras.applications.VGG19(include_top=False, weights=None)
    with h5py.File(tmp_path / "vgg19.h5", "w") as file:
        save_weights_to_hdf5_group(file, vgg)
    get_file = vgg19.file_utils.get_file

    def get_any_file(*arguments, file_hash, **options):
        return get_file(*arguments, cache_dir=str(tmp_path), **options)

    monkeypatch.setattr(vgg19.file_utils, "get_file", get_any_file)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/vgg19.h5"
        monkeypatch.setattr(vgg19, "WEIGHTS_PATH_NO_TOP", url)
        loss = PerceptualLoss("imagenet", layer="block1_conv1", image_size=None)
        server.shutdown()
    np.testing.assert_array_equal(
        loss.features.get_weights()[0], vgg.get_layer("block1_conv1").get_weights()[0]
    )
    assert (tmp_path / "models").is_dir()
