"""Proving and verifying keys: arrays named as in the paper, and what identifies them.

A key's id is the sha256 of its manifest, canonical JSON that holds the metadata and the dtype, shape and sha256 of
every array. Whoever knows the id can check everything else against it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.backend import SparseMatrix
from kernels.curves import Curve, Group, get_curve
from prover.errors import BadInput
from prover.r1cs import R1CS

if TYPE_CHECKING:
    import numpy.typing as npt

    from kernels.encoding import Limbs

FORMAT = 1
"""Version of the manifest and of the set of arrays."""

ELEMENTS: Mapping[str, Group] = {
    "alpha_g1": "g1",
    "beta_g1": "g1",
    "beta_g2": "g2",
    "gamma_g2": "g2",
    "delta_g1": "g1",
    "delta_g2": "g2",
}
QUERIES: Mapping[str, Group] = {
    "ic": "g1",
    "a_query": "g1",
    "b_g1_query": "g1",
    "b_g2_query": "g2",
    "h_query": "g1",
    "l_query": "g1",
}
MATRICES = ("a", "b", "c")
_MATRIX_PARTS = ("indptr", "indices", "coefficients")
_NAMES = "constraint_names"
ARRAY_NAMES: tuple[str, ...] = (
    *ELEMENTS,
    *QUERIES,
    *(f"{matrix}_{part}" for matrix in MATRICES for part in _MATRIX_PARTS),
    _NAMES,
)
"""Every array of a proving key."""
_OF_C = frozenset(f"c_{part}" for part in _MATRIX_PARTS)
"""Those that a key from a ``.zkey`` file lacks: it does not hold the matrix C."""


@dataclass(frozen=True)
class KeyMetadata:
    """What a key is for.

    Attributes
    ----------
    circuit, parameters
        As given at setup; empty for an unnamed constraint system.
    curve
        Name of the curve.
    constraints, variables, public
        Sizes of the constraint system (see :class:`~prover.r1cs.R1CS`).
    nonresidue
        Generates the roots of unity of the domain; keys made by other software may take another one.
    development
        Whether the key comes from a setup without a ceremony: whoever ran it could have kept the trapdoor.
    """

    circuit: str
    parameters: Mapping[str, int]
    curve: str
    constraints: int
    variables: int
    public: int
    nonresidue: int
    development: bool


@dataclass(frozen=True, eq=False)
class VerifyingKey:
    """What a verifier needs. Its arrays are copies and read-only.

    Attributes
    ----------
    alpha_g1, beta_g2, gamma_g2, delta_g2
        One affine point each, Montgomery form.
    ic
        ``uint64[public + 1, 2, L]``: (beta u_i + alpha v_i + w_i)/gamma for the constant and the public signals.
    """

    curve: Curve
    alpha_g1: Limbs
    beta_g2: Limbs
    gamma_g2: Limbs
    delta_g2: Limbs
    ic: Limbs

    def __post_init__(self) -> None:
        for name in _VERIFYING_ARRAYS:
            _check_points(self.curve, name, getattr(self, name))
            copy = np.array(getattr(self, name), order="C")
            copy.flags.writeable = False
            object.__setattr__(self, name, copy)
        if not len(self.ic):
            raise BadInput("ic of a verifying key needs at least the constant's point")

    @property
    def public(self) -> int:
        """Number of public inputs."""
        return len(self.ic) - 1

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 over curve and points, hexadecimal."""
        digest = hashlib.sha256(self.curve.name.encode())
        for name in _VERIFYING_ARRAYS:
            digest.update(getattr(self, name).tobytes())
        return digest.hexdigest()


_VERIFYING_ARRAYS = tuple(f.name for f in fields(VerifyingKey) if f.name != "curve")


