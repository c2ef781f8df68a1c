import csv
import math
import os

import numpy as np

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


def rows_of(scores, path):
    scores.write_csv(path)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_per_deblender_blend_and_layer(tmp_path):
    scores = some_scores()
    rows = rows_of(scores, tmp_path / "scores.csv")
    assert len(rows) == 2 * 3 * 2
    row = rows[6 + 2 * 1 + 1]
    assert (row["deblender"], row["blend"], row["layer"]) == ("b", "1", "other")
    assert (row["failure"], row["milliseconds"]) == (scores.failures["b"][1], "")
    assert float(row["psnr"]) == scores.values["b"]["psnr"][1, 1]
    assert float(row["hidden"]) == scores.properties["hidden"][1, 1]
    assert row["mine"] == ""


def test_numbers_are_written_exactly(tmp_path):
    scores = some_scores()
    rows = rows_of(scores, tmp_path / "scores.csv")
    for name in "ab":
        own = [row for row in rows if row["deblender"] == name]
        columns = scores.values[name] | scores.properties
        columns["milliseconds"] = np.repeat(scores.milliseconds[name][:, None], 2, axis=1)
        for column, expected in columns.items():
            written = [float(row[column] or "nan") for row in own]
            np.testing.assert_array_equal(written, expected.ravel(), err_msg=column)


def test_galaxies_are_kept(tmp_path):
    pairs = np.array([[4, 0], [0, 7], [12, 4]])
    rows = rows_of(some_scores(galaxies=pairs), tmp_path / "scores.csv")
    assert [int(row["galaxy"]) for row in rows] == pairs.ravel().tolist() * 2
    assert {row["galaxy"] for row in rows_of(some_scores(), tmp_path / "scores.csv")} == {""}


def test_a_row_of_names_per_blend(tmp_path):
    names = ["a, b", os.fsdecode(b"\xff.png"), "c", "α"]
    write_galaxy_ids(tmp_path / "blends.csv", np.array(names).reshape(2, 2))
    with (tmp_path / "blends.csv").open(
        newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        rows = list(csv.reader(file))
    assert rows == [["blend", "central", "other"], ["0", *names[:2]], ["1", *names[2:]]]
