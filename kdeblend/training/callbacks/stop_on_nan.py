"""The end of a run whose numbers are no longer numbers."""

import math

from kdeblend.training.callbacks.step_callback import StepCallback


class TrainingDivergedError(ArithmeticError):
    """Raised when a loss, a gradient, a score or a weight is no longer a number."""

    def __init__(self, what: str, step: int):
        super().__init__(
            f"Training diverged: {what} at step {step}. Resume from the last checkpoint with a "
            "lower learning rate, or train in float32."
        )


class StopOnNaN(StepCallback):
    """Stops training at the first loss or gradient norm that is not finite, or PSNR that is NaN.

    Put it after the validation, and before every callback that writes something. Other scores are
    NaN where they are not defined.
    """

    def on_step(self, step, logs):
        """Check every number in the logs.

        Raises:
            TrainingDivergedError: If one is not finite.
        """
        for name, value in logs.items():
            number = float(value)
            if name.startswith("val_"):
                diverged = name == "val_psnr" and math.isnan(number)  # it may be infinite
            else:
                diverged = not math.isfinite(number)
            if diverged:
                raise TrainingDivergedError(f"`{name}` is {number}", step)
