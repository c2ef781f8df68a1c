import io
import pickle
import tarfile
import threading
import zipfile

import pytest

from kdeblend.io.archives import is_archive, list_entries

FILES = {"a.png": b"A" * 1000, "folder/b.png": bytes(range(256)) * 4, "empty.png": b""}


def write_tar(path, mode="w", **hidden):
    with tarfile.open(path, mode) as archive:
        for name, content in {**FILES, **hidden}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_zip(path, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.mkdir("folder") if hasattr(archive, "mkdir") else None
        for name, content in FILES.items():
            archive.writestr(name, content)


@pytest.fixture(params=["zip", "deflated.zip", "tar", "tar.gz", "tgz", "tar.xz"])
def archive(request, tmp_path):
    path = tmp_path / f"files.{request.param}"
    if request.param.endswith("zip"):
        write_zip(path, zipfile.ZIP_DEFLATED if "deflated" in request.param else zipfile.ZIP_STORED)
    else:
        write_tar(
            path, {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.xz": "w:xz"}[request.param]
        )
    return str(path)


def test_entries_read_what_was_put_in(archive):
    entries = list_entries(archive)
    assert [entry.name for entry in entries] == sorted(FILES)
    assert {entry.name: entry.read() for entry in entries} == FILES
    assert [entry.read() for entry in pickle.loads(pickle.dumps(entries))] == [
        FILES[entry.name] for entry in entries
    ]


def test_threads_read_the_right_files(archive):
    entries, wrong = list_entries(archive), []

    def read():
        for _ in range(100):
            wrong.extend(entry for entry in entries if entry.read() != FILES[entry.name])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_folder_shows_its_files_and_those_of_its_archives(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "c.png").write_bytes(b"C")
    (tmp_path / ".hidden.png").write_bytes(b"hidden")
    write_tar(tmp_path / "inner" / "files.tar")
    entries = list_entries(str(tmp_path))
    assert {entry.name: entry.read() for entry in entries} == {**FILES, "inner/c.png": b"C"}


def test_hidden_members_are_left_out(tmp_path):
    write_tar(tmp_path / "files.tar", **{"__MACOSX/a.png": b"x", "folder/._b.png": b"x"})
    assert {entry.name for entry in list_entries(str(tmp_path / "files.tar"))} == set(FILES)


@pytest.mark.parametrize("name", ["broken.zip", "broken.tar", "broken.tar.gz"])
def test_a_damaged_archive_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"this is no archive" * 50)
    with pytest.raises(OSError, match=f"{name} must be an archive"):
        list_entries(str(tmp_path / name))


def test_a_shortened_tar_names_the_file_that_is_not_whole(tmp_path):
    write_tar(tmp_path / "files.tar")
    entries = {entry.name: entry for entry in list_entries(str(tmp_path / "files.tar"))}
    with open(tmp_path / "files.tar", "r+b") as file:
        file.truncate(entries["folder/b.png"].offset + 10)
    with pytest.raises(OSError, match=r"files\.tar ends before folder/b\.png does"):
        entries["folder/b.png"].read()


def test_damaged_zip_content_is_named(tmp_path):
    write_zip(tmp_path / "files.zip", zipfile.ZIP_DEFLATED)
    entry = list_entries(str(tmp_path / "files.zip"))[0]
    with open(tmp_path / "files.zip", "r+b") as file:
        file.seek(entry.offset)
        file.write(b"\xff" * entry.size)
    with pytest.raises(OSError, match=r"a\.png in .*files\.zip is damaged"):
        entry.read()


def test_compressions_that_cannot_be_read_at_random_are_refused(tmp_path):
    write_zip(tmp_path / "files.zip", zipfile.ZIP_LZMA)
    with pytest.raises(OSError, match="must be stored or deflated"):
        list_entries(str(tmp_path / "files.zip"))


def test_archives_are_known_by_name():
    assert is_archive("A.TAR.GZ")
    assert is_archive("a.zip")
    assert not is_archive("a.png")


def test_a_damaged_archive_in_a_folder_is_left_out(tmp_path, caplog):
    (tmp_path / "a.png").write_bytes(b"kept")
    (tmp_path / "b.zip").write_bytes(b"not an archive")
    write_tar(tmp_path / "c.tar.xz", "w:xz")
    damaged = bytearray((tmp_path / "c.tar.xz").read_bytes())
    damaged[40:80] = bytes(40)
    (tmp_path / "c.tar.xz").write_bytes(damaged)
    assert [entry.name for entry in list_entries(str(tmp_path))] == ["a.png"]
    assert "b.zip must be an archive" in caplog.text
    assert "c.tar.xz must be an archive" in caplog.text
