import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import bootstrap

from kdeblend.scoring.bootstrap import intervals
from kdeblend.scoring.report.curves import curves
from kdeblend.scoring.report.tables import differences
from kdeblend.scoring.scores import Scores
from kdeblend.scoring.summary import statistics, summarise
from kdeblend.scoring.table import comparison, failures, table_1, tables
from kdeblend.scoring.titles import title

RNG = np.random.default_rng(9)
EXPECTED = {"mean": 4, "median": 2.5, "max": 10, "min": 1, "variance": 12.5, "n": 4}


def test_statistics_by_hand():
    (figures,) = statistics(np.array([[[1.0, 2.0], [3.0, 10.0]]]))
    assert {name: figures[name] for name in EXPECTED} == EXPECTED
    assert figures["std"] == pytest.approx(math.sqrt(12.5))
    assert figures["low"] < 4 < figures["high"]
    gaps = [[[1.0], [3.0], [math.inf], [math.nan]], [[math.nan]] * 4]
    with_gaps, empty = statistics(np.array(gaps))
    assert (with_gaps["mean"], with_gaps["variance"], with_gaps["n"]) == (2, 1, 2)
    assert empty == {**dict.fromkeys(figures), "n": 0}


def test_interval_is_that_of_scipy():
    sample = RNG.gamma(2.0, 3.0, 400)
    low, high = intervals(sample[None, :, None])
    expected = bootstrap(
        (sample,), np.mean, method="percentile", n_resamples=1000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert low[0] == pytest.approx(expected.low, abs=0.05)
    assert high[0] == pytest.approx(expected.high, abs=0.05)


def test_interval_covers_the_true_mean_in_nineteen_of_twenty_cases():
    low, high = intervals(RNG.normal(7, 2, (400, 60, 1)))
    assert 0.91 <= np.mean((low <= 7) & (high >= 7)) <= 0.98


def test_blends_are_drawn_not_layers():
    """Two equal layers tell no more than one."""
    sample = RNG.normal(0, 1, (1, 200, 1))
    once, twice = intervals(sample), intervals(np.repeat(sample, 2, axis=-1))
    np.testing.assert_allclose(once, twice)
    np.testing.assert_array_equal(once, intervals(sample))


def blends_of_few_galaxies(trials, galaxies=25, blends=200):
    """Return scores `(trials, blends, 1)` that hang on the galaxies, and their numbers."""
    rng = np.random.default_rng(1)
    first = rng.integers(0, galaxies, blends)
    pairs = np.stack([first, (first + rng.integers(1, galaxies, blends)) % galaxies], axis=1)
    difficulty = rng.normal(0, 1, (trials, galaxies))
    values = difficulty[:, pairs].sum(axis=-1) + rng.normal(0, 0.5, (trials, blends))
    return values[..., None], pairs


def test_galaxies_are_drawn_where_blends_share_them():
    values, pairs = blends_of_few_galaxies(300)
    low, high = intervals(values, pairs)
    assert 0.87 <= np.mean((low <= 0) & (high >= 0)) <= 0.99
    low, high = intervals(values)
    assert np.mean((low <= 0) & (high >= 0)) < 0.6


def test_summaries_and_curves_know_the_galaxies():
    values, pairs = blends_of_few_galaxies(1)
    values = np.repeat(values[0], 2, axis=1)
    properties = {"separation": np.repeat(np.linspace(4, 20, len(pairs))[:, None], 2, axis=1)}
    widths = {}
    for galaxies in (None, pairs):
        found = Scores({"a": {"psnr": values}, "b": {"psnr": -values}}, properties)
        found = replace(found, galaxies=galaxies)
        summary = summarise(found, {})
        figures = [
            summary["deblenders"]["a"]["psnr"],
            summary["layers"]["other"]["a"]["psnr"],
            summary["differences"]["psnr"][0],
            summary["breakdown"]["separation"]["deblenders"]["a"]["psnr"][1],
        ]
        curve = curves(found, "psnr", "separation")["a"]
        widths[galaxies is None] = [each["high"] - each["low"] for each in figures]
        widths[galaxies is None].append((curve.high - curve.low).mean())
    assert np.all(np.array(widths[False]) > 1.2 * np.array(widths[True]))


def test_one_blend_or_one_pair_has_no_interval():
    one = np.array([[[3.0, 5.0], [math.nan, math.nan]]])
    (figures,) = statistics(one)
    assert (figures["mean"], figures["low"], figures["high"]) == (4, None, None)
    pairs = np.array([[1, 2], [2, 1], [1, 2]])
    (figures,) = statistics(np.array([[[3.0], [4.0], [8.0]]]), pairs)
    assert (figures["mean"], figures["low"]) == (5, None)
    values = {name: {"psnr": column} for name, column in (("a", one[0]), ("b", one[0] + 1))}
    summary = summarise(Scores(values), {"blends": 2})
    table = Console(file=io.StringIO(), record=True, width=100)
    table.print(comparison(summary))
    assert "4.000" in table.export_text()
    assert "±" not in table.export_text().partition("deblender")[2]
    assert "better</th></tr></thead><tbody><tr><th>a" in differences(summary)
    assert "<td>b</td>" not in differences(summary)


def scores():
    values = RNG.normal(30, 2, (40, 2))
    closer = values + RNG.normal(0.5, 0.1, (40, 2))
    properties = {
        "separation": np.repeat(np.arange(40.0)[:, None], 2, axis=1),
        "hidden": np.where(np.arange(80).reshape(40, 2) < 60, 0.0, 0.5),
    }
    properties["separation"][0] = math.nan
    failed = {"a": {}, "b": {3: "too dark", 7: "too dark", 9: "no \x1b star"}}
    closer[[3, 7, 9]] = math.nan
    times = {"a": np.full(40, math.nan), "b": np.where(np.arange(40) < 30, 2.0, 50.0)}
    return Scores({"a": {"psnr": values}, "b": {"psnr": closer}}, properties, failed, times)


def test_differences_are_between_the_same_blends():
    found = scores()
    summary = summarise(found, {"k": 1})
    (difference,) = summary["differences"]["psnr"]
    expected = np.nanmean(found.values["a"]["psnr"] - found.values["b"]["psnr"])
    assert (difference["first"], difference["second"], difference["n"]) == ("a", "b", 74)
    assert difference["mean"] == pytest.approx(expected)
    assert difference["low"] < difference["mean"] < difference["high"]
    assert difference["high"] - difference["low"] < 0.1
    figures = summary["deblenders"]["a"]["psnr"]
    assert figures["high"] - figures["low"] > 0.5
    assert summary["blends"] == {"k": 1}


def test_breakdown_by_hand():
    found = scores()
    breakdown = summarise(found, {})["breakdown"]
    bins = breakdown["separation"]["deblenders"]["a"]["psnr"]
    edges = breakdown["separation"]["edges"]
    np.testing.assert_allclose(edges, np.quantile(np.arange(1, 40).repeat(2), np.linspace(0, 1, 5)))
    separation, values = found.properties["separation"], found.values["a"]["psnr"]
    for number, figures in enumerate(bins):
        last = number == len(bins) - 1
        below = separation <= edges[number + 1] if last else separation < edges[number + 1]
        inside = (separation >= edges[number]) & below
        assert figures["n"] == inside.sum()
        assert figures["mean"] == pytest.approx(values[inside].mean())
    assert sum(figures["n"] for figures in bins) == 78
    halves = breakdown["hidden"]
    assert halves["edges"] == [0, 0.125, 0.5]
    assert [figures["n"] for figures in halves["deblenders"]["a"]["psnr"]] == [60, 20]


def test_breakdown_without_a_property_is_empty():
    found = scores()
    found.properties["hidden"][:] = math.nan
    assert summarise(found, {})["breakdown"]["hidden"]["edges"] == []
    found.properties["hidden"][:] = 0.25
    hidden = summarise(found, {})["breakdown"]["hidden"]
    assert hidden["edges"] == [0.25, 0.25]
    assert hidden["deblenders"]["a"]["psnr"][0]["n"] == 80


def test_failures_and_times():
    summary = summarise(scores(), {})
    assert summary["failures"]["b"] == {
        "count": 3,
        "messages": {"too dark": 2, "no \x1b star": 1},
    }
    assert summary["milliseconds"] == {
        "a": {"mean": None, "median": None},
        "b": {"mean": 14.0, "median": 2.0},
    }
    assert list(failures(summary)) == ["b failed on 3 blends: too dark"]


def test_comparison_table():
    summary = summarise(scores(), {})
    columns = [list(column.cells) for column in comparison(summary).columns]
    mean, low, high = (summary["deblenders"]["b"]["psnr"][k] for k in ("mean", "low", "high"))
    assert columns[0] == ["a", "b"]
    assert columns[1][1] == f"{mean:.2f}\n±{(high - low) / 2:.2f}"
    assert columns[2:] == [["-", "3"], ["-", "2"]]


def test_scatter_and_missing_scores_are_shown():
    values = np.array([[-0.3, 0.1], [math.nan, 0.2]])
    summary = summarise(Scores({"a": {"total_flux_error": values}}), {"blends": 2})
    (cell,) = comparison(summary).columns[1].cells
    assert cell.startswith("0.000\n±")
    assert cell.endswith("\nσ0.216\nn 3")


def test_names_are_no_markup():
    name = "x[/y] [bold]"
    summary = summarise(Scores({name: {"psnr": np.ones((2, 2)), "[/z]": np.ones((2, 2))}}), {})
    console = Console(width=120, file=io.StringIO())
    console.print(*tables(summary))
    shown = console.file.getvalue()
    assert shown.count(name) == 3
    assert "[/z]" in shown


def test_table_1():
    values = np.array([[30.0, 20.0], [34.0, 24.0]])
    found = Scores({"a": {"psnr": values}, "b": {"psnr": values + np.inf}})
    summary = summarise(found, {})
    assert summary["layers"]["central"]["a"]["psnr"]["mean"] == 32
    assert summary["layers"]["other"]["a"]["psnr"]["n"] == 2
    table = table_1(summary, "psnr")
    assert table.title == "PSNR (dB)"
    columns = [list(column.cells) for column in table.columns]
    assert columns[0] == ["a", "", "", "b", "", ""]
    assert columns[1] == ["both", "central", "other"] * 2
    assert columns[2] == ["27", "32", "22", "-", "-", "-"]


def test_a_table_for_metrics_of_the_paper_and_of_plugins():
    values = {name: np.ones((3, 2)) for name in ("psnr", "psnr_hidden", "mine")}
    found = [str(group.renderables[0]) for group in tables(summarise(Scores({"a": values}), {}))]
    assert found[1:] == ["PSNR (dB)", "mine"]
    assert title("mine").best is None
