"""Where a number stands: the facts that the service gives, and what they come to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from attrs import define, frozen

from ._aio import map_concurrently
from .errors import ApiError, NotFound
from .models import CarrierState, ImportedNumber, Order, OrderNumber, QualifiedNumber
from .states import OrderState, OrderType, ProvisioningState, QualificationState

if TYPE_CHECKING:
    from .client import SinchHosting

__all__ = [
    "ORDERS_ASKED",
    "Explanation",
    "Facts",
    "ListedOrders",
    "carriers",
    "error_codes",
    "explained",
    "or_none",
    "read_facts",
    "trouble",
]

T = TypeVar("T")
ORDERS_ASKED = 200
"""Orders of a source that are asked for the number at most."""
_AT_ONCE = 10


@frozen(kw_only=True)
class Explanation:
    """The answer during a customer's call."""

    phone_number: str
    where: str
    """Where it stands."""
    since: datetime | None
    waits_for: str
    what_to_do: str


@define(kw_only=True)
class Facts:
    """What the service says of a number."""

    phone_number: str
    qualified: QualifiedNumber | None = None
    imported: ImportedNumber | None = None
    order: Order | None = None
    order_number: OrderNumber | None = None
    orders_left_out: bool = False
    """Whether there are more orders than were asked for the number, and none of them held it."""


Source = Callable[[Facts], AsyncGenerator[Order, None]]
"""Gives orders that may hold the number, for what is known of it so far."""


async def read_facts(sinch: SinchHosting, number: str, sources: Sequence[Source]) -> Facts:
    """Read a number's state, and the newest order that holds it.

    The service does not say which order a number is in, so orders are asked for it: those of
    each source in turn, until one holds the number.

    Args:
        sinch: The client.
        number: In E.164.
        sources: Where orders are looked for, the likeliest first.

    Raises:
        ApiError: The service refuses to be read.
    """
    facts = Facts(phone_number=number)
    facts.qualified = await or_none(sinch.qualified_numbers.get(number))
    facts.imported = await or_none(sinch.imported_numbers.get(number))
    for source in sources:
        orders = list[Order]()
        async with aclosing(source(facts)) as given:
            async for order in given:
                if len(orders) == ORDERS_ASKED:
                    facts.orders_left_out = True
                    break
                orders.append(order)
        facts.order, facts.order_number = await _order_of(sinch, number, orders)
        if facts.order is not None:
            facts.orders_left_out = False
            break
    return facts


async def or_none(read: Awaitable[T]) -> T | None:
    """Return what is read, or `None` where there is no such thing."""
    try:
        return await read
    except NotFound:
        return None


async def _order_of(
    sinch: SinchHosting, number: str, orders: Sequence[Order]
) -> tuple[Order | None, OrderNumber | None]:
    """Return the newest order that holds the number, and what it says of it."""
    by_id = {order.hosting_order_id: order for order in orders}

    async def ids() -> AsyncIterator[str]:
        for order_id in by_id:
            yield order_id

    async def ask(order_id: str) -> tuple[str, OrderNumber | None]:
        return order_id, await or_none(sinch.hosting_orders.number(order_id, number))

    async with aclosing(map_concurrently(ids(), ask, concurrency=_AT_ONCE)) as answers:
        held = {order_id: found async for order_id, found in answers if found is not None}
    if not held:
        return None, None
    beginning = datetime.min.replace(tzinfo=UTC)
    newest = max(held, key=lambda order_id: by_id[order_id].created_time or beginning)
    return by_id[newest], held[newest]


_OPEN = (
    OrderState.WAITING_FOR_LOA_SIGNATURE,
    OrderState.IN_PROGRESS,
    OrderState.SUBMITTED,
    OrderState.DRAFT,
)
_ENDED = (OrderState.REJECTED, OrderState.COMPLETED)


