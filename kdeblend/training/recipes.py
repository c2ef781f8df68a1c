"""The presets of training: what each changes of the paper's values, the defaults."""

from typing import Any

QUICK = {
    "generator": "unet",
    "generator_options": {
        "widths": [32, 64, 128],
        "blocks": 1,
        "space_to_depth": 2,
        "decoders": 1,
        "head": "visible",
    },
    "discriminator_blocks": 3,
    "discriminator_filters": 4,
    "vgg_weights": "none",
    "vgg_image_size": 0,
    "burn_in": 0,
    "pixel_loss": "log_mse",
    "steps": 2_000,
    "learning_rate": 2e-3,
    "learning_rate_drop_step": 1_400,
    "average_momentum": 0.99,
    "validation_blends": 64,
    "validate_every": 250,
    "checkpoint_every": 250,
    "log_every": 10,
}
"""A small GAN for two CPU cores; the U-Net with log MSE needs no burn-in to leave the black."""

FAST = {
    "generator": "unet",
    "generator_options": {
        "widths": [24, 64, 128, 192],
        "blocks": [1, 2, 2, 2],
        "space_to_depth": 1,
        "decoders": 1,
        "head": "visible",
    },
    "perturb": "either",
    "discriminator_blocks": 0,
    "vgg_weights": "none",
    "burn_in": 0,
    "pixel_loss": "log_mse",
    "steps": 10_000,
    "optimizer": "muon",
    "learning_rate": 2e-3,
    "learning_rate_schedule": "cosine",
    "checkpoint_every": 500,
}
"""A U-Net without a discriminator: the PSNR of an hour or a few on two CPU cores."""

PRESETS: dict[str, dict[str, Any]] = {"paper": {}, "fast": FAST, "quick": QUICK}
"""Changes to the defaults, by name; `paper` is the defaults themselves."""
