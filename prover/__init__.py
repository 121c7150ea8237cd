"""Groth16 proving: circuits, keys, proofs and the in-process prover."""
