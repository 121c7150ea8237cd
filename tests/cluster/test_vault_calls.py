"""What becomes of a call to the vault, or of a look into the object store, that goes wrong."""

import uuid

import pytest

from prover import DeviceFault, KeyNotFound
from prover.vault import Lost, Unreachable

pytestmark = pytest.mark.ray

TIMEOUT_S = 60


class Vault:
    """Its words reach the caller as a real vault's do."""

    def __init__(self):
        self.heard = []

    def known(self, *words):
        self.heard.append(words)
        return self.heard

    def unknown(self):
        raise KeyNotFound("no such key")

    def broken(self):
        raise ZeroDivisionError("and no word of it")


@pytest.fixture(scope="module")
def vault(ray_cluster):
    namespace = f"calls-{uuid.uuid4()}"
    actor = ray_cluster.remote(Vault).options(name="vault", namespace=namespace, num_cpus=0).remote()
    yield actor, namespace
    ray_cluster.kill(actor)


@pytest.fixture
def calls(vault):
    from cluster.vault_calls import RayVaultCalls

    return RayVaultCalls("vault", vault[1])


def test_an_answer_arrives_and_what_was_raised_is_raised(calls):
    calls.send("known", "sent")
    assert calls.call("known", "called", timeout_s=TIMEOUT_S) == [("sent",), ("called",)]
    with pytest.raises(KeyNotFound, match="no such key"):
        calls.call("unknown", timeout_s=TIMEOUT_S)


def test_a_vault_that_is_not_there_is_unreachable_and_need_not_hear(calls):
    from cluster.vault_calls import RayVaultCalls

    nobody = RayVaultCalls("nobody", calls.namespace)
    with pytest.raises(Unreachable):
        nobody.call("known", timeout_s=TIMEOUT_S)
    nobody.send("known")


def test_objects_are_mapped_in_order_and_their_makers_errors_are_typed(ray_cluster, vault, calls):
    actor, _ = vault
    references = [ray_cluster.put(number) for number in (3, 1)]
    assert calls.get(references, TIMEOUT_S) == [3, 1]
    assert len({calls.name(reference) for reference in references}) == 2
    with pytest.raises(KeyNotFound):
        calls.get([actor.unknown.remote()], TIMEOUT_S)
    with pytest.raises(DeviceFault, match=r"ZeroDivisionError.*see its log") as caught:
        calls.get([actor.broken.remote()], TIMEOUT_S)
    assert "no word" not in str(caught.value)


def test_an_object_is_lost_with_its_maker(ray_cluster, calls):
    class Maker:
        def make(self):
            import time

            time.sleep(TIMEOUT_S)

    maker = ray_cluster.remote(Maker).options(num_cpus=0).remote()
    coming = maker.make.remote()
    assert not calls.arrives(coming, 0.0)
    ray_cluster.kill(maker)
    assert calls.arrives(coming, TIMEOUT_S)
    with pytest.raises(Lost):
        calls.get([coming], TIMEOUT_S)
