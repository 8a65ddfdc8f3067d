"""When a watched order is looked at: its due time, what it grows from, and what all may spend.

Nothing here waits or asks; times are seconds on the session's clock.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from attrs import define, field

from ..models import Order
from ..states import OrderState, OrderType, has_reached
from .policy import PollPolicy

_NEVER = float("-inf")
INSTANT = 1e-6
"""Seconds that are no time: sums of floats miss the instant that they mean."""
SHORTEST_REST = 0.001
"""Seconds that are worth a sleep: less is lost in a clock that counts from 1970."""
QUIET = 0.5
"""Seconds after a notice in which further ones for the same order become one request."""
_RIPE_FOR_LIST = 0.25
_RIPE_ALONE = 0.05

_LIVES: dict[OrderType, tuple[OrderState, ...]] = {
    OrderType.IMPORT: (OrderState.SUBMITTED, OrderState.IN_PROGRESS),
    OrderType.TEXT_ENABLE: (
        OrderState.DRAFT,
        OrderState.SUBMITTED,
        OrderState.WAITING_FOR_LOA_SIGNATURE,
        OrderState.IN_PROGRESS,
    ),
}


def live_states(kind: OrderType) -> tuple[OrderState, ...]:
    """The states that an order of a type passes before it ends, in the order of life."""
    return _LIVES.get(kind, ())


@define(eq=False)
class Debounce:
    """The notices for one thing: the first counts at once, those of the next moment together."""

    _quiet_until: float = _NEVER
    _is_followed_up: bool = False

    def take(self, now: float) -> float:
        """When to look for the sake of a notice that comes now."""
        if self._is_followed_up and self._quiet_until <= now < self._quiet_until + QUIET:
            # The look that ended the last quiet began another one.
            self._quiet_until += QUIET
        if now < self._quiet_until:
            self._is_followed_up = True
            return self._quiet_until
        self._quiet_until, self._is_followed_up = now + QUIET, False
        return now

    def limit(self, due: float, now: float) -> float:
        """A due time, or that of the look that is promised, whichever is earlier."""
        if self._is_followed_up and now < self._quiet_until:
            return min(due, self._quiet_until)
        return due


@define(eq=False)
class WatchedOrder:
    """An order that is watched, and when it is to be looked at."""

    order: Order
    due: float
    interval: float = 0.0
    """The last rest between two looks; 0 before the first and after a failure-free change."""
    failures: int = 0
    misses: int = 0
    """How often in a row the list of its own state did not show it."""
    hidden_until: float = _NEVER
    """Until when no list is expected to show it."""
    is_asked: bool = False
    """Whether a request for it alone is under way."""
    followers: tuple[Any, ...] = ()
    """Who hears of it."""
    numbers: Container[str] | None = None
    """Its numbers, where they are known."""
    notices: Debounce | None = None

    @property
    def order_id(self) -> str:
        """Its id."""
        return self.order.hosting_order_id

    def is_ripe(self, now: float, *, for_list: bool) -> bool:
        """Whether it is due, or soon enough to be asked together with others that are.

        A list serves it for nothing, so it may come early; alone it costs a request.
        """
        share = _RIPE_FOR_LIST if for_list else _RIPE_ALONE
        return self.due <= now + share * self.interval + INSTANT

    # ------------------------------------------------------- what a look does

    def take(self, seen: Order, now: float, policy: PollPolicy, *, from_list: bool) -> bool:
        """Take in what a look showed; whether that is something new."""
        if self.is_stale(seen, from_list):
            self._rest(now, policy)
            return False
        is_news = seen != self.order
        if is_news:
            self.know(seen)
        self._rest(now, policy)
        return is_news

    def know(self, seen: Order) -> None:
        """Hold this for how the order is; in another state its rhythm starts anew."""
        if seen.state != self.order.state:
            self.interval, self.misses, self.hidden_until = 0.0, 0, _NEVER
        self.order = seen

    def is_older_than(self, snapshot: Order) -> bool:
        """Whether somebody's snapshot certainly shows more than is known."""
        known = self.order
        if snapshot.state == OrderState.UNSPECIFIED or self.is_stale(snapshot, from_list=True):
            return False
        if known.state != snapshot.state:
            return True
        times = known.updated_time, snapshot.updated_time
        return None not in times and times[0] != times[1]

    def is_stale(self, seen: Order, from_list: bool) -> bool:
        """Whether this is how the order was before what is known already: lists lag."""
        known = self.order
        if seen.state.is_terminal:
            return False
        if known.updated_time and seen.updated_time and known.updated_time != seen.updated_time:
            # Clocks of replicas differ: later in life is later, whatever time it bears.
            is_later = known.state != seen.state and has_reached(seen.state, known.state)
            return seen.updated_time < known.updated_time and not is_later
        return from_list and known.state != seen.state and has_reached(known.state, seen.state)

    def _rest(self, now: float, policy: PollPolicy) -> None:
        if not self.interval:
            self.interval = policy.initial
        elif self.is_ripe(now, for_list=True):
            self.interval = min(self.interval * policy.factor, policy.maximum)
        self.failures = 0
        self.due = now + policy.interval(self.interval)
        if self.notices is not None:
            self.due = self.notices.limit(self.due, now)

    def fail(self, now: float, policy: PollPolicy, floor: float) -> None:
        """Put the next look off after one that failed; `floor` is what the service asked for."""
        grown = policy.initial * policy.factor ** min(self.failures, 100)
        self.failures += 1
        self.due = now + max(floor, policy.interval(min(grown, policy.maximum)))

    def miss(self, now: float, policy: PollPolicy) -> None:
        """Note that the list of the state that it is in did not show it.

        From the second time on it is asked for singly for a while, a longer one each time.
        """
        self.misses += 1
        self.hidden_until = now + policy.maximum * min(self.misses - 1, 16)

    def notice(self, now: float) -> bool:
        """Take in that something happened to it; whether to look at once rather than soon."""
        if self.notices is None:
            self.notices = Debounce()
        due = self.notices.take(now)
        if due > now:
            self.due = min(self.due, due)
        return due <= now


@define(eq=False)
class Budget:
    """What polling may spend: at most so many requests in any minute.

    A fourth of them may leave in one burst, the rest come evenly.
    """

    per_minute: float
    _saved: float = field(init=False)
    _at: float = field(default=_NEVER, init=False)

    def __attrs_post_init__(self) -> None:
        self._saved = self._burst

    @property
    def _burst(self) -> float:
        return max(1.0, self.per_minute / 4)

    @property
    def _per_second(self) -> float:
        # Burst and flow together must not exceed the budget of a minute.
        return max(self.per_minute - self._burst, self.per_minute / 4) / 60

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._saved = min(self._burst, self._saved + (now - self._at) * self._per_second)
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until the next request may leave; 0 is now."""
        self._fill(now)
        missing = 1 - self._saved
        return max(SHORTEST_REST, missing / self._per_second) if missing > INSTANT else 0.0

    def spend(self, now: float) -> None:
        """Count a request; one that could not wait makes a debt, which is bounded."""
        self._fill(now)
        self._saved = max(self._saved - 1, -self._burst)


def budget_of(policy: PollPolicy, requests_per_second: float | None) -> Budget:
    """The budget that a policy gives, and at most half of what the client may send at all."""
    at_most = float("inf") if requests_per_second is None else requests_per_second * 30
    return Budget(min(policy.requests_per_minute, at_most))
