// Multi-scalar multiplications over the same points, a batch of rows of scalars in one sequence of launches.
//
// Scalars are cut into windows of c bits with signed digits in [-2^(c-1), 2^(c-1)]. Window w belongs to bucket set
// w % sets and takes point w / sets of the point's table, 2^(c sets (w / sets)) times the point itself. Bucket numbers
// run over (row, set, magnitude - 1); an entry is twice a table index plus a sign. Entries are sorted by bucket, so
// that work can be cut into segments of equal length whatever the scalars are: see accumulate.
#include "curve.cuh"

// Two blocks a multiprocessor at least: all the registers that an addition needs. Left alone, ptxas aims at more blocks
// and spills some.
#define POINT_THREADS 128

struct Shape {
  u32 window_bits, windows, sets, buckets;  // buckets of one set: 2^(window_bits - 1)
};

// The digit of window w, given the carry into it; updates the carry. Positive and negative 2^(c-1) are both possible.
DEVICE i32 next_digit(const u32 *scalar, const Shape &shape, const u32 w, u32 &carry) {
  const u32 bit = w * shape.window_bits, word = bit >> 5, shift = bit & 31;
  u32 value = 0;
  if (word < 8) {
    const u32 low = scalar[word], high = word + 1 < 8 ? scalar[word + 1] : 0;
    value = __funnelshift_r(low, high, shift) & ((1u << shape.window_bits) - 1);
  }
  const i32 digit = (i32)(value + carry);
  carry = digit > (i32)shape.buckets;
  return carry ? digit - (i32)(2 * shape.buckets) : digit;
}

// counts[bucket] += entries of the bucket. One thread a scalar; scalars are u32[rows][n][8], standard form.
extern "C" __global__ void __launch_bounds__(256) count_digits(
    const u32 *__restrict__ scalars, const u32 n, const u64 total, const u32 window_bits, const u32 windows,
    const u32 sets, u32 *counts) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= total) return;
  const Shape shape = {window_bits, windows, sets, 1u << (window_bits - 1)};
  const u32 row = (u32)(i / n);
  u32 carry = 0;
  for (u32 w = 0; w < windows; w++) {
    const i32 digit = next_digit(scalars + 8 * i, shape, w, carry);
    if (digit != 0) atomicAdd(&counts[((u64)row * sets + w % sets) * shape.buckets + abs(digit) - 1], 1u);
  }
}

// Puts every entry into its bucket's range. cursors[bucket] begins as the start of the range and ends as its end; the
// order within a bucket is whatever the atomics make it, which no sum depends on. Tables are `stride` points apart.
extern "C" __global__ void __launch_bounds__(256) scatter_digits(
    const u32 *__restrict__ scalars, const u32 n, const u64 total, const u32 window_bits, const u32 windows,
    const u32 sets, const u32 stride, u32 *cursors, u32 *entries) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= total) return;
  const Shape shape = {window_bits, windows, sets, 1u << (window_bits - 1)};
  const u32 row = (u32)(i / n), point = (u32)(i % n);
  u32 carry = 0;
  for (u32 w = 0; w < windows; w++) {
    const i32 digit = next_digit(scalars + 8 * i, shape, w, carry);
    if (digit == 0) continue;
    const u32 at = atomicAdd(&cursors[((u64)row * sets + w % sets) * shape.buckets + abs(digit) - 1], 1u);
    entries[at] = (w / sets * stride + point) * 2 + (digit < 0);
  }
}

#define SCAN_THREADS 256
#define SCAN_ITEMS 8

// out = exclusive prefix sums of `in` within blocks of 2048, totals[block] = sum of the block. `out` may be `in`.
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) scan_blocks(const u32 *in, u32 *out, u32 *totals, const u64 n) {
  __shared__ u32 sums[SCAN_THREADS];
  const u32 t = threadIdx.x;
  const u64 first = ((u64)blockIdx.x * SCAN_THREADS + t) * SCAN_ITEMS;
  u32 items[SCAN_ITEMS], sum = 0;
#pragma unroll
  for (int k = 0; k < SCAN_ITEMS; k++) {
    items[k] = first + k < n ? in[first + k] : 0;
    sum += items[k];
  }
  sums[t] = sum;
  __syncthreads();
  for (u32 distance = 1; distance < SCAN_THREADS; distance *= 2) {
    const u32 left = t >= distance ? sums[t - distance] : 0;
    __syncthreads();
    sums[t] += left;
    __syncthreads();
  }
  u32 before = sums[t] - sum;
#pragma unroll
  for (int k = 0; k < SCAN_ITEMS; k++) {
    if (first + k < n) out[first + k] = before;
    before += items[k];
  }
  if (t == SCAN_THREADS - 1) totals[blockIdx.x] = before;
}

