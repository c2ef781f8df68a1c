import pytest
from filelock import FileLock

from kdeblend.io.locks import locked


def test_the_second_is_refused_and_the_folder_stays_if_it_is_used(tmp_path):
    folder = tmp_path / "out"
    with locked(folder, "training"):
        (folder / "result").write_text("done")
        with pytest.raises(ValueError, match=r"no other process is training.*out'"):
            locked(folder, "training").__enter__()
    with locked(folder, "training"):
        assert (folder / "result").read_text() == "done"


def test_a_new_folder_that_stays_empty_goes_and_an_old_one_stays(tmp_path):
    for folder in (tmp_path, tmp_path / "new"):
        with locked(folder, "training"):
            assert folder.is_dir()
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == []


def test_a_file_system_without_locks_is_warned_of(tmp_path, caplog, monkeypatch):
    def refuse(lock):
        raise NotImplementedError("no locks here")

    monkeypatch.setattr(FileLock, "_acquire", refuse)
    with locked(tmp_path / "out", "training"):
        assert (tmp_path / "out").is_dir()
    assert "cannot be locked" in caplog.text
