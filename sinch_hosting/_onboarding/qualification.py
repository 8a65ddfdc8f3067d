"""Numbers on their way through qualification: read, added, rung, and ordered when ready."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

from .._bulk.chunks import SkippedNumber
from .._bulk.results import FailedChunk, UnknownChunk
from .._polling.policy import passes
from ..errors import RunStopped, SinchHostingError
from ..models import ImportedNumber, Order, QualifiedNumber
from .completion import Completion
from .context import Context
from .history import History
from .judging import Assessment, NextStep
from .numbers import NumberProgress
from .ordering import TIME_IS_UP, Ordering
from .progress import Progress, Tasks
from .report import Outcome, Step
from .voice import VoiceChallenges

_log = logging.getLogger("sinch_hosting")
_GONE = "is in qualification no more"
_FRESH = 60.0
"""Seconds for which what was read of a number is good enough to order it."""


class Qualifying:
    """Takes the numbers of one onboarding through qualification, and orders them."""

    def __init__(
        self,
        board: Progress,
        tasks: Tasks,
        means: Context,
        past: History,
        ordering: Ordering,
        following: Completion,
    ) -> None:
        self._board = board
        self._tasks = tasks
        self._looks = means.looks
        self._qualified = means.qualified
        self._past = past
        self._ordering = ordering
        self._following = following
        self.ringing = VoiceChallenges(board, tasks, means.qualified, self._judge)

    # ------------------------------------------------------------ where they are

    async def read_all(self) -> None:
        """Read the state of every number that no order of the job holds."""
        cases = self._board.open()
        numbers = [case.number for case in cases]
        qualified = await self._looks.qualified(numbers)
        imported = await self._looks.imported(numbers)
        for case in cases:
            self._judge(case, qualified.get(case.number), imported.get(case.number))

    async def look_again(self) -> bool:
        """Read the numbers that wait in qualification; whether any has moved."""
        seen = {case.number: case.state for case in self._board.pending()}
        found = await self._looks.qualified_again(seen)
        before = {number: self._board.cases[number].judgement for number in found}
        here = {number: there for number, there in found.items() if there is not None}
        for number, qualified in here.items():
            if self._board.cases[number].is_pending:
                self._judge(self._board.cases[number], qualified, None)
        await self._judge_gone([number for number in found if number not in here])
        return any(self._board.cases[number].judgement != was for number, was in before.items())

    async def _judge_gone(self, numbers: Sequence[str]) -> None:
        """Judge numbers that left qualification: imported meanwhile, or taken out of it."""
        imported = await self._looks.imported(numbers)
        for number in numbers:
            case = self._board.cases[number]
            if number in imported:
                self._judge(case, None, imported[number])
            elif case.is_open:
                self._board.settle(case, Outcome.FAILED, _GONE)

    def _judge(
        self,
        case: NumberProgress,
        qualified: QualifiedNumber | None,
        imported: ImportedNumber | None,
    ) -> None:
        """Note what a number needs, and begin what can begin at once."""
        judgement = case.judged(qualified, imported, self._board.settings)
        if judgement == case.judgement:
            return
        case.judgement, case.reason = judgement, ""
        self._board.tell(Step.SEEN, [case], judgement.reason)
        if judgement.need is NextStep.NOTHING:
            self._board.settle(case, Outcome.FAILED, judgement.reason)
        elif judgement.need is NextStep.RELINK:
            self._tasks.spawn(self._following.relink(case))
        elif judgement.need is NextStep.PROVISIONING:
            self._tasks.spawn(self._following.provisioned(case, imported))
        elif judgement.need is NextStep.ORDER:
            case.ready_since = case.seen_at = self._board.clock()
            case.reason = "is ready, and waits for others that go in its order"
            self._board.tell(Step.READY, [case])

    # ------------------------------------------------------------- qualification

    async def add_unknown(self) -> None:
        """Put the unknown into qualification, and say once who has to mail what."""
        unknown = [case for case in self._board.open() if case.judgement.need is NextStep.ADD]
        if unknown:
            result = await self._qualified.add_many([case.number for case in unknown])
            for failed in result.failed:
                why = f"not taken into qualification: {failed.error}"
                self._board.settle(self._board.cases[failed.phone_number], Outcome.FAILED, why)
            added = [case for case in unknown if case.is_open]
            for case in added:
                case.judgement = Assessment(NextStep.PATIENCE, "is ELIGIBLE_CHECK_PENDING")
            self._board.tell(Step.ADDED, added)
        proof = [c for c in self._board.pending() if c.judgement.need is not NextStep.FOLLOW]
        if self._board.settings.voice_code is None:
            self._board.ask_for_invoices(proof)

    # ------------------------------------------------------------------- orders

    def order_ready(self) -> None:
        """Order the groups that are full, old enough, or complete: every order is a letter."""
        ready: defaultdict[tuple[str, str], list[NumberProgress]] = defaultdict(list)
        for case in self._board.ready():
            ready[self._batch(case)].append(case)
        still_to_come = {self._batch(case) for case in self._board.pending()}
        settings, now = self._board.settings, self._board.clock()
        size = settings.chunk_size
        for batch, cases in ready.items():
            oldest = min(case.ready_since or now for case in cases)
            is_due = batch not in still_to_come or now - oldest >= settings.window
            whole = len(cases) if is_due else len(cases) - len(cases) % size
            for start in range(0, whole, size):
                part = cases[start : min(start + size, whole)]
                since = {case.number: case.ready_since for case in part}
                for case in part:
                    case.ready_since = None
                self._tasks.spawn(self._order_part(part, since))

    def _batch(self, case: NumberProgress) -> tuple[str, str]:
        """What may go in one order: of one group, and what was in flight together."""
        held = self._past.held(case.number)
        return case.group.key, "" if held is None else held.entry.tag

    async def _order_part(
        self, cases: Sequence[NumberProgress], since: Mapping[str, float | None]
    ) -> None:
        """Order what is still ready; where that cannot be told, it waits for the next turn."""
        try:
            ready = await self._still_ready(cases)
        except SinchHostingError as error:
            if not passes(error):
                raise
            _log.warning("reading what is to be ordered failed, it waits: %s", error)
            for case in cases:
                case.ready_since = since[case.number]
            return
        if ready:
            await self._order(ready)

    async def _still_ready(self, cases: Sequence[NumberProgress]) -> list[NumberProgress]:
        """The cases but for those that somebody else has ordered while they waited."""
        now = self._board.clock()
        old = [case for case in cases if now - (case.seen_at or now) > _FRESH]
        if old:
            await self._judge_anew(old)
        for case in old:
            if case.is_open and case.judgement.need is NextStep.ADD:
                self._board.settle(case, Outcome.FAILED, _GONE)
        return [case for case in cases if case.judgement.need is NextStep.ORDER and case.is_open]

    async def _judge_anew(self, cases: Sequence[NumberProgress]) -> None:
        numbers = [case.number for case in cases]
        qualified = await self._looks.qualified(numbers)
        imported = await self._looks.imported(
            number for number in numbers if number not in qualified
        )
        for case in cases:
            case.seen_at = self._board.clock()
            self._judge(case, qualified.get(case.number), imported.get(case.number))

    async def _order(self, cases: Sequence[NumberProgress]) -> None:
        for case in cases:
            case.reason = TIME_IS_UP  # unless it turns out otherwise
        try:
            outcome = await self._ordering.order(cases[0].group, [case.number for case in cases])
        except SinchHostingError as error:
            for case in cases:
                self._board.settle(case, Outcome.FAILED, f"not ordered: {error}")
            return
        await self._left_out(outcome.skipped)
        sent = [self._board.cases[number] for number in outcome.numbers]
        result = outcome.result
        if isinstance(result, Order):
            step = Step.ADOPTED if outcome.adopted else Step.ORDERED
            self._following.follow(result, sent, step)
        elif isinstance(result, UnknownChunk):
            for case in sent:
                self._board.settle(case, Outcome.UNKNOWN, f"may be ordered: {result.error}")
        elif isinstance(result, FailedChunk) and not self._is_too_late(result.error):
            for case in sent:
                self._board.settle(case, Outcome.FAILED, f"not ordered: {result.error}")

    async def _left_out(self, skipped: Sequence[SkippedNumber]) -> None:
        """Follow what somebody else has done about numbers that an order had to do without."""
        reasons = {one.phone_number: one.reason for one in skipped}
        cases = [self._board.cases[number] for number in reasons]
        try:
            await self._judge_anew(cases)
        except SinchHostingError as error:
            _log.warning("reading what was left out of an order failed: %s", error)
        for case in cases:
            if case.is_open and case.judgement.need in (NextStep.ORDER, NextStep.ADD):
                case.ready_since = None
                self._board.settle(case, Outcome.FAILED, reasons[case.number])

    def _is_too_late(self, error: Exception) -> bool:
        return isinstance(error, RunStopped) and self._board.deadline.is_over
