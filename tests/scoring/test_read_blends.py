"""Blends of files."""

import csv

import numpy as np
import pytest

from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import ScoringRun


def blank_but_for(value, shape):
    """Return images of zeros, with a value in one pixel of the second blend."""
    images = np.zeros(shape)
    images[1, ..., 0, 0] = value
    return images


def test_first_blends_of_a_file(npz):
    blends = ReadBlends(npz(), 2)
    assert len(blends) == sum(len(chunk.blend) for chunk in blends.chunks()) == 2
    assert len(ReadBlends(npz(), 99)) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truth": None}, "`blend` and `truth`"),
        ({"truth": np.zeros((3, 16, 18, 3))}, "shape"),
        ({"blend": np.zeros((0, 16, 18, 3)), "truth": np.zeros((0, 2, 16, 18, 3))}, "one blend"),
        ({"blend": np.zeros((3, 16, 18)), "truth": np.zeros((3, 2, 16, 18))}, "`blend`.*bands"),
        ({"blend": blank_but_for(2.0, (3, 16, 18, 3))}, r"`blend` of blend 1 .*\[0, 1\]"),
        ({"truth": blank_but_for(np.nan, (3, 2, 16, 18, 3))}, "`truth` of blend 1 .*finite"),
        ({"galaxies": np.array(["a", "b"] * 3)}, r"`galaxies`.*\(3, 2\).*<U1 of shape \(6,\)"),
        ({"galaxies": np.ones((3, 2))}, "`galaxies`.*float64"),
        ({"galaxies": np.array([["a", None]] * 3, dtype=object)}, "`galaxies`.*object"),
        ({"valid": np.ones((3, 3), bool)}, "`valid`"),
        ({"valid": np.ones((16, 18))}, "`valid`"),
        ({"valid": np.arange(3)[:, None, None] != np.ones((1, 16, 18))}, "on blend 1"),
        ({"blend": np.full((3, 16, 18, 3), {})}, "must hold numbers"),
    ],
)
def test_unusable_files(npz, changes, message):
    with pytest.raises(ValueError, match=message):
        ReadBlends(npz(**changes))


def test_arrays_of_other_kinds_are_left_aside(npz):
    predictions = ReadBlends(npz()).predictions
    blends = ReadBlends(npz(ids=np.array(["a", None, {}], dtype=object), seed=np.array(3)))
    assert blends.predictions == predictions
    assert len(blends.take(range(3)).blend) == 3


@pytest.mark.parametrize(
    "names",
    [
        [["a", "b"], ["b", "c"], ["a", "c"]],
        [["a", "é"], ["é", "ö"], ["a", "ö"]],
        [[7, 8], [8, 9], [7, 9]],
    ],
)
def test_galaxies_of_a_file_are_known(npz, names, tmp_path, arrays):
    given = arrays()
    before = ReadBlends(npz(**given)).description
    path = npz(**given, galaxies=np.array(names))
    blends = ReadBlends(path)
    assert blends.description == before
    assert blends.galaxy_ids().tolist() == [[str(each) for each in pair] for pair in names]
    assert blends.galaxies.tolist() == [[0, 1], [1, 2], [0, 2]]
    assert ReadBlends(path, 2).galaxies.tolist() == [[0, 1], [1, 2]]
    ScoringRun([IdentityDeblender()], blends, tmp_path / "out").finish()
    lines = [",".join(map(str, [number, *pair])) for number, pair in enumerate(names)]
    written = (tmp_path / "out" / "blends.csv").read_text().splitlines()
    assert written == ["blend,central,other", *lines]
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        galaxies = [row["galaxy"] for row in csv.DictReader(file)]
    assert galaxies == [*"011202"] * 2


def test_galaxies_of_a_file_may_be_bytes(npz):
    names = [["a", "é"], ["é", "β.png"], ["a", "β.png"]]
    encoded = np.char.encode(names, "utf-8")
    blends = ReadBlends(npz(galaxies=encoded))
    assert blends.galaxy_ids().tolist() == names
    assert blends.galaxies.tolist() == [[0, 1], [1, 2], [0, 2]]
    encoded[0, 1] = b"\xe9"
    assert ReadBlends(npz(galaxies=encoded)).galaxy_ids()[0, 1] == "\udce9"


def test_galaxies_of_a_file_need_not_be_known(npz, tmp_path):
    blends = ReadBlends(npz())
    assert blends.galaxy_ids() is blends.galaxies is None
    ScoringRun([IdentityDeblender()], blends, tmp_path / "out").finish()
    assert not (tmp_path / "out" / "blends.csv").exists()


def test_files_that_are_no_archives(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "one.npy", np.zeros(3))
    for name in ("text.npz", "one.npy"):
        with pytest.raises(ValueError, match=f"cannot read .*{name}"):
            ReadBlends(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        ReadBlends(tmp_path / "gone.npz")
