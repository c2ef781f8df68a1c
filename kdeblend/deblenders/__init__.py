"""Deblenders by name: the plugins of the group `kdeblend.deblenders`.

An entry is a subclass of `kdeblend.deblenders.deblender.Deblender` that can be
made without arguments.
"""

from kdeblend.plugins import Registry

DEBLENDERS = Registry(
    "kdeblend.deblenders",
    "deblender",
    {"identity": "kdeblend.deblenders.identity:IdentityDeblender"},
)
