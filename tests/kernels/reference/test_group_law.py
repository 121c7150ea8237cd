"""The oracle's curve arithmetic against py_ecc; everything else is then tested against the oracle."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels import Interrupted, limbs_from_ints, points_to_ints
from kernels.reference import ReferenceBackend


@pytest.fixture
def backend():
    return ReferenceBackend()


@pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 5, 255, 2**64 - 1, 2**128 + 1])
def test_multiples_are_those_of_py_ecc(curve, group, multiples, peer_multiple, k):
    r = curve.fr.modulus
    assert points_to_ints(curve, group, multiples([k, -k])) == [peer_multiple(k), peer_multiple(r - k)]


small = st.integers(0, 12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=st.lists(st.tuples(small, small), max_size=5))
def test_sums_with_equal_opposite_and_infinite_points_are_those_of_py_ecc(
    backend, curve, group, multiples, peer_multiple, terms
):
    bases = backend.load_bases(curve, group, multiples([a - 6 for a, _ in terms]))
    total = backend.msm(bases, limbs_from_ints([b for _, b in terms], 4))
    wanted = sum((a - 6) * b for a, b in terms) % curve.fr.modulus
    assert points_to_ints(curve, group, total[None]) == [peer_multiple(wanted)]


def test_a_batch_gives_a_point_a_row(backend, curve, group, multiples):
    bases = backend.load_bases(curve, group, multiples([3, 4]))
    rows = limbs_from_ints([5, 6, 0, 1], 4).reshape(2, 2, 4)
    assert np.array_equal(backend.msm(bases, rows), multiples([39, 4]))


def test_cancellation(backend, curve, group, multiples):
    with pytest.raises(Interrupted):
        backend.msm(backend.load_bases(curve, group, multiples([1])), limbs_from_ints([9], 4), should_stop=lambda: True)
