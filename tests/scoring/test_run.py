"""Whole scorings into a folder: stopped, resumed, on several processes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.deblenders.sources import SourcesDeblender
from kdeblend.metrics import METRICS
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import Examples, ScoringRun
from kdeblend.scoring.score import score

FEW = {name: METRICS[name] for name in ("psnr", "psnr_hidden", "segmentation_iou")}
pytestmark = pytest.mark.usefixtures("no_report")


class Halves(SourcesDeblender):
    """Cuts blends down the middle; is stopped after a number of blends."""

    name = "halves"

    def __init__(self, patience=10**6):
        self.patience = patience

    def sources(self, blend):
        self.patience -= 1
        if self.patience < 0:
            raise KeyboardInterrupt
        if blend[0, 0, 0] > 0.9:
            raise RuntimeError("dazzled")
        left, right = blend.copy(), blend.copy()
        left[:, 10:], right[:, :10] = 0, 0
        return np.stack([left, right])


def read(folder):
    return json.loads((folder / "summary.json").read_text())


def table(folder):
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def without_times(summary):
    return {
        key: value for key, value in summary.items() if key not in ("milliseconds", "processes")
    }


def test_stopped_and_resumed_is_the_same_as_never_stopped(file, tmp_path):
    blends = ReadBlends(file)

    def run(folder, deblender, progress=None):
        deblenders = [IdentityDeblender(), deblender]
        scoring = ScoringRun(deblenders, blends, tmp_path / folder, resume=True, metrics=FEW)
        return scoring.finish(progress)

    whole = run("whole", Halves())
    for patience in (20, 11):
        with pytest.raises(KeyboardInterrupt):
            run("out", Halves(patience))
    done, last = [], Halves()
    run("out", last, done.append)
    assert sum(done) == 3 * 40
    assert last.patience > 10**6 - 40  # not all of it again
    assert without_times(read(tmp_path / "out")) == without_times(whole)
    rows, expected = table(tmp_path / "out"), table(tmp_path / "whole")
    assert set(FEW) < expected[0].keys()
    for row in (*rows, *expected):
        del row["milliseconds"]
    assert rows == expected


def test_the_folder_of_a_training_run_is_refused(file, tmp_path):
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ValueError, match="which holds a training run"):
        ScoringRun([IdentityDeblender()], ReadBlends(file, 3), tmp_path)


def test_another_scoring_in_the_same_folder_is_refused(file, tmp_path):
    ScoringRun([IdentityDeblender()], ReadBlends(file, 3), tmp_path).finish()
    with pytest.raises(ValueError, match=r"blends\.blends 4 instead of 3"):
        ScoringRun([IdentityDeblender()], ReadBlends(file, 4), tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"deblenders\.halves"):
        ScoringRun([Halves()], ReadBlends(file, 3), tmp_path, resume=True)
    with pytest.raises(ValueError, match="--resume"):
        ScoringRun([IdentityDeblender()], ReadBlends(file, 3), tmp_path)
    before = (tmp_path / "scores.csv").read_text()
    ScoringRun([IdentityDeblender()], ReadBlends(file, 3), tmp_path, resume=True).finish()
    assert (tmp_path / "scores.csv").read_text() == before


def test_several_processes_give_the_same(file, tmp_path):
    blends = ReadBlends(file, 36)
    parallel = IdentityDeblender()
    parallel.name, parallel.parallel = "elsewhere", True
    deblenders = [IdentityDeblender(), parallel]
    alone = score(deblenders, blends, FEW)
    together = score(deblenders, blends, FEW, processes=2)
    for name, by_metric in alone.values.items():
        for metric, values in by_metric.items():
            np.testing.assert_array_equal(together.values[name][metric], values)
    for name, values in alone.properties.items():
        np.testing.assert_array_equal(together.properties[name], values)
    assert np.isfinite(together.milliseconds["elsewhere"]).all()


class Deadly:
    """A metric that ends the process that unpickles it."""

    def __call__(self, truth, prediction, valid=None):
        return 0.0

    def __reduce__(self):
        return os._exit, (1,)


def test_a_process_that_dies_is_said(file):
    with pytest.raises(ChildProcessError, match="fewer processes"):
        score([IdentityDeblender()], ReadBlends(file, 3), {"deadly": Deadly()}, processes=2)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_processes_end_when_the_main_one_is_killed(is_running):
    code = """
