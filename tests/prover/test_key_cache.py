import dataclasses
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prover import key_cache
from prover.errors import BadInput
from prover.key_cache import circuit_fingerprint, shared_key
from prover.key_store import list_keys, remove_key, save_key

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _fresh_cache(monkeypatch):
    monkeypatch.setattr(key_cache, "_keys", key_cache.ComputedOnce(capacity=16))


def forget():
    key_cache._keys = key_cache.ComputedOnce(capacity=16)


def test_the_first_use_makes_the_key_and_later_ones_load_it(multiply, multiply_key, tmp_path):
    made = []
    first = shared_key(multiply, tmp_path, make=lambda circuit: made.append(circuit) or multiply_key)
    assert shared_key(multiply, tmp_path) is first
    forget()
    assert shared_key(multiply, tmp_path, make=lambda _: pytest.fail("was made already")).key_id == first.key_id
    assert made == [multiply]
    assert list_keys(tmp_path) == [multiply_key.key_id]


def test_the_default_is_a_development_setup(multiply, tmp_path):
    metadata = shared_key(multiply, tmp_path).metadata
    assert (metadata.circuit, metadata.curve, metadata.development) == ("multiply", "bls12_381", True)


@pytest.mark.parametrize("by", ["this process", "another one"])
def test_a_removed_key_is_made_again(multiply, multiply_key, tmp_path, by):
    shared_key(multiply, tmp_path, make=lambda _: multiply_key)
    remove_key(tmp_path, multiply_key.key_id)
    if by == "another one":
        forget()
    assert shared_key(multiply, tmp_path, make=lambda _: multiply_key).key_id == multiply_key.key_id
    assert list_keys(tmp_path) == [multiply_key.key_id]


def test_a_damaged_key_is_reported_not_replaced(multiply, multiply_key, tmp_path):
    shared_key(multiply, tmp_path, make=lambda _: multiply_key)
    (tmp_path / multiply_key.key_id / "ic.npy").write_bytes(b"")
    forget()
    with pytest.raises(BadInput, match=r"ic\.npy"):
        shared_key(multiply, tmp_path, make=lambda _: pytest.fail("a new key would strand old verifiers"))


def test_a_failed_setup_leaves_nothing_behind(multiply, multiply_key, tmp_path):
    def fail(_circuit):
        raise MemoryError

    with pytest.raises(MemoryError):
        shared_key(multiply, tmp_path, make=fail)
    assert shared_key(multiply, tmp_path, make=lambda _: multiply_key).key_id == multiply_key.key_id


def test_the_fingerprint_depends_on_the_constraints(multiply):
    altered = multiply.r1cs.a.coefficients.copy()
    altered[0, 0] ^= altered.dtype.type(1)
    r1cs = dataclasses.replace(multiply.r1cs, a=dataclasses.replace(multiply.r1cs.a, coefficients=altered))
    others = [
        dataclasses.replace(multiply, name="other"),
        dataclasses.replace(multiply, parameters={"depth": 3}),
        dataclasses.replace(multiply, r1cs=r1cs),
    ]
    assert len({circuit_fingerprint(circuit) for circuit in (multiply, *others)}) == 4


def test_eight_threads_set_up_once(multiply, multiply_key, tmp_path):
    made, barrier = [], threading.Barrier(8)

    def ask(_):
        barrier.wait(5)
        return shared_key(multiply, tmp_path, make=lambda circuit: made.append(circuit) or multiply_key)

    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(ask, range(8)))
    assert len(made) == 1
    assert len(set(map(id, keys))) == 1


PROGRAM = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from prover.circuits import get_circuit
from prover.key_cache import shared_key
from prover.key_store import load_key

directory, source, key_id, log, ready, go = sys.argv[1:]

def make(circuit):
    with open(log, "a") as file:
        file.write("setup\\n")
    time.sleep(0.3)
    return load_key(source, key_id)

circuit = get_circuit("multiply", "bls12_381")
Path(ready).touch()
while not Path(go).exists():
    time.sleep(0.005)
with ThreadPoolExecutor(4) as threads:
    keys = list(threads.map(lambda _: shared_key(circuit, directory, make=make), range(4)))
print(*{key.key_id for key in keys})
"""


def test_two_processes_of_four_threads_set_up_once(multiply_key, tmp_path):
    source, log, go = tmp_path / "source", tmp_path / "log", tmp_path / "go"
    save_key(multiply_key, source)
    ready = [tmp_path / f"ready{i}" for i in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, tmp_path / "keys", source, multiply_key.key_id, log, flag, go],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for flag in ready
    ]
    while not all(flag.exists() for flag in ready):
        assert all(process.poll() is None for process in processes)
    go.touch()
    printed = [process.communicate(timeout=60)[0].split() for process in processes]
    assert printed == [[multiply_key.key_id]] * 2
    assert log.read_text(encoding="utf-8") == "setup\n"
