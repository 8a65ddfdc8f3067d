"""`sinch-hosting numbers explain`: where a number stands, since when, whom it waits for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
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
from .job_files import orders_in_ledgers
from .messages import tell
from .number_input import read_number
from .options import ACCOUNT, PLACE, Account, Place
from .output import as_object, chosen_format, print_json, print_text
from .settings import Settings, open_client, read_settings

if TYPE_CHECKING:
    from .. import Order, SinchHosting


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
    phone_number = read_number(number)
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
        print_json({**as_object(answer), "facts": as_object(facts)}, account)
    return ExitCode.DONE


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
