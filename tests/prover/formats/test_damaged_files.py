"""Damaged files of every format, from a fixed seed: the same in every run, a few seconds."""

import random

import pytest

from prover.errors import BadInput
from tests.fuzz import files
from tests.fuzz.case import Difference

DAMAGED = 250


@pytest.mark.parametrize("kind", files.FILES)
def test_damaged_files_are_refused_or_consistent(vectors, kind):
    rng, whole = random.Random(f"{vectors.name}/{kind}"), (vectors / files.FILES[kind]).read_bytes()
    assert files.read(kind, whole)
    taken = sum(files.read(kind, files.damaged(rng, whole)) for _ in range(DAMAGED))
    assert taken < DAMAGED * 0.6, "the changes do change something"


@pytest.mark.parametrize("kind", files.FILES)
def test_anything_is_refused(kind):
    rng = random.Random(kind)
    for _ in range(50):
        assert not files.read(kind, rng.randbytes(rng.choice((0, 1, 11, 12, 100, 5000))))


def test_what_the_search_looks_for_is_seen(monkeypatch):
    def reading(action):
        monkeypatch.setitem(files._READERS, "wtns", action)
        return lambda: files.read("wtns", bytes(108))

    def fails(*_):
        raise IndexError

    with pytest.raises(IndexError):
        reading(fails)()

    def greedy(*_):
        bytearray(1 << 24)

    with pytest.raises(Difference, match="bytes to read"):
        reading(greedy)()

    def slow(*_):
        monkeypatch.setattr(files, "MOST_S", -1.0)

    with pytest.raises(Difference, match="s to read"):
        reading(slow)()
    monkeypatch.setattr(files, "MOST_S", 2.0)

    def vague(*_):
        raise BadInput("something is wrong")

    with pytest.raises(Difference, match="does not say where"):
        reading(vague)()

    def tells(*_):
        raise BadInput("section 2, offset 3: 123456789012345 is wrong")

    monkeypatch.setitem(files._READERS, "wtns", tells)
    with pytest.raises(Difference, match="tells of the witness"):
        files.read("wtns", bytes(76) + (123456789012345).to_bytes(32, "little"))
