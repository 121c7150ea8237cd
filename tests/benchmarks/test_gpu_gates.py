"""The CUDA kernels as compiled: nothing spilled, every block starts, products as short as they can be."""

import copy

import pytest

from benchmarks.gpu.gates import arithmetic_failures, resource_failures
from benchmarks.gpu.machine_code import find_nvdisasm, index_listing, listing
from benchmarks.gpu.table import overview, table_head, table_rows
from benchmarks.gpu.targets import TARGETS, builds
from kernels import BN254
from kernels.cuda.images import Program, programs
from kernels.cuda.index_kernels import SIGNATURES
from kernels.cuda.nvrtc import find_nvrtc, installed

DISASSEMBLER = find_nvdisasm()
OURS = {"accumulate", "merge_partials", "sum_slices"}


def check(compiler, target, curve):
    for program in programs(curve):
        listed = listing(program, compiler, target, DISASSEMBLER)
        assert listed.resources
        assert not [*resource_failures(listed), *arithmetic_failures(listed)]


@pytest.mark.parametrize(
    "build", list(builds(everything=False)), ids=lambda b: f"{b[0].version[0]}.{b[0].version[1]}-{b[1]}"
)
def test_the_oldest_and_the_newest_build_for_old_and_new_cards(build, curve):
    check(*build, curve)


@pytest.mark.gpu_full
@pytest.mark.parametrize(
    "build", list(builds(everything=True)), ids=lambda b: f"{b[0].version[0]}.{b[0].version[1]}-{b[1]}"
)
def test_every_compiler_builds_for_every_card(build, curve):
    check(*build, curve)


@pytest.mark.parametrize("capability", TARGETS)
def test_numba_builds_its_kernels_for_every_card(capability):
    listed = index_listing(f"sm_{capability}", DISASSEMBLER)
    assert listed.resources.keys() == SIGNATURES.keys()
    assert not list(resource_failures(listed))
    assert all(0 < one.registers <= 64 for one in listed.resources.values())
    assert listed.resources["scan_blocks"].shared_bytes == 1024
    assert not list(arithmetic_failures(listed))


def test_both_majors_are_here_and_know_the_cards():
    majors = {compiler.version[0] for compiler in installed()}
    assert majors >= {12, 13}
    assert set(TARGETS) <= set(find_nvrtc().architectures())
    assert {(one.version[0], target) for one, target in builds(everything=False)} >= {
        (12, "sm_75"), (12, "sm_90"), (13, "sm_90"), (13, "sm_120"),
    }  # fmt: skip
    assert min(compiler.version for compiler in installed()) == (12, 4)


def test_the_figures_are_read_from_what_was_compiled(curve):
    if DISASSEMBLER is None:
        pytest.skip("nvdisasm is not installed: it comes with the dev extra on Linux")
    listed = listing(Program("msm", curve, "g1"), find_nvrtc(), "sm_90", DISASSEMBLER)
    assert set(listed.resources) >= OURS
    product, square = (listed.called("accumulate", name) for name in ("base_product", "base_squared"))
    words = 2 * curve.fp.limbs
    assert 2 * words**2 - 2 * words <= 2 * product.wide <= 4 * words**2
    assert square.wide < product.wide
    assert listed.resources["sum_rows"].shared_bytes == 64 * 32 * curve.fp.limbs


def test_the_table_names_compiler_card_and_every_kernel():
    listed = listing(Program("elements", BN254), find_nvrtc(), "sm_90", DISASSEMBLER)
    rows = [row.split() for row in table_rows(listed)]
    assert len(rows) == len(listed.resources)
    version = ".".join(map(str, listed.compiler))
    assert all(row[:4] == ["NVRTC", version, "sm_90", "bn254.elements.fr"] for row in rows)
    assert [row[4] for row in rows] == list(listed.resources)
    assert table_head().split()[:4] == ["compiler", "card", "program", "kernel"]
    last = overview([listed]).splitlines()[-1]
    assert last.startswith(f"| NVRTC {version} | sm_90 | {max(one.registers for one in listed.resources.values())} (")


def test_gates_close():
    listed = copy.deepcopy(listing(Program("elements", BN254), find_nvrtc(), "sm_90", DISASSEMBLER))
    listed.resources["add"].spill_bytes = 8
    listed.resources["square"].registers = 600
    assert len(list(resource_failures(listed))) == 2
    listed.functions["multiply", "element_product"].by_opcode["IADD3"] += 100
    listed.functions["multiply_subtract", "element_product"].by_opcode.clear()
    assert len(list(arithmetic_failures(listed))) == 2
