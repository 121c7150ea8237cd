import contextlib

import pytest

from kernels.cuda.backend import CudaBackend
from kernels.selection import cpu_backend
from tests.cuda_emulator import EmulatedDevice

SMALL_STAGING = 1 << 12


class Emulated:
    """A cuda backend on an emulated device that is left, with all its checks, when the test ends."""

    def __init__(self, backend, devices):
        self.backend, self.devices = backend, devices

    @property
    def device(self):
        return self.devices[-1]


@pytest.fixture
def emulated():
    """Open backends on emulated devices; each device's findings fail the test when it ends."""
    with contextlib.ExitStack() as stack:

        def open_one(seed=0, **options):
            devices = []

            def device():
                devices.append(EmulatedDevice(seed, **options))
                return devices[-1]

            backend = CudaBackend(device, cpu_backend(), staging_bytes=SMALL_STAGING)
            stack.callback(_close, backend, devices)
            return Emulated(backend, devices)

        yield open_one


def _close(backend, devices):
    if devices:
        with contextlib.suppress(Exception):  # faults that the test ordered
            backend.owner.call(lambda work: work.session.synchronize())
    backend.close()
    for device in devices:
        assert not device.reports, "\n".join(map(str, device.reports))
