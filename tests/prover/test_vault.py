"""The vault as a worker sees it, over calls of this test."""

import pytest

from prover import DeviceFault, KeyNotFound
from prover.table_store import TableIdentity
from prover.vault import Lost, Unreachable, Vault


class Calls:
    """Each call raises or returns what comes next."""

    node = "node"
    arrives = name = None

    def __init__(self, *answers):
        self.answers = list(answers)
        self.made = []

    def call(self, method, *arguments, timeout_s):
        self.made.append((method, *arguments, timeout_s))
        return self._next()

    def send(self, method, *arguments):
        self.made.append((method, *arguments))

    def get(self, references, timeout_s):  # noqa: ARG002 - part of the interface
        self.made.append(("get", *references))
        return self._next()

    def _next(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_key_is_fetched_again_while_the_vault_is_restarted(multiply_key):
    manifest, arrays = multiply_key.to_arrays()
    entry = manifest, {name: [name] for name in arrays}
    calls, naps = Calls(Unreachable("dead"), entry, Lost("owner"), entry, list(arrays.values())), []
    key = Vault(calls, "w", naps.append).key(multiply_key.key_id)
    assert key.key_id == multiply_key.key_id
    assert len(naps) == 2


def test_a_vault_that_stays_away_is_a_fault_and_an_unknown_key_is_not_asked_for_again():
    with pytest.raises(DeviceFault, match="could not be fetched"):
        Vault(Calls(*[Unreachable("dead")] * 5), "w", lambda _: None).key("k")
    calls = Calls(KeyNotFound("none"))
    with pytest.raises(KeyNotFound):
        Vault(calls, "w").key("k")
    assert len(calls.made) == 1


def test_jobs_ask_for_tables_in_little_time():
    wanted = TableIdentity("k", "proof", "digest", 1)
    calls = Calls(["reference"], [])
    vault = Vault(calls, "w")
    assert vault.tables(wanted, {"held": 2}, "lost", patient=True) == "reference"
    assert vault.tables(wanted, {}, "", patient=False) is None
    (*asked, patient_s), (*_, glance_s) = calls.made
    assert asked == ["tables", wanted, "w", "node", {"held": 2}, "lost"]
    assert glance_s < patient_s
    vault.report({"held": 2})
    assert calls.made[-1] == ("tables_held", "w", "node", {"held": 2}, "")
