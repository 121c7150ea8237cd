"""Small kernels with numbered places where a mutant leaves something out: a barrier, an atomic, a bound.

``MUTANT`` is 0 in the kernels as they should be. Each kernel comes with the arguments it runs with and the result it
must give, so that the same launch shows that the right kernel is right and that its mutants are found out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernels.cuda.device import Dim3
from tests.cuda_emulator import EmulatedDevice
from tests.cuda_emulator.compiler import compiled_source
from tests.cuda_emulator.device import DEFAULT_TARGET

_HEADER = """
typedef unsigned char u8; typedef unsigned int u32; typedef unsigned long long u64;
#define KEPT(n) (MUTANT != n)
#define BARRIER(n) do { if (KEPT(n)) __syncthreads(); } while (0)
#define SYNC_WARP(n) do { if (KEPT(n)) __syncwarp(); } while (0)
#define ADD(n, p, v) do { if (KEPT(n)) atomicAdd(p, v); else *(p) += (v); } while (0)
#define INSIDE(n, condition) (!KEPT(n) || (condition))
#define KERNEL extern "C" __global__ void
"""

SOURCES = {
    "histogram": """
KERNEL __launch_bounds__(128) histogram(const u32* values, u32 n, u32* counts) {
  __shared__ u32 bins[32];
  u32 t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
  if (t < 32 && KEPT(1)) bins[t] = 0;
  BARRIER(2);
  if (INSIDE(3, i < n)) ADD(4, &bins[values[i] & 31], 1);
  BARRIER(5);
  if (INSIDE(6, t < 32)) ADD(7, &counts[t], bins[t]);
}
""",
    "running_sums": """
KERNEL __launch_bounds__(128) running_sums(const u32* values, u32 n, u32* sums) {
  __shared__ u32 warps[4];
  u32 t = threadIdx.x, lane = t & 31, i = t;
  u32 x = INSIDE(1, i < n) ? values[i] : 0;
  for (int d = 1; d < 32; d <<= 1) { u32 y = __shfl_up_sync(0xffffffffu, x, d); if (lane >= d) x += y; }
  if (lane == 31) warps[t >> 5] = x;
  BARRIER(2);
  for (u32 w = 0; w < (t >> 5); w++) x += warps[w];
  if (INSIDE(3, i < n)) sums[i] = x;
}
""",
    "tree_sum": """
KERNEL __launch_bounds__(128) tree_sum(const u32* values, u32* sum) {
  extern __shared__ u32 tree[];
  u32 t = threadIdx.x;
  for (u32 round = 0; round < 2; round++) {
    tree[t] = values[round * 128 + t];
    BARRIER(1);
    for (u32 half = 64; half > 0; half >>= 1) {
      if (INSIDE(4, t < half)) tree[t] += tree[t + half];
      BARRIER(2);
    }
    if (t == 1) sum[round] = tree[0];
    BARRIER(3);
  }
}
""",
    "turned_tiles": """
KERNEL __launch_bounds__(256) turned_tiles(const u32* values, u32* turned) {
  __shared__ u32 tile[16][17];
  u32 x = threadIdx.x, y = threadIdx.y;
  for (u32 k = 0; k < 3; k++) {
    tile[y][x] = values[k * 256 + y * 16 + x];
    BARRIER(1);
    turned[k * 256 + y * 16 + x] = tile[x][y];
    BARRIER(2);
  }
}
""",
    "warp_exchange": """
KERNEL __launch_bounds__(64) warp_exchange(const u32* values, u32* out) {
  __shared__ u32 slots[64];
  u32 t = threadIdx.x, lane = t & 31;
  slots[t] = values[t];
  SYNC_WARP(1);
  u32 x = slots[t ^ 1];
  SYNC_WARP(2);
  slots[t] = x + 1;
  if (lane < 16) {
    if (KEPT(3)) __syncwarp(0x0000ffffu);
    x += slots[t ^ 15];
  }
  u32 votes = __ballot_sync(KEPT(4) ? 0xffffffffu : 0x7fffffffu, x & 1);
  out[t] = x + __popc(votes) + __reduce_add_sync(0xffffffffu, lane);
}
""",
    "wide_sums": """
KERNEL __launch_bounds__(64) wide_sums(const uint4* left, const uint4* right, u32 n, uint4* out) {
  u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (INSIDE(1, i < n)) {
    uint4 a = left[i], b = right[i], c;
    c.x = a.x + b.x; c.y = a.y + b.y; c.z = a.z + b.z; c.w = a.w + b.w;
    out[i] = c;
  }
}
""",
    "local_digits": """
