"""How all numbers of an onboarding stand, what is told of them, and the tasks that move them."""

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
    """When time is up, on the session's clock."""

    _clock: Clock
    _ends: float | None = None

    def begin(self, seconds: float | None) -> None:
        """Let time run; `None` is without end."""
        self._ends = None if seconds is None else self._clock() + seconds

    def end(self) -> None:
        """Let time be up now."""
        self._ends = self._clock()

    @property
    def remaining(self) -> float | None:
        """Seconds until time is up; `None` is without end."""
        return None if self._ends is None else max(0.0, self._ends - self._clock())

    @property
    def is_over(self) -> bool:
        """Whether time is up."""
        return self._ends is not None and self._clock() >= self._ends

    def within(self, seconds: float) -> float:
        """So many seconds, or those that are left."""
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
        """One line a number, as things stand."""
        return OnboardingReport(lines=tuple(one.line() for one in self.numbers.values()))

    def at(self, *stages: Stage) -> list[NumberProgress]:
        """The numbers at one of these stages."""
        return [one for one in self.numbers.values() if one.stage in stages]

    def tell(
        self,
        step: Step,
        numbers: Sequence[NumberProgress],
        text: str = "",
        order_id: str = "",
        waiting_on: WaitingOn | None = None,
    ) -> None:
        """Tell whoever iterates what happened."""
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
        """Tell of numbers that wait for somebody else than before, and once a day of all."""
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
        """Tell who has to mail what, loudly and once: without that nothing goes on."""
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
        """Note how a number ends in this run."""
        number.stage, number.reason = stage, reason
        self.tell(_SETTLED[stage], [number], reason, number.order_id)


class Tasks:
    """The tasks of an onboarding; `owner` awaits them, and one that breaks ends them all.

    What is begun before `release` is held until then: nothing leaves before somebody agreed.
    """

    def __init__(self, owner: asyncio.TaskGroup) -> None:
        self._owner = owner
        self._running: set[asyncio.Task[None]] = set()
        self._asides: set[asyncio.Task[None]] = set()
        self._held: list[Coroutine[None, None, None]] | None = []

    def __bool__(self) -> bool:
        return bool(self._running)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Begin something that ends by itself."""
        if self._held is None:
            self._add(work, self._running)
        else:
            self._held.append(work)

    def spawn_aside(self, work: Coroutine[None, None, None]) -> None:
        """Begin something that may never end, and is not waited for."""
        self._add(work, self._asides)

    def release(self) -> None:
        """Begin what was held."""
        held, self._held = self._held or [], None
        for work in held:
            self.spawn(work)

    def close(self) -> None:
        """Forget what is held still."""
        for work in self._held or []:
            work.close()

    def _add(self, work: Coroutine[None, None, None], among: set[asyncio.Task[None]]) -> None:
        try:
            task = self._owner.create_task(work)
        except RuntimeError:  # the owner is ending: an order that has just come is not followed
            work.close()
            return
        among.add(task)
        task.add_done_callback(among.discard)

    async def one_done(self) -> None:
        """Wait until one of those that end by themselves has."""
        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    def end(self, but: Collection[asyncio.Task[Any] | None]) -> None:
        """Cancel all but some; the owner awaits all of them."""
        for task in (*self._running, *self._asides):
            if task not in but:
                task.cancel()
