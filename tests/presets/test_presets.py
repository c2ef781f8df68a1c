import hashlib
import json
import re

import keras
import numpy as np
import pytest

from kdeblend import METRICS, Deblender, presets
from kdeblend.scoring.run import make_test_blends

pytestmark = pytest.mark.backend
MAX_BYTES = 12_000_000


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Presets half-1, half-2 and half-10, whose networks add a tenth of their number."""
    entries = {}
    for number in (1, 2, 10):
        blend = keras.Input((None, None, 3))
        layer = keras.layers.Rescaling(1.0, offset=number / 10 - 1)(blend)
        path = tmp_path / f"half-{number}.keras"
        keras.Model(blend, [layer, layer]).save(path)
        entries[path.stem] = {
            "file": path.name,
            "card": f"{path.stem}.md",
            "orientations": number if number < 10 else 8,
            "stamp_size": 80,
            "blend_mode": "max",
            "generator": {"family": "half"},
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    (tmp_path / "index.json").write_text(json.dumps({"default": "half-1", "presets": entries}))
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    presets._index.cache_clear()
    yield tmp_path
    presets._index.cache_clear()


def test_a_name_is_found_with_and_without_its_version(shelf):
    assert list(presets.list_presets()) == ["half-1", "half-2", "half-10"]
    assert presets.find_preset("half-2") == "half-2"
    assert presets.find_preset("half") == "half-10"
    assert presets.preset_path("half") == shelf / "half-10.keras"
    assert presets.preset_card("half-2") == shelf / "half-2.md"
    for name in ("hal", "half-", "half-3", "half-1.keras", ""):
        assert presets.find_preset(name) is None
        with pytest.raises(ValueError, match=r"one of \['half-1', 'half-10', 'half-2'\]"):
            presets.preset_path(name)


def test_from_preset_loads_the_weights_of_the_name(shelf):
    blends = np.full((1, 8, 8, 3), 0.2, np.float32)
    for name, full in (("half-1", "half-1"), ("half", "half-10")):
        deblender = Deblender.from_preset(name, consistent=False)
        assert (deblender.name, deblender.orientations) == (full, 1 if full == "half-1" else 8)
        expected = 0.1 + int(full.split("-")[1]) / 20
        np.testing.assert_allclose(deblender.deblend(blends), expected, atol=1e-6)


def test_a_folder_named_like_a_preset_is_not_overlooked(shelf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "generator.keras").write_bytes((shelf / "half-1.keras").read_bytes())
    with pytest.raises(ValueError, match=r"write half-10 for the preset, \./half for the path"):
        Deblender.from_preset("half")
    for name, offset in (("./half", 0.1), ("half-10", 1.0)):
        layers = Deblender.from_preset(name, consistent=False).deblend(np.zeros((1, 8, 8, 3)))
        np.testing.assert_allclose(layers, offset / 2, atol=1e-6)


def test_damaged_and_missing_weights_are_refused(shelf):
    with (shelf / "half-1.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="SHA-256"):
        Deblender.from_preset("half-1")
    (shelf / "half-1.keras").unlink()
    with pytest.raises(ValueError, match="installed"):
        Deblender.from_preset("half-1")


@pytest.mark.parametrize("name", presets.list_presets())
def test_shipped_presets_are_what_the_index_says(name):
    entry = presets.list_presets()[name]
    path = presets.preset_path(name)
    assert path.stat().st_size < MAX_BYTES
    deblender = Deblender.from_preset(name)
    assert deblender.generator.count_params() == entry["parameters"]
    assert deblender.blend_mode == entry["blend_mode"]
    assert deblender.orientations == entry["orientations"]
    assert deblender.stamp_size == entry["stamp_size"]
    card = presets.preset_card(name).read_text(encoding="utf-8")
    for word in ("kdeblend train", "fails", f"{entry['parameters']:,}"):
        assert word in card
    (psnr,) = re.findall(
        rf"^\| 3200 withheld, `both` \| {name}(?:, made consistent)? \| ([\d.]+) \|",
        card,
        flags=re.M,
    )
    assert float(psnr) == entry["psnr"]
    options = entry["generator"]
    assert f"| generator | `{options['family']}`" in card
    for each in options.get("widths", [options.get("filters")]):
        assert re.search(rf"^\| generator \|.*\b{each}\b", card, flags=re.M)
    assert f"{entry['stamp_size']} x {entry['stamp_size']} pixels" in card
    assert re.search(r"\d steps of \d+ blends.* in \d+\.\d hours", card)
    for picture in card.split("](")[1:]:
        target = picture.split(")")[0]
        assert target.startswith("http") or (presets.FOLDER / target).is_file(), target


def test_default_preset_deblends_galaxies_it_has_not_seen():
    assert presets.DEFAULT_PRESET in presets.list_presets()
    psnr = METRICS["psnr"]
    chunk = next(make_test_blends(blends=8).chunks())
    layers = Deblender.from_preset(presets.DEFAULT_PRESET).deblend(chunk.blend)
    gain = [
        psnr(truth[i], found[i]) - psnr(truth[i], blend)
        for blend, truth, found in zip(chunk.blend, chunk.truth, layers, strict=True)
        for i in (0, 1)
    ]
    assert np.mean(gain) > 5
