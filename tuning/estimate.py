"""What a search runs on, and how long it will take."""

import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

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
    if config.deterministic:
        backend.prepare_determinism()
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


@dataclass(frozen=True)
class Pace:
    """How fast a network in the middle of the search space trains.

    Attributes:
        start: Seconds to build and compile the networks.
        step: Seconds of a training step.
    """

    start: float
    step: float

    def search_seconds(self, config: SearchConfig, done: int = 0) -> float:
        """Return about how long the trials that are left will take, in seconds.

        Args:
            config: The settings of the search.
            done: Trials that are done.
        """
        share = HYPERBAND_SHARE if config.oracle == "hyperband" else 1.0
        trainings = max(0, config.max_trials - done) * config.executions_per_trial
        return trainings * (self.start + share * config.steps_per_trial * self.step)


def measure_pace(
    config: SearchConfig,
    hypermodel: Callable[[SearchConfig], DeblendingHyperModel] = DeblendingHyperModel,
) -> Pace:
    """Train a few steps in the middle of the space and take their times.

    Args:
        config: The settings of the search.
        hypermodel: Makes the networks.

    Raises:
        ValueError: If the networks or the data are unusable.
        KeyboardInterrupt: If a signal has stopped it.
    """
    brief = middle_config(config).replace(
        steps=STEPS,
        deterministic=config.deterministic,
        steps_per_execution=1,  # each step is timed
        burn_in=0,
        validation_blends=1,
        validate_every=STEPS,
        checkpoint_every=STEPS,
    )
    networks = hypermodel(config)
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        result = train(brief, folder, resume=True, progress=False, build=networks.build_networks,
                       callbacks=[clock])  # fmt: skip
    free_memory()
    if result.stopped_by is not None:
        raise KeyboardInterrupt
    start, *times = clock.times[:-1]  # the last step is followed by a validation
    step = min(after - before for before, after in itertools.pairwise(times))
    return Pace(max(0.0, times[0] - start - step), step)


class _Clock(StepCallback):
    """Notes when it is made and when each step ends."""

    def __init__(self):
        super().__init__()
        self.times = [time.perf_counter()]

    def on_step(self, step, logs):
        """Note the time."""
        self.times.append(time.perf_counter())
