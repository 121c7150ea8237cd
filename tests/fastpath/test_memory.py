import math
import random

import pytest

from fastpath.errors import BadRequest
from fastpath.memory import MemoryTokens


def test_what_is_taken_is_not_free_until_it_is_given_back():
    memory = MemoryTokens()
    memory.set_pool("gpu", 100)
    memory.take({"gpu": 60})
    assert memory.free("gpu") == 40
    assert memory.fits({"gpu": 40})
    assert not memory.fits({"gpu": 41})
    memory.give_back({"gpu": 60})
    assert memory.free("gpu") == 100


def test_every_pool_must_have_room():
    memory = MemoryTokens()
    memory.set_pool("gpu", 100)
    memory.set_pool("host", 10)
    memory.take({"gpu": 1, "host": 9})
    assert not memory.fits({"gpu": 1, "host": 2})


def test_a_pool_without_a_size_has_no_bound():
    memory = MemoryTokens()
    memory.take({"x": 1e30})
    assert memory.free("x") == math.inf
    assert memory.fits({"x": 1e30})


def test_what_is_larger_than_a_pool_runs_alone():
    memory = MemoryTokens()
    memory.set_pool("gpu", 100)
    assert memory.fits({"gpu": 200})
    memory.take({"gpu": 1})
    assert not memory.fits({"gpu": 200})


@pytest.mark.parametrize("seed", range(8))
def test_an_idle_pool_reads_as_idle_after_many_fractions(seed):
    rng, memory = random.Random(seed), MemoryTokens()
    memory.set_pool("gpu", 1e9)
    demands = [{"gpu": rng.random() * 1e6} for _ in range(1_000)]
    for demand in demands:
        memory.take(demand)
    rng.shuffle(demands)
    for demand in demands:
        memory.give_back(demand)
    assert memory.fits({"gpu": 1e12})


def test_a_negative_size_is_refused():
    with pytest.raises(BadRequest):
        MemoryTokens().set_pool("gpu", -1)
