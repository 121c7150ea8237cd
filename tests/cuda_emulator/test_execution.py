"""Memory spaces, calls, suspension and warp-wide instructions, by kernels that the compiler made."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest

from kernels.cuda.device import DeviceError
from kernels.cuda.nvrtc import installed
from tests.cuda_emulator import DefectError, EmulatedDevice, Finding
from tests.cuda_emulator.compiler import compiled_source
from tests.cuda_emulator.mutable_kernels import Bench

_HEADER = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
#define KERNEL extern "C" __global__ void
struct __align__(16) Element { u32 limbs[12]; };
"""
FULL = "0xffffffffu"


@functools.cache
def compiled(source: str, target: str = "compute_90") -> bytes:
    return compiled_source(_HEADER + source, "case", target, "-lineinfo")


def run(source: str, arguments, *, seed: int = 2, grid=(1, 1, 1), block=(32, 1, 1), target: str = "compute_90"):
    """Run kernel ``f`` on arrays (given back as they are afterwards) and scalars."""
    with EmulatedDevice(seed, target=target) as device:
        bench = Bench(device)
        memories = [bench.uploaded(value) if isinstance(value, np.ndarray) else value for value in arguments]
        module = device.load(compiled(source, target))
        device.launch(module.kernel("f"), grid, block, memories, bench.stream)
        bench.stream.synchronize()
        return [
            bench.downloaded(memory, value.dtype.type)
            for memory, value in zip(memories, arguments, strict=True)
            if isinstance(value, np.ndarray)
        ]


T = np.arange(32, dtype=np.uint32)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (f"__shfl_up_sync({FULL}, v, 3)", np.where(T < 3, 7 * T, 7 * (T - 3))),
        (f"__shfl_down_sync({FULL}, v, 5)", np.where(T > 26, 7 * T, 7 * (T + 5))),
        (f"__shfl_xor_sync({FULL}, v, 9)", 7 * (T ^ 9)),
        (f"__shfl_sync({FULL}, v, 31 - t)", 7 * (31 - T)),
        (f"__shfl_sync({FULL}, v, t + 1, 8)", 7 * (T // 8 * 8 + (T + 1) % 8)),
        (f"__shfl_up_sync({FULL}, v, 2, 8)", np.where(T % 8 < 2, 7 * T, 7 * (T - 2))),
        (f"__shfl_down_sync({FULL}, v, 1, 16)", np.where(T % 16 == 15, 7 * T, 7 * (T + 1))),
        (f"__ballot_sync({FULL}, t % 3 == 0)", np.full(32, sum(1 << t for t in range(0, 32, 3)))),
        (f"(u32)__any_sync({FULL}, t == 40)", np.zeros(32)),
        (f"(u32)__all_sync({FULL}, t < 32)", np.ones(32)),
        (f"__match_any_sync({FULL}, t / 16)", np.where(T < 16, 0xFFFF, 0xFFFF0000)),
        (f"__reduce_add_sync({FULL}, v)", np.full(32, 7 * 31 * 16)),
        (f"__reduce_max_sync({FULL}, v)", np.full(32, 7 * 31)),
        (f"(u32)__reduce_min_sync({FULL}, (int)t - 5)", np.full(32, 2**32 - 5)),
        (f"__reduce_xor_sync({FULL}, 1u << t)", np.full(32, 2**32 - 1)),
        ("(u32)__syncthreads_count(t < 12)", np.full(32, 12)),
        ("(u32)(__syncthreads_or(t == 3) != 0)", np.ones(32)),
        ("(u32)(__syncthreads_and(t != 3) != 0)", np.zeros(32)),
        ("__activemask() & (1u << t)", 1 << T.astype(np.uint64)),
        ("(t & 1) ? __shfl_sync(0xaaaaaaaau, v, 1) : __shfl_sync(0x55555555u, v, 30)", np.where(T & 1, 7, 7 * 30)),
    ],
)
def test_threads_compute_together(expression, wanted):
    source = f"KERNEL f(u32* out) {{ u32 t = threadIdx.x, v = 7 * t; out[t] = {expression}; }}"
    for seed in (0, 1, 2, 3):
        (out,) = run(source, [np.zeros(32, np.uint32)], seed=seed)
        assert np.array_equal(out, wanted.astype(np.uint64).astype(np.uint32))


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("atomicAdd(c, t)", 1000 + 496),
        ("atomicSub(c, t)", 1000 - 496),
        ("atomicMin(c, t + 3)", 3),
        ("atomicMax(c, t * 100)", 3100),
        ("atomicAnd(c, ~(1u << t))", 0),
        ("atomicOr(c, 1u << t)", 2**32 - 1),
        ("atomicXor(c, 1u << t)", 1000 ^ 0xFFFFFFFF),
        ("atomicInc(c, 9)", 1),
        ("atomicDec(c, 9)", 8),
        ("atomicCAS(c, 1000u + t, 1001u + t)", None),
        ("atomicExch(c, 77)", 77),
    ],
)
def test_atomics_leave_what_they_should(call, wanted):
    (cells,) = run(f"KERNEL f(u32* c) {{ u32 t = threadIdx.x; {call}; }}", [np.array([1000], np.uint32)], seed=0)
    assert cells[0] == (1032 if wanted is None else wanted)


