"""The trials of a search as a person sees them: a live table, or a line for each."""

import copy
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from kdeblend.cli.tables import table_console
from kdeblend.tuning.record import FINISHED, RUNNING, TrialRecord
from kdeblend.tuning.space import SEARCHED, label

COLUMNS = ("trial", "M", "N", "depth", "PSNR", "parameters", "seconds", "ms", "state")


class TrialTable:
    """Shows trials while they are trained; a context manager.

    On a terminal it is a table that is drawn anew at each step, elsewhere a
    line for each trial that has ended.

    Args:
        total: Trials in all, if it is known.
        console: A `rich.console.Console`, or None for the default one.
        earlier: Trials of the search so far.
    """

    def __init__(
        self,
        total: int | None = None,
        console: Console | None = None,
        earlier: Iterable[TrialRecord] = (),
    ):
        self.total = total
        self.console = console or table_console()
        self.records = {record.number: record for record in earlier}
        self._live = Live(self._table(), console=self.console, refresh_per_second=4)
        self._printed: set[int] = set()

    def __enter__(self) -> "TrialTable":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def show(self, record: TrialRecord) -> None:
        """Show a trial as it is now.

        Args:
            record: The trial.
        """
        self.records[record.number] = copy.copy(record)
        if self.console.is_terminal:
            self._live.update(self._table())
        elif record.state in FINISHED and record.number not in self._printed:
            self._print(record)

    def _print(self, record: TrialRecord) -> None:
        if not self._printed:
            self.console.print(_line(COLUMNS), markup=False, highlight=False, soft_wrap=True)
        self._printed.add(record.number)
        self.console.print(_line(cells(record)), markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> Table:
        title = f"Trials, {len(self.records)} of {self.total}" if self.total else "Trials"
        table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE)
        for name in COLUMNS:
            last = name == COLUMNS[-1]
            table.add_column(name, justify="left" if last else "right", overflow="fold")
        for number in sorted(self.records)[-self.console.height + 6 :]:
            record = self.records[number]
            table.add_row(*cells(record), style="bold" if record.state == RUNNING else None)
        return table


def cells(record: TrialRecord) -> list[str]:
    """Return what the table shows of a trial, a text a column.

    Args:
        record: The trial.
    """
    values = [record.values.get(name) for name in SEARCHED]
    others = [f"{label(n)}={_short(v)}" for n, v in record.values.items() if n not in SEARCHED]
    state = record.state
    if state == RUNNING:
        state = "training"
        state += f", step {record.step} of {record.steps}" if record.steps else ""
    if record.reason:
        state += f": {record.reason}"
    return [
        str(record.number),
        *("-" if value is None else str(value) for value in values),
        "-" if record.psnr is None else f"{record.psnr:.2f}",
        "-" if record.parameters is None else f"{record.parameters:,}",
        "-" if record.seconds is None else f"{record.seconds:.0f}",
        "-" if record.ms is None else f"{record.ms:.2f}",
        "  ".join([state, *others]),
    ]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _line(texts) -> str:
    widths = (5, 4, 4, 6, 7, 12, 8, 8)
    return " ".join([f"{t:>{w}}" for t, w in zip(texts, widths, strict=False)]) + "  " + texts[-1]
