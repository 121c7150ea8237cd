import math

import pytest

from fastpath.conflicts import Access
from fastpath.errors import BadRequest, UnknownTenant
from fastpath.settings import SchedulerSettings
from fastpath.submission import Submission

SETTINGS = SchedulerSettings(max_batch=10, max_jobs=100, max_bytes=1_000)
GOOD = {"key_id": "k", "count": 1, "item_bytes": 100}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"count": 10},
        {"deadline_s": 0.1},
        {"priority": 0},
        {"priority": 9},
        {"count": 2, "accesses": (Access(), Access(frozenset("a"), frozenset("b")))},
        {"idempotency_key": "i", "digest": b"d"},
    ],
)
def test_good_submissions_pass(change):
    Submission(**GOOD | change).check(SETTINGS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key_id": ""}, "key_id"),
        ({"key_id": "k" * 257}, "key_id"),
        ({"key_id": None}, "key_id"),
        ({"count": 0}, "count is 0.*at least one"),
        ({"count": -1}, "count is -1"),
        ({"count": 11}, "count is 11.*from 1 to 10.*split"),
        ({"count": 1.0}, "count"),
        ({"item_bytes": -1}, "item_bytes"),
        ({"item_bytes": 101, "count": 10}, "1010 bytes.*at most 1000"),
        ({"deadline_s": 0}, "deadline_s is 0"),
        ({"deadline_s": -1.0}, "deadline_s"),
        ({"deadline_s": math.nan}, "deadline_s"),
        ({"deadline_s": math.inf}, "deadline_s"),
        ({"deadline_s": "soon"}, "deadline_s"),
        ({"priority": -1}, "priority is -1"),
        ({"priority": 10}, "priority"),
        ({"priority": 1.5}, "priority"),
        ({"submitter": "s" * 257}, "submitter"),
        ({"submitter": None}, "submitter"),
        ({"tenant": ""}, "tenant"),
        ({"domain_size": -1}, "domain_size is -1"),
        ({"idempotency_key": "i"}, "belong together"),
        ({"idempotency_key": "i", "digest": b"d" * 65}, "at most 64 bytes"),
        ({"accesses": (Access(), Access())}, "one entry for each of the 1 items"),
        ({"accesses": ("a",)}, "must be an Access"),
        ({"accesses": (Access(writes=frozenset(map(str, range(65)))),)}, "item 0 declares 65 conflict keys.*64"),
        ({"accesses": (Access(reads=frozenset([""])),)}, "a conflict key of item 0"),
    ],
)
def test_wrong_fields_are_refused_by_name(change, message):
    with pytest.raises(BadRequest, match=message):
        Submission(**GOOD | change).check(SETTINGS)


def test_only_fixed_tenants_may_submit():
    fixed = SchedulerSettings(tenants={"a": 2.0})
    Submission(**GOOD, tenant="a").check(fixed)
    with pytest.raises(UnknownTenant, match="'b'"):
        Submission(**GOOD, tenant="b").check(fixed)
    with pytest.raises(BadRequest, match="weight of tenant 'a'"):
        SchedulerSettings(tenants={"a": 0})
