"""The best generator so far, kept in a file of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kdeblend.io.atomic import atomic_path
from kdeblend.models.files import save_generator
from kdeblend.training.callbacks.step_callback import StepCallback


class BestWeights(StepCallback):
    """Saves the averaged generator whenever validation finds it better than before.

    Put it after `Validation`.

    Args:
        path: Where the generator goes, a `.keras` file.
        facts: What the file is to say of its training; see `save_generator`.
        best: Best `val_psnr` so far, when a run is resumed.
        best_step: The step that it was reached at, if that is known.
    """

    def __init__(self, path, facts: Mapping[str, Any], best=-np.inf, best_step=None):
        super().__init__()
        self.path = Path(path)
        self.facts = facts
        self.best = best
        self.best_step = best_step

    def on_train_begin(self, logs=None):
        """Save what training starts from, if it was validated."""
        super().on_train_begin(logs)
        self.on_step(self.step, logs or {})

    def on_step(self, step, logs):
        """Save if the logs hold a new best."""
        if logs.get("val_psnr", -np.inf) > self.best:
            self.best, self.best_step = float(logs["val_psnr"]), step
            with atomic_path(self.path) as temporary:
                self._save(temporary)

    def _save(self, path):
        """Save the generator as one that can be trained further, which the average is not."""
        generator = self.model.averaged_generator
        generator.trainable = True
        try:
            save_generator(generator, path, self.facts, self.best_step)
        finally:
            generator.trainable = False
