"""Examples and benchmarks run, and what they measure is what they say."""

import hashlib
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.data.split import split_of
from kdeblend.io.images import read_image
from kdeblend.models.files import read_facts, save_generator
from kdeblend.models.unet import build_unet
from kdeblend.presets import FOLDER

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted([*ROOT.glob("examples/*.py"), *ROOT.glob("benchmarks/*.py")])


@pytest.fixture
def network(tmp_path):
    """A network of nothing but a factor, saved."""
    blend = keras.Input((None, None, 3))
    half = keras.layers.Conv2D(3, 1, use_bias=False, kernel_initializer="ones")(blend)
    keras.Model(blend, [half, half]).save(tmp_path / "network.keras")
    return tmp_path / "network.keras"


@pytest.mark.parametrize("script", [each for each in SCRIPTS if "argparse" in each.read_text()])
def test_each_script_explains_itself(script, capsys, run_script):
    with pytest.raises(SystemExit, match="0"):
        run_script(script.relative_to(ROOT), "--help")
    assert "usage:" in capsys.readouterr().out


def test_scripts_without_options_can_be_imported(names_of):
    assert callable(names_of("benchmarks/blends.py")["main"])


def test_a_comparison_is_drawn_of_the_blends_that_are_asked_for(network, tmp_path, run_script):
    for count in (1, 2):
        numbers = [str(number) for number in range(count)]
        run_script("examples/compare.py", network, "--numbers", *numbers,
            "--out", tmp_path / f"{count}.png")  # fmt: skip
    one, two = (read_image(tmp_path / f"{count}.png") for count in (1, 2))
    np.testing.assert_array_equal(two[: len(one)], one)
    assert len(two) == 2 * len(one)


@pytest.mark.parametrize("mode", ["max", "sum"])
def test_a_blend_is_written_with_its_truths(mode, tmp_path, run_script):
    out = tmp_path / "blend.png"
    run_script("examples/make_blend.py", "--number", 3, "--blend-mode", mode, "--out", out)
    names = ("blend", "blend_truth_1", "blend_truth_2")
    blend, *truth = (read_image(tmp_path / f"{name}.png") / 255 for name in names)
    np.testing.assert_allclose(BLEND_MODES[mode](*truth), blend, atol=1.01 / 255)


def test_weights_of_a_preset_are_those_of_the_run_in_half_precision(network, tmp_path, names_of):
    names_of("benchmarks/add_preset.py")["copy_halved"](network, tmp_path / "half.keras")
    before, after = (
        keras.saving.load_model(tmp_path / f"{name}.keras").get_weights()
        for name in ("network", "half")
    )
    for old, new in zip(before, after, strict=True):
        assert new.dtype == np.float32
        np.testing.assert_array_equal(new, old.astype(np.float16))


def test_a_file_becomes_a_preset(tmp_path, monkeypatch, names_of):
    network = build_unet(widths=(4, 8), blocks=1)
    facts = {"generator": "unet", "generator_options": {"widths": [4, 8], "blocks": 1}}
    facts |= {"stamp_size": 24, "blend_mode": "max"}
    save_generator(network, tmp_path / "mean.keras", facts)
    shutil.copy(FOLDER / "index.json", tmp_path)
    monkeypatch.setattr("kdeblend.presets.FOLDER", tmp_path)
    add = names_of("benchmarks/add_preset.py")["add"]
    path = add(str(tmp_path / "mean.keras"), "fast-999", "For tests", 1, False)
    entry = json.loads((tmp_path / "index.json").read_text())["presets"]["fast-999"]
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert entry["generator"] == {"family": "unet", "widths": [4, 8], "blocks": 1}
    assert (entry["stamp_size"], entry["parameters"]) == (24, network.count_params())
    assert read_facts(path) == facts
    with pytest.raises(SystemExit, match="new"):
        add(str(tmp_path / "mean.keras"), "fast-999", "For tests", 1, False)


