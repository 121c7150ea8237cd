import itertools

import pytest

from kernels.curves import BLS12_381, BN254
from kernels.encoding import limbs_from_ints
from prover.circuit_builder import CircuitBuilder
from prover.circuits.merkle import authentication_paths, constrain_root, directions
from prover.circuits.poseidon import poseidon

CURVES = pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)


def full_tree(curve, leaves):
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([poseidon(curve, *below[i : i + 2]) for i in range(0, len(below), 2)])
    return levels


@CURVES
def test_paths_are_those_of_the_full_tree(curve):
    leaves = [100 + i for i in range(8)]
    levels = full_tree(curve, leaves)
    root, paths = authentication_paths(curve, 3, dict(enumerate(leaves)), other=None)
    assert root == levels[3][0]
    for index, path in paths.items():
        assert path == [levels[level][index >> level ^ 1] for level in range(3)]


def test_only_nodes_beside_the_paths_are_asked_for():
    asked = itertools.count(1000)
    root, paths = authentication_paths(BN254, 4, {2: 7, 3: 8, 12: 9}, lambda: next(asked))
    assert next(asked) == 1000 + 5  # level 0: 13; level 1: 0 and 7; level 2: 1 and 2; level 3: both known
    assert paths[2][0] == 8
    assert paths[3][0] == 7
    assert paths[2][1:] == paths[3][1:]
    for index, leaf in {2: 7, 3: 8, 12: 9}.items():
        node = leaf
        for bit, sibling in zip(directions(4, index), paths[index], strict=True):
            node = poseidon(BN254, *((sibling, node) if bit else (node, sibling)))
        assert node == root


@CURVES
def test_constraints_lead_every_leaf_to_the_root(curve):
    depth = 2
    leaves = dict(enumerate([5, 6, 7, 8]))
    root, paths = authentication_paths(curve, depth, leaves, other=None)
    builder = CircuitBuilder(curve)
    expected = builder.public_input("root")
    leaf = builder.private_input("leaf")
    siblings = [builder.private_input(f"siblings[{level}]") for level in range(depth)]
    bits = [builder.private_input(f"directions[{level}]") for level in range(depth)]
    builder.assert_equal(constrain_root(builder, leaf, siblings, bits, "merkle"), expected, "root")
    program, r1cs = builder.program(), builder.r1cs()
    assert r1cs.constraints == 242 * depth + 1
    for index, value in leaves.items():
        witness, violated = program.run([root, value, *paths[index], *directions(depth, index)])
        assert violated == -1
        r1cs.check(limbs_from_ints(witness, 4))
        for wrong in range(4):
            if wrong != index:
                _, violated = program.run([root, value, *paths[index], *directions(depth, wrong)])
                assert r1cs.constraint_names[violated] == "root"
