"""Arrays of scalars: transforms, sparse products, arithmetic by element."""

from __future__ import annotations

import numpy as np

from kernels import Array, SparseMatrix, ints_from_limbs, limbs_from_ints
from kernels.reference import ReferenceBackend
from tests.fuzz import hostile
from tests.fuzz.case import Case, Difference

ORACLE_LOG2 = 7
EMULATED_LOG2 = 9


def _elements(case: Case, *shape: int) -> Array:
    name, values = hostile.scalars(case.rng, case.curve.fr.modulus, int(np.prod(shape)))
    case.note(values=name)
    return limbs_from_ints(values, 4).reshape(*shape, 4)


def check_ntt(case: Case) -> None:
    """Transforms against the reference's, or large ones against the polynomial's value at one place."""
    rng, curve = case.rng, case.curve
    log2_n = rng.choice((*range(14), 12, 15))
    inverse, threads = rng.random() < 0.5, rng.choice((1, 2, 3))
    r, batch = curve.fr.modulus, rng.choice(((), (1,), (2,), (3,), (2, 2))) if log2_n < 13 else ()
    coset = rng.choice((None, curve.root_of_unity(log2_n + 1), 7, r - 1, rng.randrange(1, r)))
    case.note(log2_n=log2_n, inverse=inverse, coset=coset, batch=batch, threads=threads)
    values = _elements(case, *batch, 1 << log2_n)
    wanted = ReferenceBackend().ntt(curve, values, inverse, coset) if log2_n <= ORACLE_LOG2 else None
    got = case.agree(
        lambda backend: backend.ntt(curve, values, inverse, coset, threads), wanted, emulate=log2_n <= EMULATED_LOG2
    )
    if wanted is None:
        coefficients, evaluations = (got, values) if inverse else (values, got)
        place = rng.randrange(1 << log2_n)
        x, value = (coset or 1) * pow(curve.root_of_unity(log2_n), place, r) % r, 0
        for coefficient in reversed(ints_from_limbs(coefficients.reshape(-1, 1 << log2_n, 4)[-1])):
            value = (value * x + coefficient) % r
        if value != ints_from_limbs(evaluations.reshape(-1, 1 << log2_n, 4)[-1])[place]:
            raise Difference(f"all backends are wrong at place {place}")


def check_sparse_product(case: Case) -> None:
    """Rows of any length, some empty, some longer than a chunk."""
    rng, curve = case.rng, case.curve
    columns, rows = hostile.size(rng, 60) or 1, hostile.size(rng, 200)
    lengths = [rng.choice((0, 1, 1, 2, 3, 8, 9)) if rng.random() < 0.98 else 600 for _ in range(rows)]
    threads, batch = rng.choice((1, 2, 3)), rng.choice(((), (1,), (3,)))
    case.note(columns=columns, rows=rows, entries=sum(lengths), batch=batch, threads=threads)
    matrix = SparseMatrix(
        np.cumsum([0, *lengths]).astype(np.int64),
        np.array([rng.randrange(columns) for _ in range(sum(lengths))], np.int32),
        _elements(case, sum(lengths)),
    )
    vectors = _elements(case, *batch, columns)
    wanted = ReferenceBackend().sparse_product(curve, matrix, vectors)
    case.agree(lambda backend: backend.sparse_product(curve, matrix, vectors, threads), wanted)


def check_arithmetic(case: Case) -> None:
    """Products, sums, differences and both forms; the right operand sometimes a single element."""
    rng, curve, reference = case.rng, case.curve, ReferenceBackend()
    n = hostile.size(rng, 400)
    left = _elements(case, n)
    right = _elements(case, n) if rng.random() < 0.7 else _elements(case, 1)[0]
    operation = rng.choice(("multiply", "add", "subtract", "to_montgomery", "from_montgomery"))
    case.note(operation=operation, n=n, single=right.ndim == 1)
    operands = (left,) if "montgomery" in operation else (left, right)
    case.agree(
        lambda backend: getattr(backend, operation)(curve, *operands), getattr(reference, operation)(curve, *operands)
    )
