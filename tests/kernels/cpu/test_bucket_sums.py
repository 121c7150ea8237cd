"""Sums of buckets of every length, in lanes and without, against integers: logarithms of multiples of a generator."""

import random

import numpy as np
import pytest

from kernels import BLS12_381, BN254, get_backend, limbs_from_ints, points_from_ints
from kernels.cpu.bucket_sums import FIRST_ROW, INFINITY, OWN_ROW, most_sums
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_buckets import eight_lanes
from kernels.cpu.portable_buckets import one_lane
from kernels.cpu.scratch import aligned_words

POINTS = 160
CASES = [("portable", BN254, "g1"), ("emulated", BN254, "g1"), ("native", BLS12_381, "g1"), ("native", BN254, "g2")]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1].name}-{case[2]}", scope="module")
def summed(request):
    """A function: the multiple of the generator that each bucket of multiples (with signs) sums to, as points."""
    lanes, curve, group = request.param
    if lanes == "native" and not has_ifma():
        pytest.skip("this CPU has no IFMA")
    arithmetic = one_lane(curve, group) if lanes == "portable" else eight_lanes(curve, group, lanes == "native")
    backend = get_backend("portable")
    generator = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]

    def multiples(values):
        return backend.multiply_base(
            curve, group, generator, limbs_from_ints([v % curve.fr.modulus for v in values], 4)
        )

    rows = arithmetic.rows(multiples(range(POINTS)))
    row_words = rows.shape[1]
    table = aligned_words(rows.size)
    table[:] = rows.reshape(-1)
    kernels = arithmetic.sums()

    def run(buckets, most=1 << 30):
        entries = np.array([abs(v) << 2 | (v < 0) for bucket in buckets for v in bucket], np.uint32)
        starts = np.cumsum([0, *map(len, buckets)]).astype(np.int64)
        workspace = aligned_words((FIRST_ROW + most_sums(len(entries), len(buckets))) * row_words)
        workspace[:row_words] = 0
        room = aligned_words(kernels.room_words)
        progress = np.array([0, 0, 0, FIRST_ROW, 0])
        calls = 1
        while not kernels.sum_buckets(table, entries, starts, len(buckets), progress, most, room, workspace):
            calls += 1
        assert len(workspace) >= progress[3] * row_words
        assert np.all(np.diff(starts) <= 1)
        got = np.zeros((len(buckets), row_words), np.uint64)
        for b in np.flatnonzero(np.diff(starts)):
            entry = int(entries[starts[b]])
            assert entry != INFINITY
            source = workspace if entry & OWN_ROW else table
            got[b] = source.reshape(-1, row_words)[entry >> 2]
        # A bucket of one entry keeps it, sign and all; the sign is not in the row.
        sums = [abs(bucket[0]) if len(bucket) == 1 else sum(bucket) for bucket in buckets]
        wanted = arithmetic.canonical(arithmetic.rows(multiples(sums)))
        assert np.array_equal(arithmetic.canonical(got), wanted.reshape(got.shape))
        return calls

    return run


def test_every_length_with_signs(summed):
    seeded = random.Random(4)
    sizes = [0, 1, 2, 3, 5, 8, 13, 31, 32, 33, 63, 64, 65, 66, 127, 129]
    buckets = []
    for size in sizes:
        chosen = seeded.sample(range(1, POINTS), size)
        buckets.append([v if seeded.random() < 0.5 else -v for v in chosen])
    summed(buckets)


def test_more_groups_than_fit_at_a_time(summed):
    seeded = random.Random(5)
    summed([seeded.sample(range(1, POINTS), seeded.randrange(12, 20)) for _ in range(900)])


def test_equal_and_opposite_points_and_sums_of_zero(summed):
    few = [[1, 1], [1, -1], [2, 2, 2], [3, -3, 3], [7, -7, 9], [1, 2, -3], [1, 2, 3, 4], [8], []]
    summed([*few, [5] * 64, [5, -5] * 40, [6] * 131])


def test_one_bad_bucket_among_many_good_ones(summed):
    seeded = random.Random(6)
    buckets = [seeded.sample(range(1, POINTS), 14) for _ in range(400)]
    buckets[200] = [4, 4, *buckets[200][2:]]
    buckets[300] = [1, 2, 3, -6]
    summed(buckets)


def test_a_lone_large_bucket_and_pauses(summed):
    seeded = random.Random(7)
    large = [v if seeded.random() < 0.5 else -v for v in range(1, POINTS)] * 20
    assert summed([[], large, [3, 4], large[:300]], most=500) > 4
    assert summed([large]) == 1
