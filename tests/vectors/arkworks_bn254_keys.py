"""Writes arkworks_bn254_keys.json: verifying keys on BN254 as arkworks' CanonicalSerialize wrote them.

The keys come from groth16py 0.2.0, which is arkworks behind Python; it is under the GPL and runs in an environment of
its own: ``python -m venv v && v/bin/pip install groth16py==0.2.0``, then
``v/bin/python arkworks_bn254_keys.py CIRCUIT.r1cs`` for any circuit. ``VerifyingKey.save`` writes the uncompressed
form, ``to_json`` the coordinates as decimal numbers.
"""

import json
import sys
import tempfile
from pathlib import Path

import groth16py

KEYS = 4


def key(r1cs, folder):
    _, verifying_key = groth16py.setup(r1cs)
    verifying_key.save(f"{folder}/key")
    points = json.loads(verifying_key.to_json())
    return {
        "uncompressed": Path(folder, "key").read_bytes().hex(),
        **{name: points[name] for name in ("vk_alpha_1", "vk_beta_2", "vk_gamma_2", "vk_delta_2", "IC")},
    }


def main():
    with tempfile.TemporaryDirectory() as folder:
        keys = [key(sys.argv[1], folder) for _ in range(KEYS)]
    target = Path(__file__).with_suffix(".json")
    target.write_text(json.dumps({"source": "groth16py 0.2.0", "keys": keys}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
