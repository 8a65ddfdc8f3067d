"""An onboarding: it reads, qualifies, orders, follows and verifies numbers, within its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from contextlib import aclosing

from .._aio import unwrap_group
from .._bulk.letters import ask
from .._bulk.plan import text_enable_warnings
from ..errors import InvalidRequest, UsageError
from ..models import BlanketLoa, DirectLoa, Letter, ResellerLoa
from ..models import _checks as check
from .completion import Completion
from .context import Context, groups_by_key
from .history import History
from .numbers import IN_QUALIFICATION, TO_ORDER, NumberProgress, Stage
from .ordering import Ordering
from .plan import OnboardingPlan, letters_for, plan_of
from .progress import Progress, Tasks
from .qualification import Qualification
from .report import NumberToOnboard, OnboardingReport, OnboardingStep, Step, is_toll_free

_log = logging.getLogger("sinch_hosting")
LetterFor = Letter | Callable[[str], Letter]


class Onboarding:
    """An onboarding: iterate over it for its steps, or await `run()`, once.

    `report` has the present state of each number at any time, and `plan()` says what would be done.
    An onboarding may be ended at any point and begun again with another `sinch.onboard(...)`: that
    finds and follows what was begun, and does not repeat it. To leave its steps early, close it:
    `async with contextlib.aclosing(sinch.onboard(...)) as onboarding`.
    """

    def __init__(
        self,
        context: Context,
        numbers: list[NumberProgress],
        makes_history: Callable[[], History],
    ) -> None:
        self._context = context
        self._progress = Progress(numbers, context.session.clock)
        self._makes_history = makes_history
        self._working: asyncio.Task[None] | None = None
        self._limit: asyncio.Timeout | None = None
        self._is_stopped = False

    @property
    def report(self) -> OnboardingReport:
        """The report of the present state, with one line for each number."""
        return self._progress.report

    async def plan(self) -> OnboardingPlan:
        """Return what would be done at present; nothing is created, written or locked.

        Reads the ledger, the lists of orders and the state of each number. Raises `JobChanged`
        and `LedgerError` as iterating does, and what reading raises. Safe to repeat, before and
        after iterating.
        """
        numbers = [
            NumberProgress(wanted=one.wanted, loa=one.loa, region_code=one.region_code)
            for one in self._progress.numbers.values()
        ]
        return await plan_of(self._context, self._makes_history(), numbers)

    async def run(self) -> OnboardingReport:
        """Do all of it; returns the report. Raises what `steps` raises."""
        async with aclosing(self.steps()) as steps:
            async for _ in steps:
                pass
        return self.report

    def __aiter__(self) -> AsyncGenerator[OnboardingStep, None]:
        return self.steps()

    async def steps(self) -> AsyncGenerator[OnboardingStep, None]:
        """Give the steps as they happen, until every number is settled or the time is over.

        Raises `JobChanged` and `LedgerLocked` before anything is created, the errors of reading,
        and `UsageError` where this onboarding was begun before. With a ledger in a database it
        raises `LedgerLocked` later, too: where this machine stood still, and another one goes on.
        """
        if self._working is not None:
            raise UsageError(
                "this onboarding was begun already; call sinch.onboard(...) again with the same "
                "job: it goes on where this one is"
            )
        working = self._working = asyncio.ensure_future(self._observed_work())
        working.add_done_callback(lambda _: self._progress.steps.put_nowait(None))
        try:
            while (step := await self._progress.steps.get()) is not None:
                yield step
        finally:
            await self.aclose()
        if not working.cancelled():
            working.result()

    def stop(self) -> None:
        """End it soon, as when its time is over: nothing more is created.

        Creates that were sent are waited for, so that no order is lost; then `run` returns and the
        steps end. Call it on the event loop. Safe to repeat, also before the onboarding begins.
        """
        self._is_stopped = True
        limit, self._limit = self._limit, None
        if limit is not None:
            self._progress.deadline.end()
            limit.reschedule(asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """Cancel it, and wait until nothing of it runs any more. Safe to repeat.

        The next run finds the order of a create that was under way.
        """
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])
            if not self._working.cancelled():
                self._working.exception()  # the iteration raises it

    # ---------------------------------------------------------------- the way

    async def _observed_work(self) -> None:
        events = self._context.session.events
        if events is None or events.telemetry is None:
            await self._work()
            return
        with events.telemetry.job("onboard", has_job=True) as span, span.inside():
            await self._work()

    async def _work(self) -> None:
        deadline, history = self._progress.deadline, self._makes_history()
        deadline.begin(self._context.settings.timeout)
        is_over = False
        ordering = Ordering(self._context, history, deadline)
        broken: Exception | None = None
        try:
            async with asyncio.TaskGroup() as owner:
                tasks = Tasks(owner)
                try:
                    await self._go_in_time(tasks, history, ordering)
                finally:
                    tasks.close()
                # Creates that were sent are waited for, however long: no order is lost.
                deadline.end()
                tasks.end(but=ordering.in_flight)
            is_over = not self._is_stopped
        except ExceptionGroup as group:
            broken = unwrap_group(group)
        finally:
            await ordering.close()
            await history.close(is_over=is_over)
        if broken is not None:
            raise broken

    async def _go_in_time(self, tasks: Tasks, history: History, ordering: Ordering) -> None:
        # The clock of the event loop counts: a slow response does not delay the end.
        limit = asyncio.timeout(self._context.settings.timeout)
        try:
            async with limit:
                self._limit = limit
                if self._is_stopped:
                    self.stop()
                await self._go(tasks, history, ordering)
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self._limit = None

    async def _go(self, tasks: Tasks, history: History, ordering: Ordering) -> None:
        """Go on until nothing is left to wait for, or the time is over."""
        await history.open()
        if history.fence is not None:
            tasks.spawn_aside(history.fence.watch())
        context, progress = self._context, self._progress
        if history.is_follow_up:
            context = context.without_repeats()
        completion = Completion(context, progress, tasks)
        qualification = Qualification(context, progress, tasks, history, ordering, completion)
        completion.take_over(history)
        await qualification.read_all()
        to_order = progress.at(*TO_ORDER)
        await ask(context.settings.confirm, letters_for(context, to_order))
        tasks.release()
        local = [one for one in to_order if not one.group.is_toll_free]
        settings = context.settings
        for warning in text_enable_warnings(len(local), settings.campaign_id, settings.nnid):
            _log.warning("%s", warning)
            progress.tell(Step.WARNING, local, warning)
        await qualification.add_new()
        intervals = context.intervals()
        while not progress.deadline.is_over:
            qualification.ask_for_proof()
            qualification.order_ready()
            progress.tell_waiting()
            if progress.at(*IN_QUALIFICATION, Stage.READY):
                seconds = context.poll.interval(next(intervals))
                await context.session.sleep(progress.deadline.within(seconds))
                if await qualification.look_again():
                    intervals = context.intervals()
            elif tasks:
                await tasks.one_done()
            else:
                return


# --------------------------------------------------------------------- beginning


def begin(
    context: Context,
    numbers: Iterable[str | NumberToOnboard],
    *,
    loa: LetterFor | None,
    region_code: str | None,
) -> Onboarding:
    """Return an onboarding that is not begun; raises `InvalidRequest` for wrong arguments."""
    region_code = check.optional(region_code, check.check_region, "region_code")
    listed = _distinct(numbers, loa, region_code)
    groups = groups_by_key(group for one in listed for group in one.groups())
    # Wrong arguments of one order are wrong for its whole group.
    templates = [context.template(group) for group in dict.fromkeys(one.group for one in listed)]
    options = context.settings.job_options(templates)
    return Onboarding(context, listed, lambda: History(context, options, groups.values()))


def _distinct(
    numbers: Iterable[str | NumberToOnboard], loa: LetterFor | None, region_code: str | None
) -> list[NumberProgress]:
    """Return each number once, with its letter; raises `InvalidRequest`."""
    if isinstance(numbers, AsyncIterable):
        raise InvalidRequest(
            field="numbers",
            value=numbers,
            rule="an async iterable: collect it first, e.g. [n async for n in numbers]",
        )
    if isinstance(numbers, (str, bytes, Mapping)) or not isinstance(numbers, Iterable):
        raise InvalidRequest(
            field="numbers", value=numbers, rule="must be numbers, not a single value"
        )
    found: dict[str, NumberProgress] = {}
    for index, given in enumerate(numbers):
        number = given
        if not isinstance(number, NumberToOnboard):
            name = check.check_phone_number(given, f"numbers[{index}]")
            number = NumberToOnboard(phone_number=name)
        letter = number.loa or (loa(number.phone_number) if callable(loa) else loa)
        one = NumberProgress(
            wanted=number,
            loa=_checked_letter(letter, number.phone_number),
            region_code=number.region_code or region_code,
        )
        found.setdefault(number.phone_number, one)
    if not found:
        raise InvalidRequest(field="numbers", value=[], rule="must hold at least 1 number")
    return list(found.values())


def _checked_letter(letter: object, number: str) -> Letter:
    if isinstance(letter, (DirectLoa, ResellerLoa)):
        return letter
    if isinstance(letter, BlanketLoa) and not is_toll_free(number):
        return letter
    raise InvalidRequest(
        field="loa",
        value=letter,
        rule=f"{number} needs a letter: a DirectLoa or a ResellerLoa"
        + ("" if is_toll_free(number) else ", or a BlanketLoa"),
    )
