import os

import pytest

from kdeblend.io.archives import list_entries
from kdeblend.io.walk import files_below


@pytest.fixture
def data(tmp_path):
    """Return a folder with hidden files and folders, and links that go round in circles."""
    for name in (
        "elsewhere/b", "data/night/a", "data/.hidden/c", "data/dark/d", "data/dark/.e",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for link, target in (
        ("again", "night"), ("dark/again", "../night"), (".hidden/latest", "../night"),
        ("up", "."), ("higher", ".."), ("far", "../elsewhere"), ("far-too", "../elsewhere"),
        ("night/back", "."), ("lost", "nowhere"),
    ):  # fmt: skip
        os.symlink(target, tmp_path / "data" / link)
    return tmp_path / "data"


def below(folder):
    return sorted(file.relative_to(folder).as_posix() for file in files_below(folder))


def test_each_folder_is_walked_once_and_links_last(data):
    assert below(data) == ["dark/d", "far/b", "lost", "night/a"]


def test_the_root_may_be_a_link_or_hidden(data):
    assert below(data / "again") == ["a"]
    assert below(data / ".hidden") == ["c", "latest/a"]


def test_entries_are_the_files_that_are_there(data):
    assert [(entry.name, entry.read()) for entry in list_entries(str(data))] == [
        ("dark/d", b"data/dark/d"),
        ("far/b", b"elsewhere/b"),
        ("night/a", b"data/night/a"),
    ]
