import pytest
from click.testing import CliRunner

from kdeblend.cli.main import main
from kdeblend.presets import DEFAULT_PRESET, list_presets


def show(*arguments):
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, ["presets", *arguments])


def test_presets_are_listed_with_the_default_marked():
    result = show()
    assert result.exit_code == 0, result.output
    for name, entry in list_presets().items():
        line = next(line for line in result.output.splitlines() if f"{name} " in line)
        assert f"{entry['parameters']:,}" in line
        assert ("(default)" in line) == (name == DEFAULT_PRESET)


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
