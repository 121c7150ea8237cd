"""The vault on a real Ray."""

import contextlib
import os
import signal
import time
import uuid

import numpy as np
import pytest
from ray.exceptions import RayActorError

from cluster import key_vault
from cluster.calls import answer
from fastpath.errors import Unavailable
from kernels import get_backend
from prover import BadInput, KeyNotFound, circuits, groth16
from prover.key_store import save_key

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def key():
    circuit = circuits.get_circuit("multiply", "bls12_381")
    return groth16.setup(circuit.r1cs, circuit.curve, backend=get_backend(), circuit="multiply", parameters={})


@pytest.fixture
def directory(tmp_path, key):
    save_key(key, tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def vault(ray_cluster, directory):
    handle = key_vault.start(f"vault-{uuid.uuid4()}", directory)
    yield handle
    with contextlib.suppress(RayActorError):
        ray_cluster.kill(handle)


def fetch(vault, key_id):
    manifest, references = answer(vault.get.remote(key_id))
    return groth16.ProvingKey.from_arrays(
        manifest, {name: answer(reference) for name, (reference,) in references.items()}
    )


def test_a_key_arrives_whole_and_read_only(vault, key):
    arrived = fetch(vault, key.key_id)
    assert arrived.key_id == key.key_id
    assert np.array_equal(arrived.h_query, key.h_query)
    assert not arrived.h_query.flags.writeable
    assert arrived.verifying_key.fingerprint == key.verifying_key.fingerprint


def test_a_key_is_put_into_the_object_store_once(vault, key):
    _, first = answer(vault.get.remote(key.key_id))
    _, second = answer(vault.get.remote(key.key_id))
    assert first == second


def test_keys_are_served_again_after_the_process_was_killed(vault, key):
    fetch(vault, key.key_id)
    os.kill(answer(vault.health.remote())["pid"], signal.SIGKILL)
    end = time.monotonic() + 60
    while True:
        try:
            arrived = fetch(vault, key.key_id)
        except Unavailable:
            assert time.monotonic() < end, "the vault did not come back"
            time.sleep(0.2)
        else:
            assert arrived.key_id == key.key_id
            return


def test_unknown_and_removed_keys_are_not_found(vault, key):
    with pytest.raises(KeyNotFound):
        answer(vault.get.remote("0" * 64))
    with pytest.raises(KeyNotFound):
        answer(vault.get.remote("../../etc"))
    answer(vault.get.remote(key.key_id))
    answer(vault.remove.remote(key.key_id))
    with pytest.raises(KeyNotFound):
        answer(vault.get.remote(key.key_id))
    assert answer(vault.list.remote()) == []


def test_a_key_is_added_from_its_folder(vault, key, directory, tmp_path):
    answer(vault.remove.remote(key.key_id))
    save_key(key, tmp_path / "elsewhere")
    assert answer(vault.add.remote(str(tmp_path / "elsewhere" / key.key_id))) == key.key_id
    assert (directory / key.key_id).is_dir()
    (entry,) = answer(vault.list.remote())
    assert (entry["key_id"], entry["circuit"], entry["loaded"]) == (key.key_id, "multiply", False)


def test_a_damaged_key_is_refused_by_file_and_listed_with_its_error(vault, key, directory):
    path = directory / key.key_id / "h_query.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BadInput, match=r"h_query\.npy"):
        answer(vault.get.remote(key.key_id))
    (directory / key.key_id / "metadata.json").write_text("{}", encoding="utf-8")
    (entry,) = answer(vault.list.remote())
    assert "metadata.json" in entry["error"]
