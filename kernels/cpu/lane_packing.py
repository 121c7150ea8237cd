"""One formula in eight lanes: its own products side by side, where nothing else could fill the lanes.

A formula of many products, such as one in Fp12, runs over symbols first. Each is a linear combination of operands and
products; products that do not wait for one another form a level. Then each level is emitted as vectors of at most
eight products: their factors are gathered by shuffles and sums of vectors, and one call makes all eight. An operand
or result in memory is one vector, its elements in lanes 0, 1, ..., with zeros behind them.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llvmlite import ir

from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_field import LaneField
from kernels.cpu.lane_points import LanePointSpec
from kernels.cpu.lane_vectors import LANES
from kernels.cpu.operation import QuadraticRing, call, operation
from kernels.curves import Curve
from kernels.formulas import quadratic
from kernels.formulas.quadratic import QuadraticElement
from kernels.formulas.weierstrass import times_small

Factor = tuple[int, int]
"""The small integer, or element a + b u of Z[u], that a term is multiplied by."""

Place = tuple[int, int]
"""A vector, by number, and a lane of it."""

_bounds: dict[str, tuple[int, int]] = {}
"""Limit and terms of the products that each function returns, by its symbol."""


@dataclass(frozen=True)
class PackedSpec:
    """Fp (degree 1) or Fp2 (degree 2) of a curve, packed; see :class:`kernels.cpu.operation.Spec`."""

    curve: Curve
    degree: Literal[1, 2]
    native: bool

    @property
    def inner(self) -> LanePointSpec:
        """The ring of the vectors."""
        return LanePointSpec(self.curve, self.degree, self.native)

    @property
    def name(self) -> str:
        """Part of the symbols of its operations."""
        return f"{self.inner.name}.packed"

    @property
    def words(self) -> int:
        """64-bit words of one vector."""
        return self.inner.words

    def emit(self, builder: ir.IRBuilder) -> PackedRing:
        """Bind the ring to a builder."""
        return PackedRing(self, builder)


@dataclass(frozen=True, eq=False)
class PackedElement:
    """A linear combination of operands' elements (numbers below 0) and products (from 0 on)."""

    ring: PackedRing
    terms: Mapping[int, Factor]

    def _combine(self, other: PackedElement, sign: int) -> PackedElement:
        terms = dict(self.terms)
        for key, (a, b) in other.terms.items():
            c, d = terms.get(key, (0, 0))
            terms[key] = (c + sign * a, d + sign * b)
        return PackedElement(self.ring, {key: factor for key, factor in terms.items() if factor != (0, 0)})

    def _times(self, factor: Factor) -> PackedElement:
        c, d = factor
        terms = {key: (a * c - b * d, a * d + b * c) for key, (a, b) in self.terms.items()}
        return PackedElement(self.ring, terms)

    def __add__(self, other: PackedElement) -> PackedElement:
        return self._combine(other, 1)

    def __sub__(self, other: PackedElement) -> PackedElement:
        return self._combine(other, -1)

    def __neg__(self) -> PackedElement:
        return self._times((-1, 0))

    def __mul__(self, other: PackedElement) -> PackedElement:
        return self.ring.product(self, other, real=False)

    def square(self) -> PackedElement:
        """Return the square."""
        return self * self

    def double(self) -> PackedElement:
        """Twice the element."""
        return self._times((2, 0))

    def scale(self, factor: PackedElement) -> PackedElement:
        """Product by an element of Fp."""
        return self.ring.product(self, factor, real=True)

    def times_xi(self) -> PackedElement:
        """Product by the sextic non-residue."""
        return self._times(self.ring.spec.curve.xi)


@dataclass(frozen=True)
class _Product:
    left: PackedElement
    right: PackedElement
    level: int
    kind: str


