import random
from collections import OrderedDict

import pytest

from fastpath.errors import BadRequest
from fastpath.hot_keys import HotKeys
from fastpath.residency import KeyResidency


def test_keys_fill_the_slots_before_any_is_let_go():
    keys = KeyResidency(3, lambda _key: 0.0)
    assert [keys.use(key) for key in "abc"] == [[], [], []]
    assert len(keys) == 3
    assert all(key in keys for key in "abc")
    assert keys.use("d") == ["a"]


def test_a_scan_displaces_no_popular_key():
    popularity = {"hot": 100.0, "warm": 50.0}
    keys = KeyResidency(3, lambda key: popularity.get(key, 1.0))
    for key in ("hot", "warm"):
        keys.use(key)
    for i in range(100):
        forgotten = keys.use(f"cold{i}")
        assert forgotten in ([], [f"cold{i - 1}"])
    assert "hot" in keys
    assert "warm" in keys
    assert (keys.hits, keys.misses) == (0, 102)


def test_what_is_let_go_is_not_there_and_the_rest_is():
    rng = random.Random(1)
    hot_keys = HotKeys(rng=rng)
    keys, there = KeyResidency(4, hot_keys.count), set()
    for _ in range(2_000):
        key = str(rng.randrange(12))
        hot_keys.track(key)
        there.add(key)
        there -= set(keys.use(key))
        assert all(key in keys for key in there)
        assert len(keys) == len(there) <= 4


@pytest.mark.parametrize("seed", range(3))
def test_it_hits_more_often_than_least_recently_used_on_zipf(seed):
    rng = random.Random(seed)
    weights = [1 / rank**1.1 for rank in range(1, 10_001)]
    stream = [str(rank) for rank in rng.choices(range(10_000), weights, k=40_000)]
    hot_keys = HotKeys(rng=rng)
    keys = KeyResidency(16, hot_keys.count)
    recent, hits = OrderedDict(), 0
    for key in stream:
        hot_keys.track(key)
        keys.use(key)
        hits += key in recent
        recent[key] = None
        recent.move_to_end(key)
        if len(recent) > 16:
            recent.popitem(last=False)
    assert keys.hits > 1.2 * hits


def test_one_slot_holds_the_last_key():
    keys = KeyResidency(1, lambda _key: 0.0)
    assert keys.use("a") == []
    assert keys.use("b") == ["a"]
    assert "b" in keys
    keys.clear()
    assert len(keys) == 0


def test_no_slots_are_refused():
    with pytest.raises(BadRequest):
        KeyResidency(0, lambda _key: 0.0)
