import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.cuda.memory_plan import (
    USABLE,
    Chunks,
    DoesNotFitError,
    halved,
    plan_chunks,
    table_budget,
    usable_bytes,
)
from kernels.cuda.msm import chunk_indexable
from kernels.cuda.msm_plan import MOST_ENTRIES, plan_msm

GIB = 1 << 30
XYZZ_G1 = 192


def linear(row_bytes, point_bytes):
    return lambda rows, points: rows * (row_bytes + points * point_bytes)


@given(
    rows=st.integers(1, 5000),
    points=st.integers(1, 1 << 20),
    row_bytes=st.integers(1, 1 << 20),
    point_bytes=st.integers(1, 512),
    free=st.integers(0, 80 * GIB),
)
def test_a_chunk_fits_and_is_the_largest_that_does(rows, points, row_bytes, point_bytes, free):
    bytes_of = linear(row_bytes, point_bytes)
    if bytes_of(1, 1) > usable_bytes(free):
        with pytest.raises(DoesNotFitError) as refused:
            plan_chunks("it", rows, points, free, bytes_of)
        assert usable_bytes(refused.value.needed_bytes) >= bytes_of(1, 1)  # the figure it names is enough
        return
    chunks = plan_chunks("it", rows, points, free, bytes_of)
    assert chunks.bytes == bytes_of(chunks.rows, chunks.points) <= usable_bytes(free)
    if chunks.rows < rows and chunks.points == points:
        assert bytes_of(chunks.rows + 1, points) > usable_bytes(free)
    if chunks.points < points:
        assert chunks.rows == 1
        assert bytes_of(1, chunks.points + 1) > usable_bytes(free)


def test_the_refusal_names_what_would_fit():
    with pytest.raises(DoesNotFitError, match="needs 11765 bytes of free device memory and there are 100;"):
        plan_chunks("it", 1, 1, 100, linear(9999, 1))


def test_the_kernels_indices_bound_a_chunk_too():
    chunks = plan_chunks("it", 1000, 10, 1 << 60, linear(1, 1), lambda rows, points: rows * points <= 70)
    assert (chunks.rows, chunks.points) == (7, 10)


def test_halving_ends():
    chunks, steps = Chunks(5, 9, 100), []
    while chunks:
        steps.append((chunks.rows, chunks.points))
        chunks = halved(chunks)
    assert steps == [(5, 9), (2, 9), (1, 9), (1, 4), (1, 2), (1, 1)]


def test_tables_leave_half_of_what_is_usable():
    assert table_budget(80 * GIB) == int(80 * GIB * USABLE / 2)


@pytest.mark.parametrize(
    ("free_gib", "log2_n", "rows", "fits_whole"),
    [
        (80, 20, 1, True),
        (80, 24, 1, True),
        (24, 22, 1, True),
        (4, 24, 1, False),
        (24, 12, 1000, True),
        (4, 12, 2000, False),
    ],
)
def test_real_sizes_on_real_cards(free_gib, log2_n, rows, fits_whole):
    n = 1 << log2_n
    plan = plan_msm(n, 255, 1)
    chunks = plan_chunks(
        "it", rows, n, free_gib * GIB, lambda r, p: plan.workspace_bytes(p, r, XYZZ_G1),
        lambda r, p: chunk_indexable(plan, r, p),
    )  # fmt: skip
    assert (chunks.rows == rows and chunks.points == n) == fits_whole
    assert chunk_indexable(plan, chunks.rows, chunks.points)
    assert chunks.rows * chunks.points * plan.windows < MOST_ENTRIES


@given(rows=st.integers(1, 64), n=st.integers(1, 1 << 16), more=st.integers(1, 1000), tables=st.integers(1, 40))
def test_memory_grows_with_rows_and_points(rows, n, more, tables):
    plan = plan_msm(n, 254, tables)
    here = plan.workspace_bytes(n, rows, XYZZ_G1)
    assert plan.workspace_bytes(n + more, rows, XYZZ_G1) >= here
    assert plan.workspace_bytes(n, rows + more, XYZZ_G1) > here
