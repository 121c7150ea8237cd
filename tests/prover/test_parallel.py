import threading

import numpy as np
import pytest

import prover
from kernels import get_backend
from kernels.encoding import points_from_ints
from prover import groth16
from prover.errors import BadInput, Cancelled, DeviceFault, UnsatisfiedConstraint
from prover.groth16 import Phase, key_bases
from prover.groth16.prepare import make_shared_tables, release_prepared
from prover.parallel import LEAST_VERIFIED_TOGETHER, ParallelProver, ProverConfig
from prover.pool import ProverPool, get_pool_stats


@pytest.fixture(scope="module")
def pool():
    with ProverPool(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def parallel(multiply_key, pool):
    return ParallelProver(multiply_key, ProverConfig(backend=get_backend("portable")), pool)


@pytest.fixture
def witnesses(multiply):
    return multiply.random_witnesses(6, seed=4)


class Faulty:
    """A backend whose G2 MSMs come out as the generator, for the first ``faults`` calls."""

    name = "faulty"

    def __init__(self, curve, faults):
        self._backend, self.faults = get_backend("portable"), faults
        self._wrong = points_from_ints(curve, "g2", [curve.g2_generator])[0]
        self._lock = threading.Lock()

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def msm(self, bases, scalars, *args, **kwargs):
        with self._lock:
            faulty = bases.group == "g2" and self.faults > 0
            self.faults -= faulty
        right = self._backend.msm(bases, scalars, *args, **kwargs)
        return np.broadcast_to(self._wrong, right.shape) if faulty else right


def test_every_proof_is_returned_verified(parallel, multiply, multiply_key, witnesses):
    result = parallel.prove_batch(witnesses)
    assert result.errors == {}
    for item, witness in zip(result.items, witnesses, strict=True):
        assert np.array_equal(item.public_inputs, multiply.public_inputs(witness))
        groth16.verify(multiply_key.verifying_key, item.proof, item.public_inputs)
        assert 0 < item.proving_s <= item.latency_s <= result.elapsed_s
    assert len(set(result.proofs)) == 6


def test_a_sequence_of_witnesses_will_do(parallel, witnesses):
    assert len(parallel.prove_batch(list(witnesses)).proofs) == 6


def test_a_bad_item_does_not_stop_the_others(parallel, witnesses):
    batch = list(witnesses)
    batch[0] = batch[0].copy()
    batch[0][1, 0] ^= np.uint64(1)
    batch[2] = batch[2][:-1]
    batch[3] = batch[3].astype(np.int64)
    batch[5] = np.full_like(batch[5], np.iinfo(np.uint64).max)
    result = parallel.prove_batch(batch)
    assert {index: type(error) for index, error in result.errors.items()} == {
        0: UnsatisfiedConstraint,
        2: BadInput,
        3: BadInput,
        5: BadInput,
    }
    assert result.errors[0].index == 0
    assert [item.proof is not None for item in result.items] == [False, True, False, False, True, False]


def test_an_error_keeps_no_witness_alive(parallel, witnesses):
    result = parallel.prove_batch([witnesses[0][:-1]])
    assert result.errors[0].__traceback__ is None


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint64), np.zeros((0, 4, 4), np.uint64), []], ids=repr)
def test_a_malformed_batch_is_refused(parallel, wrong):
    with pytest.raises(BadInput):
        parallel.prove_batch(wrong)


def test_a_batch_above_the_limit_is_refused(multiply_key, pool, witnesses):
    with pytest.raises(BadInput, match="at most 5"):
        ParallelProver(multiply_key, ProverConfig(batch_limit=5), pool).prove_batch(witnesses)
    assert not ParallelProver(multiply_key, ProverConfig(batch_limit=5), pool).prove_batch(witnesses[:5]).errors


@pytest.mark.parametrize("size", [1, 6])
def test_a_single_fault_is_made_good(multiply, multiply_key, pool, witnesses, size):
    faulty = Faulty(multiply.curve, faults=1)
    result = ParallelProver(multiply_key, ProverConfig(backend=faulty), pool).prove_batch(witnesses[:size])
    assert faulty.faults == 0
    assert len(result.proofs) == size


def test_a_lasting_fault_is_the_items_error(multiply, multiply_key, pool, witnesses):
    always = Faulty(multiply.curve, faults=10**9)
    result = ParallelProver(multiply_key, ProverConfig(backend=always), pool).prove_batch(witnesses)
    assert [type(error) for error in result.errors.values()] == [DeviceFault] * 6
    assert all(item.public_inputs is None for item in result.items)


