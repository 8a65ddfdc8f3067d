"""Numbers in qualification: they are read, added, verified, and ordered when they are ready."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import aclosing

from .._bulk.chunks import SkippedNumber
from .._bulk.results import FailedChunk, UnknownChunk
from .._polling.policy import passes
from ..errors import ApiError, RunStopped, SinchHostingError
from ..models import ImportedNumber, Order, QualifiedNumber
from ..states import QualificationState
from .completion import Completion
from .context import Context, Group
from .history import History
from .numbers import IN_QUALIFICATION, UNDER_REVIEW, Assessment, NumberProgress, Stage
from .ordering import TIME_IS_UP, Ordering
from .progress import Progress, Tasks
from .report import Step
from .voice import VoiceChallenges

_log = logging.getLogger("sinch_hosting")
_GONE = "is in qualification no more"
_FRESH = 60.0
"""Seconds for which the last look at a number counts when it is ordered."""


class Qualification:
    """Takes the numbers of one onboarding through qualification, and orders them."""

    def __init__(
        self,
        context: Context,
        progress: Progress,
        tasks: Tasks,
        history: History,
        ordering: Ordering,
        completion: Completion,
    ) -> None:
        self._settings = context.settings
        self._reader = context.reader
        self._qualified = context.qualified
        self._progress = progress
        self._tasks = tasks
        self._history = history
        self._ordering = ordering
        self._completion = completion
        self._challenges = VoiceChallenges(context, progress, tasks, history.fence, self._take_in)

    # ------------------------------------------------------------ where they are

    async def read_all(self) -> None:
        """Read every number that no order of the job has, and add steps as it reads."""
        names = [one.number for one in self._progress.at(Stage.UNREAD)]
        settings = self._settings
        reading = self._reader.read(names, settings.service_plan_id, settings.campaign_id)
        async with aclosing(reading):
            async for seen in reading:
                one = self._progress.numbers[seen.phone_number]
                self._take_in(one, seen.qualified, seen.imported)

    async def look_again(self) -> bool:
        """Read the numbers in qualification again; returns whether any has changed."""
        numbers = self._progress.numbers
        seen = {one.number: one.state for one in self._progress.at(*IN_QUALIFICATION)}
        found = await self._reader.qualified_again(seen)
        before = {name: numbers[name].assessment for name in found}
        here = {name: there for name, there in found.items() if there is not None}
        for name, qualified in here.items():
            numbers[name].is_missing = False
            if numbers[name].is_in_qualification:
                self._take_in(numbers[name], qualified, None)
        await self._take_in_gone([name for name in found if name not in here])
        return any(numbers[name].assessment != was for name, was in before.items())

    async def _take_in_gone(self, names: Sequence[str]) -> None:
        """Handle numbers that left qualification: imported meanwhile, or deleted.

        That they are gone is believed when the next look says the same: a replica may lag.
        """
        imported = await self._reader.imported(names)
        now = self._progress.clock()
        for name in names:
            one = self._progress.numbers[name]
            if name in imported:
                self._take_in(one, None, imported[name])
            elif one.is_open and one.is_missing and now - one.added_at > _FRESH:
                self._progress.settle(one, Stage.FAILED, _GONE)
            one.is_missing = True

    def _take_in(
        self,
        one: NumberProgress,
        qualified: QualifiedNumber | None,
        imported: ImportedNumber | None,
    ) -> None:
        """Store what was read of a number, and start what can start at once."""
        assessment = one.assess(qualified, imported, self._settings)
        if assessment == one.assessment:
            return
        one.assessment, one.stage, one.reason = assessment, assessment.stage, ""
        self._progress.tell(Step.SEEN, [one], assessment.reason)
        match assessment.stage:
            case Stage.FAILED:
                self._progress.settle(one, Stage.FAILED, assessment.reason)
            case Stage.ELSEWHERE:
                self._tasks.spawn(self._completion.relink(one))
            case Stage.PROVISIONING:
                self._tasks.spawn(self._completion.provisioned(one, imported))
            case Stage.READY:
                one.ready_since = one.seen_at = self._progress.clock()
                one.wait_for_others()
                self._progress.tell(Step.READY, [one])

    # ------------------------------------------------------------- qualification

    async def add_new(self) -> None:
        """Add new numbers to qualification."""
        new = self._progress.at(Stage.NEW)
        if new:
            result = await self._qualified.add_many([one.number for one in new])
            for failed in result.failed:
                why = f"not taken into qualification: {failed.error}"
                self._progress.settle(
                    self._progress.numbers[failed.phone_number], Stage.FAILED, why
                )
            added = [one for one in new if one.is_open]
            for one in added:
                one.stage, one.added_at = Stage.IN_REVIEW, self._progress.clock()
                one.assessment = Assessment(one.stage, "is ELIGIBLE_CHECK_PENDING")
            self._progress.tell(Step.ADDED, added)

    def ask_for_proof(self) -> None:
        """Start voice challenges; without `voice_code` ask for invoices, once for a number."""
        if self._settings.voice_code is not None:
            self._challenges.ring_all()
            return
        self._progress.ask_for_invoices(self._progress.at(*UNDER_REVIEW))

    # ------------------------------------------------------------------- orders

    def order_ready(self) -> None:
        """Order the groups that are full, old enough or complete: every order mails a letter."""
        ready: defaultdict[tuple[str, str], list[NumberProgress]] = defaultdict(list)
        for one in self._progress.at(Stage.READY):
            ready[self._batch(one)].append(one)
        still_to_come = {self._batch(one) for one in self._progress.at(*UNDER_REVIEW)}
        now, size = self._progress.clock(), self._settings.chunk_size
        for batch, numbers in ready.items():
            oldest = min(one.ready_since for one in numbers)
            is_due = batch not in still_to_come or now - oldest >= self._settings.readiness_window
            whole = len(numbers) if is_due else len(numbers) - len(numbers) % size
            for start in range(0, whole, size):
                part = numbers[start : min(start + size, whole)]
                for one in part:
                    one.stage = Stage.ORDERING
                self._tasks.spawn(self._order_part(part))

    def _batch(self, one: NumberProgress) -> tuple[str, str]:
        """Return a key: numbers share an order where it is equal (group, and create in flight)."""
        held = self._history.held(one.number)
        return one.group.key, "" if held is None else held.entry.tag

    async def _order_part(self, numbers: Sequence[NumberProgress]) -> None:
        """Order what is still ready; where that cannot be read, the numbers wait."""
        try:
            ready = await self._still_ready(numbers)
        except SinchHostingError as error:
            if not passes(error):
                raise
            _log.warning("numbers are not ordered yet, since reading them failed: %s", error)
            for one in numbers:
                one.wait_for_others()
            return
        if ready:
            await self._order(ready)

    async def _still_ready(self, numbers: Sequence[NumberProgress]) -> list[NumberProgress]:
        """Return the numbers without those that somebody else ordered while they waited."""
        now = self._progress.clock()
        old = [one for one in numbers if now - one.seen_at > _FRESH]
        if old:
            await self._read_anew(old)
        for one in old:
            if one.stage is Stage.NEW:
                self._progress.settle(one, Stage.FAILED, _GONE)
        return [one for one in numbers if one.stage is Stage.ORDERING]

    async def _read_anew(self, numbers: Sequence[NumberProgress]) -> None:
        names = [one.number for one in numbers]
        qualified = await self._reader.qualified(names)
        imported = await self._reader.imported(name for name in names if name not in qualified)
        for one in numbers:
            one.seen_at = self._progress.clock()
            self._take_in(one, qualified.get(one.number), imported.get(one.number))

    async def _order(self, numbers: Sequence[NumberProgress]) -> None:
        for one in numbers:
            one.reason = TIME_IS_UP  # unless it turns out otherwise
        try:
            outcome = await self._ordering.order(numbers[0].group, [one.number for one in numbers])
        except SinchHostingError as error:
            for one in numbers:
                self._progress.settle(one, Stage.FAILED, f"not ordered: {error}")
            return
        await self._left_out(outcome.skipped)
        sent = [self._progress.numbers[name] for name in outcome.numbers]
        result = outcome.result
        if isinstance(result, Order):
            step = Step.ADOPTED if outcome.adopted else Step.ORDERED
            self._completion.follow(result, sent, step)
        elif isinstance(result, UnknownChunk):
            for one in sent:
                self._progress.settle(one, Stage.UNKNOWN, f"may be ordered: {result.error}")
        elif isinstance(result, FailedChunk):
            was_late = isinstance(result.error, RunStopped) and self._progress.deadline.is_over
            if not was_late:
                self._refused(sent, result.error)

    def _refused(self, numbers: Sequence[NumberProgress], error: Exception) -> None:
        """Handle a refused order: ELIGIBLE numbers wait for VERIFIED, others are ordered again."""
        refusal = error.__cause__ if isinstance(error, RunStopped) else error
        eligible = [one for one in numbers if one.state == QualificationState.ELIGIBLE]
        # Numbers that were not sent, because ELIGIBLE ones were refused, have not failed.
        was_held_up = isinstance(error, RunStopped) and self._has_early(numbers[0].group)
        if not (eligible or was_held_up) or not may_be_for_eligibility(refusal):
            for one in numbers:
                self._progress.settle(one, Stage.FAILED, f"not ordered: {error}")
            return
        self._ordering.begin_anew(numbers[0].group)
        for one in numbers:
            if one in eligible:
                one.refuse_at_eligible(str(refusal))
            else:
                one.wait_for_others()

    def _has_early(self, group: Group) -> bool:
        """Whether numbers of a group were refused for being ELIGIBLE."""
        numbers = self._progress.numbers.values()
        return any(one.refused_at_eligible for one in numbers if one.group == group)

    async def _left_out(self, skipped: Sequence[SkippedNumber]) -> None:
        """Handle numbers that were left out of an order: somebody else may have ordered them."""
        reasons = {one.phone_number: one.reason for one in skipped}
        numbers = [self._progress.numbers[name] for name in reasons]
        eligible = {n.number for n in numbers if n.state == QualificationState.ELIGIBLE}
        try:
            await self._read_anew(numbers)
        except SinchHostingError as error:
            _log.warning("reading numbers that were left out of an order failed: %s", error)
        for one in numbers:
            if one.stage not in (Stage.READY, Stage.ORDERING, Stage.NEW):
                continue
            if one.number not in eligible or one.stage is Stage.NEW:
                self._progress.settle(one, Stage.FAILED, reasons[one.number])
            elif len(eligible) < len(numbers) or one.stage is Stage.READY:
                one.wait_for_others()  # other numbers explain the refusal, or it is VERIFIED now
            else:
                one.refuse_at_eligible(reasons[one.number])


def may_be_for_eligibility(refusal: BaseException | None) -> bool:
    """Whether a refusal may mean that numbers have to be VERIFIED; it may name no field."""
    if not isinstance(refusal, ApiError) or refusal.status_code not in (400, 404, 409, 422):
        return False
    fields = [str(violation.get("field") or "") for violation in refusal.field_violations]
    return all(field.lower().startswith(("number", "phone")) for field in fields)
