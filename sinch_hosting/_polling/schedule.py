"""When a watched thing is looked at: its due time, and the intervals between looks.

Nothing here waits or sends a request. Times are seconds on the session's clock.
"""

from __future__ import annotations

import random
from typing import Any, Generic, TypeVar

from attrs import define

from .._session.orders_api import NumberFilter
from ..errors import SinchHostingError
from ..models import ImportedNumber, Order, QualifiedNumber
from ..states import OpenEnum, has_reached
from .policy import PollPolicy
from .sources import Source

T = TypeVar("T", Order, QualifiedNumber, ImportedNumber)
NEVER = float("-inf")
INSTANT = 1e-6
"""Seconds that do not count: sums of floats are not exact."""
LAG = 30.0
"""Seconds for which a list may lag without being at fault."""
QUIET = 0.5
"""Seconds after a callback in which further ones for the same thing lead to one request."""
FRESH = 60.0
"""Seconds in which a 404 for a thing that was not seen yet is not believed: replicas may lag."""
_EARLY_IN_LIST = 0.25
_EARLY_ALONE = 0.05
_FIRST_AUDIT, _AUDIT_EACH, _LONGEST_AUDIT = 240.0, 20.0, 4 * 3600.0
"""Seconds until a thing that lists show is checked by a single look: at first, for each further
thing of its group, and at most."""
_HIDING_DOUBLES = 5


@define(eq=False, repr=False)
class Debounce:
    """The callbacks for one thing: the first leads to a look at once, the next ones to one more."""

    _quiet_until: float = NEVER
    _is_followed_up: bool = False

    def take(self, now: float) -> float:
        """Handle a callback that comes now; returns when to look."""
        if self._is_followed_up and self._quiet_until <= now < self._quiet_until + QUIET:
            # The look at the end of the last quiet time began another one.
            self._quiet_until += QUIET
        if now < self._quiet_until:
            self._is_followed_up = True
            return self._quiet_until
        self._quiet_until, self._is_followed_up = now + QUIET, False
        return now

    def limit(self, due: float, now: float) -> float:
        """Return a due time, or the time of the look that is planned here, if that is earlier."""
        if self._is_followed_up and now < self._quiet_until:
            return min(due, self._quiet_until)
        return due


