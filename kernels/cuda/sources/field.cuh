// A prime field in Montgomery form, R = 2^(32 N), N even; every value below the modulus p, and 2 p below R.
//
// The product interleaves N rows of a b_i with N rows of p m_i. Products of even limbs a_j and of odd limbs go to two
// accumulators, the second one limb up, so that the low and high half of every product meet consecutive words of one
// carry chain (and become one wide multiply-add). After a row the lowest word is 0: dropping it turns the odd
// accumulator into the even one, and the rest of the even one, two words down, into the odd one.
//
// Bound: with P the value of both accumulators before a row, P + a b_i + p m_i < 2^32 (a + p) whenever P < a + p. So the
// value after a row is below a + p < 2^(32 N), and no chain carries out of its accumulator's word N - 1.
#pragma once
#include "carry.cuh"

template <class F>
struct __align__(16) Element {
  typedef F Field;
  u32 limb[F::N];
};

template <class F>
DEVICE bool is_zero(const Element<F> &a) {
  u32 any = 0;
#pragma unroll
  for (int i = 0; i < F::N; i++) any |= a.limb[i];
  return any == 0;
}

template <class F>
DEVICE void set_zero(Element<F> &a) {
#pragma unroll
  for (int i = 0; i < F::N; i++) a.limb[i] = 0;
}

template <class F>
DEVICE void set_one(Element<F> &a) {
#pragma unroll
  for (int i = 0; i < F::N; i++) a.limb[i] = F::one(i);
}

// a - p if a >= p, else a; a < 2 p < 2^(32 N).
template <class F>
DEVICE Element<F> reduced_once(const Element<F> &a) {
  Element<F> r;
  r.limb[0] = sub_cc(a.limb[0], F::modulus(0));
#pragma unroll
  for (int i = 1; i < F::N; i++) r.limb[i] = subc_cc(a.limb[i], F::modulus(i));
  const u32 borrow = subc(0, 0);
#pragma unroll
  for (int i = 0; i < F::N; i++) r.limb[i] = borrow ? a.limb[i] : r.limb[i];
  return r;
}

template <class F>
DEVICE Element<F> operator+(const Element<F> &a, const Element<F> &b) {
  Element<F> r;
  r.limb[0] = add_cc(a.limb[0], b.limb[0]);
#pragma unroll
  for (int i = 1; i < F::N - 1; i++) r.limb[i] = addc_cc(a.limb[i], b.limb[i]);
  r.limb[F::N - 1] = addc(a.limb[F::N - 1], b.limb[F::N - 1]);
  return reduced_once(r);
}

template <class F>
DEVICE Element<F> operator-(const Element<F> &a, const Element<F> &b) {
  Element<F> r;
  r.limb[0] = sub_cc(a.limb[0], b.limb[0]);
#pragma unroll
  for (int i = 1; i < F::N; i++) r.limb[i] = subc_cc(a.limb[i], b.limb[i]);
  const u32 borrow = subc(0, 0);  // 0 or all ones: adds p back where the difference was negative
  r.limb[0] = add_cc(r.limb[0], F::modulus(0) & borrow);
#pragma unroll
  for (int i = 1; i < F::N - 1; i++) r.limb[i] = addc_cc(r.limb[i], F::modulus(i) & borrow);
  r.limb[F::N - 1] = addc(r.limb[F::N - 1], F::modulus(F::N - 1) & borrow);
  return r;
}

template <class F>
DEVICE Element<F> doubled(const Element<F> &a) {
  return a + a;
}

// -a, which is 0 for 0.
template <class F>
DEVICE Element<F> negated(const Element<F> &a) {
  Element<F> zero;
  set_zero(zero);
  return zero - a;
}

template <class F>
DEVICE void add_even_modulus_multiple(u32 *even, u32 *odd, const u32 m) {
  even[0] = mad_lo_cc(F::modulus(0), m, even[0]);
  even[1] = madc_hi_cc(F::modulus(0), m, even[1]);
#pragma unroll
  for (int j = 2; j < F::N; j += 2) {
    even[j] = madc_lo_cc(F::modulus(j), m, even[j]);
    even[j + 1] = madc_hi_cc(F::modulus(j), m, even[j + 1]);
  }
  odd[F::N - 1] = addc(odd[F::N - 1], 0);
}

