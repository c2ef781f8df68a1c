"""sep, photutils and scarlet2 on synthetic pairs of galaxies; skipped where one is missing."""

import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pytest

from kdeblend.deblenders import DEBLENDERS
from kdeblend.deblenders.packages import needed_by
from kdeblend.deblenders.peaks import psf_width
from kdeblend.deblenders.search import matched_psnr
from kdeblend.metrics import METRICS

NAMES = ("sep", "photutils", "scarlet2")
SKY, SIDE = 0.03, 40


def disc(centre, colour, scale=2.5, side=SIDE):
    """Return a round exponential disc, `(side, side, bands)`."""
    rows, columns = np.indices((side, side))
    radius = np.hypot(rows - centre[0], columns - centre[1])
    return (np.exp(-radius / scale)[..., None] * colour).astype(np.float32)


def pair(bands=3, offset=(10, -8), seed=0):
    """Return a blend by the maximum and its two galaxies on noisy sky."""
    rng = np.random.default_rng(seed)
    middle = np.array([SIDE // 2, SIDE // 2])
    colours = np.linspace(0.8, 0.4, bands), np.linspace(0.3, 0.6, bands)
    truth = np.stack(
        [disc(middle, colours[0]), disc(middle + offset, colours[1], 2.0)]
    ) + rng.normal(SKY, 0.01, (2, SIDE, SIDE, bands))
    truth = np.clip(truth, 0, 1).astype(np.float32)
    return truth.max(axis=0), truth


@pytest.fixture(params=NAMES)
def deblender(request):
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return DEBLENDERS[request.param]()


def mean_psnr(truth, layers):
    return np.mean([METRICS["psnr"](t, found) for t, found in zip(truth, layers, strict=True)])


@pytest.mark.parametrize("bands", [1, 3, 5])
def test_a_separated_pair_is_recovered(deblender, bands):
    blend, truth = pair(bands)
    layers = deblender.deblend(blend[None])[0]
    assert layers.shape == (2, SIDE, SIDE, bands)
    assert mean_psnr(truth, layers) > 34
    assert mean_psnr(truth, layers) > mean_psnr(truth, [blend, blend]) + 8


def test_layers_of_all_sources_add_up_to_the_blend(deblender):
    blend, _ = pair()
    found = deblender.sources(blend)
    sky = np.median(blend, axis=(0, 1))
    np.testing.assert_allclose((found - sky).sum(axis=0) + sky, blend, atol=0.02)


def test_a_single_source_leaves_the_other_layer_dark(deblender):
    rng = np.random.default_rng(3)
    galaxy = disc((20, 20), np.array([0.7, 0.6, 0.5])) + rng.normal(SKY, 0.01, (SIDE, SIDE, 3))
    blend = np.clip(galaxy, 0, 1).astype(np.float32)
    central, other = deblender.deblend(blend[None])[0]
    assert METRICS["psnr"](blend, central) > 35
    np.testing.assert_allclose(other, SKY, atol=0.05)


@pytest.mark.parametrize("level", [0.0, 0.2, 1.0])
def test_an_empty_image_stays_empty(deblender, level):
    blends = np.full((1, 24, 32, 3), level, np.float32)
    np.testing.assert_allclose(deblender.deblend(blends)[0, 0], level, atol=1e-3)


def test_the_source_in_the_middle_comes_first(deblender):
    """Also when the other one is brighter."""
    rows = disc((20, 20), np.full(3, 0.3)), disc((8, 30), np.full(3, 0.9), 3.0)
    blend = np.maximum(*rows) + np.float32(SKY)
    central, other = deblender.deblend(blend[None])[0]
    assert np.unravel_index(central.sum(axis=-1).argmax(), (SIDE, SIDE)) == (20, 20)
    assert np.unravel_index(other.sum(axis=-1).argmax(), (SIDE, SIDE)) == (8, 30)


def test_copies_in_other_processes_do_the_same(deblender):
    assert deblender.parallel
    blend, _ = pair()
    copy = pickle.loads(pickle.dumps(deblender))
    np.testing.assert_array_equal(copy.sources(blend), deblender.sources(blend))


def test_fit_is_never_worse_than_the_defaults_and_is_restored(deblender):
    blends, truth = (np.stack(each) for each in zip(*(pair(seed=s) for s in (1, 2)), strict=True))
    if deblender.name == "scarlet2":
        deblender.psf_sigma = psf_width(blends)  # estimated, not chosen
    before = matched_psnr(deblender, blends, truth)
    names = {"sep": ("softness",), "photutils": ("softness",), "scarlet2": ("conserve_flux",)}
    deblender.grid = {name: deblender.grid[name] for name in names[deblender.name]}
    chosen = deblender.fit(blends, truth)
    assert matched_psnr(deblender, blends, truth) >= before
    fresh = DEBLENDERS[deblender.name]()
    fresh.restore(chosen)
    assert fresh.settings().items() >= chosen.items()
    np.testing.assert_array_equal(fresh.sources(blends[0]), deblender.sources(blends[0]))


def test_scarlet2_compiles_once_per_number_of_sources():
    pytest.importorskip("scarlet2", reason="scarlet2 is not installed")
    from kdeblend.deblenders.scarlet2_model import templates

    deblender = DEBLENDERS["scarlet2"]()
    deblender.sources(pair(seed=5)[0])
    step = templates((3, SIDE, SIDE), 2, deblender.psf_sigma).step
    before = step._cached._cache_size()
    deblender.sources(pair(seed=6, offset=(-9, 11))[0])
    assert step._cached._cache_size() == before


def test_scarlet2_fits_better_with_more_steps():
    pytest.importorskip("scarlet2", reason="scarlet2 is not installed")
    deblender = DEBLENDERS["scarlet2"]()
    blend, _ = pair()
    errors = []
    for deblender.steps in (0, 60):
        sky, models = deblender.models(blend)
        errors.append(np.square(sky + models.sum(axis=0) - blend).mean())
    assert errors[1] < errors[0] / 2


def test_a_missing_package_is_named_with_how_to_install_it():
    message = r"`nonesuch` must be .* deblender sep: pip install 'kdeblend\[baselines\]'"
    with pytest.raises(ImportError, match=message), needed_by("sep", "nonesuch"):
        importlib.import_module("nonesuch")


@pytest.mark.parametrize("name", NAMES)
def test_making_one_without_its_package_says_so(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"`{name}` must be installed for the deblender {name}"):
        DEBLENDERS[name]()


def test_listing_deblenders_imports_none_of_the_packages():
    code = (
        "import sys; from kdeblend.deblenders import DEBLENDERS; "
        "assert {'sep', 'photutils', 'scarlet2'} <= set(DEBLENDERS); "
        "assert not {'sep', 'photutils', 'scarlet2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
