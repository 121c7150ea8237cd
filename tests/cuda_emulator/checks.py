"""What an access to memory must satisfy: bounds, life, alignment, initialisation, and order with other accesses.

Every byte of device and shared memory has a state (:class:`~tests.cuda_emulator.layout.State`), every granule of them a
*cell* that says who wrote and who read it last. Two accesses of which one writes race unless one happened before the
other:

* in the same thread;
* in the same block, if a barrier of the block lies between, or synchronisations of the warp lead from one to the other
  (each thread keeps a vector clock of its warp);
* in different operations of the device, if streams and events order them (the launch brings a table of that).

Nothing orders two blocks of one launch. Atomics do not race with atomics. A fence with a flag orders nothing here:
kernels that communicate so between blocks are reported.

A cell keeps one writer, for what is ordered behind a write is ordered behind all that the write was ordered behind; one
reader, or the word that there were several, and one operation before the reader's, when neither is ordered behind the
other; and likewise for atomics. That is exact with two streams and with synchronisations of whole warps. Of three or
more unordered operations, two are kept; several lanes of a warp that read count as if all did so last.

The functions are compiled by Numba. Source of the method: Flanagan and Freund, "FastTrack: efficient and precise
dynamic race detection", PLDI 2009.
"""

from __future__ import annotations

from numba import int64 as word
from numba import njit, uint8, uint32

from tests.cuda_emulator.layout import MANY, Access, Finding, Launch, ReportColumn, Space, State, Thread
from tests.cuda_emulator.native import pointer_to

CELL_WORDS = 14
WRITE, ATOMIC, READ = 0, 4, 8
OPERATION, BLOCK, STAMP, LANES = 0, 1, 2, 3
OTHER = 12
"""Words of a cell: four each about the last write, atomic and read; then another operation with atomics, and another
one that read, which the last one is not ordered behind.
"""

MANY_BIT = 1 << 10
CLOCK_SHIFT = 12
"""A stamp: number of the thread (10 bits), whether several threads, and a clock (20 bits).

The clock is that of the thread. Of several lanes of a warp it is the latest of theirs, and LANES is their mask; of
several threads otherwise it is the number of barriers that their block had passed, and LANES is 0.
"""

_ARENA_BASE, _ARENA_BYTES = int(Launch.ARENA_BASE), int(Launch.ARENA_BYTES)
_SHARED_BASE, _SHARED_BYTES = int(Launch.SHARED_BASE), int(Launch.SHARED_BYTES)
_STATES, _SHARED_STATES = int(Launch.STATES), int(Launch.SHARED_STATES)
_CELLS, _SHARED_CELLS = int(Launch.CELLS), int(Launch.SHARED_CELLS)
_LOCAL_BYTES, _LOCAL_STATES_OFFSET = int(Launch.LOCAL_BYTES), int(Launch.LOCAL_STATES_OFFSET)
_GRANULE_SHIFT, _CHECKED = int(Launch.GRANULE_SHIFT), int(Launch.CHECKED)
_OPERATION, _ORDERED, _BLOCK = int(Launch.OPERATION), int(Launch.ORDERED), int(Launch.BLOCK)
_EPOCH, _KNOWN, _THREADS = int(Launch.EPOCH), int(Launch.KNOWN), int(Launch.THREADS)
_REPORTS, _REPORT_COUNT, _REPORT_LIMIT = int(Launch.REPORTS), int(Launch.REPORT_COUNT), int(Launch.REPORT_LIMIT)
_NUMBER, _CLOCK, _RELEASED, _LOCAL = int(Thread.NUMBER), int(Thread.CLOCK), int(Thread.RELEASED), int(Thread.LOCAL)
_THREAD_SLOTS = int(Thread.SLOTS)
_LOAD, _STORE, _ATOMIC, _DECLARE = (
    int(access) for access in (Access.LOAD, Access.STORE, Access.ATOMIC, Access.DECLARE)
)
_GENERIC, _GLOBAL, _SHARED, _IN_LOCAL = int(Space.GENERIC), int(Space.GLOBAL), int(Space.SHARED), int(Space.LOCAL)
_IS_ALLOCATED, _IS_INITIALISED = int(State.ALLOCATED), int(State.INITIALISED)
_IS_READ_ONLY, _IS_FREED = int(State.READ_ONLY), int(State.FREED)
_COLUMNS = int(ReportColumn.SLOTS)
_C_FINDING, _C_SITE, _C_COUNT = int(ReportColumn.FINDING), int(ReportColumn.SITE), int(ReportColumn.COUNT)
_OUT_OF_BOUNDS, _FREED, _MISALIGNED = int(Finding.OUT_OF_BOUNDS), int(Finding.FREED), int(Finding.MISALIGNED)
_READ_ONLY, _WRONG_SPACE = int(Finding.READ_ONLY), int(Finding.WRONG_SPACE)
_UNINITIALISED = int(Finding.UNINITIALISED)
_RACE_WRITE, _RACE_READ = int(Finding.RACE_WRITE), int(Finding.RACE_READ)
_UNORDERED_WRITE, _UNORDERED_READ = int(Finding.UNORDERED_WRITE), int(Finding.UNORDERED_READ)


