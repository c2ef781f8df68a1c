"""What is installed, and what importing it costs."""

import email
import json
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import kdeblend

ROOT = Path(__file__).parents[1]
SOURCES = ("README.md", "LICENSE", "setup.py", "pyproject.toml", "MANIFEST.in")
FOLDERS = ("kdeblend", "cli", "tuning", "tests", "benchmarks", "requirements")
HEAVY = {"keras", "numpy", "tensorflow", "jax", "torch", "h5py", "matplotlib", "PIL", "skimage"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    out = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", out]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, source], check=True)
    with zipfile.ZipFile(next(out.glob("kdeblend-*.whl"))) as archive:
        yield archive


def loaded_by(code):
    """Return the top-level modules that a new interpreter has loaded after running `code`."""
    script = f"import json, sys\n{code}\nprint(json.dumps([n.split('.')[0] for n in sys.modules]))"
    result = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_wheel_holds_every_module_and_data_file_and_nothing_else(wheel):
    expected = {"kdeblend/py.typed", "kdeblend/scoring/report/page.css"}
    for folder, package in (
        ("kdeblend", "kdeblend"),
        ("cli", "kdeblend/cli"),
        ("tuning", "kdeblend/tuning"),
    ):
        modules = (ROOT / folder).rglob("*.py")
        expected |= {f"{package}/{m.relative_to(ROOT / folder).as_posix()}" for m in modules}
    for pattern in ("*.json", "*.md", "*.png", "*.keras"):
        presets = (ROOT / "kdeblend/presets").glob(pattern)
        expected |= {f"kdeblend/presets/{preset.name}" for preset in presets}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_wheel_names_licence_script_and_python_versions(wheel):
    info = f"kdeblend-{version('kdeblend')}.dist-info"
    assert "MIT License" in wheel.read(f"{info}/licenses/LICENSE").decode()
    scripts = wheel.read(f"{info}/entry_points.txt").decode()
    assert "kdeblend = kdeblend.cli.main:main" in scripts
    metadata = email.message_from_bytes(wheel.read(f"{info}/METADATA"))
    assert metadata["License-Expression"] == "MIT"
    assert set(metadata["Requires-Python"].split(",")) == {">=3.11", "<3.14"}


def test_wheel_requires_tensorflow_and_offers_the_extras(wheel):
    info = f"kdeblend-{version('kdeblend')}.dist-info"
    metadata = email.message_from_bytes(wheel.read(f"{info}/METADATA"))
    assert {"tensorflow>=2.18", "keras>=3.15"} <= set(metadata.get_all("Requires-Dist"))
    extras = {"gpu", "jax", "torch", "baselines", "test", "dev"}
    assert set(metadata.get_all("Provides-Extra")) == extras


def test_changelog_has_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {version('kdeblend')}" in text


def test_importing_kdeblend_loads_nothing_heavy():
    assert not loaded_by("import kdeblend") & HEAVY


def test_dir_gives_the_public_names_and_nothing_else():
    code = "import kdeblend; print(dir(kdeblend))"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == str(sorted(kdeblend.__all__)), result.stderr


@pytest.mark.backend
@pytest.mark.parametrize("name", kdeblend.__all__)
def test_public_names_resolve_to_what_they_say(name):
    thing = getattr(kdeblend, name)
    assert callable(thing) or len(thing) > 0
    assert getattr(thing, "__name__", name) == name


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'deblend_all'"):
        kdeblend.deblend_all  # noqa: B018


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["train", "--help"], ["tune", "--help"]]
)
def test_help_loads_nothing_heavy(arguments):
    code = f"from kdeblend.cli.main import main\nmain({arguments}, standalone_mode=False)"
    assert not loaded_by(code) & HEAVY
