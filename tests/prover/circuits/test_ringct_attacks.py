"""Every attack must be refused twice: by the honest witness builder, and by the constraints on a forged witness."""

import copy
import random

import numpy as np
import pytest

from kernels import get_backend
from kernels.curves import BLS12_381, BN254
from kernels.encoding import ints_from_limbs, limbs_from_ints
from prover.circuit import _flatten
from prover.circuits import get_circuit
from prover.circuits.commitment import commitment, key_image, public_key
from prover.circuits.merkle import authentication_paths, directions
from prover.circuits.poseidon import poseidon
from prover.circuits.ringct import transaction
from prover.errors import BadInput

DEPTH = 3


@pytest.fixture(params=[BLS12_381, BN254], ids=lambda curve: curve.name)
def ringct(request):
    return get_circuit("ringct", request.param, depth=DEPTH, inputs=2, outputs=2)


@pytest.fixture
def honest(ringct):
    inputs = transaction(ringct.curve, DEPTH, [1000, 234], [700, 500], 34, random.Random(42))
    ringct.witnesses([inputs])
    return copy.deepcopy(inputs)


def refused(circuit, inputs, match):
    """The honest builder names the culprit and shows no value."""
    with pytest.raises(BadInput, match=match) as caught:
        circuit.witnesses([inputs])
    assert "item 0" in str(caught.value)
    large = [str(value) for _, value in _flatten(inputs) if isinstance(value, int) and value > 10**6]
    assert not any(value in str(caught.value) for value in large)


def forge(circuit, inputs, signals=()):
    """Witness of a prover who evaluates the circuit, checks nothing, and sets some signals as they please."""
    flat = dict(_flatten(inputs))
    forced = {circuit.variable[name]: value for name, value in dict(signals).items()}
    values, _ = circuit.program.run([flat[name] for name in circuit.inputs], forced)
    return limbs_from_ints(values, 4)


def violated(circuit, witness):
    """Names of all constraints that do not hold."""
    wrong = circuit.r1cs._wrong_rows(witness[np.newaxis], get_backend("portable"), None, 1)[0]
    return [circuit.r1cs.constraint_names[row] for row in np.flatnonzero(wrong)]


def coin_of(curve, coin):
    return commitment(curve, coin["value"], coin["blinding"], public_key(curve, coin["secret_key"]))


def test_the_forger_is_honest_without_forging(ringct, honest):
    assert violated(ringct, forge(ringct, honest)) == []


# Amounts


def test_inflated_output(ringct, honest):
    honest["outputs"][0]["value"] += 1
    refused(ringct, honest, "balance")
    assert violated(ringct, forge(ringct, honest)) == ["balance"]


def test_inflated_output_paid_by_a_negative_fee(ringct):
    fee = ringct.curve.fr.modulus - 1
    inputs = transaction(ringct.curve, DEPTH, [10, 20], [15, 16], fee, random.Random(1))
    refused(ringct, inputs, "fee.range")
    assert violated(ringct, forge(ringct, inputs)) == ["fee.range"]


def test_inflated_output_behind_an_honest_commitment(ringct, honest):
    real = commitment(ringct.curve, *(honest["outputs"][0][name] for name in ("value", "blinding", "owner")))
    honest["outputs"][0]["value"] += 34
    honest["fee"] = 0
    refused(ringct, honest | {"commitments": [real]}, r"commitments\[0\]")
    assert violated(ringct, forge(ringct, honest, {"commitments[0]": real})) == ["outputs[0].commitment"]


def test_negative_output(ringct):
    r = ringct.curve.fr.modulus
    inputs = transaction(ringct.curve, DEPTH, [10, 20], [35, r - 5], 0, random.Random(1))
    refused(ringct, inputs, r"outputs\[1\].value.range")
    assert violated(ringct, forge(ringct, inputs)) == ["outputs[1].value.range"]
    inputs["outputs"][1]["value"] = -5
    refused(ringct, inputs, r"outputs\[1\].value must be an integer in 0")


def test_negative_output_with_a_bit_that_is_none(ringct):
    r = ringct.curve.fr.modulus
    inputs = transaction(ringct.curve, DEPTH, [10, 20], [35, r - 5], 0, random.Random(1))
    name = "outputs[1].value.range.bit"
    bits = {f"{name}[{i}]": 0 for i in range(63)} | {f"{name}[63]": (r - 5) * pow(1 << 63, -1, r) % r}
    assert violated(ringct, forge(ringct, inputs, bits)) == [f"{name}[63].boolean"]


