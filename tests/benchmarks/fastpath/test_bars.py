"""What the control plane promises under overload, on three seeds; a minute and a half of one processor.

The origin's policy runs on the same traces: where it does not fail, the trace is too easy.
"""

import pytest

from benchmarks.fastpath.figures import BARS, ORIGIN_FAILS
from benchmarks.fastpath.scope import SCOPES, experiments

SMALLEST = SCOPES["smallest"]


def missed(experiment, bars):
    figures = [figure for seed in SMALLEST.seeds for figure in experiments(SMALLEST, seed)[experiment]()]
    return {str(bar): bar.worst(figures) for bar in bars if not bar.reached(figures)}


@pytest.mark.parametrize("experiment", BARS)
def test_the_control_plane_reaches_its_bars_and_the_origin_does_not(experiment):
    assert missed(experiment, (*BARS[experiment], *ORIGIN_FAILS.get(experiment, ()))) == {}


@pytest.mark.parametrize("experiment", sorted(experiments(SMALLEST, 1).keys() - BARS.keys()))
def test_experiments_without_bars_measure_something(experiment):
    figures = list(experiments(SMALLEST, 1)[experiment]())
    assert len({figure.family for figure in figures}) >= 1
    assert all(figure.value >= 0 for figure in figures)


def test_no_experiment_fails_in_secret():
    assert BARS.keys() >= ORIGIN_FAILS.keys()
    assert experiments(SMALLEST, 1).keys() >= BARS.keys()
