"""What the tests run in processes of their own, from npm: circom, its library, snarkjs, and the Solidity compiler.

They are installed once into a folder under ``build/``. Where npm is missing, or the registry out of reach, the tests
that need them are skipped with the reason; with the environment variable ``CI`` set they fail instead.
"""

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PACKAGES = {"circom2": "0.2.23", "circomlib": "2.0.5", "snarkjs": "0.7.6", "solc": "0.8.37"}
_BUILD = Path(__file__).parents[1] / "build"
_INSTALL_LIMIT_S = 400


def npm_folder():
    """The ``node_modules`` that holds the packages."""
    folder, why_not = _installed()
    if why_not:
        missing(why_not)
    return folder


@functools.cache
def _installed():
    """The folder, and why it does not hold the packages: found out once, for a registry out of reach takes its time."""
    manifest = json.dumps({"private": True, "dependencies": PACKAGES}, sort_keys=True)
    folder = _BUILD / f"npm-{hashlib.sha256(manifest.encode()).hexdigest()[:12]}"
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return folder, f"{program} is not installed"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run of the tests may be installing
        if not (folder / "complete").exists():
            (folder / "package.json").write_text(manifest, encoding="utf-8")
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
            command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
            try:
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, encoding="utf-8", timeout=_INSTALL_LIMIT_S, check=False
                )
            except subprocess.TimeoutExpired:
                return folder, f"npm did not install {', '.join(PACKAGES)} within {_INSTALL_LIMIT_S} s"
            if done.returncode:
                return folder, f"npm could not install {', '.join(PACKAGES)}: {done.stderr.strip()[-300:]}"
            (folder / "complete").touch()
    return folder / "node_modules", ""


def missing(reason):
    """Skip, but never in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def run_node(script, *arguments, cwd=None, stdin=None, check=True):
    """Run a script of one of the packages, such as ``snarkjs/cli.js``; its output as text."""
    command = ["node", npm_folder() / script, *map(str, arguments)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:  # from a pipe that is not full yet, node reads EAGAIN
        file.write(stdin or "")
        file.seek(0)
        done = subprocess.run(command, cwd=cwd, stdin=file, capture_output=True, encoding="utf-8", check=False)
    if check and done.returncode:
        raise AssertionError(f"{script} {' '.join(map(str, arguments))}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done


def snarkjs(*arguments, cwd=None, check=True):
    return run_node("snarkjs/cli.js", *arguments, cwd=cwd, check=check)


def compile_circom(source, folder, prime="bn128"):
    """Compile a circuit that includes ``circomlib/circuits/...``; writes NAME.r1cs, NAME.sym, NAME_js/NAME.wasm."""
    # What is included must lie below the working directory: the compiler is itself WebAssembly and sees little else.
    arguments = [source, "--r1cs", "--wasm", "--sym", "--prime", prime, "-l", "node_modules", "-o", folder]
    return run_node("circom2/cli.js", *arguments, cwd=npm_folder().parent)
