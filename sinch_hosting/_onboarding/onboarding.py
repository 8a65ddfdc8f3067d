"""The way of all numbers at once: read, qualify, order, follow, verify; within its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from .._aio import unwrap_group
from ..errors import UsageError
from .completion import Completion
from .context import Context
from .numbers import NumberProgress, Settings
from .ordering import Ordering
from .plan import OnboardingPlan, plan_of
from .progress import Progress, Tasks
from .qualification import Qualifying
from .report import OnboardingReport, OnboardingStep

if TYPE_CHECKING:
    pass


class Onboarding:
    """An onboarding that is iterated over for its steps, or awaited with `run()`, once.

    `report` tells how each number stands, at any time, and `plan()` what would be done. It may
    be ended at any point and begun again with another `sinch.onboard(...)`: what was begun is
    found and followed, not done anew. To leave its steps early, close it:
    `async with contextlib.aclosing(sinch.onboard(...)) as onboarding`.
    """

    def __init__(self, cases: list[NumberProgress], settings: Settings, means: Context) -> None:
        self._settings = settings
        self._means = means
        self._board = Progress(cases, settings, means.session.clock)
        self._past = means.makes_past()
        self._working: asyncio.Task[None] | None = None
        self._limit: asyncio.Timeout | None = None
        self._is_stopped = False

    @property
    def report(self) -> OnboardingReport:
        """One line a number, as things stand."""
        return self._board.report

    async def plan(self) -> OnboardingPlan:
        """What would be done as things stand; nothing is sent, written or locked.

        Reads the ledger, the lists of orders and the state of each number. Raises `JobChanged`
        and `LedgerError` as iterating does, and what reading raises. Safe to repeat, before and
        after iterating.
        """
        cases = [
            NumberProgress(wanted=case.wanted, loa=case.loa, region_code=case.region_code)
            for case in self._board.cases.values()
        ]
        means = self._means
        return await plan_of(
            cases, self._settings, means.makes_past(), means.looks, means.makes_work
        )

    async def run(self) -> OnboardingReport:
        """Go through with it; answers the report. Raises what `steps` raises."""
        async with aclosing(self.steps()) as steps:
            async for _ in steps:
                pass
        return self.report

    def __aiter__(self) -> AsyncGenerator[OnboardingStep, None]:
        return self.steps()

    async def steps(self) -> AsyncGenerator[OnboardingStep, None]:
        """What happens, as it happens; ends when every number is settled, or time is up.

        Raises `JobChanged` and `LedgerLocked` before anything is sent, what reading raises, and
        `UsageError` where it was begun before.
        """
        if self._working is not None:
            raise UsageError(
                "this onboarding was begun already; call sinch.onboard(...) again with the same "
                "job: it goes on where this one is"
            )
        working = self._working = asyncio.ensure_future(self._work())
        working.add_done_callback(lambda _: self._board.steps.put_nowait(None))
        try:
            while (step := await self._board.steps.get()) is not None:
                yield step
        finally:
            await self.aclose()
        if not working.cancelled():
            working.result()

    def stop(self) -> None:
        """End it soon, as when its time is up: nothing more is sent.

        What has left is waited for, so that its order is not lost; then `run` returns and the
        steps end. Call it on the event loop; safe to repeat, and before it has begun.
        """
        self._is_stopped = True
        limit, self._limit = self._limit, None
        if limit is not None:
            self._board.deadline.end()
            limit.reschedule(asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """End it here, and wait until nothing of it runs any more. Safe to repeat.

        A create that is under way is found by the next run.
        """
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])
            if not self._working.cancelled():
                self._working.exception()  # who iterates has it

    # ---------------------------------------------------------------- the way

    async def _work(self) -> None:
        board, means = self._board, self._means
        board.deadline.begin(self._settings.timeout)
        ordering = Ordering(
            self._past,
            means.makes_work,
            means.orders,
            means.session,
            board.deadline,
            self._settings.max_letters,
        )
        broken: Exception | None = None
        try:
            async with asyncio.TaskGroup() as owner:
                tasks = Tasks(owner)
                await self._go_in_time(tasks, ordering)
                # What has left is waited for, however late it is: an order is never lost.
                board.deadline.end()
                tasks.end(but=ordering.in_flight)
        except ExceptionGroup as group:
            broken = unwrap_group(group)
        finally:
            await ordering.close()
            await self._past.close()
        if broken is not None:
            raise broken

    async def _go_in_time(self, tasks: Tasks, ordering: Ordering) -> None:
        # On the loop's clock: nothing that is slow to answer outlasts it.
        limit = asyncio.timeout(self._settings.timeout)
        try:
            async with limit:
                self._limit = limit
                if self._is_stopped:
                    self.stop()
                await self._go(tasks, ordering)
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self._limit = None

    async def _go(self, tasks: Tasks, ordering: Ordering) -> None:
        """Until nothing is left to wait for, or time is up."""
        board, means = self._board, self._means
        following = Completion(board, tasks, means)
        qualifying = Qualifying(board, tasks, means, self._past, ordering, following)
        await self._past.open()
        following.take_over(self._past)
        await qualifying.read_all()
        await qualifying.add_unknown()
        intervals = means.intervals()
        while not board.deadline.is_over:
            qualifying.ringing.ring_all()
            qualifying.order_ready()
            if board.pending() or board.ready():
                seconds = means.poll.interval(next(intervals))
                await means.session.sleep(board.deadline.within(seconds))
                if await qualifying.look_again():
                    intervals = means.intervals()
            elif tasks:
                await tasks.one_done()
            else:
                return