@dataclass(frozen=True, eq=False)
class ProvingKey:
    """What a prover needs, with the verifying key inside. Shared arrays are used in place and never written to.

    For variable i the polynomials u_i, v_i, w_i interpolate column i of A, B, C (Groth 2016, section 3.2). A has
    ``public + 1`` extra rows that bind the constant and the public signals, so that the u_i of the statement are
    linearly independent.

    Attributes
    ----------
    a_query, b_g1_query, b_g2_query
        ``variables`` points: u_i(tau) in G1, v_i(tau) in G1 and in G2.
    l_query
        ``variables - public - 1`` points of G1: (beta u_i + alpha v_i + w_i)(tau)/delta of the private variables.
    h_query
        ``domain_size`` points of G1: L_{2i+1}(tau)/delta, the Lagrange polynomials of the domain twice as large at
        its odd roots.
    """

    metadata: KeyMetadata
    r1cs: R1CS = field(repr=False)
    verifying_key: VerifyingKey = field(repr=False)
    beta_g1: Limbs = field(repr=False)
    delta_g1: Limbs = field(repr=False)
    a_query: Limbs = field(repr=False)
    b_g1_query: Limbs = field(repr=False)
    b_g2_query: Limbs = field(repr=False)
    h_query: Limbs = field(repr=False)
    l_query: Limbs = field(repr=False)

    def __post_init__(self) -> None:
        for name in (*ELEMENTS, *QUERIES):
            _check_points(self.curve, name, getattr(self, name))
        sizes = self.metadata
        _check_sizes(sizes)
        for name, matrix in self.matrices.items():
            _check_matrix(name, matrix, sizes)
        if (self.r1cs.variables, self.r1cs.public) != (sizes.variables, sizes.public):
            raise BadInput("the key's metadata and its constraint system differ in their numbers of variables")
        lengths = {
            "ic": sizes.public + 1,
            "a_query": sizes.variables,
            "b_g1_query": sizes.variables,
            "b_g2_query": sizes.variables,
            "l_query": sizes.variables - sizes.public - 1,
            "h_query": domain_size(sizes.constraints, sizes.public),
        }
        for name, length in lengths.items():
            if len(getattr(self, name)) != length:
                raise BadInput(f"{name} of the key has {len(getattr(self, name))} points, not {length}")

    @property
    def matrices(self) -> dict[str, SparseMatrix]:
        """The matrices of the constraint system that are known, by name."""
        found = {name: getattr(self.r1cs, name) for name in MATRICES}
        return {name: matrix for name, matrix in found.items() if matrix is not None}

    @property
    def curve(self) -> Curve:
        """The key's curve."""
        return self.verifying_key.curve

    @property
    def domain_size(self) -> int:
        """Number n of points of the evaluation domain, a power of two."""
        return len(self.h_query)

    @property
    def alpha_g1(self) -> Limbs:
        """[alpha]_1, also part of the verifying key, as the four below."""
        return self.verifying_key.alpha_g1

    @property
    def beta_g2(self) -> Limbs:
        """[beta]_2."""
        return self.verifying_key.beta_g2

    @property
    def gamma_g2(self) -> Limbs:
        """[gamma]_2."""
        return self.verifying_key.gamma_g2

    @property
    def delta_g2(self) -> Limbs:
        """[delta]_2."""
        return self.verifying_key.delta_g2

    @property
    def ic(self) -> Limbs:
        """The statement's query."""
        return self.verifying_key.ic

    @cached_property
    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        arrays = {name: getattr(self, name) for name in (*ELEMENTS, *QUERIES)}
        for name, matrix in self.matrices.items():
            for part in _MATRIX_PARTS:
                arrays[f"{name}_{part}"] = getattr(matrix, part)
        arrays[_NAMES] = np.frombuffer("\n".join(self.r1cs.constraint_names).encode(), dtype=np.uint8)
        return arrays

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        described = {
            name: {"dtype": array.dtype.name, "shape": list(array.shape), "sha256": array_digest(array)}
            for name, array in self._arrays.items()
        }
        return {"format": FORMAT, **asdict(self.metadata), "arrays": described}

    @cached_property
    def key_id(self) -> str:
        """Sha256 of the manifest, hexadecimal."""
        return manifest_id(self._manifest)

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Take the key apart for storage or transport.

        Returns
        -------
        The manifest (JSON-able), and the arrays by the names in :data:`ARRAY_NAMES`; nothing is copied.
        """
        return dict(self._manifest), dict(self._arrays)

    @classmethod
    def from_arrays(cls, manifest: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> ProvingKey:
        """Put a key together again; inverse of :meth:`to_arrays`.

        Large arrays may be read-only views of shared memory and are used in place. The digests in the manifest are
        taken on trust: :func:`prover.key_store.load_key` checks them when it reads the files.

        Raises
        ------
        BadInput
            If the manifest is of another format, or sizes are inconsistent.
        """
        check_manifest(manifest)
        for name, entry in manifest["arrays"].items():
            array = arrays[name]
            if (
                array.dtype.name != entry["dtype"]
                or list(array.shape) != entry["shape"]
                or not array.flags.c_contiguous
            ):
                raise BadInput(f"array {name} of the key is not C-contiguous {entry['dtype']}{entry['shape']}")
        metadata = KeyMetadata(**{f.name: manifest[f.name] for f in fields(KeyMetadata)})
        curve = _curve_of(metadata)
        names = arrays[_NAMES].tobytes().decode()
        r1cs = R1CS(
            curve,
            _matrix(arrays, "a"),
            _matrix(arrays, "b"),
            _matrix(arrays, "c") if arrays.keys() >= _OF_C else None,
            variables=metadata.variables,
            public=metadata.public,
            constraint_names=tuple(names.split("\n")) if names else (),
        )
        own = {f.name: arrays[f.name] for f in fields(cls) if f.name in arrays}
        verifying_key = VerifyingKey(curve, **{name: arrays[name] for name in _VERIFYING_ARRAYS})
        key = cls(metadata=metadata, r1cs=r1cs, verifying_key=verifying_key, **own)
        vars(key).update(_manifest=dict(manifest), _arrays=dict(arrays))  # spares hashing every array again
        return key


def domain_size(constraints: int, public: int) -> int:
    """Least power of two that holds the constraints and the rows binding the constant and the public signals."""
    return 1 << (constraints + public).bit_length()


def array_digest(array: npt.NDArray[Any]) -> str:
    """Sha256 of an array's bytes, hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()


