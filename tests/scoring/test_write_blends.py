import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.split import split_of
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.metrics import METRICS
from kdeblend.scoring.blends import MadeBlends
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.score import score
from kdeblend.scoring.write_blends import write_blends

GEOMETRY = BlendGeometry(stamp_size=16)


@pytest.fixture
def galaxies(galaxy, array_source):
    """Galaxies, of which those for the test are of one brightness each."""
    source = array_source([galaxy(seed, 48) for seed in range(160)])
    withheld = [n for n, name in enumerate(source.ids) if split_of(name) == "test"]
    assert len(withheld) >= 4
    for level, number in enumerate(withheld, 1):
        source.images[number] = np.full((48, 48, 3), 20 * level, np.uint8)
    return source, withheld


@pytest.fixture
def made(galaxy, array_source):
    """Function from options to blends of galaxies."""
    source = array_source([galaxy(seed, 48) for seed in range(160)])
    return lambda blends=40, **options: MadeBlends(source, blends, geometry=GEOMETRY, **options)


@pytest.mark.parametrize("mode", ["max", "sum"])
def test_read_again_they_are_the_same(made, mode, tmp_path):
    made = made(seed=3, blend_mode=mode)
    rows = []
    write_blends(made, tmp_path / "blends.npz", rows.append)
    assert rows == [32, 8, 32, 8]
    read = ReadBlends(tmp_path / "blends.npz")
    assert (len(read), read.blend_mode, read.predictions) == (40, mode, ())
    np.testing.assert_array_equal(read.galaxy_ids(), made.galaxy_ids())
    for found, expected in zip(read.chunks(), made.chunks(), strict=True):
        np.testing.assert_allclose(found.blend, expected.blend, atol=0.51 / 65535)
        np.testing.assert_allclose(found.truth, expected.truth, atol=0.51 / 65535)
    with np.load(tmp_path / "blends.npz") as file:
        assert {name: file[name].dtype.kind for name in file} == {
            "blend": "u",
            "truth": "u",
            "galaxies": "U",
        }


def test_scores_of_both_are_the_same(made, tmp_path):
    made = made()
    write_blends(made, tmp_path / "blends.npz")
    metrics = {name: METRICS[name] for name in ("psnr", "ssim")}
    pair = [
        score([IdentityDeblender()], blends, metrics).values["identity"]
        for blends in (made, ReadBlends(tmp_path / "blends.npz"))
    ]
    for name in metrics:
        assert np.isfinite(pair[0][name]).any()
        np.testing.assert_allclose(*(each[name] for each in pair), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("broken", [0, 2])
def test_galaxies_are_those_of_the_pictures(galaxies, broken, tmp_path):
    source, withheld = galaxies
    for number in withheld[:broken]:
        source.images[number] = None
    write_blends(MadeBlends(source, 40, geometry=GEOMETRY), tmp_path / "blends.npz")
    with np.load(tmp_path / "blends.npz") as file:
        ids, truth = file["galaxies"], file["truth"]
    levels = np.rint(truth.max(axis=(2, 3, 4)) / 65535 * 255 / 20).astype(int)
    assert ids.shape == (40, 2)
    np.testing.assert_array_equal(ids, np.array(source.ids)[np.array(withheld)[levels - 1]])
    assert set(ids.ravel()) == {source.ids[number] for number in withheld[broken:]}


def test_only_files_that_it_wrote_are_replaced(made, tmp_path):
    made, path = made(3), tmp_path / "blends.npz"
    for _ in range(2):
        write_blends(made, path)
    with np.load(path) as file:
        arrays = dict(file)
    own = {name: arrays[name] for name in ("blend", "truth")}
    answered, appended = tmp_path / "answered.npz", tmp_path / "appended.npz"
    np.savez(answered, **arrays, mine=arrays["truth"])
    shutil.copy(path, appended)
    with zipfile.ZipFile(appended, "a") as archive:
        archive.writestr("mine.npy", b"mine")
    others = [answered, appended, tmp_path / "own.npz", tmp_path / "text.npz"]
    np.savez(others[2], **own)
    others[3].write_text("mine")
    for other in others:
        before = other.read_bytes()
        with pytest.raises(
            ValueError, match=f"to which nothing was added. Received: .*{other.name}"
        ):
            write_blends(made, other)
        assert other.read_bytes() == before
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(ValueError, match=r"folder\.npz"):
        write_blends(made, tmp_path / "folder.npz")
    with pytest.raises(FileNotFoundError) as caught:
        write_blends(made, tmp_path / "none" / "blends.npz")
    assert caught.value.filename == str(tmp_path / "none")


def test_a_link_stays_one(made, tmp_path):
    made, link = made(3), tmp_path / "link.npz"
    link.symlink_to("blends.npz")
    for _ in range(2):
        write_blends(made, link)
        assert link.is_symlink()
        assert len(ReadBlends(tmp_path / "blends.npz")) == 3
    assert len(list(tmp_path.iterdir())) == 2


def test_stopped_it_leaves_what_was_there(made, tmp_path):
    made = made()

    def stop(rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_blends(made, tmp_path / "blends.npz", stop)
    assert not list(tmp_path.iterdir())
    write_blends(made, tmp_path / "blends.npz")
    before = (tmp_path / "blends.npz").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_blends(made, tmp_path / "blends.npz", stop)
    assert (tmp_path / "blends.npz").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_memory_does_not_grow_with_the_number_of_blends(made, tmp_path):
    peaks = []
    for count in (64, 512):
        blends = made(count)
        tracemalloc.start()
        try:
            write_blends(blends, tmp_path / "blends.npz")
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 2e5
