import io

import numpy as np
import pytest
from PIL import Image

from kdeblend.data.degradation import BLUR, QUALITY, RANDOM_NUMBERS, Degradation
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.sequence import BlendSequence


@pytest.fixture
def picture(galaxy):
    return (galaxy(3, size=32) / np.float32(255)).transpose(2, 0, 1)


def test_a_picture_may_be_left_as_it_is(picture):
    np.testing.assert_array_equal(Degradation()(picture), picture)


def test_grey_pictures_have_equal_bands_and_their_light(picture):
    grey = Degradation(grey=True)(picture)
    assert grey.shape == picture.shape
    np.testing.assert_allclose(grey, np.repeat(picture.mean(axis=0)[None], 3, axis=0), atol=1e-6)


def test_soft_pictures_have_a_point_spread_function_of_that_width():
    picture = np.zeros((3, 33, 33), np.float32)
    picture[:, 16, 16] = 1
    spread = Degradation(blur=1.5)(picture)
    places = np.arange(33) - 16
    for band in spread:
        assert band.sum() == pytest.approx(1, abs=1e-3)
        assert (band.sum(axis=0) * places**2).sum() == pytest.approx(1.5**2, rel=0.02)
    np.testing.assert_allclose(Degradation(blur=1.5)(np.full((2, 9, 9), 0.3)), 0.3, rtol=1e-6)


@pytest.mark.parametrize(("subsampled", "sampling"), [(True, (2, 2)), (False, (1, 1))])
def test_compressed_pictures_are_those_of_a_jpeg_file(picture, subsampled, sampling):
    compressed = Degradation(quality=80, subsampled=subsampled)(picture)
    file = io.BytesIO()
    levels = np.round(picture * 255).astype(np.uint8).transpose(1, 2, 0)
    options = {"quality": 80, "subsampling": "4:2:0" if subsampled else "4:4:4"}
    Image.fromarray(levels).save(file, "JPEG", **options)
    image = Image.open(file)
    assert image.layer[0][1:3] == sampling
    expected = np.asarray(image).transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_array_equal(compressed, expected)
    assert compressed.dtype == np.float32
    assert 0 < np.abs(compressed - picture).mean() < 0.03


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_any_number_of_bands_is_compressed(galaxy, bands):
    picture = (galaxy(3, size=32, bands=bands) / np.float32(255)).transpose(2, 0, 1)
    compressed = Degradation(quality=90)(picture)
    assert compressed.shape == picture.shape
    assert np.abs(compressed - picture).mean() < 0.02


def test_what_is_drawn_covers_all_kinds():
    numbers = np.random.default_rng(0).random((2000, RANDOM_NUMBERS))
    drawn = [Degradation.draw(each) for each in numbers]
    blurs = [each.blur for each in drawn if each.blur]
    qualities = [each.quality for each in drawn if each.quality]
    assert BLUR[0] < min(blurs) < max(blurs) < BLUR[1]
    assert (min(qualities), max(qualities)) == QUALITY
    for share, expected in (
        (len(blurs), 0.5),
        (len(qualities), 0.7),
        (sum(each.grey for each in drawn), 0.15),
        (sum(each.subsampled for each in drawn), 0.5),
    ):
        assert share / len(drawn) == pytest.approx(expected, abs=0.04)


def test_a_share_of_the_blends_is_degraded_with_their_galaxies(source):
    options = {"batches": 3, "geometry": BlendGeometry(stamp_size=12), "augment": False}

    def made(share):
        sequence = BlendSequence(source, np.arange(12), degrade=share, **options)
        blends, pairs = zip(*(sequence[number] for number in range(3)), strict=True)
        return np.concatenate(blends), np.concatenate([np.stack(pair, axis=1) for pair in pairs])

    (plain, plain_pairs), (some, some_pairs), (all_, _) = made(0), made(0.5), made(1)
    changed = (plain != some).any(axis=(1, 2, 3))
    assert 10 < changed.sum() < 35
    np.testing.assert_array_equal((plain_pairs != some_pairs).any(axis=(1, 2, 3, 4)), changed)
    np.testing.assert_array_equal(all_[changed], some[changed])
    assert (plain != all_).any(axis=(1, 2, 3)).sum() > 35
    with pytest.raises(ValueError, match=r"`degrade` must be in \[0, 1\]\. Received: degrade=2"):
        made(2)