@define(eq=False, repr=False)
class Watched(Generic[T]):
    """A thing that is watched, and when it is to be looked at."""

    source: Source[T]
    id: str
    item: T
    """The last snapshot: of the service, or at first of the caller."""
    due: float
    serial: int
    """How many were watched before it."""
    group: Any = None
    """The `Group` that it is in."""
    is_seen: bool = False
    """Whether the service has shown it."""
    interval: float = 0.0
    """Seconds between the last two looks; 0 before the first and after a change of state."""
    failures: int = 0
    """How many looks in a row failed."""
    is_alone: bool = False
    """Whether its lists did not show it, so that the next look is a single one."""
    alone_since: float = NEVER
    """When its lists did not show it last."""
    misses: int = 0
    """How often in a row lists did not show it although its state was the same."""
    hidden_until: float = NEVER
    """Until when no list is read for it."""
    is_asked: bool = False
    """Whether a request for it alone is under way."""
    refused_with: int = 0
    """The status with which the service refused the last look; 0 for none."""
    last_error: SinchHostingError | None = None
    """Why the last look failed; `None` after one that succeeded."""
    fresh_until: float = NEVER
    """Until when a 404 is not believed."""
    audited_at: float = float("inf")
    """When the time until the next check of its lists began to count."""
    audit_share: float = 1.0
    """The random share of that time that it gets, so that not all are checked at once."""
    audits: int = 0
    """How many single looks there were in its present state."""
    listed_as: int = 0
    """The fingerprint of its last entry in a list; 0 where it was read singly since."""
    followers: tuple[Any, ...] = ()
    """The waits that get its changes."""
    numbers: NumberFilter | None = None
    """Its numbers, where it is an order and they are known."""
    notices: Debounce | None = None

    @property
    def state(self) -> OpenEnum:
        """Its state in the last snapshot."""
        state: OpenEnum = self.source.state_of(self.item)
        return state

    # --------------------------------------------------------------- when to look

    def is_due_in_list(self, now: float) -> bool:
        """Whether a list that is read now counts as its look, also where that is a little early."""
        return self.due <= now + _EARLY_IN_LIST * self.interval + INSTANT

    def is_due_alone(self, now: float) -> bool:
        """Whether it is due for a single look."""
        if self.is_asked or not self.followers:
            return False
        if self.failures:
            return self.due <= now + INSTANT
        early = _EARLY_IN_LIST if self.is_alone else _EARLY_ALONE
        return self.due - early * self.interval <= now + INSTANT or self.is_to_be_checked(now)

    def is_to_be_checked(self, now: float) -> bool:
        """Whether it is time for a single look that checks its lists."""
        return self.audited_at <= now and self.audit_at <= now + INSTANT

    def is_checked_only(self, now: float) -> bool:
        """Whether a single look now would only check its lists."""
        return now < self.due and self.is_to_be_checked(now)

    def next_look(self) -> float:
        """Return when it has to be looked at next; `inf` while a look is under way."""
        return float("inf") if self.is_asked else self.due

    def avoids_lists(self, now: float) -> bool:
        """Whether no list is read for it."""
        is_missed = self.is_alone and now < self.alone_since + LAG
        return is_missed or self.hidden_until > now

    def was_missed(self, now: float) -> None:
        """Note that its lists did not show it: the next look is a single one.

        Where that takes long, as where many wait for their look, its lists are read again later:
        they may have lagged.
        """
        self.is_alone, self.alone_since = True, now

    # ------------------------------------------------------- what a look does

    def take(self, seen: T, now: float, policy: PollPolicy, *, listed_as: int = 0) -> bool:
        """Use the snapshot of a look, and return whether it is new.

        An entry of a list has a fingerprint.
        """
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
        self.plan_next(now, policy)
        return is_news

    def know(self, seen: T, now: float) -> None:
        """Store a snapshot; in another state the intervals begin anew."""
        if self.source.state_of(seen) != self.state:
            self.interval, self.misses, self.hidden_until = 0.0, 0, NEVER
            self.audits = 0
            self.plan_audit(now)
        self.item = seen

    def _was_read_alone(self, seen: T, now: float, policy: PollPolicy) -> None:
        self.audits += 1
        self.plan_audit(now)
        if self.is_alone and self.source.state_of(seen) == self.state:
            # Its list should have shown it. From the second time on no list is read for it, for a
            # while that doubles each time.
            self.misses += 1
            if self.misses > 1:
                doublings = min(self.misses - 1, _HIDING_DOUBLES)
                self.hidden_until = now + policy.maximum * 2.0**doublings

    def plan_audit(self, now: float) -> None:
        """Begin to count the time until its lists are checked."""
        self.audited_at = now
        self.audit_share = random.uniform(0.5, 1.5)  # noqa: S311 - no secret

    @property
    def audit_at(self) -> float:
        """When a single look checks its lists, which may show a state that has passed.

        The time is longer after each check in the same state, and with more things in the group.
        """
        beside = len(self.group.members) if self.group is not None else 1
        gap = (_FIRST_AUDIT + _AUDIT_EACH * beside) * 4.0 ** min(self.audits, 10)
        return self.audited_at + min(gap, _LONGEST_AUDIT) * self.audit_share

    def plan_next(self, now: float, policy: PollPolicy) -> None:
        """Plan the next look after one that succeeded."""
        if not self.interval:
            self.interval = policy.initial
        elif self.due <= now + _EARLY_IN_LIST * self.interval + INSTANT:
            self.interval = min(self.interval * policy.factor, policy.maximum)
        self.failures, self.refused_with, self.last_error = 0, 0, None
        self.is_alone = False
        self.due = now + policy.interval(self.interval)
        if self.notices is not None:
            self.due = self.notices.limit(self.due, now)

    def fail(self, now: float, policy: PollPolicy, floor: float = 0.0) -> None:
        """Plan the next look after one that failed, `floor` seconds later at the earliest."""
        grown = policy.initial * policy.factor ** min(self.failures, 100)
        self.failures += 1
        self.due = now + max(floor, policy.interval(min(grown, policy.maximum)))

    def notice(self, now: float) -> bool:
        """Handle a callback; returns whether to look at once, and not a little later."""
        if self.notices is None:
            self.notices = Debounce()
        due = self.notices.take(now)
        if due > now:
            self.due = min(self.due, due)
        return due <= now

    def move(self, seconds: float) -> None:
        """Move all planned times by so many seconds, after the clock was set."""
        self.due += seconds
        self.hidden_until += seconds
        self.alone_since += seconds
        self.audited_at += seconds
        self.fresh_until += seconds
        self.notices = None

    # ------------------------------------------------------------ what is newer

    def is_stale(self, seen: T, *, from_list: bool) -> bool:
        """Whether a snapshot is older than the one that is known already."""
        known, state = self.state, self.source.state_of(seen)
        if getattr(state, "is_terminal", False):
            return False
        times = self.source.updated_of(self.item), self.source.updated_of(seen)
        if times[0] and times[1] and times[0] != times[1]:
            # The clocks of replicas differ: a later state is newer, whatever its time says.
            return times[1] < times[0] and not (known != state and has_reached(state, known))
        return from_list and known != state and has_reached(known, state)

    def is_older_than(self, snapshot: T) -> bool:
        """Whether a caller's snapshot is certainly newer than the one that is known."""
        source = self.source
        if source.is_bare(snapshot) or self.is_stale(snapshot, from_list=True):
            return False
        if self.state != source.state_of(snapshot):
            return True
        times = source.updated_of(self.item), source.updated_of(snapshot)
        return None not in times and times[0] != times[1]
