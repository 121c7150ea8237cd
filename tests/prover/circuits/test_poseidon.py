import json
import random
from pathlib import Path

import pytest

from kernels.curves import BLS12_381, BN254, get_curve
from kernels.encoding import limbs_from_ints
from prover.circuit_builder import CircuitBuilder
from prover.circuits.poseidon import constrain_poseidon, permute, poseidon
from prover.circuits.poseidon_parameters import poseidon_parameters

CURVES = pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "poseidon.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["hash"]["vectors"], ids=lambda vector: str(vector["inputs"]))
def test_hashes_are_circomlibs(vector):
    assert poseidon(BN254, *vector["inputs"]) == int(vector["output"])


@pytest.mark.parametrize("vector", VECTORS["permutation"]["vectors"], ids=lambda vector: vector["name"])
def test_permutations_are_the_reference_ones(vector):
    expected = [int(value, 16) for value in vector["output"]]
    parameters = poseidon_parameters(get_curve(vector["curve"]).fr.modulus, len(expected))
    assert permute(parameters, range(len(expected))) == expected


@CURVES
@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_constraints_compute_the_hash(curve, inputs):
    builder = CircuitBuilder(curve)
    out = builder.public_output("hash")
    signals = [builder.private_input(f"x[{i}]") for i in range(inputs)]
    builder.define(out, constrain_poseidon(builder, signals, "hash"), "hash")
    program, r1cs, rng = builder.program(), builder.r1cs(), random.Random(inputs)
    parameters = poseidon_parameters(curve.fr.modulus, inputs + 1)
    sboxes = parameters.full_rounds * parameters.width + parameters.partial_rounds
    assert r1cs.constraints == 3 * (sboxes - 1) + 1  # the first S-box of the capacity element is a constant
    for values in ([0] * inputs, [curve.fr.modulus - 1] * inputs, [rng.randrange(curve.fr.modulus)] * inputs):
        witness, _ = program.run(values)
        assert witness[1] == poseidon(curve, *values)
        r1cs.check(limbs_from_ints(witness, 4))


def test_outputs_are_short_and_fourth_powers_stay_out_of_b():
    builder = CircuitBuilder(BN254)
    signals = [builder.private_input("x"), builder.private_input("y")]
    assert len(constrain_poseidon(builder, signals, "hash").terms) == 3
    r1cs = builder.r1cs()
    used = set(r1cs.b.indices.tolist())
    fourths = [i for i, name in enumerate(builder.signals) if name.endswith(".fourth")]
    assert len(fourths) == 80
    assert not used.intersection(fourths)
