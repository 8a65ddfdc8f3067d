"""`sinch-hosting orders`: looks at orders, waits for them, watches them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from attrs import frozen
from cyclopts import App

from .._explaining import error_codes, trouble
from ..states import OrderState, OrderType
from .durations import before, business_days
from .errors import BadInput, ExitCode
from .invocation import STANDARD_INPUT, WAIT_FOR_DONE
from .job_files import orders_of_job
from .many import Each, print_each
from .options import ACCOUNT, PAGE_SIZE, PLACE, Account, Place, Seconds
from .orders_create import import_, text_enable
from .orders_wait import order_from, state_from, wait_for_orders
from .output import Column, View, as_json, print_many, print_one
from .settings import Settings, open_client, read_settings
from .views import ORDER, ORDER_NUMBER

if TYPE_CHECKING:
    from .. import Order, OrderNumber, OrderReport, SinchHosting

app = App(
    name="orders", help="Orders: create them, look at them, wait for them.", help_format="markdown"
)
Kind = Literal["import", "text-enable"]
_KINDS = {"import": OrderType.IMPORT, "text-enable": OrderType.TEXT_ENABLE}
_STATES = tuple(state for state in OrderState if state is not OrderState.UNSPECIFIED)

app.command(import_, name="import")
app.command(text_enable)


async def _every_order(
    sinch: SinchHosting,
    settings: Settings,
    place: Place,
    states: tuple[OrderState, ...] = _STATES,
    kinds: tuple[OrderType, ...] = (OrderType.IMPORT, OrderType.TEXT_ENABLE),
) -> AsyncIterator[Order]:
    """Give the orders of a service plan and campaign, once each."""
    plan, campaign = settings.plan(place), settings.campaign(place)
    for kind in kinds:
        listed = sinch.hosting_orders.list(
            states=states,
            type=kind,
            service_plan_id=plan,
            campaign_id=campaign,
            page_size=PAGE_SIZE,
        )
        async for order in listed:
            yield order


@app.command(name="list")
async def list_(
    *,
    state: list[str] | None = None,
    open: bool = False,
    type: Kind | None = None,
    place: Place = PLACE,
    account: Account = ACCOUNT,
) -> int:
    """List the orders of a service plan and campaign.

    The service lists orders only by plan and campaign. `--campaign ''` lists those without a
    campaign, if the service allows that.

    Example: `sinch-hosting orders list --plan PLAN --campaign CAMPAIGN --open`

    Args:
        state: Only orders in this state; may be given several times.
        open: Only orders that are neither COMPLETED nor REJECTED.
        type: Only orders of this type.
    """
    states = tuple(map(state_from, state or ())) or _STATES
    if open:
        states = tuple(one for one in states if not one.is_terminal)
    if not states:
        raise BadInput("--open leaves none of the states: leave one of the two options out")
    kinds = tuple(_KINDS.values()) if type is None else (_KINDS[type],)
    settings = read_settings(account)
    async with open_client(settings) as sinch:
        await print_many(_every_order(sinch, settings, place, states, kinds), ORDER, account)
    return ExitCode.DONE


@app.command
async def get(orders: list[str], /, *, account: Account = ACCOUNT) -> int:
    """Show orders.

    Example: `sinch-hosting orders get 01HXYZ... --format json`

    Args:
        orders: Ids of orders, or `-` for those on standard input.
    """
    ids = _ids_from(orders)
    async with open_client(read_settings(account)) as sinch:
        return await print_each(Each(ids, sinch.hosting_orders.get), ORDER, account)


_REPORT: View[OrderReport] = View(
    columns=(
        Column("numbers", lambda report: report.total),
        Column("routing updated", lambda report: report.osr_updated),
        Column("on the SMS platform", lambda report: report.sms_provisioned),
        Column("on the campaign", lambda report: report.added_to_campaign),
        Column("manual action", lambda report: report.ongoing_manual_action),
    ),
    key=lambda report: str(report.total),
)


@app.command
async def report(order: str, /, *, account: Account = ACCOUNT) -> int:
    """Count how far the numbers of an order are.

    Example: `sinch-hosting orders report 01HXYZ...`

    Args:
        order: The id of an order.
    """
    async with open_client(read_settings(account)) as sinch:
        print_one(await sinch.hosting_orders.report(order), _REPORT, account)
    return ExitCode.DONE


@app.command
async def numbers(
    order: str,
    /,
    *,
    failed: bool = False,
    code: list[str] | None = None,
    account: Account = ACCOUNT,
) -> int:
    """List the numbers of an order, and how far each is.

    Numbers that T-Mobile refused with 60135 belong to another aggregator. To take them over:

    `sinch-hosting orders numbers ID --code 60135 --format lines | sinch-hosting orders import -
    --migrate-to-sinch-tmo`

    Example: `sinch-hosting orders numbers 01HXYZ... --failed`

    Args:
        order: The id of an order.
        failed: Only numbers for which a step or a carrier failed.
        code: Only numbers that a carrier refused with this code; may be given several times.
    """
    wanted = set(code or ())

    async def chosen() -> AsyncIterator[OrderNumber]:
        async for number in sinch.hosting_orders.numbers(order, page_size=PAGE_SIZE):
            if (failed and not trouble(number)) or (wanted and not wanted & error_codes(number)):
                continue
            yield number

    async with open_client(read_settings(account)) as sinch:
        await print_many(chosen(), ORDER_NUMBER, account)
    return ExitCode.DONE


@frozen(kw_only=True)
class _Unsigned:
    """An order whose letter waits for its signature."""

    order: Order
    business_days: int


def _waiting(row: _Unsigned, name: str) -> str:
    return getattr(row.order.waiting_on, name, None) or ""


_UNSIGNED: View[_Unsigned] = View(
    columns=(
        Column("order", lambda row: row.order.hosting_order_id, is_id=True),
        Column("signer", lambda row: _waiting(row, "name")),
        Column("letter to", lambda row: _waiting(row, "email"), is_id=True),
        Column("since", lambda row: row.order.updated_time),
        Column("business days", lambda row: row.business_days),
        Column("name", lambda row: row.order.display_name),
        Column("what to do", lambda row: _waiting(row, "what_to_do")),
    ),
    key=lambda row: row.order.hosting_order_id,
    as_json=lambda row: {
        "order": as_json(row.order),
        "business_days": row.business_days,
        "waiting_on": as_json(row.order.waiting_on),
    },
)


@app.command
async def unsigned(
    *, older: str | None = None, place: Place = PLACE, account: Account = ACCOUNT
) -> int:
    """List the orders whose letter nobody has signed.

    The service tells when an order changed last, so the wait may have begun earlier. It has no
    call that sends a letter again or takes it back: the signer has to be asked.

    Example: `sinch-hosting orders unsigned --older 3bd --plan PLAN --campaign CAMPAIGN`

    Args:
        older: Only letters that have waited for at least this long: 3bd (business days), 2d, 12h.
    """
    now = datetime.now(UTC).astimezone()
    until = None if older is None else before(now, older, "--older")

    async def waiting() -> AsyncIterator[_Unsigned]:
        states, kinds = (OrderState.WAITING_FOR_LOA_SIGNATURE,), (OrderType.TEXT_ENABLE,)
        async for order in _every_order(sinch, settings, place, states, kinds):
            changed = order.updated_time
            if until is None or (changed is not None and changed <= until):
                days = 0 if changed is None else business_days(changed, now)
                yield _Unsigned(order=order, business_days=days)

    settings = read_settings(account)
    async with open_client(settings) as sinch:
        await print_many(waiting(), _UNSIGNED, account)
    return ExitCode.DONE


def _ids_from(given: list[str]) -> list[str]:
    """Return ids or tokens as they were given, `-` replaced by the lines of standard input.

    Raises:
        BadInput: There is none.
    """
    found: list[str] = []
    for one in given:
        if one != STANDARD_INPUT:
            found.append(one)
        elif sys.stdin is not None:
            found += [line.strip() for line in sys.stdin if line.strip()]
    if not found:
        raise BadInput("no order is named: give ids, tokens, or - for those on standard input")
    return list(dict.fromkeys(found))


@app.command
async def wait(
    orders: list[str] | None = None,
    /,
    *,
    job: str | None = None,
    state: str = WAIT_FOR_DONE,
    timeout: Seconds | None = None,
    account: Account = ACCOUNT,
) -> int:
    """Wait until orders have reached a state, or have passed it.

    Waiting for many orders takes few requests. If the wait ends early, the orders go on at the
    service.

    Example: `sinch-hosting orders wait 01HXYZ... --state IN_PROGRESS --timeout 2d`

    Args:
        orders: Ids or tokens of orders, or `-` for those on standard input.
        job: The orders of this job.
        state: COMPLETED by default.
        timeout: How long to wait, such as 90s, 12h or 2d; no limit by default.
    """
    wanted = state_from(state)
    settings = read_settings(account)
    names = await _named(settings, orders, job)
    async with open_client(settings) as sinch:
        known = [order_from(sinch, name) for name in names]
        return await wait_for_orders(sinch, known, wanted, timeout=timeout, output=account)


async def _named(settings: Settings, orders: list[str] | None, job: str | None) -> list[str]:
    of_job = [] if job is None else await orders_of_job(settings.project_id, job)
    return _ids_from([*(orders or ()), *of_job])


@app.command
async def watch(
    orders: list[str] | None = None,
    /,
    *,
    job: str | None = None,
    open: bool = False,
    place: Place = PLACE,
    account: Account = ACCOUNT,
) -> int:
    """Watch orders live until all are COMPLETED or REJECTED.

    On a terminal it shows the state of each order, whom it waits for and how long, and the totals
    as bars. Elsewhere it prints a line for every change. Ctrl-C does not touch the orders, and
    prints the line that goes on. The exit code is 1 if an order was rejected.

    Example: `sinch-hosting orders watch --open --plan PLAN --campaign CAMPAIGN`

    Args:
        orders: Ids or tokens of orders, or `-` for those on standard input.
        job: The orders of this job.
        open: All open orders of the plan and campaign.
    """
    from .orders_watch import watch_orders  # noqa: PLC0415 - rich is loaded only to draw something

    settings = read_settings(account)
    async with open_client(settings) as sinch:
        if open:
            states = tuple(state for state in _STATES if not state.is_terminal)
            known = [order async for order in _every_order(sinch, settings, place, states)]
        else:
            known = [order_from(sinch, name) for name in await _named(settings, orders, job)]
        return await watch_orders(sinch, known, account)
