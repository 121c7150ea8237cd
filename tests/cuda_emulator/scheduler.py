"""Runs the threads of a launch, in an order that a seed decides, and answers what they wait for.

Blocks run one after the other: what they do to each other is found by the checks whatever their order, for nothing
orders them. Within a block every thread runs until it waits or ends. With seed 0 threads and blocks run in order, with
seed 1 in the opposite order, with all others in random orders, new ones after every wait.

Compiled by Numba.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint8, uint32

from tests.cuda_emulator.checks import CELL_WORDS, access_memory, report
from tests.cuda_emulator.collectives import serve
from tests.cuda_emulator.layout import Finding, Launch, Request, State, Status, Thread, Verdict
from tests.cuda_emulator.native import address_of, enter, pointer_to

_access_address = address_of(access_memory, 5)

_ACCESS, _THREADS, _BLOCK, _EPOCH = int(Launch.ACCESS), int(Launch.THREADS), int(Launch.BLOCK), int(Launch.EPOCH)
_BLOCKS_X, _BLOCKS_Y, _BLOCKS_Z = int(Launch.BLOCKS_X), int(Launch.BLOCKS_Y), int(Launch.BLOCKS_Z)
_THREADS_X, _THREADS_Y = int(Launch.THREADS_X), int(Launch.THREADS_Y)
_BLOCK_X, _BLOCK_Y, _BLOCK_Z = int(Launch.BLOCK_X), int(Launch.BLOCK_Y), int(Launch.BLOCK_Z)
_SHARED_BASE, _SHARED_BYTES = int(Launch.SHARED_BASE), int(Launch.SHARED_BYTES)
_SHARED_STATES, _SHARED_CELLS = int(Launch.SHARED_STATES), int(Launch.SHARED_CELLS)
_GRANULE_SHIFT, _CHECKED, _STEP_LIMIT = int(Launch.GRANULE_SHIFT), int(Launch.CHECKED), int(Launch.STEP_LIMIT)
_KNOWN, _REPORT_COUNT = int(Launch.KNOWN), int(Launch.REPORT_COUNT)
_NUMBER, _X, _Y, _Z = int(Thread.NUMBER), int(Thread.X), int(Thread.Y), int(Thread.Z)
_STATUS, _CLOCK, _RELEASED, _STEPS = int(Thread.STATUS), int(Thread.CLOCK), int(Thread.RELEASED), int(Thread.STEPS)
_REQUEST, _SITE, _MASK, _VALUE = int(Thread.REQUEST), int(Thread.SITE), int(Thread.MASK), int(Thread.VALUE)
_RESULT, _FRAME, _LOCAL = int(Thread.RESULT), int(Thread.FRAME), int(Thread.LOCAL)
_READY, _WAITING, _ENDED = int(Status.READY), int(Status.WAITING), int(Status.ENDED)
_SUSPENDED, _ABORT = int(Verdict.SUSPENDED), int(Verdict.ABORT)
_LAST_BARRIER, _BARRIER_COUNT = int(Request.BARRIER_COUNT), int(Request.BARRIER_COUNT)
_BARRIER_OR, _WARP, _STEPS_SPENT = int(Request.BARRIER_OR), int(Request.WARP), int(Request.STEPS)
_ALLOCATED = int(State.ALLOCATED)
_BARRIER_DIVERGED, _BARRIER_AFTER_EXIT = int(Finding.BARRIER_DIVERGED), int(Finding.BARRIER_AFTER_EXIT)
_WARP_DIVERGED, _WARP_MASK = int(Finding.WARP_DIVERGED), int(Finding.WARP_MASK)
_SHUFFLE_SOURCE, _DEADLOCK = int(Finding.SHUFFLE_SOURCE), int(Finding.DEADLOCK)
_TRAP, _ENDLESS = int(Finding.TRAP), int(Finding.ENDLESS)
_POISON = 0xA5


@njit(error_model="numpy")
def _random(state):
    """Next number of a xorshift generator whose state is ``state[0]``."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return x


@njit(error_model="numpy")
def _shuffle(order, state):
    for place in range(len(order) - 1, 0, -1):
        other = np.int64(_random(state) % np.uint64(place + 1))
        order[place], order[other] = order[other], order[place]


