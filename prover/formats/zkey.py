"""``.zkey``: a Groth16 proving key, as snarkjs writes it.

Section 1: protocol (u32). Section 2: length and prime of the base field, length and prime of the scalar field, u32
variables, public signals, domain size, then alpha_1, beta_1, beta_2, gamma_2, delta_1, delta_2. Sections 3 and 5 to 9:
ic, a_query, b_g1_query, b_g2_query, l_query, h_query. Section 4: a number of entries (u32), then of each the matrix (0
for A, 1 for B), constraint, signal (u32 each) and value. Section 10: the contributions of its ceremony.

Points are affine in Montgomery form, our own layout, and are used where they lie in the file. Values of section 4
carry the factor R^2, R for Montgomery form and one more. The matrix A ends with the rows that bind the constant and
the public signals; there is no matrix C, so a witness cannot be checked before a proof is made with it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import kernels
from kernels.backend import SparseMatrix
from kernels.curves import CURVES, Curve, Group
from kernels.encoding import limbs_from_ints
from prover.formats.container import Container, Content, Section, open_container, write_container
from prover.formats.fields import ELEMENT_BYTES, check_below_r, scalar_field_bytes
from prover.groth16.keys import KeyMetadata, ProvingKey, VerifyingKey
from prover.r1cs import R1CS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from kernels.backend import Backend
    from kernels.encoding import Limbs

MAGIC = b"zkey"
VERSION = 1
GROTH16: Final = 1
_PROTOCOLS: Final = {2: "PLONK", 10: "FFLONK"}
_ENTRY: Final = np.dtype([("matrix", "<u4"), ("constraint", "<u4"), ("signal", "<u4"), ("value", "<u8", (4,))])
_SINGLES: Final[tuple[tuple[str, Group], ...]] = (
    ("alpha_g1", "g1"),
    ("beta_g1", "g1"),
    ("beta_g2", "g2"),
    ("gamma_g2", "g2"),
    ("delta_g1", "g1"),
    ("delta_g2", "g2"),
)
_QUERIES: Final[tuple[tuple[int, str, Group], ...]] = (
    (3, "ic", "g1"),
    (5, "a_query", "g1"),
    (6, "b_g1_query", "g1"),
    (7, "b_g2_query", "g2"),
    (8, "l_query", "g1"),
    (9, "h_query", "g1"),
)
_CIRCUIT_HASH_BYTES: Final = 64


@dataclass(frozen=True, eq=False)
class ZkeyFile:
    """A mapped file whose sizes have been found consistent; its points and coefficients are not read yet.

    Attributes
    ----------
    variables, public, domain_size
        As in its header.
    points
        ``alpha_g1`` ... and the queries by name: read-only arrays over the file.
    entries
        Section 4, over the file: fields ``matrix``, ``constraint``, ``signal`` and ``value``.
    contributions
        How many took part in the key's ceremony. Without any, delta is known to everyone.
    """

    source: str
    curve: Curve
    variables: int
    public: int
    domain_size: int
    points: dict[str, Limbs] = field(repr=False)
    entries: npt.NDArray[Any] = field(repr=False)
    contributions: int
    _entries_section: Section = field(repr=False)

    @property
    def verifying_key(self) -> VerifyingKey:
        """The key's verifying key."""
        names = ("alpha_g1", "beta_g2", "gamma_g2", "delta_g2", "ic")
        return VerifyingKey(self.curve, **{name: self.points[name] for name in names})

    def proving_key(self, backend: Backend | None = None, circuit: str = "") -> ProvingKey:
        """The proving key, its queries over the file; the two matrices are made from section 4.

        Parameters
        ----------
        circuit
            A name for the key's metadata.

        Raises
        ------
        BadInput
            Naming the offset of an entry out of range, or if A does not end with the rows that bind the statement.
        """
        a, b = _Matrices(self, backend or kernels.get_backend()).split()
        r1cs = R1CS(self.curve, a, b, None, variables=self.variables, public=self.public)
        metadata = KeyMetadata(
            circuit=circuit,
            parameters={},
            curve=self.curve.name,
            constraints=r1cs.constraints,
            variables=self.variables,
            public=self.public,
            nonresidue=self.curve.nonresidue,
            development=self.contributions == 0,
        )
        own = {name: self.points[name] for name in ("beta_g1", "delta_g1", *(name for _, name, _ in _QUERIES[1:]))}
        return ProvingKey(metadata=metadata, r1cs=r1cs, verifying_key=self.verifying_key, **own)


def open_zkey(path: Path | str) -> ZkeyFile:
    """Map a key and check that its sizes are consistent. Reads its headers only: milliseconds at any size.

    Whether its points lie in their groups is for :func:`prover.groth16.validate_key` to say.

    Raises
    ------
    BadInput
        Naming section and offset of what is wrong; also for a key of another protocol.
    """
    return parse_zkey(open_container(path, MAGIC, (VERSION,)))


