import numpy as np
import pytest
from PIL import Image

from kdeblend.deblenders.panel import draw_panel, is_panel, write_panel


def flat(value, bands=3, height=40, width=40):
    return np.full((height, width, bands), value, np.float32)


def test_images_stand_side_by_side_under_their_labels():
    panel = draw_panel([flat(0.2), flat(0.4), flat(0.6)])
    assert panel.dtype == np.uint8
    height, width, _ = panel.shape
    assert 960 <= width < 1000
    assert 320 < height < 360
    middle = panel[-160, :, 0]
    for position, value in [(1 / 6, 51), (1 / 2, 102), (5 / 6, 153)]:
        assert middle[int(position * width)] == value
    assert (panel[-1, [0, -1], 0] == [51, 153]).all()
    for third in np.array_split(panel[:25], 3, axis=1):
        assert third.min() < 100


def test_pixels_stay_pixels():
    image = np.random.default_rng(0).random((40, 40, 3), np.float32)
    panel = draw_panel([image], ["blend"])
    np.testing.assert_array_equal(panel[-320::8, ::8], np.rint(image * 255))


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_other_numbers_of_bands_are_grey(bands):
    image = flat(0.0, bands)
    image[..., 0] = 1
    panel = draw_panel([image], ["blend"])
    assert (panel[-5, 5] == np.rint(255 / bands)).all()


def test_narrow_and_large_images():
    narrow = draw_panel([flat(0.5, height=200, width=9)] * 3)
    assert narrow.shape[1] > 3 * 9
    large = draw_panel([flat(0.5, height=700, width=900)] * 3)
    assert large.shape[1] > 2700


def test_errors():
    with pytest.raises(ValueError, match="Received"):
        draw_panel([flat(0.1), flat(0.1, height=41)], ["a", "b"])
    with pytest.raises(ValueError, match="2 labels"):
        draw_panel([flat(0.1)], ["a", "b"])


def test_only_own_panels_are_known_as_such(tmp_path):
    write_panel(tmp_path / "a_panel.png", [np.zeros((4, 4, 3), np.float32)] * 3)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "b_panel.png")
    (tmp_path / "c_panel.png").write_text("mine")
    (tmp_path / "d_panel.png").write_bytes((tmp_path / "a_panel.png").read_bytes()[:40])
    (tmp_path / "e_panel.png").touch()
    names = "abcdef"
    assert [is_panel(tmp_path / f"{name}_panel.png") for name in names] == [True, *[False] * 5]


def test_panels_that_pillow_would_not_open_are_known(tmp_path, monkeypatch):
    write_panel(tmp_path / "a_panel.png", [np.zeros((4, 4, 3), np.float32)] * 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert is_panel(tmp_path / "a_panel.png")
