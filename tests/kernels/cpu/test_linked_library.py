import numpy as np
import pytest
from numba import njit, types

from kernels.cpu.compilation import I64_OUT, KernelSet


def checked_kernel(monkeypatch, folder):
    """A kernel whose callee allocates, and raises with a value known only when it runs."""
    monkeypatch.setattr("kernels.cpu.compilation.kernel_cache_folder", lambda: folder)
    kernels = KernelSet("test.linked")

    @kernels.inner
    def halve(n):
        if n & 1:
            raise ValueError("odd", n)
        return np.full(n // 2, 7, np.int64).sum()

    @kernels.kernel(types.int64, I64_OUT)
    def run(n, out):
        out[0] = halve(n)

    return run, halve


@pytest.mark.parametrize("loads", [0, 1], ids=["compiled", "from the cache"])
def test_what_a_kernel_calls_works_and_raises(monkeypatch, tmp_path, loads):
    run, _ = checked_kernel(monkeypatch, tmp_path)
    for _ in range(loads):
        run, _ = checked_kernel(monkeypatch, tmp_path)
    out = np.zeros(1, np.int64)
    run(12, out)
    assert out[0] == 42
    with pytest.raises(ValueError, match="'odd', 13"):
        run(13, out)


def test_what_a_kernel_calls_has_no_machine_code_of_its_own(monkeypatch, tmp_path):
    run, halve = checked_kernel(monkeypatch, tmp_path)
    (inner,), (kernel,) = halve.overloads.values(), run.overloads.values()
    assert not inner.library.get_pointer_to_function(inner.fndesc.llvm_func_name)
    assert kernel.library.get_pointer_to_function(kernel.fndesc.llvm_func_name)


def test_functions_of_others_may_use_what_a_kernel_has_compiled(monkeypatch, tmp_path):
    """Numba keeps its own functions, as ``numpy.full`` for one kind of array, for all that are compiled later."""
    monkeypatch.setattr("kernels.cpu.compilation.kernel_cache_folder", lambda: tmp_path)
    kernels = KernelSet("test.others")

    @kernels.inner
    def total(n):
        return np.full((n, 3, 1, 2), np.float32(2)).sum()

    @kernels.kernel(types.int64, I64_OUT)
    def run(n, out):
        out[0] = np.int64(total(n))

    out = np.zeros(1, np.int64)
    run(5, out)
    assert out[0] == 60
    others = njit(error_model="numpy")(lambda n: np.full((n, 3, 1, 2), np.float32(2)).sum())
    assert others(5) == 60  # numba shares what was compiled with the same flags
