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


@pytest.fixture(scope="session")
def key_directory(tmp_path_factory):
    """Where :func:`client`'s service stores its keys."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def client(ray_cluster, key_directory):  # noqa: ARG001 - it joins that Ray
    """One real service for the whole run, with a worker of two threads and keys of its own."""
    from cluster import Client, Settings

    with Client.local(Settings(threads=2, key_dir=key_directory)) as client:
        yield client
