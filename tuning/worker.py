"""A worker: trains what the chief of a search gives it."""

import contextlib
import os
import socket
import threading
import uuid
from collections.abc import Iterator

import grpc
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_client

from kdeblend.tuning.errors import SearchStoppedError, TrialTakenError
from kdeblend.tuning.oracles import DurableOracle
from kdeblend.tuning.service import HEARTBEAT, HEARTBEAT_SECONDS, tuner_environment
from kdeblend.tuning.trial import TrialRunner
from kdeblend.tuning.tuner import DeblendingTuner

CONNECT_SECONDS = 600.0


class WorkerTuner(DeblendingTuner):
    """Trains the trials that a chief gives it.

    Args:
        oracle: An oracle that only knows the search space.
        runner: Trains each trial.
        address: `"HOST:PORT"` of the chief.
    """

    def __init__(self, oracle: DurableOracle, runner: TrialRunner, address: str):
        self.address = address
        # keras-tuner takes every id with "chief" in it for the chief's own.
        host = socket.gethostname().replace("chief", "host")
        own_id = f"{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        with tuner_environment(own_id, address), self._chief_answers():
            super().__init__(oracle, runner)

    def search(self) -> None:
        """Train trial after trial until the chief has no more.

        Raises:
            SearchStoppedError: If the worker is to stop before that.
            OSError: If the chief does not answer for long.
        """
        oracle_client.TIMEOUT = CONNECT_SECONDS
        with self._chief_answers():
            super().search()

    @contextlib.contextmanager
    def _chief_answers(self) -> Iterator[None]:
        """Turn what a chief that is gone makes grpc raise into an `OSError` that names it."""
        try:
            yield
        except grpc.RpcError as error:
            raise OSError(f"The chief at {self.address} must answer. ({error})") from error

    def train_trial(self, trial: Trial) -> None:
        """Train a trial, saying all the time that this worker is alive.

        Args:
            trial: What the chief has given.

        Raises:
            SearchStoppedError: If it was stopped; the chief then gives it to another.
            OSError: If its folder or the data can not be used; likewise.
        """
        self.runner.taken.clear()
        try:
            with self._heartbeats(trial.trial_id):
                self._try_run_and_update_trial(trial)
        except TrialTakenError:
            return
        except (SearchStoppedError, KeyboardInterrupt, OSError):
            with contextlib.suppress(grpc.RpcError):
                self._beat(trial.trial_id, alive=False)
            raise
        self.oracle.end_trial(trial)

    @contextlib.contextmanager
    def _heartbeats(self, trial_id: str) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._beat_until, args=(over, trial_id), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _beat_until(self, over: threading.Event, trial_id: str) -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(grpc.RpcError):  # a chief that was killed may come back
                if not self._beat(trial_id, alive=True):
                    self.runner.taken.set()
                    return

    def _beat(self, trial_id: str, alive: bool) -> bool:
        """Tell the chief that this worker is alive, and return whether it is to go on."""
        request = protos.get_service().UpdateTrialRequest(
            trial_id=trial_id, metrics={HEARTBEAT + self.tuner_id: float(alive)}
        )
        response = self.oracle.stub.UpdateTrial(request, timeout=HEARTBEAT_SECONDS)
        return TrialStatus.from_proto(response.trial.status) == TrialStatus.RUNNING


def wait_for_chief(address: str, seconds: float = CONNECT_SECONDS) -> None:
    """Wait until a chief listens.

    Args:
        address: `"HOST:PORT"` of the chief.
        seconds: How long to wait.

    Raises:
        OSError: If none does within that time.
    """
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            raise OSError(
                f"A chief must listen at {address}: kdeblend tune --chief {address}. "
                f"Received: no answer in {seconds:g} seconds"
            ) from None
