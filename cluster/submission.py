"""What ``submit`` sends: a key, witnesses for it, and what their proofs must state."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cluster.client import Client
from cluster.progress import steps_shown
from cluster.rendering import Console
from cluster.service_keys import Key
from kernels.encoding import Limbs
from prover.circuits import get_circuit
from prover.errors import BadInput
from prover.formats.input_json import read_inputs
from prover.formats.wtns import read_wtns


@dataclass(frozen=True)
class Submission:
    """A batch before it is sent.

    Attributes
    ----------
    name
        For progress and messages.
    parameters
        Of a built-in circuit.
    witnesses
        Of each item its witness, ``uint64[variables, 4]``, or why it has none.
    statements
        ``uint64[batch, public, 4]``; zero where there is no witness.
    """

    key: Key
    name: str
    parameters: dict[str, int]
    witnesses: Limbs | list[Limbs | BadInput]
    statements: Limbs


def check_sources(options: argparse.Namespace) -> None:
    """Check, before anything is connected or read, that key and witnesses each come from one place.

    Raises
    ------
    BadInput
        Saying which flags there are.
    """
    if (options.circuit is None) == (options.key is None):
        raise BadInput(
            "say either --circuit NAME for a built-in circuit, or --key ID or FILE for a key of your own; "
            "see fastpath-prover submit --help"
        )
    sources = [options.batch, options.witnesses, options.input_json]
    if sum(source is not None for source in sources) != 1:
        raise BadInput("say either --batch N for random witnesses, --witnesses FILE, or --input-json FILE --wasm FILE")
    if options.batch is not None and options.circuit is None:
        raise BadInput("--batch N is for built-in circuits; with --key say --witnesses or --input-json")
    if (options.input_json is None) != (options.wasm is None):
        raise BadInput("--input-json FILE and --wasm FILE go together: values, and the calculator of their circuit")
    if options.input_json is not None and options.circuit is not None:
        raise BadInput("--input-json FILE is for circuits of circom; say --key")


def read_submission(options: argparse.Namespace, console: Console, client: Client, threads: int) -> Submission:
    """Find the key, and read or compute the witnesses.

    Raises
    ------
    BadInput, KeyNotFound
        Naming the file or key that is wrong. Inputs that are wrong are the error of their item.
    """
    if options.circuit is not None:
        parameters = _parameters(options)
        circuit = get_circuit(options.circuit, options.curve, **parameters)
        if options.batch is not None:
            witnesses = circuit.random_witnesses(options.batch)
        else:
            witnesses = read_witnesses(options.witnesses, circuit.curve.name, circuit.r1cs.variables)
        key = client.circuit(options.circuit, options.curve, **parameters)
        return Submission(key, options.circuit, parameters, witnesses, circuit.public_inputs(witnesses))
    key = client.add_key(options.key) if Path(options.key).exists() else client.key(client.find_key_id(options.key))
    metadata = key.metadata
    name = metadata.circuit or f"key {key.key_id[:12]}"
    items: Limbs | list[Limbs | BadInput]
    if options.input_json is not None:
        items = _computed(options, console, key, threads)
    else:
        items = read_witnesses(options.witnesses, metadata.curve, metadata.variables)
    statements = np.zeros((len(items), metadata.public, 4), np.uint64)
    for index, item in enumerate(items):
        if isinstance(item, np.ndarray):
            statements[index] = item[1 : 1 + metadata.public]
    return Submission(key, name, {}, items, statements)


def read_witnesses(paths: Sequence[str], curve: str, variables: int) -> Limbs:
    """Read ``.npy`` files, ``uint64[batch, variables, 4]``, and ``.wtns`` files of one witness each, in their order.

    Raises
    ------
    BadInput
        Naming the file that is none, or for another circuit.
    """
    return np.concatenate([_read(path, curve, variables) for path in paths])


def _read(path: str, curve: str, variables: int) -> Limbs:
    if Path(path).suffix == ".wtns":
        given = read_wtns(path)
        if (given.curve.name, len(given.witness)) != (curve, variables):
            raise BadInput(
                f"--witnesses {path} has {len(given.witness)} elements over {given.curve.name}, the key is for "
                f"{variables} over {curve}"
            )
        return given.witness[np.newaxis]
    try:
        witnesses: Any = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(
            f"--witnesses {path} cannot be read as .npy ({type(error).__name__}); write it with numpy.save"
        ) from None
    shape = (variables, 4)
    if not isinstance(witnesses, np.ndarray) or witnesses.dtype != np.uint64 or witnesses.shape[1:] != shape:
        raise BadInput(f"--witnesses {path} must hold uint64[batch, {variables}, 4] for this circuit")
    return np.ascontiguousarray(witnesses)


def _computed(options: argparse.Namespace, console: Console, key: Key, threads: int) -> list[Limbs | BadInput]:
    from prover.calculator_instance import CalculatorLimits  # noqa: PLC0415 - WebAssembly is needed only here
    from prover.witness_calculator import WitnessCalculator  # noqa: PLC0415 - likewise

    limits = CalculatorLimits(time_s=options.limit_s, memory_bytes=options.limit_mib << 20)
    batch = read_inputs(options.input_json)
    with steps_shown(console, "computing witnesses") as show:
        calculator = WitnessCalculator.open(options.wasm, limits)
        calculator.check_key(key.metadata)
        show(1, 2)
        return calculator.each(batch, threads)


def _parameters(options: argparse.Namespace) -> dict[str, int]:
    return (
        {name: getattr(options, name) for name in ("depth", "inputs", "outputs")} if options.circuit == "ringct" else {}
    )