@njit(error_model="numpy")
def report(launch, finding, site, block, thread, address, kind, other_operation, other_block, other_thread):
    """Add to the table of findings; one line for each kind at each instruction.

    ``kind`` is the :class:`~tests.cuda_emulator.layout.Access`, and the space shifted by two bits.
    """
    table = pointer_to(launch[_REPORTS], word)
    for row in range(launch[_REPORT_COUNT]):
        if table[row * _COLUMNS + _C_FINDING] == finding and table[row * _COLUMNS + _C_SITE] == site:
            table[row * _COLUMNS + _C_COUNT] += 1
            return
    if launch[_REPORT_COUNT] < launch[_REPORT_LIMIT]:
        start = launch[_REPORT_COUNT] * _COLUMNS
        values = (finding, site, block, thread, address, other_operation, other_block, other_thread, kind, 1)
        for column in range(_COLUMNS):
            table[start + column] = values[column]
        launch[_REPORT_COUNT] += 1


@njit(error_model="numpy")
def happened_before(launch, thread, cell, kind):
    """Whether the last write or read (``kind``) that a cell knows of happened before what the thread does now."""
    operation = word(cell[kind + OPERATION])
    if operation != launch[_OPERATION]:
        return _is_ordered(launch, operation)
    if word(cell[kind + BLOCK]) != launch[_BLOCK]:
        return False
    stamp, lanes = word(cell[kind + STAMP]), word(cell[kind + LANES])
    clock, other, me = stamp >> CLOCK_SHIFT, stamp & 1023, thread[_NUMBER]
    if not stamp & MANY_BIT:
        return _thread_is_before(launch, me, other, clock)
    if not lanes:
        return clock < launch[_EPOCH]
    first = other & ~31
    for lane in range(32):  # noqa: SIM110 - Numba compiles no all() of a generator
        if lanes >> lane & 1 and not _thread_is_before(launch, me, first + lane, clock):
            return False
    return True


@njit(error_model="numpy")
def _is_ordered(launch, operation):
    """Whether an earlier operation is done before the running one starts."""
    return pointer_to(launch[_ORDERED], uint8)[operation] != 0


@njit(error_model="numpy")
def _thread_is_before(launch, me, other, clock):
    """Whether what a thread of the block did at a clock happened before what ``me`` does now."""
    if other == me:
        return True
    if clock < pointer_to(launch[_THREADS], word)[other * _THREAD_SLOTS + _RELEASED]:
        return True
    return other >> 5 == me >> 5 and clock < pointer_to(launch[_KNOWN], uint32)[me * 32 + (other & 31)]


@njit(error_model="numpy")
def _check_order(launch, thread, site, address, kind, cell, slot):
    """Report a last write, atomic or read that did not happen before what the thread does now."""
    operation, me = word(cell[slot + OPERATION]), thread[_NUMBER]
    if operation != 0 and not happened_before(launch, thread, cell, slot):
        stamp, other_block = word(cell[slot + STAMP]), word(cell[slot + BLOCK])
        if operation == launch[_OPERATION]:
            finding = _RACE_READ if slot == READ else _RACE_WRITE
        else:
            finding = _UNORDERED_READ if slot == READ else _UNORDERED_WRITE
        other_thread = MANY if stamp & MANY_BIT else stamp & 1023
        report(launch, finding, site, launch[_BLOCK], me, address, kind, operation, other_block, other_thread)
    if slot != WRITE:
        other = word(cell[_other(slot)])
        if other != 0 and not _is_ordered(launch, other):
            finding = _UNORDERED_READ if slot == READ else _UNORDERED_WRITE
            report(launch, finding, site, launch[_BLOCK], me, address, kind, other, 0, 0)


