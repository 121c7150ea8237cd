"""Choose a backend by name, by environment, or by what the machine can do."""

from __future__ import annotations

import functools
import importlib
import os

from kernels.backend import Backend

BACKEND_VARIABLE = "FASTPATH_PROVER_BACKEND"
_BACKENDS = {"ifma": "kernels.cpu.ifma:IfmaBackend", "portable": "kernels.cpu.portable:PortableBackend"}
BACKEND_NAMES: tuple[str, ...] = ("auto", *_BACKENDS)


def get_backend(name: str = "auto") -> Backend:
    """Return the backend of that name; one instance a process.

    Parameters
    ----------
    name
        ``"auto"`` takes the name in the environment variable ``FASTPATH_PROVER_BACKEND``, else the fastest backend
        that runs here.

    Raises
    ------
    ValueError
        If no backend has that name, or this machine cannot run it. A named backend never falls through to another.
    """
    source = "get_backend"
    if name == "auto":
        name, source = os.environ.get(BACKEND_VARIABLE, "auto"), BACKEND_VARIABLE
    if name not in BACKEND_NAMES:
        raise ValueError(f"{source}: no backend is called {name!r}; choose one of {', '.join(BACKEND_NAMES)}")
    return _fastest() if name == "auto" else _instance(name)


@functools.cache
def _fastest() -> Backend:
    from kernels.cpu.features import has_ifma  # noqa: PLC0415 - asks the compiler, which is slow to load

    return _instance("ifma" if has_ifma() else "portable")


@functools.cache
def _instance(name: str) -> Backend:
    module, _, backend = _BACKENDS[name].partition(":")  # by name: who computes nothing does not load compilers
    made: Backend = getattr(importlib.import_module(module), backend)()
    return made
