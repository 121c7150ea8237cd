"""Write a circuit as Python: named signals, linear combinations, constraints; get an R1CS and its witness program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kernels.backend import SparseMatrix
from kernels.encoding import montgomery_from_ints
from prover.linear_combination import LinearCombination
from prover.r1cs import R1CS
from prover.witness_program import Step, WitnessProgram

if TYPE_CHECKING:
    from kernels.curves import Curve


class CircuitBuilder:
    """Records constraints and, beside them, how an honest prover computes the witness.

    Public signals must be declared before any other. Every constraint has a name that an error can show.

    Attributes
    ----------
    signals
        Name of each variable, in witness order.
    inputs
        Names of the signals the caller supplies, in the order of the witness program.
    outputs
        Names of the public signals the circuit computes.

    Examples
    --------
    >>> from kernels.curves import BN254
    >>> build = CircuitBuilder(BN254)
    >>> cube = build.public_output("cube")
    >>> x = build.private_input("x")
    >>> square = build.multiply(x, x, "square")
    >>> _ = build.multiply(square, x, "cube", into=cube)
    >>> build.r1cs().constraints, build.signals
    (2, ['one', 'cube', 'x', 'square'])
    """

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        self.signals = ["one"]
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self._modulus = curve.fr.modulus
        self._public = 0
        self._scratch = 0
        self._input_wires: list[int] = []
        self._rows: list[tuple[LinearCombination, LinearCombination, LinearCombination]] = []
        self._names: list[str] = []
        self._steps: list[tuple[int, int, int, int]] = []
        self._forms: list[LinearCombination] = []
        self._checks: list[int] = []

    # Signals

    def constant(self, value: int) -> LinearCombination:
        """Return a constant."""
        return self.sum([], value)

    def sum(self, weighted: Iterable[tuple[int, LinearCombination]], constant: int = 0) -> LinearCombination:
        """Sum of weight * combination, plus a constant. No constraint."""
        return LinearCombination.weighted_sum(self._modulus, weighted, constant)

    def public_input(self, name: str) -> LinearCombination:
        """Declare a public signal that the caller supplies."""
        return self._supplied(self._declare_public(name), name)

    def public_output(self, name: str) -> LinearCombination:
        """Declare a public signal that the circuit computes: bind it by :meth:`define` or ``multiply(into=)``."""
        self.outputs.append(name)
        return self._wire(self._declare_public(name))

    def private_input(self, name: str) -> LinearCombination:
        """Declare a private signal that the caller supplies."""
        return self._supplied(self._declare(name), name)

    def _declare(self, name: str) -> int:
        self.signals.append(name)
        return len(self.signals) - 1

    def _declare_public(self, name: str) -> int:
        if len(self.signals) != self._public + 1:
            raise ValueError(f"public signal {name!r} must be declared before any private one")
        self._public += 1
        return self._declare(name)

    def _supplied(self, wire: int, name: str) -> LinearCombination:
        self.inputs.append(name)
        self._input_wires.append(wire)
        return self._wire(wire)

    def _wire(self, wire: int) -> LinearCombination:
        return LinearCombination(self._modulus, {wire: 1})

    # Constraints

    def multiply(
        self,
        left: LinearCombination,
        right: LinearCombination,
        name: str,
        *,
        into: LinearCombination | None = None,
        values: tuple[LinearCombination, LinearCombination] | None = None,
    ) -> LinearCombination:
        """Constrain left * right = product; returns the product, a new signal unless ``into`` names an output.

        Parameters
        ----------
        values
            Combinations with the same values as ``left`` and ``right`` but fewer terms (see :meth:`shorten`), which
            the witness program evaluates in their place.
        """
        product = self._wire(self._declare(name)) if into is None else into
        self._constrain(left, right, product, name)
        (out,) = product.terms
        value_left, value_right = values or (left, right)
        first = self._form(value_left)
        second = first if value_right is value_left else self._form(value_right)
        self._step(Step.PRODUCT, out, first, second)
        return product

    def define(self, output: LinearCombination, value: LinearCombination, name: str) -> None:
        """Constrain a declared public output to a value, which the witness program stores in it."""
        self._constrain(value, self.constant(1), output, name)
        (out,) = output.terms
        self._step(Step.LINEAR, out, self._form(value))

    def assert_product(
        self, left: LinearCombination, right: LinearCombination, product: LinearCombination, name: str
    ) -> None:
        """Constrain left * right = product, all three given."""
        self._checks.append(len(self._rows))
        self._constrain(left, right, product, name)
        self._step(Step.CHECK, self._form(product), self._form(left), self._form(right))

    def assert_equal(self, left: LinearCombination, right: LinearCombination, name: str) -> None:
        """Constrain left = right."""
        self.assert_product(left, self.constant(1), right, name)

    def assert_boolean(self, bit: LinearCombination, name: str) -> None:
        """Constrain bit to 0 or 1, by bit * bit = bit."""
        self.assert_product(bit, bit, bit, name)

    def to_bits(self, value: LinearCombination, count: int, name: str) -> list[LinearCombination]:
        """Constrain 0 <= value < 2^count and return its bits, least significant first.

        Sound because 2^count <= r: the sum of the bits cannot wrap, so a value has at most one decomposition.
        """
        if not 0 < count < self._modulus.bit_length():
            raise ValueError(f"a range check covers 1 to {self._modulus.bit_length() - 1} bits, not {count}")
        wires = [self._declare(f"{name}.bit[{i}]") for i in range(count)]
        self._step(Step.BITS, wires[0], self._form(value), count)
        bits = [self._wire(wire) for wire in wires]
        for i, bit in enumerate(bits):
            self._constrain(bit, bit, bit, f"{name}.bit[{i}].boolean")  # holds by construction: no CHECK needed
        self.assert_equal(self.sum((1 << i, bit) for i, bit in enumerate(bits)), value, name)
        return bits

    def shorten(self, value: LinearCombination) -> LinearCombination:
        """Have the witness program compute a combination once, into a scratch slot. No constraint, no signal.

        The result stands for ``value`` in ``values=`` and in further :meth:`shorten`, never in a constraint.
        """
        if value.constant is not None:
            return value
        self._scratch += 1
        self._step(Step.LINEAR, -self._scratch, self._form(value))
        return self._wire(-self._scratch)

    def _constrain(
        self, left: LinearCombination, right: LinearCombination, product: LinearCombination, name: str
    ) -> None:
        if any(wire < 0 for side in (left, right, product) for wire in side.terms):
            raise ValueError(f"constraint {name!r} reads a scratch value, which no verifier sees")
        self._rows.append((left, right, product))
        self._names.append(name)

    # The witness program

    def _form(self, value: LinearCombination) -> int:
        self._forms.append(value)
        return len(self._forms) - 1

    def _step(self, kind: Step, out: int, left: int, right: int = 0) -> None:
        self._steps.append((kind, out, left, right))

    # Results

    def r1cs(self) -> R1CS:
        """Emit the constraint system recorded so far."""
        variables = len(self.signals)
        a, b, c = (_sparse_matrix(self.curve, [row[k] for row in self._rows], variables) for k in range(3))
        return R1CS(self.curve, a, b, c, variables, self._public, tuple(self._names))

    def program(self) -> WitnessProgram:
        """Emit the witness program recorded so far."""
        variables = len(self.signals)
        steps = np.array(self._steps, dtype=np.int32).reshape(-1, 4)
        out = steps[:, 1]
        out[:] = np.where(out < 0, variables - 1 - out, out)  # scratch wires -1, -2, ... follow the variables
        return WitnessProgram(
            curve=self.curve,
            variables=variables,
            scratch=self._scratch,
            inputs=np.array(self._input_wires, dtype=np.int32),
            steps=steps,
            forms=_sparse_matrix(self.curve, self._forms, variables),
            checks=np.array(self._checks, dtype=np.int32),
        )


def _sparse_matrix(curve: Curve, rows: Sequence[LinearCombination], variables: int) -> SparseMatrix:
    """Compressed rows, columns ascending; scratch wires -1, -2, ... become columns after the variables."""
    indices: list[int] = []
    coefficients: list[int] = []
    lengths = [0]
    for row in rows:
        terms = sorted((wire if wire >= 0 else variables - 1 - wire, value) for wire, value in row.terms.items())
        indices += [wire for wire, _ in terms]
        coefficients += [value for _, value in terms]
        lengths.append(len(terms))
    # Gadgets repeat their coefficients: convert each once.
    position: dict[int, int] = {}
    inverse = [position.setdefault(value, len(position)) for value in coefficients]
    unique = montgomery_from_ints(curve.fr, position).reshape(-1, 4)
    return SparseMatrix(
        indptr=np.cumsum(lengths, dtype=np.int64),
        indices=np.array(indices, dtype=np.int32),
        coefficients=unique[np.array(inverse, dtype=np.int64)],
    )
