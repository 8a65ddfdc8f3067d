"""The requests of a round: lists where they take fewer requests, single reads for the rest.

A *look* at a thing is what tells its state: its entry in a list, or a request for it alone, which
is a *single look*. Every request waits for its turn, and the watcher gives the turns. So a look
counts only after its request was sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from attrs import define, field

from .. import errors
from .._session.retry import LONGEST_PAUSE
from .._session.session import Session
from ..models.pages import Page
from ..states import OpenEnum
from .host import Host
from .lists import PAGE_SIZE, Group, list_or_single
from .moves import Moves
from .policy import PollPolicy, passes, says_no
from .schedule import NEVER, Watched
from .sources import Json, fingerprint, time_on_wire
from .sweeps import Sweep, Walk

_log = logging.getLogger("sinch_hosting")
AT_ONCE = 32
"""Single looks of one group at the same time."""
STALLED, PATIENCE = 5.0, 20.0
"""Seconds without an answer after which single looks no longer wait for a list, and seconds after
which the request for the list is ended. They count on the clock of the event loop: the clock of a
test moves while a request is under way, and every list would seem to hang."""
_BESIDE = 4
"""Single looks at the same time beside a list that hangs; with one, a look that hangs too would
hold up all others."""
_EXPLORERS = 8
"""Single looks that find out where things of no known place are."""
_CHECKS = 8
"""A round spends at most one in so many of a minute's requests on checks of lists."""
_SAMPLE_OF, _SAMPLES = 4, 4.0
"""A sweep that has shown so many things is checked at one of them, and so many sweeps in a row are;
with many groups, it is one of `_CHECKS` sweeps."""
_FOLLOW_UP = 2
"""Further checks after one that contradicted a list."""
_WARNED = 60.0
"""Seconds after a warning in which further failures of its kind are logged at debug level."""
_BROKEN = -1
"""Stands for a status where a request could not even be made."""


