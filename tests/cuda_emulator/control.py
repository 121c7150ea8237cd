"""Branches, calls, barriers and warp-wide instructions of PTX as LLVM IR.

A thread that must wait writes its request into its record and returns; the scheduler answers the request and enters
the function again behind it.

Source: Parallel Thread Execution ISA, "Control Flow" and "Parallel Synchronization" instructions.
"""

from __future__ import annotations

from tests.cuda_emulator.arithmetic import translates
from tests.cuda_emulator.emitter import Emitter
from tests.cuda_emulator.flow import called
from tests.cuda_emulator.layout import Request, Thread, Verdict
from tests.cuda_emulator.ptx import Instruction, split_operands

_SHUFFLES = {
    "up": Request.SHUFFLE_UP,
    "down": Request.SHUFFLE_DOWN,
    "bfly": Request.SHUFFLE_XOR,
    "idx": Request.SHUFFLE_INDEX,
}
_VOTES = {
    "ballot": Request.VOTE_BALLOT,
    "any": Request.VOTE_ANY,
    "all": Request.VOTE_ALL,
    "uni": Request.VOTE_UNIFORM,
}
_BARRIER_REDUCTIONS = {"or": Request.BARRIER_OR, "and": Request.BARRIER_AND, "popc": Request.BARRIER_COUNT}
_REDUCTIONS = {
    "add": Request.REDUCE_ADD,
    "min": Request.REDUCE_MIN,
    "max": Request.REDUCE_MAX,
    "and": Request.REDUCE_AND,
    "or": Request.REDUCE_OR,
    "xor": Request.REDUCE_XOR,
}
_SIGNED_REDUCTIONS = {"min": Request.REDUCE_SIGNED_MIN, "max": Request.REDUCE_SIGNED_MAX}
_BARRIER_WORDS = frozenset(("sync", "red", "aligned", "cta", "pred", "u32", "and", "or", "popc"))
_FAILURES = frozenset(("__assertfail", "__assert_fail"))


def _request(code: Emitter, i: Instruction, request: Request, mask: str, *values: str) -> None:
    """Write a request (operands ``i64``) and suspend; continues where it is served."""
    slots = zip((Thread.VALUE, Thread.SECOND, Thread.THIRD), values, strict=False)
    for slot, value in ((Thread.REQUEST, str(int(request))), (Thread.SITE, code.site(i)), (Thread.MASK, mask), *slots):
        code.store_slot(slot, value)
    code.flush()
    point = code.resume_point()
    code.save_resume_point(point)
    code.give(Verdict.SUSPENDED)
    code.start_resumed(point)


def _mask(code: Emitter, operand: str) -> str:
    return code.cast(code.read(operand, 32), 32, 64)


def _result(code: Emitter, bits: int) -> str:
    return code.cast(code.load_slot(Thread.RESULT), 64, bits)


@translates("bar", "barrier")
def _barrier(code: Emitter, i: Instruction) -> None:
    if "warp" in i.modifiers:
        _request(code, i, Request.WARP, _mask(code, i.operands[0]))
        return
    reduces = "red" in i.modifiers
    expected = 3 if reduces else 1  # one operand more is a barrier of some of the threads
    if not set(i.modifiers) <= _BARRIER_WORDS or len(i.operands) != expected:
        raise code.refuse(i)
    if not reduces:
        _request(code, i, Request.BARRIER, code.read(i.operands[0], 64))
        return
    name = next(part for part in i.modifiers if part in _BARRIER_REDUCTIONS)
    held = code.cast(code.read(i.operands[2], 1), 1, 64)
    _request(code, i, _BARRIER_REDUCTIONS[name], code.read(i.operands[1], 64), held)
    bits = 32 if name == "popc" else 1
    code.write(i.operands[0], _result(code, bits), bits)


@translates("shfl")
def _shuffle(code: Emitter, i: Instruction) -> None:
    if i.modifiers[0] != "sync":
        raise code.refuse(i)
    values = [code.cast(code.read(operand, 32), 32, 64) for operand in i.operands[1:4]]
    _request(code, i, _SHUFFLES[i.modifiers[1]], _mask(code, i.operands[4]), *values)
    target, _, predicate = i.operands[0].partition("|")
    code.write(target, _result(code, 32), 32)
    if predicate:
        code.write(predicate, code.cast(code.load_slot(Thread.RESULT_PREDICATE), 64, 1), 1)


@translates("vote")
def _vote(code: Emitter, i: Instruction) -> None:
    if i.modifiers[0] != "sync":
        raise code.refuse(i)
    held = code.cast(code.read(i.operands[1], 1), 1, 64)
    request = _VOTES[i.modifiers[1]]
    _request(code, i, request, _mask(code, i.operands[2]), held)
    bits = 32 if request is Request.VOTE_BALLOT else 1
    code.write(i.operands[0], _result(code, bits), bits)


