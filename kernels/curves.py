"""The two pairing-friendly curves, derived from their seeds.

Every constant below that follows from the seed ``x`` is computed from it; only the generators, which are a
convention, are written out.

References
----------
- BLS12-381: S. Bowe, "BLS12-381: New zk-SNARK elliptic curve construction", 2017; IETF draft
  pairing-friendly-curves, section 4.2.1.
- BN254 (``alt_bn128``): EIP-196 and EIP-197.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Group = Literal["g1", "g2"]
Fp2 = tuple[int, int]


@dataclass(frozen=True)
class PrimeField:
    """A prime field and its Montgomery constants for 64-bit limbs.

    Parameters
    ----------
    name
        Unique over the project, for instance ``"bls12_381_fp"``.
    modulus
        The prime.
    """

    name: str
    modulus: int

    @cached_property
    def limbs(self) -> int:
        """Number of 64-bit limbs of an element."""
        return (self.modulus.bit_length() + 63) // 64

    @cached_property
    def R(self) -> int:  # noqa: N802 - the literature's name of the Montgomery radix
        """Montgomery radix 2^(64 limbs)."""
        return 1 << (64 * self.limbs)

    @cached_property
    def R_inverse(self) -> int:  # noqa: N802 - see R
        """Inverse of the Montgomery radix."""
        return pow(self.R, -1, self.modulus)

    def to_montgomery(self, value: int) -> int:
        """``value * R mod p``."""
        return value * self.R % self.modulus

    def from_montgomery(self, value: int) -> int:
        """``value / R mod p``."""
        return value * self.R_inverse % self.modulus


@dataclass(frozen=True)
class Curve:
    """A pairing-friendly curve y^2 = x^3 + b with its sextic twist and scalar field.

    Attributes
    ----------
    seed
        The curve's parameter ``x`` (negative for BLS12-381).
    fp, fr
        Base field and scalar field.
    b
        Coefficient of G1's curve.
    xi
        The sextic non-residue of Fp2 = Fp[u]/(u^2 + 1): Fp12 = Fp2[w]/(w^6 - xi).
    twist
        ``"M"``: G2's coefficient is b * xi; ``"D"``: it is b / xi.
    g1_generator, g2_generator
        Affine coordinates as integers, Fp2 coordinates as (c0, c1).
    g1_cofactor, g2_cofactor
        Order of the curve group divided by r.
    nonresidue
        Least non-residue of Fr; generates the two-power roots of unity (snarkjs' convention on both curves).
    """

    name: str
    aliases: tuple[str, ...]
    seed: int
    fp: PrimeField
    fr: PrimeField
    b: int
    xi: Fp2
    twist: Literal["M", "D"]
    g1_generator: tuple[int, int]
    g2_generator: tuple[Fp2, Fp2]
    g1_cofactor: int
    g2_cofactor: int
    nonresidue: int = field(default=5)

    @cached_property
    def two_adicity(self) -> int:
        """Largest k with 2^k dividing r - 1."""
        order = self.fr.modulus - 1
        return (order & -order).bit_length() - 1

    @cached_property
    def g2_b(self) -> Fp2:
        """Coefficient of the twist."""
        p = self.fp.modulus
        c0, c1 = self.xi
        if self.twist == "M":
            return (self.b * c0 % p, self.b * c1 % p)
        scale = self.b * pow(c0 * c0 + c1 * c1, -1, p)
        return (scale * c0 % p, -scale * c1 % p)

    def root_of_unity(self, log2_order: int) -> int:
        """Primitive 2^log2_order-th root of unity of Fr, in standard form.

        Raises
        ------
        ValueError
            If Fr has no subgroup of that order.
        """
        if not 0 <= log2_order <= self.two_adicity:
            raise ValueError(f"{self.name} has roots of unity of order 2^0 to 2^{self.two_adicity}, not 2^{log2_order}")
        return pow(self.nonresidue, (self.fr.modulus - 1) >> log2_order, self.fr.modulus)

    def coordinate_limbs(self, group: Group) -> int:
        """64-bit limbs of one affine coordinate: L in G1, 2 L in G2."""
        return self.fp.limbs * (1 if group == "g1" else 2)

    def point_shape(self, group: Group) -> tuple[int, ...]:
        """Shape of one affine point: ``(2, L)`` in G1, ``(2, 2, L)`` in G2."""
        return (2, self.fp.limbs) if group == "g1" else (2, 2, self.fp.limbs)


def _bls12_381() -> Curve:
    x = -0xD201000000010000
    r = x**4 - x**2 + 1
    p = (x - 1) ** 2 // 3 * r + x
    return Curve(
        name="bls12_381",
        aliases=("bls12-381", "bls12381"),
        seed=x,
        fp=PrimeField("bls12_381_fp", p),
        fr=PrimeField("bls12_381_fr", r),
        b=4,
        xi=(1, 1),
        twist="M",
        g1_generator=(
            0x17F1D3A73197D7942695638C4FA9AC0FC3688C4F9774B905A14E3A3F171BAC586C55E83FF97A1AEFFB3AF00ADB22C6BB,
            0x08B3F481E3AAA0F1A09E30ED741D8AE4FCF5E095D5D00AF600DB18CB2C04B3EDD03CC744A2888AE40CAA232946C5E7E1,
        ),
        g2_generator=(
            (
                0x024AA2B2F08F0A91260805272DC51051C6E47AD4FA403B02B4510B647AE3D1770BAC0326A805BBEFD48056C8C121BDB8,
                0x13E02B6052719F607DACD3A088274F65596BD0D09920B61AB5DA61BBDC7F5049334CF11213945D57E5AC7D055D042B7E,
            ),
            (
                0x0CE5D527727D6E118CC9CDC6DA2E351AADFD9BAA8CBDD3A76D429A695160D12C923AC9CC3BACA289E193548608B82801,
                0x0606C4A02EA734CC32ACD2B02BC28B99CB3E287E85A763AF267492AB572E99AB3F370D275CEC1DA1AAA9075FF05F79BE,
            ),
        ),
        g1_cofactor=(x - 1) ** 2 // 3,
        g2_cofactor=(x**8 - 4 * x**7 + 5 * x**6 - 4 * x**4 + 6 * x**3 - 4 * x**2 - 4 * x + 13) // 9,
    )


def _bn254() -> Curve:
    x = 4965661367192848881
    r = 36 * x**4 + 36 * x**3 + 18 * x**2 + 6 * x + 1
    p = r + 6 * x**2
    return Curve(
        name="bn254",
        aliases=("bn128", "alt_bn128", "bn-254"),
        seed=x,
        fp=PrimeField("bn254_fp", p),
        fr=PrimeField("bn254_fr", r),
        b=3,
        xi=(9, 1),
        twist="D",
        g1_generator=(1, 2),
        g2_generator=(
            (
                10857046999023057135944570762232829481370756359578518086990519993285655852781,
                11559732032986387107991004021392285783925812861821192530917403151452391805634,
            ),
            (
                8495653923123431417604973247489272438418190587263600148770280649306958101930,
                4082367875863433681332203403145435568316851327593401208105741076214120093531,
            ),
        ),
        g1_cofactor=1,
        g2_cofactor=2 * p - r,
    )


BLS12_381 = _bls12_381()
BN254 = _bn254()
CURVES: tuple[Curve, ...] = (BLS12_381, BN254)


def get_curve(name: str) -> Curve:
    """Find a curve by its name or one of its aliases (case does not matter).

    Raises
    ------
    ValueError
        If no curve has that name; the message lists those that exist.
    """
    wanted = name.lower()
    for curve in CURVES:
        if wanted == curve.name or wanted in curve.aliases:
            return curve
    known = ", ".join("/".join((curve.name, *curve.aliases)) for curve in CURVES)
    raise ValueError(f"unknown curve {name!r}; known are {known}")
