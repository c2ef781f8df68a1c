import logging
import pickle
import shutil
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from kdeblend.data.cache import ImageCache
from kdeblend.data.galaxy10 import Galaxy10Source
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.hubble import HubbleSource
from kdeblend.data.image_source import ImageSource
from kdeblend.data.open import SOURCES, open_source
from kdeblend.data.prepared import PreparedSource, prepare
from kdeblend.data.sequence import BlendSequence
from kdeblend.data.source import read_galaxy
from kdeblend.data.split import split_indices, split_of
from kdeblend.io.images import ImageReadError, write_image


@pytest.fixture(scope="module")
def hubble():
    return HubbleSource()


def save(path, image):
    Image.fromarray(image.squeeze()).save(path)


@pytest.fixture
def galaxy10(tmp_path, galaxy):
    path = tmp_path / "Galaxy10.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.stack([galaxy(seed, 90) for seed in range(5)])
        file["ans"] = np.arange(5)
    return path


def test_a_folder_tree_gives_its_images(galaxy_folder, galaxy):
    (galaxy_folder / "notes.txt").write_text("no image")
    source = open_source([galaxy_folder])
    assert (source.native_size, source.bands, len(source)) == (150, 3, 8)
    assert sorted(source.ids) == list("01234567")
    for number, galaxy_id in enumerate(source.ids):
        np.testing.assert_array_equal(source.image(number), galaxy(int(galaxy_id), 150))


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_archives_and_folders_of_archives_give_the_same(galaxy_folder, tmp_path, kind):
    folder = tmp_path / "archives"
    folder.mkdir()
    archive = shutil.make_archive(str(folder / "all"), kind, galaxy_folder)
    expected = open_source([galaxy_folder])
    for path in (archive, str(folder)):
        source = pickle.loads(pickle.dumps(open_source([path])))
        assert source.ids == expected.ids
        for number in range(8):
            np.testing.assert_array_equal(source.image(number), expected.image(number))


def test_unusable_files_are_named_and_left_out(galaxy_folder, galaxy, caplog):
    (galaxy_folder / "empty.jpg").touch()
    (galaxy_folder / "text.png").write_text("no image")
    save(galaxy_folder / "small.png", galaxy(1, 149))
    save(galaxy_folder / "grey.png", galaxy(1, 150, bands=1))
    with caplog.at_level(logging.WARNING, "kdeblend"):
        source = open_source([galaxy_folder])
    assert sorted(source.ids) == list("01234567")
    for name in ("empty.jpg", "text.png", "small.png: 149 pixels", "grey.png: 1 bands"):
        assert f"left out {name}" in caplog.text
    assert len(caplog.records) == 4


@pytest.mark.parametrize(("dtype", "bands"), [("float32", 3), ("uint16", 5), ("uint8", 4)])
def test_all_tiff_files_that_can_be_read_are_galaxies(tmp_path, dtype, bands):
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    images = (np.random.default_rng(1).random((2, 20, 20, bands)) * full).astype(dtype)
    for number, image in enumerate(images):
        write_image(tmp_path / f"{number}.tif", image)
    source = open_source([tmp_path], stamp_size=20)
    assert source.bands == bands
    for number, galaxy_id in enumerate(source.ids):
        np.testing.assert_array_equal(source.image(number), images[int(galaxy_id)])


def test_the_central_square_of_larger_images_is_used(galaxy_folder, galaxy):
    large = galaxy(9, 170)
    save(galaxy_folder / "9.png", large[:160])
    source = open_source([galaxy_folder])
    np.testing.assert_array_equal(source.image(source.ids.index("9")), large[5:155, 10:160])


