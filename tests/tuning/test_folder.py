"""The folder of a search: what it holds, and what it refuses."""

from pathlib import Path

import pytest

from kdeblend.training.config import read_config
from kdeblend.tuning.run import search


@pytest.mark.parametrize("name", ["config.yaml", "tensorboard", "trials/001"])
def test_a_folder_with_what_a_search_would_replace_is_refused(config, tmp_path, name):
    (tmp_path / name).mkdir(parents=True) if "." not in name else (tmp_path / name).touch()
    with pytest.raises(ValueError, match="`out` must be a new folder"):
        search(config, tmp_path)
    assert (tmp_path / name).exists()


def test_trials_of_another_search_are_refused(config, fake_networks, fake_training, tmp_path):
    search(config, tmp_path / "a", hypermodel=fake_networks)
    search(config.replace(seed=1), tmp_path / "b", hypermodel=fake_networks)
    (tmp_path / "b" / "trials" / "001").rename(tmp_path / "b" / "trials" / "004")
    (tmp_path / "a" / "trials" / "001").rename(tmp_path / "b" / "trials" / "001")
    (tmp_path / "b" / "oracle.json").unlink()  # all is proposed again
    with pytest.raises(OSError, match="001 must hold the trial that is asked for"):
        search(config.replace(seed=1), tmp_path / "b", resume=True, hypermodel=fake_networks)


def test_one_folder_takes_one_search_at_a_time(config, fake_networks, fake_training, tmp_path):
    def search_beside(record):
        with pytest.raises(ValueError, match="no other process is searching"):
            search(config, tmp_path, resume=True, hypermodel=fake_networks)

    search(config, tmp_path, hypermodel=fake_networks, progress=search_beside)
    search(config, tmp_path, resume=True, hypermodel=fake_networks)


def test_trials_without_their_settings_are_refused(config, fake_networks, fake_training, tmp_path):
    search(config, tmp_path, hypermodel=fake_networks)
    (tmp_path / "search.yaml").unlink()
    with pytest.raises(ValueError, match=r"no search\.yaml"):
        search(config, tmp_path, hypermodel=fake_networks)


def test_paths_of_a_search_hold_in_every_folder(
    config, fake_networks, fake_training, tmp_path, monkeypatch
):
    (folder,) = map(Path, config.training.data)
    monkeypatch.chdir(folder.parent)
    relative = config.replace(training=config.training.replace(data=[folder.name]))
    search(relative, tmp_path, hypermodel=fake_networks)
    assert read_config(tmp_path / "best.yaml")["data"] == [str(folder)]


def test_another_search_is_refused(config, fake_networks, fake_training, tmp_path):
    search(config, tmp_path, hypermodel=fake_networks)
    before = (tmp_path / "search.yaml").read_bytes()
    with pytest.raises(ValueError, match=r"--resume.*which holds a search"):
        search(config, tmp_path, hypermodel=fake_networks)
    with pytest.raises(ValueError, match=r"Received: other \['seed'\]"):
        search(config.replace(seed=1), tmp_path, resume=True, hypermodel=fake_networks)
    assert (tmp_path / "search.yaml").read_bytes() == before
    count = len(fake_training)
    result = search(config.replace(max_trials=4), tmp_path, resume=True, hypermodel=fake_networks)
    assert len(result.records) == 4
    assert {trial for trial, _ in fake_training[count:]} == {4}


def test_a_refused_search_leaves_the_other_ones_files(
    config, fake_networks, fake_training, tmp_path
):
    def search_beside(record):
        before = (tmp_path / "search.yaml").read_bytes()
        with pytest.raises(ValueError, match="no other process is searching"):
            search(config.replace(max_trials=9), tmp_path, resume=True, hypermodel=fake_networks)
        assert (tmp_path / "search.yaml").read_bytes() == before

    search(config, tmp_path, hypermodel=fake_networks, progress=search_beside)
