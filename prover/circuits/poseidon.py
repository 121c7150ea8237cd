"""The Poseidon hash: over integers, and as constraints.

Poseidon(x_1, ..., x_n) permutes the state (0, x_1, ..., x_n) and returns its first element, as circomlib does.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add, mul
from typing import TYPE_CHECKING

from prover.circuits.poseidon_parameters import EXPONENT, PoseidonParameters, poseidon_parameters

if TYPE_CHECKING:
    from kernels.curves import Curve
    from prover.circuit_builder import CircuitBuilder
    from prover.linear_combination import LinearCombination


def permute(parameters: PoseidonParameters, state: Sequence[int]) -> list[int]:
    """Apply the permutation to ``width`` integers."""
    p = parameters.modulus
    for number, constants in enumerate(parameters.round_constants):
        state = list(map(add, state, constants))
        active = parameters.width if parameters.is_full(number) else 1
        state[:active] = [pow(value, EXPONENT, p) for value in state[:active]]
        state = [sum(map(mul, row, state)) % p for row in parameters.matrix]
    return list(state)


def poseidon(curve: Curve, *inputs: int) -> int:
    """Hash one to sixteen elements of the curve's scalar field.

    Examples
    --------
    >>> from kernels.curves import BN254
    >>> poseidon(BN254, 1, 2)
    7853200120776062878684798364095072458815029376092732009249414926327459813530
    """
    parameters = poseidon_parameters(curve.fr.modulus, len(inputs) + 1)
    return permute(parameters, [0, *inputs])[0]


def constrain_poseidon(builder: CircuitBuilder, inputs: Sequence[LinearCombination], name: str) -> LinearCombination:
    """Constrain a hash of the inputs and return it: three constraints for each S-box of a non-constant element.

    The linear layers cost no constraint. Because they let combinations grow by a term every partial round, the
    witness program works on a shortened copy of the state.
    """
    parameters = poseidon_parameters(builder.curve.fr.modulus, len(inputs) + 1)
    state = [builder.constant(0), *inputs]
    short = list(state)
    for number, constants in enumerate(parameters.round_constants):
        state = [value + constant for value, constant in zip(state, constants, strict=True)]
        short = [builder.shorten(value + constant) for value, constant in zip(short, constants, strict=True)]
        for lane in range(parameters.width if parameters.is_full(number) else 1):
            state[lane] = short[lane] = _constrain_sbox(
                builder, state[lane], short[lane], f"{name}.round[{number}].lane[{lane}]"
            )
        state = [builder.sum(zip(row, state, strict=True)) for row in parameters.matrix]
        short = [builder.sum(zip(row, short, strict=True)) for row in parameters.matrix]
    return state[0]


def _constrain_sbox(
    builder: CircuitBuilder, value: LinearCombination, short: LinearCombination, name: str
) -> LinearCombination:
    constant = value.constant
    if constant is not None:
        return builder.constant(pow(constant, EXPONENT, builder.curve.fr.modulus))
    square = builder.multiply(value, value, f"{name}.square", values=(short, short))
    fourth = builder.multiply(square, square, f"{name}.fourth")
    # The fourth power stands on the left: it then has no column in B, which spares a third of the G2 work of a proof.
    return builder.multiply(fourth, value, f"{name}.fifth", values=(fourth, short))
