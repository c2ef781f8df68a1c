import logging
import os
import signal

import pytest
from click.testing import CliRunner

from kdeblend.cli.main import main
from kdeblend.data.image_source import ImageSource
from kdeblend.data.open import open_source
from kdeblend.data.prepared import prepare


def run(*arguments):
    return CliRunner().invoke(main, ["prepare", *map(str, arguments)])


def test_a_folder_becomes_a_file_that_is_a_source(galaxy_folder, tmp_path):
    result = run("--data", galaxy_folder, "--out", tmp_path / "all.h5")
    assert result.exit_code == 0, result.output
    assert "8 galaxies, 150 x 150 pixels" in result.output
    assert len(open_source([str(tmp_path / "all.h5")])) == 8


def test_a_broken_file_is_named_and_left_out(galaxy_folder, tmp_path, caplog):
    content = (galaxy_folder / "1.png").read_bytes()
    (galaxy_folder / "1.png").write_bytes(content[: len(content) // 2])
    with caplog.at_level(logging.WARNING, "kdeblend"):
        result = run("--data", galaxy_folder, "--out", tmp_path / "all.h5")
    assert result.exit_code == 0, result.output
    assert "7 galaxies" in result.output
    assert "1.png" in caplog.text


def test_a_missing_path_is_one_line_and_no_file(tmp_path):
    result = run("--data", tmp_path / "nowhere", "--out", tmp_path / "all.h5")
    assert result.exit_code == 1
    assert "nowhere" in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named_before_anything_is_read(galaxy_folder, tmp_path):
    for data in (galaxy_folder, tmp_path / "nowhere"):
        result = run("--data", data, "--out", tmp_path / "no" / "such.h5")
        assert result.exit_code == 1
        assert result.output == f"Error: No such file or directory: {tmp_path / 'no'}\n"
    with pytest.raises(FileNotFoundError) as caught:
        prepare(None, tmp_path / "no" / "such.h5")
    assert caught.value.filename == str(tmp_path / "no")


def test_a_file_of_something_else_is_not_replaced(galaxy_folder, tmp_path):
    (tmp_path / "all.zip").write_bytes(b"mine")
    result = run("--data", galaxy_folder, "--out", tmp_path / "all.zip")
    assert result.exit_code == 1
    assert "must be a new or a prepared one. Received: " in result.output
    assert (tmp_path / "all.zip").read_bytes() == b"mine"
    for _ in range(2):
        assert run("--data", galaxy_folder, "--out", tmp_path / "all.h5").exit_code == 0


def test_sigterm_leaves_no_half_written_file(galaxy_folder, monkeypatch, tmp_path):
    image = ImageSource.image

    def ended(self, index):
        if index == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return image(self, index)

    monkeypatch.setattr(ImageSource, "image", ended)
    before = signal.getsignal(signal.SIGTERM)
    result = run("--data", galaxy_folder, "--out", tmp_path / "all.h5")
    assert result.exit_code == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == [galaxy_folder]
    assert signal.getsignal(signal.SIGTERM) == before
