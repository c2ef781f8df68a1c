"""Several galaxies of one image, and squares cut out around them."""

import numpy as np
import pytest

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.files import deblend_files
from kdeblend.io import images
from kdeblend.io.images import read_image, write_image


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


def test_squares_of_one_size_make_one_batch(field, tmp_path):
    deblender = Copies()
    report = deblend_files([tmp_path], deblender, tmp_path / "out", CENTRES, size=16)
    assert deblender.batches == [(2, 16, 16, 3)]
    assert not report.failed
    inside, corner = (read_image(layers[1]) for layers in report.written.values())
    np.testing.assert_array_equal(inside, field[22:38, 12:28])
    expected = np.zeros((16, 16, 3), np.uint8)
    expected[6:, :10] = field[:10, 40:]
    np.testing.assert_array_equal(corner, expected)
    panel = read_image(next(iter(report.written.values()))[0])
    assert panel.shape[-1] == 3


@pytest.mark.parametrize(
    ("size", "seen", "told"), [(16, 24, False), (24, 24, False), (30, 30, True)]
)
def test_a_deblender_sees_as_much_as_it_reaches(field, tmp_path, size, seen, told):
    deblender = Copies(reach=24)
    report = deblend_files([tmp_path / "field.png"], deblender, centre=(20, 30), size=size)
    assert deblender.batches == [(1, seen, seen, 3)]
    assert bool(report.reached_in_part) is told
    assert read_image(tmp_path / "field_1.png").shape == (size, size, 3)


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
