"""The search space: every hyper-parameter that can be searched, and its range.

M and N are the numbers of residual blocks of the generator, in its root and in each of its
two branches; depth is the number of convolutional blocks of the discriminator.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner

from kdeblend.models.discriminator import max_depth
from kdeblend.training.config import TrainingConfig, preset_config


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def declare(self, hp: keras_tuner.HyperParameters, name: str, **parent: Any) -> Any:
        """Declare it in keras-tuner's space and return its value, None if it is not active."""
        return hp.Int(name, self.low, self.high, **parent)

    def count(self) -> float:
        """Return how many values there are."""
        return self.high - self.low + 1

    def middle(self) -> int:
        """Return the value in the middle."""
        return (self.low + self.high) // 2


@dataclass(frozen=True)
class Logarithmic:
    """A number from `low` to `high`, uniform in its logarithm, to three digits."""

    low: float
    high: float

    def declare(self, hp: keras_tuner.HyperParameters, name: str, **parent: Any) -> Any:
        """Declare it in keras-tuner's space and return its value, None if it is not active."""
        value = hp.Float(name, self.low, self.high, sampling="log", **parent)
        return None if value is None else three_digits(value)

    def count(self) -> float:
        """Return how many values there are."""
        return math.inf

    def middle(self) -> float:
        """Return the geometric mean of the ends."""
        return math.sqrt(self.low * self.high)


