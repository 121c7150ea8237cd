// Multi-scalar multiplications over the same points, a batch of rows of scalars in one sequence of launches.
//
// Scalars are cut into windows of c bits with signed digits in [-2^(c-1), 2^(c-1)]. Window w belongs to bucket set
// w % sets and takes point w / sets of the point's table, 2^(c sets (w / sets)) times the point itself. Bucket numbers
// run over (row, set, magnitude - 1); an entry is twice a table index plus a sign. Entries are sorted by bucket
// (index_kernels.py), so that work can be cut into segments of equal length whatever the scalars are: see accumulate.
#include "curve.cuh"

// Two blocks a multiprocessor at least: all the registers that an addition needs. Left alone, ptxas aims at more blocks
// and spills some.
#define POINT_THREADS 128

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
