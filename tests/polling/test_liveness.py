"""Waits end, whatever the number of orders, the budget, the pages and the faults of lists.

The service is the independent one, on a virtual clock. The bounds are in virtual seconds and in
requests: what the budget allows for the pages of the lists plus the single looks that are needed.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from math import ceil
from typing import Any

import pytest
from attrs import frozen

from sinch_hosting import (
    COMPLETED,
    Order,
    OrderState,
    OrderType,
    PollPolicy,
    SinchHosting,
    WaitTimeout,
)
from sinch_hosting._polling import list_reader, watcher
from sinch_hosting._polling.policy import budget_of
from tests.service import Service, error, hang, reply, slow

LISTS, GETS = "ListHostingOrders", "GetHostingOrder"
STATES = 4
"""The lists that an import order may be in."""


@frozen
class Cost:
    """What a wait took."""

    seconds: float
    lists: int
    gets: int

    @property
    def requests(self) -> int:
        """All of them."""
        return self.lists + self.gets


def seconds_for(requests: float, a_minute: float, per_second: float | None = None) -> float:
    """The least time that a budget, and a pace, allow for so many requests."""
    bucket = budget_of(PollPolicy(requests_per_minute=a_minute), per_second, lambda: 0.0, None)  # type: ignore[arg-type]
    paced = (requests - 1) / per_second if per_second else 0.0
    return max(0.0, paced, (requests - bucket.burst) / bucket.per_second)


async def wait_for(
    clock: Any,
    orders: int,
    *,
    budget: float = 600,
    per_second: float | None = None,
    groups: int = 1,
    how: str = "tokens",
    done_after: float = -1.0,
    every: float = 0.0,
    prepare: Any = None,
    timeout: float | None = None,
    **rules: Any,
) -> tuple[Cost, list[Order]]:
    """Wait for so many orders in each group; `how` says what the caller has of them."""
    async with Service(clock=clock, sleep=clock.sleep, **rules) as service:
        made = [
            order
            for group in range(groups)
            for order in service.add_orders(orders, state="IN_PROGRESS", campaign=f"c{group}")
        ]
        service.set_state(made, "COMPLETED", at=clock() + done_after, every=every)
        if prepare is not None:
            prepare(service, made)
        poll = PollPolicy(requests_per_minute=budget)
        async with SinchHosting(
            **service.client_arguments, poll=poll, requests_per_second=per_second
        ) as sinch:
            given: list[Any] = [order.id for order in made]
            if how != "ids":
                given = [
                    Order(
                        hosting_order_id=order.id,
                        type=OrderType(order.type),
                        service_plan_id=order.plan,
                        campaign_id=order.campaign,
                        **({"state": OrderState(how)} if how != "tokens" else {}),
                    )
                    for order in made
                ]
            began = clock()
            async with asyncio.timeout(300):  # a hang ends; how fast the machine is, matters not
                done = await sinch.hosting_orders.wait_all(given, COMPLETED, timeout=timeout)
            seconds = clock() - began
        assert {order.state for order in done} == {COMPLETED}
        assert [order.hosting_order_id for order in done] == [order.id for order in made]
        return Cost(seconds, service.counts[LISTS], service.counts[GETS]), done


# --------------------------------------------------------------- lists that work


@pytest.mark.parametrize("page", [20, 100, 1000])
@pytest.mark.parametrize("budget", [60, 600, 6000])
@pytest.mark.parametrize("orders", [1, 2, 7, 40, 150, 151, 300, 1000, 3000])
async def test_orders_that_completed_while_nobody_looked_cost_pages(
    clock: Any, orders: int, budget: float, page: int
) -> None:
    """From tokens: the live lists once, then the pages of what has completed."""
    cost, _ = await wait_for(clock, orders, budget=budget, page_cap=page)

    least = min(orders, STATES - 1 + ceil(orders / page))
    assert cost.requests <= 1.5 * least
    assert cost.seconds <= 1.5 * seconds_for(least, budget) + 5


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("how", ["ids", "SUBMITTED", "IN_PROGRESS"])
@pytest.mark.parametrize("orders", [5, 40, 1000])
async def test_whatever_is_known_of_the_orders(
    clock: Any, orders: int, how: str, descending: bool, total: bool
) -> None:
    """Bare ids cost eight single looks more, to learn where the others are."""
    cost, _ = await wait_for(
        clock, orders, how=how, page_cap=100, descending=descending, total_size=total
    )

    assert cost.requests <= 1.5 * min(orders, 8 + STATES + ceil(orders / 100))
    assert cost.seconds <= 15


@pytest.mark.parametrize("budget", [1, 5, 60, 6000])
@pytest.mark.parametrize("per_page", [20, 1000])
async def test_all_at_once_and_in_a_trickle(clock: Any, budget: float, per_page: int) -> None:
    """The last one is seen within two rounds of its completion, as far as the budget goes."""
    for every in (0.0, 2.0):
        cost, _ = await wait_for(
            clock, 40, budget=budget, done_after=300, every=every, page_cap=per_page
        )
        last = 300 + 39 * every
        round_takes = seconds_for(15, budget) + 15 * 60 / budget
        assert cost.seconds - last <= 2 * (60 + round_takes)


@pytest.mark.parametrize(
    ("orders", "total"), [(300, True), (300, False), (1000, True), (3000, True)]
)
async def test_a_sweep_is_left_when_what_it_would_show_is_past(
    clock: Any, orders: int, *, total: bool
) -> None:
    """A sweep takes minutes here, and all complete while one is under way.

    Neither the rest of it is read, nor is anybody asked for singly whom it has shown.
    """
    cost, _ = await wait_for(
        clock,
        orders,
        how="IN_PROGRESS",
        budget=60,
        done_after=60,
        page_cap=20,
        total_size=total,
    )

    needed = 1 + ceil(orders / 20)
    rate = (60 - 15 + 1) / 60
    noticed = 15 + 10 / rate + 2 / rate  # the first page is read again so often
    assert cost.seconds - 60 <= 35 + noticed + needed / rate
    assert cost.gets <= 5


async def test_lists_that_lag_by_half_a_minute_are_read_again(clock: Any) -> None:
    """They show none of the orders at first: a part of these is read singly meanwhile."""
    cost, _ = await wait_for(clock, 300, budget=60, page_cap=20, lag=30)

    assert cost.requests <= 6 + 60 + STATES + ceil(300 / 20)
    assert cost.seconds <= 2 * 60


async def test_what_comes_to_be_due_during_a_sweep_is_shown_by_the_next(clock: Any) -> None:
    """Orders that end one by one, and a sweep that takes longer than their first rests."""
    cost, _ = await wait_for(
        clock, 200, how="IN_PROGRESS", budget=60, done_after=60, every=1.0, page_cap=20
    )

    assert cost.requests <= 220
    assert cost.seconds - 260 <= 60 + (1 + 10) * 60 / 46


@pytest.mark.parametrize("orders", [150, 1000])
async def test_checks_of_lists_are_few_beside_the_pages(clock: Any, orders: int) -> None:
    """Orders that end one by one, one page a list: few single looks check what the lists show."""
    random.seed(0)
    cost, _ = await wait_for(
        clock, orders, how="IN_PROGRESS", done_after=60, every=1.0, page_cap=1000
    )

    assert cost.gets <= 5 + cost.lists // 2


@pytest.mark.parametrize("orders", [4, 40, 100])
async def test_two_of_many_orders_that_lists_show_as_before_are_found_out(
    clock: Any, orders: int
) -> None:
    """The others go on, so nothing else than a look at each of them tells."""
    async with Service(clock=clock, sleep=clock.sleep, page_cap=1000) as service:
        made = service.add_orders(orders, state="IN_PROGRESS")
        service.set_state(made[:2], "COMPLETED", at=clock() + 100)
        service.lists[LISTS].shown_as.update({order.id: "IN_PROGRESS" for order in made})
        began, seen = clock(), set[str]()
        async with SinchHosting(**service.client_arguments) as sinch:
            watched = [order.id for order in made]
            async with asyncio.timeout(300), aclosing(sinch.hosting_orders.watch(watched)) as news:
                async for update in news:
                    if update.order.state == COMPLETED:
                        seen.add(update.order.hosting_order_id)
                    if len(seen) == 2:
                        break
    assert seen == {order.id for order in made[:2]}
    # A check in the first minutes puts the next one off, to four times as long.
    assert clock() - began <= 100 + 4 * 1.5 * (240 + 20 * orders) + 2 * 60


@pytest.mark.parametrize("page", [20, 1000])
@pytest.mark.parametrize("per_second", [0.5, 2, 20])
@pytest.mark.parametrize("orders", [40, 150, 600])
async def test_a_pace_of_the_client_delays_and_loses_nobody(
    clock: Any, orders: int, per_second: float, page: int
) -> None:
    """Waits take half of the pace at most; that is all that it costs them."""
    cost, _ = await wait_for(clock, orders, per_second=per_second, page_cap=page)

    least = STATES - 1 + ceil(orders / page)
    assert cost.requests <= 1.5 * least
    assert cost.seconds <= 1.5 * seconds_for(least, 600, per_second) + 5


@pytest.mark.parametrize("per_second", [0.5, 2, 20])
@pytest.mark.parametrize("orders", [40, 150, 250])
async def test_a_pace_of_the_client_with_single_looks_alone(
    clock: Any, orders: int, per_second: float
) -> None:
    """Where lists are refused, each order costs a look, at the same pace."""
    cost, _ = await wait_for(clock, orders, per_second=per_second, prepare=_fault(403))

    assert cost.requests <= 1.5 * orders
    assert cost.seconds <= 1.5 * seconds_for(orders, 600, per_second) + 5


# ------------------------------------------------------------ lists that do not


def _fault(kind: Any) -> Any:
    def prepare(service: Service, made: list[Any]) -> None:
        rules = service.lists[LISTS]
        match kind:
            case int():
                service.fault(LISTS, error(kind), times=None)
            case "slow":
                service.fault(LISTS, slow(1.0, 504), times=None)
            case "null" | "[]" | "text" | "{}":
                body = '"text"' if kind == "text" else kind
                service.fault(LISTS, reply(200, body), times=None)
            case "error object":
                service.fault(LISTS, reply(200, {"error": {"code": 500}}), times=None)
            case "lag":
                rules.lag = 1e9
            case "never":
                rules.hidden.update(order.id for order in made)
            case "one never":
                rules.hidden.add(made[0].id)
            case "old":
                rules.shown_as.update({order.id: "SUBMITTED" for order in made})
            case "few old":
                rules.shown_as.update({order.id: "SUBMITTED" for order in made[:3]})
            case "empty" | "strangers":
                rules.endless = kind
                rules.total_size = False
            case "strangers with a total":
                rules.endless = "strangers"
            case "holes":
                rules.empty_every = 2
            case "shifting":
                rules.paging = "shifting"

    return prepare


BROKEN = [
    *(400, 401, 403, 404, 405, 408, 422, 425, 499, 500, 501, 503, 504, 520, 301),
    *("slow", "null", "[]", "text", "{}", "error object", "lag", "never", "one never", "old"),
    *("few old", "empty", "strangers", "strangers with a total", "holes", "shifting"),
]


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("orders", [3, 60, 500])
async def test_lists_that_do_not_work_cost_a_bounded_share(
    clock: Any, orders: int, kind: Any
) -> None:
    """After a few tries the group is asked singly: half as much again, and a few requests."""
    cost, _ = await wait_for(clock, orders, prepare=_fault(kind), page_cap=20)

    assert cost.requests <= 1.5 * orders + 30
    late = 900 if kind in ("few old",) else 60
    assert cost.seconds <= seconds_for(1.5 * orders + 30, 600) + late


@pytest.mark.parametrize("kind", [403, "slow", "never", "empty", "old"])
@pytest.mark.parametrize("budget", [1, 10, 60])
async def test_a_small_budget_is_not_eaten_by_lists(clock: Any, budget: float, kind: Any) -> None:
    """No token goes to what cannot help while single looks wait."""
    cost, _ = await wait_for(clock, 40, budget=budget, prepare=_fault(kind), page_cap=20)

    assert cost.seconds <= seconds_for(1.5 * 40 + 30, budget) + 60


@pytest.mark.parametrize("seed", range(12))
async def test_any_world(clock: Any, seed: int) -> None:
    """Orders, budget, pages, completion and faults drawn at random."""
    chance = random.Random(seed)
    orders = chance.choice([1, 2, 9, 33, 170, 420])
    budget = chance.choice([3, 47, 600, 6000])
    every = chance.choice([0.0, 0.1, 7.0])
    begins = chance.choice([-1.0, 40.0, 3000.0])
    kind = chance.choice(BROKEN)
    rules = {
        "page_cap": chance.choice([1, 7, 20, 1000]),
        "total_size": chance.random() < 0.5,
        "descending": chance.random() < 0.5,
        "lag": chance.choice([0.0, 20.0]),
    }
    how = chance.choice(["tokens", "ids", "SUBMITTED", "IN_PROGRESS"])
    cost, _ = await wait_for(
        clock,
        orders,
        budget=budget,
        how=how,
        done_after=begins,
        every=every,
        prepare=_fault(kind),
        **rules,
    )

    last = max(0.0, begins + (orders - 1) * every)
    # While it waits it spends as it may; what counts is how long after the last one it ends.
    round_takes = seconds_for(2 * orders + 60, budget)
    assert cost.seconds - last <= 2 * round_takes + 2 * last + 1800


# ---------------------------------------------------------- lists that hang


def _hanging(service: Service, made: list[Any]) -> None:
    service.fault(LISTS, hang(), times=None)


@pytest.mark.parametrize("orders", [5, 150, 600])
async def test_a_list_that_hangs_holds_up_no_single_look(
    clock: Any, monkeypatch: pytest.MonkeyPatch, orders: int
) -> None:
    """All are seen while the first list still hangs: nothing waits until it is given up."""
    monkeypatch.setattr(list_reader, "STALLED", 0.02)
    monkeypatch.setattr(list_reader, "PATIENCE", 1e6)
    cost, _ = await wait_for(clock, orders, how="IN_PROGRESS", budget=6000, prepare=_hanging)

    assert cost.lists <= 1, "the first list still hangs, or is on its way"
    assert cost.gets == orders
    assert cost.seconds <= 5


async def test_single_looks_that_hang_beside_a_list_hold_up_no_others(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three of the looks hang as well, and the others are made."""
    monkeypatch.setattr(list_reader, "STALLED", 0.02)
    monkeypatch.setattr(list_reader, "PATIENCE", 1e6)
    async with Service(clock=clock, sleep=clock.sleep) as service:
        made = service.add_orders(20, state="COMPLETED")
        service.fault(LISTS, hang(), times=None)
        service.fault(GETS, hang(), times=3)
        async with SinchHosting(**service.client_arguments) as sinch:
            place = {"service_plan_id": made[0].plan, "campaign_id": made[0].campaign}
            given = [
                Order(hosting_order_id=order.id, type=OrderType(order.type), **place)
                for order in made
            ]
            seen = set[str]()
            async with asyncio.timeout(300), aclosing(sinch.hosting_orders.watch(given)) as news:
                async for update in news:
                    seen.add(update.order.hosting_order_id)
                    if len(seen) == 17:
                        break
            service.clear_faults()
    assert len(seen) == 17


