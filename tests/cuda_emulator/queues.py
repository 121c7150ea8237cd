"""Streams and events that run late and interleaved.

Nothing that is queued runs until something asks for it, or chance lets it. Seed 0 is the friendliest device: all runs
at once. Seed 1 runs as late as it may. All others run a few operations of random streams whenever the device is called.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cuda_emulator.order import Clock, Order

if TYPE_CHECKING:
    from tests.cuda_emulator.device import EmulatedDevice


@dataclass(eq=False)
class EmulatedEvent:
    """A place in a stream; :class:`kernels.cuda.device.Event`."""

    device: EmulatedDevice
    clock: Clock
    passed: bool = False
    time_s: float = 0.0

    @property
    def done(self) -> bool:
        """Whether the stream has passed the place; lets the device run a little."""
        self.device.called()
        self.device.queues.step()
        if self.passed:
            self.device.queues.order.wait_host(self.clock)
        return self.passed

    def synchronize(self) -> None:
        """Run what it takes to get there."""
        self.device.called()
        self.device.queues.run_until(lambda: self.passed)
        self.device.queues.order.wait_host(self.clock)
        self.device.raise_findings()

    def seconds_since(self, earlier: EmulatedEvent) -> float:
        """Time on the host between the two."""
        self.device.called()
        if not (self.passed and earlier.passed):
            self.device.defect("seconds_since() of an event that is not done")
        return self.time_s - earlier.time_s


@dataclass(eq=False)
class EmulatedStream:
    """A queue of device work; :class:`kernels.cuda.device.Stream`."""

    device: EmulatedDevice
    number: int
    waiting: deque[Callable[[], None] | EmulatedEvent] = field(default_factory=deque)

    def record(self) -> EmulatedEvent:
        """An event behind everything queued so far."""
        self.device.called()
        event = EmulatedEvent(self.device, self.device.queues.order.clock_of_stream(self.number))

        def pass_event() -> None:
            event.passed, event.time_s = True, time.perf_counter()

        self.device.queues.add(self, pass_event)
        return event

    def wait(self, event: EmulatedEvent) -> None:
        """Hold back what is queued from here on."""
        self.device.called()
        self.device.queues.order.wait(self.number, event.clock)
        self.device.queues.add(self, event)

    def synchronize(self) -> None:
        """Run the stream until it is empty."""
        self.device.called()
        self.device.queues.run_until(lambda: not self.waiting)
        self.device.queues.order.wait_host(self.device.queues.order.clock_of_stream(self.number))
        self.device.raise_findings()


class Queues:
    """All streams of a device."""

    def __init__(self, seed: int) -> None:
        self.order = Order()
        self.streams: list[EmulatedStream] = []
        self._random = random.Random(seed)
        self._seed = seed

    def new_stream(self, device: EmulatedDevice) -> EmulatedStream:
        """Another stream."""
        stream = EmulatedStream(device, self.order.new_stream())
        self.streams.append(stream)
        return stream

    def add(self, stream: EmulatedStream, work: Callable[[], None] | EmulatedEvent) -> None:
        """Queue an operation, or an event to wait for; some of what waits may run."""
        stream.waiting.append(work)
        if self._seed == 0:
            while self.step():
                pass
        elif self._seed > 1:
            for _ in range(self._random.choice((0, 0, 0, 1, 3))):
                self.step()

    def step(self) -> bool:
        """Let one stream go on; False if none can."""
        ready = [stream for stream in self.streams if stream.waiting and _can_start(stream.waiting[0])]
        if not ready:
            return False
        work = self._random.choice(ready).waiting.popleft()
        if not isinstance(work, EmulatedEvent):
            work()
        return True

    def run_until(self, reached: Callable[[], bool]) -> None:
        """Let streams go on, in random order, until something is reached."""
        while not reached():
            assert self.step(), "streams only wait for events that were recorded before"


def _can_start(work: Callable[[], None] | EmulatedEvent) -> bool:
    return not isinstance(work, EmulatedEvent) or work.passed
