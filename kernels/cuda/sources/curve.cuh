// Points of G1 or G2 on y^2 = x^3 + b: affine, all zero for infinity, and XYZZ (x = X / ZZ, y = Y / ZZZ,
// ZZ^3 = ZZZ^2, ZZ = 0 for infinity). Formulas: EFD, "madd-2008-s", "add-2008-s", "dbl-2008-s-1", "mdbl-2008-s-1".
//
// Products are calls. One body a kernel keeps the code within the instruction cache: in place, the products of an
// addition in G2 alone would fill it.
#pragma once
#include "field.cuh"

typedef Element<Fp> BaseElement;

CALLED BaseElement base_product(const BaseElement a, const BaseElement b) { return product(a, b); }
CALLED BaseElement base_squared(const BaseElement a) { return squared(a); }

DEVICE BaseElement operator*(const BaseElement &a, const BaseElement &b) { return base_product(a, b); }
DEVICE BaseElement square(const BaseElement &a) { return base_squared(a); }

// a^(p - 2), by bits from the highest: about 1.5 log2(p) products.
CALLED BaseElement inverse(const BaseElement a) {
  BaseElement r = a;
  for (int bit = Fp::BITS - 2; bit >= 0; bit--) {
    r = square(r);
    if (Fp::exponent_word(bit >> 5) >> (bit & 31) & 1) r = r * a;
  }
  return r;
}

// c0 + c1 u with u^2 = -1.
struct __align__(16) Fp2Element {
  BaseElement c0, c1;
};

DEVICE bool is_zero(const Fp2Element &a) { return is_zero(a.c0) && is_zero(a.c1); }
DEVICE void set_zero(Fp2Element &a) { set_zero(a.c0); set_zero(a.c1); }
DEVICE void set_one(Fp2Element &a) { set_one(a.c0); set_zero(a.c1); }
DEVICE Fp2Element operator+(const Fp2Element &a, const Fp2Element &b) { return {a.c0 + b.c0, a.c1 + b.c1}; }
DEVICE Fp2Element operator-(const Fp2Element &a, const Fp2Element &b) { return {a.c0 - b.c0, a.c1 - b.c1}; }
DEVICE Fp2Element doubled(const Fp2Element &a) { return a + a; }
DEVICE Fp2Element negated(const Fp2Element &a) { return {negated(a.c0), negated(a.c1)}; }

// Three products (Karatsuba). Operands go by address, which keeps the coordinates of points in G2 in local memory: an
// addition works on more of them than there are registers.
CALLED void fp2_product(const Fp2Element &a, const Fp2Element &b, Fp2Element &r) {
  const BaseElement low = a.c0 * b.c0, high = a.c1 * b.c1;
  const BaseElement cross = (a.c0 + a.c1) * (b.c0 + b.c1);
  r.c0 = low - high;
  r.c1 = cross - low - high;
}

// Two products: (c0 + c1)(c0 - c1) + 2 c0 c1 u.
CALLED void fp2_squared(const Fp2Element &a, Fp2Element &r) {
  const BaseElement cross = a.c0 * a.c1;
  r.c0 = (a.c0 + a.c1) * (a.c0 - a.c1);
  r.c1 = cross + cross;
}

DEVICE Fp2Element operator*(const Fp2Element &a, const Fp2Element &b) {
  Fp2Element r;
  fp2_product(a, b, r);
  return r;
}
DEVICE Fp2Element square(const Fp2Element &a) {
  Fp2Element r;
  fp2_squared(a, r);
  return r;
}

// Conjugate over the norm c0^2 + c1^2.
DEVICE Fp2Element inverse(const Fp2Element &a) {
  const BaseElement i = inverse(square(a.c0) + square(a.c1));
  return {a.c0 * i, negated(a.c1 * i)};
}

#if GROUP == 1
typedef BaseElement Coordinate;
#else
typedef Fp2Element Coordinate;
#endif