@njit(error_model="numpy")
def _other(slot):
    """Word of the other operation that goes with a slot."""
    return OTHER + (1 if slot == READ else 0)


@njit(error_model="numpy")
def touch(launch, thread, cell, kind, site, address):
    """Check one granule's cell against an access and note the access in it."""
    access = kind & 3
    _check_order(launch, thread, site, address, kind, cell, WRITE)
    if access != _ATOMIC:
        _check_order(launch, thread, site, address, kind, cell, ATOMIC)
    if access != _LOAD:
        _check_order(launch, thread, site, address, kind, cell, READ)
    if access == _LOAD:
        _note_shared(launch, thread, cell, READ)
    elif access == _ATOMIC:
        _note_shared(launch, thread, cell, ATOMIC)
    else:
        # What is ordered behind this write is ordered behind all that it was ordered behind.
        _note(launch, thread, cell, WRITE)
        cell[ATOMIC + OPERATION] = cell[READ + OPERATION] = 0
        cell[_other(ATOMIC)] = cell[_other(READ)] = 0


@njit(error_model="numpy")
def _note(launch, thread, cell, slot):
    """The thread alone is the last."""
    cell[slot + OPERATION] = launch[_OPERATION]
    cell[slot + BLOCK] = launch[_BLOCK]
    cell[slot + STAMP] = thread[_NUMBER] | thread[_CLOCK] << CLOCK_SHIFT
    cell[slot + LANES] = 0


@njit(error_model="numpy")
def _note_shared(launch, thread, cell, slot):
    """A read or atomic, which may have others beside it."""
    operation = word(cell[slot + OPERATION])
    if operation == 0 or happened_before(launch, thread, cell, slot):
        _note(launch, thread, cell, slot)
    elif operation == launch[_OPERATION]:
        _join(launch, thread, cell, slot)
    else:
        cell[_other(slot)] = operation
        _note(launch, thread, cell, slot)


@njit(error_model="numpy")
def _join(launch, thread, cell, slot):
    """The thread is one of several, in the same operation, whose accesses are not ordered."""
    stamp, lanes, me = word(cell[slot + STAMP]), word(cell[slot + LANES]), thread[_NUMBER]
    if word(cell[slot + BLOCK]) != launch[_BLOCK]:
        cell[slot + BLOCK] = MANY
        return
    other = stamp & 1023
    if other >> 5 == me >> 5 and (lanes or not stamp & MANY_BIT):
        clock = max(stamp >> CLOCK_SHIFT, thread[_CLOCK])
        cell[slot + LANES] = lanes | 1 << (other & 31) | 1 << (me & 31)
    else:
        clock = launch[_EPOCH]
        cell[slot + LANES] = 0
    cell[slot + STAMP] = other | MANY_BIT | clock << CLOCK_SHIFT


@njit(error_model="numpy")
def check_states(launch, thread, states, offset, size, kind, site, address):
    """Life and initialisation of the bytes of an access; False if they must not be touched."""
    access, missing = kind & 3, 0
    for place in range(offset, offset + size):
        state = states[place]
        if not state & _IS_ALLOCATED:
            finding = _FREED if state & _IS_FREED else _OUT_OF_BOUNDS
            report(launch, finding, site, launch[_BLOCK], thread[_NUMBER], address, kind, 0, 0, 0)
            return False
        if access != _LOAD:
            if state & _IS_READ_ONLY:
                report(launch, _READ_ONLY, site, launch[_BLOCK], thread[_NUMBER], address, kind, 0, 0, 0)
                return False
            states[place] = state | _IS_INITIALISED
        if access != _STORE and not state & _IS_INITIALISED:
            missing += 1
    if missing:
        report(launch, _UNINITIALISED, site, launch[_BLOCK], thread[_NUMBER], address, kind, 0, 0, 0)
    return True


