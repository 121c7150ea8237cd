"""The constants of a curve's fields as a CUDA C++ header, derived from the curve."""

from __future__ import annotations

from kernels.curves import Curve, PrimeField

WORD_BITS = 32


def constants_header(curve: Curve) -> str:
    """Text of ``constants.cuh``: the structures ``Fp`` and ``Fr``, parameters of ``Element`` in ``field.cuh``."""
    return "\n".join(["#pragma once", *_field("Fp", curve.fp), *_field("Fr", curve.fr)])


def _field(name: str, field: PrimeField) -> list[str]:
    words = 2 * field.limbs
    negated_inverse = -pow(field.modulus, -1, 1 << WORD_BITS) % (1 << WORD_BITS)
    return [
        # From memory, not as a literal: for -1 ptxas would replace the products by m with negations of what m is made
        # from, and take the wide multiply-adds apart that way (BLS12-381's Fr: 64 instead of 112).
        f"__constant__ unsigned int {name}_negated_inverse = {negated_inverse:#010x}u;",
        f"struct {name} {{",
        f"  enum {{ N = {words}, BITS = {field.modulus.bit_length()} }};",
        f"  DEVICE_MEMBER unsigned int negated_inverse() {{ return {name}_negated_inverse; }}",
        _words("modulus", field.modulus, words),
        _words("one", field.R % field.modulus, words),
        _words("exponent_word", field.modulus - 2, words),  # of the inverse (Fermat)
        "};",
    ]


def _words(function: str, value: int, words: int) -> str:
    limbs = ", ".join(f"{value >> (WORD_BITS * i) & 0xFFFFFFFF:#010x}u" for i in range(words))
    return (
        f"  DEVICE_MEMBER unsigned int {function}(int i) "
        f"{{ constexpr unsigned int words[N] = {{{limbs}}}; return words[i]; }}"
    )
