"""Orders that one list can show, and what it would cost to read it: the plan of a round.

Nothing here waits or asks. A round goes through the live states in the order of life; for each
the plan says whether its list or single requests take fewer, from what earlier rounds taught.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import ceil, inf

from attrs import define, field

from .._session.orders_api import PAGE_SIZE, Place
from ..states import OrderState, has_reached, in_order_of_life
from .schedule import Debounce, WatchedOrder, live_states

_LEARNT_FOR = 3600.0
_REFUSED_FOR = 3600.0


@define(eq=False)
class Learnt:
    """What is known of one state's list."""

    others: float = 0.0
    """How many orders it holds beside the watched ones."""
    at: float = float("-inf")


@define(eq=False)
class Group:
    """The watched orders of one type, service plan and campaign."""

    key: Place
    members: dict[str, WatchedOrder] = field(factory=dict)
    is_asking: bool = False
    due: float = float("inf")
    """When the first of the members is due."""
    page_size: int | None = PAGE_SIZE
    """What lists are asked for; `None` once the service refused a size."""
    _full_page: float = PAGE_SIZE
    _learnt: dict[OrderState, Learnt] = field(factory=dict)
    _refused_until: float = float("-inf")
    _notices: Debounce = field(factory=Debounce)

    def refresh_due(self, now: float) -> None:
        """Find out anew when the first of the members is due."""
        for member in self.members.values() if self._notices.limit(inf, now) < inf else ():
            member.due = self._notices.limit(member.due, now)
        self.due = min((member.due for member in self.members.values()), default=float("inf"))

    def bring_forward(self, due: float) -> None:
        """Let it come no later than `due`."""
        self.due = min(self.due, due)

    def move(self, seconds: float) -> None:
        """Move all that is planned by so many seconds, as the clock was."""
        self.due += seconds
        self._refused_until += seconds
        for member in self.members.values():
            member.due += seconds
            member.hidden_until += seconds
            member.notices = None

    def notice(self, now: float) -> None:
        """Take in that something happened to one of the orders, nobody knows which."""
        due = self._notices.take(now)
        if due < self.due or due <= now:
            for member in self.members.values():
                member.due = min(member.due, due)
            self.bring_forward(due)

    # ---------------------------------------------------------- what to ask

    def can_list(self, now: float) -> bool:
        """Whether a list of these orders can be asked for."""
        key = self.key
        return (
            bool(key.service_plan_id)
            and bool(live_states(key.type))
            and (now >= self._refused_until)
        )

    def refuse(self, now: float, *, maybe_size: bool) -> None:
        """Note that the service does not give these lists, `maybe_size` because of the page's."""
        if self.page_size is None or not maybe_size:
            self._refused_until = now + _REFUSED_FOR
        self.page_size = None

    def due_soon(self, now: float, *, for_list: bool) -> list[WatchedOrder]:
        """The members that are due, or nearly."""
        return [m for m in self.members.values() if m.is_ripe(now, for_list=for_list)]

    def states(self, asked: Iterable[WatchedOrder]) -> tuple[OrderState, ...]:
        """The states whose lists may show these orders: known or to come, never terminal."""
        known = {member.order.state for member in asked}
        known -= {OrderState.COMPLETED, OrderState.REJECTED, OrderState.UNSPECIFIED}
        return in_order_of_life([*known, *live_states(self.key.type)])

    def expected(
        self, state: OrderState, asked: Iterable[WatchedOrder], unplaced: Collection[str]
    ) -> list[WatchedOrder]:
        """The orders that the list of `state` may show.

        Those last seen in it, and those `unplaced`: of unknown state, or gone from their own.
        """
        is_live = state in live_states(self.key.type)
        return [
            m
            for m in asked
            if m.order.state == state
            or (is_live and m.order_id in unplaced and _may_come_to(m.order.state, state))
        ]

    def list_is_cheaper(
        self, state: OrderState, orders: Collection[WatchedOrder], now: float
    ) -> bool:
        """Whether the list of `state` takes fewer requests than asking for each of the orders.

        At the same price the list is taken where it serves others, too.
        """
        visible = sum(m.hidden_until <= now for m in orders)
        pages = self.pages(self.length(state, now))
        return pages < visible or (pages == visible and visible > 1)

    # ---------------------------------------------------------- what was learnt

    def length(self, state: OrderState, now: float) -> float:
        """How many orders the list of `state` is expected to hold."""
        learnt = self._learnt.get(state)
        others = learnt.others if learnt and now - learnt.at < _LEARNT_FOR else 0.0
        return others + self.count(state)

    def count(self, state: OrderState) -> int:
        """How many of the members were last seen in `state`."""
        return sum(m.order.state == state for m in self.members.values())

    def pages(self, length: float) -> int:
        """How many pages hold so many orders; a list has at least one."""
        return max(1, ceil(length / self._full_page))

    def learn_page_size(self, full_pages: int, items_on_them: int, items_on_last: int) -> None:
        """Take in how full the pages were that others followed, and the last one."""
        if full_pages:
            self._full_page = max(1.0, items_on_them / full_pages)
        else:
            self._full_page = max(self._full_page, items_on_last)

    def learn_others(self, state: OrderState, others: float, now: float) -> None:
        """Take in how many orders a list holds that nobody watches."""
        self._learnt[state] = Learnt(max(0.0, others), now)


@define
class Walk:
    """One walk through a list: what it showed so far, and whether reading on pays."""

    group: Group
    state: OrderState
    now: float
    expected: float = field(init=False)
    items: int = 0
    mine: int = 0
    is_whole: bool = False
    total: int | None = None
    is_given_up: bool = False
    _full_pages: int = 0
    _empty_pages: int = 0

    def __attrs_post_init__(self) -> None:
        self.expected = self.group.length(self.state, self.now)

    def add(self, items: int, mine: int, total: int | None, *, is_last: bool) -> None:
        """Take in a page."""
        self.total = total or self.total
        self.is_whole = is_last
        self._full_pages += not is_last
        self._empty_pages += not items
        before = self.items if is_last else self.items + items
        self.group.learn_page_size(self._full_pages, before, items)
        self.items += items
        self.mine += mine

    def goes_on(self, unfound: int) -> bool:
        """Whether the pages that are left take fewer requests than the orders not found yet."""
        if self.is_whole or not unfound:
            return False
        left = (self.total or self.expected) - self.items
        if left <= 0:
            # Longer than thought. As much again is the guess that costs at most twice the best.
            left = self.items + 1
        # Empty pages may go on for ever; each is a request that found nothing.
        self.is_given_up = self.group.pages(left) + self._empty_pages >= unfound
        return not self.is_given_up

    def learn(self) -> None:
        """Keep what the walk taught of the list's length."""
        if self.is_whole:
            others: float = self.items - self.mine
        elif self.total:
            others = self.total - self.group.count(self.state)
        elif self.is_given_up:
            # It is longer than what was read; let it not seem worth a walk at once again.
            others = max(2.0 * self.items - self.mine, self.expected)
        else:
            return
        self.group.learn_others(self.state, others, self.now)


def _may_come_to(known: OrderState, state: OrderState) -> bool:
    return known == OrderState.UNSPECIFIED or (known != state and has_reached(state, known))
