"""Trainings that end with the same weights: of one seed, resumed, killed, on two devices."""

import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from kdeblend.training.checkpoint import list_checkpoints, step_of
from kdeblend.training.train import train


def arrays(run):
    with np.load(list_checkpoints(run / "checkpoints")[-1]) as archive:
        return {name: archive[name] for name in archive.files if name != "extra"}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.fixture
def muon_config(config):
    """The same with convolutions that are large enough for Muon; biases are Adam's all the same."""
    options = config.generator_options | {"widths": [16, 16]}
    config = config.replace(optimizer="muon", generator_options=options)
    return config.replace(discriminator_blocks=1, discriminator_filters=16)


@pytest.mark.backend
@pytest.mark.parametrize("kind", ["gan_config", "muon_config"])
def test_stopped_and_resumed_equals_never_stopped(kind, request, tmp_path):
    config = request.getfixturevalue(kind)
    train(config, tmp_path / "whole", progress=False)
    train(config.replace(steps=4), tmp_path / "parts", progress=False)
    result = train(config, tmp_path / "parts", resume=True, progress=False)
    assert result.step == 6
    assert_same(arrays(tmp_path / "whole"), arrays(tmp_path / "parts"))


def test_same_seed_gives_same_weights_and_another_does_not(config, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(config.replace(seed=seed, steps=2), tmp_path / name, progress=False)
    assert_same(arrays(tmp_path / "a"), arrays(tmp_path / "b"))
    a, c = arrays(tmp_path / "a"), arrays(tmp_path / "c")
    assert not np.array_equal(a["generator/0000"], c["generator/0000"])


@pytest.mark.backend
def test_processes_that_make_blends_change_nothing(config, tmp_path):
    for name, processes in (("threads", False), ("processes", True)):
        train(config.replace(multiprocessing=processes), tmp_path / name, progress=False)
    assert_same(arrays(tmp_path / "threads"), arrays(tmp_path / "processes"))


def test_resuming_a_finished_run_changes_nothing(config, tmp_path):
    first = train(config, tmp_path / "run", progress=False)
    before = arrays(tmp_path / "run")
    again = train(config, tmp_path / "run", resume=True, progress=False)
    assert again == first
    assert_same(arrays(tmp_path / "run"), before)


KILLED = """
import sys
from kdeblend.training.folder import RunFolder
from kdeblend.training.train import train
run = RunFolder(sys.argv[1])
train(run.read_config().replace(steps=100_000), sys.argv[1], resume=True, progress=False)
"""


def test_killed_run_goes_on_from_its_last_checkpoint(config, tmp_path):
    run = tmp_path / "run"
    train(config.replace(steps=2), run, progress=False)
    process = subprocess.Popen([sys.executable, "-P", "-c", KILLED, str(run)])
    try:
        deadline = time.monotonic() + 120
        while list_checkpoints(run / "checkpoints")[-1].name < "step-00000008.npz":
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    last = step_of(list_checkpoints(run / "checkpoints")[-1])
    result = train(config.replace(steps=last + 3), run, resume=True, progress=False)
    assert result.step == last + 3
    steps = [int(row.split(",")[0]) for row in (run / "log.csv").read_text().splitlines()[1:]]
    assert steps == list(range(1, last + 4))
    train(config.replace(steps=last + 3), tmp_path / "whole", progress=False)
    assert_same(arrays(run), arrays(tmp_path / "whole"))


DEVICES = """
import sys
from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.folder import RunFolder
from kdeblend.training.train import train

class Copies(StepCallback):
    def on_step(self, step, logs):
        weight = self.model.generator.variables[0].value
        copies = getattr(weight, "values", None) or weight.sharding.device_set
        print(len(copies), "copies of the weights")

run = RunFolder(sys.argv[1])
config = run.read_config().replace(devices=sys.argv[3].split(","))
train(config, sys.argv[2], progress=False, callbacks=[Copies()])
"""


@pytest.mark.backend
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch trains on one device")
def test_two_devices_learn_what_one_does(muon_config, tmp_path):
    config = muon_config.replace(steps=3, discriminator_blocks=0, deterministic=False, batch_size=4)
    train(config, tmp_path / "one", progress=False)
    two = tmp_path / "two"
    command = [sys.executable, "-P", "-c", DEVICES, str(tmp_path / "one"), str(two), "cpu:0,cpu:1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.count("2 copies of the weights") == 3
    one, two = arrays(tmp_path / "one"), arrays(two)
    for name in one:
        if name.startswith(("generator", "averaged")):
            np.testing.assert_allclose(two[name], one[name], atol=2e-4, err_msg=name)
