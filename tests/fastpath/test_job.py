import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.errors import IllegalMove, UnknownJob
from fastpath.job import MOVES, BatchIds, Job, JobState, job_id_of, split_id


def job(state=JobState.QUEUED):
    return Job("b-0", "b", 0, "key", 5, 10.0, 0.0, 0, state=state)


def test_an_undisturbed_job_passes_through_the_states_in_order():
    passing = job()
    for state in [JobState.ADMITTED, JobState.RUNNING, JobState.VERIFYING, JobState.DONE]:
        passing.move(state)
    assert passing.state is JobState.DONE


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JobState, JobState)))
def test_exactly_the_listed_moves_are_allowed(before, after):
    moving = job(before)
    if after in MOVES[before]:
        moving.move(after)
        assert moving.state is after
    else:
        with pytest.raises(IllegalMove, match=f"from {before} to {after}"):
            moving.move(after)
        assert moving.state is before


def test_the_last_five_states_are_final():
    assert [state.value for state in JobState if state.final] == [
        "done",
        "failed",
        "cancelled",
        "expired",
        "dead-letter",
    ]


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=50))
def test_batch_ids_sort_in_order_of_issue_whatever_the_wall_clock_does(times_ms):
    ids = BatchIds(random.Random(1))
    issued = [ids.next(time_ms) for time_ms in times_ms]
    assert issued == sorted(set(issued))
    assert {len(issue) for issue in issued} == {26}


def test_batch_ids_of_two_sources_sort_by_time():
    early, late = BatchIds(random.Random(1)).next(1_700_000_000_000), BatchIds(random.Random(2)).next(1_700_000_000_001)
    assert early < late


def test_job_ids_sort_by_row_and_lead_back_to_their_batch():
    ids = [job_id_of("B", row) for row in (0, 9, 10, 9_999)]
    assert ids == sorted(ids)
    assert [split_id(issued) for issued in ids] == [("B", 0), ("B", 9), ("B", 10), ("B", 9_999)]
    assert split_id("B") == ("B", None)
    for nonsense in ("B-", "B-x", "B-1-2", "B-²"):
        with pytest.raises(UnknownJob):
            split_id(nonsense)
