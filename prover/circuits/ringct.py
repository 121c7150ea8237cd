"""``ringct``: a confidential transaction that spends coins of a Merkle tree without saying which.

Public, in this order: ``root``, ``key_images[i]``, ``commitments[j]``, ``fee``, ``message``. Private: of each input
its secret key, value, blinding, siblings and directions; of each output its value, blinding and owner.

Statement, for all inputs i and outputs j (hashes as in :mod:`prover.circuits.commitment`):

1. C_i = Poseidon(v_i, r_i, Poseidon(x_i)) is a leaf of the tree under ``root``;
2. ``key_images[i]`` = Poseidon(x_i, C_i);
3. ``commitments[j]`` = Poseidon(v'_j, r'_j, pk'_j);
4. v_i, v'_j and ``fee`` lie in 0 ... 2^64 - 1, and sum v_i = sum v'_j + ``fee`` over the integers;
5. ``message`` is the transaction's; it is squared, since a public input that no constraint reads could be replaced
   in a finished proof.

What a verifier must do besides checking the proof: refuse a key image it has seen before, **also within one
transaction**. Two inputs may spend one coin as far as the constraints go; their key images are then equal, and
public. The witness builder here refuses to make such a witness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from prover.circuit import Circuit, Inputs
from prover.circuit_builder import CircuitBuilder
from prover.circuits.commitment import (
    commitment,
    constrain_commitment,
    constrain_key_image,
    constrain_public_key,
    public_key,
)
from prover.circuits.merkle import authentication_paths, constrain_root, directions
from prover.circuits.range_check import VALUE_BITS, constrain_balance, constrain_value
from prover.errors import BadInput

if TYPE_CHECKING:
    import random

    from kernels.curves import Curve
    from prover.linear_combination import LinearCombination

PARAMETERS: Mapping[str, range] = {"depth": range(1, 33), "inputs": range(1, 17), "outputs": range(1, 17)}


def build(curve: Curve, *, depth: int, inputs: int, outputs: int) -> Circuit:
    """Build the circuit.

    Parameters
    ----------
    depth
        The anonymity set has 2^depth coins.
    inputs, outputs
        Coins spent and made.

    Raises
    ------
    BadInput
        If the tree has fewer leaves than the transaction has inputs.
    """
    if inputs > 1 << depth:
        raise BadInput(f"ringct: a tree of depth {depth} holds {1 << depth} coins, too few for {inputs} inputs")
    builder = CircuitBuilder(curve)
    root = builder.public_input("root")
    images = [builder.public_output(f"key_images[{i}]") for i in range(inputs)]
    commitments = [builder.public_output(f"commitments[{j}]") for j in range(outputs)]
    fee = builder.public_input("fee")
    message = builder.public_input("message")

    spent = [_constrain_input(builder, f"inputs[{i}]", depth, root, image) for i, image in enumerate(images)]
    made = [_constrain_output(builder, f"outputs[{j}]", made) for j, made in enumerate(commitments)]
    constrain_value(builder, fee, "fee")
    constrain_balance(builder, spent, [*made, fee], "balance")
    builder.multiply(message, message, "message.square")
    parameters = {"depth": depth, "inputs": inputs, "outputs": outputs}
    return Circuit.from_builder("ringct", parameters, builder, sample, distinct=builder.outputs[:inputs])


def _constrain_input(
    builder: CircuitBuilder, name: str, depth: int, root: LinearCombination, image: LinearCombination
) -> LinearCombination:
    secret_key = builder.private_input(f"{name}.secret_key")
    value = builder.private_input(f"{name}.value")
    blinding = builder.private_input(f"{name}.blinding")
    siblings = [builder.private_input(f"{name}.siblings[{level}]") for level in range(depth)]
    bits = [builder.private_input(f"{name}.directions[{level}]") for level in range(depth)]

    owner = constrain_public_key(builder, secret_key, f"{name}.public_key")
    coin = constrain_commitment(builder, value, blinding, owner, f"{name}.commitment")
    reached = constrain_root(builder, coin, siblings, bits, f"{name}.merkle")
    builder.assert_equal(reached, root, f"{name}.merkle.root")
    builder.define(image, constrain_key_image(builder, secret_key, coin, f"{name}.key_image"), f"{name}.key_image")
    constrain_value(builder, value, f"{name}.value")
    return value


def _constrain_output(builder: CircuitBuilder, name: str, made: LinearCombination) -> LinearCombination:
    value = builder.private_input(f"{name}.value")
    blinding = builder.private_input(f"{name}.blinding")
    owner = builder.private_input(f"{name}.owner")
    builder.define(
        made, constrain_commitment(builder, value, blinding, owner, f"{name}.commitment"), f"{name}.commitment"
    )
    constrain_value(builder, value, f"{name}.value")
    return value


def random_inputs(
    curve: Curve, *, depth: int, inputs: int, outputs: int, batch: int, rng: random.Random
) -> list[Inputs]:
    """Make consistent inputs: random amounts, each transaction with a tree of its own."""
    share = (1 << VALUE_BITS) // inputs  # the sum of the inputs, and so every part of it, stays below 2^64
    made = []
    for _ in range(batch):
        values = [rng.randrange(share) for _ in range(inputs)]
        cuts = sorted(rng.randint(0, sum(values)) for _ in range(outputs))
        *amounts, fee = (end - start for start, end in pairwise([0, *cuts, sum(values)]))
        made.append(transaction(curve, depth, values, amounts, fee, rng))
    return made


def sample(circuit: Circuit, batch: int, rng: random.Random) -> list[Inputs]:
    """Inputs for :meth:`prover.circuit.Circuit.random_witnesses`."""
    depth, inputs, outputs = (circuit.parameters[name] for name in PARAMETERS)
    return random_inputs(circuit.curve, depth=depth, inputs=inputs, outputs=outputs, batch=batch, rng=rng)


def transaction(
    curve: Curve, depth: int, spent: Sequence[int], made: Sequence[int], fee: int, rng: random.Random
) -> Inputs:
    """Make the inputs of a transaction of given amounts, everything else random.

    The spent coins lie at random places of a tree that is random wherever their paths do not reach. The amounts are
    taken as they are, consistent or not.
    """

    def element() -> int:
        return rng.randrange(curve.fr.modulus)

    coins = [{"secret_key": element(), "value": value, "blinding": element()} for value in spent]
    places = rng.sample(range(1 << depth), len(coins))
    leaves = {
        place: commitment(curve, coin["value"], coin["blinding"], public_key(curve, coin["secret_key"]))
        for place, coin in zip(places, coins, strict=True)
    }
    root, paths = authentication_paths(curve, depth, leaves, element)
    return {
        "root": root,
        "fee": fee,
        "message": element(),
        "inputs": [
            coin | {"siblings": paths[place], "directions": directions(depth, place)}
            for coin, place in zip(coins, places, strict=True)
        ],
        "outputs": [{"value": value, "blinding": element(), "owner": public_key(curve, element())} for value in made],
    }
