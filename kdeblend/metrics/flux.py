"""Errors of flux and colour, in magnitudes."""

import math

import numpy as np

from kdeblend.metrics.checks import checked
from kdeblend.metrics.galaxy import Galaxy, background_level, find_galaxy

TOTAL_AXES = 3.0
HALF_LIGHT = math.sqrt(2 * math.log(2))


def total_flux_error(
    truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None
) -> float:
    """Return by how many magnitudes the galaxy came out too faint; negative if too bright.

    The flux of both images, above the sky of each and summed over bands, inside the
    ellipse around the true galaxy whose axes are three times those of its second moments
    (98.9 % of a Gaussian). Over many galaxies its mean is the bias, its standard deviation
    the scatter.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`; only where it is True pixels
            count. Without it all do.

    Returns:
        `-2.5 log10(flux / true flux)`; NaN if the true layer is dark or a flux is not
        positive.

    Raises:
        ValueError: If shapes do not fit, or no pixel counts.

    Reference:
        Fluxes in an ellipse scaled by moments: [Bertin & Arnouts,
        1996](https://doi.org/10.1051/aas:1996164)
    """
    return _error(truth, prediction, valid, _ellipse)


def aperture_flux_error(
    truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None
) -> float:
    """Return the error in magnitudes of the flux in a small aperture.

    As `total_flux_error`, but inside the circle around the true galaxy that holds half of
    the light of a Gaussian with its second moments: the bright part alone, where the sky
    matters least. Arguments, result and errors are the same.

    Reference:
        [Bertin & Arnouts, 1996](https://doi.org/10.1051/aas:1996164)
    """
    return _error(truth, prediction, valid, _circle)


def colour_error(
    truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None
) -> float:
    """Return by how many magnitudes the colours are wrong.

    The colours are the differences in magnitude between adjacent bands, such as g - r and
    r - i, of the fluxes in the aperture of `aperture_flux_error`; the error is the root
    mean square over them. Arguments and errors are as there.

    Returns:
        Magnitudes, 0 at best; NaN for one band, where no true colour is defined, and where one
        is that the found galaxy has not, for want of light in a band.

    Reference:
        Colours in one aperture for all bands: [Bosch et al.,
        2018](https://doi.org/10.1093/pasj/psx080)
    """
    found = _fluxes(truth, prediction, valid, _circle)
    if found is None:
        return math.nan
    true_colours, colours = (-2.5 * np.diff(_logarithm(each)) for each in found)
    errors = (colours - true_colours)[np.isfinite(true_colours)]
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else math.nan


def _error(truth, prediction, valid, region):
    found = _fluxes(truth, prediction, valid, region)
    if found is None:
        return math.nan
    true_flux, flux = (_logarithm(each.sum()) for each in found)
    return float(-2.5 * (flux - true_flux))


def _fluxes(truth, prediction, valid, region):
    """Return the flux by band of the true and of the found image, or None without a galaxy."""
    _, _, valid = checked(truth, prediction, valid)
    galaxy = find_galaxy(truth, valid)
    if galaxy is None:
        return None
    inside = region(galaxy, truth.shape[:2]) & valid
    return [
        (image.astype(np.float64) - background_level(image, galaxy.background))[inside].sum(axis=0)
        for image in (truth, prediction)
    ]


def _logarithm(flux):
    """Return log10 of fluxes, NaN of those that are not positive."""
    return np.log10(np.where(flux > 0, flux, math.nan))


def _ellipse(galaxy: Galaxy, shape: tuple[int, int]) -> np.ndarray:
    return _inside(galaxy, shape, TOTAL_AXES**2 * galaxy.covariance)


def _circle(galaxy: Galaxy, shape: tuple[int, int]) -> np.ndarray:
    return _inside(galaxy, shape, (HALF_LIGHT * galaxy.size) ** 2 * np.eye(2))


def _inside(galaxy, shape, matrix):
    """Return which pixels lie in an ellipse about the galaxy, `(height, width)`."""
    offsets = np.indices(shape).reshape(2, -1) - galaxy.centre[:, None]
    distances = np.einsum("ik,ik->k", offsets, np.linalg.solve(matrix, offsets))
    return (distances <= 1).reshape(shape)
