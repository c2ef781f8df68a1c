"""Plugins: named built-ins plus whatever installed packages add by entry point.

A registry imports nothing until a name is asked for, so listing names is cheap.
"""

import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

logger = logging.getLogger("kdeblend")


class Registry(Mapping[str, Any]):
    """The objects of one kind that can be chosen by name.

    Args:
        group: Entry-point group that third-party packages add to, such as
            `"kdeblend.blend_modes"`.
        kind: What an entry is, in words, for error messages.
        builtins: Mapping from name to `"module:attribute"`.

    Example:
        >>> blend_modes = Registry("kdeblend.blend_modes", "blend mode", {"max": "m:blend_max"})
        >>> blend_modes["max"]  # imports m, returns m.blend_max

    Looking a name up raises `UnknownPluginError` if it is not registered, and `ImportError` if an
    installed package cannot give what it has registered.
    """

    def __init__(self, group: str, kind: str, builtins: Mapping[str, str]):
        self.group = group
        self.kind = kind
        self._builtins = dict(builtins)

    def __getitem__(self, name: str) -> Any:
        if name in self._builtins:
            module, attribute = self._builtins[name].split(":")
            return getattr(import_module(module), attribute)
        third_party = self._third_party()
        if name in third_party:
            return self._load(third_party[name])
        raise UnknownPluginError(f"{self.kind} must be one of {sorted(self)}. Received: {name!r}")

    def __iter__(self) -> Iterator[str]:
        yield from self._builtins
        yield from (name for name in self._third_party() if name not in self._builtins)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in set(self)

    def importable(self) -> Iterator[tuple[str, Any]]:
        """Yield names with what can be imported, of packages first; warn of what cannot be."""
        for name in sorted(self, key=self._builtins.__contains__):
            try:
                found = self[name]
            except Exception as error:  # a package may raise anything
                logger.warning("left out the %s %s: %s", self.kind, name, error)
            else:
                yield name, found

    def _load(self, entry: EntryPoint) -> Any:
        try:
            return entry.load()
        except Exception as error:  # a package may raise anything
            raise ImportError(
                f"{self.kind} {entry.name!r} of an installed package must be importable. Received: "
                f"{entry.value} ({type(error).__name__}: {error})"
            ) from error

    def _third_party(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self.group)}


class UnknownPluginError(KeyError, ValueError):
    """Raised when a name is not registered; the message lists the names that are."""

    def __str__(self) -> str:
        return str(self.args[0])
