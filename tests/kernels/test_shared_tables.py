"""Tables that another process made: used in place, never written to, refused when they have another form."""

import hashlib
import json

import numpy as np
import pytest

from kernels import BLS12_381, BN254, get_backend, limbs_from_ints, points_from_ints
from kernels.backend import SharesTables
from kernels.cpu import bucket_msm
from kernels.cpu.features import has_ifma
from kernels.cpu.ifma import IfmaBackend
from kernels.cpu.msm_plan import MsmPlan
from kernels.reference import ReferenceBackend

TABLE_BYTES = 1 << 20


@pytest.fixture(params=["portable", "ifma"])
def backend(request):
    if request.param == "ifma":
        return get_backend("ifma") if has_ifma() else IfmaBackend(native=False)
    return get_backend("portable")


@pytest.fixture
def points(backend, curve, group, rng):
    base = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
    logarithms = [0, 1, *(rng.randrange(curve.fr.modulus) for _ in range(50))]
    return backend.multiply_base(curve, group, base, limbs_from_ints(logarithms, 4))


def scalars_of(curve, count, rng):
    return limbs_from_ints([rng.randrange(curve.fr.modulus) for _ in range(count)], 4)


@pytest.mark.parametrize("count", [3, 52])
@pytest.mark.parametrize("table_bytes", [0, TABLE_BYTES])
def test_attached_bases_give_the_same_sums_over_a_table_that_cannot_be_written(
    backend, curve, group, points, rng, count, table_bytes
):
    made = backend.load_bases(curve, group, points[:count], table_bytes)
    table = backend.make_table(curve, group, points[:count], table_bytes)
    table.flags.writeable = False
    attached = backend.attach_bases(curve, group, count, table_bytes, table)
    assert attached.prepared.rows is table
    assert len(attached) == count
    vectors = np.stack([scalars_of(curve, count, rng) for _ in range(3)])
    assert np.array_equal(backend.msm(attached, vectors), backend.msm(made, vectors))
    assert np.array_equal(backend.msm(attached, vectors[0]), backend.msm(made, vectors)[0])


def test_the_layout_is_known_before_the_table(backend, curve, group, points):
    layout = backend.table_layout(curve, group, len(points), TABLE_BYTES)
    table = backend.make_table(curve, group, points, TABLE_BYTES)
    assert (table.shape, table.nbytes) == (layout.shape, layout.size_bytes)
    assert json.dumps(dict(layout.description))


def test_layouts_tell_apart_whatever_makes_tables_differ():
    backends = [get_backend("portable"), IfmaBackend(native=False)]
    layouts = [
        json.dumps(dict(backend.table_layout(curve, group, count, table_bytes).description), sort_keys=True)
        for backend in backends
        for curve in (BLS12_381, BN254)
        for group in ("g1", "g2")
        for count in (52, 53)
        for table_bytes in (0, TABLE_BYTES)
    ]
    assert len(set(layouts)) == len(layouts) == 32


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table[:-1],
        lambda table: np.concatenate([table, table[:8]]),
        lambda table: table.reshape(-1),
        lambda table: table.astype(np.int64),
        lambda table: table.view(np.float64),
        np.asfortranarray,
        lambda table: table[::-1],
        lambda table: np.frombuffer(b"\0" + table.tobytes(), np.uint64, table.size, 1).reshape(table.shape),
        lambda table: table.tolist(),
        lambda _: None,
    ],
)
def test_a_table_of_another_form_is_refused(damage):
    backend, points = get_backend("portable"), points_from_ints(BN254, "g1", [BN254.g1_generator] * 4)
    table = backend.make_table(BN254, "g1", points, TABLE_BYTES)
    with pytest.raises(ValueError, match="table"):
        backend.attach_bases(BN254, "g1", 4, TABLE_BYTES, damage(table))


@pytest.mark.parametrize("fill", [0, 1, 2**64 - 1])
def test_a_table_of_wrong_words_gives_wrong_sums_and_nothing_worse(backend, curve, group, points, rng, fill):
    shape = backend.table_layout(curve, group, len(points), TABLE_BYTES).shape
    attached = backend.attach_bases(curve, group, len(points), TABLE_BYTES, np.full(shape, fill, np.uint64))
    found = backend.msm(attached, scalars_of(curve, len(points), rng))
    assert found.shape == curve.point_shape(group)


TABLES_OF_VERSION = {
    (1, "portable", "bls12_381"): "c43c886874d8380c",
    (1, "portable", "bn254"): "fbe9db8910905c8c",
    (1, "ifma", "bls12_381"): "a896e51a8d3c6016",
    (1, "ifma", "bn254"): "b6349507eadc1b70",
}
"""Sha256 of a table cut in one way. Whoever changes the form changes the version, or workers of both would mix."""


@pytest.mark.parametrize("group", ["g1"])
def test_the_form_has_not_changed_without_its_version(monkeypatch, backend, curve, group):
    plan = MsmPlan(images=2, window_bits=8, windows=17, tables=2, sets=9, multiples=1)
    monkeypatch.setattr(bucket_msm, "plan_msm", lambda *_: plan)
    points = points_from_ints(curve, group, [curve.g1_generator] * 2)
    table = backend.make_table(curve, group, points, 0)
    digest = hashlib.sha256(table.tobytes()).hexdigest()[:16]
    assert TABLES_OF_VERSION[bucket_msm.ROWS_VERSION, backend.name, curve.name] == digest


def test_not_every_backend_shares_tables():
    assert isinstance(get_backend("portable"), SharesTables)
    assert not isinstance(ReferenceBackend(), SharesTables)
