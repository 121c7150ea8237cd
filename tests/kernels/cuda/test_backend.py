"""The cuda backend on the emulated device, all checks on, equals the CPU's backend."""

import numpy as np
import pytest

from kernels import Interrupted, SparseMatrix, limbs_from_ints, points_from_ints
from kernels.selection import cpu_backend
from tests.cuda_emulator import Faults

SEEDS = [0, 1, 2]
CPU = cpu_backend()


@pytest.fixture(params=SEEDS)
def seed(request):
    return request.param


def elements(curve, rng, *shape):
    values = [rng.randrange(curve.fr.modulus) for _ in range(int(np.prod(shape)))]
    return limbs_from_ints(values, 4).reshape(*shape, 4)


def edge_elements(curve, rng, count):
    r = curve.fr.modulus
    edges = [0, 1, 2, r - 1, r - 2, r // 2, (1 << 64) - 1, (1 << 128) - 1, curve.fr.R % r, 0xFFFFFFFF, 0xFFFFFFFF << 32]
    values = edges + [rng.randrange(r) for _ in range(count - len(edges))]
    return limbs_from_ints(values[:count], 4)


def bases_of(curve, group, logarithms):
    generator = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
    return CPU.multiply_base(curve, group, generator, limbs_from_ints([k % curve.fr.modulus for k in logarithms], 4))


def hostile_logarithms(n, rng, r):
    """Random bases with infinity, equal ones, opposite ones and doubles among them."""
    values = [rng.randrange(r) for _ in range(n)]
    values[: min(n, 8)] = [0, 5, 5, r - 5, 10, 0, 7, 14][: min(n, 8)]
    return values


def scalar_rows(n, rng, r):
    """Rows as hostile as witnesses get: random, all ones, zeros, bits, the largest, one bucket of every window."""
    return {
        "random": [rng.randrange(r) for _ in range(n)],
        "ones": [1] * n,
        "zeros": [0] * n,
        "bits": [rng.randrange(2) for _ in range(n)],
        "largest": [r - 1] * n,
        "skewed": [rng.randrange(r) if i % 16 == 0 else 3 for i in range(n)],
        "same": [0x1234567890ABCDEF1234567890ABCDEF % r] * n,
    }


@pytest.mark.parametrize(("n", "table_bytes"), [(1, 1 << 22), (20, 0), (70, 1 << 22)])
def test_sums_of_hostile_rows_over_hostile_bases(emulated, curve, group, rng, n, table_bytes):
    r = curve.fr.modulus
    backend = emulated(seed=n).backend
    points = bases_of(curve, group, hostile_logarithms(n, rng, r))
    rows = np.stack([limbs_from_ints(row, 4) for row in scalar_rows(n, rng, r).values()])
    expected = CPU.msm(CPU.load_bases(curve, group, points), rows)
    bases = backend.load_bases(curve, group, points, table_bytes)
    assert (bases.prepared.plan.tables > 1) == (table_bytes > 0)
    assert np.array_equal(backend.msm(bases, rows), expected)
    assert np.array_equal(backend.msm(bases, rows[0]), expected[0])


def test_every_schedule_gives_the_same_sums(emulated, rng, seed):
    from kernels import BN254

    n, r = 64, BN254.fr.modulus
    points = bases_of(BN254, "g1", hostile_logarithms(n, rng, r))
    rows = np.stack([limbs_from_ints(row, 4) for row in scalar_rows(n, rng, r).values()])
    backend = emulated(seed=seed + 10).backend
    expected = CPU.msm(CPU.load_bases(BN254, "g1", points), rows)
    for _ in range(2):  # the second time from what is resident
        assert np.array_equal(backend.msm(backend.load_bases(BN254, "g1", points), rows), expected)


def test_a_full_bucket_takes_several_levels_of_partials(emulated, curve, rng):
    n, r = 1200, curve.fr.modulus
    points = np.tile(bases_of(curve, "g1", hostile_logarithms(30, rng, r)), (n // 30, 1, 1))
    backend = emulated(seed=5)
    ones = limbs_from_ints([1] * n, 4)
    bases = backend.backend.load_bases(curve, "g1", points)
    assert np.array_equal(backend.backend.msm(bases, ones), CPU.msm(CPU.load_bases(curve, "g1", points), ones))
    assert backend.device.launches["merge_partials"] >= 3


def test_rows_and_points_in_parts_when_memory_is_short(emulated, rng):
    from kernels import BN254

    n, r = 300, BN254.fr.modulus
    points = bases_of(BN254, "g1", hostile_logarithms(n, rng, r))
    rows = elements(BN254, rng, 3, n)
    expected = CPU.msm(CPU.load_bases(BN254, "g1", points), rows)
    few_rows = emulated(seed=1, checked=False, memory_bytes=1 << 20)
    assert np.array_equal(few_rows.backend.msm(few_rows.backend.load_bases(BN254, "g1", points), rows), expected)
    assert few_rows.device.launches["accumulate"] > 1
    few_points = emulated(seed=1, checked=False, memory_bytes=300 << 10)
    assert np.array_equal(few_points.backend.msm(few_points.backend.load_bases(BN254, "g1", points), rows), expected)
    assert few_points.device.launches["accumulate"] > 3


@pytest.mark.parametrize("log2_size", [0, 1, 4, 9, 10, 11, 13])
def test_transforms(emulated, curve, rng, log2_size):
    backend = emulated(seed=log2_size).backend
    values = np.stack([elements(curve, rng, 1 << log2_size), edge_elements(curve, rng, 1 << log2_size)])
    for inverse in (False, True):
        for coset in (None, 7):
            expected = CPU.ntt(curve, values, inverse, coset)
            assert np.array_equal(backend.ntt(curve, values, inverse, coset), expected), (inverse, coset)


@pytest.mark.gpu_full
@pytest.mark.parametrize("log2_size", [15, 21])
def test_large_transforms(emulated, curve, rng, log2_size):
    backend = emulated(seed=3, checked=False, memory_bytes=1 << 30).backend
    values = np.tile(elements(curve, rng, 1 << 10), (1 << (log2_size - 10), 1))
    values[0] = 0
    for inverse in (False, True):
        assert np.array_equal(backend.ntt(curve, values, inverse, 5), CPU.ntt(curve, values, inverse, 5))


@pytest.mark.parametrize("operation", ["multiply", "add", "subtract"])
def test_pairs_of_edge_elements(emulated, curve, rng, operation):
    backend = emulated(seed=4).backend
    edges = edge_elements(curve, rng, 16)
    left, right = np.repeat(edges, 16, axis=0), np.tile(edges, (16, 1))
    on_device, on_cpu = getattr(backend, operation), getattr(CPU, operation)
    assert np.array_equal(on_device(curve, left, right), on_cpu(curve, left, right))
    assert np.array_equal(on_device(curve, left, edges[3]), on_cpu(curve, left, edges[3]))
    assert np.array_equal(on_device(curve, edges[3], left), on_cpu(curve, edges[3], left))


def test_forms(emulated, curve, rng):
    backend, values = emulated(seed=6).backend, edge_elements(curve, rng, 40)
    assert np.array_equal(backend.to_montgomery(curve, values), CPU.to_montgomery(curve, values))
    assert np.array_equal(backend.from_montgomery(curve, values), CPU.from_montgomery(curve, values))


def test_sparse_products(emulated, curve, rng):
    lengths = [0, 3, 1, 40, 0, 2]
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    indices = np.array([rng.randrange(12) for _ in range(indptr[-1])], np.int32)
    matrix = SparseMatrix(indptr, indices, elements(curve, rng, int(indptr[-1])))
    vectors = np.stack([edge_elements(curve, rng, 12), elements(curve, rng, 12)])
    backend = emulated(seed=7).backend
    assert np.array_equal(backend.sparse_product(curve, matrix, vectors), CPU.sparse_product(curve, matrix, vectors))


def test_multiples_of_points(emulated, curve, group, rng):
    r = curve.fr.modulus
    points = bases_of(curve, group, hostile_logarithms(8, rng, r))
    scalars = limbs_from_ints([rng.randrange(r), 2, r - 1, 0, 1, 5, rng.randrange(r), 3], 4)
    backend = emulated(seed=8).backend
    assert np.array_equal(
        backend.multiply_points(curve, group, points, scalars), CPU.multiply_points(curve, group, points, scalars)
    )
    assert np.array_equal(
        backend.multiply_base(curve, group, points[6], scalars), CPU.multiply_base(curve, group, points[6], scalars)
    )


def test_nothing_to_do(emulated, curve, group):
    backend = emulated().backend
    empty = bases_of(curve, group, [])
    assert not backend.msm(backend.load_bases(curve, group, empty), np.empty((0, 4), np.uint64)).any()
    some = backend.load_bases(curve, group, bases_of(curve, group, [1, 2]))
    assert backend.msm(some, np.empty((0, 2, 4), np.uint64)).shape[0] == 0
    assert backend.multiply_base(curve, group, bases_of(curve, group, [3])[0], np.empty((0, 4), np.uint64)).size == 0
    assert backend.ntt(curve, np.empty((0, 8, 4), np.uint64)).size == 0


def test_cancellation(emulated, curve, rng):
    backend = emulated().backend
    bases = backend.load_bases(curve, "g1", bases_of(curve, "g1", [1, 2, 3]))
    with pytest.raises(Interrupted):
        backend.msm(bases, elements(curve, rng, 3), should_stop=lambda: True)
    assert backend.msm(bases, elements(curve, rng, 3)).any()


@pytest.mark.parametrize("bad", [lambda s: s[:-1], lambda s: s.astype(np.int64), lambda s: s[..., :3]])
def test_wrong_operands_are_refused(emulated, curve, bad, rng):
    backend = emulated().backend
    bases = backend.load_bases(curve, "g1", bases_of(curve, "g1", [1, 2, 3]))
    with pytest.raises(ValueError, match="uint64"):
        backend.msm(bases, bad(elements(curve, rng, 3)))
    with pytest.raises(ValueError, match="table_bytes"):
        backend.load_bases(curve, "g1", bases.points, -1)


def test_memory_goes_back(emulated, rng):
    from kernels import BN254

    backend = emulated(seed=2)
    points = bases_of(BN254, "g1", hostile_logarithms(20, rng, BN254.fr.modulus))

    def free():
        return backend.backend.owner.call(
            lambda work: (work.session.synchronize(), work.device.memory_info().free_bytes)[1]
        )

    backend.backend.msm(backend.backend.load_bases(BN254, "g1", points), elements(BN254, rng, 1, 20))  # loads programs
    backend.backend.owner.call(lambda _: None)
    before = free()
    bases = backend.backend.load_bases(BN254, "g1", points)
    backend.backend.msm(bases, elements(BN254, rng, 4, 20))
    resident = before - free()
    assert 0 < resident < 4096
    del bases
    backend.backend.owner.call(lambda _: None)  # what nobody can ask for is evicted behind the next call
    assert free() == before


def test_out_of_memory_at_each_allocation_in_turn(emulated, rng):
    """An allocation that fails is made up for by smaller parts, or by evicting and doing the work again."""
    from kernels import BN254

    points = bases_of(BN254, "g1", hostile_logarithms(12, rng, BN254.fr.modulus))
    rows = elements(BN254, rng, 3, 12)
    expected = CPU.msm(CPU.load_bases(BN254, "g1", points), rows)
    at = 0
    while True:
        at += 1
        one = emulated(seed=at, checked=False, faults=Faults(out_of_memory_at=frozenset({at})))
        bases = one.backend.load_bases(BN254, "g1", points, 1 << 14)
        assert np.array_equal(one.backend.msm(bases, rows), expected), at
        if one.device._allocations < at:
            break
    assert at > 12
