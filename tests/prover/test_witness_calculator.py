import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.curves import BN254
from kernels.encoding import ints_from_limbs
from prover.errors import BadInput
from prover.formats import read_wtns
from prover.witness_calculator import CalculatorLimits, WitnessCalculator

VECTORS = Path(__file__).parents[1] / "vectors" / "circom"
INPUTS = {"x": 3, "y": 5, "unused": 1}
R = BN254.fr.modulus

# One input of one value, which is the second element of the witness; every function can be replaced.
FUNCTIONS = {
    "getVersion": "(result i32) (i32.const 2)",
    "getFieldNumLen32": "(result i32) (i32.const 8)",
    "getRawPrime": "(memory.copy (i32.const 0) (i32.const 64) (i32.const 32))",
    "getWitnessSize": "(result i32) (i32.const 2)",
    "getInputSize": "(result i32) (i32.const 1)",
    "getInputSignalSize": "(param i32 i32) (result i32) (i32.const 1)",
    "init": "(param i32)",
    "setInputSignal": "(param i32 i32 i32) (memory.copy (i32.const 128) (i32.const 0) (i32.const 32))",
    "getWitness": """(param $i i32) (if (local.get $i)
        (then (memory.copy (i32.const 0) (i32.const 128) (i32.const 32)))
        (else (memory.fill (i32.const 0) (i32.const 0) (i32.const 32)) (i32.store (i32.const 0) (i32.const 1))))""",
    "readSharedRWMemory": "(param $i i32) (result i32) (i32.load (i32.mul (local.get $i) (i32.const 4)))",
    "writeSharedRWMemory": "(param i32 i32) (i32.store (i32.mul (local.get 0) (i32.const 4)) (local.get 1))",
    "getMessageChar": "(result i32) (i32.const 0)",
}


def module(extra="", memory="(memory 1)", **functions):
    """A calculator in WebAssembly; None leaves a function out."""
    prime = "".join(f"\\{byte:02x}" for byte in R.to_bytes(32, "little"))
    exported = "\n".join(
        f'(func (export "{name}") {body})' for name, body in (FUNCTIONS | functions).items() if body is not None
    )
    return wasmtime.wat2wasm(
        f"""(module (import "runtime" "exceptionHandler" (func $raise (param i32)))
        (import "runtime" "printErrorMessage" (func $print))
        {memory} (data (i32.const 64) "{prime}") {extra} {exported})"""
    )


def refused(match, content=None, inputs=None, **limits):
    with pytest.raises(BadInput, match=match) as caught:
        WitnessCalculator(module() if content is None else content, CalculatorLimits(**limits)).witness(
            inputs or {"a": 1}
        )
    return str(caught.value)


@pytest.fixture(scope="module", params=["bn128", "bls12381"])
def folder(request):
    return VECTORS / request.param


@pytest.fixture(scope="module")
def calculator(folder):
    return WitnessCalculator.open(folder / "circuit.wasm")


def test_the_witness_is_that_of_snarkjs(calculator, folder):
    expected = read_wtns(folder / "witness.wtns")
    assert calculator.curve is expected.curve
    assert (calculator.variables, calculator.input_values) == (len(expected.witness), 3)
    witness = calculator.witness(INPUTS)
    assert witness.dtype == np.uint64
    assert witness.flags.writeable
    np.testing.assert_array_equal(witness, expected.witness)


