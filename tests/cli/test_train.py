import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from kdeblend.cli.main import main
from kdeblend.data.split import split_of
from kdeblend.deblenders.load import find_weights
from kdeblend.presets import list_presets
from kdeblend.training.config import preset_config
from kdeblend.training.networks import build_config_generator
from kdeblend.training.train import TrainingResult

TINY = """
stamp_size: 12
generator_options: {widths: [4, 8], blocks: 0, decoders: 1}
discriminator_blocks: 0
discriminator_filters: 2
vgg_layer: block1_conv1
validation_blends: 2
validate_every: 2
"""


@pytest.fixture
def arguments(tmp_path, galaxy):
    folder = tmp_path / "galaxies"
    folder.mkdir()
    names = [f"g{number}" for number in range(60)]
    chosen = [n for n in names if split_of(n) == "validation"][:2]
    chosen += [n for n in names if split_of(n) == "train"][:3]
    assert len(chosen) == 5
    for number, name in enumerate(chosen):
        Image.fromarray(galaxy(number)).save(folder / f"{name}.png")
    config = tmp_path / "tiny.yaml"
    config.write_text(TINY)
    out = str(tmp_path / "run")
    return ["train", "--data", str(folder), "--out", out, "--config", str(config)]


def invoke(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_options_and_config_end_up_in_the_run(arguments, tmp_path):
    options = [
        "--steps",
        3,
        "--burn-in",
        1,
        "--batch-size",
        2,
        "--vgg-weights",
        "none",
        "--seed",
        5,
    ]
    sets = ["--set", "learning_rate=5e-4", "--set", "discriminator_blocks=1"]
    result = invoke(*arguments, *options, *sets, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "Step 3 done. Best validation PSNR" in result.output
    assert "weights none" in result.output
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    expected = {
        "preset": "quick",
        "steps": 3,
        "burn_in": 1,
        "batch_size": 2,
        "vgg_weights": "none",
        "seed": 5,
        "learning_rate": 5e-4,
        "stamp_size": 12,
        "discriminator_blocks": 1,
        "workers": 1,
    }
    assert {name: config[name] for name in expected} == expected


def test_resume_needs_only_the_run(arguments, tmp_path):
    assert invoke(*arguments, "--steps", 2, "--batch-size", 2).exit_code == 0
    result = invoke("train", "--out", tmp_path / "run", "--resume", "--steps", 4)
    assert result.exit_code == 0, result.output
    assert "Step 4 done" in result.output
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (config["steps"], config["batch_size"]) == (4, 2)


def test_a_run_with_relative_paths_is_resumed_from_anywhere(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--steps", 1, "--batch-size", 2, "--out", "run", "--set", "data=galaxies"]
    assert invoke("train", "--config", "tiny.yaml", *options).exit_code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = invoke("train", "--out", "../run", "--resume", "--steps", 2)
    assert result.exit_code == 0, result.output


def test_a_run_called_like_a_deblender_is_named_by_its_path(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments, "--steps", 1, "--batch-size", 2, "--out", "sep")
    assert "--weights ./sep" in result.output


def test_written_config_trains_again_as_it_is(arguments, tmp_path):
    assert invoke(*arguments, "--steps", 2, "--batch-size", 2).exit_code == 0
    first = (tmp_path / "run" / "config.yaml").read_text()
    result = invoke(
        "train", "--out", tmp_path / "again", "--config", tmp_path / "run" / "config.yaml"
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again" / "config.yaml").read_text() == first
    logs = [(tmp_path / run / "log.csv").read_text().splitlines() for run in ("run", "again")]
    losses = [[row.split(",")[1] for row in log] for log in logs]
    np.testing.assert_array_equal(losses[0][:1], losses[1][:1])


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--set", "learning_rate"], 2, "NAME=VALUE"),
        (["--set", "generator_options={a"], 2, "VALUE must be YAML"),
        (["--set", "data="], 2, "must be NAME=VALUE. Received: 'data='"),
        (["--init", "fast-1", "--set", "generator=resnet"], 2, "family 'unet'. Received: gen"),
        (["--set", "learning_rate=1e30", "--batch-size", "2"], 1, "Training diverged"),
        (["--devices", "cpu:0,cpu:1", "--batch-size", "3"], 1, "multiple of the number of devices"),
        (["--set", "speed=3"], 1, "Received: ['speed']"),
        (["--steps", "0"], 1, "`steps` must be positive"),
        (["--preset", "huge"], 2, "'huge' is not one of"),
        (["--data", "/no/such/folder"], 1, "/no/such/folder"),
        (["--burn-in", "1", "--vgg-weights", "/no/vgg.h5"], 1, "/no/vgg.h5"),
        (["--set", "discriminator_blocks=9"], 1, "from 1 to 4 for images of 12 pixels"),
        (["--set", "generator_options={depth: 3}"], 1, "arguments of the generator 'unet'"),
    ],
)
def test_mistakes_are_explained(arguments, options, code, message):
    result = invoke(*arguments, *options)
    assert result.exit_code == code, result.output
    assert message in result.output.replace("\n", " ").replace("  ", " ")
    assert "Traceback" not in result.output


def test_ctrl_c_before_the_first_step_says_how_to_go_on(arguments, tmp_path, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    arguments = [*arguments, "--steps", 1, "--batch-size", 2]
    for at, told in (
        ("open_split", "no run was begun"),
        ("make_validation_set", f"go on with: kdeblend train --out {tmp_path / 'run'} --resume"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"kdeblend.training.train.{at}", interrupt)
            result = invoke(*arguments)
        assert result.exit_code == 130
        assert told in result.stderr
    assert invoke("train", "--out", tmp_path / "run", "--resume").exit_code == 0


@pytest.mark.parametrize(("steps", "code", "told"), [(3, 130, "Stopped at"), (2, 0, "Step 2 done")])
def test_a_run_that_was_finished_when_the_signal_came_is_done(
    arguments, monkeypatch, steps, code, told
):
    result = TrainingResult(2, 30.0, 20.0, signal.SIGINT, 2)
    monkeypatch.setattr("kdeblend.training.train.train", lambda *_, **options: result)
    invoked = invoke(*arguments, "--steps", steps)
    assert invoked.exit_code == code
    assert told in invoked.output


def test_an_old_run_needs_resume(arguments):
    assert invoke(*arguments, "--steps", 1).exit_code == 0
    result = invoke(*arguments, "--steps", 1)
    assert result.exit_code == 1
    assert "--resume" in result.output


@pytest.mark.parametrize("start", ["run", "run/generator.keras", "moved.keras"])
def test_a_run_starts_from_a_trained_network_in_its_shape(start, arguments, tmp_path):
    run, after = tmp_path / "run", tmp_path / "next"
    assert invoke(*arguments, "--steps", 1).exit_code == 0
    shutil.copy(run / "generator.keras", tmp_path / "moved.keras")
    other = yaml.safe_load((run / "config.yaml").read_text())
    other |= {"generator_options": {"widths": [5, 6], "blocks": 2}}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(other))
    again = [str(after) if each == str(run) else each for each in arguments]
    result = invoke(*again, "--init", tmp_path / start)
    assert result.exit_code == 0, result.output
    config = yaml.safe_load((after / "config.yaml").read_text())
    assert config["generator_options"] == {"widths": [4, 8], "blocks": 0, "decoders": 1}
    path = run / "generator.keras" if start == "run" else tmp_path / start
    assert config["initial_weights"] == str(path)


@pytest.mark.parametrize("name", list_presets())
def test_a_preset_lends_its_shape(name):
    config = preset_config("quick").replace(**find_weights(name).facts)
    generator = build_config_generator(config, bands=3)
    assert generator.count_params() == list_presets()[name]["parameters"]


def test_resume_refuses_another_preset_and_other_weights(arguments, tmp_path):
    assert invoke(*arguments, "--steps", 1).exit_code == 0
    result = invoke("train", "--out", tmp_path / "run", "--resume", "--preset", "paper")
    assert result.exit_code == 1
    assert "`preset` that it was begun with, 'quick'" in result.output
    result = invoke("train", "--out", tmp_path / "run", "--resume", "--init", tmp_path / "run")
    assert result.exit_code == 2
    assert "weights of the run" in result.output


@pytest.mark.backend
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch trains on one device")
def test_two_devices_from_the_command_line(arguments):
    command = [sys.executable, "-P", "-m", "kdeblend.cli", *arguments, "--devices", "cpu:0,cpu:1"]
    result = subprocess.run(
        [*command, "--steps", "1", "--batch-size", "2"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "cpu:0, cpu:1" in result.stdout
