"""Fitting a scarlet2 model without compiling anew for every blend.

`scarlet2.Scene.fit` compiles its step again for each scene, because the positions and
boxes of the sources are constants of the compiled program, and keeps what it compiled.
Here every source's box is the whole image, so that one scene serves all blends of a
shape and number of sources: only arrays change. Likelihood, point spread functions,
constraints, step sizes and optimiser are scarlet2's.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

MODEL_PSF = 0.7
SPECTRUM_STEP, SHAPE_STEP = 0.01, 0.05
LEAST = 1e-3


class Templates(NamedTuple):
    """A scene and an observation whose arrays are exchanged for each blend, and two functions."""

    scene: Any
    observation: Any
    step: Any
    render: Any


@lru_cache(maxsize=64)
def templates(shape: tuple[int, int, int], count: int, psf_sigma: float) -> Templates:
    """Make scene and observation for all blends of a shape.

    Args:
        shape: Bands, height and width.
        count: Number of sources.
        psf_sigma: Standard deviation of the blends' Gaussian point spread function in
            pixels, above 0.7, that of the model's.
    """
    import scarlet2

    validation = scarlet2.validation_utils.VALIDATION_SWITCH
    scarlet2.set_validation(False)  # it prints what it thinks of the empty scene
    try:
        scene = _scene(shape, count)
        empty = np.zeros(shape, np.float32)
        observation = scarlet2.Observation(empty, empty, psf=scarlet2.GaussianPSF(psf_sigma))
        observation.match(scene.frame)
    finally:
        scarlet2.set_validation(validation)
    return Templates(scene, observation, *_functions())


def _scene(shape: tuple[int, int, int], count: int) -> Any:
    import scarlet2

    bands, height, width = shape
    frame = scarlet2.Frame(scarlet2.Box(shape), psf=scarlet2.GaussianPSF(MODEL_PSF))
    middle = np.array([height // 2, width // 2])
    with scarlet2.Scene(frame) as scene:
        for _ in range(count):
            scarlet2.Source(
                middle, np.ones(bands, np.float32), np.ones((height, width), np.float32)
            )
    return scene


@lru_cache(maxsize=1)
def _functions() -> tuple[Any, Any]:
    """Return the compiled step of the optimiser and the compiled rendering of all sources."""
    import equinox as eqx
    import optax
    import scarlet2

    optimiser = optax.scale_by_adam()
    steps = (
        lambda spectra: scarlet2.relative_step(spectra, factor=SPECTRUM_STEP),
        lambda shapes: SHAPE_STEP,
    )

    @eqx.filter_jit
    def step(values, state, scene, observation, smoothness):
        if state is None:
            state = optimiser.init(values)
        gradients = eqx.filter_grad(_loss)(values, scene, observation, smoothness)
        updates, state = optimiser.update(gradients, state)
        moved = tuple(v - size(v) * u for v, size, u in zip(values, steps, updates, strict=True))
        return moved, state

    @eqx.filter_jit
    def render(values, scene, observation):
        placed = _place(scene, values)
        return [observation.render(placed.evaluate_source(source)) for source in placed.sources]

    return step, render


def _transforms() -> tuple[Any, Any]:
    from numpyro.distributions import biject_to, constraints

    return biject_to(constraints.positive), biject_to(constraints.unit_interval)


def _place(scene: Any, values: tuple[Any, Any]) -> Any:
    """Return the scene with other spectra and shapes, given without their constraints."""
    import equinox as eqx

    spectra, shapes = (
        transform(value) for transform, value in zip(_transforms(), values, strict=True)
    )

    def leaves(scene):
        return [*(s.spectrum for s in scene.sources), *(s.morphology for s in scene.sources)]

    return eqx.tree_at(leaves, scene, [*spectra, *shapes])


def _loss(values: tuple[Any, Any], scene: Any, observation: Any, smoothness: Any) -> Any:
    """Return the negative log-likelihood plus the total variation of the shapes."""
    shapes = _transforms()[1](values[1])
    variation = abs(shapes[:, 1:] - shapes[:, :-1]).sum()
    variation += abs(shapes[:, :, 1:] - shapes[:, :, :-1]).sum()
    return smoothness * variation - observation.log_likelihood(_place(scene, values)())


def fit_model(
    light: np.ndarray,
    noise: np.ndarray,
    spectra: np.ndarray,
    shapes: np.ndarray,
    psf_sigma: float,
    steps: int,
    smoothness: float,
) -> np.ndarray:
    """Fit sources, each a spectrum times a shape, whose sum is the light of a blend.

    Args:
        light: Array `(height, width, bands)` above the sky.
        noise: Standard deviation of the sky, `(bands,)`.
        spectra: First guess, `(k, bands)`, positive.
        shapes: First guess, `(k, height, width)` in [0, 1].
        psf_sigma: Width of the point spread function in pixels, above 0.7.
        steps: Number of steps of the optimiser, Adam.
        smoothness: Weight of the total variation of the shapes.

    Returns:
        The sources as observed, `(k, height, width, bands)`, in the units of `light`.

    Reference:
        [Melchior et al., 2018](https://doi.org/10.1016/j.ascom.2018.07.001)
    """
    import equinox as eqx

    data = np.ascontiguousarray(light.transpose(2, 0, 1), np.float32)
    weights = np.broadcast_to(1 / np.square(noise)[:, None, None], data.shape).astype(np.float32)
    scene, observation, step, render = templates(data.shape, len(spectra), psf_sigma)
    observation = eqx.tree_at(lambda o: (o.data, o.weights), observation, (data, weights))
    guesses = (np.maximum(spectra, LEAST), np.clip(shapes, LEAST, 1 - LEAST))
    values = tuple(
        transform.inv(guess.astype(np.float32))
        for transform, guess in zip(_transforms(), guesses, strict=True)
    )
    state, weight = None, np.float32(smoothness)
    for _ in range(steps):
        values, state = step(values, state, scene, observation, weight)
    return np.stack(render(values, scene, observation)).transpose(0, 2, 3, 1)