@njit(error_model="numpy")
def _say(launch, finding, record, value):
    report(launch, finding, record[_SITE], launch[_BLOCK], record[_NUMBER], value, 0, 0, 0, 0)


@njit(error_model="numpy")
def _begin_block(launch, records, known, block, local_bytes, frame_bytes):
    """Threads at their first instruction, shared memory and local memory full of nonsense."""
    blocks_x, blocks_y = launch[_BLOCKS_X], launch[_BLOCKS_Y]
    launch[_BLOCK], launch[_EPOCH] = block, 0
    launch[_BLOCK_X], launch[_BLOCK_Y] = block % blocks_x, block // blocks_x % blocks_y
    launch[_BLOCK_Z] = block // blocks_x // blocks_y
    shared = launch[_SHARED_BYTES]
    base, states = pointer_to(launch[_SHARED_BASE], uint8), pointer_to(launch[_SHARED_STATES], uint8)
    for place in range(shared):
        base[place] = _POISON
        states[place] = _ALLOCATED
    if launch[_CHECKED]:
        cells = pointer_to(launch[_SHARED_CELLS], uint32)
        for place in range(((shared >> launch[_GRANULE_SHIFT]) + 1) * CELL_WORDS):
            cells[place] = 0
        known[: len(records)] = 0
    threads_x, threads_y = launch[_THREADS_X], launch[_THREADS_Y]
    for number in range(len(records)):
        record = records[number]
        record[_NUMBER] = number
        record[_X], record[_Y] = number % threads_x, number // threads_x % threads_y
        record[_Z] = number // threads_x // threads_y
        record[_STATUS], record[_CLOCK], record[_RELEASED] = _READY, 0, 0
        record[_STEPS] = launch[_STEP_LIMIT]
        local, frame = pointer_to(record[_LOCAL], uint8), pointer_to(record[_FRAME], uint8)
        for place in range(local_bytes):
            local[place] = _POISON
        for place in range(frame_bytes):
            frame[place] = 0


@njit(error_model="numpy")
def _resume(launch, record, entry, launch_address, thread_address):
    """Run a thread until it waits or ends; False if the launch cannot go on."""
    verdict = enter(entry, launch_address, thread_address)
    if verdict == _SUSPENDED:
        record[_STATUS] = _WAITING
        return True
    record[_STATUS] = _ENDED
    if verdict != _ABORT:
        return True
    if record[_REQUEST] == _STEPS_SPENT:
        _say(launch, _ENDLESS, record, launch[_STEP_LIMIT])
    elif record[_REQUEST] == _STEPS_SPENT - 1:
        _say(launch, _TRAP, record, 0)
    return False


@njit(error_model="numpy")
def _synchronise_warp(records, known, first, mask):
    """The lanes of ``mask`` know of each other what each of them knew."""
    total = np.zeros(32, np.uint32)
    for lane in range(32):
        if mask >> lane & 1:
            records[first + lane, _CLOCK] += 1
            total[lane] = max(total[lane], records[first + lane, _CLOCK])
            for other in range(32):
                total[other] = max(total[other], known[first + lane, other])
    for lane in range(32):
        if mask >> lane & 1:
            known[first + lane, :] = total


@njit(error_model="numpy")
def _serve_warp(launch, records, known, first, lanes):
    """Answer one complete request of a warp; 1 if there was one, 0 if not, -1 if the launch cannot go on."""
    for lane in range(lanes):
        leader = records[first + lane]
        if leader[_STATUS] != _WAITING or leader[_REQUEST] <= _LAST_BARRIER:
            continue
        mask = leader[_MASK]
        if not mask >> lane & 1 or mask >> lanes:
            _say(launch, _WARP_MASK, leader, mask)
            return -1
        complete = True
        for other in range(lanes):
            if mask >> other & 1:
                row = records[first + other]
                if row[_STATUS] == _ENDED:
                    _say(launch, _WARP_MASK, leader, mask)
                    return -1
                if row[_STATUS] != _WAITING or row[_REQUEST] <= _LAST_BARRIER:
                    complete = False
                elif row[_SITE] != leader[_SITE] or row[_MASK] != mask:
                    _say(launch, _WARP_DIVERGED, leader, mask)
                    return -1
        if complete:
            if leader[_REQUEST] != _WARP:
                wrong = serve(records, first, mask, leader[_REQUEST])
                if wrong >= 0:
                    _say(launch, _SHUFFLE_SOURCE, records[first + wrong], mask)
                    return -1
            _synchronise_warp(records, known, first, mask)
            for other in range(lanes):
                if mask >> other & 1:
                    records[first + other, _STATUS] = _READY
            return 1
    return 0


