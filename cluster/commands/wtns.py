"""``fastpath-prover wtns``: witness files."""

from __future__ import annotations

import argparse

from cluster.exit_codes import ExitCode
from cluster.progress import compilation_shown
from cluster.rendering import Console, count, counted
from cluster.settings import load_settings
from kernels import get_backend
from prover.errors import BadInput, UnsatisfiedConstraint
from prover.formats.r1cs_file import read_r1cs
from prover.formats.wtns import read_wtns


def run(options: argparse.Namespace, console: Console) -> int:
    """Check a witness: 1 if a constraint does not hold."""
    settings = load_settings(options.settings, config=options.config)
    with compilation_shown(console):
        return _check(options, console, settings.backend)


def _check(options: argparse.Namespace, console: Console, backend_name: str) -> int:
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
