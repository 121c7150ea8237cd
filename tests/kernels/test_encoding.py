import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import (
    BLS12_381,
    CURVES,
    ints_from_limbs,
    ints_from_montgomery,
    limbs_from_ints,
    montgomery_from_ints,
    points_from_ints,
    points_to_ints,
)


@given(st.lists(st.integers(0, 2**256 - 1)))
def test_limbs_round_trip(values):
    assert ints_from_limbs(limbs_from_ints(values, 4)) == values


def test_limbs_are_little_endian():
    assert limbs_from_ints([1 + (2 << 64) + (3 << 192)], 4).tolist() == [[1, 2, 0, 3]]


@pytest.mark.parametrize("value", [-1, 2**256])
def test_values_that_do_not_fit_are_refused(value):
    with pytest.raises(OverflowError):
        limbs_from_ints([value], 4)


@given(st.lists(st.integers(0, BLS12_381.fp.modulus - 1), min_size=1))
def test_montgomery_round_trip(values):
    field = BLS12_381.fp
    assert ints_from_montgomery(field, montgomery_from_ints(field, values)) == values


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("group", ["g1", "g2"])
def test_points_round_trip_with_infinity(curve, group):
    generator = curve.g1_generator if group == "g1" else curve.g2_generator
    points = [generator, None, generator]
    array = points_from_ints(curve, group, points)
    assert array.shape == (3, *curve.point_shape(group))
    assert array.dtype == np.uint64
    assert not array[1].any()
    assert points_to_ints(curve, group, array) == points