// even += p_even m, odd += p_odd m, m chosen to make the lowest word 0; the carry of the even chain goes to odd's top.
template <class F>
DEVICE void add_modulus_multiple(u32 *even, u32 *odd) {
  const u32 m = mul_lo(even[0], F::negated_inverse());
  odd[0] = mad_lo_cc(F::modulus(1), m, odd[0]);
  odd[1] = madc_hi_cc(F::modulus(1), m, odd[1]);
#pragma unroll
  for (int j = 2; j < F::N; j += 2) {
    odd[j] = madc_lo_cc(F::modulus(j + 1), m, odd[j]);
    odd[j + 1] = j + 2 < F::N ? madc_hi_cc(F::modulus(j + 1), m, odd[j + 1]) : madc_hi(F::modulus(j + 1), m, odd[j + 1]);
  }
  add_even_modulus_multiple<F>(even, odd, m);
}

// One row after the first. `even` comes in as the last row's odd accumulator, `odd` as its even one, not yet moved down.
template <class F>
DEVICE void add_row(u32 *even, u32 *odd, const u32 *a, u32 b) {
  even[0] = add_cc(even[0], odd[1]);
#pragma unroll
  for (int j = 0; j + 2 < F::N; j += 2) {
    odd[j] = madc_lo_cc(a[j + 1], b, odd[j + 2]);
    odd[j + 1] = madc_hi_cc(a[j + 1], b, odd[j + 3]);
  }
  odd[F::N - 2] = madc_lo_cc(a[F::N - 1], b, 0);
  odd[F::N - 1] = madc_hi(a[F::N - 1], b, 0);
  even[0] = mad_lo_cc(a[0], b, even[0]);
  even[1] = madc_hi_cc(a[0], b, even[1]);
#pragma unroll
  for (int j = 2; j < F::N; j += 2) {
    even[j] = madc_lo_cc(a[j], b, even[j]);
    even[j + 1] = madc_hi_cc(a[j], b, even[j + 1]);
  }
  odd[F::N - 1] = addc(odd[F::N - 1], 0);
  add_modulus_multiple<F>(even, odd);
}

// The value of both accumulators after the last row, whose even one has not been moved down: below 2 p.
template <class F>
DEVICE Element<F> merged(const u32 *even, const u32 *odd) {
  Element<F> r;
  r.limb[0] = add_cc(odd[0], even[1]);
#pragma unroll
  for (int i = 1; i < F::N - 1; i++) r.limb[i] = addc_cc(odd[i], even[i + 1]);
  r.limb[F::N - 1] = addc(odd[F::N - 1], 0);
  return r;
}

// a b / R mod p.
template <class F>
DEVICE Element<F> product(const Element<F> &a, const Element<F> &b) {
  u32 even[F::N], odd[F::N];
#pragma unroll
  for (int j = 0; j < F::N; j += 2) {
    even[j] = mul_lo(a.limb[j], b.limb[0]);
    even[j + 1] = mul_hi(a.limb[j], b.limb[0]);
    odd[j] = mul_lo(a.limb[j + 1], b.limb[0]);
    odd[j + 1] = mul_hi(a.limb[j + 1], b.limb[0]);
  }
  add_modulus_multiple<F>(even, odd);
#pragma unroll
  for (int i = 1; i < F::N; i += 2) {
    add_row<F>(odd, even, a.limb, b.limb[i]);
    if (i + 1 < F::N) add_row<F>(even, odd, a.limb, b.limb[i + 1]);
  }
  return reduced_once(merged<F>(odd, even));
}

// A row without a product: moves down by a word (see add_row) and clears the new lowest one. The carry of the sum that
// m is made from enters the odd chain; the multiplication between does not touch the flag.
template <class F>
DEVICE void reduce_row(u32 *even, u32 *odd) {
  even[0] = add_cc(even[0], odd[1]);
  const u32 m = mul_lo(even[0], F::negated_inverse());
#pragma unroll
  for (int j = 0; j + 2 < F::N; j += 2) {
    odd[j] = madc_lo_cc(F::modulus(j + 1), m, odd[j + 2]);
    odd[j + 1] = madc_hi_cc(F::modulus(j + 1), m, odd[j + 3]);
  }
  odd[F::N - 2] = madc_lo_cc(F::modulus(F::N - 1), m, 0);
  odd[F::N - 1] = madc_hi(F::modulus(F::N - 1), m, 0);
  add_even_modulus_multiple<F>(even, odd, m);
}

