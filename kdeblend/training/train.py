"""One training run, from a configuration to a run folder."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

import keras
import numpy as np

from kdeblend import backend
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_split
from kdeblend.data.sequence import BlendSequence
from kdeblend.data.source import GalaxySource
from kdeblend.io.atomic import write_json
from kdeblend.io.events import EventWriter
from kdeblend.metrics import METRICS
from kdeblend.models.gan import DeblendingGAN
from kdeblend.training.callbacks.best_weights import BestWeights
from kdeblend.training.callbacks.blend_panels import BlendPanels
from kdeblend.training.callbacks.burn_in_switch import BurnInSwitch
from kdeblend.training.callbacks.learning_rate_drop import LearningRateDrop, check_settable
from kdeblend.training.callbacks.progress_bar import ProgressBar
from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.callbacks.stop_on_nan import StopOnNaN
from kdeblend.training.callbacks.stop_on_signal import StopOnSignal
from kdeblend.training.callbacks.training_log import TrainingLog
from kdeblend.training.callbacks.validation import Validation, validation_scores
from kdeblend.training.checkpoint import Checkpoint, list_checkpoints, step_of
from kdeblend.training.config import TrainingConfig
from kdeblend.training.folder import RunFolder
from kdeblend.training.networks import build_gan
from kdeblend.training.resume import best_so_far, restore, to_keep
from kdeblend.training.validation_set import make_validation_set

VALIDATION_METRICS = ("psnr", "ssim")
PANEL_ROWS = 6


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        step: Steps done so far.
        best_psnr: Best PSNR on the validation blends, in dB; None before the first validation.
        blend_psnr: PSNR of returning the validation blends themselves, in dB.
        stopped_by: The signal that ended the run early, or None.
        best_step: The step of the best PSNR, 0 for initial weights that no step has bettered;
            None if it is not known.
    """

    step: int
    best_psnr: float | None
    blend_psnr: float
    stopped_by: Signals | None
    best_step: int | None = None


def train(
    config: TrainingConfig,
    out: str | Path,
    resume: bool = False,
    progress: bool = True,
    build: Callable[[TrainingConfig, int], DeblendingGAN] = build_gan,
    callbacks: Sequence[StepCallback] = (),
) -> TrainingResult:
    """Train a network, or go on training it.

    Args:
        config: Every hyper-parameter.
        out: The run folder.
        resume: Go on from the last checkpoint in `out`, if there is one.
        progress: Show a progress bar.
        build: Builds the compiled networks from the configuration and the number of bands.
        callbacks: Called after each step, when the networks are validated and before anything is
            written: what they put into `logs` by the prefix `val_` is in the log. One that sets
            `model.stop_training` ends the run there, with a checkpoint.

    Returns:
        How the run ended.

    Raises:
        ValueError: If `out` holds a run and `resume` is False or what cannot change has changed,
            another process trains there, or the configuration or the data are unusable.
        OSError: If data are not there, VGG19's weights cannot be downloaded, `out` cannot be
            written to, or (`ChildProcessError`) a process that makes blends has died.
        TrainingDivergedError: If a loss, a score or a weight is no longer a number.

    Example:
        >>> train(preset_config("quick"), "run")
    """
    run = RunFolder(out)
    with run.locked(), _global_settings(config), backend.distribution(config.devices):
        if not resume:
            run.check_new()
        source, split = open_split(config.data, config.stamp_size)
        training = _Training(config, run, source, split, build, callbacks)
        run.start(config)  # only now, lest a mistake spoils a run or leaves half of one
        write_json(run.split, {side: [source.ids[i] for i in split[side]] for side in split})
        return training.run(progress)


