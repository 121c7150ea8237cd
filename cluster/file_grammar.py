"""The words of the commands that work on files, as snarkjs has them.

Positional arguments have snarkjs' order and its defaults, so that scripts run unchanged.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final

AddCommand = Callable[..., argparse.ArgumentParser]
"""``(commands, name, purpose, settings)``, see :mod:`cluster.cli`."""

_SETTINGS: Final = ("threads", "backend", "key_dir")
_KEY: Final = ("key", "circuit_final.zkey", "proving key (.zkey)")
_WITNESS: Final = ("witness", "witness.wtns", "witness (.wtns)")
_PROOF: Final = ("proof", "proof.json", "proof")
_PUBLIC: Final = ("public", "public.json", "public signals")
_R1CS: Final = ("r1cs", "circuit.r1cs", "constraint system (.r1cs)")
_WASM: Final = ("wasm", "circuit.wasm", "witness calculator (.wasm)")
_INPUT: Final = ("input", "input.json", "values of the input signals")
_VK: Final = ("verification_key", "verification_key.json", "verifying key")

LIMIT_S: Final = 300.0
LIMIT_MIB: Final = 2048
Argument = tuple[str, str, str]

COMMANDS: Final[dict[tuple[str, ...], tuple[str, tuple[Argument, ...]]]] = {
    ("groth16", "prove"): ("make a proof from a key and a witness", (_KEY, _WITNESS, _PROOF, _PUBLIC)),
    ("groth16", "fullprove"): (
        "compute a witness from inputs and make a proof",
        (_INPUT, ("wasm", "circuit_final.wasm", "witness calculator (.wasm)"), _KEY, _PROOF, _PUBLIC),
    ),
    ("groth16", "verify"): ("check a proof", (_VK, _PUBLIC, _PROOF)),
    ("groth16", "setup"): (
        "make a key without a ceremony, for development only; or, from powers of tau, the first key of one",
        (_R1CS,),
    ),
    ("groth16", "exportsoliditycalldata"): ("print the arguments of a verifier contract", (_PUBLIC, _PROOF)),
    ("wtns", "calculate"): ("compute a witness from inputs", (_WASM, _INPUT, _WITNESS)),
    ("wtns", "check"): ("check a witness against every constraint", (_R1CS, _WITNESS)),
    ("r1cs", "info"): ("show the numbers of a constraint system", (_R1CS,)),
    ("zkey", "verify"): ("check a key, and that it is for a constraint system", (_R1CS, _KEY)),
    ("zkey", "export", "verificationkey"): ("write the key's verifying key", (_KEY, _VK)),
    ("zkey", "export", "solidityverifier"): (
        "write a contract that verifies the key's proofs",
        (_KEY, ("contract", "verifier.sol", "where to write the contract")),
    ),
    ("zkey", "export", "soliditycalldata"): ("print the arguments of a verifier contract", (_PUBLIC, _PROOF)),
    ("zkey", "export", "json"): (
        "write every number of a key",
        (_KEY, ("document", "circuit_final.zkey.json", "where to write them")),
    ),
}
GROUPS: Final = {
    "groth16": "keys, proofs and verification from files",
    "wtns": "witness files of circom",
    "r1cs": "constraint systems of circom",
    "zkey": "proving keys of snarkjs",
}


def add_file_commands(commands: Any, add_command: AddCommand, parser_class: type) -> None:  # noqa: ANN401 - argparse's
    """Add ``groth16``, ``wtns``, ``r1cs`` and ``zkey``; ``options.action`` is a tuple like ``("groth16", "prove")``."""
    parents: dict[tuple[str, ...], Any] = {(): commands}

    def within(path: tuple[str, ...]) -> Any:  # noqa: ANN401 - argparse's
        if path not in parents:
            purpose = GROUPS.get(path[-1], "parts of a proving key, for other tools")
            group = within(path[:-1]).add_parser(path[-1], help=purpose, description=f"{purpose}.", allow_abbrev=False)
            parents[path] = group.add_subparsers(
                dest=f"word_{len(path)}", metavar="ACTION", required=True, parser_class=parser_class
            )
        return parents[path]

    for path, (purpose, arguments) in COMMANDS.items():
        parser = add_command(within(path[:-1]), path[-1], purpose, _SETTINGS)
        for name, default, meaning in arguments:
            parser.add_argument(
                name, metavar=name.upper(), nargs="?", default=default, help=f"{meaning} (default: {default})"
            )
        parser.set_defaults(command=path[0], action=path)
        if path == ("groth16", "setup"):
            parser.add_argument(
                "files",
                metavar="[PTAU] KEY",
                nargs="*",
                help="powers of tau (.ptau, prepared for phase 2), if any; where to write the key",
            )
        if path in {("groth16", "prove"), ("groth16", "fullprove")}:
            parser.add_argument("-v", "--verbose", action="store_true", help="say what each phase took")
        if path in {("wtns", "calculate"), ("groth16", "fullprove")}:
            add_limits(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """What the calculator may take; values are checked by :class:`prover.calculator_instance.CalculatorLimits`."""
    group = parser.add_argument_group("limits of the witness calculator")
    group.add_argument("--limit-s", type=float, default=LIMIT_S, metavar="S", help="seconds (%(default)g)")
    group.add_argument("--limit-mib", type=int, default=LIMIT_MIB, metavar="MIB", help="MiB of memory (%(default)d)")