def test_the_best_mean_of_two_networks_is_saved(galaxies, tmp_path, capsys, run_script):
    """Of one that gives half the blend and one that gives more than all of it, the mean fits."""
    blend = keras.Input((None, None, 3))
    for name, factor in (("small", 0.5), ("large", 1.5)):
        layer = keras.layers.Dense(3)
        network = keras.Model(blend, [layer(blend)] * 2)
        layer.set_weights([2 * factor * np.eye(3), -np.ones(3)])
        save_generator(network, tmp_path / f"{name}.keras", {"blend_mode": "max"})
    run_script("benchmarks/mean_weights.py", tmp_path / "small.keras",
        tmp_path / "large.keras", "--data", galaxies, "--blends", 4, "--shares", 0, 0.5, 1,
        "--out", tmp_path / "mean.keras")  # fmt: skip
    assert "0.50 of large.keras, the rest of small.keras" in capsys.readouterr().out
    kernel, _ = keras.saving.load_model(tmp_path / "mean.keras").get_weights()
    np.testing.assert_allclose(kernel, 2 * np.eye(3), atol=1e-6)
    assert read_facts(tmp_path / "mean.keras") == {"blend_mode": "max"}


def test_light_of_the_sky_is_on_the_whole_picture_and_not_beyond_it(array_source, names_of):
    """Also on pixels of a picture that are black themselves."""
    random = np.random.default_rng(0)
    images = [random.integers(0, 2, (160, 160, 3), np.uint8) * 100 for _ in range(60)]
    source = array_source(images)
    assert sum(split_of(name) == "test" for name in source.ids) >= 2
    lit, dark = (
        names_of("benchmarks/sky.py")["Lit"](source, 5, "max", light).take(range(5)).truth
        for light in (0.3, 0.0)
    )
    gained = lit - dark
    assert gained.max() == pytest.approx(0.3, abs=1e-6)
    assert (dark[gained == 0] == 0).all()
    middle = gained[:, 0, 20:60, 20:60]
    np.testing.assert_allclose(middle, 0.3, atol=1e-6)
    assert (dark[:, 0, 20:60, 20:60] == 0).mean() > 0.01


def test_degraded_blends_are_those_of_degraded_pictures(array_source, galaxy, names_of):
    names = names_of("benchmarks/degraded.py")
    source = array_source([galaxy(number, 240) for number in range(60)])
    plain = names["MadeBlends"](source, 3)
    for kind, degradation in names["KINDS"].items():
        chunk = names["Degraded"](plain, degradation).take([2, 0])
        before = plain.take([2, 0])
        planes = before.truth[1, 0].transpose(2, 0, 1)
        expected = degradation(planes).transpose(1, 2, 0)
        np.testing.assert_array_equal(chunk.truth[1, 0], expected)
        assert (chunk.blend == before.blend).all() == (kind == "as they are")


def test_the_scale_is_that_of_the_galaxies_not_of_the_blends(names_of):
    scale_of = names_of("benchmarks/scale.py")["scale_of"]
    assert [scale_of(424, side) for side in (80, 120, 240)] == pytest.approx([1, 2 / 3, 1 / 3])
    assert scale_of(160, 120) == 1  # every pixel of the picture already, for stamps too


def test_networks_are_measured_on_larger_galaxies_with_and_without_scale(
    array_source, galaxy, tmp_path, names_of
):
    blend = keras.Input((None, None, 3))
    blurred = keras.layers.DepthwiseConv2D(5, padding="same", depthwise_initializer="ones")(blend)
    keras.Model(blend, [keras.layers.Rescaling(0.08, -1.0)(blurred)] * 2).save(tmp_path / "n.keras")
    source = array_source([galaxy(number, 240) for number in range(60)])
    measure = names_of("benchmarks/scale.py")["measure"]
    found = [measure(str(tmp_path / "n.keras"), source, 3, 120, scale) for scale in (1, 0.5)]
    assert np.isfinite(found).all()
    assert found[0] != pytest.approx(found[1], abs=0.01)
