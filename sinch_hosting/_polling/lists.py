"""Lists or single looks: the rule, and what is known of the lists of a place.

Nothing here waits or asks. `sweeps` says how lists are read.
"""

from __future__ import annotations

from math import ceil, inf
from typing import Any

from attrs import define, field, frozen

from ..states import OpenEnum
from .schedule import NEVER, Debounce, Watched
from .sources import Place, Source

PAGE_SIZE = 1000
"""What a list is asked for; the service gives what it gives."""
_REMEMBERED = 3600.0
_FAILING, _REFUSED, _LEFT_AT_MOST = 60.0, 600.0, 3600.0
"""Seconds for which lists are left; twice as long each time that they fail again."""
_TRIES = 2
_LAG = 30.0
"""Seconds for which a list may show what is past without being at fault."""
_CONTRADICTIONS = 3


def list_or_single(sought: int, pages: float) -> bool:
    """Whether a list is read for things that are sought, rather than each of them singly.

    Args:
        sought: how many things the list may show that have to be seen now.
        pages: how many pages have to be read for that.

    The budget does not enter: a page and a single look take a token each, so what takes fewer
    requests also ends sooner. At the same price single looks win, since they are certain.
    """
    return pages < sought


@define(eq=False, repr=False)
class Memory:
    """What walks told of one list, for an hour."""

    strangers: float = 0.0
    """How many things it holds that nobody watches."""
    newest_first: bool = False
    delivers: bool = False
    """Whether the last walk showed some that were sought."""
    at: float = NEVER


@frozen
class Suspect:
    """A thing that a list may show as it was before."""

    listed_as: int
    """The fingerprint of what the list showed."""
    at: float
    """When a single look showed another state."""


