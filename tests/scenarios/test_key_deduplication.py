"""Many ask for a key at once that nobody has made yet."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from prover.key_store import list_keys

pytestmark = pytest.mark.ray


def test_one_key_is_made_however_many_clients_and_threads_ask(client, key_directory):
    from cluster import Client

    before = set(list_keys(key_directory))
    info = client.service_info()
    with Client.connect(info.address, info.namespace) as other, ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(asking.circuit, "ringct", depth=2, inputs=1, outputs=1) for asking in (client, other) * 4
        ]
        keys = [future.result(timeout=120) for future in asked]
    made = set(list_keys(key_directory)) - before
    assert made == {key.key_id for key in keys}
    assert len(made) == 1
    described = [entry for entry in client.list_keys() if entry["key_id"] in made]
    assert [(entry["circuit"], entry["loaded"], entry["development"]) for entry in described] == [
        ("ringct", True, True)
    ]
