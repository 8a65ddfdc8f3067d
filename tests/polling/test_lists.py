"""Lists or single looks: the rule as a table, and what a sweep and a walk make of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sinch_hosting import Order, OrderState, OrderType
from sinch_hosting._polling.lists import Group, Memory, list_or_single
from sinch_hosting._polling.schedule import Watched
from sinch_hosting._polling.sources import orders_of
from sinch_hosting._polling.sweeps import Sweep, Walk
from sinch_hosting._polling.trust import Trust
from sinch_hosting.states import COMPLETED, REJECTED

SOURCE = orders_of(None)  # type: ignore[arg-type]
SUBMITTED, IN_PROGRESS = OrderState.SUBMITTED, OrderState.IN_PROGRESS
UNKNOWN = OrderState.UNSPECIFIED
NOW = 1000.0


@pytest.mark.parametrize(
    ("sought", "pages", "is_list"),
    [
        (0, 1, False),
        (1, 1, False),  # a single look is certain
        (2, 1, True),
        (2, 2, False),
        (40, 2, True),
        (40, 40, False),
        (40, 41, False),
        (1000, 1, True),
        (1000, 50, True),
        (1000, 1_000_000, False),
    ],
)
def test_the_rule(sought: int, pages: int, is_list: bool) -> None:
    """What takes fewer requests; the budget does not enter, both take a token each."""
    assert list_or_single(sought, pages) is is_list


def group(states: dict[OrderState, int], kind: OrderType = OrderType.IMPORT) -> Group:
    """A group with so many orders in each state, all of them due."""
    made = Group(SOURCE, (kind, "plan", "C1"))
    for state, count in states.items():
        for _ in range(count):
            number = len(made.members)
            order = Order(hosting_order_id=f"o{number}", state=state, type=kind)
            made.members[f"o{number}"] = Watched(SOURCE, f"o{number}", order, NOW, number, made)
    return made


def due_in(group: Group) -> list[Watched[Order]]:
    """The orders that a sweep seeks."""
    return [m for m in group.members.values() if not m.avoids_lists(NOW)]


def walk_all(group: Group, shown: dict[OrderState, set[str]]) -> list[str]:
    """The lists that a sweep reads, where each shows these orders."""
    sweep, read = Sweep.of(group, due_in(group), (), NOW), list[str]()
    for state, sought in sweep.lists():
        assert state is not None
        read.append(state)
        sweep.seen |= shown.get(state, set())
        sweep.walked(sought, is_whole=True)
    return read


@pytest.mark.parametrize(
    ("states", "shown", "read"),
    [
        ({IN_PROGRESS: 1}, {}, []),
        ({IN_PROGRESS: 2}, {IN_PROGRESS: {"o0", "o1"}}, ["IN_PROGRESS"]),
        # Two that left are asked for singly: they may be in two lists.
        ({IN_PROGRESS: 2}, {}, ["IN_PROGRESS"]),
        ({IN_PROGRESS: 3}, {}, ["IN_PROGRESS", "COMPLETED", "REJECTED"]),
        ({IN_PROGRESS: 3}, {COMPLETED: {"o0", "o1", "o2"}}, ["IN_PROGRESS", "COMPLETED"]),
        ({IN_PROGRESS: 9}, {COMPLETED: {f"o{n}" for n in range(8)}}, ["IN_PROGRESS", "COMPLETED"]),
        # Of unknown state, they may be in four.
        ({UNKNOWN: 4}, {}, []),
        ({UNKNOWN: 5}, {}, ["SUBMITTED", "IN_PROGRESS", "COMPLETED", "REJECTED"]),
        ({SUBMITTED: 2, IN_PROGRESS: 2}, {}, ["SUBMITTED", "IN_PROGRESS"]),
    ],
)
def test_a_sweep_reads_what_is_worth_it_in_the_order_of_life(
    states: Any, shown: Any, read: list[str]
) -> None:
    """And nothing beyond the last that is sought."""
    assert walk_all(group(states), shown) == read


def test_a_list_that_is_long_is_left_out_for_an_hour() -> None:
    """Then its first page is tried again."""
    known = group({IN_PROGRESS: 40})
    known.per_page = 20
    known.learn(COMPLETED, Memory(unwatched=2000, at=NOW))
    assert walk_all(known, {}) == ["IN_PROGRESS", "REJECTED"]
    known.learn(COMPLETED, Memory(unwatched=2000, at=NOW - 3601))
    assert walk_all(known, {})[:2] == ["IN_PROGRESS", "COMPLETED"]


def test_who_no_list_shows_is_not_sought_in_lists() -> None:
    """Neither who was missed, nor who was found hidden."""
    known = group({IN_PROGRESS: 3})
    known.members["o0"].was_missed(NOW)
    known.members["o1"].hidden_until = NOW + 5
    assert walk_all(known, {}) == []
    known.members["o0"].was_missed(NOW - 31)
    known.members["o1"].hidden_until = NOW - 5
    assert walk_all(known, {}) == ["IN_PROGRESS", "COMPLETED", "REJECTED"], "lists may have lagged"


# -------------------------------------------------------------------- a walk


def walk(count: int, per_page: int = 20) -> Walk:
    """A walk for so many completed orders."""
    made = group({IN_PROGRESS: count})
    made.per_page = per_page
    sweep = Sweep.of(made, due_in(made), (), NOW)
    return Walk(sweep, COMPLETED, dict(sweep.asked))


def add(walk: Walk, found: int, *, total: int | None = None, times: Any = ()) -> bool:
    """Add a page of twenty; whether the walk goes on."""
    for _ in range(found):
        walk.sought.popitem()
    walk.add(20, found, found, times, total, is_last=False)
    return walk.goes_on()


def test_a_walk_ends_with_the_last_that_it_sought() -> None:
    """However many pages there are yet."""
    assert not add(walk(20), 20)


@pytest.mark.parametrize(
    ("total", "goes_on"), [(40, True), (200, True), (420, False), (9999, False)]
)
def test_a_total_tells_at_once_whether_the_rest_pays(total: int, goes_on: bool) -> None:
    """Twenty are sought; twenty pages more are not worth it."""
    assert add(walk(20), 0, total=total) is goes_on


def test_an_eighth_may_be_wasted_on_pages_that_show_nothing() -> None:
    """Beside the first page of each list."""
    long = walk(80)
    pages = 1
    while add(long, 0):
        pages += 1
    assert pages == 1 + 80 // 8 + 1
    assert not add(walk(80), 0, total=3) or pages < 20  # a total that lies is no licence


def test_a_list_that_was_left_in_vain_is_not_read_again_whatever_its_total() -> None:
    """Its total says that the rest pays, and an eighth was spent on pages that show nothing."""
    long = walk(80)
    while add(long, 0, total=1000):
        pass
    long.learn()
    assert not list_or_single(80, long.sweep.group.pages(COMPLETED, 80, NOW))


def test_a_list_that_runs_from_the_newest_is_left_at_what_is_too_old() -> None:
    """Nothing that is sought changed before it was seen last."""
    today = datetime(2026, 1, 5, tzinfo=UTC)
    made = walk(80)
    for member in made.sought.values():
        member.item = Order(hosting_order_id=member.id, updated_time=today, state=IN_PROGRESS)
    newer = [today + timedelta(hours=n) for n in range(20, 0, -1)]
    assert add(made, 1, times=newer, total=100_000)
    assert not add(made, 0, times=[today - timedelta(hours=n) for n in range(20)], total=100_000)
    assert made.is_whole


def test_the_service_says_how_large_a_page_is() -> None:
    """By those that others follow."""
    short = walk(80, per_page=1000)
    add(short, 1)
    assert short.sweep.group.per_page == 20


def test_a_list_that_was_left_with_the_last_that_was_sought_is_not_too_long() -> None:
    """Though it has no total, and nobody knows how many pages there are yet."""
    short = walk(20)
    assert not add(short, 20)
    short.learn()
    assert short.sweep.group.pages(COMPLETED, 5, NOW) == 2
    longer = walk(20)
    while add(longer, 0):
        pass
    longer.learn()
    assert longer.sweep.group.pages(COMPLETED, 5, NOW) > 1000


def test_trust_is_lost_after_a_few_tries_and_for_longer_each_time() -> None:
    """A refusal counts at once, a failure the second time, a contradiction the third."""
    known = Trust()
    assert not known.failed(NOW)
    assert known.allows_lists(NOW)
    assert known.failed(NOW)
    assert not known.allows_lists(NOW + 59)
    assert known.allows_lists(NOW + 60)
    known.failed(NOW)
    assert not known.allows_lists(NOW + 119)
    known.worked()
    known.refused(NOW)
    assert not known.allows_lists(NOW + 599)
    assert known.allows_lists(NOW + 600)
    assert [contradict(known, NOW + 100) for _ in range(2)] == [False, False]
    known.confirmed()
    assert [contradict(known, NOW + 100) for _ in range(3)] == [False, False, True]
    assert contradict(known, NOW + 9999), "they did so before"
    assert REJECTED.is_terminal


def contradict(known: Trust, began: float) -> bool:
    """Let a sweep show an order as before a single look that was 30 s ago; are lists left?"""
    known.contradicted("o1", 17, began - 30)
    known.shown_as_before("o1", began)
    return known.swept(began, began)


@pytest.mark.parametrize(("seconds", "is_left"), [(0, False), (29, False), (31, True)])
def test_lists_may_lag_a_little(seconds: float, is_left: bool) -> None:
    """An order that moved a moment ago is no contradiction: neither at once nor later."""
    known = Trust()
    for name in ("o1", "o2", "o3"):
        known.contradicted(name, 17, NOW)
        known.shown_as_before(name, NOW + seconds)
    assert known.swept(NOW + seconds, NOW + seconds) is is_left
    assert not known.swept(NOW + 60, NOW + 60)
    assert not known.mismatches, "a sweep that does not show them as before clears them"
