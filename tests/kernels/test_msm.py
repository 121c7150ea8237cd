"""MSM and fixed-base multiplication: against py_ecc, and by linearity on hostile bases and scalars."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels import Interrupted, get_backend, limbs_from_ints, points_to_ints
from kernels.cpu import bucket_msm
from kernels.cpu.features import has_ifma
from kernels.cpu.msm import best_window
from kernels.cpu.msm_plan import MsmPlan, window_count
from kernels.scalar_decomposition import decomposition, part_counts


@pytest.fixture(params=["portable", "ifma"])
def backend(request):
    """The oracle is too slow for these sizes; tests/kernels/reference has its own."""
    if request.param == "ifma" and not has_ifma():
        pytest.skip("this CPU has no IFMA; the lane code is tested by emulation in tests/kernels/cpu")
    return get_backend(request.param)


def hostile_bases(n, rng, r):
    """Discrete logarithms of bases that meet every exceptional case of the addition, by name."""
    return {
        "random": [rng.randrange(r) for _ in range(n)],
        "all equal": [7] * n,
        "opposite pairs": [5 if i % 2 else -5 for i in range(n)],
        "infinity anywhere": [0 if i % 3 == 0 else rng.randrange(r) for i in range(n)],
        "all infinity": [0] * n,
        "one and its doubles": [1 << (i % 4) for i in range(n)],
    }


def hostile_scalars(n, rng, r):
    return {
        "random": [rng.randrange(r) for _ in range(n)],
        "zeros": [0] * n,
        "ones": [1] * n,
        "largest": [r - 1] * n,
        "bits": [rng.randrange(2) for _ in range(n)],
        "powers of two": [1 << (i % 254) for i in range(n)],
        "all-ones limbs": [(1 << (64 * (1 + i % 3))) - 1 for i in range(n)],
    }


@pytest.mark.parametrize("k", [0, 1, 2, 3, 255, 2**64 - 1, 2**254 - 1])
def test_multiples_of_the_generator_are_those_of_py_ecc(curve, group, multiples, peer_multiple, k):
    r = curve.fr.modulus
    assert points_to_ints(curve, group, multiples([k, -k])) == [peer_multiple(k % r), peer_multiple(-k % r)]


@pytest.mark.parametrize("table_bytes", [0, 1 << 14, 1 << 26])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 40])
def test_every_mix_of_bases_and_scalars_is_the_multiple_by_the_inner_product(
    backend, curve, group, multiples, rng, n, table_bytes
):
    r = curve.fr.modulus
    wanted, got = [], []
    for logarithms in hostile_bases(n, rng, r).values():
        bases = backend.load_bases(curve, group, multiples(logarithms), table_bytes)
        for scalars in hostile_scalars(n, rng, r).values():
            got.append(backend.msm(bases, limbs_from_ints(scalars, 4)))
            wanted.append(sum(a * k for a, k in zip(scalars, logarithms, strict=True)))
    assert np.array_equal(np.array(got), multiples(wanted))


@pytest.mark.parametrize("shape", [(1, 6, 5, 2), (1, 17, 15, 2), (2, 5, 1, 2), (2, 7, 3, 1)], ids=str)
def test_every_shape_of_tables_gives_the_same_points(monkeypatch, backend, curve, group, multiples, rng, shape):
    images, window_bits, tables, of_each = shape
    images = part_counts(group)[images - 1]
    windows = window_count(decomposition(curve, group, images).bits, window_bits)
    sets = -(-windows // tables)
    plan = MsmPlan(images, window_bits, windows, -(-windows // sets), sets, of_each)
    monkeypatch.setattr(bucket_msm, "plan_msm", lambda *_: plan)
    r, n = curve.fr.modulus, 60
    for logarithms in hostile_bases(n, rng, r).values():
        bases = backend.load_bases(curve, group, multiples(logarithms), 0)
        scalars = [*hostile_scalars(n, rng, r).values(), [r // 2 + i - 30 for i in range(n)]]
        got = backend.msm(bases, np.stack([limbs_from_ints(vector, 4) for vector in scalars]))
        wanted = [sum(a * k for a, k in zip(vector, logarithms, strict=True)) for vector in scalars]
        assert np.array_equal(got, multiples(wanted))


@pytest.mark.parametrize("table_bytes", [0, 1 << 26])
@pytest.mark.parametrize("n", [300, 1100])
def test_batch_and_threads_give_the_same_points(backend, curve, group, multiples, rng, n, table_bytes):
    r = curve.fr.modulus
    bases = backend.load_bases(curve, group, multiples([rng.randrange(r) for _ in range(n)]), table_bytes)
    scalars = limbs_from_ints([rng.randrange(r) for _ in range(3 * n)], 4).reshape(3, n, 4)
    alone = np.array([backend.msm(bases, vector) for vector in scalars])
    assert np.array_equal(backend.msm(bases, scalars), alone)
    assert np.array_equal(backend.msm(bases, scalars, threads=2), alone)
    assert not np.array_equal(alone[0], alone[1])


@pytest.mark.parametrize("n", [3, 60])
def test_an_empty_batch_gives_no_points(backend, curve, group, multiples, n):
    bases = backend.load_bases(curve, group, multiples(range(n)))
    assert backend.msm(bases, np.empty((0, n, 4), np.uint64)).shape == (0, *curve.point_shape(group))


def test_read_only_input_is_taken_as_it_is(backend, curve, group, multiples):
    points, scalars = multiples([3, 4]), limbs_from_ints([5, 6], 4)
    points.flags.writeable = scalars.flags.writeable = False
    assert np.array_equal(backend.msm(backend.load_bases(curve, group, points), scalars), multiples([39])[0])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_linearity(backend, curve, group, multiples, data):
    r = curve.fr.modulus
    scalar = st.integers(0, r - 1) | st.sampled_from([0, 1, 2, r - 1, r // 2])
    logarithms = data.draw(st.lists(scalar, min_size=1, max_size=12))
    a, b = (data.draw(st.lists(scalar, min_size=len(logarithms), max_size=len(logarithms))) for _ in range(2))
    bases = backend.load_bases(curve, group, multiples(logarithms))
    rows = limbs_from_ints([*a, *b, *((x + y) % r for x, y in zip(a, b, strict=True))], 4).reshape(3, -1, 4)
    parts = backend.load_bases(curve, group, backend.msm(bases, rows))
    minus_one = limbs_from_ints([1, 1, r - 1], 4)
    assert not backend.msm(parts, minus_one).any()


def test_cancellation_stops_between_parts(backend, curve, group, multiples):
    n = 1 << 13
    bases = backend.load_bases(
        curve, group, np.tile(multiples(range(1, 9)), (n // 8, *(1,) * len(multiples([1])[0].shape)))
    )
    polls = []

    def stop_at_the_second():
        polls.append(1)
        return len(polls) == 2

    with pytest.raises(Interrupted):
        backend.msm(bases, limbs_from_ints([2**250 + k for k in range(n)], 4), should_stop=stop_at_the_second)
    assert len(polls) == 2


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (lambda p: p.astype(np.int64), "uint64"),
        (lambda p: p[..., :-1], "uint64"),
        (lambda p: p[0], "uint64"),
    ],
)
def test_bases_of_a_wrong_shape_are_refused(backend, curve, group, multiples, points, message):
    with pytest.raises(ValueError, match=message):
        backend.load_bases(curve, group, points(multiples([1, 2])))


def test_scalars_of_a_wrong_length_are_refused(backend, curve, group, multiples):
    bases = backend.load_bases(curve, group, multiples([1, 2]))
    with pytest.raises(ValueError, match=r"uint64\[2, 4\]"):
        backend.msm(bases, limbs_from_ints([1, 2, 3], 4))


@pytest.mark.parametrize("bits", [254, 255])
@pytest.mark.parametrize("c", range(2, 17))
def test_windows_leave_room_for_the_last_signed_carry(bits, c):
    # The largest scalar's top digit, plus a carry, stays within the positive half of the last window.
    windows = window_count(bits, c)
    top_bits = bits - (windows - 1) * c
    assert (1 << max(top_bits, 0)) - 1 + 1 <= 1 << (c - 1)


def test_wider_windows_for_more_points():
    widths = [best_window(1 << k, 255) for k in range(0, 20, 2)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


@pytest.mark.parametrize("table_bytes", [0, 1 << 22])
def test_points_that_come_many_times_over(backend, curve, group, multiples, rng, table_bytes):
    # Sums of buckets are equal, opposite or infinite, and meet again among rows and columns.
    r = curve.fr.modulus
    few = [rng.randrange(r) for _ in range(5)]
    for n, logarithms in ((128, few), (700, [3, -3, 6, -6])):
        points = [logarithms[i % len(logarithms)] for i in range(n)]
        bases = backend.load_bases(curve, group, multiples(points), table_bytes)
        scalars = [[rng.randrange(r) for _ in range(n)], [rng.randrange(4) for _ in range(n)]]
        got = backend.msm(bases, np.array([limbs_from_ints(vector, 4) for vector in scalars]))
        wanted = [sum(a * k for a, k in zip(vector, points, strict=True)) for vector in scalars]
        assert np.array_equal(got, multiples(wanted))
