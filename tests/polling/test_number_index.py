"""A number's callback finds its orders, however many are watched."""

from __future__ import annotations

import random

import pytest

from sinch_hosting import Order
from sinch_hosting._polling.number_index import NumberIndex
from sinch_hosting._polling.schedule import Watched
from sinch_hosting._polling.sources import orders_of
from sinch_hosting._session.orders_api import NumberFilter
from sinch_hosting.models.orders import remember_numbers

SOURCE = orders_of(None)  # type: ignore[arg-type]


def watched(name: str, numbers: list[str] | None) -> Watched[Order]:
    """A watched order, which was created with these numbers, or elsewhere."""
    order = Order(hosting_order_id=name)
    if numbers is not None:
        remember_numbers(order, NumberFilter.of(numbers))
    return Watched(SOURCE, name, order, 0.0, 0)


def test_it_finds_what_a_look_at_each_finds() -> None:
    """Orders share numbers, come and go, and may tell of their numbers later."""
    chance = random.Random(3)
    index, kept = NumberIndex(), dict[str, tuple[Watched[Order], list[str]]]()
    pool = [f"+1303555{n:04}" for n in range(300)]
    for step in range(600):
        if kept and chance.random() < 0.4:
            member, _ = kept.pop(chance.choice(sorted(kept)))
            index.remove(member)
        else:
            numbers = chance.sample(pool, chance.choice([1, 5, 50]))
            member = watched(f"o{step}", numbers)
            if chance.random() < 0.3:
                index.add(member, Order(hosting_order_id=member.id))
                assert member in index.unknown
            index.add(member, member.item)
            kept[member.id] = member, numbers
        number = chance.choice(pool)
        found = {member.id for member in index.orders_with(number)}
        assert found == {name for name, (_, numbers) in kept.items() if number in numbers}
    for member, _ in kept.values():
        index.remove(member)
    assert not index.unknown
    assert not any(index.orders_with(number) for number in pool)


def test_an_event_asks_few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand orders, those in one bucket; all of them took milliseconds an event."""
    index, asked = NumberIndex(), 0
    numbers = [f"+1303{n:07}" for n in range(10_000)]
    for number in numbers:
        member = watched(number, [number])
        index.add(member, member.item)
    contains = NumberFilter.__contains__

    def counted(self: NumberFilter, number: object) -> bool:
        nonlocal asked
        asked += 1
        return contains(self, number)

    monkeypatch.setattr(NumberFilter, "__contains__", counted)
    assert all(len(index.orders_with(number)) == 1 for number in numbers)
    assert asked <= 2 * len(numbers)


def test_what_is_no_order_has_no_place_in_it() -> None:
    """Numbers that are watched are found by themselves."""
    index, member = NumberIndex(), watched("o1", None)
    index.add(member, object())
    assert not index.unknown
    index.remove(member)
