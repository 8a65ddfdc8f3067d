"""When a watched thing is looked at: its due time, and what that grows from.

Nothing here waits or asks; times are seconds on the session's clock.
"""

from __future__ import annotations

import random
from typing import Any, Generic, TypeVar

from attrs import define

from .._session.orders_api import NumberFilter
from ..models import ImportedNumber, Order, QualifiedNumber
from ..states import OpenEnum, has_reached
from .policy import PollPolicy
from .sources import Source

T = TypeVar("T", Order, QualifiedNumber, ImportedNumber)
NEVER = float("-inf")
INSTANT = 1e-6
"""Seconds that are no time: sums of floats miss the instant that they mean."""
QUIET = 0.5
"""Seconds after a notice in which further ones for the same thing become one request."""
FRESH = 60.0
"""Seconds in which a 404 for what was not seen yet is not believed: replicas lag."""
_EARLY_IN_LIST = 0.25
_EARLY_ALONE = 0.05
_FIRST_AUDIT, _AUDIT_EACH, _LONGEST_AUDIT = 240.0, 3.0, 4 * 3600.0
"""Seconds until something is looked at singly though lists show it; so many for each beside it."""
_HIDING_DOUBLES = 5


@define(eq=False, repr=False)
class Debounce:
    """The notices for one thing: the first counts at once, those of the next moment together."""

    _quiet_until: float = NEVER
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


