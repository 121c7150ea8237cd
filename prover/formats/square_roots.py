"""The y of a point whose x is known: square roots in Fp and Fp2, on integers.

Both curves have p = 3 mod 4, so a root of a square a in Fp is a^((p + 1)/4). In Fp2 a square a0 + a1 u is (x0 + x1 u)^2
with x0^2 - x1^2 = a0 and 2 x0 x1 = a1, and its norm n = a0^2 + a1^2 is the square of x0^2 + x1^2: x0^2 is
(a0 + sqrt n)/2 or (a0 - sqrt n)/2, whichever is a square, and x1 = a1/(2 x0) (the "complex method").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernels.curves import Curve, Group


def y_coordinate(curve: Curve, group: Group, x: tuple[int, ...]) -> tuple[int, ...] | None:
    """One of the two y with y^2 = x^3 + b, None if there is none.

    Parameters
    ----------
    x
        ``(x,)`` in G1, ``(c0, c1)`` in G2, below p; y has the same form.
    """
    p = curve.fp.modulus
    if group == "g1":
        root = _square_root(p, (x[0] ** 3 + curve.b) % p)
        return None if root is None else (root,)
    c0, c1 = x
    b0, b1 = curve.g2_b
    # (c0 + c1 u)^3 with u^2 = -1
    cube0 = c0 * c0 * c0 - 3 * c0 * c1 * c1
    cube1 = 3 * c0 * c0 * c1 - c1 * c1 * c1
    return _square_root_fp2(p, (cube0 + b0) % p, (cube1 + b1) % p)


def negated_coordinate(curve: Curve, coordinate: tuple[int, ...]) -> tuple[int, ...]:
    """The coordinate of the inverse point: -y, component by component."""
    return tuple(-component % curve.fp.modulus for component in coordinate)


def _square_root(p: int, square: int) -> int | None:
    root = pow(square, (p + 1) // 4, p)
    return root if root * root % p == square else None


def _square_root_fp2(p: int, a0: int, a1: int) -> tuple[int, int] | None:
    norm_root = _square_root(p, (a0 * a0 + a1 * a1) % p)
    if norm_root is None:
        return None
    half = (p + 1) // 2
    for sign in (1, -1):
        x0 = _square_root(p, (a0 + sign * norm_root) * half % p)
        if x0:
            return x0, a1 * pow(2 * x0, -1, p) % p
    # Only a root without a real part is left: a = -x1^2.
    x1 = _square_root(p, -a0 % p)
    return (0, x1) if a1 == 0 and x1 is not None else None
