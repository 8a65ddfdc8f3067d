"""Due times, notices and number filters; all of it without a loop."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sinch_hosting import Order, OrderState, PollPolicy
from sinch_hosting._polling.schedule import QUIET, Debounce, Watched
from sinch_hosting._polling.sources import orders_of
from sinch_hosting._session.orders_api import NumberFilter

POLICY = PollPolicy(initial=2, factor=2, maximum=10, jitter=0)


def _order(state: OrderState = OrderState.SUBMITTED, minute: int | None = None) -> Order:
    updated = None if minute is None else datetime(2026, 1, 5, 14, minute, tzinfo=UTC)
    return Order(hosting_order_id="o", state=state, updated_time=updated)


def _watched(order: Order) -> Watched[Order]:
    return Watched(orders_of(None), "o", order, 0.0, 0)  # type: ignore[arg-type]


def test_rests_grow_to_the_cap_and_start_anew_with_a_change_of_state() -> None:
    """2, 4, 8, 10, 10 seconds; after a change of state 2 again."""
    member, now, rests = _watched(_order()), 0.0, list[float]()
    for state in ["SUBMITTED"] * 5 + ["IN_PROGRESS"] * 2:
        member.take(_order(OrderState(state)), now, POLICY)
        rests.append(member.due - now)
        now = member.due

    assert rests == [2, 4, 8, 10, 10, 2, 4]


def test_a_look_that_came_early_does_not_lengthen_the_rest() -> None:
    """A list that is read for others shows it, too, and puts its next look off."""
    member = _watched(_order())
    member.take(_order(), 0.0, POLICY, listed_as=1)
    member.take(_order(), 0.5, POLICY, listed_as=1)

    assert (member.interval, member.due) == (2, 2.5)


def test_what_is_older_than_what_is_known_is_no_news() -> None:
    """A list that lags, or an answer that was overtaken, takes nothing back."""
    known = _order(OrderState.IN_PROGRESS, minute=30)
    member = _watched(known)

    assert not member.take(_order(OrderState.SUBMITTED, 20), 0.0, POLICY)
    assert not member.take(_order(OrderState.SUBMITTED, 30), 0.0, POLICY, listed_as=1)
    assert member.item is known
    assert member.take(_order(OrderState.SUBMITTED, 40), 0.0, POLICY, listed_as=1)


def test_without_times_only_lists_are_suspected_of_lagging() -> None:
    """A single answer is believed even where it goes back."""
    member = _watched(_order(OrderState.IN_PROGRESS))

    assert not member.take(_order(OrderState.SUBMITTED), 0.0, POLICY, listed_as=1)
    assert member.take(_order(OrderState.SUBMITTED), 0.0, POLICY)


def test_failures_put_a_look_off_for_longer_each_time_and_never_below_the_floor() -> None:
    """The service's Retry-After is a floor; a success starts anew."""
    member, rests = _watched(_order()), list[float]()
    for floor in (0.0, 0.0, 0.0, 0.0, 33.0):
        member.fail(0.0, POLICY, floor)
        rests.append(member.due)
    member.take(_order(), 0.0, POLICY)
    member.fail(0.0, POLICY, 0.0)

    assert rests == [2, 4, 8, 10, 33]
    assert member.due == 2


def test_what_its_list_misses_is_hidden_for_longer_each_time() -> None:
    """The first time may be a list that lags; then it is asked for singly for a while."""
    member, hidden = _watched(_order()), list[float]()
    for _ in range(30):
        member.was_missed(0.0)
        member.take(_order(), 100.0, POLICY)
        hidden.append(max(0.0, member.hidden_until - 100.0))

    assert hidden[:4] == [0, 20, 40, 80]
    assert hidden[-1] == 320
    member.take(_order(OrderState.IN_PROGRESS), 100.0, POLICY)
    assert not member.avoids_lists(100.0)


def test_lists_are_checked_by_single_looks_ever_more_rarely() -> None:
    """Four times as long each time, later where there are many, and no later than four hours."""
    member, gaps = _watched(_order()), list[float]()
    for _ in range(6):
        member.take(_order(), 100.0, POLICY)
        gaps.append((member.audit_at - 100.0) / member.audit_share)

    assert gaps[0] == pytest.approx(4 * 260)
    assert gaps[1] == pytest.approx(16 * 260)
    assert gaps[-1] == pytest.approx(4 * 3600)


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
