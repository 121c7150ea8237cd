import dataclasses

import numpy as np
import pytest
from py_ecc import optimized_bls12_381, optimized_bn128

from kernels import get_curve
from kernels.encoding import ints_from_limbs, limbs_from_ints, points_to_ints
from prover import groth16
from prover.circuits import get_circuit
from prover.errors import BadInput, InvalidProof

PY_ECC = {"bls12_381": optimized_bls12_381, "bn254": optimized_bn128}


def accepted_by_py_ecc(vk, proof, public_inputs):
    """The verification equation, computed by another library from integers."""
    module = PY_ECC[vk.curve.name]

    def g1(point):
        ((x, y),) = points_to_ints(vk.curve, "g1", point)
        return (module.FQ(x), module.FQ(y), module.FQ(1))

    def g2(point):
        ((x, y),) = points_to_ints(vk.curve, "g2", point)
        return (module.FQ2(x), module.FQ2(y), module.FQ2((1, 0)))

    ic = g1(vk.ic[0])
    for point, scalar in zip(vk.ic[1:], ints_from_limbs(public_inputs), strict=True):
        ic = module.add(ic, module.multiply(g1(point), scalar))
    pairs = [
        (g2(proof.b), module.neg(g1(proof.a))),
        (g2(vk.beta_g2), g1(vk.alpha_g1)),
        (g2(vk.gamma_g2), ic),
        (g2(vk.delta_g2), g1(proof.c)),
    ]
    product = module.FQ12.one()
    for q, p in pairs:
        product *= module.pairing(q, p, final_exponentiate=False)
    return PY_ECC_FINAL[vk.curve.name](product) == module.FQ12.one()


def _final_exponentiation(module):
    order = (module.field_modulus**12 - 1) // module.curve_order
    return lambda value: value**order


PY_ECC_FINAL = {name: _final_exponentiation(module) for name, module in PY_ECC.items()}

CIRCUITS = [("multiply", {}), ("ringct", {"depth": 3, "inputs": 2, "outputs": 2})]


@pytest.mark.parametrize("curve_name", ["bls12_381", "bn254"])
@pytest.mark.parametrize(("name", "parameters"), CIRCUITS, ids=["multiply", "ringct"])
def test_py_ecc_accepts_the_proof_and_no_other_statement(backend, curve_name, name, parameters):
    circuit = get_circuit(name, curve_name, **parameters)
    pk = groth16.setup(circuit.r1cs, get_curve(curve_name), backend=backend)
    witness = circuit.random_witnesses(1, seed=3)[0]
    proof = groth16.prove(pk, witness, backend)
    public_inputs = circuit.public_inputs(witness)
    assert accepted_by_py_ecc(pk.verifying_key, proof, public_inputs)
    if name == "multiply":
        public_inputs[0, 0] ^= np.uint64(1)
        assert not accepted_by_py_ecc(pk.verifying_key, proof, public_inputs)


def test_the_oracle_backend_verifies_alike(vk, proven):
    from kernels.reference import ReferenceBackend

    (proof, other), (statement, _) = proven[0][:2], proven[1][:2]
    groth16.verify(vk, proof, statement, ReferenceBackend())
    with pytest.raises(InvalidProof):
        groth16.verify(vk, other, statement, ReferenceBackend())


def test_public_inputs_may_be_integers(vk, proven, backend):
    groth16.verify(vk, proven[0][0], ints_from_limbs(proven[1][0]), backend)


@pytest.mark.parametrize("element", ["a", "b", "c"])
@pytest.mark.parametrize("source", ["another point", "another proof", "infinity"])
def test_no_element_of_a_proof_can_be_replaced(vk, proven, backend, another_point, element, source):
    proof, other = proven[0][:2]
    replacement = {
        "another point": another_point["g2" if element == "b" else "g1"],
        "another proof": getattr(other, element),
        "infinity": np.zeros_like(getattr(proof, element)),
    }[source]
    with pytest.raises(InvalidProof):
        groth16.verify(vk, dataclasses.replace(proof, **{element: replacement}), proven[1][0], backend)


@pytest.mark.parametrize("element", ["a", "b", "c"])
def test_a_point_off_the_curve_is_named(vk, proven, backend, element):
    changed = getattr(proven[0][0], element).copy()
    changed[..., 0] ^= np.uint64(1)
    with pytest.raises(InvalidProof, match=f"element {element}"):
        groth16.verify(vk, dataclasses.replace(proven[0][0], **{element: changed}), proven[1][0], backend)


