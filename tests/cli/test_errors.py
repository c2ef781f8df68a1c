import click
import numpy as np
import pytest
from click.testing import CliRunner

from kdeblend.cli.errors import report_errors


def allocate():
    np.empty(2**60, np.uint8)


def run_out():
    raise MemoryError


def fill_gpu():
    raise RuntimeError("CUDA out of memory.\nTried to allocate 9 GiB")


@pytest.mark.parametrize(
    ("work", "message"), [(allocate, ": Unable to"), (run_out, "\n"), (fill_gpu, ": CUDA out of")]
)
def test_a_full_memory_is_one_line(work, message):
    result = CliRunner().invoke(click.command()(report_errors(work)))
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: out of memory{message}")
    assert result.output.count("\n") == 1


def test_the_traceback_is_shown_where_it_is_asked_for(monkeypatch):
    monkeypatch.setenv("KDEBLEND_TRACEBACK", "1")
    result = CliRunner().invoke(click.command()(report_errors(run_out)))
    assert isinstance(result.exception, MemoryError)
    assert result.exc_info[2].tb_next is not None