__device__ __noinline__ u32 digit(const u32* digits, u32 place) { return digits[place]; }
KERNEL __launch_bounds__(32) local_digits(const u32* places, u32* out) {
  u32 digits[8], t = threadIdx.x;
  for (u32 i = 0; i < (KEPT(1) ? 8 : 7); i++) digits[(i + t) & 7] = i * i + t;
  out[t] = digit(digits, INSIDE(2, true) && !KEPT(2) ? places[t] + 8 : places[t]) + digit(digits, 7);
}
""",
    "bytes": """
KERNEL __launch_bounds__(64) bytes(const u8* values, u32 n, u8* out) {
  u32 i = threadIdx.x;
  if (INSIDE(1, i < n)) out[KEPT(2) ? i : i / 2 * 2] = values[i] + 1;
}
""",
    "blocks": """
KERNEL __launch_bounds__(32) blocks(u32* cells) {
  u32 i = (blockIdx.x + (KEPT(1) ? 0 : (blockIdx.x & 1))) * blockDim.x + threadIdx.x;
  cells[i] = i;
}
""",
    "early_end": """
KERNEL __launch_bounds__(64) early_end(u32 n, u32* out) {
  __shared__ u32 last;
  if (!KEPT(1) && threadIdx.x >= n) return;
  if (threadIdx.x == n - 1) last = n;
  if (KEPT(2) || threadIdx.x < 32) __syncthreads(); else __syncthreads();
  if (threadIdx.x < n) out[threadIdx.x] = last;
}
""",
    "endless": """
