import pytest

from kernels.curves import BLS12_381, BN254
from kernels.encoding import limbs_from_ints
from prover.circuit_builder import CircuitBuilder
from prover.circuits.commitment import (
    commitment,
    constrain_commitment,
    constrain_key_image,
    constrain_public_key,
    key_image,
    public_key,
)


@pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)
def test_constraints_compute_what_the_functions_do(curve):
    builder = CircuitBuilder(curve)
    outputs = [builder.public_output(name) for name in ("owner", "coin", "image")]
    x, v, r = (builder.private_input(name) for name in "xvr")
    owner = constrain_public_key(builder, x, "owner")
    coin = constrain_commitment(builder, v, r, owner, "coin")
    image = constrain_key_image(builder, x, coin, "image")
    for output, value, name in zip(outputs, (owner, coin, image), ("owner", "coin", "image"), strict=True):
        builder.define(output, value, name)
    witness, _ = builder.program().run([11, 22, 33])
    builder.r1cs().check(limbs_from_ints(witness, 4))
    expected_coin = commitment(curve, 22, 33, public_key(curve, 11))
    assert witness[1:4] == [public_key(curve, 11), expected_coin, key_image(curve, 11, expected_coin)]


def test_every_argument_counts():
    base = commitment(BN254, 1, 2, 3)
    assert len({base, commitment(BN254, 2, 2, 3), commitment(BN254, 1, 3, 3), commitment(BN254, 1, 2, 4)}) == 4
    assert len({key_image(BN254, 1, base), key_image(BN254, 2, base), key_image(BN254, 1, base + 1)}) == 3
    assert commitment(BN254, 1, 2, 3) != commitment(BLS12_381, 1, 2, 3)
