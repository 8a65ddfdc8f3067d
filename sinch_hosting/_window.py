"""How much is under way at once: the fan-out, and the window that 429s narrow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Window:
    """Room for a number of requests at once, by additive increase and multiplicative decrease.

    Args:
        maximum: the room to begin with, and at most.
        refusals: how many requests of the client were answered 429 so far.
    """

    def __init__(self, maximum: int, refusals: Callable[[], int]) -> None:
        self._maximum = float(maximum)
        self._refusals = refusals
        self._answered_for = refusals()
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.limit = self._maximum
        """The room at present; a fraction counts once it makes a whole."""

    async def __aenter__(self) -> None:
        while self._under_way >= int(self.limit):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()  # the turn that came too late goes to the next
                raise
        self._under_way += 1

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._under_way -= 1
        refusals = self._refusals()
        if refusals > self._answered_for:
            # One halving for all the 429s since the last: they are one overload.
            self._answered_for = refusals
            self.limit = max(1.0, self.limit / 2)
        elif exc_type is None:
            self.limit = min(self._maximum, self.limit + 1 / self.limit)
        for _ in range(int(self.limit) - self._under_way):
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


async def fan_out(
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
            if _is_being_cancelled():
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


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
