import csv
import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from kdeblend import presets
from kdeblend.cli.main import main
from kdeblend.io.images import write_image

RNG = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def _no_presets(monkeypatch):
    monkeypatch.setattr(presets, "DEFAULT_PRESET", None)


@pytest.fixture
def npz(tmp_path):
    truth = RNG.random((3, 2, 16, 16, 3)).astype(np.float32)
    path = tmp_path / "blends.npz"
    np.savez(path, blend=truth.max(axis=1), truth=truth, paper=truth * 0.9)
    return path


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    for i in range(60):
        write_image(folder / f"{i}.png", RNG.integers(0, 256, (82, 82, 3), np.uint8))
    return folder


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    blend = keras.Input((None, None, 3))
    half = keras.layers.Rescaling(1.0, offset=-1.0)(blend)
    keras.Model(blend, [half, half]).save(folder / "generator.keras")
    return folder


def score(*arguments):
    return CliRunner().invoke(main, ["score", *map(str, arguments)])


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_file(npz, tmp_path):
    result = score(npz, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    figures = summary(tmp_path / "out")["deblenders"]
    assert set(figures) == {"identity", "paper"}
    for name in figures:
        assert set(figures[name]) == {"psnr", "ssim", "ssim_range2"}
        for metric in figures[name].values():
            assert set(metric) == {"mean", "median", "max", "min", "variance", "n"}
            assert metric["n"] == 6
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 3 * 2 * 2 * 3
    mean = figures["paper"]["psnr"]["mean"]
    for word in ("PSNR (dB)", "SSIM (data range 1)", "central", "variance", f"{mean:.4g}"):
        assert word in result.stdout


def test_made_blends_and_a_run(galaxies, run, tmp_path):
    arguments = ["--data", galaxies, "--blends", 5, "--seed", 1, "--deblender", run]
    results = {}
    for options in (["--perturb", "both"], ["--no-consistent"], []):
        out = tmp_path / "-".join(["out", *options])
        result = score(*arguments, *options, "--out", out)
        assert result.exit_code == 0, result.output
        figures = summary(out)
        assert figures["blends"]["blends"] == 5
        assert figures["deblenders"]["run"]["psnr"]["n"] == 10
        results["".join(options)] = figures["deblenders"]
    assert results["--no-consistent"]["run"] != results[""]["run"]
    assert results["--no-consistent"]["identity"] == results[""]["identity"]
    assert results["--perturbboth"]["identity"] != results[""]["identity"]


def test_blend_mode_reaches_blends_and_network(galaxies, run, tmp_path):
    result = score(
        *("--data", galaxies, "--blends", 3, "--deblender", run),
        *("--blend-mode", "sum", "--out", tmp_path / "out"),
    )
    assert result.exit_code == 0, result.output
    assert summary(tmp_path / "out")["blends"]["blend_mode"] == "sum"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "1"], "--seed is for blends that are made"),
        (["--data", "x"], "--data is for blends that are made"),
        (["--deblender", "nothing"], "'nothing'"),
        (["--blends", "0"], "--blends"),
    ],
)
def test_errors_with_a_file(npz, tmp_path, arguments, message):
    result = score(npz, *arguments, "--out", tmp_path / "out")
    assert result.exit_code != 0
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_missing_files(tmp_path):
    result = score(tmp_path / "gone.npz", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "gone.npz" in result.stderr
    result = score("--data", tmp_path / "gone", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "gone" in result.stderr
    result = score("--data", "hubble", "--blend-mode", "nothing", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "'nothing'" in result.stderr


def test_default_preset_is_scored(galaxies, run, tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "DEFAULT_PRESET", str(run))
    result = score("--data", galaxies, "--blends", 2, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert set(summary(tmp_path / "out")["deblenders"]) == {"identity", "run"}


def test_help_shows_an_example():
    result = score("--help")
    assert result.exit_code == 0
    assert "kdeblend score --deblender run" in result.output
