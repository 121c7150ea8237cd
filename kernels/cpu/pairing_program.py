"""Straight-line programs over elements in registers: what a pairing computes, apart from how its elements lie.

A kernel that runs such programs holds every operation once, so it compiles quickly. They run at the speed of their
operations, each of which takes a hundred times longer than its dispatch.

References
----------
F. Vercauteren, "Optimal pairings", 2010.
D. Hayashida, K. Hayasaka, T. Teruya, "Efficient final exponentiation via cyclotomic structure for pairings over
families of elliptic curves", 2020 (BLS12: three times the hard part).
L. Fuentes-Castaneda, E. Knapp, F. Rodriguez-Henriquez, "Faster hashing to G2", SAC 2011 (BN: hard part times
2x(6x^2 + 3x + 1)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Final

import numpy as np
import numpy.typing as npt

from kernels.cpu.pairing import loop_digits
from kernels.curves import Curve
from kernels.endomorphisms import signed_digits

STEP_WORDS: Final = 5
"""Numbers of an encoded step: operation, register of the result, three operands."""


class Op(IntEnum):
    """Operations; operands a, b, c are registers where nothing else is said."""

    ENTER = auto()
    """Read the base field element number b of the input as coordinate c % 2 of the result's element c // 2."""
    TO_LANES = auto()
    """Finish what was entered."""
    MULTIPLY = auto()
    SQUARE = auto()
    CYCLOTOMIC_SQUARE = auto()
    CONJUGATE = auto()
    RAISE_P = auto()
    RAISE_P2 = auto()
    NORM = auto()
    """First half of an inversion in Fp12, to be followed by INVERT_NORM."""
    INVERT_NORM = auto()
    INVERT = auto()
    """Second half: of a, with its norm's parts b and their inverse c."""
    DOUBLE_STEP = auto()
    """Of the Miller loop: running point a, P = b."""
    ADD_STEP = auto()
    """The same, adding Q = c."""
    BY_LINE = auto()
    """Product of a and the line of step b."""
    SCALE_LINES = auto()
    """The two prepared lines number a, evaluated at the two points P in b."""
    BY_FIRST_LINE = auto()
    """Product of a and the first of the two lines b; :attr:`BY_LINE` takes the second."""
    PSI = auto()
    MIRROR = auto()
    """-Q."""
    RESIDUE = auto()
    """Zero, zero and Z exactly if T = a is Q = b; canonical."""
    LESS_ONE = auto()
    """a - 1; canonical."""


@dataclass(frozen=True)
class Q:
    """Registers of a second argument.

    Attributes
    ----------
    start
        The point with a third coordinate one, also taken for the affine point.
    minus
        Its opposite.
    """

    start: int
    minus: int


@dataclass(frozen=True)
class Loop:
    """What is left of a Miller loop.

    Attributes
    ----------
    value
        The product of the Miller functions; inverted if the seed is negative, as the conjugation that would end the
        loop does not change whether a product is one.
    steps
        Of each pair with Q given now the registers of all steps taken, the multiple of Q at the end in the last.
    """

    value: int
    steps: list[list[int]]


@dataclass(frozen=True)
class Encoded:
    """A program, the number of its registers, and those to read when it has run."""

    steps: npt.NDArray[np.int32]
    registers: int
    results: tuple[int, ...]


_REGISTER_OPERANDS: Final[dict[Op, Sequence[int]]] = {Op.ENTER: (), Op.SCALE_LINES: (1,)}
"""Which operands name registers, where not all do; the first register may stand where none is needed."""


