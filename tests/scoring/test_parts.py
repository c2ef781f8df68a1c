import numpy as np
import pytest

from kdeblend.scoring.parts import Part, PartsFolder

RNG = np.random.default_rng(3)
SETTINGS = {"blends": {"seed": 1, "blends": 64}, "deblenders": {"a": {}}, "sizes": (1, 2)}


def part(count=4):
    values = {"psnr": RNG.random((count, 2)), "my metric": RNG.random((count, 2))}
    return Part(values, RNG.random(count), {2: "too \n dark: 'x'"})


@pytest.fixture
def folder(tmp_path):
    parts = PartsFolder(tmp_path / "out" / "parts", ["a", "a/b c", "runs/a/b c"])
    parts.begin(SETTINGS, resume=False)
    return parts


def test_round_trip(folder):
    kept = {("a/b c", 0): part(), ("a/b c", 32): part(), ("runs/a/b c", 8): part(1)}
    for (name, start), each in kept.items():
        folder.keep(name, start, each)
    found = {(name, start): each for name, start, each in folder.read()}
    assert list(found) == list(kept)
    for key, expected in kept.items():
        assert found[key].failures == expected.failures
        np.testing.assert_array_equal(found[key].milliseconds, expected.milliseconds)
        assert list(found[key].values) == list(expected.values)
        for metric, values in expected.values.items():
            np.testing.assert_array_equal(found[key].values[metric], values)


def test_order_does_not_matter(folder, tmp_path):
    folder.keep("a/b c", 0, part())
    other = PartsFolder(tmp_path / "out" / "parts", ["runs/a/b c", "a/b c", "a"])
    other.begin(SETTINGS, resume=True)
    assert [(name, start) for name, start, _ in other.read()] == [("a/b c", 0)]
    assert [other.has(name) for name in ("a", "a/b c")] == [False, True]


def test_choices_are_kept(folder):
    assert folder.choices() == {}
    folder.keep_choices({"a": {"contrast": 0.005}})
    assert folder.choices() == {"a": {"contrast": 0.005}}


def test_a_scoring_that_has_begun_is_not_overwritten(folder):
    folder.begin(SETTINGS | {"other": 1}, resume=False)  # nothing has been scored yet
    folder.begin(SETTINGS, resume=True)
    folder.keep("a", 0, part())
    with pytest.raises(ValueError, match=r"--resume.*out"):
        folder.begin(SETTINGS, resume=False)
    folder.begin(SETTINGS, resume=True)
    assert len(list(folder.read())) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blends": {"seed": 2, "blends": 64}}, r"Received: blends\.seed 2 instead of 1$"),
        ({"deblenders": {"b": {}}}, r"deblenders\.b"),
        ({"sizes": (1, 3)}, "sizes"),
    ],
)
def test_other_settings_are_refused(folder, change, message):
    folder.keep("a", 0, part())
    with pytest.raises(ValueError, match=message):
        folder.begin(SETTINGS | change, resume=True)


def test_damaged_part(folder, tmp_path):
    folder.keep("a", 0, part())
    (file,) = (tmp_path / "out" / "parts").glob("a-*/*.npz")
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"00000000\.npz"):
        list(folder.read())
