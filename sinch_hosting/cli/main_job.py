"""The main job: numbers through qualification, text-enabling, the letter and completion.

It uses nothing but the public client, so it reads as an example of how to do the same with
a real account: what the demo plays for the sandbox (mailing the invoices) is handed in.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import define, field

from .. import COMPLETED, Order, QualificationState, SinchHostingError, WaitTimeout
from ..phone_files import NumberKind
from ..states import ProvisioningState
from .outcomes import Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from .. import BulkProgress, BulkResult, DirectLoa, OrderNumber, SinchHosting
    from ..phone_files import PhoneRecord, Region
    from .progress import Show

__all__ = ["MainJob", "verdict"]

_CHUNK = 500
_PAGE = 1000
_READY = QualificationState.VERIFIED
_REFUSED = (
    QualificationState.NOT_ELIGIBLE,
    QualificationState.VERIFICATION_FAILED,
    QualificationState.VERIFICATION_BLOCKED,
)


@define(kw_only=True)
class MainJob:
    """One run over one file of numbers.

    Args:
        sinch: The client.
        show: Where it tells how far it is.
        mail_invoices: Called with numbers once they are added: what proves their ownership.
        letters: The letter of authorization of each region.
        service_plan_id: The service plan that the numbers are linked to.
        campaign_id: The 10DLC campaign of local numbers.
        job: Its name: the same job run again adopts its orders, and mails no letter twice.
        ledgers: The folder in which it keeps its ledgers, one for each region and kind.
        settle: Seconds between a first run's two readings of the lists.
        patience: Seconds that the review, and then each order, may take.
        interval: Seconds between two looks at the review.
        fates: How far each number has come, at any time; a run begins with new ones.
    """

    sinch: SinchHosting
    show: Show
    mail_invoices: Callable[[Iterable[str]], None]
    letters: Mapping[Region, DirectLoa]
    service_plan_id: str
    campaign_id: str
    job: str
    ledgers: Path
    settle: float = 10.0
    patience: float = 60.0
    interval: float = 0.25
    fates: dict[str, Fate] = field(factory=dict)

    async def run(self, records: Sequence[PhoneRecord]) -> dict[str, Fate]:
        """Take the numbers of accepted *records* all the way.

        Answers the fate of each number. What fails is a reason in a fate, so one number's
        trouble ends nobody else's way; cancelling ends the run.
        """
        self.fates.clear()
        self.fates.update((str(record.phone_number), Fate()) for record in records)
        ready = await self._qualify(list(self.fates))
        orders = await self._text_enable(
            [record for record in records if record.phone_number in ready]
        )
        await self._complete(orders)
        return self.fates

    async def _qualify(self, numbers: Sequence[str]) -> set[str]:
        """Add the numbers, prove that they are ours, and wait for the review; answers the good."""
        chunks = [numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK)]
        added = await asyncio.gather(*(self._add(chunk) for chunk in chunks))
        waiting = {number for chunk in added for number in chunk}
        self.mail_invoices(waiting)
        total, ready = len(waiting), set[str]()
        told = self.show.stage("qualification", total)
        try:
            async with asyncio.timeout(self.patience):
                while waiting:
                    ready |= await self._reviewed(waiting)
                    told(total - len(waiting))
                    await asyncio.sleep(self.interval if waiting else 0)
        except TimeoutError:
            self._fail(waiting, f"not reviewed within {self.patience:g} s")
        return ready

    async def _add(self, numbers: Sequence[str]) -> Sequence[str]:
        try:
            await self.sinch.qualified_numbers.add(numbers)
        except SinchHostingError as error:
            self._fail(numbers, f"not taken into qualification: {error}")
            return ()
        return numbers

    async def _reviewed(self, waiting: set[str]) -> set[str]:
        """Take the numbers whose review is over out of *waiting*; answers those that passed."""
        passed: set[str] = set()
        listed = self.sinch.qualified_numbers.list(states=(_READY, *_REFUSED), page_size=_PAGE)
        async for number in listed:
            if number.phone_number not in waiting:
                continue
            waiting.discard(number.phone_number)
            state = number.global_process_state
            if state == _READY:
                passed.add(number.phone_number)
            else:
                why = f": {number.error}" if number.error else ""
                self._fail([number.phone_number], f"{state.name}{why}")
        return passed

    async def _text_enable(self, records: Iterable[PhoneRecord]) -> list[Order]:
        """Order text-enabling; one order holds one region, one kind and one letter."""
        groups: defaultdict[tuple[Region, NumberKind], list[str]] = defaultdict(list)
        for record in records:
            if record.phone_number and record.region and record.kind:
                groups[record.region, record.kind].append(record.phone_number)
        total = sum(-(-len(numbers) // _CHUNK) for numbers in groups.values())
        told, done = self.show.stage("text-enabling", total), 0

        def ordered(progress: BulkProgress) -> None:
            nonlocal done
            done += 1
            self._ordered(progress)
            told(done)

        results = await asyncio.gather(
            *(
                self._order(region, kind, numbers, ordered)
                for (region, kind), numbers in groups.items()
            )
        )
        return [order for result in results for order in result.succeeded]

    async def _order(
        self,
        region: Region,
        kind: NumberKind,
        numbers: Sequence[str],
        ordered: Callable[[BulkProgress], None],
    ) -> BulkResult:
        orders, loa = self.sinch.hosting_orders, self.letters[region]
        job = f"{self.job}-{region}-{kind}"
        ledger = self.ledgers / f"{job}.jsonl"
        if kind is NumberKind.TOLL_FREE:
            return await orders.text_enable_toll_free_many(
                numbers,
                region_code=region,
                service_plan_id=self.service_plan_id,
                loa=loa,
                on_progress=ordered,
                job=job,
                ledger=ledger,
                settle=self.settle,
            )
        return await orders.text_enable_many(
            numbers,
            region_code=region,
            service_plan_id=self.service_plan_id,
            campaign_id=self.campaign_id,
            loa=loa,
            on_progress=ordered,
            job=job,
            ledger=ledger,
            settle=self.settle,
        )

    def _ordered(self, progress: BulkProgress) -> None:
        outcome = progress.outcome
        for skipped in progress.skipped:
            self._fail([skipped.phone_number], f"not ordered: {skipped.reason}")
        if outcome is None:
            return
        if not isinstance(outcome, Order):
            self._fail(progress.numbers, f"not ordered: {outcome.error}")
            return
        for number in progress.numbers:
            self.fates[number].order_id = outcome.hosting_order_id
        size, region = len(progress.numbers), outcome.region_code
        self.show.note(f"order {outcome.hosting_order_id}: {size} numbers of {region}")

    async def _complete(self, orders: Sequence[Order]) -> None:
        told, done = self.show.stage("completion", len(orders)), 0

        async def follow(order: Order) -> None:
            nonlocal done
            await self._follow(order)
            done += 1
            told(done)

        await asyncio.gather(*(follow(order) for order in orders))

    async def _follow(self, order: Order) -> None:
        """Wait for one order, its letter included, and look at each of its numbers."""
        last = order.state

        def moved(order: Order) -> None:
            nonlocal last
            if order.state != last:
                last = order.state
                self.show.note(f"order {order.hosting_order_id}: {last.name}")

        try:
            order = await order.wait_until(COMPLETED, timeout=self.patience, on_update=moved)
            async for number in order.numbers():
                self.fates[number.phone_number].reason = verdict(number)
            self._unlisted(order)
        except WaitTimeout:
            self._stuck(order, f"its order is still {last.name} after {self.patience:g} s")
        except SinchHostingError as error:
            self._stuck(order, str(error))

    def _unlisted(self, order: Order) -> None:
        """Fail the numbers of *order* that it was asked for and does not list."""
        for fate in self.fates.values():
            if fate.order_id == order.hosting_order_id and not fate.settled:
                fate.reason = "ordered, and its order does not list it"

    def _stuck(self, order: Order, reason: str) -> None:
        """Fail the numbers of *order* but for those that were seen to be done."""
        for fate in self.fates.values():
            if fate.order_id == order.hosting_order_id and fate.reason:
                fate.reason = reason

    def _fail(self, numbers: Iterable[str], reason: str) -> None:
        for number in numbers:
            self.fates[number].reason = reason


def verdict(number: OrderNumber) -> str:
    """Why a number of a completed order cannot text; `""` where it can."""
    failed = ProvisioningState.FAILED
    for step, state in (
        ("the routing update", number.osr_update.state),
        ("provisioning to the SMS platform", number.platform_provisioning.state),
        ("linking to the campaign", number.campaign_provisioning.state),
    ):
        if state == failed:
            return f"{step} failed"
    for carrier, at in (
        ("AT&T (SMS)", number.sms_att),
        ("T-Mobile (SMS)", number.sms_tmo),
        ("AT&T (MMS)", number.mms_att),
        ("T-Mobile (MMS)", number.mms_tmo),
    ):
        if at.state == failed:
            told = f"{at.error_code or ''} {at.error_message or ''}".strip()
            return f"{carrier} refused it: {told or 'no reason given'}"
    if number.platform_provisioning.state != ProvisioningState.DONE:
        return f"not on the SMS platform: {number.platform_provisioning.state.name}"
    return ""
