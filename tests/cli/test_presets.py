import pytest
from click.testing import CliRunner

from kdeblend.cli.main import main
from kdeblend.presets import DEFAULT_PRESET, list_presets, preset_card


def show(*arguments, columns="120"):
    return CliRunner(env={"COLUMNS": columns}).invoke(main, ["presets", *arguments])


def test_presets_are_listed_with_the_default_marked():
    result = show()
    assert result.exit_code == 0, result.output
    for name, entry in list_presets().items():
        line = next(line for line in result.output.splitlines() if f"{name} " in line)
        assert f"{entry['parameters']:,}" in line
        assert ("(default)" in line) == (name == DEFAULT_PRESET)


def test_a_pipe_gets_each_preset_in_one_line():
    lines = show(columns=None).output.splitlines()
    for name, entry in list_presets().items():
        (line,) = (line for line in lines if line.split()[:1] == [name])
        assert entry["description"] in line
        assert f"{entry['psnr']:.2f}" in line
    assert max(map(len, show(columns="60").output.splitlines())) <= 60


def test_a_pipe_gets_a_card_as_it_is_written():
    text = preset_card(DEFAULT_PRESET).read_text(encoding="utf-8")
    result = show(DEFAULT_PRESET, columns=None)
    assert result.stdout == text
    assert f"With pictures: {preset_card(DEFAULT_PRESET)}" in result.stderr
    assert text not in show(DEFAULT_PRESET).output


@pytest.mark.parametrize("name", list_presets())
def test_a_card_is_shown(name):
    result = show(name)
    assert result.exit_code == 0, result.output
    assert "PSNR" in result.output
    assert f"{name}.md" in result.output


def test_an_unknown_preset_is_an_error_that_lists_what_there_is():
    result = show("best")
    assert result.exit_code == 1
    assert DEFAULT_PRESET in result.stderr
    assert "'best'" in result.stderr