@pytest.mark.parametrize("budget", [60, 600])
@pytest.mark.parametrize("orders", [5, 150, 250])
async def test_lists_that_hang_again_and_again_are_given_up(
    clock: Any, monkeypatch: pytest.MonkeyPatch, orders: int, budget: float
) -> None:
    """They cost no more than lists that fail."""
    monkeypatch.setattr(list_reader, "STALLED", 0.02)
    monkeypatch.setattr(list_reader, "PATIENCE", 0.06)
    cost, _ = await wait_for(clock, orders, how="IN_PROGRESS", budget=budget, prepare=_hanging)

    assert cost.gets <= 1.5 * orders
    assert cost.lists <= 8
    assert cost.seconds <= 1.5 * seconds_for(orders, budget) + 60


@pytest.mark.parametrize("operation", [LISTS, GETS])
async def test_a_request_that_hangs_does_not_outlast_the_time_of_a_wait(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """No last look is awaited for orders for which a request is under way."""
    monkeypatch.setattr(watcher, "_GRACE", 1e6)
    async with Service() as service:
        made = service.add_orders(40, state="IN_PROGRESS")
        service.fault(operation, hang(), times=None)
        async with SinchHosting(**service.client_arguments) as sinch:
            place = {"service_plan_id": made[0].plan, "campaign_id": made[0].campaign}
            given: list[Any] = [order.id for order in made]
            if operation == LISTS:
                given = [
                    Order(hosting_order_id=order.id, type=OrderType(order.type), **place)
                    for order in made
                ]
            async with asyncio.timeout(300):
                results = await sinch.hosting_orders.wait_all(
                    given, COMPLETED, timeout=0.05, return_exceptions=True
                )
        service.clear_faults()
    assert {type(result) for result in results} == {WaitTimeout}


@pytest.mark.parametrize("orders", [1, 3, 30])
async def test_a_request_for_another_order_of_the_group_costs_nobody_the_last_look(
    clock: Any, orders: int
) -> None:
    """One order hangs; the others were looked at, are done, and the time of their wait is over."""
    clock.by_hand = True
    async with Service(clock=clock, sleep=clock.sleep, page_cap=1000) as service:
        made = service.add_orders(orders + 1, state="IN_PROGRESS")
        slow_one, others = made[0], made[1:]
        poll = PollPolicy(initial=1e6, maximum=1e6, jitter=0)
        async with SinchHosting(**service.client_arguments, poll=poll) as sinch:
            place = {"service_plan_id": slow_one.plan, "campaign_id": slow_one.campaign}
            known = [
                Order(
                    hosting_order_id=order.id,
                    type=OrderType(order.type),
                    state=OrderState.IN_PROGRESS,
                    **place,
                )
                for order in made
            ]
            wait = asyncio.create_task(
                sinch.hosting_orders.wait_all(known[1:], COMPLETED, timeout=60)
            )
            while len(service.requests) < min(orders, 2):  # noqa: ASYNC110 - the service's log
                await asyncio.sleep(0)
            group = next(iter(sinch._watcher._registry.groups.values()))
            while group.due < 2000:  # noqa: ASYNC110 - the first looks are over
                await asyncio.sleep(0)
            hanging = service.fault(GETS, hang(), when=lambda r: r.path.endswith(slow_one.id))
            other = asyncio.create_task(sinch.hosting_orders.wait_all(known[:1], COMPLETED))
            await hanging.arrived.wait()
            service.set_state(others, "COMPLETED")
            clock.now += 60
            sinch._watcher._run.wake.set()
            async with asyncio.timeout(60):
                done = await wait
            other.cancel()
            await asyncio.wait({other})
            service.clear_faults()
    assert {order.state for order in done} == {COMPLETED}


async def test_orders_that_no_budget_is_left_for_are_not_awaited_longer(
    clock: Any,
) -> None:
    """There is no last look where all requests of the budget are spent."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        made = service.add_orders(9, state="IN_PROGRESS")
        poll = PollPolicy(requests_per_minute=1)
        async with SinchHosting(**service.client_arguments, poll=poll) as sinch:
            began = clock()
            results = await sinch.hosting_orders.wait_all(
                [order.id for order in made], COMPLETED, timeout=5, return_exceptions=True
            )
    assert {type(result) for result in results} == {WaitTimeout}
    assert clock() - began == pytest.approx(5, abs=0.01)


# --------------------------------------------------------------- odd worlds


@pytest.mark.parametrize("how", ["tokens", "ids", "IN_PROGRESS"])
async def test_many_small_groups_share_a_small_budget(clock: Any, how: str) -> None:
    """Three orders of a group are asked for singly, and no group waits for ever."""
    cost, _ = await wait_for(clock, 3, groups=20, budget=6, how=how)

    assert cost.requests <= 1.5 * 60
    assert cost.seconds <= 1.5 * seconds_for(60, 6) + 60


@pytest.mark.parametrize("budget", [60, 600])
@pytest.mark.parametrize(("groups", "each"), [(1, 200), (100, 2), (200, 1), (200, 2), (200, 5)])
async def test_many_small_groups_that_complete_at_once_take_a_request_each(
    clock: Any, groups: int, each: int, budget: float
) -> None:
    """The first groups show where the orders went; the list of that state shows the others."""
    cost, _ = await wait_for(
        clock,
        each,
        groups=groups,
        how="IN_PROGRESS",
        budget=budget,
        done_after=120,
        page_cap=100,
    )

    rate = budget / 60
    least = max(groups, ceil(groups * each / 100)) / rate
    assert cost.seconds - 120 <= 1.5 * least + max(0.0, 60 - least)
    assert cost.requests <= budget // 4 + 120 * rate + 1.5 * least * rate + 10


@pytest.mark.parametrize("each", [2, 5])
async def test_many_small_groups_of_which_nothing_is_known_take_a_request_each(
    clock: Any, each: int
) -> None:
    """Once some groups were read singly, the list that would have shown them shows the others."""
    cost, _ = await wait_for(clock, each, groups=60, budget=60)

    assert cost.requests <= 1.5 * 60
    assert cost.seconds <= seconds_for(1.5 * 60, 60) + 5


@pytest.mark.parametrize("each", [2, 5])
async def test_small_groups_of_which_nothing_is_known_in_different_states(
    clock: Any, each: int
) -> None:
    """Lists that are read in vain because of the groups before are few."""

    def spread(service: Service, made: list[Any]) -> None:
        for n, order in enumerate(made):
            state = ("SUBMITTED", "IN_PROGRESS", "COMPLETED")[n // (2 * each) % 3]
            service.set_state([order], state)
        service.set_state(made, "COMPLETED", at=clock() + 900)

    cost, _ = await wait_for(clock, each, groups=60, budget=600, prepare=spread, done_after=1e6)

    assert cost.seconds <= 900 + 60 + 1.5 * seconds_for(60 * each, 600)


@pytest.mark.parametrize("each", [2, 5])
async def test_a_part_of_many_small_groups_that_stays(clock: Any, each: int) -> None:
    """Every second group completes much later: lists that are read in vain stay few."""

    def delay(service: Service, made: list[Any]) -> None:
        for begin in range(0, len(made), 2 * each):
            service.set_state(made[begin : begin + each], "COMPLETED", at=clock() + 60)
            rest = made[begin + each : begin + 2 * each]
            service.set_state(rest, "COMPLETED", at=clock() + 400)

    cost, _ = await wait_for(
        clock, each, groups=60, how="IN_PROGRESS", budget=60, done_after=1e6, prepare=delay
    )

    assert cost.seconds - 400 <= 1.5 * 60 / (46 / 60) + 60


@pytest.mark.parametrize("page", [20, 1000])
async def test_a_list_that_shows_only_half_of_the_orders(clock: Any, page: int) -> None:
    """The half that is shown costs pages, the other half a look each."""

    def hide(service: Service, made: list[Any]) -> None:
        service.lists[LISTS].hidden.update(order.id for order in made[::2])

    cost, _ = await wait_for(clock, 600, prepare=hide, page_cap=page)

    least = STATES + ceil(300 / page) + 300
    assert cost.requests <= 1.5 * least
    assert cost.seconds <= 1.5 * seconds_for(least, 600) + 60


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("orders", [1, 3, 20])
async def test_orders_that_go_back_in_state(clock: Any, orders: int, total: bool) -> None:
    """Back from IN_PROGRESS to SUBMITTED and to DRAFT, then COMPLETED at once.

    They are not in the lists that were to show them, which is right, and no reason to leave lists.
    """
    random.seed(0)

    def go_back(service: Service, made: list[Any]) -> None:
        began = clock()
        for seconds, state in ((0, "IN_PROGRESS"), (100, "SUBMITTED"), (300, "DRAFT")):
            service.set_state(made, state, at=began + seconds)
        service.set_state(made, "COMPLETED", at=began + 900)

    cost, _ = await wait_for(clock, orders, prepare=go_back, total_size=total)

    assert 900 <= cost.seconds <= 900 + 2 * 60 + 5
    assert cost.gets <= 60 + 5 * orders


@pytest.mark.parametrize("pause", [1, 30])
@pytest.mark.parametrize("orders", [5, 40, 250])
async def test_lists_that_are_limited_for_ever(clock: Any, orders: int, pause: int) -> None:
    """A pause is the whole client's; after two sweeps no list asks for another one."""

    def limit(service: Service, made: list[Any]) -> None:
        service.fault(LISTS, error(429, Retry_After=str(pause)), times=None)

    cost, _ = await wait_for(clock, orders, how="IN_PROGRESS", prepare=limit)

    assert cost.gets <= 1.5 * orders
    assert 1 <= cost.lists <= 5
    assert cost.seconds <= 1.5 * seconds_for(orders, 600) + (cost.lists + 1) * (pause + 2) + 60


@pytest.mark.parametrize("timeout", [None, 1800.0])
@pytest.mark.parametrize("orders", [1, 40, 140])
async def test_a_clock_that_jumps_an_hour_ahead(
    clock: Any, orders: int, timeout: float | None
) -> None:
    """What is due is looked at once, also where the jump is beyond the time of the wait."""
    leaps = clock() + 100

    def leap() -> None:
        if clock() >= leaps:
            clock.before_waking = None
            clock.now += 3600

    clock.before_waking = leap
    cost, _ = await wait_for(clock, orders, done_after=300, timeout=timeout)

    assert clock.before_waking is None
    assert 3700 <= cost.seconds <= 3700 + 60 + 5
    assert cost.requests <= 15 * min(orders, STATES + ceil(orders / 100)) + orders
