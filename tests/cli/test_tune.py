import io
import re
import signal
from types import SimpleNamespace

import keras
import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console

from kdeblend.cli.main import main
from kdeblend.cli.trial_table import TrialTable
from kdeblend.training.train import TrainingResult
from kdeblend.tuning import estimate
from kdeblend.tuning.config import SearchConfig, read_search_config, search_base
from kdeblend.tuning.folder import SearchFolder
from kdeblend.tuning.record import TrialRecord
from kdeblend.tuning.run import SearchResult

RECORD = TrialRecord(
    3, {"root_blocks": 5, "branch_blocks": 2, "discriminator_blocks": 7}, "completed", "", 24.5,
    12_345, 6.7, 89.0, 40, 40,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _determinism_ends_with_the_test():
    """TensorFlow keeps it until the process ends, and other tests use XLA, which it rules out."""
    yield
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.framework import config

        config.disable_op_determinism()


def invoke(*arguments):
    return CliRunner().invoke(main, ["tune", *map(str, arguments)])


@pytest.fixture
def calls(monkeypatch):
    """Searches that the command has asked for, none of which is done."""
    calls = []
    result = SearchResult([RECORD], RECORD, None)

    def search(config, out, progress, **options):
        calls.append((config, options))
        SearchFolder(out).start(config, options["resume"])
        progress(RECORD)
        return result

    monkeypatch.setattr("kdeblend.tuning.run.search", search)
    monkeypatch.setattr(estimate, "measure_pace", lambda config: estimate.Pace(20.0, 0.25))
    return calls


def test_options_become_settings(calls, tmp_path):
    result = invoke(
        "--data", tmp_path, "--out", tmp_path / "out", "--max-trials", 7, "--steps-per-trial", 50,
        "--executions-per-trial", 2, "--oracle", "random", "--search", "head", "--search",
        "filters", "--fix", "M=4", "--fix", "learning_rate=1e-3", "--max-ms", 5, "--max-params",
        1000, "--time-budget", "90m", "--seed", 3, "--mixed-precision",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    ((config, options),) = calls
    training = search_base("quick").replace(data=[str(tmp_path)], mixed_precision=True)
    fixed = {"root_blocks": 4, "learning_rate": "1e-3"}
    assert config == SearchConfig(
        training, "random", 7, 50, 2, ("head", "filters"), fixed, 5.0, 1000, 3
    )
    assert config.space().base.learning_rate == 1e-3
    assert options == {"resume": False, "chief": None, "time_budget": 5400.0}


def test_what_it_runs_on_and_how_long_it_takes_is_said_before(calls, tmp_path):
    result = invoke("--out", tmp_path / "out", "--max-trials", 9, "--steps-per-trial", 400)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "M, N, depth (bayesian, preset quick, 9 trials of 400 steps)" in lines[0]
    assert re.search(r"Keras \S+ on \w+, .*CPU cores, no GPU, float32", result.output)
    middle = "(M 9, N 4, depth 4) a training takes 20 s to begin and 0.25 s a step"
    assert f"{middle}: about 18 min for the trials still to come, 9 of 9." in result.output
    assert result.output.index("no GPU") < result.output.index("trial    M")


def test_the_best_is_shown_with_the_command_that_trains_it(calls, tmp_path):
    out = tmp_path / "out"
    result = invoke("--out", out)
    expected = "trial 3 (M 5, N 2, depth 7), 24.50 dB, 12,345 parameters, 6.7 ms a stamp."
    expected = expected.replace("6.7 ms", f"{RECORD.ms:.3g} ms")
    assert expected in result.output
    assert f"kdeblend train --config {out}/best.yaml --out run" in result.output


def test_resume_needs_only_the_folder(calls, tmp_path):
    out = tmp_path / "out"
    assert invoke("--out", out, "--fix", "M=4", "--seed", 2).exit_code == 0
    result = invoke("--out", out, "--resume", "--max-trials", 30)
    assert result.exit_code == 0, result.output
    assert calls[1][0] == calls[0][0].replace(max_trials=30)
    assert read_search_config(out / "search.yaml").max_trials == 30
    assert invoke("--out", out, "--resume", "--fix", "workers=3").exit_code == 0
    assert read_search_config(out / "search.yaml").fixed == {"root_blocks": 4, "workers": 3}
    result = invoke("--out", out, "--resume", "--fix", "N=3")
    assert "Received: other ['branch_blocks']" in result.output
    result = invoke("--out", out)
    assert result.exit_code == 1
    assert "--resume" in result.output
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("stopped_by", "best", "code"),
    [("SIGINT", RECORD, 130), ("SIGTERM", None, 143), ("the time budget", RECORD, 0),
     ("the time budget", None, 1)],
)  # fmt: skip
def test_how_to_go_on_is_said(calls, tmp_path, monkeypatch, stopped_by, best, code):
    stopped = SearchResult([RECORD], best, stopped_by)
    monkeypatch.setattr("kdeblend.tuning.run.search", lambda *a, **k: stopped)
    out = tmp_path / "out"
    result = invoke("--out", out, "--chief", "127.0.0.1:9000")
    assert result.exit_code == code, result.output
    command = f"kdeblend tune --out {out} --resume --chief 127.0.0.1:9000"
    assert f"Stopped by {stopped_by}; go on with: {command}" in result.output


def test_a_chief_says_how_workers_join(calls, tmp_path):
    result = invoke("--out", tmp_path / "out", "--chief", "--max-trials", 3)
    assert calls[0][1]["chief"] == "127.0.0.1:8787"
    command = f"kdeblend tune --out {tmp_path / 'out'} --worker 127.0.0.1:8787"
    assert command in result.output
    assert "middle of the search space" not in result.output


def test_a_worker_joins_its_chief(tmp_path, monkeypatch):
    searches = []

    def join_search(out, address, time_budget, progress, joined):
        joined(SearchConfig())
        searches.append((out, address, time_budget))

    monkeypatch.setattr("kdeblend.tuning.run.join_search", join_search)
    result = invoke("--out", "tuned", "--worker", "host:80", "--time-budget", "2h")
    assert result.exit_code == 0, result.output
    assert searches == [("tuned", "host:80", 7200.0)]
    assert f"Keras {keras.__version__} on" in result.output


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--fix", "depth=9"], 1, "at most 8 for stamps of 80 pixels"),
        (["--fix", "speed=3"], 1, "Received: ['speed']"),
        (["--fix", "depth"], 2, "NAME=VALUE"),
        (["--fix", "M="], 2, "must be NAME=VALUE"),
        (["--fix", "M=4", "--fix", "root_blocks=6"], 2, "one value"),
        (["--fix", "seed=7"], 1, "Received: ['seed']"),
        (["--oracle", "hyperband", "--fix", "M=4", "--fix", "N=2"], 1, "hyperband, 8 networks"),
        (["--search", "depth"], 2, "'depth' is not one of"),
        (["--time-budget", "2"], 2, "must be such as 90s, 30m, 8h or 2d"),
        (["--max-trials", "0"], 1, "`max_trials` must be positive"),
        (["--oracle", "grid"], 2, "'grid' is not one of"),
        (["--data", "/no/such/folder"], 1, "/no/such/folder"),
        (["--worker", "host:80", "--seed", "3"], 2, "--worker takes all settings"),
        (["--worker", "host"], 1, "must be HOST:PORT"),
        (["--devices", "gpu:7"], 1, "Received: ['gpu:7']"),
    ],
)
def test_mistakes_are_explained(tmp_path, options, code, message):
    result = invoke("--out", tmp_path / "out", *options)
    assert result.exit_code == code, result.output
    assert message in result.output.replace("\n", " ").replace("  ", " ")
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_trials_are_lines_where_there_is_no_terminal():
    console = Console(file=io.StringIO(), width=60)
    failed = TrialRecord(4, RECORD.values, "failed", "out of memory: 12 GiB")
    with TrialTable(20, console) as table:
        table.show(TrialRecord(3, RECORD.values, "running"))
        for record in (RECORD, RECORD, failed):
            table.show(record)
    header, first, second = console.file.getvalue().splitlines()
    assert header.split() == [
        "trial", "M", "N", "depth", "PSNR", "parameters", "seconds", "ms", "state",
    ]  # fmt: skip
    assert first.split() == ["3", "5", "2", "7", "24.50", "12,345", "89", "6.70", "completed"]
    assert second.split()[4:] == [*"----", "failed:", "out", "of", "memory:", "12", "GiB"]


