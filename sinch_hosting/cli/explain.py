"""`sinch-hosting numbers explain`: where a number stands, since when, whom it waits for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from attrs import define, frozen

from ..errors import ApiError, NotFound
from ..states import OrderState, OrderType, ProvisioningState, QualificationState
from .durations import local_time, since
from .errors import ExitCode
from .job_files import find_jobs
from .jobs import read_ledger
from .many import Each
from .number_input import read_numbers
from .options import ACCOUNT, PLACE, SOURCE, Account, Place
from .output import as_json, chosen_format, print_text
from .settings import Settings, open_client, read_settings
from .views import error_codes, trouble

if TYPE_CHECKING:
    from .. import ImportedNumber, Order, OrderNumber, QualifiedNumber, SinchHosting

__all__ = ["Explanation", "explain"]

T = TypeVar("T")
_ORDERS_LOOKED_AT = 200
"""Orders that are asked for the number at most."""


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


async def explain(
    number: str,
    /,
    *,
    order: str | None = None,
    place: Place = PLACE,
    account: Account = ACCOUNT,
) -> int:
    """Explain where a number stands: since when, whom it waits for, what to do next.

    Joins its state in qualification, in its order and among the imported numbers. The service
    does not tell which order a number is in: it is looked for among the jobs of this machine,
    and among the orders of the plan and campaign.

    Example: `sinch-hosting numbers explain +12025550134`

    Args:
        number: The number.
        order: The order that it is in, where that is known.
    """
    phone_number = read_numbers([number], SOURCE)[0]
    settings = read_settings(account)
    async with open_client(settings) as sinch:
        facts = await _facts(sinch, settings, phone_number, place, order)
    answer = explained(facts)
    if chosen_format(account) == "table":
        _print(answer, facts)
    else:
        told = {**_object(answer), "facts": _object(facts)}
        print_text(json.dumps(told, indent=1 if account.format == "json" else None))
    return ExitCode.DONE


def _object(value: object) -> dict[str, object]:
    told = as_json(value)
    assert isinstance(told, dict)  # noqa: S101 - of an attrs class
    return told


# --------------------------------------------------------------- the facts


async def _facts(
    sinch: SinchHosting, settings: Settings, number: str, place: Place, order_id: str | None
) -> Facts:
    facts = Facts(phone_number=number)
    facts.qualified = await _or_none(sinch.qualified_numbers.get(number))
    facts.imported = await _or_none(sinch.imported_numbers.get(number))
    for looks in (_named, _in_ledgers, _open_orders, _ended_orders):
        orders = [order async for order in looks(sinch, settings, place, facts, order_id)]
        facts.order, facts.order_number = await _order_of(sinch, number, orders)
        if facts.order is not None or order_id is not None:
            break
    return facts


async def _or_none(read: Awaitable[T]) -> T | None:
    try:
        return await read
    except NotFound:
        return None


async def _named(
    sinch: SinchHosting, settings: Settings, place: Place, facts: Facts, order_id: str | None
) -> AsyncIterator[Order]:
    """Give the order that was named."""
    del settings, place, facts
    if order_id is not None:
        yield await sinch.hosting_orders.get(order_id)


async def _in_ledgers(
    sinch: SinchHosting, settings: Settings, place: Place, facts: Facts, order_id: str | None
) -> AsyncIterator[Order]:
    """Give the orders that the ledgers of this machine know for the number."""
    del place, order_id
    found: dict[str, None] = {}
    for job in find_jobs(settings.project_id):
        if job.numbers and facts.phone_number not in job.numbers:
            continue
        for entry in await read_ledger(job.ledger):
            is_its = not entry.listed or facts.phone_number in entry.listed
            if entry.order_id and is_its:
                found[entry.order_id] = None
    for known in list(found)[-_ORDERS_LOOKED_AT:]:
        order = await _or_none(sinch.hosting_orders.get(known))
        if order is not None:
            yield order


async def _open_orders(
    sinch: SinchHosting, settings: Settings, place: Place, facts: Facts, order_id: str | None
) -> AsyncIterator[Order]:
    """Give the open orders of the plan and campaign, unless the number needs none any more."""
    del order_id
    state = None if facts.qualified is None else facts.qualified.global_process_state
    if facts.imported is None or state == QualificationState.HOSTING_IN_PROGRESS:
        async for order in _listed(sinch, settings, place, facts, _OPEN):
            yield order


async def _ended_orders(
    sinch: SinchHosting, settings: Settings, place: Place, facts: Facts, order_id: str | None
) -> AsyncIterator[Order]:
    """Give the orders that have ended, where only they can tell what became of the number."""
    del order_id
    state = None if facts.qualified is None else facts.qualified.global_process_state
    ended = (QualificationState.HOSTING_FAILED, QualificationState.HOSTING_DONE, None)
    if facts.imported is None and state in ended:
        async for order in _listed(sinch, settings, place, facts, _ENDED):
            yield order


_OPEN = (
    OrderState.WAITING_FOR_LOA_SIGNATURE,
    OrderState.IN_PROGRESS,
    OrderState.SUBMITTED,
    OrderState.DRAFT,
)
_ENDED = (OrderState.REJECTED, OrderState.COMPLETED)


async def _listed(
    sinch: SinchHosting,
    settings: Settings,
    place: Place,
    facts: Facts,
    states: Sequence[OrderState],
) -> AsyncIterator[Order]:
    """Give orders of the plan and of the campaign, or of none, as many as can be asked."""
    sms = facts.imported.sms_configuration if facts.imported is not None else None
    plan = place.plan or settings.get("service_plan_id") or (sms and sms.service_plan_id)
    named = place.campaign if place.campaign is not None else settings.get("campaign_id")
    seen = 0
    for campaign in dict.fromkeys((named or (sms and sms.campaign_id) or "", "")):
        for kind in (OrderType.TEXT_ENABLE, OrderType.IMPORT) if plan else ():
            listed = sinch.hosting_orders.list(
                states=states, type=kind, service_plan_id=str(plan), campaign_id=campaign
            )
            try:
                async for order in listed:
                    yield order
                    seen += 1
                    if seen >= _ORDERS_LOOKED_AT:
                        return
            except ApiError as error:
                if campaign or error.status_code not in (400, 404, 422):
                    raise
                return  # the service lists no orders without a campaign


async def _order_of(
    sinch: SinchHosting, number: str, orders: list[Order]
) -> tuple[Order | None, OrderNumber | None]:
    """Return the newest order that holds the number, and what it says of it."""
    by_id = {order.hosting_order_id: order for order in orders}

    async def ask(order_id: str) -> tuple[str, OrderNumber | None]:
        return order_id, await _or_none(sinch.hosting_orders.number(order_id, number))

    each = Each(list(by_id), ask)
    async with aclosing(each.results()) as answers:
        held = {order_id: found async for order_id, found in answers if found is not None}
    for _, error in each.failed:
        raise error
    if not held:
        return None, None
    beginning = datetime.min.replace(tzinfo=UTC)
    newest = max(held, key=lambda order_id: by_id[order_id].created_time or beginning)
    return by_id[newest], held[newest]


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


def _print(answer: Explanation, facts: Facts) -> None:
    now = datetime.now(UTC)
    print_text(f"{answer.phone_number}")
    print_text(f"  stands     {answer.where}")
    if answer.since is not None:
        print_text(f"  since      {local_time(answer.since)} ({since(answer.since, now)})")
    print_text(f"  waits for  {answer.waits_for}")
    print_text(f"  next       {answer.what_to_do}")
    known = {
        "qualified": facts.qualified and facts.qualified.global_process_state.name,
        "order": facts.order and f"{facts.order.hosting_order_id} {facts.order.state.name}",
        "imported": facts.imported and facts.imported.sms_provisioning.state.name,
    }
    shown = ", ".join(f"{name} {state}" for name, state in known.items() if state)
    print_text(f"  seen       {shown or 'nothing'}")