@define(eq=False, repr=False)
class Watched(Generic[T]):
    """A thing that is watched, and when it is to be looked at."""

    source: Source[T]
    id: str
    item: T
    """How it was last seen, or what the caller knew of it."""
    due: float
    serial: int
    """How many were watched before it."""
    group: Any = None
    """The `Group` that it is in."""
    is_seen: bool = False
    """Whether the service has shown it."""
    interval: float = 0.0
    """The last rest between two looks; 0 before the first and after a change of state."""
    failures: int = 0
    is_alone: bool = False
    """Whether the lists that were to show it did not: it is asked for singly."""
    misses: int = 0
    """How often in a row that turned out to be the lists' fault."""
    hidden_until: float = NEVER
    """Until when no list is expected to show it."""
    is_asked: bool = False
    """Whether a request for it alone is under way."""
    refused_with: int = 0
    """The status of the service's "no" to the last look for it; 0 for none."""
    fresh_until: float = NEVER
    """Until when a 404 is not believed."""
    audited_at: float = float("inf")
    """From when on the time counts until it is looked at singly although lists show it."""
    audit_share: float = 1.0
    """How much of that time it is given, at random: not all are looked at at once."""
    audits: int = 0
    """How many there were since it came to where it is."""
    listed_as: int = 0
    """The fingerprint of what a list showed last; 0 where it was read singly since."""
    followers: tuple[Any, ...] = ()
    """Who hears of it."""
    numbers: NumberFilter | None = None
    """Its numbers, where it is an order and they are known."""
    notices: Debounce | None = None

    @property
    def state(self) -> OpenEnum:
        """Where it is in its life."""
        state: OpenEnum = self.source.state_of(self.item)
        return state

    # --------------------------------------------------------------- when to look

    def is_due_in_list(self, now: float) -> bool:
        """Whether a list that is read now may count as its look: it serves it for nothing."""
        return self.due <= now + _EARLY_IN_LIST * self.interval + INSTANT

    def is_due_alone(self, now: float) -> bool:
        """Whether it is worth a request of its own now."""
        if self.is_asked or not self.followers:
            return False
        if self.failures:
            return self.due <= now + INSTANT
        early = _EARLY_IN_LIST if self.is_alone else _EARLY_ALONE
        return min(self.due - early * self.interval, self.audit_at) <= now + INSTANT

    def is_checked_only(self, now: float) -> bool:
        """Whether it is looked at singly now only to see whether lists show what is so."""
        return self.audit_at <= now < self.due

    def next_look(self) -> float:
        """When it has to be looked at next; `inf` while that is being done."""
        return float("inf") if self.is_asked else self.due

    def avoids_lists(self, now: float) -> bool:
        """Whether no list is read for its sake."""
        return self.is_alone or self.hidden_until > now

    # ------------------------------------------------------- what a look does

    def take(self, seen: T, now: float, policy: PollPolicy, *, listed_as: int = 0) -> bool:
        """Take in what a look showed, a list's with its fingerprint; whether it is news."""
        was_listed = bool(listed_as)
        is_stale = self.is_stale(seen, from_list=was_listed)
        if is_stale and was_listed:
            return False
        self.listed_as = listed_as
        if not was_listed:
            self._was_read_alone(seen, now, policy)
        is_first, self.is_seen = not self.is_seen and self.source.is_bare(self.item), True
        is_news = not is_stale and (is_first or seen != self.item)
        if is_news:
            self.know(seen, now)
        self.rest(now, policy)
        return is_news

    def know(self, seen: T, now: float) -> None:
        """Hold this for how the thing is; in another state its rhythm starts anew."""
        if self.source.state_of(seen) != self.state:
            self.interval, self.misses, self.hidden_until = 0.0, 0, NEVER
            self.audits = 0
            self.plan_audit(now)
        self.item = seen

    def _was_read_alone(self, seen: T, now: float, policy: PollPolicy) -> None:
        self.audits += 1
        self.plan_audit(now)
        if self.is_alone and self.source.state_of(seen) == self.state:
            # It is where its list did not show it; from the second time on lists are left out
            # for a while, a longer one each time.
            self.misses += 1
            if self.misses > 1:
                doublings = min(self.misses - 1, _HIDING_DOUBLES)
                self.hidden_until = now + policy.maximum * 2.0**doublings

    def plan_audit(self, now: float) -> None:
        """Begin to count the time until a look though lists show it."""
        self.audited_at = now
        self.audit_share = random.uniform(0.5, 1.5)  # noqa: S311 - no secret

    @property
    def audit_at(self) -> float:
        """When it is looked at singly though lists show it: they may show it as it was.

        Ever later where it stays as it is, and later the more there are beside it.
        """
        beside = len(self.group.members) if self.group is not None else 1
        gap = (_FIRST_AUDIT + _AUDIT_EACH * beside) * 4.0 ** min(self.audits, 10)
        return self.audited_at + min(gap, _LONGEST_AUDIT) * self.audit_share

    def rest(self, now: float, policy: PollPolicy) -> None:
        """Put the next look off after one that succeeded."""
        if not self.interval:
            self.interval = policy.initial
        elif self.due <= now + _EARLY_IN_LIST * self.interval + INSTANT:
            self.interval = min(self.interval * policy.factor, policy.maximum)
        self.failures = self.refused_with = 0
        self.is_alone = False
        self.due = now + policy.interval(self.interval)
        if self.notices is not None:
            self.due = self.notices.limit(self.due, now)

    def fail(self, now: float, policy: PollPolicy, floor: float = 0.0) -> None:
        """Put the next look off after one that failed; `floor` is what the service asked for."""
        grown = policy.initial * policy.factor ** min(self.failures, 100)
        self.failures += 1
        self.due = now + max(floor, policy.interval(min(grown, policy.maximum)))

    def notice(self, now: float) -> bool:
        """Take in that something happened to it; whether to look at once rather than soon."""
        if self.notices is None:
            self.notices = Debounce()
        due = self.notices.take(now)
        if due > now:
            self.due = min(self.due, due)
        return due <= now

    def move(self, seconds: float) -> None:
        """Move all that is planned by so many seconds, as the clock was."""
        self.due += seconds
        self.hidden_until += seconds
        self.audited_at += seconds
        self.fresh_until += seconds
        self.notices = None

    # ------------------------------------------------------------ what is newer

    def is_stale(self, seen: T, *, from_list: bool) -> bool:
        """Whether this is how the thing was before what is known already: lists lag."""
        known, state = self.state, self.source.state_of(seen)
        if getattr(state, "is_terminal", False):
            return False
        times = self.source.updated_of(self.item), self.source.updated_of(seen)
        if times[0] and times[1] and times[0] != times[1]:
            # Clocks of replicas differ: later in life is later, whatever time it bears.
            return times[1] < times[0] and not (known != state and has_reached(state, known))
        return from_list and known != state and has_reached(known, state)

    def is_older_than(self, snapshot: T) -> bool:
        """Whether somebody's snapshot certainly shows more than is known."""
        source = self.source
        if source.is_bare(snapshot) or self.is_stale(snapshot, from_list=True):
            return False
        if self.state != source.state_of(snapshot):
            return True
        times = source.updated_of(self.item), source.updated_of(snapshot)
        return None not in times and times[0] != times[1]
