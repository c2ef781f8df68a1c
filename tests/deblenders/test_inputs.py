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


def test_folders_behind_links_are_walked_once_and_last(tmp_path):
    for name in ("elsewhere/b.png", "data/night/a.png", "data/.hidden/c.png", "data/dark/d.png"):
        make(tmp_path / name)
    for link, target in (
        ("again", "night"), ("dark/again", "../night"), (".hidden/latest", "../night"),
        ("up", "."), ("higher", ".."), ("far", "../elsewhere"), ("far-too", "../elsewhere"),
        ("night/back", "."),
    ):  # fmt: skip
        os.symlink(target, tmp_path / "data" / link)
    assert found(tmp_path / "data") == ["dark/d.png", "far/b.png", "night/a.png"]
    assert found(tmp_path / "data" / "again") == ["a.png"]


def test_links_to_nothing_are_left_out(tmp_path):
    make(tmp_path / "a.png")
    os.symlink("nowhere.png", tmp_path / "b.png")
    assert found(str(tmp_path)) == ["a.png"]
    assert not Inputs.collect([tmp_path]).missing
    assert Path(tmp_path / "b.png").is_symlink()
