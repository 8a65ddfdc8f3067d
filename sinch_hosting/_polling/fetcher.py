"""The requests of a round: lists where they take fewer requests, single reads for the rest.

A *look* at a thing is what tells its state: its entry in a list, or a request for it alone, which
is a *single look*. Every request waits for its turn, and the watcher gives the turns. So a look
counts only after its request was sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from .. import errors
from .._session.session import Session
from .host import Host
from .list_reader import ListReader
from .lists import Group
from .outcomes import Outcomes
from .pieces import in_pieces
from .policy import PollPolicy
from .schedule import Watched
from .sweeps import Sweep

_log = logging.getLogger("sinch_hosting")
_AT_ONCE = 32
"""Single looks of one group at the same time."""
_BESIDE = 4
"""Single looks at the same time beside a list that hangs; with one, a look that hangs too would
hold up all others."""
_EXPLORERS = 8
"""Single looks that find out where things of no known place are."""
_CHECKS = 8
"""A round spends at most one in so many of a minute's requests on checks of lists."""
_BROKEN = -1
"""Stands for a status where a request could not even be made."""


class Fetcher:
    """Reads watched things, and gives the results to its owner.

    Args:
        session: the client's.
        policy: the client's.
        host: the owner.
        looks_a_round: the most single looks in a round; then the lists are read again.
        is_patient: whether failed requests are repeated by a later round; else the session retries
            them.
    """

    def __init__(
        self,
        session: Session,
        policy: PollPolicy,
        host: Host,
        looks_a_round: int,
        *,
        is_patient: bool = True,
    ) -> None:
        self._session = session
        self._host = host
        self._looks_a_round = looks_a_round
        self.outcomes = Outcomes(session, policy, host, is_patient)
        self._lists = ListReader(session, host, self.outcomes, self.look_beside)

    async def round(self, group: Group) -> None:
        """Read what is due in a group: lists first, then singly what they should have shown."""
        if group.place is None:
            await self._explore(group)
            return
        began = self._session.clock()
        if group.has_lists(began) and (await self.sweep(group)).is_past:
            return  # the next round follows at once
        await self._look_singly(group, self._looks_a_round, _AT_ONCE, since=began)

    async def sweep(self, group: Group, candidates: Iterable[Watched[Any]] = ()) -> Sweep:
        """Read the lists of a group that are worth it; returns the sweep."""
        return await self._lists.sweep(group, candidates)

    async def look_beside(self, group: Group) -> None:
        """Read what is due in a group while a round for it is under way and may take long."""
        if group.is_listing:
            await self._look_singly(group, self._looks_a_round, _BESIDE)
        else:
            await self.round(group)

    async def _explore(self, group: Group) -> None:
        """Read a few things of no known place singly, then the lists of the places found.

        The other things are probably in the same lists.
        """
        before = list(group.members.values())
        is_resting = group.rests_from_lists()
        at_most = self._looks_a_round if is_resting else _EXPLORERS
        await self._look_singly(group, at_most, _AT_ONCE)
        if is_resting:
            return
        found = {m.group.place: m.group for m in before if m.group is not group}
        if not found:
            group.found_nothing()
        for place in found.values():
            candidates = [m for m in group.members.values() if m.serial > place.last_candidate]
            if candidates and place.has_lists(self._session.clock()):
                place.last_candidate = max(m.serial for m in candidates)
                await self.sweep(place, candidates)
                shown = sum(m.group is not group for m in candidates)
                if not group.found_in_lists(shown, of=place):
                    return

    async def _look_singly(
        self, group: Group, at_most: int, at_once: int, *, since: float | None = None
    ) -> None:
        """Read the things that are due singly, first the one that is due longest.

        With `since`, only things that were due at that time: what became due while lists were
        read takes fewer requests in the lists of the next round.
        """
        at = self._session.clock() if since is None else since
        due = (await self._due_alone(group, at))[:at_most]
        running: set[asyncio.Task[None]] = set()
        has_turn = False
        for n, member in enumerate(due):
            if not has_turn and member.is_due_alone(self._session.clock()):
                await self._host.turn(member.due - member.is_alone)
                has_turn = True
            if since is not None and self._lists.are_elsewhere(group, due, n):
                break  # others have told meanwhile which list the next round reads
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

    async def _due_alone(self, group: Group, at: float) -> list[Watched[Any]]:
        """Return the things that are due for a single look, and a few to check lists with."""
        due: list[Watched[Any]] = []
        async for piece in in_pieces(list(group.members.values())):
            due += [m for m in piece if m.is_due_alone(at)]
        checks = [m for m in due if m.is_checked_only(at)]
        if len(checks) > (most := max(1, self._looks_a_round // _CHECKS)):
            checks.sort(key=lambda member: member.audit_at)
            left_out = {member.id for member in checks[most:]}
            due = [m for m in due if m.id not in left_out]
        return sorted(due, key=lambda member: member.due)

    async def look(self, member: Watched[Any]) -> None:
        """Read one thing by itself."""
        # A thing that its list did not show does not check that list: it has left the list.
        is_check = bool(member.listed_as) and not member.is_alone
        member.is_asked = True
        try:
            seen = await member.source.get(
                self._session, member.id, is_poll=self.outcomes.is_patient
            )
        except errors.SinchHostingError as error:
            member.is_asked = False
            self.outcomes.look_failed(member, error)
        except Exception as error:
            member.is_asked = False
            what = f"reading {member.source.noun} {member.id!r} failed"
            _log.exception("%s", what)
            broken = errors.SinchHostingError(f"{what}: {error!r}")
            broken.__cause__ = error
            self.outcomes.refused(member, broken, _BROKEN)
        else:
            member.is_asked = False
            if is_check:
                is_right = member.source.state_of(seen) == member.state
                self.outcomes.check_lists(member, is_right=is_right)
            self.outcomes.take(member, seen, 0)
        finally:
            member.is_asked = False
