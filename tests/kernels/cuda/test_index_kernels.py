"""The kernels that Numba compiles, as PTX on the emulated device: against Python, and with statements left out."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import types
from dataclasses import dataclass

import numpy as np
import pytest

from kernels import BN254, limbs_from_ints
from kernels.cuda import images, index_kernels
from kernels.cuda.images import INDEX, image
from kernels.cuda.index_kernels import SIGNATURES
from kernels.cuda.msm import _scan, _words
from kernels.cuda.numba_compiler import compile_kernels
from kernels.cuda.nvrtc import NvrtcError
from kernels.cuda.session import Session
from tests.cuda_emulator import DefectError, EmulatedDevice
from tests.cuda_emulator.device import DEFAULT_TARGET

SEEDS = (0, 1, 2)
R = BN254.fr.modulus
_U64 = np.uint64


def signed_digits(scalar, window_bits, windows):
    """Digits in [-2^(c-1), 2^(c-1)], lowest first, by the definition."""
    digits, half = [], 1 << (window_bits - 1)
    for _ in range(windows):
        digit = scalar & ((1 << window_bits) - 1)
        digit -= (digit > half) << window_bits
        digits.append(digit)
        scalar = (scalar - digit) >> window_bits
    assert scalar == 0
    return digits


def sorted_entries(rows, window_bits, windows, sets, stride):
    """Sets of entries by bucket."""
    buckets = 1 << (window_bits - 1)
    found = [set() for _ in range(len(rows) * sets * buckets)]
    for row, scalars in enumerate(rows):
        for point, scalar in enumerate(scalars):
            for window, digit in enumerate(signed_digits(scalar, window_bits, windows)):
                if digit:
                    bucket = (row * sets + window % sets) * buckets + abs(digit) - 1
                    found[bucket].add(2 * (window // sets * stride + point) + (digit < 0))
    return found


def on_device(session, rows, window_bits, windows, sets, stride):
    """Counts, starts and entries."""
    count, total = len(rows[0]), len(rows) * len(rows[0])
    buckets = len(rows) * sets << (window_bits - 1)
    scalars = np.stack([limbs_from_ints(row, 4) for row in rows])
    shape = [_U64(v) for v in (count, total, window_bits, windows, sets)]
    with session.scope() as scope:
        digits = [*_words(scope.uploaded(scalars)), *shape]
        starts, cursors = scope.zeros(4 * (buckets + 1)), scope.allocate(4 * (buckets + 1))
        entries = scope.allocate(4 * total * windows)
        session.launch(INDEX, "count_digits", total, 256, [*digits, *_words(starts)])
        counts = session.download(starts, np.uint32, (buckets + 1,)).result()
        _scan(session, starts, buckets + 1)
        session.device.copy(cursors, starts, session.compute)
        scattered = [_U64(stride), *_words(cursors), *_words(entries)]
        session.launch(INDEX, "scatter_digits", total, 256, [*digits, *scattered])
        found = session.download(starts, np.uint32, (buckets + 1,)).result()
        used = int(found[-1])
        return counts, found, session.download(entries.view(0, 4 * max(used, 1)), np.uint32, (used,)).result()


def scalar_rows(rng):
    half = 1 << 4
    edges = [0, 1, R - 1, half, half + 1, (1 << 253) - 1, 0x10 * ((1 << 250) // 31), 2**32 - 1, 2**64 - 1]
    return [
        edges + [rng.randrange(R) for _ in range(51)],
        [1] * 60,
        [rng.randrange(2) for _ in range(60)],
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("window_bits", "sets"), [(5, 51), (5, 7), (8, 32), (13, 1), (13, 20)])
def test_entries_are_sorted_by_bucket(seed, window_bits, sets, rng):
    windows, rows = 255 // window_bits + 1, scalar_rows(rng)
    with EmulatedDevice(seed) as device:
        session = Session(device, 1 << 12)
        counts, starts, entries = on_device(session, rows, window_bits, windows, min(sets, windows), 1000)
        session.synchronize()
    wanted = sorted_entries(rows, window_bits, windows, min(sets, windows), 1000)
    sizes = [len(bucket) for bucket in wanted]
    assert counts.tolist() == [*sizes, 0]
    assert starts.tolist() == [0, *np.cumsum(sizes).tolist()]
    for bucket, (first, end) in enumerate(itertools.pairwise(starts)):
        assert set(entries[first:end].tolist()) == wanted[bucket]


@pytest.mark.parametrize("n", [1, 7, 2047, 2048, 2049, 6000])
def test_prefix_sums(n):
    values = np.random.default_rng(n).integers(0, 2**20, n, dtype=np.uint32)
    with EmulatedDevice(seed=n) as device:
        session = Session(device, 1 << 12)
        with session.scope() as scope:
            memory = scope.uploaded(values)
            _scan(session, memory, n)
            found = session.download(memory, np.uint32, (n,)).result()
        session.synchronize()
    assert found.tolist() == [0, *np.cumsum(values)[:-1].tolist()]


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("kernels.cuda.numba_compiler.wheel_version", lambda _: "")
    with pytest.raises(NvrtcError, match=r"numba-cuda is missing: install fastpath-prover\[cuda12\]"):
        compile_kernels("sm_90")
    monkeypatch.undo()
    with pytest.raises(NvrtcError, match="for sm_10"):
        compile_kernels("sm_10")


# --- mutants

_PLACES = (
    ("barrier", r"cuda\.syncthreads\(\)", "pass"),
    ("atomic", r"cuda\.atomic\.add\(", "torn_add("),
    ("bound", r"if i >= total:", "if False:"),
    ("bound", r"if (?:first \+ k|i) < n:", "if True:"),
    ("bound", r"if t >= distance:", "if True:"),
    ("bound", r"if word \+ _1 < SCALAR_WORDS:", "if True:"),
    ("owner", r"if t == [^:\n]*:", "if True:"),
)

_TORN = """
@cuda.jit(device=True, inline="always")
def torn_add(array, at, more):
    old = array[at]
    array[at] = old + more
    return old
