"""Ctrl-C and SIGTERM: the step is finished and kept."""

import os
import signal
import threading
import time

from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.callbacks.stop_on_signal import StopOnSignal
from kdeblend.training.checkpoint import list_checkpoints
from kdeblend.training.train import train


def test_a_signal_during_the_first_validation_ends_the_run_after_a_step(config, tmp_path):
    class Interrupt(StepCallback):
        def on_train_begin(self, logs=None):
            super().on_train_begin(logs)
            os.kill(os.getpid(), signal.SIGINT)

    result = train(config, tmp_path / "run", progress=False, callbacks=[Interrupt()])
    assert (result.step, result.stopped_by) == (1, signal.SIGINT)
    assert len(list_checkpoints(tmp_path / "run" / "checkpoints")) == 1


def test_a_signal_in_the_last_step_is_told(config, tmp_path):
    class Interrupt(StepCallback):
        def on_step(self, step, logs):
            if step == 2:
                os.kill(os.getpid(), signal.SIGINT)

    result = train(
        config.replace(steps=2), tmp_path / "run", progress=False, callbacks=[Interrupt()]
    )
    assert (result.step, result.stopped_by) == (2, signal.SIGINT)


def test_sigterm_finishes_the_step_and_keeps_it(config, tmp_path):
    config = config.replace(steps=5_000, checkpoint_every=5_000, validate_every=5_000)

    def terminate():
        while not (tmp_path / "run" / "log.csv").exists():
            time.sleep(0.01)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate).start()
    result = train(config, tmp_path / "run", progress=False)
    assert result.stopped_by is signal.SIGTERM
    assert 0 < result.step < 5_000
    (path,) = list_checkpoints(tmp_path / "run" / "checkpoints")
    assert path.name == f"step-{result.step:08d}.npz"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_signals_are_given_back_after_the_first(config):
    callback = StopOnSignal()
    before = signal.getsignal(signal.SIGINT)
    gan = type("Gan", (), {"steps_done": 0})()
    callback.set_model(gan)
    callback.listen()
    assert signal.getsignal(signal.SIGINT) == callback._handle
    os.kill(os.getpid(), signal.SIGINT)
    callback.on_step(1, {})
    assert gan.stop_training is True
    assert signal.getsignal(signal.SIGINT) == before
