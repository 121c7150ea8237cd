import dataclasses
import json
import pickle

import numpy as np
import pytest

from prover import groth16
from prover.errors import BadInput
from prover.groth16.keys import ARRAY_NAMES, ProvingKey, domain_size


@pytest.fixture
def parts(pk):
    manifest, arrays = pk.to_arrays()
    return manifest, arrays


def test_arrays_round_trip_without_copies(pk, parts, witness_of, backend, seeded):
    manifest, arrays = parts
    views = {name: array.view() for name, array in arrays.items()}
    for view in views.values():
        view.flags.writeable = False
    again = ProvingKey.from_arrays(json.loads(json.dumps(manifest)), views)
    assert again.key_id == pk.key_id
    assert again.metadata == pk.metadata
    assert again.r1cs.constraint_names == pk.r1cs.constraint_names
    for name in ("a_query", "b_g1_query", "b_g2_query", "h_query", "l_query"):
        assert np.shares_memory(getattr(again, name), arrays[name])
    assert np.shares_memory(again.r1cs.a.coefficients, arrays["a_coefficients"])
    assert groth16.prove(again, witness_of(3), backend, seeded(2)) == groth16.prove(
        pk, witness_of(3), backend, seeded(2)
    )


def test_every_array_is_named(parts):
    manifest, arrays = parts
    assert set(arrays) == set(manifest["arrays"]) == set(ARRAY_NAMES)


def test_a_key_without_constraint_names(pk):
    nameless = dataclasses.replace(pk, r1cs=dataclasses.replace(pk.r1cs, constraint_names=()))
    assert ProvingKey.from_arrays(*nameless.to_arrays()).r1cs.constraint_names == ()
    assert nameless.key_id != pk.key_id


@pytest.mark.parametrize("name", ["a_query", "b_g1_query", "b_g2_query", "h_query", "l_query", "beta_g1", "delta_g1"])
def test_the_id_depends_on_every_array(pk, name):
    changed = getattr(pk, name).copy()
    changed.reshape(-1)[-1] ^= np.uint64(1)
    assert dataclasses.replace(pk, **{name: changed}).key_id != pk.key_id


def test_the_id_depends_on_the_metadata(pk):
    metadata = dataclasses.replace(pk.metadata, development=False)
    assert dataclasses.replace(pk, metadata=metadata).key_id != pk.key_id


@pytest.mark.parametrize("name", ["a_query", "b_g1_query", "b_g2_query", "h_query", "l_query"])
def test_a_query_of_wrong_length_is_refused(pk, name):
    with pytest.raises(BadInput, match=f"{name} of the key has"):
        dataclasses.replace(pk, **{name: getattr(pk, name)[:-1]})


@pytest.mark.parametrize("change", [lambda x: x.astype(np.int64), lambda x: x[..., :-1], lambda x: x[::-1]])
def test_a_query_of_wrong_type_shape_or_layout_is_refused(pk, change):
    with pytest.raises(BadInput, match="a_query of the key must be"):
        dataclasses.replace(pk, a_query=change(pk.a_query))


@pytest.mark.parametrize(
    ("part", "index", "value"),
    [("indices", 0, 6), ("indices", 2, -1), ("indptr", 0, 1), ("indptr", 1, 5), ("indptr", -1, 99)],
)
def test_a_matrix_that_would_be_read_out_of_bounds_is_refused(pk, part, index, value):
    changed = getattr(pk.r1cs.a, part).copy()
    changed[index] = value
    matrix = dataclasses.replace(pk.r1cs.a, **{part: changed})
    with pytest.raises(BadInput, match="matrix a of the key"):
        dataclasses.replace(pk, r1cs=dataclasses.replace(pk.r1cs, a=matrix))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "format 99"),
        ({"curve": "secp256k1"}, "unknown curve"),
        ({"nonresidue": 7}, "roots of unity"),
        ({"arrays": {}}, "incomplete"),
        ({"public": 6}, "more public signals"),
    ],
)
def test_a_wrong_manifest_is_refused(parts, change, message):
    manifest, arrays = parts
    with pytest.raises(BadInput, match=message):
        ProvingKey.from_arrays({**manifest, **change}, arrays)


def test_an_array_unlike_its_manifest_is_refused(parts):
    manifest, arrays = parts
    with pytest.raises(BadInput, match="array ic"):
        ProvingKey.from_arrays(manifest, {**arrays, "ic": arrays["ic"][:-1]})


def test_a_key_survives_pickling(pk):
    assert pickle.loads(pickle.dumps(pk)).key_id == pk.key_id  # noqa: S301 - our own bytes


def test_a_verifying_key_cannot_change(vk):
    with pytest.raises(ValueError, match="read-only"):
        vk.ic[0] = 0


@pytest.mark.parametrize(("constraints", "public", "n"), [(1, 1, 4), (4, 2, 8), (5, 2, 8), (6, 2, 16), (4088, 7, 4096)])
def test_the_domain_is_the_least_that_fits(constraints, public, n):
    assert domain_size(constraints, public) == n
