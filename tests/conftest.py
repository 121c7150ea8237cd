"""Fixtures that tests of several packages share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def ray_cluster():
    """One real single-machine Ray for the whole run. Tests must not leave detached actors behind."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, namespace="tests")
    yield ray
    ray.shutdown()
