import os
import sys

import pytest
from rich.table import Table

from kdeblend.cli.tables import table_console
from kdeblend.cli.trial_table import TrialTable


@pytest.fixture
def printed(monkeypatch, capsys):
    """Function from where a table of 200 letters goes to what is printed of it."""

    def show(columns=None, terminal=False):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((70, 24)))
        table = Table(show_header=False)
        table.add_column(no_wrap=True)
        table.add_row("x" * 200)
        table_console().print(table)
        return capsys.readouterr().out

    return show


@pytest.mark.parametrize("columns", [None, ""])
def test_a_pipe_gets_all(printed, columns):
    text = printed(columns)
    assert "x" * 200 in text
    assert {len(line) for line in text.splitlines()} == {204}


@pytest.mark.parametrize(
    ("columns", "terminal", "width"), [(None, True, 70), ("90", True, 90), ("50", False, 50)]
)
def test_terminals_and_columns_are_kept_to(printed, columns, terminal, width):
    assert {len(line) for line in printed(columns, terminal).splitlines()} == {width}


def test_the_table_of_trials_goes_there_too(printed):
    printed()
    assert TrialTable().console.width == table_console().width
