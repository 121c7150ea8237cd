import dataclasses
import sys

import numpy as np
import pytest

from kernels.encoding import ints_from_limbs, points_from_ints
from prover import groth16
from prover.errors import BadInput, InvalidProof


def bad_indices(vk, proofs, public_inputs, backend):
    with pytest.raises(InvalidProof) as caught:
        groth16.verify_batch(vk, proofs, public_inputs, backend)
    return caught.value.indices


def test_good_batches_of_any_size_pass(vk, proven, backend):
    for size in (1, 2, 7):
        groth16.verify_batch(vk, proven[0][:size], proven[1][:size], backend)


def test_public_inputs_may_be_one_array(vk, proven, backend):
    groth16.verify_batch(vk, proven[0], np.stack(proven[1]), backend)


@pytest.mark.parametrize("bad", [[0], [6], [2, 3], [0, 4, 6], list(range(7))], ids=str)
def test_exactly_the_bad_proofs_are_named(vk, proven, backend, another_point, bad):
    proofs = list(proven[0])
    for index in bad:
        proofs[index] = dataclasses.replace(proofs[index], c=another_point["g1"])
    assert bad_indices(vk, proofs, proven[1], backend) == tuple(bad)


@pytest.mark.parametrize("element", ["a", "b", "c"])
@pytest.mark.parametrize("bad", [[0], [13], [5, 20], [7, 8, 9]], ids=str)
def test_exactly_the_bad_proofs_of_a_large_batch_are_named(vk, proven, backend, another_point, bad, element):
    """Large enough for the lanes to take part in every step."""
    proofs, inputs = list(proven[0]) * 3, list(proven[1]) * 3
    groth16.verify_batch(vk, proofs, inputs, backend)
    for index in bad:
        stranger = another_point["g2" if element == "b" else "g1"]
        proofs[index] = dataclasses.replace(proofs[index], **{element: stranger})
    assert bad_indices(vk, proofs, inputs, backend) == tuple(bad)


def test_points_outside_the_subgroup_are_named_in_a_large_batch(vk, proven, backend, outside_subgroup):
    for group, point in outside_subgroup.items():
        proofs, inputs = list(proven[0]) * 3, list(proven[1]) * 3
        proofs[11] = dataclasses.replace(proofs[11], **{"a" if group == "g1" else "b": point})
        assert bad_indices(vk, proofs, inputs, backend) == (11,)


def test_swapped_statements_are_named(vk, proven, backend):
    inputs = list(proven[1])
    inputs[1], inputs[5] = inputs[5], inputs[1]
    assert bad_indices(vk, proven[0], inputs, backend) == (1, 5)


def test_errors_that_cancel_without_weights_are_found(vk, proven, backend, curve):
    x, y = curve.g1_generator
    opposite = points_from_ints(curve, "g1", [(x, y), (x, curve.fp.modulus - y)])
    proofs = list(proven[0])
    for index, error in enumerate(opposite):
        bases = backend.load_bases(curve, "g1", np.stack([proofs[index].c, error]))
        shifted = backend.msm(bases, np.array([[1, 0, 0, 0]] * 2, dtype=np.uint64))
        proofs[index] = dataclasses.replace(proofs[index], c=shifted)
    assert bad_indices(vk, proofs, proven[1], backend) == (0, 1)


def test_malformed_items_are_named_with_the_invalid(vk, proven, backend, curve, another_point):
    proofs, inputs = list(proven[0]), list(proven[1])
    inputs[0] = inputs[0][:1]
    inputs[2] = [value + curve.fr.modulus for value in ints_from_limbs(inputs[2])]
    off_curve = proofs[3].b.copy()
    off_curve[0, 0, 0] ^= np.uint64(1)
    proofs[3] = dataclasses.replace(proofs[3], b=off_curve)
    proofs[6] = dataclasses.replace(proofs[6], a=another_point["g1"])
    assert bad_indices(vk, proofs, inputs, backend) == (0, 2, 3, 6)


def test_an_empty_batch_is_refused(vk, backend):
    with pytest.raises(BadInput, match="at least one"):
        groth16.verify_batch(vk, [], [], backend)


def test_numbers_must_agree(vk, proven, backend):
    with pytest.raises(BadInput, match="7 proofs come with 6"):
        groth16.verify_batch(vk, proven[0], proven[1][:6], backend)


def test_weights_are_fresh_for_each_batch(vk, proven, backend, monkeypatch):
    module, drawn = sys.modules[groth16.verify_batch.__module__], []
    original = module.nonzero_below
    monkeypatch.setattr(module, "nonzero_below", lambda *args: drawn.append(original(*args)) or drawn[-1])
    for _ in range(2):
        groth16.verify_batch(vk, proven[0], proven[1], backend)
    assert len(set(drawn)) == 14
    assert max(drawn).bit_length() > 100
