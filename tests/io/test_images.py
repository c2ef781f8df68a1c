import pickle

import numpy as np
import pytest
from PIL import Image

from kdeblend.io.images import ImageReadError, from_float, read_image, to_float, write_image

RNG = np.random.default_rng(0)


def pixels(dtype, bands, height=5, width=7):
    return RNG.integers(0, np.iinfo(dtype).max, (height, width, bands), dtype, endpoint=True)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [1, 3])
def test_round_trip_is_exact(tmp_path, suffix, dtype, bands):
    image = pixels(dtype, bands)
    write_image(tmp_path / f"a{suffix}", image)
    back = read_image(tmp_path / f"a{suffix}")
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, image)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_float_round_trip(tmp_path, suffix, bands):
    image = RNG.random((8, 9, bands), np.float32)
    write_image(tmp_path / f"a{suffix}", image)
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [2, 4, 5])
def test_tiff_holds_any_number_of_bands(tmp_path, dtype, bands):
    image = pixels(dtype, bands)
    write_image(tmp_path / "a.tif", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


@pytest.mark.parametrize(("bands", "shape"), [(1, (5, 4)), (3, (5, 4, 3))])
def test_one_band_has_no_axis_of_its_own_in_numpy_files(tmp_path, bands, shape):
    write_image(tmp_path / "a.npy", np.zeros((5, 4, bands), np.float32))
    assert np.load(tmp_path / "a.npy").shape == shape


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 4), np.nan), "finite"),
        (np.full((4, 4), 1.5), r"\[0, 1\]"),
        (np.full((4, 4), -0.1), r"\[0, 1\]"),
        (np.zeros((4, 4), np.int64), "dtype=int64"),
        (np.zeros((2, 4, 4, 3)), "shape"),
        (np.zeros((0, 4, 3)), "shape"),
        (np.array([[{}]]), "pickle"),
    ],
)
def test_unusable_arrays_are_refused(tmp_path, array, message):
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    with pytest.raises(ImageReadError, match=message) as caught:
        read_image(tmp_path / "bad.npy")
    assert "bad.npy" in str(caught.value)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_an_image_of_too_many_pixels_is_refused_in_words(monkeypatch, tmp_path, depth):
    write_image(tmp_path / "large.png", pixels(depth, 1))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # Pillow's own is 89 million, twice fails
    with pytest.raises(ImageReadError, match=r"too many pixels.*cut the image, or use \.npy"):
        read_image(tmp_path / "large.png")


def test_error_survives_pickling():
    error = pickle.loads(pickle.dumps(ImageReadError("a.png", "truncated")))
    assert (error.name, error.reason) == ("a.png", "truncated")


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("a.png", np.zeros((4, 4, 3), np.float32)),
        ("a.png", np.zeros((4, 4, 4), np.uint8)),
        ("a.jpg", np.zeros((4, 4, 3), np.uint8)),
    ],
)
def test_formats_that_would_lose_something_are_refused(tmp_path, name, image):
    with pytest.raises(ValueError, match="Received"):
        write_image(tmp_path / name, image)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_to_float_and_back_is_exact(dtype):
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=np.uint32).astype(dtype).reshape(16, -1, 1)
    floats = to_float(levels)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (0, 1)
    np.testing.assert_array_equal(from_float(floats, dtype), levels)


def test_from_float_clips_and_rounds():
    image = np.array([[[-0.2, 0.5, 1.3]]], np.float32)
    np.testing.assert_array_equal(from_float(image, np.uint8), [[[0, 128, 255]]])
    np.testing.assert_array_equal(from_float(image, np.float32), [[[0, 0.5, 1]]])
    with pytest.raises(ValueError, match="int32"):
        from_float(image, np.int32)
    with pytest.raises(ValueError, match="int32"):
        to_float(image.astype(np.int32))
