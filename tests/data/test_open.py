"""From paths to a source of galaxies."""

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kdeblend.data.open import SOURCES, open_source
from kdeblend.data.sequence import BlendSequence


def save(path, image):
    Image.fromarray(image.squeeze()).save(path)


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
