"""Lists or single looks: the rule, and the groups of things that lists may show.

Nothing here waits or sends a request. `sweeps` says how lists are read.
"""

from __future__ import annotations

from math import ceil, inf
from typing import Any

from attrs import define, field

from ..states import OpenEnum
from .schedule import NEVER, Debounce, Watched
from .sources import Place, Source
from .trust import Trust

PAGE_SIZE = 1000
"""The page size that is requested; the service may give fewer items a page."""
_REMEMBERED = 3600.0
"""Seconds for which the size of a list is believed."""


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

    unwatched: float = 0.0
    """How many things in it nobody watches."""
    newest_first: bool = False
    """Whether it begins with what changed last."""
    delivers: bool = False
    """Whether the last reading showed things that were sought."""
    at: float = NEVER


@define(eq=False, repr=False)
class Group:
    """The watched things of one place; those of no known place are a group, too."""

    source: Source[Any]
    place: Place | None
    members: dict[str, Watched[Any]] = field(factory=dict)
    trust: Trust = field(factory=Trust)
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
    last_candidate: int = -1
    """The serial number of the last thing of no known place that was sought in its lists."""
    was_past: bool = False
    """Whether the last sweep was ended early to begin anew; the next one is not ended early."""
    _memories: dict[OpenEnum | None, Memory] = field(factory=dict)
    _useless: int = 0
    """How often in a row lists were of no use for things of no known place."""
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
        self.trust.move(seconds)
        for memory in self._memories.values():
            memory.at += seconds
        for member in self.members.values():
            member.move(seconds)

    def notice(self, now: float) -> None:
        """Handle a callback about one of the members that does not say which."""
        due = self._notices.take(now)
        if due < self.due or due <= now:
            for member in self.members.values():
                member.due = min(member.due, due)
            self.bring_forward(due)

    # ----------------------------------------------------- things of no known place

    def found_in_lists(self, shown: int, *, of: Group) -> bool:
        """Count the things of no known place that the lists of a place showed.

        Returns whether that took fewer requests than single looks. Where it did not, the things
        are in many places: one round uses single looks alone, then three, seven and so on.
        """
        if not list_or_single(shown, len(of.source.states_at(of.place or ()))):
            self.found_nothing()
            return False
        self._useless = 0
        return True

    def found_nothing(self) -> None:
        """Use no lists for things of no known place, for some rounds."""
        self._useless += 1
        self._rounds_without = 2 ** min(self._useless, 10) - 1

    def rests_from_lists(self) -> bool:
        """Count a round; returns whether it uses no lists for things of no known place."""
        self._rounds_without -= 1
        return self._rounds_without >= 0

    # -------------------------------------------------------------- what lists hold

    def has_lists(self, now: float) -> bool:
        """Whether lists of this place exist and are used at present."""
        return self.place is not None and self.trust.allows_lists(now)

    def memory(self, state: OpenEnum | None, now: float) -> Memory | None:
        """Return what is known about a list, or `None` where that is too old."""
        known = self._memories.get(state)
        return known if known and now - known.at < _REMEMBERED else None

    def recall(self, before: Group) -> None:
        """Use what an earlier group of the same place learnt about its lists."""
        self.per_page, self.is_plain = before.per_page, before.is_plain
        self._memories, self.trust = before._memories, before.trust

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
        length = known.unwatched + sought
        return max(1, ceil(length / self.per_page)) if length < inf else 1_000_000
