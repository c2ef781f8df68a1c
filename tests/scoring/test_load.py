"""Which deblenders names and paths stand for, each once and under a name of its own."""

import pytest

from kdeblend.presets import DEFAULT_PRESET
from kdeblend.scoring.load import load_deblenders


def test_deblenders_of_equal_names_are_told_apart(tmp_path, monkeypatch):
    keras = pytest.importorskip("keras")
    blend = keras.Input((None, None, 3))
    paths = [tmp_path / folder / "net.keras" for folder in "xy"]
    for path in paths:
        path.parent.mkdir()
        half = keras.layers.Rescaling(1.0)(blend)
        keras.Model(blend, [half, half]).save(path)
    names = [d.name for d in load_deblenders([*map(str, paths), "identity", str(paths[0])])]
    assert names == ["identity", "net.keras", str(paths[1])]
    monkeypatch.chdir(tmp_path / "y")
    names = [d.name for d in load_deblenders(["../x/net.keras", "net.keras"])]
    assert names == ["identity", "net.keras", str(paths[1])]


def test_a_preset_named_with_and_without_its_version_is_scored_once():
    given = [DEFAULT_PRESET, "identity", DEFAULT_PRESET.rpartition("-")[0]]
    assert [each.name for each in load_deblenders(given)] == ["identity", DEFAULT_PRESET]
