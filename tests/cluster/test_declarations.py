import numpy as np
import pytest

from cluster.declarations import accesses_of, digest_of
from fastpath.conflicts import Access
from prover.errors import BadInput

WITNESSES = np.arange(24, dtype=np.uint64).reshape(2, 3, 4)


def test_names_are_written_and_accesses_pass():
    access = Access(reads=frozenset("r"))
    assert accesses_of([["a", "b"], access], 2) == (Access(writes=frozenset("ab")), access)
    assert accesses_of(None, 5) == ()


@pytest.mark.parametrize("wrong", [[["a"]], [["a"], "b"], []])
def test_what_is_not_one_set_an_item_is_refused(wrong):
    with pytest.raises(BadInput, match="conflict_keys"):
        accesses_of(wrong, 2)


def test_a_digest_tells_payloads_apart_and_hides_that_they_are_equal_under_other_keys():
    digest = digest_of("i", "k", WITNESSES)
    assert digest == digest_of("i", "k", WITNESSES.copy())
    others = [
        digest_of("j", "k", WITNESSES),
        digest_of("i", "l", WITNESSES),
        digest_of("i", "k", WITNESSES + np.uint64(1)),
        digest_of("i", "k", WITNESSES.reshape(3, 2, 4)),
    ]
    assert len({digest, *others}) == 5
    assert digest_of("", "k", WITNESSES) == b""