def test_numbers_come_in_many_forms(calculator):
    r = calculator.curve.fr.modulus
    expected = calculator.witness({"x": 3, "y": r - 5, "unused": 255})
    for forms in (
        {"x": "3", "y": "-5", "unused": "0xff"},
        {"x": [3], "y": -5, "unused": [["0XFF"]]},
        {"x": 3.0, "y": f"{2 * r - 5}", "unused": np.int64(255)},
        {"x": " 3 ", "y": "-0x5", "unused": "0b11111111"},
        {"x": str(r + 3), "y": -5 - r, "unused": "0o377"},
        {"x": "003", "y": np.array([-5]), "unused": (255,)},
    ):
        np.testing.assert_array_equal(calculator.witness(forms), expected)
    ones = calculator.witness({"x": True, "y": 1, "unused": 1})
    np.testing.assert_array_equal(ones, calculator.witness({"x": 1, "y": 1, "unused": 1}))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"x": None}, "input x is no number"),
        ({"x": "three"}, "input x is no number"),
        ({"x": ""}, "input x is no number"),
        ({"x": "1.5"}, "input x is no number"),
        ({"x": "0x"}, "input x is no number"),
        ({"x": "--1"}, "input x is no number"),
        ({"x": "٣"}, "input x is no number"),
        ({"x": 0.5}, "input x is not exact"),
        ({"x": 1e30}, "input x is not exact"),
        ({"x": float("nan")}, "input x is not exact"),
        ({"x": float("inf")}, "input x is not exact"),
        ({"x": "9" * 3000}, "input x has 3000 characters"),
        ({"x": [1, 2]}, "input x takes 1 value, not 2"),
        ({"x": []}, "input x takes 1 value, not 0"),
        ({"x": [[1], 2]}, r"input x\[1\] has shape of a single number, x\[0\] has \[1\]"),
        ({"x": [[1, 2], [3]]}, r"input x\[1\] has shape \[1\], x\[0\] has \[2\]"),
        ({"z": 1}, "no input signal 'z'"),
        ({"x": {"y": 1}}, r"no input signal 'x\.y'"),
        ({"x": [{"y": 1}]}, r"no input signal 'x\[0\]\.y'"),
        ({"x": [{"y": 1}, 2]}, r"no input signal 'x\[0\]\.y'"),
        ({"main.x": 1}, r"no input signal 'main\.x'"),
        ({"é": 1}, "no input signal"),
    ],
)
def test_bad_inputs_are_named(calculator, change, match):
    with pytest.raises(BadInput, match=match):
        calculator.witness({**INPUTS, **change})


def test_missing_inputs_are_counted_and_with_symbols_named(calculator, folder, tmp_path):
    with pytest.raises(BadInput, match=r"hold 2 of 3 values \(given: x, y\)$"):
        calculator.witness({"x": 1, "y": 2})
    (tmp_path / "circuit_js").mkdir()
    path = tmp_path / "circuit_js" / "circuit.wasm"
    path.write_bytes((folder / "circuit.wasm").read_bytes())
    (tmp_path / "circuit.sym").write_text(
        "1,1,0,main.z\n3,3,0,main.x\n4,4,0,main.y\n5,-1,0,main.unused\n7,6,1,main.c.d[3]\n", encoding="utf-8"
    )
    named = WitnessCalculator.open(path)
    with pytest.raises(BadInput, match=r"missing: unused \(1 value\)$"):
        named.witness({"x": 1, "y": 2})
    with pytest.raises(BadInput, match=r"no input signal 'Y'; missing: y \(1 value\)"):
        named.witness({"x": 1, "Y": 2, "unused": 0})
    with pytest.raises(BadInput, match=r"given: none.*missing: x .*, y .*, unused"):
        named.witness({})


def test_deep_nesting_is_refused(calculator):
    for leaf in (1, {"a": 1}):
        deep = leaf
        for _ in range(900):
            deep = [deep]
        with pytest.raises(BadInput, match="nested deeper"):
            calculator.witness({**INPUTS, "x": deep})


@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_is_computed_in_order_and_names_its_bad_items(calculator, threads):
    batch = [{"x": x, "y": 2 * x + 1, "unused": 0} for x in range(9)]
    witnesses = calculator.witnesses(batch, threads)
    assert witnesses.shape == (9, calculator.variables, 4)
    for inputs, witness in zip(batch, witnesses, strict=True):
        np.testing.assert_array_equal(witness, calculator.witness(inputs))
    batch[4] = {"x": 1}
    with pytest.raises(BadInput, match="item 4: the inputs hold 1 of 3"):
        calculator.witnesses(batch, threads)
    results = calculator.each(batch, threads)
    assert [isinstance(result, BadInput) for result in results] == [index == 4 for index in range(9)]
    with pytest.raises(BadInput, match="at least one"):
        calculator.witnesses([])