@define(eq=False, repr=False)
class Group:
    """The watched things of one place; those of no known place are a group, too."""

    source: Source[Any]
    place: Place | None
    members: dict[str, Watched[Any]] = field(factory=dict)
    is_busy: bool = False
    """Whether a round for it is under way."""
    due: float = inf
    """When the first of the members is due."""
    is_plain: bool = False
    """Whether lists are asked for without a size and an order: they were refused with both."""
    per_page: int = PAGE_SIZE
    """How many things the service gives a page."""
    guests_tried: int = -1
    """The last of the things of no known place that were sought in its lists."""
    _memories: dict[OpenEnum | None, Memory] = field(factory=dict)
    was_past: bool = False
    """Whether the last sweep was left to begin anew: the next one is not."""
    _lists_from: float = NEVER
    _strikes: int = 0
    _refusals: int = 0
    suspects: dict[str, Suspect] = field(factory=dict)
    """What single looks showed elsewhere than lists did, by id."""
    _contradictions: int = 0
    _lies: int = 0
    _sweeps: int = 0
    _in_vain: int = 0
    _rounds_without: int = 0
    _notices: Debounce = field(factory=Debounce)

    # ------------------------------------------------------------------ when

    def refresh_due(self, now: float) -> None:
        """Find out anew when the first of the members is due."""
        limit = self._notices.limit(inf, now)
        if limit < inf:
            for member in self.members.values():
                member.due = min(member.due, limit)
        self.due = min((member.next_look() for member in self.members.values()), default=inf)

    def bring_forward(self, due: float) -> None:
        """Let it come no later than `due`."""
        self.due = min(self.due, due)

    def move(self, seconds: float) -> None:
        """Move all that is planned by so many seconds, as the clock was."""
        self.due += seconds
        self._lists_from += seconds
        for memory in self._memories.values():
            memory.at += seconds
        self.suspects.clear()
        for member in self.members.values():
            member.move(seconds)

    def notice(self, now: float) -> None:
        """Take in that something happened to one of the members, nobody knows which."""
        due = self._notices.take(now)
        if due < self.due or due <= now:
            for member in self.members.values():
                member.due = min(member.due, due)
            self.bring_forward(due)

    # ------------------------------------------------------------- trust in lists

    def has_lists(self, now: float) -> bool:
        """Whether the lists of this place can be asked for, and are trusted at present."""
        return self.place is not None and now >= self._lists_from

    def failed(self, now: float, *, tries: int = _TRIES) -> bool:
        """Note a sweep that failed; whether lists are left for a while, from so many on."""
        self._strikes = max(self._strikes + 1, _TRIES - tries + 1)
        if self._strikes < _TRIES:
            return False
        self._leave_lists(now, _FAILING, self._strikes - _TRIES)
        return True

    def refused(self, now: float) -> None:
        """Note that the service does not give these lists."""
        self._refusals += 1
        self._leave_lists(now, _REFUSED, self._refusals - 1)

    def worked(self) -> bool:
        """Note a sweep that has shown something; whether to look singly at one of what it did.

        After the first sweep and the second, the fourth, the eighth and so on.
        """
        self._strikes = self._refusals = 0
        self._sweeps += 1
        return self._sweeps.bit_count() == 1

    def confirmed(self) -> None:
        """Note that a single look showed what a list had shown."""
        self._contradictions = 0

    def suspect(self, thing_id: str, listed_as: int, now: float) -> None:
        """Note that a single look showed another state than the list did.

        It may have moved meanwhile, above all where the list was read for long, and lists may lag
        a little. A list that begins later than that and shows it as before contradicts.
        """
        self._sweeps = 0
        self.suspects[thing_id] = Suspect(listed_as, now)

    def shown_as_before(self, thing_id: str, began: float) -> None:
        """Note that a sweep has shown a suspect as lists did before the single look."""
        if self.suspects[thing_id].at + _LAG <= began:
            del self.suspects[thing_id]
            self._contradictions += 1

    def swept(self, began: float, now: float) -> bool:
        """Note the end of a sweep; whether it contradicted too often, so that lists are left.

        Lists that were left for that before are left at the first contradiction.
        """
        for thing_id, suspect in list(self.suspects.items()):
            if suspect.at + _LAG <= began:
                del self.suspects[thing_id]  # it had moved
        if self._contradictions < (1 if self._lies else _CONTRADICTIONS):
            return False
        self._contradictions = 0
        self._leave_lists(now, _REFUSED, self._lies)
        self._lies += 1
        return True

    def found_in_lists(self, shown: int, *, of: Group) -> bool:
        """Note how many of no known place another place's lists showed; whether that paid.

        Where it did not, they are in many places: single looks go on for a round, then for
        three, for seven and so on, before lists are tried again.
        """
        if not list_or_single(shown, len(of.source.states_at(of.place or ()))):
            self.sought_in_vain()
            return False
        self._in_vain = 0
        return True

    def sought_in_vain(self) -> None:
        """Note that lists are of no use for those of no known place, for some rounds."""
        self._in_vain += 1
        self._rounds_without = 2 ** min(self._in_vain, 10) - 1

    def rests_from_lists(self) -> bool:
        """Whether those of no known place are sought in no list this round; counts it."""
        self._rounds_without -= 1
        return self._rounds_without >= 0

    def _leave_lists(self, now: float, seconds: float, doublings: int) -> None:
        self._lists_from = now + min(seconds * 2.0 ** min(doublings, 10), _LEFT_AT_MOST)

    # -------------------------------------------------------------- what lists hold

    def memory(self, state: OpenEnum | None, now: float) -> Memory | None:
        """What is known of a list, unless it is too old."""
        known = self._memories.get(state)
        return known if known and now - known.at < _REMEMBERED else None

    def learn(self, state: OpenEnum | None, memory: Memory) -> None:
        """Keep what a walk told of a list."""
        self._memories[state] = memory

    def pages(self, state: OpenEnum | None, sought: int, now: float) -> int:
        """How many pages of a list show `sought` things, from what is known of it.

        Of a list of which nothing is known, the best is thought: its first page tells.
        """
        known = self.memory(state, now)
        if known is None or known.newest_first:
            return max(1, ceil(sought / self.per_page))
        length = known.strangers + sought
        return max(1, ceil(length / self.per_page)) if length < inf else 1_000_000
