"""How wide tables are."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

AS_WIDE_AS_NEEDED = 100_000


def has_width() -> bool:
    """Tell whether what is printed has to fit: into a terminal, or into COLUMNS."""
    return sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()


def table_console() -> "Console":
    """Return a console that makes tables fit where they have to, and cuts nothing elsewhere.

    In a file or a pipe a table is as wide as its contents.
    """
    from rich.console import Console

    return Console() if has_width() else Console(width=AS_WIDE_AS_NEEDED)