def test_a_truncated_image_raises_by_name(galaxy_folder):
    content = (galaxy_folder / "3.png").read_bytes()
    (galaxy_folder / "3.png").write_bytes(content[: len(content) // 2])
    source = open_source([galaxy_folder])
    with pytest.raises(ImageReadError, match=r"3\.png"):
        source.image(source.ids.index("3"))


def test_files_that_vanish_raise_by_name(galaxy_folder):
    source = open_source([galaxy_folder])
    (galaxy_folder / "0.png").unlink()
    with pytest.raises(ImageReadError, match=r"0\.png"):
        source.image(source.ids.index("0"))


def test_equal_names_get_different_ids_on_the_same_side(galaxy_folder):
    shutil.copy(galaxy_folder / "0.png", galaxy_folder / "more" / "0.png")
    for place in ("x", "y"):
        (galaxy_folder / place).mkdir()
        with zipfile.ZipFile(galaxy_folder / place / "part.zip", "w") as archive:
            archive.write(galaxy_folder / "0.png", "0.png")
    ids = open_source([galaxy_folder]).ids
    assert len(set(ids)) == 11
    places = ["0.png", "more/0.png", "x/part.zip/0.png", "y/part.zip/0.png"]
    assert sorted(each for each in ids if "::" in each) == [f"0::{place}" for place in places]
    assert len({split_of(each) for each in ids if "::" in each}) == 1


def test_adding_files_moves_no_galaxy(galaxy_folder):
    before = open_source([galaxy_folder]).ids
    sides = {
        each: side
        for side, found in split_indices(before, 0.3, 0.3).items()
        for each in np.array(before)[found]
    }
    for number in range(20):
        shutil.copy(galaxy_folder / "0.png", galaxy_folder / f"added{number}.png")
    after = open_source([galaxy_folder]).ids
    for side, found in split_indices(after, 0.3, 0.3).items():
        assert all(sides.get(after[number], side) == side for number in found)


def test_a_folder_without_a_readable_image_is_an_error(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ValueError, match=r"must hold a readable image.*Received: 1 files, 1 of"):
        open_source([tmp_path])


def test_wrong_paths_are_clear_errors(tmp_path, galaxy_folder):
    with pytest.raises(FileNotFoundError, match=r"existing path or 'hubble'.*nowhere"):
        open_source([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match=r"which none of \['galaxy10', 'hubble'"):
        open_source([Path(__file__)])
    with pytest.raises(ValueError, match="at least one source"):
        open_source([])
    with pytest.raises(TypeError, match=r"list of paths.*galaxies/"):
        open_source("galaxies/")
    with pytest.raises(ValueError, match="at most 150 pixels"):
        open_source([galaxy_folder], stamp_size=160)
    (tmp_path / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(OSError, match=r"damaged\.h5 must be a readable HDF5 file"):
        open_source([tmp_path / "damaged.h5"])


def test_galaxy10_gives_its_images(galaxy10, galaxy):
    source = open_source([galaxy10])
    assert isinstance(source, Galaxy10Source)
    assert source.decoded
    assert source.ids[1] == "Galaxy10-1"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).image(3), galaxy(3, 90))


def test_an_hdf5_file_of_another_layout_is_explained(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["images/red"] = np.zeros((5, 90, 90))
    with pytest.raises(ValueError, match=r"'images' in .*other\.h5 must be a dataset"):
        open_source([path])


def test_a_compressed_galaxy10_gives_the_same(galaxy10, galaxy):
    with h5py.File(galaxy10, "r+") as file:
        images = file["images"][:]
        del file["images"]
        file.create_dataset("images", data=images, compression="gzip", chunks=(2, 90, 90, 3))
    source = open_source([galaxy10])
    assert not source.decoded
    np.testing.assert_array_equal(source.image(3), galaxy(3, 90))


def test_galaxy10_floats_must_be_in_the_range_of_images(galaxy10):
    with h5py.File(galaxy10, "r+") as file:
        images = file["images"][:].astype(np.float32) / 255
        images[1] *= 255
        images[2, 3, 4, 0] = np.nan
        del file["images"]
        file["images"] = images
    source = open_source([galaxy10])
    np.testing.assert_array_equal(source.image(0), images[0])
    with pytest.raises(ImageReadError, match=r"Galaxy10-1: float pixels must be in \[0, 1\]"):
        source.image(1)
    with pytest.raises(ImageReadError, match="Galaxy10-2: pixels must be finite"):
        source.image(2)


def test_a_galaxy10_of_another_shape_is_refused(galaxy10):
    with h5py.File(galaxy10, "r+") as file:
        del file["images"]
        file["images"] = np.zeros((4, 90, 80, 3), np.uint8)
    with pytest.raises(
        ValueError, match=r"\(n, size, size, bands\).*Received: shape=\(4, 90, 80, 3\)"
    ):
        open_source([galaxy10])


def test_small_galaxy10_images_name_the_largest_stamp(galaxy10):
    with pytest.raises(ValueError, match=r"at most 90 pixels.*Received: stamp_size=91"):
        open_source([galaxy10], stamp_size=91)


def test_a_prepared_file_gives_the_same_galaxies_and_ids(galaxy_folder, tmp_path):
    expected, calls = open_source([galaxy_folder]), []
    path = tmp_path / "all.h5"
    assert prepare(expected, path, lambda *call: calls.append(call)) == 8
    assert calls[-1] == (8, 8)
    source = pickle.loads(pickle.dumps(open_source([path])))
    assert isinstance(source, PreparedSource)
    assert source.decoded
    assert source.ids == expected.ids
    for number in range(8):
        np.testing.assert_array_equal(source.image(number), expected.image(number))


def test_preparing_keeps_names_that_are_no_text(source, tmp_path):
    source.ids[3] = "galaxy\udcff"
    prepare(source, tmp_path / "all.h5")
    assert open_source([tmp_path / "all.h5"], stamp_size=12).ids == source.ids


def test_preparing_leaves_broken_images_out(source, tmp_path):
    source.images[0] = source.images[4] = None
    assert prepare(source, tmp_path / "all.h5") == 10
    prepared = open_source([tmp_path / "all.h5"], stamp_size=12)
    assert prepared.ids == [source.ids[number] for number in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11)]
    np.testing.assert_array_equal(prepared.image(3), source.images[5])


@pytest.mark.parametrize(
    "last", [np.zeros((65, 65, 3), np.uint8), np.zeros((64, 64, 3), np.uint16)]
)
def test_preparing_unequal_images_is_an_error_and_leaves_no_file(source, tmp_path, last):
    source.images[11] = last
    with pytest.raises(ValueError, match="same size and type"):
        prepare(source, tmp_path / "all.h5")
    assert not list(tmp_path.iterdir())


def test_preparing_only_broken_images_is_an_error(source, tmp_path):
    source.images = [None] * 12
    with pytest.raises(ValueError, match="12 broken images"):
        prepare(source, tmp_path / "all.h5")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((64, 64, 3), 300.0), r"float pixels must be in \[0, 1\]"),
        (np.zeros((64, 64, 3), np.int32), "dtype=int32"),
        (np.zeros((64, 64, 1), np.uint8), "must have 3 bands. Received: 1"),
    ],
)
def test_pixels_of_other_kinds_are_named_and_left_out(array_source, galaxy, image, message):
    source = array_source([galaxy(0), image])
    with pytest.raises(ImageReadError, match=f"cannot read image galaxy-1: .*{message}"):
        read_galaxy(source, 1)
    for source.decoded in (False, True):
        with pytest.raises(ImageReadError, match=message):
            ImageCache(source, 1.0).image(1)


