"""What a build of the CUDA kernels must keep to."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.gpu.machine_code import SHARED_BYTES_UNASKED, Listing
from kernels.cuda.images import IndexProgram, Program

MOST_INSTRUCTIONS = {12: 400, 8: 200}
"""Of a Montgomery product, by its 32-bit words."""

LEAST_WIDE = {12: 260, 8: 110}
"""Wide multiply-adds among them; a chain that ptxas took apart has far fewer."""


def resource_failures(listed: Listing) -> Iterator[str]:
    """Spills, blocks that do not start, more shared memory than a block has unasked."""
    for one in listed.resources.values():
        place = f"{listed.program.name} {one.kernel} for {listed.target} by {listed.compiler_name}"
        if one.spill_bytes:
            yield f"{place} spills {one.spill_bytes} bytes"
        if one.registers == 0 or one.blocks < 1:
            yield f"{place} takes {one.registers} registers in {one.threads} threads: no block starts"
        if one.shared_bytes > SHARED_BYTES_UNASKED:
            yield f"{place} takes {one.shared_bytes} bytes of shared memory"


def words_of(program: Program) -> int:
    """32-bit words of the elements that a program multiplies."""
    field = program.curve.fp if program.source == "msm" or program.field == "Fp" else program.curve.fr
    return 2 * field.limbs


def arithmetic_failures(listed: Listing) -> Iterator[str]:
    """Products that are longer than they need be, and squares that are not cheaper."""
    program = listed.program
    if isinstance(program, IndexProgram):  # it multiplies nothing
        return
    words = words_of(program)
    products: dict[str, int] = {}
    for (kernel, function), found in listed.functions.items():
        place = f"{program.name} {kernel} {function} for {listed.target} by {listed.compiler_name}"
        if function in {"base_product", "element_product", "scalar_product"}:
            products[kernel] = found.wide
            if found.total > MOST_INSTRUCTIONS[words]:
                yield f"{place} takes {found.total} instructions, more than {MOST_INSTRUCTIONS[words]}"
            if found.wide < LEAST_WIDE[words]:
                yield f"{place} has {found.wide} wide multiply-adds, fewer than {LEAST_WIDE[words]}"
    for (kernel, function), found in listed.functions.items():
        product = products.get(kernel, products.get("multiply"))
        if function in {"base_squared", "element_squared"} and product is not None and found.wide >= product:
            yield f"{program.name} {kernel} {function} has {found.wide} wide multiply-adds, a product {product}"
