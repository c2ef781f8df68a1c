"""What every deblender is: blends in, two layers per blend out."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from kdeblend.io.images import is_whole, to_float

MIN_SIDE = 8
STAMP_PIXELS = 80 * 80


class Deblender(ABC):
    """Base of the deblenders: a subclass writes `deblend_batch`, and `fit` if it has parameters.

    Attributes:
        name: What tables and files call it.
        batch_size: How many blends of 80 x 80 pixels `deblend_batch` gets at
            once; of larger ones it gets fewer, down to one.
        parallel: Whether copies of it may work in several processes; it must
            then survive pickling.
        reach: Side in pixels of the middle of an image that it deblends, where that may
            be less than the image; what lies around is left to the second layer.
        blend_mode: How the light of the blends that it is for was put together, if that is known.
        one_by_one: Whether it looks at one blend after the other, so that batches save no time.

    Example:
        >>> class Halves(Deblender):
        ...     name = "halves"
        ...
        ...     def deblend_batch(self, blends):
        ...         return np.stack([blends / 2, blends / 2], axis=1)
    """

    name: str
    batch_size: int = 32
    parallel: bool = False
    reach: int | None = None
    blend_mode: str | None = None
    one_by_one: bool = False

    @abstractmethod
    def deblend_batch(self, blends: np.ndarray) -> np.ndarray:
        """Separate the galaxies of a few blends.

        Args:
            blends: Array `(n, height, width, bands)`, float32 in [0, 1].

        Returns:
            Array `(n, 2, height, width, bands)` in [0, 1]: the central galaxy
            and the other one of each blend.
        """

    def fit(self, blends: np.ndarray, truth: np.ndarray) -> dict[str, Any] | None:
        """Tune this deblender on blends with known truth; by default there is nothing to tune.

        `kdeblend score` calls it once, before scoring, with a few dozen blends of
        galaxies that are in none of the scored blends.

        Args:
            blends: Array `(n, height, width, bands)`, float32 in [0, 1].
            truth: Array `(n, 2, height, width, bands)`: the central galaxy and the
                other one of each blend.

        Returns:
            What was chosen, values that JSON can hold by name, or None if there was
            nothing to choose. It is printed, kept, and given to `restore`.
        """
        return None

    def restore(self, choice: dict[str, Any]) -> None:
        """Take up what `fit` has chosen before; by default as attributes of the same names.

        Args:
            choice: What `fit` returned.
        """
        for name, value in choice.items():
            setattr(self, name, value)

    def settings(self) -> dict[str, Any]:
        """Return what its answers depend on, in values that JSON can hold.

        A scoring that was stopped only goes on with a deblender of the same settings.
        """
        return {"class": f"{type(self).__module__}.{type(self).__qualname__}"}

    def deblend(
        self, images: np.ndarray, progress: Callable[[int], Any] | None = None
    ) -> np.ndarray:
        """Separate the galaxies of any number of blends of one size.

        Args:
            images: Array `(n, height, width, bands)`: uint8, uint16, or floats
                in [0, 1]; at least 8 pixels a side.
            progress: Called with the number of blends after each batch.

        Returns:
            Array `(n, 2, height, width, bands)`, float32 in [0, 1]: the central
            galaxy and the other one of each blend.

        Raises:
            ValueError: If the images are no such array, or the deblender gives
                a wrong shape, NaN or infinity.
        """
        check_blends(images)
        layers = np.empty((len(images), 2, *images.shape[1:]), np.float32)
        step = self.blends_at_once(*images.shape[1:3])
        for start in range(0, len(images), step):
            batch = to_float(images[start : start + step])
            layers[start : start + step] = self.checked_layers(self.deblend_batch(batch), batch)
            if progress:
                progress(len(batch))
        return layers

    def find(self, blends: np.ndarray) -> Any:
        """Return what scoring times: the layers of some blends, or what `match` makes them of.

        Args:
            blends: Array `(n, height, width, bands)`, float32 in [0, 1].
        """
        return self.deblend(blends)

    def match(self, found: Any, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Return layers to score, of what `find` has returned; by default that.

        Args:
            found: What `find` has returned for `n` blends.
            truth: Array `(n, 2, height, width, bands)`: the central galaxy and the
                other one of each blend.
            valid: Boolean array `(n, height, width)`, True where a pixel counts.

        Returns:
            Array of the shape of `truth`.
        """
        return found

    def surroundings(self, image: np.ndarray) -> np.ndarray:
        """Return what to put around an image to bring a galaxy to the middle of the field.

        Args:
            image: Array `(height, width, bands)`, floats in [0, 1].

        Returns:
            A level for each band, `(bands,)`: black, if a subclass does not know better.
        """
        return np.zeros(image.shape[-1], image.dtype)

    def blends_at_once(self, height: int, width: int) -> int:
        """Return how many blends of a size make a batch."""
        return max(1, self.batch_size * STAMP_PIXELS // max(height * width, STAMP_PIXELS))

    def checked_layers(self, layers: np.ndarray, blends: np.ndarray) -> np.ndarray:
        """Return layers cut to [0, 1].

        Args:
            layers: What is to be layers `(n, 2, height, width, bands)`.
            blends: The blends `(n, height, width, bands)` that they are of.

        Raises:
            ValueError: If they have a wrong shape, NaN or infinity.
        """
        expected = (len(blends), 2, *blends.shape[1:])
        if layers.shape != expected:
            raise ValueError(
                f"deblender {self.name} must return layers of shape {expected}. "
                f"Received: {layers.shape}"
            )
        if not np.isfinite(layers).all():
            raise ValueError(
                f"deblender {self.name} must return finite layers. Received: NaN or infinity"
            )
        return np.clip(layers, 0, 1)

    @staticmethod
    def from_preset(
        name_or_path: str,
        *,
        blend_mode: str | None = None,
        consistent: bool | None = None,
        batch_size: int = 32,
        orientations: int | None = None,
        scale: float = 1,
        mixed_precision: bool = False,
    ) -> "Deblender":
        """Return the deblender of a name or a path.

        Args:
            name_or_path: A registered deblender (`"identity"`), a preset, a run
                folder, or a `.keras` file of a generator.
            blend_mode: For networks: how the light of the blends was put
                together; by default as the network was trained.
            consistent: For networks: whether to make the layers consistent with
                the blend; by default unless the network's head has that built in.
            batch_size: How many blends of 80 x 80 pixels to do at once.
            orientations: For networks: over how many flips and turns of the blends
                to average, 1, 2, 4 or 8; by default as the preset says, else 1.
            scale: For networks: factor to resample the blends by before, at most 1: 0.5
                where galaxies are twice as large, in pixels, as in the training. The layers
                have the size of the blends all the same.
            mixed_precision: For networks: whether to compute in bfloat16, all but the last
                layer: quicker on GPUs and on CPUs that have instructions for it, slower on
                other CPUs.

        Raises:
            ValueError: If there is no such deblender; the message lists what there is. Or
                an option is wrong.
            ImportError: If it needs a package that is not installed.

        Example:
            >>> deblender = Deblender.from_preset("run")
            >>> layers = deblender.deblend(images)
        """
        from kdeblend.deblenders.load import load_deblender

        return load_deblender(
            name_or_path,
            blend_mode=blend_mode,
            consistent=consistent,
            batch_size=batch_size,
            orientations=orientations,
            scale=scale,
            mixed_precision=mixed_precision,
        )


def check_blends(images: np.ndarray) -> None:
    """Check that images can be deblended.

    Args:
        images: Anything that should be an array `(n, height, width, bands)`.

    Raises:
        ValueError: If it is no such array, has fewer than 8 pixels a side, is of
            another dtype than uint8, uint16 or floats, or not in [0, 1].
    """
    if not hasattr(images, "shape"):
        raise ValueError(
            "`images` must be one array (n, height, width, bands), as numpy.stack makes of images "
            f"of one size. Received: {type(images).__name__}"
        )
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ValueError(
            f"`images` must have shape (n, height, width, bands). Received: {images.shape}"
        )
    if min(images.shape[1:3]) < MIN_SIDE:
        height, width = images.shape[1:3]
        raise ValueError(
            f"images must have at least {MIN_SIDE} pixels a side, and bands on their last axis. "
            f"Received: {width} x {height} pixels, {images.shape[3]} bands"
        )
    if is_whole(images.dtype):
        return
    if images.dtype.kind != "f":
        raise ValueError(
            f"`images` must be uint8, uint16 or floats. Received: dtype={images.dtype}"
        )
    # A comparison with NaN is false, so NaN is refused here too.
    if not ((images >= 0) & (images <= 1)).all():
        raise ValueError(
            f"`images` must be in [0, 1] and finite. Received: {images.min():g} to {images.max():g}"
        )
