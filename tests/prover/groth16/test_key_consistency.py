"""Whether a key is for a constraint system, as far as it can tell."""

import dataclasses

import numpy as np
import pytest

from prover.errors import BadInput
from prover.groth16.key_consistency import check_key_for


def test_a_key_is_for_its_system(pk, cubic, backend):
    check_key_for(pk, cubic, backend)
    check_key_for(dataclasses.replace(pk, r1cs=dataclasses.replace(pk.r1cs, c=None)), cubic, backend)


def test_other_sizes_and_matrices_are_named(pk, cubic, backend):
    with pytest.raises(BadInput, match="for 2 public, the circuit has 1"):
        check_key_for(pk, dataclasses.replace(cubic, public=1), backend)
    coefficients = cubic.b.coefficients.copy()
    coefficients[1] = cubic.a.coefficients[2]
    other = dataclasses.replace(cubic, b=dataclasses.replace(cubic.b, coefficients=coefficients))
    with pytest.raises(BadInput, match="row 1 of matrix B of the key is not the circuit's"):
        check_key_for(pk, other, backend)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("beta_g1", "beta of the key differ"),
        ("delta_g1", "delta of the key differ"),
        ("b_g1_query", "the b queries of the key differ"),
        ("h_query", "not those of the circuit's matrix B"),
    ],
)
def test_an_element_of_another_key_is_found(pk, cubic, backend, another_point, name, why):
    changed = getattr(pk, name).copy()
    changed[... if changed.ndim == 2 else 3] = another_point["g1"]
    with pytest.raises(BadInput, match=why):
        check_key_for(dataclasses.replace(pk, **{name: changed}), cubic, backend)


def test_b_queries_of_another_column_are_found(pk, cubic, backend):
    order = np.arange(6)
    order[[3, 4]] = 4, 3
    queries = {name: getattr(pk, name)[order].copy() for name in ("b_g1_query", "b_g2_query")}
    with pytest.raises(BadInput, match="not those of the circuit's matrix B"):
        check_key_for(dataclasses.replace(pk, **queries), cubic, backend)
