"""Galaxies that ship with the package."""

import numpy as np
import pytest

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.hubble import HubbleSource
from kdeblend.data.image_source import ImageSource
from kdeblend.data.split import split_indices


@pytest.fixture(scope="module")
def hubble():
    return HubbleSource()


def test_hubble_has_enough_galaxies_with_stable_ids(hubble):
    assert len(hubble) >= 100
    assert len(set(hubble.ids)) == len(hubble)
    assert hubble.ids == HubbleSource().ids
    assert "hubble-400-123" in hubble.ids or "hubble-401-123" in hubble.ids  # the large spiral
    sides = split_indices(hubble.ids)
    assert min(map(len, sides.values())) >= 2


def test_every_hubble_galaxy_is_central_dominant_and_on_dark_sky(hubble):
    for number in range(len(hubble)):
        stamp = BlendGeometry().stamp(hubble.image(number)).mean(axis=0)
        sky = np.median(np.concatenate([stamp[:8].ravel(), stamp[-8:].ravel()]))
        light = np.maximum(stamp - sky - 8, 0)
        distance = np.hypot(*(np.indices(stamp.shape) - 39.5))
        assert sky < 30
        assert light[distance < 26].sum() > 0.8 * light.sum(), hubble.ids[number]


def test_hubble_matches_its_name_only():
    assert HubbleSource.matches("hubble")
    assert not HubbleSource.matches("./hubble")
    assert not ImageSource.matches("hubble")
