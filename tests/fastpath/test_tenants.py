import pytest

from fastpath.tenants import Tenants, jain_index


def test_tenants_are_counted_apart_and_copied():
    tenants = Tenants()
    tenants.of("a").submitted += 2
    tenants.of("b").completed += 1
    seen = tenants()
    tenants.of("a").submitted += 1
    assert [(known.tenant, known.submitted, known.completed) for known in seen] == [("a", 2, 0), ("b", 0, 1)]


def test_memory_is_bounded_and_the_last_seen_stay():
    tenants = Tenants()
    for i in range(1_000):
        tenants.of(f"t{i}")
        tenants.of("steady")
    assert len(tenants()) == 256
    assert tenants()[-1].tenant == "steady"


def test_the_index_tells_even_from_uneven():
    assert jain_index([3.0, 3.0, 3.0]) == pytest.approx(1.0)
    assert jain_index([9.0, 0.0, 0.0]) == pytest.approx(1 / 3)
    assert jain_index([]) == jain_index([0.0]) == 1.0
