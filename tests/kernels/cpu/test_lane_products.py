"""Products in lanes against those of one lane, which the reference checks."""

import numpy as np
import pytest

from kernels import get_backend, limbs_from_ints
from kernels.cpu.features import has_ifma
from kernels.cpu.ifma import IfmaBackend


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 64, 81])
def test_edge_values_and_any_number(curve, rng, native, n):
    if native and not has_ifma():
        pytest.skip("this CPU has no IFMA; see the emulated case")
    r, lanes, portable = curve.fr.modulus, IfmaBackend(native=native), get_backend("portable")
    edges = [0, 1, r - 1, r - 2, (1 << 64) - 1, (1 << 192) - 1, (1 << 252) - 1, rng.randrange(r), rng.randrange(r)]
    pairs = [(a, b) for a in edges for b in edges][81 - n :]
    left, right = (limbs_from_ints([pair[side] for pair in pairs], 4) for side in (0, 1))
    left.flags.writeable = right.flags.writeable = False
    assert np.array_equal(lanes.multiply(curve, left, right), portable.multiply(curve, left, right))
    assert np.array_equal(lanes.multiply(curve, right[-1], left), portable.multiply(curve, right[-1], left))
    assert np.array_equal(lanes.from_montgomery(curve, lanes.to_montgomery(curve, left)), left)
