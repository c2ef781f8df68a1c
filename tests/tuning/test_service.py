import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import keras
import pytest
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_client import OracleClient

from kdeblend.tuning import service
from kdeblend.tuning.folder import SearchFolder
from kdeblend.tuning.hypermodel import DeblendingHyperModel
from kdeblend.tuning.oracles import OBJECTIVE, make_oracle
from kdeblend.tuning.record import read_record, read_records
from kdeblend.tuning.run import search
from kdeblend.tuning.service import ChiefServicer, split_address, tuner_environment
from kdeblend.tuning.trial import TrialRunner
from kdeblend.tuning.worker import WorkerTuner, wait_for_chief

MESSAGES = protos.get_service()


class Chief:
    """A chief that is called without a network, at times that a test sets."""

    def __init__(self, config, path, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.folder = SearchFolder(path)
        self.folder.start(config, resume=True)
        oracle = make_oracle(config, self.folder.oracle)
        hp = oracle.get_space()
        DeblendingHyperModel(config).configure(hp)
        oracle.update_space(hp)
        self.servicer = ChiefServicer(oracle, self.folder)

    def ask(self, worker):
        request = MESSAGES.CreateTrialRequest(tuner_id=worker)
        return Trial.from_proto(self.servicer.CreateTrial(request, None).trial)

    def beat(self, worker, trial, alive=True):
        metrics = {service.HEARTBEAT + worker: float(alive)}
        request = MESSAGES.UpdateTrialRequest(trial_id=trial.trial_id, metrics=metrics)
        answer = Trial.from_proto(self.servicer.UpdateTrial(request, None).trial)
        return answer.status == TrialStatus.RUNNING

    def end(self, trial, score=20.0):
        metrics = {OBJECTIVE: score}
        request = MESSAGES.UpdateTrialRequest(trial_id=trial.trial_id, metrics=metrics)
        self.servicer.UpdateTrial(request, None)
        trial.status = TrialStatus.COMPLETED
        self.servicer.EndTrial(MESSAGES.EndTrialRequest(trial=trial.to_proto()), None)

    def wait(self, seconds):
        self.now += seconds
        self.servicer.lose_silent_workers()


@pytest.fixture
def chief(config, tmp_path, monkeypatch):
    return Chief(config.replace(max_trials=2), tmp_path, monkeypatch)


def test_the_trial_of_a_silent_worker_goes_to_another(chief):
    first, second = chief.ask("one"), chief.ask("two")
    chief.wait(service.LOST_SECONDS)
    assert chief.beat("two", second)
    chief.wait(1)
    record = read_record(chief.folder.trial(first.trial_id))
    assert (record.state, record.reason) == ("waiting", "worker one is gone")
    chief.end(second)
    assert chief.ask("two").trial_id == first.trial_id
    assert not chief.beat("one", first)
    chief.end(first)
    assert chief.ask("two").status == TrialStatus.STOPPED
    assert not chief.servicer.done()  # the first lives and is yet to be told
    assert chief.ask("one").status == TrialStatus.STOPPED
    assert chief.servicer.done()


def test_a_worker_that_was_only_slow_keeps_its_trial(chief):
    trial = chief.ask("one")
    chief.wait(service.LOST_SECONDS + 1)
    assert chief.beat("one", trial)
    assert chief.ask("two").trial_id != trial.trial_id


def test_what_a_worker_ends_after_it_was_thought_lost_counts(chief):
    trial = chief.ask("one")
    chief.wait(service.LOST_SECONDS + 1)
    chief.end(trial, 21.0)
    chief.end(trial, 29.0)
    assert chief.servicer.oracle.trials[trial.trial_id].score == 21.0
    assert chief.ask("one").trial_id != trial.trial_id


def test_a_worker_that_gives_up_gives_its_trial_back_at_once(chief):
    trial = chief.ask("one")
    assert not chief.beat("one", trial, alive=False)
    assert chief.ask("two").trial_id == trial.trial_id


def test_workers_wait_while_others_train_and_leave_at_the_end(chief):
    first, second = chief.ask("one"), chief.ask("two")
    chief.end(first)
    assert chief.ask("one").status == TrialStatus.IDLE
    assert not chief.servicer.done()
    chief.end(second)
    assert chief.ask("one").status == TrialStatus.STOPPED
    assert not chief.servicer.done()
    assert chief.ask("two").status == TrialStatus.STOPPED
    assert chief.servicer.done()


def test_a_chief_that_closes_tells_its_workers(chief):
    trial = chief.ask("one")
    chief.servicer.closing = True
    assert not chief.beat("one", trial)
    assert not chief.servicer.done()
    assert chief.ask("one").status == TrialStatus.STOPPED
    assert chief.servicer.done()
    assert chief.servicer.oracle.unfinished()


def test_a_chief_that_was_killed_leaves_trials_with_their_workers(chief, config, monkeypatch):
    trial = chief.ask("one")
    again = Chief(config.replace(max_trials=2), chief.folder.path, monkeypatch)
    assert again.ask("two").trial_id != trial.trial_id
    assert again.beat("one", trial)
    again.end(trial)


def test_a_worker_on_a_host_that_is_called_chief_is_none(config, tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "chief01")
    monkeypatch.setattr(WorkerTuner, "_populate_initial_space", lambda self: None)
    runner = TrialRunner(config, SearchFolder(tmp_path), DeblendingHyperModel(config))
    tuner = WorkerTuner(make_oracle(config), runner, "127.0.0.1:1")
    assert isinstance(tuner.oracle, OracleClient)
    assert tuner.tuner_id.startswith("host01-")


@pytest.mark.parametrize("address", ["here", ":80", "host:", "host:http"])
def test_an_address_has_a_host_and_a_port(address):
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        split_address(address)


def test_what_keras_tuner_reads_from_the_environment_is_put_back(monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "10.0.0.1")
    with tuner_environment("me", "[::1]:80"):
        assert os.environ["KERASTUNER_ORACLE_IP"] == "[::1]"
        assert os.environ["KERASTUNER_TUNER_ID"] == "me"
    with tuner_environment():
        assert "KERASTUNER_ORACLE_IP" not in os.environ
    assert os.environ["KERASTUNER_ORACLE_IP"] == "10.0.0.1"
    assert "KERASTUNER_TUNER_ID" not in os.environ


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_a_worker_without_a_chief_is_told_so(address):
    with pytest.raises(OSError, match=f"A chief must listen at {address}"):
        wait_for_chief(address, seconds=0.2)


WORKER = """
import sys, time
from kdeblend.tuning import worker
from kdeblend.tuning.run import join_search

worker.HEARTBEAT_SECONDS = 0.2

def progress(record):
    print(record.number, record.step, flush=True)
    if record.step == int(sys.argv[3]):
        time.sleep(3600)

join_search(sys.argv[1], sys.argv[2], progress=progress)
"""


def start_worker(out, address, stops_at):
    command = [sys.executable, "-P", "-c", WORKER, str(out), address, str(stops_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_until(condition, *processes):
    deadline = time.monotonic() + 480
    while not condition():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.1)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="once is enough")
def test_a_chief_and_two_workers_one_of_them_killed(config, tmp_path, monkeypatch, address):
    monkeypatch.setattr(service, "LOST_SECONDS", 2.0)
    monkeypatch.setattr(service, "POLL_SECONDS", 0.1)
    fixed = {"filters": 2, "M": 0, "N": 0, "depth": 0, "stamp_size": 12}
    config = config.replace(fixed=fixed, searched=("head",), max_trials=2, steps_per_trial=4)
    results = []
    thread = threading.Thread(
        target=lambda: results.append(search(config, tmp_path, chief=address)), daemon=True
    )
    thread.start()
    doomed = start_worker(tmp_path, address, stops_at=3)  # hangs with a checkpoint of step 2
    other = None
    try:
        wait_until(lambda: list(tmp_path.glob("trials/001/*/checkpoints/*2.npz")), doomed)
        other = start_worker(tmp_path, address, stops_at=-1)
        states = {}
        wait_until(lambda: states.update(state(tmp_path)) or states.get(2) == "completed", doomed)
        os.kill(doomed.pid, signal.SIGKILL)
        seen, _ = other.communicate(timeout=480)
    finally:
        for process in (doomed, other):
            if process is not None:
                process.kill()
                process.wait()
                process.stdout.close()
    thread.join(timeout=60)
    (result,) = results
    assert [record.state for record in result.records] == ["completed", "completed"]
    assert result.stopped_by is None
    assert states[1] == "running"
    steps = [tuple(map(int, line.split())) for line in seen.splitlines()]
    assert next(step for trial, step in steps if trial == 1) == 2
    assert {(1, 3), (1, 4)} < set(steps)
    assert (1, 1) not in steps
    assert other.returncode == 0


def state(out):
    return {record.number: record.state for record in read_records(out / "trials")}