// out[i] += offsets[block of i].
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) add_offsets(u32 *out, const u32 *offsets, const u64 n) {
  const u64 first = (u64)blockIdx.x * (SCAN_THREADS * SCAN_ITEMS);
  const u32 offset = offsets[blockIdx.x];
#pragma unroll
  for (int k = 0; k < SCAN_ITEMS; k++) {
    const u64 i = first + k * SCAN_THREADS + threadIdx.x;
    if (i < n) out[i] += offset;
  }
}

// Level 0 holds the sorted entries: bucket b has [starts[b], starts[b + 1]). A segment is 2^l consecutive positions, the
// work of one thread, which adds what a bucket has there into
// - the bucket itself, if the bucket's range begins in the segment,
// - partials[segment] otherwise; at most one bucket of a segment began before it.
// So at the next level, where positions are segments, bucket b has left [floor(start / 2^l) + 1, ceil(end / 2^l)), which
// is empty for all that fit into one segment. Levels follow until one segment holds everything. Each bucket is touched by
// one thread a level, and no thread has more than 2^l additions and as many searches, whatever the scalars are.

// Ranges of a level: l0 bits of position were dropped by level 0 and l1 by every further level.
DEVICE u32 range_start(u32 start, const u32 level, const u32 l0, const u32 l1) {
  for (u32 k = 0; k < level; k++) start = (start >> (k ? l1 : l0)) + 1;
  return start;
}
DEVICE u32 range_end(u32 end, const u32 level, const u32 l0, const u32 l1) {
  for (u32 k = 0; k < level; k++) {
    const u32 l = k ? l1 : l0;
    end = (end >> l) + ((end & ((1u << l) - 1)) != 0);
  }
  return end;
}

// The first bucket from `from` on whose range at a level ends behind a position; `count` if there is none.
DEVICE u32 bucket_at(
    const u32 *starts, u32 from, const u32 count, const u32 position, const u32 level, const u32 l0, const u32 l1) {
  u32 to = count;
  while (from < to) {
    const u32 middle = from + (to - from) / 2;
    if (range_end(starts[middle + 1], level, l0, l1) > position) to = middle;
    else from = middle + 1;
  }
  return from;
}

// Level 0. Empty buckets are not written: they must be zero, which is infinity, beforehand.
extern "C" __global__ void __launch_bounds__(POINT_THREADS, 2) accumulate(
    const Affine *__restrict__ points, const u32 *__restrict__ entries, const u32 *__restrict__ starts,
    const u32 bucket_count, const u32 l0, Xyzz *buckets, Xyzz *partials) {
  const u64 segment = (u64)blockIdx.x * blockDim.x + threadIdx.x, total = starts[bucket_count];
  const u64 first = segment << l0;
  if (first >= total) return;
  const u32 last = (u32)(first + (1u << l0) < total ? first + (1u << l0) : total);
  u32 bucket = bucket_at(starts, 0, bucket_count, (u32)first, 0, l0, 0);
  u32 end = starts[bucket + 1];
  Xyzz sum;
  set_infinity(sum);
  for (u32 position = (u32)first; position < last; position++) {
    const u32 entry = entries[position];
    add_mixed(sum, points[entry >> 1], entry & 1);
    if (position + 1 != end && position + 1 != last) continue;
    if (starts[bucket] < first) partials[segment] = sum;
    else buckets[bucket] = sum;
    if (position + 1 == last) break;
    set_infinity(sum);
    bucket = bucket_at(starts, bucket + 1, bucket_count, position + 1, 0, l0, 0);
    end = starts[bucket + 1];
  }
}

