"""Products of two arrays, element by element, eight at a time in lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.compilation import U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.lane_field import LaneSpec
from kernels.cpu.lane_vectors import LANES, WORD
from kernels.cpu.lane_words import load_words, pointers_to, store_words, words_product
from kernels.cpu.operation import RingSpec, operation
from kernels.curves import Curve

INT = types.int64


@compiled_once
def lane_multiply(curve: Curve, native: bool) -> Callable[..., None]:
    """Compile, or load, ``(left, right, n, step, out)`` as in :class:`kernels.cpu.scalars.ScalarKernels`."""
    kernels = KernelSet(f"{curve.name}.fr.lane_products{'' if native else '_emulated'}")
    product = operation(RingSpec(curve.fr), lambda a, b: a * b, (1, 1), 1)
    eight_products = _eight_products(LaneSpec(curve.fr, native))

    @kernels.kernel(U64, U64, INT, INT, U64_OUT)
    def multiply(left: Any, right: Any, n: int, step: int, out: Any) -> None:
        i = 0
        while i + LANES <= n:
            eight_products(out, left, right, i, step)
            i += LANES
        while i < n:
            product(out, i, left, i, right, i * step)
            i += 1

    return multiply


def _eight_products(spec: LaneSpec) -> Any:
    """Make the intrinsic ``(out, left, right, i, step)``: out_j = left_j right_(step j) for eight j from i on."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        out, left, right = (
            context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in range(3)
        )
        i, step = arguments[3:]
        places = [builder.add(i, WORD(lane)) for lane in range(LANES)]
        a = load_words(ring, pointers_to(builder, left, places))
        b = load_words(ring, pointers_to(builder, right, [builder.mul(place, step) for place in places]))
        store_words(ring, words_product(a, b), pointers_to(builder, out, places))
        return context.get_dummy_value()

    def eight_products(_context: Any, out: Any, left: Any, right: Any, _i: Any, _step: Any) -> Any:
        return types.void(out, left, right, INT, INT), generate

    return intrinsic(eight_products)
