import dataclasses
import threading
from importlib import import_module

import numpy as np
import pytest

from kernels import get_backend
from prover import groth16
from prover.errors import BadInput, Cancelled, DeviceFault, UnsatisfiedConstraint
from prover.groth16 import Phase


class Faulty:
    """A backend whose first G2 MSMs come out as another valid point."""

    def __init__(self, backend, wrong_point, faults):
        self._backend, self._wrong, self.faults = backend, wrong_point, faults

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def msm(self, bases, *args, **kwargs):
        if bases.group == "g2" and self.faults:
            self.faults -= 1
            return self._wrong.copy()
        return self._backend.msm(bases, *args, **kwargs)


def test_a_proof_verifies(vk, proven):
    for proof, public_inputs in zip(*proven, strict=True):
        groth16.verify(vk, proof, public_inputs)


def test_the_default_backend_is_the_librarys(pk, vk, witness_of):
    groth16.verify(vk, groth16.prove(pk, witness_of(2)), witness_of(2)[1:3])


def test_every_backend_makes_the_proof_of_the_oracle(pk, witness_of, seeded):
    from kernels.reference import ReferenceBackend

    expected = groth16.prove(pk, witness_of(3), ReferenceBackend(), seeded(5))
    for name in ("auto", "portable"):
        assert groth16.prove(pk, witness_of(3), get_backend(name), seeded(5)) == expected


def test_two_proofs_of_one_witness_share_no_element(pk, witness_of, backend):
    first, second = (groth16.prove(pk, witness_of(3), backend) for _ in range(2))
    assert not any(np.array_equal(getattr(first, name), getattr(second, name)) for name in "abc")


def test_blinding_covers_the_whole_field(pk, witness_of, backend, curve):
    bounds = []

    class Recording:
        def randbelow(self, bound):
            bounds.append(bound)
            return bound - 1

    groth16.prove(pk, witness_of(3), backend, Recording())
    assert bounds == [curve.fr.modulus] * 2


@pytest.mark.parametrize("r_and_s", [(0, 0), (0, 1), (1, 0)])
def test_degenerate_blinding_still_verifies(pk, vk, witness_of, backend, r_and_s):
    class Fixed:
        values = iter(r_and_s)

        def randbelow(self, _bound):
            return next(self.values)

    groth16.verify(vk, groth16.prove(pk, witness_of(3), backend, Fixed()), witness_of(3)[1:3], backend)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_the_proof(pk, witness_of, backend, seeded, threads):
    expected = groth16.prove(pk, witness_of(3), backend, seeded(9))
    assert groth16.prove(pk, witness_of(3), backend, seeded(9), threads=threads) == expected


def test_an_unsatisfied_constraint_is_named(pk, witness_of, backend):
    witness = witness_of(3)
    witness[4, 0] += np.uint64(1)
    with pytest.raises(UnsatisfiedConstraint) as caught:
        groth16.prove(pk, witness, backend)
    assert (caught.value.index, caught.value.name) == (0, "square")


def test_a_malformed_witness_is_refused_without_its_values(pk, witness_of, backend):
    witness = witness_of(3)
    witness[3] = np.iinfo(np.uint64).max
    with pytest.raises(BadInput, match="variable 3") as caught:
        groth16.prove(pk, witness, backend)
    assert str(np.iinfo(np.uint64).max) not in str(caught.value)
    with pytest.raises(BadInput):
        groth16.prove(pk, witness_of(3)[:-1], backend)


def test_the_witness_may_be_read_only(pk, witness_of, backend):
    witness = witness_of(3)
    witness.flags.writeable = False
    groth16.prove(pk, witness, backend)


def test_phases_are_reported_in_order(pk, witness_of, backend):
    seen = []
    groth16.prove(pk, witness_of(3), backend, on_phase=lambda phase, seconds: seen.append((phase, seconds)))
    assert [phase for phase, _ in seen] == list(Phase)
    assert all(seconds > 0 for _, seconds in seen)


def test_cancelling_stops_between_phases(pk, witness_of, backend):
    seen = []
    with pytest.raises(Cancelled):
        groth16.prove(
            pk,
            witness_of(3),
            backend,
            should_stop=lambda: len(seen) >= 2,
            on_phase=lambda phase, _seconds: seen.append(phase),
        )
    assert seen == list(Phase)[:2]


def test_a_single_fault_is_made_good(pk, vk, witness_of, backend, another_point):
    faulty = Faulty(backend, another_point["g2"], faults=1)
    groth16.verify(vk, groth16.prove(pk, witness_of(3), faulty), witness_of(3)[1:3])
    assert faulty.faults == 0


def test_a_lasting_fault_is_raised(pk, witness_of, backend, another_point):
    with pytest.raises(DeviceFault, match=backend.name):
        groth16.prove(pk, witness_of(3), Faulty(backend, another_point["g2"], faults=2))


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("a_query", 3),
        ("b_g1_query", 3),
        ("b_g2_query", 3),
        ("h_query", 0),
        ("l_query", 0),
        ("beta_g1", ...),
        ("delta_g1", ...),
    ],
)
def test_no_point_of_the_key_can_be_replaced(pk, witness_of, backend, another_point, name, index):
    changed = getattr(pk, name).copy()
    changed[index] = another_point["g2" if "g2" in name else "g1"]
    with pytest.raises(DeviceFault):
        groth16.prove(dataclasses.replace(pk, **{name: changed}), witness_of(3), backend)


def test_concurrent_proofs_share_the_key(pk, vk, witness_of, backend):
    proofs = {}

    def run(x):
        proofs[x] = groth16.prove(pk, witness_of(x), backend)

    threads = [threading.Thread(target=run, args=(x,)) for x in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    groth16.verify_batch(vk, [proofs[x] for x in range(2, 10)], [witness_of(x)[1:3] for x in range(2, 10)], backend)


def test_a_small_proof_takes_one_thread_however_many_are_offered(pk, witness_of, backend, monkeypatch):
    seen = []

    class Watching(type(backend)):
        def msm(self, bases, scalars, threads=1, should_stop=None):
            seen.append(threads)
            return super().msm(bases, scalars, threads, should_stop)

    groth16.prove(pk, witness_of(3), Watching(), threads=2)
    assert set(seen) == {1}
    seen.clear()
    monkeypatch.setattr(import_module("prover.groth16.prove"), "DOMAIN_WORTH_THREADS", pk.domain_size)
    groth16.prove(pk, witness_of(3), Watching(), threads=2)
    assert 2 in seen
