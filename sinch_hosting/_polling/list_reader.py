"""The requests for lists: the pages of a sweep, and what their entries tell.

`sweeps` says which lists are read, and when a walk through one of them ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from typing import Any

from attrs import define

from .. import errors
from .._session.session import Session
from ..models.pages import Page
from ..states import OpenEnum
from .host import Host
from .lists import PAGE_SIZE, Group, list_or_single
from .outcomes import Outcomes
from .pieces import in_pieces
from .policy import passes
from .schedule import NEVER, Watched
from .sources import Json, fingerprint, time_on_wire
from .sweeps import Sweep, Walk

_log = logging.getLogger("sinch_hosting")
STALLED, PATIENCE = 5.0, 20.0
"""Seconds without an answer after which single looks no longer wait for a list, and seconds after
which the request for the list is ended. They count on the clock of the event loop: the clock of a
test moves while a request is under way, and every list would seem to hang."""
_SAMPLE_OF, _SAMPLES, _SAMPLES_EVERY = 4, 4.0, 8
"""A sweep that has shown so many things is checked at one of them, and so many sweeps in a row are;
with many groups, it is one of so many sweeps."""


@define(eq=False, repr=False)
class ListReader:
    """Reads the lists of a place."""

    _session: Session
    _host: Host
    _outcomes: Outcomes
    _on_stall: Callable[[Group], Coroutine[Any, Any, None]]
    """What to do for a group while a list of it hangs."""
    _samples_left: float = _SAMPLES

    async def sweep(self, group: Group, candidates: Iterable[Watched[Any]] = ()) -> Sweep:
        """Read the lists that are worth it, in the order of the states; returns the sweep.

        The candidates are things of no known place that may be in these lists, too.
        """
        due: list[Watched[Any]] = []
        now = self._session.clock()
        async for piece in in_pieces(list(group.members.values())):
            due += [m for m in piece if m.is_due_in_list(now) and not m.avoids_lists(now)]
        sweep = Sweep.of(group, due, candidates, now)
        group.is_listing = True
        try:
            await self._read_lists(sweep)
        except errors.SinchHostingError as error:
            if self._failed(sweep, error):
                return sweep
        except Exception:
            # A request for a list that cannot even be made must not end the waits of others.
            _log.exception("%ss are read one by one: their list cannot be read", group.source.noun)
            group.trust.refused(self._session.clock())
        else:
            self._succeeded(sweep)
        finally:
            group.is_listing = False
        for thing_id in sweep.missed - sweep.seen - sweep.candidates:
            sweep.asked[thing_id].was_missed(self._session.clock())
        self._host.in_no_list(sweep.absent())
        return sweep

    async def _read_lists(self, sweep: Sweep) -> None:
        if unknown := sweep.of_unknown_state():
            await self._read_ahead(sweep, unknown[0].state, unknown)
        for state, sought in sweep.lists():
            # The list is chosen when its turn has come: others may have moved meanwhile. What
            # was missed comes first, since it tells where others may be, too.
            await self._host.turn(sweep.due() - bool(sweep.missed))
            sweep.has_turn = True
            if left := await self._read_ahead(sweep, state, sought):
                await self._walk(sweep, state, left)

    def _failed(self, sweep: Sweep, error: errors.SinchHostingError) -> bool:
        """Handle a list that failed; returns whether the group waits to try it once more."""
        group, now = sweep.group, self._session.clock()
        # The time without lists begins when they could be requested again.
        resumes = max(now, now + self._outcomes.pause_for(error), self._outcomes.not_before)
        is_misfit = isinstance(error, errors.DecodeError) and error.is_json
        is_patient = self._outcomes.is_patient
        if not passes(error):
            group.trust.refused(now)
        elif not group.trust.failed(resumes, tries=1 if is_misfit or not is_patient else 2):
            left = [m for i, m in sweep.asked.items() if i not in sweep.seen | sweep.candidates]
            self._outcomes.put_off(left, error)
            return True
        _log.info("%ss are read one by one for a while: %s", group.source.noun, error)
        return False

    def _succeeded(self, sweep: Sweep) -> None:
        trust = sweep.group.trust
        if trust.swept(sweep.began, self._session.clock()):
            _log.warning(
                "%ss are read one by one for a while: their lists show states that have passed",
                sweep.group.source.noun,
            )
        elif sweep.seen and not sweep.is_past:
            self._samples_left = min(self._samples_left + 1 / _SAMPLES_EVERY, _SAMPLES)
            if trust.worked():
                self._sample(sweep)

    def _sample(self, sweep: Sweep) -> None:
        """Choose one of many things that lists have shown, for a single look that checks them."""
        if len(sweep.seen) >= _SAMPLE_OF:
            shown = [m for i, m in sweep.asked.items() if i in sweep.seen and m.followers]
            if shown and self._samples_left >= 1:
                self._samples_left -= 1
                min(shown, key=lambda member: member.audit_at).audited_at = NEVER

    # ------------------------------------------------------------------- walks

    def are_elsewhere(self, group: Group, due: Sequence[Watched[Any]], n: int) -> bool:
        """Whether a list is likely to show the things from the nth on, whose state is not known."""
        state, moves, now = due[n].state, self._outcomes.moves, self._session.clock()
        is_bare = due[n].source.is_bare(due[n].item)
        if not is_bare or moves.known(group, state) is None or not group.has_lists(now):
            return False
        sought = [m for m in due[n:] if m.is_due_alone(now) and not m.avoids_lists(now)]
        return moves.expected(group, state, sought, now) is not None

    async def _read_ahead(
        self, sweep: Sweep, state: OpenEnum | None, sought: Sequence[Watched[Any]]
    ) -> Sequence[Watched[Any]]:
        """Read the list of the state that others have moved to; returns what to seek further."""
        group, moves = sweep.group, self._outcomes.moves
        ahead = moves.expected(group, state, sought, self._session.clock())
        if ahead is None or ahead not in group.source.states_at(group.place or ()):
            return sought
        walk = Walk(sweep, ahead, {member.id: member for member in sought})
        await self._read(walk)
        left = [member for member in sought if member.id not in sweep.seen]
        if len(left) == len(sought):
            moves.stayed(group, state)
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
            self._outcomes.moves.stayed(sweep.group, state)
        if walk.is_read:
            sweep.seek_missing(state)

    async def _read(self, walk: Walk) -> bool:
        """Read the pages of a list; returns whether the sweep goes on."""
        sweep, token = walk.sweep, None
        tokens: set[str | None] = set()
        while True:
            page = await self._page(sweep, walk.state, token)
            await self._take_page(walk, page)
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
        await self._take_items(walk, page)
        return walk.is_past(
            page.total_size, self._session.clock(), is_last=not page.next_page_token
        )

    # ------------------------------------------------------------------- pages

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
            await self._host.turn(sweep.due())
        sweep.has_turn = False
        sweep.begin(self._session.clock())
        loop = asyncio.get_running_loop()
        # A list that hangs does not hold up single looks, and its request is ended at last.
        stall = loop.call_later(STALLED, lambda: self._host.spawn(self._on_stall(group)))
        limit = asyncio.timeout(PATIENCE)
        try:
            async with limit:
                return await group.source.page(
                    self._session,
                    group.place or (),
                    state,
                    options,
                    is_poll=self._outcomes.is_patient,
                )
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"{group.source.list_operation}: no answer within {PATIENCE:g} s"
            raise errors.TransportError(message, never_sent=False) from None
        finally:
            stall.cancel()

    async def _take_page(self, walk: Walk, page: Page[Json]) -> None:
        """Use a page: its items, and what it tells about the list."""
        watched, found = await self._take_items(walk, page)
        is_last = page.next_page_token is None
        times: list[datetime] = []
        if not is_last and walk.wants_times:
            times = [time for raw in page.items if (time := time_on_wire(raw)) is not None]
        walk.add(len(page.items), watched, found, times, page.total_size, is_last=is_last)

    async def _take_items(self, walk: Walk, page: Page[Json]) -> tuple[int, int]:
        """Use the watched items of a page; returns how many there are, and how many were sought."""
        sweep, source, now = walk.sweep, walk.sweep.group.source, self._session.clock()
        things, mismatches = self._host.things(source), sweep.group.trust.mismatches
        watched = found = 0
        async for items in in_pieces(page.items):
            for raw in items:
                thing_id = raw.get(source.id_on_wire)
                if type(thing_id) is not str:
                    continue
                if mismatches and sweep.shows_the_past(thing_id, raw):
                    continue
                member = things.get(thing_id)
                if member is None:
                    continue
                watched += 1
                if self._take_listed(member, raw, now) and thing_id not in sweep.seen:
                    sweep.seen.add(thing_id)
                    found += walk.sought.pop(thing_id, None) is not None
        return watched, found

    def _take_listed(self, member: Watched[Any], raw: Json, now: float) -> bool:
        """Use an item of a list; returns `False` where it shows a state that has passed."""
        listed_as = fingerprint(raw)
        if listed_as == member.listed_as:
            self._outcomes.take_unchanged(member, now)
            return True
        seen = member.source.read(raw)
        if seen is None or (
            member.source.state_of(seen) != member.state and member.is_stale(seen, from_list=True)
        ):
            return False
        self._outcomes.take(member, seen, listed_as)
        return True
