"""What this CPU can do."""

from __future__ import annotations

import llvmlite.binding


def has_ifma() -> bool:
    """Whether this CPU multiplies 52-bit limbs in eight lanes (AVX-512 IFMA)."""
    features = llvmlite.binding.get_host_cpu_features()
    return all(features.get(name, False) for name in ("avx512f", "avx512vl", "avx512dq", "avx512ifma"))
