"""Helpers for asyncio that several parts of the package need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

Clock = Callable[[], float]
"""Returns the time in seconds; only differences have a meaning."""
Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds on the same clock."""


async def sleep_until(over: asyncio.Event, sleep: Sleep, seconds: float) -> None:
    """Sleep for so many seconds, or until `over` is set; raise what the sleep raises."""

    async def sleeping() -> None:
        await sleep(seconds)

    sleeper = asyncio.create_task(sleeping())
    sleeper.add_done_callback(lambda _: over.set())
    try:
        await over.wait()
    finally:
        sleeper.cancel()
        await asyncio.wait({sleeper})
    if not sleeper.cancelled():
        sleeper.result()


async def map_concurrently(
    items: AsyncIterator[T],
    handle: Callable[[T], Awaitable[R]],
    *,
    concurrency: int,
) -> AsyncGenerator[R, None]:
    """Handle the items, `concurrency` at the same time, and give the results as they come.

    At most `concurrency` items are read and not yet given to the caller, however many there
    are. Where reading or handling fails, the items under way are finished and given first; then
    the error is raised. Ending the iteration early cancels the items under way.
    """
    results: asyncio.Queue[R | None] = asyncio.Queue()
    room = asyncio.Semaphore(concurrency)
    turn = asyncio.Lock()
    failures: list[BaseException] = []

    async def next_item() -> T | None:
        async with turn:
            return None if failures else await anext(items, None)

    async def work() -> None:
        try:
            while True:
                await room.acquire()
                item = await next_item()
                if item is None:
                    return
                results.put_nowait(await handle(item))
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            failures.append(error)  # not this task was cancelled, but one that the items awaited
        except Exception as error:
            failures.append(error)
        finally:
            room.release()  # so that the other workers see the end, too

    async def work_all() -> None:
        try:
            await asyncio.gather(*(work() for _ in range(concurrency)))
        finally:
            results.put_nowait(None)

    running = asyncio.ensure_future(work_all())
    try:
        while (result := await results.get()) is not None:
            yield result
            room.release()
    finally:
        running.cancel()
        await asyncio.wait([running])
    if failures:
        raise failures[0]


def is_being_cancelled() -> bool:
    """Whether somebody has asked the task that runs to stop."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def retrieve(task: asyncio.Task[object]) -> None:
    """Read the error of a task that others have raised, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()


def unwrap_group(error: Exception) -> Exception:
    """Return the error inside a group that holds only one; else the error as it is."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