@translates("match")
def _match(code: Emitter, i: Instruction) -> None:
    bits = int(i.kind[1:])
    value = code.cast(code.read(i.operands[1], bits), bits, 64)
    request = Request.MATCH_ANY if "any" in i.modifiers else Request.MATCH_ALL
    _request(code, i, request, _mask(code, i.operands[2]), value)
    target, _, predicate = i.operands[0].partition("|")
    code.write(target, _result(code, 32), 32)
    if predicate:
        code.write(predicate, code.cast(code.load_slot(Thread.RESULT_PREDICATE), 64, 1), 1)


@translates("redux")
def _reduce(code: Emitter, i: Instruction) -> None:
    name = i.modifiers[1]
    table = _SIGNED_REDUCTIONS if i.kind == "s32" and name in _SIGNED_REDUCTIONS else _REDUCTIONS
    if i.kind not in {"u32", "s32", "b32"} or name not in table:
        raise code.refuse(i)
    value = code.cast(code.read(i.operands[1], 32), 32, 64)
    _request(code, i, table[name], _mask(code, i.operands[2]), value)
    code.write(i.operands[0], _result(code, 32), 32)


@translates("activemask")
def _active_mask(code: Emitter, i: Instruction) -> None:
    """Only the thread itself: nothing promises that a warp is together, and this is the least that may happen."""
    code.write(i.operands[0], code.read("%lanemask_eq", 32), 32)


@translates("call")
def _call(code: Emitter, i: Instruction) -> None:
    name = called(i)
    if name in _FAILURES:
        _stop(code, i, Request.TRAP)
        return
    footprint = code.footprints.get(name)
    if footprint is None:
        raise code.refuse(i)
    groups = [operand for operand in i.operands if operand.startswith("(")]
    before = i.operands.index(name)
    results = split_operands(groups[0][1:-1]) if before else ()
    arguments = split_operands(groups[-1][1:-1]) if len(groups) > before else ()
    pointers = []
    for argument in (*arguments, *results):
        place = code.place_of(argument)
        if place is None or not isinstance(place.base, str):
            raise code.refuse(i)
        pointers.append(place.base)
    local = code.emit(f"getelementptr i8, ptr %local, i64 {code.local_bytes}")
    if footprint.suspends:
        code.flush()
        point, again = code.resume_point(), code.fresh("call")
        code.branch(again)
        code.start_resumed(point)
        code.branch(again)
        code.start(again)
        # Behind this function's own frame, whose size is known when its translation is complete.
        frame = code.emit(f"getelementptr i8, ptr %frame, i64 {code.FRAME_SIZE}")
        local = code.emit(f"getelementptr i8, ptr %local, i64 {code.local_bytes}")
    else:
        point, frame = 0, "null"
    listed = ", ".join(f"ptr {pointer}" for pointer in ("%launch", "%thread", frame, local, *pointers))
    verdict = code.emit(f'call i32 @"{name}"({listed})')
    done, stopped = code.fresh("returned"), code.fresh("stopped")
    code.branch_if(code.emit(f"icmp eq i32 {verdict}, 0"), done, stopped)
    code.start(stopped)
    if point:
        code.save_resume_point(point)
    code.do(f"ret i32 {verdict}")
    code.start(done)


@translates("ret")
def _return(code: Emitter, i: Instruction) -> None:
    code.leave(i)
    code.save_resume_point(0)
    code.give(Verdict.DONE)


@translates("exit")
def _exit(code: Emitter, i: Instruction) -> None:
    code.leave(i)
    code.give(Verdict.EXIT)


@translates("trap")
def _trap(code: Emitter, i: Instruction) -> None:
    _stop(code, i, Request.TRAP)


def _stop(code: Emitter, i: Instruction, request: Request) -> None:
    code.store_slot(Thread.REQUEST, str(int(request)))
    code.store_slot(Thread.SITE, code.site(i))
    code.give(Verdict.ABORT)
    code.start(code.fresh("unreachable"))


def count_step(code: Emitter, i: Instruction) -> None:
    """Before a branch backwards: a thread that takes too many of them is stopped."""
    left = code.emit(f"sub i64 {code.load_slot(Thread.STEPS)}, 1")
    code.store_slot(Thread.STEPS, left)
    spent, on = code.fresh("endless"), code.fresh("step")
    code.branch_if(code.emit(f"icmp slt i64 {left}, 0"), spent, on)
    code.start(spent)
    code.store_slot(Thread.REQUEST, str(int(Request.STEPS)))
    code.store_slot(Thread.SITE, code.site(i))
    code.give(Verdict.ABORT)
    code.start(on)
