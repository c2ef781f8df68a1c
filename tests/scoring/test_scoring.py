import csv
import json

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.source import GalaxySource
from kdeblend.data.split import split_indices
from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.metrics import METRICS as ALL_METRICS
from kdeblend.scoring.blends import BlendSet, MadeBlends
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import ScoringRun
from kdeblend.scoring.score import score

RNG = np.random.default_rng(5)
METRICS = {name: ALL_METRICS[name] for name in ("psnr", "ssim", "ssim_range2")}


class Gaussians(GalaxySource):
    """Galaxies of different widths on a noisy sky."""

    native_size = 48
    bands = 3
    decoded = True

    def __init__(self, count=120):
        self.ids = [f"galaxy-{i}" for i in range(count)]

    def image(self, index):
        grid = np.arange(48) - 23.5
        radius = np.hypot(*np.meshgrid(grid, grid))[..., None]
        sky = np.random.default_rng(index).random((48, 48, 3)) * 0.05
        light = np.exp(-((radius / (3 + index % 7)) ** 2)) * np.array([0.9, 0.7, 0.5])
        return np.uint8(255 * np.clip(light + sky, 0, 1))


class Perfect(Deblender):
    name = "perfect"

    def __init__(self, blends: BlendSet):
        self.truth = np.concatenate([chunk.truth for chunk in blends.chunks()])
        self.blends = self.truth.max(axis=1)

    def deblend_batch(self, blends):
        distances = [np.abs(self.blends - blend).max(axis=(1, 2, 3)) for blend in blends]
        return self.truth[np.argmin(distances, axis=1)]


def made(**options):
    return MadeBlends(Gaussians(), 40, geometry=BlendGeometry(stamp_size=16), **options)


def arrays(count=3, dtype=np.uint8):
    truth = RNG.integers(0, 256, (count, 2, 16, 18, 3)).astype(np.uint8)
    noise = RNG.integers(0, 20, truth.shape).astype(np.uint8)
    given = {
        "blend": truth.max(axis=1),
        "truth": truth,
        "friend": truth - np.minimum(truth, noise),
        "names": np.array(["x"] * count),
    }
    if dtype == np.float32:
        given = {k: v if v.dtype.kind == "U" else v / np.float32(255) for k, v in given.items()}
    return given


def blank_but_for(value, shape):
    """Return images of zeros, with a value in one pixel of the second blend."""
    images = np.zeros(shape)
    images[1, ..., 0, 0] = value
    return images


@pytest.fixture
def npz(tmp_path):
    def write(**changes):
        given = {k: v for k, v in (arrays() | changes).items() if v is not None}
        np.savez(tmp_path / "blends.npz", **given)
        return tmp_path / "blends.npz"

    return write


def test_made_blends_are_of_withheld_galaxies_and_repeat():
    blends = made(seed=3)
    chunks = list(blends.chunks())
    assert [len(chunk.blend) for chunk in chunks] == [32, 8]
    assert len(blends) == 40
    for chunk, again in zip(chunks, made(seed=3).chunks(), strict=True):
        np.testing.assert_array_equal(chunk.blend, again.blend)
        np.testing.assert_allclose(chunk.truth.max(axis=1), chunk.blend, atol=1e-6)
        assert 0 <= chunk.truth.min() < chunk.truth.max() <= 1
    other = next(made(seed=4).chunks())
    assert np.abs(other.blend - chunks[0].blend).max() > 0.1
    source = Gaussians()
    withheld = split_indices(source.ids)["test"]
    stamps = [
        BlendGeometry(stamp_size=16).stamp(source.image(index)).transpose(1, 2, 0) / 255
        for index in withheld
    ]
    assert np.isin(blends.galaxies, withheld).all()
    truth = np.concatenate([chunk.truth for chunk in chunks])
    for number, (first, second) in enumerate(blends.galaxies):
        assert first != second
        stamp = stamps[withheld.tolist().index(first)]
        np.testing.assert_allclose(truth[number, 0], stamp, atol=1e-5)


def test_other_images_under_the_same_names_are_other_blends(tmp_path):
    class Dimmed(Gaussians):
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


def test_taken_blends_are_those_of_the_chunks(npz):
    for blends in (made(seed=3), ReadBlends(npz(valid=RNG.random((3, 16, 18)) < 0.5))):
        chunks = list(blends.chunks())
        numbers = [2, 0, len(blends) - 1]
        taken = blends.take(numbers)
        for name in ("blend", "truth", "valid"):
            parts = [getattr(chunk, name) for chunk in chunks]
            if parts[0] is None:
                assert getattr(taken, name) is None
                continue
            np.testing.assert_array_equal(getattr(taken, name), np.concatenate(parts)[numbers])
        for name in blends.predictions:
            together = np.concatenate([chunk.predictions[name] for chunk in chunks])
            np.testing.assert_array_equal(taken.predictions[name], together[numbers])
        for wrong in ([len(blends)], [-1], []):
            with pytest.raises(ValueError, match=f"0 to {len(blends) - 1}"):
                blends.take(wrong)


def test_galaxies_that_a_source_cannot_read_are_left_out(caplog):
    class Torn(Gaussians):
        def image(self, index):
            if index == number:
                raise ValueError("torn")
            return super().image(index)

    number = made().galaxies[0, 0]
    blends = MadeBlends(Torn(), 40, geometry=BlendGeometry(stamp_size=16))
    assert number not in blends.galaxies
    assert f"left out galaxy-{number}: " in caplog.text


