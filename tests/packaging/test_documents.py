"""What README.md, CONTRIBUTING.md and the commands' help tell a user to type exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import keras_tuner
import numpy as np
import pytest
from click.testing import CliRunner

import kdeblend.tuning
from kdeblend.cli.main import COMMANDS, main
from kdeblend.cli.options import assignment
from kdeblend.io.images import read_image, write_image
from kdeblend.metrics import METRICS
from kdeblend.presets import list_presets
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import make_test_blends
from kdeblend.scoring.scores import PROPERTIES
from kdeblend.scoring.write_blends import write_blends
from kdeblend.training.config import preset_config
from kdeblend.training.recipes import PRESETS
from kdeblend.tuning.config import search_base
from kdeblend.tuning.space import OPTIONAL, SEARCHED, OneOf, SearchSpace

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{name}.md" for name in ("baselines", "images", "scoring", "training", "tuning")),
    *(f"kdeblend/presets/{name}.md" for name in list_presets()),
)
COMMAND = re.compile(r"(?:^ {2,}|`|&& )((?:[A-Z_]+=\S+ )?kdeblend [a-z].*?)(?:`|$)", re.MULTILINE)


def help_of(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    return result.output


def commands_in(text):
    """Return the arguments of every `kdeblend ...` in a text."""
    text = text.replace("\\\n", " ")
    return [shlex.split(line.partition("kdeblend ")[2]) for line in COMMAND.findall(text)]


def check(arguments):
    """Parse the arguments of a command as click would, and its settings, without running it."""
    name, *rest = arguments
    command = main.get_command(click.Context(main), name)
    assert command is not None, f"there is no command {name!r}"
    if not rest:  # a command that is only spoken of
        return
    options = command.make_context(name, rest).params
    if name == "train":
        changes = dict(assignment(each, "--set") for each in options["assignments"])
        preset_config(options["preset"] or "quick").replace(**changes)
    if name == "tune":
        fixed = dict(assignment(each, "--fix") for each in options["fixes"])
        SearchSpace(search_base(options["preset"] or "quick"), options["searched"], fixed)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_that_parse(name):
    output = help_of(name)
    examples = commands_in(output.partition("Examples:")[2])
    assert examples
    for arguments in examples:
        check(arguments)
    assert any(arguments[0] == name for arguments in examples)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_documents_parse(document):
    commands = commands_in((ROOT / document).read_text(encoding="utf-8"))
    assert commands
    for arguments in commands:
        check(arguments)


def test_a_command_that_does_not_exist_is_found():
    with pytest.raises(click.NoSuchOption):
        check(*commands_in("    kdeblend train --out run --fast"))
    with pytest.raises(AssertionError, match="no command 'deblnd'"):
        check(*commands_in("Use `kdeblend deblnd a.png`."))
    with pytest.raises(ValueError, match="optimzer"):
        check(*commands_in("    kdeblend train --out run --set optimzer=adam"))
    with pytest.raises(ValueError, match="speed"):
        check(*commands_in("    kdeblend tune --out tuned --fix speed=3"))


def test_files_that_the_readme_names_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names = re.findall(r"(?:examples|benchmarks|docs|requirements)/[\w.]+\w", text)
    assert len(names) >= 5
    for name in names:
        assert (ROOT / name).is_file(), name


def test_readme_installs_as_ci_does():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    commands = re.findall(r"pip install (?:-r|--no-deps) [\w./]+", text)
    assert len(set(commands)) == 3
    for command in commands:
        assert command in script, command


def python_in(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_deblender_of_the_scoring_page_works():
    """It finds two galaxies that are apart, and tunes itself."""
    (block,) = (each for each in python_in("docs/scoring.md") if "SourcesDeblender" in each)
    names = {}
    exec(compile(block, "docs/scoring.md", "exec"), names)
    deblender = names["PeaksDeblender"]()
    offsets = np.indices((40, 40))[:, None] - np.array([[20, 33], [20, 9]])[..., None, None]
    light = 0.8 * np.exp(-np.square(offsets).sum(axis=0) / 8)
    truth = np.repeat(light[None, ..., None], 3, axis=-1).astype(np.float32)
    blends = truth.max(axis=1)
    assert deblender.fit(blends, truth)["distance"] in (2, 4, 8)
    np.testing.assert_allclose(deblender.deblend(blends), truth, atol=0.01)


def test_answers_from_outside_of_python_are_scored_as_the_scoring_page_says(tmp_path, monkeypatch):
    write, read = (each for each in python_in("docs/scoring.md") if "blends.npz" in each)
    monkeypatch.chdir(tmp_path)
    blends = make_test_blends(blends=2)
    write_blends(blends, "blends.npz")
    exec(compile(write, "docs/scoring.md", "exec"), {})
    for number in range(2):
        blend = read_image(f"blend-{number:04}.png")
        for layer in (1, 2):
            write_image(f"blend-{number:04}_{layer}.png", blend // (number + layer))
    exec(compile(read, "docs/scoring.md", "exec"), {})
    answered = ReadBlends("answers.npz")
    assert answered.predictions == ("mine",)
    found, made = answered.take([0, 1]), blends.take([0, 1])
    np.testing.assert_allclose(found.truth, made.truth, atol=1e-5)
    for number, layer in np.ndindex(2, 2):
        expected = made.blend[number] / (number + layer + 1)
        np.testing.assert_allclose(found.predictions["mine"][number, layer], expected, atol=3e-5)


def test_scoring_page_names_every_metric():
    text = (ROOT / "docs/scoring.md").read_text(encoding="utf-8")
    for name in (*METRICS, *PROPERTIES):
        assert f"`{name}`" in text, name


def test_training_page_has_every_hyper_parameter_and_what_presets_change():
    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    paper = preset_config("paper").to_dict()
    assert set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == set(paper) - {"preset"}
    for name, value in paper.items():
        changed = [PRESETS[preset].get(name) for preset in ("fast", "quick")]
        if name != "preset":
            cells = [value, *("" if each in (None, value) else each for each in changed)]
            assert f"| `{name}` |{''.join(map(as_cell, cells))}" in text


def as_cell(value):
    """Return a value as the table shows it."""
    if isinstance(value, dict):
        value = ", ".join(f"{k}: {v}" for k, v in value.items())
    elif isinstance(value, list):
        value = ", ".join(value)
    elif isinstance(value, bool):
        value = str(value).lower()
    return f" {value} |" if value != "" else " |"


@pytest.mark.filterwarnings("ignore:Input data contains invalid values")
@pytest.mark.parametrize("missing", [0, 100])
def test_pictures_made_of_fits_files_are_as_the_page_says(missing, tmp_path, monkeypatch):
    """Sky and noise of the mean of the bands are 0.02, and the galaxy is in the middle.

    Columns that are missing, also near the galaxy, do not matter.
    """
    fits = pytest.importorskip("astropy.io.fits")
    (block,) = python_in("docs/images.md")
    random = np.random.default_rng(0)
    row, column = np.indices((240, 300)) - np.array([120, 150])[:, None, None]
    galaxy = 900 * np.exp(-np.hypot(row, column) / 6)
    for band, (sky, gain) in {"i": (100, 1), "r": (60, 0.7), "g": (30, 0.4)}.items():
        data = sky + gain * galaxy + random.normal(0, 5, galaxy.shape)
        data[:, :missing] = np.nan
        data[:, 300 - missing // 2 :] = np.inf
        fits.writeto(tmp_path / f"{band}.fits", data.astype(np.float32))
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "docs/images.md", "exec"), {})
    picture = read_image("galaxy.png") / 255
    assert picture.shape == (80, 80, 3)
    mean = picture.mean(axis=-1)
    assert np.hypot(*(np.unravel_index(mean.argmax(), mean.shape) - np.array(40))) < 3
    corner = mean[:16, -16:]
    assert 0.015 < np.median(corner) < 0.03
    assert 0.01 < corner.std() < 0.03
    assert 0.5 < mean.max() <= 1
    assert picture[38:42, 38:42, 0].mean() > 1.3 * picture[38:42, 38:42, 2].mean()


def test_tuning_document_searches_with_its_own_hyper_model(monkeypatch):
    blocks = python_in("docs/tuning.md")
    assert len(blocks) == 3
    searches = []

    def search(config, out, hypermodel=kdeblend.tuning.DeblendingHyperModel):
        hp = keras_tuner.HyperParameters()
        searches.append((hypermodel(config).configure(hp), set(hp.values)))
        return SimpleNamespace(best=SimpleNamespace(values={}, psnr=0.0))

    monkeypatch.setattr("kdeblend.tuning.run.search", search)
    shared = {}  # the last block goes on from the one before
    for block in blocks:
        exec(block, shared)
    (first, _), (second, names), (third, others) = searches
    assert first.discriminator_blocks == 3
    assert names == {"pixel_loss", "average_momentum", *SEARCHED}
    assert (second.pixel_loss, second.average_momentum) == ("mse", 0.9)
    assert others == {"width", "discriminator_blocks"}
    assert (third.generator, third.generator_options) == ("shallow", {"filters": 8})


def test_training_document_trains_from_python(monkeypatch):
    (block,) = python_in("docs/training.md")
    runs = []

    def train(config, out):
        runs.append((config, out))
        return SimpleNamespace(best_psnr=0.0, step=500)

    monkeypatch.setattr("kdeblend.training.train.train", train)
    monkeypatch.setattr("kdeblend.deblenders.load.load_deblender", lambda name, **_: name)
    exec(block, {})
    ((config, out),) = runs
    assert (config.preset, config.data, config.steps, out) == ("quick", ("galaxies",), 500, "run")


def test_a_search_is_imported_as_the_document_says():
    example = python_in("docs/tuning.md")[0]
    (imports,) = re.findall(r"^from kdeblend\.tuning import .*$", example, flags=re.MULTILINE)
    code = f"{imports}\nassert callable(search), search"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_tuning_document_has_the_ranges_of_the_search():
    text = (ROOT / "docs/tuning.md").read_text(encoding="utf-8")
    for name, each in {**SEARCHED, **OPTIONAL}.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", text, flags=re.MULTILINE)
        if isinstance(each, OneOf):
            assert ", ".join(f"`{v}`" if isinstance(v, str) else str(v) for v in each.values) in row
        else:
            assert f"{each.low:g} to " in row.replace("1e-5", "1e-05").replace("1e-4", "0.0001")


def test_readme_python_uses_public_names():
    blocks = python_in("README.md")
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")
        for names in re.findall(r"^from kdeblend import (.+)$", block, flags=re.MULTILINE):
            assert set(names.split(", ")) <= set(dir(kdeblend))