def test_a_terminal_shows_the_running_trial():
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with TrialTable(20, console) as table:
        table.show(TrialRecord(1, {**RECORD.values, "head": "direct"}, step=7, steps=40))
    shown = console.file.getvalue()
    assert "Trials, 1 of 20" in shown
    assert "training, step 7 of 40  head=direct" in shown


def test_a_search_begins_though_its_middle_does_not_fit(calls, monkeypatch, tmp_path):
    def measure_pace(config):
        raise MemoryError("12 GiB")

    monkeypatch.setattr(estimate, "measure_pace", measure_pace)
    result = invoke("--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "is not known: out of memory: 12 GiB" in result.output
    assert len(calls) == 1


def test_a_resumed_search_shows_its_earlier_trials(tmp_path):
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with TrialTable(20, console, earlier=[RECORD]) as table:
        table.show(TrialRecord(4, RECORD.values, step=7, steps=40))
    assert "Trials, 2 of 20" in console.file.getvalue()


def test_the_pace_is_measured_by_training(monkeypatch):
    configs, stopped_by = [], None
    clock = iter([0.0, 7.0, 7.5, 7.75, 90.0] * 2)

    def train(config, out, callbacks, **options):
        configs.append(config)
        for step in range(1, 5):
            callbacks[0].on_step(step, {})
        return TrainingResult(4, None, 20.0, stopped_by)

    monkeypatch.setattr(estimate, "train", train)
    monkeypatch.setattr(estimate, "free_memory", lambda: None)
    monkeypatch.setattr(estimate, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    base = search_base("paper").replace(steps_per_execution=10)
    config = SearchConfig(base, "hyperband", max_trials=10, steps_per_trial=100)
    pace = estimate.measure_pace(config)
    assert pace == estimate.Pace(start=6.75, step=0.25)
    assert (configs[0].generator_options["root_blocks"], configs[0].burn_in) == (9, 0)
    assert configs[0].steps_per_execution == 1
    assert pace.search_seconds(config.replace(oracle="random"), done=4) == 6 * (6.75 + 25)
    assert pace.search_seconds(config) == pytest.approx(10 * (6.75 + 0.36 * 25))
    stopped_by = signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        estimate.measure_pace(config)


def test_settings_are_readable(calls, tmp_path):
    invoke("--out", tmp_path / "out", "--preset", "paper", "--fix", "depth=3")
    settings = yaml.safe_load((tmp_path / "out" / "search.yaml").read_text())
    assert settings["fixed"] == {"discriminator_blocks": 3}
    assert settings["training"]["preset"] == "paper"
