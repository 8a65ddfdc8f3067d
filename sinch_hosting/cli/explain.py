"""`sinch-hosting numbers explain`: where a number stands, since when, whom it waits for."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .._explaining import (
    ORDERS_ASKED,
    Explanation,
    Facts,
    ListedOrders,
    explained,
    or_none,
    read_facts,
)
from .durations import local_time, since
from .errors import ExitCode
from .invocation import tell
from .job_files import find_jobs
from .jobs import read_ledger_or_complain
from .number_input import read_numbers
from .options import ACCOUNT, PLACE, SOURCE, Account, Place
from .output import as_json, chosen_format, print_text
from .settings import Settings, open_client, read_settings

if TYPE_CHECKING:
    from .. import Order, SinchHosting

__all__ = ["explain", "orders_in_ledgers"]


async def explain(
    number: str,
    /,
    *,
    order: str | None = None,
    place: Place = PLACE,
    account: Account = ACCOUNT,
) -> int:
    """Explain where a number stands: since when, whom it waits for, what to do next.

    Reads the number in qualification, in its order and among the imported numbers. The service
    does not say which order a number is in, so the command searches the jobs of this machine and
    the orders of the plan and campaign, at most 200 of each. If there are more, it says so; name
    the order with `--order` then.

    Example: `sinch-hosting numbers explain +12025550134`

    Args:
        number: The number.
        order: The id of the order that holds the number, if you know it.
    """
    phone_number = read_numbers([number], SOURCE)[0]
    settings = read_settings(account)
    async with open_client(settings) as sinch:
        facts = await _facts(sinch, settings, phone_number, place, order)
    answer = explained(facts)
    if facts.orders_left_out:
        tell(
            f"there are more orders than were asked for the number ({ORDERS_ASKED}), and none of "
            "those holds it: name its order with --order, if you know it"
        )
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


async def _facts(
    sinch: SinchHosting, settings: Settings, number: str, place: Place, order_id: str | None
) -> Facts:
    async def named(_: Facts) -> AsyncGenerator[Order, None]:
        yield await sinch.hosting_orders.get(str(order_id))

    async def in_ledgers(_: Facts) -> AsyncGenerator[Order, None]:
        async for known in orders_in_ledgers(settings.project_id, number):
            order = await or_none(sinch.hosting_orders.get(known))
            if order is not None:
                yield order

    if order_id is not None:
        return await read_facts(sinch, number, [named])
    plan = place.plan or settings.get("service_plan_id")
    campaign = place.campaign if place.campaign is not None else settings.get("campaign_id")
    listed = ListedOrders(sinch, plan, campaign)
    return await read_facts(sinch, number, [in_ledgers, listed.open, listed.ended])


async def orders_in_ledgers(project_id: str, number: str) -> AsyncIterator[str]:
    """Give the ids of the orders that the ledgers of this machine know for a number, newest first.

    An order whose ledger does not list its numbers may be one of them.
    """
    found: dict[str, None] = {}
    for job in find_jobs(project_id):
        if job.numbers and number not in job.numbers:
            continue
        for entry in await read_ledger_or_complain(job) or ():
            is_its = not entry.listed or number in entry.listed
            if entry.order_id and is_its:
                found[entry.order_id] = None
    for order_id in reversed(found):
        yield order_id


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