def read_zkey(path: Path | str, backend: Backend | None = None) -> ProvingKey:
    """Map a key as a proving key; see :func:`open_zkey` and :meth:`ZkeyFile.proving_key`."""
    return open_zkey(path).proving_key(backend)


def parse_zkey(container: Container) -> ZkeyFile:
    """Read a key from a container; see :func:`open_zkey`."""
    kind = container.section(1, "protocol")
    protocol = kind.u32("the protocol")
    kind.finish()
    if protocol != GROTH16:
        name = _PROTOCOLS.get(protocol, f"number {protocol}")
        kind.refuse(f"the key is for protocol {name}; only Groth16 keys can be used", kind.start)
    header = container.section(2, "header")
    curve = _curve(header)
    sizes_at = header.at
    variables, public, domain = (header.u32(what) for what in ("variables", "public signals", "the domain size"))
    points = {name: header.array("<u8", curve.point_shape(group), name).astype(np.uint64) for name, group in _SINGLES}
    header.finish()
    if public >= variables:
        header.refuse(f"{public} public signals and the constant do not fit into {variables} variables", sizes_at)
    if domain < 2 or domain & (domain - 1):
        header.refuse(f"the domain size {domain} is no power of two", sizes_at + 8)
    if domain.bit_length() > curve.two_adicity:  # the odd coset needs roots of order 2 n
        header.refuse(f"{curve.name} has no roots of unity for a domain of {domain}", sizes_at + 8)
    lengths = {
        "ic": public + 1,
        "a_query": variables,
        "b_g1_query": variables,
        "b_g2_query": variables,
        "l_query": variables - public - 1,
        "h_query": domain,
    }
    for number, name, group in _QUERIES:
        section = container.section(number, name)
        points[name] = section.array("<u8", (lengths[name], *curve.point_shape(group)), f"{lengths[name]} points")
        section.finish()
    entries = container.section(4, "coefficients")
    count = entries.u32("the number of entries")
    first = entries.at
    table = entries.array(_ENTRY, (count,), f"{count} entries")
    entries.finish()
    entries.at = first
    return ZkeyFile(
        container.source, curve, variables, public, domain, points, table, _contributions(container), entries
    )


def _curve(header: Section) -> Curve:
    at = header.at
    q_length = _length(header)
    q = header.number(q_length, "the prime of the base field")
    found = [curve for curve in CURVES if (curve.fp.modulus, 8 * curve.fp.limbs) == (q, q_length)]
    if not found:
        known = ", ".join(curve.name for curve in CURVES)
        header.refuse(f"the base field is that of no curve known here ({known})", at)
    at = header.at
    r_length = _length(header)
    r = header.number(r_length, "the prime of the scalar field")
    if (r, r_length) != (found[0].fr.modulus, ELEMENT_BYTES):
        header.refuse(f"the scalar field is not that of {found[0].name}", at)
    return found[0]


def _length(header: Section) -> int:
    at = header.at
    length = header.u32("the length of a field element")
    if length > 4096:
        header.refuse(f"field elements of {length} bytes", at)
    return length


def _contributions(container: Container) -> int:
    """How many contributions section 10 counts; 0 where it is missing, as in keys of other tools."""
    if 10 not in container.sections:
        return 0
    section = container.section(10, "contributions")
    section.take(_CIRCUIT_HASH_BYTES, "the hash of the circuit")
    return section.u32("the number of contributions")