def test_the_stand_in_for_hostile_modules_works():
    calculator = WitnessCalculator(module())
    assert calculator.curve is BN254
    assert ints_from_limbs(calculator.witness({"a": 7})) == [1, 7]


def test_what_is_no_calculator_is_refused(tmp_path):
    refused("no WebAssembly module", b"")
    refused("no WebAssembly module", b"PK\3\4 something else")
    refused("damaged", b"\0asm\1\0\0\0\xff\xff")
    whole = module()
    refused("damaged", whole[:-1])
    refused("no function getVersion: it is no witness calculator", wasmtime.wat2wasm("(module)"))
    for name in FUNCTIONS:
        refused(f"no function {name}", module(**{name: None}))
        refused(f"function {name} .* another type", module(**{name: "(param i64)"}))
    refused("function init .* another type", module(init="(param i64)"))
    refused("no function init", module(extra='(global (export "init") i32 (i32.const 0))', init=None))
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        WitnessCalculator.open(tmp_path / "none.wasm")
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        WitnessCalculator.open(tmp_path)


def test_other_versions_primes_and_sizes_are_refused():
    refused("of circom 1; compile", module(getVersion="(result i32) (i32.const 1)"))
    refused("no curve known here", module(getFieldNumLen32="(result i32) (i32.const 2)"))
    refused("no curve known here", module(getRawPrime="(i32.store (i32.const 0) (i32.const 17))"))
    for size in (0, -1, 1 << 28):
        refused("claims witnesses of", module(getWitnessSize=f"(result i32) (i32.const {size})"))


def test_nothing_but_circoms_runtime_can_be_imported():
    for name in ('"wasi_snapshot_preview1" "fd_write"', '"env" "memory"', '"runtime" "give"', '"runtime" "memory"'):
        kind = "(memory 1)" if "memory" in name else "(func)"
        refused("imports .* no witness calculator", wasmtime.wat2wasm(f"(module (import {name} {kind}))"))
    refused(
        "cannot be instantiated .* no witness calculator",
        wasmtime.wat2wasm('(module (import "runtime" "exceptionHandler" (func (param i64))))'),
    )


@pytest.mark.parametrize("place", ["start", "getVersion", "init", "setInputSignal", "getWitness", "getMessageChar"])
def test_time_is_limited_wherever_it_is_spent(place):
    forever = "(loop $on (br $on))"
    if place == "start":
        content = module(extra=f"(func $main {forever}) (start $main)")
    elif place == "getMessageChar":
        content = module(getMessageChar="(result i32) (i32.const 65)", init="(param i32) (call $print)")
    else:
        signature = re.match(r"(\((param|result) [^)]*\) ?)*", FUNCTIONS[place]).group()
        content = module(**{place: f"{signature} {forever} unreachable"})
    started = time.monotonic()
    refused(r"longer than 0\.2 s", content, time_s=0.2)
    assert time.monotonic() - started < 20


def test_a_slow_calculation_does_not_shorten_others():
    slow = module(init="(param i32) (loop $on (br $on))")
    thread = threading.Thread(target=refused, args=("longer than",), kwargs={"content": slow, "time_s": 1.0})
    thread.start()
    calculator = WitnessCalculator(module(), CalculatorLimits(time_s=30))
    while thread.is_alive():
        calculator.witness({"a": 1})
    thread.join()


def test_memory_is_limited():
    refused("more memory than 1 MiB", module(memory="(memory 17)"), memory_bytes=1 << 20)
    grow = "(param i32) (if (i32.ne (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable))"
    content = module(init=grow)
    assert WitnessCalculator(content, CalculatorLimits(memory_bytes=1 << 20)).variables == 2
    WitnessCalculator(content, CalculatorLimits(memory_bytes=1 << 20)).witness({"a": 1})
    many = module(getWitnessSize="(result i32) (i32.const 32768)")
    refused("32768 values need more memory than 1 MiB", many, memory_bytes=1 << 20)
    many = module(
        getInputSize="(result i32) (i32.const 40000)",
        getInputSignalSize="(param i32 i32) (result i32) (i32.const 40000)",
    )
    refused("40000 values need more memory", many, {"a": [1] * 40000}, memory_bytes=1 << 20)


