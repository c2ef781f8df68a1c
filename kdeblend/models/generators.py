"""Generator families by name: the plugins of the group `kdeblend.generators`."""

from kdeblend.plugins import Registry

GENERATORS = Registry(
    "kdeblend.generators",
    "generator",
    {
        "resnet": "kdeblend.models.resnet:build_generator",
        "unet": "kdeblend.models.unet:build_unet",
    },
)