@dataclass(frozen=True)
class OneOf:
    """One of a few values."""

    values: tuple[Any, ...]

    def declare(self, hp: keras_tuner.HyperParameters, name: str, **parent: Any) -> Any:
        """Declare it in keras-tuner's space and return its value, None if it is not active."""
        return hp.Choice(name, list(self.values), **parent)

    def count(self) -> float:
        """Return how many values there are."""
        return len(self.values)

    def middle(self) -> Any:
        """Return the value in the middle of the list."""
        return self.values[len(self.values) // 2]


Range = Whole | Logarithmic | OneOf

GENERATORS = ("resnet", "unet")

SEARCHED: dict[str, Range] = {
    "root_blocks": Whole(2, 16),  # M
    "branch_blocks": Whole(1, 8),  # N
    "discriminator_blocks": Whole(1, 0),  # depth; to the largest that the stamps allow
}
"""What is always searched, unless it is fixed."""

OPTIONAL: dict[str, Range] = {
    "generator": OneOf(GENERATORS),
    "filters": OneOf((16, 24, 32, 48, 64)),
    "head": OneOf(("direct", "visible")),
    "learning_rate": Logarithmic(1e-5, 1e-2),
    "adversarial_weight": Logarithmic(1e-4, 1e-2),
}
"""What is searched when it is asked for."""

ALIASES = {"M": "root_blocks", "N": "branch_blocks", "depth": "discriminator_blocks"}
"""Short names, as tables and figures show them."""

BLOCKS = ("root_blocks", "branch_blocks")
"""What only the residual generator has."""

FAMILY_OPTIONS = {"resnet": (*BLOCKS, "filters", "head"), "unet": ("filters", "head")}
"""What each generator family takes; the U-Net's filters are those of its finest scale."""

FAMILY_DEFAULTS: dict[str, dict[str, Any]] = {
    "resnet": {"root_blocks": 4, "branch_blocks": 2, "filters": 16, "head": "visible"},
    "unet": preset_config("quick").generator_options,
}
"""Options of a family that is not the base's own."""

NOT_FIXED = ("seed", "preset", "data", "devices", "initial_weights")
"""What a search has settings of its own for, and the weights of one network for others."""

FIELDS = tuple(each.name for each in dataclasses.fields(TrainingConfig))


class SearchSpace:
    """Which hyper-parameters are searched, and how their values change a configuration.

    Args:
        base: All that is neither searched nor fixed.
        searched: Names of `OPTIONAL` to search as well.
        fixed: Values of hyper-parameters that are not searched: names of this space or of
            `TrainingConfig`.

    Raises:
        ValueError: If a name is unknown or a fixed value impossible.
    """

    def __init__(
        self,
        base: TrainingConfig,
        searched: Sequence[str] = (),
        fixed: Mapping[str, Any] | None = None,
    ):
        self.fixed = {ALIASES.get(name, name): value for name, value in (fixed or {}).items()}
        _check_names(searched, self.fixed)
        self.base = self._base(base)
        families = GENERATORS if "generator" in searched else ()
        self.families = families or (self.base.generator,)
        self.ranges = self._ranges(searched)
        self._check_fixed(searched)

    def values(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        """Declare the space in keras-tuner's and return the active values by name.

        Args:
            hp: Hyper-parameters of a trial, or a space to be declared.
        """
        values = {}
        for name, each in self.ranges.items():
            parent = {}
            if name in BLOCKS and "generator" in self.ranges:
                parent = {"parent_name": "generator", "parent_values": ["resnet"]}
            values[name] = each.declare(hp, name, **parent)
        return {name: value for name, value in values.items() if value is not None}

    def size(self) -> float:
        """Return how many different networks there are, at most."""
        return math.prod(each.count() for each in self.ranges.values())

    def middle(self) -> dict[str, Any]:
        """Return values in the middle of all ranges, of the first generator family."""
        values = {name: each.middle() for name, each in self.ranges.items()}
        return values | ({"generator": self.families[0]} if "generator" in values else {})

    def apply(self, values: Mapping[str, Any]) -> TrainingConfig:
        """Return the configuration with these values and the fixed ones.

        Args:
            values: Values of searched hyper-parameters by name.

        Raises:
            ValueError: If a value is impossible.
        """
        chosen = {**self.fixed, **values}
        family = chosen.get("generator", self.base.generator)
        changes = {name: value for name, value in chosen.items() if name in FIELDS}
        changes["generator_options"] = self._options(family, chosen)
        return self.base.replace(**changes)

    def _base(self, base: TrainingConfig) -> TrainingConfig:
        changes = {name: value for name, value in self.fixed.items() if name in FIELDS}
        family = changes.get("generator", base.generator)
        if family != base.generator:
            changes = {"generator_options": FAMILY_DEFAULTS.get(family, {}), **changes}
        return base.replace(**changes)

    def _ranges(self, searched: Sequence[str]) -> dict[str, Range]:
        # The family comes first, because others depend on it.
        every = {"generator": OPTIONAL["generator"], **SEARCHED, **OPTIONAL}
        ranges = {
            name: each
            for name, each in every.items()
            if name not in self.fixed and (name in searched or name in SEARCHED)
            if name not in BLOCKS or "resnet" in self.families
        }
        if "discriminator_blocks" in ranges:
            ranges["discriminator_blocks"] = Whole(1, _largest_depth(self.base.stamp_size))
        return ranges

    def _options(self, family: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a family's builder: the base's or the family's, as changed."""
        same = family == self.base.generator
        options = dict(self.base.generator_options if same else FAMILY_DEFAULTS[family])
        names = FAMILY_OPTIONS.get(family, ())
        options |= {name: chosen[name] for name in names if name in chosen}
        if family == "unet" and "filters" in options:
            width = options.pop("filters")
            widths = options.get("widths", FAMILY_DEFAULTS[family]["widths"])
            options["widths"] = [width * each // widths[0] for each in widths]
        return options

    def _check_fixed(self, searched: Sequence[str]) -> None:
        taken = {name for family in self.families for name in FAMILY_OPTIONS.get(family, ())}
        ignored = [n for n in (*self.fixed, *searched) if n not in taken and n not in FIELDS]
        if ignored:
            raise ValueError(
                "What is fixed or searched must be options of the generators "
                f"{list(self.families)}. Received: {ignored}"
            )
        for name in (*BLOCKS, "filters"):
            if not isinstance(self.fixed.get(name, 1), int) or self.fixed.get(name, 1) < 0:
                raise ValueError(f"`{name}` must be a number. Received: {self.fixed[name]!r}")
        largest, depth = max_depth(self.base.stamp_size), self.base.discriminator_blocks
        if "discriminator_blocks" in self.fixed and depth > largest:
            raise ValueError(
                f"The depth of the discriminator must be at most {largest} for stamps of "
                f"{self.base.stamp_size} pixels. Received: {depth}"
            )


def three_digits(value: float) -> float:
    """Round a number to three digits."""
    return float(f"{value:.3g}")


def is_rounded(name: str) -> bool:
    """Tell whether networks are trained with three digits of a hyper-parameter."""
    return isinstance(OPTIONAL.get(name), Logarithmic)


def label(name: str) -> str:
    """Return the short name of a hyper-parameter, such as `"M"`, or else its name.

    Args:
        name: Name in the search space.
    """
    return {full: short for short, full in ALIASES.items()}.get(name, name)


def _largest_depth(stamp_size: int) -> int:
    depth = max_depth(stamp_size)
    if depth < 1:
        raise ValueError(
            "`stamp_size` must be even, because the discriminator halves the image. "
            f"Received: stamp_size={stamp_size}"
        )
    return depth


def _check_names(searched: Sequence[str], fixed: Mapping[str, Any]) -> None:
    unknown = [name for name in searched if name not in OPTIONAL]
    if unknown:
        raise ValueError(f"`searched` must be among {list(OPTIONAL)}. Received: {unknown}")
    both = [name for name in searched if name in fixed]
    if both:
        raise ValueError(f"What is searched must not be fixed as well. Received: {both}")
    known = [*ALIASES, *OPTIONAL, *(name for name in FIELDS if name not in NOT_FIXED)]
    unknown = [name for name in fixed if name not in {*SEARCHED, *known}]
    if unknown:
        raise ValueError(f"Fixed hyper-parameters must be among {known}. Received: {unknown}")
