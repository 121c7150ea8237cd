import random

from fastpath.hot_keys import HotKeys
from fastpath.preload import Preloads
from fastpath.workers import WorkerOffer, Workers


def setup(workers=2):
    hot_keys = HotKeys()
    pool = Workers(random.Random(1), hot_keys.count)
    for i in range(workers):
        pool.add(f"w{i}", WorkerOffer(2))
    return hot_keys, pool, Preloads(hot_keys, pool)


def test_a_hot_key_that_no_free_worker_has_is_loaded_on_the_least_loaded_once():
    hot_keys, pool, preloads = setup()
    hot_keys.track("hot", 100)
    hot_keys.track("cold", 1)
    pool.call_started("w0", 1, {})
    assert preloads.due(0.0) == [("w1", "hot")]
    assert "hot" in pool.get("w1").keys
    assert pool.get("w1").keys.misses == 0
    assert preloads.due(100.0) == []


def test_loads_are_spread_over_time():
    hot_keys, _, preloads = setup()
    for key in "ab":
        hot_keys.track(key, 100)
    assert preloads.due(0.0) == [("w0", "a")]
    assert preloads.due(4.9) == []
    assert [key for _, key in preloads.due(5.0)] == ["b"]


def test_nothing_is_loaded_where_no_worker_is_free():
    hot_keys, pool, preloads = setup(workers=1)
    hot_keys.track("hot", 100)
    pool.lost("w0")
    assert preloads.due(0.0) == []
