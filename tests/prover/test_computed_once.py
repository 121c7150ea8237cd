import threading
import time

import pytest

from prover.computed_once import ComputedOnce


def run_together(count, task):
    barrier = threading.Barrier(count)
    results = [None] * count

    def run(index):
        barrier.wait()
        try:
            results[index] = task()
        except ValueError as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_forgotten_value_is_computed_again():
    values = iter([1, 2])
    once = ComputedOnce(capacity=2)
    assert once.get("key", lambda: next(values)) == 1
    once.forget("key")
    once.forget("other")
    assert once.get("key", lambda: next(values)) == 2


def test_threads_that_ask_together_get_one_value():
    cache, computed = ComputedOnce(4), []

    def compute():
        computed.append(1)
        time.sleep(0.05)
        return object()

    results = run_together(8, lambda: cache.get("key", compute))
    assert len(set(map(id, results))) == len(computed) == 1


def test_a_failure_reaches_all_who_waited_and_is_not_kept():
    cache = ComputedOnce(4)

    def fail():
        time.sleep(0.05)
        raise ValueError("once")

    assert all(isinstance(result, ValueError) for result in run_together(4, lambda: cache.get("key", fail)))
    assert cache.get("key", lambda: 5) == 5


def test_the_least_recently_used_value_is_dropped():
    cache = ComputedOnce(2)
    for key in "abac":
        cache.get(key, lambda key=key: key)
    assert cache.get("a", lambda: pytest.fail("was dropped")) == "a"
    assert cache.get("b", lambda: "again") == "again"


def test_pinned_values_neither_count_nor_go():
    made = []
    once = ComputedOnce(capacity=1)

    def value(key):
        return once.get(key, lambda: made.append(key) or key)

    once.pin("a")
    for key in ("a", "b", "a", "c", "a", "c"):
        assert value(key) == key
    assert made == ["a", "b", "c"]
    once.pin("a", pinned=False)
    value("c")
    value("a")
    assert made == ["a", "b", "c", "a"], "the oldest one went when its pin was gone"
