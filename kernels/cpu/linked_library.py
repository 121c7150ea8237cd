"""Functions that only other compiled functions call: kept as code to link, without machine code of their own.

Numba makes machine code of every function with all it calls, then does the same for its callers, though these contain
it. Libraries of this kind leave that to the kernel at the end. They are optimised all the same: the additions of a
multi-scalar multiplication are 15 % slower if only the kernel is, as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _LinkedLibrary(JITCodeLibrary):  # type: ignore[misc]  # numba is untyped
    """A library that the execution engine never sees."""

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

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class KernelCompiler(Compiler):  # type: ignore[misc]  # numba is untyped
    """Numba's pipeline for a kernel: what it calls gets no machine code apart from the kernel's."""

    def compile_extra(self, function: Callable[..., Any]) -> Any:
        """Compile a function; numba has found that it is not in the cache, and holds its compiler lock."""
        codegen = self.state.targetctx.codegen()
        self.state.library = JITCodeLibrary(codegen, function.__qualname__)
        self.state.library.enable_object_caching()
        codegen._library_class = _LinkedLibrary  # noqa: SLF001 - no public form exists, nor below
        try:
            result = super().compile_extra(function)
        finally:
            del codegen._library_class  # noqa: SLF001 - uncovers the class's own
        for environment in result._find_referenced_environments():  # noqa: SLF001
            codegen.set_env(environment.env_name, environment)
        return result
