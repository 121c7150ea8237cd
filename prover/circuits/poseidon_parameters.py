"""Poseidon's parameters, derived: round numbers from the security bounds, constants and matrix from the Grain LFSR.

S-box x^5, 128-bit security, a prime field, capacity one element. The same derivation gives circomlib's constants on
BN254 and the published reference instances on BLS12-381.

References
----------
.. [1] Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon: A New Hash Function for Zero-Knowledge Proof
   Systems", https://eprint.iacr.org/2019/458, sections 5.5 and appendices E, F.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

SECURITY_BITS = 128
EXPONENT = 5
WIDTHS = range(2, 18)


@dataclass(frozen=True)
class PoseidonParameters:
    """One instance of the permutation.

    Attributes
    ----------
    modulus, width
        Field and number t of state elements.
    full_rounds, partial_rounds
        Half of the full rounds come before the partial ones, half after.
    round_constants
        One tuple of t constants for each round.
    matrix
        The t x t MDS matrix; a state s becomes ``matrix`` times s.
    """

    modulus: int
    width: int
    full_rounds: int
    partial_rounds: int
    round_constants: tuple[tuple[int, ...], ...]
    matrix: tuple[tuple[int, ...], ...]

    def is_full(self, round_number: int) -> bool:
        """Whether every element passes the S-box in this round, not only the first."""
        half = self.full_rounds // 2
        return not half <= round_number < half + self.partial_rounds


@functools.cache
def poseidon_parameters(modulus: int, width: int) -> PoseidonParameters:
    """Derive the instance over a prime field (r below 2^256) with ``width`` state elements.

    Raises
    ------
    ValueError
        If the width is not in :data:`WIDTHS`.
    """
    if width not in WIDTHS:
        raise ValueError(f"Poseidon hashes {WIDTHS[0] - 1} to {WIDTHS[-1] - 1} elements, not {width - 1}")
    full, partial = round_numbers(modulus, width)
    bits = _grain_bits(modulus.bit_length(), width, full, partial)
    flat = list(islice(_elements_below(modulus, bits), (full + partial) * width))
    constants = tuple(tuple(flat[i : i + width]) for i in range(0, len(flat), width))
    return PoseidonParameters(modulus, width, full, partial, constants, _cauchy_matrix(modulus, width, bits))


def round_numbers(modulus: int, width: int) -> tuple[int, int]:
    """Fewest S-boxes that withstand the attacks of [1]_ section 5.5, then the margin: 2 full rounds, 7.5 % partial.

    Partial rounds are rounded up to a multiple of the width, as in the published instances.
    """
    candidates = [
        (full + 2, math.ceil(partial * 1.075))
        for full in range(4, 20, 2)
        for partial in range(1, 100)
        if _withstands_attacks(modulus, width, full, partial)
    ]
    full, partial = min(candidates, key=lambda rounds: (rounds[0] * width + rounds[1], rounds[0]))
    return full, -(-partial // width) * width


def _withstands_attacks(modulus: int, width: int, full: int, partial: int) -> bool:
    log_p = math.log2(modulus)
    per_bit = 1 / math.log2(EXPONENT)  # log_5(2)
    degree_rounds = next(k for k in range(width) if EXPONENT**k >= width)  # ceil(log_5 t)
    # Statistical: full rounds alone must stop differential and linear trails.
    enough = 6 if math.floor(log_p - (EXPONENT - 1) / 2) * (width + 1) >= SECURITY_BITS else 10
    interpolation = 1 + math.ceil(per_bit * min(SECURITY_BITS, modulus.bit_length())) + degree_rounds
    groebner_1 = 1 + per_bit * min(SECURITY_BITS / 3, log_p / 2)
    groebner_2 = width - 1 + per_bit * min(SECURITY_BITS / (width + 1), log_p / 2)
    return full >= enough and full + partial >= max(interpolation, groebner_1, groebner_2)


def _grain_bits(field_bits: int, width: int, full: int, partial: int) -> Iterator[int]:
    """Yield the bits of the Grain LFSR in self-shrinking mode, seeded with the instance's description."""
    description = ((1, 2), (0, 4), (field_bits, 12), (width, 12), (full, 10), (partial, 10), ((1 << 30) - 1, 30))
    seed = "".join(f"{value:0{bits}b}" for value, bits in description)  # prime field, S-box x^alpha, ...
    state = int(seed[::-1], 2)  # bit i is the register's i-th element

    def step() -> int:
        nonlocal state
        new = (state >> 62 ^ state >> 51 ^ state >> 38 ^ state >> 23 ^ state >> 13 ^ state) & 1
        state = state >> 1 | new << 79
        return new

    for _ in range(160):
        step()
    while True:
        chosen, bit = step(), step()
        if chosen:
            yield bit


def _integer(bits: Iterator[int], length: int) -> int:
    return int("".join(map(str, islice(bits, length))), 2)


def _elements_below(modulus: int, bits: Iterator[int]) -> Iterator[int]:
    """Uniform field elements: candidates at or above the modulus are dropped."""
    while True:
        candidate = _integer(bits, modulus.bit_length())
        if candidate < modulus:
            yield candidate


def _cauchy_matrix(modulus: int, width: int, bits: Iterator[int]) -> tuple[tuple[int, ...], ...]:
    """1 / (x_i + y_j), with x and y the next 2 t outputs of the generator (here reduced, not dropped)."""
    while True:
        points = [_integer(bits, modulus.bit_length()) % modulus for _ in range(2 * width)]
        x, y = points[:width], points[width:]
        sums = [[(a + b) % modulus for b in y] for a in x]
        if len(set(points)) == len(points) and all(map(all, sums)):
            return tuple(tuple(pow(value, -1, modulus) for value in row) for row in sums)