class ListedOrders:
    """The orders of a service plan and campaign, as sources of `read_facts`.

    Args:
        sinch: The client.
        service_plan_id: `None` is the number's own.
        campaign_id: `None` is the number's own.
    """

    def __init__(
        self, sinch: SinchHosting, service_plan_id: str | None, campaign_id: str | None
    ) -> None:
        self._sinch = sinch
        self._plan = service_plan_id
        self._campaign = campaign_id

    async def open(self, facts: Facts) -> AsyncGenerator[Order, None]:
        """Give the open orders, unless the number needs none any more."""
        state = None if facts.qualified is None else facts.qualified.global_process_state
        if facts.imported is None or state == QualificationState.HOSTING_IN_PROGRESS:
            async for order in self._listed(facts, _OPEN):
                yield order

    async def ended(self, facts: Facts) -> AsyncGenerator[Order, None]:
        """Give the orders that have ended, where only they can tell what became of the number."""
        state = None if facts.qualified is None else facts.qualified.global_process_state
        ended = (QualificationState.HOSTING_FAILED, QualificationState.HOSTING_DONE, None)
        if facts.imported is None and state in ended:
            async for order in self._listed(facts, _ENDED):
                yield order

    async def _listed(self, facts: Facts, states: Sequence[OrderState]) -> AsyncIterator[Order]:
        """Give orders of the plan, and of the campaign or of none."""
        sms = facts.imported.sms_configuration if facts.imported is not None else None
        plan = self._plan or (sms and sms.service_plan_id)
        named = self._campaign if self._campaign is not None else (sms and sms.campaign_id)
        for campaign in dict.fromkeys((named or "", "")):
            for kind in (OrderType.TEXT_ENABLE, OrderType.IMPORT) if plan else ():
                listed = self._sinch.hosting_orders.list(
                    states=states, type=kind, service_plan_id=str(plan), campaign_id=campaign
                )
                try:
                    async for order in listed:
                        yield order
                except ApiError as error:
                    if campaign or error.status_code not in (400, 404, 422):
                        raise
                    return  # the service lists no orders without a campaign


# --------------------------------------------------------- what has failed


def carriers(number: OrderNumber | ImportedNumber) -> Iterator[tuple[str, CarrierState]]:
    """Give the four carriers' states of a number, with their names."""
    at = number.mno_configuration if isinstance(number, ImportedNumber) else number
    yield "AT&T SMS", at.sms_att
    yield "T-Mobile SMS", at.sms_tmo
    yield "AT&T MMS", at.mms_att
    yield "T-Mobile MMS", at.mms_tmo


def error_codes(number: OrderNumber | ImportedNumber) -> set[str]:
    """Return the codes with which carriers refused a number."""
    return {at.error_code for _, at in carriers(number) if at.error_code}


def _steps(number: OrderNumber | ImportedNumber) -> Iterator[tuple[str, ProvisioningState, str]]:
    """Give the steps of a number before the carriers: name, state and error."""
    osr, platform = (
        getattr(number, "osr_update", None),
        getattr(number, "platform_provisioning", None),
    )
    if osr is not None:
        yield "routing (OSR)", osr.state, ""
    step = platform or getattr(number, "sms_provisioning", None)
    if step is not None:
        yield "SMS platform", step.state, _said(step)
    campaign = number.campaign_provisioning
    yield "campaign", campaign.state, _said(campaign)


def _said(step: object) -> str:
    parts = (getattr(step, "error_code", None), getattr(step, "error_message", None))
    return " ".join(str(part) for part in parts if part)


def trouble(number: OrderNumber | ImportedNumber) -> str:
    """Return what has failed for a number, each with the reason that was given; `""` if none."""
    steps = list(_steps(number))
    steps += [(name, at.state, _said(at)) for name, at in carriers(number)]
    return "; ".join(
        f"{name} failed" + (f": {said}" if said else "")
        for name, state, said in steps
        if state == ProvisioningState.FAILED
    )


# --------------------------------------------------------------- the answer


def explained(facts: Facts) -> Explanation:
    """Return what the facts come to: what is furthest on its way counts."""
    order = facts.order
    if order is not None and not order.state.is_terminal:
        return _in_order(facts, order)
    if facts.imported is not None:
        return _imported(facts, facts.imported)
    if order is not None:
        return _in_ended_order(facts, order)
    if facts.qualified is not None:
        return _in_qualification(facts, facts.qualified)
    return Explanation(
        phone_number=facts.phone_number,
        where="this project does not know it: it is neither in qualification nor imported",
        since=None,
        waits_for="you",
        what_to_do="onboard it, or check the project: sinch-hosting doctor",
    )


