"""Shapes of multi-scalar multiplications."""

from dataclasses import replace

import pytest

from kernels.cpu.msm_plan import TASK_ENTRIES, additions, plan_msm

CUTS = ((1, 254), (2, 127))


@pytest.mark.parametrize("max_rows", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("n", [0, 1, 100, 5000, 1 << 16, 1 << 20])
def test_every_window_has_a_table_and_a_bucket_set(n, max_rows):
    plan = plan_msm(n, CUTS, max_rows, 2)
    assert plan.blocks == 1 or plan.blocks * plan.images <= max_rows
    assert plan.tables * plan.sets >= plan.windows
    assert (plan.tables - 1) * plan.sets < plan.windows  # no table without a window
    assert plan.list_length << sum(plan.regroupings) == plan.buckets
    assert len(plan.list_exponents) == 1 << len(plan.regroupings)
    assert plan.list_exponents[-1] == 0


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("msms", [1, 3, 1000])
@pytest.mark.parametrize("n", [0, 1, 100, 5000, 1 << 18])
def test_tasks_cover_a_batch_and_keep_every_thread_busy(n, msms, threads):
    plan = plan_msm(n, CUTS, 1, 2)
    tasks = plan.tasks(n, msms, threads)
    assert 1 <= tasks.sets_each <= plan.sets
    assert tasks.slices >= 1
    count = -(-msms // tasks.msms_each) * -(-plan.sets // tasks.sets_each) * tasks.slices
    assert count >= min(threads, msms)
    if tasks.msms_each > 1:
        assert tasks.sets_each == plan.sets
        assert tasks.msms_each * plan.windows * plan.images * n <= TASK_ENTRIES


@pytest.mark.parametrize(("n", "cut"), [(1 << 14, (2, 127)), (1 << 14, (4, 64)), (50, (2, 127))])
def test_images_pay_without_tables(n, cut):
    plan = plan_msm(n, ((1, 254), cut), 1, 2)
    assert (plan.images, plan.tables, plan.multiples) == (cut[0], 1, 1)


def test_more_tables_never_cost_more():
    for n in (100, 4000, 1 << 16):
        costs = [additions(plan_msm(n, CUTS, rows, 2), n) for rows in (1, 2, 4, 20, 40, 100)]
        assert costs == sorted(costs, reverse=True)
        assert costs[-1] < costs[0]


def test_rows_of_two_multiples_are_taken_where_there_is_room_for_them():
    assert plan_msm(1 << 16, CUTS, 16, 2).multiples == 1
    assert plan_msm(1 << 16, CUTS, 30, 1).multiples == 1
    assert plan_msm(1 << 11, CUTS, 60, 2).multiples == 1  # of few points they cost more than they save
    plan = plan_msm(1 << 16, CUTS, 30, 2)
    assert (plan.multiples, plan.window_bits, plan.tables, plan.sets) == (2, 17, 15, 1)
    for some in (plan, replace(plan, window_bits=16)):
        assert some.used_buckets == sum((k & -k).bit_length() % 2 for k in range(1, some.buckets + 1))
