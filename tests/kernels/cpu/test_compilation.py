import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from kernels.cpu import compilation
from kernels.cpu.compilation import U64, Compiled, KernelSet, compiled_once, observe_compilation

PROGRAM = """
from numba import types
from kernels.cpu.compilation import U64, KernelSet, observe_compilation

def build(name, constant):
    kernels = KernelSet(name)

    @kernels.inner
    def shifted(a):
        return a[0] + constant

    @kernels.kernel(U64, returns=types.uint64)
    def first(a):
        return shifted(a)

    return first

import numpy as np
events = []
with observe_compilation(events.append):
    built = {name: build(name, constant) for name, constant in ORDER}
print(*(f"{name}={built[name](np.ones(1, np.uint64))}" for name in sorted(built)), *(e.from_cache for e in events))
"""


def run(order, folder):
    program = PROGRAM.replace("ORDER", repr(order))
    environment = {"FASTPATH_PROVER_CACHE_DIR": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_kernels_come_from_the_cache_and_keep_their_constants_in_any_order(tmp_path):
    # The same function instantiated twice, compiled in one order and loaded mixed with fresh ones in another.
    assert run([("a", 1)], tmp_path) == ["a=2", "False"]
    assert run([("b", 5), ("a", 1)], tmp_path) == ["a=2", "b=6", "False", "True"]
    assert run([("c", 9), ("b", 5), ("a", 1)], tmp_path) == ["a=2", "b=6", "c=10", "False", "True", "True"]


def test_a_damaged_cache_file_is_compiled_again(tmp_path):
    run([("a", 1)], tmp_path)
    (file,) = tmp_path.rglob("*.kernel")
    file.write_bytes(file.read_bytes()[:20])
    assert run([("a", 1)], tmp_path) == ["a=2", "False"]


def test_any_source_change_names_another_folder(tmp_path, monkeypatch):
    package = tmp_path / "kernels" / "cpu"
    package.mkdir(parents=True)
    (package / "compilation.py").write_text("one", encoding="utf-8")
    (package.parent / "formulas.py").write_text("two", encoding="utf-8")
    monkeypatch.setattr(compilation, "__file__", str(package / "compilation.py"))
    stamp = compilation._stamp.__wrapped__
    before = stamp()
    (package.parent / "formulas.py").write_text("three", encoding="utf-8")
    assert stamp() != before


def test_observers_hear_of_every_kernel():
    events = []
    with observe_compilation(events.append):

        @KernelSet("test.observed").kernel(U64)
        def nothing(values):
            pass

    assert [type(event) for event in events] == [Compiled]
    assert events[0].kernel == "test.observed.nothing"


def test_threads_that_need_the_same_kernels_make_them_once():
    made = []

    @compiled_once
    def factory(name):
        made.append(name)
        time.sleep(0.05)
        return object()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(factory, ["a"] * 8))
    assert made == ["a"]
    assert len(set(results)) == 1
    assert factory("b") is not results[0]
