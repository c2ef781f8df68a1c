"""The report on synthetic scores, as a page, and what it is made of."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from kdeblend.metrics.psnr import psnr
from kdeblend.scoring.blends import Chunk
from kdeblend.scoring.report import page
from kdeblend.scoring.report.curves import bins_of, curves
from kdeblend.scoring.report.figures import against, distributions, inline
from kdeblend.scoring.report.gallery import SHOWN, best_median_worst, data_uri, examined, ranked
from kdeblend.scoring.report.report import write_report
from kdeblend.scoring.scores import Scores
from kdeblend.scoring.summary import summarise

BLENDS = 30
NAMES = ("identity", "good", 'odd <b>&"$x$ name')
FAILED = 4
VOID = ("meta", "img", "link", "br")


def make_scores(seed=0, metrics=("psnr", "ssim", "centroid_shift")):
    rng = np.random.default_rng(seed)
    separation = np.repeat(rng.uniform(4, 20, (BLENDS, 1)), 2, axis=1)
    ratio = np.exp(rng.normal(0, 1, BLENDS))
    values = {
        name: {metric: rng.normal(20 + 5 * number, 2, (BLENDS, 2)) for metric in metrics}
        for number, name in enumerate(NAMES)
    }
    for column in values["good"].values():
        column[FAILED] = np.nan
    return Scores(
        values,
        {"separation": separation, "flux_ratio": np.stack([ratio, 1 / ratio], axis=1)},
        {"good": {FAILED: "ValueError: <script>alert(1)</script>"}},
        {name: rng.uniform(1, 2, BLENDS) for name in NAMES},
    )


def make_examples(bands=3, side=24):
    """Return examples, in which layers get worse from deblender to deblender, and the calls."""
    rows, columns = np.indices((side, side))
    calls = []

    def image(number, column):
        light = np.exp(-np.hypot(rows - 8 - number % 5, columns - column) / 2)
        return np.repeat(light[..., None], bands, axis=-1).astype(np.float32)

    def examples(name, numbers):
        calls.append((name, list(numbers)))
        truth = np.stack([np.stack([image(n, 8), image(n, 16)]) for n in numbers])
        chunk = Chunk(truth.max(axis=1), truth, np.ones((len(truth), side, side), bool))
        return chunk, truth * np.float32(1 - 0.2 * NAMES.index(name))

    return examples, calls


class Tags(HTMLParser):
    """Checks that tags are closed in order, and collects what the page refers to."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.references, self.words = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.references += [v for k, v in attributes if k in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    scores, (examples, calls) = make_scores(), make_examples()
    summary = summarise(
        scores, {"blends": BLENDS, "data": ["galaxies <1>", "more"], "blend_mode": "max"}
    )
    summary["settings"] = {"good": {"consistent": True, "orientations": 8}}
    summary["tuning"] = {"good": {"contrast": 0.005}}
    write_report(path, scores, summary, examples)
    return path, scores, summary, calls


@pytest.fixture(scope="module")
def text(written):
    return written[0].read_text(encoding="utf-8")


def test_the_page_is_whole(text):
    tags = Tags(text)
    assert tags.open == []
    headings = [
        *("Means over both galaxies", "Distribution of PSNR and SSIM"),
        *("Differences between deblenders", "Where each deblender is good"),
        *("Best, median and worst blends", "Kinds of failure", "How this was made"),
    ]
    assert re.findall("<h2>(.*?)</h2>", text) == headings
    assert "good, settings</dt><dd>consistent True, orientations 8</dd>" in text
    assert "chosen on validation blends</dt><dd>contrast 0.005</dd>" in text


def test_the_page_needs_nothing_else(text):
    tags = Tags(text)
    assert tags.references
    assert all(each.startswith(("data:image/jpeg;base64,", "#")) for each in tags.references)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags.found}
    assert "http" not in text
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) == {"#"}
    assert len(text) < 2_000_000


def test_each_reference_inside_the_page_has_its_target(text):
    identifiers = {attributes["id"] for _, attributes in Tags(text).found if "id" in attributes}
    wanted = set(re.findall(r'(?:url\(|href=")#(\w+)', text))
    assert wanted
    assert wanted <= identifiers


def test_names_and_messages_are_escaped(text):
    assert "<b>" not in text
    assert "alert(1)</script>" not in text
    words = "".join(Tags(text).words)
    assert NAMES[2] in words
    assert "ValueError: <script>alert(1)</script>" in words
    assert "datagalaxies <1>, more" in words


def test_there_are_two_curves_a_measure_and_a_histogram_for_psnr_and_ssim(text):
    labels = [attributes.get("aria-label", "") for _, attributes in Tags(text).found]
    assert sum("against" in label for label in labels) == 2 * 3
    assert sum(label.startswith("Histograms of") for label in labels) == 2
    assert text.count("<li><svg") == len(NAMES)


def test_light_and_dark_have_a_colour_for_each_series(text):
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    for number in range(8):
        assert f"--series-{number}: #" in light
        assert f"--series-{number}: #" in dark
    assert not re.findall(r"#0[ab]0[bc]\w\w", text)


def test_the_same_scores_give_the_same_page(written, tmp_path):
    path, scores, summary, _ = written
    write_report(tmp_path / "again.html", scores, summary, make_examples()[0])
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()


def test_blends_that_a_deblender_failed_on_are_not_shown(written):
    shown = {
        name: [n for each, numbers in written[3] if each == name for n in numbers] for name in NAMES
    }
    assert FAILED in shown["identity"] or FAILED in shown[NAMES[2]]
    assert shown["good"]
    assert FAILED not in shown["good"]


