"""Losses of the two networks; all return float32 scalars."""

from keras import ops

from kdeblend.plugins import Registry

PIXEL_LOSSES = Registry(
    "kdeblend.pixel_losses",
    "`pixel_loss`",
    {"mse": "kdeblend.models.losses:mse", "log_mse": "kdeblend.models.losses:log_mse"},
)
LOG_MSE_FLOOR = 1e-6
"""Added to the MSE under the logarithm: a perfect image is worth 66 dB, not infinity."""


def mse(truth, prediction):
    """Return the mean squared error.

    Args:
        truth: Images `(n, height, width, bands)`.
        prediction: Images of the same shape.

    Returns:
        Scalar.

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), equation 4
    """
    return ops.mean(ops.square(prediction - truth))


def log_mse(truth, prediction):
    """Return the mean over images of the logarithm of their mean squared error.

    Up to a constant and a factor this is minus the mean PSNR itself.

    Args:
        truth: Images `(n, height, width, bands)`.
        prediction: Images of the same shape.

    Returns:
        Scalar.
    """
    errors = ops.mean(ops.square(prediction - truth), axis=(1, 2, 3))
    return ops.mean(ops.log(errors + LOG_MSE_FLOOR))


def real_loss(logits):
    """Return the mean cross-entropy of logits that should say "real"."""
    return ops.mean(ops.softplus(-logits))


def fake_loss(logits):
    """Return the mean cross-entropy of logits that should say "generated"."""
    return ops.mean(ops.softplus(logits))
