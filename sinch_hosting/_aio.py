"""Helpers for asyncio that more than one room needs; nothing here knows the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

Clock = Callable[[], float]
"""The time in seconds; from which moment on is its own matter."""
Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds on the same clock."""


async def sleep_until(over: asyncio.Event, sleep: Sleep, seconds: float) -> None:
    """Sleep for so many seconds, or until `over` is set; raises what the sleep raises."""

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
    """Handle the items, `concurrency` at once, and give the results as they come.

    At most `concurrency` items are read and not yet given to the caller, however many there
    are. Where reading or handling fails, what is under way is finished and given first, then the
    error is raised. Ending the iteration early cancels what is under way.
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
            failures.append(error)  # something that the source of the items awaited was
        except Exception as error:
            failures.append(error)
        finally:
            room.release()  # lets the other workers see the end, too

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


def unwrap_group(error: Exception) -> Exception:
    """Return the error itself, where a group holds but one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
