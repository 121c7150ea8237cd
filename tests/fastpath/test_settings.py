import math

import pytest

from fastpath.errors import BadRequest
from fastpath.settings import SchedulerSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_jobs", 0), ("max_jobs", 1.5), ("max_group", True), ("group_target_s", -1.0), ("result_ttl_s", math.nan)],
)
def test_wrong_settings_are_refused_by_name_and_value(name, value):
    with pytest.raises(BadRequest, match=f"{name} is {value!r}"):
        SchedulerSettings(**{name: value})


def test_whole_numbers_do_for_durations():
    assert SchedulerSettings(group_target_s=3).group_target_s == 3
