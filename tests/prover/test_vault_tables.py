"""A worker's side of shared tables, against a vault of this test: no Ray, no clock."""

import gc

import numpy as np
import pytest

from prover import BadInput
from prover.table_store import Coming, TableIdentity
from prover.vault import Lost, Unreachable
from prover.vault_tables import VaultTables

WANTED = TableIdentity("k" * 64, "proof", "digest", 40)


class Vault:
    """Answers ``tables`` as scripted; an object is there, is coming, or is an error in its place."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.objects = {}
        self.asked = []
        self.reports = []

    def tables(self, wanted, held, lost, *, patient):
        self.asked.append((wanted.digest, held, lost, patient))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def report(self, held, lost=""):
        self.reports.append((held, lost))

    def arrives(self, reference, timeout_s):  # noqa: ARG002 - it never waits
        return reference in self.objects

    def take(self, reference):
        found = self.objects[reference]
        if isinstance(found, Exception):
            raise found
        return "digest", {"a": np.array(found)}  # a mapping of its own each time

    def name(self, reference):
        return f"name of {reference}"


def tables_over(vault, naps=None):
    """With a clock that stands unless somebody sleeps."""
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds
        if naps is not None:
            naps.append(seconds)

    tables = VaultTables(vault, clock=lambda: now[0], sleep=sleep)
    tables.sleep = sleep
    return tables


@pytest.fixture(params=[False, True], ids=["job", "load"])
def wait(request):
    return request.param


def test_tables_that_are_there_are_mapped_at_once_and_counted_while_they_are_used(wait):
    vault = Vault("r1")
    vault.objects["r1"] = [1, 2]
    tables = tables_over(vault)
    _, arrays = tables.get(WANTED, wait=wait)
    assert arrays["a"].tolist() == [1, 2]
    assert vault.asked == [("digest", {}, "", wait)]
    assert tables.held() == {"name of r1": 40}
    del arrays, _
    gc.collect()
    assert tables.held() == {}
    tables.report()
    assert vault.reports == [({}, "")]


def test_tables_mapped_twice_count_until_both_are_let_go():
    vault = Vault("r1", "r1")
    vault.objects["r1"] = [1]
    tables = tables_over(vault)
    first, second = tables.get(WANTED, wait=False), tables.get(WANTED, wait=False)
    del second
    gc.collect()
    assert tables.held() == {"name of r1": 40}
    assert first[1]["a"].tolist() == [1]


def test_a_job_asks_once_and_then_only_looks():
    vault = Vault("r1")
    tables = tables_over(vault)
    assert tables.get(WANTED, wait=False) is Coming.COMING
    assert tables.held() == {"name of r1": 40}  # it counts from now on
    assert tables.get(WANTED, wait=False) is Coming.COMING
    vault.objects["r1"] = [1]
    assert tables.get(WANTED, wait=False)[1]["a"].tolist() == [1]
    assert len(vault.asked) == 1


def test_who_waits_asks_again_now_and_then_for_the_vault_may_have_been_restarted():
    vault = Vault("r1", "r2")
    vault.objects["r2"] = [2]
    assert tables_over(vault).get(WANTED, wait=True)[1]["a"].tolist() == [2]
    assert [held for _, held, _, _ in vault.asked] == [{}, {"name of r1": 40}]


def test_where_there_will_be_none_the_answer_is_none(wait):
    tables = tables_over(Vault(None))
    assert tables.get(WANTED, wait=wait) is None
    assert tables.held() == {}


def test_of_a_maker_that_died_the_vault_is_told_when_it_is_asked_again(wait):
    vault = Vault("r1", "r2")
    vault.objects |= {"r1": Lost("gone"), "r2": [2]}
    tables = tables_over(vault)
    assert tables.get(WANTED, wait=wait)[1]["a"].tolist() == [2]
    assert [(held, lost) for _, held, lost, _ in vault.asked] == [({}, ""), ({}, "name of r1")]


def test_makers_that_die_one_after_the_other_are_given_up(wait):
    vault = Vault("r1", "r2", "r3")
    vault.objects |= dict.fromkeys(["r1", "r2", "r3"], Lost("gone"))
    assert tables_over(vault).get(WANTED, wait=wait) is None


def test_what_kept_a_maker_from_making_them_is_reported_and_leaves_none(wait, caplog):
    vault = Vault("r1")
    vault.objects["r1"] = BadInput("other tables")
    tables = tables_over(vault)
    assert tables.get(WANTED, wait=wait) is None
    assert "other tables" in caplog.text
    assert [lost for _, lost in vault.reports] == ["name of r1"]
    assert tables.held() == {}


def test_a_job_does_without_while_the_vault_is_out_of_reach():
    vault = Vault(Unreachable("dead"), "r1")
    vault.objects["r1"] = [1]
    tables = tables_over(vault)
    assert [tables.get(WANTED, wait=False) for _ in range(3)] == [Coming.COMING] * 3
    assert len(vault.asked) == 1
    tables.sleep(2)
    assert tables.get(WANTED, wait=False)[1]["a"].tolist() == [1]


def test_who_waits_tries_to_reach_the_vault_for_some_seconds():
    vault, naps = Vault(*[Unreachable("dead")] * 3, "r1"), []
    vault.objects["r1"] = [1]
    assert tables_over(vault, naps).get(WANTED, wait=True)[1]["a"].tolist() == [1]
    assert len(naps) == 3
    assert tables_over(Vault(*[Unreachable("dead")] * 10)).get(WANTED, wait=True) is None


def test_an_unknown_key_has_no_tables(wait):
    assert tables_over(Vault(BadInput("no such key"))).get(WANTED, wait=wait) is None


def test_of_refused_tables_the_vault_is_told_while_they_are_still_held():
    vault = Vault("r1")
    vault.objects["r1"] = [1]
    tables = tables_over(vault)
    found = tables.get(WANTED, wait=False)
    tables.refuse(WANTED)
    assert vault.reports == [({"name of r1": 40}, "name of r1")]
    assert found[0] == "digest"


@pytest.mark.parametrize("shared", [None, 7, "text", ("digest",), ("digest", [1]), ("digest", {"a": 1})])
def test_whatever_lies_there_is_handed_on_for_the_prover_to_judge(shared):
    vault = Vault("r1")
    vault.objects["r1"] = True
    vault.take = lambda _: shared
    assert tables_over(vault).get(WANTED, wait=False) is shared
