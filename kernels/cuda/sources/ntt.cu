// Number-theoretic transforms of a batch of rows of 2^log2_n elements of Fr, in place.
//
// transform_down takes natural order to bit-reversed order (decimation in frequency), transform_up the way back
// (decimation in time). A pass does `levels` consecutive radix-2 levels in shared memory: those whose butterflies join
// elements that differ in index bits low to low + levels - 1. A block holds 2^(levels + columns_log2) elements, all values
// of these bits times 2^columns_log2 neighbours, so that it reads whole stretches of memory.
#include "field.cuh"

typedef Element<Fr> E;

#define TILE 1024
#define TILE_THREADS 256

CALLED E scalar_product(const E a, const E b) { return product(a, b); }

// Word-major, so that neighbouring threads use neighbouring banks.
DEVICE E tile_load(const u32 *tile, const u32 at) {
  E r;
#pragma unroll
  for (int k = 0; k < E::Field::N; k++) r.limb[k] = tile[k * TILE + at];
  return r;
}
DEVICE void tile_store(u32 *tile, const u32 at, const E &value) {
#pragma unroll
  for (int k = 0; k < E::Field::N; k++) tile[k * TILE + at] = value.limb[k];
}

struct Pass {
  u32 log2_n, low, levels, columns_log2;
  u64 base;    // of the block's elements
  u64 offset;  // what the block adds to an index below 2^low
};

DEVICE Pass pass_of_block(const u32 log2_n, const u32 low, const u32 levels, const u32 columns_log2) {
  const u64 block = blockIdx.x;
  const u32 middle_bits = low - columns_log2;
  const u64 middle = block & ((1ull << middle_bits) - 1), high = block >> middle_bits;
  const u64 offset = middle << columns_log2;
  return {log2_n, low, levels, columns_log2, (high << (low + levels)) + offset, offset};
}

DEVICE u64 index_of(const Pass &pass, const u32 at) {
  const u32 columns = (1u << pass.columns_log2) - 1;
  return pass.base + ((u64)(at >> pass.columns_log2) << pass.low) + (at & columns);
}

// The butterfly of a thread at a level: its first place in the tile, the distance to the second, and its twiddle.
DEVICE u64 butterfly(const Pass &pass, const u32 number, const u32 level, u32 &first, u32 &distance) {
  const u32 column = number & ((1u << pass.columns_log2) - 1), k = number >> pass.columns_log2;
  const u32 inner = k & ((1u << level) - 1), row = (k >> level << (level + 1)) | inner;
  first = (row << pass.columns_log2) | column;
  distance = 1u << (level + pass.columns_log2);
  const u64 place = ((u64)inner << pass.low) + pass.offset + column;
  return place << (pass.log2_n - 1 - pass.low - level);
}

// Rows follow each other, so a block's number holds its row as well. twiddles[i] = w^i for i < n / 2.
//
// At the highest level of a pass butterfly `number` joins the places `number` and `number + size / 2`. So where the threads
// of a block divide size / 2, as the launch code has it, a thread's butterflies are there on places that it alone copies
// between memory and tile: no barrier stands before the first level down, and none behind the last level up.
extern "C" __global__ void __launch_bounds__(TILE_THREADS) transform_down(
    E *values, const E *__restrict__ twiddles, const u32 log2_n, const u32 low, const u32 levels, const u32 columns_log2) {
  __shared__ u32 tile[E::Field::N * TILE];
  const Pass pass = pass_of_block(log2_n, low, levels, columns_log2);
  const u32 size = 1u << (levels + columns_log2);
  for (u32 at = threadIdx.x; at < size; at += blockDim.x) tile_store(tile, at, values[index_of(pass, at)]);
  for (i32 level = (i32)levels - 1; level >= 0; level--) {
    for (u32 number = threadIdx.x; number < size / 2; number += blockDim.x) {
      u32 first, distance;
      const u64 twiddle = butterfly(pass, number, level, first, distance);
      const E u = tile_load(tile, first), v = tile_load(tile, first + distance);
      tile_store(tile, first, u + v);
      tile_store(tile, first + distance, scalar_product(u - v, twiddles[twiddle]));
    }
    __syncthreads();
  }
  for (u32 at = threadIdx.x; at < size; at += blockDim.x) values[index_of(pass, at)] = tile_load(tile, at);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) transform_up(
    E *values, const E *__restrict__ twiddles, const u32 log2_n, const u32 low, const u32 levels, const u32 columns_log2) {
  __shared__ u32 tile[E::Field::N * TILE];
  const Pass pass = pass_of_block(log2_n, low, levels, columns_log2);
  const u32 size = 1u << (levels + columns_log2);
  for (u32 at = threadIdx.x; at < size; at += blockDim.x) tile_store(tile, at, values[index_of(pass, at)]);
  for (u32 level = 0; level < levels; level++) {
    __syncthreads();
    for (u32 number = threadIdx.x; number < size / 2; number += blockDim.x) {
      u32 first, distance;
      const u64 twiddle = butterfly(pass, number, level, first, distance);
      const E u = tile_load(tile, first), v = scalar_product(tile_load(tile, first + distance), twiddles[twiddle]);
      tile_store(tile, first, u + v);
      tile_store(tile, first + distance, u - v);
    }
  }
  for (u32 at = threadIdx.x; at < size; at += blockDim.x) values[index_of(pass, at)] = tile_load(tile, at);
}

// out[row][i] = in[row][i with its log2_n bits reversed], times factors[i & mask]; `out` is not `in`.
extern "C" __global__ void __launch_bounds__(128) permute_and_scale(
    const E *in, const E *__restrict__ factors, const u64 mask, const u32 log2_n, const u64 total, E *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= total) return;
  const u64 row = i >> log2_n, place = i & ((1ull << log2_n) - 1);
  const u64 reversed = log2_n ? __brevll(place) >> (64 - log2_n) : 0;
  out[i] = scalar_product(in[(row << log2_n) + reversed], factors[place & mask]);
}
