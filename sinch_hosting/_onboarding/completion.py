"""Follows orders, relinks and provisioning to their end, and verifies each number."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from .._polling.policy import passes
from .._reports import few_of
from ..errors import NotFound, OrderRejected, SinchHostingError, WaitTimeout
from ..models import ImportedNumber, Order
from ..states import COMPLETED
from .context import Context
from .history import History, moved_since, whole_list
from .numbers import (
    NOT_IN_ORDER,
    REJECTED,
    Assessment,
    NumberProgress,
    Stage,
    is_provisioned,
    why_not_done,
)
from .progress import Progress, Tasks
from .report import Step

_log = logging.getLogger("sinch_hosting")
_RELINKS = 10  # at once, so that few are without service where it is ended


class Completion:
    """Follows the orders, relinks and provisioning of one onboarding."""

    def __init__(self, context: Context, progress: Progress, tasks: Tasks) -> None:
        self._context = context
        self._settings = context.settings
        self._progress = progress
        self._tasks = tasks
        self._relinks = asyncio.Semaphore(_RELINKS)

    # ------------------------------------------------------------------- orders

    def take_over(self, history: History) -> None:
        """Follow the orders of earlier runs, and settle numbers of which nothing else is known."""
        again, known = self._settings.retry_rejected, history.known
        twice = [one for one in self._progress.numbers.values() if one.number in known.twice]
        if twice:
            further = sorted({known.twice[one.number] for one in twice})
            _log.error(
                "%d numbers are in a further order, too: %s; orders: %s",
                len(twice),
                few_of([one.number for one in twice]),
                few_of(further),
            )
        by_order: dict[str, tuple[Order, list[NumberProgress]]] = {}
        for one in self._progress.numbers.values():
            number, held = one.number, history.held(one.number)
            if number in known.ordered:
                if not (again and history.failed(number)):
                    order = known.ordered[number]
                    by_order.setdefault(order.hosting_order_id, (order, []))[1].append(one)
            elif held is not None and not history.may_resend(held, one.group):
                reason = f"sent by an earlier run under the tag {held.entry.tag}"
                self._progress.settle(one, Stage.UNKNOWN, reason)
            elif number in known.rejected and not again:
                one.order_id = known.rejected[number].hosting_order_id
                self._progress.settle(one, Stage.FAILED, REJECTED)
        for order, numbers in by_order.values():
            self.follow(order, numbers, Step.ADOPTED)

    def follow(self, order: Order, numbers: Sequence[NumberProgress], step: Step) -> None:
        """Start to wait for an order, as long as there is time."""
        for one in numbers:
            one.is_in(order)
        self._progress.tell(step, numbers, f"{len(numbers)} numbers", order.hosting_order_id)
        if not self._progress.deadline.is_over:
            was_over = step is Step.ADOPTED and order.state == COMPLETED
            self._tasks.spawn(self._complete(order, numbers, was_over=was_over))

    async def _complete(
        self, order: Order, numbers: Sequence[NumberProgress], *, was_over: bool
    ) -> None:
        """Wait for an order, and verify each of its numbers; errors that may pass only delay it."""

        def moved(order: Order) -> None:
            for one in numbers:
                one.order_is(order)
            self._progress.tell(Step.ORDER, numbers, order.state.name, order.hosting_order_id)
            if not order.state.is_terminal:
                self._progress.tell_waiting()

        intervals = self._context.intervals()
        while True:
            try:
                remaining = self._progress.deadline.remaining
                order = await order.wait_until(COMPLETED, timeout=remaining, on_update=moved)
                await self._verify(order, numbers, was_over=was_over)
                return
            except WaitTimeout:
                return
            except OrderRejected:
                for one in numbers:
                    self._progress.settle(one, Stage.FAILED, REJECTED)
                return
            except SinchHostingError as error:
                for one in numbers:
                    one.reason = f"its order could not be followed: {error}"
                if not passes(error):
                    return
            await self._context.session.sleep(self._context.poll.interval(next(intervals)))

    async def _verify(
        self, order: Order, numbers: Sequence[NumberProgress], *, was_over: bool
    ) -> None:
        """Verify the numbers; those of an order that had ended before may have moved since."""
        orders, sleep = self._context.orders, self._context.session.sleep
        listed = await whole_list(orders, order.hosting_order_id, sleep)
        shown = {number.phone_number: number for number in listed}
        why = {
            one.number: why_not_done(shown[one.number], order, self._settings)
            if one.number in shown
            else NOT_IN_ORDER
            for one in numbers
        }
        done = [one for one in numbers if not why[one.number]]
        moved = await moved_since(self._context, done) if was_over else {}
        for one in numbers:
            if one.number in moved:
                self._see_to(one, moved[one.number])
            else:
                reason = why[one.number]
                self._progress.settle(one, Stage.FAILED if reason else Stage.DONE, reason)

    def _see_to(self, one: NumberProgress, here: Assessment) -> None:
        """Handle a number that is imported, and not linked as wanted."""
        one.assessment, one.stage = here, here.stage
        if here.stage is Stage.PROVISIONING:
            self._tasks.spawn(self.provisioned(one))
        elif here.stage is Stage.ELSEWHERE:
            self._tasks.spawn(self.relink(one))
        else:
            self._progress.settle(one, Stage.FAILED, here.reason)

    # ----------------------------------------------------------------- imported

    async def relink(self, one: NumberProgress) -> None:
        """Link a number to the service plan and campaign that are wanted."""
        async with self._relinks:
            one.reason = "is being relinked: it may be without service; run this again"
            text = "without service until it is linked anew"
            self._progress.tell(Step.RELINKING, [one], text)
            try:
                await self._context.imported.relink(
                    one.number,
                    service_plan_id=self._settings.service_plan_id,
                    campaign_id=self._settings.campaign_of(one.number),
                )
            except SinchHostingError as error:
                self._progress.settle(one, Stage.FAILED, str(error))
                return
        await self.provisioned(one)

    async def provisioned(self, one: NumberProgress, seen: ImportedNumber | None = None) -> None:
        """Wait until a number is provisioned on the service plan, and on the campaign if given."""
        one.stage, one.reason = Stage.PROVISIONING, "its provisioning has not ended"
        try:
            if seen is None or not is_provisioned(seen):
                remaining = self._progress.deadline.remaining
                seen = await self._context.imported.wait_until_provisioned(
                    one.number, timeout=remaining
                )
        except WaitTimeout:
            return
        except NotFound:
            reason = f"{one.assessment.reason}, and is not imported"
            self._progress.settle(one, Stage.FAILED, reason)
            return
        except SinchHostingError as error:
            self._progress.settle(one, Stage.FAILED, str(error))
            return
        here = one.assess(None, seen, self._settings)
        if here.stage is Stage.PROVISIONING:
            self._progress.settle(one, Stage.DONE)
        else:
            self._see_to(one, here)
