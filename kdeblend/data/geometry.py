"""Where on its native image each pixel of a galaxy's stamp lies."""

import math
from dataclasses import dataclass

import numpy as np

from kdeblend.data.sampling import sample_bilinear, sample_grid

FIELD_FRACTION = 240 / 424
PERTURBED = ("second", "both", "either")


def downsampling(native_size: int, stamp_size: int, field_fraction: float = FIELD_FRACTION) -> int:
    """Return the step, in native pixels, between neighbouring pixels of a stamp.

    Args:
        native_size: Side of the native images, in pixels.
        stamp_size: Side of the stamps, in pixels.
        field_fraction: Share of the native side that a stamp shows.

    Raises:
        ValueError: If the native images are smaller than one stamp.

    Example:
        >>> downsampling(424, 80)
        3
    """
    if stamp_size > native_size:
        raise ValueError(
            f"`stamp_size` must be at most {native_size} pixels, the size of the galaxy images. "
            f"Received: stamp_size={stamp_size}"
        )
    largest = (native_size - 1) // max(1, stamp_size - 1)
    return max(1, min(largest, round(native_size * field_fraction / stamp_size)))


@dataclass(frozen=True)
class Perturbation:
    """One flip, rotation, scaling and shift of a galaxy about the middle of its image.

    Args:
        flips: Whether to flip vertically and horizontally (first of all).
        angle: Rotation in radians, from the x axis to the y axis (downwards).
        scale: Factor by which the galaxy grows.
        shift: Displacement `(y, x)` of the galaxy on the stamp, in units of the stamp.
    """

    flips: tuple[bool, bool] = (False, False)
    angle: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def inverse(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the 2 x 2 matrix from stamp offsets `(y, x)` back to native offsets."""
        cosine, sine = math.cos(self.angle) / self.scale, math.sin(self.angle) / self.scale
        vertical, horizontal = (-1 if flip else 1 for flip in self.flips)
        return (
            (vertical * cosine, -vertical * sine),
            (horizontal * sine, horizontal * cosine),
        )


@dataclass(frozen=True)
class BlendGeometry:
    """Crop, downsampling and perturbation of the galaxies of a blend.

    The defaults are the paper's: of a 424 x 424 image the central 240 x 240 pixels,
    every third of them, and the second galaxy moved by 10 to 50 native pixels per axis.

    Args:
        stamp_size: Side of the stamps, in pixels.
        field_fraction: Share of the native side that a stamp shows; the downsampling factor
            is rounded to a whole number.
        shift: Smallest and largest displacement per axis, in units of the stamp; the sign is
            random.
        scale: Smallest and largest growth, drawn log-uniformly.
        perturb: `"second"`; `"both"` to flip, rotate and scale the central galaxy too; or
            `"either"` to do so in half of the blends, so that a network learns not to lean on
            the central galaxy alone keeping its sharpness and noise.

    Raises:
        ValueError: If a size or a range is not positive and in order, or `perturb` unknown.

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 2.3
    """

    stamp_size: int = 80
    field_fraction: float = FIELD_FRACTION
    shift: tuple[float, float] = (10 / 240, 50 / 240)
    scale: tuple[float, float] = (math.exp(-1), math.exp(0.5))
    perturb: str = "second"

    def __post_init__(self):
        if self.stamp_size < 1:
            raise ValueError(f"`stamp_size` must be positive. Received: {self.stamp_size}")
        if not 0 < self.field_fraction <= 1:
            raise ValueError(f"`field_fraction` must be in (0, 1]. Received: {self.field_fraction}")
        if not 0 <= self.shift[0] <= self.shift[1]:
            raise ValueError(f"`shift` must be (low, high), 0 <= low. Received: {self.shift}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"`scale` must be (low, high), 0 < low. Received: {self.scale}")
        if self.perturb not in PERTURBED:
            raise ValueError(
                f"`perturb` must be one of {list(PERTURBED)}. Received: {self.perturb!r}"
            )

    def draw(self, uniform: np.ndarray) -> tuple[Perturbation, Perturbation]:
        """Turn random numbers into the perturbations of both galaxies.

        Args:
            uniform: Array of 13 numbers in [0, 1). The second galaxy's perturbation is the
                same for each setting of `perturb`.

        Returns:
            The perturbations of the central and of the other galaxy; the first never
            shifts, and is the identity where the second alone is perturbed.
        """
        low, high = self.shift
        shifts = tuple(
            math.copysign(low + (high - low) * distance, sign - 0.5)
            for distance, sign in uniform[4:8].reshape(2, 2).tolist()
        )
        second = self._turned(uniform[:4], (shifts[0], shifts[1]))
        if self.perturb == "second" or (self.perturb == "either" and uniform[12] < 0.5):
            return Perturbation(), second
        return self._turned(uniform[8:12], (0.0, 0.0)), second

    def _turned(self, uniform: np.ndarray, shift: tuple[float, float]) -> Perturbation:
        vertical, horizontal, turn, growth = uniform.tolist()
        return Perturbation(
            flips=(vertical < 0.5, horizontal < 0.5),
            angle=2 * math.pi * turn,
            scale=self.scale[0] * (self.scale[1] / self.scale[0]) ** growth,
            shift=shift,
        )

    def stamp(self, image: np.ndarray, perturbation: Perturbation | None = None) -> np.ndarray:
        """Crop, perturb and downsample a native image in a single gather.

        Args:
            image: Array `(native, native, bands)` of any real dtype.
            perturbation: What to do to the galaxy; without it, or with the identity, the
                stamp is every n-th pixel of the image, not interpolated.

        Returns:
            float32 array `(bands, stamp, stamp)` in the units of `image`.

        Raises:
            ValueError: If the image is smaller than a stamp.
        """
        step = downsampling(min(image.shape[:2]), self.stamp_size, self.field_fraction)
        if perturbation is None or perturbation == Perturbation():
            return sample_grid(image, self.stamp_size, step)
        return sample_bilinear(image, *self._positions(image.shape, step, perturbation))

    def _positions(
        self, shape: tuple[int, ...], step: int, perturbation: Perturbation
    ) -> list[np.ndarray]:
        """Native row and column of each pixel of the stamp, two float32 arrays."""
        offsets = step * (np.arange(self.stamp_size) - (self.stamp_size - 1) / 2)
        field = step * self.stamp_size
        down, right = (offsets - field * shift for shift in perturbation.shift)
        return [
            np.add.outer(
                ((side - 1) / 2 + by_row * down).astype(np.float32),
                (by_column * right).astype(np.float32),
            )
            for side, (by_row, by_column) in zip(shape, perturbation.inverse(), strict=False)
        ]
