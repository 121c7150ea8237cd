import pytest

from fastpath.errors import IdempotencyConflict
from fastpath.idempotency import IdempotencyKeys
from fastpath.job import Job, JobRecord, JobState
from fastpath.ledger import Batch, Ledger


def setup(state=None):
    ledger = Ledger(ttl_s=10.0, max_records=100)
    batch = Batch("b", "k", "s", "t", 0, 1e9, 0.0, [Job("b-0", "b", 0, "k", 5, 1e9, 0.0, 0)])
    ledger.add(batch)
    if state is not None:
        batch.records.append(JobRecord("b-0", "b", 0, state))
        ledger.finish(batch, 0.0)
    keys = IdempotencyKeys(ledger)
    keys.remember("t", "key", b"digest", "b")
    return keys, ledger, batch


@pytest.mark.parametrize("state", [None, JobState.DONE])
def test_a_repetition_is_the_batch_that_runs_or_ran_well(state):
    keys, _, batch = setup(state)
    assert keys.find("t", "key", b"digest") is batch


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.DEAD_LETTER])
def test_what_did_not_end_well_runs_anew(state):
    keys, _, _ = setup(state)
    assert keys.find("t", "key", b"digest") is None


def test_another_payload_is_a_conflict():
    keys, _, _ = setup()
    with pytest.raises(IdempotencyConflict, match="'key'"):
        keys.find("t", "key", b"other")


def test_tenants_do_not_share_keys():
    keys, _, _ = setup()
    assert keys.find("u", "key", b"other") is None


def test_a_key_lives_as_long_as_its_batch():
    keys, ledger, _ = setup(JobState.DONE)
    ledger.acknowledge("b")
    assert keys.find("t", "key", b"other") is None
    keys, _, batch = setup()
    batch.acknowledged = True
    assert keys.find("t", "key", b"digest") is None


def test_keys_of_batches_that_are_gone_do_not_fill_the_memory():
    keys, _, batch = setup()
    for i in range(1_000):
        keys.remember("t", str(i), b"", f"gone{i}")
    assert len(keys) < 100
    assert keys.find("t", "key", b"digest") is batch
