"""How the light of a file of blends was put together, as its truth shows."""

import io
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from PIL import Image

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.scoring.read_blends import ReadBlends


def test_blend_mode_of_a_file_is_found(file, images, tmp_path):
    assert ReadBlends(file).blend_mode == "max"
    truth = images(3).astype(np.float32) / 255
    np.savez(tmp_path / "sum.npz", blend=np.minimum(truth.sum(axis=1), 1), truth=truth)
    assert ReadBlends(tmp_path / "sum.npz").blend_mode == "sum"
    np.savez(tmp_path / "other.npz", blend=truth.min(axis=1), truth=truth)
    assert ReadBlends(tmp_path / "other.npz").blend_mode is None
    given = ReadBlends(tmp_path / "other.npz", blend_mode="sum")
    assert given.blend_mode == given.description["blend_mode"] == "sum"
    with pytest.raises(ValueError, match="'nothing'"):
        ReadBlends(tmp_path / "other.npz", blend_mode="nothing")


@pytest.mark.parametrize("sky", [0.005, 0.05])
def test_a_blend_mode_must_fit_where_galaxies_overlap(sky, tmp_path):
    """Light that adds up on a sky that does not is no maximum, though nearly all pixels fit."""
    rows, columns = np.indices((48, 48)) - 23.5
    light = [np.exp(-(rows**2 + (columns - x) ** 2) / 18) for x in (-4, 4)]
    truth = np.float32(0.6 * np.stack(light) + sky)[None, ..., None]
    blend = truth.sum(axis=1) - np.float32(sky)
    assert np.abs(truth.max(axis=1) - blend).mean() < 0.01
    np.savez(tmp_path / "sky.npz", blend=blend, truth=truth)
    assert ReadBlends(tmp_path / "sky.npz").blend_mode == ("sum" if sky < 0.03 else None)


@pytest.mark.parametrize("mode", ["max", "sum"])
def test_blend_mode_of_jpeg_files_is_found(mode, images, tmp_path):
    truth = images(8)
    blend = BLEND_MODES[mode](*np.moveaxis(truth / np.float32(255), 1, 0))
    np.savez(tmp_path / "jpeg.npz", blend=jpeg(np.uint8(255 * blend)), truth=truth)
    assert ReadBlends(tmp_path / "jpeg.npz").blend_mode == mode


PICKY = """
def on_images(first, second):
    height, width, bands = first.shape
    return first[::-1]


def for_five_bands(first, second):
    raise TypeError("five bands only")


def in_one_band(first, second):
    return first[..., :1]


def nothing(first, second):
    return first * float("nan")


def in_place(first, second):
    first *= 0.5
    return first
"""


def test_blend_modes_of_packages_get_images_and_may_be_missing(tmp_path, monkeypatch, caplog):
    (tmp_path / "picky.py").write_text(PICKY)
    monkeypatch.syspath_prepend(tmp_path)
    entries = [
        EntryPoint("missing", "missing:blend", BLEND_MODES.group),
        EntryPoint("picky", "picky:on_images", BLEND_MODES.group),
        EntryPoint("five", "picky:for_five_bands", BLEND_MODES.group),
        EntryPoint("one", "picky:in_one_band", BLEND_MODES.group),
        EntryPoint("nothing", "picky:nothing", BLEND_MODES.group),
        EntryPoint("in_place", "picky:in_place", BLEND_MODES.group),
    ]
    monkeypatch.setattr("kdeblend.plugins.entry_points", lambda group: entries)
    truth = np.random.default_rng(1).random((2, 2, 9, 12, 3), np.float32)
    for name, blend in (("max", truth.max(axis=1)), ("picky", truth[:, 0, ::-1])):
        np.savez(tmp_path / "blends.npz", blend=blend, truth=truth, valid=truth[:, 0, ..., 0] < 0.9)
        assert ReadBlends(tmp_path / "blends.npz").blend_mode == name
    for name in ("missing", "five", "one", "nothing"):
        assert f"left out the blend mode {name}: " in caplog.text


def jpeg(pictures):
    """Return pictures as they come back from JPEG files."""
    found = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=85)
        found.append(np.asarray(Image.open(file)))
    return np.stack(found)
