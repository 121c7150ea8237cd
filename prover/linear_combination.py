"""Linear combinations of wires: the operands of every constraint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ONE = 0
"""The wire that always carries 1."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearCombination:
    """An immutable sum of wires times coefficients over Fr.

    Supports ``+``, ``-`` with combinations and integers, and ``*`` with integers. The product of two combinations is
    a constraint, hence :meth:`prover.circuit_builder.CircuitBuilder.multiply`.

    Attributes
    ----------
    modulus
        Order r of the field.
    terms
        Wire to coefficient, coefficients in 1 ... r - 1. Wire :data:`ONE` holds the constant; negative wires are
        scratch values of the witness program and never reach a constraint.

    Examples
    --------
    >>> x, y = LinearCombination(101, {1: 1}), LinearCombination(101, {2: 1})
    >>> (3 * x - y + 7).terms
    {1: 3, 2: 100, 0: 7}
    """

    modulus: int
    terms: Mapping[int, int]

    @classmethod
    def weighted_sum(
        cls, modulus: int, weighted: Iterable[tuple[int, LinearCombination]], constant: int = 0
    ) -> LinearCombination:
        """Sum of weight * combination over all pairs, plus a constant; one pass, one reduction per wire."""
        total: dict[int, int] = {ONE: constant}
        for weight, combination in weighted:
            for wire, coefficient in combination.terms.items():
                total[wire] = total.get(wire, 0) + weight * coefficient
        return cls(modulus, {wire: c for wire, value in total.items() if (c := value % modulus)})

    @property
    def constant(self) -> int | None:
        """The value, when no wire but :data:`ONE` takes part; else None."""
        return self.terms.get(ONE, 0) if self.terms.keys() <= {ONE} else None

    def _plus(self, weight: int, other: LinearCombination | int) -> LinearCombination:
        if isinstance(other, int):
            other = LinearCombination(self.modulus, {ONE: other})
        total = dict(self.terms)
        for wire, coefficient in other.terms.items():
            total[wire] = (total.get(wire, 0) + weight * coefficient) % self.modulus
        return LinearCombination(self.modulus, {wire: c for wire, c in total.items() if c})

    def __add__(self, other: LinearCombination | int) -> LinearCombination:
        return self._plus(1, other)

    __radd__ = __add__

    def __sub__(self, other: LinearCombination | int) -> LinearCombination:
        return self._plus(-1, other)

    def __rsub__(self, other: int) -> LinearCombination:
        return -self + other

    def __neg__(self) -> LinearCombination:
        return self * -1

    def __mul__(self, factor: int) -> LinearCombination:
        return LinearCombination(
            self.modulus, {wire: c for wire, value in self.terms.items() if (c := value * factor % self.modulus)}
        )

    __rmul__ = __mul__
