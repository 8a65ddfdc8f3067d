"""The tools that only read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from pydantic import Field

from .._explaining import Facts, ListedOrders, explained, or_none, read_facts, trouble
from ..errors import InvalidRequest, OrderRejected, WaitTimeout
from ..models import Order
from ..models import _checks as check
from ..phone_files import read_phone_file
from ..states import OrderState, OrderType, parse_state
from .answers import (
    FileAnswer,
    FileRow,
    LetterAnswer,
    LettersAnswer,
    NumberAnswer,
    OrderAnswer,
    OrdersAnswer,
    TroubledNumber,
    WaitAnswer,
    counts_of,
    line_of,
    quoted,
)
from .workplace import Workplace

__all__ = ["ReadingTools"]

_SHOWN = 20
_LONGEST_WAIT = 3600.0
_OPEN = tuple(
    state for state in OrderState if state != OrderState.UNSPECIFIED and not state.is_terminal
)
_KINDS = {"import": OrderType.IMPORT, "text-enable": OrderType.TEXT_ENABLE}
PlanId = Annotated[str | None, Field(description="The service plan; the account's by default.")]
CampaignId = Annotated[
    str | None, Field(description="The 10DLC campaign; the account's by default, '' is none.")
]
Limit = Annotated[int, Field(ge=1, le=200)]


class ReadingTools:
    """The tools that only read; each is a method, and its first line is what it is for."""

    def __init__(self, workplace: Workplace) -> None:
        self._at = workplace

    async def explain_number(
        self,
        phone_number: Annotated[str, Field(description="In E.164, such as +12025550134.")],
        service_plan_id: PlanId = None,
        campaign_id: CampaignId = None,
    ) -> NumberAnswer:
        """Say where a number stands, since when, whom it waits for, and what to do."""
        sinch, number = self._at.sinch, check.check_phone_number(phone_number)

        async def known(_: Facts) -> AsyncGenerator[Order, None]:
            async for order_id in self._at.known_orders(number):
                order = await or_none(sinch.hosting_orders.get(order_id))
                if order is not None:
                    yield order

        plan = service_plan_id or self._at.service_plan_id
        listed = ListedOrders(sinch, plan, self._at.campaign(campaign_id) or None)
        facts = await read_facts(sinch, number, [known, listed.open, listed.ended])
        answer = explained(facts)
        said = [trouble(at) for at in (facts.order_number, facts.imported) if at is not None]
        if facts.qualified is not None and facts.qualified.error:
            said.append(facts.qualified.error)
        where = answer.where
        for text in filter(None, said):
            where = where.replace(text, "see service_says")
        waits_for, next_step = answer.waits_for, answer.what_to_do or "Wait."
        if facts.order is not None and (signer := _signer_of(facts.order)):
            waits_for, next_step = f"the signature of {signer}", _SIGN
        if facts.orders_left_out:
            next_step += " (there are more orders than were asked for the number)"
        return NumberAnswer(
            phone_number=number,
            where=where,
            service_says=quoted("; ".join(filter(None, said)), 200),
            since=answer.since,
            waits_for=waits_for,
            order_id="" if facts.order is None else facts.order.hosting_order_id,
            qualification=""
            if facts.qualified is None
            else facts.qualified.global_process_state.name,
            is_imported=facts.imported is not None,
            next_step=next_step,
        )

    async def list_orders(
        self,
        states: Annotated[
            list[str] | None, Field(description="Such as IN_PROGRESS; the open ones by default.")
        ] = None,
        type: Literal["import", "text-enable"] | None = None,
        service_plan_id: PlanId = None,
        campaign_id: CampaignId = None,
        limit: Limit = 50,
    ) -> OrdersAnswer:
        """List the orders of a service plan and campaign, in short."""
        wanted = [parse_state(OrderState, state, "states") for state in states or _OPEN]
        kinds = tuple(_KINDS.values()) if type is None else (_KINDS[type],)
        orders = await self._orders(wanted, kinds, service_plan_id, campaign_id, limit + 1)
        return OrdersAnswer(
            orders=[line_of(order) for order in orders[:limit]],
            more=len(orders) > limit,
            next_step="explain_order tells more of one." if orders else "There are none.",
        )

    async def _orders(
        self,
        states: Sequence[OrderState],
        kinds: Sequence[OrderType],
        plan: str | None,
        campaign: str | None,
        most: int,
    ) -> list[Order]:
        found: list[Order] = []
        for kind in kinds:
            listed = self._at.sinch.hosting_orders.list(
                states=states,
                type=kind,
                service_plan_id=self._at.plan_id(plan),
                campaign_id=self._at.campaign(campaign),
                page_size=most,
            )
            async for order in listed:
                if len(found) == most:
                    return found
                found.append(order)
        return found

    async def explain_order(self, order_id: str) -> OrderAnswer:
        """Say how far an order is, whom it waits for, and what to do."""
        order = await self._at.sinch.hosting_orders.get(order_id)
        report = await order.report()
        failed: list[TroubledNumber] = []
        async with aclosing(self._troubled(order)) as troubled:
            async for number in troubled:
                failed.append(number)
                if len(failed) > _SHOWN:
                    break
        return OrderAnswer(
            order=line_of(order),
            signer=_signer_of(order),
            counts=counts_of(report),
            troubled_numbers=failed[:_SHOWN],
            more_troubled_numbers=len(failed) > _SHOWN,
            resume_token=order.to_token(),
            next_step=_next_of(order),
        )

    async def _troubled(self, order: Order) -> AsyncGenerator[TroubledNumber, None]:
        async for number in order.numbers():
            if said := trouble(number):
                yield TroubledNumber(phone_number=number.phone_number, failed=quoted(said, 200))

    async def unsigned_letters(
        self,
        older_than_days: Annotated[int, Field(ge=0, le=365)] = 0,
        service_plan_id: PlanId = None,
        campaign_id: CampaignId = None,
        limit: Limit = 50,
    ) -> LettersAnswer:
        """List the letters of authorization that nobody has signed, and who has to sign."""
        now = datetime.now(UTC)
        orders = await self._orders(
            [OrderState.WAITING_FOR_LOA_SIGNATURE],
            [OrderType.TEXT_ENABLE],
            service_plan_id,
            campaign_id,
            10 * limit,
        )
        letters = []
        for order in orders:
            changed, waiting = order.updated_time, order.waiting_on
            days = 0 if changed is None else max(0, (now - changed).days)
            if days >= older_than_days:
                letters.append(
                    LetterAnswer(
                        order_id=order.hosting_order_id,
                        signer=quoted(waiting and waiting.name),
                        email=quoted(waiting and waiting.email),
                        since=changed,
                        days=days,
                    )
                )
        return LettersAnswer(
            letters=letters[:limit],
            more=len(letters) > limit or len(orders) == 10 * limit,
            next_step="Ask the signers to sign. No call sends a letter again or takes it back."
            if letters
            else "No letter waits for a signature.",
        )

    async def wait_for_order(
        self,
        order: Annotated[str, Field(description="An order's id, or a resume token.")],
        ctx: Context,
        state: Annotated[str, Field(description="Such as IN_PROGRESS.")] = "COMPLETED",
        timeout_seconds: Annotated[float, Field(ge=0, le=_LONGEST_WAIT)] = 60.0,
    ) -> WaitAnswer:
        """Wait until an order has reached a state; after the time-out go on with the token."""
        orders, wanted = self._at.sinch.hosting_orders, parse_state(OrderState, state, "state")
        is_token = order.lstrip().startswith("{")
        known = orders.from_token(order) if is_token else await orders.get(order)
        seen = 0

        async def tell(changed: Order) -> None:
            nonlocal seen
            seen += 1
            await ctx.report_progress(seen, message=f"order is {changed.state.name}")

        reached = True
        try:
            last = await known.wait_until(wanted, timeout=timeout_seconds, on_update=tell)
        except WaitTimeout as error:
            reached = False
            last = error.last if isinstance(error.last, Order) else await known.refresh()
        except OrderRejected as error:
            reached, last = False, error.order
        return WaitAnswer(
            reached=reached,
            order=line_of(last),
            resume_token=last.to_token(),
            next_step=_next_of(last) if reached or last.state.is_terminal else _GO_ON,
        )

    async def check_numbers_file(
        self,
        path: Annotated[str, Field(description="Below a folder that the server was given.")],
        column: Annotated[str | None, Field(description="The phone column, by header.")] = None,
        offset: Annotated[int, Field(ge=0)] = 0,
        limit: Annotated[int, Field(ge=1, le=500)] = 100,
    ) -> FileAnswer:
        """Show what would be taken from a file of numbers; nothing is sent."""
        # In a thread: a file of a million rows takes seconds, and other calls go on meanwhile.
        sheet = await asyncio.to_thread(read_phone_file, self._allowed(path), column=column)
        numbers = [str(record.phone_number) for record in sheet.accepted]
        rest = len(numbers) - offset - limit
        refused = [
            FileRow(row=record.row, cell=quoted(record.raw.strip(), 40), reason=record.reason)
            for record in sheet.rejected[:_SHOWN]
        ]
        return FileAnswer(
            rows=sheet.rows,
            accepted=len(numbers),
            duplicates=len(sheet.duplicates),
            rejected=len(sheet.rejected),
            blank=len(sheet.blank),
            numbers=numbers[offset : offset + limit],
            refused_rows=refused,
            next_step=f"{rest} more numbers: offset {offset + limit}."
            if rest > 0
            else "plan_import, plan_text_enable or plan_onboarding takes the numbers.",
        )

    def _allowed(self, path: str) -> Path:
        """Return a file's path; raises `InvalidRequest` for one outside of what was allowed."""
        folders = [folder.resolve() for folder in self._at.folders]
        found = [Path(path)] if Path(path).is_absolute() else [f / path for f in folders]
        for candidate in found:
            whole = candidate.resolve()
            if whole.is_file() and any(whole.is_relative_to(folder) for folder in folders):
                return whole
        rule = "must be a file below a folder that the server was started with (--folder)"
        raise InvalidRequest(field="path", value=path, rule=rule)


_SIGN = (
    "Ask the signer to sign the letter; it may be in the spam folder. No call sends it again or "
    "takes it back."
)
_GO_ON = "It is not there yet: call wait_for_order again with the resume token."


def _next_of(order: Order) -> str:
    """Return what to do about an order."""
    if order.state == OrderState.COMPLETED:
        return "Nothing: it is done. explain_order tells of its numbers."
    if order.state == OrderState.REJECTED:
        return "Find out why with the vendor's support and the order's id; then plan it anew."
    waiting = order.waiting_on
    if waiting is None:
        return "Wait."
    return _SIGN if waiting.who == "signer" else waiting.what_to_do


def _signer_of(order: Order) -> str:
    """Return who has to sign, quoted; `""` where the order does not wait for that."""
    waiting = order.waiting_on
    if waiting is None or not waiting.email:
        return ""
    return quoted(f"{waiting.name or ''} <{waiting.email}>".strip())