def test_output_of_2_64(ringct):
    inputs = transaction(ringct.curve, DEPTH, [1 << 63, 1 << 63], [1 << 64, 0], 0, random.Random(1))
    refused(ringct, inputs, r"outputs\[0\].value.range")
    assert violated(ringct, forge(ringct, inputs)) == ["outputs[0].value.range"]


@pytest.mark.parametrize("negative", [False, True])
def test_input_outside_64_bits(ringct, negative):
    value = ringct.curve.fr.modulus - 7 if negative else 1 << 64
    total = (value + 20) % ringct.curve.fr.modulus
    inputs = transaction(ringct.curve, DEPTH, [value, 20], [13, 0], total - 13, random.Random(1))
    refused(ringct, inputs, r"inputs\[0\].value.range")
    assert "inputs[0].value.range" in violated(ringct, forge(ringct, inputs))


def test_altered_fee(ringct, honest):
    altered = honest | {"fee": honest["fee"] - 1}
    refused(ringct, altered, "balance")
    assert violated(ringct, forge(ringct, altered)) == ["balance"]
    witness = forge(ringct, honest)
    witness[ringct.variable["fee"]] = limbs_from_ints([33], 4)[0]
    assert violated(ringct, witness) == ["fee.range", "balance"]


# Ownership and membership


def test_key_image_of_another_key(ringct, honest):
    coin = honest["inputs"][0]
    forged = key_image(ringct.curve, coin["secret_key"] + 1, coin_of(ringct.curve, coin))
    refused(ringct, honest | {"key_images": [forged]}, r"key_images\[0\]")
    assert violated(ringct, forge(ringct, honest, {"key_images[0]": forged})) == ["inputs[0].key_image"]


def test_spend_with_another_key(ringct, honest):
    honest["inputs"][1]["secret_key"] += 1
    refused(ringct, honest, r"inputs\[1\].merkle.root")
    assert violated(ringct, forge(ringct, honest)) == ["inputs[1].merkle.root"]


def test_spend_with_another_key_behind_the_coin_of_the_tree(ringct, honest):
    # The S-boxes of the last round of the public key are set so that the true owner comes out.
    values = ints_from_limbs(forge(ringct, honest))
    signals = [f"inputs[0].public_key.round[63].lane[{lane}].fifth" for lane in range(2)]
    forced = {name: values[ringct.variable[name]] for name in signals}
    honest["inputs"][0]["secret_key"] += 1
    assert set(violated(ringct, forge(ringct, honest, forced))) == set(forced)


def test_leaf_outside_the_tree(ringct, honest):
    honest["inputs"][0]["blinding"] += 1
    refused(ringct, honest, r"inputs\[0\].merkle.root")
    assert violated(ringct, forge(ringct, honest)) == ["inputs[0].merkle.root"]


def test_foreign_path(ringct, honest):
    other = transaction(ringct.curve, DEPTH, [1, 2], [3, 0], 0, random.Random(2))
    honest["inputs"][0] |= {name: other["inputs"][0][name] for name in ("siblings", "directions")}
    refused(ringct, honest, r"inputs\[0\].merkle.root")
    assert violated(ringct, forge(ringct, honest)) == ["inputs[0].merkle.root"]


def test_foreign_tree(ringct, honest):
    other = transaction(ringct.curve, DEPTH, [234], [234], 0, random.Random(2))
    honest["inputs"][1] = other["inputs"][0]
    refused(ringct, honest, r"inputs\[1\].merkle.root")
    assert violated(ringct, forge(ringct, honest)) == ["inputs[1].merkle.root"]


def test_direction_that_is_no_bit(ringct, honest):
    honest["inputs"][0]["directions"][1] = 2
    refused(ringct, honest, r"inputs\[0\].merkle.level\[1\].direction")
    assert "inputs[0].merkle.level[1].direction" in violated(ringct, forge(ringct, honest))