import multiprocessing, os, signal
from kdeblend.scoring.workers import _Pool
if __name__ == "__main__":
    pool = _Pool(2, [], {}, None)
    pool._executor.submit(abs, -1).result()
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    main = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert main.returncode == -signal.SIGKILL, main.stderr
    workers = main.stdout.split()
    assert workers
    end = time.monotonic() + 60
    while any(map(is_running, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


def test_failures_are_counted(file, tmp_path):
    blends = ReadBlends(file, 3)
    chunk = blends.take(range(3))
    chunk.blend[1, 0, 0, 0] = 1
    np.savez(tmp_path / "dazzling.npz", blend=chunk.blend, truth=chunk.truth)
    dazzling = ReadBlends(tmp_path / "dazzling.npz")
    summary = ScoringRun([Halves()], dazzling, tmp_path / "out").finish()
    assert summary["failures"] == {"halves": {"count": 1, "messages": {"RuntimeError: dazzled": 1}}}
    assert summary["deblenders"]["halves"]["psnr"]["n"] == 4
    rows = [(row["failure"], row["psnr"] == "") for row in table(tmp_path / "out")]
    assert rows == [("", False)] * 2 + [("RuntimeError: dazzled", True)] * 2 + [("", False)] * 2
    assert summary["batch_size"] == {"halves": 1}
    assert summary["settings"] == {"halves": Halves().settings()}


def test_examples_are_what_was_scored(file):
    blends = ReadBlends(file)
    deblenders = [IdentityDeblender(), Halves()]
    examples = Examples(deblenders, blends)
    numbers = [36, 3]
    chunk, layers = examples("identity", numbers)
    expected = blends.take(numbers)
    np.testing.assert_array_equal(chunk.truth, expected.truth)
    np.testing.assert_array_equal(layers[:, 1], expected.blend)
    np.testing.assert_array_equal(examples("friend", numbers)[1], expected.predictions["friend"])
    values = score(deblenders, blends, {"psnr": METRICS["psnr"]}).values["halves"]["psnr"]
    _, layers = examples("halves", numbers)
    for row, number in enumerate(numbers):
        error = np.square(layers[row] - expected.truth[row]).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(values[number], -10 * np.log10(error), rtol=1e-5)


def test_memory_does_not_grow_with_the_number_of_blends(images, tmp_path):
    truth = np.repeat(images(8), 64, axis=0)
    np.savez(tmp_path / "many.npz", blend=truth.max(axis=1), truth=truth)
    peaks = []
    for count in (64, 512):
        blends = ReadBlends(tmp_path / "many.npz", count)
        tracemalloc.start()
        try:
            score([IdentityDeblender()], blends, {"mine": lambda truth, found, valid: 1.0})
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1e5


def test_processes_must_be_positive(file, tmp_path):
    with pytest.raises(ValueError, match="processes=0"):
        ScoringRun([IdentityDeblender()], ReadBlends(file, 3), tmp_path, processes=0)


@pytest.mark.parametrize("value", [float("nan"), np.float32(1)])
def test_settings_that_json_cannot_hold_are_refused(value, file, tmp_path, monkeypatch):
    monkeypatch.setattr(IdentityDeblender, "settings", lambda self: {"gain": value})
    with pytest.raises(ValueError, match="settings of identity"):
        ScoringRun([IdentityDeblender()], ReadBlends(file, 3), tmp_path)


def test_deblender_settings_name_the_class():
    assert IdentityDeblender().settings() != Halves().settings()
