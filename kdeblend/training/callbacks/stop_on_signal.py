"""Ctrl-C and SIGTERM: finish the step, keep everything, then stop."""

import signal
import threading

from kdeblend.training.callbacks.step_callback import StepCallback

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopOnSignal(StepCallback):
    """Ends training after the current step when the process is asked to stop.

    It hears signals from `listen` on, which can be before training begins, until the first one
    or `restore`. Handlers can only be set in the main thread; elsewhere this does nothing.

    Attributes:
        received: The signal that stopped training, or None.
    """

    received = None

    def __init__(self):
        super().__init__()
        self._before = {}

    def listen(self):
        """Take over the signals."""
        self.received, self._before = None, {}
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._handle) for each in SIGNALS}

    def on_step(self, step, logs):
        """Tell `fit` to stop if a signal came."""
        if self.received is not None:
            self.model.stop_training = True

    def restore(self):
        """Give the signals back; call it when `fit` has ended, however it ended."""
        for each, handler in self._before.items():
            signal.signal(each, handler)
        self._before = {}

    def _handle(self, number, frame):
        self.received = signal.Signals(number)
        self.restore()