@pytest.mark.parametrize("element", ["a", "b", "c"])
def test_a_point_outside_the_subgroup_is_named(vk, proven, backend, outside_subgroup, element):
    group = "g2" if element == "b" else "g1"
    if group not in outside_subgroup:
        pytest.skip("this group has no cofactor")
    changed = dataclasses.replace(proven[0][0], **{element: outside_subgroup[group]})
    with pytest.raises(InvalidProof, match=f"element {element}"):
        groth16.verify(vk, changed, proven[1][0], backend)


def test_coordinates_must_be_reduced(vk, proven, backend, curve):
    proof = proven[0][0]
    alias = limbs_from_ints([value + curve.fp.modulus for value in ints_from_limbs(proof.a)], curve.fp.limbs)
    with pytest.raises(InvalidProof, match="element a"):
        groth16.verify(vk, dataclasses.replace(proof, a=alias), proven[1][0], backend)


@pytest.mark.parametrize("index", [0, 1])
def test_no_public_input_can_be_changed(vk, proven, backend, curve, index):
    values = ints_from_limbs(proven[1][0])
    values[index] = (values[index] + 1) % curve.fr.modulus
    with pytest.raises(InvalidProof):
        groth16.verify(vk, proven[0][0], values, backend)


@pytest.mark.parametrize("as_array", [False, True])
def test_an_alias_of_a_public_input_is_refused(vk, proven, backend, curve, as_array):
    values = ints_from_limbs(proven[1][0])
    values[1] += curve.fr.modulus
    with pytest.raises(BadInput, match="public input 1"):
        groth16.verify(vk, proven[0][0], limbs_from_ints(values, 4) if as_array else values, backend)


@pytest.mark.parametrize(
    "wrong",
    [[], [1], [1, 2, 3], [1, -1], [1, "2"], [1, 2.0], np.zeros((2, 4), np.int64), np.zeros(8, np.uint64)],
    ids=repr,
)
def test_malformed_public_inputs_are_refused(vk, proven, backend, wrong):
    with pytest.raises(BadInput):
        groth16.verify(vk, proven[0][0], wrong, backend)


@pytest.mark.parametrize("name", ["alpha_g1", "beta_g2", "gamma_g2", "delta_g2"])
def test_no_element_of_the_key_can_be_replaced(vk, proven, backend, another_point, name):
    changed = dataclasses.replace(vk, **{name: another_point[name[-2:]]})
    with pytest.raises(InvalidProof):
        groth16.verify(changed, proven[0][0], proven[1][0], backend)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_no_point_of_ic_can_be_replaced(vk, proven, backend, another_point, index):
    ic = vk.ic.copy()
    ic[index] = another_point["g1"]
    with pytest.raises(InvalidProof):
        groth16.verify(dataclasses.replace(vk, ic=ic), proven[0][0], proven[1][0], backend)


@pytest.mark.parametrize("name", ["alpha_g1", "beta_g2", "gamma_g2", "delta_g2"])
@pytest.mark.parametrize("fault", ["off the curve", "infinity", "outside its subgroup"])
def test_a_malformed_key_is_refused(vk, proven, backend, outside_subgroup, name, fault):
    changed = getattr(vk, name).copy()
    if fault == "infinity":
        changed[:] = 0
    elif fault == "off the curve":
        changed[..., 0] ^= np.uint64(1)
    elif name[-2:] in outside_subgroup:
        changed = outside_subgroup[name[-2:]]
    else:
        pytest.skip("this group has no cofactor")
    with pytest.raises(BadInput, match=fault):
        groth16.verify(dataclasses.replace(vk, **{name: changed}), proven[0][0], proven[1][0], backend)


def test_a_proof_on_another_curve_is_refused(vk, backend, curve):
    other = get_curve("bn254" if curve.name == "bls12_381" else "bls12_381")
    g1, g2 = (np.zeros(other.point_shape(group), dtype=np.uint64) for group in ("g1", "g2"))
    with pytest.raises(InvalidProof, match=f"is on {other.name}"):
        groth16.verify(vk, groth16.Proof(other.name, g1, g2, g1), [1, 2], backend)
