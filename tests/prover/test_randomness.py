import secrets

import pytest

from prover.randomness import SystemRandomness


@pytest.fixture
def drawn(monkeypatch):
    """Bytes asked of the operating system, request by request: 0xff first, of which no bound below 2^8k makes use."""
    blocks = []

    def token_bytes(count):
        blocks.append(count)
        return (b"\xff" if len(blocks) == 1 else b"\x05") * count

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)
    return blocks


def test_numbers_are_below_the_bound_and_of_every_size():
    rng = SystemRandomness(8, 5)
    assert {rng.randbelow(5) for _ in range(400)} == set(range(5))
    assert {rng.randbelow(1) for _ in range(4)} == {0}
    assert max(rng.randbelow(1 << 300) for _ in range(40)).bit_length() > 290


def test_a_number_above_the_bound_is_drawn_again(drawn):
    assert SystemRandomness(3, 250).randbelow(250) == 5
    assert drawn == [3, 3]


def test_many_numbers_are_one_request(drawn):
    rng = SystemRandomness(4, 1 << 16)
    assert [rng.randbelow(1 << 16) for _ in range(4)] == [0xFFFF] * 4
    assert rng.randbelow(1 << 16) == 0x0505
    assert drawn == [8, 8]


def test_a_bound_below_one_is_refused():
    with pytest.raises(ValueError, match="below the bound"):
        SystemRandomness(1, 2).randbelow(0)
