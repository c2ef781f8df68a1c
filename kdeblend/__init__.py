"""Deblend galaxies with branched generative adversarial networks in Keras.

Importing this package imports nothing heavy: each public name is looked up
when it is first used.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "BLEND_MODES": "kdeblend.data.blend_modes",
    "BlendGeometry": "kdeblend.data.geometry",
    "BlendSequence": "kdeblend.data.sequence",
    "GalaxySource": "kdeblend.data.source",
    "open_source": "kdeblend.data.open",
    "GENERATORS": "kdeblend.models.generators",
    "DeblendingGAN": "kdeblend.models.gan",
    "PerceptualLoss": "kdeblend.models.perceptual",
    "build_discriminator": "kdeblend.models.discriminator",
    "build_generator": "kdeblend.models.resnet",
    "build_unet": "kdeblend.models.unet",
    "METRICS": "kdeblend.metrics",
    "Deblender": "kdeblend.deblenders.deblender",
    "SourcesDeblender": "kdeblend.deblenders.sources",
    "TrainingConfig": "kdeblend.training.config",
    "train": "kdeblend.training.train",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kdeblend' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
