"""Make the files of this folder again, with npm's circom2 and snarkjs in processes of their own.

``python tests/vectors/circom/make_vectors.py NODE_MODULES``, where ``npm install circom2 snarkjs`` has run beside it.
Keys and proofs are random: they differ at every run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
KEPT = ("circuit.r1cs", "powers.ptau", "circuit.wasm", "witness.wtns", "circuit.zkey", "proof.json", "public.json")
INPUTS = {"x": 3, "y": 5, "unused": 1}


def main() -> None:
    """Make the files of both curves."""
    programs = Path(sys.argv[1]).absolute() / ".bin"
    for prime, curve in (("bn128", "bn128"), ("bls12381", "bls12381")):
        with TemporaryDirectory() as directory:
            folder = Path(directory)

            def run(program: str, *arguments: str, folder: Path = folder) -> None:
                subprocess.run([programs / program, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)

            (folder / "circuit.circom").write_text(
                (HERE / "circuit.circom").read_text(encoding="utf-8"), encoding="utf-8"
            )
            (folder / "input.json").write_text(json.dumps(INPUTS), encoding="utf-8")
            run("circom2", "circuit.circom", "--r1cs", "--wasm", "--O0", "--prime", prime)
            (folder / "circuit_js" / "circuit.wasm").rename(folder / "circuit.wasm")
            run("snarkjs", "powersoftau", "new", curve, "4", "0.ptau")
            run("snarkjs", "powersoftau", "contribute", "0.ptau", "1.ptau", "-e=vectors")
            run("snarkjs", "powersoftau", "prepare", "phase2", "1.ptau", "powers.ptau")
            run("snarkjs", "groth16", "setup", "circuit.r1cs", "powers.ptau", "0.zkey")
            run("snarkjs", "zkey", "contribute", "0.zkey", "circuit.zkey", "-e=vectors")
            run("snarkjs", "zkey", "export", "verificationkey", "circuit.zkey", "verification_key.json")
            run("snarkjs", "wtns", "calculate", "circuit.wasm", "input.json", "witness.wtns")
            run("snarkjs", "groth16", "prove", "circuit.zkey", "witness.wtns", "proof.json", "public.json")
            kept = HERE / curve
            kept.mkdir(exist_ok=True)
            for name in (*KEPT, "verification_key.json"):
                (kept / name).write_bytes((folder / name).read_bytes())


if __name__ == "__main__":
    main()