@njit(error_model="numpy")
def _declare(launch, address, size, begins):
    """A local array begins or ceases to exist."""
    states = pointer_to(address + launch[_LOCAL_STATES_OFFSET], uint8)
    for place in range(size):
        states[place] = _IS_ALLOCATED if begins else 0
    return address


@njit(error_model="numpy")
def access_memory(launch_address, thread_address, address, packed, site):
    """Check an access; gives the host address to use, or 0 if it must not happen.

    ``packed`` is the :class:`~tests.cuda_emulator.layout.Access`, the space shifted by two bits, whether the access is
    ordered as atomics are, shifted by four, and the size in bytes shifted by five. In shared memory ``address`` is an
    offset.
    """
    launch, thread = pointer_to(launch_address, word), pointer_to(thread_address, word)
    access, space, size = packed & 3, packed >> 2 & 3, packed >> 5
    if access == _DECLARE:
        return _declare(launch, address, size, space == _IN_LOCAL)
    host = address + launch[_SHARED_BASE] if space == _SHARED else address
    checked = launch[_CHECKED] != 0
    found = _GENERIC
    offset, shared_offset, local_offset = host - launch[_ARENA_BASE], host - launch[_SHARED_BASE], host - thread[_LOCAL]
    if 0 <= shared_offset <= launch[_SHARED_BYTES] - size:
        found, offset = _SHARED, shared_offset
    elif 0 <= offset <= launch[_ARENA_BYTES] - size:
        found = _GLOBAL
    elif 0 <= local_offset <= launch[_LOCAL_BYTES] - size:
        found, offset = _IN_LOCAL, local_offset
    kind = access | found << 2
    if found == _SHARED:
        address = offset  # what reports show
    if found == _GENERIC or (space not in (_GENERIC, found)):
        finding = _OUT_OF_BOUNDS if found == _GENERIC or space == _SHARED else _WRONG_SPACE
        report(launch, finding, site, launch[_BLOCK], thread[_NUMBER], address, kind, 0, 0, 0)
        return 0
    if not checked:
        return host
    if host & (size - 1):
        report(launch, _MISALIGNED, site, launch[_BLOCK], thread[_NUMBER], address, kind, 0, 0, 0)
        return 0
    if found == _IN_LOCAL:
        states = pointer_to(host + launch[_LOCAL_STATES_OFFSET], uint8)
        return host if check_states(launch, thread, states, 0, size, kind, site, address) else 0
    is_shared = found == _SHARED
    states = pointer_to(launch[_SHARED_STATES] if is_shared else launch[_STATES], uint8)
    if not check_states(launch, thread, states, offset, size, kind, site, address):
        return 0
    if packed >> 4 & 1:
        kind = _ATOMIC | found << 2
    shift = launch[_GRANULE_SHIFT]
    cells = launch[_SHARED_CELLS] if is_shared else launch[_CELLS]
    for granule in range(offset >> shift, (offset + size - 1 >> shift) + 1):
        cell = pointer_to(cells + granule * (4 * CELL_WORDS), uint32)
        touch(launch, thread, cell, kind, site, address)
    return host


@njit(error_model="numpy")
def access_range(launch, thread, offset, size, access, any_state):
    """Check and note an access of a copy or fill to a range of device memory.

    ``launch`` and ``thread`` are records in which the operation alone matters. With ``any_state`` it may read what
    nobody wrote.
    """
    launch_pointer, thread_pointer = pointer_to(launch.ctypes.data, word), pointer_to(thread.ctypes.data, word)
    states = pointer_to(launch[_STATES], uint8)
    kind = access | _GLOBAL << 2
    base = launch[_ARENA_BASE]
    if not any_state and not check_states(launch_pointer, thread_pointer, states, offset, size, kind, 0, base + offset):
        return
    shift = launch[_GRANULE_SHIFT]
    for granule in range(offset >> shift, (offset + size - 1 >> shift) + 1):
        cell = pointer_to(launch[_CELLS] + granule * (4 * CELL_WORDS), uint32)
        touch(launch_pointer, thread_pointer, cell, kind, 0, base + (granule << shift))
