"""The run folder: where a training keeps what it needs and what it has found.

config.yaml      every hyper-parameter
split.json       ids of the galaxies for training, validation and the test
checkpoints/     the last two checkpoints
generator.keras  the best generator so far; this is what deblends
log.csv          losses, gradient norms and validation scores by step
tensorboard/     the same for TensorBoard
panels/          pictures of validation blends
summary.json     how the run ended
.lock            kept by the process that trains
"""

import contextlib
import shutil
from pathlib import Path

from kdeblend.io.atomic import remove_temporaries
from kdeblend.io.folders import refuse_other_results
from kdeblend.io.locks import locked
from kdeblend.training.config import TrainingConfig, read_config


class RunFolder:
    """The files of one training run.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.split = self.path / "split.json"
        self.checkpoints = self.path / "checkpoints"
        self.generator = self.path / "generator.keras"
        self.log = self.path / "log.csv"
        self.tensorboard = self.path / "tensorboard"
        self.panels = self.path / "panels"
        self.summary = self.path / "summary.json"

    def exists(self) -> bool:
        """Tell whether a training has begun here."""
        return self.config.is_file()

    def check_new(self) -> None:
        """Check that a new training would replace nothing; a run that got nowhere is nothing.

        Raises:
            ValueError: If a run is here, or what is left of one, or files of something else that
                are called as those of a run.
        """
        if self._got_nowhere():
            self._check_ours()
            return
        if self.exists():
            raise ValueError(
                "`out` must be a new folder, or `resume` true (--resume) to go on with the run "
                f"there. Received: out={str(self.path)!r}, which holds a run"
            )
        raise ValueError(
            f"`out` must be a new folder. Received: out={str(self.path)!r}, which holds what "
            "is left of a run without its config.yaml: move it away, or go on with it by "
            "`resume` (--resume) and the settings that it had"
        )

    def _got_nowhere(self) -> bool:
        """Tell whether there is no network, no checkpoint and not a row of a log."""
        logged = self.log.is_file() and self.log.read_text(encoding="utf-8").strip()
        return not (self.generator.exists() or any(self.checkpoints.glob("*.npz")) or logged)

    def _check_ours(self) -> None:
        """Check that what a new training would replace was written by one.

        Raises:
            ValueError: If it was not.
        """
        written = (self.split, self.summary, self.log, self.tensorboard, self.panels)
        found = [path.name for path in (self.config, *written) if path.exists()]
        if found and not (self.exists() and _is_whole(self.config)):
            raise ValueError(
                f"`out` must be a new folder. Received: out={str(self.path)!r}, which holds "
                f"{', '.join(found)} that no training wrote"
            )

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keep other trainings, on this machine, out of the folder inside the block.

        Raises:
            ValueError: If another process trains here, the path is a file, or the folder holds
                results of another kind.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"A run must be a folder. Received: {str(self.path)!r}, a file")
        refuse_other_results(self.path, "a training run")
        return locked(self.path, "training")

    def start(self, config: TrainingConfig) -> None:
        """Make the folder and write the configuration.

        Args:
            config: The configuration.
        """
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        if self._got_nowhere():
            shutil.rmtree(self.tensorboard, ignore_errors=True)
        for folder in (self.path, self.checkpoints, self.panels):
            remove_temporaries(folder)
        config.save(self.config)

    def read_config(self) -> TrainingConfig:
        """Return the configuration that the run was started with.

        Raises:
            ValueError: If there is no run here.
        """
        if not self.exists():
            raise ValueError(
                f"A run folder must hold a config.yaml. Received: {str(self.path)!r}, "
                "where no training has begun"
            )
        # A value that an older version did not write is what it always was, whatever the preset.
        return TrainingConfig(**read_config(self.config))


def _is_whole(path: Path) -> bool:
    """Tell whether a file holds a configuration as a run writes it."""
    try:
        values = read_config(path)
    except ValueError:  # that of a UnicodeDecodeError, too
        return False
    return "preset" in values
