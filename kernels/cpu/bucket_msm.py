"""Multi-scalar multiplication: sort digits into buckets, sum the buckets, weigh the sums; for one lane or eight."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.backend import Array, Bases, poll
from kernels.cpu.bucket_sums import FIRST_ROW, BucketSums, combination, most_sums
from kernels.cpu.buckets import MAX_ROWS, bucket_kernels
from kernels.cpu.coordinate_scaling import coordinate_scaling
from kernels.cpu.digits import Parts, split
from kernels.cpu.msm_plan import MsmPlan, plan_msm
from kernels.cpu.point_images import point_images
from kernels.cpu.scratch import CACHE_LINE_WORDS, Scratch, aligned_words, borrow_scratch
from kernels.cpu.threads import for_each
from kernels.curves import Curve, Group
from kernels.scalar_decomposition import decomposition, part_counts

POINTS_AT_A_TIME = 1 << 13
"""Points converted together: enough for several shared inversions, few enough to need little memory beside the rows."""


@dataclass(frozen=True)
class Arithmetic:
    """What differs between one lane and eight.

    Attributes
    ----------
    sums
        Compiles the kernels, or loads them.
    scaling
        What Montgomery form is to be multiplied by to give the rows' form; 1 where rows are the points themselves.
    words_between_polls
        Words of rows added between two looks at whether to stop: some 10 ms in any group.
    """

    curve: Curve
    group: Group
    sums: Callable[[], BucketSums]
    scaling: int
    words_between_polls: int

    def rows(self, points: Array) -> Array:
        """Rows of points."""
        rows = points if self.scaling == 1 else coordinate_scaling(self.curve, self.scaling)(points)
        return rows.reshape(len(points), -1)

    def canonical(self, rows: Array) -> Array:
        """Rows with coordinates below p."""
        return rows if self.scaling == 1 else coordinate_scaling(self.curve, 1)(rows).reshape(rows.shape)


ROWS_VERSION = 1
"""Of the form of rows in :class:`BucketBases`, in either arithmetic: who changes it counts this up."""


@dataclass(frozen=True)
class BucketLayout:
    """Form of the rows of some points: see :class:`BucketBases`."""

    plan: MsmPlan
    stride: int
    row_words: int


@dataclass(frozen=True)
class BucketBases:
    """Bases as rows.

    Attributes
    ----------
    rows
        ``uint64[blocks * stride, row words]``: row (t multiples + m) stride + j n + i is 2^(c sets t + m) times image j
        of point i.
    infinite
        Indices of points at infinity.
    """

    plan: MsmPlan
    stride: int
    rows: Array
    infinite: npt.NDArray[np.intp]


def bucket_layout(curve: Curve, group: Group, n: int, table_bytes: int, *, shared: bool = False) -> BucketLayout:
    """Choose the form of the rows of n points, with as many of their multiples as ``table_bytes`` hold.

    In memory that processes share pages are small, and a random row costs the more the more rows there are: twice every
    row would cost more additions' time than it saves there.
    """
    row_words = 2 * curve.coordinate_limbs(group)
    cuts = tuple((images, decomposition(curve, group, images).bits) for images in part_counts(group))
    plan = plan_msm(n, cuts, table_bytes // max(8 * row_words * n, 1) + 1, 1 if shared else 2)
    stride = -(-plan.images * n // CACHE_LINE_WORDS) * CACHE_LINE_WORDS
    if plan.blocks * stride > MAX_ROWS:
        raise ValueError(f"{n} points with {plan.blocks} rows each exceed {MAX_ROWS} rows; split the multiplication")
    return BucketLayout(plan, stride, row_words)


def bucket_bases(arithmetic: Arithmetic, points: Array, table_bytes: int, *, shared: bool = False) -> BucketBases:
    """Convert points to rows, with their images and as many multiples as ``table_bytes`` hold."""
    curve, group, n = arithmetic.curve, arithmetic.group, len(points)
    layout = bucket_layout(curve, group, n, table_bytes, shared=shared)
    plan, stride, row_words = layout.plan, layout.stride, layout.row_words
    cut = decomposition(curve, group, plan.images)
    rows = aligned_words(plan.blocks * stride * row_words).reshape(plan.blocks * stride, row_words)
    blocks = rows.reshape(plan.blocks, stride, row_words)
    blocks[:, plan.images * n :] = 0
    for first in range(0, n, POINTS_AT_A_TIME):
        last = min(first + POINTS_AT_A_TIME, n)
        for block, multiples in zip(blocks, _multiples(arithmetic, points[first:last], plan), strict=True):
            image = multiples
            for j in range(plan.images):
                if j and cut.endomorphism is not None:
                    image = point_images(curve, group, cut.endomorphism, image)
                block[j * n + first : j * n + last] = image
    return _over_rows(layout, n, rows)


def attached_bases(layout: BucketLayout, n: int, rows: Array) -> BucketBases:
    """Bases of n points over rows that :func:`bucket_bases` made, perhaps in another process.

    Kernels read rows by index without testing bounds, so their number is what must be right; whatever else they hold,
    sums are wrong at worst. Infinity is looked for again, for the fast additions must not meet it.

    Raises
    ------
    ValueError
        If the array does not have the layout's form.
    """
    expected = (layout.plan.blocks * layout.stride, layout.row_words)
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint64 or rows.shape != expected:
        found = f"{rows.dtype}{list(rows.shape)}" if isinstance(rows, np.ndarray) else type(rows).__name__
        raise ValueError(f"a table of {n} points is uint64{list(expected)} here, not {found}")
    if not (rows.flags.c_contiguous and rows.flags.aligned):
        raise ValueError("a table must be in C order, and aligned to its words")
    return _over_rows(layout, n, rows)


def _over_rows(layout: BucketLayout, n: int, rows: Array) -> BucketBases:
    return BucketBases(layout.plan, layout.stride, rows, np.flatnonzero(~rows[:n].any(axis=1)))


def _multiples(arithmetic: Arithmetic, points: Array, plan: MsmPlan) -> Iterator[Array]:
    """Rows of the points, then of their multiples for each further block; canonical."""
    rows, doublings = arithmetic.rows(points), 0
    yield rows
    for block in range(1, plan.blocks):
        table, twice = divmod(block, plan.multiples)
        while doublings < plan.window_bits * plan.sets * table + twice:
            rows, doublings = _doubled(arithmetic, rows), doublings + 1
        rows = arithmetic.canonical(rows)
        yield rows


def _doubled(arithmetic: Arithmetic, rows: Array) -> Array:
    """Twice every row: the sums of buckets that hold a row two times."""
    n, row_words = rows.shape
    entries = np.repeat(np.arange(n, dtype=np.uint32) << np.uint32(2), 2)
    starts = np.arange(0, 2 * n + 1, 2, dtype=np.int64)
    with borrow_scratch() as scratch:
        sums = _Sums(arithmetic, rows.reshape(-1), row_words, most_sums(2 * n, n), scratch)
        sums.sum(entries, starts, n, None)
        finite = starts[1:] > starts[:-1]
        out = np.zeros((n, row_words), np.uint64)
        out[finite] = sums.workspace.reshape(-1, row_words)[entries[starts[:-1][finite]] >> 2]
        return out


class _Sums:
    """Workspace of one task, and the row up to which it is full."""

    def __init__(self, arithmetic: Arithmetic, table: Array, row_words: int, most_rows: int, scratch: Scratch) -> None:
        self.kernels = arithmetic.sums()
        self.table = table
        self.room = scratch.words("room", self.kernels.room_words)
        self.workspace = scratch.words("workspace", (FIRST_ROW + most_rows) * row_words)
        self.workspace[:row_words] = 0  # row 0 is infinity
        self.row = FIRST_ROW
        self.most = arithmetic.words_between_polls // row_words

    def sum(
        self,
        entries: npt.NDArray[np.uint32],
        starts: npt.NDArray[np.int64],
        buckets: int,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        """Leave one entry a bucket, or none."""
        progress = np.array([0, starts[0], starts[0], self.row, 0])
        while not self.kernels.sum_buckets(
            self.table, entries, starts, buckets, progress, self.most, self.room, self.workspace
        ):
            poll(should_stop)
        self.row = int(progress[3])


def bucket_msm(
    arithmetic: Arithmetic, bases: Bases, scalars: Array, threads: int, should_stop: Callable[[], bool] | None
) -> Array:
    """MSMs of ``uint64[batch, n, 4]`` scalars over the same bases; affine points."""
    curve, group, n, msms = bases.curve, bases.group, len(bases), len(scalars)
    prepared: BucketBases = bases.prepared
    plan = prepared.plan
    parts = split(curve, group, plan.images, scalars, plan.window_bits, plan.windows, prepared.infinite)
    if msms == 0:
        return np.empty((0, *curve.point_shape(group)), np.uint64)
    tasks = plan.tasks(n, msms, threads)
    lists = len(plan.list_exponents)
    point_words = 4 * curve.coordinate_limbs(group)
    sums = np.empty((tasks.slices, msms, plan.sets, lists, point_words), np.uint64)

    def run(task: tuple[int, int, int]) -> None:
        poll(should_stop)
        number, first_msm, first_set = task
        msm_count = min(tasks.msms_each, msms - first_msm)
        set_count = min(tasks.sets_each, plan.sets - first_set)
        bounds = [plan.images * n * (number + end) // tasks.slices for end in (0, 1)]
        chosen = slice(first_msm, first_msm + msm_count)
        out = np.empty((msm_count, set_count, lists, point_words), np.uint64)
        with borrow_scratch() as scratch:
            task_parts = Parts(parts.words[chosen], parts.negative[chosen])
            of_task = (first_set, set_count), (bounds[0], bounds[1])
            _sum_task(prepared, arithmetic, task_parts, *of_task, out, scratch, should_stop)
        sums[number, chosen, first_set : first_set + set_count] = out

    for_each(
        run,
        [
            (number, first_msm, first_set)
            for number in range(tasks.slices)
            for first_msm in range(0, msms, tasks.msms_each)
            for first_set in range(0, plan.sets, tasks.sets_each)
        ],
        threads,
    )
    return _combined(bases, plan, sums)


def _sum_task(
    prepared: BucketBases,
    arithmetic: Arithmetic,
    parts: Parts,
    sets: tuple[int, int],
    bounds: tuple[int, int],
    out: Array,
    scratch: Scratch,
    should_stop: Callable[[], bool] | None,
) -> None:
    """Short lists' sums of some bucket sets of some MSMs, over some of the parts."""
    plan = prepared.plan
    (first_set, set_count), (first, last) = sets, bounds
    steps = bucket_kernels()
    msms = len(parts.words)
    lists = msms * set_count
    windows = len(range(first_set, plan.windows, plan.sets)) * set_count  # at most so many
    most = msms * windows * (last - first)
    entries = scratch.words("entries", most // 2 + 1).view(np.uint32)
    starts = scratch.words("starts", lists * plan.buckets + 1).view(np.int64)
    steps.sort(
        parts.words.reshape(-1), parts.negative.reshape(-1), msms, parts.negative.shape[1], parts.words.shape[1],
        plan.window_bits, plan.windows, plan.sets, plan.multiples, prepared.stride, first_set, set_count, first, last,
        plan.buckets, starts, entries,
    )  # fmt: skip
    total = int(starts[lists * plan.buckets])
    # Sums of buckets, then of rows and columns, which are no more than buckets together and of two entries a bucket.
    most = most_sums(total, lists * plan.buckets) + most_sums(4 * lists * plan.buckets, lists * plan.buckets)
    sums = _Sums(arithmetic, prepared.rows.reshape(-1), prepared.rows.shape[1], most, scratch)
    sums.sum(entries, starts, lists * plan.buckets, should_stop)
    log2_length = plan.window_bits - 1
    for level, h in enumerate(plan.regroupings):
        # Every bucket is in a row and in a column: two entries, of half a word each.
        short_entries = scratch.words(f"entries {level}", lists << log2_length).view(np.uint32)
        short_starts = scratch.words(f"starts {level}", (lists << (log2_length - h + 1)) + 1).view(np.int64)
        steps.regroup(entries, starts, lists, log2_length, h, short_entries, short_starts)
        entries, starts, lists, log2_length = short_entries, short_starts, 2 * lists, log2_length - h
        sums.sum(entries, starts, lists << log2_length, should_stop)
    sums.kernels.weigh(sums.table, sums.workspace, entries, starts, lists, 1 << log2_length, out.reshape(-1))


def _combined(bases: Bases, plan: MsmPlan, sums: Array) -> Array:
    """Add up all slices', sets' and lists' sums of each MSM, the highest powers of two first."""
    slices, msms, sets = sums.shape[:3]
    exponents = [
        u * plan.window_bits + exponent for _ in range(slices) for u in range(sets) for exponent in plan.list_exponents
    ]
    order = sorted(range(len(exponents)), key=lambda i: -exponents[i])
    shifts = [0, *(exponents[a] - exponents[b] for a, b in itertools.pairwise(order))]
    out = np.empty((msms, *bases.curve.point_shape(bases.group)), np.uint64)
    by_msm = np.ascontiguousarray(sums.swapaxes(0, 1)).reshape(-1)
    combination(bases.curve, bases.group)(by_msm, np.array(order), np.array(shifts), msms, out.reshape(-1))
    return out
