"""Deblending with a trained generator."""

from typing import Any

import numpy as np

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.data.layers import layers_of
from kdeblend.deblenders.consistency import make_consistent
from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.orientations import COUNTS, average_orientations
from kdeblend.deblenders.scaling import answer_scaled, check_scale
from kdeblend.deblenders.window import answer_aligned, deblend_middle, reach
from kdeblend.io.fingerprint import fingerprint


class NetworkDeblender(Deblender):
    """Deblends with a Keras model from a blend in [0, 1] to two images in [-1, 1].

    Images of one band that meet a network of more are given to it as equal
    bands, and the mean over the bands of its answer is returned.

    Args:
        generator: Keras model from `(n, height, width, bands)` to a pair of the
            same shape: the central galaxy and the other one.
        blend_mode: How the light of the blends was put together. By default as in the
            generator's training, or `"max"` if that is not known.
        consistent: Whether to make the layers consistent with the blend. By default unless the
            generator was trained for this blend mode and its layer `head` has that built in:
            there it would only turn the head's doubt, which costs little, into guesses.
        batch_size: How many blends of 80 x 80 pixels to do at once.
        name: What tables and files call it. Defaults to the generator's name.
        orientations: Over how many flips and turns of the blends to average the
            generator's answers, 1, 2, 4 or 8: more is better and takes longer.
        stamp_size: Side in pixels of the blends that the generator has learnt from, to show it
            others as these, see `deblend_middle`. By default it sees images as they are.
        scale: Factor to resample images by before it sees them, at most 1: 0.5 where galaxies
            are twice as large, in pixels, as those it has learnt from; see `answer_scaled`.
        mixed_precision: Whether to use a copy of the generator that computes in bfloat16, all but
            its last layer: quicker on GPUs and on CPUs that have instructions for it,
            slower on other CPUs.
        trained_for: Blend mode of the generator's training, where its layer `head` does not
            say it.

    Raises:
        ValueError: If the generator has not one input and two outputs,
            `blend_mode` is unknown, `batch_size` or `stamp_size` is not positive,
            `orientations` is another number, or `scale` is out of its range.
    """

    def __init__(
        self,
        generator: Any,
        blend_mode: str | None = None,
        consistent: bool | None = None,
        batch_size: int = 32,
        name: str | None = None,
        orientations: int = 1,
        stamp_size: int | None = None,
        scale: float = 1,
        mixed_precision: bool = False,
        trained_for: str | None = None,
    ):
        if len(generator.inputs) != 1 or len(generator.outputs) != 2:
            raise ValueError(
                "`generator` must have one input, the blend, and two outputs, the galaxies. "
                f"Received: {len(generator.inputs)} inputs, {len(generator.outputs)} outputs"
            )
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be positive. Received: batch_size={batch_size}")
        if stamp_size is not None and stamp_size < 1:
            raise ValueError(f"`stamp_size` must be positive. Received: stamp_size={stamp_size}")
        if orientations not in COUNTS:
            raise ValueError(
                f"`orientations` must be one of {COUNTS}. Received: orientations={orientations}"
            )
        check_scale(scale)
        self.mixed_precision = mixed_precision
        self.generator = _in_bfloat16(generator) if mixed_precision else generator
        self.orientations = orientations
        self.stamp_size = stamp_size
        self.scale = scale
        head = _head(generator)
        trained: str = getattr(head, "blend_mode", trained_for or "max")
        self.blend_mode: str = blend_mode or trained
        if self.blend_mode != trained:
            BLEND_MODES[self.blend_mode]  # raises if it is not known
        modes = getattr(head, "consistent_modes", ())
        built_in = self.blend_mode == trained and trained in modes
        self.consistent = not built_in if consistent is None else consistent
        self.batch_size = batch_size
        self.name = name or generator.name
        self.reach = stamp_size and reach(stamp_size, scale)

    def settings(self) -> dict[str, Any]:
        """Return what the options are, and a sum of the weights."""
        return super().settings() | {
            "blend_mode": self.blend_mode,
            "consistent": self.consistent,
            "orientations": self.orientations,
            "stamp_size": self.stamp_size,
            "scale": self.scale,
            "mixed_precision": self.mixed_precision,
            "weights": fingerprint(w.tobytes() for w in self.generator.get_weights()),
        }

    def deblend_batch(self, blends: np.ndarray) -> np.ndarray:
        """Return the generator's layers `(n, 2, height, width, bands)` in [0, 1].

        Args:
            blends: Array `(n, height, width, bands)`, float32 in [0, 1].

        Raises:
            ValueError: If the generator does not take images of this size or
                number of bands, or the scale leaves too few pixels.
        """
        if self.stamp_size is None:
            layers = self._answer_scaled(blends)
        else:
            layers = deblend_middle(
                self._answer_scaled, blends, self.stamp_size, self.blend_mode, self.scale
            )
        return make_consistent(blends, layers, self.blend_mode) if self.consistent else layers

    def _answer_scaled(self, blends: np.ndarray) -> np.ndarray:
        return answer_scaled(self._answer_aligned, blends, self.scale)

    def _answer_aligned(self, blends: np.ndarray) -> np.ndarray:
        if self.stamp_size is None:
            return self._answer_bands(blends)
        return answer_aligned(self._answer_bands, blends, self.stamp_size)

    def _answer_bands(self, blends: np.ndarray) -> np.ndarray:
        _, height, width, bands = self.generator.inputs[0].shape
        for what, expected, received in zip(
            ("rows", "columns", "bands"), (height, width, bands), blends.shape[1:], strict=True
        ):
            grey = what == "bands" and received == 1
            if expected not in (None, received) and not grey:
                raise ValueError(
                    f"images must have {expected} {what} for this network. Received: {received}"
                )
        given = np.repeat(blends, bands, axis=-1) if blends.shape[-1] == 1 else blends
        layers = average_orientations(self._answer, given, self.orientations)
        return layers.mean(axis=-1, keepdims=True) if blends.shape[-1] == 1 else layers

    def _answer(self, blends: np.ndarray) -> np.ndarray:
        return layers_of(self.generator.predict_on_batch(blends))


def _in_bfloat16(generator: Any) -> Any:
    from kdeblend.models.precision import copy_in_precision

    return copy_in_precision(generator, "mixed_bfloat16", but=generator.output_names)


def _head(generator: Any) -> Any:
    """Return the layer that says what the generator's answers are like, or None."""
    return next((layer for layer in generator.layers if layer.name == "head"), None)
