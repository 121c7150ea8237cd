import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.decayed import Decayed


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e3)), max_size=40), st.floats(0.1, 1e3))
def test_every_amount_fades_by_its_age(amounts, half_life_s):
    amounts.sort()
    decayed = Decayed(half_life_s)
    for at, amount in amounts:
        decayed.add(at, amount)
    now = amounts[-1][0] + 1.0 if amounts else 1.0
    exact = sum(amount * 2.0 ** (-(now - at) / half_life_s) for at, amount in amounts)
    assert decayed.at(now) == pytest.approx(exact, rel=1e-6, abs=1e-9)


def test_the_rate_of_a_steady_stream_is_its_rate():
    decayed = Decayed(10.0)
    for i in range(2_000):
        decayed.add(i / 10, 0.3)
    assert decayed.rate(200.0) == pytest.approx(3.0, rel=0.01)
    assert decayed.rate(1e9) == 0.0
    assert math.isfinite(decayed.total)