"""


@dataclass(frozen=True)
class Mutant:
    name: str
    kernel: str
    text: str


def _mutants():
    text = inspect.getsource(index_kernels)
    functions = [(match.start(), match[1]) for match in re.finditer(r"^def (\w+)\(", text, re.MULTILINE)]
    found = []
    for kind, pattern, replacement in _PLACES:
        for match in re.finditer(pattern, text):
            function = [name for start, name in functions if start < match.start()][-1]
            number = 1 + sum(mutant.name.startswith(f"{function}-{kind}-") for mutant in found)
            changed = text[: match.start()] + replacement + text[match.end() :]
            head = changed.index("@cuda.jit")
            changed = changed[:head] + _TORN + changed[head:]
            found.append(Mutant(f"{function}-{kind}-{number}", function, changed))
    return found


MUTANTS = _mutants()


@functools.cache
def _compiled(text):
    module = types.ModuleType("mutant_of_index_kernels")
    exec(compile(text, "index_kernels.py", "exec"), module.__dict__)  # noqa: S102 - the project's own source
    return compile_kernels(DEFAULT_TARGET, module).image


def _use(session, rng):
    on_device(session, scalar_rows(rng), 5, 52, 7, 1000)
    with session.scope() as scope:
        _scan(session, scope.uploaded(np.arange(2500, dtype=np.uint32)), 2500)
        session.synchronize()
    session.synchronize()


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_every_mutant_is_reported(mutant, rng, monkeypatch):
    code = _compiled(mutant.text)
    monkeypatch.setattr("kernels.cuda.session.image", lambda *_: code)
    for seed in SEEDS:
        device = EmulatedDevice(seed, step_limit=1_000_000)
        with pytest.raises(DefectError):  # noqa: PT012 - at the latest when the device is closed
            _use(Session(device, 1 << 12), rng)
            device.close()
        kernels = {report.kernel for report in device.reports}
        assert mutant.kernel in kernels or (mutant.kernel not in SIGNATURES and kernels & SIGNATURES.keys())


def test_mutants_are_found_and_the_kernels_themselves_are_not_reported(rng):
    kinds = {(mutant.kernel, mutant.name.split("-")[1]) for mutant in MUTANTS}
    assert {("count_digits", "atomic"), ("scatter_digits", "atomic"), ("scan_blocks", "barrier")} <= kinds
    assert {("count_digits", "bound"), ("scatter_digits", "bound"), ("add_offsets", "bound")} <= kinds
    assert {("scan_blocks", "owner"), ("window_value", "bound")} <= kinds
    for seed in SEEDS:
        with EmulatedDevice(seed) as device:
            _use(Session(device, 1 << 12), rng)
            assert device.launches.keys() == SIGNATURES.keys()


def test_images_are_kept_on_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "kernel_cache_folder", lambda: tmp_path / "kernels")
    first = image(INDEX, DEFAULT_TARGET)
    monkeypatch.setattr(images, "compile_kernels", lambda _: pytest.fail("compiled again"))
    assert image(INDEX, DEFAULT_TARGET) == first
