"""Which watched orders have a number, for callbacks that name one.

An order that this client created has its numbers in a filter of four bytes each. Asking each of
a thousand filters for each of the events that an order causes takes seconds, and a dictionary of
all numbers takes a hundred bytes each. So the orders stand in buckets, by some bits of the sums in
their filters: a number's event asks the few orders of one bucket.
"""

from __future__ import annotations

from typing import Any

from .._session.orders_api import NumberFilter
from ..models import Order
from ..models.orders import created_with
from .schedule import Watched

_BUCKETS = 0xFFFF


class NumberIndex:
    """The watched orders by their numbers."""

    def __init__(self) -> None:
        self.unknown: set[Watched[Any]] = set()
        """Orders whose numbers are not known."""
        self._buckets: dict[int, list[Watched[Any]]] = {}

    def add(self, member: Watched[Any], snapshot: object) -> None:
        """Take in what a snapshot of a watched thing tells of its numbers."""
        if member.numbers is not None or not isinstance(snapshot, Order):
            return
        numbers = created_with(snapshot)
        if isinstance(numbers, NumberFilter):
            member.numbers = numbers
            self.unknown.discard(member)
            for bucket in _buckets_of(numbers):
                self._buckets.setdefault(bucket, []).append(member)
        else:
            self.unknown.add(member)

    def remove(self, member: Watched[Any]) -> None:
        """Forget a thing that is watched no longer."""
        self.unknown.discard(member)
        for bucket in _buckets_of(member.numbers) if member.numbers is not None else ():
            members = self._buckets[bucket]
            members.remove(member)
            if not members:
                del self._buckets[bucket]

    def orders_with(self, phone_number: str) -> list[Watched[Any]]:
        """Return the orders that have a number."""
        members = self._buckets.get(NumberFilter.sum_of(phone_number) & _BUCKETS, ())
        return [m for m in members if m.numbers is not None and phone_number in m.numbers]


def _buckets_of(numbers: NumberFilter) -> set[int]:
    return {number & _BUCKETS for number in numbers.sums}
