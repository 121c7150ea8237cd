import pytest

from kernels.cuda.inspection import GpuInstallation, count_cards


def machine(driver=(13, 0), cupy=None, nvrtc=((13, 0),), numba_cuda="0.30.4"):
    return GpuInstallation(1, "580.65", driver, {13: "14.2.0"} if cupy is None else cupy, nvrtc, numba_cuda)


def test_a_complete_installation_has_no_problem():
    assert machine().problem() is None
    assert machine(driver=(12, 8), cupy={12: "14.2.0"}, nvrtc=((12, 9), (13, 0))).problem() is None
    assert machine(driver=(13, 1), cupy={12: "14.2.0"}, nvrtc=((12, 9),)).problem() is None


@pytest.mark.parametrize(
    ("found", "problem", "fix"),
    [
        (machine(driver=None), "no NVIDIA driver", "--gpus all"),
        (machine(driver=(11, 8)), "too old", "update the driver"),
        (machine(cupy={}), "CuPy is not installed", "pip install 'fastpath-prover[cuda13]'"),
        (machine(driver=(12, 4), cupy={}), "CuPy is not installed", "pip install 'fastpath-prover[cuda12]'"),
        (machine(driver=(12, 4)), "needs a newer driver", "pip uninstall -y cupy-cuda13x && "),
        (
            machine(cupy={12: "14.2.0", 13: "14.2.0"}),
            "overwrite each other",
            "pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install 'fastpath-prover[cuda13]'",
        ),
        (machine(nvrtc=()), "no NVRTC", "fastpath-prover[cuda13]"),
        (machine(numba_cuda=""), "numba-cuda is not installed", "fastpath-prover[cuda13]"),
        (machine(driver=(12, 4), cupy={12: "14.2.0"}), "no NVRTC that the driver takes", "fastpath-prover[cuda12]"),
    ],
)
def test_each_problem_is_named_with_the_line_that_fixes_it(found, problem, fix):
    said, line = found.problem()
    assert problem in said
    assert fix in line


def test_cards_are_counted_on_the_bus(tmp_path):
    for name, vendor, kind in [
        ("gpu0", "0x10de", "0x030200"), ("gpu1", "0x10de", "0x030000"), ("sound", "0x10de", "0x040300"),
        ("other", "0x1002", "0x030000"), ("network", "0x8086", "0x020000"),
    ]:  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n", encoding="utf-8")
        (tmp_path / name / "class").write_text(f"{kind}\n", encoding="utf-8")
    assert count_cards(tmp_path) == 2
    assert count_cards(tmp_path / "absent") == 0
