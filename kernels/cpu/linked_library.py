"""Functions that only other compiled functions call: kept as code to link, without machine code of their own.

Numba optimises every function together with all it calls and makes machine code of that, then does the same for its
callers, though these contain it: what is called from six levels down is optimised seven times. Libraries of this kind
keep their own code alone. The kernel at the end links all that it reaches, and is optimised and made machine code once,
as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _LinkedLibrary(JITCodeLibrary):  # type: ignore[misc]  # numba is untyped
    """A library that the execution engine never sees; what it calls stays declared only."""

    class _Environments:
        """Stands for the code generator where it would write to addresses that such a library does not have."""

        @staticmethod
        def set_env(_name: str, _environment: Any) -> None:
            """Nothing: the kernel sets the environments of all that is linked into it."""

    @property
    def codegen(self) -> Any:
        return self._Environments

    def get_pointer_to_function(self, _name: str) -> int:
        return 0

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._final_module.verify()
        self._finalize_dynamic_globals()
        for library in self._linking_libraries:
            self._reload_init.update(library._reload_init)  # noqa: SLF001 - no public form exists, nor below
        self._finalized = True


class _KernelLibrary(JITCodeLibrary):  # type: ignore[misc]
    """A library that links what its libraries leave declared."""

    def add_linking_library(self, library: Any) -> None:
        if library in self._linking_libraries:
            return
        super().add_linking_library(library)
        if isinstance(library, _LinkedLibrary):
            for called in library._linking_libraries:  # noqa: SLF001
                self.add_linking_library(called)


class KernelCompiler(Compiler):  # type: ignore[misc]  # numba is untyped
    """Numba's pipeline for a kernel: what it calls gets no machine code apart from the kernel's."""

    def compile_extra(self, function: Callable[..., Any]) -> Any:
        """Compile a function; numba has found that it is not in the cache, and holds its compiler lock."""
        codegen = self.state.targetctx.codegen()
        self.state.library = _KernelLibrary(codegen, function.__qualname__)
        self.state.library.enable_object_caching()
        codegen._library_class = _LinkedLibrary  # noqa: SLF001
        try:
            result = super().compile_extra(function)
        finally:
            del codegen._library_class  # noqa: SLF001 - uncovers the class's own
        for environment in result._find_referenced_environments():  # noqa: SLF001
            codegen.set_env(environment.env_name, environment)
        return result
