"""The state of all numbers of an onboarding, the steps about them, and the tasks."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Coroutine, Iterable, Sequence
from typing import Any

from attrs import define

from .._aio import Clock
from .._reports import few_of
from ..models._guidance import INVOICES_TO, WaitingOn
from .numbers import NumberProgress, Stage
from .report import OnboardingReport, OnboardingStep, Step

_log = logging.getLogger("sinch_hosting")
_DAY = 86_400.0
_TOLD_WAITING = (
    Stage.IN_REVIEW,
    Stage.UNPROVEN,
    Stage.READY,
    Stage.HOSTED_BY_OTHERS,
    Stage.PROVISIONING,
    Stage.ORDERED,
)
_SETTLED = {Stage.DONE: Step.DONE, Stage.FAILED: Step.FAILED, Stage.UNKNOWN: Step.UNKNOWN}


@define
class Deadline:
    """The end of the time, on the session's clock."""

    _clock: Clock
    _ends: float | None = None

    def begin(self, seconds: float | None) -> None:
        """Start the time; `None` is without end."""
        self._ends = None if seconds is None else self._clock() + seconds

    def end(self) -> None:
        """End the time now."""
        self._ends = self._clock()

    @property
    def remaining(self) -> float | None:
        """The seconds that are left; `None` is without end."""
        return None if self._ends is None else max(0.0, self._ends - self._clock())

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self._ends is not None and self._clock() >= self._ends

    def within(self, seconds: float) -> float:
        """Return so many seconds, or those that are left where these are fewer."""
        return seconds if self.remaining is None else min(seconds, self.remaining)


class Progress:
    """The numbers of an onboarding, and its steps."""

    def __init__(self, numbers: Iterable[NumberProgress], clock: Clock) -> None:
        self.numbers = {one.number: one for one in numbers}
        self.clock = clock
        self.deadline = Deadline(clock)
        self.steps: asyncio.Queue[OnboardingStep | None] = asyncio.Queue()

    @property
    def report(self) -> OnboardingReport:
        """The report of the present state, with one line for each number."""
        return OnboardingReport(lines=tuple(one.line() for one in self.numbers.values()))

    def at(self, *stages: Stage) -> list[NumberProgress]:
        """Return the numbers at one of these stages."""
        return [one for one in self.numbers.values() if one.stage in stages]

    def tell(
        self,
        step: Step,
        numbers: Sequence[NumberProgress],
        text: str = "",
        order_id: str = "",
        waiting_on: WaitingOn | None = None,
    ) -> None:
        """Add a step for the caller that iterates."""
        self.steps.put_nowait(
            OnboardingStep(
                step=step,
                phone_numbers=tuple(one.number for one in numbers),
                text=text,
                order_id=order_id or None,
                waiting_on=waiting_on,
            )
        )

    def tell_waiting(self) -> None:
        """Add `waiting` steps for numbers that wait for another party now, and daily for all."""
        now = self.clock()
        news: defaultdict[tuple[str, str], list[NumberProgress]] = defaultdict(list)
        for one in self.numbers.values():
            waiting = one.waiting_on if one.stage in _TOLD_WAITING else None
            if waiting is None:
                continue
            text = f"{one.why}. {waiting.what_to_do}"
            if one.told_waiting != text or now - one.told_at >= _DAY:
                news[text, one.order_id].append(one)
        for (text, order_id), numbers in news.items():
            if numbers[0].told_waiting == text:
                _log.warning(
                    "numbers wait as they did a day ago, for %s: %s",
                    numbers[0].waiting_on and numbers[0].waiting_on.who,
                    few_of([one.number for one in numbers]),
                )
            for one in numbers:
                one.told_waiting, one.told_at = text, now
            self.tell(Step.WAITING, numbers, text, order_id, numbers[0].waiting_on)

    def ask_for_invoices(self, numbers: Sequence[NumberProgress]) -> None:
        """Add a step and a warning, once for a number, that its invoice has to be mailed."""
        numbers = [one for one in numbers if not one.invoice_asked]
        for one in numbers:
            one.invoice_asked = True
        if numbers:
            text = (
                f"E-mail invoices that list these {len(numbers)} numbers to {INVOICES_TO}: without "
                "them their review does not end (1 to 3 business days after)"
            )
            _log.warning("%s: %s", text, few_of([one.number for one in numbers]))
            self.tell(Step.INVOICES, numbers, text)

    def settle(self, number: NumberProgress, stage: Stage, reason: str = "") -> None:
        """Store how a number ends in this run, and add a step."""
        number.stage, number.reason = stage, reason
        self.tell(_SETTLED[stage], [number], reason, number.order_id)


class Tasks:
    """The tasks of an onboarding; `owner` awaits them, and one that fails ends them all.

    Tasks before `release` are held until then: nothing is sent before the caller has agreed.
    """

    def __init__(self, owner: asyncio.TaskGroup) -> None:
        self._owner = owner
        self._running: set[asyncio.Task[None]] = set()
        self._asides: set[asyncio.Task[None]] = set()
        self._held: list[Coroutine[None, None, None]] | None = []

    def __bool__(self) -> bool:
        return bool(self._running)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Start work that ends by itself."""
        if self._held is None:
            self._add(work, self._running)
        else:
            self._held.append(work)

    def spawn_aside(self, work: Coroutine[None, None, None]) -> None:
        """Start work that may never end, and is not waited for."""
        self._add(work, self._asides)

    def release(self) -> None:
        """Start what was held."""
        held, self._held = self._held or [], None
        for work in held:
            self.spawn(work)

    def close(self) -> None:
        """Drop what is still held."""
        held, self._held = self._held or [], None
        for work in held:
            work.close()

    def _add(self, work: Coroutine[None, None, None], among: set[asyncio.Task[None]]) -> None:
        try:
            task = self._owner.create_task(work)
        except RuntimeError:  # the owner is ending: a task that just ended wanted to go on
            work.close()
            return
        among.add(task)
        task.add_done_callback(among.discard)

    async def one_done(self) -> None:
        """Wait until one of the tasks that end by themselves has ended."""
        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    def end(self, but: Collection[asyncio.Task[Any] | None]) -> None:
        """Cancel all tasks except some; the owner awaits all of them."""
        for task in (*self._running, *self._asides):
            if task not in but:
                task.cancel()
