"""The plan of a round: lists or single requests, from what was learnt."""

from __future__ import annotations

import pytest

from sinch_hosting import Order, OrderState, OrderType
from sinch_hosting._polling.lists import Group, Place, Walk
from sinch_hosting._polling.schedule import WatchedOrder

SUBMITTED, IN_PROGRESS = OrderState.SUBMITTED, OrderState.IN_PROGRESS
KEY = Place(OrderType.IMPORT, "plan", "C1")


def _group(count: int, state: OrderState = SUBMITTED, key: Place = KEY) -> Group:
    group = Group(key)
    for n in range(count):
        order = Order(
            hosting_order_id=f"o{n}",
            state=state,
            type=key.type,
            service_plan_id="plan",
            campaign_id=key.campaign_id,
        )
        group.members[order.hosting_order_id] = WatchedOrder(order, 0.0)
    return group


def _members(group: Group) -> list[WatchedOrder]:
    return list(group.members.values())


@pytest.mark.parametrize(
    ("count", "others", "is_cheaper"),
    [
        (1, 0, False),
        (2, 0, True),
        (2, 999, True),
        (2, 1999, False),
        (3, 1500, True),
        (100, 200_000, False),
    ],
)
def test_the_cheaper_of_list_and_single_requests_is_taken(
    count: int, others: int, is_cheaper: bool
) -> None:
    """One page against so many single requests, given what else the list holds."""
    group = _group(count)
    group.learn_others(SUBMITTED, others, 0.0)

    assert group.list_is_cheaper(SUBMITTED, _members(group), 1.0) is is_cheaper


def test_what_was_learnt_is_forgotten_after_an_hour() -> None:
    """A list that was long may be short by now."""
    group = _group(10)
    group.learn_others(SUBMITTED, 1_000_000, 0.0)

    assert not group.list_is_cheaper(SUBMITTED, _members(group), 3599.0)
    assert group.list_is_cheaper(SUBMITTED, _members(group), 3600.0)


def test_orders_that_no_list_shows_do_not_speak_for_a_list() -> None:
    """They are asked for singly, whatever a list would cost."""
    group = _group(5)
    for member in _members(group):
        member.hidden_until = 100.0

    assert not group.list_is_cheaper(SUBMITTED, _members(group), 50.0)
    assert group.list_is_cheaper(SUBMITTED, _members(group), 100.0)


def test_states_are_those_known_or_to_come_and_never_terminal() -> None:
    """In the order of life, one that this version does not know at the end."""
    group = _group(2)
    strange = _members(group)[0]
    strange.order = Order(hosting_order_id="o0", state=OrderState("ON_HOLD"))
    done = WatchedOrder(Order(hosting_order_id="o9", state=OrderState.COMPLETED), 0.0)

    assert group.states([*_members(group), done]) == (SUBMITTED, IN_PROGRESS, "ON_HOLD")


def test_an_order_is_looked_for_where_it_was_and_where_it_may_have_gone() -> None:
    """Gone from its own list it may be in a later one, never in an earlier one."""
    group = _group(1, IN_PROGRESS)
    (member,) = _members(group)

    assert group.expected(IN_PROGRESS, [member], ()) == [member]
    assert group.expected(SUBMITTED, [member], {"o0"}) == []
    member.order = Order(hosting_order_id="o0", state=SUBMITTED)
    assert group.expected(IN_PROGRESS, [member], ()) == []
    assert group.expected(IN_PROGRESS, [member], {"o0"}) == [member]
    member.order = Order(hosting_order_id="o0")
    assert group.expected(SUBMITTED, [member], {"o0"}) == [member]


@pytest.mark.parametrize(
    ("key", "can"),
    [
        (KEY, True),
        (Place(OrderType.TEXT_ENABLE, "plan", ""), True),
        (Place(OrderType.TEXT_ENABLE, "", "C1"), False),
        (Place(OrderType.UNSPECIFIED, "plan", "C1"), False),
    ],
)
def test_what_the_list_needs_has_to_be_known(key: Place, can: bool) -> None:
    """A list asks for a type and a service plan; an empty campaign is worth a try."""
    assert Group(key).can_list(0.0) is can


def test_a_refused_list_is_first_tried_without_a_size_and_then_left_for_an_hour() -> None:
    """A service may not like a page of 1,000; other refusals are final for now."""
    group = _group(2)
    group.refuse(0.0, maybe_size=True)
    assert (group.page_size, group.can_list(0.0)) == (None, True)
    group.refuse(0.0, maybe_size=True)
    assert not group.can_list(3599.0)
    assert group.can_list(3600.0)

    other = _group(2)
    other.refuse(0.0, maybe_size=False)
    assert not other.can_list(0.0)


def _walk(group: Group, pages: list[tuple[int, int]], total: int | None, unfound: int) -> Walk:
    """Read (items, mine) pages for as long as it pays."""
    walk = Walk(group, SUBMITTED, 0.0)
    for at, (items, mine) in enumerate(pages):
        walk.add(items, mine, total, is_last=at == len(pages) - 1)
        unfound -= mine
        if not walk.goes_on(unfound):
            break
    walk.learn()
    return walk


def test_a_walk_ends_with_the_last_order_that_it_looked_for() -> None:
    """What comes behind it is nobody's concern."""
    walk = _walk(_group(3), [(100, 3), (100, 0), (100, 0)], None, unfound=3)

    assert walk.items == 100


def test_a_walk_through_strangers_is_given_up_before_it_costs_more_than_twice() -> None:
    """A list of unknown length is read as long as asking singly would have cost."""
    group = _group(8)
    walk = _walk(group, [(10, 0)] * 1000, None, unfound=8)

    assert walk.items <= 80
    assert not group.list_is_cheaper(SUBMITTED, _members(group), 1.0)


def test_a_total_tells_at_once_that_a_walk_does_not_pay() -> None:
    """Where the service says how long the list is, one page is enough to know."""
    group = _group(8)
    walk = _walk(group, [(10, 0)] * 1000, 10_000, unfound=8)

    assert walk.items == 10
    assert group.length(SUBMITTED, 0.0) == 10_000


def test_pages_are_as_large_as_those_that_others_followed() -> None:
    """The last page says nothing of the service's cap."""
    group = _group(45)
    _walk(group, [(20, 20), (20, 20), (5, 5)], None, unfound=45)

    assert group.pages(45) == 3
    assert group.pages(0) == 1


def test_an_empty_page_that_goes_on_is_a_page_all_the_same() -> None:
    """A service that gives nothing but tokens makes its lists expensive."""
    group = _group(4)
    walk = _walk(group, [(0, 0)] * 50, None, unfound=4)

    assert walk.items == 0
    assert not group.list_is_cheaper(SUBMITTED, _members(group), 1.0)
