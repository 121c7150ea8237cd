"""Integer products of lane elements in columns: column i is what stands at 2^(52 i), not carried.

Two instructions make the low and the high half of the products of two limbs, so n limbs by n limbs cost 2 n^2 of them.
Karatsuba's method takes three products of half the length for four. Eight limbs gain from it, a seventh of a point
addition's multiply-adds against three additions to every four of them; five limbs would not.

References
----------
A. Karatsuba, Y. Ofman, "Multiplication of multidigit numbers on automata", 1963.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

MultiplyAdd = Callable[[str, ir.Value, ir.Value, ir.Value], ir.Value]


def schoolbook(
    multiply_add: MultiplyAdd, a: Sequence[ir.Value], b: Sequence[ir.Value], start: Sequence[ir.Value]
) -> list[ir.Value]:
    """Product plus ``start``, of 2n columns: each the sum of at most 2n terms of 52 bits, and its start."""
    n, columns = len(a), list(start)
    for column in range(2 * n):  # one column after the other: few are in registers at a time
        for half, shift in (("l", 0), ("h", 1)):
            for i in range(n):
                j = column - shift - i
                if 0 <= j < n:
                    columns[column] = multiply_add(half, columns[column], a[i], b[j])
    return columns


def square(build: Any, multiply_add: MultiplyAdd, a: Sequence[ir.Value], start: Sequence[ir.Value]) -> list[ir.Value]:
    """Square plus ``start``, in the same form: cross products once, doubled, then the squares of the limbs."""
    n, zero = len(a), ir.Constant(a[0].type, [0] * a[0].type.count)
    columns: list[Any] = []
    for column in range(2 * n):
        total = None
        for half, shift in (("l", 0), ("h", 1)):
            for i in range(n):
                j = column - shift - i
                if i < j < n:
                    total = multiply_add(half, zero if total is None else total, a[i], a[j])
        columns.append(start[column] if total is None else build.add(build.add(total, total), start[column]))
    for i in range(n):
        columns[2 * i] = multiply_add("l", columns[2 * i], a[i], a[i])
        columns[2 * i + 1] = multiply_add("h", columns[2 * i + 1], a[i], a[i])
    return columns


def karatsuba(
    build: Any,
    multiply_add: MultiplyAdd,
    splat: Callable[[int], ir.Constant],
    a: Sequence[ir.Value],
    b: Sequence[ir.Value],
    start: Sequence[ir.Value],
) -> list[ir.Value]:
    """Product plus ``start`` of numbers with all limbs below 2^52, an even number of them.

    With halves a = a0 + a1 x the product is a0 b0 + ((a0 + a1) (b0 + b1) - a0 b0 - a1 b1) x + a1 b1 x^2. A column is
    between -2n and 2n + 2 terms, and its start.
    """
    h = len(a) // 2
    low = schoolbook(multiply_add, a[:h], b[:h], start[: 2 * h])
    high = schoolbook(multiply_add, a[h:], b[h:], start[2 * h :])
    (a_sum, a_carry), (b_sum, b_carry) = (_half_sum(build, splat, x) for x in (a, b))
    # The middle begins with what the starts are subtracted from it as.
    both = [build.add(x, y) for x, y in zip(start[: 2 * h], start[2 * h :], strict=True)]
    middle = schoolbook(multiply_add, a_sum, b_sum, both)
    # A sum's carry, a bit, counts its multiple of the other sum, h columns further up.
    for carry, other in ((a_carry, b_sum), (b_carry, a_sum)):
        has_carry = build.icmp_unsigned("!=", carry, splat(0))
        for i, limb in enumerate(other):
            middle[h + i] = build.select(has_carry, build.add(middle[h + i], limb), middle[h + i])
    shared = [build.sub(low[h + i], high[i]) for i in range(h)]
    columns = [*low[:h], *([splat(0)] * (2 * h)), *high[h:]]
    for i in range(h):
        columns[h + i] = build.add(build.sub(middle[i], low[i]), shared[i])
        columns[2 * h + i] = build.sub(build.sub(middle[h + i], high[h + i]), shared[i])
    columns[3 * h] = build.add(columns[3 * h], build.and_(a_carry, b_carry))
    return columns


def _half_sum(
    build: Any, splat: Callable[[int], ir.Constant], limbs: Sequence[ir.Value]
) -> tuple[list[ir.Value], ir.Value]:
    """Limbs of the lower plus the upper half, and the carry out of them: 0 or 1."""
    h, out, carry = len(limbs) // 2, [], None
    for low, high in zip(limbs[:h], limbs[h:], strict=True):
        total = build.add(low, high)
        if carry is not None:
            total = build.add(total, carry)
        carry = build.lshr(total, splat(52))
        out.append(build.and_(total, splat((1 << 52) - 1)))
    return out, carry
