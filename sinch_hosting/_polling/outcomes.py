"""What the response to a request for watched things means for them.

A snapshot is taken over. An error that may pass puts the next look off. A refusal is believed when
the next look gets the same one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from attrs import define, field

from .. import errors
from .._session.retry import LONGEST_PAUSE
from .._session.session import Session
from .host import Host
from .moves import Moves
from .policy import PollPolicy, passes, says_no
from .schedule import NEVER, Watched

_log = logging.getLogger("sinch_hosting")
_FOLLOW_UP = 2
"""Further checks after one that contradicted a list."""
_WARNED = 60.0
"""Seconds after a warning in which further failures of its kind are logged at debug level."""


@define(eq=False, repr=False)
class Outcomes:
    """Uses responses, and tells the owner of the requests."""

    _session: Session
    _policy: PollPolicy
    _host: Host
    is_patient: bool
    """Whether failed requests are repeated by a later round; else the session retries them."""
    not_before: float = NEVER
    """The time before which nothing is sent, because the service asked for a pause."""
    moves: Moves = field(factory=Moves)
    _warned: dict[object, float] = field(factory=dict)

    def take(self, member: Watched[Any], seen: Any, listed_as: int) -> None:
        """Use a snapshot of a thing; `listed_as` is its fingerprint in a list, 0 if it was read
        singly."""
        previous, before = member.item, member.state
        is_news = member.take(seen, self._session.clock(), self._policy, listed_as=listed_as)
        if member.state != before:
            self.moves.moved(member.group, before, member.state)
        elif not listed_as:
            self.moves.stayed(member.group, before)
        self._host.looked(member, previous if is_news else None)

    def take_unchanged(self, member: Watched[Any], now: float) -> None:
        """Use an entry of a list that is the same as the last one."""
        member.plan_next(now, self._policy)
        self._host.looked(member, None)

    def check_lists(self, member: Watched[Any], *, is_right: bool) -> None:
        """Compare a single look with what the lists showed: the same state, or another one."""
        group, now = member.group, self._session.clock()
        if is_right:
            group.trust.confirmed()
            return
        # It has changed since, or lists show states that have passed. A later sweep and two more
        # checks decide which.
        group.trust.contradicted(member.id, member.listed_as, now)
        others = [m for m in group.members.values() if m.listed_as and m is not member]
        for other in sorted(others, key=lambda m: m.audit_at)[:_FOLLOW_UP]:
            other.audited_at = NEVER
        group.bring_forward(now)

    def look_failed(self, member: Watched[Any], error: errors.SinchHostingError) -> None:
        """Handle the error of a single look."""
        if says_no(error):
            self.refused(member, error, getattr(error, "status_code", 0))
        elif passes(error) and self.is_patient:
            self.put_off([member], error)
        else:
            self._host.ended(member, error)

    def refused(self, member: Watched[Any], error: errors.SinchHostingError, status: int) -> None:
        """Believe a refusal when the next look gets the same one: a replica may lag behind."""
        is_too_fresh = status == 404 and self._session.clock() < member.fresh_until
        if not self.is_patient or (member.refused_with == status and not is_too_fresh):
            self._host.ended(member, error)
        else:
            member.refused_with = status
            self.put_off([member], error)

    def put_off(self, members: Iterable[Watched[Any]], error: errors.SinchHostingError) -> None:
        """Plan the next look after an error that may pass."""
        late, floor = list(members), self.pause_for(error)
        if not late:
            return
        self._log(late, error)
        for member in late:
            member.last_error = error
            member.fail(self._session.clock(), self._policy, floor)
            self._host.looked(member, None)

    def _log(self, late: list[Watched[Any]], error: errors.SinchHostingError) -> None:
        """Warn once a minute for each kind of failure."""
        noun = late[0].source.noun
        what = f"{noun} {late[0].id}" if len(late) == 1 else f"{len(late)} {noun}s"
        now, kind = self._session.clock(), (noun, type(error), getattr(error, "status_code", 0))
        level = logging.DEBUG
        if not 0 <= now - self._warned.get(kind, NEVER) < _WARNED:
            level, self._warned[kind] = logging.WARNING, now
        _log.log(level, "waiting for %s goes on after an error: %s", what, error)

    def pause_for(self, error: errors.SinchHostingError) -> float:
        """Return the seconds that the service asked for; after a 429 all requests wait so long."""
        asked = error.retry_after if isinstance(error, errors.ApiError) else None
        floor = min(asked or 0.0, LONGEST_PAUSE)
        if isinstance(error, errors.RateLimited):
            self.not_before = max(self.not_before, self._session.clock() + floor)
        return floor
