import numpy as np
import pytest

from kernels.backend import SparseMatrix
from kernels.cpu.witness_program import SATISFIED, Step, run_program
from kernels.curves import BLS12_381, BN254
from kernels.encoding import ints_from_limbs, limbs_from_ints, montgomery_from_ints


@pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)
def test_a_program_written_by_hand(curve):
    # Slots: 0 one, 1 input x, 2 product, 3 and 4 bits, then 5 scratch.
    rows = [{1: 1, 0: -1}, {1: 3}, {2: 2, 5: 1}, {5: 1}, {0: 4}]
    forms = SparseMatrix(
        indptr=np.cumsum([0, *map(len, rows)], dtype=np.int64),
        indices=np.array([slot for row in rows for slot in row], np.int32),
        coefficients=montgomery_from_ints(curve.fr, [value for row in rows for value in row.values()]),
    )
    steps = [
        (Step.PRODUCT, 2, 0, 1),  # (x - 1) 3 x
        (Step.LINEAR, 5, 1, 0),  # 3 x
        (Step.BITS, 3, 2, 2),  # low two bits of 2 (x - 1) 3 x + 3 x
        (Step.CHECK, 1, 3, 3),  # (3 x)^2 = 3 x: constraint 7
        (Step.CHECK, 4, 3, 0),  # 3 x (x - 1) = 4: constraint 9
    ]
    r = curve.fr.modulus
    values = [0, 1, 2, pow(3, -1, r), r - 1]
    inputs = limbs_from_ints(values, 4).reshape(-1, 1, 4)
    arrays = [np.array(steps, np.int32), np.array([1], np.int32), np.array([7, 9], np.int32), inputs]
    for array in (*arrays, forms.indptr, forms.indices, forms.coefficients):
        array.flags.writeable = False  # as from the object store
    out, violated = run_program(curve, arrays[0], forms, arrays[1], arrays[2], inputs, variables=5, scratch=1)
    for x, row in zip(values, out, strict=True):
        low = (6 * x * (x - 1) + 3 * x) % r
        assert ints_from_limbs(row) == [1, x, 3 * x * (x - 1) % r, low & 1, low >> 1 & 1]
    assert violated.tolist() == [9, 7, 7, 9, 7]
    assert SATISFIED not in violated
    with pytest.raises(ValueError, match="inputs must be"):
        run_program(curve, arrays[0], forms, arrays[1], arrays[2], inputs[:, :0], variables=5, scratch=1)
