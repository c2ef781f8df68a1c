from pathlib import Path

import pytest

from kdeblend.deblenders.centres import CentreTable, read_centres


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "centres.csv").write_text(text, encoding=encoding)
        return tmp_path / "centres.csv"

    return write


def test_columns_in_any_order_and_fractions(table):
    path = table("id,y,X,file\n7, 20.4,10.6,a.png\n8,1,2,night/b.png\n")
    assert read_centres(path) == {"a.png": {"": (11, 20)}, "night/b.png": {"": (2, 1)}}


def test_tables_of_spreadsheets(table):
    path = table("File , x,y\r\né.png ,1,2\r\n,,\r\n\r\n", "utf-8-sig")
    assert read_centres(path) == {"é.png": {"": (1, 2)}}


@pytest.mark.parametrize("x", ["", "nan", "inf"])
def test_a_centre_that_was_not_measured_is_missed_only_where_it_is_needed(table, x):
    centres = CentreTable(read_centres(table(f"file,x,y\na.png,{x},2\nb.png,1,2\n")))
    assert centres.find(Path("b.png")) == (1, 2)
    with pytest.raises(ValueError, match="no x and y for it"):
        centres.find(Path("a.png"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns file, x, y"),
        ("name,x,y\na.png,1,2\n", r"columns file, x, y\. Received: \['name', 'x', 'y'\]"),
        (
            "file,x,y\na.png,1,2\n./a.png,3,4\n",
            r"a name of its own, in the column name\. Received: a\.png again, name='' in line 3",
        ),
        (
            "file,name,x,y\na.png,,1,2\na.png,7,3,4\n",
            "a name of its own.*again, name='7' in line 3",
        ),
        ("file,name,x,y\na.png,7,1,2\na.png,,3,4\n", "a name of its own.*again, name='' in line 3"),
        ("file,name,x,y\na.png,7,1,2\na.png,7,3,4\n", "a name of its own.*again, name='7'"),
        ("file,name,x,y\na.png,NGC/7,1,2\n", r"without / and \\\. Received: 'NGC/7' in line 2"),
        ("file,name,x,y\na.png,N\\7,1,2\n", r"without / and \\\. Received: 'N"),
        ("file,name,x,y\na.png,N\x007,1,2\n", "must fit into that of a file"),
        ("file,x,y,x\na.png,1,2,3\n", "must have one column x"),
        ("file,x,y\n,1,2\n", "file must not be empty in line 2"),
        ("x,y,file\n1,2\n", r"3 fields\. Received: 2 in line 2"),
        ("file,x,y\na.png,1,2\nb.png,40,5,40,5\n", r"3 fields\. Received: 5 in line 3"),
        ("file,x,y\na.png,one,2\n", r"numbers\. Received: 'one', '2' in line 2"),
    ],
)
def test_what_is_no_such_table(table, text, message):
    path = table(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_centres(path)
    assert str(path) in str(caught.value)


def test_tables_in_other_encodings_are_refused_in_words(table):
    with pytest.raises(ValueError, match=r"centres\.csv must be text in UTF-8"):
        read_centres(table("file,x,y\né.png,1,2\n", "latin-1"))


def test_the_longest_end_of_a_path_counts():
    places = {"a.png": (1, 1), "night/a.png": (2, 2), "/data/night/a.png": (3, 3)}
    centres = CentreTable({name: {"": place} for name, place in places.items()})
    paths = ["/x/day/a.png", "/x/night/a.png", "/data/night/a.png"]
    assert [centres.find(Path(path)) for path in paths] == [(1, 1), (2, 2), (3, 3)]
    with pytest.raises(ValueError, match="no row"):
        centres.find(Path("/x/ba.png"))


def test_galaxies_of_one_file_have_names(table):
    path = table("name,file,x,y\n18,a.png,1,2\n 7,a.png,,4\n,b.png,5,6\n9,c.png,7,8\n")
    centres = CentreTable(read_centres(path))
    names = [centres.galaxies(Path("x") / f"{letter}.png") for letter in "abcd"]
    assert names == [["18", "7"], [""], ["9"], [""]]
    assert centres.find(Path("a.png"), "18") == (1, 2)
    assert centres.find(Path("c.png"), "9") == (7, 8)
    with pytest.raises(ValueError, match="no x and y for it"):
        centres.find(Path("a.png"), "7")
    with pytest.raises(ValueError, match="no row for it"):
        centres.find(Path("c.png"))
    assert centres.unused([Path("x/a.png"), Path("c.png")]) == ["b.png"]


def test_relative_paths_are_those_of_the_folder_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "night").mkdir()
    monkeypatch.chdir(tmp_path / "night")
    assert CentreTable({"night/a.png": {"": (2, 2)}}).find(Path("a.png")) == (2, 2)
