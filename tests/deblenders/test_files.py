import numpy as np
import pytest
from PIL import Image

from kdeblend.deblenders.files import deblend_files
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.deblenders.panel import write_panel
from kdeblend.deblenders.sources import SourcesDeblender
from kdeblend.io.images import read_image, write_image

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize(
    ("given", "written"), [(".png", ".png"), (".tif", ".png"), (".npy", ".npy")]
)
def test_layers_keep_the_depth(tmp_path, dtype, bands, given, written, split, make, names):
    pixels = make(tmp_path / f"a{given}", dtype=dtype, bands=bands)
    report = deblend_files([tmp_path / f"a{given}"], split())
    assert not report.failed
    first, second = (read_image(tmp_path / f"a_{i}{written}") for i in (1, 2))
    assert first.dtype == second.dtype == dtype
    np.testing.assert_array_equal(first[:6], pixels[:6])
    np.testing.assert_array_equal(second[6:], pixels[6:])
    assert not first[6:].any()
    assert not second[:6].any()
    assert read_image(tmp_path / "a_panel.png").shape[-1] == 3
    assert len(names(tmp_path)) == 4


def test_floats_stay_floats(tmp_path):
    pixels = RNG.random((9, 9, 3), np.float32)
    for suffix in (".tif", ".npy"):
        write_image(tmp_path / f"f{suffix}", pixels)
    deblend_files([tmp_path / "f.tif", tmp_path / "f.npy"], IdentityDeblender(), tmp_path / "out")
    for name in ("f_tif_1.tif", "f_npy_2.npy"):
        np.testing.assert_array_equal(read_image(tmp_path / "out" / name), pixels)


def test_many_bands_of_integers_go_to_tiff(tmp_path, image):
    pixels = image(np.uint16, bands=5)
    write_image(tmp_path / "a.tif", pixels)
    report = deblend_files([tmp_path / "a.tif"], IdentityDeblender())
    np.testing.assert_array_equal(read_image(tmp_path / "a_1.tif"), pixels)
    assert not report.failed


