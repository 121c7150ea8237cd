"""How soon a proof notices that its caller wants it to stop."""

import itertools
import time

import pytest

from benchmarks.squaring_circuit import squaring_circuit
from kernels import CURVES, get_backend
from prover import groth16
from prover.errors import Cancelled
from prover.groth16.phases import Phase

LOG2_N = 10
REACTION_S = 0.1


def prove(case, **options):
    pk, witness, backend = case
    return groth16.prove(pk, witness, backend, **options)


def made_case(curve, log2_n):
    backend = get_backend()
    circuit = squaring_circuit(curve, log2_n)
    pk = groth16.setup(circuit.r1cs, curve, backend=backend)
    return pk, circuit.random_witnesses(1, seed=1)[0], backend


@pytest.fixture(scope="module", params=CURVES, ids=lambda curve: curve.name)
def small(request):
    return made_case(request.param, LOG2_N)


def polls_by_phase(case):
    """How often each phase asks, the question before it included."""
    asked, ended = [0], {}
    prove(
        case,
        should_stop=lambda: bool(asked.append(asked.pop() + 1)),
        on_phase=lambda phase, _: ended.update({phase: asked[0]}),
    )
    counts = list(ended.values())
    return {phase: after - before for phase, before, after in zip(ended, [0, *counts], counts, strict=False)}


def test_every_question_of_a_proof_can_stop_it(small):
    polls = sum(polls_by_phase(small).values())
    for number in range(polls):
        left = iter(range(number))
        with pytest.raises(Cancelled):
            prove(small, should_stop=lambda left=left: next(left, None) is None)


def test_all_phases_that_grow_with_the_circuit_ask_within(small):
    polls = polls_by_phase(small)
    assert list(polls) == list(Phase)
    # Before each of the three products; before each product, twice for each of six transforms, and at the end.
    assert polls[Phase.CHECK_WITNESS] == 1 + 3
    assert polls[Phase.WITNESS_MAP] >= 1 + 3 + 6
    assert all(polls[phase] >= 2 for phase in Phase if phase is not Phase.VERIFY)


@pytest.mark.slow
@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_a_large_proof_is_never_long_without_asking(curve):
    case = made_case(curve, 16)
    prove(case)  # makes the key ready
    longest = []
    for _ in range(3):  # the least of three: others may have the processor for a while
        times = [time.perf_counter()]
        prove(case, should_stop=lambda times=times: bool(times.append(time.perf_counter())))
        times.append(time.perf_counter())
        longest.append(max(after - before for before, after in itertools.pairwise(times)))
    assert min(longest) < REACTION_S
