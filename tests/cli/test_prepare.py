import logging

from click.testing import CliRunner

from kdeblend.cli.main import main
from kdeblend.data.open import open_source


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
