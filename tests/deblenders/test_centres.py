from pathlib import Path

import pytest

from kdeblend.deblenders.centres import find_centre, read_centres


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "centres.csv").write_text(text, encoding=encoding)
        return tmp_path / "centres.csv"

    return write


def test_columns_in_any_order_and_fractions(table):
    path = table("id,y,x,file\n7, 20.4,10.6,a.png\n8,1,2,night/b.png\n")
    assert read_centres(path) == {"a.png": (11, 20), "night/b.png": (2, 1)}


def test_tables_of_spreadsheets(table):
    assert read_centres(table("file,x,y\r\né.png,1,2\r\n", "utf-8-sig")) == {"é.png": (1, 2)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns file, x, y"),
        ("name,x,y\na.png,1,2\n", r"columns file, x, y\. Received: \['name', 'x', 'y'\]"),
        ("file,x,y\na.png,1,2\n./a.png,3,4\n", r"each file once\. Received: a\.png"),
        ("file,x,y\na.png,1\n", r"numbers\. Received: '1', None for a\.png"),
        ("file,x,y\na.png,one,2\n", r"Received: 'one', '2' for a\.png"),
        ("file,x,y\na.png,nan,2\n", "numbers"),
        ("file,x,y\na.png,inf,2\n", "numbers"),
    ],
)
def test_what_is_no_such_table(table, text, message):
    path = table(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_centres(path)
    assert str(path) in str(caught.value)


def test_the_longest_end_of_a_path_counts():
    centres = {"a.png": (1, 1), "night/a.png": (2, 2), "/data/night/a.png": (3, 3)}
    paths = ["/x/day/a.png", "/x/night/a.png", "/data/night/a.png"]
    assert [find_centre(centres, Path(path)) for path in paths] == [(1, 1), (2, 2), (3, 3)]
    with pytest.raises(ValueError, match="no row"):
        find_centre(centres, Path("/x/ba.png"))


def test_relative_paths_are_those_of_the_folder_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "night").mkdir()
    monkeypatch.chdir(tmp_path / "night")
    assert find_centre({"night/a.png": (2, 2)}, Path("a.png")) == (2, 2)
