import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kdeblend.data import prefetch
from kdeblend.data.prefetch import Prefetcher


def slowly(epoch, number):
    time.sleep(0.05)
    return os.getpid()


def test_a_process_that_dies_is_explained():
    prefetcher = Prefetcher(slowly, workers=2, use_multiprocessing=True, ahead=4)
    os.kill(prefetcher.get(0, 0, 100), signal.SIGKILL)
    batches = (prefetcher.get(0, number, 100) for number in range(1, 100))
    with pytest.raises(ChildProcessError, match=r"that made blends has died.*fewer workers"):
        list(batches)


def test_processes_told_to_end_finish_the_step_first(monkeypatch):
    monkeypatch.setattr(prefetch, "GRACE", 2)
    prefetcher = Prefetcher(slowly, workers=1, use_multiprocessing=True, ahead=1)
    worker = prefetcher.get(0, 0, 100)
    os.kill(worker, signal.SIGTERM)
    assert [prefetcher.get(0, number, 100) for number in range(1, 10)] == [worker] * 9
    with pytest.raises(ChildProcessError, match="has died"):
        [prefetcher.get(0, number, 200) for number in range(10, 200)]


ORPHANS = """
import os, sys, time
import numpy as np
from kdeblend.data.sequence import BlendSequence
from kdeblend.data.open import open_source

source = open_source(["hubble"])
sequence = BlendSequence(
    source, np.arange(len(source)), batches=1000, workers=2, use_multiprocessing=True
)
sequence[0]
print(*sequence._prefetcher._pool._processes, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_processes_end_with_one_that_is_killed(is_running):
    command = [sys.executable, "-P", "-c", ORPHANS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        workers = [int(word) for word in process.stdout.readline().split()]
        assert len(workers) == 2
        process.kill()
    deadline = time.monotonic() + 60
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
