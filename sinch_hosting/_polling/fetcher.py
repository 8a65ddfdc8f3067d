"""The requests of a round: lists where they take fewer, single looks for the rest.

Each request waits for its turn, which the watcher gives; so no look is counted that was not
made, and what queues here is served one by one, whatever it is for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from attrs import define

from .. import errors
from .._session.retry import LONGEST_PAUSE
from .._session.session import Session
from ..models.pages import Page
from ..states import OpenEnum
from .lists import PAGE_SIZE, Group
from .policy import PollPolicy, passes, says_no
from .schedule import NEVER, Watched
from .sources import Json, Source, fingerprint, time_on_wire
from .sweeps import Sweep, Walk

_log = logging.getLogger("sinch_hosting")
AT_ONCE = 32
STALLED, PATIENCE = 5.0, 20.0
"""Seconds after which single looks no longer wait for a list, and after which it is given up."""
_BESIDE = 4
"""How many single looks at once a list that hangs leaves room for: one of them may hang, too."""
_EXPLORERS = 8
_CHECKS = 8
"""A round spends so small a share of a minute's requests on checking what lists have shown."""
_SAMPLE_OF = 4
_FOLLOW_UP = 2
_BROKEN = -1


class Host(Protocol):
    """Who gives turns, runs what is under way, and hears what came of it."""

    async def turn(self, due: float) -> None:
        """Wait until a request may leave for what is due since then."""
        ...

    def return_turn(self) -> None:
        """Give a turn back that was not needed."""
        ...

    def spawn(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run a job beside the others; `None` where everything has ended."""
        ...

    def find(self, source: Source[Any], thing_id: str) -> Watched[Any] | None:
        """Return the watched thing of this id."""
        ...

    def looked(self, member: Watched[Any], previous: Any) -> None:
        """Hear of a look; `previous` is how the thing was, where it has changed."""
        ...

    def put_off(self, member: Watched[Any], error: errors.SinchHostingError) -> None:
        """Hear of a look that failed, and will be made again."""
        ...

    def in_no_list(self, members: Iterable[Watched[Any]]) -> None:
        """Hear of things that none of the lists shows that may show them; all were read."""
        ...

    def refused(self, member: Watched[Any], error: errors.SinchHostingError) -> None:
        """Hear of a "no" that is not believed yet."""
        ...

    def ended(self, member: Watched[Any], error: errors.SinchHostingError) -> None:
        """Hear that a thing cannot be looked at any more."""
        ...


@define(eq=False, repr=False)
class Fetcher:
    """Asks for watched things, and tells what came of it."""

    _session: Session
    _policy: PollPolicy
    _host: Host
    looks_a_round: int
    """How many single looks a round makes before it goes to the lists again."""
    is_patient: bool = True
    """Whether what failed is tried again here, rather than by the session at once."""
    not_before: float = NEVER
    """Until when the service has asked for silence."""

    async def round(self, group: Group) -> None:
        """Ask for what is due of a group: lists first, then whom they were to show and did not."""
        if group.place is None:
            await self._explore(group)
            return
        began = self._session.clock()
        if group.has_lists(began) and (await self.sweep(group)).is_past:
            return  # the next round follows at once
        await self._look_singly(group, self.looks_a_round, AT_ONCE, since=began)

    async def _explore(self, group: Group) -> None:
        """Look at a few things of no known place; the others are likely to be where they are."""
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
        """Read the lists that are worth it, in the order of life."""
        sweep = Sweep.of(group, guests, self._session.clock())
        try:
            for state, sought in sweep.lists():
                await self._walk(sweep, state, sought)
        except errors.SinchHostingError as error:
            if self._list_failed(sweep, error):
                return sweep
        except Exception:
            # A list that cannot even be asked for must not end the waits of others.
            _log.exception("%ss are asked for singly: their list cannot be read", group.source.noun)
            group.refused(self._session.clock())
        else:
            self._swept(sweep)
        for thing_id in sweep.missed - sweep.seen - sweep.guests:
            sweep.asked[thing_id].is_alone = True
        self._host.in_no_list(sweep.absent())
        return sweep

    def _list_failed(self, sweep: Sweep, error: errors.SinchHostingError) -> bool:
        """Take in that a list failed; whether all is put off to try once more."""
        group, now = sweep.group, self._session.clock()
        # Lists are left from when they could be asked for again.
        resumes = max(now, now + self._pause_for(error), self.not_before)
        is_misfit = isinstance(error, errors.DecodeError) and error.is_json
        if not passes(error):
            group.refused(now)
        elif not group.failed(resumes, tries=1 if is_misfit or not self.is_patient else 2):
            left = [m for i, m in sweep.asked.items() if i not in sweep.seen | sweep.guests]
            self._put_off(left, error)
            return True
        _log.info("%ss are asked for singly for a while: %s", group.source.noun, error)
        return False

    def _swept(self, sweep: Sweep) -> None:
        group = sweep.group
        if group.swept(sweep.began, self._session.clock()):
            _log.warning(
                "asked for singly for a while: lists show %ss as they were before",
                group.source.noun,
            )
        elif sweep.seen and not sweep.is_past and group.worked():
            self._sample(sweep)

    def _sample(self, sweep: Sweep) -> None:
        """Choose one of many that lists have shown, to see whether they show what is so."""
        if len(sweep.seen) >= _SAMPLE_OF:
            shown = [m for i, m in sweep.asked.items() if i in sweep.seen and m.followers]
            if shown:
                min(shown, key=lambda member: member.audit_at).audited_at = NEVER

    async def _walk(
        self, sweep: Sweep, state: OpenEnum | None, sought: Sequence[Watched[Any]]
    ) -> None:
        walk = Walk(sweep, state, {member.id: member for member in sought})
        token: str | None = None
        tokens: set[str | None] = set()
        while True:
            page = await self._page(sweep, state, token)
            self._take_page(walk, page)
            tokens.add(token)
            token = page.next_page_token
            if token in tokens or not walk.goes_on():
                break
            if walk.is_to_be_checked(self._session.clock()) and await self._is_past(walk):
                sweep.begin_anew(self._session.clock())
                return
        walk.learn()
        sweep.walked(sought, is_whole=walk.is_whole)
        if walk.is_read:
            sweep.seek_missing(state)

    async def _is_past(self, walk: Walk) -> bool:
        """Read the first page of the list again; whether to begin the sweep anew."""
        page = await self._page(walk.sweep, walk.state, None)
        self._take_items(walk, page)
        return walk.is_past(
            page.total_size, self._session.clock(), is_last=not page.next_page_token
        )

    async def _page(self, sweep: Sweep, state: OpenEnum | None, token: str | None) -> Page[Json]:
        """Read a page; where a list is refused with a size and an order, without them."""
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
        await self._host.turn(sweep.due)
        sweep.begin(self._session.clock())
        loop = asyncio.get_running_loop()
        # A list that hangs holds up no single look, and is given up in the end.
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
        self._host.spawn(self._look_singly(group, self.looks_a_round, _BESIDE))

    def _take_page(self, walk: Walk, page: Page[Json]) -> None:
        """Take in a page, and what it tells of the list."""
        watched, found = self._take_items(walk, page)
        is_last = page.next_page_token is None
        times: list[datetime] = []
        if not is_last:
            times = [time for raw in page.items if (time := time_on_wire(raw)) is not None]
        walk.add(len(page.items), watched, found, times, page.total_size, is_last=is_last)

    def _take_items(self, walk: Walk, page: Page[Json]) -> tuple[int, int]:
        """Take in all that a page shows of what is watched; count it, and what was sought."""
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
        """Whether a list shows something as it was before a single look, which came earlier."""
        group = sweep.group
        suspect = group.suspects.get(thing_id)
        if suspect is None or suspect.listed_as != fingerprint(raw):
            return False
        group.shown_as_before(thing_id, sweep.began)
        return True

    def _take_listed(self, member: Watched[Any], raw: Json, now: float) -> bool:
        """Take in a thing from a list; not where it is shown in a state that it left."""
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
        """Look at each that is due, the longest due first.

        With `since`, only at what was due then: for what came to be due while lists were read,
        the lists of the next round are cheaper.
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
                await self._host.turn(member.due)
                has_turn = True
            # A list or a callback's look may have shown it meanwhile.
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
        """Ask for one."""
        # Whom a list did not show is no check of it: it left the list, which is right.
        is_check = bool(member.listed_as) and not member.is_alone
        member.is_asked = True
        try:
            seen = await member.source.get(self._session, member.id, is_poll=self.is_patient)
        except errors.SinchHostingError as error:
            member.is_asked = False
            self._look_failed(member, error)
        except Exception as error:
            member.is_asked = False
            what = f"{member.source.noun} {member.id!r} cannot be asked for"
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
        # It moved in this very moment, or lists show what is past: the next sweep and two more
        # looks will tell.
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
        """Believe a "no" when the next look says the same; replicas may not know yet."""
        is_too_fresh = status == 404 and self._session.clock() < member.fresh_until
        if member.refused_with == status and not is_too_fresh:
            self._host.ended(member, error)
            return
        member.refused_with = status
        self._put_off([member], error)
        self._host.refused(member, error)

    # --------------------------------------------------------------- outcomes

    def _take(self, member: Watched[Any], seen: Any, listed_as: int) -> None:
        previous = member.item
        is_news = member.take(seen, self._session.clock(), self._policy, listed_as=listed_as)
        self._host.looked(member, previous if is_news else None)

    def _put_off(self, members: Iterable[Watched[Any]], error: errors.SinchHostingError) -> None:
        """Go on later after an error that passes."""
        late, floor = list(members), self._pause_for(error)
        if not late:
            return
        noun = late[0].source.noun
        what = f"{noun} {late[0].id}" if len(late) == 1 else f"{len(late)} {noun}s"
        _log.warning("waiting for %s goes on: %s", what, error)
        now = self._session.clock()
        for member in late:
            member.fail(now, self._policy, floor)
            self._host.put_off(member, error)

    def _pause_for(self, error: errors.SinchHostingError) -> float:
        """Return the seconds that the service has asked for; after a 429 nobody asks before."""
        asked = error.retry_after if isinstance(error, errors.ApiError) else None
        floor = min(asked or 0.0, LONGEST_PAUSE)
        if isinstance(error, errors.RateLimited):
            self.not_before = max(self.not_before, self._session.clock() + floor)
        return floor
