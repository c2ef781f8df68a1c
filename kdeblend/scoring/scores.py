"""What a scoring finds: single scores, what the blends are like, failures and times."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kdeblend.io.atomic import write_csv

LAYERS = ("central", "other")
PROPERTIES = ("separation", "size_ratio", "flux_ratio", "hidden")
_FIRST_COLUMNS = ("deblender", "blend", "layer", "galaxy", "failure", "milliseconds")


@dataclass(frozen=True)
class Scores:
    """Single scores of several deblenders on the same blends.

    Args:
        values: By deblender and metric, float64 array `(blends, 2)`: the scores of
            the central galaxy and of the other one; NaN where a metric is undefined
            or the deblender failed.
        properties: What the true galaxies are like, by name (`PROPERTIES`), float64
            arrays `(blends, 2)`: the distance between the two in pixels, the size
            and the flux of this one in units of the other's, and the share of this
            one that the other hides. NaN where a layer is dark.
        failures: By deblender, the message of each blend that it failed on.
        milliseconds: By deblender, float64 array `(blends,)`: wall time per blend,
            NaN for predictions that came with the blends.
        galaxies: Numbers of the two galaxies of each blend, int array `(blends, 2)`, if it
            is known which blends share one.
    """

    values: dict[str, dict[str, np.ndarray]]
    properties: dict[str, np.ndarray] = field(default_factory=dict)
    failures: dict[str, dict[int, str]] = field(default_factory=dict)
    milliseconds: dict[str, np.ndarray] = field(default_factory=dict)
    galaxies: np.ndarray | None = None

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return list(next(iter(self.values.values()), {}))

    def write_csv(self, path: str | os.PathLike) -> None:
        """Write a row per deblender, blend and layer, under a row of column names.

        The columns: deblender, blend (its number), layer ("central" or "other"),
        galaxy (its number, if it is known), failure (empty, or why the deblender failed),
        milliseconds, the properties, and one per metric. What is not defined is left empty.
        """
        columns = [*_FIRST_COLUMNS, *self.properties, *self.metrics]
        write_csv(path, columns, (row for name in self.values for row in self._rows(name)))

    def _rows(self, name: str) -> Iterator[list[str]]:
        by_metric, failures = self.values[name], self.failures.get(name, {})
        columns = [*self.properties.values(), *by_metric.values()]
        for blend in range(len(columns[0]) if columns else 0):
            times = self.milliseconds.get(name)
            start = [
                failures.get(blend, ""),
                _text(math.nan if times is None else float(times[blend])),
            ]
            for layer, name_of_layer in enumerate(LAYERS):
                numbers = [_text(float(column[blend, layer])) for column in columns]
                galaxy = "" if self.galaxies is None else str(self.galaxies[blend, layer])
                yield [name, str(blend), name_of_layer, galaxy, *start, *numbers]


def write_galaxy_ids(path: str | os.PathLike, galaxy_ids: np.ndarray) -> None:
    """Write which galaxies the blends show, a row per blend under a row of column names.

    The columns: blend (its number, as in the table of scores), and the ids of its galaxies,
    central and other.

    Args:
        path: The file; an existing one is replaced.
        galaxy_ids: Text array `(blends, 2)`.
    """
    rows = ([number, *pair] for number, pair in enumerate(galaxy_ids.tolist()))
    write_csv(path, ["blend", *LAYERS], rows)


def _text(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
