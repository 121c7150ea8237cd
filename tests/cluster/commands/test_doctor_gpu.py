"""What doctor says of GPUs, from what is found on a machine."""

import pytest

from cluster.commands import doctor
from cluster.settings import Settings
from kernels.cuda.device import DeviceError
from kernels.cuda.inspection import GpuInstallation


def installation(cards=1, driver="580.65", cuda=(13, 0), cupy=None, nvrtc=((13, 0),)):
    return GpuInstallation(cards, driver, cuda, {13: "14.2.0"} if cupy is None else cupy, nvrtc, "0.30.4")


def findings(found, tmp_path, backend="auto"):
    return list(doctor._gpu(Settings(backend=backend, key_dir=tmp_path), found))


def test_a_machine_without_a_gpu_is_fine_unless_one_is_asked_for(tmp_path):
    none = installation(cards=0, driver="", cuda=None, cupy={})
    (finding,) = findings(none, tmp_path)
    assert (finding.status, finding.fix) == ("ok", "")
    (finding,) = findings(none, tmp_path, backend="cuda")
    assert finding.status == "failure"
    assert "set another backend" in finding.fix


@pytest.mark.parametrize(("backend", "status"), [("auto", "warning"), ("cuda", "failure")])
def test_both_wheels_at_once_are_explained_with_the_line_that_fixes_it(tmp_path, backend, status):
    (finding,) = findings(installation(cupy={12: "14.2.0", 13: "14.2.0"}), tmp_path, backend)
    assert finding.status == status
    assert "overwrite each other" in finding.found
    assert finding.fix == "pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install 'fastpath-prover[cuda13]'"


def test_a_card_without_its_driver(tmp_path):
    (finding,) = findings(installation(driver="", cuda=None), tmp_path)
    assert finding.status == "warning"
    assert "no NVIDIA driver is loaded (1 card, driver not loaded" in finding.found


def test_a_device_that_does_not_open_is_a_finding(tmp_path, monkeypatch):
    class Refusing:
        cpu = None

        def run_on_device(self, _):
            raise DeviceError("the GPU failed: error 999")

        def close(self):
            """Nothing was opened."""

    monkeypatch.setattr(doctor, "cuda_backend", Refusing)
    installed, device = findings(installation(), tmp_path)
    assert installed.status == "ok"
    assert "1 card, driver 580.65, CUDA 13.0, cupy-cuda13x 14.2.0, NVRTC 13.0" in installed.found
    assert device.status == "warning"
    assert "error 999" in device.found
