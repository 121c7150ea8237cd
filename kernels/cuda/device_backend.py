"""What a backend with a device offers beside :class:`kernels.backend.Backend`: the device itself, and its health."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, runtime_checkable

from kernels.backend import Backend, Bases

if TYPE_CHECKING:
    from kernels.cuda.owner import Work

Result = TypeVar("Result")
State = Literal["untested", "healthy", "absent", "lost", "quarantined"]


@dataclass(frozen=True)
class DeviceHealth:
    """What is known of the device.

    Attributes
    ----------
    state
        ``untested`` until its first use; ``absent``: it cannot be opened; ``lost``: its context broke;
        ``quarantined``: it computed something wrong. Only ``healthy`` and ``untested`` devices are used.
    reason
        Why it is not used; empty while it is.
    break_even
        Points of a multiplication from which it is used.
    fallbacks
        Operations that it failed and the CPU did instead.
    wrong_results
        Results of it that did not verify.
    work_bytes
        Memory that jobs have there beside what keys may keep; 0 until it has been opened.
    """

    state: State = "untested"
    device: str = ""
    reason: str = ""
    break_even: int = 0
    fallbacks: int = 0
    wrong_results: int = 0
    work_bytes: int = 0

    @property
    def usable(self) -> bool:
        """Whether operations go there."""
        return self.state in {"untested", "healthy"}

    @property
    def restart(self) -> bool:
        """Whether a new process may have better luck with it."""
        return self.state == "lost"


@runtime_checkable
class DeviceBackend(Protocol):
    """A backend that computes on a device, for callers that keep intermediate results there."""

    cpu: Backend
    """The CPU's own, for what must not depend on the device: verification."""

    def run_on_device(self, job: Callable[[Work], Result]) -> Result:
        """Run a job on the device's thread.

        Raises
        ------
        DeviceError, NvrtcError, DoesNotFitError
            Tell :meth:`failed`.
        """
        ...

    def device_bases(self, bases: Bases) -> Bases | None:
        """Bases of :meth:`kernels.backend.Backend.load_bases` for use in a job; None where there are none."""
        ...

    def pays(self, size: int) -> bool:
        """Whether a job over so many scalars should go to the device."""
        ...

    def failed(self, error: Exception) -> None:
        """A job failed with this error."""
        ...

    def quarantine(self, reason: str, count: int = 1) -> None:
        """So many results of the device were wrong."""
        ...

    def health(self) -> DeviceHealth:
        """What is known of the device now."""
        ...

    def prepare_device(self) -> DeviceHealth:
        """Open the device now, unless that has been done, and see what it is.

        Raises
        ------
        DeviceError
            If it cannot be opened and there is nothing to fall back to.
        """
        ...


def trusted_backend(backend: Backend) -> Backend:
    """The backend to check results with: the CPU's, where there is a device."""
    return backend.cpu if isinstance(backend, DeviceBackend) else backend
