"""A progress bar, on the error stream so that results can be piped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(title: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Show how far something is, with the time that is left.

    Args:
        title: What is going on.
        total: Number of steps, or None while it is not known.

    Yields:
        A function `advance(count=1, total=None)` to call after some steps; `total`
        sets their number.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = Progress.get_default_columns()[:2]
    with Progress(
        *columns, MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    ) as progress:
        task = progress.add_task(title, total=total)

        def advance(count: int = 1, total: int | None = None) -> None:
            progress.update(task, advance=count, total=total)

        yield advance