def test_double_word_atomics_and_their_old_values():
    source = "KERNEL f(u64* c, u64* old) { old[threadIdx.x] = atomicAdd(c, 1ull << 33); }"
    cells, old = run(source, [np.zeros(1, np.uint64), np.zeros(32, np.uint64)])
    assert cells[0] == 32 << 33
    assert sorted(old >> np.uint64(33)) == list(range(32))


def test_functions_that_wait_inside_keep_their_callers_registers():
    source = """
    __device__ __noinline__ u32 exchanged(u32* shared, u32 v, u32 rounds) {
      u32 t = threadIdx.x, sum = 0;
      for (u32 i = 0; i < rounds; i++) {
        shared[t] = v + i; __syncthreads();
        sum += shared[(t + i) % blockDim.x]; __syncthreads();
      }
      return sum;
    }
    __device__ __noinline__ u32 twice(u32* shared, u32 v) {
      u32 before = v * v; u32 first = exchanged(shared, v, 3), second = exchanged(shared, first, 2);
      return before + first + second;
    }
    KERNEL f(u32* out) { __shared__ u32 shared[64]; u32 t = threadIdx.x; out[t] = twice(shared, 5 * t) + t; }
    """

    def exchanged(v, rounds):
        return sum((np.roll(v, -i) + i for i in range(rounds)), np.zeros(64, np.int64))

    t = np.arange(64)
    first = exchanged(5 * t, 3)
    for seed in range(4):
        (out,) = run(source, [np.zeros(64, np.uint32)], block=(64, 1, 1), seed=seed)
        assert np.array_equal(out, 25 * t * t + first + exchanged(first, 2) + t)


def test_structures_go_through_calls_and_local_memory():
    source = """
    __device__ __noinline__ Element sum(const Element a, const Element b) {
      Element r; u32 carry = 0;
      for (int i = 0; i < 12; i++) { u64 s = (u64)a.limbs[i] + b.limbs[i] + carry; r.limbs[i] = s; carry = s >> 32; }
      return r;
    }
    __device__ __noinline__ void double_in_place(Element* a) { *a = sum(*a, *a); }
    KERNEL f(const Element* in, Element* out, u32 n, u32 which) {
      u32 i = blockIdx.x * blockDim.x + threadIdx.x;
      if (i >= n) return;
      Element held[3];
      for (u32 j = 0; j < 3; j++) held[j] = in[(i + j) % n];
      double_in_place(&held[(which + i) % 3]);
      out[i] = sum(held[0], sum(held[1], held[2]));
    }
    """
    rng = np.random.default_rng(1)
    limbs = rng.integers(0, 1 << 32, (40, 12), dtype=np.uint32)
    limbs[:, 11] >>= 8
    values = [int.from_bytes(row.tobytes(), "little") for row in limbs]
    _, out = run(source, [limbs, np.zeros_like(limbs), np.uint32(40), np.uint32(1)], grid=(2, 1, 1))
    got = [int.from_bytes(row.tobytes(), "little") for row in out.reshape(40, 12)]
    for i in range(40):
        three = [values[(i + j) % 40] for j in range(3)]
        assert got[i] == sum(three) + three[(1 + i) % 3]


