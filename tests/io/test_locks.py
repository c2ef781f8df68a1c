import errno

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
    for folder in (tmp_path, tmp_path / "new", tmp_path / "above" / "new"):
        with locked(folder, "training"):
            assert folder.is_dir()
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == []


def refuse(lock):
    raise PermissionError(errno.EACCES, "not yours")


def test_who_is_refused_takes_nothing_from_who_is_in_a_new_folder(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    inside = locked(folder, "training")
    inside.__enter__()
    # As if the other process had looked a moment before the folder was made.
    monkeypatch.setattr(type(folder), "exists", lambda path: path != folder)
    with pytest.raises(ValueError, match="no other process"):
        locked(folder, "training").__enter__()
    with monkeypatch.context() as patch:
        patch.setattr(FileLock, "_acquire", refuse)
        with pytest.raises(PermissionError):
            locked(folder, "training").__enter__()
    (folder / "result").write_text("done")
    inside.__exit__(None, None, None)
    assert (folder / "result").read_text() == "done"


@pytest.mark.parametrize("error", [NotImplementedError(), OSError(errno.ENOLCK, "none left")])
def test_a_file_system_without_locks_is_warned_of(error, tmp_path, caplog, monkeypatch):
    def refuse(lock):
        raise error

    monkeypatch.setattr(FileLock, "_acquire", refuse)
    with locked(tmp_path / "out", "training"):
        assert (tmp_path / "out").is_dir()
    assert "cannot be locked" in caplog.text


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(FileLock, "_acquire", refuse)
    with pytest.raises(PermissionError):
        locked(tmp_path / "out", "training").__enter__()
    assert not (tmp_path / "out").exists()
