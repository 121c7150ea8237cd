"""Our kernels with one barrier, atomic or bound left out: the emulated device reports every one.

Mutants are made from the sources, so that none is forgotten when a kernel changes. The first run on a machine compiles
them, in about two minutes; later ones take a fraction.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from kernels import BN254, SparseMatrix, limbs_from_ints, points_from_ints
from kernels.cuda.elements import Elements, Rows
from kernels.cuda.images import Program, image, program_text
from kernels.cuda.index_kernels import SIGNATURES
from kernels.cuda.msm import load_points, queue_sums
from kernels.cuda.msm_plan import plan_msm
from kernels.cuda.session import Scope, Session
from kernels.selection import cpu_backend
from tests.cuda_emulator import DefectError, EmulatedDevice
from tests.cuda_emulator.compiler import compiled_source
from tests.cuda_emulator.device import DEFAULT_TARGET

CURVE = BN254
PROGRAMS = {
    "ntt": Program("ntt", CURVE),
    "elements": Program("elements", CURVE),
    "msm": Program("msm", CURVE, "g1"),
}

_TORN = """
template <typename T> __device__ T torn_Add(T *p, T v) { T old = *p; *p = old + v; return old; }
template <typename T> __device__ T torn_Min(T *p, T v) { T old = *p; *p = old < v ? old : v; return old; }
"""

_PLACES = (
    ("barrier", r"__syncthreads\(\);", ";"),
    ("atomic", r"\batomic(Add|Min)\(", r"torn_\1("),
    ("bound", r"if \([^;{}\n]* >= [^;{}\n]*\) return;", ""),  # of threads
    ("bound", r"if \([^;{}\n()]* < n\) ", ""),
    ("bound", r"if \(t < distance\)", "if (true)"),
    ("bound", r"\(first \+ \(1u << (l\d)\) < total \? first \+ \(1u << l\d\) : total\)", r"(first + (1u << \1))"),
    ("owner", r"if \(t == [^()\n]*\) ", ""),  # the one thread that writes a result
)

NOT_NEEDED = {
    "accumulate-bound-1": "an early end: what follows loops from first to below total",
    "merge_partials-bound-1": "likewise",
    "merge_partials-bound-2": "the loop also ends behind the last bucket",
}
"""Statements without which a kernel still keeps all rules, by the mutant's name."""


@dataclass(frozen=True)
class Mutant:
    """A program with one statement changed.

    Attributes
    ----------
    kernel
        The kernel that the statement is part of.
    number
        Counts the mutants of a kernel and kind, from 1.
    """

    program: str
    kind: str
    kernel: str
    statement: str
    text: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.kernel}-{self.kind}-{self.number}"


def _mutants(program: str) -> list[Mutant]:
    text = program_text(PROGRAMS[program])
    kernels = [(match.start(), match.group(1)) for match in re.finditer(r"__global__[^(]*\([^)]*\)\s+(\w+)\(", text)]
    found = []
    for kind, pattern, replacement in _PLACES:
        for match in re.finditer(pattern, text):
            inside = [name for start, name in kernels if start < match.start()]
            if inside:
                changed = _TORN + text[: match.start()] + match.expand(replacement) + text[match.end() :]
                number = 1 + sum((mutant.kind, mutant.kernel) == (kind, inside[-1]) for mutant in found)
                found.append(Mutant(program, kind, inside[-1], match.group(), changed, number))
    return found


MUTANTS = [mutant for program in PROGRAMS for mutant in _mutants(program)]


class MutatingDevice(EmulatedDevice):
    """Loads a mutant in the place of the program that it was made from."""

    def __init__(self, mutant: Mutant, seed: int) -> None:
        super().__init__(seed, step_limit=1_000_000)
        self._original = image(PROGRAMS[mutant.program], DEFAULT_TARGET)
        self._mutant = compiled_source(mutant.text, mutant.program, DEFAULT_TARGET)

    def load(self, content: bytes):
        return super().load(self._mutant if content == self._original else content)


