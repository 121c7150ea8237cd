"""What the driver does for workers: restarts, known-answer probes, and asking lost ones whether they are back.

It knows handles by their methods alone (see :mod:`fastpath.actor`); how a process is ended, and which error means that
it will not come back, it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastpath.decisions import Effects
from fastpath.scheduler import Scheduler

HEALTH_EVERY_S: Final = 0.25
_HEALTH_TIMEOUT_S: Final = 10.0
_PROBE_TIMEOUT_S: Final = 120.0  # it may have to compile or load first

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Driver:
    """What it needs of whoever runs the scheduler; all is called on its event loop.

    Attributes
    ----------
    advance
        Carries out what the scheduler decides now.
    spawn
        Runs something beside all else.
    restart
        Ends the process of a worker's handle; another takes its place.
    remove_worker
        Forgets a worker by its name.
    ended
        What a call to a worker raises that has ended for good.
    """

    advance: Callable[[], None]
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    restart: Callable[[Any], None]
    remove_worker: Callable[[str], Awaitable[None]]
    ended: type[Exception]


class WorkerCare:
    """Looks after the workers of one scheduler.

    Parameters
    ----------
    handles
        Of the workers, by name, as they are now.
    """

    def __init__(self, scheduler: Scheduler, handles: Mapping[str, Any], driver: Driver) -> None:
        self._scheduler = scheduler
        self._handles = handles
        self._driver = driver
        self._watched: set[str] = set()
        self._ending: dict[str, int] = {}  # processes that were told to end, by worker

    def carry_out(self, effects: Effects) -> None:
        """Do what the scheduler wants done to workers."""
        for alarm in effects.alarms:
            _log.error("%s", alarm)
        for worker in effects.recycles:
            if handle := self._handles.get(worker):
                self._driver.spawn(self._recycle(worker, handle))
        for worker in effects.probes:
            if handle := self._handles.get(worker):
                self._driver.spawn(self._probe(worker, handle))
        for method, orders in (("load_key", effects.preloads), ("release_key", effects.forgets)):
            for worker, key_ids in orders.items():
                handle = self._handles.get(worker)
                for key_id in key_ids if hasattr(handle, method) else ():
                    getattr(handle, method).remote(key_id)

    async def _recycle(self, name: str, handle: Any) -> None:  # noqa: ANN401 - duck-typed
        """Restart a worker. It is back when another process answers: the old one may do so until it has ended."""
        with contextlib.suppress(Exception):  # one that does not answer has nothing to be mistaken for
            health = await asyncio.wait_for(_answer(handle.health), _HEALTH_TIMEOUT_S)
            self._ending[name] = health["pid"]
        self._driver.restart(handle)
        self.watch(name, handle)

    async def _probe(self, name: str, handle: Any) -> None:  # noqa: ANN401 - duck-typed
        """Have a worker in quarantine do a task whose answer is known."""
        probe = handle.probe if hasattr(handle, "probe") else handle.health
        try:
            await asyncio.wait_for(_answer(probe), _PROBE_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 - any failure means: not yet
            _log.warning("worker %s did not give the known answer: %s", name, type(error).__name__)
            passed = False
        else:
            _log.info("worker %s gave the known answer and gets work again", name)
            passed = True
        self._scheduler.probed(time.monotonic(), name, passed=passed)
        self._driver.advance()

    def watch(self, name: str, handle: Any) -> None:  # noqa: ANN401 - duck-typed
        """Ask a lost worker for its health until it answers, has ended for good, or was replaced."""
        if name not in self._watched:
            self._watched.add(name)
            self._driver.spawn(self._watch(name, handle))

    async def _watch(self, name: str, handle: Any) -> None:  # noqa: ANN401 - duck-typed
        try:
            while self._is_current(name, handle):
                try:
                    health = await asyncio.wait_for(_answer(handle.health), _HEALTH_TIMEOUT_S)
                except self._driver.ended:
                    _log.error("worker %s has ended for good", name)
                    await self._driver.remove_worker(name)
                except Exception as error:  # noqa: BLE001 - any failure means: not yet
                    _log.info("worker %s is not back yet: %s", name, type(error).__name__)
                    await asyncio.sleep(HEALTH_EVERY_S)
                else:
                    if name in self._ending and health["pid"] == self._ending[name]:
                        await asyncio.sleep(HEALTH_EVERY_S)
                        continue
                    self._ending.pop(name, None)
                    self._scheduler.worker_back(name)
                    return
        finally:
            self._watched.discard(name)
            self._driver.advance()

    def _is_current(self, name: str, handle: Any) -> bool:  # noqa: ANN401 - duck-typed
        return self._handles.get(name) is handle


def _answer(method: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - duck-typed
    return asyncio.wrap_future(method.remote().future())
