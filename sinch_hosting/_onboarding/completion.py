"""What is under way already: orders to their end, relinks, provisioning; each number verified."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from .._polling.policy import passes
from ..errors import NotFound, OrderRejected, SinchHostingError, WaitTimeout
from ..models import ImportedNumber, Order
from ..states import COMPLETED
from .context import Context
from .history import History, whole_list
from .judging import IMPORTED_NO_MORE, NOT_IN_ORDER, REJECTED, NextStep, is_provisioned
from .numbers import NumberProgress
from .progress import Progress, Tasks
from .report import Outcome, Step

_log = logging.getLogger("sinch_hosting")
_RELINKS = 10  # at once, so that few are without service where it is ended


class Completion:
    """Follows what is under way for the numbers of one onboarding."""

    def __init__(self, board: Progress, tasks: Tasks, means: Context) -> None:
        self._board = board
        self._tasks = tasks
        self._means = means
        self._relinks = asyncio.Semaphore(_RELINKS)

    # ------------------------------------------------------------------- orders

    def take_over(self, past: History) -> None:
        """Follow the orders of earlier runs, and say of which numbers that is all there is."""
        again = self._board.settings.retry_rejected
        by_order: dict[str, tuple[Order, list[NumberProgress]]] = {}
        for case in self._board.cases.values():
            number, known = case.number, past.known
            held = past.held(number)
            if number in known.twice:
                _log.error("%s is in a further order, %s", number, known.twice[number])
            if number in known.ordered:
                if not (again and past.failed(number)):
                    order = known.ordered[number]
                    by_order.setdefault(order.hosting_order_id, (order, []))[1].append(case)
            elif held is not None and not past.may_resend(held, case.group):
                reason = f"sent by an earlier run under the tag {held.entry.tag}"
                self._board.settle(case, Outcome.UNKNOWN, reason)
            elif number in known.rejected and not again:
                case.order_id = known.rejected[number].hosting_order_id
                self._board.settle(case, Outcome.FAILED, REJECTED)
        for order, cases in by_order.values():
            self.follow(order, cases, Step.ADOPTED)

    def follow(self, order: Order, cases: Sequence[NumberProgress], step: Step) -> None:
        """See to it that an order is waited for, as long as there is time."""
        for case in cases:
            case.is_in(order)
        self._board.tell(step, cases, f"{len(cases)} numbers", order.hosting_order_id)
        if not self._board.deadline.is_over:
            was_over = step is Step.ADOPTED and order.state == COMPLETED
            self._tasks.spawn(self._complete(order, cases, was_over=was_over))

    async def _complete(
        self, order: Order, cases: Sequence[NumberProgress], *, was_over: bool
    ) -> None:
        """Wait for an order, and verify each of its numbers; what passes is waited out."""

        def moved(order: Order) -> None:
            for case in cases:
                case.reason = f"its order is {order.state.name}"
            self._board.tell(Step.ORDER, cases, order.state.name, order.hosting_order_id)

        intervals = self._means.intervals()
        while True:
            try:
                remaining = self._board.deadline.remaining
                order = await order.wait_until(COMPLETED, timeout=remaining, on_update=moved)
                await self._verify(order, cases, was_over=was_over)
                return
            except WaitTimeout:
                return
            except OrderRejected:
                for case in cases:
                    self._board.settle(case, Outcome.FAILED, REJECTED)
                return
            except SinchHostingError as error:
                for case in cases:
                    case.reason = f"its order could not be followed: {error}"
                if not passes(error):
                    return
            await self._means.session.sleep(self._means.poll.interval(next(intervals)))

    async def _verify(
        self, order: Order, cases: Sequence[NumberProgress], *, was_over: bool
    ) -> None:
        """Verify the numbers; those of an order that was over may have been moved since."""
        means = self._means
        listed = await whole_list(means.orders, order.hosting_order_id, means.session.sleep)
        held = {number.phone_number: number for number in listed}
        why = {
            case.number: means.wanted.why_not_done(held[case.number], order)
            if case.number in held
            else NOT_IN_ORDER
            for case in cases
        }
        done = [case for case in cases if not why[case.number]]
        moved = await self._moved(done) if was_over else set()
        for case in cases:
            if case.number not in moved:
                reason = why[case.number]
                self._board.settle(case, Outcome.FAILED if reason else Outcome.DONE, reason)

    async def _moved(self, cases: Sequence[NumberProgress]) -> set[str]:
        """Those that are not where their order put them; it is seen to, as far as it may be."""
        settings = self._board.settings
        imported = await self._means.looks.imported_at(
            [case.number for case in cases], settings.service_plan_id, settings.campaign_id
        )
        moved: set[str] = set()
        for case in cases:
            need = case.judged(None, imported.get(case.number), settings)
            if need.need is NextStep.PROVISIONING:
                continue
            moved.add(case.number)
            if need.need is NextStep.RELINK:
                self._tasks.spawn(self.relink(case))
            else:
                reason = IMPORTED_NO_MORE if need.need is NextStep.ADD else need.reason
                self._board.settle(case, Outcome.FAILED, reason)
        return moved

    # ----------------------------------------------------------------- imported

    async def relink(self, case: NumberProgress) -> None:
        """Move a number to where it is wanted."""
        settings = self._board.settings
        async with self._relinks:
            case.reason = "is being relinked: it may be without service; run this again"
            text = "without service until it is linked anew"
            self._board.tell(Step.RELINKING, [case], text)
            try:
                await self._means.imported.relink(
                    case.number,
                    service_plan_id=settings.service_plan_id,
                    campaign_id=settings.campaign_of(case.number),
                )
            except SinchHostingError as error:
                self._board.settle(case, Outcome.FAILED, str(error))
                return
        await self.provisioned(case)

    async def provisioned(self, case: NumberProgress, seen: ImportedNumber | None = None) -> None:
        """Wait until a number is on the service plan, and on the campaign where one was given."""
        case.reason = "its provisioning has not ended"
        try:
            if seen is None or not is_provisioned(seen):
                remaining = self._board.deadline.remaining
                seen = await self._means.imported.wait_until_provisioned(
                    case.number, timeout=remaining
                )
        except WaitTimeout:
            return
        except NotFound:
            self._board.settle(
                case, Outcome.FAILED, f"{case.judgement.reason}, and is not imported"
            )
            return
        except SinchHostingError as error:
            self._board.settle(case, Outcome.FAILED, str(error))
            return
        where = case.judged(None, seen, self._board.settings)
        if where.need is NextStep.PROVISIONING:
            self._board.settle(case, Outcome.DONE)
        elif where.need is NextStep.RELINK:
            self._tasks.spawn(self.relink(case))
        else:
            self._board.settle(case, Outcome.FAILED, where.reason)
