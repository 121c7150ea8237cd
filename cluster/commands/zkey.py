"""``fastpath-prover zkey``: check a proving key, and give parts of it to other tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from cluster.commands.groth16 import print_calldata, trusted_key
from cluster.exit_codes import ExitCode
from cluster.progress import compilation_shown
from cluster.rendering import Console, counted
from cluster.settings import Settings, load_settings
from kernels import get_backend
from prover.errors import BadInput
from prover.formats.r1cs_file import read_r1cs
from prover.formats.snarkjs_json import verifying_key_to_json, write_json
from prover.formats.solidity import verifier_contract
from prover.formats.zkey import open_zkey
from prover.formats.zkey_json import zkey_to_json
from prover.groth16.key_consistency import check_key_for


def run(options: argparse.Namespace, console: Console) -> int:
    """Do what ``options.action`` says."""
    settings = load_settings(options.settings, config=options.config)
    with compilation_shown(console):
        if options.action[1] == "verify":
            return _verify(options, console, settings)
        exports = {
            "verificationkey": _verifying_key,
            "solidityverifier": _contract,
            "soliditycalldata": print_calldata,
            "json": _document,
        }
        return exports[options.action[2]](options, console)


def _verify(options: argparse.Namespace, console: Console, settings: Settings) -> int:
    backend = get_backend(settings.backend)
    pk = trusted_key(options.key, console, settings, backend)
    check_key_for(pk, read_r1cs(options.r1cs, backend).r1cs, backend, settings.threads)
    contributions = open_zkey(options.key).contributions
    document = {
        "consistent": True,
        "key_id": pk.key_id,
        "curve": pk.curve.name,
        "constraints": pk.metadata.constraints,
        "contributions": contributions,
        "development": pk.metadata.development,
    }
    lines = [
        "OK: every point is valid; sizes, matrices A and B, and the b queries are those of the circuit.",
        f"It has {counted(contributions, 'contribution')}. That its secrets are unknown, and the a, l and ic queries",
        "as they should be, takes the ceremony's files to show: snarkjs zkey verify.",
    ]
    if pk.metadata.development:
        lines.append("Without a contribution it is for development only: anyone can forge proofs.")
    console.result(document, "\n".join(lines))
    return ExitCode.OK


def _verifying_key(options: argparse.Namespace, console: Console) -> int:
    vk = open_zkey(options.key).verifying_key
    write_json(options.verification_key, verifying_key_to_json(vk))
    document = {"verification_key": str(options.verification_key), "curve": vk.curve.name, "public": vk.public}
    console.result(document, f"Wrote {options.verification_key}: {counted(vk.public, 'public signal')}.")
    return ExitCode.OK


def _contract(options: argparse.Namespace, console: Console) -> int:
    key = open_zkey(options.key)
    vk, development = key.verifying_key, not key.contributions
    try:
        Path(options.contract).write_text(verifier_contract(vk, development=development), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{options.contract} cannot be written: {error.strerror}") from None
    document = {
        "contract": str(options.contract),
        "curve": vk.curve.name,
        "public": vk.public,
        "development": development,
    }
    lines = [f"Wrote {options.contract}: a verifier on {vk.curve.name}, {counted(vk.public, 'public signal')}."]
    if development:
        lines.append("The key has no contribution: for development only, anyone can forge proofs.")
    console.result(document, "\n".join(lines))
    return ExitCode.OK


def _document(options: argparse.Namespace, console: Console) -> int:
    write_json(options.document, zkey_to_json(open_zkey(options.key)))
    console.result({"document": str(options.document)}, f"Wrote {options.document}.")
    return ExitCode.OK
