"""Several processes or machines search together: a chief with the oracle, workers that train.

They talk by keras-tuner's own service. What it lacks is added here: a chief that notices
that a worker is gone. While a worker trains, a thread of it says so every few seconds, by
`update_trial` without a score; a trial of which nothing is heard goes to another worker.
All share the folder of the search.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from keras_tuner.engine.trial import Trial, TrialStatus

# keras-tuner has no public names for its service.
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from kdeblend.tuning.folder import SearchFolder
from kdeblend.tuning.oracles import DurableOracle, is_final
from kdeblend.tuning.record import FINISHED, WAITING, read_record

HEARTBEAT_SECONDS = 5.0
LOST_SECONDS = 60.0
POLL_SECONDS = 0.5
ALONE = (("grpc.so_reuseport", 0),)
"""A second chief at the same address is refused; else workers would meet one or the other."""
HEARTBEAT = "heartbeat/"
"""What the name of a metric begins with that says who is training; 1 is alive, 0 gives up."""


class ChiefServicer(OracleServicer):
    """keras-tuner's service, which also hears whether workers are alive.

    Args:
        oracle: The oracle that workers ask.
        folder: The folder of the search.
    """

    def __init__(self, oracle: DurableOracle, folder: SearchFolder):
        super().__init__(oracle)
        self.folder = folder
        self.closing = False
        self.lock = threading.RLock()
        self.heard = dict.fromkeys(oracle.ongoing_trials, time.monotonic())

    def CreateTrial(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Give a worker its next trial; one for whom there is none waits for the others'."""
        with self.lock:
            self.heard[request.tuner_id] = time.monotonic()
            trial = Trial(self.oracle.get_space(), "0", TrialStatus.STOPPED)
            if not self.closing:
                trial = self.oracle.create_trial(request.tuner_id)
            if trial.status == TrialStatus.STOPPED:
                self.stop_triggered = True
                if self.oracle.unfinished() and not self.closing:
                    trial.status = TrialStatus.IDLE
                else:
                    self._forget(request.tuner_id)
            return protos.get_service().CreateTrialResponse(trial=trial.to_proto())

    def UpdateTrial(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take a score, or hear that a worker is alive and tell it whether to go on."""
        with self.lock:
            beats = {n: v for n, v in request.metrics.items() if n.startswith(HEARTBEAT)}
            if not beats:
                return super().UpdateTrial(request, context)
            ((name, alive),) = beats.items()
            tuner_id = name.removeprefix(HEARTBEAT)
            going_on = self._hear(tuner_id, request.trial_id, bool(alive))
            status = TrialStatus.RUNNING if going_on else TrialStatus.STOPPED
            trial = Trial(self.oracle.get_space(), request.trial_id, status)
            return protos.get_service().UpdateTrialResponse(trial=trial.to_proto())

    def EndTrial(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take the end of a trial, once."""
        with self.lock:
            trial = self.oracle.trials[request.trial.trial_id]
            if is_final(trial):
                return protos.get_service().EndTrialResponse()
            self.oracle.withdraw(trial.trial_id)  # its worker was thought lost
            return super().EndTrial(request, context)

    def lose_silent_workers(self) -> None:
        """Take the trials of workers of which nothing has been heard for long."""
        with self.lock:
            now = time.monotonic()
            for tuner_id, last in list(self.heard.items()):
                if now - last > LOST_SECONDS:
                    self._forget(tuner_id)

    def done(self) -> bool:
        """Tell whether there is nothing left to do and every worker knows it."""
        with self.lock:
            if self.closing:
                return not self.heard
            none_left = self.stop_triggered or self.oracle.all_begun()
            return none_left and not self.oracle.unfinished() and not self.heard

    def _forget(self, tuner_id: str) -> None:
        self.heard.pop(tuner_id, None)
        trial = self.oracle.release(tuner_id)
        if trial is not None:
            path = self.folder.trial(trial.trial_id)
            record = read_record(path)
            if record.state not in FINISHED:
                record.state, record.reason = WAITING, f"worker {tuner_id} is gone"
                record.save(path)

    def _hear(self, tuner_id: str, trial_id: str, alive: bool) -> bool:
        """Note that a worker is alive, and tell whether the trial is still its own."""
        if not alive:
            self._forget(tuner_id)
            return False
        self.heard[tuner_id] = time.monotonic()
        if self.oracle.withdraw(trial_id):  # thought lost, and no one has taken it
            self.oracle.tuner_ids.add(tuner_id)
            self.oracle.ongoing_trials[tuner_id] = self.oracle.trials[trial_id]
        trial = self.oracle.ongoing_trials.get(tuner_id)
        return not self.closing and trial is not None and trial.trial_id == trial_id


def serve(
    oracle: DurableOracle,
    folder: SearchFolder,
    address: str,
    poll: Callable[[], None],
) -> None:
    """Serve the oracle to workers until the search is through.

    Args:
        oracle: The oracle.
        folder: The folder of the search.
        address: `"HOST:PORT"` to listen at.
        poll: Called about twice a second; what it raises ends the service, after
            the workers were told.

    Raises:
        OSError: If nothing can listen there.
    """
    servicer = ChiefServicer(oracle, folder)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=ALONE)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"The chief must be able to listen at {address}. ({error})") from error
    server.start()
    try:
        while not servicer.done():
            time.sleep(POLL_SECONDS)
            servicer.lose_silent_workers()
            poll()
    finally:
        _dismiss(servicer)
        server.stop(grace=1).wait()


def _dismiss(servicer: ChiefServicer) -> None:
    """Let the workers know that it is over; who says nothing is not waited for."""
    servicer.closing = True
    deadline = time.monotonic() + 2 * HEARTBEAT_SECONDS
    while not servicer.done() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def split_address(address: str) -> tuple[str, str]:
    """Return host and port of `"HOST:PORT"`.

    Args:
        address: The address.

    Raises:
        ValueError: If it is no such address.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise ValueError(f"An address must be HOST:PORT. Received: {address!r}")
    return host, port


@contextlib.contextmanager
def tuner_environment(tuner_id: str | None = None, address: str | None = None) -> Iterator[None]:
    """Set what keras-tuner reads from the environment: a worker's id and its chief, or nothing.

    Args:
        tuner_id: Id of the worker.
        address: `"HOST:PORT"` of the chief.
    """
    names = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    if tuner_id is not None and address is not None:
        os.environ.update(zip(names, (tuner_id, *split_address(address)), strict=True))
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)