class _Matrices:
    """Section 4 as matrices A and B in compressed rows."""

    def __init__(self, key: ZkeyFile, backend: Backend) -> None:
        self._key = key
        self._backend = backend
        self._section = key._entries_section  # noqa: SLF001 - the two classes are one
        self._matrix = np.ascontiguousarray(key.entries["matrix"])
        self._constraint = np.ascontiguousarray(key.entries["constraint"])
        self._signal = np.ascontiguousarray(key.entries["signal"])

    def split(self) -> tuple[SparseMatrix, SparseMatrix]:
        """Return A without its last rows, and B, after checking every entry."""
        key = self._key
        self._check(self._matrix > 1, "the matrix is neither 0 (A) nor 1 (B)")
        self._check(self._signal >= key.variables, f"the signal is not below {key.variables}")
        self._check(self._constraint >= key.domain_size, f"the constraint is not below {key.domain_size}")
        values = np.ascontiguousarray(key.entries["value"], dtype=np.uint64)
        check_below_r(self._section, key.curve, values, lambda index: self._offset(index) + 12, "value")
        of_a = self._matrix == 0
        last = int(self._constraint[of_a].max()) if of_a.any() else -1
        constraints = last - key.public
        binding = of_a & (self._constraint >= max(constraints, 0))
        self._check_binding(constraints, binding, values)
        self._check(~of_a & (self._constraint >= constraints), f"the constraint is not below {constraints}")
        kept = (of_a & ~binding, ~of_a)
        return tuple(self._compressed(which, constraints, values) for which in kept)  # type: ignore[return-value]

    def _offset(self, index: int) -> int:
        return self._section.at + _ENTRY.itemsize * index

    def _check(self, wrong: npt.NDArray[np.bool_], why: str) -> None:
        if wrong.any():
            index = int(wrong.argmax())
            self._section.refuse(f"entry {index}: {why}", self._offset(index))

    def _check_binding(self, constraints: int, binding: npt.NDArray[np.bool_], values: Limbs) -> None:
        key, r = self._key, self._key.curve.fr.modulus
        one = limbs_from_ints([(key.curve.fr.R**2) % r], 4)[0]
        signals, rows = self._signal[binding].astype(np.int64), self._constraint[binding].astype(np.int64)
        complete = (
            constraints > 0
            and len(signals) == key.public + 1
            and bool((np.sort(signals) == np.arange(key.public + 1)).all())
            and bool((rows == constraints + signals).all())
            and bool((values[binding] == one).all())
        )
        if not complete:
            self._section.refuse(
                f"matrix A does not end with {key.public + 1} rows that bind the constant and the public signals"
            )
        if key.domain_size != 1 << (constraints + key.public).bit_length():
            self._section.refuse(f"{constraints} constraints do not belong to a domain of {key.domain_size}")

    def _compressed(self, which: npt.NDArray[np.bool_], constraints: int, values: Limbs) -> SparseMatrix:
        rows, signals, chosen = self._constraint[which], self._signal[which], values[which]
        if (rows[1:] < rows[:-1]).any():
            order = np.argsort(rows, kind="stable")
            rows, signals, chosen = rows[order], signals[order], chosen[order]
        indptr = np.zeros(constraints + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=constraints), out=indptr[1:])
        # One factor R less: Montgomery form.
        coefficients = self._backend.from_montgomery(self._key.curve, chosen) if len(chosen) else chosen
        return SparseMatrix(indptr, signals.astype(np.int32), coefficients)


def write_zkey(
    path: Path | str, pk: ProvingKey, backend: Backend | None = None, circuit_hash: bytes = bytes(_CIRCUIT_HASH_BYTES)
) -> None:
    """Write a proving key for snarkjs and rapidsnark, with its sections in their order.

    It claims no contributions: no ceremony made it that such a file could tell of.

    Parameters
    ----------
    circuit_hash
        Of a key that a ceremony may go on from: see :func:`prover.formats.circuit_hash.circuit_hash`.

    Raises
    ------
    BadInput
        If the place cannot be written.
    """
    curve, backend = pk.curve, backend or kernels.get_backend()
    base = curve.fp
    header = b"".join(
        (
            (8 * base.limbs).to_bytes(4, "little") + base.modulus.to_bytes(8 * base.limbs, "little"),
            scalar_field_bytes(curve),
            struct.pack("<III", pk.metadata.variables, pk.metadata.public, pk.domain_size),
            *(getattr(pk, name).tobytes() for name, _ in _SINGLES),
        )
    )
    entries = _entries(pk, backend)
    queries = {number: getattr(pk, name) for number, name, _ in _QUERIES}
    assert len(circuit_hash) == _CIRCUIT_HASH_BYTES, "BLAKE2b's length"
    contributions = circuit_hash + bytes(4)
    sections: list[tuple[int, int, Content]] = [
        (1, 4, [GROTH16.to_bytes(4, "little")]),
        (2, len(header), [header]),
        (4, 4 + entries.nbytes, [len(entries).to_bytes(4, "little"), entries]),
        *((number, queries[number].nbytes, [queries[number]]) for number in (3, 9, 8, 5, 6, 7)),
        (10, len(contributions), [contributions]),
    ]
    write_container(path, MAGIC, VERSION, sections)


def _entries(pk: ProvingKey, backend: Backend) -> npt.NDArray[Any]:
    """Section 4: constraint by constraint the entries of A, then of B; then the rows that bind the statement."""
    curve, public = pk.curve, pk.metadata.public
    a, b = pk.r1cs.a, pk.r1cs.b
    counts = len(a.indices), len(b.indices), public + 1
    table = np.zeros(sum(counts), _ENTRY)
    table["matrix"] = np.repeat((0, 1, 0), counts)
    statement = np.arange(public + 1)
    table["constraint"] = np.concatenate([_row_of(a), _row_of(b), pk.r1cs.constraints + statement])
    table["signal"] = np.concatenate([a.indices, b.indices, statement])
    values = np.concatenate([a.coefficients, b.coefficients])
    if len(values):
        table["value"][: len(values)] = backend.to_montgomery(curve, values)  # the factor R besides Montgomery's own
    table["value"][len(values) :] = limbs_from_ints([curve.fr.R**2 % curve.fr.modulus], 4)
    return table[np.lexsort((table["matrix"], table["constraint"]))]


def _row_of(matrix: SparseMatrix) -> npt.NDArray[np.int64]:
    """The row of each entry."""
    return np.repeat(np.arange(matrix.rows), np.diff(matrix.indptr))


__all__ = ["ZkeyFile", "open_zkey", "parse_zkey", "read_zkey", "write_zkey"]
