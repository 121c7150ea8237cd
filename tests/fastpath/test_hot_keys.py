import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.errors import BadRequest
from fastpath.hot_keys import HotKey, HotKeys


@given(st.lists(st.sampled_from("abcdefghij"), max_size=300), st.integers(1, 12))
def test_counts_are_bounded_as_promised(accesses, counters):
    hot_keys = HotKeys(counters)
    for key in accesses:
        hot_keys.track(key)
    true = Counter(accesses)
    shown = hot_keys.get(100)
    assert len(shown) <= counters
    for hot in shown:
        assert hot.count - hot.error <= true[hot.key] <= hot.count
        assert hot.error <= len(accesses) / counters
    frequent = {key for key, count in true.items() if count > len(accesses) / counters}
    assert frequent <= {hot.key for hot in shown}


def test_the_hottest_of_many_keys_are_found_in_bounded_memory():
    rng = random.Random(3)
    keys = [f"k{i}" for i in range(10_000)]
    weights = [1 / (i + 1) ** 1.1 for i in range(10_000)]
    hot_keys = HotKeys(64)
    for key in rng.choices(keys, weights, k=50_000):
        hot_keys.track(key)
    found = [hot.key for hot in hot_keys.get(5)]
    assert found == keys[:5]
    assert len(hot_keys.get(1_000)) == 64


def test_several_accesses_at_once_order_and_reset():
    hot_keys = HotKeys()
    hot_keys.track("b", 3)
    hot_keys.track("a", 3)
    hot_keys.track("c", 7)
    assert hot_keys.get(2) == [HotKey("c", 7, 0), HotKey("a", 3, 0)]
    assert hot_keys.get(-1) == []
    hot_keys.reset()
    assert hot_keys.get(5) == []


def test_no_counters_are_refused():
    with pytest.raises(BadRequest):
        HotKeys(0)
