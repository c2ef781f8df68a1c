"""The end of a run whose numbers are no longer numbers."""

import math

from kdeblend.training.callbacks.step_callback import StepCallback


class TrainingDivergedError(ArithmeticError):
    """Raised when a loss or a gradient is no longer a finite number."""


class StopOnNaN(StepCallback):
    """Stops training at the first loss or gradient norm that is NaN or infinite.

    Put it before every callback that writes something.
    """

    def on_step(self, step, logs):
        """Check every number in the logs.

        Raises:
            TrainingDivergedError: If one is not finite.
        """
        for name, value in logs.items():
            if not math.isfinite(float(value)):
                raise TrainingDivergedError(
                    f"Training diverged: `{name}` is {value} at step {step}. Resume from the last "
                    "checkpoint with a lower learning rate, or train in float32."
                )
