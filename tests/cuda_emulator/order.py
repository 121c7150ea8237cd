"""Which operations of a device happen before which: a vector clock for every stream and for the host.

An operation is a number from 1. Its *clock* says for each stream how many of that stream's operations are done before
it starts, whatever the device does; streams, events and what the host waited for make it.
"""

from __future__ import annotations

import numpy as np

Clock = dict[int, int]


def join(clock: Clock, other: Clock) -> None:
    """Make ``clock`` also as late as ``other``."""
    for stream, count in other.items():
        if count > clock.get(stream, 0):
            clock[stream] = count


class Order:
    """The operations of one device."""

    def __init__(self) -> None:
        self.host: Clock = {}
        self._streams: list[Clock] = []
        self._stream_of = np.zeros(1024, np.int64)
        self._index_of = np.zeros(1024, np.int64)
        self._clocks: list[Clock] = [{}]
        self.labels: list[str] = [""]

    def new_stream(self) -> int:
        """Number of a new stream."""
        self._streams.append({})
        return len(self._streams) - 1

    def add(self, stream: int, label: str) -> int:
        """A new operation behind all that its stream and the host have waited for."""
        number = len(self._clocks)
        if number == len(self._stream_of):
            self._stream_of = np.resize(self._stream_of, 2 * number)
            self._index_of = np.resize(self._index_of, 2 * number)
        clock = self._streams[stream]
        join(clock, self.host)
        self._stream_of[number] = stream
        self._index_of[number] = clock.get(stream, 0) + 1
        self._clocks.append(dict(clock))
        self.labels.append(label)
        clock[stream] = int(self._index_of[number])
        return number

    def clock_of_stream(self, stream: int) -> Clock:
        """What is done when all that was queued on the stream so far is done."""
        return dict(self._streams[stream])

    def wait(self, stream: int, clock: Clock) -> None:
        """What is added to the stream from here on happens after all of ``clock``."""
        join(self._streams[stream], clock)

    def wait_host(self, clock: Clock) -> None:
        """What the host queues from here on happens after all of ``clock``."""
        join(self.host, clock)

    def stream_of(self, operation: int) -> int:
        """Number of the stream that an operation was queued on."""
        return int(self._stream_of[operation])

    def before(self, earlier: int, later: int) -> bool:
        """Whether one operation is done before another starts."""
        return self._covers(self._clocks[later], earlier)

    def before_host(self, earlier: int) -> bool:
        """Whether the host has waited for an operation."""
        return self._covers(self.host, earlier)

    def table(self, operation: int) -> np.ndarray:
        """``uint8[operations]``: 1 for those that are done before ``operation`` starts."""
        clock = np.zeros(len(self._streams), np.int64)
        for stream, count in self._clocks[operation].items():
            clock[stream] = count
        numbers = slice(len(self._clocks))
        return (self._index_of[numbers] <= clock[self._stream_of[numbers]]).astype(np.uint8)

    def _covers(self, clock: Clock, operation: int) -> bool:
        return int(self._index_of[operation]) <= clock.get(int(self._stream_of[operation]), 0)
