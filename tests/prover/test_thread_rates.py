import pytest

from kernels.selection import cpu_backend
from prover import thread_rates
from prover.pool import ProverPool
from prover.thread_rates import measure_thread_rates


@pytest.mark.parametrize(("threads", "tried"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_every_doubling_and_all_threads_are_tried(threads, tried, monkeypatch):
    monkeypatch.setattr(thread_rates, "_multiplication", lambda *_: lambda: None)
    with ProverPool(threads) as pool:
        rates = measure_thread_rates(pool, cpu_backend(), "bn254")
        assert pool.stats().tasks == 0  # it is no work of theirs
    assert sorted(rates) == tried
    assert all(rate > 0 for rate in rates.values())


def test_the_best_round_counts(monkeypatch):
    monkeypatch.setattr(thread_rates, "_multiplication", lambda *_: lambda: None)
    rates = iter([5.0, 9.0, 7.0])
    monkeypatch.setattr(thread_rates, "_rate", lambda *_: next(rates))
    with ProverPool(1) as pool:
        assert measure_thread_rates(pool, cpu_backend(), "bn254") == {1: 9.0}


def test_it_computes(monkeypatch):
    monkeypatch.setattr(thread_rates, "ROUND_S", 0.001)
    with ProverPool(2) as pool:
        assert measure_thread_rates(pool, cpu_backend(), "bls12_381").keys() == {1, 2}
