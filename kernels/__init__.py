"""Arithmetic for pairing-based proofs: fields, curves, MSM, NTT, pairing."""
