"""What can be asked for: each wish says what would be done, and does it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import ClassVar

from attrs import frozen

from .._bulk.keywords import ImportMany, TextEnableMany, TollFreeMany
from .._bulk.letters import LettersToSend
from .._bulk.plan import BulkPlan
from .._bulk.results import BulkResult
from .._onboarding.onboarding import Onboarding
from .._onboarding.plan import OnboardingPlan
from .._onboarding.report import NumberToOnboard, Outcome
from ..errors import InvalidRequest
from ..models import Address, AuthorisedPerson, BlanketLoa, DirectLoa, Letter, ResellerLoa
from ..workflows.groups import NumberGroup
from .answers import (
    MOST_ORDERS,
    ChangeAnswer,
    LetterOfAuthorization,
    OnboardAnswer,
    OnboardLine,
    PlannedOrderLine,
    PlannedStep,
    first,
    line_of,
    quoted,
)
from .workplace import Workplace

__all__ = [
    "ImportWish",
    "OnboardWish",
    "Outlook",
    "Progress",
    "TextEnableWish",
    "letter_of",
]

Progress = Callable[[float, str], Awaitable[None]]
"""Tells how far something is, in numbers or steps, and what it is."""
_SHOWN = 20


@frozen(kw_only=True)
class Outlook:
    """What would be done, as things stand."""

    orders: tuple[PlannedOrderLine, ...] = ()
    steps: tuple[PlannedStep, ...] = ()
    letters: Mapping[str, int]
    left_out: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it that counts, as one text to compare."""
        orders = [order.model_dump() for order in self.orders]
        return json.dumps([orders, dict(self.letters), self.left_out], sort_keys=True)


def letter_of(given: LetterOfAuthorization) -> Letter:
    """Return a letter of authorization; raises `InvalidRequest` for one that is not whole."""
    if given.kind == "blanket":
        return BlanketLoa()
    person = AuthorisedPerson(
        first_name=given.first_name, last_name=given.last_name, email=given.email
    )
    address = Address(
        building_number=given.building_number,
        street=given.street,
        city=given.city,
        state=given.state,
        postal_code=given.postal_code,
        country=given.country,
    )
    carrier = given.current_voice_carrier
    if given.kind == "direct":
        return DirectLoa(authorised_person=person, address=address, current_voice_carrier=carrier)
    return ResellerLoa(
        business_name=given.business_name,
        authorised_person=person,
        address=address,
        current_voice_carrier=carrier,
    )


# ------------------------------------------------------------ wishes for orders


@frozen(kw_only=True)
class _Orders(ABC):
    """A wish whose orders are created by a job for each batch of numbers."""

    tool: ClassVar[str]
    at: Workplace
    batches: tuple[NumberGroup, ...]
    service_plan_id: str
    campaign_id: str

    @property
    def numbers(self) -> tuple[str, ...]:
        """All numbers."""
        return tuple(number for batch in self.batches for number in batch.numbers)

    @abstractmethod
    async def planned(self, batch: NumberGroup, digest: str) -> BulkPlan:
        """Return what would be done about a batch."""

    @abstractmethod
    async def created(self, batch: NumberGroup, digest: str) -> BulkResult:
        """Create the orders of a batch."""

    async def look(self, digest: str) -> Outlook:
        """Return what would be done, as things stand; nothing is sent."""
        letters, warnings = Counter[str](), dict[str, None]()
        orders, left_out = list[PlannedOrderLine](), list[tuple[str, str]]()
        for batch in self.batches:
            plan = await self.planned(batch, digest)
            letters.update(plan.letters)
            warnings.update(dict.fromkeys(plan.warnings))
            left_out += [(one.phone_number, one.reason) for one in plan.skipped]
            orders += [
                PlannedOrderLine(
                    action=order.action,
                    numbers=len(order.numbers),
                    region_code=batch.region,
                    kind="toll-free" if batch.is_toll_free else "local",
                    letter_to=order.letter_to or "",
                    order_id=order.order_id or "",
                )
                for order in plan.orders
            ]
        return Outlook(
            orders=tuple(orders),
            letters=letters,
            left_out=tuple(left_out),
            warnings=tuple(warnings),
        )

    async def run(self, digest: str, progress: Progress) -> ChangeAnswer:
        """Create the orders; what an earlier run created is found."""
        self.at.keep_job(digest, self.numbers, self.service_plan_id, self.campaign_id)
        results = []
        done = 0
        for batch in self.batches:
            results.append(await self.created(batch, digest))
            done += len(batch.numbers)
            await progress(done, f"{done} of {len(self.numbers)} numbers")
        return _answer(results, digest)


