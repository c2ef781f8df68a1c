"""Metrics by name: the plugins of the group `kdeblend.metrics`.

A metric is a function `f(truth, prediction, valid=None) -> float` of two images
`(height, width, bands)` in [0, 1] and a mask `(height, width)`, True where a
pixel counts. It returns NaN where it is not defined. One that has a parameter named
`context` is also given a `kdeblend.metrics.context.Context`, by keyword: the blend
and the other galaxy.
"""

from kdeblend.plugins import Registry

METRICS = Registry(
    "kdeblend.metrics",
    "metric",
    {
        "psnr": "kdeblend.metrics.psnr:psnr",
        "ssim": "kdeblend.metrics.ssim:ssim",
        "ssim_range2": "kdeblend.metrics.ssim:ssim_range2",
        "psnr_visible": "kdeblend.metrics.psnr:psnr_visible",
        "psnr_hidden": "kdeblend.metrics.psnr:psnr_hidden",
        "total_flux_error": "kdeblend.metrics.flux:total_flux_error",
        "aperture_flux_error": "kdeblend.metrics.flux:aperture_flux_error",
        "colour_error": "kdeblend.metrics.flux:colour_error",
        "centroid_shift": "kdeblend.metrics.shape:centroid_shift",
        "ellipticity_error": "kdeblend.metrics.shape:ellipticity_error",
        "size_error": "kdeblend.metrics.shape:size_error",
        "blendedness_error": "kdeblend.metrics.blendedness:blendedness_error",
        "segmentation_iou": "kdeblend.metrics.segmentation:segmentation_iou",
        "flux_conservation": "kdeblend.metrics.conservation:flux_conservation",
    },
)
