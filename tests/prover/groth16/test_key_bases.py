"""Bases over tables that another process made; the store is one of this test."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from kernels import get_backend
from kernels.reference import ReferenceBackend
from prover import BadInput, groth16
from prover.groth16 import key_bases
from prover.groth16.key_bases import KeyBases
from prover.groth16.key_queries import queries_of_proof, queries_of_rows
from prover.groth16.prepare import OF_PROOF, make_shared_tables, prepare, prepared_over, release_prepared
from prover.groth16.prove import prove_unverified
from prover.table_store import Coming

ROOM = 1 << 22


class Store:
    """Answers what it is told, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.refused = []

    def get(self, wanted, *, wait):
        self.asked.append((wanted, wait))
        return self.answers.pop(0)

    def refuse(self, wanted):
        self.refused.append(wanted)


@pytest.fixture
def backend():
    return get_backend("portable")


@pytest.fixture
def shares_small_tables(monkeypatch):
    monkeypatch.setattr(key_bases, "SHARED_FROM_BYTES", 1)


@pytest.fixture
def bases_of(multiply_key, backend):
    def make(room=ROOM, purpose="proof", key=multiply_key, backend=backend):
        choose = queries_of_proof if purpose == "proof" else queries_of_rows
        return KeyBases(key.key_id, purpose, key.curve, backend, lambda: choose(key, room))

    return make


def read_only(tables):
    digest, arrays = tables
    for array in arrays.values():
        array.flags.writeable = False
    return digest, arrays


@pytest.fixture
def made(bases_of, shares_small_tables):  # noqa: ARG001 - it must be in force
    bases = bases_of()
    return read_only(bases.make_shared(bases.identity()))


def rows(query):
    return query.bases.prepared.rows


def test_shared_tables_are_used_in_place(bases_of, made):
    store, bases = Store(made), bases_of()
    queries = bases.get(store, wait=True)
    assert [wait for _, wait in store.asked] == [True]
    assert {name: rows(query) is made[1][name] for name, query in queries.items()} == dict.fromkeys(queries, True)
    assert bases.shared == store.asked[0][0]
    assert bases.get(store, wait=False) is queries
    private = bases_of().get(None, wait=False)
    for name, query in queries.items():
        points = len(query.bases)  # in the first rows, whatever multiples follow
        assert np.array_equal(rows(query)[:points], rows(private[name])[:points])
        assert np.array_equal(query.columns, private[name].columns)


def test_bases_without_tables_stand_in_until_the_tables_are_there(bases_of, made):
    store, bases = Store(Coming.COMING, Coming.COMING, made), bases_of()
    passing = bases.get(store, wait=False)
    assert {query.bases.prepared.plan.tables for query in passing.values()} == {1}
    assert bases.get(store, wait=False) is passing
    assert bases.shared is None
    lasting = bases.get(store, wait=False)
    assert rows(lasting["a"]) is made[1]["a"]


@pytest.mark.usefixtures("shares_small_tables")
def test_where_there_will_be_none_they_are_made_here_and_nobody_is_asked_again(bases_of):
    store, bases = Store(None), bases_of()
    queries = bases.get(store, wait=False)
    assert queries["a"].bases.prepared.plan.tables > 1
    assert bases.get(store, wait=True) is queries
    assert len(store.asked) == 1


def test_small_tables_and_backends_that_share_none_ask_nobody(bases_of):
    for bases in (bases_of(), bases_of(backend=ReferenceBackend())):
        assert bases.identity() is None
        bases.get(Store(), wait=True)


@pytest.mark.usefixtures("shares_small_tables")
def test_identities_tell_apart_whatever_makes_tables_differ(bases_of, multiply):
    other = groth16.setup(multiply.r1cs, multiply.curve, backend=get_backend("portable"))
    described = [
        bases_of(),
        bases_of(room=ROOM // 1024),
        bases_of(purpose="rows"),
        bases_of(key=other),
        bases_of(backend=get_backend()) if get_backend().name != "portable" else None,
    ]
    digests = [bases.identity().digest for bases in described if bases is not None]
    assert len(set(digests)) == len(digests)
    assert bases_of().identity() == described[0].identity()


@pytest.mark.parametrize(
    "damage",
    [
        lambda *_: 7,
        lambda digest, arrays: (digest, list(arrays.values())),
        lambda digest, arrays: (digest, arrays, 1),
        lambda _, arrays: ("0" * 64, arrays),
        lambda digest, arrays: (digest, {name: table for name, table in arrays.items() if name != "c"}),
        lambda digest, arrays: (digest, {**arrays, "d": arrays["c"]}),
        lambda digest, arrays: (digest, {**arrays, "c": arrays["c"][:-8]}),
        lambda digest, arrays: (digest, {**arrays, "c": arrays["c"].astype(np.float64)}),
        lambda digest, arrays: (digest, {**arrays, "c": arrays["c"].tolist()}),
        lambda digest, arrays: (digest, {**arrays, "c": arrays["b_g2"]}),
    ],
)
def test_what_are_not_the_tables_asked_for_is_refused_and_replaced(bases_of, made, damage, caplog):
    wrong = damage(*made)
    with pytest.raises(BadInput, match="shared tables of key"):
        bases_of().attach(wrong)
    store, bases = Store(wrong), bases_of()
    queries = bases.get(store, wait=False)
    assert store.refused == [store.asked[0][0]]
    assert bases.shared is None
    assert np.array_equal(rows(queries["c"]), made[1]["c"])
    assert "makes its own" in caplog.text


@pytest.mark.usefixtures("shares_small_tables")
def test_tables_that_this_process_would_not_make_are_not_made(bases_of, multiply_key, backend):
    identity = bases_of().identity()
    for wanted in (
        replace(identity, digest="0" * 64),
        replace(identity, size_bytes=1),
        replace(identity, key_id="0" * 64),
        replace(identity, purpose="other"),
        bases_of(room=ROOM // 1024).identity(),
    ):
        with pytest.raises(BadInput):
            make_shared_tables(multiply_key, backend, wanted)


def test_the_key_itself_is_let_go_once_its_bases_last(bases_of, multiply_key):
    query = multiply_key.l_query.copy()
    watched, key = weakref.ref(query), replace(multiply_key, l_query=query)
    vars(key).update(_manifest=multiply_key._manifest)
    bases = bases_of(key=key)
    bases.get(None, wait=False)
    del query, key
    gc.collect()
    assert watched() is None


@pytest.mark.usefixtures("shares_small_tables")
def test_a_proof_over_shared_tables_verifies(multiply, multiply_key, backend):
    release_prepared(multiply_key.key_id, backend)

    class Making(Store):
        def get(self, wanted, *, wait):
            self.asked.append((wanted, wait))
            return read_only(make_shared_tables(multiply_key, backend, wanted))

    store, witness = Making(), multiply.random_witnesses(1)[0]
    try:
        proof = prove_unverified(multiply_key, witness, backend, tables=store)
        assert [wanted.purpose for wanted, _ in store.asked] == [OF_PROOF]
        assert not rows(prepare(multiply_key, backend).a).flags.writeable
        assert prepared_over(multiply_key.key_id, backend) == [store.asked[0][0]]
    finally:
        release_prepared(multiply_key.key_id, backend)
    groth16.verify(multiply_key.verifying_key, proof, multiply.public_inputs(witness))
    assert prepared_over(multiply_key.key_id, backend) == []