def test_validation_blends_are_of_other_galaxies():
    blends = next(made(side="validation").chunks())
    source = Gaussians()
    stamps = [
        BlendGeometry(stamp_size=16).stamp(source.image(index)).transpose(1, 2, 0) / 255
        for index in split_indices(source.ids)["validation"]
    ]
    for first in blends.truth[:, 0]:
        assert min(np.abs(first - stamp).max() for stamp in stamps) < 1e-5


def test_made_blends_know_their_mode():
    chunk = next(made(blend_mode="sum").chunks())
    expected = BLEND_MODES["sum"](chunk.truth[:, 0], chunk.truth[:, 1])
    np.testing.assert_allclose(chunk.blend, expected, atol=1e-6)


def test_made_blends_need_galaxies():
    with pytest.raises(ValueError, match="of 3 galaxies"):
        MadeBlends(Gaussians(3))
    with pytest.raises(ValueError, match="blends=0"):
        MadeBlends(Gaussians(), 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_scores_equal_scikit_image(npz, dtype):
    given = arrays(dtype=dtype)
    scores = score([IdentityDeblender()], ReadBlends(npz(**given)))
    unit = 255 if dtype == np.uint8 else 1
    truth, friend, blend = (given[n].astype(float) / unit for n in ("truth", "friend", "blend"))
    for n, layer in np.ndindex(3, 2):
        for name, found in (("friend", friend[n, layer]), ("identity", blend[n])):
            pair = truth[n, layer], found
            values = {metric: scores.values[name][metric][n, layer] for metric in METRICS}
            assert values["psnr"] == pytest.approx(peak_signal_noise_ratio(*pair, data_range=1))
            for metric, size in (("ssim", 1), ("ssim_range2", 2)):
                expected = structural_similarity(*pair, data_range=size, channel_axis=-1)
                assert values[metric] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", [(16, 18), (40, 16, 18)])
def test_invalid_pixels_do_not_count(npz, shape):
    given = arrays(40)
    clean = score([], ReadBlends(npz(**given, valid=None)), METRICS)
    valid = np.ones((16, 18), bool)
    valid[:4] = False
    masked = score([], ReadBlends(npz(**given, valid=np.broadcast_to(valid, shape))), METRICS)
    given["friend"][:, :, :4] = 255
    spoilt = score([], ReadBlends(npz(**given, valid=np.broadcast_to(valid, shape))), METRICS)
    for metric in METRICS:
        values = [s.values["friend"][metric] for s in (clean, masked, spoilt)]
        np.testing.assert_allclose(values[1], values[2], rtol=1e-12)
        assert (values[0] != values[1]).all()


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
def test_galaxies_of_a_file_are_known(npz, names, tmp_path):
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


def test_galaxies_of_made_blends_are_written(tmp_path):
    blends = made()
    ScoringRun([IdentityDeblender()], blends, tmp_path).finish()
    with (tmp_path / "blends.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["blend"] for row in rows] == [str(number) for number in range(40)]
    names = [(row["central"], row["other"]) for row in rows]
    expected = [tuple(Gaussians().ids[galaxy] for galaxy in pair) for pair in blends.galaxies]
    assert names == expected
    (tmp_path / "blends.csv").unlink()
    ScoringRun([IdentityDeblender()], made(), tmp_path, resume=True).finish()
    with (tmp_path / "blends.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == rows


def test_unreadable_galaxies_are_in_no_table(tmp_path, array_source):
    source = array_source([Gaussians().image(number) for number in range(120)])
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


def test_files_that_are_no_archives(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "one.npy", np.zeros(3))
    for name in ("text.npz", "one.npy"):
        with pytest.raises(ValueError, match=f"cannot read .*{name}"):
            ReadBlends(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        ReadBlends(tmp_path / "gone.npz")


def test_names_must_differ(npz):
    with pytest.raises(ValueError, match="differ"):
        score([IdentityDeblender(), IdentityDeblender()], ReadBlends(npz()))
    with pytest.raises(ValueError, match="differ"):
        score([IdentityDeblender()], ReadBlends(npz(identity=arrays()["friend"])))


def test_chunks_are_put_together_in_order():
    blends = made()
    progress = []
    perfect = Perfect(blends)
    scores = score([perfect, IdentityDeblender()], blends, METRICS, progress.append)
    assert progress == [32, 32, 8, 8]
    assert np.isinf(scores.values["perfect"]["psnr"]).all()
    np.testing.assert_allclose(scores.values["perfect"]["ssim"], 1)
    assert scores.values["identity"]["ssim"].shape == (40, 2)


def test_metrics_of_others():
    scores = score([IdentityDeblender()], made(), {"mine": lambda truth, found, valid: 7.5})
    np.testing.assert_array_equal(scores.values["identity"]["mine"], np.full((40, 2), 7.5))


def test_a_metric_that_fails_is_named():
    with pytest.raises(ValueError, match=r"'mine'.*IndexError"):
        score([IdentityDeblender()], made(), {"mine": lambda truth, found, valid: [][0]})


def test_what_cannot_go_to_a_process_is_named():
    deblender = IdentityDeblender()
    deblender.parallel, deblender.gain = True, lambda blends: blends
    with pytest.raises(ValueError, match=r"pickling.*identity"):
        score([deblender], made(), {}, processes=2)


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


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize("wrong", [lambda found: found * np.nan, lambda found: found[:, :1]])
def test_what_is_matched_is_checked(wrong, one_by_one):
    class Wrong(IdentityDeblender):
        def match(self, found, truth, valid):
            return wrong(found)

    deblender = Wrong()
    deblender.one_by_one = one_by_one
    assert set(score([deblender], made()).failures["identity"]) == set(range(40))
