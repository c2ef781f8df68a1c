"""What goes wrong during a search: a trial that fails, or the end of it."""

import csv
import errno
import shutil

import pytest

from kdeblend.tuning import trial
from kdeblend.tuning.hypermodel import DeblendingHyperModel
from kdeblend.tuning.run import SearchFailedError, search


def table(out):
    with (out / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_failed_trials_are_recorded_with_their_reasons(
    config, fake_networks, fake_training, tmp_path
):
    errors = [MemoryError("12 GiB"), ArithmeticError("loss is nan"), None, KeyError("layer")]

    class Failing(fake_networks):
        def build_networks(self, config, bands):
            error = errors.pop(0)
            if error is not None:
                raise error
            return super().build_networks(config, bands)

    result = search(config.replace(max_trials=4), tmp_path, hypermodel=Failing)
    assert result.best.number == 3
    rows = table(tmp_path)
    assert [row["state"] for row in rows] == ["failed", "failed", "completed", "failed"]
    assert [row["reason"] for row in rows] == [
        "out of memory: 12 GiB", "loss is nan", "", "KeyError: 'layer'",
    ]  # fmt: skip


def test_an_impossible_depth_is_a_failed_trial(config, tmp_path):
    class TooDeep(DeblendingHyperModel):
        def configure(self, hp):
            depth = hp.Choice("depth", [9, 10])
            return super().configure(hp).replace(discriminator_blocks=depth)

    fixed = {"filters": 2, "M": 1, "N": 1, "depth": 1}
    with pytest.raises(SearchFailedError) as error:
        search(config.replace(fixed=fixed), tmp_path, hypermodel=TooDeep)
    lines = str(error.value).splitlines()
    assert lines[0] == "No trial was completed, of 2:"
    assert all("`depth` must be from 1 to 8 for images of 16 pixels" in line for line in lines[1:])
    assert not (tmp_path / "best.yaml").exists()


def test_a_full_disk_ends_the_search_and_no_trial(
    config, fake_networks, fake_training, monkeypatch, tmp_path
):
    train = trial.train

    def no_space(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device", "blends.npz")

    monkeypatch.setattr(trial, "train", no_space)
    with pytest.raises(OSError, match=r"No space.*blends\.npz"):
        search(config, tmp_path, hypermodel=fake_networks)
    monkeypatch.setattr(trial, "train", train)
    search(config, tmp_path, resume=True, hypermodel=fake_networks)
    assert [row["state"] for row in table(tmp_path)] == ["completed"] * 3


def test_a_disk_that_fills_before_a_trial_ends_the_search_and_no_trial(
    config, fake_networks, fake_training, monkeypatch, tmp_path
):
    config = config.replace(oracle="hyperband", max_trials=13, steps_per_trial=9)
    with monkeypatch.context() as patched:

        def no_space(source, target):
            raise shutil.Error([(source, target, "[Errno 28] No space left on device")])

        patched.setattr(trial.shutil, "copytree", no_space)
        with pytest.raises(OSError, match="No space"):
            search(config, tmp_path, hypermodel=fake_networks)
    search(config, tmp_path, resume=True, hypermodel=fake_networks)
    assert [row["state"] for row in table(tmp_path)] == ["completed"] * 13


def test_data_that_are_gone_end_the_search_and_no_trial(
    config, fake_networks, fake_training, monkeypatch, tmp_path
):
    train, found = trial.train, trial.open_split

    def unmounted(*arguments, **options):
        raise ValueError("`data` must hold a readable image. Received: none")

    def fail(*arguments, **options):
        monkeypatch.setattr(trial, "open_split", unmounted)
        raise RuntimeError("InvalidArgumentError")  # of TensorFlow

    monkeypatch.setattr(trial, "train", fail)
    with pytest.raises(OSError, match="must hold a readable image"):
        search(config, tmp_path, hypermodel=fake_networks)
    monkeypatch.setattr(trial, "train", train)
    monkeypatch.setattr(trial, "open_split", found)
    search(config, tmp_path, resume=True, hypermodel=fake_networks)
    assert [row["state"] for row in table(tmp_path)] == ["completed"] * 3


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ChildProcessError("a process that made blends has died"),
    ],
)
def test_a_lack_of_memory_is_a_failed_trial(
    failure, config, fake_networks, fake_training, monkeypatch, tmp_path
):
    train, failures = trial.train, iter([failure])

    def fail_once(*arguments, **options):
        for failure in failures:
            raise failure
        return train(*arguments, **options)

    monkeypatch.setattr(trial, "train", fail_once)
    search(config, tmp_path, hypermodel=fake_networks)
    assert [row["state"] for row in table(tmp_path)] == ["failed", "completed", "completed"]
