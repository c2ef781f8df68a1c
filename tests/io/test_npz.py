import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from kdeblend.io.npz import NewArray, NpzRows, npz_mark, npz_names, write_npz

RNG = np.random.default_rng(6)
ROWS = [3, 4, 9, 0, 9]


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, bool])
def test_rows_are_those_of_numpy(tmp_path, write, dtype):
    array = (RNG.random((10, 2, 5, 3)) * 200).astype(dtype)
    write(tmp_path / "a.npz", first=array, second=array[:1] * 2)
    assert npz_names(tmp_path / "a.npz") == ["first", "second"]
    rows = NpzRows(tmp_path / "a.npz", "first")
    assert (rows.shape, rows.dtype, len(rows)) == (array.shape, array.dtype, 10)
    np.testing.assert_array_equal(rows[ROWS], array[ROWS])
    np.testing.assert_array_equal(rows[range(10)], array)


def test_fortran_order(tmp_path):
    array = np.asfortranarray(RNG.random((10, 4, 3)))
    np.savez(tmp_path / "a.npz", a=array)
    np.testing.assert_array_equal(NpzRows(tmp_path / "a.npz", "a")[ROWS], array[ROWS])


def test_checksum_follows_the_content(tmp_path):
    sums = set()
    for number in (1, 2, 1):
        np.savez(tmp_path / "a.npz", a=np.full((4, 4), number))
        sums.add(NpzRows(tmp_path / "a.npz", "a").checksum)
    assert len(sums) == 2


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_the_whole_array_is_never_in_memory(tmp_path, write):
    write(tmp_path / "a.npz", a=np.zeros((2000, 4096), np.uint8))  # 8 MB
    tracemalloc.start()
    try:
        rows = NpzRows(tmp_path / "a.npz", "a")
        for start in range(0, 2000, 100):
            assert not rows[range(start, start + 100)].any()
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()


def test_unusable_files(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.array([{}]))
    with pytest.raises(ValueError, match="objects"):
        NpzRows(path, "a")[[0]]
    with pytest.raises(KeyError):
        NpzRows(path, "b")
    path.write_bytes(pickle.dumps("text"))
    with pytest.raises(zipfile.BadZipFile):
        npz_names(path)


def test_array_that_ends_too_early(tmp_path):
    path = tmp_path / "a.npz"
    np.save(tmp_path / "a.npy", np.zeros((10, 40)))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", (tmp_path / "a.npy").read_bytes()[:-100])
    rows = NpzRows(path, "a")
    assert not rows[[0]].any()
    with pytest.raises(OSError, match="row 9"):
        rows[[9]]


def chunked(array, size):
    return (array[start : start + size] for start in range(0, len(array), size))


@pytest.mark.parametrize("dtype", ["uint16", "float64", "bool", "U7"])
def test_arrays_written_in_chunks_are_those_that_numpy_reads(tmp_path, dtype):
    first, second = (RNG.integers(0, 60000, shape).astype(dtype) for shape in ((10, 2, 3), (4,)))
    path = tmp_path / "a.npz"
    arrays = {
        "first": NewArray(first.shape, dtype, chunked(first, 4)),
        "second": NewArray(second.shape, dtype, [second]),
    }
    write_npz(path, arrays.items(), "mine")
    with np.load(path) as file:
        assert file.files == ["first", "second"]
        for name, expected in (("first", first), ("second", second)):
            np.testing.assert_array_equal(file[name], expected)
            assert file[name].dtype == expected.dtype
        again = dict(file)
    np.testing.assert_array_equal(NpzRows(path, "first")[ROWS], first[ROWS])
    assert npz_mark(path) == "mine"
    np.savez(path, **again)
    assert npz_mark(path) == ""
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (np.zeros((3, 2), np.uint8), "must have 4 rows. Received: 3"),
        (np.zeros((4, 3), np.uint8), r"shape \(n, \*\(2,\)\). Received: uint8 of shape \(4, 3\)"),
        (np.zeros((4, 2)), "must be uint8"),
    ],
)
def test_chunks_of_other_shapes_are_refused(tmp_path, chunk, message):
    with pytest.raises(ValueError, match=message):
        write_npz(tmp_path / "a.npz", [("a", NewArray((4, 2), np.uint8, [chunk]))], "mine")
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_an_array_that_is_written(tmp_path):
    chunks = (np.zeros((10, 4096), np.uint16) for _ in range(200))  # 16 MB
    tracemalloc.start()
    try:
        write_npz(tmp_path / "a.npz", [("a", NewArray((2000, 4096), np.uint16, chunks))], "mine")
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
