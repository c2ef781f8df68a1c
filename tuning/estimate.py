"""What a search runs on, and how long it will take."""

import itertools
import tempfile
import time
from collections.abc import Callable

import keras

from kdeblend import backend
from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.config import TrainingConfig
from kdeblend.training.train import train
from kdeblend.tuning.config import SearchConfig
from kdeblend.tuning.hypermodel import DeblendingHyperModel
from kdeblend.tuning.oracles import HYPERBAND_SHARE
from kdeblend.tuning.trial import free_memory

STEPS = 4
GIB = 2**30


def describe_hardware(config: SearchConfig) -> str:
    """Return backend, devices with the memory of GPUs, and precision, in one line.

    Args:
        config: The settings of the search.
    """
    training = config.space().base
    with backend.distribution(training.devices):  # before the backend is asked for anything
        memory = [f"{each / GIB:.0f} GiB" for each in backend.gpu_memory()]
    device = backend.describe_device()
    if memory:
        device = f"{device} ({', '.join(memory)} of memory to use)"
    if training.devices:
        device = f"{', '.join(training.devices)} of {device}"
    precision = "bfloat16" if training.mixed_precision else "float32"
    return f"Keras {keras.__version__} on {keras.backend.backend()}, {device}, {precision}"


def middle_config(config: SearchConfig) -> TrainingConfig:
    """Return the configuration in the middle of the search space.

    Args:
        config: The settings of the search.
    """
    space = config.space()
    return space.apply(space.middle())


def seconds_a_step(
    config: SearchConfig,
    hypermodel: Callable[[SearchConfig], DeblendingHyperModel] = DeblendingHyperModel,
) -> float:
    """Train a few steps in the middle of the space and return the seconds of the fastest.

    Args:
        config: The settings of the search.
        hypermodel: Makes the networks.

    Raises:
        ValueError: If the networks or the data are unusable.
        KeyboardInterrupt: If a signal has stopped it.
    """
    brief = middle_config(config).replace(
        steps=STEPS, burn_in=0, validation_blends=1, validate_every=STEPS, checkpoint_every=STEPS
    )
    clock = _Clock()
    networks = hypermodel(config)
    with tempfile.TemporaryDirectory() as folder:
        result = train(brief, folder, resume=True, progress=False, build=networks.build_networks,
              callbacks=[clock])  # fmt: skip
    free_memory()
    if result.stopped_by is not None:
        raise KeyboardInterrupt
    times = clock.times[:-1]  # the last step is followed by a validation
    return min(after - before for before, after in itertools.pairwise(times))


def search_seconds(config: SearchConfig, seconds: float, done: int = 0) -> float:
    """Return how long the trials that are left will train, in seconds.

    Args:
        config: The settings of the search.
        seconds: Seconds of a training step.
        done: Trials that are done.
    """
    share = HYPERBAND_SHARE if config.oracle == "hyperband" else 1.0
    trials = max(0, config.max_trials - done)
    return seconds * trials * share * config.steps_per_trial * config.executions_per_trial


class _Clock(StepCallback):
    """Notes when each step ends."""

    def __init__(self):
        super().__init__()
        self.times: list[float] = []

    def on_step(self, step, logs):
        """Note the time."""
        self.times.append(time.perf_counter())
