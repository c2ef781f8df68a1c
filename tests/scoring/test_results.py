"""What a scoring writes, and of which galaxies."""

import csv
import json

import numpy as np
import pytest

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.split import split_indices
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.scoring.blends import MadeBlends
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import ScoringRun


def test_other_images_under_the_same_names_are_other_blends(tmp_path, made, gaussians):
    class Dimmed(gaussians):
        def image(self, index):
            return super().image(index) // 2

    ScoringRun([IdentityDeblender()], made(), tmp_path).finish()
    geometry = BlendGeometry(stamp_size=16)
    with pytest.raises(ValueError, match="fingerprint"):
        ScoringRun(
            [IdentityDeblender()],
            MadeBlends(Dimmed(), 40, geometry=geometry),
            tmp_path,
            resume=True,
        )


def test_galaxies_of_made_blends_are_written(tmp_path, made, gaussians):
    blends = made()
    ScoringRun([IdentityDeblender()], blends, tmp_path).finish()
    with (tmp_path / "blends.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["blend"] for row in rows] == [str(number) for number in range(40)]
    names = [(row["central"], row["other"]) for row in rows]
    expected = [tuple(gaussians().ids[galaxy] for galaxy in pair) for pair in blends.galaxies]
    assert names == expected
    (tmp_path / "blends.csv").unlink()
    ScoringRun([IdentityDeblender()], made(), tmp_path, resume=True).finish()
    with (tmp_path / "blends.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == rows


def test_unreadable_galaxies_are_in_no_table(tmp_path, array_source, gaussians):
    source = array_source([gaussians().image(number) for number in range(120)])
    withheld = split_indices(source.ids)["test"]
    broken = withheld[::3]
    for number in broken:
        source.images[number] = None
    blends = MadeBlends(source, 40, geometry=BlendGeometry(stamp_size=16))
    ScoringRun([IdentityDeblender()], blends, tmp_path).finish()
    with (tmp_path / "blends.csv").open(newline="") as file:
        names = [row[layer] for row in csv.DictReader(file) for layer in ("central", "other")]
    with (tmp_path / "scores.csv").open(newline="") as file:
        numbers = [int(row["galaxy"]) for row in csv.DictReader(file)]
    assert [source.ids[number] for number in numbers] == names
    assert set(numbers) == set(withheld) - set(broken)
    assert blends.galaxies.ravel().tolist() == numbers


def test_folder(npz, tmp_path):
    out = tmp_path / "deep" / "out"
    summary = ScoringRun([IdentityDeblender()], ReadBlends(npz()), out).finish()
    assert json.loads((out / "summary.json").read_text()) == summary
    assert "friend" in (out / "report.html").read_text(encoding="utf-8")
    assert set(summary["deblenders"]) == {"identity", "friend"}
    with (out / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * 2
    chosen = [
        float(row["psnr"])
        for row in rows
        if (row["deblender"], row["layer"]) == ("friend", "other")
    ]
    assert np.mean(chosen) == pytest.approx(summary["layers"]["other"]["friend"]["psnr"]["mean"])