def test_jpeg_gives_png(tmp_path, image, names):
    Image.fromarray(image()).save(tmp_path / "a.jpg")
    deblend_files([tmp_path / "a.jpg"], IdentityDeblender())
    assert names(tmp_path) == ["a.jpg", "a_1.png", "a_2.png", "a_panel.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "a_1.png"), read_image(tmp_path / "a.jpg"))


def test_equal_shapes_are_batched(tmp_path, split, make):
    for i in range(3):
        make(tmp_path / f"small_{i}x.png")
        make(tmp_path / f"large_{i}x.png", height=30)
    deblender = split()
    progress = []
    deblend_files(
        [tmp_path], deblender, progress=lambda done, total: progress.append((done, total))
    )
    assert sorted(deblender.batches) == [(3, 12, 10, 3), (3, 30, 10, 3)]
    assert progress == [(3, 6), (3, 6)]


def test_each_file_gets_its_own_answer(tmp_path, make):
    pixels = {f"n{i}": make(tmp_path / f"n{i}.png") for i in range(5)}
    deblender = IdentityDeblender()
    deblender.batch_size = 2
    deblend_files([tmp_path], deblender, tmp_path / "out")
    for name, expected in pixels.items():
        np.testing.assert_array_equal(read_image(tmp_path / "out" / f"{name}_1.png"), expected)


def test_bad_files_do_not_stop_the_rest(tmp_path, make):
    make(tmp_path / "good.png")
    make(tmp_path / "tiny.png", height=3)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    np.save(tmp_path / "nan.npy", np.full((9, 9, 3), np.nan))
    report = deblend_files([tmp_path, tmp_path / "gone.png"], IdentityDeblender())
    assert [job.source.name for job in report.written] == ["good.png"]
    reasons = {path.rsplit("/", 1)[1]: reason for path, reason in report.failed.items()}
    assert set(reasons) == {"tiny.png", "bad.png", "nan.npy", "gone.png"}
    assert "8 pixels" in reasons["tiny.png"]
    assert "finite" in reasons["nan.npy"]
    assert "No such file" in reasons["gone.png"]


def test_a_deblender_that_refuses_a_shape_fails_these_files_only(tmp_path, make):
    class ColourOnly(IdentityDeblender):
        def deblend_batch(self, blends):
            if blends.shape[-1] != 3:
                raise RuntimeError("colour only")
            return super().deblend_batch(blends)

    make(tmp_path / "grey.png", bands=1)
    make(tmp_path / "colour.png")
    report = deblend_files([tmp_path], ColourOnly())
    assert [job.source.name for job in report.written] == ["colour.png"]
    assert list(report.failed.values()) == ["colour only"]


def test_a_blend_that_a_deblender_fails_on_is_alone_in_that(tmp_path, make):
    class AfraidOfTheDark(IdentityDeblender):
        def deblend_batch(self, blends):
            if not blends.any(axis=(1, 2, 3)).all():
                raise MemoryError
            return super().deblend_batch(blends)

    write_image(tmp_path / "black.png", np.zeros((12, 10, 3), np.uint8))
    for name in ("a.png", "b.png"):
        make(tmp_path / name)
    calls = []
    report = deblend_files([tmp_path], AfraidOfTheDark(), progress=lambda *call: calls.append(call))
    assert [job.source.name for job in report.written] == ["a.png", "b.png"]
    assert report.failed == {str(tmp_path / "black.png"): "out of memory"}
    assert sum(count for count, _ in calls) == 3
    assert {total for _, total in calls} == {3}


def test_centre_is_mapped_back(tmp_path, split, make):
    pixels = make(tmp_path / "a.png", height=20, width=14)
    deblender = split()
    deblend_files([tmp_path / "a.png"], deblender, centre=(2, 4))
    assert deblender.batches == [(1, 31, 23, 3)]
    first = read_image(tmp_path / "a_1.png")
    assert first.shape == pixels.shape
    np.testing.assert_array_equal(first[:4], pixels[:4])
    assert not first[4:].any()
    np.testing.assert_array_equal(read_image(tmp_path / "a_2.png")[4:], pixels[4:])


def test_deblenders_of_sources_see_no_border_of_another_sky(tmp_path):
    class Seen(SourcesDeblender):
        def sources(self, blend):
            self.seen = blend
            return blend[None]

    pixels = np.full((20, 14, 3), (30, 60, 90), np.uint8)
    pixels[4:6, 2:4] = 255
    write_image(tmp_path / "a.png", pixels)
    deblender = Seen()
    deblend_files([tmp_path / "a.png"], deblender, centre=(2, 4))
    assert deblender.seen.shape == (31, 23, 3)
    np.testing.assert_allclose(deblender.seen[[0, 30], 22] * 255, [(30, 60, 90)] * 2, rtol=1e-5)


def test_centre_outside_of_one_image_fails_that_one(tmp_path, split, make):
    make(tmp_path / "small.png")
    make(tmp_path / "large.png", height=40)
    report = deblend_files([tmp_path], split(), centre=(5, 30))
    assert [job.source.name for job in report.written] == ["large.png"]
    assert "10 x 12 pixels" in next(iter(report.failed.values()))


def test_a_table_must_have_each_image(tmp_path, split, make):
    for name in ("a.png", "b.png"):
        make(tmp_path / name, height=20)
    deblender = split()
    report = deblend_files([tmp_path], deblender, centre={"b.png": {"": (4, 2)}})
    assert [job.source.name for job in report.written] == ["b.png"]
    assert report.failed == {str(tmp_path / "a.png"): "the table of centres has no row for it"}
    assert deblender.batches == [(1, 35, 11, 3)]


def test_an_image_too_large_for_the_memory_stops_no_other(tmp_path, monkeypatch, make):
    def too_large(*arguments):
        raise MemoryError("cannot allocate 8 GiB")

    monkeypatch.setattr("kdeblend.deblenders.files.centre_field", too_large)
    for name in ("a.png", "b.png"):
        make(tmp_path / name)
    report = deblend_files([tmp_path], IdentityDeblender(), centre=(2, 2))
    assert list(report.failed.values()) == ["out of memory: cannot allocate 8 GiB"] * 2


def test_memory_that_ends_while_layers_are_written_stops_no_other(tmp_path, monkeypatch, make):
    def write(path, images, record):
        if path.name.startswith("b"):
            raise MemoryError("Unable to allocate 9 GiB")
        write_panel(path, images, record)

    monkeypatch.setattr("kdeblend.deblenders.files.write_panel", write)
    for name in "abc":
        make(tmp_path / f"{name}.png")
    report = deblend_files([tmp_path], IdentityDeblender(), tmp_path / "out")
    assert report.failed == {str(tmp_path / "b.png"): "out of memory: Unable to allocate 9 GiB"}
    assert len(report.written) == 2


def test_images_beyond_the_reach_of_a_deblender_are_told(tmp_path, split, make):
    deblender = split()
    deblender.reach = 12
    make(tmp_path / "a.png")
    make(tmp_path / "b.png", height=13)
    centres = {"a.png": {"near": (5, 6), "edge": (5, 1)}, "b.png": {"": (5, 6)}}
    for centre, told in ((None, ["b.png"]), (centres, ["a.png: edge", "b.png"])):
        report = deblend_files([tmp_path], deblender, tmp_path / "out", centre)
        assert [str(job) for job in report.reached_in_part] == [f"{tmp_path}/{one}" for one in told]


def test_out_that_is_a_file_is_an_error(tmp_path, make):
    make(tmp_path / "a.png")
    with pytest.raises(OSError, match=r"a\.png"):
        deblend_files([tmp_path / "a.png"], IdentityDeblender(), tmp_path / "a.png")
