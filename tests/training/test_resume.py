"""Going on with a run, and what is left of one."""

import json
import shutil

import keras
import numpy as np
import pytest

from kdeblend.models import perceptual
from kdeblend.training.callbacks.training_log import read_log
from kdeblend.training.checkpoint import CheckpointError, list_checkpoints, read_checkpoint
from kdeblend.training.folder import RunFolder
from kdeblend.training.train import train


def test_the_best_network_is_never_worse_than_the_initial_weights(config, tmp_path):
    first = train(config, tmp_path / "first", progress=False)
    assert first.best_step in (3, 6)
    start = tmp_path / "first" / "generator.keras"
    run = RunFolder(tmp_path / "second")
    spoilt = config.replace(initial_weights=str(start), learning_rate=10.0)
    for steps in (3, 6):
        result = train(spoilt.replace(steps=steps), run.path, resume=True, progress=False)
        assert (result.step, result.best_step, result.best_psnr) == (steps, 0, first.best_psnr)
    rows = read_log(run.log)
    assert [row["step"] for row in rows] == list("0123456")
    assert float(rows[0]["val_psnr"]) == pytest.approx(first.best_psnr, abs=1e-3)
    assert float(rows[3]["val_psnr"]) < first.best_psnr
    before, after = (
        keras.saving.load_model(path, compile=False).get_weights()
        for path in (start, run.generator)
    )
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new, old)


def test_the_best_network_is_scored_again_on_other_validation_blends(config, tmp_path):
    train(config, tmp_path / "first", progress=False)
    weights = str(tmp_path / "first" / "generator.keras")
    run = RunFolder(tmp_path / "second")
    spoilt = config.replace(initial_weights=weights, learning_rate=10.0)
    before = train(spoilt.replace(steps=3), run.path, progress=False)
    other = spoilt.replace(validation_blends=2)
    after = train(other, run.path, resume=True, progress=False)
    assert (before.best_step, after.best_step) == (0, 0)
    assert after.best_psnr != before.best_psnr
    again = train(other, run.path, resume=True, progress=False)
    assert again.best_psnr == after.best_psnr


def test_the_best_network_is_scored_again_when_galaxies_were_added(config, make_galaxies, tmp_path):
    galaxies = shutil.copytree(config.data[0], tmp_path / "galaxies")
    config = config.replace(data=[str(galaxies)], validation_blends=8)
    before = train(config, tmp_path / "run", progress=False)
    for more in make_galaxies(train=1, validation=8).glob("*.png"):
        shutil.copy(more, galaxies)
    after = train(config, tmp_path / "run", resume=True, progress=False)
    assert after.blend_psnr != before.blend_psnr
    assert after.best_psnr != before.best_psnr
    assert after.best_step == before.best_step


@pytest.mark.parametrize("left", ["generator.keras", "checkpoints/step-00000004.npz"])
def test_what_is_left_of_a_run_is_not_replaced(config, tmp_path, left):
    path = tmp_path / "run" / left
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    with pytest.raises(ValueError, match="what is left of a run without its config"):
        train(config, tmp_path / "run", progress=False)
    assert path.read_bytes() == b"weights"


def test_a_run_without_its_configuration_goes_on_with_the_settings_that_it_had(config, tmp_path):
    run = RunFolder(tmp_path / "run")
    train(config.replace(steps=4), run.path, progress=False)
    run.config.unlink()
    with pytest.raises(CheckpointError, match=r"Changed since: optimizer$"):
        train(config.replace(optimizer="muon"), run.path, resume=True, progress=False)
    result = train(config, run.path, resume=True, progress=False)
    assert result.step == config.steps
    assert run.exists()


def test_a_run_killed_before_its_first_checkpoint_begins_anew(config, tmp_path):
    train(config, tmp_path / "first", progress=False)
    weights = str(tmp_path / "first" / "generator.keras")
    spoilt = config.replace(initial_weights=weights, learning_rate=10.0, steps=3)
    run = RunFolder(tmp_path / "run")
    whole = train(spoilt, run.path, progress=False)
    for checkpoint in list_checkpoints(run.checkpoints):
        checkpoint.unlink()
    again = train(spoilt, run.path, resume=True, progress=False)
    assert (again.best_step, again.best_psnr) == (0, whole.best_psnr)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("optimizer", "muon", r"Changed since: optimizer$"),
        ("preset", "paper", r"the `preset` that it was begun with, 'quick'"),
        ("initial_weights", "nowhere.keras", r"the `initial_weights` that it was begun with, ''"),
    ],
)
def test_what_was_changed_in_the_file_by_hand_is_named(config, tmp_path, name, value, message):
    run = RunFolder(tmp_path / "run")
    train(config.replace(steps=2), run.path, progress=False)
    changed = run.read_config().replace(**{name: value})
    changed.save(run.config)
    with pytest.raises(ValueError, match=message):
        train(changed, run.path, resume=True, progress=False)


