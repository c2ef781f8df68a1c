import csv
import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from kdeblend import presets
from kdeblend.cli.main import main
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.io.images import write_image
from kdeblend.io.locks import locked
from kdeblend.metrics import METRICS

RNG = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    """Leave out what takes most of the time and asks the deblenders again."""
    monkeypatch.setattr("kdeblend.scoring.run.write_report", lambda path, *_: path.touch())


@pytest.fixture(autouse=True)
def _no_network_by_default(monkeypatch):
    monkeypatch.setattr(presets, "DEFAULT_PRESET", "identity")


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


def test_orientations_are_those_of_the_option(npz, run, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "kdeblend.deblenders.network.average_orientations",
        lambda answer, blends, count: asked.append(count) or answer(blends),
    )
    result = score(npz, "--deblender", run, "--orientations", 4, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert set(asked) == {4}


def test_file(npz, tmp_path):
    result = score(npz, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    figures = summary(tmp_path / "out")["deblenders"]
    assert set(figures) == {"identity", "paper"}
    for name in figures:
        assert list(figures[name]) == list(METRICS)
        for metric in ("psnr", "ssim", "ssim_range2"):
            assert figures[name][metric]["n"] == 6
            assert figures[name][metric]["low"] <= figures[name][metric]["mean"]
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 3 * 2 * 2
    mean = figures["paper"]["psnr"]["mean"]
    for word in ("PSNR (dB)", "SSIM (data range 1)", "central", "variance", f"{mean:.4g}", "±"):
        assert word in result.stdout
    assert "…" not in result.stdout


@pytest.mark.parametrize("columns", [None, "70"])
def test_a_pipe_gets_tables_as_wide_as_they_need(columns, npz, tmp_path, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    name = "a-deblender-with-a-name-that-is-" + "very-" * 16 + "long"
    with np.load(npz) as file:
        np.savez(npz, **{name: file["paper"]}, **file)
    result = score(npz, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.count(f" {name} ") == (4 if columns is None else 0)
    title = "± half of the 95 % interval; σ scatter; n if not of all\n"
    assert (title in result.stdout) == (columns is None)
    widest = max(len(line) for line in result.stdout.splitlines()[:-1])
    assert widest < 300 if columns is None else widest <= 70


def test_files_that_are_written_are_named(npz, tmp_path):
    """The same blends, whose galaxies the file names, then no more, then again."""
    with np.load(npz) as file:
        arrays = dict(file)
    arrays["galaxies"] = np.array([["a", "b"], ["b", "c"], ["c", "d"]])
    for named in (True, False, True):
        np.savez(npz, **{name: arrays[name] for name in arrays if named or name != "galaxies"})
        result = score(npz, "--out", tmp_path / "out", "--resume")
        assert result.exit_code == 0, result.output
        written = ["report.html", "summary.json", "scores.csv", *["blends.csv"] * named]
        paths = [str(tmp_path / "out" / name) for name in written]
        last = result.stdout.splitlines()[-1]
        assert last == f"{', '.join(paths[:-1])} and {paths[-1]} written."
        assert (tmp_path / "out" / "blends.csv").exists() == named


def test_stop_and_resume(npz, tmp_path, monkeypatch):
    def interrupt(self, blends):
        raise KeyboardInterrupt

    arguments = (npz, "--out", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(IdentityDeblender, "deblend_batch", interrupt)
        result = score(*arguments)
    assert result.exit_code == 130
    assert "--resume" in result.stderr
    assert not (tmp_path / "out" / "summary.json").exists()
    result = score(*arguments, "--resume")
    assert result.exit_code == 0, result.output
    result = score(*arguments)
    assert result.exit_code == 1
    assert "--resume" in result.stderr
    result = score(*arguments, "--blends", 2, "--resume")
    assert result.exit_code == 1
    assert "blends.blends 2 instead of 3" in result.stderr


def test_failures_and_tuning_are_shown(npz, tmp_path, galaxies, monkeypatch):
    def fail(self, blends):
        raise RuntimeError("no luck")

    def fit(self, blends, truth):
        return {"found": f"{len(blends)} blends of {truth.shape[2]} pixels", "level": 0.5}

    monkeypatch.setattr(IdentityDeblender, "deblend_batch", fail)
    monkeypatch.setattr(IdentityDeblender, "fit", fit)
    result = score(npz, "--data", galaxies, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "Error: identity failed on every blend" in result.output
    assert "identity: found 48 blends of 80 pixels, level 0.5" in result.stdout
    assert "identity failed on 3 blends: RuntimeError: no luck" in result.stdout
    kept = summary(tmp_path / "out")
    assert kept["tuning"]["identity"]["level"] == 0.5
    assert kept["deblenders"]["identity"]["psnr"]["mean"] is None
    assert kept["deblenders"]["paper"]["psnr"]["n"] == 6


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
    assert summary(tmp_path / "out")["settings"]["run"]["blend_mode"] == "sum"


def test_blend_mode_of_a_file_reaches_the_network(run, tmp_path):
    truth = RNG.random((3, 2, 16, 16, 3)).astype(np.float32) / 2
    np.savez(tmp_path / "sum.npz", blend=truth.sum(axis=1), truth=truth)
    result = score(tmp_path / "sum.npz", "--deblender", run, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert summary(tmp_path / "out")["settings"]["run"]["blend_mode"] == "sum"


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


def test_blends_beyond_the_reach_of_a_network_are_told(tmp_path):
    truth = np.zeros((1, 2, 100, 100, 3), np.uint8)
    truth[0, :, 40:60, 45:55] = 200
    np.savez(tmp_path / "large.npz", blend=truth.max(axis=1), truth=truth)
    for scale, told in ((1, True), (0.9, False)):
        out = tmp_path / str(scale)
        result = score(
            tmp_path / "large.npz", "--deblender", "fast-1", "--scale", scale, "--out", out
        )
        assert result.exit_code == 0, result.output
        assert ("only the middle 96 x 96 pixels" in result.stderr) is told
        assert summary(out)["settings"]["fast-1"]["scale"] == scale


def test_one_scoring_at_a_time_in_a_folder(npz, tmp_path):
    with locked(tmp_path / "out", "scoring"):
        result = score(npz, "--deblender", "identity", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "no other process is scoring" in result.output
    assert not (tmp_path / "out").exists()