def test_a_layer_that_failed_is_no_exact_one(written):
    _, scores, _, _ = written
    good = make_examples()[0]

    def fails(name, numbers):
        chunk, layers = good(name, numbers)
        return chunk, np.full_like(layers, np.nan)

    ((_, shown), *_) = best_median_worst(scores, fails, "identity")
    assert page.panel(shown[0]).count("<span>failed</span>") == 2
    ((_, shown), *_) = best_median_worst(scores, good, "identity")
    assert page.panel(shown[0]).count("<span>exact</span>") == 2


def test_without_properties_there_are_no_curves(tmp_path):
    scores = make_scores(metrics=("psnr",))
    bare = Scores(scores.values)
    write_report(tmp_path / "r.html", bare, summarise(bare, {}), make_examples()[0])
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Where each deblender is good" not in text
    assert Tags(text).open == []


def test_without_psnr_there_are_no_galleries(tmp_path):
    scores, (examples, calls) = make_scores(metrics=("centroid_shift",)), make_examples()
    write_report(tmp_path / "r.html", scores, summarise(scores, {}), examples)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert re.findall("<h2>(.*?)</h2>", text) == [
        *("Means over both galaxies", "Differences between deblenders"),
        *("Where each deblender is good", "How this was made"),
    ]
    assert calls == []


def test_blends_are_ranked_by_the_mean_of_both_layers():
    column = np.array([[30, 20], [np.nan, 40], [10, 11], [np.inf, 20], [22, 22]])
    scores = Scores({"a": {"psnr": column}})
    assert ranked(scores, "a").tolist() == [2, 4, 0, 3]
    assert examined(scores, "a") == [2, 0, 3, 4]


@pytest.mark.parametrize("count", [1, 3, 5, 8, 30])
def test_no_blend_is_shown_twice(count):
    column = np.repeat(np.arange(count, dtype=float)[:, None], 2, axis=1)
    groups = dict(best_median_worst(Scores({"good": {"psnr": column}}), make_examples()[0], "good"))
    numbers = [panel.number for shown in groups.values() for panel in shown]
    assert len(numbers) == len(set(numbers)) == min(count, 3 * SHOWN)
    sizes = {1: [1], 3: [1, 1, 1], 5: [2, 1, 2], 8: [3, 2, 3], 30: [3, 3, 3]}
    assert [len(shown) for shown in groups.values()] == sizes[count]
    assert numbers == sorted(numbers[: sizes[count][0]], reverse=True) + numbers[sizes[count][0] :]
    assert numbers[0] == count - 1
    assert count == 1 or groups["Worst"][0].number == 0
    if count == 30:
        assert [panel.number for panel in groups["Best"]] == [29, 28, 27]
        assert [panel.number for panel in groups["Median"]] == [13, 14, 15]


def test_a_panel_shows_the_psnr_of_its_layers():
    examples, _ = make_examples()
    scores = Scores(
        {"good": {"psnr": np.full((1, 2), 20.0)}, "identity": {"psnr": np.ones((1, 2))}}
    )
    ((_, [panel]),) = best_median_worst(scores, examples, "good")
    chunk, layers = examples("good", [0])
    assert panel.psnr == tuple(psnr(chunk.truth[0, n], layers[0, n]) for n in range(2))
    assert f"{panel.psnr[1]:.1f} dB" in page.panel(panel)
    ((_, [exact]),) = best_median_worst(scores, examples, "identity")
    assert page.panel(exact).count("exact") == 2


def test_pictures_of_any_bands_are_small():
    for bands in (1, 3, 5):
        uri = data_uri(np.random.default_rng(0).random((400, 300, bands)))
        assert uri.startswith("data:image/jpeg;base64,")
        assert len(uri) < 60_000


def test_bins_hold_equally_many():
    values = np.random.default_rng(1).normal(size=(100, 2))
    values[3] = np.nan
    bins = bins_of(values)
    assert (bins[3] == -1).all()
    assert set(np.bincount(bins[bins >= 0])) == {28, 29}
    assert bins.max() == 6
    assert bins_of(np.ones((3, 2))).max() <= 1
    assert bins_of(np.full((3, 2), np.nan)).max() == -1


def test_curves_are_the_means_of_the_bins_with_intervals():
    scores = make_scores()
    scores.values["good"]["psnr"][0, 0] = np.inf
    found = curves(scores, "psnr", "separation")["good"]
    separation, values = scores.properties["separation"], scores.values["good"]["psnr"]
    bins = bins_of(separation)
    for number in range(bins.max() + 1):
        inside = (bins == number) & np.isfinite(values)
        assert found.mean[number] == pytest.approx(values[inside].mean())
        assert found.middle[number] == np.median(separation[bins == number])
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()


def test_figures_of_no_score_are_empty_and_do_not_fail():
    none = np.full((3, 2), np.nan)
    values = {"a": {"psnr": none, "size_error": none}}
    scores = Scores(values, {"separation": np.ones((3, 2)), "flux_ratio": np.full((3, 2), np.nan)})
    assert "a: no score" in distributions(scores, "psnr")
    for name in scores.properties:
        for metric in values["a"]:
            assert "<svg" in against(scores, metric, name)


def test_an_inline_figure_has_no_header_links_or_colours_of_its_own():
    svg = inline(distributions(make_scores(metrics=("psnr",)), "psnr"), "a &lt; b")
    assert svg.startswith('<svg role="img" aria-label="a &lt; b"')
    for unwanted in ("<?xml", "<!DOCTYPE", "xmlns", "<metadata", "<style", "DejaVu"):
        assert unwanted not in svg
    assert "var(--series-2)" in svg
    assert "currentColor" in svg
