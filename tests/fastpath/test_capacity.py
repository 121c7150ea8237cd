from fastpath.capacity import Capacity


def test_jobs_and_bytes_are_counted():
    capacity = Capacity(max_jobs=10, max_bytes=100)
    assert capacity.excess("t", 10, 100) == (0, 0)
    capacity.take("t", 8, 90)
    assert capacity.excess("t", 2, 10) == (0, 0)
    assert capacity.excess("t", 5, 40) == (3, 30)
    assert (capacity.held_by("t"), capacity.tenants) == (8, 1)
    capacity.give_back("t", 8, 90)
    assert capacity.excess("t", 10, 100) == (0, 0)
    assert (capacity.held_by("t"), capacity.tenants) == (0, 0)


def test_the_last_tenth_is_for_tenants_that_hold_little():
    capacity = Capacity(max_jobs=100, max_bytes=10**9)
    capacity.seen(0.0, "large")
    capacity.seen(0.0, "small")
    capacity.take("large", 85, 0)
    assert capacity.excess("large", 10, 0) == (5, 0)
    assert capacity.excess("small", 15, 0) == (0, 0)
    assert capacity.excess("small", 60, 0) == (55, 0)


def test_a_tenant_that_is_alone_again_may_hold_everything():
    capacity = Capacity(max_jobs=100, max_bytes=10**9)
    capacity.seen(0.0, "other")
    capacity.seen(1.0, "t")
    capacity.take("t", 1, 0)
    assert capacity.excess("t", 99, 0) == (10, 0)
    capacity.seen(400.0, "t")
    assert capacity.excess("t", 99, 0) == (0, 0)


def test_promised_room_is_kept_but_never_locks_an_empty_queue():
    capacity = Capacity(max_jobs=10, max_bytes=100)
    assert capacity.excess("t", 10, 0, promised_jobs=5) == (0, 0)
    capacity.take("t", 4, 0)
    assert capacity.excess("t", 2, 0, promised_jobs=5) == (1, 0)


def test_tenants_that_only_ask_are_not_remembered_for_ever():
    capacity = Capacity(10, 10)
    for i in range(10_000):
        capacity.seen(0.0, f"t{i}")
    assert len(capacity._seen) <= 4096
