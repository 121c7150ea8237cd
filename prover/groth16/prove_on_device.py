"""Many proofs of one key together on a device: one sequence of launches for each step of all of them.

The steps are those of :mod:`prover.groth16.prove` and :mod:`prover.groth16.witness_map`, over rows of witnesses. The
witnesses go up once; products, transforms and the scalars of H stay there; the sums of bucket sets come back. What a
key needs (matrices, columns, twiddles, bases with their tables) stays on the device while there is room. A batch that
does not fit at once is proved in parts, each of which goes up while the device computes the one before.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.cuda.device import DeviceOutOfMemoryError
from kernels.cuda.elements import ELEMENT_BYTES, Elements, ResidentMatrix, Rows
from kernels.cuda.host_points import combine, lifted
from kernels.cuda.images import Program
from kernels.cuda.jobs import finished_sums, queued_sums, resident_bases, smaller_chunks
from kernels.cuda.memory_plan import DoesNotFitError, plan_chunks
from kernels.cuda.msm import ResidentBases, chunk_bytes, chunk_indexable, xyzz_bytes
from kernels.encoding import limbs_from_ints
from prover.errors import BadInput, Cancelled, ProverError, UnsatisfiedConstraint
from prover.groth16.key_queries import Query
from prover.groth16.phases import OnPhase, Phase, ShouldStop, run_phase
from prover.groth16.prepare import PreparedKey, prepare
from prover.groth16.proof import Proof
from prover.r1cs import validate_witness
from prover.randomness import Randomness

if TYPE_CHECKING:
    from kernels.backend import Backend, Bases, SparseMatrix
    from kernels.cuda.device import Argument, Memory
    from kernels.cuda.device_backend import DeviceBackend
    from kernels.cuda.owner import Work
    from kernels.cuda.session import Arrival, Download, Scope
    from kernels.encoding import Limbs
    from prover.groth16.keys import ProvingKey

_NO_ROW = 2**32 - 1
_QUERIES = ("a", "b_g1", "b_g2", "c")
_STEPS = ((Phase.MSM_A, "a"), (Phase.MSM_B_G1, "b_g1"), (Phase.MSM_B_G2, "b_g2"), (Phase.MSM_C, "c"))

_SINGLES = {"a": (0, 2), "b_g1": (2, 2), "b_g2": (2, 2), "c": (4, 1)}
"""Behind a row's witness stand 1, r, 1, s, -r s: the scalars of the points that each query has besides its columns."""

_SINGLE_COLUMNS = 5

Outcome = Proof | ProverError


def prove_on_device(
    pk: ProvingKey,
    witnesses: Sequence[Limbs],
    backend: DeviceBackend,
    rng: Randomness = secrets,
    should_stop: Callable[[int], bool] | None = None,
    on_phase: OnPhase | None = None,
    on_memory: Callable[[int], None] | None = None,
) -> list[Outcome]:
    """Prove every witness, unverified: the caller must verify the proofs before anyone sees them.

    Parameters
    ----------
    witnesses
        Each ``uint64[variables, 4]``, standard form.
    should_stop
        Asked for each witness between the steps; what is cancelled is left out or thrown away.
    on_phase
        Called for each step of each part of the batch, with its seconds on the host.
    on_memory
        Called in the end with the device memory in bytes that a proof took at most: that of the part that took most,
        over its proofs. What the key keeps there does not count.

    Returns
    -------
    For each witness its proof, or the error that prevented it.

    Raises
    ------
    DeviceError, NvrtcError, DoesNotFitError
        If the device cannot do it.
    """
    outcomes: list[Outcome | None] = [_malformed(pk, witness) for witness in witnesses]
    stop = should_stop or (lambda _: False)
    sound = [index for index, outcome in enumerate(outcomes) if outcome is None]
    if sound:
        prover = _DeviceProver(pk, backend, rng, stop, on_phase)
        for index, made in zip(sound, prover.prove(sound, [witnesses[index] for index in sound]), strict=True):
            outcomes[index] = made
        if on_memory is not None:
            on_memory(prover.peak_bytes)
    return [outcome or Cancelled("cancelled") for outcome in outcomes]


