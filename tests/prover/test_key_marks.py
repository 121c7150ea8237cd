"""Names and pins of stored keys, and what a name stands for."""

import pytest

from prover.errors import BadInput, KeyNotFound
from prover.key_marks import KeyMarks, find_key, forget_marks, name_key, pin_key, read_marks

ONE, TWO, THREE = "aaaaaaaa" + "0" * 56, "aaaaaaaa" + "1" * 56, "bbbbbbbb" + "2" * 56
CIRCUITS = {ONE: "ringct", TWO: "ringct", THREE: ""}


@pytest.fixture
def directory(tmp_path):
    for key_id in CIRCUITS:
        (tmp_path / key_id).mkdir()
    return tmp_path


def test_marks_are_kept_until_forgotten(directory):
    assert read_marks(directory, ONE) == KeyMarks()
    name_key(directory, ONE, "rollup v1.zkey")
    name_key(directory, ONE, "rollup v1.zkey")
    name_key(directory, ONE, "other")
    pin_key(directory, ONE, pinned=True)
    assert read_marks(directory, ONE) == KeyMarks(("rollup v1.zkey", "other"), pinned=True)
    pin_key(directory, ONE, pinned=False)
    assert read_marks(directory, ONE) == KeyMarks(("rollup v1.zkey", "other"), pinned=False)
    forget_marks(directory, ONE)
    forget_marks(directory, ONE)
    assert read_marks(directory, ONE) == KeyMarks()
    (directory / "marks" / TWO).write_text("[]", encoding="utf-8")
    assert read_marks(directory, TWO) == KeyMarks()


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a\nb", "x" * 101, "0123456789abcdef", ONE])
def test_names_that_could_be_paths_or_ids_are_refused(directory, name):
    with pytest.raises(BadInput, match="cannot be named"):
        name_key(directory, ONE, name)


def test_a_key_is_found_by_id_beginning_name_and_circuit(directory):
    name_key(directory, ONE, "mine")
    for wanted, key_id in ((ONE, ONE), (ONE[:9], ONE), ("bbbbbbbb", THREE), ("mine", ONE)):
        assert find_key(directory, wanted, CIRCUITS) == key_id
    assert find_key(directory, "poker", {**CIRCUITS, THREE: "poker"}) == THREE


def test_what_stands_for_several_keys_stands_for_none(directory):
    for key_id in (ONE, THREE):
        name_key(directory, key_id, "same")
    for wanted, ids in (("same", (ONE, THREE)), ("ringct", (ONE, TWO)), ("aaaaaaaa", (ONE, TWO))):
        with pytest.raises(BadInput, match="stands for 2 keys") as refused:
            find_key(directory, wanted, CIRCUITS)
        assert all(key_id in str(refused.value) for key_id in ids)
    for wanted in ("", "bbbbbbb", "nobody", "c" * 64):
        with pytest.raises(KeyNotFound):
            find_key(directory, wanted, CIRCUITS)