def test_floats_of_double_precision_are_pixels(array_source, galaxy, tmp_path):
    images = [galaxy(n, dtype=np.float32).clip(0, 1).astype(np.float64) for n in range(4)]
    source = array_source(images)
    image = ImageCache(source, 1.0).image(2)
    np.testing.assert_array_equal(image, images[2].astype(np.float32))
    assert prepare(source, tmp_path / "p.h5") == 4
    assert open_source([str(tmp_path / "p.h5")], 12).image(3).dtype == np.float32


FIRST_TWO = """
from kdeblend.data.image_source import ImageSource

class FirstTwo(ImageSource):
    def __init__(self, path):
        super().__init__(path)
        self.ids = self.ids[:2]
"""


def test_sources_of_packages_are_asked_first(galaxy_folder, tmp_path, monkeypatch, caplog):
    (tmp_path / "first_two.py").write_text(FIRST_TWO)
    monkeypatch.syspath_prepend(tmp_path)
    entries = [
        EntryPoint(name, f"{name}:FirstTwo", SOURCES.group) for name in ("missing", "first_two")
    ]
    monkeypatch.setattr("kdeblend.plugins.entry_points", lambda group: entries)
    assert len(open_source([str(galaxy_folder)])) == 2
    assert "left out the galaxy source missing: " in caplog.text


def test_several_sources_are_one(galaxy_folder, galaxy10, galaxy):
    source = open_source([galaxy_folder, galaxy10])
    assert (len(source), source.native_size) == (13, 90)
    np.testing.assert_array_equal(source.image(7), galaxy(7, 150))
    np.testing.assert_array_equal(source.image(8), galaxy(0, 90))
    np.testing.assert_array_equal(source.image(12), galaxy(4, 90))
    assert len(set(open_source([galaxy_folder, galaxy_folder]).ids)) == 16
    blend, _ = BlendSequence(source, np.arange(13), batches=1)[0]
    assert blend.shape == (16, 80, 80, 3)


def test_sources_of_different_bands_do_not_combine(tmp_path, galaxy_folder, galaxy):
    (tmp_path / "grey").mkdir()
    save(tmp_path / "grey" / "a.png", galaxy(1, 150, bands=1))
    with pytest.raises(ValueError, match=r"same number of bands. Received: \[3, 1\]"):
        open_source([galaxy_folder, tmp_path / "grey"])


def test_a_folder_called_hubble_is_told_of(galaxy_folder, monkeypatch, caplog):
    galaxy_folder.rename(galaxy_folder.with_name("hubble"))
    monkeypatch.chdir(galaxy_folder.parent)
    assert len(open_source(["./hubble"])) == 8
    assert not caplog.text
    assert len(open_source(["hubble"])) > 100
    assert "for the path write ./hubble" in caplog.text


def test_hubble_has_enough_galaxies_with_stable_ids(hubble):
    assert len(hubble) >= 100
    assert len(set(hubble.ids)) == len(hubble)
    assert hubble.ids == HubbleSource().ids
    assert "hubble-400-123" in hubble.ids or "hubble-401-123" in hubble.ids  # the large spiral
    sides = split_indices(hubble.ids)
    assert min(map(len, sides.values())) >= 2


def test_every_hubble_galaxy_is_central_dominant_and_on_dark_sky(hubble):
    for number in range(len(hubble)):
        stamp = BlendGeometry().stamp(hubble.image(number)).mean(axis=0)
        sky = np.median(np.concatenate([stamp[:8].ravel(), stamp[-8:].ravel()]))
        light = np.maximum(stamp - sky - 8, 0)
        distance = np.hypot(*(np.indices(stamp.shape) - 39.5))
        assert sky < 30
        assert light[distance < 26].sum() > 0.8 * light.sum(), hubble.ids[number]


def test_hubble_matches_its_name_only():
    assert HubbleSource.matches("hubble")
    assert not HubbleSource.matches("./hubble")
    assert not ImageSource.matches("hubble")