@define(eq=False, repr=False)
class Fetcher:
    """Reads watched things, and gives the results to its owner."""

    _session: Session
    _policy: PollPolicy
    _host: Host
    looks_a_round: int
    """The most single looks in a round; then the lists are read again."""
    is_patient: bool = True
    """Whether failed requests are repeated by a later round; else the session retries them."""
    not_before: float = NEVER
    """The time before which nothing is sent, because the service asked for a pause."""
    _moves: Moves = field(factory=Moves)
    _samples_left: float = _SAMPLES
    _warned: dict[object, float] = field(factory=dict)

    async def round(self, group: Group) -> None:
        """Read what is due in a group: lists first, then singly what they should have shown."""
        if group.place is None:
            await self._explore(group)
            return
        began = self._session.clock()
        if group.has_lists(began) and (await self.sweep(group)).is_past:
            return  # the next round follows at once
        await self._look_singly(group, self.looks_a_round, AT_ONCE, since=began)

    async def look_beside(self, group: Group) -> None:
        """Read what is due in a group while a round for it is under way and may take long."""
        if group.is_listing:
            await self._look_singly(group, self.looks_a_round, _BESIDE)
        else:
            await self.round(group)

    async def _explore(self, group: Group) -> None:
        """Read a few things of no known place singly, then the lists of the places found.

        The other things are probably in the same lists.
        """
        before = list(group.members.values())
        is_resting = group.rests_from_lists()
        await self._look_singly(group, self.looks_a_round if is_resting else _EXPLORERS, AT_ONCE)
        if is_resting:
            return
        found = {m.group.place: m.group for m in before if m.group is not group}
        if not found:
            group.sought_in_vain()
        for place in found.values():
            guests = [m for m in group.members.values() if m.serial > place.guests_tried]
            if guests and place.has_lists(self._session.clock()):
                place.guests_tried = max(m.serial for m in guests)
                await self.sweep(place, guests)
                shown = sum(m.group is not group for m in guests)
                if not group.found_in_lists(shown, of=place):
                    return

    # ------------------------------------------------------------------- lists

    async def sweep(self, group: Group, guests: Iterable[Watched[Any]] = ()) -> Sweep:
        """Read the lists that are worth it, in the order of the states; returns the sweep."""
        sweep = Sweep.of(group, guests, self._session.clock())
        group.is_listing = True
        try:
            for state, sought in sweep.lists():
                # The list is chosen when its turn has come: others may have moved meanwhile. What
                # was missed comes first, since it tells where others may be, too.
                await self._host.turn(sweep.due - bool(sweep.missed))
                sweep.has_turn = True
                if left := await self._look_ahead(sweep, state, sought):
                    await self._walk(sweep, state, left)
        except errors.SinchHostingError as error:
            if self._list_failed(sweep, error):
                return sweep
        except Exception:
            # A request for a list that cannot even be made must not end the waits of others.
            _log.exception("%ss are read one by one: their list cannot be read", group.source.noun)
            group.refused(self._session.clock())
        else:
            self._swept(sweep)
        finally:
            group.is_listing = False
        for thing_id in sweep.missed - sweep.seen - sweep.guests:
            sweep.asked[thing_id].was_missed(self._session.clock())
        self._host.in_no_list(sweep.absent())
        return sweep

    def _list_failed(self, sweep: Sweep, error: errors.SinchHostingError) -> bool:
        """Handle a list that failed; returns whether the group waits to try it once more."""
        group, now = sweep.group, self._session.clock()
        # The time without lists begins when they could be requested again.
        resumes = max(now, now + self._pause_for(error), self.not_before)
        is_misfit = isinstance(error, errors.DecodeError) and error.is_json
        if not passes(error):
            group.refused(now)
        elif not group.failed(resumes, tries=1 if is_misfit or not self.is_patient else 2):
            left = [m for i, m in sweep.asked.items() if i not in sweep.seen | sweep.guests]
            self._put_off(left, error)
            return True
        _log.info("%ss are read one by one for a while: %s", group.source.noun, error)
        return False

    def _swept(self, sweep: Sweep) -> None:
        group = sweep.group
        if group.swept(sweep.began, self._session.clock()):
            _log.warning(
                "%ss are read one by one for a while: their lists show states that have passed",
                group.source.noun,
            )
        elif sweep.seen and not sweep.is_past:
            self._samples_left = min(self._samples_left + 1 / _CHECKS, _SAMPLES)
            if group.worked():
                self._sample(sweep)

    def _sample(self, sweep: Sweep) -> None:
        """Choose one of many things that lists have shown, for a single look that checks them."""
        if len(sweep.seen) >= _SAMPLE_OF:
            shown = [m for i, m in sweep.asked.items() if i in sweep.seen and m.followers]
            if shown and self._samples_left >= 1:
                self._samples_left -= 1
                min(shown, key=lambda member: member.audit_at).audited_at = NEVER

    async def _look_ahead(
        self, sweep: Sweep, state: OpenEnum | None, sought: Sequence[Watched[Any]]
    ) -> Sequence[Watched[Any]]:
        """Read the list of the state that others have moved to; returns what to seek further."""
        group = sweep.group
        ahead = self._moves.expected(group, state, sought, self._session.clock())
        if ahead is None or ahead not in group.source.states_at(group.place or ()):
            return sought
        walk = Walk(sweep, ahead, {member.id: member for member in sought})
        await self._read(walk)
        left = [member for member in sought if member.id not in sweep.seen]
        if len(left) == len(sought):
            self._moves.stayed(group, state)
        pages = group.pages(state, len(left), self._session.clock())
        return left if list_or_single(len(left), pages) else []

    async def _walk(
        self, sweep: Sweep, state: OpenEnum | None, sought: Sequence[Watched[Any]]
    ) -> None:
        walk = Walk(sweep, state, {member.id: member for member in sought})
        if not await self._read(walk):
            return
        sweep.walked(sought, is_whole=walk.is_whole)
        if len(walk.sought) < len(sought):
            self._moves.stayed(sweep.group, state)
        if walk.is_read:
            sweep.seek_missing(state)

    async def _read(self, walk: Walk) -> bool:
        """Read the pages of a list; returns whether the sweep goes on."""
        sweep, token = walk.sweep, None
        tokens: set[str | None] = set()
        while True:
            page = await self._page(sweep, walk.state, token)
            self._take_page(walk, page)
            tokens.add(token)
            token = page.next_page_token
            if token in tokens or not walk.goes_on():
                break
            if walk.is_to_be_checked(self._session.clock()) and await self._is_past(walk):
                sweep.begin_anew(self._session.clock())
                return False
        walk.learn()
        return True

    async def _is_past(self, walk: Walk) -> bool:
        """Read the first page of the list again; returns whether the sweep has to begin anew."""
        page = await self._page(walk.sweep, walk.state, None)
        self._take_items(walk, page)
        return walk.is_past(
            page.total_size, self._session.clock(), is_last=not page.next_page_token
        )

    async def _page(self, sweep: Sweep, state: OpenEnum | None, token: str | None) -> Page[Json]:
        """Read a page; without page size and order where the service refuses these."""
        group = sweep.group
        try:
            return await self._request_page(sweep, state, token)
        except errors.ApiError as error:
            if group.is_plain or error.status_code not in (400, 422):
                raise
            group.is_plain = True
            return await self._request_page(sweep, state, token)

    async def _request_page(
        self, sweep: Sweep, state: OpenEnum | None, token: str | None
    ) -> Page[Json]:
        group = sweep.group
        options: dict[str, Any] = {"pageToken": token}
        if not group.is_plain:
            options |= {"pageSize": PAGE_SIZE, "orderBy": "updatedTime"}
        if not sweep.has_turn:
            await self._host.turn(sweep.due)
        sweep.has_turn = False
        sweep.begin(self._session.clock())
        loop = asyncio.get_running_loop()
        # A list that hangs does not hold up single looks, and its request is ended at last.
        stall = loop.call_later(STALLED, self._stalled, group)
        limit = asyncio.timeout(PATIENCE)
        try:
            async with limit:
                return await group.source.page(
                    self._session, group.place or (), state, options, is_poll=self.is_patient
                )
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"{group.source.list_operation}: no answer within {PATIENCE:g} s"
            raise errors.TransportError(message, never_sent=False) from None
        finally:
            stall.cancel()

    def _stalled(self, group: Group) -> None:
        self._host.spawn(self.look_beside(group))

    def _take_page(self, walk: Walk, page: Page[Json]) -> None:
        """Use a page: its items, and what it tells about the list."""
        watched, found = self._take_items(walk, page)
        is_last = page.next_page_token is None
        times: list[datetime] = []
        if not is_last:
            times = [time for raw in page.items if (time := time_on_wire(raw)) is not None]
        walk.add(len(page.items), watched, found, times, page.total_size, is_last=is_last)

    def _take_items(self, walk: Walk, page: Page[Json]) -> tuple[int, int]:
        """Use the watched items of a page; returns how many there are, and how many were sought."""
        sweep, source, now = walk.sweep, walk.sweep.group.source, self._session.clock()
        find, key, suspects = self._host.find, source.id_on_wire, sweep.group.suspects
        watched = found = 0
        for raw in page.items:
            thing_id = raw.get(key)
            if type(thing_id) is not str:
                continue
            if suspects and self._shows_the_past(walk.sweep, thing_id, raw):
                continue
            member = find(source, thing_id)
            if member is None:
                continue
            watched += 1
            if self._take_listed(member, raw, now) and member.id not in sweep.seen:
                sweep.seen.add(member.id)
                found += walk.sought.pop(member.id, None) is not None
        return watched, found

    def _shows_the_past(self, sweep: Sweep, thing_id: str, raw: Json) -> bool:
        """Whether an item of a list is as it was before a single look that was made earlier."""
        group = sweep.group
        suspect = group.suspects.get(thing_id)
        if suspect is None or suspect.listed_as != fingerprint(raw):
            return False
        group.shown_as_before(thing_id, sweep.began)
        return True

    def _take_listed(self, member: Watched[Any], raw: Json, now: float) -> bool:
        """Use an item of a list; returns `False` where it shows a state that has passed."""
        listed_as = fingerprint(raw)
        if listed_as == member.listed_as:
            member.rest(now, self._policy)
            self._host.looked(member, None)
            return True
        seen = member.source.read(raw)
        if seen is None or (
            member.source.state_of(seen) != member.state and member.is_stale(seen, from_list=True)
        ):
            return False
        self._take(member, seen, listed_as)
        return True

    # ------------------------------------------------------------ single looks

    async def _look_singly(
        self, group: Group, at_most: int, at_once: int, *, since: float | None = None
    ) -> None:
        """Read the things that are due singly, first the one that is due longest.

        With `since`, only things that were due at that time: what became due while lists were
        read takes fewer requests in the lists of the next round.
        """
        at = self._session.clock() if since is None else since
        due = [m for m in group.members.values() if m.is_due_alone(at)]
        checks = [m for m in due if m.is_checked_only(at)]
        if len(checks) > (most := max(1, self.looks_a_round // _CHECKS)):
            checks.sort(key=lambda member: member.audit_at)
            left_out = {member.id for member in checks[most:]}
            due = [m for m in due if m.id not in left_out]
        due.sort(key=lambda member: member.due)
        running: set[asyncio.Task[None]] = set()
        has_turn = False
        for member in due[:at_most]:
            if not has_turn and member.is_due_alone(self._session.clock()):
                await self._host.turn(member.due - member.is_alone)
                has_turn = True
            # A list, or a look after a callback, may have shown it meanwhile.
            if not has_turn or not member.is_due_alone(self._session.clock()):
                continue
            look = self._host.spawn(self.look(member))
            if look is None:
                return
            has_turn = False
            running.add(look)
            if len(running) >= at_once:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        if has_turn:
            self._host.return_turn()
        if running:
            await asyncio.wait(running)

    async def look(self, member: Watched[Any]) -> None:
        """Read one thing by itself."""
        # A thing that its list did not show does not check that list: it has left the list.
        is_check = bool(member.listed_as) and not member.is_alone
        member.is_asked = True
        try:
            seen = await member.source.get(self._session, member.id, is_poll=self.is_patient)
        except errors.SinchHostingError as error:
            member.is_asked = False
            self._look_failed(member, error)
        except Exception as error:
            member.is_asked = False
            what = f"reading {member.source.noun} {member.id!r} failed"
            _log.exception("%s", what)
            broken = errors.SinchHostingError(f"{what}: {error!r}")
            broken.__cause__ = error
            self._refused(member, broken, _BROKEN)
        else:
            member.is_asked = False
            if is_check:
                self._checked(member, is_right=member.source.state_of(seen) == member.state)
            self._take(member, seen, 0)
        finally:
            member.is_asked = False

    def _checked(self, member: Watched[Any], *, is_right: bool) -> None:
        group, now = member.group, self._session.clock()
        if is_right:
            group.confirmed()
            return
        # It has changed since, or lists show states that have passed. A later sweep and two more
        # checks decide which.
        group.suspect(member.id, member.listed_as, now)
        others = [m for m in group.members.values() if m.listed_as and m is not member]
        for other in sorted(others, key=lambda m: m.audit_at)[:_FOLLOW_UP]:
            other.audited_at = NEVER
        group.bring_forward(now)

    def _look_failed(self, member: Watched[Any], error: errors.SinchHostingError) -> None:
        if says_no(error):
            self._refused(member, error, getattr(error, "status_code", 0))
        elif passes(error):
            self._put_off([member], error)
        else:
            self._host.ended(member, error)

    def _refused(self, member: Watched[Any], error: errors.SinchHostingError, status: int) -> None:
        """Believe a refusal when the next look gets the same one: a replica may lag behind."""
        if not self.is_patient:
            self._host.refused(member, error)
            return
        is_too_fresh = status == 404 and self._session.clock() < member.fresh_until
        if member.refused_with == status and not is_too_fresh:
            self._host.ended(member, error)
            return
        member.refused_with = status
        self._put_off([member], error)
        self._host.refused(member, error)

    # --------------------------------------------------------------- outcomes

    def _take(self, member: Watched[Any], seen: Any, listed_as: int) -> None:
        previous, before = member.item, member.state
        is_news = member.take(seen, self._session.clock(), self._policy, listed_as=listed_as)
        if member.state != before:
            self._moves.moved(member.group, before, member.state)
        elif not listed_as:
            self._moves.stayed(member.group, before)
        self._host.looked(member, previous if is_news else None)

    def _put_off(self, members: Iterable[Watched[Any]], error: errors.SinchHostingError) -> None:
        """Plan the next look after an error that may pass."""
        late, floor = list(members), self._pause_for(error)
        if not late:
            return
        noun = late[0].source.noun
        what = f"{noun} {late[0].id}" if len(late) == 1 else f"{len(late)} {noun}s"
        now, kind = self._session.clock(), (noun, type(error), getattr(error, "status_code", 0))
        level = logging.DEBUG
        if not 0 <= now - self._warned.get(kind, NEVER) < _WARNED:
            level, self._warned[kind] = logging.WARNING, now
        _log.log(level, "waiting for %s goes on after an error: %s", what, error)
        for member in late:
            member.last_error = error
            member.fail(now, self._policy, floor)
            self._host.put_off(member, error)

    def _pause_for(self, error: errors.SinchHostingError) -> float:
        """Return the seconds that the service asked for; after a 429 all requests wait so long."""
        asked = error.retry_after if isinstance(error, errors.ApiError) else None
        floor = min(asked or 0.0, LONGEST_PAUSE)
        if isinstance(error, errors.RateLimited):
            self.not_before = max(self.not_before, self._session.clock() + floor)
        return floor