@njit(error_model="numpy")
def _serve_barrier(launch, records):
    """Let the block pass a barrier that all threads have reached; 1 if they did, 0 if not, -1 if it is wrong."""
    held, waiting, ended = 0, 0, 0
    leader = records[0]
    for number in range(len(records)):
        record = records[number]
        if record[_STATUS] == _ENDED:
            ended += 1
        elif record[_STATUS] == _WAITING and record[_REQUEST] <= _LAST_BARRIER:
            if waiting and (record[_SITE] != leader[_SITE] or record[_MASK] != leader[_MASK]):
                _say(launch, _BARRIER_DIVERGED, record, leader[_SITE])
                return -1
            leader = record
            waiting += 1
            held += record[_VALUE]
    if not waiting or waiting + ended < len(records):
        return 0
    if ended:
        _say(launch, _BARRIER_AFTER_EXIT, leader, ended)
        return -1
    launch[_EPOCH] += 1
    for number in range(len(records)):
        record = records[number]
        request = record[_REQUEST]
        if request == _BARRIER_COUNT:
            record[_RESULT] = held
        elif request == _BARRIER_OR:
            record[_RESULT] = 1 if held else 0
        else:
            record[_RESULT] = 1 if held == len(records) else 0
        record[_CLOCK] += 1
        record[_RELEASED] = record[_CLOCK]
        record[_STATUS] = _READY
    return 1


@njit(error_model="numpy")
def _run_block(launch, records, known, order, state, entry, addresses, shuffles):
    launch_address, records_address, record_bytes = addresses
    remaining = len(records)
    while remaining:
        progress = False
        if shuffles:
            _shuffle(order, state)
        for place in range(len(order)):
            record = records[order[place]]
            if record[_STATUS] == _READY:
                thread_address = records_address + order[place] * record_bytes
                if not _resume(launch, record, entry, launch_address, thread_address):
                    return False
                progress = True
                if record[_STATUS] == _ENDED:
                    remaining -= 1
        for first in range(0, len(records), 32):
            lanes = min(32, len(records) - first)
            served = _serve_warp(launch, records, known, first, lanes)
            while served == 1:
                progress = True
                served = _serve_warp(launch, records, known, first, lanes)
            if served < 0:
                return False
        if remaining:
            served = _serve_barrier(launch, records)
            if served < 0:
                return False
            progress = progress or served == 1
        if not progress and remaining:
            for number in range(len(records)):
                if records[number, _STATUS] == _WAITING:
                    _say(launch, _DEADLOCK, records[number], remaining)
                    return False
    return True


@njit(error_model="numpy")
def run_launch(launch, records, known, entry, seed, frame_bytes, local_bytes):
    """Run all blocks of a launch; returns the number of blocks that ran to their end.

    Parameters
    ----------
    launch
        ``int64[SLOTS]``: the launch record, complete but for what changes from block to block.
    records, known
        ``int64[threads, SLOTS]`` with frames and local memory assigned; ``uint32[threads, 32]``.
    entry
        Address of the translated kernel.
    seed
        Of the orders of threads and blocks.
    frame_bytes, local_bytes
        Memory of each thread.
    """
    launch[_ACCESS] = _access_address()
    launch[_THREADS], launch[_KNOWN] = records.ctypes.data, known.ctypes.data
    addresses = (launch.ctypes.data, records.ctypes.data, records.strides[0])
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x1234567)
    blocks = np.arange(launch[_BLOCKS_X] * launch[_BLOCKS_Y] * launch[_BLOCKS_Z])
    order = np.arange(len(records))
    if seed == 1:
        blocks, order = blocks[::-1].copy(), order[::-1].copy()
    elif seed > 1:
        _shuffle(blocks, state)
    for done in range(len(blocks)):
        _begin_block(launch, records, known, blocks[done], local_bytes, frame_bytes)
        if not _run_block(launch, records, known, order, state, entry, addresses, seed > 1):
            return done
    return len(blocks)