def _answer(results: Sequence[BulkResult], digest: str) -> ChangeAnswer:
    orders = [order for result in results for order in result.succeeded]
    failed = [
        quoted(f"{len(chunk.numbers)} numbers: {chunk.error}", 300)
        for result in results
        for chunk in result.failed
    ]
    unknown = [chunk.tag or digest for result in results for chunk in result.unknown]
    next_step = "wait_for_order waits for each order; explain_order tells of one."
    if unknown:
        next_step = (
            "There may be orders that nobody has seen. Send nothing again: a person runs "
            f"`sinch-hosting jobs reconcile {digest}`."
        )
    elif not orders:
        next_step = "Nothing was created: see left_out and failed."
    return ChangeAnswer(
        orders=[line_of(order) for order in orders[:MOST_ORDERS]],
        orders_in_all=len(orders),
        numbers={},
        left_out=dict(
            first((one.phone_number, one.reason) for result in results for one in result.skipped)
        ),
        failed=failed[:_SHOWN],
        unknown=unknown[:_SHOWN],
        next_step=next_step,
    )


@frozen(kw_only=True)
class ImportWish(_Orders):
    """Numbers to import."""

    tool: ClassVar[str] = "import_numbers"
    migrate_to_sinch_tmo: bool = False

    def _campaign(self, batch: NumberGroup) -> str | None:
        return None if batch.is_toll_free else self.campaign_id or None

    def _arguments(self, batch: NumberGroup, digest: str) -> ImportMany:
        return {
            "region_code": batch.region,
            "service_plan_id": self.service_plan_id,
            "campaign_id": self._campaign(batch),
            "migrate_to_sinch_tmo": self.migrate_to_sinch_tmo or None,
            "job": f"{digest}{batch.suffix}",
            "ledger": self.at.ledger_of(digest),
            "settle": self.at.settle,
        }

    async def planned(self, batch: NumberGroup, digest: str) -> BulkPlan:
        """Return what would be done about a batch."""
        arguments = self._arguments(batch, digest)
        return await self.at.sinch.hosting_orders.import_many(batch.numbers, plan=True, **arguments)

    async def created(self, batch: NumberGroup, digest: str) -> BulkResult:
        """Create the orders of a batch."""
        arguments = self._arguments(batch, digest)
        return await self.at.sinch.hosting_orders.import_many(batch.numbers, **arguments)


@frozen(kw_only=True)
class TextEnableWish(_Orders):
    """Numbers to text-enable."""

    tool: ClassVar[str] = "text_enable"
    letter: Letter

    def _signed(self) -> DirectLoa | ResellerLoa:
        if isinstance(self.letter, BlanketLoa):
            raise InvalidRequest(
                field="letter", value="blanket", rule="must be direct or reseller for toll-free"
            )
        return self.letter

    def _local(self, batch: NumberGroup, digest: str) -> TextEnableMany:
        return {
            "region_code": batch.region,
            "service_plan_id": self.service_plan_id,
            "campaign_id": self.campaign_id or None,
            "loa": self.letter,
            "job": f"{digest}{batch.suffix}",
            "ledger": self.at.ledger_of(digest),
            "settle": self.at.settle,
        }

    def _toll_free(self, batch: NumberGroup, digest: str) -> TollFreeMany:
        return {
            "region_code": batch.region,
            "service_plan_id": self.service_plan_id,
            "loa": self._signed(),
            "job": f"{digest}{batch.suffix}",
            "ledger": self.at.ledger_of(digest),
            "settle": self.at.settle,
        }

    async def planned(self, batch: NumberGroup, digest: str) -> BulkPlan:
        """Return what would be done about a batch."""
        orders = self.at.sinch.hosting_orders
        if batch.is_toll_free:
            arguments = self._toll_free(batch, digest)
            return await orders.text_enable_toll_free_many(batch.numbers, plan=True, **arguments)
        return await orders.text_enable_many(batch.numbers, plan=True, **self._local(batch, digest))

    async def created(self, batch: NumberGroup, digest: str) -> BulkResult:
        """Create the orders of a batch."""
        orders = self.at.sinch.hosting_orders
        if batch.is_toll_free:
            arguments = self._toll_free(batch, digest)
            return await orders.text_enable_toll_free_many(batch.numbers, **arguments)
        return await orders.text_enable_many(batch.numbers, **self._local(batch, digest))


