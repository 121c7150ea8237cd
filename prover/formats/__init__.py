"""What other software reads and writes: files of circom, snarkjs and rapidsnark, and encodings of proofs and keys.

====================  ==============================================================================
``.r1cs``             :func:`read_r1cs`, :func:`read_r1cs_header`, :func:`write_r1cs`
``.wtns``             :func:`read_wtns`, :func:`write_wtns`
``.zkey``             :func:`open_zkey`, :func:`read_zkey`, :func:`write_zkey`
JSON                  :func:`read_json`, :func:`write_json`, and ``..._to_json`` and ``..._from_json`` of proofs,
                      public signals and verifying keys
Solidity              :func:`verifier_contract`, :func:`solidity_calldata`
encodings             modules :mod:`.arkworks`, :mod:`.eip` (Ethereum's precompiles), :mod:`.py_ecc`
====================  ==============================================================================

Every length, section, prime, index and value is checked before use; what is wrong raises
:class:`~prover.errors.BadInput` with the section and offset, and never shows a value of a witness.
"""

from __future__ import annotations

from prover.formats.r1cs_file import R1csFile, R1csHeader, read_r1cs, read_r1cs_header, write_r1cs
from prover.formats.snarkjs_json import (
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    read_json,
    unchecked_proof_from_json,
    verifying_key_from_json,
    verifying_key_to_json,
    write_json,
)
from prover.formats.solidity import solidity_calldata, verifier_contract
from prover.formats.wtns import WitnessFile, read_wtns, write_wtns
from prover.formats.zkey import ZkeyFile, open_zkey, read_zkey, write_zkey

__all__ = [
    "R1csFile",
    "R1csHeader",
    "WitnessFile",
    "ZkeyFile",
    "open_zkey",
    "proof_from_json",
    "proof_to_json",
    "public_from_json",
    "public_to_json",
    "read_json",
    "read_r1cs",
    "read_r1cs_header",
    "read_wtns",
    "read_zkey",
    "solidity_calldata",
    "unchecked_proof_from_json",
    "verifier_contract",
    "verifying_key_from_json",
    "verifying_key_to_json",
    "write_json",
    "write_r1cs",
    "write_wtns",
    "write_zkey",
]
