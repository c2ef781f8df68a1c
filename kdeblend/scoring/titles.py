"""What the metrics are called in tables and figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Title:
    """How to show a metric.

    Args:
        text: What it is called, with its unit.
        short: The same in two short lines, for the head of a column.
        best: The best value: `"high"`, `"low"`, or `"zero"` for errors of either sign;
            None if it is not known.
    """

    text: str
    short: str
    best: str | None


TITLES = {
    "psnr": Title("PSNR (dB)", "PSNR\ndB", "high"),
    "ssim": Title("SSIM (data range 1)", "SSIM\n(1)", "high"),
    "ssim_range2": Title("SSIM (data range 2, as in the paper)", "SSIM\n(2)", "high"),
    "psnr_visible": Title("PSNR of visible pixels (dB)", "PSNR\nseen", "high"),
    "psnr_hidden": Title("PSNR of hidden pixels (dB)", "PSNR\nhidden", "high"),
    "total_flux_error": Title("error of total flux (mag)", "flux\nmag", "zero"),
    "aperture_flux_error": Title("error of aperture flux (mag)", "apert.\nmag", "zero"),
    "colour_error": Title("error of colours (mag)", "colour\nmag", "low"),
    "centroid_shift": Title("shift of the centroid (pixels)", "shift\npx", "low"),
    "ellipticity_error": Title("error of the ellipticity", "shape", "low"),
    "size_error": Title("error of the size (fraction)", "size", "zero"),
    "blendedness_error": Title("error of the blendedness", "blended", "zero"),
    "segmentation_iou": Title("overlap of segments (IoU)", "IoU", "high"),
    "flux_conservation": Title("light that does not add up to the blend (fraction)", "lost", "low"),
}


def title(metric: str) -> Title:
    """Return how to show a metric; one that is not built in is called by its name."""
    return TITLES.get(metric, Title(metric, metric, None))
