"""What is watched: each thing by its id, by its place, and by its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from attrs import define, field

from ..models import ImportedNumber, Order, QualifiedNumber
from .lists import Group
from .number_index import NumberIndex
from .schedule import FRESH, Watched
from .sources import Place, Source

T = TypeVar("T", Order, QualifiedNumber, ImportedNumber)


@define(eq=False, repr=False)
class Registry:
    """The watched things of a client."""

    _by_noun: dict[str, dict[str, Watched[Any]]] = field(factory=dict)
    """Things by id, for each kind of thing."""
    groups: dict[tuple[str, Place | None], Group] = field(factory=dict)
    """Groups by noun and place."""
    numbers: NumberIndex = field(factory=NumberIndex)
    _count: int = 0

    def __len__(self) -> int:
        return sum(map(len, self._by_noun.values()))

    def __iter__(self) -> Iterator[Watched[Any]]:
        """Give all things, whatever is added or removed meanwhile."""
        return iter([member for things in self._by_noun.values() for member in things.values()])

    def things(self, source: Source[T]) -> dict[str, Watched[T]]:
        """Return the watched things of a source, by id."""
        return self._by_noun.setdefault(source.noun, {})

    def add(self, source: Source[T], thing: T, now: float) -> Watched[T]:
        """Watch a thing, which is due at once."""
        member = Watched(source, source.id_of(thing), thing, now, self._count)
        self._count += 1
        member.fresh_until = now + FRESH
        self.things(source)[member.id] = member
        self._join(member)
        return member

    def remove(self, member: Watched[Any]) -> bool:
        """Forget a thing; returns whether it was watched."""
        if self.things(member.source).pop(member.id, None) is None:
            return False
        self._leave(member)
        self.numbers.remove(member)
        return True

    def regroup(self, member: Watched[Any]) -> None:
        """Move a thing to the group of the place that its snapshot names now."""
        if member.id not in self.things(member.source):
            return
        if member.source.place_of(member.item) != member.group.place:
            self._leave(member)
            self._join(member)

    def _leave(self, member: Watched[Any]) -> None:
        group: Group = member.group
        del group.members[member.id]
        if not group.members:
            del self.groups[group.source.noun, group.place]

    def _join(self, member: Watched[Any]) -> None:
        source, place = member.source, member.source.place_of(member.item)
        if place is not None and not source.states_at(place):
            place = None  # no list can show it
        group = self.groups.get((source.noun, place))
        if group is None:
            group = self.groups[source.noun, place] = Group(source, place)
        member.group = group
        group.members[member.id] = member
        group.bring_forward(member.due)

    def named(self, resource_id: str, now: float) -> list[Watched[Any]]:
        """Return the things with this id, and the orders that have this number.

        Where no order is known to have the number, those that may have it become due.
        """
        named = [m for things in self._by_noun.values() if (m := things.get(resource_id))]
        if resource_id.startswith("+"):
            orders = self.numbers.orders_with(resource_id)
            if not orders:
                for group in {member.group for member in self.numbers.unknown}:
                    group.notice(now)
            named += orders
        return named

    def move(self, seconds: float) -> None:
        """Move all planned times by so many seconds, after the clock was set."""
        for group in self.groups.values():
            group.move(seconds)
