import os
import shutil

import numpy as np
import pytest

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.files import deblend_files
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.deblenders.panel import read_record, write_panel
from kdeblend.io.images import read_image, write_image

RNG = np.random.default_rng(4)


def make(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 255, (12, 10, 3), np.uint8)
    write_image(path, pixels)
    return pixels


class Named(Deblender):
    """Black, with a setting; counts the images that it has seen."""

    name = "named"

    def __init__(self, setting):
        self.setting = setting
        self.seen = 0

    def settings(self):
        return super().settings() | {"setting": self.setting}

    def deblend_batch(self, blends):
        self.seen += len(blends)
        return np.zeros((len(blends), 2, *blends.shape[1:]), np.float32)


def test_layers_of_another_image_are_never_overwritten(tmp_path):
    old = make(tmp_path / "monday" / "a.png")
    new = make(tmp_path / "tuesday" / "a.png")
    out = tmp_path / "out"
    deblend_files([tmp_path / "monday"], IdentityDeblender(), out)
    report = deblend_files([tmp_path / "tuesday"], IdentityDeblender(), out)
    assert not report.written
    reason = next(iter(report.failed.values()))
    assert f"it is of another image, {tmp_path / 'monday' / 'a.png'}" in reason
    np.testing.assert_array_equal(read_image(out / "a_1.png"), old)
    (tmp_path / "monday").rename(tmp_path / "sunday")
    assert deblend_files([tmp_path / "sunday"], IdentityDeblender(), out).written
    write_image(tmp_path / "sunday" / "a.png", new)
    assert deblend_files([tmp_path / "sunday"], IdentityDeblender(), out).written
    np.testing.assert_array_equal(read_image(out / "a_1.png"), new)


def test_it_is_refused_before_the_work(tmp_path):
    for day in ("monday", "tuesday"):
        make(tmp_path / day / "a.png")
        deblender = Named(1)
        report = deblend_files([tmp_path / day], deblender, tmp_path / "out")
    assert report.failed
    assert deblender.seen == 0


def test_another_galaxy_of_an_equal_image_is_another_image(tmp_path):
    make(tmp_path / "x" / "a.png")
    shutil.copytree(tmp_path / "x", tmp_path / "y")
    centres = {"x/a.png": {"": (2, 2)}, "y/a.png": {"": (7, 7)}}
    reports = [
        deblend_files([tmp_path / folder], IdentityDeblender(), tmp_path / "out", centres)
        for folder in ("x", "y")
    ]
    assert [len(report.failed) for report in reports] == [0, 1]
    assert read_record(tmp_path / "out" / "a_panel.png")["centre"] == [2, 2]


def test_panels_that_do_not_say_of_what_they_are_may_be_overwritten(tmp_path):
    pixels = make(tmp_path / "a.png")
    write_panel(tmp_path / "a_panel.png", [np.zeros((4, 4, 3), np.float32)] * 3)
    make(tmp_path / "a_1.png")
    assert deblend_files([tmp_path / "a.png"], IdentityDeblender()).written
    np.testing.assert_array_equal(read_image(tmp_path / "a_1.png"), pixels)


@pytest.fixture
def again(tmp_path):
    """Function that deblends two images into a folder, and again, and tells which it did again."""
    for name in ("a.png", "b.npy"):
        make(tmp_path / name)
    paths = [tmp_path / "a.png", tmp_path / "b.npy"]
    deblend_files(paths, Named((1, None)), tmp_path / "out")

    def resume(deblender=None, **options):
        report = deblend_files(
            paths, deblender or Named((1, None)), tmp_path / "out", resume=True, **options
        )
        assert not report.failed
        assert sorted(job.source for job in [*report.written, *report.done]) == paths
        return [job.source.name for job in report.written]

    return resume


def test_what_is_done_is_not_done_again(again):
    calls = []
    assert again(progress=lambda *call: calls.append(call)) == []
    assert calls == [(1, 2), (1, 2)]


def test_what_was_done_otherwise_is_done_again(again):
    assert again(Named((2, None))) == ["a.png", "b.npy"]
    assert again(Named((2, None)), centre={"a.png": {"": (5, 6)}, "b.npy": {"": (5, 5)}}) == [
        "a.png",
        "b.npy",
    ]
    assert again(Named((2, None)), centre={"a.png": {"": (5, 6)}, "b.npy": {"": (5, 4)}}) == [
        "b.npy"
    ]


def test_images_that_have_changed_are_done_again(again, tmp_path):
    make(tmp_path / "b.npy")
    assert again() == ["b.npy"]
    assert again() == []


@pytest.mark.parametrize("lost", ["a_1.png", "a_2.png"])
def test_layers_that_are_not_all_there_are_made_again(again, tmp_path, lost):
    (tmp_path / "out" / lost).unlink()
    assert again() == ["a.png"]


def test_layers_without_a_panel_are_somebody_elses(again, tmp_path):
    (tmp_path / "out" / "a_panel.png").unlink()
    report = deblend_files([tmp_path / "a.png"], Named((1, None)), tmp_path / "out", resume=True)
    assert "no panel beside it" in report.failed[str(tmp_path / "a.png")]


def test_images_that_were_moved_are_not_done_again(again, tmp_path):
    (tmp_path / "moved").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "moved" / "a.png")
    report = deblend_files([tmp_path / "moved"], Named((1, None)), tmp_path / "out", resume=True)
    assert [job.source.name for job in report.done] == ["a.png"]


def test_layers_older_than_their_panel_are_made_again(again, tmp_path):
    """As when a run with other settings was killed between the panel and the layers."""
    panel = (tmp_path / "out" / "a_panel.png").stat().st_mtime_ns
    os.utime(tmp_path / "out" / "a_2.png", ns=(panel, panel - 10**9))
    assert again() == ["a.png"]
