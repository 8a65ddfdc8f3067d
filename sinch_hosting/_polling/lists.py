"""Lists or single looks: the rule, and what is known about the lists of a place.

Nothing here waits or sends a request. `sweeps` says how lists are read.
"""

from __future__ import annotations

from math import ceil, inf
from typing import Any

from attrs import define, field, frozen

from ..states import OpenEnum
from .schedule import LAG, NEVER, Debounce, Watched
from .sources import Place, Source

PAGE_SIZE = 1000
"""The page size that is requested; the service may give fewer items a page."""
_REMEMBERED = 3600.0
"""Seconds for which the size of a list is believed."""
_FAILING, _REFUSED, _LEFT_AT_MOST = 60.0, 600.0, 3600.0
"""Seconds for which lists are not used: after failures, after a refusal or wrong states, and at
most. They double each time."""
_TRIES = 2
"""Failed sweeps in a row after which lists are not used for a while."""
_CONTRADICTIONS = 3
"""Wrong states that lists show, in a row, after which they are not used for a while."""


def list_or_single(sought: int, pages: float) -> bool:
    """Whether a list is read for things that are sought, rather than each of them singly.

    Args:
        sought: how many things that have to be seen now the list may show.
        pages: how many pages have to be read for that.

    The budget plays no part: a page and a single look take one token each, so fewer requests also
    take less time. Where both take the same, single looks are chosen, since they are certain.
    """
    return pages < sought


@define(eq=False, repr=False)
class Memory:
    """What was learnt about one list; it counts for an hour."""

    strangers: float = 0.0
    """How many things in it nobody watches."""
    newest_first: bool = False
    """Whether it begins with what changed last."""
    delivers: bool = False
    """Whether the last reading showed things that were sought."""
    at: float = NEVER


