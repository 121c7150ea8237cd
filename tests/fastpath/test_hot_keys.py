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
        assert hot.count - hot.error <= true[hot.key]
        assert hot.error <= len(accesses) / counters
    if len(true) <= counters:
        assert {hot.key: hot.count for hot in shown} == dict(true)


@pytest.mark.parametrize("seed", range(3))
def test_all_ten_hottest_of_a_zipf_stream_are_found_with_64_counters(seed):
    weights = [1 / rank**1.1 for rank in range(1, 100_001)]
    stream = random.Random(seed).choices(range(100_000), weights, k=100_000)
    hot_keys = HotKeys(64, random.Random(seed))
    for key in stream:
        hot_keys.track(str(key))
    found = {int(hot.key) for hot in hot_keys.get(10)}
    assert found == {key for key, _ in Counter(stream).most_common(10)}


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


def test_accesses_fade_by_half_in_every_half_life():
    hot_keys = HotKeys(half_life_s=10.0)
    hot_keys.track("old", 8, now=0.0)
    hot_keys.track("new", 3, now=20.0)
    assert hot_keys.get(2, now=20.0) == [HotKey("new", 3.0, 0.0), HotKey("old", 2.0, 0.0)]
    assert hot_keys.count("new", now=30.0) == 1.5
    assert hot_keys.count("other", now=30.0) == 0.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=50))
def test_counts_equal_the_sum_of_faded_accesses(accesses):
    accesses.sort(key=lambda access: access[1])
    hot_keys = HotKeys(half_life_s=7.0)
    for key, at in accesses:
        hot_keys.track(key, now=at)
    now = accesses[-1][1] if accesses else 0.0
    for key in "abc":
        exact = sum(2.0 ** -((now - at) / 7.0) for accessed, at in accesses if accessed == key)
        assert hot_keys.count(key, now) == pytest.approx(exact, rel=1e-9, abs=1e-15)


def test_a_new_hot_set_replaces_one_that_has_faded():
    rng = random.Random(5)
    hot_keys = HotKeys(16, rng, half_life_s=60.0)
    weights = [1 / rank for rank in range(1, 1_001)]
    for generation in range(2):
        for i in range(20_000):
            (rank,) = rng.choices(range(1_000), weights)
            hot_keys.track(f"{generation}-{rank}", now=1_000.0 * generation + i / 100)
    assert {hot.key for hot in hot_keys.get(3, now=1_200.0)} == {"1-0", "1-1", "1-2"}


def test_a_half_life_that_is_not_positive_is_refused():
    with pytest.raises(BadRequest):
        HotKeys(half_life_s=0)
