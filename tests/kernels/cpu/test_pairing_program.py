"""Programs compute the same with shared registers as with one for every value."""

import pytest

from kernels.cpu.pairing_program import Op, PairingProgram


def final_exponentiation(program):
    return (program.final_exponentiation(program.new()),)


def miller_loop(program):
    pairs = [(program.enter((0, 2)), program.enter_q()) for _ in range(3)]
    loop = program.miller_loop(pairs, [program.enter(range(6))])
    residues = (program.membership_residue(q, steps[-1]) for (_, q), steps in zip(pairs, loop.steps, strict=True))
    return loop.value, *residues


def kept_steps(program):
    (steps,) = program.miller_loop([(program.ONES, program.enter_q())], keep=True).steps
    return tuple(steps[1:])


def traced(steps, given, results):
    """What each result is made of: every value a number, the same for the same operation on the same values."""
    numbers = {}
    values = {register: ("given", register) for register in range(given)}
    for op, out, a, b, c in steps:
        old = [values.get(register, "zeros") for register in (a, b, c)]
        if op == Op.ENTER:
            made = (op, values.get(out, "zeros"), b, c)
        elif op == Op.SCALE_LINES:
            made = (op, a, old[1])
        else:
            made = (op, *old)
        values[out] = numbers.setdefault(made, len(numbers))
    return [values[register] for register in results]


@pytest.mark.parametrize("write", [final_exponentiation, miller_loop, kept_steps], ids=lambda write: write.__name__)
def test_sharing_registers_changes_nothing(curve, write):
    program = PairingProgram(curve)
    results = write(program)
    encoded = program.encoded(*results)
    given = 3 if write is final_exponentiation else 2
    shared = encoded.steps.reshape(-1, 5).tolist()
    assert traced(shared, given, encoded.results) == traced(program._steps, given, results)
    assert encoded.registers == 1 + max(max(out, *encoded.results) for _, out, *_ in shared)
    assert encoded.registers < program.registers