def _scalars(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    values = [int.from_bytes(rng.bytes(32), "little") % CURVE.fr.modulus for _ in range(int(np.prod(shape)))]
    return limbs_from_ints(values, 4).reshape(*shape, 4)


@functools.cache
def _points(count: int) -> np.ndarray:
    generator = points_from_ints(CURVE, "g1", [CURVE.g1_generator])[0]
    return cpu_backend().multiply_base(CURVE, "g1", generator, _scalars(count))


def _use_ntt(session: Session, scope: Scope) -> None:
    elements = Elements(session, CURVE)
    for rows, log2_size in ((3, 6), (1, 11)):
        values = elements.uploaded(scope, _scalars(rows, 1 << log2_size))
        out = elements.allocate(scope, rows, 1 << log2_size)
        twiddles = elements.twiddles(scope, log2_size, inverse=False)
        elements.transform_down(values, twiddles)
        elements.transform_up(values, twiddles)
        elements.permute(values, elements.powers(scope, 3, 1 << log2_size), 1 << log2_size, out)


def _use_elements(session: Session, scope: Scope) -> None:
    elements = Elements(session, CURVE)
    a, b, c, out = (elements.uploaded(scope, _scalars(5, 26)) for _ in range(4))
    for kernel in ("multiply", "add", "subtract"):
        elements.pointwise(kernel, a, b.memory, out)
    elements.multiply_subtract(a, b, c, out)
    session.launch(elements.program, "square", 130, 128, [a.memory, np.uint64(130), out.memory])
    matrix = SparseMatrix(np.arange(0, 15, 2), np.arange(14, dtype=np.int32) % 9, _scalars(14))
    vectors = elements.uploaded(scope, _scalars(3, 9))
    elements.sparse_product(elements.uploaded_matrix(scope, matrix), vectors, elements.allocate(scope, 3, 7))
    elements.wrong_rows(scope, a, b, c, 26, elements.constant(scope, 1))
    columns = scope.uploaded(np.arange(0, 26, 2, dtype=np.uint32))
    copied = Rows(scope.allocate(5 * 13 * 32), 5, 13)
    elements.copy_columns(a, 13, 13, copied, 0)
    elements.gather_columns(a, columns, 13, copied, 0)


def _use_msm(session: Session, scope: Scope) -> None:
    count, rows = 40, 24
    scalars = _scalars(rows, count)
    scalars[0, :20] = scalars[0, 0]
    for tables in (1, 3):
        plan = plan_msm(count, CURVE.fr.modulus.bit_length(), tables)
        bases = load_points(session, scope, CURVE, "g1", _points(count), plan)
        queue_sums(session, scope, bases, scope.uploaded(scalars), rows, 0, count)
    products, affine = scope.allocate(5 * 128), scope.allocate(5 * 64)
    sizes = [np.uint64(5), np.uint32(1)]
    factors = scope.uploaded(scalars[0, :5])
    session.launch(bases.program, "multiply_points", 5, 128, [bases.memory.view(0, 5 * 64), factors, *sizes, products])
    session.launch(bases.program, "normalize", 5, 128, [products, np.uint64(5), affine])


USES: dict[str, Callable[[Session, Scope], None]] = {"ntt": _use_ntt, "elements": _use_elements, "msm": _use_msm}


def _run(device: EmulatedDevice, program: str) -> None:
    session = Session(device, staging_bytes=1 << 12)
    with session.scope() as scope:
        USES[program](session, scope)
        session.synchronize()
    session.synchronize()
    device.close()


@pytest.mark.parametrize("program", PROGRAMS)
def test_kernels_as_they_are_keep_all_rules_and_are_all_used(program):
    text = program_text(PROGRAMS[program])
    kernels = set(re.findall(r"__global__[^(]*\([^)]*\)\s+(\w+)\(", text))
    for seed in (0, 1, 2):
        device = EmulatedDevice(seed)
        _run(device, program)
        assert set(device.launches) - SIGNATURES.keys() == kernels


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_every_mutant_is_reported(mutant):
    device = MutatingDevice(mutant, seed=2)
    if mutant.name in NOT_NEEDED:
        _run(device, mutant.program)
        return
    with pytest.raises(DefectError):
        _run(device, mutant.program)
    assert mutant.kernel in {report.kernel for report in device.reports}, mutant.statement


@pytest.mark.parametrize("kernel", ["transform_down", "transform_up"])
@pytest.mark.parametrize(("threads", "races"), [(32, False), (16, False), (24, True)])
def test_transforms_need_blocks_that_divide_half_a_tile(kernel, threads, races):
    """What lets them go without a barrier between the copies and the level of the greatest distance."""
    device = EmulatedDevice(seed=2)
    session = Session(device)
    elements = Elements(session, CURVE)
    with session.scope() as scope:
        values, twiddles = elements.uploaded(scope, _scalars(1, 64)), elements.twiddles(scope, 6, inverse=False)
        shape = [np.uint32(6), np.uint32(0), np.uint32(6), np.uint32(0)]
        session.launch_blocks(elements.transforms, kernel, 1, threads, [values.memory, twiddles, *shape])
        with pytest.raises(DefectError, match="race") if races else contextlib.nullcontext():
            session.synchronize()


def test_mutants_cover_what_the_sources_have():
    assert NOT_NEEDED.keys() <= {mutant.name for mutant in MUTANTS}
    found = {(mutant.kernel, mutant.kind) for mutant in MUTANTS}
    assert {("transform_down", "barrier"), ("transform_up", "barrier")} <= found
    assert {("sum_rows", "barrier"), ("check_rows", "atomic")} <= found
    bounded = {kernel for kernel, kind in found if kind == "bound"}
    assert {"multiply", "sparse_product", "accumulate", "normalize", "permute_and_scale"} <= bounded
