"""Lists or single looks: the rule, and what it rests on.

Nothing here waits or asks. A *sweep* goes through the lists of one place in the order of life,
so that a thing that moves meanwhile is seen at least once:

```
SUBMITTED   IN_PROGRESS   COMPLETED   REJECTED
    |            |            |           |
 who was      who was      who was in neither list that was to show it, is `unplaced`,
 seen there   seen there   and may be in any later one
```

A list is read where `list_or_single` says so. A walk through its pages is left as soon as what
it may still show is no longer worth its pages; pages beyond the first that show nothing that is
sought are *wasted*, and a sweep may waste an eighth of what single looks would take. So a sweep
with lists that do not work costs at most that, and the first page of each list, beyond the
single looks. Whoever a sweep was to show and did not is asked for singly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil, inf
from typing import Any

from attrs import define, field

from ..states import OpenEnum, has_reached, in_order_of_life
from .schedule import NEVER, Debounce, Watched
from .sources import Place, Source

PAGE_SIZE = 1000
"""What a list is asked for; the service gives what it gives."""
_REMEMBERED = 3600.0
_FAILING, _REFUSED, _LEFT_AT_MOST = 60.0, 600.0, 3600.0
"""Seconds for which lists are left; twice as long each time that they fail again."""
_CLOCKS_DIFFER = timedelta(seconds=60)
_TRIES = 2
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
    at: float = NEVER


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
    _lists_from: float = NEVER
    _strikes: int = 0
    _refusals: int = 0
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

    def audited(self, now: float, *, is_right: bool) -> bool:
        """Note whether a list had shown what a single look shows; whether lists are left now."""
        self._contradictions = 0 if is_right else self._contradictions + 1
        self._sweeps = self._sweeps if is_right else 0
        if self._contradictions < _CONTRADICTIONS:
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
        pays = list_or_single(shown, len(of.source.states_at(of.place or ())))
        self._in_vain = 0 if pays else self._in_vain + 1
        self._rounds_without = 2 ** min(self._in_vain, 10) - 1
        return pays

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


@define(eq=False, repr=False)
class Sweep:
    """One way through the lists of a place: who is sought where, and who was seen."""

    group: Group
    now: float
    asked: dict[str, Watched[Any]]
    """Whom it is to show, by id."""
    guests: set[str] = field(factory=set)
    """Those of them that may be elsewhere altogether."""
    seen: set[str] = field(factory=set)
    missed: set[str] = field(factory=set)
    """Who was to be in a list that was read."""
    wasted: int = 0
    _unplaced: dict[str, Watched[Any]] = field(factory=dict)
    _by_state: dict[OpenEnum, list[Watched[Any]]] = field(factory=dict)

    @classmethod
    def of(cls, group: Group, guests: Iterable[Watched[Any]], now: float) -> Sweep:
        """The sweep for the members that are due or nearly, and for things of no known place."""
        due = [
            m for m in group.members.values() if m.is_due_in_list(now) and not m.avoids_lists(now)
        ]
        others = [m for m in guests if not m.avoids_lists(now)]
        made = cls(group, now, {m.id: m for m in (*due, *others)}, {m.id for m in others})
        for member in made.asked.values():
            if group.source.is_bare(member.item):
                made._unplaced[member.id] = member
            else:
                made._by_state.setdefault(member.state, []).append(member)
        return made

    def lists(self) -> Iterator[tuple[OpenEnum | None, list[Watched[Any]]]]:
        """The lists that are worth reading, with whom each is to show; the caller walks them."""
        place = self.group.place
        states = self.group.source.states_at(place) if place is not None else ()
        if None not in states:
            states = in_order_of_life([s for s in (*self._by_state, *states) if s is not None])
        for index, state in enumerate(states):
            sought = self._sought(state, states[index:])
            if sought:
                yield state, sought

    def _sought(
        self, state: OpenEnum | None, ahead: Sequence[OpenEnum | None]
    ) -> list[Watched[Any]]:
        """Whom the list of a state is to show; nobody where single looks are cheaper."""
        group, now = self.group, self.now
        here = [] if state is None else self._by_state.get(state, [])
        mine = [m for m in here if m.id not in self.seen and m.id not in self._unplaced]
        coming = [
            m for m in self._unplaced.values() if m.id not in self.seen and _may_come_to(m, state)
        ]
        # Who may be in any of several lists may cost a page in each.
        pages = (group.pages(later, len(coming), now) for later in ahead)
        if not list_or_single(len(coming), sum(p for p in pages if p < len(coming))):
            for member in coming:
                del self._unplaced[member.id]  # they are asked for singly
            coming = []
        sought = mine + coming
        return sought if list_or_single(len(sought), group.pages(state, len(sought), now)) else []

    def walked(self, sought: Iterable[Watched[Any]], *, is_whole: bool) -> None:
        """Take in that a list was read; whom it was to show and did not may be in a later one."""
        for member in sought:
            if member.id not in self.seen:
                self.missed.add(member.id)
                if is_whole:
                    self._unplaced[member.id] = member

    @property
    def due(self) -> float:
        """Since when the first of those that it is to show is due."""
        return min((m.due for i, m in self.asked.items() if i not in self.seen), default=self.now)

    @property
    def may_waste(self) -> bool:
        """Whether a further page may be read that shows nothing that is sought."""
        return self.wasted <= max(1, len(self.asked) // 8)


def _may_come_to(member: Watched[Any], state: OpenEnum | None) -> bool:
    known = member.state
    if state is None or member.source.is_bare(member.item) or not known.is_known:
        return True
    return known != state and has_reached(state, known)


def _is_newest_first(times: Sequence[datetime]) -> bool:
    """Whether a page shows that its list runs from what changed last."""
    return len(times) > 1 and times[0] > times[-1] and list(times) == sorted(times, reverse=True)


@define(eq=False, repr=False)
class Walk:
    """One walk through the pages of a list: what it showed, and whether reading on pays."""

    sweep: Sweep
    state: OpenEnum | None
    sought: dict[str, Watched[Any]]
    """Whom it is to show yet."""
    is_whole: bool = False
    """Whether whoever it did not show is not in the list."""
    _pages: int = 0
    _items: int = 0
    _watched: int = 0
    _total: int | None = None
    _newest_first: bool = False
    _oldest: datetime | None = None

    def add(
        self,
        items: int,
        watched: int,
        found: int,
        times: Sequence[datetime],
        total: int | None,
        *,
        is_last: bool,
    ) -> None:
        """Take in a page: how many things, how many watched and newly found, when they changed."""
        group = self.sweep.group
        self._pages += 1
        self._items += items
        self._watched += watched
        self._total = total or self._total
        self.is_whole = is_last
        self.sweep.wasted += self._pages > 1 and not found
        if items and not is_last and self._pages == 1:
            group.per_page = items
        group.per_page = max(group.per_page, items)
        if self._pages == 1 and not is_last:
            self._newest_first = _is_newest_first(times)
        self._oldest = times[-1] if times else None

    def goes_on(self) -> bool:
        """Whether to read the next page."""
        if self.is_whole or not self.sought or not self.sweep.may_waste:
            return False
        if self._newest_first:
            # What comes now changed before any that is sought did.
            self.is_whole = self._is_too_old()
            return not self.is_whole
        left = None if self._total is None else self._total - self._items
        if left is None or left <= 0:  # nobody knows: what it may waste is the limit
            return True
        return list_or_single(len(self.sought), ceil(left / self.sweep.group.per_page))

    def _is_too_old(self) -> bool:
        updated_of = self.sweep.group.source.updated_of
        known = [updated_of(member.item) for member in self.sought.values()]
        times = [time for time in known if time is not None]
        if self._oldest is None or len(times) < len(known):
            return False
        return self._oldest < min(times) - _CLOCKS_DIFFER

    def learn(self) -> None:
        """Keep what the walk told of the list."""
        group, now = self.sweep.group, self.sweep.now
        if self._total is not None or self.is_whole:
            length: float = max(self._total or 0, self._items)
        else:
            length = inf  # longer than it was worth
        if not getattr(self.state, "is_terminal", False):
            length -= self._watched  # the rest are strangers for as long as they stay
        group.learn(self.state, Memory(max(0.0, length), self._newest_first, now))
