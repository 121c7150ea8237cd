"""The peer of proofs from files: snarkjs, a process of its own that the run installs from npm."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.groth16py_peer import PeerUnavailable

NAME = "snarkjs"
VERSION = "0.7.6"
SCRIPT = Path(__file__).with_name("snarkjs_process.cjs")


def install(directory: Path) -> Path:
    """Install snarkjs into ``directory`` unless it is there; return its folder.

    Raises
    ------
    PeerUnavailable
        If node or npm is missing, or with the last line of npm's complaint.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise PeerUnavailable("node and npm are not installed")
    folder = (directory / "node_modules" / "snarkjs").absolute()
    try:
        if json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"] == VERSION:
            return folder
    except (OSError, ValueError, KeyError):
        pass
    directory.mkdir(parents=True, exist_ok=True)
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(directory)]
    install_it = ["npm", "install", *options, f"{NAME}@{VERSION}"]
    done = subprocess.run(install_it, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise PeerUnavailable(f"npm could not install it: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
    return folder


def command(folder: Path, key: Path, witness: Path, proof: Path, public: Path) -> list[str | Path]:
    """The command that makes one proof."""
    return ["node", SCRIPT, folder, key, witness, proof, public]
