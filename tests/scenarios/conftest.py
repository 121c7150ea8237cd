"""A service that a scenario may overload or break."""

import pytest


@pytest.fixture
def start_service(ray_cluster, tmp_path):  # noqa: ARG001 - it joins that Ray
    """A function that starts a service of the test's own, with the settings it is given."""
    from cluster import Client, Settings

    clients = []

    def start(**settings):
        clients.append(Client.local(Settings(threads=2, key_dir=tmp_path / "keys", **settings)))
        return clients[-1]

    yield start
    for client in clients:
        client.close()
