"""How the lists of a place are read.

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
single looks. A list that has shown some of those that were sought the last time may run from what
changed first, so that they are on its last pages: none of them is wasted then. Whoever a sweep was
to show and did not is asked for singly.

A walk of many pages takes long where the budget is small, and shows its list as it stood when the
walk began. So its first page is read again now and then: where the list of now has fewer pages
than are left of the old one, the walk is left and the sweep begins anew (`Walk.is_past`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil, inf
from typing import Any

from attrs import define, field

from ..states import OpenEnum, has_reached, in_order_of_life
from .lists import Group, Memory, list_or_single
from .schedule import NEVER, Watched

_CLOCKS_DIFFER = timedelta(seconds=60)
_CHECKED_AFTER, _CHECKED_EACH = 15.0, 10
"""Seconds and pages of a walk after which its first page is read again."""


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
    read: set[OpenEnum | None] = field(factory=set)
    """The states whose lists were read to the end."""
    wasted: int = 0
    began: float = NEVER
    """When the first request of it left."""
    is_past: bool = False
    """Whether it was left to begin anew."""
    may_begin_anew: bool = True
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
        made.may_begin_anew, group.was_past = not group.was_past, False
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
            sought = [] if self.is_past else self._sought(state, states[index:])
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

    def begin(self, now: float) -> None:
        """Note that a request leaves."""
        if self.began == NEVER:
            self.began = now

    def begin_anew(self, now: float) -> None:
        """Leave it, so that the next sweep seeks all of it at once."""
        self.is_past = self.group.was_past = True
        for member in self.asked.values():
            member.due = min(member.due, now)
        self.group.bring_forward(now)

    def walked(self, sought: Iterable[Watched[Any]], *, is_whole: bool) -> None:
        """Take in that a list was read; whom it was to show and did not may be in a later one."""
        for member in sought:
            if member.id not in self.seen:
                self.missed.add(member.id)
                if is_whole:
                    self._unplaced[member.id] = member

    def seek_missing(self, state: OpenEnum | None) -> None:
        """Seek whoever was in a list, is due later, and is not there now: it has left.

        The list was read to its end.
        """
        self.read.add(state)
        for thing_id, member in self.group.members.items():
            if thing_id in self.asked or thing_id in self.seen or member.avoids_lists(self.now):
                continue
            if state is not None and member.state == state:
                self.asked[thing_id] = self._unplaced[thing_id] = member

    def absent(self) -> list[Watched[Any]]:
        """Return whom no list of the place shows, where all were read to the end."""
        place = self.group.place
        if place is None or not self.read.issuperset(self.group.source.states_at(place)):
            return []
        return [m for i, m in self.asked.items() if i in self._unplaced and i not in self.seen]

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
    is_read: bool = False
    """Whether its last page was read."""
    _pages: int = 0
    _items: int = 0
    _watched: int = 0
    _total: int | None = None
    _newest_first: bool = False
    _oldest: datetime | None = None
    _found: int = 0
    _in_vain: int = 0
    """How many further pages showed nothing that is sought."""
    _count: int = field(init=False)
    """How many were sought when it began."""
    _delivers: bool = field(init=False)
    _checked_at: float = field(init=False)
    _checked_with: int = 0
    """How many pages there were when the first one was read last."""

    def __attrs_post_init__(self) -> None:
        self._checked_at, self._count = self.sweep.now, len(self.sought)
        known = self.sweep.group.memory(self.state, self.sweep.now)
        self._delivers = known is not None and known.delivers

    @property
    def _may_waste(self) -> bool:
        if self._delivers:
            return list_or_single(self._count, self._in_vain)
        return self.sweep.may_waste

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
        self.is_whole = self.is_read = is_last
        if self._pages > 1 and not found:
            self._in_vain += 1
            self.sweep.wasted += not self._delivers
        self._found += found
        if items and not is_last and self._pages == 1:
            group.per_page = items
        group.per_page = max(group.per_page, items)
        if self._pages == 1 and not is_last:
            self._newest_first = _is_newest_first(times)
        self._oldest = times[-1] if times else None

    def goes_on(self) -> bool:
        """Whether to read the next page."""
        if self.is_whole or not self.sought or not self._may_waste:
            return False
        if self._newest_first:
            # What comes now changed before any that is sought did.
            self.is_whole = self._is_too_old()
            return not self.is_whole
        left = None if self._total is None else self._total - self._items
        if left is None or left <= 0:  # nobody knows: what it may waste is the limit
            return True
        return list_or_single(len(self.sought), ceil(left / self.sweep.group.per_page))

    def is_to_be_checked(self, now: float) -> bool:
        """Whether it took so long that its list may be another one by now."""
        return (
            self.sweep.may_begin_anew
            and now - self._checked_at >= _CHECKED_AFTER
            and self._pages - self._checked_with >= _CHECKED_EACH
            and not getattr(self.state, "is_terminal", False)  # such a list only grows
        )

    def is_past(self, total: int | None, now: float, *, is_last: bool) -> bool:
        """Whether the list is now shorter than what is left of it to read.

        Args:
            total: the length of the list, as its first page tells now.
            now: the time.
            is_last: whether that page is the whole list.
        """
        self._checked_at, self._checked_with = now, self._pages
        per_page = self.sweep.group.per_page
        if total is None and not is_last:
            return False
        pages = 1 if is_last else ceil((total or 0) / per_page)
        left = inf if self._total is None else ceil((self._total - self._items) / per_page)
        return pages < left

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
        group.learn(self.state, Memory(max(0.0, length), self._newest_first, self._found > 0, now))
