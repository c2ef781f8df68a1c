"""Several galaxies of one image, and squares cut out around them."""

import keras
import numpy as np
import pytest

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.files import deblend_files
from kdeblend.deblenders.network import NetworkDeblender
from kdeblend.io import images
from kdeblend.io.images import read_image, write_image
from kdeblend.models.unet import build_unet


class Copies(Deblender):
    """The field to the first layer, half of it to the second; keeps a diary."""

    name = "copies"

    def __init__(self, reach=None):
        self.reach = reach
        self.batches = []

    def deblend_batch(self, blends):
        self.batches.append(blends.shape)
        return np.stack([blends, blends / 2], axis=1)

    def surroundings(self, image):
        return np.full(image.shape[-1], 0.25)


@pytest.fixture
def field(tmp_path):
    pixels = np.random.default_rng(3).integers(1, 255, (60, 50, 3), np.uint8)
    write_image(tmp_path / "field.png", pixels)
    return pixels


CENTRES = {"field.png": {"17": (20, 30), "a b": (48, 2)}}


def test_each_galaxy_of_an_image_has_its_layers(field, tmp_path):
    report = deblend_files([tmp_path], Copies(), tmp_path / "out", CENTRES)
    assert not report.failed
    written = {job.galaxy: [path.name for path in paths] for job, paths in report.written.items()}
    assert written == {
        "17": ["field_17_panel.png", "field_17_1.png", "field_17_2.png"],
        "a b": ["field_a b_panel.png", "field_a b_1.png", "field_a b_2.png"],
    }
    for layers in report.written.values():
        np.testing.assert_array_equal(read_image(layers[1]), field)


def test_an_image_that_cannot_be_read_is_tried_once(field, tmp_path, monkeypatch):
    (tmp_path / "broken.png").write_bytes(b"no image")
    asked = []
    monkeypatch.setattr(
        "kdeblend.deblenders.files.read_image",
        lambda content, name: asked.append(name) or read_image(content, name),
    )
    broken = str(tmp_path / "broken.png")
    centres = CENTRES | {"broken.png": {"1": (5, 5), "2": (9, 9), "3": None}}
    report = deblend_files([tmp_path], Copies(), tmp_path / "out", centres)
    assert asked.count(broken) == 1
    assert list(report.failed) == [f"{broken}: {name}" for name in "123"]
    assert len(report.written) == 2
    assert report.ended == 5


def test_squares_of_one_size_make_one_batch(field, tmp_path):
    deblender = Copies()
    centres = {"field.png": {"17": (20, 30), "18": (30, 40)}}
    report = deblend_files([tmp_path], deblender, tmp_path / "out", centres, size=16)
    assert deblender.batches == [(2, 17, 17, 3)]
    assert not report.failed
    first, second = (read_image(layers[1]) for layers in report.written.values())
    np.testing.assert_array_equal(first, field[22:38, 12:28])
    np.testing.assert_array_equal(second, field[32:48, 22:38])


def test_squares_are_black_beyond_the_edges(field, tmp_path):
    centres = {"field.png": {"": (48, 2)}}
    deblend_files([tmp_path / "field.png"], Copies(), centre=centres, size=16)
    expected = np.zeros((16, 16, 3), np.uint8)
    expected[6:, :10] = field[:10, 40:]
    np.testing.assert_array_equal(read_image(tmp_path / "field_1.png"), expected)


@pytest.mark.parametrize(
    ("size", "seen", "told"), [(16, 25, False), (24, 25, False), (30, 31, True)]
)
def test_a_deblender_sees_as_much_as_it_reaches(field, tmp_path, size, seen, told):
    deblender = Copies(reach=24)
    report = deblend_files([tmp_path / "field.png"], deblender, centre=(20, 30), size=size)
    assert deblender.batches == [(1, seen, seen, 3)]
    assert bool(report.reached_in_part) is told
    assert read_image(tmp_path / "field_1.png").shape == (size, size, 3)


@pytest.fixture(scope="module")
def generator():
    """An untrained network whose answer depends on where in the field a pixel is."""
    keras.utils.set_random_seed(0)
    return build_unet((4, 8), blocks=1, space_to_depth=1)