class _Training:
    """The objects of one run, from the first batch to the last file."""

    def __init__(self, config, run: RunFolder, source: GalaxySource, split, build, callbacks):
        self.config = config
        self.run_folder = run
        self.source = source
        self.split = split
        self.geometry = BlendGeometry(stamp_size=config.stamp_size, perturb=config.perturb)
        self.further_callbacks = callbacks
        self.gan = build(self._without_download, source.bands)
        if self._drop:
            check_settable(self.gan.optimizer.optimizers)
        self.history = restore(self.gan, run, config)
        self.first_step = self.gan.steps_done
        if self.first_step > config.steps:
            raise ValueError(
                "`steps` counts from the start of the run and must not be less than is done. "
                f"Received: steps={config.steps}, {self.first_step} done"
            )

    def run(self, progress: bool) -> TrainingResult:
        blends, truth = self._validation_set()
        metrics = {name: METRICS[name] for name in VALIDATION_METRICS}
        unchanged = np.stack([blends, blends], axis=1)
        blend_psnr = validation_scores(truth, unchanged, metrics)["val_psnr"]
        self._make_callbacks(blends, truth, metrics, progress)
        if self.first_step < self.config.steps:
            self._fit()
        elif self.best_weights.best == -np.inf:
            self._keep_last()
        result = self._result(blend_psnr)
        write_json(self.run_folder.summary, _plain(result))
        return result

    def _validation_set(self):
        return make_validation_set(
            self.source,
            self.split["validation"],
            self.config.validation_blends,
            geometry=self.geometry,
            blend_mode=self.config.blend_mode,
            degrade=self.config.degrade,
            lupton_share=self.config.lupton_share,
            cache_gb=0,
        )

    def _make_callbacks(self, blends, truth, metrics, progress):
        config, run = self.config, self.run_folder
        last, every = config.steps, config.validate_every
        writer = self.writer = EventWriter(run.tensorboard)
        self.signal = StopOnSignal()
        self.validation = validation = Validation(
            blends, truth, metrics, every, last, config.batch_size, at_start=self._starts_trained
        )
        best = best_so_far(run, validation) if self.first_step else ()
        self.best_weights = BestWeights(run.generator, config.to_dict(), *best)
        self.checkpoint = Checkpoint(
            run.checkpoints, config.checkpoint_every, last, extra=self._to_keep
        )
        self.log = TrainingLog(run.log, writer, config.log_every, self.history)
        self.bar = ProgressBar(last) if progress else None
        rows = slice(PANEL_ROWS)
        self.callbacks = [
            BurnInSwitch(config.burn_in),
            *([LearningRateDrop(*self._drop)] if self._drop else []),
            validation,
            *self.further_callbacks,
            StopOnNaN(),
            self.best_weights,
            BlendPanels(
                blends[rows], truth[rows], run.panels, every, last, writer, config.batch_size
            ),
            self.log,
            *([self.bar] if self.bar else []),
            self.checkpoint,
            self.signal,
        ]

    @property
    def _without_download(self) -> TrainingConfig:
        """The configuration, but of a run whose burn-in is over, which needs no trained VGG19."""
        config, kept = self.config, list_checkpoints(self.run_folder.checkpoints)
        if kept and step_of(kept[0]) >= config.burn_in and not config.perceptual_weight:
            return config.replace(vgg_weights="none")
        return config

    def _to_keep(self) -> dict:
        return to_keep(self.config, self.log.rows)

    @property
    def _starts_trained(self) -> bool:
        """Whether the run begins, and with weights that have learnt before."""
        return bool(self.config.initial_weights) and not self.first_step

    @property
    def _drop(self) -> tuple[int, float] | None:
        """Step and factor of the learning rate's drop, if there is one."""
        config = self.config
        if config.learning_rate_schedule != "drop" or not config.learning_rate_drop_step:
            return None
        return config.learning_rate_drop_step, config.learning_rate_drop_factor

    def _fit(self):
        config = self.config
        blends = BlendSequence(
            self.source,
            self.split["train"],
            batch_size=config.batch_size,
            batches=config.steps - self.first_step,
            first_batch=self.first_step,
            seed=config.seed,
            geometry=self.geometry,
            blend_mode=config.blend_mode,
            augment=config.augment,
            sky_light=config.sky_light,
            degrade=config.degrade,
            lupton_share=config.lupton_share,
            cache_gb=config.cache_gb,
            workers=config.workers,
            use_multiprocessing=config.multiprocessing,
            max_queue_size=4 * config.workers,
        )
        self.signal.listen()
        try:
            with _errors_of(blends):
                self.gan.fit(blends, shuffle=False, verbose=0, callbacks=self.callbacks)
            if self.gan.stop_training:
                self.checkpoint.save()
        finally:
            self.signal.restore()
            self.writer.close()
            if self.bar:
                self.bar.close()

    def _keep_last(self):
        """Keep the network of a run that is at its end, where the best one is gone."""
        scores = self.validation.scores(self.gan.averaged_generator)
        self.best_weights.set_model(self.gan)
        self.best_weights.on_step(self.gan.steps_done, scores)

    def _result(self, blend_psnr: float) -> TrainingResult:
        best = self.best_weights.best
        return TrainingResult(
            step=self.gan.steps_done,
            best_psnr=best if best > float("-inf") else None,
            blend_psnr=blend_psnr,
            stopped_by=self.signal.received,
            best_step=self.best_weights.best_step,
        )


def _plain(result: TrainingResult) -> dict:
    stopped_by = result.stopped_by and result.stopped_by.name
    return {
        "step": result.step,
        "best_validation_psnr": result.best_psnr,
        "best_step": result.best_step,
        "blend_validation_psnr": result.blend_psnr,
        "stopped_by": stopped_by,
    }


@contextlib.contextmanager
def _errors_of(blends: BlendSequence):
    """Raise what making a batch raised as it was, whatever Keras makes of it."""
    try:
        yield
    except Exception as error:
        if blends.error is None or blends.error is error:
            raise
        raise blends.error from error


@contextlib.contextmanager
def _global_settings(config):
    """Set seed, precision and determinism, and put the precision back at the end."""
    before = keras.config.dtype_policy()
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        backend.enable_determinism()
    keras.config.set_dtype_policy("mixed_bfloat16" if config.mixed_precision else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
