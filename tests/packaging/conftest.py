"""Scripts of the repository, which lie outside of the package."""

import runpy
import sys
from pathlib import Path

import pytest

from kdeblend.io.images import write_image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def names_of():
    """Function from a script's path in the repository to what it defines, without running it."""
    return lambda script: runpy.run_path(str(ROOT / script))


@pytest.fixture
def run_script(monkeypatch):
    """Function that runs a script of the repository with arguments, as from a shell."""

    def run(script, *arguments):
        monkeypatch.setattr(sys, "argv", [str(script), *map(str, arguments)])
        runpy.run_path(str(ROOT / script), run_name="__main__")

    return run


@pytest.fixture
def galaxies(tmp_path, galaxy):
    """Folder of 60 galaxies of 160 pixels a side."""
    folder = tmp_path / "galaxies"
    folder.mkdir()
    for number in range(60):
        write_image(folder / f"{number}.png", galaxy(number, 160))
    return folder
