"""Metrics by name: the plugins of the group `kdeblend.metrics`.

A metric is a function `f(truth, prediction, valid=None) -> float` of two images
`(height, width, bands)` in [0, 1] and a mask `(height, width)`, True where a
pixel counts.
"""

from kdeblend.plugins import Registry

METRICS = Registry(
    "kdeblend.metrics",
    "metric",
    {
        "psnr": "kdeblend.metrics.psnr:psnr",
        "ssim": "kdeblend.metrics.ssim:ssim",
        "ssim_range2": "kdeblend.metrics.ssim:ssim_range2",
    },
)
