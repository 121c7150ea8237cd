// Operations on arrays of field elements. ELEMENT_FIELD is Fr; tests build the same text for Fp as well.
#include "field.cuh"

typedef Element<ELEMENT_FIELD> E;

CALLED E element_product(const E a, const E b) { return product(a, b); }
CALLED E element_squared(const E a) { return squared(a); }

// out[i] = left[i] op right[i & mask]: a mask of all ones pairs them, 2^k - 1 repeats 2^k elements, 0 takes a single one.
extern "C" __global__ void __launch_bounds__(128) multiply(
    const E *left, const E *right, const u64 mask, const u64 n, E *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = element_product(left[i], right[i & mask]);
}

extern "C" __global__ void __launch_bounds__(128) add(const E *left, const E *right, const u64 mask, const u64 n, E *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = left[i] + right[i & mask];
}

extern "C" __global__ void __launch_bounds__(128) subtract(
    const E *left, const E *right, const u64 mask, const u64 n, E *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = left[i] - right[i & mask];
}

extern "C" __global__ void __launch_bounds__(128) square(const E *values, const u64 n, E *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = element_squared(values[i]);
}

// out = a b - c, element for element; out may be any of them.
extern "C" __global__ void __launch_bounds__(128) multiply_subtract(
    const E *a, const E *b, const E *c, const u64 n, E *out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = element_product(a[i], b[i]) - c[i];
}

// A sparse matrix in compressed rows times `batch` vectors of `columns` elements. Results go to rows of `stride` elements,
// from a row's beginning. One thread a row of the matrix and a vector.
extern "C" __global__ void __launch_bounds__(128) sparse_product(
    const i64 *__restrict__ indptr, const i32 *__restrict__ indices, const E *__restrict__ coefficients, const u64 rows,
    const E *__restrict__ vectors, const u64 columns, const u64 batch, E *out, const u64 stride) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * batch) return;
  const u64 row = i % rows, vector = i / rows;
  E sum;
  set_zero(sum);
  for (i64 k = indptr[row]; k < indptr[row + 1]; k++)
    sum = sum + element_product(coefficients[k], vectors[vector * columns + indices[k]]);
  out[vector * stride + row] = sum;
}

// wrong[vector] = the least row with a b / R != c / R, of rows that are `stride` elements apart; left as it is (all ones)
// where every row holds. `one` is the integer 1, by which a product divides by R.
extern "C" __global__ void __launch_bounds__(128) check_rows(
    const E *a, const E *b, const E *c, const E *one, const u64 rows, const u64 stride, const u64 batch, u32 *wrong) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * batch) return;
  const u64 row = i % rows, vector = i / rows, at = vector * stride + row;
  const E difference = element_product(a[at], b[at]) - element_product(c[at], one[0]);
  if (!is_zero(difference)) atomicMin(&wrong[vector], (u32)row);
}

// Copies parts of rows: out[row][first_out + k] = in[row][first_in + k] for k below count.
extern "C" __global__ void __launch_bounds__(128) copy_columns(
    const E *in, const u64 in_stride, const u64 first_in, const u64 count, const u64 rows, E *out, const u64 out_stride,
    const u64 first_out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * count) return;
  const u64 row = i / count, k = i % count;
  out[row * out_stride + first_out + k] = in[row * in_stride + first_in + k];
}

// The same for columns that a list names: out[row][first_out + k] = in[row][columns[k]].
extern "C" __global__ void __launch_bounds__(128) gather_columns(
    const E *in, const u64 in_stride, const u32 *columns, const u64 count, const u64 rows, E *out, const u64 out_stride,
    const u64 first_out) {
  const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows * count) return;
  const u64 row = i / count, k = i % count;
  out[row * out_stride + first_out + k] = in[row * in_stride + columns[k]];
}