KERNEL endless(volatile u32* flag) { while (*flag == (KEPT(1) ? 1 : 0)) { } }
""",
}

MUTANTS = {
    "histogram": {
        1: "shared memory not cleared",
        2: "barrier behind the clearing",
        3: "bound of the input",
        4: "atomic in shared memory",
        5: "barrier before the merge",
        6: "bound of the merge",
        7: "atomic in global memory",
    },
    "running_sums": {1: "bound of the load", 2: "barrier between warps", 3: "bound of the store"},
    "tree_sum": {
        1: "barrier behind the loads",
        2: "barrier of each level",
        3: "barrier before the next round",
        4: "bound of each level",
    },
    "turned_tiles": {1: "barrier behind the writes", 2: "barrier before the next writes"},
    "warp_exchange": {
        1: "warp barrier behind the writes",
        2: "warp barrier behind the reads",
        3: "warp barrier of the half warp",
        4: "lane missing in a mask",
    },
    "wide_sums": {1: "bound of vector accesses"},
    "local_digits": {1: "local element not set", 2: "index beyond a local array"},
    "bytes": {1: "bound of byte accesses", 2: "two threads on one byte"},
    "blocks": {1: "two blocks on one word"},
    "early_end": {1: "return before a barrier"},
    "endless": {1: "loop without end"},
}


def source_of(name: str) -> str:
    """The whole text of a kernel."""
    return _HEADER + SOURCES[name]


@functools.cache
def compiled(name: str, mutant: int = 0, target: str = DEFAULT_TARGET, *, option: str = "-lineinfo") -> bytes:
    """PTX of a kernel or of one of its mutants."""
    return compiled_source(source_of(name), name, target, f"-DMUTANT={mutant}", option)


@dataclass
class Bench:
    """One device with one stream, and arrays on it; ``option`` is for the compiler."""

    device: EmulatedDevice
    option: str = "-lineinfo"

    def __post_init__(self) -> None:
        self.stream = self.device.new_stream()

    def uploaded(self, array: np.ndarray):
        """Memory with an array's bytes."""
        pinned = self.device.allocate_pinned(array.nbytes)
        pinned[:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        memory = self.device.allocate(array.nbytes, self.stream)
        self.device.upload(memory, pinned, self.stream)
        self.stream.synchronize()
        return memory

    def empty(self, count: int, dtype: type[np.generic] = np.uint32):
        """Memory that nobody wrote."""
        return self.device.allocate(count * np.dtype(dtype).itemsize, self.stream)

    def zeros(self, count: int, dtype: type[np.generic] = np.uint32):
        """Memory of zeros."""
        memory = self.empty(count, dtype)
        self.device.fill(memory, 0, self.stream)
        return memory

    def downloaded(self, memory, dtype: type[np.generic] = np.uint32) -> np.ndarray:
        """What memory holds."""
        pinned = self.device.allocate_pinned(memory.size_bytes)
        self.device.download(pinned, memory, self.stream)
        self.stream.synchronize()
        return pinned.view(dtype).copy()

    def run(self, name: str, mutant: int, grid: Dim3, block: Dim3, arguments: list, shared_bytes: int = 0) -> None:
        """Launch a kernel and wait for it."""
        module = self.device.load(compiled(name, mutant, self.device.target, option=self.option))
        self.device.launch(module.kernel(name), grid, block, arguments, self.stream, shared_bytes=shared_bytes)
        self.stream.synchronize()


def _words(count: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 32, count, dtype=np.uint32)


def _histogram(bench: Bench, mutant: int) -> bool:
    values, n = _words(300), np.uint32(300)
    counts = bench.zeros(32)
    bench.run("histogram", mutant, (3, 1, 1), (128, 1, 1), [bench.uploaded(values), n, counts])
    return np.array_equal(bench.downloaded(counts), np.bincount(values & 31, minlength=32))


def _running_sums(bench: Bench, mutant: int) -> bool:
    values, sums = _words(100), bench.empty(100)
    bench.run("running_sums", mutant, (1, 1, 1), (128, 1, 1), [bench.uploaded(values), np.uint32(100), sums])
    return np.array_equal(bench.downloaded(sums), np.cumsum(values, dtype=np.uint32))


def _tree_sum(bench: Bench, mutant: int) -> bool:
    values, sums = _words(256), bench.empty(2)
    bench.run("tree_sum", mutant, (1, 1, 1), (128, 1, 1), [bench.uploaded(values), sums], 4 * 128)
    return np.array_equal(bench.downloaded(sums), values.reshape(2, 128).sum(axis=1, dtype=np.uint32))


def _turned_tiles(bench: Bench, mutant: int) -> bool:
    values, turned = _words(3 * 256), bench.empty(3 * 256)
    bench.run("turned_tiles", mutant, (1, 1, 1), (16, 16, 1), [bench.uploaded(values), turned])
    return np.array_equal(bench.downloaded(turned), values.reshape(3, 16, 16).swapaxes(1, 2).reshape(-1))


def _warp_exchange(bench: Bench, mutant: int) -> bool:
    values, out = _words(64), bench.empty(64)
    bench.run("warp_exchange", mutant, (1, 1, 1), (64, 1, 1), [bench.uploaded(values), out])
    t = np.arange(64)
    first = values[t ^ 1]
    second = np.where(t % 32 < 16, first + (first + 1)[t ^ 15], first).astype(np.uint32)
    votes = np.repeat((second.reshape(2, 32) & 1).sum(axis=1), 32)
    return np.array_equal(bench.downloaded(out), (second + votes + 31 * 16).astype(np.uint32))


def _wide_sums(bench: Bench, mutant: int) -> bool:
    left, right, out = _words(4 * 100), _words(4 * 100, 8), bench.empty(4 * 100)
    arguments = [bench.uploaded(left), bench.uploaded(right), np.uint32(100), out]
    bench.run("wide_sums", mutant, (2, 1, 1), (64, 1, 1), arguments)
    return np.array_equal(bench.downloaded(out), left + right)


def _local_digits(bench: Bench, mutant: int) -> bool:
    places, out = _words(32) & 7, bench.empty(32)
    bench.run("local_digits", mutant, (1, 1, 1), (32, 1, 1), [bench.uploaded(places), out])
    t = np.arange(32)
    wanted = ((places - t) & 7) ** 2 + ((7 - t) & 7) ** 2 + 2 * t
    return np.array_equal(bench.downloaded(out), wanted)


def _bytes(bench: Bench, mutant: int) -> bool:
    values, out = _words(64).astype(np.uint8)[:50], bench.empty(50, np.uint8)
    bench.run("bytes", mutant, (1, 1, 1), (64, 1, 1), [bench.uploaded(values), np.uint32(50), out])
    return np.array_equal(bench.downloaded(out, np.uint8), values + 1)


def _blocks(bench: Bench, mutant: int) -> bool:
    cells = bench.empty(5 * 32)
    bench.run("blocks", mutant, (4, 1, 1), (32, 1, 1), [cells])
    return np.array_equal(bench.downloaded(cells.view(0, 4 * 128)), np.arange(128))


def _early_end(bench: Bench, mutant: int) -> bool:
    out = bench.empty(40)
    bench.run("early_end", mutant, (1, 1, 1), (64, 1, 1), [np.uint32(40), out])
    return bool((bench.downloaded(out) == 40).all())


def _endless(bench: Bench, mutant: int) -> bool:
    bench.run("endless", mutant, (1, 1, 1), (1, 1, 1), [bench.zeros(1)])
    return True


RUNS: dict[str, Callable[[Bench, int], bool]] = {
    "histogram": _histogram,
    "running_sums": _running_sums,
    "tree_sum": _tree_sum,
    "turned_tiles": _turned_tiles,
    "warp_exchange": _warp_exchange,
    "wide_sums": _wide_sums,
    "local_digits": _local_digits,
    "bytes": _bytes,
    "blocks": _blocks,
    "early_end": _early_end,
    "endless": _endless,
}
"""Run a kernel or mutant on a bench; whether the result is right."""
