"""From a witness to the scalars of the h_query.

With a(X) = sum_i z_i u_i(X), b(X), c(X) alike, a(X) b(X) - c(X) vanishes on the n-th roots of unity. It has degree
below 2n, so its values on the odd 2n-th roots of unity, the coset g <w> with g^2 = w, determine it, and
(a b - c)(tau) = sum_j (a b - c)(g w^j) L_{2j+1}(tau). No division by the vanishing polynomial is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernels.backend import poll

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernels.backend import Backend
    from kernels.encoding import Limbs
    from prover.r1cs import R1CS


def witness_map(
    r1cs: R1CS,
    witness: Limbs,
    n: int,
    backend: Backend,
    threads: int = 1,
    should_stop: Callable[[], bool] | None = None,
) -> Limbs:
    """Values of a b - c on the odd coset of a domain of n points.

    Parameters
    ----------
    witness
        ``uint64[..., variables, 4]``, standard form, satisfying the constraints.
    should_stop
        Polled between the products and in the transforms.

    Returns
    -------
    ``uint64[..., n, 4]``, standard form.

    Raises
    ------
    Interrupted
        If ``should_stop`` returned true.
    """
    curve, rows = r1cs.curve, r1cs.constraints
    values = np.zeros((3, *witness.shape[:-2], n, 4), dtype=np.uint64)
    a, b, c = values  # b in Montgomery form: its products with standard form are then in standard form
    a[..., :rows, :] = backend.sparse_product(curve, r1cs.a, witness, threads)
    a[..., rows : rows + r1cs.public + 1, :] = witness[..., : r1cs.public + 1, :]
    poll(should_stop)
    b[..., :rows, :] = backend.to_montgomery(curve, backend.sparse_product(curve, r1cs.b, witness, threads))
    poll(should_stop)
    # On the domain c = a b: the constraints hold, and the rows that bind the statement are zero in b and c.
    c[:] = backend.multiply(curve, a, b)
    coset = curve.root_of_unity(n.bit_length())
    coefficients = backend.ntt(curve, values, inverse=True, threads=threads, should_stop=should_stop)
    on_coset = backend.ntt(curve, coefficients, coset=coset, threads=threads, should_stop=should_stop)
    poll(should_stop)
    return backend.subtract(curve, backend.multiply(curve, on_coset[0], on_coset[1]), on_coset[2])
