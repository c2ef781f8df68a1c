import os
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from kdeblend import METRICS, presets
from kdeblend.cli.main import main
from kdeblend.deblenders.panel import read_record
from kdeblend.io.images import read_image, to_float, write_image

RNG = np.random.default_rng(6)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    blend = keras.Input((None, None, 3))
    half = keras.layers.Rescaling(1.0, offset=-1.0)(blend)
    keras.Model(blend, [half, half]).save(folder / "generator.keras")
    return folder


def deblend(*arguments):
    return CliRunner().invoke(main, ["deblend", *map(str, arguments)])


def make(path, dtype=np.uint8):
    image = RNG.integers(0, np.iinfo(dtype).max, (12, 14, 3), dtype)
    write_image(path, image)
    return image


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_file(tmp_path, run):
    image = make(tmp_path / "in.png", np.uint16)
    result = deblend(tmp_path / "in.png", "--weights", run, "--no-consistent")
    assert result.exit_code == 0, result.output
    assert names(tmp_path) == ["in.png", "in_1.png", "in_2.png", "in_panel.png"]
    layer = read_image(tmp_path / "in_1.png")
    assert layer.dtype == np.uint16
    np.testing.assert_allclose(layer, image / 2, atol=1)
    assert "in_panel.png" in result.stdout


def test_consistent_is_the_default(tmp_path, run):
    image = make(tmp_path / "in.png")
    assert deblend(tmp_path / "in.png", "--weights", run).exit_code == 0
    layers = [read_image(tmp_path / f"in_{i}.png") for i in (1, 2)]
    np.testing.assert_array_equal(np.maximum(*layers), image)


def test_centre_and_out(tmp_path, run):
    image = make(tmp_path / "in.png")
    out = tmp_path / "new" / "out"
    arguments = ["--weights", run / "generator.keras", "--out", out, "--batch-size", 1]
    result = deblend(tmp_path / "in.png", *arguments, "--centre", "2, 5")
    assert result.exit_code == 0, result.output
    assert names(out) == ["in_1.png", "in_2.png", "in_panel.png"]
    assert read_image(out / "in_1.png").shape == image.shape


def test_a_table_of_centres(tmp_path, run):
    make(tmp_path / "in.png")
    (tmp_path / "centres.csv").write_text("file,x,y\nin.png,2,5\n")
    arguments = ["--weights", run, "--centres", tmp_path / "centres.csv"]
    result = deblend(tmp_path / "in.png", *arguments)
    assert result.exit_code == 0, result.output
    assert deblend(tmp_path / "in.png", *arguments, "--centre", "2,5").exit_code == 2
    assert deblend(tmp_path / "in.png", "--weights", run, "--centres", "").exit_code == 1
    (tmp_path / "centres.csv").write_text("file\nin.png\n")
    result = deblend(tmp_path / "in.png", *arguments)
    assert result.exit_code == 1
    assert "centres.csv: must have the columns file, x, y" in result.stderr


def test_galaxies_of_one_image_are_cut_out(tmp_path, run):
    make(tmp_path / "in.png")
    (tmp_path / "centres.csv").write_text(
        "name,file,x,y\n7,in.png,2,5\n8,in.png,6,4\n1,on.png,1,1\n"
    )
    arguments = ["--weights", run, "--centres", tmp_path / "centres.csv", "--out", tmp_path / "out"]
    result = deblend(tmp_path / "in.png", *arguments, "--size", 9)
    assert result.exit_code == 0, result.output
    assert "Files of the table that no input goes by: 1, such as on.png." in result.stderr
    expected = [f"in_{galaxy}_{end}" for galaxy in "78" for end in ("1.png", "2.png", "panel.png")]
    assert names(tmp_path / "out") == expected
    assert read_image(tmp_path / "out" / "in_7_1.png").shape == (9, 9, 3)
    again = deblend(tmp_path / "in.png", *arguments, "--size", 9, "--resume")
    assert "2 inputs left out: deblended before" in again.stderr


def test_scale(tmp_path, run):
    image = make(tmp_path / "in.png")
    result = deblend(tmp_path / "in.png", "--weights", run, "--no-consistent", "--scale", 0.8)
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(read_image(tmp_path / "in_1.png"), image / 2, atol=1)
    result = deblend(tmp_path / "in.png", "--weights", run, "--scale", 0.5)
    assert result.exit_code == 1
    assert "14 x 12 pixels, scale=0.5" in result.stderr
    assert deblend(tmp_path / "in.png", "--scale", 0).exit_code == 2


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        ("--scale", 0.5, "scale"),
        ("--orientations", 8, "orientations"),
        ("--consistent", None, "consistent"),
        ("--mixed-precision", None, "mixed_precision"),
    ],
)
def test_options_of_networks_are_for_networks(tmp_path, option, value, name):
    make(tmp_path / "in.png")
    given = [option] if value is None else [option, value]
    result = deblend(tmp_path / "in.png", "--weights", "identity", *given)
    assert result.exit_code == 1
    assert f"`{name}` is for networks" in result.stderr


def test_centres_are_rounded(tmp_path, run):
    make(tmp_path / "in.png")
    for given, centre in (("6.4,4.6", [6, 5]), (" 6, 5.2", [6, 5])):
        assert deblend(tmp_path / "in.png", "--weights", run, "--centre", given).exit_code == 0
        assert read_record(tmp_path / "in_panel.png")["centre"] == centre
    assert "two numbers" in deblend(tmp_path / "in.png", "--centre", "6").stderr