def test_direction_that_would_place_any_leaf_in_the_tree(ringct, honest):
    """Choose sibling s and direction b with left = leaf + b (s - leaf), right = s - b (s - leaf) the nodes wanted."""
    curve, r = ringct.curve, ringct.curve.fr.modulus
    coin = honest["inputs"][0]
    real, sibling = coin_of(curve, coin), coin["siblings"][0]
    left, right = (sibling, real) if coin["directions"][0] else (real, sibling)
    coin["value"] += 10**9
    honest["outputs"][0]["value"] += 10**9
    leaf = coin_of(curve, coin)
    coin["siblings"][0] = (left + right - leaf) % r
    coin["directions"][0] = (left - leaf) * pow(coin["siblings"][0] - leaf, -1, r) % r
    refused(ringct, honest, r"inputs\[0\].merkle.level\[0\].direction")
    assert violated(ringct, forge(ringct, honest)) == ["inputs[0].merkle.level[0].direction"]


def test_inner_node_as_leaf(ringct):
    """A path cannot be shorter than the tree is deep: a coin hung below a leaf of the tree is not in it."""
    curve, rng = ringct.curve, random.Random(5)
    inputs = transaction(curve, DEPTH, [10, 20], [30, 0], 0, rng)
    coin = inputs["inputs"][0]
    below, paths = authentication_paths(curve, 1, {0: coin_of(curve, coin)}, lambda: rng.randrange(curve.fr.modulus))
    root, above = authentication_paths(curve, DEPTH, {3: below}, lambda: rng.randrange(curve.fr.modulus))
    assert poseidon(curve, coin_of(curve, coin), *paths[0]) == below
    coin["siblings"] = (paths[0] + above[3])[:DEPTH]
    coin["directions"] = ([0, *directions(DEPTH, 3)])[:DEPTH]
    inputs["root"] = root
    assert "inputs[0].merkle.root" in violated(ringct, forge(ringct, inputs))
    refused(ringct, inputs, r"inputs\[0\].merkle.root")


# Double spends and binding


def test_one_coin_as_two_inputs(ringct, honest):
    curve = ringct.curve
    twice = honest | {"inputs": [honest["inputs"][0]] * 2, "fee": 800}
    refused(ringct, twice, r"key_images\[1\] equals key_images\[0\]; the same coin is spent twice")
    # The constraints alone allow it: the verifier sees, and must refuse, two equal key images.
    witness = forge(ringct, twice)
    assert violated(ringct, witness) == []
    first, second = (witness[ringct.variable[f"key_images[{i}]"]] for i in range(2))
    assert np.array_equal(first, second)
    # A second key image for the same coin is impossible.
    forged = key_image(curve, honest["inputs"][0]["secret_key"] + 1, coin_of(curve, honest["inputs"][0]))
    refused(ringct, twice | {"key_images[1]": forged}, r"key_images\[1\]")
    assert violated(ringct, forge(ringct, twice, {"key_images[1]": forged})) == ["inputs[1].key_image"]


def test_one_coin_spent_twice_shows_one_key_image(ringct, honest):
    coin = honest["inputs"][0]
    other = copy.deepcopy(honest)
    other["message"] += 1
    other["outputs"][0]["blinding"] += 1
    witnesses = ringct.witnesses([honest, other])
    images = witnesses[:, ringct.variable["key_images[0]"]]
    assert np.array_equal(images[0], images[1])
    expected = key_image(ringct.curve, coin["secret_key"], coin_of(ringct.curve, coin))
    assert images[0].tobytes() == expected.to_bytes(32, "little")


def test_swapped_message(ringct, honest):
    witness = ringct.witnesses([honest])[0]
    witness[ringct.variable["message"]] = limbs_from_ints([honest["message"] // 2], 4)[0]
    assert violated(ringct, witness) == ["message.square"]
    with pytest.raises(BadInput, match=r"message\.square"):
        ringct.r1cs.check(witness)


def test_swapped_commitment_or_root(ringct, honest):
    other = transaction(ringct.curve, DEPTH, [1, 2], [3, 0], 0, random.Random(2))
    roots = ["inputs[0].merkle.root", "inputs[1].merkle.root"]
    assert violated(ringct, forge(ringct, honest, {"root": other["root"]})) == roots
    assert violated(ringct, forge(ringct, honest, {"commitments[1]": 5})) == ["outputs[1].commitment"]
    refused(ringct, honest | {"root": other["root"]}, r"inputs\[0\].merkle.root")
