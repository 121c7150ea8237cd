"""``fastpath-prover r1cs info``: the numbers of a constraint system."""

from __future__ import annotations

import argparse

from cluster.exit_codes import ExitCode
from cluster.rendering import Console, count, fields
from prover.formats.r1cs_file import read_r1cs_header


def run(options: argparse.Namespace, console: Console) -> int:
    """Print them."""
    header = read_r1cs_header(options.r1cs)
    numbers = {
        "constraints": header.constraints,
        "wires": header.wires,
        "outputs": header.outputs,
        "public inputs": header.inputs,
        "private inputs": header.private_inputs,
        "labels": header.labels,
    }
    document = {"curve": header.curve.name, **{name.replace(" ", "_"): value for name, value in numbers.items()}}
    text = fields({"curve": header.curve.name, **{name: count(value) for name, value in numbers.items()}}, indent="")
    console.result(document, "\n".join(text))
    return ExitCode.OK
