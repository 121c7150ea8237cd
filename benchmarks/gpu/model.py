"""Predicted times on GPUs nobody here has: instructions counted in the machine code, launch shapes, bytes.

A kernel takes the longest of three: *arithmetic* (its instructions over the pipes of all multiprocessors), *memory*
(its bytes over the bandwidth), *latency* (the chain of dependent instructions of one thread, where there are too few
threads to fill the card). These are floors; plan for a floor over :data:`benchmarks.gpu.cards.EFFICIENCY`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.gpu.cards import (
    HOST_DOUBLING_S,
    HOST_INVERSION_S,
    ISSUE_LANES,
    LAUNCH_S,
    LONE_WARP_CYCLES,
    OTHER_LANES,
    WIDE_LANES,
    Card,
)
from benchmarks.gpu.machine_code import Listing, find_nvdisasm, listing
from kernels.cuda.images import Program
from kernels.cuda.msm import affine_bytes, xyzz_bytes
from kernels.cuda.msm_plan import MsmPlan, plan_msm
from kernels.cuda.nvrtc import find_nvrtc
from kernels.cuda.transform_plan import plan_passes
from kernels.curves import BLS12_381, Curve, Group
from prover.r1cs import R1CS

SECTOR = 32
"""Bytes that memory moves at least; an atomic to a random place reads and writes one."""


@dataclass(frozen=True)
class Cost:
    """Instructions of one thread's one step."""

    wide: float
    other: float

    def __add__(self, more: Cost) -> Cost:
        return Cost(self.wide + more.wide, self.other + more.other)

    def __mul__(self, times: float) -> Cost:
        return Cost(self.wide * times, self.other * times)

    @property
    def cycles(self) -> float:
        """Cycles of a multiprocessor that has enough of such threads."""
        return max(self.wide / WIDE_LANES, self.other / OTHER_LANES, (self.wide + self.other) / ISSUE_LANES)

    @property
    def lone_cycles(self) -> float:
        """Cycles of one warp alone."""
        return (self.wide + self.other) * LONE_WARP_CYCLES


@dataclass(frozen=True)
class Step:
    """One kernel of a prediction."""

    kernel: str
    arithmetic_s: float
    memory_s: float
    latency_s: float

    @property
    def seconds(self) -> float:
        """Its floor."""
        return max(self.arithmetic_s, self.memory_s, self.latency_s)

    @property
    def bound(self) -> str:
        """What limits it."""
        limits = {"arithmetic": self.arithmetic_s, "memory": self.memory_s, "latency": self.latency_s}
        return max(limits, key=lambda name: limits[name])


@dataclass(frozen=True)
class Prediction:
    """Steps of an operation, one after the other."""

    steps: tuple[Step, ...]
    host_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Floor of the device's part, launches included."""
        return sum(step.seconds for step in self.steps) + LAUNCH_S * len(self.steps)

    @property
    def bound(self) -> str:
        """What limits most of it."""
        by_bound: dict[str, float] = {}
        for step in self.steps:
            by_bound[step.bound] = by_bound.get(step.bound, 0.0) + step.seconds
        return max(by_bound, key=lambda name: by_bound[name])


@cache
def code(source: str, curve: Curve, group: Group, target: str) -> Listing:
    """Machine code of a program, by the newest NVRTC here.

    Raises
    ------
    FileNotFoundError
        If the disassembler is missing.
    """
    disassembler: Path | None = find_nvdisasm()
    if disassembler is None:
        raise FileNotFoundError("nvdisasm is missing: pip install nvidia-cuda-nvdisasm")
    return listing(Program(source, curve, group), find_nvrtc(), target, disassembler)  # type: ignore[arg-type]


def product_cost(curve: Curve, group: Group, target: str) -> tuple[Cost, Cost]:
    """A product and a square of the group's coordinates, their calls included."""
    listed = code("msm", curve, group, target)

    def of(name: str) -> Cost:
        found = listed.called("accumulate", name)
        return Cost(found.wide, found.other)

    base = of("base_product")
    if group == "g1":
        return base, of("base_squared")
    return of("fp2_product") + base * 3, of("fp2_squared") + base * 2


def _points(curve: Curve, group: Group, target: str) -> tuple[Cost, Cost, Cost]:
    """A mixed addition, a full one, a doubling: products, and what the kernels do between them."""
    product, square = product_cost(curve, group, target)
    listed = code("msm", curve, group, target)
    between = Cost(0, listed.called("accumulate", "").other / 2)  # half of the kernel is the doubling, never taken
    mixed = product * 8 + square * 2 + between
    full = product * 12 + square * 2 + Cost(0, listed.called("sum_slices", "add").other / 2)
    double = product * 6 + square * 3 + Cost(0, listed.called("sum_slices", "double_in_place").other)
    return mixed, full, double


def _step(card: Card, kernel: str, work: Cost, count: float, depth: Cost, memory_bytes: float) -> Step:
    """``count`` pieces of work, of which one thread does a chain of ``depth``."""
    arithmetic = count * work.cycles / (card.multiprocessors * card.clock_hz)
    return Step(kernel, arithmetic, memory_bytes / card.memory_bytes_s, depth.lone_cycles / card.clock_hz)