def canonical_json(manifest: Mapping[str, Any]) -> bytes:
    """The one encoding of a manifest that its id is computed from."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def manifest_id(manifest: Mapping[str, Any]) -> str:
    """Id of the key that a manifest describes."""
    return hashlib.sha256(canonical_json(manifest)).hexdigest()


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Check a manifest's format and that it describes exactly the arrays of a proving key, with or without C.

    Raises
    ------
    BadInput
        Saying what is wrong.
    """
    if manifest.get("format") != FORMAT:
        raise BadInput(
            f"the key has format {manifest.get('format')!r}, this version reads {FORMAT}; make the key again"
        )
    missing = [f.name for f in fields(KeyMetadata) if f.name not in manifest]
    described = manifest.get("arrays")
    complete = isinstance(described, Mapping) and set(described) in (set(ARRAY_NAMES), set(ARRAY_NAMES) - _OF_C)
    if missing or not complete:
        raise BadInput("the key's manifest is incomplete; make the key again")


def _matrix(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> SparseMatrix:
    return SparseMatrix(*(arrays[f"{name}_{part}"] for part in _MATRIX_PARTS))


def _curve_of(metadata: KeyMetadata) -> Curve:
    try:
        curve = get_curve(metadata.curve)
    except ValueError as error:
        raise BadInput(f"the key's {error}") from None
    if metadata.nonresidue != curve.nonresidue:
        raise BadInput(
            f"the key's roots of unity come from {metadata.nonresidue}, this prover's from {curve.nonresidue}; "
            "export the key again with snarkjs' convention"
        )
    return curve


def _check_points(curve: Curve, name: str, points: Limbs) -> None:
    group = {**ELEMENTS, **QUERIES}[name]
    shape = curve.point_shape(group)
    have = points.shape[1:] if name in QUERIES else points.shape
    if points.dtype != np.uint64 or have != shape or not points.flags.c_contiguous:
        raise BadInput(f"{name} of the key must be C-contiguous uint64 points of shape {list(shape)} on {curve.name}")


def _check_sizes(sizes: KeyMetadata) -> None:
    if not (sizes.constraints > 0 and 0 <= sizes.public < sizes.variables):
        raise BadInput("the key has no constraints, or more public signals than variables")


def _check_matrix(name: str, matrix: SparseMatrix, sizes: KeyMetadata) -> None:
    """Check what the kernels rely on: they read rows and columns without testing bounds."""
    indptr, indices, coefficients = matrix.indptr, matrix.indices, matrix.coefficients
    well_typed = (indptr.dtype.name, indices.dtype.name, coefficients.dtype.name) == ("int64", "int32", "uint64")
    well_sized = indptr.shape == (sizes.constraints + 1,) and coefficients.shape == (*indices.shape, 4)
    if not (well_typed and well_sized and indices.ndim == 1):
        raise BadInput(f"matrix {name} of the key has wrong types or sizes")
    in_order = indptr[0] == 0 and indptr[-1] == len(indices) and bool((np.diff(indptr) >= 0).all())
    if not in_order or (len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < sizes.variables):
        raise BadInput(f"matrix {name} of the key has rows out of order or columns out of range")
