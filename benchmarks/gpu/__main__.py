"""``python -m benchmarks.gpu``: what is known of the CUDA kernels without a card. Exits with 1 if a gate fails."""

from __future__ import annotations

import argparse
import sys

from benchmarks.gpu.cards import CARDS, EFFICIENCY
from benchmarks.gpu.gates import arithmetic_failures, resource_failures
from benchmarks.gpu.machine_code import find_nvdisasm, index_listing, listing
from benchmarks.gpu.model import Prediction, msm, ntt, proofs, sizes_of
from benchmarks.gpu.table import overview, table_head, table_rows
from benchmarks.gpu.targets import TARGETS, builds
from kernels.cuda.images import programs
from kernels.curves import CURVES
from prover.circuits import get_circuit

_BATCH = 1000


def main() -> int:
    """Print resources and instructions of every build asked for, then the model; return the exit status."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--all", action="store_true", help="every card with every NVRTC here")
    options.add_argument("--model", action="store_true", help="the model alone")
    chosen = options.parse_args()
    disassembler, failures = find_nvdisasm(), list[str]()
    if chosen.model:
        print(_model())
        return 0
    print(table_head(), flush=True)
    listings = []
    for compiler, target in builds(everything=chosen.all):
        for program in (program for curve in CURVES for program in programs(curve)):
            listings.append(listing(program, compiler, target, disassembler))
            failures += [*resource_failures(listings[-1]), *arithmetic_failures(listings[-1])]
            print("\n".join(table_rows(listings[-1])), flush=True)
    for capability in TARGETS:
        listings.append(index_listing(f"sm_{capability}", disassembler))
        failures += resource_failures(listings[-1])
        print("\n".join(table_rows(listings[-1])), flush=True)
    print(f"\n{overview(listings)}")
    if disassembler is None:
        print("nvdisasm is missing, so instructions are not counted: pip install nvidia-cuda-nvdisasm")
    else:
        print(_model())
    print("\n".join(["", *failures]) if failures else "\nEvery gate holds.")
    return 1 if failures else 0


def _model() -> str:
    """Tables for docs/gpu.md."""
    names = "".join(f" {card.name} |" for card in CARDS)
    lines = [f"\n| floor, limited by |{names}", "|---|" + "---|" * len(CARDS)]
    lines += [_row(f"MSM G1 2^{k}", [msm(card, 1 << k) for card in CARDS]) for k in range(10, 25, 2)]
    lines.append(_row("MSM G2 2^20", [msm(card, 1 << 20, group="g2") for card in CARDS]))
    lines += [_row(f"NTT 2^{k}", [ntt(card, k) for card in CARDS]) for k in (12, 16, 20, 24)]
    ringct = sizes_of(get_circuit("ringct", "bls12_381", depth=3, inputs=2, outputs=2).r1cs)
    batches = [proofs(card, ringct, _BATCH) for card in CARDS]
    lines.append(_row(f"{_BATCH} proofs of RingCT", batches))
    planned = "".join(f" {one.seconds / EFFICIENCY / _BATCH * 1e3:.2f} ms |" for one in batches)
    lines.append(f"| one of them, to plan for |{planned}")
    lines += [f"\n| kernel, MSM G1 2^20 |{names}", "|---|" + "---|" * len(CARDS)]
    steps = zip(*(msm(card, 1 << 20).steps for card in CARDS), strict=True)
    lines += [
        f"| `{row[0].kernel}` |" + "".join(f" {step.seconds * 1e3:.2f} ms, {step.bound} |" for step in row)
        for row in steps
    ]
    return "\n".join(lines)


def _row(name: str, predictions: list[Prediction]) -> str:
    return f"| {name} |" + "".join(f" {one.seconds * 1e3:.2f} ms, {one.bound} |" for one in predictions)


if __name__ == "__main__":
    sys.exit(main())
