"""The tables of the report."""

import re

import numpy as np
import pytest

from kdeblend.scoring.report.tables import comparison, differences, paper_table
from kdeblend.scoring.scores import Scores
from kdeblend.scoring.summary import summarise


@pytest.mark.parametrize(
    ("metric", "means", "best"),
    [
        ("psnr", (20.0, 30.0, 25.0), "b"),
        ("centroid_shift", (0.3, 0.2, 0.1), "c"),
        ("size_error", (-0.1, 0.2, -0.3), "a"),
        ("of a plugin", (1.0, 2.0, 3.0), None),
    ],
)
def test_the_best_mean_is_marked(metric, means, best):
    values = {
        name: {metric: np.full((3, 2), mean)} for name, mean in zip("abc", means, strict=True)
    }
    table = comparison(summarise(Scores(values), {}))
    marked = [row for row in table.split("<tr>") if 'class="best"' in row]
    assert [re.search("<th>(.)</th>", row)[1] for row in marked] == ([best] if best else [])


def test_the_best_is_one_of_those_with_most_scores():
    columns = {"a": [20.0, 21, 22], "b": [30.0, 31, 32], "c": [40.0, 41, np.nan]}
    values = {
        name: {"psnr": np.repeat(np.array(column)[:, None], 2, axis=1)}
        for name, column in columns.items()
    }
    rows = comparison(summarise(Scores(values), {"blends": 3})).split("<tr>")[2:]
    assert ['class="best"' in row for row in rows] == [False, True, False]
    assert ["n = 4<" in row for row in rows] == [False, False, True]
    values.pop("a")
    assert 'class="best"' not in comparison(summarise(Scores(values), {}))


def test_scatter_counts_as_well_as_bias():
    columns = {"a": [-0.9, 0.9], "b": [0.2, 0.2]}
    values = {name: {"size_error": np.array([column])} for name, column in columns.items()}
    rows = comparison(summarise(Scores(values), {})).split("<tr>")[2:]
    assert ['class="best"' in row for row in rows] == [False, True]
    assert "0 \N{PLUS-MINUS SIGN} 0.9<" in rows[0]


def test_the_papers_own_row_stands_below():
    values = {"a": {metric: np.full((3, 2), 0.5) for metric in ("psnr", "ssim", "ssim_range2")}}
    summary = summarise(Scores(values), {})
    assert "34.61" in paper_table(summary, "psnr")
    assert "0.928" in paper_table(summary, "ssim_range2")
    assert "the paper" not in paper_table(summary, "ssim")


@pytest.mark.parametrize(
    ("metric", "verdict", "winner"),
    [
        ("psnr", "which is better", "b"),
        ("centroid_shift", "which is better", "a"),
        ("total_flux_error", "which is larger", "b"),
        ("of_another_package", "which is larger", "b"),
    ],
)
def test_a_difference_names_the_better_one_where_that_is_known(metric, verdict, winner):
    lower = np.random.default_rng(3).normal(0, 0.1, (40, 2))
    scores = Scores({"a": {metric: lower}, "b": {metric: lower + 1}})
    html = differences(summarise(scores, {}))
    assert f"<th>{verdict}</th>" in html
    assert f"<td>{winner}</td></tr>" in html


def test_a_difference_names_none_where_there_is_none():
    rng = np.random.default_rng(2)
    same = rng.normal(20, 1, (40, 2))
    values = {"a": same, "b": same + 3 + rng.normal(0, 0.1, same.shape)}
    values["c"] = values["a"] + rng.normal(0, 0.1, same.shape)
    values["c"] -= (values["c"] - values["a"]).mean()
    html = differences(summarise(Scores({n: {"psnr": v} for n, v in values.items()}), {}))
    rows = re.findall(r"<tr><th>(.)\W+(.)</th>.*?<td>([^<]*)</td></tr>", html)
    assert rows == [("a", "b", "b"), ("a", "c", "–"), ("b", "c", "b")]


def test_one_deblender_has_no_differences():
    assert differences(summarise(Scores({"a": {"psnr": np.ones((3, 2))}}), {})) == ""