def test_variables_of_the_module_and_parameters_that_are_structures():
    source = """
    __constant__ u32 squares[8] = {0, 1, 4, 9, 16, 25, 36, 49};
    __device__ u16 table[4] = {100, 200, 300};
    __device__ u32 counter;
    struct Pair { u32 a; u64 b; u8 c; };
    KERNEL f(Pair pair, u32* out) {
      u32 t = threadIdx.x;
      out[t] = squares[t & 7] + table[t & 3] + pair.a + (u32)pair.b + pair.c;
      atomicAdd(&counter, 1);
      __syncthreads();
      if (t == 0) out[32] = counter;
    }
    """
    pair = np.zeros(1, np.dtype([("a", "u4"), ("b", "u8"), ("c", "u1")], align=True))
    pair[0] = (1000, 20000, 7)
    (out,) = run(source, [pair[0], np.zeros(33, np.uint32)])
    tables = np.array([100, 200, 300, 0])
    assert np.array_equal(out[:32], (T & 7) ** 2 + tables[T & 3] + 21007)
    assert out[32] == 32


def test_constants_cannot_be_written_and_variables_have_ends():
    device = EmulatedDevice()
    bench = Bench(device)
    source = """
    __constant__ u32 fixed[4] = {1, 2, 3, 4}; __device__ u32 table[4];
    KERNEL f(u32 which, u32 place) { u32* p = which ? table : (u32*)fixed; p[place] = 5; }
    """
    module = device.load(compiled(source))
    for which, place, finding in ((0, 0, Finding.READ_ONLY), (1, 4, Finding.OUT_OF_BOUNDS), (1, 3, None)):
        arguments = [np.uint32(which), np.uint32(place)]
        device.launch(module.kernel("f"), (1, 1, 1), (1, 1, 1), arguments, bench.stream)
        if finding is None:
            bench.stream.synchronize()
        else:
            with pytest.raises(DefectError):
                bench.stream.synchronize()
            assert device.reports[-1].finding is finding


@pytest.mark.parametrize("shift", [4, 8, 12])
def test_vector_access_to_an_odd_view_is_reported(shift):
    device = EmulatedDevice()
    bench = Bench(device)
    source = "KERNEL f(const Element* in, Element* out) { out[threadIdx.x] = in[threadIdx.x]; }"
    memory, out = bench.uploaded(np.zeros(64, np.uint32)), bench.zeros(12)
    view = memory.view(shift, 48)
    module = device.load(compiled(source))
    device.launch(module.kernel("f"), (1, 1, 1), (1, 1, 1), [view, out], bench.stream)
    with pytest.raises(DefectError, match="not aligned"):
        bench.stream.synchronize()


def test_volatile_accesses_are_ordered_as_atomics_are():
    polled = """
    KERNEL f(volatile u32* flag, u32* out) {
      __shared__ u32 slot;
      if (threadIdx.x == 0) { *(volatile u32*)&slot = 3; *flag = 1; }
      u32 seen = *flag;
      __syncthreads();
      out[threadIdx.x] = slot + (seen > 1);
    }
    """
    _, out = run(polled, [np.zeros(1, np.uint32), np.zeros(32, np.uint32)])
    assert (out == 3).all()
    with pytest.raises(DefectError, match="race"):
        run(polled.replace("volatile u32* flag", "u32* flag"), [np.zeros(1, np.uint32), np.zeros(32, np.uint32)])


def test_a_thread_can_end_inside_a_function_and_a_failed_assertion_is_reported():
    source = """
    __device__ __noinline__ void perhaps_end(u32 t) { if (t & 1) asm volatile("exit;"); }
    KERNEL f(u32* out) { perhaps_end(threadIdx.x); out[threadIdx.x] = 1; }
    """
    (out,) = run(source, [np.zeros(32, np.uint32)])
    assert np.array_equal(out, 1 - (T & 1))
    with pytest.raises(DefectError, match="trap"):
        run("KERNEL f(u32* out) { if (threadIdx.x == 5) __trap(); }", [np.zeros(1, np.uint32)])


