"""Deblenders by name: the plugins of the group `kdeblend.deblenders`.

An entry is a subclass of `kdeblend.deblenders.deblender.Deblender` that can be
made without arguments.
"""

from kdeblend.plugins import Registry

DEBLENDERS = Registry(
    "kdeblend.deblenders",
    "deblender",
    {
        "identity": "kdeblend.deblenders.identity:IdentityDeblender",
        "sep": "kdeblend.deblenders.sep_deblender:SepDeblender",
        "photutils": "kdeblend.deblenders.photutils_deblender:PhotutilsDeblender",
        "scarlet2": "kdeblend.deblenders.scarlet2_deblender:Scarlet2Deblender",
    },
)
