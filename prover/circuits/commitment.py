"""Coins: keys, commitments and key images, over integers and as constraints.

=============  ==========================  =====================================================
public key     pk = Poseidon(x)            of the secret key x
commitment     C = Poseidon(v, r, pk)      to a coin of value v, blinding r, owner pk
key image      I = Poseidon(x, C)          one per coin: shows a second spend, reveals neither
=============  ==========================  =====================================================

The three (and a Merkle node) cannot be taken for one another: their widths differ, and with them all constants; key
images and nodes share a width, but a leaf's depth is fixed and a key image is never opened as a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prover.circuits.poseidon import constrain_poseidon, poseidon

if TYPE_CHECKING:
    from kernels.curves import Curve
    from prover.circuit_builder import CircuitBuilder
    from prover.linear_combination import LinearCombination


def public_key(curve: Curve, secret_key: int) -> int:
    """Return the public key of a secret key."""
    return poseidon(curve, secret_key)


def commitment(curve: Curve, value: int, blinding: int, owner: int) -> int:
    """Commit to a coin; ``owner`` is a public key."""
    return poseidon(curve, value, blinding, owner)


def key_image(curve: Curve, secret_key: int, coin: int) -> int:
    """Return the mark that a spend of the coin (its commitment) leaves."""
    return poseidon(curve, secret_key, coin)


def constrain_public_key(builder: CircuitBuilder, secret_key: LinearCombination, name: str) -> LinearCombination:
    """Constrain and return a public key."""
    return constrain_poseidon(builder, [secret_key], name)


def constrain_commitment(
    builder: CircuitBuilder,
    value: LinearCombination,
    blinding: LinearCombination,
    owner: LinearCombination,
    name: str,
) -> LinearCombination:
    """Constrain and return a commitment."""
    return constrain_poseidon(builder, [value, blinding, owner], name)


def constrain_key_image(
    builder: CircuitBuilder, secret_key: LinearCombination, coin: LinearCombination, name: str
) -> LinearCombination:
    """Constrain and return a key image."""
    return constrain_poseidon(builder, [secret_key, coin], name)
