"""Which files are inputs, and which ones an earlier run has written."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from kdeblend.deblenders.files import deblend_files
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.deblenders.inputs import Inputs


def make(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(path)


def found(*paths):
    return [path.as_posix() for path in Inputs.collect(paths).files.values()]


def test_only_what_a_run_can_write_is_taken_for_its_output(tmp_path):
    for name in ("a.jpg", "a_1.jpg", "a_2.jpg"):
        make(tmp_path / name)
    deblend_files([tmp_path], IdentityDeblender())
    assert (tmp_path / "a_panel.png").exists()
    assert found(tmp_path) == ["a.jpg", "a_1.jpg", "a_2.jpg"]


def test_links_to_nothing_are_left_out(tmp_path):
    make(tmp_path / "a.png")
    os.symlink("nowhere.png", tmp_path / "b.png")
    assert found(str(tmp_path)) == ["a.png"]
    assert not Inputs.collect([tmp_path]).missing
    assert Path(tmp_path / "b.png").is_symlink()
