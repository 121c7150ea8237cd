import logging

import numpy as np

from prover import groth16
from prover.groth16.prepare import prepare


def test_points_at_infinity_are_dropped(pk, backend):
    prepared = prepare(pk, backend)
    # x^2 and x^3 appear in no row of B, nor does z.
    assert prepared.b_g1.columns.tolist() == prepared.b_g2.columns.tolist() == [0, 1, 3]
    assert len(prepared.b_g1.bases) == 5
    assert prepared.a.columns.tolist() == [0, 1, 2, 3, 4, 5]


def test_scalars_follow_the_bases(pk, backend):
    query = prepare(pk, backend).b_g1
    scalars = query.scalars(np.arange(24, dtype=np.uint64).reshape(6, 4), 1, (1 << 200) + 7)
    assert scalars.dtype == np.uint64
    assert scalars[:, 0].tolist() == [0, 4, 12, 1, 7]
    assert scalars[-1].tolist() == [7, 0, 0, 1 << 8]


def test_a_key_is_prepared_once(pk, backend):
    assert prepare(pk, backend).c is prepare(pk, backend).c


def test_a_development_key_says_so_once(cubic, curve, backend, caplog):
    pk = groth16.setup(cubic, curve, backend=backend)
    with caplog.at_level(logging.WARNING):
        prepare(pk, backend)
        prepare(pk, backend)
    assert [pk.key_id[:16] in record.getMessage() for record in caplog.records] == [True]