// A further level: partials of the level before, `count` of them, into buckets and the next level's partials.
extern "C" __global__ void __launch_bounds__(POINT_THREADS, 2) merge_partials(
    const Xyzz *__restrict__ partials, const u32 *__restrict__ starts, const u32 bucket_count, const u32 level,
    const u32 l0, const u32 l1, Xyzz *buckets, Xyzz *next_partials) {
  const u64 segment = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  const u64 first = segment << l1, total = range_end(starts[bucket_count], level, l0, l1);
  if (first >= total) return;
  const u32 last = (u32)(first + (1u << l1) < total ? first + (1u << l1) : total);
  u32 bucket = bucket_at(starts, 0, bucket_count, (u32)first, level, l0, l1);
  Xyzz sum;
  set_infinity(sum);
  for (u32 position = (u32)first; position < last; position++) {
    if (bucket == bucket_count) break;
    // Ranges are computed again after the addition: they would not survive the call in registers.
    if (range_start(starts[bucket], level, l0, l1) <= position) add(sum, partials[position]);  // else nobody's place
    const u32 start = range_start(starts[bucket], level, l0, l1), end = range_end(starts[bucket + 1], level, l0, l1);
    if (position + 1 != end && position + 1 != last) continue;
    if (start < first) next_partials[segment] = sum;
    else if (start <= position) add(buckets[bucket], sum);
    set_infinity(sum);
    if (position + 1 == end) bucket = bucket_at(starts, bucket + 1, bucket_count, position + 1, level, l0, l1);
  }
}

// sums[slice] = sum over the slice's buckets of (magnitude) bucket: with S the plain sum and W the sum weighted by the
// place in the slice (from 1), that is W + (slice's first place) S. A slice is 2^slice_bits buckets of one set.
extern "C" __global__ void __launch_bounds__(POINT_THREADS, 2) sum_slices(
    const Xyzz *__restrict__ buckets, const u64 slices, const u32 slice_bits, const u32 slices_per_set_bits, Xyzz *sums) {
  const u64 slice = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (slice >= slices) return;
  const Xyzz *mine = buckets + (slice << slice_bits);
  Xyzz running, weighted;
  set_infinity(running);
  set_infinity(weighted);
  for (i32 k = (1 << slice_bits) - 1; k >= 0; k--) {
    add(running, mine[k]);
    add(weighted, running);
  }
  const u32 place = (u32)(slice & ((1u << slices_per_set_bits) - 1)) << slice_bits;
  Xyzz shifted;
  set_infinity(shifted);
  for (i32 bit = (i32)(slices_per_set_bits + slice_bits) - 1; bit >= 0; bit--) {
    double_in_place(shifted);
    if (place >> bit & 1) add(shifted, running);
  }
  add(weighted, shifted);
  sums[slice] = weighted;
}

#define ROW_THREADS 64

// out[row * stride] = sum of the row's `count` points; one block a row.
extern "C" __global__ void __launch_bounds__(ROW_THREADS, 2) sum_rows(
    const Xyzz *__restrict__ points, const u32 count, const u32 stride, Xyzz *out) {
  __shared__ Xyzz sums[ROW_THREADS];
  const u32 t = threadIdx.x;
  const Xyzz *mine = points + (u64)blockIdx.x * count;
  Xyzz sum;
  set_infinity(sum);
  for (u32 k = t; k < count; k += ROW_THREADS) add(sum, mine[k]);
  sums[t] = sum;
  __syncthreads();
  for (u32 distance = ROW_THREADS / 2; distance > 0; distance /= 2) {
    if (t < distance) {
      add(sum, sums[t + distance]);
      sums[t] = sum;
    }
    __syncthreads();
  }
  if (t == 0) out[(u64)blockIdx.x * stride] = sum;
}

// out[i] = 2^doublings points[i], affine: the next table.
extern "C" __global__ void __launch_bounds__(POINT_THREADS, 2) extend_table(
    const Affine *__restrict__ points, const u64 n, const u32 doublings, Affine *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const Affine point = points[i];
  Xyzz p;
  set_doubled(p, point.x, point.y);  // of infinity, (0, 0): infinity
  for (u32 k = 1; k < doublings; k++) double_in_place(p);
  to_affine(out[i], p);
}

// out[i] = scalars[i] points[i * step], XYZZ; step 0 multiplies one point.
extern "C" __global__ void __launch_bounds__(POINT_THREADS, 2) multiply_points(
    const Affine *__restrict__ points, const u32 *__restrict__ scalars, const u64 n, const u32 step, Xyzz *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const Affine point = points[i * step];
  Xyzz p;
  set_infinity(p);
  for (i32 word = 7; word >= 0; word--) {
    const u32 bits = scalars[8 * i + word];
    for (i32 bit = 31; bit >= 0; bit--) {
      double_in_place(p);
      if (bits >> bit & 1) add_affine(p, point);
    }
  }
  out[i] = p;
}

// out[i] = points[i], affine.
extern "C" __global__ void __launch_bounds__(POINT_THREADS, 2) normalize(const Xyzz *__restrict__ points, const u64 n, Affine *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) to_affine(out[i], points[i]);
}
