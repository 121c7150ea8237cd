"""Memory that this process' machine, or its container, has."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cluster.machine import memory_bytes

_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def usable_memory_bytes(cgroups: Path = _CGROUPS, own: Path = _OWN, installed: int | None = None) -> int:
    """Bytes that the processes here may use together: what is installed, or the least limit of their control groups.

    Parameters
    ----------
    cgroups, own
        Where control groups are mounted, and the file that names those of this process (versions 1 and 2).
    installed
        Memory of the machine; read from the system if it is not given.
    """
    limits = [memory_bytes() if installed is None else installed]
    for line in _read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            limits += _limits(cgroups, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(cgroups / "memory", path, "memory.limit_in_bytes")
    return min(limits)


def _limits(root: Path, path: str, name: str) -> list[int]:
    """The limits of a group and of all that it lies in; inside a container its own path may not be mounted."""
    folder = root / path.lstrip("/")
    folders = [folder, *folder.parents]
    texts = [_read(group / name).strip() for group in folders if group == root or root in group.parents]
    return [int(text) for text in texts if text.isdecimal()]  # "max" is none


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
