"""Where translated code, the checks and the scheduler find what they share: slots of 64 bits, and small codes.

A launch has one *launch record*, every thread of the running block a *thread record*; both are rows of ``int64``.
Translated functions get the addresses of both and answer with a *verdict*.
"""

from __future__ import annotations

from enum import IntEnum, auto


class Launch(IntEnum):
    """Slots of the launch record."""

    ACCESS = 0  # address of the function that checks an access
    ARENA_BASE = auto()  # host address of the device's memory, which is what kernels see as global addresses
    ARENA_BYTES = auto()
    STATES = auto()  # address of uint8[ARENA_BYTES]: State of every byte
    CELLS = auto()  # address of uint32[ARENA_BYTES >> GRANULE_SHIFT, 8]: who touched it last
    GRANULE_SHIFT = auto()
    SHARED_BASE = auto()  # host address of the running block's shared memory
    SHARED_BYTES = auto()
    SHARED_STATES = auto()
    SHARED_CELLS = auto()
    DYNAMIC_SHARED = auto()  # offset of dynamic shared memory, behind the static
    LOCAL_BYTES = auto()  # local memory of one thread
    LOCAL_STATES_OFFSET = auto()  # from the address of a local byte to the address of its State
    MODULE_BASE = auto()  # address of the module's variables
    PARAMETERS = auto()  # address of the kernel's parameter block
    OPERATION = auto()  # number of the running launch among the operations of the device
    ORDERED = auto()  # address of uint8[operations]: 1 for those that happened before the launch
    BLOCK = auto()  # linear number of the running block
    EPOCH = auto()  # barriers that the running block has passed
    KNOWN = auto()  # address of uint32[threads, 32]: clock of each lane of the warp that a thread has synchronised with
    THREADS = auto()  # address of the thread records
    THREADS_PER_BLOCK = auto()
    REPORTS = auto()  # address of int64[Report limit, columns]
    REPORT_COUNT = auto()
    REPORT_LIMIT = auto()
    STEP_LIMIT = auto()  # backward branches a thread may take
    CHECKED = auto()  # 1 with all checks, 0 for values only
    BLOCKS_X = auto()
    BLOCKS_Y = auto()
    BLOCKS_Z = auto()
    THREADS_X = auto()
    THREADS_Y = auto()
    THREADS_Z = auto()
    BLOCK_X = auto()
    BLOCK_Y = auto()
    BLOCK_Z = auto()
    SLOTS = auto()


class Thread(IntEnum):
    """Slots of a thread record."""

    NUMBER = 0  # linear in the block
    X = auto()
    Y = auto()
    Z = auto()
    STATUS = auto()
    CLOCK = auto()  # synchronisations it took part in
    RELEASED = auto()  # its clock at the last barrier of the block
    FRAME = auto()  # address of what it keeps across suspensions
    LOCAL = auto()  # address of its local memory
    STEPS = auto()  # backward branches it may still take
    REQUEST = auto()  # what it waits for
    SITE = auto()
    MASK = auto()
    VALUE = auto()
    SECOND = auto()
    THIRD = auto()
    RESULT = auto()
    RESULT_PREDICATE = auto()
    SLOTS = auto()


class Verdict(IntEnum):
    """What a translated function returns."""

    DONE = 0
    ABORT = 1  # a check failed in a way that leaves nothing to go on with
    SUSPENDED = 2  # call it again when the request is served
    EXIT = 3  # the thread ended inside a called function


class Status(IntEnum):
    """What a thread is doing."""

    READY = 0
    WAITING = auto()
    ENDED = auto()


class Request(IntEnum):
    """What a thread waits for, or why it stopped."""

    BARRIER = 0
    BARRIER_OR = auto()
    BARRIER_AND = auto()
    BARRIER_COUNT = auto()
    WARP = auto()
    SHUFFLE_UP = auto()
    SHUFFLE_DOWN = auto()
    SHUFFLE_XOR = auto()
    SHUFFLE_INDEX = auto()
    VOTE_BALLOT = auto()
    VOTE_ANY = auto()
    VOTE_ALL = auto()
    VOTE_UNIFORM = auto()
    MATCH_ANY = auto()
    MATCH_ALL = auto()
    REDUCE_ADD = auto()
    REDUCE_MIN = auto()
    REDUCE_MAX = auto()
    REDUCE_SIGNED_MIN = auto()
    REDUCE_SIGNED_MAX = auto()
    REDUCE_AND = auto()
    REDUCE_OR = auto()
    REDUCE_XOR = auto()
    TRAP = auto()
    STEPS = auto()


class Access(IntEnum):
    """What is done to memory; two bits."""

    LOAD = 0
    STORE = 1
    ATOMIC = 2
    DECLARE = 3  # local memory begins (space LOCAL) or ends (space GENERIC) to exist


class Space(IntEnum):
    """Where an instruction says its address points; two bits."""

    GENERIC = 0
    GLOBAL = 1
    SHARED = 2
    LOCAL = 3


class State(IntEnum):
    """Flags of a byte of memory."""

    ALLOCATED = 1
    INITIALISED = 2
    READ_ONLY = 4
    FREED = 8


class Finding(IntEnum):
    """What a check found."""

    OUT_OF_BOUNDS = 1
    FREED = auto()
    MISALIGNED = auto()
    READ_ONLY = auto()
    WRONG_SPACE = auto()
    UNINITIALISED = auto()
    RACE_WRITE = auto()
    RACE_READ = auto()
    UNORDERED_WRITE = auto()
    UNORDERED_READ = auto()
    BARRIER_DIVERGED = auto()
    BARRIER_AFTER_EXIT = auto()
    WARP_DIVERGED = auto()
    WARP_MASK = auto()
    SHUFFLE_SOURCE = auto()
    DEADLOCK = auto()
    TRAP = auto()
    ENDLESS = auto()


class ReportColumn(IntEnum):
    """Columns of the table that checks write to."""

    FINDING = 0
    SITE = auto()
    BLOCK = auto()
    THREAD = auto()
    ADDRESS = auto()
    OTHER_OPERATION = auto()
    OTHER_BLOCK = auto()
    OTHER_THREAD = auto()
    ACCESS = auto()
    COUNT = auto()  # how often it was found at this site
    SLOTS = auto()


MANY = 0xFFFFFFFF
"""In the place of a block or thread: several of them."""