def test_resume_leaves_out_what_is_done(tmp_path, run):
    make(tmp_path / "a.png")
    assert deblend(tmp_path, "--weights", run, "--out", tmp_path / "out").exit_code == 0
    make(tmp_path / "b.png")
    result = deblend(tmp_path, "--weights", run, "--out", tmp_path / "out", "--resume")
    assert result.exit_code == 0
    assert "1 input left out: deblended before" in result.stderr
    assert result.stdout.split() == [str(tmp_path / "out" / "b_panel.png")]


def test_what_is_beyond_the_reach_of_a_network_is_said(tmp_path, run):
    (run / "config.yaml").write_text("stamp_size: 16\n")
    write_image(tmp_path / "in.png", RNG.integers(0, 99, (33, 20, 3), np.uint8))
    for scale, told in ((1, "1 input deblended only within 32 x 32 pixels"), (0.9, "")):
        result = deblend(tmp_path / "in.png", "--weights", run, "--scale", scale)
        assert result.exit_code == 0, result.output
        assert told in result.stderr
        assert ("only" in result.stderr) == bool(told)
    (run / "config.yaml").unlink()


def test_ctrl_c_says_how_to_go_on(tmp_path, run, monkeypatch):
    def interrupt(self, blends):
        raise KeyboardInterrupt

    monkeypatch.setattr("kdeblend.deblenders.network.NetworkDeblender.deblend_batch", interrupt)
    make(tmp_path / "in.png")
    result = deblend(tmp_path / "in.png", "--weights", run)
    assert result.exit_code == 130
    assert "--resume" in result.stderr
    assert names(tmp_path) == ["in.png"]


def test_one_bad_file(tmp_path, run):
    make(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no picture")
    result = deblend(tmp_path, "--weights", run)
    assert result.exit_code == 1
    assert "bad.png: not a PNG" in result.stderr
    assert "1 of 2 inputs failed" in result.stderr
    assert (tmp_path / "good_1.png").exists()


def test_outputs_are_not_deblended_again(tmp_path, run):
    make(tmp_path / "in.png")
    for _ in range(2):
        result = deblend(tmp_path, "--weights", run)
        assert result.exit_code == 0
        assert len(names(tmp_path)) == 4
    assert "3 inputs left out" in result.stderr


@pytest.mark.parametrize("centre", ["5", "5,x", "-1,2"])
def test_centre_must_be_two_numbers(tmp_path, run, centre):
    make(tmp_path / "in.png")
    result = deblend(tmp_path / "in.png", "--weights", run, f"--centre={centre}")
    assert result.exit_code == 2
    assert "two numbers" in result.stderr


def test_without_weights_the_default_preset_is_used(tmp_path, run, monkeypatch):
    monkeypatch.setattr(presets, "DEFAULT_PRESET", str(run))
    make(tmp_path / "in.png")
    result = deblend(tmp_path / "in.png")
    assert result.exit_code == 0, result.output
    assert names(tmp_path) == ["in.png", "in_1.png", "in_2.png", "in_panel.png"]


def test_the_default_preset_follows_the_centre_it_is_told(tmp_path):
    """With the other galaxy as the central one, the layers of the README's blend change places."""
    blend = Path(__file__).parents[2] / "examples" / "blend.png"
    for out, options in (("as-it-is", ()), ("other", ("--centre", "62,31"))):
        result = deblend(blend, "--out", tmp_path / out, *options)
        assert result.exit_code == 0, result.output
    before, after = (
        [to_float(read_image(tmp_path / out / f"blend_{i}.png")) for i in (1, 2)]
        for out in ("as-it-is", "other")
    )
    psnr = METRICS["psnr"]
    for i in (0, 1):
        assert psnr(before[i], after[1 - i]) > psnr(before[i], after[i]) + 5


def test_orientations_are_one_two_four_or_eight(tmp_path, run):
    make(tmp_path / "in.png")
    result = deblend(tmp_path / "in.png", "--weights", run, "--orientations", 8)
    assert result.exit_code == 0, result.output
    assert deblend(tmp_path / "in.png", "--orientations", 3).exit_code == 2


def test_a_name_that_is_no_text_is_told_as_well_as_it_can_be(tmp_path, run):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        make(tmp_path / name)
    except OSError:
        pytest.skip("the file system takes no such name")
    result = deblend(tmp_path, "--weights", run)
    assert result.exit_code == 0, result.output
    assert "caf\ufffd_panel.png" in result.output


def test_bfloat16_is_asked_of_networks(tmp_path, run):
    make(tmp_path / "in.png")
    images = [tmp_path / "in.png", "--weights", run, "--resume"]
    assert "in_panel.png" in deblend(*images).output
    assert "in_panel.png" in deblend(*images, "--mixed-precision").output
    assert "left out: deblended before" in deblend(*images, "--mixed-precision").output


def test_unknown_weights_and_unusable_out(tmp_path, run):
    make(tmp_path / "in.png")
    result = deblend(tmp_path / "in.png", "--weights", "nothing")
    assert result.exit_code == 1
    assert "'nothing'" in result.stderr
    assert "Traceback" not in result.output
    result = deblend(tmp_path / "in.png", "--weights", run, "--out", tmp_path / "in.png")
    assert result.exit_code == 1
    assert "in.png" in result.stderr
    assert names(tmp_path) == ["in.png"]
