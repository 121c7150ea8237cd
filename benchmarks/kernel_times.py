"""Time the kernels on one thread, beside arkworks (``py_arkworks_bls12381``) in the same run.

Prints a table of medians with their spread (half the interquartile range) and the ratio peer / ours; ``--json FILE``
also writes the figures with machine and versions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import py_arkworks_bls12381 as arkworks
from numba import types

from kernels import BLS12_381, BN254, Curve, Group, PrimeField, get_backend, limbs_from_ints, points_from_ints
from kernels.cpu.compilation import U64, U64_OUT, KernelSet
from kernels.cpu.operation import RingSpec, operation

RNG = random.Random(1)  # noqa: S311 - the same operands in every run
BACKEND = get_backend()


def field_multiplication(field: PrimeField) -> Callable[[], int]:
    """A call that makes a returned number of independent in-cache products."""
    kernels = KernelSet(f"benchmark.{field.name}")
    multiply = operation(RingSpec(field), lambda a, b: a * b, (1, 1), 1)
    repetitions, n = 5_000, 16

    @kernels.kernel(U64, U64, types.int64, types.int64, U64_OUT)
    def products(left: Any, right: Any, n: int, repetitions: int, out: Any) -> None:  # noqa: ANN401
        for _ in range(repetitions):
            for i in range(n):
                multiply(out, i, left, i, right, i)

    left, right = (
        limbs_from_ints([RNG.randrange(field.modulus) for _ in range(n)], field.limbs).reshape(-1) for _ in range(2)
    )
    out = np.empty_like(left)

    def run() -> int:
        products(left, right, n, repetitions, out)
        return n * repetitions

    return run


def scalars(curve: Curve, n: int) -> list[int]:
    """Uniform scalars."""
    return [RNG.randrange(curve.fr.modulus) for _ in range(n)]


def msm(curve: Curve, group: Group, log2_n: int) -> Callable[[], int]:
    """A call that makes one MSM over distinct bases."""
    n = 1 << log2_n
    generator = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
    bases = BACKEND.load_bases(
        curve, group, BACKEND.multiply_base(curve, group, generator, limbs_from_ints(scalars(curve, n), 4))
    )
    vector = limbs_from_ints(scalars(curve, n), 4)

    def run() -> int:
        BACKEND.msm(bases, vector)
        return 1

    return run


def arkworks_msm(group: Group, log2_n: int) -> Callable[[], int]:
    """The same by arkworks."""
    n = 1 << log2_n
    kind = arkworks.G1Point if group == "g1" else arkworks.G2Point
    few = [kind() * arkworks.Scalar(RNG.randrange(1, 2**64)) for _ in range(min(n, 256))]
    bases = few * (n // len(few))
    vector = [arkworks.Scalar(value) for value in scalars(BLS12_381, n)]

    def run() -> int:
        kind.multiexp_unchecked(bases, vector)
        return 1

    return run


def transform(curve: Curve, log2_n: int) -> Callable[[], int]:
    """A call that makes one NTT."""
    values = limbs_from_ints(scalars(curve, 1 << log2_n), 4)

    def run() -> int:
        BACKEND.ntt(curve, values)
        return 1

    return run


def pairing_product(curve: Curve, n: int) -> Callable[[], int]:
    """A call that checks a product of n pairings."""
    g1 = np.repeat(points_from_ints(curve, "g1", [curve.g1_generator]), n, axis=0)
    g2 = np.repeat(points_from_ints(curve, "g2", [curve.g2_generator]), n, axis=0)

    def run() -> int:
        BACKEND.pairing_product_is_one(curve, g1, g2)
        return 1

    return run


def arkworks_pairing_product(n: int) -> Callable[[], int]:
    """The same by arkworks."""
    g1, g2 = [arkworks.G1Point()] * n, [arkworks.G2Point()] * n

    def run() -> int:
        arkworks.GT.multi_pairing(g1, g2)
        return 1

    return run


def cases() -> list[tuple[str, Callable[[], int], Callable[[], int] | None]]:
    """Name, ours, and the peer's where there is one."""
    listed: list[tuple[str, Callable[[], int], Callable[[], int] | None]] = [
        (f"multiplication {field.name}", field_multiplication(field), None)
        for field in (BLS12_381.fp, BN254.fp, BLS12_381.fr, BN254.fr)
    ]
    groups: tuple[Group, ...] = ("g1", "g2")
    for group in groups:
        listed += [
            (f"MSM bls12_381 {group} 2^{k}", msm(BLS12_381, group, k), arkworks_msm(group, k)) for k in (10, 12, 14)
        ]
        listed.append((f"MSM bn254 {group} 2^14", msm(BN254, group, 14), None))
    listed += [(f"NTT {curve.name} 2^14", transform(curve, 14), None) for curve in (BLS12_381, BN254)]
    listed += [
        (f"pairing product bls12_381 {n}", pairing_product(BLS12_381, n), arkworks_pairing_product(n))
        for n in (1, 4, 64)
    ]
    listed.append(("pairing product bn254 4", pairing_product(BN254, 4), None))
    return listed


def seconds(run: Callable[[], int]) -> float:
    """Seconds of one operation in one call."""
    started = time.perf_counter()
    count = run()
    return (time.perf_counter() - started) / count


def readable(value: float) -> str:
    """Seconds with a unit."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.2g} s"


def main() -> None:
    """Run every case, ours and the peer's by turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print(f"{'':34}{'median':>10}{'spread':>10}{'arkworks':>10}{'ratio':>8}")
    for name, ours, peer in cases():
        seconds(ours)
        times: dict[str, list[float]] = {"ours": [], "peer": []}
        for _ in range(options.repeat):
            times["ours"].append(seconds(ours))
            if peer is not None:
                times["peer"].append(seconds(peer))
        median = statistics.median(times["ours"])
        low, _, high = statistics.quantiles(times["ours"], n=4)
        row: dict[str, Any] = {"name": name, "median_s": median, "spread_s": (high - low) / 2}
        tail = ""
        if peer is not None:
            row["peer_median_s"] = statistics.median(times["peer"])
            row["ratio"] = row["peer_median_s"] / median
            tail = f"{readable(row['peer_median_s']):>10}{row['ratio']:>8.2f}"
        rows.append(row)
        print(f"{name:34}{readable(median):>10}{readable(row['spread_s']):>10}{tail}", flush=True)
    if options.json:
        packages = ("numba", "llvmlite", "numpy", "py_arkworks_bls12381")
        machine = {"cpu": platform.processor() or platform.machine(), "cpus": os.cpu_count(), "backend": BACKEND.name}
        report = {"machine": machine, "versions": {name: version(name) for name in packages}, "results": rows}
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
