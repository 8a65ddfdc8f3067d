"""Stopping a run at a chosen await."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from sinch_hosting import BulkResult

if TYPE_CHECKING:
    from .rig import Rig

R = TypeVar("R")


class Steps:
    """Counts the awaits of a run's tasks, and stops it at one of them."""

    def __init__(self, stop_at: int | None) -> None:
        self.count = 0
        self._stop_at = stop_at
        self.main: asyncio.Task[Any] | None = None

    def step(self) -> None:
        """Another await was reached."""
        self.count += 1
        if self.count == self._stop_at and self.main is not None:
            self.main.cancel()


class Stepped(Coroutine[Any, Any, Any]):
    """A coroutine that reports each of its awaits."""

    def __init__(self, inner: Coroutine[Any, Any, Any], steps: Steps) -> None:
        self._inner = inner
        self._steps = steps

    def send(self, value: Any) -> Any:
        """Go on to the next await."""
        awaited = self._inner.send(value)
        self._steps.step()
        return awaited

    def throw(self, *error: Any) -> Any:
        """Go on with an error."""
        return self._inner.throw(*error)

    def close(self) -> None:
        """End it."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


async def run_until(
    rig: Rig, listed: list[str], stop_at: int | None, **settings: Any
) -> BulkResult | None:
    """Run a job until its `stop_at`th await; what it answered, if it came so far."""
    return await run_stepped(rig.text_enable(listed, **settings), Steps(stop_at))


async def run_stepped(run: Coroutine[Any, Any, R], steps: Steps) -> R | None:
    """Run something until `steps` ends it; what it answered, if it came so far."""
    loop = asyncio.get_running_loop()

    def factory(
        loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        code = getattr(coroutine, "cr_code", None)  # the end of an async generator has none
        path = "" if code is None else code.co_filename
        counted = "sinch_hosting/" in path and "/sandbox/" not in path
        return asyncio.Task(Stepped(coroutine, steps) if counted else coroutine, loop=loop, **more)

    before = loop.get_task_factory()
    main: asyncio.Task[R] = asyncio.Task(Stepped(run, steps), loop=loop)
    steps.main = main
    loop.set_task_factory(factory)
    try:
        return await main
    except asyncio.CancelledError:
        return None
    finally:
        loop.set_task_factory(before)