def test_a_failing_module_is_an_error_not_a_crash():
    refused("failed \\(unreachable\\)", module(init="(param i32) unreachable"))
    refused("failed \\(memory_out_of_bounds\\)", module(init="(param i32) (drop (i32.load (i32.const -8)))"))
    refused("recursed too deeply", module(extra="(func $f (call $f))", init="(param i32) (call $f)"))
    refused(
        "stack is full",
        module(getMessageChar="(result i32) (call $print) (i32.const 0)", init="(param i32) (call $print)"),
    )
    refused("an assertion or constraint does not hold", module(init="(param i32) (call $raise (i32.const 4))"))
    refused("unknown exception", module(init="(param i32) (call $raise (i32.const 99))"))


@settings(max_examples=40, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_changed_module_is_refused_or_computes_within_its_limits(changes):
    content = bytearray((VECTORS / "bn128" / "circuit.wasm").read_bytes())
    for place, byte in changes:
        content[place % len(content)] = byte
    try:
        calculator = WitnessCalculator(bytes(content), CalculatorLimits(time_s=0.5, memory_bytes=64 << 20))
        witness = calculator.witness(INPUTS)
    except BadInput:
        return
    assert witness.shape == (calculator.variables, 4)
    assert max(ints_from_limbs(witness)) < R


def test_a_wrong_witness_is_refused():
    for body, match in (
        ("(param $i i32) (memory.fill (i32.const 0) (i32.const 0) (i32.const 32))", "variable 0 is the constant"),
        ("(param $i i32) (memory.copy (i32.const 0) (i32.const 64) (i32.const 32))", "variable 0 is not below"),
    ):
        refused(match, module(getWitness=body))


def test_messages_of_a_module_show_no_values():
    """Only what circom itself says of a failed assertion gets through."""
    said = b"secret 123456789\nError in template Mul_0 line: 6\nError in template 7secret line: 99 x\n"
    text = "".join(f"\\{byte:02x}" for byte in said)
    content = module(
        extra=f'(data (i32.const 1024) "{text}\\00") (global $at (mut i32) (i32.const 1023))',
        getMessageChar="""(result i32) (global.set $at (i32.add (global.get $at) (i32.const 1)))
            (i32.load8_u (global.get $at))""",
        setInputSignal="(param i32 i32 i32) (call $print) (call $raise (i32.const 4))",
    )
    message = refused("does not hold", content, {"a": 424242})
    assert "Error in template Mul_0 line: 6" in message
    assert "123456789" not in message
    assert "424242" not in message


def test_limits_have_bounds():
    for time_s in (0, -1.0, float("inf"), float("nan"), 1e7):
        with pytest.raises(BadInput, match="limit of time must be above 0"):
            CalculatorLimits(time_s=time_s)
    for memory_bytes in (0, -1, (1 << 32) + 1, 1 << 63, 1 << 70):
        with pytest.raises(BadInput, match="limit of memory must be above 0"):
            CalculatorLimits(memory_bytes=memory_bytes)
    assert WitnessCalculator(module(), CalculatorLimits(1e6, 1 << 32)).variables == 2


@pytest.mark.parametrize("place", ["fresh", "a file"])
def test_compiled_modules_are_kept_where_they_can_be(tmp_path, place):
    import os
    import subprocess
    import sys

    if place == "a file":
        (tmp_path / "cache").touch()
    program = (
        "from prover.witness_calculator import WitnessCalculator\n"
        f"assert WitnessCalculator.open({str(VECTORS / 'bn128' / 'circuit.wasm')!r}).variables == 7\n"
    )
    environment = os.environ | {"FASTPATH_PROVER_CACHE_DIR": str(tmp_path / "cache")}
    assert subprocess.run([sys.executable, "-c", program], check=False, env=environment).returncode == 0
    assert any((tmp_path / "cache" / "calculators").glob("modules/*/*")) == (place == "fresh")
