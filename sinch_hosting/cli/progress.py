"""What a person sees while a job runs: bars on a terminal, plain lines everywhere else.

Both go to standard error: standard output is for data.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Self, TypeAlias

from .._aio import retrieve
from .messages import tell

EVERY = 10.0
"""Seconds after which lines speak at the latest."""


class Lines:
    """Plain lines: no colours, no movement, nothing cut at a terminal's width."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._spoke_at = clock()
        self._stages: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to clean up."""

    def stage(self, title: str, total: int) -> Callable[[int], None]:
        """Begin a stage; its lines come at every quarter of the way."""
        shown = 0

        def update(done: int) -> None:
            nonlocal shown
            self._stages[title] = (done, total)
            if done > shown and (done == total or done - shown >= total / 4):
                shown = done
                self.note(f"{title}: {done} of {total}")

        self._stages[title] = (0, total)
        self.note(f"{title}: 0 of {total}")
        return update

    def note(self, text: str) -> None:
        """Write one line, at once even into a pipe."""
        self._spoke_at = self._clock()
        tell(text)

    def tick(self) -> None:
        """Write how far the stages are that are not over, where nothing was written lately."""
        now = self._clock()
        if now - self._spoke_at < EVERY:
            return
        under_way = [f"{t}: {done} of {total}" for t, (done, total) in self._stages.items()]
        self.note(f"{', '.join(under_way) or 'it goes on'} after {now - self._began:.0f} s")


class Bars:
    """Bars that fill, with notes above them; for terminals."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - only terminals need it
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self.console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, title: str, total: int) -> Callable[[int], None]:
        """Begin a stage: one more bar."""
        task = self._progress.add_task(title, total=total)

        def update(done: int) -> None:
            self._progress.update(task, completed=done)

        return update

    def note(self, text: str) -> None:
        """Write one line above the bars."""
        self.console.print(text)

    def tick(self) -> None:
        """Nothing: bars move by themselves."""


Show: TypeAlias = Lines | Bars
"""Where a job tells how far it is."""


def shown_on_stderr() -> Show:
    """Return bars where standard error is a terminal that can move its cursor, else lines."""
    if sys.stderr is None or not sys.stderr.isatty():
        return Lines()
    from rich.console import Console  # noqa: PLC0415 - as above

    return Lines() if Console(stderr=True).is_dumb_terminal else Bars()


@asynccontextmanager
async def showing() -> AsyncIterator[Show]:
    """Show on standard error how far a job is, and every few seconds that the work goes on."""
    with shown_on_stderr() as show:

        async def keep_ticking() -> None:
            while True:
                await asyncio.sleep(EVERY / 10)
                show.tick()

        async with beside(keep_ticking()):
            yield show


@asynccontextmanager
async def waiting(title: str, total: int) -> AsyncIterator[Callable[[int], None]]:
    """Show a wait for *total* things; gives a function that takes how many are done."""
    async with showing() as show:
        yield show.stage(title, total)


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let something run beside the block, and end with it; its own failure is left out."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        retrieve(task)
