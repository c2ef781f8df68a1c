import os
import signal

import numpy as np
import pytest
from click.testing import CliRunner

from kdeblend.cli.main import main
from kdeblend.io.images import write_image
from kdeblend.scoring.blends import MadeBlends
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import make_test_blends


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory, galaxy):
    folder = tmp_path_factory.mktemp("galaxies")
    for seed in range(60):
        write_image(folder / f"{seed}.png", galaxy(seed, 82))
    return folder


def blend(*arguments):
    return CliRunner().invoke(main, ["blend", *map(str, arguments)])


@pytest.mark.parametrize("options", [{}, {"seed": 1, "perturb": "both", "blend_mode": "sum"}])
def test_they_are_those_of_the_options(galaxies, options, tmp_path):
    out = tmp_path / "blends.npz"
    given = [
        text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", value)
    ]
    result = blend("--data", galaxies, "--blends", 5, *given, "--out", out)
    assert result.exit_code == 0, result.output
    made = make_test_blends([str(galaxies)], 5, **options)
    read = ReadBlends(out)
    assert (len(read), read.blend_mode) == (5, options.get("blend_mode", "max"))
    found, expected = next(read.chunks()), next(made.chunks())
    np.testing.assert_allclose(found.blend, expected.blend, atol=1 / 65535)
    np.testing.assert_allclose(found.truth, expected.truth, atol=1 / 65535)
    assert list(tmp_path.iterdir()) == [out]


def test_hubble_galaxies_by_default(tmp_path):
    out = tmp_path / "blends.npz"
    result = blend("--blends", 2, "--out", out)
    with np.load(out) as file:
        names = set(file["galaxies"].ravel())
    assert all(name.startswith("hubble-") for name in names)
    assert result.stdout == f"2 blends of {len(names)} galaxies in {out}\n"


def test_mistakes_are_explained(galaxies, tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"mine")
    for out, message in (
        ("blends.h5", "must end in .npz. Received: "),
        ("mine.npz", "must be a new one"),
        ("none/blends.npz", "No such file or directory: "),
    ):
        result = blend("--data", galaxies, "--blends", 2, "--out", tmp_path / out)
        assert result.exit_code != 0
        assert message in result.stderr
        assert "Traceback" not in result.output
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [
        ("mine.npz", b"mine")
    ]
    result = blend("--blend-mode", "nothing", "--out", tmp_path / "blends.npz")
    assert result.exit_code == 1
    assert "'nothing'" in result.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, 130)]
)
def test_stopped_it_leaves_nothing(galaxies, number, code, monkeypatch, tmp_path):
    take, calls = MadeBlends.take, []

    def stopped(self, numbers):
        calls.append(numbers)
        if len(calls) == 3:
            if number == signal.SIGINT:  # which a process in the background may ignore
                raise KeyboardInterrupt
            os.kill(os.getpid(), number)
        return take(self, numbers)

    monkeypatch.setattr(MadeBlends, "take", stopped)
    before = signal.getsignal(signal.SIGTERM)
    result = blend("--data", galaxies, "--blends", 40, "--out", tmp_path / "blends.npz")
    assert result.exit_code == code
    assert ("blends.npz is not written" in result.stderr) == (number == signal.SIGINT)
    assert len(calls) == 3
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) == before
