"""The account of shared tables: no Ray, references are whatever the test gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.node_tables import NodeTables, StoreSpace, Tables

ROOMY = StoreSpace(tables_limit=100, total=1000, free=1000)


def tables(name, size_bytes=40, key_id="k"):
    return Tables(key_id, name, f"reference to {name}", size_bytes)


@pytest.fixture
def account():
    account = NodeTables()
    for name in ("a", "b"):
        account.add("n1", f"digest of {name}", tables(name, key_id=f"key of {name}"))
    return account


def test_tables_are_found_by_node_and_digest(account):
    assert account.find("n1", "digest of a").name == "a"
    assert account.find("n2", "digest of a") is None
    assert account.find("n1", "other") is None


def test_what_fits_displaces_nothing(account):
    assert account.make_room("n1", 20, ROOMY)
    assert account.bytes_on("n1") == 80


def test_the_least_recently_used_goes_first(account):
    account.find("n1", "digest of a")
    assert account.make_room("n1", 40, ROOMY)
    assert account.find("n1", "digest of b") is None
    assert account.find("n1", "digest of a") is not None


def test_what_a_worker_holds_does_not_go(account):
    account.report("w", "n1", {"a": 40})
    assert account.make_room("n1", 40, ROOMY)
    assert account.find("n1", "digest of a") is not None
    assert account.find("n1", "digest of b") is None


def test_nothing_goes_in_vain(account):
    account.report("w", "n1", {"a": 40})
    assert not account.make_room("n1", 61, ROOMY)
    assert account.bytes_on("n1") == 80


def test_nodes_have_room_of_their_own(account):
    assert account.make_room("n2", 100, ROOMY)
    assert not account.make_room("n2", 101, ROOMY)
    assert account.bytes_on("n1") == 80


def test_a_store_that_is_full_of_other_things_takes_nothing(account):
    space = StoreSpace(tables_limit=1000, total=1000, free=219)
    assert account.make_room("n1", 19, space)
    assert account.bytes_on("n1") == 80
    assert account.make_room("n1", 20, space)  # one of the others goes
    assert account.bytes_on("n1") == 40
    assert not account.make_room("n1", 200, space)


def test_what_is_held_counts_though_it_is_not_listed(account):
    account.report("w1", "n1", {"a": 40, "of a dead vault": 30})
    account.report("w2", "n1", {"of a dead vault": 30})
    assert account.bytes_by_node() == {"n1": 110}
    account.drop("a")
    assert account.bytes_on("n1") == 110
    account.report("w1", "n1", {})
    assert account.bytes_on("n1") == 70
    account.report("w2", "n1", {})
    assert account.bytes_on("n1") == 40


def test_a_lost_object_and_a_removed_key_are_not_found_any_more(account):
    account.drop("a")
    account.drop("never seen")
    account.forget_key("key of b")
    assert account.find("n1", "digest of a") is None
    assert account.find("n1", "digest of b") is None
    assert account.bytes_by_node() == {}


def test_a_key_s_bytes_are_told_by_node(account):
    account.add("n1", "other purpose", tables("c", 2, "key of a"))
    account.add("n2", "digest of a", tables("d", 40, "key of a"))
    assert account.bytes_of("key of a") == {"n1": 42, "n2": 40}
    assert account.bytes_of("unknown") == {}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["w1", "w2"]),
            st.integers(0, 9),
            st.integers(1, 60),
            st.sets(st.integers(0, 30), max_size=3),
        ),
        max_size=30,
    )
)
def test_listed_and_held_never_exceed_the_limit_and_held_ones_stay(steps):
    account, sizes = NodeTables(), {}
    holding = {"w1": {}, "w2": {}}
    for number, (worker, digest, size_bytes, held) in enumerate(steps):
        found = [account.find("n", digest_of) for _, digest_of in sizes.values()]
        listed = {tables.name for tables in found if tables is not None}
        holding[worker] = {str(i): sizes[str(i)][0] for i in held if str(i) in listed}
        account.report(worker, "n", holding[worker])
        if account.find("n", str(digest)) is None and account.make_room("n", size_bytes, ROOMY):
            sizes[str(number)] = size_bytes, str(digest)
            account.add("n", str(digest), Tables("k", str(number), number, size_bytes))
        assert account.bytes_on("n") <= ROOMY.tables_limit
        for name, size in {**holding["w1"], **holding["w2"]}.items():
            kept = account.find("n", sizes[name][1])
            assert (kept.name, kept.size_bytes) == (name, size)
