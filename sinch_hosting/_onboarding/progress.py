"""How all numbers of an onboarding stand, what is told of them, and the tasks that move them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine, Iterable, Sequence
from typing import Any

from .._aio import Clock
from .deadline import Deadline
from .numbers import NumberProgress, Settings
from .report import OnboardingReport, OnboardingStep, Outcome, Step

_log = logging.getLogger("sinch_hosting")
INVOICES_TO = "orders@sinch.com"


class Progress:
    """The cases of an onboarding and its steps."""

    def __init__(self, cases: Iterable[NumberProgress], settings: Settings, clock: Clock) -> None:
        self.cases = {case.number: case for case in cases}
        self.settings = settings
        self.clock = clock
        self.deadline = Deadline(clock)
        self.steps: asyncio.Queue[OnboardingStep | None] = asyncio.Queue()

    @property
    def report(self) -> OnboardingReport:
        """One line a number, as things stand."""
        return OnboardingReport(lines=tuple(case.line() for case in self.cases.values()))

    def open(self) -> list[NumberProgress]:
        """The numbers that are neither settled nor ordered."""
        return [case for case in self.cases.values() if case.is_open]

    def pending(self) -> list[NumberProgress]:
        """The numbers that wait in qualification."""
        return [case for case in self.cases.values() if case.is_pending]

    def ready(self) -> list[NumberProgress]:
        """The numbers that wait to be ordered."""
        return [case for case in self.cases.values() if case.is_ready]

    def tell(
        self, step: Step, cases: Sequence[NumberProgress], text: str = "", order_id: str = ""
    ) -> None:
        """Tell whoever iterates what happened."""
        numbers = tuple(case.number for case in cases)
        self.steps.put_nowait(
            OnboardingStep(step=step, phone_numbers=numbers, text=text, order_id=order_id or None)
        )

    def ask_for_invoices(self, cases: Sequence[NumberProgress]) -> None:
        """Tell who has to mail what, loudly: without that nothing goes on."""
        if cases:
            text = (
                f"E-mail invoices that list these {len(cases)} numbers to {INVOICES_TO}: without "
                "them their review does not end (1 to 3 business days after)"
            )
            _log.warning("%s: %s", text, ", ".join(case.number for case in cases))
            self.tell(Step.INVOICES, cases, text)

    def settle(self, case: NumberProgress, fate: Outcome, reason: str = "") -> None:
        """Note how a number ends in this run."""
        case.fate, case.reason = fate, reason
        step = {Outcome.DONE: Step.DONE, Outcome.FAILED: Step.FAILED}.get(fate, Step.UNKNOWN)
        self.tell(step, [case], reason, case.order_id)


class Tasks:
    """The tasks of an onboarding; `owner` awaits them, and one that breaks ends them all."""

    def __init__(self, owner: asyncio.TaskGroup) -> None:
        self._owner = owner
        self._running: set[asyncio.Task[None]] = set()
        self._asides: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._running)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something that ends by itself."""
        self._add(work, self._running)

    def spawn_aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something that may never end, and is not waited for."""
        self._add(work, self._asides)

    def _add(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = self._owner.create_task(work)
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
