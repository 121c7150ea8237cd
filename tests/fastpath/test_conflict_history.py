from fastpath.conflict_history import ConflictHistory
from fastpath.conflicts import Access


def learn(history, *names, times=10, submitter="s"):
    for _ in range(times):
        history.declared("t", "k", submitter, Access(frozenset(["read"]), frozenset(names)))


def test_what_most_of_a_kind_wrote_is_expected():
    history = ConflictHistory()
    learn(history, "pool", times=9)
    learn(history, "rare", times=1)
    assert history.guess("t", "k", "s") == {"pool"}


def test_a_kind_is_tenant_key_and_submitter():
    history = ConflictHistory()
    learn(history, "pool")
    for other in (("u", "k", "s"), ("t", "l", "s"), ("t", "k", "r")):
        assert history.guess(*other) == frozenset()


def test_few_jobs_say_nothing():
    history = ConflictHistory()
    learn(history, "pool", times=7)
    assert history.guess("t", "k", "s") == frozenset()


def test_what_changed_is_forgotten():
    history = ConflictHistory()
    learn(history, "old", times=200)
    learn(history, "new", times=130)
    assert history.guess("t", "k", "s") == {"new"}


def test_memory_is_bounded():
    history = ConflictHistory()
    for i in range(3_000):
        history.declared("t", "k", str(i), Access(writes=frozenset([str(i)])))
    learn(history, *map(str, range(500)), submitter="many")
    assert len(history._kinds) == 1024
    assert len(history._kinds["t", "k", "many"].writes) == 64
