"""The search for the best network with keras-tuner, installed as `kdeblend.tuning`.

Like `kdeblend` itself, importing this package imports nothing heavy.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "DeblendingHyperModel": "kdeblend.tuning.hypermodel",
    "SearchConfig": "kdeblend.tuning.config",
    "join_search": "kdeblend.tuning.run",
    "search": "kdeblend.tuning.run",
    "search_base": "kdeblend.tuning.config",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kdeblend.tuning' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
