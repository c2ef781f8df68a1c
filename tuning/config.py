"""What a search is made of, in one dataclass, and the YAML file that holds it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kdeblend.io.atomic import write_text
from kdeblend.training.config import TrainingConfig, preset_config
from kdeblend.tuning.space import FAMILY_DEFAULTS, FIELDS, SearchSpace

ORACLES = ("random", "bayesian", "hyperband")
HYPERBAND_NETWORKS = 9
MAY_CHANGE = ("max_trials",)
TRAINING_MAY_CHANGE = ("devices", "workers", "multiprocessing", "cache_gb")


def search_base(preset: str) -> TrainingConfig:
    """Return what a search starts from: a preset with the residual generator.

    Args:
        preset: Name of a preset, such as `"paper"`. A U-Net, such as that of `"quick"`, has no M
            and N: a narrow residual generator takes its place.

    Raises:
        ValueError: If there is no such preset.
    """
    config = preset_config(preset)
    if config.generator == "resnet":
        return config
    return config.replace(generator="resnet", generator_options=FAMILY_DEFAULTS["resnet"])


@dataclass(frozen=True)
class SearchConfig:
    """All settings of a search.

    Args:
        training: Hyper-parameters that are neither searched nor fixed.
        oracle: `"random"`, `"bayesian"` or `"hyperband"`.
        max_trials: Trials in all, those that fail included.
        steps_per_trial: Training steps of a trial; with hyperband, of its longest ones.
        executions_per_trial: Trainings of each trial, from different seeds; their mean counts.
        searched: Names of optional hyper-parameters to search beside M, N and depth.
        fixed: Values of hyper-parameters that are not to be searched, by name.
        max_ms: Milliseconds a stamp above which a trial is not trained, or None.
        max_parameters: Parameters of the generator above which a trial is not trained, or None.
        seed: Seed of the oracle, the weights and the blends.

    Raises:
        ValueError: If a value is impossible.
    """

    training: TrainingConfig = field(default_factory=lambda: search_base("quick"))
    oracle: str = "bayesian"
    max_trials: int = 20
    steps_per_trial: int = 1000
    executions_per_trial: int = 1
    searched: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    max_ms: float | None = None
    max_parameters: int | None = None
    seed: int = 0

    def __post_init__(self):
        if self.oracle not in ORACLES:
            raise ValueError(f"`oracle` must be one of {ORACLES}. Received: {self.oracle!r}")
        for name in ("max_trials", "steps_per_trial", "executions_per_trial"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be positive. Received: {getattr(self, name)}")
        for name in ("max_ms", "max_parameters"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"`{name}` must be positive. Received: {value}")
        object.__setattr__(self, "searched", tuple(self.searched))
        object.__setattr__(self, "fixed", dict(self.fixed))
        object.__setattr__(self, "training", self.training.replace(seed=self.seed))
        space = self.space()
        fields = {name: getattr(space.base, name) for name in space.fixed if name in FIELDS}
        object.__setattr__(self, "fixed", space.fixed | fields)  # as training takes them
        if self.oracle == "hyperband" and space.base.learning_rate_schedule == "cosine":
            raise ValueError(
                "`oracle` must be another than hyperband with the schedule 'cosine', at the end of "
                "which a network cannot be trained on (--fix learning_rate_schedule=drop). "
                "Received: hyperband, cosine"
            )
        size = space.size()
        if self.oracle == "hyperband" and size < HYPERBAND_NETWORKS:
            raise ValueError(
                f"`oracle` must be another than hyperband, which begins with {HYPERBAND_NETWORKS} "
                f"different networks (--oracle random). Received: hyperband, {size} networks"
            )

    def replace(self, **changes: Any) -> "SearchConfig":
        """Return a copy with some values changed.

        Args:
            **changes: New values by name.
        """
        return dataclasses.replace(self, **changes)

    @property
    def deterministic(self) -> bool:
        """Whether trials train deterministically, as they do unless it is fixed otherwise."""
        return self.fixed.get("deterministic", True)

    def space(self) -> SearchSpace:
        """Return the search space."""
        return SearchSpace(self.training, self.searched, self.fixed)

    def trial_config(self, full: TrainingConfig, execution: int, share: float) -> TrainingConfig:
        """Return the configuration that a trial trains with.

        The schedule, burn-in included, is that of the full training at a smaller scale.

        Args:
            full: The configuration of the full training.
            execution: Number of the training within the trial, from 0.
            share: Part of `steps_per_trial` to train, in (0, 1].
        """
        scale = self.steps_per_trial / full.steps
        drop = full.learning_rate_drop_step
        steps = max(1, round(self.steps_per_trial * share))
        return full.replace(
            steps=steps,
            burn_in=round(full.burn_in * scale),
            learning_rate_drop_step=max(1, round(drop * scale)) if drop else 0,
            validate_every=min(full.validate_every, steps),
            checkpoint_every=min(full.checkpoint_every, max(1, steps // 10)),
            deterministic=self.deterministic,
            seed=self.seed + execution,
        )

    def check_resumed(self, before: "SearchConfig") -> None:
        """Check that a search can go on with these settings.

        Args:
            before: The settings that it was begun with.

        Raises:
            ValueError: If what would make other trials has changed.
        """
        ours, theirs = self.to_dict(), before.to_dict()
        changed = []
        for part, free in (
            (None, (*MAY_CHANGE, "training", "fixed")),
            ("fixed", TRAINING_MAY_CHANGE),
            ("training", (*TRAINING_MAY_CHANGE, "seed")),
        ):
            now, then = (each[part] if part else each for each in (ours, theirs))
            names = [name for name in {**then, **now} if name not in free]
            changed += [name for name in names if now.get(name) != then.get(name)]
        if changed:
            raise ValueError(
                "A search must be resumed with the settings that it was begun with; only "
                f"{[*MAY_CHANGE, *TRAINING_MAY_CHANGE]} may change. Received: other {changed}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return every value by name, in plain lists, numbers and strings."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return values | {"training": self.training.to_dict(), "searched": list(self.searched)}

    def save(self, path: Path) -> None:
        """Write every value to a YAML file, replacing an existing one.

        Args:
            path: The file.
        """
        write_text(path, yaml.safe_dump(self.to_dict(), sort_keys=False))


def read_search_config(path: Path) -> SearchConfig:
    """Read what `SearchConfig.save` wrote.

    Args:
        path: The file.

    Raises:
        ValueError: If it is no such file.
        OSError: If it can not be read.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        training = values.pop("training")
        # A value that an older version did not write is what it always was, whatever the preset.
        return SearchConfig(training=TrainingConfig(**training), **values)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} must hold the settings of a search. Received: {error}") from error
