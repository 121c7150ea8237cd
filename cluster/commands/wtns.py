"""``fastpath-prover wtns``: witness files."""

from __future__ import annotations

import argparse
import time

from cluster.exit_codes import ExitCode
from cluster.progress import compilation_shown
from cluster.rendering import Console, count, counted, duration
from cluster.settings import load_settings
from prover.errors import BadInput, UnsatisfiedConstraint
from prover.formats.wtns import read_wtns, write_wtns


def run(options: argparse.Namespace, console: Console) -> int:
    """Do what ``options.action`` says; 1 if a constraint does not hold."""
    settings = load_settings(options.settings, config=options.config)
    if options.action[1] == "calculate":
        return _calculate(options, console)
    with compilation_shown(console):
        return _check(options, console, settings.backend)


def _calculate(options: argparse.Namespace, console: Console) -> int:
    from cluster.calculated_witness import calculated_witness  # noqa: PLC0415 - checking needs no WebAssembly

    started = time.perf_counter()
    computed = calculated_witness(options, console)
    write_wtns(options.witness, computed.curve, computed.witness)
    elapsed_s = time.perf_counter() - started
    document = {
        "witness": str(options.witness),
        "curve": computed.curve.name,
        "variables": len(computed.witness),
        "elapsed_s": elapsed_s,
    }
    variables = counted(len(computed.witness), "element")
    console.result(document, f"Computed a witness of {variables} in {duration(elapsed_s)}: {options.witness}.")
    return ExitCode.OK


def _check(options: argparse.Namespace, console: Console, backend_name: str) -> int:
    from kernels import get_backend  # noqa: PLC0415 - calculating needs no arithmetic
    from prover.formats.r1cs_file import read_r1cs  # noqa: PLC0415 - likewise

    backend = get_backend(backend_name)
    system, given = read_r1cs(options.r1cs, backend), read_wtns(options.witness)
    if given.curve != system.header.curve:
        raise BadInput(f"the witness is over the scalars of {given.curve.name}, not of {system.header.curve.name}")
    if len(given.witness) != system.header.wires:
        raise BadInput(
            f"the witness has {count(len(given.witness))} elements, the system {count(system.header.wires)} wires"
        )
    try:
        system.r1cs.check(given.witness, backend)
    except UnsatisfiedConstraint as unsatisfied:
        console.result({"satisfied": False, "constraint": unsatisfied.index}, f"NOT SATISFIED: {unsatisfied}")
        return ExitCode.FAILED
    console.result(
        {"satisfied": True, "constraints": system.header.constraints},
        f"OK: the witness satisfies {counted(system.header.constraints, 'constraint')}.",
    )
    return ExitCode.OK
