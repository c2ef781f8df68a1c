import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image

from kdeblend.models.files import read_facts
from kdeblend.models.gan import DeblendingGAN
from kdeblend.models.perceptual import PerceptualLoss
from kdeblend.models.resnet import build_generator
from kdeblend.training.callbacks.best_weights import BestWeights
from kdeblend.training.callbacks.blend_panels import HEADER, BlendPanels, panel
from kdeblend.training.callbacks.burn_in_switch import BurnInSwitch
from kdeblend.training.callbacks.learning_rate_drop import LearningRateDrop
from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.callbacks.stop_on_nan import StopOnNaN, TrainingDivergedError
from kdeblend.training.callbacks.training_log import TrainingLog, read_log
from kdeblend.training.callbacks.validation import Validation, validation_scores

SIZE = 8


@pytest.fixture
def gan():
    keras.utils.set_random_seed(0)
    gan = DeblendingGAN(build_generator(0, 0, 2))
    gan.compile(keras.optimizers.SGD(1e-2), jit_compile=False)
    return gan


@pytest.fixture
def layers():
    return np.random.default_rng(0).random((12, 2, SIZE, SIZE, 3), np.float32)


def fit(gan, layers, *callbacks, **options):
    targets = tuple(2 * layers.swapaxes(0, 1) - 1)
    gan.fit(
        layers.max(axis=1), targets, batch_size=2, verbose=0, callbacks=list(callbacks), **options
    )


class Record(StepCallback):
    def __init__(self, read):
        super().__init__()
        self.read = read
        self.rows = []

    def on_step(self, step, logs):
        self.rows.append((step, self.read(self.model, logs)))


def number(variable):
    return float(ops.convert_to_numpy(variable))


def test_steps_go_on_over_epochs_and_fits(gan, layers):
    record = Record(lambda model, logs: None)
    fit(gan, layers, record)
    fit(gan, layers[:4], record, epochs=2)
    assert [step for step, _ in record.rows] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_several_steps_per_execution_pass_milestones(gan, layers):
    gan.compile(keras.optimizers.SGD(1e-2), jit_compile=False, steps_per_execution=4)
    drop = LearningRateDrop(step=2, factor=0.5)
    record = Record(lambda model, logs: drop.crossed(3))
    fit(gan, layers, drop, record)
    assert [step for step, _ in record.rows] == [4, 6]
    assert [crossed for _, crossed in record.rows] == [True, True]
    assert number(gan.generator_optimizer.learning_rate) == pytest.approx(5e-3)


def test_burn_in_switch_counts_over_fits(layers):
    gan = DeblendingGAN(
        build_generator(0, 0, 2), perceptual_loss=PerceptualLoss("none", "block1_conv1", None)
    )
    gan.compile(keras.optimizers.SGD(1e-4), jit_compile=False)
    perceptual = Record(lambda model, logs: logs["perceptual_loss"] > 0)
    fit(gan, layers[:6], BurnInSwitch(5), perceptual)
    fit(gan, layers, BurnInSwitch(5), perceptual)
    assert [burning for _, burning in perceptual.rows] == [True] * 5 + [False] * 4


def test_burn_in_needs_a_perceptual_loss(gan, layers):
    with pytest.raises(ValueError, match="must have a `perceptual_loss`"):
        fit(gan, layers, BurnInSwitch(1))


def test_learning_rate_drops_once_after_its_step(gan, layers):
    rates = Record(lambda model, logs: number(model.generator_optimizer.learning_rate))
    drop = LearningRateDrop(step=8, factor=0.1)
    fit(gan, layers, rates, drop)
    fit(gan, layers, rates, drop)
    assert [rate for _, rate in rates.rows] == pytest.approx([1e-2] * 8 + [1e-3] * 4)


def test_nan_stops_with_a_message(gan, layers):
    layers[7] = np.nan
    with pytest.raises(TrainingDivergedError, match=r"is nan at step 4\. Resume from the last"):
        fit(gan, layers, StopOnNaN(), shuffle=False)


@pytest.mark.parametrize(("name", "value"), [("val_psnr", np.nan), ("loss", np.inf)])
def test_scores_may_be_infinite_but_not_nan(name, value):
    StopOnNaN().on_step(3, {"val_psnr": np.inf})
    with pytest.raises(TrainingDivergedError, match=f"`{name}` is {value} at step 3"):
        StopOnNaN().on_step(3, {name: value})


