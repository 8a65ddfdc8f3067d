"""One run of the watcher's task: its jobs, and the turns for which their requests wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from attrs import define, field


@define(eq=False, repr=False)
class Run:
    """One run of the task: from the first thing that is watched to the last."""

    wake: asyncio.Event = field(factory=asyncio.Event)
    jobs: asyncio.TaskGroup = field(factory=asyncio.TaskGroup)
    turns: list[tuple[float, asyncio.Future[None]]] = field(factory=list)
    """The requests that wait for a turn, in the order in which they came, with their due times."""
    is_by_due: bool = False
    """Whether the next turn goes to the request that is due longest, or to the first that came."""
    busy: int = 0
    """How many jobs wait for a response, and not for a turn."""
    task: asyncio.Task[None] | None = None
    is_open: bool = False
    """Whether jobs may be started."""

    def spawn(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a job under the task."""
        task = self.jobs.create_task(job, context=Context())
        self.busy += 1

        def done(_: asyncio.Task[None]) -> None:
            self.busy -= 1
            self.wake.set()

        task.add_done_callback(done)
        return task

    async def turn(self, due: float) -> None:
        """Wait for a turn for a request that is due since then."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.turns.append((due, place))
        self.busy -= 1
        self.wake.set()
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self.busy += 1  # the job goes on to its end without a turn
            raise

    def give_turns(self, take: Callable[[], bool]) -> None:
        """Give turns as long as `take` gets tokens."""
        self.turns = [waiting for waiting in self.turns if not waiting[1].done()]
        while self.turns and take():
            self.is_by_due = not self.is_by_due
            first = min(self.turns, key=lambda waiting: waiting[0])
            waiting = first if self.is_by_due else self.turns[0]
            self.turns.remove(waiting)
            self.busy += 1
            waiting[1].set_result(None)
