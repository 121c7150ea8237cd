"""PTX of the oldest and the newest compiler, for the oldest and the newest cards, gives the same results."""

from __future__ import annotations

import numpy as np
import pytest

from kernels import BN254, limbs_from_ints, points_from_ints
from kernels.cuda import images
from kernels.cuda.nvrtc import installed
from kernels.selection import cpu_backend

TARGETS = ("compute_75", "compute_80", "compute_86", "compute_89", "compute_90", "compute_100", "compute_120")
BUILDS = [
    pytest.param(compiler, target, id=f"{compiler.version[0]}.{compiler.version[1]}-{target}", marks=marks)
    for compiler in installed()
    for target in TARGETS
    if int(target.removeprefix("compute_")) in compiler.architectures()
    for marks in [() if target in {"compute_75", "compute_120"} else (pytest.mark.gpu_full,)]
]


@pytest.mark.parametrize(("compiler", "target"), BUILDS)
def test_sums_and_transforms(emulated, rng, monkeypatch, compiler, target):
    monkeypatch.setattr(images, "find_nvrtc", lambda: compiler)
    r, cpu = BN254.fr.modulus, cpu_backend()
    backend = emulated(seed=4, target=target).backend
    values = limbs_from_ints([rng.randrange(r) for _ in range(64)], 4)
    assert np.array_equal(backend.ntt(BN254, values, True), cpu.ntt(BN254, values, True))
    generator = points_from_ints(BN254, "g1", [BN254.g1_generator])[0]
    points = cpu.multiply_base(BN254, "g1", generator, values[:20])
    scalars = limbs_from_ints([0, 1, r - 1] + [rng.randrange(r) for _ in range(17)], 4)
    expected = cpu.msm(cpu.load_bases(BN254, "g1", points), scalars)
    assert np.array_equal(backend.msm(backend.load_bases(BN254, "g1", points), scalars), expected)
