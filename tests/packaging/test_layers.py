"""Imports flow one way, backends and click have one place, dependencies are declared."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"kdeblend": "kdeblend", "kdeblend.cli": "cli", "kdeblend.tuning": "tuning"}
LEAVES = ("plugins", "backend", "metrics", "presets")
ORDER = ("io", "data", "models", "training", "deblenders", "scoring", "tuning", "cli")
RANK = {**dict.fromkeys(LEAVES, 0), **{name: 1 + i for i, name in enumerate(ORDER)}}
BACKENDS = {"tensorflow", "jax", "torch"}


def _module_name(package, path, folder):
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join([package, *(part for part in parts if part != "__init__")])


def _modules():
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield _module_name(package, path, ROOT / folder), path


MODULES = dict(_modules())


def imports_of(source):
    """Return the full names of all that a module imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports must be absolute"
            yield from (f"{node.module}.{each.name}" for each in node.names)


def layer_of(name):
    """Return which part of kdeblend a full name belongs to, or None."""
    parts = name.split(".")
    return parts[1] if parts[0] == "kdeblend" and len(parts) > 1 else None


def violations(module, source):
    """Return the imports of a module that go upward or sideways."""
    own = layer_of(module)
    return [
        name
        for name in imports_of(source)
        if name.split(".")[0] == "kdeblend"
        and layer_of(name) != own
        and not (own == "metrics" and layer_of(name) == "plugins")
        and not RANK[layer_of(name)] < RANK[own]
    ]


@pytest.mark.parametrize("module", MODULES)
def test_imports_flow_one_way(module):
    if layer_of(module) is not None:
        assert violations(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_an_upward_import_is_found():
    source = "def f():\n    from kdeblend.training import train\n"
    assert violations("kdeblend.models.gan", source) == ["kdeblend.training.train"]
    assert violations("kdeblend.scoring.score", source) == []


def test_every_part_of_the_package_has_its_place():
    assert {layer_of(module) for module in MODULES} - {None} == set(RANK)


def _users_of(packages):
    return {
        module
        for module, path in MODULES.items()
        for name in imports_of(path.read_text(encoding="utf-8"))
        if name.split(".")[0] in packages
    }


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_a_backend_is_imported_in_its_own_module(name):
    assert _users_of({name}) == {f"kdeblend.backend.{name}"}


def test_click_is_imported_by_commands_only():
    users = _users_of({"click"})
    assert "kdeblend.cli.main" in users
    assert {layer_of(module) for module in users} == {"cli"}


def _required(name):
    lines = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8").splitlines()
    return {re.split("[<>=]", line)[0].lower() for line in lines if line[0] != "#"}


def test_packages_of_some_deblenders_are_imported_inside_functions():
    optional = _required("baselines")
    assert _users_of(optional)
    for module, path in MODULES.items():
        body = ast.parse(path.read_text(encoding="utf-8")).body
        outside = ast.Module([n for n in body if isinstance(n, ast.Import | ast.ImportFrom)], [])
        found = {name.split(".")[0] for name in imports_of(ast.unparse(outside))}
        assert not found & optional, module


def test_every_imported_package_is_required():
    required, optional = (_required(name) for name in ("base", "baselines"))
    imported = {
        name.split(".")[0]
        for path in MODULES.values()
        for name in imports_of(path.read_text(encoding="utf-8"))
    }
    third_party = imported - set(sys.stdlib_module_names) - BACKENDS - {"kdeblend"} - optional
    distributions = packages_distributions()
    assert third_party
    for name in third_party:
        assert {each.lower() for each in distributions[name]} & required, name
