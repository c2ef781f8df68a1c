"""What a person watching the run sees."""

from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kdeblend.training.callbacks.step_callback import StepCallback

SHOWN = {"generator_loss": "generator", "discriminator_loss": "discriminator"}


class ProgressBar(StepCallback):
    """A line with the step, the losses, the last validation and the time left.

    Args:
        last_step: The step at which training ends.
    """

    def __init__(self, last_step):
        super().__init__()
        self.last_step = last_step
        self._validation = ""
        self._progress: Any = None

    def on_train_begin(self, logs=None):
        """Start the bar at the current step."""
        super().on_train_begin(logs)
        columns = [
            TextColumn("training"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True), TextColumn("{task.description}"),
        ]  # fmt: skip
        self._progress = Progress(*columns)
        self._task = self._progress.add_task("", total=self.last_step, completed=self.step)
        self._progress.start()
        self.on_step(self.step, logs or {})

    def on_step(self, step, logs):
        """Move the bar."""
        losses = "  ".join(f"{SHOWN[k]} {logs[k]:.4g}" for k in SHOWN if k in logs)
        if "val_psnr" in logs:
            self._validation = f"  validation {logs['val_psnr']:.2f} dB"
            if not self._progress.console.is_terminal:
                self._progress.console.print(f"step {step}  {losses}{self._validation}")
        description = losses + self._validation
        self._progress.update(self._task, completed=step, description=description)

    def close(self):
        """End the bar; call it when `fit` has ended, however it ended."""
        if self._progress is not None:
            self._progress.stop()