def test_a_crashing_backend_is_a_device_fault(multiply, multiply_key, pool, witnesses, monkeypatch):
    crashing = Faulty(multiply.curve, faults=0)
    monkeypatch.setattr(crashing, "msm", lambda *_args, **_kwargs: 1 // 0, raising=False)
    (error,) = (
        ParallelProver(multiply_key, ProverConfig(backend=crashing), pool).prove_batch(witnesses[:1]).errors.values()
    )
    assert isinstance(error, DeviceFault)
    assert "ZeroDivisionError" in str(error)


def test_single_items_can_be_cancelled(parallel, witnesses):
    result = parallel.prove_batch(witnesses, should_stop=lambda index: index in {1, 4})
    assert {index: type(error) for index, error in result.errors.items()} == {1: Cancelled, 4: Cancelled}


def test_phases_are_reported_by_item(parallel, witnesses):
    seen = []
    parallel.prove_batch(witnesses[:2], on_phase=lambda index, phase, _seconds: seen.append((index, phase)))
    expected = [phase for phase in Phase if phase is not Phase.VERIFY]
    for index in range(2):
        assert [phase for i, phase in seen if i == index] == expected


def test_a_custom_pool_does_the_work_and_stays_open(parallel, witnesses):
    before = get_pool_stats().tasks
    with ProverPool(1) as custom:
        parallel.with_custom_pool(custom).prove_batch(witnesses)
        assert custom.stats().tasks == 6
        assert custom.submit(int).result() == 0
    assert get_pool_stats().tasks == before


def test_the_shared_setup_uses_the_key_directory_and_the_default_pool(multiply, tmp_path, witnesses):
    before = prover.get_pool_stats().tasks
    config = ProverConfig(key_directory=tmp_path)
    first, second = (ParallelProver.with_shared_setup(multiply, config) for _ in range(2))
    assert first.key is second.key
    assert (tmp_path / first.key.key_id).is_dir()
    assert len(first.prove_batch(witnesses).proofs) == 6
    assert prover.get_pool_stats().tasks == before + 6


def test_a_thread_verifies_the_proofs_it_made(multiply, multiply_key, pool):
    half = LEAST_VERIFIED_TOGETHER
    witnesses = multiply.random_witnesses(2 * half, seed=5)
    backend, told = Faulty(multiply.curve, faults=1), []
    result = ParallelProver(multiply_key, ProverConfig(backend=backend), pool).prove_batch(
        witnesses, on_verifying=told.append
    )
    assert result.errors == {}
    parts = [list(range(half)), list(range(half, 2 * half))]
    assert sorted(told[:2]) == parts
    assert told[2] in parts  # those that the fault struck are made anew
    assert len(told) == 3
    groth16.verify_batch(multiply_key.verifying_key, result.proofs, multiply.public_inputs(witnesses))


def test_concurrent_batches_do_not_mix(parallel, multiply):
    batches = [multiply.random_witnesses(3, seed=seed) for seed in range(4)]
    results = [None] * 4

    def run(index):
        results[index] = parallel.prove_batch(batches[index])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for batch, result in zip(batches, results, strict=True):
        assert [item.public_inputs.tolist() for item in result.items] == multiply.public_inputs(batch).tolist()


def test_proofs_over_shared_tables_of_wrong_words_are_made_again_without_them(
    multiply, multiply_key, pool, witnesses, monkeypatch
):
    backend = get_backend("portable")
    monkeypatch.setattr(key_bases, "SHARED_FROM_BYTES", 1)
    release_prepared(multiply_key.key_id, backend)
    refused = []

    class Store:
        def get(self, wanted, *, wait):  # noqa: ARG002 - part of the interface
            if wanted in refused:
                return None
            digest, arrays = make_shared_tables(multiply_key, backend, wanted)
            return digest, {name: np.roll(table, 1, axis=0) for name, table in arrays.items()}

        def refuse(self, wanted):
            refused.append(wanted)

    try:
        config = ProverConfig(backend=backend, tables=Store())
        result = ParallelProver(multiply_key, config, pool).prove_batch(witnesses)
        assert {wanted.purpose for wanted in refused} == {"proof", "rows"}
    finally:
        release_prepared(multiply_key.key_id, backend)
    assert result.errors == {}
    statements = multiply.public_inputs(witnesses)
    groth16.verify_batch(multiply_key.verifying_key, result.proofs, statements)
