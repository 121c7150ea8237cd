import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.errors import BadRequest
from fastpath.quantiles import LARGEST, SMALLEST, QuantileSketch

QS = (0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
values = st.one_of(st.just(0.0), st.floats(SMALLEST, LARGEST))


def sketch_of(numbers, accuracy=0.01):
    sketch = QuantileSketch(accuracy)
    for number in numbers:
        sketch.add(number)
    return sketch


def assert_close(sketch, numbers):
    exact = np.quantile(numbers, QS, method="lower")
    for answer, truth in zip(sketch.quantiles(*QS), exact, strict=True):
        assert abs(answer - truth) <= sketch.accuracy * truth * (1 + 1e-9)


@given(st.lists(values, min_size=1, max_size=300), st.sampled_from([0.005, 0.01, 0.1]))
def test_quantiles_are_within_the_relative_error(numbers, accuracy):
    assert_close(sketch_of(numbers, accuracy), numbers)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", ["lognormal", "pareto", "exponential", "uniform"])
def test_quantiles_of_heavy_and_light_tails_are_within_one_percent(shape, seed):
    rng = np.random.default_rng(seed)
    numbers = {
        "lognormal": lambda: rng.lognormal(0, 2, 20_000),
        "pareto": lambda: rng.pareto(1.1, 20_000) + 1e-3,
        "exponential": lambda: rng.exponential(0.05, 20_000),
        "uniform": lambda: rng.uniform(0, 1, 20_000),
    }[shape]()
    assert_close(sketch_of(numbers), numbers)


@given(st.lists(values, max_size=100), st.lists(values, max_size=100))
def test_a_merged_sketch_equals_the_sketch_of_both(left, right):
    merged = sketch_of(left)
    merged.merge(sketch_of(right))
    both = sketch_of(left + right)
    assert merged.quantiles(*QS) == both.quantiles(*QS)
    assert merged.count == both.count
    assert merged.total == pytest.approx(both.total)


@given(st.lists(values, max_size=100))
def test_serialised_sketches_answer_the_same(numbers):
    sketch = sketch_of(numbers)
    for copy in (
        QuantileSketch.from_dict(json.loads(json.dumps(sketch.to_dict()))),
        pickle.loads(pickle.dumps(sketch)),  # noqa: S301 - our own bytes
    ):
        assert copy.to_dict() == sketch.to_dict()
        assert copy.quantiles(*QS) == sketch.quantiles(*QS)


def test_memory_is_bounded_by_the_range():
    sketch = sketch_of(np.geomspace(1e-30, 1e30, 50_000))
    assert len(sketch.to_dict()["bins"]) < 2_500


def test_an_empty_sketch_answers_zero():
    assert QuantileSketch().quantiles(0.5, 0.99) == (0.0, 0.0)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, -math.inf])
def test_values_that_have_no_place_are_refused(value):
    sketch = QuantileSketch()
    with pytest.raises(BadRequest):
        sketch.add(value)
    assert sketch.count == 0


def test_wrong_parameters_are_refused():
    for accuracy in (0.0, 1.0, math.nan):
        with pytest.raises(BadRequest):
            QuantileSketch(accuracy)
    with pytest.raises(BadRequest):
        QuantileSketch().quantile(1.5)
    with pytest.raises(BadRequest):
        QuantileSketch().quantiles(0.9, 0.5)
    with pytest.raises(BadRequest):
        QuantileSketch(0.01).merge(QuantileSketch(0.02))


@pytest.mark.parametrize(
    "change", [{"bins": [[1, -1]]}, {"bins": None}, {"accuracy": 2}, {"zeros": -1}, {"total": "x"}]
)
def test_altered_serialised_sketches_are_refused(change):
    form = sketch_of([1.0, 2.0]).to_dict()
    with pytest.raises(BadRequest):
        QuantileSketch.from_dict({**form, **change})