class PairingProgram:
    """Records steps and hands out registers; the first one holds one, the second (1, 1) for a point P."""

    ONE: Final = 0
    ONES: Final = 1

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        self.registers = 2
        self.inputs = 0
        self._steps: list[tuple[Op, int, int, int, int]] = []

    def new(self) -> int:
        """Take a register; it starts as zero."""
        self.registers += 1
        return self.registers - 1

    def step(self, op: Op, a: int = 0, b: int = 0, c: int = 0, out: int | None = None) -> int:
        """Record a step; its result goes to a new register unless ``out`` names one."""
        out = self.new() if out is None else out
        self._steps.append((op, out, a, b, c))
        return out

    def encoded(self, *results: int) -> Encoded:
        """Finish, with registers shared by what is not needed at the same time: few, to stay in the nearest cache.

        Registers that are read before they are written keep their numbers: who runs the program fills them.
        """
        last, given, written = dict[int, int](), 1, set[int]()
        for number, (op, out, *operands) in enumerate(self._steps):
            used = [operands[i] for i in _REGISTER_OPERANDS.get(op, range(3))]
            given = max([given, *(register for register in used if register not in written)])
            written.add(out)
            last |= dict.fromkeys([out, *used], number)
        last |= dict.fromkeys(results, len(self._steps))
        place, free, count = {register: register for register in range(given + 1)}, list[int](), given + 1
        steps = []
        for number, (op, out, *operands) in enumerate(self._steps):
            taken = _REGISTER_OPERANDS.get(op, range(3))
            if out not in place:
                reuse = free and op != Op.ENTER  # what is entered wants zeros around it
                place[out], count = (free.pop(), count) if reuse else (count, count + 1)
            mapped = [place[operand] if i in taken else operand for i, operand in enumerate(operands)]
            steps.append((op, place[out], *mapped))
            dead = {out, *(operands[i] for i in taken)}
            free += [place[register] for register in dead if register > given and last[register] == number]
        return Encoded(np.array(steps, np.int32).reshape(-1), count, tuple(place[register] for register in results))

    def enter(self, places: Sequence[int]) -> int:
        """Read as many of the next inputs; coordinate c of element e is place 2 e + c."""
        out = self.new()
        for place in places:
            self.step(Op.ENTER, 0, self.inputs, place, out=out)
            self.inputs += 1
        return self.step(Op.TO_LANES, out, out=out)

    def enter_q(self) -> Q:
        """Read four coordinates of an affine point, and a one behind them."""
        start = self.enter(range(5))
        return Q(start, self.step(Op.MIRROR, start))

    def miller_loop(self, pairs: Sequence[tuple[int, Q]], prepared: Sequence[int] = (), *, keep: bool = False) -> Loop:
        """Multiply Miller functions.

        Parameters
        ----------
        pairs
            P and Q.
        prepared
            Registers of two points P each, scaled as their lines' coefficients, for lines known beforehand.
        keep
            Keep every step in a register of its own.
        """
        f, scratch, line = self.ONE, self.new(), 0
        value = self.new()
        steps = [[q.start] for _, q in pairs]
        rooms = [self.new() for _ in pairs]

        def advance(op: Op, addends: Sequence[int]) -> int:
            nonlocal line
            product = f
            for number, (p, _) in enumerate(pairs):
                out = self.new() if keep else rooms[number]
                steps[number].append(self.step(op, steps[number][-1], p, addends[number], out=out))
                product = self.step(Op.BY_LINE, product, out, out=value)
            for p in prepared:
                self.step(Op.SCALE_LINES, line, p, out=scratch)
                product = self.step(Op.BY_FIRST_LINE, product, scratch, out=value)
                product = self.step(Op.BY_LINE, product, scratch, out=value)
                line += 1
            return product

        for digit in loop_digits(self.curve):
            if f != self.ONE:
                f = self.step(Op.SQUARE, f, out=value)
            f = advance(Op.DOUBLE_STEP, [0] * len(pairs))
            if digit:
                f = advance(Op.ADD_STEP, [q.start if digit > 0 else q.minus for _, q in pairs])
        if not _is_bls12(self.curve):
            # Two more lines: through psi(Q) and -psi^2(Q); psi(-psi(Q)) = -psi^2(Q).
            moved = [self.step(Op.PSI, q.start) for _, q in pairs]
            f = advance(Op.ADD_STEP, moved)
            f = advance(Op.ADD_STEP, [self.step(Op.MIRROR, self.step(Op.PSI, q)) for q in moved])
        return Loop(f, steps)

    def membership_residue(self, q: Q, end: int) -> int:
        """Zero, zero and not zero exactly if Q is in the subgroup, from the end of its Miller loop.

        On BLS12 curves T = |x| Q must be psi(Q), which acts as x, up to the sign of x; on BN curves
        T = (6x + 2) Q + psi(Q) - psi^2(Q) must be -psi^3(Q). The tests hold that no other point of the curve fulfils
        this. A step that meets an exceptional case leaves Z = 0 for good, and no point of the subgroup meets one:
        its multiples on the way, below r, are neither Q nor -Q nor infinity.
        """
        image = self.step(Op.PSI, q.start)
        if not _is_bls12(self.curve):
            image = self.step(Op.PSI, self.step(Op.PSI, image))
        if not _is_bls12(self.curve) or self.curve.seed < 0:
            image = self.step(Op.MIRROR, image)
        return self.step(Op.RESIDUE, end, image)

    def multiply(self, a: int, b: int) -> int:
        """Product in Fp12."""
        return self.step(Op.MULTIPLY, a, b)

    def conjugate(self, a: int) -> int:
        """Conjugate in Fp12; in the cyclotomic subgroup the inverse."""
        return self.step(Op.CONJUGATE, a)

    def power_of_seed(self, f: int) -> int:
        """f^x in the cyclotomic subgroup."""
        inverse, out, power = self.conjugate(f), self.new(), f
        for digit in signed_digits(abs(self.curve.seed))[1:]:
            power = self.step(Op.CYCLOTOMIC_SQUARE, power, out=out)
            if digit:
                self.step(Op.MULTIPLY, power, f if digit > 0 else inverse, out=out)
        return self.conjugate(out) if self.curve.seed < 0 else out

    def final_exponentiation(self, f: int) -> int:
        """Raise f to a fixed multiple of (p^12 - 1)/r whose cofactor is prime to r, so that no other f give one."""
        norm = self.step(Op.NORM, f)
        inverse = self.step(Op.INVERT, f, norm, self.step(Op.INVERT_NORM, norm))
        f = self.multiply(self.conjugate(f), inverse)
        f = self.multiply(self.step(Op.RAISE_P2, f), f)  # f^((p^6 - 1)(p^2 + 1))
        return self._hard_part_bls12(f) if _is_bls12(self.curve) else self._hard_part_bn(f)

    def _hard_part_bls12(self, f: int) -> int:
        # 3 (p^4 - p^2 + 1)/r = (x - 1)^2 (x + p)(x^2 + p^2 - 1) + 3
        power, multiply = self.power_of_seed, self.multiply
        t = f
        for _ in range(2):
            t = multiply(power(t), self.conjugate(t))  # f^(x - 1), then f^((x - 1)^2)
        t = multiply(power(t), self.step(Op.RAISE_P, t))  # ^(x + p)
        u = multiply(power(power(t)), self.step(Op.RAISE_P2, t))
        u = multiply(u, self.conjugate(t))  # ^(x^2 + p^2 - 1)
        return multiply(u, multiply(self.step(Op.CYCLOTOMIC_SQUARE, f), f))

    def _hard_part_bn(self, f: int) -> int:
        # l0 + l1 p + l2 p^2 + l3 p^3 with, for u = 12x^3 + 6x^2: l1 = u + 4x, l2 = u + 6x, l3 = l1 - 1,
        # l0 = u + 6x^2 + 6x + 1.
        power, multiply = self.power_of_seed, self.multiply
        f2x = self.step(Op.CYCLOTOMIC_SQUARE, power(f))
        f4x = self.step(Op.CYCLOTOMIC_SQUARE, f2x)
        f6x = multiply(f4x, f2x)
        f6x2 = power(f6x)
        u = multiply(power(self.step(Op.CYCLOTOMIC_SQUARE, f6x2)), f6x2)
        l1, l2 = multiply(u, f4x), multiply(u, f6x)
        l0 = multiply(multiply(f6x2, l2), f)
        result = multiply(self.conjugate(f), l1)  # l3
        for factor in (l2, l1, l0):  # ((l3^p l2)^p l1)^p l0
            result = multiply(self.step(Op.RAISE_P, result), factor)
        return result


def _is_bls12(curve: Curve) -> bool:
    return curve.name.startswith("bls12")
