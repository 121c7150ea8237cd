"""Sorting digits into buckets and halving lists of buckets, with integers in place of points."""

from itertools import pairwise

import numpy as np
import pytest

from kernels.cpu.buckets import bucket_kernels
from kernels.cpu.msm_plan import MsmPlan


def _weighed(values, length, lists):
    return [sum((k + 1) * values[number * length + k] for k in range(length)) for number in range(lists)]


@pytest.mark.parametrize("window_bits", [5, 6, 9, 13])
def test_lists_of_rows_and_columns_weigh_as_much(window_bits, rng):
    plan, lists = MsmPlan(1, window_bits, 20, 1, 20, 1), 3
    length = plan.buckets
    values = [rng.randrange(100) for _ in range(lists * length)]
    values = [0 if rng.random() < 0.2 else value for value in values]
    wanted = _weighed(values, length, lists)
    # A bucket with a value has one entry that names it.
    full = [b for b, value in enumerate(values) if value]
    entries = np.array(full, np.uint32)
    starts = np.concatenate([[0], np.cumsum([value != 0 for value in values])]).astype(np.int64)
    log2_length = window_bits - 1
    for h in plan.regroupings:
        short = np.zeros(2 * lists << log2_length, np.uint32)  # every bucket is in a row and in a column
        short_starts = np.zeros((lists << (log2_length - h + 1)) + 1, np.int64)
        bucket_kernels().regroup(entries, starts, lists, log2_length, h, short, short_starts)
        sums = [sum(values[e] for e in short[a:b]) for a, b in pairwise(short_starts)]
        lists, log2_length, values = 2 * lists, log2_length - h, sums
        entries = np.array([b for b, value in enumerate(values) if value], np.uint32)
        starts = np.concatenate([[0], np.cumsum([value != 0 for value in values])]).astype(np.int64)
    assert plan.list_length == 1 << log2_length <= 16
    weighed, each = _weighed(values, 1 << log2_length, lists), len(plan.list_exponents)
    for number, total in enumerate(wanted):
        of_set = weighed[number * each : (number + 1) * each]
        assert sum(value << e for value, e in zip(of_set, plan.list_exponents, strict=True)) == total


@pytest.mark.parametrize(("sets", "first_set", "set_count"), [(1, 0, 1), (4, 1, 2), (7, 0, 7)])
@pytest.mark.parametrize("multiples", [1, 2])
def test_digits_are_sorted_by_bucket(sets, first_set, set_count, multiples, rng):
    c, windows, stride, n = 5, 7, 1000, 300
    half, buckets = 1 << (c - 1), 1 << (c - 1)
    values = [rng.randrange(1 << 33) for _ in range(n - 3)] + [0, 1, (1 << 33) - 1]
    h = sum(half << (c * w) for w in range(windows - 1))
    words = np.array([value + h for value in values], np.uint64)
    negative = np.array([rng.randrange(2) for _ in range(n)], np.uint8)
    starts = np.zeros(2 * set_count * buckets + 1, np.int64)
    entries = np.zeros(2 * windows * n, np.uint32)
    bucket_kernels().sort(
        np.tile(words, 2), np.tile(negative, 2), 2, n, 1, c, windows, sets, multiples, stride, first_set, set_count, 10,
        n, buckets, starts, entries,
    )  # fmt: skip
    wanted = [[] for _ in range(set_count * buckets)]
    for u in range(set_count):
        for w in range(first_set + u, windows, sets):
            for i in range(10, n):
                digit = ((values[i] + h) >> (c * w) & (2 * half - 1)) - (half if w < windows - 1 else 0)
                digit = -digit if negative[i] else digit
                if digit:
                    magnitude, block = abs(digit), w // sets * multiples
                    if multiples == 2 and (magnitude & -magnitude).bit_length() % 2 == 0:  # an odd power of two
                        magnitude, block = magnitude // 2, block + 1
                    wanted[u * buckets + magnitude - 1].append((block * stride + i) << 2 | (digit < 0))
    for number in range(2):
        for b, bucket in enumerate(wanted):
            place = number * set_count * buckets + b
            assert sorted(entries[starts[place] : starts[place + 1]].tolist()) == sorted(bucket)
