"""The machine of the fields, run as compiled: both fields of both curves on every pair of edge operands."""

import numpy as np
import pytest

from kernels import ints_from_limbs, limbs_from_ints
from kernels.cuda.images import Program, image
from kernels.cuda.nvrtc import find_nvrtc
from tests.cuda_emulator import EmulatedDevice

ALL = np.uint64(2**64 - 1)


@pytest.fixture(params=["Fr", "Fp"])
def field(request, curve):
    return request.param, curve.fr if request.param == "Fr" else curve.fp


def edges(field):
    p, limbs = field.modulus, field.limbs
    top = 1 << (p.bit_length() - 1)
    words = [((1 << 32) - 1) << (32 * k) for k in range(2 * limbs - 1)]
    return [0, 1, 2, p - 1, p - 2, p // 2, p // 2 + 1, top, top - 1, field.R % p, *words, (1 << (64 * limbs - 64)) - 1]


def run(curve, name, kernel, operands, mask=True):
    limbs, n = operands[0].shape[1], len(operands[0])
    with EmulatedDevice(seed=2) as device:
        stream = device.new_stream()
        memory = []
        for operand in operands:
            pinned = device.allocate_pinned(operand.nbytes)
            pinned[:] = operand.reshape(-1).view(np.uint8)
            memory.append(device.allocate(operand.nbytes, stream))
            device.upload(memory[-1], pinned, stream)
            stream.synchronize()
        out = device.allocate(8 * limbs * n, stream)
        program = Program("elements", curve, field=name)
        module = device.load(image(program, device.target))
        arguments = [*memory, *([ALL] if mask else []), np.uint64(n), out]
        device.launch(module.kernel(kernel), (-(-n // 128), 1, 1), (128, 1, 1), arguments, stream)
        result = device.allocate_pinned(8 * limbs * n)
        device.download(result, out, stream)
        stream.synchronize()
        for one in (*memory, out):
            device.free(one)
        return ints_from_limbs(result.view(np.uint64).reshape(n, limbs).copy())


@pytest.mark.parametrize("kernel", ["multiply", "add", "subtract"])
def test_pairs(curve, field, kernel, rng):
    name, f = field
    p, values = f.modulus, edges(f) + [rng.randrange(f.modulus) for _ in range(6)]
    pairs = [(a % p, b % p) for a in values for b in values]
    operands = [limbs_from_ints([pair[side] for pair in pairs], f.limbs) for side in (0, 1)]
    of = {
        "multiply": lambda a, b: a * b * f.R_inverse % p,
        "add": lambda a, b: (a + b) % p,
        "subtract": lambda a, b: (a - b) % p,
    }[kernel]
    assert run(curve, name, kernel, operands) == [of(a, b) for a, b in pairs]


def test_squares(curve, field, rng):
    name, f = field
    values = [v % f.modulus for v in edges(f)] + [rng.randrange(f.modulus) for _ in range(400)]
    operands = [limbs_from_ints(values, f.limbs)]
    assert run(curve, name, "square", operands, mask=False) == [v * v * f.R_inverse % f.modulus for v in values]


def test_sources_include_nothing_and_name_their_curve(curve):
    text = Program("msm", curve).text()
    assert "#include" not in text
    assert f"{curve.fp.modulus & 0xFFFFFFFF:#010x}u" in text
    assert find_nvrtc().version >= (12, 4)
