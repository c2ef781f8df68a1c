"""The best generator so far, kept in a file of its own."""

from pathlib import Path

import numpy as np

from kdeblend.io.atomic import atomic_path
from kdeblend.training.callbacks.step_callback import StepCallback


class BestWeights(StepCallback):
    """Saves the averaged generator whenever validation finds it better than before.

    Put it after `Validation`.

    Args:
        path: Where the generator goes, a `.keras` file.
        best: Best `val_psnr` so far, when a run is resumed.
        monitor: The score that decides; higher is better.
    """

    def __init__(self, path, best=-np.inf, monitor="val_psnr"):
        super().__init__()
        self.path = Path(path)
        self.best = best
        self.monitor = monitor

    def on_step(self, step, logs):
        """Save if the logs hold a new best."""
        if logs.get(self.monitor, -np.inf) > self.best:
            self.best = float(logs[self.monitor])
            with atomic_path(self.path) as temporary:
                self._save(temporary)

    def _save(self, path):
        """Save the generator as one that can be trained further, which the average is not."""
        generator = self.model.averaged_generator
        generator.trainable = True
        try:
            generator.save(path)
        finally:
            generator.trainable = False
