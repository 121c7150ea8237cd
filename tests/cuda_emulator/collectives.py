"""What the lanes of a warp compute together: shuffles, votes, matches and reductions.

Compiled by Numba. ``records`` are the thread records of the block, ``first`` the number of the warp's lane 0.
Source: Parallel Thread Execution ISA, "shfl.sync", "vote.sync", "match.sync", "redux.sync".
"""

from __future__ import annotations

from numba import njit

from tests.cuda_emulator.layout import Request, Thread

_MASK, _VALUE, _SECOND, _THIRD = int(Thread.MASK), int(Thread.VALUE), int(Thread.SECOND), int(Thread.THIRD)
_RESULT, _PREDICATE = int(Thread.RESULT), int(Thread.RESULT_PREDICATE)
_UP, _DOWN, _XOR = int(Request.SHUFFLE_UP), int(Request.SHUFFLE_DOWN), int(Request.SHUFFLE_XOR)
_SHUFFLE_LAST = int(Request.SHUFFLE_INDEX)
_BALLOT, _ANY, _ALL, _UNIFORM = (
    int(request) for request in (Request.VOTE_BALLOT, Request.VOTE_ANY, Request.VOTE_ALL, Request.VOTE_UNIFORM)
)
_MATCH_ANY, _MATCH_ALL = int(Request.MATCH_ANY), int(Request.MATCH_ALL)
_ADD, _MIN, _MAX = int(Request.REDUCE_ADD), int(Request.REDUCE_MIN), int(Request.REDUCE_MAX)
_SIGNED_MIN, _SIGNED_MAX = int(Request.REDUCE_SIGNED_MIN), int(Request.REDUCE_SIGNED_MAX)
_AND, _OR = int(Request.REDUCE_AND), int(Request.REDUCE_OR)


@njit(error_model="numpy")
def shuffle_source(request, lane, distance, clamp_and_segment):
    """Lane that a shuffle reads from, and whether it is in range; out of range a lane reads itself."""
    segment = clamp_and_segment >> 8 & 31
    clamp = clamp_and_segment & 31
    low = lane & segment
    high = low | (clamp & ~segment & 31)
    distance &= 31
    if request == _UP:
        source = lane - distance
        in_range = source >= high
    else:
        if request == _DOWN:
            source = lane + distance
        elif request == _XOR:
            source = lane ^ distance
        else:
            source = low | (distance & ~segment & 31)
        in_range = source <= high
    return (source if in_range else lane), in_range


@njit(error_model="numpy")
def _signed(value):
    return value - (1 << 32) if value >> 31 & 1 else value


@njit(error_model="numpy")
def _reduced(request, total, value):
    if request == _ADD:
        return (total + value) & 0xFFFFFFFF
    if request == _MIN:
        return min(total, value)
    if request == _MAX:
        return max(total, value)
    if request == _SIGNED_MIN:
        return total if _signed(total) <= _signed(value) else value
    if request == _SIGNED_MAX:
        return total if _signed(total) >= _signed(value) else value
    if request == _AND:
        return total & value
    if request == _OR:
        return total | value
    return total ^ value


@njit(error_model="numpy")
def serve(records, first, mask, request):
    """Answer the requests of the lanes in ``mask``; returns a lane whose shuffle reads outside the mask, or -1."""
    wrong = -1
    ballot, total, begun = 0, 0, False
    for lane in range(32):
        if mask >> lane & 1:
            value = records[first + lane, _VALUE]
            ballot |= (value & 1) << lane
            total = _reduced(request, total, value) if begun else value
            begun = True
    for lane in range(32):
        if not mask >> lane & 1:
            continue
        row = first + lane
        value = records[row, _VALUE]
        if request <= _SHUFFLE_LAST:
            source, in_range = shuffle_source(request, lane, records[row, _SECOND], records[row, _THIRD])
            records[row, _PREDICATE] = 1 if in_range else 0
            if mask >> source & 1:
                records[row, _RESULT] = records[first + source, _VALUE]
            else:
                wrong = lane
        elif request == _BALLOT:
            records[row, _RESULT] = ballot
        elif request == _ANY:
            records[row, _RESULT] = 1 if ballot else 0
        elif request == _ALL:
            records[row, _RESULT] = 1 if ballot == mask else 0
        elif request == _UNIFORM:
            records[row, _RESULT] = 1 if ballot in (0, mask) else 0
        elif request in (_MATCH_ANY, _MATCH_ALL):
            equal = 0
            for other in range(32):
                if mask >> other & 1 and records[first + other, _VALUE] == value:
                    equal |= 1 << other
            everyone = equal == mask
            records[row, _PREDICATE] = 1 if everyone else 0
            records[row, _RESULT] = equal if request == _MATCH_ANY or everyone else 0
        else:
            records[row, _RESULT] = total
    return wrong
