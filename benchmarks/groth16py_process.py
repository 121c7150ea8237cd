"""Runs inside groth16py's own virtual environment: that library is under the GPL and stays in a process of its own.

Arguments: a ``.r1cs`` and a ``.wtns`` file, then the public inputs. Prints ``ready`` once the key is made and a proof
verified; then answers every line of standard input with the seconds of one prove call.
"""

from __future__ import annotations

import sys
import time

import groth16py


def main() -> None:
    """Serve until standard input ends."""
    r1cs, witness, *public_inputs = sys.argv[1:]
    proving_key, verifying_key = groth16py.setup(r1cs)
    proof = groth16py.prove_wtns(proving_key, witness)
    if not groth16py.Verifier(verifying_key).verify(proof, [int(value) for value in public_inputs]):
        sys.exit("its own proof does not verify")
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        groth16py.prove_wtns(proving_key, witness)
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