def test_blocks_and_threads_have_three_dimensions():
    source = """
    KERNEL f(u32* out) {
      u32 block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
      u32 t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
      out[block * 24 + t] = blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z + 1000 * threadIdx.x + 10000 * threadIdx.y
        + 100000 * threadIdx.z;
    }
    """
    (out,) = run(source, [np.zeros(2 * 3 * 2 * 24, np.uint32)], grid=(2, 3, 2), block=(4, 3, 2))
    z, y, x, tz, ty, tx = np.indices((2, 3, 2, 2, 3, 4)).reshape(6, -1)
    assert np.array_equal(out, x + 10 * y + 100 * z + 1000 * tx + 10000 * ty + 100000 * tz)


def test_divergent_barriers_and_waiting_for_each_other_are_reported():
    split = """
    KERNEL f(u32* out) {
      if (threadIdx.x < 16) { if (threadIdx.x == 0) out[0] = 1; asm volatile("bar.sync 0;"); }
      else { asm volatile("bar.sync 0;"); }
    }
    """
    crossed = """
    KERNEL f(u32* out) {
      if (threadIdx.x < 16) { __syncwarp(0xffffffffu); } else { __syncthreads(); }
    }
    """
    for source, finding in ((split, "different barriers"), (crossed, "wait for threads that wait elsewhere")):
        with pytest.raises(DefectError, match=finding):
            run(source, [np.zeros(1, np.uint32)])


@pytest.mark.parametrize(
    "target", ["compute_75", "compute_80", "compute_89", "compute_90", "compute_100", "compute_120"]
)
def test_ptx_of_every_compiler_and_target_runs(target):
    source = """
    KERNEL f(const u32* in, u32* out) {
      __shared__ u32 slots[32]; u32 t = threadIdx.x;
      slots[t] = in[t]; __syncthreads();
      u64 wide = (u64)slots[31 - t] * in[t]; out[t] = (u32)(wide >> 32) ^ __funnelshift_l((u32)wide, t, 7);
    }
    """
    values = np.random.default_rng(5).integers(0, 1 << 32, 32, dtype=np.uint32)
    wide = values[::-1].astype(np.uint64) * values
    low = (wide & np.uint64(0xFFFFFFFF)) >> np.uint64(25)
    wanted = (wide >> np.uint64(32)) ^ (T.astype(np.uint64) << np.uint64(7) & np.uint64(0xFFFFFFFF) | low)
    for compiler in installed():
        if int(target.removeprefix("compute_")) not in compiler.architectures():
            continue
        image = compiler.compile(_HEADER + source, "case", target).image
        with EmulatedDevice(target=target) as device:
            bench = Bench(device)
            out, module = bench.empty(32), device.load(image)
            arguments = [bench.uploaded(values), out]
            device.launch(module.kernel("f"), (1, 1, 1), (32, 1, 1), arguments, bench.stream)
            assert np.array_equal(bench.downloaded(out), wanted)


def test_an_instruction_without_translation_is_named():
    device = EmulatedDevice()
    bench = Bench(device)
    for source, named in (
        ("KERNEL f(float* x) { x[0] = x[0] * 2.5f; }", "mul.f32"),
        ("KERNEL f(float* x) { atomicAdd(x, 2.5f); }", "atom.global.add.f32"),
        ('KERNEL f(u32* x) { asm volatile("bar.sync 1, 64;"); }', "bar.sync 1, 64"),
        ('KERNEL f(u32* x) { asm volatile("mov.u32 %0, %%clock;" : "=r"(x[0])); }', "%clock"),
        ('KERNEL f(u32* x) { asm volatile("cp.async.wait_all;"); }', "cp.async.wait_all"),
        ('KERNEL f(u32* x) { asm volatile("add.sat.s32 %0, %0, %0;" : "+r"(x[0])); }', "add.sat.s32"),
    ):
        module = device.load(compiled(source))
        with pytest.raises(DeviceError, match=re.escape(named)) as caught:
            module.kernel("f")
        assert "clock" in named or re.search(r"line \d+ of the PTX, in f: ", str(caught.value))
        with pytest.raises(KeyError):
            module.kernel("g")
    del bench


def test_a_carry_that_nothing_sets_is_refused():
    device = EmulatedDevice()
    source = 'KERNEL f(u32* x) { u32 r; asm volatile("addc.u32 %0, %1, %1;" : "=r"(r) : "r"(x[0])); x[0] = r; }'
    module = device.load(compiled(source))
    with pytest.raises(DeviceError, match="sets the carry"):
        module.kernel("f")
