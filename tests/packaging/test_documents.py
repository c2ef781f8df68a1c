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
from kdeblend.metrics import METRICS
from kdeblend.scoring.scores import PROPERTIES
from kdeblend.tuning.space import OPTIONAL, SEARCHED, OneOf

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/scoring.md", "docs/tuning.md")
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
    """Parse the arguments of a command as click would, without running it."""
    name, *rest = arguments
    command = main.get_command(click.Context(main), name)
    assert command is not None, f"there is no command {name!r}"
    command.make_context(name, rest)


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
    assert len(commands) >= 3
    for arguments in commands:
        check(arguments)


def test_a_command_that_does_not_exist_is_found():
    with pytest.raises(click.NoSuchOption):
        check(*commands_in("    kdeblend train --out run --fast"))
    with pytest.raises(AssertionError, match="no command 'deblnd'"):
        check(*commands_in("Use `kdeblend deblnd a.png`."))


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
    (block,) = python_in("docs/scoring.md")
    names = {}
    exec(compile(block, "docs/scoring.md", "exec"), names)
    deblender = names["PeaksDeblender"]()
    offsets = np.indices((40, 40))[:, None] - np.array([[20, 33], [20, 9]])[..., None, None]
    light = 0.8 * np.exp(-np.square(offsets).sum(axis=0) / 8)
    truth = np.repeat(light[None, ..., None], 3, axis=-1).astype(np.float32)
    blends = truth.max(axis=1)
    assert deblender.fit(blends, truth)["distance"] in (2, 4, 8)
    np.testing.assert_allclose(deblender.deblend(blends), truth, atol=0.01)


def test_scoring_page_names_every_metric():
    text = (ROOT / "docs/scoring.md").read_text(encoding="utf-8")
    for name in (*METRICS, *PROPERTIES):
        assert f"`{name}`" in text, name


def test_tuning_document_searches_with_its_own_hyper_model(monkeypatch):
    blocks = python_in("docs/tuning.md")
    assert len(blocks) == 2
    searches = []

    def search(config, out, hypermodel=kdeblend.tuning.DeblendingHyperModel):
        hp = keras_tuner.HyperParameters()
        searches.append((hypermodel(config).configure(hp), set(hp.values)))
        return SimpleNamespace(best=SimpleNamespace(values={}, psnr=0.0))

    monkeypatch.setattr("kdeblend.tuning.run.search", search)
    for block in blocks:
        exec(block, {})
    (first, _), (second, names) = searches
    assert first.discriminator_blocks == 3
    assert names == {"pixel_loss", "average_momentum", *SEARCHED}
    assert (second.pixel_loss, second.average_momentum) == ("mse", 0.9)


def test_a_search_is_imported_as_the_document_says():
    (example, _) = python_in("docs/tuning.md")
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