def test_validation_scores_the_averaged_generator(gan, layers):
    def error(truth, prediction):
        return float(np.abs(truth - prediction).mean())

    validation = Validation(layers.max(axis=1), layers, {"error": error}, every=4, last_step=6)
    seen = Record(lambda model, logs: {k: v for k, v in logs.items() if k.startswith("val_")})
    fit(gan, layers, validation, seen)
    assert [step for step, scores in seen.rows if scores] == [4, 6]
    generated = gan.averaged_generator(layers.max(axis=1))
    predicted = [np.clip((ops.convert_to_numpy(g) + 1) / 2, 0, 1) for g in generated]
    expected = [np.abs(p - layers[:, k]).mean() for k, p in enumerate(predicted)]
    scores = seen.rows[-1][1]
    assert scores["val_error_first"] == pytest.approx(expected[0], rel=1e-4)
    assert scores["val_error_second"] == pytest.approx(expected[1], rel=1e-4)
    assert scores["val_error"] == pytest.approx(np.mean(expected), rel=1e-4)


def test_equal_images_do_not_make_a_mean_infinite(layers):
    def inverse_error(truth, prediction):
        error = np.abs(truth - prediction).max()
        return 1 / error if error else np.inf

    prediction = layers + 0.5
    prediction[0, 0] = layers[0, 0]
    scores = validation_scores(layers, prediction, {"inverse": inverse_error})
    for name in ("val_inverse", "val_inverse_first", "val_inverse_second"):
        assert scores[name] == pytest.approx(2, rel=1e-5)


def test_validation_scores_of_a_perfect_answer(layers):
    assert validation_scores(layers, layers, {"same": lambda a, b: float((a == b).all())}) == {
        "val_same": 1,
        "val_same_first": 1,
        "val_same_second": 1,
    }


def test_best_weights_are_kept(gan, layers, tmp_path):
    class Scores(StepCallback):
        def on_step(self, step, logs):
            logs["val_psnr"] = [1.0, 3.0, 2.0, 3.0, 0.0, 2.0][step - 1]
            written.append(path.stat().st_mtime_ns if path.exists() else None)

    path, written = tmp_path / "generator.keras", []
    best = BestWeights(path, {"stamp_size": 16})
    fit(gan, layers, Scores(), best)
    assert best.best == 3.0
    assert written[0] is None
    assert len(set(written[1:])) == 2
    keras.saving.load_model(path)
    assert read_facts(path) == {"stamp_size": 16, "step": 2}


def test_panels_show_truth_blend_and_prediction(gan, layers, tmp_path):
    panels = BlendPanels(layers[:2].max(axis=1), layers[:2], tmp_path / "panels", 4, last_step=6)
    fit(gan, layers, panels)
    names = sorted(path.name for path in (tmp_path / "panels").iterdir())
    assert names == ["step-00000004.png", "step-00000006.png"]
    picture = np.asarray(Image.open(tmp_path / "panels" / names[0]))
    assert picture.shape == (HEADER + 2 * 2 * (SIZE + 2), 2 * 5 * (SIZE + 2), 3)
    picture = picture[HEADER:]
    blend = np.rint(255 * layers[0].max(axis=0)).astype(np.uint8)
    column = 2 * 2 * (SIZE + 2)
    np.testing.assert_array_equal(picture[: 2 * SIZE : 2, column : column + 2 * SIZE : 2], blend)


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_panels_of_any_number_of_bands(bands):
    layers = np.random.default_rng(0).random((1, 2, 4, 4, bands), np.float32)
    picture = panel(layers[:, 0], layers, layers, zoom=1)
    picture = picture[HEADER:]
    assert picture.shape == (6, 30, 3)
    expected = np.rint(255 * layers[0, 0].mean(axis=-1, keepdims=True))
    np.testing.assert_array_equal(picture[:4, :4], np.repeat(expected, 3, axis=-1))


def test_log_holds_means_and_validation(gan, layers, tmp_path):
    losses = Record(lambda model, logs: logs["pixel_loss"])
    validation = Validation(
        layers[:1].max(axis=1), layers[:1], {"one": lambda *_: 1.0}, every=3, last_step=6
    )
    fit(gan, layers, losses, validation, TrainingLog(tmp_path / "log.csv", every=2))
    rows = read_log(tmp_path / "log.csv")
    assert [row["step"] for row in rows] == ["2", "3", "4", "6"]
    assert [row["val_one"] for row in rows] == ["", "1", "", "1"]
    expected = np.mean([loss for _, loss in losses.rows[:2]])
    assert float(rows[0]["pixel_loss"]) == pytest.approx(expected, rel=1e-4)
    assert float(rows[0]["generator_learning_rate"]) == pytest.approx(1e-2)


def test_resumed_log_starts_from_what_the_checkpoint_kept(gan, layers, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,pixel_loss\n1,0.5\n2,0.4\n3,0.")
    kept = [{"step": "1", "pixel_loss": "0.5"}]
    log = TrainingLog(path, every=1, rows=kept)
    fit(gan, layers[:4], log)
    assert [row["step"] for row in read_log(path)] == ["1", "1", "2"]
    assert read_log(path) == [{k: str(v) for k, v in row.items()} for row in log.rows]
