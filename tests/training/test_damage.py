"""Going on with a run of which a file is damaged, gone, or cannot be read now."""

import json
import os
from pathlib import Path

import keras
import pytest

from kdeblend.models.files import read_facts
from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.checkpoint import CheckpointError, list_checkpoints
from kdeblend.training.folder import RunFolder
from kdeblend.training.train import train


@pytest.mark.parametrize("size", [0, 300])
def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(config, tmp_path, size, caplog):
    train(config.replace(steps=4), tmp_path / "run", progress=False)
    last = list_checkpoints(tmp_path / "run" / "checkpoints")[-1]
    os.truncate(last, size)
    steps = []
    count = StepsSeen(steps)
    result = train(config.replace(steps=5), tmp_path / "run", True, False, callbacks=[count])
    assert result.step == 5
    assert steps == [3, 4, 5]
    assert f"{last} must be a checkpoint" in caplog.text
    for path in list_checkpoints(tmp_path / "run" / "checkpoints"):
        os.truncate(path, size)
    with pytest.raises(CheckpointError, match="must be a checkpoint"):
        train(config, tmp_path / "run", resume=True, progress=False)


def test_a_checkpoint_that_cannot_be_read_now_is_not_damaged(config, tmp_path, monkeypatch):
    train(config.replace(steps=4), tmp_path / "run", progress=False)
    last = list_checkpoints(tmp_path / "run" / "checkpoints")[-1]
    read = Path.read_bytes

    def fail(path):
        if path == last:
            raise OSError(24, "Too many open files", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="Too many open files"):
        train(config, tmp_path / "run", resume=True, progress=False)


class StepsSeen(StepCallback):
    """Keeps the numbers of the steps."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_step(self, step, logs):
        self.steps.append(step)


def test_a_run_whose_best_network_is_gone_keeps_the_next_one(config, tmp_path):
    train(config.replace(steps=3), tmp_path / "run", progress=False)
    run = RunFolder(tmp_path / "run")
    run.generator.unlink()
    result = train(config.replace(steps=6, learning_rate=1e-30), run.path, True, progress=False)
    assert result.best_step == 6
    assert run.generator.is_file()


def test_a_run_at_its_end_whose_best_network_is_gone_keeps_its_last_one(config, tmp_path):
    config, run = ending_badly(config), RunFolder(tmp_path / "run")
    first = train(config, run.path, progress=False)
    assert first.best_step == 3
    run.generator.unlink()
    for _ in range(2):
        again = train(config, run.path, True, progress=False)
        assert (again.best_step, again.step) == (6, 6)
        assert again.best_psnr < first.best_psnr
    assert json.loads(run.summary.read_text())["best_validation_psnr"] == again.best_psnr
    assert read_facts(run.generator)["step"] == 6


def ending_badly(config):
    """Return the configuration with far too high a learning rate after its first validation."""
    return config.replace(learning_rate_drop_step=4, learning_rate_drop_factor=1e5)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"PK\x03\x04" + bytes(500),
        lambda whole: whole[:-4] + b"\xff" + whole[-3:],  # of the place of the list of its files
    ],
)
@pytest.mark.parametrize("more", [0, 1])
def test_a_damaged_best_network_gives_way(config, tmp_path, damage, more, caplog):
    config, run = ending_badly(config), RunFolder(tmp_path / "run")
    train(config, run.path, progress=False)
    whole = run.generator.read_bytes()
    run.generator.write_bytes(damage(whole))
    changed = config.replace(validation_blends=config.validation_blends + more)
    assert train(changed, run.path, True, progress=False).best_step == 6
    assert "left out the best network so far" in caplog.text
    assert len(keras.saving.load_model(run.generator, compile=False).outputs) == 2


@pytest.mark.parametrize("error", [MemoryError(), ImportError("no package")])
def test_a_best_network_that_cannot_be_read_now_is_kept(config, tmp_path, error, monkeypatch):
    def fail(path):
        raise error

    config, run = ending_badly(config), RunFolder(tmp_path / "run")
    train(config, run.path, progress=False)
    before = run.generator.read_bytes()
    monkeypatch.setattr("kdeblend.training.resume.load_generator", fail)
    with pytest.raises(type(error)):
        train(config, run.path, True, progress=False)
    assert run.generator.read_bytes() == before


def test_nor_is_one_given_up_that_cannot_be_opened_now(config, tmp_path, monkeypatch):
    def fail(path, *arguments, **options):
        if os.fspath(path) == str(run.generator):
            raise OSError(24, "Too many open files", str(path))
        return opened(path, *arguments, **options)

    config, run, opened = ending_badly(config), RunFolder(tmp_path / "run"), open
    train(config, run.path, progress=False)
    before = run.generator.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("io.open", fail)
        patch.setattr("builtins.open", fail)
        with pytest.raises(OSError, match="Too many open files"):
            train(config, run.path, True, progress=False)
    assert run.generator.read_bytes() == before
