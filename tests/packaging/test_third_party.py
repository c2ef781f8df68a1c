"""The package in CONTRIBUTING.md, installed as anyone would, adds one plugin of each kind."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GALAXIES = 120
SIDE = 88


def write_package(folder):
    """Write the package whose files CONTRIBUTING.md shows; a block begins with its file's name."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(toml|python)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    (folder / "kdeblend_extras").mkdir()
    (folder / "kdeblend_extras" / "__init__.py").touch()
    settings = [code for kind, code in blocks if kind == "toml"]
    (folder / "pyproject.toml").write_text("\n".join(settings), encoding="utf-8")
    for kind, code in blocks:
        if kind == "python":
            name = code.partition("\n")[0].removeprefix("# ")
            (folder / name).write_text(code, encoding="utf-8")


@pytest.fixture(scope="module")
def run_python(tmp_path_factory):
    """Return a function that runs code in a new interpreter that has the package installed."""
    source, target = tmp_path_factory.mktemp("extras"), tmp_path_factory.mktemp("site")
    write_package(source)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", target]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, source], check=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def run(code, folder):
        result = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr + result.stdout
        return result.stdout

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with `galaxies.npy`: round galaxies of many sizes and colours."""
    random = np.random.default_rng(0)
    row, column = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    radii = random.uniform(4, 10, GALAXIES)[:, None, None]
    profiles = np.exp(-np.hypot(row, column) / radii)[..., None]
    colours = random.uniform(0.3, 0.9, (GALAXIES, 1, 1, 3))
    path = tmp_path_factory.mktemp("work")
    np.save(path / "galaxies.npy", (255 * profiles * colours).astype(np.uint8))
    return path


def command(*arguments):
    return f"from kdeblend.cli.main import main; main({list(arguments)})"


REGISTRIES = [
    ("kdeblend.data.blend_modes:BLEND_MODES", "screen", "blend_screen"),
    ("kdeblend.data.open:SOURCES", "stack", "StackSource"),
    ("kdeblend.metrics:METRICS", "flux_error", "flux_error"),
    ("kdeblend.models.generators:GENERATORS", "shallow", "build_shallow"),
    ("kdeblend.models.losses:PIXEL_LOSSES", "charbonnier", "charbonnier"),
    ("kdeblend.training.networks:OPTIMIZERS", "lion", "Lion"),
    ("kdeblend.models.heads:HEADS", "sum", "SumHead"),
    ("kdeblend.deblenders:DEBLENDERS", "symmetric", "SymmetricDeblender"),
]


@pytest.mark.parametrize(("registry", "name", "attribute"), REGISTRIES)
def test_registry_lists_and_loads_the_plugin(run_python, folder, registry, name, attribute):
    module, _, variable = registry.partition(":")
    code = f"""from {module} import {variable} as registry
print({name!r} in list(registry), registry[{name!r}].__name__)"""
    assert run_python(code, folder) == f"True {attribute}\n"


def test_without_the_package_the_names_are_unknown():
    from kdeblend.deblenders import DEBLENDERS

    assert "symmetric" not in DEBLENDERS


def test_commands_score_with_the_source_the_blend_mode_the_metric_and_the_deblender(
    run_python, folder
):
    blends = ("--data", "galaxies.npy", "--blends", "6", "--blend-mode", "screen")
    run_python(command("score", *blends, "--deblender", "symmetric", "--out", "scores"), folder)
    summary = json.loads((folder / "scores/summary.json").read_text())["deblenders"]
    assert set(summary) == {"identity", "symmetric"}
    assert summary["symmetric"]["flux_error"]["n"] == 12
    # the blend has the light of both galaxies, the symmetric part less
    assert summary["symmetric"]["flux_error"]["mean"] < summary["identity"]["flux_error"]["mean"]


@pytest.mark.parametrize(
    "settings",
    [
        {
            "generator": "shallow",
            "generator_options": "{filters: 4}",
            "blend_mode": "screen",
        },
        {
            "generator_options": "{widths: [4, 8], blocks: 0, head: sum}",
            "blend_mode": "sum",
            "pixel_loss": "charbonnier",
            "optimizer": "lion",
        },
    ],
    ids=["generator", "loss"],
)
def test_commands_train_the_network_and_deblend_with_it(run_python, folder, settings):
    settings = settings | {"validation_blends": "2", "discriminator_blocks": "0"}
    options = [each for item in settings.items() for each in ("--set", "=".join(item))]
    run = settings["blend_mode"]
    run_python(
        command("train", "--data", "galaxies.npy", "--out", run, "--steps", "1", *options), folder
    )
    np.save(folder / "blend.npy", np.load(folder / "galaxies.npy")[0])
    run_python(command("deblend", "blend.npy", "--weights", f"./{run}"), folder)
    assert np.load(folder / "blend_1.npy").shape == (SIDE, SIDE, 3)
