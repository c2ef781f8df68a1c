"""Galaxies in folders and archives of images."""

import logging
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from kdeblend.data.open import open_source
from kdeblend.data.split import split_indices, split_of
from kdeblend.io.images import ImageReadError, write_image


def save(path, image):
    Image.fromarray(image.squeeze()).save(path)


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


def test_galaxies_in_folders_of_their_own_are_told_apart_by_these(galaxy_folder, tmp_path):
    for number in range(60):
        folder = tmp_path / "apart" / str(number)
        folder.mkdir(parents=True)
        shutil.copy(galaxy_folder / "0.png", folder / "image.png")
    ids = open_source([tmp_path / "apart"]).ids
    assert sorted(ids) == sorted(f"{number}/image.png" for number in range(60))
    assert len({split_of(each) for each in ids}) == 3


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
