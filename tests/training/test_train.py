import json

import keras
import numpy as np
import pytest
from keras import ops
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from kdeblend.data.sequence import BlendSequence
from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.callbacks.stop_on_nan import TrainingDivergedError
from kdeblend.training.callbacks.training_log import read_log
from kdeblend.training.checkpoint import list_checkpoints
from kdeblend.training.folder import RunFolder
from kdeblend.training.networks import build_gan, check_backend
from kdeblend.training.train import train


@pytest.mark.backend
def test_a_run_leaves_everything_behind(gan_config, tmp_path):
    result = train(gan_config, tmp_path / "run", progress=False)
    run = RunFolder(tmp_path / "run")
    assert (result.step, result.stopped_by) == (6, None)
    assert run.read_config() == gan_config
    rows = run.log.read_text().splitlines()
    header = rows[0].split(",")
    assert len(rows) == 1 + 6
    assert {"pixel_loss", "adversarial_loss", "perceptual_loss", "discriminator_loss"} < set(header)
    assert {"generator_gradient_norm", "discriminator_gradient_norm", "val_ssim"} < set(header)
    perceptual = [float(row.split(",")[header.index("perceptual_loss")]) for row in rows[1:]]
    assert [loss > 0 for loss in perceptual] == [True] * 2 + [False] * 4
    rates = [row.split(",")[header.index("generator_learning_rate")] for row in rows[1:]]
    assert rates == ["0.001"] * 4 + ["0.0001"] * 2
    assert len(list(run.panels.glob("*.png"))) == 2
    assert list(run.tensorboard.glob("events.*"))
    sides = json.loads(run.split.read_text())
    assert {side: len(ids) for side, ids in sides.items()} == {
        "train": 6,
        "validation": 3,
        "test": 2,
    }
    summary = json.loads(run.summary.read_text())
    assert summary["step"] == 6
    assert summary["best_validation_psnr"] == result.best_psnr
    generator = keras.saving.load_model(run.generator, compile=False)
    assert len(generator.trainable_variables) > 5
    assert tuple(generator.predict_on_batch(np.zeros((1, 9, 9, 3)))[0].shape) == (1, 9, 9, 3)


def test_light_of_the_sky_is_in_the_blends_of_training_alone(config, tmp_path):
    losses, blends = [], []
    for light in (0.0, 0.5):
        run = RunFolder(tmp_path / str(light))
        result = train(config.replace(sky_light=light, steps=4), run.path, progress=False)
        losses.append([row["pixel_loss"] for row in read_log(run.log)])
        blends.append(result.blend_psnr)
    assert losses[0] != losses[1]
    assert blends[0] == blends[1]


def test_cosine_schedule_ends_at_zero(config, tmp_path):
    config = config.replace(learning_rate_schedule="cosine", steps=4)
    train(config, tmp_path / "run", progress=False)
    rates = [
        float(row["generator_learning_rate"]) for row in read_log(tmp_path / "run" / "log.csv")
    ]
    expected = 1e-3 * (1 + np.cos(np.pi * np.arange(1, 5) / 4)) / 2
    np.testing.assert_allclose(rates, expected, atol=1e-8)


def test_a_run_starts_from_the_weights_it_is_given(config, tmp_path):
    train(config, tmp_path / "first", progress=False)
    start = tmp_path / "first" / "generator.keras"
    config = config.replace(initial_weights=str(start), steps=1, learning_rate=1e-9)
    train(config, tmp_path / "second", progress=False)
    before, after = (
        keras.saving.load_model(path, compile=False).get_weights()
        for path in (start, tmp_path / "second" / "generator.keras")
    )
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


@pytest.mark.backend
@pytest.mark.parametrize("workers", [1, 2])
def test_a_batch_that_cannot_be_made_ends_the_run_with_its_own_error(
    config, monkeypatch, tmp_path, workers
):
    def fail(self, epoch, number):
        raise ChildProcessError("a process that made blends has died")

    monkeypatch.setattr(BlendSequence, "_batch", fail)
    with pytest.raises(ChildProcessError, match="that made blends has died"):
        train(config.replace(workers=workers), tmp_path / "run", progress=False)


