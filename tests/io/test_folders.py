import pytest

from kdeblend.io.folders import MARKS, refuse_other_results


@pytest.mark.parametrize("own", MARKS)
@pytest.mark.parametrize("there", MARKS)
def test_a_folder_takes_one_kind_of_results(tmp_path, own, there):
    refuse_other_results(tmp_path / "nowhere", own)
    mark = tmp_path / MARKS[there]
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    if own == there:
        refuse_other_results(tmp_path, own)
        return
    with pytest.raises(ValueError, match=rf"one of {own}\. Received: .*, which holds {there}"):
        refuse_other_results(tmp_path, own)