@pytest.mark.parametrize("centre", [(30, 40), (3, 70), None])
@pytest.mark.parametrize(("side", "scale"), [(16, 1), (16, 0.9), (80, 1)])
def test_layers_do_not_depend_on_the_size_under_an_even_sky(
    generator, tmp_path, centre, side, scale
):
    """Neither where the network reaches a part of the image only nor where it sees all of it."""
    pixels = np.full((75, 62, 3), 0.05, np.float32)
    pixels[::7, ::5] = np.random.default_rng(0).random((11, 13, 3))  # the sky's level is the median
    np.save(tmp_path / "a.npy", pixels)
    deblender = NetworkDeblender(generator, stamp_size=side, scale=scale)
    deblend_files([tmp_path / "a.npy"], deblender, tmp_path / "whole", centre)
    whole = np.pad(np.load(tmp_path / "whole" / "a_1.npy"), ((99, 99), (99, 99), (0, 0)))
    for size in (8, 17, 32, 36, 41, 90):
        deblend_files([tmp_path / "a.npy"], deblender, tmp_path / str(size), centre, size=size)
        starts = ((75 - size) // 2, (62 - size) // 2)
        if centre:
            starts = [at - size // 2 for at in reversed(centre)]
        top, left = (99 + start for start in starts)
        np.testing.assert_allclose(
            np.load(tmp_path / str(size) / "a_1.npy"),
            whole[top : top + size, left : left + size],
            atol=1e-5,
        )


def test_an_image_that_is_seen_whole_is_not_told(field, tmp_path):
    report = deblend_files([tmp_path / "field.png"], Copies(reach=60), size=80)
    assert not report.reached_in_part


def test_the_middle_is_cut_out_where_no_centre_is_given(field, tmp_path):
    deblend_files([tmp_path / "field.png"], Copies(), size=20)
    np.testing.assert_array_equal(read_image(tmp_path / "field_1.png"), field[20:40, 15:35])


def test_a_galaxy_off_the_image_fails_alone(field, tmp_path):
    centres = {"field.png": {"in": (20, 30), "off": (50, 30), "open": None}}
    report = deblend_files([tmp_path], Copies(), tmp_path / "out", centres, size=16)
    assert [job.galaxy for job in report.written] == ["in"]
    reasons = {key.rsplit("/", 1)[1]: reason for key, reason in report.failed.items()}
    assert reasons.keys() == {"field.png: off", "field.png: open"}
    assert "50 x 60 pixels. Received: centre=50,30" in reasons["field.png: off"]
    assert "no x and y" in reasons["field.png: open"]


def test_an_image_is_read_once_for_all_of_its_galaxies(field, tmp_path, monkeypatch):
    read = []

    def count(*arguments):
        read.append(arguments)
        return images.read_image(*arguments)

    monkeypatch.setattr("kdeblend.deblenders.files.read_image", count)
    galaxies = {str(number): (number, 30) for number in range(20)}
    for expected in (1, 1):  # none of what is done is decoded again
        report = deblend_files(
            [tmp_path / "field.png"], Copies(), tmp_path / "out", {"field.png": galaxies},
            resume=True, size=16,
        )  # fmt: skip
        assert len(report.written) + len(report.done) == 20
        assert len(read) == expected


def test_resume_knows_galaxy_and_size(field, tmp_path):
    def again(centres, size=16):
        report = deblend_files(
            [tmp_path / "field.png"], Copies(), tmp_path / "out", {"field.png": centres},
            resume=True, size=size,
        )  # fmt: skip
        assert not report.failed
        return [job.galaxy for job in report.written]

    assert again({"1": (20, 30), "2": (30, 30)}) == ["1", "2"]
    assert again({"1": (20, 30), "2": (30, 30), "3": (40, 40)}) == ["3"]
    assert again({"1": (20, 30), "2": (31, 30)}) == ["2"]
    assert again({"1": (20, 30)}, size=18) == ["1"]
    assert again({"1": (20, 30)}, size=None) == ["1"]


def test_equal_names_in_two_images_do_not_collide(field, tmp_path):
    for night in ("x", "y"):
        (tmp_path / night).mkdir()
        write_image(tmp_path / night / "field.png", field)
    files = [tmp_path / night / "field.png" for night in ("x", "y")]
    report = deblend_files(files, Copies(), tmp_path / "out", {"field.png": {"7": (20, 30)}})
    panels = [paths[0].name for paths in report.written.values()]
    assert panels == ["x_field_png_7_panel.png", "y_field_png_7_panel.png"]


def test_all_galaxies_of_an_image_are_called_alike(field, tmp_path):
    for night in ("x", "y"):
        (tmp_path / night).mkdir()
        write_image(tmp_path / night / "field.png", field)
    centres = {
        "x/field.png": {"1": (20, 30), "g": (9, 9), "G": (30, 30)},
        "y/field.png": {"2": (20, 30)},
    }
    report = deblend_files([tmp_path / "x", tmp_path / "y"], Copies(), tmp_path / "out", centres)
    names = sorted(job.name for job in report.written)
    assert names == ["x_field_png_1", "x_field_png_G-2", "x_field_png_g", "y_field_png_2"]


def test_files_of_the_table_that_are_no_inputs_are_told(field, tmp_path):
    centres = {**CENTRES, "feild.png": {"1": (1, 1)}, "x/field.png": {"1": (1, 1)}}
    report = deblend_files([tmp_path / "field.png"], Copies(), tmp_path / "out", centres)
    assert report.unused == ["feild.png", "x/field.png"]
    assert not report.failed


def test_a_size_far_beyond_the_image_is_refused(field, tmp_path):
    report = deblend_files([tmp_path / "field.png"], Copies(), centre=(20, 30), size=121)
    assert "at most twice that of the image" in report.failed[str(tmp_path / "field.png")]


def test_an_image_too_small_for_a_deblender_is_not_enlarged_for_it(tmp_path):
    write_image(tmp_path / "a.png", np.ones((9, 7, 3), np.uint8))
    report = deblend_files([tmp_path / "a.png"], Copies(), centre=(3, 3), size=8)
    assert (
        "8 pixels a side, and bands on their last axis. Received: 7 x 9 pixels, 3 bands"
        in report.failed[str(tmp_path / "a.png")]
    )


def test_a_name_that_looks_like_a_layer_replaces_none(field, tmp_path):
    """Galaxy `1` of `field` has the panel `field_1_panel.png`, its layers `field_1_1.png`."""
    write_image(tmp_path / "field_1.png", field)
    centres = {"field.png": {"1": (20, 30)}, "field_1.png": {"": (20, 30)}}
    report = deblend_files(
        [tmp_path / "field.png", tmp_path / "field_1.png"], Copies(), None, centres
    )
    assert not report.failed
    stems = {path for paths in report.written.values() for path in paths}
    assert len(stems) == 6
    np.testing.assert_array_equal(read_image(tmp_path / "field_1.png"), field)


def test_a_size_is_at_least_that_of_an_image(tmp_path):
    with pytest.raises(ValueError, match=r"at least 8 pixels\. Received: size=7"):
        deblend_files([tmp_path], Copies(), size=7)
