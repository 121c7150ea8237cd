"""Merkle trees over two-to-one Poseidon: authentication paths over integers, and their verification as constraints.

A leaf's direction at a level is 1 where its node is the right child; the directions, least significant first, are
the bits of the leaf's index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from prover.circuits.poseidon import constrain_poseidon, poseidon

if TYPE_CHECKING:
    from kernels.curves import Curve
    from prover.circuit_builder import CircuitBuilder
    from prover.linear_combination import LinearCombination


def directions(depth: int, index: int) -> list[int]:
    """Directions of the path from leaf ``index`` to the root."""
    return [index >> level & 1 for level in range(depth)]


def authentication_paths(
    curve: Curve, depth: int, leaves: Mapping[int, int], other: Callable[[], int]
) -> tuple[int, dict[int, list[int]]]:
    """Build as much of a tree as the given leaves need.

    Parameters
    ----------
    leaves
        Leaf by index in 0 ... 2^depth - 1.
    other
        Called for every node beside their paths: the root of a subtree none of them lies in.

    Returns
    -------
    The root, and for each index its siblings from the leaf up.
    """
    nodes = dict(leaves)
    paths: dict[int, list[int]] = {index: [] for index in leaves}
    for level in range(depth):
        for node in tuple(nodes):
            if node ^ 1 not in nodes:
                nodes[node ^ 1] = other()
        for index, path in paths.items():
            path.append(nodes[index >> level ^ 1])
        nodes = {node >> 1: poseidon(curve, nodes[node], nodes[node ^ 1]) for node in nodes if not node & 1}
    return nodes[0], paths


def constrain_root(
    builder: CircuitBuilder,
    leaf: LinearCombination,
    siblings: Sequence[LinearCombination],
    bits: Sequence[LinearCombination],
    name: str,
) -> LinearCombination:
    """Constrain the path from a leaf and return the root it leads to: 242 constraints a level.

    The directions are constrained to be bits here; the caller compares the root.
    """
    node = leaf
    for level, (sibling, bit) in enumerate(zip(siblings, bits, strict=True)):
        at = f"{name}.level[{level}]"
        builder.assert_boolean(bit, f"{at}.direction")
        swap = builder.multiply(bit, sibling - node, f"{at}.swap")
        node = constrain_poseidon(builder, [node + swap, sibling - swap], f"{at}.hash")
    return node