class PackedRing:
    """Records a formula's products, then emits them level by level."""

    def __init__(self, spec: PackedSpec, builder: ir.IRBuilder) -> None:
        self.spec = spec
        self.builder = builder
        self.words = spec.words
        self.inner: Any = spec.inner.emit(builder)
        self.base: LaneField = self.inner.base if isinstance(self.inner, QuadraticRing) else self.inner
        self._operands: list[ir.Value] = []
        self._products: list[_Product] = []

    def load(self, pointer: ir.Value) -> tuple[PackedElement, ...]:
        """Name the eight elements of an operand."""
        self._operands.append(pointer)
        first = -LANES * len(self._operands)
        return tuple(PackedElement(self, {first + lane: (1, 0)}) for lane in range(LANES))

    def product(self, left: PackedElement, right: PackedElement, *, real: bool) -> PackedElement:
        """Record a product."""
        keys = [*left.terms, *right.terms]
        level = 1 + max((self._products[key].level for key in keys if key >= 0), default=0)
        kind = "square" if left.terms == right.terms else "scale" if real else "multiply"
        self._products.append(_Product(left, right, level, kind))
        return PackedElement(self, {len(self._products) - 1: (1, 0)})

    def store(self, elements: Sequence[PackedElement], pointer: ir.Value) -> None:
        """Emit the recorded products, then write the elements that depend on them, reduced below 2p."""
        vectors: list[tuple[ir.Value, int, int]] = []  # pointer, limit, terms
        places: dict[int, Place] = {}
        for number, operand in enumerate(self._operands):
            vectors.append((operand, self.base.memory_limit, 1))
            places |= {-LANES * (number + 1) + lane: (number, lane) for lane in range(LANES)}
        for group in self._groups():
            factors = [self._gather([self._products[key].left for key in group], vectors, places)]
            kinds = {self._products[key].kind for key in group}
            if kinds != {"square"}:
                factors.append(self._gather([self._products[key].right for key in group], vectors, places))
            kind = kinds.pop() if len(kinds) == 1 else "multiply"
            places |= {key: (len(vectors), lane) for lane, key in enumerate(group)}
            vectors.append(self._call(kind, factors))
        self.inner.store(self._gather(elements, vectors, places), pointer)

    def _groups(self) -> list[list[int]]:
        """Products that share a vector: of one level, and, of a field's extension, those by scalars apart."""
        groups: dict[tuple[int, bool], list[int]] = {}
        for key, product in enumerate(self._products):
            groups.setdefault((product.level, product.kind == "scale"), []).append(key)
        out = []
        for _, keys in sorted(groups.items()):
            # Squares last, for vectors of nothing else; vectors of about equal size, for aligned shuffles.
            ordered = sorted(keys, key=lambda key: self._products[key].kind == "square")
            size = -(-len(keys) // -(-len(keys) // LANES))
            out += [ordered[i : i + size] for i in range(0, len(keys), size)]
        return out

    def _gather(
        self, elements: Sequence[PackedElement], vectors: list[tuple[ir.Value, int, int]], places: dict[int, Place]
    ) -> Any:
        """Emit a vector of linear combinations."""
        wanted: dict[tuple[Factor, bool], list[list[Place]]] = {}
        for lane, element in enumerate(elements):
            for key, factor in element.terms.items():
                negative = factor < (0, 0)
                positive = (-factor[0], -factor[1]) if negative else factor
                lanes = wanted.setdefault((positive, negative), [[] for _ in range(LANES)])
                lanes[lane].append(places[key])
        total: Any = None
        for factor, negative in sorted(wanted, key=lambda key: key[1]):  # sums first, then differences
            shuffled = [self._shuffle(chosen, vectors) for chosen in _rounds(wanted[factor, negative])]
            part = self._multiple(functools.reduce(lambda a, b: a + b, shuffled), factor)
            signed = -part if negative and total is None else part
            total = signed if total is None else total - part if negative else total + part
        if total is None:
            raise ValueError("a packed formula must not give constants")
        return total

    def _shuffle(self, chosen: Sequence[Place | None], vectors: list[tuple[ir.Value, int, int]]) -> Any:
        used = sorted({place[0] for place in chosen if place})
        order = [-1 if place is None else LANES * (place[0] != used[0]) + place[1] for place in chosen]
        first, second = self._parts(*vectors[used[0]]), self._parts(*vectors[used[-1]])
        parts = [self.base.shuffle(x, y, order) for x, y in zip(first, second, strict=True)]
        return parts[0] if self.spec.degree == 1 else QuadraticElement(parts[0], parts[1])

    def _parts(self, pointer: ir.Value, limit: int, terms: int) -> list[LaneElement]:
        base, parts = self.base, []
        for part in range(self.spec.degree):
            limbs = base.load(self.builder.gep(pointer, [ir.IntType(64)(part * base.words)])).limbs
            parts.append(LaneElement(base, limbs, limit, terms))
        return parts

    def _multiple(self, element: Any, factor: Factor) -> Any:
        a, b = factor
        if b == 0:
            return times_small(element, a) if a > 1 else element
        low, high = (_times(element.c0, a), _times(element.c1, a)) if a else (None, None)
        u_low, u_high = _times(element.c1, b), _times(element.c0, b)
        return QuadraticElement(-u_low if low is None else low - u_low, u_high if high is None else high + u_high)

    def _call(self, kind: str, factors: Sequence[Any]) -> tuple[ir.Value, int, int]:
        """Multiply vectors by a function of the module; factors are carried, and below a limit all share."""
        builder, spec, limit = self.builder, self.spec, self._factor_limit()
        pointers = [self._room() for _ in range(len(factors) + 1)]
        for pointer, factor in zip(pointers[1:], factors, strict=True):
            for number, part in enumerate(_coordinates(factor)):
                place = builder.gep(pointer, [ir.IntType(64)(number * self.base.words)])
                self.base.store_limbs(part.reduced(limit).normal(), place)
        formulas: dict[str, Callable[..., Any]] = {
            "multiply": quadratic.multiply,
            "square": quadratic.square,
            "scale": _scale_lanes if spec.degree > 1 else quadratic.multiply,
        }
        formula = formulas[kind]
        name = f"{spec.name}.{formula.__module__}.{formula.__qualname__}"

        def emit(builder: ir.IRBuilder, arguments: Sequence[ir.Value]) -> None:
            ring = PackedRing(spec, builder)
            loaded = []
            for argument in arguments[1:]:
                parts = ring._parts(argument, limit, 1)
                loaded.append(parts[0] if spec.degree == 1 else QuadraticElement(parts[0], parts[1]))
            product = _coordinates(formula(*loaded))
            for number, part in enumerate(product):
                place = builder.gep(arguments[0], [ir.IntType(64)(number * ring.base.words)])
                ring.base.store_limbs(part.limbs, place)
            _bounds[name] = max(part.limit for part in product), max(part.terms for part in product)

        call(spec.name, formula, emit, builder, pointers)
        return pointers[0], *_bounds[name]

    def _factor_limit(self) -> int:
        """The largest 2^k p at which even the sums inside a product in Fp2 need no reduction: (2L)^2 / R <= p / 2."""
        p = self.base.modulus
        spare = (self.base.R // (8 * p)).bit_length() - 1
        return max(p << (spare // 2), 2 * p)

    def _room(self) -> ir.Value:
        with self.builder.goto_entry_block():
            room = self.builder.alloca(ir.IntType(64), self.words)
            room.align = 8 * LANES
        return room


def _rounds(lanes: list[list[Place]]) -> list[list[Place | None]]:
    """Split the places that each lane sums into few shuffles of at most two vectors."""
    rounds = []
    left = [list(places) for places in lanes]
    while any(left):
        chosen: list[Place | None] = [None] * LANES
        for _ in range(2):
            open_lanes = [lane for lane in range(LANES) if chosen[lane] is None and left[lane]]
            counts = Counter(vector for lane in open_lanes for vector in {place[0] for place in left[lane]})
            if not counts:
                break
            vector = max(counts, key=lambda v: (counts[v], -v))
            for lane in open_lanes:
                place = next((place for place in left[lane] if place[0] == vector), None)
                if place is not None:
                    chosen[lane] = place
                    left[lane].remove(place)
        rounds.append(chosen)
    return rounds


def _times(element: LaneElement, factor: int) -> LaneElement:
    multiple: LaneElement = times_small(element, abs(factor))
    return -multiple if factor < 0 else multiple


def _scale_lanes(a: QuadraticElement, b: QuadraticElement) -> QuadraticElement:
    """Product by elements of Fp."""
    return a.scale(b.c0)


def _coordinates(element: Any) -> list[LaneElement]:
    return [element] if isinstance(element, LaneElement) else [element.c0, element.c1]


def packed_operation(spec: PackedSpec, formula: Callable[..., Any], inputs: Sequence[int], outputs: int) -> Any:
    """Make the intrinsic of a formula, as :func:`kernels.cpu.operation.operation` does, over packed vectors.

    Parameters
    ----------
    inputs
        Elements of each operand, one vector each.
    outputs
        Elements of the result, one vector. None of them may be an operand's element as it is or constant zero.
    """

    @functools.wraps(formula)
    def over_vectors(*vectors: tuple[PackedElement, ...]) -> Sequence[PackedElement]:
        operands = [v[0] if n == 1 else v[:n] for v, n in zip(vectors, inputs, strict=True)]
        result = formula(*operands)
        return [result] if outputs == 1 else list(result)

    return operation(spec, over_vectors, [1] * len(inputs), 1, outline=True)
