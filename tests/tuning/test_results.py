import csv

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import plugin_data_pb2

from kdeblend.tuning.config import search_base
from kdeblend.tuning.figures import _draw_axis, pareto_front, trained_longest
from kdeblend.tuning.folder import SearchFolder
from kdeblend.tuning.record import TrialRecord, read_record
from kdeblend.tuning.results import write_results


@pytest.fixture
def folder(tmp_path):
    """A search with two completed trials, one that failed and one that is running."""
    folder = SearchFolder(tmp_path)
    base = search_base("quick")
    scores = {1: 24.0, 2: 25.5, 3: None, 4: None}
    for number, psnr in scores.items():
        values = {"branch_blocks": number, "root_blocks": 2 * number, "head": "direct"}
        config = base.replace(discriminator_blocks=number).to_dict()
        state = "completed" if psnr else "failed" if number == 3 else "running"
        record = TrialRecord(number, values, state, "out of memory" * (number == 3), psnr)
        record.parameters, record.ms, record.seconds = 1000 * number, 1.5 * number, 10.0
        record.config = config
        path = folder.trials / f"{number:03d}"
        record.save(path)
        (path / "run-1" / "checkpoints").mkdir(parents=True)
        (path / "run-1" / "generator.keras").write_text(f"generator {number}")
    return folder


def test_records_survive_their_file(folder):
    record = read_record(folder.trials / "002")
    assert (record.psnr, record.values["root_blocks"]) == (25.5, 4)
    assert read_record(folder.trials / "007") == TrialRecord(7)


def test_everything_is_written(folder, config):
    write_results(folder, config)
    with folder.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:5] == ["trial", "M", "N", "head", "psnr"]
    assert [row["state"] for row in rows] == ["completed", "completed", "failed", "running"]
    assert (rows[1]["M"], rows[1]["psnr"], rows[2]["reason"]) == ("4", "25.5", "out of memory")
    assert yaml.safe_load(folder.best_config.read_text())["discriminator_blocks"] == 2
    assert folder.best_generator.read_text() == "generator 2"
    for path in (folder.pareto, folder.parallel):
        with Image.open(path) as picture:
            assert min(picture.size) > 300
            assert len(picture.convert("RGB").getcolors(100_000)) > 20
    kept = [path.parent.parent.name for path in folder.trials.glob("*/run-1/checkpoints")]
    assert sorted(kept) == ["002", "004"]


def test_what_no_completed_trial_has_is_not_drawn(folder, config):
    record = TrialRecord(5, {"generator": "unet", "filters": 8}, "infeasible", "too slow")
    record.save(folder.trials / "005")
    write_results(folder, config)
    assert folder.parallel.is_file()
    assert "filters" in folder.table.read_text().splitlines()[0]


def test_what_only_shorter_trials_have_is_not_drawn(folder, config):
    for number, values in {
        5: {"generator": "resnet", "filters": 8},
        6: {"generator": "unet"},
    }.items():
        record = TrialRecord(number, values, "completed", psnr=20.0 + number, parameters=9, ms=1.0)
        record.steps, record.config = 100 * number, search_base("quick").to_dict()
        record.save(folder.trials / f"{number:03d}")
        (folder.trials / f"{number:03d}" / "run-1").mkdir()
        (folder.trials / f"{number:03d}" / "run-1" / "generator.keras").touch()
    write_results(folder, config)
    assert folder.parallel.is_file()
    assert "filters" in folder.table.read_text().splitlines()[0]


def test_values_of_numpy_are_kept(tmp_path):
    TrialRecord(1, {"root_blocks": np.int64(3)}, config={"steps": np.arange(2)}).save(
        tmp_path / "1"
    )
    record = read_record(tmp_path / "1")
    assert (record.values, record.config) == ({"root_blocks": 3}, {"steps": [0, 1]})


def test_tensorboard_has_the_completed_trials(folder, config):
    write_results(folder, config)
    (page,) = hparams(folder.tensorboard)
    assert {each.name for each in page.experiment.hparam_infos} == {"M", "N", "head"}
    assert [each.name.tag for each in page.experiment.metric_infos][:2] == ["psnr", "ms"]
    assert sorted(path.name for path in folder.tensorboard.glob("0*")) == ["001", "002"]
    (session,) = hparams(folder.tensorboard / "002")
    chosen = session.session_start_info.hparams
    assert (chosen["M"].number_value, chosen["head"].string_value) == (4, "direct")


def hparams(folder):
    """Return the HParams data in the event file of a folder."""
    (path,) = folder.glob("events.*")
    found = []
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                content = value.metadata.plugin_data.content
                found.append(plugin_data_pb2.HParamsPluginData.FromString(content))
    return found


def test_pictures_compare_trials_of_the_most_steps():
    steps = {1: 10, 2: 90, 3: 30, 4: 90, 5: 90}
    records = [
        TrialRecord(number, {}, "failed" if number == 5 else "completed", steps=count)
        for number, count in steps.items()
    ]
    assert [record.number for record in trained_longest(records)] == [2, 4]


def test_an_axis_of_many_decades_is_logarithmic():
    axes = Figure().subplots()
    assert _draw_axis(axes, 0, [1e-5, 1e-3, None, 1e-1]) == pytest.approx(
        [0, 0.5, np.nan, 1], nan_ok=True
    )
    assert _draw_axis(axes, 1, [2, 9, 16]) == pytest.approx([0, 0.5, 1])


def test_the_pareto_front_is_what_nothing_beats():
    costs = [3, 1, 2, 2, 5, 4]
    scores = [7, 5, 6, 4, 7, 9]
    assert pareto_front(costs, scores) == [1, 2, 0, 5]
