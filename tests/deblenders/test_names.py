"""What layers are called and where they go, beside inputs and earlier layers."""

import numpy as np

from kdeblend.deblenders.files import deblend_files
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.io.images import read_image


def test_second_run_leaves_outputs_alone(tmp_path, split, make, names):
    make(tmp_path / "a.png")
    deblend_files([tmp_path], IdentityDeblender())
    before = names(tmp_path)
    for paths in ([tmp_path], [tmp_path / "*.png"], sorted(tmp_path.iterdir())):
        report = deblend_files(paths, split())
        assert names(tmp_path) == before
        assert [job.source.name for job in report.written] == ["a.png"]
        assert len(report.skipped) == 3
    assert not read_image(tmp_path / "a_1.png")[6:].any()


def test_an_output_that_is_the_only_file_named_is_deblended(tmp_path, make, names):
    make(tmp_path / "a.png")
    deblend_files([tmp_path / "a.png"], IdentityDeblender())
    report = deblend_files([f"{tmp_path}/./a_2.png"], IdentityDeblender())
    assert [job.source.name for job in report.written] == ["a_2.png"]
    assert "a_2_1.png" in names(tmp_path)


def test_inputs_that_look_like_outputs_are_deblended_and_kept(tmp_path, split, make, names):
    originals = {name: make(tmp_path / f"{name}.png") for name in ("a", "a_1", "a_2")}
    report = deblend_files([tmp_path], split())
    assert len(report.written) == 3
    assert not report.failed
    for name, pixels in originals.items():
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.png"), pixels)
    assert len(names(tmp_path)) == 12


def test_fits_files_are_named(tmp_path, make):
    make(tmp_path / "a.png")
    for name in ("sub/b.fits", "C.FITS.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"SIMPLE  =                    T")
    report = deblend_files([tmp_path], IdentityDeblender())
    assert sorted(path.name for path in report.fits) == ["C.FITS.gz", "b.fits"]
    report = deblend_files([tmp_path / "sub" / "b.fits"], IdentityDeblender())
    assert "FITS is not read" in next(iter(report.failed.values()))


def test_links_to_one_file_are_files_of_their_own(tmp_path, split, make):
    make(tmp_path / "frame" / "f.png", height=20)
    for name in ("a.png", "b.png"):
        (tmp_path / name).symlink_to(tmp_path / "frame" / "f.png")
    centres = {"a.png": {"": (5, 5)}, "b.png": {"": (5, 15)}}
    deblend_files([tmp_path / "a.png", tmp_path / "b.png"], split(), centre=centres)
    first, second = (read_image(tmp_path / f"{name}_1.png") for name in "ab")
    assert not first[6:].any()
    assert second[6:15].any()


def test_foreign_files_are_never_overwritten(tmp_path, make, names):
    make(tmp_path / "a.png")
    precious = make(tmp_path / "a_1.png")
    report = deblend_files([tmp_path / "a.png"], IdentityDeblender())
    assert not report.written
    assert "must not be overwritten" in next(iter(report.failed.values()))
    np.testing.assert_array_equal(read_image(tmp_path / "a_1.png"), precious)
    assert names(tmp_path) == ["a.png", "a_1.png"]


def test_equal_names_do_not_collide(tmp_path, make, names):
    sources = ["x/a.png", "x/a.tif", "y/a.png", "y/b.png", "z/y/a.png"]
    pixels = {name: make(tmp_path / name) for name in sources}
    files = [tmp_path / name for name in sources]
    report = deblend_files(files, IdentityDeblender(), tmp_path / "out")
    assert not report.failed
    assert len(names(tmp_path / "out")) == 15
    written = {job.source: paths for job, paths in report.written.items()}
    for name in sources:
        panel, first, _ = written[tmp_path / name]
        assert panel.exists()
        np.testing.assert_array_equal(read_image(first), pixels[name])
    assert "b_1.png" in names(tmp_path / "out")


def test_sub_folders_are_kept(tmp_path, make, names):
    for name in ("in/a.png", "in/deep/a.png", "in/.hidden/a.png", "in/note.txt"):
        make(tmp_path / name) if name.endswith("png") else (tmp_path / name).write_text("x")
    deblend_files([tmp_path / "in"], IdentityDeblender(), tmp_path / "out")
    assert [n for n in names(tmp_path / "out") if n.endswith("_1.png")] == [
        "a_1.png",
        "deep/a_1.png",
    ]


def test_a_file_named_twice_is_done_once(tmp_path, split, make):
    make(tmp_path / "a.png")
    deblender = split()
    report = deblend_files([tmp_path / "a.png", tmp_path, tmp_path / "?.png"], deblender)
    assert len(report.written) == 1
    assert deblender.batches == [(1, 12, 10, 3)]


def test_nothing_found_is_reported(tmp_path):
    report = deblend_files([tmp_path, tmp_path / "*.png"], IdentityDeblender())
    assert sorted(report.failed.values()) == [
        "no images in this folder",
        "no images match this pattern",
    ]


def test_brackets_in_a_name_are_no_pattern(tmp_path, make):
    make(tmp_path / "a[1].png")
    report = deblend_files([tmp_path / "a[1].png"], IdentityDeblender())
    assert len(report.written) == 1
