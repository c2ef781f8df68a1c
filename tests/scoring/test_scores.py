import csv
import math
import os

import numpy as np
import pytest

from kdeblend.scoring.scores import PROPERTIES, Scores, write_galaxy_ids

RNG = np.random.default_rng(2)


def some_scores(blends=3, galaxies=None):
    values = {
        name: {metric: RNG.random((blends, 2)) for metric in ("psnr", "mine")} for name in "ab"
    }
    values["a"]["psnr"][0, 1] = math.inf
    values["b"]["mine"][1] = math.nan
    return Scores(
        values,
        {name: RNG.random((blends, 2)) for name in PROPERTIES},
        {"a": {}, "b": {1: 'no "light", none\nat all'}},
        {"a": RNG.random(blends), "b": np.array([1.5, math.nan, 1e-3])},
        galaxies,
    )


def test_table_round_trip(tmp_path):
    scores = some_scores()
    scores.write_csv(tmp_path / "scores.csv")
    again = Scores.read_csv(tmp_path / "scores.csv")
    assert again.metrics == ["psnr", "mine"]
    assert again.failures == scores.failures
    for name in "ab":
        for metric in again.metrics:
            np.testing.assert_array_equal(again.values[name][metric], scores.values[name][metric])
        np.testing.assert_array_equal(again.milliseconds[name], scores.milliseconds[name])
    assert list(again.properties) == list(PROPERTIES)
    for name in PROPERTIES:
        np.testing.assert_array_equal(again.properties[name], scores.properties[name])


def test_galaxies_are_kept(tmp_path):
    pairs = np.array([[4, 0], [0, 7], [12, 4]])
    some_scores(galaxies=pairs).write_csv(tmp_path / "scores.csv")
    np.testing.assert_array_equal(Scores.read_csv(tmp_path / "scores.csv").galaxies, pairs)
    some_scores().write_csv(tmp_path / "scores.csv")
    assert Scores.read_csv(tmp_path / "scores.csv").galaxies is None


def test_a_row_per_deblender_blend_and_layer(tmp_path):
    scores = some_scores()
    scores.write_csv(tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * 2
    row = rows[6 + 2 * 1 + 1]
    assert (row["deblender"], row["blend"], row["layer"]) == ("b", "1", "other")
    assert (row["failure"], row["milliseconds"]) == (scores.failures["b"][1], "")
    assert float(row["psnr"]) == scores.values["b"]["psnr"][1, 1]
    assert float(row["hidden"]) == scores.properties["hidden"][1, 1]
    assert row["mine"] == ""


@pytest.mark.parametrize("text", ["", "deblender,blend\n", "a,b\n1,2\n"])
def test_other_tables_are_refused(tmp_path, text):
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(ValueError, match="must be a table"):
        Scores.read_csv(tmp_path / "scores.csv")


def test_a_row_of_names_per_blend(tmp_path):
    names = ["a, b", os.fsdecode(b"\xff.png"), "c", "α"]
    write_galaxy_ids(tmp_path / "blends.csv", np.array(names).reshape(2, 2))
    with (tmp_path / "blends.csv").open(
        newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        rows = list(csv.reader(file))
    assert rows == [["blend", "central", "other"], ["0", *names[:2]], ["1", *names[2:]]]