# ----------------------------------------------------------------- onboarding


@frozen(kw_only=True)
class OnboardWish:
    """Numbers to take from any state to text-enabled."""

    tool: ClassVar[str] = "onboard"
    at: Workplace
    batches: tuple[NumberGroup, ...]
    service_plan_id: str
    campaign_id: str
    letter: Letter

    def _begun(
        self, digest: str, *, timeout: float | None = None, letters: int | None = None
    ) -> Onboarding:
        def confirm(asked: LettersToSend) -> bool:
            return letters is not None and asked.total <= letters

        return self.at.sinch.onboard(
            [
                NumberToOnboard(phone_number=number, region_code=batch.region)
                for batch in self.batches
                for number in batch.numbers
            ],
            job=digest,
            service_plan_id=self.service_plan_id,
            campaign_id=self.campaign_id or None,
            loa=self.letter,
            ledger=self.at.ledger_of(digest),
            settle=self.at.settle,
            timeout=timeout,
            confirm=None if letters is None else confirm,
            max_letters=letters or None,
        )

    async def look(self, digest: str) -> Outlook:
        """Return what would be done, as things stand; nothing is sent."""
        plan: OnboardingPlan = await self._begun(digest).plan()
        orders = [
            PlannedOrderLine(
                action="create",
                numbers=len(group.numbers),
                region_code=group.region_code,
                kind=group.kind,
                letter_to=group.letter_to or "",
                order_id="",
            )
            for group in plan.groups
        ]
        return Outlook(
            orders=tuple(orders),
            steps=tuple(PlannedStep(action=a, numbers=n) for a, n in sorted(plan.counts.items())),
            letters=plan.letters,
            warnings=plan.warnings,
        )

    async def run(
        self, digest: str, progress: Progress, *, timeout: float, letters: int
    ) -> OnboardAnswer:
        """Go on with it for so many seconds; it mails no more letters than were shown."""
        numbers = [number for batch in self.batches for number in batch.numbers]
        self.at.keep_job(digest, numbers, self.service_plan_id, self.campaign_id)
        onboarding = self._begun(digest, timeout=timeout, letters=letters)
        async with aclosing(onboarding.steps()) as steps:
            seen = 0
            async for step in steps:
                seen += 1
                await progress(seen, f"{step.step}: {len(step.phone_numbers)} numbers")
        return _onboarded(onboarding)


def _onboarded(onboarding: Onboarding) -> OnboardAnswer:
    report = onboarding.report
    attention = [line for line in report.lines if line.outcome is not Outcome.DONE]
    next_step = "Nothing: all numbers are text-enabled."
    if attention:
        waits = sorted({line.what_to_do for line in attention if line.what_to_do})
        then = "Then plan_onboarding with the same values and onboard: it goes on."
        next_step = " ".join([*waits[:3], then])
    return OnboardAnswer(
        is_done=report.is_done,
        outcomes=dict(report.counts),
        attention=[
            OnboardLine(
                phone_number=line.phone_number,
                outcome=str(line.outcome),
                reason=quoted(line.reason, 200),
                what_to_do=line.what_to_do,
            )
            for line in attention[:_SHOWN]
        ],
        more=len(attention) > _SHOWN,
        next_step=next_step,
    )
