"""A witness from the files that circom's users have: ``NAME.wasm`` and ``input.json``."""

from __future__ import annotations

import argparse

from cluster.progress import steps_shown
from cluster.rendering import Console
from prover.calculator_instance import CalculatorLimits
from prover.errors import BadInput
from prover.formats.input_json import read_inputs
from prover.formats.wtns import WitnessFile
from prover.witness_calculator import WitnessCalculator


def calculated_witness(options: argparse.Namespace, console: Console) -> WitnessFile:
    """Compute the witness of ``options.wasm`` for ``options.input``, within ``options.limit_s`` and ``limit_mib``.

    Raises
    ------
    BadInput
        If a file is none of its kind, holds inputs of several witnesses, or as
        :meth:`~prover.witness_calculator.WitnessCalculator.witness`.
    """
    limits = CalculatorLimits(time_s=options.limit_s, memory_bytes=options.limit_mib << 20)
    batch = read_inputs(options.input)
    if len(batch) > 1:
        raise BadInput(f"{options.input} holds inputs of {len(batch)} witnesses; `submit --input-json` proves a batch")
    with steps_shown(console, "computing the witness") as show:
        calculator = WitnessCalculator.open(options.wasm, limits)
        show(1, 2)
        witness = calculator.witness(batch[0])
    return WitnessFile(calculator.curve, witness)