def test_checkpoints_of_earlier_versions_keep_a_part_of_the_settings(config, tmp_path):
    run = RunFolder(tmp_path / "run")
    train(config.replace(steps=2), run.path, progress=False)
    (path,) = list_checkpoints(run.checkpoints)
    arrays, extra = read_checkpoint(path)
    extra["settings"] = {"learning_rate": 1e-3, "gone": 1}
    arrays["extra"] = np.frombuffer(json.dumps(extra).encode(), np.uint8)
    np.savez(path, **arrays)
    assert train(config.replace(steps=3), run.path, resume=True, progress=False).step == 3


def test_a_refused_resume_leaves_the_run_as_it_was(config, tmp_path):
    train(config.replace(steps=2), tmp_path / "run", progress=False)
    before = (tmp_path / "run" / "config.yaml").read_bytes()
    wider = config.replace(generator_options={"widths": [4, 16], "blocks": 1})
    with pytest.raises(CheckpointError, match=r"Changed since: generator_options$"):
        train(wider, tmp_path / "run", resume=True, progress=False)
    with pytest.raises(ValueError, match="not be less than is done"):
        train(config.replace(steps=1), tmp_path / "run", resume=True, progress=False)
    assert (tmp_path / "run" / "config.yaml").read_bytes() == before


def test_after_burn_in_a_run_goes_on_without_the_weights_of_vgg(gan_config, tmp_path, monkeypatch):
    def fail(weights, layer):
        if weights == "imagenet":
            raise OSError("no network")
        return features(weights, layer)

    features = perceptual._vgg19_features
    train(gan_config.replace(steps=4), tmp_path / "run", progress=False)
    monkeypatch.setattr(perceptual, "_vgg19_features", fail)
    config = gan_config.replace(vgg_weights="imagenet")
    for needed in ({"burn_in": 3}, {"perceptual_weight": 0.1}):
        with pytest.raises(OSError, match="no network"):
            train(config.replace(**needed), tmp_path / "run", resume=True, progress=False)
    assert train(config, tmp_path / "run", resume=True, progress=False).step == 6
    assert RunFolder(tmp_path / "run").read_config().vgg_weights == "imagenet"


def test_relative_paths_do_not_depend_on_the_folder_one_is_in(config, tmp_path, monkeypatch):
    (galaxies,) = config.data
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "galaxies").symlink_to(galaxies)
    monkeypatch.chdir(tmp_path)
    train(config.replace(steps=1, data=["galaxies"]), "run", progress=False)
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = RunFolder("../run").read_config()
    assert before.data == (str(tmp_path / "galaxies"),)
    assert train(before.replace(steps=2), "../run", resume=True, progress=False).step == 2


def test_resuming_takes_a_new_learning_rate(config, tmp_path):
    train(config.replace(steps=1), tmp_path / "run", progress=False)
    slower = config.replace(steps=2, learning_rate=1e-5)
    train(slower, tmp_path / "run", resume=True, progress=False)
    rows = read_log(tmp_path / "run" / "log.csv")
    assert [float(row["generator_learning_rate"]) for row in rows] == pytest.approx([1e-3, 1e-5])


def test_a_new_learning_rate_outlives_a_run_that_was_killed(config, tmp_path):
    train(config.replace(steps=1), tmp_path / "run", progress=False)
    slower = config.replace(steps=2, learning_rate=1e-5)
    RunFolder(tmp_path / "run").start(slower)  # all that is left of a resume without a checkpoint
    train(slower, tmp_path / "run", resume=True, progress=False)
    last = read_log(tmp_path / "run" / "log.csv")[-1]
    assert float(last["generator_learning_rate"]) == pytest.approx(1e-5)
