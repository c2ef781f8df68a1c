"""Making batches in advance, in threads or processes, without changing any of them."""

import signal
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from threading import Lock
from typing import Any

from kdeblend.io.processes import end_with_parent, workers_that_live

GRACE = 15  # seconds, in which a step ends
DEATH = ("made blends", "go on from the last checkpoint with fewer workers")

Make = Callable[[int, int], Any]

_make_in_process: Make | None = None


class Prefetcher:
    """Batches by epoch and number, the next ones being made while one is in use.

    `keras.utils.PyDataset` has workers of its own, but on JAX and PyTorch these hand out the
    batches of the first `fit` in another order than a single worker does (Keras 3.15: the
    batches queued while the model is built come first), so they are not used.

    Args:
        make: Function of epoch and number of a batch; it must be free to pickle where
            processes are not forked.
        workers: Number of threads or processes.
        use_multiprocessing: Whether they are processes.
        ahead: Number of batches made in advance.
    """

    def __init__(self, make: Make, workers: int, use_multiprocessing: bool, ahead: int):
        self._make = make
        self._ahead = ahead
        self._lock = Lock()
        self._futures: dict[tuple[int, int], Future] = {}
        self._run = make
        if use_multiprocessing:
            self._run = _run_in_process
            self._pool: Executor = _process_pool(workers, make)
        else:
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="blends")

    def get(self, epoch: int, number: int, end: int) -> Any:
        """Return a batch and have those that follow it made.

        Args:
            epoch: Epoch of the batch.
            number: Number of the batch.
            end: Number of the first batch that will not be needed in this epoch.

        Raises:
            ChildProcessError: If a process that makes batches has died.
        """
        wanted = {(epoch, ahead) for ahead in range(number, min(number + 1 + self._ahead, end))}
        with self._lock, workers_that_live(*DEATH):
            for key in self._futures.keys() - wanted:
                self._futures.pop(key).cancel()
            for key in sorted(wanted - self._futures.keys()):
                self._futures[key] = self._pool.submit(self._run, *key)
            future = self._futures.pop((epoch, number))
        with workers_that_live(*DEATH):
            return future.result()


def _process_pool(workers: int, make: Make) -> ProcessPoolExecutor:
    """Start processes that share what is in memory, which takes a fork where there is one.

    Python and JAX warn of forks beside threads. They do no harm here, because the processes use
    NumPy alone.
    """
    pool = ProcessPoolExecutor(workers, initializer=_start_process, initargs=(make,))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
        warnings.filterwarnings("ignore", r".*use of fork\(\)", DeprecationWarning)
        pool.submit(int)
    return pool


def _start_process(make: Make) -> None:
    """Set a worker up; the main process alone answers signals, and no worker outlives it.

    A signal to all of them must leave the main process the batches to end its step with, so that a
    worker that is told to end does so a little later.
    """
    global _make_in_process
    _make_in_process = make
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))
    end_with_parent()


def _run_in_process(epoch: int, number: int) -> Any:
    if _make_in_process is None:
        raise RuntimeError("a worker must be started by `_start_process`")
    return _make_in_process(epoch, number)
