"""A CUDA device for machines without one: compiled PTX runs on the CPU, under checks that a card does not make.

Use::

    from tests.cuda_emulator import EmulatedDevice

    with EmulatedDevice(seed=3) as device:           # kernels.cuda.device.Device
        module = device.load(ptx)                    # what NVRTC makes for device.target
        stream = device.new_stream()
        memory = device.allocate(4096, stream)
        device.launch(module.kernel("accumulate"), (4, 1, 1), (128, 1, 1), [memory, np.uint32(1024)], stream)
        stream.synchronize()                         # raises DefectError for what the checks found

``EmulatedDevice(seed, checked=False)`` checks values only and runs faster. ``faults=Faults(...)`` orders running out of
memory, the loss of the device, or a wrong result.
"""

from tests.cuda_emulator.device import EmulatedDevice, EmulatedMemory
from tests.cuda_emulator.faults import Corruption, Faults
from tests.cuda_emulator.layout import Finding
from tests.cuda_emulator.ptx import UnsupportedPtxError
from tests.cuda_emulator.reports import DefectError, Report

__all__ = [
    "Corruption",
    "DefectError",
    "EmulatedDevice",
    "EmulatedMemory",
    "Faults",
    "Finding",
    "Report",
    "UnsupportedPtxError",
]
