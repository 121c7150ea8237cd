"""What the reader of PTX makes of a text."""

from __future__ import annotations

import pytest

from tests.cuda_emulator.flow import analyse, callers_last, suspending_functions
from tests.cuda_emulator.ptx import Instruction, Label, UnsupportedPtxError, parse

TEXT = """
// a comment { with braces }
.version 8.4
.target sm_90
.address_size 64
.file 1 "/tmp/kernels.cu"
.const .align 4 .b8 table[8] = {1, 0, 0, 0, 2};
.extern .shared .align 16 .b8 dynamic[];
.global .u32 counter;
.func (.param .b32 result) twice(.param .b32 x);
.func (.param .b32 result) twice(.param .b32 x)
{
  .reg .b32 %r<3>;
  ld.param.u32 %r1, [x];
  bar.sync 0;
  add.u32 %r2, %r1, %r1;
  st.param.b32 [result+0], %r2;
  ret;
}
.visible .entry main(.param .u64 .ptr .global .align 16 out, .param .u32 n)
.maxntid 64, 2, 1
.minnctapersm 2
{
  .reg .pred %p<2>;
  .reg .b32 %r<9>;
  .reg .b64 %rd<4>;
  .shared .align 4 .b8 slots[256];
  .loc 1 17 3
  ld.param.u64 %rd1, [out]; ld.param.u32 %r1, [n];
  /* two
     lines */
$L_again:
  setp.ge.u32 %p1, %r2, %r1;
  @%p1 bra $L_end;
  { .reg .b32 %r2; mov.u32 %r2, 5; add.u32 %r3, %r2, 1; }
  st.global.v4.u32 [%rd1+16], {%r1, %r2, %r3, %r4};
  { .param .b32 param0; .param .b32 retval0;
    st.param.b32 [param0+0], %r3;
    call.uni (retval0), twice, (param0);
    ld.param.b32 %r5, [retval0+0];
  }
  bra.uni $L_again;
$L_end:
  @!%p1 st.global.u32 [%rd1], %r5;
  ret;
}
"""


def test_module_variables_and_functions():
    program = parse(TEXT)
    assert (program.version, program.target) == ("8.4", "sm_90")
    table = program.variables["table"]
    assert (table.space, table.size_bytes, table.initial) == ("const", 8, bytes([1, 0, 0, 0, 2, 0, 0, 0]))
    assert program.variables["dynamic"].size_bytes == 0
    assert program.variables["counter"].size_bytes == 4
    main = program.functions["main"]
    assert main.is_entry
    assert main.block_limit == 128
    assert [(p.size_bytes, p.is_pointer) for p in main.parameters] == [(8, True), (4, False)]
    assert program.functions["twice"].result is not None


def test_instructions_keep_their_place():
    body = parse(TEXT).functions["main"].body
    store = next(item for item in body if isinstance(item, Instruction) and "v4" in item.modifiers)
    assert store.operands == ("[%rd1+16]", "{%r1, %r2, %r3, %r4}")
    assert TEXT.splitlines()[store.line - 1].strip() == store.text + ";"
    assert store.source == "kernels.cu:17"
    assert [item.name for item in body if isinstance(item, Label)] == ["$L_again", "$L_end"]
    last = [item for item in body if isinstance(item, Instruction)][-2]
    assert (last.guard, last.guard_is) == ("%p1", False)


def test_registers_of_inner_braces_are_others():
    function = parse(TEXT).functions["main"]
    move = next(item for item in function.body if isinstance(item, Instruction) and item.operands[1:] == ("5",))
    assert move.operands[0] != "%r2"
    assert function.registers[move.operands[0]] == "b32"


def test_registers_that_live_across_a_wait_are_kept():
    program = parse(TEXT)
    suspending = suspending_functions(program)
    assert suspending == {"twice", "main"}
    assert callers_last(program) == ["twice", "main"]
    flow = analyse(program.functions["main"], suspending)
    assert {"%rd1", "%r1", "%r4"} <= flow.kept
    assert not {"%r3", "%r5", "%p1"} & flow.kept
    assert {"%r2", "%r4", "%r5"} <= flow.undefined
    assert analyse(program.functions["twice"], suspending).kept == {"%r1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".visible .entry f() { .tex .u32 t; ret; }", "line 1"),
        (".global .surfref s;", "line 1"),
        (".visible .entry f() { ret;", "does not end"),
        (".visible .entry f() { ret }", "without end"),
        (".global .u32 a = {b};", "initial value"),
    ],
)
def test_what_is_unknown_is_refused_with_its_line(text, message):
    with pytest.raises(UnsupportedPtxError, match=message):
        parse(text)


def test_recursion_is_refused():
    text = ".func f() { call f; ret; }"
    with pytest.raises(UnsupportedPtxError, match="calls itself"):
        callers_last(parse(text))
