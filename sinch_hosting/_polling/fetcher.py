"""What a round asks the service: lists where they are cheaper, single orders for the rest."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from attrs import define, evolve

from .. import errors
from .._session.responses import ListedOrders, page_of
from .._session.retry import LONGEST_PAUSE
from .._session.session import Session
from ..models import Order
from ..models.orders import OrderCalls, bind
from ..models.pages import Page
from ..states import OrderState
from .lists import Group, Walk
from .policy import PollPolicy, passes
from .schedule import Budget, WatchedOrder

_log = logging.getLogger("sinch_hosting")
_AT_ONCE = 32


class OrderListener(Protocol):
    """Who hears what a look showed."""

    def looked(self, member: WatchedOrder, previous: Order | None) -> None:
        """An order was looked at; `previous` is how it was, where it has changed."""
        ...

    def ended(self, member: WatchedOrder, error: errors.SinchHostingError) -> None:
        """An order cannot be looked at any more."""
        ...


@define(eq=False)
class OrderFetcher:
    """Asks for watched orders, and tells what came of it."""

    _session: Session
    _policy: PollPolicy
    budget: Budget
    _orders: OrderCalls
    _audience: OrderListener
    not_before: float = float("-inf")
    """Until when the service has asked for silence."""

    # ------------------------------------------------------------ one group

    async def ask(self, group: Group) -> None:
        """Ask for all of a group that is due, lists first and in the order of life."""
        now = self._session.clock()
        wanted = {m.order_id: m for m in group.due_soon(now, for_list=True)}
        missed: dict[str, OrderState] = {}
        try:
            if group.can_list(now):
                await self._ask_lists(group, wanted, missed, now)
        except errors.SinchHostingError as error:
            if passes(error):
                self._put_off(wanted.values(), error)
                return
            _log.info("orders are asked for singly, their list is refused: %s", error)
            group.refuse(now, maybe_size=isinstance(error, errors.BadRequest))
        except Exception:
            # One group's list that cannot even be asked for must not end the waits of others.
            _log.exception("orders are asked for singly, their list cannot be read")
            group.refuse(now, maybe_size=False)
        alone = [
            m for m in wanted.values() if m.order_id in missed or m.is_ripe(now, for_list=False)
        ]
        await self._ask_singly(alone)
        for member in alone:
            # It was asked for, and is where its list did not show it.
            if missed.get(member.order_id) == member.order.state and member.due > now:
                member.miss(now, self._policy)

    async def _ask_lists(
        self,
        group: Group,
        wanted: dict[str, WatchedOrder],
        missed: dict[str, OrderState],
        now: float,
    ) -> None:
        """Walk the lists that pay: what they show leaves `wanted`, what they miss is `missed`."""
        unplaced = {i for i, m in wanted.items() if m.order.state == OrderState.UNSPECIFIED}
        for state in group.states(wanted.values()):
            here = group.expected(state, wanted.values(), unplaced)
            if not group.list_is_cheaper(state, here, now):
                continue
            mine = [m.order_id for m in here if m.order.state == state]
            walk = await self._walk(group, state, {m.order_id for m in here}, wanted, now)
            if walk.is_whole:
                gone = [order_id for order_id in mine if order_id in wanted]
                missed.update(dict.fromkeys(gone, state))
                unplaced.update(gone)

    async def _walk(
        self,
        group: Group,
        state: OrderState,
        sought: set[str],
        wanted: dict[str, WatchedOrder],
        now: float,
    ) -> Walk:
        walk = Walk(group, state, now)
        token: str | None = None
        tokens: set[str | None] = set()
        while True:
            page = await self._page(group, state, token)
            shown = [o for o in page.items if o.hosting_order_id in group.members]
            walk.add(len(page.items), len(shown), page.total_size, is_last=not page.next_page_token)
            for order in shown:
                if self._take_listed(group.members[order.hosting_order_id], order):
                    wanted.pop(order.hosting_order_id, None)
                    sought.discard(order.hosting_order_id)
            tokens.add(token)
            token = page.next_page_token
            if token in tokens or not walk.goes_on(len(sought)):
                break
        walk.learn()
        return walk

    async def _page(self, group: Group, state: OrderState, token: str | None) -> Page[Order]:
        while (seconds := self.budget.wait(self._session.clock())) > 0:
            await self._session.sleep(seconds)
        self.budget.spend(self._session.clock())
        answer = await self._session.request(
            "ListHostingOrders",
            ListedOrders,
            query={
                "states": state,
                "type": group.key.type,
                "servicePlanId": group.key.service_plan_id,
                "campaignId": group.key.campaign_id,
                "pageSize": group.page_size,
                "pageToken": token,
            },
            is_poll=True,
        )
        return page_of(answer, answer.hosting_orders, state)

    def _take_listed(self, member: WatchedOrder, order: Order) -> bool:
        """Take in an order from a list; not where the list shows it in a state that it left."""
        if order.state != member.order.state and member.is_stale(order, from_list=True):
            return False
        self._take(member, order, from_list=True)
        return True

    # ---------------------------------------------------------- single orders

    async def _ask_singly(self, members: Iterable[WatchedOrder]) -> None:
        """Ask for each, the longest due first, as far as the budget goes."""
        queue = deque(sorted(members, key=lambda m: m.due))

        async def work() -> None:
            while queue and self.may_ask(self._session.clock()):
                member = queue.popleft()
                if member.followers and not member.is_asked:
                    await self.look(member)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(_AT_ONCE, len(queue))):
                workers.create_task(work())

    def may_ask(self, now: float) -> bool:
        """Whether a request may leave now."""
        return now >= self.not_before and self.budget.wait(now) <= 0

    async def look(self, member: WatchedOrder) -> None:
        """Ask for one order, and count it."""
        self.budget.spend(self._session.clock())
        order_id, member.is_asked = member.order_id, True
        try:
            order = await self._session.request(
                "GetHostingOrder", Order, identifiers={"order_id": order_id}, is_poll=True
            )
        except errors.SinchHostingError as error:
            if passes(error):
                self._put_off([member], error)
            else:
                self._audience.ended(member, error)
        except Exception as error:
            _log.exception("order %r cannot be asked for", order_id)
            broken = errors.SinchHostingError(f"order {order_id!r} cannot be asked for: {error!r}")
            broken.__cause__ = error
            self._audience.ended(member, broken)
        else:
            self._take_asked(member, order, order_id)
        finally:
            member.is_asked = False

    def _take_asked(self, member: WatchedOrder, order: Order, order_id: str) -> None:
        if order.state == OrderState.UNSPECIFIED != member.order.state:
            self._put_off([member], _tells_nothing())
            return
        if order.hosting_order_id != order_id:
            # It is known by the id that was asked for, however the service spells it.
            order = evolve(order, hosting_order_id=order_id)
        self._take(member, order, from_list=False)

    # --------------------------------------------------------------- outcomes

    def _take(self, member: WatchedOrder, order: Order, *, from_list: bool) -> None:
        previous = member.order
        bind(order, self._orders)
        is_news = member.take(order, self._session.clock(), self._policy, from_list=from_list)
        self._audience.looked(member, previous if is_news else None)

    def _put_off(self, members: Iterable[WatchedOrder], error: errors.SinchHostingError) -> None:
        """Go on later after an error that passes."""
        now, late = self._session.clock(), list(members)
        floor = (error.retry_after or 0.0) if isinstance(error, errors.ApiError) else 0.0
        floor = min(floor, LONGEST_PAUSE)
        if isinstance(error, errors.RateLimited):
            self.not_before = max(self.not_before, now + floor)
        what = f"order {late[0].order_id}" if len(late) == 1 else f"{len(late)} orders"
        _log.warning("waiting for %s goes on: %s", what, error)
        for member in late:
            member.fail(now, self._policy, floor)
            self._audience.looked(member, None)


def _tells_nothing() -> errors.DecodeError:
    return errors.DecodeError(
        "GetHostingOrder", path="state", reason="expected a state, got none", body=""
    )