def msm(
    card: Card, n: int, rows: int = 1, *, curve: Curve = BLS12_381, group: Group = "g1", plan: MsmPlan | None = None
) -> Prediction:
    """Predict rows of multiplications over n bases that are on the device; random scalars."""
    plan = plan or plan_msm(n, curve.fr.modulus.bit_length(), 1)
    mixed, full, double = _points(curve, group, card.target)
    affine, xyzz = affine_bytes(curve, group), xyzz_bytes(curve, group)
    scalars, entries, buckets = rows * n, rows * n * plan.windows, rows * plan.row_buckets
    digit = Cost(0, 40)
    sort_bytes = scalars * SECTOR + entries * 2 * SECTOR
    segment, slices = 1 << plan.segment_bits, buckets >> plan.set_slice_bits
    each = 1 << plan.set_slice_bits
    offset = double * (plan.window_bits - 1) + full * ((plan.window_bits - 1) / 2)
    slice_work = full * (2 * each) + offset
    partials = entries / segment
    rows_each = plan.buckets >> plan.set_slice_bits
    steps = [
        _step(card, "count_digits", digit, entries, digit * plan.windows, sort_bytes),
        _step(card, "scan", Cost(0, 8), buckets, Cost(0, 400), 12 * buckets),
        _step(card, "scatter_digits", digit, entries, digit * plan.windows, sort_bytes),
        _step(
            card, "accumulate", mixed, entries, mixed * segment, entries * (affine + 4) + (buckets + partials) * xyzz
        ),
        _step(card, "merge_partials", full, partials, full * (1 << plan.merge_bits), 2 * partials * xyzz),
        _step(card, "sum_slices", slice_work, slices, slice_work, buckets * xyzz),
        _step(card, "sum_rows", full, slices, full * (rows_each / 64 + 6), slices * xyzz),
    ]
    host = rows * (plan.sets * plan.window_bits * HOST_DOUBLING_S[group] + HOST_INVERSION_S)
    return Prediction(tuple(steps), host)


def ntt(card: Card, log2_n: int, rows: int = 1, *, curve: Curve = BLS12_381) -> Prediction:
    """Predict rows of transforms of 2^log2_n elements that are on the device."""
    found = code("ntt", curve, "g1", card.target).called("transform_down", "scalar_product")
    butterfly = Cost(found.wide, found.other + 90)  # addresses, one addition, one subtraction
    elements = rows << log2_n
    steps = []
    for one in plan_passes(log2_n):
        depth = butterfly * (one.levels * max(1, (1 << one.tile_bits) / 512))
        steps.append(_step(card, "transform", butterfly, elements / 2 * one.levels, depth, 2 * SECTOR * elements))
    return Prediction(tuple(steps))


@dataclass(frozen=True)
class Sizes:
    """What a proof of a circuit takes: points of its queries, its domain, entries of its matrices."""

    a: int
    b: int
    c: int
    domain_log2: int
    entries: int


def sizes_of(r1cs: R1CS) -> Sizes:
    """Count the variables that stand in A and in B; the others' points are infinity, and no scalar meets them."""
    rows = r1cs.constraints + r1cs.public + 1
    log2 = (rows - 1).bit_length()
    a, b = (len(np.unique(matrix.indices)) + 2 for matrix in (r1cs.a, r1cs.b))
    c = r1cs.variables - r1cs.public - 1 + (1 << log2) + 1
    entries = sum(len(matrix.indices) for matrix in (r1cs.a, r1cs.b, r1cs.c) if matrix is not None)
    return Sizes(a, b, c, log2, entries)


def proofs(card: Card, circuit: Sizes, rows: int, table_bytes: int = 256 << 20) -> Prediction:
    """Predict a batch of proofs of one key, its bases and tables resident; verification is not in it."""
    curve = BLS12_381
    element = code("elements", curve, "g1", card.target).called("multiply", "element_product")
    product = Cost(element.wide, element.other + 30)
    n = 1 << circuit.domain_log2
    steps = [
        _step(
            card, "sparse_product", product, rows * circuit.entries, product * 20, rows * circuit.entries * 2 * SECTOR
        ),
        _step(card, "multiply", product, rows * n * 6, product, rows * n * 15 * SECTOR),
    ]
    for _ in range(2):
        steps += ntt(card, circuit.domain_log2, 3 * rows, curve=curve).steps
    queries: Iterable[tuple[int, Group]] = ((circuit.a, "g1"), (circuit.b, "g1"), (circuit.b, "g2"), (circuit.c, "g1"))
    host = 0.0
    total = sum(points * affine_bytes(curve, group) for points, group in queries)
    for points, group in queries:
        own = points * affine_bytes(curve, group)
        tables = table_bytes * own // total // own + 1
        one = msm(card, points, rows, group=group, plan=plan_msm(points, 255, tables))
        steps += one.steps
        host += one.host_s
    mixed, _, double = _points(curve, "g1", card.target)
    multiple = double * 255 + mixed * 128
    steps.append(_step(card, "multiply_points", multiple, 2 * rows, multiple, rows * 512))
    return Prediction(tuple(steps), host)
