import math

from fastpath.deadlines import Deadlines


def test_deadlines_pass_once_and_in_order():
    batches = {"a", "b", "c", "never"}
    deadlines = Deadlines(batches)
    for batch_id, deadline in [("a", 3.0), ("b", 1.0), ("c", 2.0), ("never", math.inf)]:
        deadlines.add(deadline, batch_id)
    assert deadlines.next_due() == 1.0
    assert deadlines.pop_passed(2.0) == ["b", "c"]
    batches.remove("a")
    assert deadlines.next_due() is None
    assert deadlines.pop_passed(math.inf) == []


def test_batches_that_are_gone_do_not_fill_the_memory():
    batches = set()
    deadlines = Deadlines(batches)
    for i in range(1_000):
        deadlines.add(1e9 + i, f"gone-{i}")
    assert len(deadlines._heap) < 100
