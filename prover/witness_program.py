"""The straight-line program that computes a witness from a circuit's inputs.

It is recorded while the circuit is built and runs over all witnesses of a batch at once. Values live in slots:
first the witness itself (slot = variable), then scratch slots that hold intermediate values no constraint needs.

This module holds the program and its evaluation with Python integers, which serves as the oracle and lets tests
force values; :mod:`kernels.cpu.witness_program` is the fast evaluation and defines the steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.cpu.witness_program import SATISFIED, Step, run_program
from kernels.encoding import ints_from_montgomery

if TYPE_CHECKING:
    from kernels.backend import SparseMatrix
    from kernels.curves import Curve
    from kernels.encoding import Limbs


@dataclass(frozen=True, eq=False, repr=False)
class WitnessProgram:
    """A straight-line program over Fr.

    Attributes
    ----------
    variables, scratch
        Numbers of witness slots and of scratch slots after them.
    inputs
        ``int32[n]``: the slot of each input.
    steps
        ``int32[steps, 4]``: (:class:`Step`, out, left, right).
    forms
        Linear forms over the slots, one a row.
    checks
        ``int32``: the constraint that each CHECK step stands for, in order.
    """

    curve: Curve
    variables: int
    scratch: int
    inputs: npt.NDArray[np.int32]
    steps: npt.NDArray[np.int32]
    forms: SparseMatrix
    checks: npt.NDArray[np.int32]

    def run(self, inputs: Sequence[int], forced: Mapping[int, int] | None = None) -> tuple[list[int], int]:
        """Evaluate one witness with Python integers.

        Parameters
        ----------
        inputs
            One value for each entry of :attr:`inputs`.
        forced
            Slots that keep a given value whatever a step computes for them; what depends on them follows. This is
            how tests play a dishonest prover.

        Returns
        -------
        The ``variables`` values of the witness, and the first constraint a CHECK found violated or
        :data:`SATISFIED`.
        """
        r, forms, forced = self.curve.fr.modulus, self._integer_forms, forced or {}
        slots = [1] + [0] * (self.variables + self.scratch - 1)
        for slot, value in zip(self.inputs.tolist(), inputs, strict=True):
            slots[slot] = forced.get(slot, value % r)
        violated, checks = SATISFIED, iter(self.checks.tolist())
        for kind, out, left, right in self.steps.tolist():
            value = _inner_product(forms[left], slots) % r
            if kind == Step.BITS:
                for i in range(right):
                    slots[out + i] = forced.get(out + i, value >> i & 1)
                continue
            if kind != Step.LINEAR:
                value = value * _inner_product(forms[right], slots) % r
            if kind != Step.CHECK:
                slots[out] = forced.get(out, value)
                continue
            constraint = next(checks)
            if violated == SATISFIED and value != _inner_product(forms[out], slots) % r:
                violated = constraint
        return slots[: self.variables], violated

    def run_batch(self, inputs: Limbs) -> tuple[Limbs, npt.NDArray[np.int32]]:
        """Evaluate ``uint64[batch, n, 4]`` inputs in standard form, below r. Releases the GIL.

        Returns
        -------
        Witnesses ``uint64[batch, variables, 4]`` in standard form, and for each the first violated constraint or
        :data:`SATISFIED`, ``int32[batch]``.
        """
        return run_program(
            self.curve,
            self.steps,
            self.forms,
            self.inputs,
            self.checks,
            inputs,
            variables=self.variables,
            scratch=self.scratch,
        )

    @cached_property
    def _integer_forms(self) -> list[list[tuple[int, int]]]:
        """The linear forms as (slot, coefficient) pairs of Python integers."""
        unique, inverse = np.unique(self.forms.coefficients, axis=0, return_inverse=True)
        values = ints_from_montgomery(self.curve.fr, unique)
        coefficients = [values[i] for i in inverse.tolist()]
        terms = list(zip(self.forms.indices.tolist(), coefficients, strict=True))
        bounds = self.forms.indptr.tolist()
        return [terms[start:end] for start, end in pairwise(bounds)]


def _inner_product(form: list[tuple[int, int]], slots: list[int]) -> int:
    return sum(coefficient * slots[slot] for slot, coefficient in form)


__all__ = ["SATISFIED", "Step", "WitnessProgram"]
