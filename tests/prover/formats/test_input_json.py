import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.curves import CURVES
from prover.errors import BadInput
from prover.formats.input_json import read_inputs, signal_values


def test_one_object_or_a_list_of_them(tmp_path):
    path = tmp_path / "input.json"
    path.write_text('{"a": "5", "b": [1, [2]]}', encoding="utf-8")
    assert read_inputs(path) == [{"a": "5", "b": [1, [2]]}]
    path.write_text('[{"a": 1}, {"a": 2}]', encoding="utf-8")
    assert read_inputs(path) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ["[]", "5", '"a"', "null", "[1]", '[{"a": 1}, 2]'])
def test_other_json_is_refused(tmp_path, text):
    (tmp_path / "input.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="an object with a value for each input signal"):
        read_inputs(tmp_path / "input.json")


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', "{'a': 1}", '{"a": ' + "9" * 5000 + "}", "[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "input.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="is no JSON"):
        read_inputs(tmp_path / "input.json")


def test_arrays_are_flat_in_row_major_order_and_buses_are_qualified():
    inputs = {"m": [[1, 2], [3, -1]], "p": [{"x": 1, "y": [2, 3]}, {"x": 4, "y": [5, 6]}], "e": []}
    assert signal_values(inputs, 7) == {
        "m": [1, 2, 3, 6],
        "p[0].x": [1],
        "p[0].y": [2, 3],
        "p[1].x": [4],
        "p[1].y": [5, 6],
        "e": [],
    }


def test_a_signal_cannot_be_given_in_two_ways():
    with pytest.raises(BadInput, match=r"input p\.x is given twice"):
        signal_values({"p": {"x": 1}, "p.x": 2}, 7)
    with pytest.raises(BadInput, match="must be an object"):
        signal_values([1], 7)


def test_no_value_is_in_a_message():
    for value in ("secret", 1.25, ["x9y9z9"], [[1], ["12345z"]], "0x" + "f" * 5000):
        with pytest.raises(BadInput) as caught:
            signal_values({"a": value}, 7)
        for shown in ("secret", "1.25", "x9y9z9", "12345z", "ffff"):
            assert shown not in str(caught.value)


def written(value, form):
    """A number as JSON may hold it."""
    sign, size = "-" * (value < 0), abs(value)
    return {"int": value, "decimal": str(value), "hex": f"{sign}{size:#x}", "octal": f"{sign}{size:#o}"}[form]


@given(
    shape=st.lists(st.integers(1, 3), min_size=0, max_size=4),
    form=st.sampled_from(["int", "decimal", "hex", "octal"]),
    values=st.lists(st.integers(-(1 << 300), 1 << 300), min_size=81, max_size=81),
    modulus=st.sampled_from([curve.fr.modulus for curve in CURVES]),
)
def test_nested_lists_are_their_elements_in_order_modulo_r(shape, form, values, modulus):
    count = math.prod(shape)
    array = np.array([written(value, form) for value in values[:count]], dtype=object).reshape(shape)
    found = signal_values(json.loads(json.dumps({"a": array.tolist()})), modulus)
    assert found == {"a": [value % modulus for value in values[:count]]}


LEAVES = st.none() | st.booleans() | st.floats() | st.text() | st.integers()


def containers(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)


@given(st.recursive(LEAVES, containers, max_leaves=12))
def test_any_json_gives_values_below_r_or_is_refused(document):
    try:
        found = signal_values(document, 101)
    except BadInput:
        return
    assert all(0 <= value < 101 for values in found.values() for value in values)
