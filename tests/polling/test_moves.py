"""Where the things of other groups went lately."""

from __future__ import annotations

import pytest

from sinch_hosting import Order, OrderState, OrderType
from sinch_hosting._polling.lists import Group
from sinch_hosting._polling.moves import Moves
from sinch_hosting._polling.schedule import Watched
from sinch_hosting._polling.sources import orders_of

LIVE, DONE, REJECTED = OrderState.IN_PROGRESS, OrderState.COMPLETED, OrderState.REJECTED
SOURCE = orders_of(None)  # type: ignore[arg-type]


def group(name: str = "c") -> Group:
    """Return a group of import orders."""
    return Group(SOURCE, (OrderType.IMPORT, "plan", name))


def orders(count: int, state: OrderState = LIVE) -> list[Watched[Order]]:
    """Return watched orders in a state."""
    made = [Order(hosting_order_id=f"o{n}", state=state) for n in range(count)]
    return [Watched(SOURCE, o.hosting_order_id, o, 0.0, n) for n, o in enumerate(made)]


def test_two_groups_that_moved_alike_tell_where_the_next_one_is() -> None:
    """One group alone does not, however often it moves."""
    moves, first = Moves(), group("a")
    moves.moved(first, LIVE, DONE)
    moves.moved(first, LIVE, DONE)
    assert moves.expected(group(), LIVE, orders(2), 0.0) is None
    moves.moved(group("b"), LIVE, DONE)
    assert moves.expected(group(), LIVE, orders(2), 0.0) == DONE


@pytest.mark.parametrize("count", [0, 1, 1001])
def test_a_single_thing_and_more_than_a_page_are_read_as_before(count: int) -> None:
    """A list must take fewer requests than single looks, and be short."""
    moves = Moves()
    for name in "ab":
        moves.moved(group(name), LIVE, DONE)
    assert moves.expected(group(), LIVE, orders(count), 0.0) is None


def test_what_stays_or_goes_elsewhere_ends_the_row() -> None:
    """A row of groups is one without an exception."""
    moves = Moves()
    for name in "ab":
        moves.moved(group(name), LIVE, DONE)
    moves.stayed(group("c"), LIVE)
    moves.moved(group("d"), LIVE, DONE)
    assert moves.expected(group(), LIVE, orders(2), 0.0) is None
    moves.moved(group("e"), LIVE, REJECTED)
    moves.moved(group("f"), LIVE, DONE)
    assert moves.expected(group(), LIVE, orders(2), 0.0) is None


def test_things_of_another_state_are_not_expected_there() -> None:
    """What comes from an earlier state is sought in all lists from there on."""
    moves = Moves()
    for name in "ab":
        moves.moved(group(name), LIVE, DONE)
    mixed = [*orders(2), *orders(1, OrderState.SUBMITTED)]
    assert moves.expected(group(), LIVE, mixed, 0.0) is None
    assert moves.expected(group(), None, orders(2), 0.0) is None
