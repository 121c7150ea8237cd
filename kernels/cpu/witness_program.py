"""Straight-line programs over Fr, run for every row of a batch.

A program works on slots, slot 0 holding one. Linear forms over the slots are the rows of a sparse matrix, and every
:class:`Step` reads some of them. Slots are in Montgomery form while a program runs.
"""

from __future__ import annotations

import functools
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types

from kernels.cpu.compilation import I32, I32_OUT, I64, U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.operation import RingSpec, operation
from kernels.encoding import limbs_from_ints

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from kernels.backend import Array, SparseMatrix
    from kernels.curves import Curve

LIMBS = 4  # both scalar fields have four limbs of 64 bits
INT = types.int64
SATISFIED = -1


class Step(IntEnum):
    """Kinds of step; ``<k>`` is the value of linear form k, and (out, left, right) the step's operands."""

    PRODUCT = 0
    """slot[out] = <left> * <right>"""
    LINEAR = 1
    """slot[out] = <left>"""
    BITS = 2
    """slot[out + i] = bit i of <left> as an integer below r, for i < right; higher bits are dropped"""
    CHECK = 3
    """<left> * <right> must equal <out>; the k-th CHECK belongs to constraint ``checks[k]``"""


@compiled_once
def _run_kernel(curve: Curve) -> Callable[..., None]:
    """Compile, or load, the interpreter over a curve's scalar field."""
    kernels = KernelSet(f"{curve.name}.witness_program")
    spec = RingSpec(curve.fr)
    product = operation(spec, lambda a, b: a * b, (1, 1), 1)
    total = operation(spec, lambda a, b: a + b, (1, 1), 1)

    @kernels.inner
    def is_one(coefficients: Any, at: Any, one: Any) -> Any:
        same = True
        for limb in range(LIMBS):
            same &= coefficients[at + limb] == one[limb]
        return same

    @kernels.inner
    def evaluate(out: Any, forms: Any, row: Any, slots: Any, one: Any, term: Any) -> None:
        indptr, indices, coefficients = forms
        out[:] = 0
        for entry in range(indptr[row], indptr[row + 1]):
            slot = np.int64(indices[entry])
            if is_one(coefficients, LIMBS * entry, one):
                total(out, 0, out, 0, slots, slot)
            else:
                product(term, 0, coefficients, entry, slots, slot)
                total(out, 0, out, 0, term, 0)

    @kernels.inner
    def store_bits(slots: Any, first: Any, count: Any, standard: Any, one: Any) -> None:
        for i in range(count):
            at = LIMBS * (first + i)
            slots[at : at + LIMBS] = 0
            if standard[i >> 6] >> np.uint64(i & 63) & np.uint64(1):
                slots[at : at + LIMBS] = one

    @kernels.inner
    def run_once(steps: Any, forms: Any, checks: Any, slots: Any, to_standard: Any, one: Any) -> Any:
        left, right, wanted, term = np.empty((4, LIMBS), np.uint64)
        violated, check = np.int32(SATISFIED), 0
        for step in range(0, len(steps), 4):
            kind, out = steps[step], np.int64(steps[step + 1])
            first, second = np.int64(steps[step + 2]), np.int64(steps[step + 3])
            evaluate(left, forms, first, slots, one, term)
            if kind == Step.LINEAR:
                slots[LIMBS * out : LIMBS * (out + 1)] = left
                continue
            if kind == Step.BITS:
                product(left, 0, left, 0, to_standard, 0)
                store_bits(slots, out, second, left, one)
                continue
            right[:] = left
            if second != first:
                evaluate(right, forms, second, slots, one, term)
            if kind == Step.PRODUCT:
                product(slots, out, left, 0, right, 0)
                continue
            product(left, 0, left, 0, right, 0)
            evaluate(wanted, forms, out, slots, one, term)
            if violated == SATISFIED and (left != wanted).any():
                violated = checks[check]
            check += 1
        return violated

    @kernels.kernel(I32, I64, I32, U64, I32, I32, U64, U64, INT, INT, INT, U64_OUT, I32_OUT)
    def run(
        steps: Any,
        indptr: Any,
        indices: Any,
        coefficients: Any,
        input_slots: Any,
        checks: Any,
        constants: Any,
        inputs: Any,
        batch: int,
        variables: int,
        slot_count: int,
        out: Any,
        violated: Any,
    ) -> None:
        slots = np.zeros(LIMBS * slot_count, np.uint64)
        to_montgomery, to_standard, one = constants[0:4], constants[4:8], constants[8:12]
        slots[:LIMBS] = one
        for item in range(batch):
            for k in range(len(input_slots)):
                product(slots, np.int64(input_slots[k]), inputs, item * len(input_slots) + k, to_montgomery, 0)
            violated[item] = run_once(steps, (indptr, indices, coefficients), checks, slots, to_standard, one)
            for variable in range(variables):
                product(out, item * variables + variable, slots, variable, to_standard, 0)

    return run


@functools.cache
def _constants(curve: Curve) -> Array:
    """Factors into and out of Montgomery form, and one in it."""
    field = curve.fr
    return limbs_from_ints([field.to_montgomery(field.R), 1, field.to_montgomery(1)], LIMBS).reshape(-1)


def run_program(
    curve: Curve,
    steps: npt.NDArray[np.int32],
    forms: SparseMatrix,
    input_slots: npt.NDArray[np.int32],
    checks: npt.NDArray[np.int32],
    inputs: Array,
    variables: int,
    scratch: int,
) -> tuple[Array, npt.NDArray[np.int32]]:
    """Run a program over a batch, on the calling thread and without the GIL.

    Parameters
    ----------
    steps
        ``int32[steps, 4]``, see the module's table.
    forms
        Linear forms over ``variables + scratch`` slots, Montgomery coefficients.
    inputs
        ``uint64[batch, len(input_slots), 4]``, standard form, below r.

    Returns
    -------
    The first ``variables`` slots of each run, ``uint64[batch, variables, 4]`` in standard form, and the first failed
    check of each or :data:`SATISFIED`, ``int32[batch]``.
    """
    batch = len(inputs)
    if inputs.shape != (batch, len(input_slots), LIMBS) or inputs.dtype != np.uint64:
        raise ValueError(f"inputs must be uint64[batch, {len(input_slots)}, {LIMBS}], not {inputs.shape}")
    out = np.empty((batch, variables, LIMBS), np.uint64)
    violated = np.empty(batch, np.int32)
    _run_kernel(curve)(
        np.ascontiguousarray(steps).reshape(-1),
        forms.indptr,
        forms.indices,
        forms.coefficients.reshape(-1),
        input_slots,
        checks,
        _constants(curve),
        np.ascontiguousarray(inputs).reshape(-1),
        batch,
        variables,
        variables + scratch,
        out.reshape(-1),
        violated,
    )
    return out, violated
