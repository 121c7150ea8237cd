"""Times of the real actor; on a busy machine the best round counts, since others only add to a time."""

import pytest

from benchmarks.fastpath import real_actor
from benchmarks.fastpath.figures import REFUSAL_P99

pytestmark = pytest.mark.ray


def test_a_full_queue_refuses_within_ten_milliseconds(ray_cluster):  # noqa: ARG001 - it runs in that Ray
    figures = {figure.family: figure.value for figure in real_actor.refusals(1, rounds=5)}
    assert figures[REFUSAL_P99] < 10.0


def test_jobs_are_submitted_in_batches(ray_cluster):  # noqa: ARG001 - it runs in that Ray
    (figure,) = real_actor.submissions(1, batches=10)
    assert figure.value > 0


def test_decisions_are_timed_at_every_length():
    figures = list(real_actor.decisions(1, (10, 1000), rounds=20))
    assert [figure.x for figure in figures] == [10, 1000]
    assert all(figure.value > 0 for figure in figures)