def _malformed(pk: ProvingKey, witness: Limbs) -> BadInput | None:
    try:
        validate_witness(pk.curve, pk.r1cs.variables, witness)
    except BadInput as error:
        return error.with_traceback(None)  # its frames hold the witness
    return None


@dataclass(frozen=True)
class _Blinding:
    r: int
    s: int


@dataclass(frozen=True)
class _Part:
    """Rows of a batch that are on the device together."""

    indices: Sequence[int]
    blindings: Sequence[_Blinding]


@dataclass(frozen=True)
class _Queued:
    """What the device computes of a part; nothing of one that was cancelled."""

    part: _Part
    sums: dict[str, tuple[ResidentBases, Download]]
    wrong_rows: Download | None


class _DeviceProver:
    """One batch of one key."""

    def __init__(
        self,
        pk: ProvingKey,
        backend: DeviceBackend,
        rng: Randomness,
        should_stop: Callable[[int], bool],
        on_phase: OnPhase | None,
    ) -> None:
        self._pk, self._curve, self._n = pk, pk.curve, pk.domain_size
        self._backend, self._rng, self._should_stop, self._on_phase = backend, rng, should_stop, on_phase
        self._key: PreparedKey = prepare(pk, _as_backend(backend))
        self.peak_bytes = 0

    def prove(self, indices: Sequence[int], witnesses: Sequence[Limbs]) -> list[Outcome | None]:
        return self._backend.run_on_device(lambda work: self._prove(work, indices, witnesses))

    def _prove(self, work: Work, indices: Sequence[int], witnesses: Sequence[Limbs]) -> list[Outcome | None]:
        """On the device's thread: as many rows at a time as fit."""
        outcomes: list[Outcome | None] = []
        for name in _QUERIES:
            resident_bases(work, self._bases(name))  # first, so that the plan sees what memory they leave
        chunks = plan_chunks("a proof", len(witnesses), 1, work.free_bytes(), self._row_bytes, self._indexable)
        scratch = work.session.scratch
        while (done := len(outcomes)) < len(witnesses):
            scratch.begin()
            try:
                with contextlib.closing(self._by_parts(work, indices[done:], witnesses[done:], chunks.rows)) as made:
                    for some in made:
                        outcomes += some
                        self.peak_bytes = max(self.peak_bytes, -(-scratch.most_bytes // len(some)))
                        scratch.begin()
            except DeviceOutOfMemoryError:
                chunks = smaller_chunks(work, chunks)
        return outcomes

    def _by_parts(
        self, work: Work, indices: Sequence[int], witnesses: Sequence[Limbs], rows: int
    ) -> Generator[list[Outcome | None], None, None]:
        """Outcomes of ``rows`` rows at a time. While the device computes a part, the next one is on its way."""
        parts = (self._drawn(indices[at : at + rows], witnesses[at : at + rows]) for at in range(0, len(indices), rows))
        queued: _Queued | None = None
        with contextlib.closing(work.session.ahead(parts)) as arrivals:
            for part, arrival in arrivals:
                if queued is not None:
                    yield self._finished(work, queued)
                queued = self._queued(work, part, arrival)
        if queued is not None:
            yield self._finished(work, queued)

    def _drawn(self, indices: Sequence[int], witnesses: Sequence[Limbs]) -> tuple[_Part, Limbs]:
        """A part with its blindings, and what goes up of it: witnesses, each with its single scalars behind it."""
        order, variables = self._curve.fr.modulus, self._pk.r1cs.variables
        blindings = [_Blinding(self._rng.randbelow(order), self._rng.randbelow(order)) for _ in indices]
        singles = [v for b in blindings for v in (1, b.r, 1, b.s, -b.r * b.s % order)]
        rows = np.empty((len(indices), variables + _SINGLE_COLUMNS, 4), np.uint64)
        for row, witness in zip(rows, witnesses, strict=True):
            row[:variables] = witness
        rows[:, variables:] = limbs_from_ints(singles, 4).reshape(len(indices), _SINGLE_COLUMNS, 4)
        return _Part(indices, blindings), rows

    def _bases(self, name: str) -> Bases:
        query: Query = getattr(self._key, name)
        bases = self._backend.device_bases(query.bases)
        if bases is None:
            raise DoesNotFitError("a key that was prepared for the CPU", 0, 0)
        return bases

    def _row_bytes(self, rows: int, _points: int) -> int:
        """Memory of a part: its elements, those of the next, and the largest of the four multiplications."""
        elements = 2 * (self._pk.r1cs.variables + _SINGLE_COLUMNS) + 4 * self._n
        workspaces = []
        for name in _QUERIES:
            bases = self._bases(name)
            workspaces.append(chunk_bytes(bases.prepared.plan, self._curve, bases.group, rows, len(bases)))
        return rows * elements * ELEMENT_BYTES + max(workspaces) + (1 << 16)

    def _indexable(self, rows: int, _points: int) -> bool:
        bases = [self._bases(name) for name in _QUERIES]
        return all(chunk_indexable(one.prepared.plan, rows, len(one)) for one in bases)

    def _stopped(self, indices: Sequence[int]) -> bool:
        return all(self._should_stop(index) for index in indices)

    def _queued(self, work: Work, part: _Part, arrival: Arrival) -> _Queued:
        """Queue everything up to the sums of a part; waits for nothing."""
        elements, count = Elements(work.session, self._curve), len(part.indices)
        stop: ShouldStop = partial(self._stopped, part.indices)
        sums, wrong_rows = {}, None
        try:
            with work.session.scope() as scope:
                with run_phase(Phase.CHECK_WITNESS, self._on_phase, stop):
                    z = Rows(arrival.take(), count, self._pk.r1cs.variables + _SINGLE_COLUMNS)
                    a, b = (self._product(work, scope, elements, z, name) for name in ("a", "b"))
                    if self._pk.r1cs.c is None:  # as in a key from a .zkey file; the witness map makes c from a and b
                        c = elements.zeros(scope, z.count, self._n)
                    else:
                        c = self._product(work, scope, elements, z, "c")
                        one = self._constant(work, elements, 1)
                        wrong = elements.wrong_rows(scope, a, b, c, self._pk.r1cs.constraints, one)
                        wrong_rows = work.session.download(wrong, np.uint32, (count,))
                with run_phase(Phase.WITNESS_MAP, self._on_phase, stop):
                    h = self._witness_map(work, elements, z, a, b, c)
                for phase, name in _STEPS:
                    with run_phase(phase, self._on_phase, stop), work.session.scope() as inner:
                        scalars = self._scalars(work, inner, elements, name, z, h)
                        bases = resident_bases(work, self._bases(name))
                        sums[name] = bases, queued_sums(work, bases, scalars.memory, count)
        except Cancelled:
            return _Queued(part, {}, None)
        return _Queued(part, sums, wrong_rows)

    def _finished(self, work: Work, queued: _Queued) -> list[Outcome | None]:
        """Wait for the sums of a part and make proofs of them; None for what was cancelled."""
        curve, indices = self._curve, queued.part.indices
        if not queued.sums:
            return [None] * len(indices)
        A, B_g1, B, C = (finished_sums(*queued.sums[name]) for name in _QUERIES)
        try:
            with run_phase(Phase.MSM_C, self._on_phase, partial(self._stopped, indices)):
                C = self._blinded(work, A, B_g1, C, queued.part.blindings)
        except Cancelled:
            return [None] * len(indices)
        wrong = queued.wrong_rows.result().tolist() if queued.wrong_rows is not None else [_NO_ROW] * len(indices)
        outcomes: list[Outcome | None] = []
        for i, (index, row) in enumerate(zip(indices, wrong, strict=True)):
            if row != _NO_ROW:
                names = self._pk.r1cs.constraint_names
                outcomes.append(UnsatisfiedConstraint(row, names[row] if names else ""))
            else:
                outcomes.append(None if self._should_stop(index) else Proof(curve.name, A[i], B[i], C[i]))
        return outcomes

    def _constant(self, work: Work, elements: Elements, value: int) -> Memory:
        key = ("constant", self._curve.name, value)
        return work.residents.get(key, lambda kept: elements.constant(kept, value))

    def _product(self, work: Work, scope: Scope, elements: Elements, z: Rows, name: str) -> Rows:
        """A z, B z or C z, in rows of the domain's size, zero behind the constraints."""
        matrix: SparseMatrix = getattr(self._pk.r1cs, name)

        def load(kept: Scope) -> ResidentMatrix:
            return elements.uploaded_matrix(kept, matrix)

        resident = work.residents.get((self._pk.key_id, "matrix", name), load)
        out = elements.zeros(scope, z.count, self._n)
        elements.sparse_product(resident, z, out)
        return out

    def _witness_map(self, work: Work, elements: Elements, z: Rows, a: Rows, b: Rows, c: Rows) -> Rows:
        """The scalars of h_query, standard form, in place of ``a``. See :mod:`prover.groth16.witness_map`.

        Interpolation leaves the coefficients in bit-reversed order, where the coset's powers and 1/n multiply them and
        from where the second transform starts: nothing is permuted.
        """
        curve, n, r = self._curve, self._n, self._curve.fr.modulus
        log2_n, rows = n.bit_length() - 1, self._pk.r1cs.constraints
        elements.copy_columns(z, 0, self._pk.metadata.public + 1, a, rows)
        to_montgomery = self._constant(work, elements, curve.fr.R * curve.fr.R % r)
        elements.pointwise("multiply", b, to_montgomery, b, repeat=1)
        elements.pointwise("multiply", a, b.memory, c)
        keep = work.residents.get
        down = keep(("twiddles", curve.name, log2_n, True), lambda s: elements.twiddles(s, log2_n, inverse=True))
        up = keep(("twiddles", curve.name, log2_n, False), lambda s: elements.twiddles(s, log2_n, inverse=False))
        coset = curve.root_of_unity(log2_n + 1)
        shifts = keep(("reversed powers", curve.name, log2_n), lambda s: elements.reversed_powers(s, coset, log2_n))
        for values in (a, b, c):
            elements.transform_down(values, down)
            elements.pointwise("multiply", values, shifts, values, repeat=n)
            elements.transform_up(values, up)
        elements.multiply_subtract(a, b, c, a)
        return a

    def _scalars(self, work: Work, scope: Scope, elements: Elements, name: str, z: Rows, h: Rows) -> Rows:
        """Scalars of one query's multiplication: the columns it kept, then the single ones."""
        query: Query = getattr(self._key, name)
        columns, variables = query.columns, self._pk.r1cs.variables
        first_single, singles = _SINGLES[name]
        out = elements.allocate(scope, z.count, len(columns) + singles)
        if name == "c":  # the private part of z, then h
            first = self._pk.metadata.public + 1
            private = variables - first
            split = int(np.searchsorted(columns, private))
            parts = ((z, columns[:split] + first), (h, columns[split:] - private))
        else:
            parts = ((z, columns), (h, columns[:0]))
        at = 0
        for number, (source, chosen) in enumerate(parts):
            if len(chosen):
                key = (self._pk.key_id, "columns", name, number)
                listed = work.residents.get(key, partial(_listed, chosen))
                elements.gather_columns(source, listed, len(chosen), out, at)
                at += len(chosen)
        elements.copy_columns(z, variables + first_single, singles, out, at)
        return out

    def _blinded(self, work: Work, A: Limbs, B_g1: Limbs, C: Limbs, blindings: Sequence[_Blinding]) -> Limbs:
        """C + s A + r B for each row."""
        curve, count = self._curve, len(blindings)
        factors = limbs_from_ints([b.s for b in blindings] + [b.r for b in blindings], 4)
        words = curve.coordinate_limbs("g1")
        with work.session.scope() as scope:
            points = scope.uploaded(np.concatenate([A, B_g1]))
            products = scope.allocate(2 * count * xyzz_bytes(curve, "g1"))
            arguments: list[Argument] = [points, scope.uploaded(factors), np.uint64(2 * count), np.uint32(1), products]
            work.session.launch(Program("msm", curve, "g1"), "multiply_points", 2 * count, 128, arguments)
            made = work.session.download(products, np.uint64, (2, count, 4, words)).result()
        base = lifted(curve, "g1", C)
        return np.array([combine(curve, "g1", np.stack([base[i], made[0, i], made[1, i]])) for i in range(count)])


def _listed(columns: npt.NDArray[np.int64], kept: Scope) -> Memory:
    return kept.uploaded(columns.astype(np.uint32))


def _as_backend(backend: DeviceBackend) -> Backend:
    return backend  # type: ignore[return-value]  # every backend with a device is a backend


__all__ = ["Outcome", "prove_on_device"]
