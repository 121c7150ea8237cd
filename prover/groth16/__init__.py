"""Groth16: J. Groth, "On the Size of Pairing-based Non-interactive Arguments", EUROCRYPT 2016, section 3.2.

One file per step of the protocol, in the notation of the paper: ``setup`` makes a key, ``prove`` a proof,
``verify`` and ``verify_batch`` raise :class:`~prover.errors.InvalidProof` or return nothing.
"""

from __future__ import annotations

from prover.groth16.keys import KeyMetadata, ProvingKey, VerifyingKey
from prover.groth16.phases import Phase
from prover.groth16.proof import Proof
from prover.groth16.prove import prove
from prover.groth16.setup import setup
from prover.groth16.validate_key import validate_key
from prover.groth16.verify import verify
from prover.groth16.verify_batch import verify_batch

__all__ = [
    "KeyMetadata",
    "Phase",
    "Proof",
    "ProvingKey",
    "VerifyingKey",
    "prove",
    "setup",
    "validate_key",
    "verify",
    "verify_batch",
]
