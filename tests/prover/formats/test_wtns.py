"""Witness files."""

import pytest

from kernels.encoding import ints_from_limbs, limbs_from_ints
from prover.errors import BadInput
from prover.formats import read_wtns, write_wtns


def test_circoms_witness_is_read_and_written_byte_for_byte(vectors, curve, tmp_path):
    read = read_wtns(vectors / "witness.wtns")
    assert read.curve is curve
    assert ints_from_limbs(read.witness) == [1, 52, 13, 3, 5, 1, 15]  # 1; z, s; x; y, unused; t
    assert read.witness.flags.aligned
    write_wtns(tmp_path / "w.wtns", read.curve, read.witness)
    assert (tmp_path / "w.wtns").read_bytes() == (vectors / "witness.wtns").read_bytes()
    assert (tmp_path / "w.wtns").stat().st_mode & 0o077 == 0, "a witness is its owner's secret"


def test_values_must_be_reduced_and_begin_with_one(curve, tmp_path):
    secret = curve.fr.modulus + 17
    write_wtns(tmp_path / "w.wtns", curve, limbs_from_ints([1, 5, secret], 4))
    with pytest.raises(BadInput, match=r"section 2 \(values\), offset 140: element 2 is not below r") as refused:
        read_wtns(tmp_path / "w.wtns")
    assert str(secret) not in str(refused.value)
    write_wtns(tmp_path / "w.wtns", curve, limbs_from_ints([2, 5], 4))
    with pytest.raises(BadInput, match="offset 76: element 0 is the constant"):
        read_wtns(tmp_path / "w.wtns")


def test_sizes_and_prime_are_checked(vectors, tmp_path):
    content = (vectors / "witness.wtns").read_bytes()
    for at, change, why in (
        (24, b"\x1f", "the prime is that of no curve"),
        (28, b"\2", "the prime is that of no curve"),
        (24, b"\xff\xff\xff\xff", "field elements of 4294967295 bytes"),
        (60, b"\x06", "offset 268: 32 bytes too many"),
        (60, b"\xff\xff\xff\x7f", r"offset 76: 2147483647 elements needs 68719476704 bytes, 224 are left"),
        (60, bytes(4), "offset 60: a witness has at least the constant"),
    ):
        (tmp_path / "w.wtns").write_bytes(content[:at] + change + content[at + len(change) :])
        with pytest.raises(BadInput, match=why):
            read_wtns(tmp_path / "w.wtns")