@frozen
class Suspect:
    """A thing that a list may show in a state that has passed."""

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
    is_listing: bool = False
    """Whether a list of it is being read, or waits for its turn."""
    due: float = inf
    """When the first of the members is due."""
    is_plain: bool = False
    """Whether lists are requested without page size and order, since both were refused."""
    per_page: int = PAGE_SIZE
    """How many items the service gives a page."""
    guests_tried: int = -1
    """The serial number of the last thing of no known place that was sought in its lists."""
    _memories: dict[OpenEnum | None, Memory] = field(factory=dict)
    was_past: bool = False
    """Whether the last sweep was ended early to begin anew; the next one is not ended early."""
    _lists_from: float = NEVER
    _strikes: int = 0
    _refusals: int = 0
    suspects: dict[str, Suspect] = field(factory=dict)
    """Things whose single look showed another state than the list, by id."""
    _contradictions: int = 0
    _lies: int = 0
    _sweeps: int = 0
    _in_vain: int = 0
    _rounds_without: int = 0
    _notices: Debounce = field(factory=Debounce)

    # ------------------------------------------------------------------ when

    @property
    def is_asking(self) -> bool:
        """Whether a request is under way for it, or waits for its turn."""
        return self.is_listing or any(member.is_asked for member in self.members.values())

    def refresh_due(self, now: float) -> None:
        """Compute when the first member is due."""
        limit = self._notices.limit(inf, now)
        if limit < inf:
            for member in self.members.values():
                member.due = min(member.due, limit)
        self.due = min((member.next_look() for member in self.members.values()), default=inf)

    def bring_forward(self, due: float) -> None:
        """Make the group due at `due` at the latest."""
        self.due = min(self.due, due)

    def move(self, seconds: float) -> None:
        """Move all planned times by so many seconds, after the clock was set."""
        self.due += seconds
        self._lists_from += seconds
        for memory in self._memories.values():
            memory.at += seconds
        self.suspects.clear()
        for member in self.members.values():
            member.move(seconds)

    def notice(self, now: float) -> None:
        """Handle a callback about one of the members that does not say which."""
        due = self._notices.take(now)
        if due < self.due or due <= now:
            for member in self.members.values():
                member.due = min(member.due, due)
            self.bring_forward(due)

    # ------------------------------------------------------------- trust in lists

    def has_lists(self, now: float) -> bool:
        """Whether lists of this place exist and are used at present."""
        return self.place is not None and now >= self._lists_from

    def failed(self, now: float, *, tries: int = _TRIES) -> bool:
        """Count a sweep that failed; returns whether lists are not used for a while now.

        They are not used after `tries` failures in a row.
        """
        self._strikes = max(self._strikes + 1, _TRIES - tries + 1)
        if self._strikes < _TRIES:
            return False
        self._leave_lists(now, _FAILING, self._strikes - _TRIES)
        return True

    def refused(self, now: float) -> None:
        """Stop using these lists for a while, since the service refused them."""
        self._refusals += 1
        self._leave_lists(now, _REFUSED, self._refusals - 1)

    def worked(self) -> bool:
        """Count a sweep that worked; returns whether to check one of the things that it showed.

        That is so after the first sweep, the second, the fourth, the eighth and so on.
        """
        self._strikes = self._refusals = 0
        self._sweeps += 1
        return self._sweeps.bit_count() == 1

    def confirmed(self) -> None:
        """Count a single look that showed the same state as the list."""
        self._contradictions = 0

    def suspect(self, thing_id: str, listed_as: int, now: float) -> None:
        """Remember a thing whose single look showed another state than the list.

        That alone proves nothing: the thing may have changed after the list was read, and lists
        may lag a little. A list that is read later and shows the thing as before is wrong.
        """
        self._sweeps = 0
        self.suspects[thing_id] = Suspect(listed_as, now)

    def shown_as_before(self, thing_id: str, began: float) -> None:
        """Handle a list that shows a suspect as before; it is wrong if it began late enough."""
        if self.suspects[thing_id].at + LAG <= began:
            del self.suspects[thing_id]
            self._contradictions += 1

    def swept(self, began: float, now: float) -> bool:
        """Handle the end of a sweep; returns whether lists were wrong too often.

        Then they are not used for a while. Lists that were wrong too often before are not used
        after the next wrong state.
        """
        for thing_id, suspect in list(self.suspects.items()):
            if suspect.at + LAG <= began:
                del self.suspects[thing_id]  # it had changed its state
        if self._contradictions < (1 if self._lies else _CONTRADICTIONS):
            return False
        self._contradictions = 0
        self._leave_lists(now, _REFUSED, self._lies)
        self._lies += 1
        return True

    def found_in_lists(self, shown: int, *, of: Group) -> bool:
        """Count the things of no known place that the lists of a place showed.

        Returns whether that took fewer requests than single looks. Where it did not, the things
        are in many places: one round uses single looks alone, then three, seven and so on.
        """
        if not list_or_single(shown, len(of.source.states_at(of.place or ()))):
            self.sought_in_vain()
            return False
        self._in_vain = 0
        return True

    def sought_in_vain(self) -> None:
        """Use no lists for things of no known place, for some rounds."""
        self._in_vain += 1
        self._rounds_without = 2 ** min(self._in_vain, 10) - 1

    def rests_from_lists(self) -> bool:
        """Count a round; returns whether it uses no lists for things of no known place."""
        self._rounds_without -= 1
        return self._rounds_without >= 0

    def _leave_lists(self, now: float, seconds: float, doublings: int) -> None:
        self._lists_from = now + min(seconds * 2.0 ** min(doublings, 10), _LEFT_AT_MOST)

    # -------------------------------------------------------------- what lists hold

    def memory(self, state: OpenEnum | None, now: float) -> Memory | None:
        """Return what is known about a list, or `None` where that is too old."""
        known = self._memories.get(state)
        return known if known and now - known.at < _REMEMBERED else None

    def recall(self, before: Group) -> None:
        """Use what an earlier group of the same place learnt about its lists."""
        self.per_page, self.is_plain = before.per_page, before.is_plain
        self._memories = before._memories
        self._lists_from = before._lists_from
        self._strikes, self._refusals = before._strikes, before._refusals

    def learn(self, state: OpenEnum | None, memory: Memory) -> None:
        """Remember what was learnt about a list."""
        self._memories[state] = memory

    def pages(self, state: OpenEnum | None, sought: int, now: float) -> int:
        """Return how many pages of a list have to be read to see `sought` things in it.

        Where nothing is known about the list, this is the lowest number: its first page tells more.
        """
        known = self.memory(state, now)
        if known is None or known.newest_first:
            return max(1, ceil(sought / self.per_page))
        length = known.strangers + sought
        return max(1, ceil(length / self.per_page)) if length < inf else 1_000_000
