import dataclasses

import numpy as np
import pytest

from kernels.encoding import limbs_from_ints
from prover import groth16
from prover.errors import BadInput

QUERIES = {"a_query": "g1", "b_g1_query": "g1", "b_g2_query": "g2", "h_query": "g1", "l_query": "g1"}


def test_a_key_from_setup_is_valid(pk, backend):
    groth16.validate_key(pk, backend)


@pytest.mark.parametrize("name", QUERIES)
def test_a_point_off_the_curve_is_named(pk, backend, name):
    changed = getattr(pk, name).copy()
    changed[2, ..., 0] ^= np.uint64(1)
    with pytest.raises(BadInput, match=f"point 2 of {name}"):
        groth16.validate_key(dataclasses.replace(pk, **{name: changed}), backend)


@pytest.mark.parametrize("name", QUERIES)
def test_a_point_outside_the_subgroup_is_named(pk, backend, outside_subgroup, name):
    if QUERIES[name] not in outside_subgroup:
        pytest.skip("this group has no cofactor")
    changed = getattr(pk, name).copy()
    changed[1] = outside_subgroup[QUERIES[name]]
    with pytest.raises(BadInput, match=f"point 1 of {name}"):
        groth16.validate_key(dataclasses.replace(pk, **{name: changed}), backend)


@pytest.mark.parametrize("name", ["beta_g1", "delta_g1"])
def test_single_points_are_checked(pk, backend, name):
    changed = getattr(pk, name).copy()
    changed[0, 0] ^= np.uint64(1)
    with pytest.raises(BadInput, match=name):
        groth16.validate_key(dataclasses.replace(pk, **{name: changed}), backend)


def test_the_verifying_key_is_checked(pk, vk, backend):
    broken = dataclasses.replace(vk, gamma_g2=np.zeros_like(vk.gamma_g2))
    with pytest.raises(BadInput, match="infinity"):
        groth16.validate_key(dataclasses.replace(pk, verifying_key=broken), backend)


def test_coefficients_must_be_reduced(pk, backend, curve):
    coefficients = pk.r1cs.b.coefficients.copy()
    coefficients[1] = limbs_from_ints([curve.fr.modulus], 4)[0]
    matrix = dataclasses.replace(pk.r1cs.b, coefficients=coefficients)
    with pytest.raises(BadInput, match="coefficient 1 of matrix b"):
        groth16.validate_key(dataclasses.replace(pk, r1cs=dataclasses.replace(pk.r1cs, b=matrix)), backend)