def _in_order(facts: Facts, order: Order) -> Explanation:
    waiting = order.waiting_on
    who = "" if waiting is None else waiting.who
    if waiting is not None and waiting.email:
        who = f"the signature of {waiting.name or 'the signer'} <{waiting.email}>"
    failed = "" if facts.order_number is None else trouble(facts.order_number)
    where = f"in order {order.hosting_order_id}, which is {order.state.name}"
    return Explanation(
        phone_number=facts.phone_number,
        where=f"{where}; {failed}" if failed else where,
        since=order.updated_time,
        waits_for=who,
        what_to_do="" if waiting is None else waiting.what_to_do,
    )


_MIGRATE = (
    "T-Mobile: it belongs to another aggregator; import it with "
    "sinch-hosting orders import {number} --migrate-to-sinch-tmo"
)


def _imported(facts: Facts, number: ImportedNumber) -> Explanation:
    sms = number.sms_configuration
    where = f"imported, service plan {sms.service_plan_id or 'none'}"
    where += f", campaign {sms.campaign_id or 'none'}"
    failed = trouble(number)
    steps = [number.sms_provisioning, *([number.campaign_provisioning] * bool(sms.campaign_id))]
    changed = max((s.update_time for s in steps if s.update_time), default=None)
    waits_for, what_to_do = "nobody", "nothing: it can text"
    if failed:
        where, waits_for = f"{where}; {failed}", "you"
        what_to_do = "see the reason; relink it once that is mended"
        if "60135" in error_codes(number):
            what_to_do = _MIGRATE.format(number=number.phone_number)
    elif not number.is_linked:
        waits_for, what_to_do = "you", "link it: sinch-hosting numbers relink"
    elif any(step.state != ProvisioningState.DONE for step in steps):
        waits_for, what_to_do = "the service", "wait: sinch-hosting numbers wait"
    return Explanation(
        phone_number=number.phone_number,
        where=where,
        since=changed,
        waits_for=waits_for,
        what_to_do=what_to_do,
    )


def _in_ended_order(facts: Facts, order: Order) -> Explanation:
    where = f"its order {order.hosting_order_id} is {order.state.name}"
    what_to_do = "see sinch-hosting orders numbers, and ask support with the order's id"
    if order.state == OrderState.REJECTED:
        what_to_do = "find out why, then run its job again with --retry-rejected"
    number = facts.order_number
    if number is not None and trouble(number):
        where = f"{where}; {trouble(number)}"
        if "60135" in error_codes(number):
            what_to_do = _MIGRATE.format(number=number.phone_number)
    return Explanation(
        phone_number=facts.phone_number,
        where=f"{where}; it is not imported",
        since=order.updated_time,
        waits_for="you",
        what_to_do=what_to_do,
    )


_WAITS = {
    QualificationState.ELIGIBLE_CHECK_PENDING: ("the service", "wait: it checks the number"),
    QualificationState.ELIGIBLE: (
        "you",
        "mail invoices that list it (qualify invoices), or have it rung (qualify challenge)",
    ),
    QualificationState.VERIFICATION_PENDING: (
        "you, or the reviewers",
        "mail invoices that list it (qualify invoices) unless that was done; their review takes "
        "1 to 3 business days",
    ),
    QualificationState.VERIFIED: ("you", "order it: sinch-hosting onboard goes on with it"),
    QualificationState.NOT_ELIGIBLE: ("you", "see the reason: it cannot be text-enabled"),
    QualificationState.VERIFICATION_FAILED: (
        "you",
        "have it rung again (qualify challenge), or mail invoices that list it",
    ),
    QualificationState.VERIFICATION_BLOCKED: (
        "you",
        "mail invoices that list it: no more voice calls are allowed",
    ),
    QualificationState.HOSTING_IN_PROGRESS: (
        "its order",
        "find the order: sinch-hosting orders list --open",
    ),
    QualificationState.HOSTING_DONE: (
        "nobody",
        "it is hosted, and imported no more: import it if it shall text here",
    ),
    QualificationState.HOSTING_FAILED: ("you", "run its job again with --retry-rejected"),
}


def _in_qualification(facts: Facts, number: QualifiedNumber) -> Explanation:
    state = number.global_process_state
    waits_for, what_to_do = _WAITS.get(
        state, ("unknown", "this version does not know its state; see the vendor's pages")
    )
    why = f": {number.error}" if number.error else ""
    return Explanation(
        phone_number=facts.phone_number,
        where=f"in qualification, {state.name}{why}",
        since=number.updated_time,
        waits_for=waits_for,
        what_to_do=what_to_do,
    )