struct __align__(16) Affine {
  Coordinate x, y;
};

struct __align__(16) Xyzz {
  Coordinate x, y, zz, zzz;
};

DEVICE bool is_infinity(const Affine &p) { return is_zero(p.x) && is_zero(p.y); }
DEVICE bool is_infinity(const Xyzz &p) { return is_zero(p.zz); }

DEVICE void set_infinity(Xyzz &p) {
  set_zero(p.x);
  set_zero(p.y);
  set_zero(p.zz);
  set_zero(p.zzz);
}

// 2 (x, y) for an affine point; a point of order two has y = 0, which makes ZZ = 0.
DEVICE void set_doubled(Xyzz &r, const Coordinate &x, const Coordinate &y) {
  const Coordinate u = doubled(y), v = square(u), w = u * v, s = x * v, xx = square(x), m = doubled(xx) + xx;
  r.x = square(m) - doubled(s);
  r.y = m * (s - r.x) - w * y;
  r.zz = v;
  r.zzz = w;
}

// p = 2 p; infinity stays, for its ZZ is a factor of the new one.
CALLED void double_in_place(Xyzz &p) {
  const Coordinate zz = p.zz, zzz = p.zzz;
  set_doubled(p, p.x, p.y);
  p.zz = p.zz * zz;
  p.zzz = p.zzz * zzz;
}

// What an addition has left once P = U2 - U1 (not 0) and R = S2 - S1 are known; ZZ and ZZZ are then times PP and PPP.
DEVICE void finish_addition(
    Xyzz &acc, const Coordinate &u1, const Coordinate &s1, const Coordinate &p, const Coordinate &r) {
  const Coordinate pp = square(p), ppp = p * pp, q = u1 * pp;
  acc.zz = acc.zz * pp;
  acc.zzz = acc.zzz * ppp;
  acc.x = square(r) - ppp - doubled(q);
  acc.y = r * (q - acc.x) - s1 * ppp;
}

// acc += p, or acc -= p.
DEVICE void add_mixed(Xyzz &acc, const Affine &p, const bool negate) {
  if (is_infinity(p)) return;
  const Coordinate y = negate ? negated(p.y) : p.y;
  if (is_infinity(acc)) {
    acc.x = p.x;
    acc.y = y;
    set_one(acc.zz);
    set_one(acc.zzz);
    return;
  }
  const Coordinate pp = p.x * acc.zz - acc.x, r = y * acc.zzz - acc.y;
  if (is_zero(pp)) {
    if (is_zero(r)) set_doubled(acc, p.x, y);
    else set_infinity(acc);
    return;
  }
  finish_addition(acc, acc.x, acc.y, pp, r);
}

// The same as a call, for where speed matters less than registers.
CALLED void add_affine(Xyzz &acc, const Affine &p) { add_mixed(acc, p, false); }

// acc += b.
CALLED void add(Xyzz &acc, const Xyzz &b) {
  if (is_infinity(b)) return;
  if (is_infinity(acc)) {
    acc = b;
    return;
  }
  const Coordinate u1 = acc.x * b.zz, s1 = acc.y * b.zzz;
  const Coordinate p = b.x * acc.zz - u1, r = b.y * acc.zzz - s1;
  if (is_zero(p)) {
    if (is_zero(r)) double_in_place(acc);
    else set_infinity(acc);
    return;
  }
  acc.zz = acc.zz * b.zz;
  acc.zzz = acc.zzz * b.zzz;
  finish_addition(acc, u1, s1, p, r);
}

// One inversion: with i = 1 / ZZZ, ZZ i = 1 / Z and its square is 1 / ZZ.
CALLED void to_affine(Affine &r, const Xyzz &p) {
  if (is_infinity(p)) {
    set_zero(r.x);
    set_zero(r.y);
    return;
  }
  const Coordinate i = inverse(p.zzz);
  r.x = p.x * square(p.zz * i);
  r.y = p.y * i;
}
