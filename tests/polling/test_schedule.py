"""Due times, notices, digests and the budget; all of it without a loop."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_hosting import Order, OrderState, PollPolicy
from sinch_hosting._polling.schedule import (
    QUIET,
    Budget,
    Debounce,
    WatchedOrder,
    budget_of,
    live_states,
)
from sinch_hosting._session.orders_api import NumberFilter
from sinch_hosting.states import OrderType

POLICY = PollPolicy(initial=2, factor=2, maximum=10, jitter=0)


def _order(state: OrderState = OrderState.SUBMITTED, minute: int | None = None) -> Order:
    updated = None if minute is None else datetime(2026, 1, 5, 14, minute, tzinfo=UTC)
    return Order(hosting_order_id="o", state=state, updated_time=updated)


def test_rests_grow_to_the_cap_and_start_anew_with_a_change_of_state() -> None:
    """2, 4, 8, 10, 10 seconds; after a change of state 2 again."""
    member, now, rests = WatchedOrder(_order(), 0.0), 0.0, list[float]()
    for state in ["SUBMITTED"] * 5 + ["IN_PROGRESS"] * 2:
        member.take(_order(OrderState(state)), now, POLICY, from_list=False)
        rests.append(member.due - now)
        now = member.due

    assert rests == [2, 4, 8, 10, 10, 2, 4]


def test_a_look_that_came_early_does_not_lengthen_the_rest() -> None:
    """A list that is read for others shows it, too, and puts its next look off."""
    member = WatchedOrder(_order(), 0.0)
    member.take(_order(), 0.0, POLICY, from_list=True)
    member.take(_order(), 0.5, POLICY, from_list=True)

    assert (member.interval, member.due) == (2, 2.5)


def test_what_is_older_than_what_is_known_is_no_news() -> None:
    """A list that lags, or an answer that was overtaken, takes nothing back."""
    known = _order(OrderState.IN_PROGRESS, minute=30)
    member = WatchedOrder(known, 0.0)

    assert not member.take(_order(OrderState.SUBMITTED, 20), 0.0, POLICY, from_list=False)
    assert not member.take(_order(OrderState.SUBMITTED, 30), 0.0, POLICY, from_list=True)
    assert member.order is known
    assert member.take(_order(OrderState.SUBMITTED, 40), 0.0, POLICY, from_list=True)


def test_without_times_only_lists_are_suspected_of_lagging() -> None:
    """A single answer is believed even where it goes back."""
    member = WatchedOrder(_order(OrderState.IN_PROGRESS), 0.0)

    assert not member.take(_order(OrderState.SUBMITTED), 0.0, POLICY, from_list=True)
    assert member.take(_order(OrderState.SUBMITTED), 0.0, POLICY, from_list=False)


def test_failures_put_a_look_off_for_longer_each_time_and_never_below_the_floor() -> None:
    """The service's Retry-After is a floor; a success starts anew."""
    member, rests = WatchedOrder(_order(), 0.0), list[float]()
    for floor in (0.0, 0.0, 0.0, 0.0, 33.0):
        member.fail(0.0, POLICY, floor)
        rests.append(member.due)
    member.take(_order(), 0.0, POLICY, from_list=False)
    member.fail(0.0, POLICY, 0.0)

    assert rests == [2, 4, 8, 10, 33]
    assert member.due == 2


def test_an_order_that_its_list_misses_is_hidden_for_longer_each_time() -> None:
    """The first time may be a list that lags; then it is asked for singly for a while."""
    member, hidden = WatchedOrder(_order(), 0.0), list[float]()
    for _ in range(30):
        member.miss(100.0, POLICY)
        hidden.append(member.hidden_until - 100.0)

    assert hidden[:4] == [0, 10, 20, 30]
    assert hidden[-1] == 160


def test_of_many_notices_the_first_counts_at_once_and_the_rest_together() -> None:
    """500 within half a second are two looks; a steady stream is two a second."""
    notices = Debounce()
    burst = {notices.take(10.0 + n / 1000) for n in range(500)}
    assert burst == {10.0, 10.0 + QUIET}

    assert notices.take(10.6) == 11.0  # the second look began a quiet of its own
    assert notices.take(12.0) == 12.0


def test_a_digest_knows_its_numbers_in_four_bytes_each() -> None:
    """No stranger among a thousand passes, and none of its own is missed."""
    numbers = [f"+1202555{n:04}" for n in range(500)]
    digest = NumberFilter.of(numbers)

    assert all(number in digest for number in numbers)
    assert not any(f"+1303555{n:04}" in digest for n in range(1000))
    assert "+12025550000" not in NumberFilter.of([])


@given(
    per_minute=st.floats(1, 1000),
    pauses=st.lists(st.floats(0, 20), min_size=1, max_size=300),
)
def test_no_minute_sees_more_requests_than_the_budget(
    per_minute: float, pauses: list[float]
) -> None:
    """Whenever requests want to leave, as many as are allowed leave in any minute, at most."""
    budget, now, left = Budget(per_minute), 1000.0, list[float]()
    for pause in pauses:
        now += pause
        now += budget.wait(now)
        budget.spend(now)
        left.append(now)

    for start in left:
        assert sum(start <= at < start + 59.999 for at in left) <= per_minute + 1e-6


def test_what_could_not_wait_is_a_debt_with_an_end() -> None:
    """Callbacks spend without waiting; polling is held up for a while, not for ever."""
    budget = Budget(60)
    for _ in range(10_000):
        budget.spend(0.0)

    assert 0 < budget.wait(0.0) < 60


def test_a_wait_for_the_budget_moves_a_clock_that_counts_from_1970() -> None:
    """A rest that is lost in the clock's floats would be taken for ever."""
    budget, now = Budget(60), 1_767_621_600.0
    for _ in range(1000):
        budget.spend(now)
        rest = budget.wait(now)
        assert rest == 0 or now + rest > now
        now += rest


def test_a_budget_that_the_clock_left_behind_goes_on() -> None:
    """A clock that is set back takes nothing from it, and gives it nothing."""
    budget = Budget(60)
    budget.spend(1000.0)

    assert budget.wait(10.0) == 0.0


@pytest.mark.parametrize(
    ("rate", "per_minute"), [(None, 600), (100.0, 600), (2.0, 60)], ids=["no pace", "fast", "slow"]
)
def test_polling_gets_at_most_half_of_the_pace(rate: float | None, per_minute: float) -> None:
    """The client's own pace leaves room for other calls."""
    assert budget_of(PollPolicy(), rate).per_minute == per_minute


def test_every_type_has_its_own_life() -> None:
    """Imports have no letter to wait for; of an unknown type nothing is known."""
    assert OrderState.WAITING_FOR_LOA_SIGNATURE not in live_states(OrderType.IMPORT)
    assert OrderState.WAITING_FOR_LOA_SIGNATURE in live_states(OrderType.TEXT_ENABLE)
    assert live_states(OrderType("NEW_TYPE")) == ()
