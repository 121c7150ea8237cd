import pickle

import numpy as np
import pytest

from kernels import get_backend
from kernels.curves import BLS12_381, BN254
from kernels.encoding import ints_from_limbs, limbs_from_ints
from prover.circuit_builder import CircuitBuilder
from prover.errors import BadInput, UnsatisfiedConstraint
from prover.r1cs import R1CS, validate_witness, values_at_or_above

CURVES = pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)
BACKENDS = pytest.mark.parametrize("backend", [None, "portable"])


def cubic(curve):
    """x^3 - 2 x + 7 = out."""
    builder = CircuitBuilder(curve)
    out = builder.public_input("out")
    x = builder.private_input("x")
    square = builder.multiply(x, x, "square")
    cube = builder.multiply(square, x, "cube")
    builder.assert_equal(cube - 2 * x + 7, out, "result")
    return builder.r1cs()


def witness(curve, x, /, **changes):
    r = curve.fr.modulus
    values = {"one": 1, "out": (x**3 - 2 * x + 7) % r, "x": x, "square": x * x % r, "cube": x**3 % r} | changes
    return limbs_from_ints(list(values.values()), 4)


def backend_of(name):
    return None if name is None else get_backend(name)


@CURVES
@BACKENDS
def test_a_witness_that_satisfies_passes(curve, backend):
    cubic(curve).check(witness(curve, curve.fr.modulus - 3), backend_of(backend))


@CURVES
@BACKENDS
@pytest.mark.parametrize(
    ("changes", "index", "name"),
    [({"square": 10}, 0, "square"), ({"cube": 5}, 1, "cube"), ({"out": 123456789}, 2, "result")],
)
def test_the_first_unsatisfied_constraint_is_named_without_its_values(curve, backend, changes, index, name):
    with pytest.raises(UnsatisfiedConstraint) as caught:
        cubic(curve).check(witness(curve, 3, **changes), backend_of(backend))
    assert (caught.value.index, caught.value.name) == (index, name)
    assert "123456789" not in str(caught.value)


@BACKENDS
def test_a_batch_reports_every_item_by_itself(backend):
    r1cs, r = cubic(BN254), BN254.fr.modulus
    batch = np.stack(
        [
            witness(BN254, 3),
            witness(BN254, 3, cube=1),
            witness(BN254, 3, x=r),
            witness(BN254, 4, one=2),
            witness(BN254, 5),
            witness(BN254, 6, out=0),
        ]
    )
    errors = r1cs.check_batch(batch, backend_of(backend))
    assert [type(error) for error in errors] == [
        type(None),
        UnsatisfiedConstraint,
        BadInput,
        BadInput,
        type(None),
        UnsatisfiedConstraint,
    ]
    assert "variable 2" in str(errors[2])
    assert "variable 0" in str(errors[3])


def test_a_batch_larger_than_a_chunk_keeps_its_order(monkeypatch):
    monkeypatch.setattr("prover.r1cs._CHUNK_BYTES", 2 * 32 * 5)
    batch = np.stack([witness(BN254, x, **({"cube": 1} if x in {3, 8} else {})) for x in range(2, 11)])
    errors = cubic(BN254).check_batch(batch, get_backend("portable"))
    assert [i for i, error in enumerate(errors) if error] == [1, 6]


def test_constraints_without_names_are_reported_by_index():
    named = cubic(BN254)
    r1cs = R1CS(named.curve, named.a, named.b, named.c, named.variables, named.public)
    with pytest.raises(UnsatisfiedConstraint, match="constraint 1;"):
        r1cs.check(witness(BN254, 3, cube=5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.tolist(), "numpy array"),
        (lambda w: w.astype(np.int64), "int64"),
        (lambda w: w[:-1], r"uint64\[4, 4\]"),
        (lambda w: w[:, :3], r"uint64\[5, 3\]"),
        (lambda w: w[np.newaxis], r"uint64\[1, 5, 4\]"),
        (np.asfortranarray, "C-contiguous"),
    ],
)
def test_a_witness_of_another_form_is_refused(change, message):
    with pytest.raises(BadInput, match=message):
        validate_witness(BN254, 5, change(witness(BN254, 3)))


@CURVES
@pytest.mark.parametrize("excess", [0, 1, 1 << 64, 1 << 192])
def test_a_value_not_below_the_modulus_is_named_by_index_only(curve, excess):
    value = curve.fr.modulus + excess
    with pytest.raises(BadInput, match="variable 3") as caught:
        validate_witness(curve, 5, witness(curve, 3, square=value))
    assert str(value) not in str(caught.value)


@CURVES
def test_comparison_with_the_modulus_agrees_with_integers(curve):
    r = curve.fr.modulus
    edges = [0, 1, r - 1, r, r + 1, (1 << 256) - 1, r ^ 1 << 64, r ^ 1 << 128, r - (1 << 192), r + (1 << 192)]
    array = limbs_from_ints(edges, 4)
    assert values_at_or_above(array, r).tolist() == [value >= r for value in edges]
    assert ints_from_limbs(array) == edges


def test_survives_pickling():
    r1cs = pickle.loads(pickle.dumps(cubic(BN254)))  # noqa: S301 - what it just wrote
    r1cs.check(witness(BN254, 3))
    assert r1cs.constraint_names == ("square", "cube", "result")
