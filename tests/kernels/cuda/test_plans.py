import pytest

from kernels.cuda.msm_plan import LARGEST_WINDOW, MOST_ENTRIES, plan_msm
from kernels.cuda.transform_plan import TILE_BITS, plan_passes


@pytest.mark.parametrize("log2_size", range(29))
def test_passes_cover_every_bit_once_and_fit_the_tile(log2_size):
    passes = plan_passes(log2_size)
    assert [bit for one in passes for bit in range(one.low, one.low + one.levels)] == list(range(log2_size))
    for one in passes:
        assert one.tile_bits <= TILE_BITS
        assert one.columns_log2 <= one.low
        assert one.low == 0 or one.tile_bits == TILE_BITS or one.low + one.levels < TILE_BITS


@pytest.mark.parametrize("max_tables", [1, 2, 5, 100])
@pytest.mark.parametrize("bits", [254, 255])
@pytest.mark.parametrize("n", [0, 1, 1000, 1 << 16, 1 << 20, 1 << 24])
def test_every_window_has_a_table_and_a_set(n, bits, max_tables):
    plan = plan_msm(n, bits, max_tables)
    assert plan.tables <= max_tables
    assert plan.tables * plan.sets >= plan.windows
    assert (plan.tables - 1) * plan.sets < plan.windows
    assert plan.windows * plan.window_bits > bits  # room for the last carry
    assert (plan.windows - 1) * plan.window_bits < 256  # where the kernels find the last window
    assert 2 * plan.tables * n < MOST_ENTRIES
    assert plan.window_bits <= LARGEST_WINDOW
    assert 0 <= plan.set_slice_bits < plan.window_bits


def test_more_points_take_wider_windows_and_more_tables_cost_less():
    widths = [plan_msm(1 << k, 255, 1).window_bits for k in range(4, 25, 4)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    costs = [plan_msm(1 << 16, 255, tables).products(1 << 16) for tables in (1, 4, 100)]
    assert costs == sorted(costs, reverse=True)


def test_more_points_than_can_be_sorted_are_refused():
    with pytest.raises(ValueError, match="split the multiplication"):
        plan_msm(1 << 31, 255, 1)
