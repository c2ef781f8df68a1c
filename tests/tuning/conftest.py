from types import SimpleNamespace

import pytest

from kdeblend.training.folder import RunFolder
from kdeblend.training.train import TrainingResult
from kdeblend.tuning.config import SearchConfig, search_base
from kdeblend.tuning.hypermodel import DeblendingHyperModel


@pytest.fixture(scope="session")
def galaxies(make_galaxies):
    """A folder of 64-pixel galaxies."""
    return make_galaxies(train=4, validation=2)


@pytest.fixture
def config(galaxies):
    """A search among tiny networks on 16-pixel stamps, at random."""
    training = search_base("quick").replace(
        data=[str(galaxies)],
        stamp_size=16,
        discriminator_filters=2,
        batch_size=2,
        validation_blends=2,
        learning_rate_drop_step=0,
    )
    fixed = {"filters": 2}
    return SearchConfig(training, "random", max_trials=3, steps_per_trial=3, fixed=fixed)


class FakeHyperModel(DeblendingHyperModel):
    """Networks of which only the cost is known."""

    def build_networks(self, config, bands):
        blocks = config.generator_options["root_blocks"]
        costs = {"count_params": lambda: 1000 * blocks, "predict_on_batch": lambda blends: None}
        return SimpleNamespace(averaged_generator=SimpleNamespace(**costs))


@pytest.fixture
def fake_networks():
    return FakeHyperModel


@pytest.fixture
def fake_training(monkeypatch):
    """Let each step only leave an empty checkpoint; the score follows from M, N and seed.

    Returns the list of all steps taken: trial and step.
    """
    taken = []

    def train(config, out, resume, progress, build, callbacks):
        assert resume
        assert not progress
        model = build(config, 3)
        run = RunFolder(out)
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        first = 1 + max((int(p.stem[5:]) for p in run.checkpoints.glob("*.npz")), default=0)
        step = first - 1
        for step in range(first, config.steps + 1):
            taken.append((int(out.parent.name), step))
            (run.checkpoints / f"step-{step:08d}.npz").touch()
            run.generator.write_text(f"{out.parent.name} {step}")
            for callback in callbacks:
                callback.set_model(model)
                callback.on_step(step, {})
            if getattr(model, "stop_training", False):
                break
        options = config.generator_options
        score = 20 + options["root_blocks"] - 0.1 * options["branch_blocks"] + config.seed
        return TrainingResult(step, score, 19.0, None)

    monkeypatch.setattr("kdeblend.tuning.trial.train", train)
    monkeypatch.setattr("kdeblend.tuning.trial.free_memory", lambda: None)
    for picture in ("pareto", "parallel"):
        monkeypatch.setattr(f"kdeblend.tuning.results.draw_{picture}", lambda *arguments: None)
    return taken