// a^2 / R mod p: the N (N - 1) / 2 mixed products once, doubled, then the squares, then the reduction alone.
template <class F>
DEVICE Element<F> squared(const Element<F> &a) {
  const int N = F::N;
  const u32 *x = a.limb;
  // even[k] has weight k, odd[k] weight k + 1; products x_i x_j with i < j by the parity of i + j.
  u32 even[2 * N], odd[2 * N];
#pragma unroll
  for (int k = 0; k < 2 * N; k++) even[k] = odd[k] = 0;
#pragma unroll
  for (int i = 0; i < N - 1; i++) {
    if (i + 1 < N) {  // j = i + 1, i + 3, ...: odd weights i + j, so words i + j - 1 of odd
      int k = 2 * i;
      odd[k] = mad_lo_cc(x[i], x[i + 1], odd[k]);
      odd[k + 1] = madc_hi_cc(x[i], x[i + 1], odd[k + 1]);
#pragma unroll
      for (int j = i + 3; j < N; j += 2) {
        k = i + j - 1;
        odd[k] = madc_lo_cc(x[i], x[j], odd[k]);
        odd[k + 1] = madc_hi_cc(x[i], x[j], odd[k + 1]);
      }
      odd[k + 2] = addc(odd[k + 2], 0);
    }
    if (i + 2 < N) {  // j = i + 2, i + 4, ...: even weights i + j
      int k = 2 * i + 2;
      even[k] = mad_lo_cc(x[i], x[i + 2], even[k]);
      even[k + 1] = madc_hi_cc(x[i], x[i + 2], even[k + 1]);
#pragma unroll
      for (int j = i + 4; j < N; j += 2) {
        k = i + j;
        even[k] = madc_lo_cc(x[i], x[j], even[k]);
        even[k + 1] = madc_hi_cc(x[i], x[j], even[k + 1]);
      }
      even[k + 2] = addc(even[k + 2], 0);
    }
  }
  // even + 2^32 odd, doubled by a shift, plus the squares x_i^2 at weight 2 i.
  even[1] = add_cc(even[1], odd[0]);
#pragma unroll
  for (int k = 2; k < 2 * N - 1; k++) even[k] = addc_cc(even[k], odd[k - 1]);
  even[2 * N - 1] = addc(even[2 * N - 1], odd[2 * N - 2]);
#pragma unroll
  for (int k = 2 * N - 1; k > 0; k--) even[k] = __funnelshift_l(even[k - 1], even[k], 1);
  even[0] = 0;
  even[0] = mad_lo_cc(x[0], x[0], even[0]);
  even[1] = madc_hi_cc(x[0], x[0], even[1]);
#pragma unroll
  for (int i = 1; i < N; i++) {
    even[2 * i] = madc_lo_cc(x[i], x[i], even[2 * i]);
    even[2 * i + 1] = i + 1 < N ? madc_hi_cc(x[i], x[i], even[2 * i + 1]) : madc_hi(x[i], x[i], even[2 * i + 1]);
  }
  // Reduce the low half; the high half is below p^2 / R < p, and so is what the low half leaves: their sum is below 2 p.
  u32 low[N], carried[N];
#pragma unroll
  for (int k = 0; k < N; k++) { low[k] = even[k]; carried[k] = 0; }
  add_modulus_multiple<F>(low, carried);
#pragma unroll
  for (int i = 1; i < N; i += 2) {
    reduce_row<F>(carried, low);
    if (i + 1 < N) reduce_row<F>(low, carried);
  }
  Element<F> r = merged<F>(carried, low);
  r.limb[0] = add_cc(r.limb[0], even[N]);
#pragma unroll
  for (int k = 1; k < N - 1; k++) r.limb[k] = addc_cc(r.limb[k], even[N + k]);
  r.limb[N - 1] = addc(r.limb[N - 1], even[2 * N - 1]);
  return reduced_once(r);
}
