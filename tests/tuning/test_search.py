import csv
import itertools
import math
import os
import signal
from types import SimpleNamespace

import keras
import pytest

from kdeblend.io.locks import FolderInUseError
from kdeblend.training.config import preset_config, read_config
from kdeblend.tuning import trial
from kdeblend.tuning.config import search_base
from kdeblend.tuning.results import write_table
from kdeblend.tuning.run import SearchFailedError, search
from kdeblend.tuning.space import SearchSpace

HYPERPARAMETERS = ("trial", "M", "N", "depth", "head", "psnr", "state")


def table(out):
    with (out / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def outcome(out):
    """Return what must be the same each time: all of the table but the times."""
    return [{name: row.get(name) for name in HYPERPARAMETERS} for row in table(out)]


@pytest.mark.backend
def test_a_search_trains_and_goes_on_where_it_was_interrupted(config, tmp_path):
    fixed = {"filters": 2, "M": 0, "N": 0, "depth": 0, "stamp_size": 12}
    config = config.replace(fixed=fixed, searched=("head",), max_trials=1)
    steps = []

    def interrupt(record):
        steps.append(record.step)
        if record.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    stopped = search(config, tmp_path / "parts", progress=interrupt)
    assert stopped.stopped_by == "SIGINT"
    assert stopped.best is None
    assert steps[-1] == 2
    steps.clear()
    result = search(
        config, tmp_path / "parts", resume=True, progress=lambda record: steps.append(record.step)
    )
    assert result.stopped_by is None
    assert set(steps) == {2, 3}
    search(config, tmp_path / "whole")
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")
    (row,) = table(tmp_path / "whole")
    assert float(row["ms"]) > 0
    assert float(row["seconds"]) > 0

    values = read_config(tmp_path / "parts" / "best.yaml")
    best = preset_config(values["preset"]).replace(**values)
    assert best.generator_options["head"] == result.best.values["head"]
    assert (best.steps, best.stamp_size) == (preset_config("quick").steps, 12)
    generator = keras.saving.load_model(tmp_path / "parts" / "best.keras", compile=False)
    assert generator.count_params() == int(row["parameters"])


def test_the_same_seed_gives_the_same_trials(config, fake_networks, fake_training, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        search(config.replace(seed=seed), tmp_path / name, hypermodel=fake_networks)
    assert outcome(tmp_path / "a") == outcome(tmp_path / "b")
    assert outcome(tmp_path / "a") != outcome(tmp_path / "c")


class Killed(BaseException):
    """Ends everything, as a kill does; nothing that the code does afterwards is written."""


def test_killed_at_any_moment_it_goes_on(
    config, fake_networks, fake_training, tmp_path, monkeypatch
):
    """The process is killed before each file that it writes, in turn."""
    config = config.replace(max_trials=2, steps_per_trial=2)
    monkeypatch.setattr("kdeblend.tuning.run.write_results", lambda f, c: write_table(f))
    search(config, tmp_path / "whole", hypermodel=fake_networks)
    all_steps = list(fake_training)
    replace = type(tmp_path).replace
    left = math.inf

    def replace_or_die(path, target):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return replace(path, target)

    monkeypatch.setattr(type(tmp_path), "replace", replace_or_die)
    for writes in itertools.count():
        fake_training.clear()
        out = tmp_path / f"killed-{writes}"
        left = writes
        try:
            search(config, out, hypermodel=fake_networks)
            break
        except Killed:
            left = math.inf
        search(config, out, resume=True, hypermodel=fake_networks)
        assert outcome(out) == outcome(tmp_path / "whole"), writes
        assert fake_training == all_steps, writes
    assert writes > 15


def test_a_trial_that_keeps_killing_its_process_fails(config, fake_networks, monkeypatch, tmp_path):
    def die(*arguments, **options):
        raise Killed

    config = config.replace(max_trials=1)
    monkeypatch.setattr("kdeblend.tuning.trial.train", die)
    for _ in range(3):
        with pytest.raises(Killed):
            search(config, tmp_path, resume=True, hypermodel=fake_networks)
    with pytest.raises(SearchFailedError, match="1 x failed: The process died 3 times"):
        search(config, tmp_path, resume=True, hypermodel=fake_networks)


def test_limits_make_trials_infeasible_before_they_train(
    config, fake_networks, fake_training, monkeypatch, tmp_path
):
    monkeypatch.setattr(
        "kdeblend.tuning.trial.milliseconds_a_stamp", lambda g, c, b: g.count_params() / 1000
    )
    config = config.replace(max_trials=12, max_ms=9.0, max_parameters=13_000)
    search(config, tmp_path, hypermodel=fake_networks)
    for row in table(tmp_path):
        blocks = int(row["M"])
        assert row["state"] == ("completed" if blocks <= 9 else "infeasible")
        limit = "" if blocks <= 9 else "ms a stamp are more than 9"
        limit = "parameters are more than 13,000" if blocks > 13 else limit
        assert limit in row["reason"]
    assert len({row["state"] for row in table(tmp_path)}) == 2
    trained = {str(trial) for trial, _ in fake_training}
    assert trained == {row["trial"] for row in table(tmp_path) if row["state"] == "completed"}


def test_a_time_that_other_work_disturbed_does_not_count(
    config, fake_networks, fake_training, monkeypatch, tmp_path
):
    times = iter([800.0, 20.0, 20.0, 900.0])
    monkeypatch.setattr("kdeblend.tuning.trial.milliseconds_a_stamp", lambda g, c, b: next(times))
    search(config.replace(max_trials=2), tmp_path, hypermodel=fake_networks)
    assert [float(row["ms"]) for row in table(tmp_path)] == [20, 20]


def test_a_trial_that_another_process_trains_is_waited_for(
    config, fake_networks, fake_training, monkeypatch, tmp_path
):
    train, busy, reasons = trial.train, iter([True, True]), []

    def train_later(*arguments, **options):
        if next(busy, False):
            raise FolderInUseError("in use")
        return train(*arguments, **options)

    monkeypatch.setattr(trial, "train", train_later)
    monkeypatch.setattr(trial, "WAIT_SECONDS", 0.01)
    result = search(
        config, tmp_path, hypermodel=fake_networks,
        progress=lambda record: reasons.append(record.reason),
    )  # fmt: skip
    assert [row["state"] for row in table(tmp_path)] == ["completed"] * 3
    assert reasons.count("in use") == 2
    assert {record.reason for record in result.records} == {""}


def test_every_generator_is_timed_where_it_was_built(
    config, fake_networks, fake_training, monkeypatch, tmp_path
):
    """TensorFlow can not trace it for the first time in another distribution."""
    timed = []

    def measure(generator, config, bands):
        timed.append(id(generator))
        return 1.0

    monkeypatch.setattr("kdeblend.tuning.trial.milliseconds_a_stamp", measure)
    config = config.replace(max_trials=1, executions_per_trial=2)
    kept = []

    class Kept(fake_networks):
        def build_networks(self, config, bands):
            kept.append(super().build_networks(config, bands))
            return kept[-1]

    search(config, tmp_path, hypermodel=Kept)
    built = [id(gan.averaged_generator) for gan in kept]
    assert timed == [built[0], built[0], built[1], built[1]]


def test_the_seed_of_the_search_is_that_of_the_best(config, fake_networks, fake_training, tmp_path):
    search(config.replace(seed=5), tmp_path, hypermodel=fake_networks)
    assert read_config(tmp_path / "best.yaml")["seed"] == 5


def test_executions_are_averaged(config, fake_networks, fake_training, tmp_path):
    result = search(config.replace(executions_per_trial=3), tmp_path, hypermodel=fake_networks)
    for record in result.records:
        values = record.values
        first = 20 + values["root_blocks"] - 0.1 * values["branch_blocks"]
        assert record.psnr == pytest.approx(first + 1)  # seeds 0, 1 and 2
        assert record.step == record.steps == 9


def test_hyperband_goes_on_from_shorter_trials(config, fake_networks, fake_training, tmp_path):
    config = config.replace(oracle="hyperband", max_trials=13, steps_per_trial=9)
    result = search(config, tmp_path, hypermodel=fake_networks)
    assert [record.steps for record in result.records] == [1] * 9 + [3] * 3 + [9]
    assert [step for trial, step in fake_training if trial == 13] == list(range(4, 10))


def test_a_time_budget_stops_within_a_trial_and_is_resumed(
    config, fake_networks, fake_training, tmp_path, monkeypatch
):
    clock = iter(range(1000))
    for module, now in (("trial", lambda: next(clock)), ("run", lambda: 0)):
        monkeypatch.setattr(f"kdeblend.tuning.{module}.time", SimpleNamespace(monotonic=now))
    stopped = search(config, tmp_path, hypermodel=fake_networks, time_budget=6)
    assert stopped.stopped_by == "the time budget"
    assert fake_training == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    assert stopped.best.number == 1
    search(config, tmp_path, resume=True, hypermodel=fake_networks)
    assert fake_training[5:] == [(2, 3), (3, 1), (3, 2), (3, 3)]


def test_mistakes_leave_nothing_behind(config, tmp_path):
    out = tmp_path / "out"
    for changes in ({"data": ["/no/such/folder"]}, {"devices": ["gpu:7"]}):
        training = config.training.replace(**changes)
        with pytest.raises((OSError, ValueError), match=r"/no/such/folder|gpu:7"):
            search(config.replace(training=training), out)
    with pytest.raises(ValueError, match="HOST:PORT"):
        search(config, out, chief="here")
    with pytest.raises(ValueError, match="visibel"):
        search(config.replace(fixed={"head": "visibel"}), out, chief="127.0.0.1:1")
    assert not out.exists()


def test_middle_of_the_space_is_inside(config):
    space = SearchSpace(search_base("paper"), ("generator", "filters", "learning_rate"))
    middle = space.middle()
    assert (middle["root_blocks"], middle["branch_blocks"]) == (9, 4)
    assert middle["discriminator_blocks"] == 4
    assert space.apply(middle).generator == "resnet"