def test_initial_weights_that_do_not_fit_are_refused(config, tmp_path):
    (tmp_path / "bad.keras").write_bytes(b"no network")
    blend = keras.Input((None, None, 3))
    keras.Model(blend, [blend, blend]).save(tmp_path / "small.keras")
    for name, message in (("bad", "bad.keras must be the .keras"), ("small", "same family.*has")):
        weights = str(tmp_path / f"{name}.keras")
        with pytest.raises(ValueError, match=message):
            train(config.replace(initial_weights=weights), tmp_path / "run", progress=False)
        assert not (tmp_path / "run").exists()


def test_an_old_run_is_not_overwritten(config, tmp_path):
    train(config.replace(steps=1), tmp_path / "run", progress=False)
    before = (tmp_path / "run" / "config.yaml").read_bytes()
    with pytest.raises(ValueError, match=r"--resume.*which holds a run"):
        train(config, tmp_path / "run", progress=False)
    assert (tmp_path / "run" / "config.yaml").read_bytes() == before


def test_the_folder_of_a_search_is_refused(config, tmp_path):
    (tmp_path / "search.yaml").touch()
    with pytest.raises(ValueError, match="which holds a search"):
        train(config, tmp_path, progress=False)


def test_a_mistake_leaves_no_run_behind(config, tmp_path):
    with pytest.raises(ValueError, match="`pixel_loss` must be one of"):
        train(config.replace(pixel_loss="l7"), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_training_that_ends_in_nan_ends_with_an_error_and_no_checkpoint(config, tmp_path):
    short = config.replace(steps=1)
    with pytest.raises(TrainingDivergedError, match=r"`val_\w+` is nan at step 1"):
        train(short.replace(learning_rate=1e38), tmp_path / "run", progress=False)
    assert not list_checkpoints(RunFolder(tmp_path / "run").checkpoints)
    assert train(short, tmp_path / "run", resume=True, progress=False).step == 1


def test_one_folder_takes_one_training_at_a_time(config, tmp_path):
    with (
        RunFolder(tmp_path / "run").locked(),
        pytest.raises(ValueError, match="no other process is training"),
    ):
        train(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
    train(config.replace(steps=1), tmp_path / "run", progress=False)


def test_hidden_files_of_others_are_left_alone(config, tmp_path):
    (tmp_path / ".settings.yaml").write_text("mine")
    (tmp_path / f".{'0' * 32}.npz").write_text("half written")
    train(config.replace(steps=1), tmp_path, progress=False)
    assert (tmp_path / ".settings.yaml").read_text() == "mine"
    assert not (tmp_path / f".{'0' * 32}.npz").exists()


def test_a_run_that_got_nowhere_stands_in_no_way(config, tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "run")

    def too_large(*arguments, **options):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("kdeblend.training.train.make_validation_set", too_large)
        with pytest.raises(MemoryError):
            train(config, run.path, progress=False)
    assert run.exists()
    assert train(config.replace(steps=1), run.path, progress=False).step == 1
    with pytest.raises(ValueError, match="which holds a run"):
        train(config, run.path, progress=False)


@pytest.mark.parametrize("text", [None, "name: survey\n", "seed: 3\n", "- 1\n", "\xff"])
def test_files_of_something_else_are_no_run_that_got_nowhere(config, tmp_path, text):
    if text is not None:
        (tmp_path / "config.yaml").write_text(text, encoding="latin-1")
    board = tmp_path / "tensorboard" / "events"
    board.parent.mkdir()
    board.write_text("years of work")
    with pytest.raises(ValueError, match=r"which holds .*tensorboard that no training wrote"):
        train(config, tmp_path, progress=False)
    assert board.read_text() == "years of work"
    assert (tmp_path / "config.yaml").exists() == (text is not None)
    board.unlink()
    board.parent.rmdir()
    (tmp_path / "config.yaml").unlink(missing_ok=True)
    (tmp_path / "notes.txt").write_text("mine")
    assert train(config.replace(steps=1), tmp_path, progress=False).step == 1


@pytest.mark.backend
def test_a_cosine_ends_at_the_last_step_for_both_networks(gan_config, tmp_path):
    config = gan_config.replace(learning_rate_schedule="cosine", steps=10)
    train(config, tmp_path / "run", progress=False)
    last = read_log(RunFolder(tmp_path / "run").log)[-1]
    assert float(last["generator_learning_rate"]) < 1e-8
    assert float(last["discriminator_learning_rate"]) < 1e-8


@pytest.mark.parametrize("name", ["xla", "steps_per_execution"])
def test_what_a_backend_cannot_do_is_said_before_it_fails(config, name, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    check_backend(config)
    with pytest.raises(ValueError, match=f"`{name}` must be .* with the backend torch"):
        check_backend(config.replace(**{name: 2 if name == "steps_per_execution" else True}))


def build_odd(bands, blend_mode, kind):
    """Build a network that gives what none may give, or fails in its own way."""
    blend = keras.Input((None, None, bands))
    if kind == "fails":
        return len(None)
    images = {"one": blend, "grey": [keras.ops.mean(blend, axis=-1, keepdims=True)] * 2}
    return keras.Model(blend, images[kind])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kind": "one"}, ValueError, r"two images .*, \(None, 12, 12, 3\)\. Received: \[\(None"),
        ({"kind": "grey"}, ValueError, r"two images of the blend's shape.*12, 1\)"),
        (
            {"kind": "fails"},
            ValueError,
            r"on which it fails \(object of type 'NoneType' has no len",
        ),
        ({"sort": "one"}, ValueError, r"`generator_options` must be arguments of .*'sort'"),
    ],
)
def test_networks_of_packages_are_checked(config, tmp_path, monkeypatch, options, error, message):
    monkeypatch.setattr("kdeblend.training.networks.GENERATORS", {"odd": build_odd})
    odd = config.replace(generator="odd", generator_options=options)
    with pytest.raises(error, match=message):
        train(odd, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_what_own_callbacks_validate_is_in_the_log(config, tmp_path):
    class Flux(StepCallback):
        def on_step(self, step, logs):
            if "val_psnr" in logs:
                logs["val_flux"] = float("nan") if step == 3 else 0.25 * step

    train(config, tmp_path / "run", progress=False, callbacks=[Flux()])
    rows = read_log(tmp_path / "run" / "log.csv")
    assert [row["val_flux"] for row in rows] == ["", "", "nan", "", "", "1.5"]


def test_no_drop_for_an_optimizer_with_a_schedule_of_its_own(config, tmp_path):
    def build(config, bands):
        gan = build_gan(config, bands)
        schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9)
        gan.compile(keras.optimizers.Adam(schedule))
        return gan

    with pytest.raises(ValueError, match=r"`learning_rate_drop_step` must be 0"):
        train(config, tmp_path / "run", progress=False, build=build)
    assert not (tmp_path / "run").exists()
    free, run = config.replace(learning_rate_drop_step=0, steps=1), tmp_path / "run"
    assert train(free, run, progress=False, build=build).step == 1
    assert train(free.replace(steps=2), run, True, progress=False, build=build).step == 2
    slower = free.replace(steps=3, learning_rate=1e-4)
    with pytest.raises(ValueError, match=r"`learning_rate` stay as it is"):
        train(slower, run, True, progress=False, build=build)


def test_too_few_galaxies_are_explained(config, galaxy_folder, tmp_path):
    config = config.replace(data=[str(galaxy_folder)])
    with pytest.raises(ValueError, match=r"two for validation.*Received: {'train': "):
        train(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_curves_are_on_disk_however_the_run_ends(config, tmp_path):
    class Fail(StepCallback):
        def on_step(self, step, logs):
            if step == 4:
                raise ArithmeticError("made so")

    run = RunFolder(tmp_path / "run")
    with pytest.raises(ArithmeticError, match="made so"):
        train(config, run.path, progress=False, callbacks=[Fail()])
    (path,) = run.tensorboard.glob("events.*")
    assert max(event.step for event in EventFileLoader(str(path)).Load()) == 3
    for _ in range(2):
        train(config, run.path, resume=True, progress=False)
    assert len(list(run.tensorboard.glob("events.*"))) == 2  # none of a run that is finished


def test_devices_that_do_not_exist_are_named(config, tmp_path):
    with pytest.raises(ValueError, match=r"among \['cpu:0'.*\]. Received: \['gpu:7'\]"):
        train(config.replace(devices=["gpu:7"]), tmp_path / "run", progress=False)


def test_precision_is_put_back(gan_config, tmp_path):
    train(gan_config.replace(mixed_precision=True, steps=2), tmp_path / "run", progress=False)
    assert keras.config.dtype_policy().name == "float32"
    generator = keras.saving.load_model(tmp_path / "run" / "generator.keras", compile=False)
    assert {layer.compute_dtype for layer in generator.layers if layer.weights} == {"float32"}
    assert ops.convert_to_numpy(generator.weights[0]).dtype == np.float32
