"""How the lists of a place are read.

Nothing here waits or sends a request. A *sweep* reads the lists of one place, in the order in which
orders go through their states. So a thing that changes its state meanwhile is seen at least once:

```
SUBMITTED   IN_PROGRESS   COMPLETED   REJECTED
    |            |            |           |
 things that were seen      a thing that the list of its state does not show is `unplaced`:
 in these states before     it may be in the list of any later state
```

A list is read where `list_or_single` says so. Reading the pages of one list is a *walk*. It ends as
soon as the things that it may still show are fewer than the pages that are left. A further page
that shows nothing that is sought is *wasted*. A sweep wastes at most an eighth of the requests that
single looks would take. So lists that do not work cost at most that, and the first page of each
list, beside the single looks. A list that showed some of the sought things the last time may begin
with what changed first, so that new things are on its last pages: there no page counts as wasted.
A thing that a sweep should have shown and did not show is read singly.

A walk of many pages takes minutes where the budget is small, and may show its list as it was when
the walk began. So its first page is read again from time to time. Where the list has fewer pages
now than are left of the walk, the walk ends and the sweep begins anew (`Walk.is_past`).
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
from .sources import Json, fingerprint

_CLOCKS_DIFFER = timedelta(seconds=60)
_CHECKED_AFTER, _CHECKED_EACH = 5.0, 10
"""Seconds and pages of a walk after which its first page is read again: both have to pass."""


@define(eq=False, repr=False)
class Sweep:
    """One reading of the lists of a place: what is sought in which list, and what was seen."""

    group: Group
    now: float
    asked: dict[str, Watched[Any]]
    """The things that it should show, by id."""
    candidates: set[str] = field(factory=set)
    """Those of them whose place is not known."""
    seen: set[str] = field(factory=set)
    """The things that it has shown."""
    missed: set[str] = field(factory=set)
    """The things that a list should have shown and has not shown."""
    read: set[OpenEnum | None] = field(factory=set)
    """The states whose lists were read to the end."""
    wasted: int = 0
    """How many further pages showed nothing that was sought."""
    began: float = NEVER
    """When its first request was sent."""
    is_past: bool = False
    """Whether it was ended early, to begin anew."""
    may_begin_anew: bool = True
    """Whether it may be ended early; not twice in a row."""
    has_turn: bool = False
    """Whether it has a turn for its next request."""
    _unplaced: dict[str, Watched[Any]] = field(factory=dict)
    _by_state: dict[OpenEnum, list[Watched[Any]]] = field(factory=dict)
    _by_due: list[Watched[Any]] = field(factory=list)
    """The things that it should show; at the end the one that was due first when it began."""

    @classmethod
    def of(
        cls,
        group: Group,
        due: Iterable[Watched[Any]],
        candidates: Iterable[Watched[Any]],
        now: float,
    ) -> Sweep:
        """Return a sweep for members that are due or nearly due, and for candidates."""
        others = [m for m in candidates if not m.avoids_lists(now)]
        made = cls(group, now, {m.id: m for m in (*due, *others)}, {m.id for m in others})
        made.may_begin_anew, group.was_past = not group.was_past, False
        for member in made.asked.values():
            if group.source.is_bare(member.item):
                made._unplaced[member.id] = member
            else:
                made._by_state.setdefault(member.state, []).append(member)
        made._by_due = sorted(made.asked.values(), key=lambda m: m.due, reverse=True)
        return made

    def of_unknown_state(self) -> list[Watched[Any]]:
        """Return the things of which no state is known yet."""
        return list(self._unplaced.values())

    def lists(self) -> Iterator[tuple[OpenEnum | None, list[Watched[Any]]]]:
        """Give the lists that are worth reading, each with the things that it should show."""
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
        """Return what the list of a state should show; nothing where single looks cost less."""
        group, now = self.group, self.now
        here = [] if state is None else self._by_state.get(state, [])
        mine = [m for m in here if m.id not in self.seen and m.id not in self._unplaced]
        coming = [
            m for m in self._unplaced.values() if m.id not in self.seen and _may_come_to(m, state)
        ]
        # A thing that may be in any of several lists may take a page of each.
        pages = (group.pages(later, len(coming), now) for later in ahead)
        if not list_or_single(len(coming), sum(p for p in pages if p < len(coming))):
            for member in coming:
                del self._unplaced[member.id]  # it is read singly
            coming = []
        sought = mine + coming
        return sought if list_or_single(len(sought), group.pages(state, len(sought), now)) else []

    def begin(self, now: float) -> None:
        """Note when the first request is sent."""
        if self.began == NEVER:
            self.began = now

    def begin_anew(self, now: float) -> None:
        """End it early; the next sweep seeks all that it sought, and begins at once."""
        self.is_past = self.group.was_past = True
        for member in self.asked.values():
            member.due = min(member.due, now)
        self.group.bring_forward(now)

    def walked(self, sought: Iterable[Watched[Any]], *, is_whole: bool) -> None:
        """Handle the end of a walk; what the list did not show may be in a later list."""
        for member in sought:
            if member.id not in self.seen:
                self.missed.add(member.id)
                if is_whole:
                    self._unplaced[member.id] = member

    def seek_missing(self, state: OpenEnum | None) -> None:
        """Seek, in later lists, things of this state that a list does not show any more.

        The list was read to its end, so they have left it, also where they are not due yet.
        """
        self.read.add(state)
        for thing_id, member in self.group.members.items():
            if thing_id in self.asked or thing_id in self.seen or member.avoids_lists(self.now):
                continue
            if state is not None and member.state == state:
                self.asked[thing_id] = self._unplaced[thing_id] = member

    def absent(self) -> list[Watched[Any]]:
        """Return the things that no list of the place shows, where all were read to the end."""
        place = self.group.place
        if place is None or not self.read.issuperset(self.group.source.states_at(place)):
            return []
        return [m for i, m in self.asked.items() if i in self._unplaced and i not in self.seen]

    def due(self) -> float:
        """Return when the first of the things that it should still show became due."""
        while self._by_due and self._by_due[-1].id in self.seen:
            self._by_due.pop()
        return self._by_due[-1].due if self._by_due else self.now

    def shows_the_past(self, thing_id: str, raw: Json) -> bool:
        """Whether an item of a list is as it was before a single look that was made earlier."""
        trust = self.group.trust
        mismatch = trust.mismatches.get(thing_id)
        if mismatch is None or mismatch.listed_as != fingerprint(raw):
            return False
        trust.shown_as_before(thing_id, self.began)
        return True

    @property
    def may_waste(self) -> bool:
        """Whether one more page may be wasted."""
        return self.wasted <= max(1, len(self.asked) // 8)


def _may_come_to(member: Watched[Any], state: OpenEnum | None) -> bool:
    known = member.state
    if state is None or member.source.is_bare(member.item) or not known.is_known:
        return True
    return known != state and has_reached(state, known)


def _is_newest_first(times: Sequence[datetime]) -> bool:
    """Whether the times on a page show that its list begins with what changed last."""
    return len(times) > 1 and times[0] > times[-1] and list(times) == sorted(times, reverse=True)


@define(eq=False, repr=False)
class Walk:
    """One reading of the pages of a list: what it showed, and whether the next page is worth it."""

    sweep: Sweep
    state: OpenEnum | None
    sought: dict[str, Watched[Any]]
    """The things that it should still show."""
    is_whole: bool = False
    """Whether the sought things that it did not show are certainly not in the list."""
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
        """Handle a page.

        Args:
            items: how many items it has.
            watched: how many of them are watched.
            found: how many of them were sought, and are shown for the first time.
            times: when its items changed last, where `wants_times` says so.
            total: how many items the list has, where the page says so.
            is_last: whether no page follows.
        """
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
            # Whatever comes now changed before all that is sought.
            self.is_whole = self._is_too_old()
            return not self.is_whole
        left = None if self._total is None else self._total - self._items
        if left is None or left <= 0:  # not known: the wasted pages are the limit
            return True
        return list_or_single(len(self.sought), ceil(left / self.sweep.group.per_page))

    @property
    def wants_times(self) -> bool:
        """Whether the times of the next page tell something."""
        return not self._pages or self._newest_first

    def is_to_be_checked(self, now: float) -> bool:
        """Whether the walk takes so long that its first page has to be read again."""
        return (
            self.sweep.may_begin_anew
            and now - self._checked_at >= _CHECKED_AFTER
            and self._pages - self._checked_with >= _CHECKED_EACH
            and not getattr(self.state, "is_terminal", False)  # such a list only grows
        )

    def is_past(self, total: int | None, now: float, *, is_last: bool) -> bool:
        """Whether the list has fewer pages now than are left to read.

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
        """Remember what the walk told about the list."""
        group, now = self.sweep.group, self.sweep.now
        known = group.memory(self.state, now)
        if self.is_whole or (self._total is not None and (self._found or self._may_waste)):
            length: float = max(self._total or 0, self._items)
        elif not self.sought:  # it ended with the last that was sought, and nobody knows more
            length = self._items + (known.unwatched if known is not None else 0)
        else:
            length = inf  # too long to be worth reading, whatever its total says
        if not getattr(self.state, "is_terminal", False):
            length -= self._watched  # those that are watched leave this state
        group.learn(self.state, Memory(max(0.0, length), self._newest_first, self._found > 0, now))
