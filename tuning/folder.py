"""The folder of a search: its settings, its state, its trials and what it has found.

search.yaml               the settings
oracle.json               keras-tuner's state, from which a search goes on
trials/NUMBER/            one folder a trial: record.json, its training runs, perhaps error.txt
trials.csv                one line a trial
best.yaml, best.keras     the best configuration, and the best generator as trained so far
pareto.png, parallel.png  pictures of the trials
tensorboard/              the trials for TensorBoard's HParams
.lock                     kept by the process that searches
"""

import contextlib
from pathlib import Path

from kdeblend.io.atomic import remove_temporaries
from kdeblend.io.folders import refuse_other_results
from kdeblend.io.locks import locked
from kdeblend.tuning.config import SearchConfig, read_search_config


class SearchFolder:
    """The files of one search.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config = self.path / "search.yaml"
        self.oracle = self.path / "oracle.json"
        self.trials = self.path / "trials"
        self.table = self.path / "trials.csv"
        self.best_config = self.path / "best.yaml"
        self.best_generator = self.path / "best.keras"
        self.pareto = self.path / "pareto.png"
        self.parallel = self.path / "parallel.png"
        self.tensorboard = self.path / "tensorboard"

    def exists(self) -> bool:
        """Tell whether a search has begun here."""
        return self.config.is_file()

    def start(self, config: SearchConfig, resume: bool) -> None:
        """Make the folder and write the settings.

        Args:
            config: The settings.
            resume: Go on with the search in the folder, if there is one.

        Raises:
            ValueError: If there is a search and `resume` is False, if it had other settings,
                if the path is a file, or if the folder holds what a search would replace.
        """
        self.check(config, resume)
        self.trials.mkdir(parents=True, exist_ok=True)
        remove_temporaries(self.path)
        config.save(self.config)

    def check(self, config: SearchConfig, resume: bool) -> None:
        """Check that a search can begin or go on here.

        Args:
            config: Its settings.
            resume: Go on with the search in the folder, if there is one.

        Raises:
            ValueError: As `start` does.
        """
        if self.exists() and not resume:
            raise ValueError(
                "`out` must be a new folder, or `resume` true (--resume) to go on with the search "
                f"there. Received: out={str(self.path)!r}, which holds a search"
            )
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"A search must be a folder. Received: {str(self.path)!r}, a file")
        refuse_other_results(self.path, "a search")
        if self.exists():
            config.check_resumed(self.read_config())
        elif self.oracle.exists() or self.tensorboard.exists() or any(self.trials.glob("*")):
            raise ValueError(
                "`out` must be a new folder, or hold the search.yaml that its trials were begun "
                f"with. Received: out={str(self.path)!r}, with trials/, tensorboard/ or "
                "oracle.json but no search.yaml"
            )

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keep other searches, on this machine, out of the folder inside the block.

        Raises:
            ValueError: If another process searches here.
        """
        return locked(self.path, "searching")

    def read_config(self) -> SearchConfig:
        """Return the settings that the search was begun with.

        Raises:
            ValueError: If there is no search here.
        """
        if not self.exists():
            raise ValueError(
                f"The folder of a search must hold a search.yaml. Received: {str(self.path)!r}, "
                "where no search has begun"
            )
        return read_search_config(self.config)

    def trial(self, trial_id: str) -> Path:
        """Return the folder of a trial.

        Args:
            trial_id: Its id in keras-tuner.
        """
        return self.trials / f"{int(trial_id) + 1:03d}"
