"""The watcher from outside: what it asks, whom it tells, and what is left when it is over.

Most tests run against the sandbox on a virtual clock; what it cannot say, a scripted service says.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from attrs import define

from sinch_hosting import (
    COMPLETED,
    BlanketLoa,
    CallbackEvent,
    InvalidRequest,
    NotFound,
    Order,
    OrderRejected,
    OrderState,
    OrderType,
    PollPolicy,
    SinchHosting,
    SinchHostingError,
    UsageError,
    WaitTimeout,
)
from sinch_hosting.models.orders import bind
from sinch_hosting.sandbox import PROFILES, Sandbox

LISTS, GETS = "ListHostingOrders", "GetHostingOrder"


@define
class World:
    """A sandbox whose time moves when the client sleeps, and the client."""

    sandbox: Sandbox
    sinch: SinchHosting

    def polls(self) -> Counter[str]:
        """How many requests asked for orders so far, by operation."""
        return Counter(r.operation for r in self.sandbox.requests if r.operation in (LISTS, GETS))

    @property
    def now(self) -> float:
        """The virtual time."""
        return self.sandbox.now.timestamp()

    async def orders(
        self, count: int, campaign_id: str | None = "C1", **settings: Any
    ) -> list[Order]:
        """So many import orders of a number each."""
        numbers = iter(range(len(self.sandbox.orders_created()), 9999))
        return [
            await self.sinch.hosting_orders.import_numbers(
                [f"+1303555{next(numbers):04}"],
                region_code="US",
                service_plan_id="plan",
                campaign_id=campaign_id,
                **settings,
            )
            for _ in range(count)
        ]

    async def until(self, happened: Callable[[], object]) -> None:
        """Let everybody go on until something is so."""
        async with asyncio.timeout(300):
            while not happened():  # noqa: ASYNC110 - what happens is not the test's to announce
                await asyncio.sleep(0)


@pytest.fixture
async def make_world() -> AsyncIterator[Callable[..., Any]]:
    """Makes worlds; the profile is the sandbox's, the settings are the client's."""
    closing: list[Any] = []

    async def make(profile: Any = "standard", **settings: Any) -> World:
        rules = {"unqualified": 200, "first_state": "DRAFT"}  # what matters here are orders
        sandbox = await Sandbox(speed=0, seed=1, profile=profile, rules=rules).start()

        def clock() -> float:
            return sandbox.now.timestamp()

        async def sleep(seconds: float) -> None:
            sandbox.advance(seconds=seconds)
            await asyncio.sleep(0)

        sinch = SinchHosting(
            sandbox.project_id,
            sandbox.key_id,
            sandbox.key_secret,
            base_url=sandbox.base_url,
            auth_url=sandbox.auth_url,
            **{"clock": clock, "sleep": sleep, **settings},
        )
        closing.extend([sandbox.stop, sinch.aclose])
        return World(sandbox, sinch)

    yield make
    for close in reversed(closing):
        await close()


@pytest.fixture
async def world(make_world: Any) -> World:
    """A world as it usually is."""
    made: World = await make_world()
    return made


def watchers() -> list[asyncio.Task[Any]]:
    """The watchers' tasks that are there now."""
    return [t for t in asyncio.all_tasks() if t.get_name() == "sinch_hosting watcher"]


def event(resource_id: str) -> CallbackEvent:
    """An event about an order or a number."""
    return CallbackEvent(resource_id=resource_id)


# --------------------------------------------------------------- few requests


async def test_a_group_is_watched_by_lists_that_show_also_what_has_ended(
    world: World,
) -> None:
    """Requests go with rounds, not with orders; few are looked at singly, to check the lists."""
    orders = await world.orders(200)
    before = world.polls()

    done = await world.sinch.hosting_orders.wait_all(orders, COMPLETED)

    polls = world.polls() - before
    assert [o.hosting_order_id for o in done] == [o.hosting_order_id for o in orders]
    assert {o.state for o in done} == {COMPLETED}
    assert polls[GETS] <= 3 * 200
    assert polls[LISTS] < 300
    listed = {parse_qs(r.query)["states"][0] for r in world.sandbox.calls(LISTS)}
    assert {"SUBMITTED", "IN_PROGRESS", "COMPLETED"} <= listed
    assert watchers() == []


async def test_waits_for_one_order_share_its_looks(world: World) -> None:
    """A hundred waits cost what one does."""
    (order,) = await world.orders(1)
    before = world.polls()
    await asyncio.gather(*(order.wait_until(COMPLETED) for _ in range(100)))
    shared = (world.polls() - before).total()

    (order,) = await world.orders(1)
    before = world.polls()
    await order.wait_until(COMPLETED)
    assert shared <= (world.polls() - before).total() * 1.5


async def test_who_joins_later_hears_what_is_known_and_has_it_checked(make_world: Any) -> None:
    """A stale snapshot is brought up to date, and the order looked at."""
    world = await make_world("manual", poll=PollPolicy(initial=100, maximum=1000))
    (order,) = await world.orders(1)
    first = asyncio.create_task(order.wait_until(COMPLETED))
    await world.until(lambda: world.polls()[GETS] >= 3)
    world.sandbox.trigger(order)
    assert (await order.wait_until(OrderState.IN_PROGRESS)).state == "IN_PROGRESS"
    token = world.sinch.hosting_orders.from_token(order.to_token())
    assert (await token.wait_until(OrderState.IN_PROGRESS)).state == "IN_PROGRESS"
    stale = await order.wait_until(OrderState.IN_PROGRESS)

    assert stale.state == "IN_PROGRESS"
    first.cancel()
    await asyncio.wait({first})


async def test_changes_are_counted_from_a_snapshot_that_is_newer_than_what_is_known(
    make_world: Any,
) -> None:
    """The caller's own snapshot is no news to it, and is to those who wait already."""
    world = await make_world("manual", poll=PollPolicy(initial=1e6, maximum=1e6))
    (order,) = await world.orders(1)
    states: list[str] = []
    wait = asyncio.create_task(
        order.wait_until(COMPLETED, on_update=lambda seen: states.append(seen.state))
    )
    await world.until(lambda: world.polls()[GETS] == 1)
    world.sandbox.trigger(order)
    newer = await order.refresh()
    world.sandbox.complete(order)

    updates = [update async for update in world.sinch.hosting_orders.watch([newer])]

    assert [(u.previous.state, u.order.state) for u in updates] == [("IN_PROGRESS", "COMPLETED")]
    assert (await wait).state == COMPLETED
    assert states == ["IN_PROGRESS", "COMPLETED"]


async def test_a_newer_snapshot_of_another_client_is_told_as_ones_own(make_world: Any) -> None:
    """Who waits gets an order of the client that it waits with; the caller's stays as it is."""
    world, elsewhere = await make_world("manual"), await make_world("manual")
    (order,) = await world.orders(1)
    wait = asyncio.create_task(order.wait_until(OrderState.IN_PROGRESS))
    await world.until(lambda: world.polls()[GETS] == 1)
    world.sandbox.trigger(order)
    newer = bind(await order.refresh(), elsewhere.sinch._orders_api)

    updates = world.sinch.hosting_orders.watch([newer])
    watching = asyncio.ensure_future(anext(updates))
    assert (await wait)._calls is world.sinch._orders_api
    watching.cancel()
    await asyncio.wait({watching})

    assert newer._calls is elsewhere.sinch._orders_api


async def test_orders_without_a_campaign_or_a_type_are_watched_too(world: World) -> None:
    """What no list can be asked for is asked for singly."""
    await world.orders(3)
    orders = [Order(hosting_order_id=o.hosting_order_id) for o in await world.orders(3, None)]

    done = await world.sinch.hosting_orders.wait_all(orders, COMPLETED)

    assert {o.state for o in done} == {COMPLETED}


def _order(order_id: str, state: str = "IN_PROGRESS", **fields: Any) -> dict[str, Any]:
    return {
        "hostingOrderId": order_id,
        "state": state,
        "type": "IMPORT",
        "servicePlanId": "plan",
        "campaignId": "C1",
        **fields,
    }


def _orders(count: int, state: str = "IN_PROGRESS") -> list[Order]:
    return [
        Order(
            hosting_order_id=f"o{n}",
            state=OrderState(state),
            type=OrderType.IMPORT,
            service_plan_id="plan",
            campaign_id="C1",
        )
        for n in range(count)
    ]


async def test_orders_that_no_list_shows_are_asked_for_singly(service: Any, client: Any) -> None:
    """After the second miss the list is left alone for a while; nobody starves."""
    rounds = [_order(f"o{n}") for n in range(3)]
    for n in range(3):
        service.on("GET", f"/hostingOrders/o{n}", *[rounds[n]] * 12, _order(f"o{n}", "COMPLETED"))
    service.on("GET", "/hostingOrders", {"hostingOrders": []})

    done = await client.hosting_orders.wait_all(_orders(3), COMPLETED)

    assert [o.state for o in done] == [COMPLETED] * 3
    assert 1 < len(service.calls("GET", "/hostingOrders")) < 12


@pytest.mark.parametrize("refusal", [400, 403, {"hostingOrders": "none"}])
async def test_a_list_that_is_refused_is_replaced_by_single_requests(
    service: Any, client: Any, refusal: Any
) -> None:
    """A size that is too large is left out once; then no list is asked for any more."""
    for n in range(3):
        replies = [_order(f"o{n}")] * 6 + [_order(f"o{n}", "COMPLETED")]
        service.on("GET", f"/hostingOrders/o{n}", *replies)
    service.on("GET", "/hostingOrders", refusal)

    await client.hosting_orders.wait_all(_orders(3), COMPLETED)

    sizes = [seen.query.get("pageSize") for seen in service.calls("GET", "/hostingOrders")]
    assert sizes == (["1000", None] if refusal == 400 else ["1000"])


async def test_a_list_that_repeats_itself_is_left(service: Any, client: Any) -> None:
    """What it showed counts, the rest is asked for."""
    for n in range(4):
        service.on("GET", f"/hostingOrders/o{n}", _order(f"o{n}", "COMPLETED"))
    page = {"hostingOrders": [_order("o0")], "nextPageToken": "again", "totalSize": 4}
    service.on("GET", "/hostingOrders", page)

    await client.hosting_orders.wait_all(_orders(4), COMPLETED, timeout=30)

    assert len(service.calls("GET", "/hostingOrders")) <= 4


async def test_an_order_that_moves_between_two_lists_is_not_missed(make_world: Any) -> None:
    """States are read in the order of life."""
    world = await make_world("manual")
    orders = await world.orders(20)
    world.sandbox.faults.add("order_moves", operation=LISTS, probability=0.5, count=20)

    wait = asyncio.create_task(world.sinch.hosting_orders.wait_all(orders, OrderState.IN_PROGRESS))

    assert len(await wait) == 20


# ------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("rate_limited", {"retry_after": 5.0}),
        ("rate_limited", {"retry_after": 300.0, "form": "date"}),
        ("rate_limited", {"form": "absent"}),
        ("error_before", {"status": 503}),
        ("drop_before", {}),
        ("truncate", {}),
        ("not_json", {}),
        ("lag", {"seconds": 900.0}),
        ("empty_page", {}),
        ("repeat_token", {}),
    ],
)
async def test_faults_delay_a_wait_and_never_end_it(
    world: World, kind: str, settings: dict[str, Any]
) -> None:
    """Storms of 429, bursts of 5xx, broken answers, lists that lag or do not end."""
    orders = await world.orders(5) + await world.orders(1, "C2")
    struck = LISTS if kind in ("lag", "empty_page", "repeat_token") else (LISTS, GETS)
    world.sandbox.faults.add(kind, operation=struck, probability=0.5, **settings)
    world.sandbox.faults.add(kind, operation=struck, lasts=600, **settings)
    began = world.now

    done = await world.sinch.hosting_orders.wait_all(orders, COMPLETED)

    ended = max(record.history[-1][0] for record in world.sandbox.orders_created())
    assert {o.state for o in done} == {COMPLETED}
    assert ended > began
    # Whatever chance did before: once no fault strikes any more, a rest and a round are left.
    last = max([ended, *(r.time for r in world.sandbox.requests if r.fault)])
    pause = settings.get("retry_after", 0)
    assert world.now - last <= settings.get("seconds", 0) + pause + 2 * PollPolicy().maximum
    assert watchers() == []


async def test_nothing_is_asked_before_retry_after_is_over(service: Any, client: Any) -> None:
    """A Retry-After beyond what a call would wait for silences the watcher, too."""
    times: list[float] = []
    clock = client._session.clock

    def answer(_: Any) -> Any:
        times.append(clock())
        return (429, {}, {"Retry-After": "500"}) if len(times) == 1 else _order("o0", "COMPLETED")

    service.on("GET", "/hostingOrders/o0", answer)
    await (
        _orders(1)[0]
        .__class__(hosting_order_id="o0", orders=client._orders_api)
        .wait_until(COMPLETED)
    )

    assert times[1] - times[0] >= 500


async def test_a_deleted_order_ends_its_wait_with_what_was_known(service: Any, client: Any) -> None:
    """`NotFound`, with the last order and its token, to each who waits and to nobody else."""
    service.on("GET", "/hostingOrders/o0", _order("o0"), 404)
    service.on("GET", "/hostingOrders/o1", _order("o1"), _order("o1"), _order("o1", "COMPLETED"))
    first, second = (client.hosting_orders.from_token(o.to_token()) for o in _orders(2))
    waits = [asyncio.create_task(o.wait_until(COMPLETED)) for o in (first, first, second)]
    service.on("GET", "/hostingOrders", {})

    gone, too, done = await asyncio.gather(*waits, return_exceptions=True)

    assert isinstance(gone, NotFound)
    assert isinstance(too, NotFound)
    assert gone is not too
    assert gone.last.state == "IN_PROGRESS"
    assert client.hosting_orders.from_token(gone.token).hosting_order_id == "o0"
    assert done.state == COMPLETED


async def test_a_state_that_this_version_does_not_know_is_waited_through(
    make_world: Any, service: Any, client: Any
) -> None:
    """It is neither an end nor an error, one by one and in lists."""
    strange, done = (
        [_order(f"o{n}", state) for n in range(3)] for state in ("ON_HOLD", "COMPLETED")
    )
    for n in range(3):
        service.on("GET", f"/hostingOrders/o{n}", strange[n], strange[n], done[n])
    service.on(
        "GET",
        "/hostingOrders",
        lambda seen: {"hostingOrders": strange if seen.query["states"] == "ON_HOLD" else []},
    )
    wait = asyncio.create_task(client.hosting_orders.wait_all(_orders(3), COMPLETED))
    await service.wait_for(
        lambda: any(s.query.get("states") == "ON_HOLD" for s in service.requests)
    )
    strange.clear()

    assert [o.state for o in await wait] == [COMPLETED] * 3


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
async def test_a_clock_that_jumps_neither_hurries_nor_hangs_a_wait(
    make_client: Any, service: Any, clock: Any, jump: float
) -> None:
    """Looks go on as far apart as they were, without a burst to make up for lost time."""
    client = make_client(poll=PollPolicy(initial=10, factor=1, maximum=10, jitter=0))
    looks: list[float] = []

    def answer(_: Any) -> Any:
        looks.append(clock.now)
        if len(looks) == 3:
            clock.now += jump
        return _order("o0", "COMPLETED" if len(looks) == 8 else "IN_PROGRESS")

    service.on("GET", "/hostingOrders/o0", answer)
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())
    await order.wait_until(COMPLETED, timeout=200_000)

    assert looks[-1] - looks[3] == pytest.approx(40, abs=1)
    assert looks[3] - looks[2] - jump <= 20


async def test_an_answer_that_was_overtaken_takes_nothing_back(service: Any, client: Any) -> None:
    """A list older than a single answer is no change."""
    new = _order("o0", "IN_PROGRESS", updatedTime="2026-01-05T15:00:00Z")
    old = _order("o0", "IN_PROGRESS", updatedTime="2026-01-05T14:00:00Z")
    done = _order("o0", "COMPLETED", updatedTime="2026-01-05T16:00:00Z")
    service.on("GET", "/hostingOrders/o0", new, old, done)
    updates: list[Order] = []

    order = client.hosting_orders.from_token(_orders(1)[0].to_token())
    await order.wait_until(COMPLETED, on_update=updates.append)

    assert [str(o.updated_time) for o in updates] == [
        "2026-01-05 15:00:00+00:00",
        "2026-01-05 16:00:00+00:00",
    ]


# ------------------------------------------------------------- how waits end


async def test_a_rejected_order_and_a_timeout_leave_the_token(make_world: Any) -> None:
    """One failure hides no other, each comes with its order."""
    world = await make_world("manual")
    rejected, late, missing = await world.orders(3)
    wait = asyncio.create_task(
        world.sinch.hosting_orders.wait_all(
            [rejected, late, rejected, missing], COMPLETED, timeout=600, return_exceptions=True
        )
    )
    await world.until(lambda: world.polls().total() > 2)
    world.sandbox.reject(rejected)
    del world.sandbox._world.orders[missing.hosting_order_id]
    world.sandbox._world.orders_index = type(world.sandbox._world.orders_index)()

    first, second, third, fourth = await wait

    assert isinstance(first, OrderRejected)
    assert third is first
    assert isinstance(second, WaitTimeout)
    assert isinstance(fourth, NotFound)
    for error, order in ((first, rejected), (second, late), (fourth, missing)):
        again = world.sinch.hosting_orders.from_token(error.token)
        assert again.hosting_order_id == order.hosting_order_id == error.last.hosting_order_id
    assert watchers() == []


async def test_wait_all_raises_what_failed_as_a_group(make_world: Any) -> None:
    """After all have ended."""
    world = await make_world("immediate")
    orders = await world.orders(2)
    nobody = Order(hosting_order_id="nobody")

    with pytest.raises(ExceptionGroup) as raised:
        await world.sinch.hosting_orders.wait_all([*orders, nobody], COMPLETED)

    assert [type(error) for error in raised.value.exceptions] == [NotFound]
    assert await world.sinch.hosting_orders.wait_all([], COMPLETED) == []


async def test_the_last_moment_of_a_timeout_is_used(make_client: Any, service: Any) -> None:
    """An order that is done when the time runs out is found, though no look was due."""
    client = make_client(poll=PollPolicy(initial=100, maximum=100))
    service.on("GET", "/hostingOrders/o0", _order("o0"), _order("o0", "COMPLETED"))
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())

    assert (await order.wait_until(COMPLETED, timeout=5)).state == COMPLETED


async def test_a_slow_answer_does_not_outlast_a_timeout(make_client: Any, service: Any) -> None:
    """The time of a wait runs while a request is under way."""
    client = make_client(clock=asyncio.get_running_loop().time, sleep=asyncio.sleep)
    held = service.hold(_order("o0", "COMPLETED"))
    service.on("GET", "/hostingOrders/o0", held)
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())

    with pytest.raises(WaitTimeout) as raised:
        await order.wait_until(COMPLETED, timeout=0.02)

    assert raised.value.last is order
    held.release()


async def test_a_timeout_during_a_pause_does_not_wait_for_its_end(
    service: Any, client: Any, clock: Any
) -> None:
    """A service that asked for silence is not asked a last time."""
    service.on("GET", "/hostingOrders/o0", (429, {}, {"Retry-After": "5000"}))
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())

    with pytest.raises(WaitTimeout):
        await order.wait_until(COMPLETED, timeout=30)

    assert clock.now <= 1031
    assert len(service.calls("GET", "/hostingOrders/o0")) == 1


async def test_a_thousand_cancelled_waits_leave_nothing_behind(make_world: Any) -> None:
    """No task, no order, no group, no follower."""
    world = await make_world("manual")
    orders = [o for o in await world.orders(100) for _ in range(10)]
    waits = [asyncio.create_task(o.wait_until(COMPLETED, timeout=1e6)) for o in orders]
    await world.until(lambda: world.polls()[LISTS] > 3)
    watcher = world.sinch._watcher
    followers = [weakref.ref(f) for m in watcher._registry for f in m.followers]
    assert len(followers) == 1000
    assert len(watchers()) == 1

    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits)

    assert all(wait.cancelled() for wait in waits)
    assert watchers() == []
    assert not watcher._registry
    assert not watcher._registry.groups
    assert not watcher._deadlines
    del waits, wait
    gc.collect()
    assert [f for f in followers if f() is not None] == []


async def test_a_cancelled_wait_says_how_to_go_on(make_world: Any) -> None:
    """The token is in the note of the cancellation."""
    world = await make_world("manual")
    (order,) = await world.orders(1)
    notes: list[str] = []

    async def wait() -> None:
        try:
            await order.wait_until(COMPLETED)
        except asyncio.CancelledError as cancelled:
            notes.extend(cancelled.__notes__)
            raise

    waiting = asyncio.create_task(wait())
    await world.until(lambda: world.polls()[GETS])
    waiting.cancel()
    await asyncio.wait({waiting})

    assert order.hosting_order_id in notes[0]
    assert "from_token" in notes[0]


async def test_one_cancelled_wait_does_not_end_another(world: World) -> None:
    """Nor for the same order."""
    (order,) = await world.orders(1)
    leaving, staying = (asyncio.create_task(order.wait_until(COMPLETED)) for _ in range(2))
    await world.until(lambda: world.polls()[GETS])
    leaving.cancel()

    assert (await staying).state == COMPLETED
    assert leaving.cancelled()


async def test_closing_the_client_ends_its_waits(make_world: Any) -> None:
    """With `UsageError` and the last order, all at once, and without the watcher."""
    world = await make_world("manual")
    orders = await world.orders(5)
    many = asyncio.create_task(
        world.sinch.hosting_orders.wait_all(orders, COMPLETED, return_exceptions=True)
    )
    one = asyncio.create_task(orders[0].wait_until(COMPLETED))
    await world.until(lambda: world.polls()[LISTS] > 2)

    await world.sinch.aclose()

    assert [type(error) for error in await many] == [UsageError] * 5
    with pytest.raises(UsageError) as raised:
        await one
    assert raised.value.last.hosting_order_id == orders[0].hosting_order_id
    assert watchers() == []
    with pytest.raises(UsageError):
        await orders[0].wait_until(COMPLETED)


async def test_a_client_that_was_closed_before_its_first_wait_begins_none(make_world: Any) -> None:
    """What watches is made by the first wait, and knows then that the client is closed."""
    world = await make_world("manual")
    (order,) = await world.orders(1)
    await world.sinch.aclose()

    with pytest.raises(UsageError, match="closed"):
        await order.wait_until(COMPLETED)
    with pytest.raises(UsageError, match="closed"):
        await world.sinch.hosting_orders.wait_all([order], COMPLETED)
    assert watchers() == []


async def test_closing_awaits_a_watcher_that_somebody_else_ended(make_world: Any) -> None:
    """Whoever was to await its end may have been cancelled meanwhile."""
    world = await make_world("manual")
    (order,) = await world.orders(1)
    wait = asyncio.create_task(order.wait_until(COMPLETED))
    await world.until(lambda: world.polls()[GETS] > 1)
    wait.cancel()
    await asyncio.sleep(0)
    wait.cancel()

    await world.sinch.aclose()

    assert watchers() == []
    await asyncio.wait({wait})


async def test_a_watcher_that_is_cancelled_from_outside_lets_nobody_hang(make_world: Any) -> None:
    """Those who wait are told, and the next wait starts another one."""
    world = await make_world("manual")
    (order,) = await world.orders(1)
    wait = asyncio.create_task(order.wait_until(COMPLETED))
    await world.until(lambda: world.polls()[GETS])

    watchers()[0].cancel()

    with pytest.raises(SinchHostingError, match="cancelled from outside"):
        await wait
    world.sandbox.complete(order)
    assert (await order.wait_until(COMPLETED)).state == COMPLETED


async def test_a_watcher_that_breaks_lets_nobody_hang(make_client: Any, service: Any) -> None:
    """What broke it is told to all who wait."""

    async def broken(_: float) -> None:
        raise OSError("no such clock")

    client = make_client(sleep=broken)
    service.on("GET", "/hostingOrders/o0", _order("o0"))
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())

    with pytest.raises(SinchHostingError, match="no such clock") as raised:
        await order.wait_until(COMPLETED)

    assert isinstance(raised.value.__cause__, OSError)


async def test_an_error_of_on_update_ends_that_wait_alone(world: World) -> None:
    """It is the caller's own."""
    (order,) = await world.orders(1)

    async def fail(seen: Order) -> None:
        raise ZeroDivisionError

    failing, other = await asyncio.gather(
        order.wait_until(COMPLETED, on_update=fail),
        order.wait_until(COMPLETED),
        return_exceptions=True,
    )

    assert isinstance(failing, ZeroDivisionError)
    assert other.state == COMPLETED
    assert watchers() == []


@pytest.mark.parametrize(
    ("order", "timeout"), [(Order(), None), (Order(hosting_order_id="a/b"), 5), (_orders(1)[0], -1)]
)
async def test_what_makes_no_sense_is_refused(client: Any, order: Order, timeout: Any) -> None:
    """An order without an id, one that would change the path, a negative time."""
    with pytest.raises(InvalidRequest):
        await client._orders_api.bind(order).wait_until(COMPLETED, timeout=timeout)
    assert watchers() == []


async def test_a_wait_that_is_over_asks_nothing(client: Any) -> None:
    """An order that has come there answers at once, whatever else."""
    (order,) = _orders(1, "COMPLETED")

    assert await client._orders_api.bind(order).wait_until(COMPLETED) is order
    assert await client.hosting_orders.wait_all([order], COMPLETED) == [order]
    assert [update async for update in client.hosting_orders.watch([order])] == []


# ------------------------------------------------------------------ callbacks


async def test_a_notice_is_acted_on_at_once_and_a_burst_of_them_by_two_looks(
    make_world: Any,
) -> None:
    """500 events about one order are one look, and one half a second later."""
    world = await make_world("manual", poll=PollPolicy(initial=3600, maximum=3600))
    watched = await world.orders(2)
    order = watched[0]
    wait = asyncio.create_task(order.wait_until(COMPLETED))
    await world.until(lambda: world.polls()[GETS] == 1)
    at = world.now
    for _ in range(500):
        world.sinch.notify(event(order.hosting_order_id))
    await world.until(lambda: world.now > at + 0.6)

    assert world.polls()[GETS] == 3
    world.sandbox.complete(order)
    world.sinch.notify(event(order.hosting_order_id))
    assert (await wait).state == COMPLETED
    world.sinch.notify(event(order.hosting_order_id))  # nobody waits: nothing happens


async def test_a_number_wakes_its_order(make_world: Any) -> None:
    """An order that this client created knows its numbers; the others are left alone."""
    world = await make_world("manual", poll=PollPolicy(initial=3600, maximum=3600))
    mine, other = await world.orders(2)
    waits = [asyncio.create_task(order.wait_until(COMPLETED)) for order in (mine, other)]
    await world.until(lambda: world.polls()[LISTS] == 1)
    await world.until(lambda: not world.sinch._watcher._run.busy)
    world.sandbox.complete(mine)

    world.sinch.notify(event("+13035550000"))
    assert (await waits[0]).state == COMPLETED
    gets = [r.path.rsplit("/", 1)[-1] for r in world.sandbox.calls(GETS)]
    assert gets == [mine.hosting_order_id]
    world.sinch.notify(event("+13035559999"))  # a stranger: all numbers are known here
    await asyncio.sleep(0)
    assert world.polls().total() == 2
    waits[1].cancel()
    await asyncio.wait(waits)


async def test_a_number_of_no_known_order_wakes_the_orders_whose_numbers_are_not_known(
    make_world: Any,
) -> None:
    """A burst of them is two rounds, half a second apart."""
    world = await make_world("manual", poll=PollPolicy(initial=3600, maximum=3600))
    created = await world.orders(10)
    orders = [world.sinch.hosting_orders.from_token(order.to_token()) for order in created]
    wait = asyncio.create_task(world.sinch.hosting_orders.wait_all(orders, COMPLETED))
    await world.until(lambda: world.polls()[LISTS])
    await world.until(lambda: not world.sinch._watcher._run.busy)
    before, at = world.polls()[LISTS], world.now

    for n in range(500):
        world.sinch.notify(event(f"+1404555{n:04}"))
    await world.until(lambda: world.now > at + 0.6)

    assert world.polls()[LISTS] - before == 2
    for order in created:
        world.sandbox.complete(order)
    world.sinch.notify(event("+14045550000"))
    world.sinch.notify(event("brand-7"))  # neither an order nor a number
    assert len(await wait) == 10


async def test_a_number_that_is_waited_for_is_looked_at_when_it_is_called_about(
    make_client: Any, service: Any, clock: Any
) -> None:
    """Waits for numbers rest on a bell."""
    clock.by_hand = True
    client = make_client()
    path = "/qualifiedNumbers/+12025550134"
    service.on(
        "GET",
        path,
        {"phoneNumber": "+12025550134", "globalProcessState": "GLOBAL_PROCESS_STATE_ELIGIBLE"},
        {"phoneNumber": "+12025550134", "globalProcessState": "GLOBAL_PROCESS_STATE_VERIFIED"},
    )
    wait = asyncio.create_task(client.qualified_numbers.wait_until("+12025550134", "VERIFIED"))
    await service.wait_for(lambda: clock.sleepers)

    client.notify(event("+12025550134"))

    assert (await wait).global_process_state.name == "VERIFIED"
    assert clock.now == 1000.0
    client.notify(event("+12025550134"))  # nobody waits for it any more
    client.notify(CallbackEvent())


async def test_a_notice_during_a_pause_waits_for_its_end(service: Any, client: Any) -> None:
    """The service's silence comes first, for callbacks too."""
    service.on(
        "GET",
        "/hostingOrders/o0",
        (429, {}, {"Retry-After": "100"}),
        lambda _: times.append(client._session.clock()) or _order("o0", "COMPLETED"),
    )
    times: list[float] = []
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())
    wait = asyncio.create_task(order.wait_until(COMPLETED))
    await service.wait_for(lambda: service.calls("GET", "/hostingOrders/o0"))
    await service.wait_for(lambda: client._watcher._fetcher.outcomes.not_before > 0)
    client.notify(event("o0"))
    await wait

    assert times[0] >= 1100


# --------------------------------------------------------------------- budget


async def test_polling_keeps_to_its_budget(make_world: Any) -> None:
    """However many orders no list can show: so many requests in any minute, and each its turn."""
    poll = PollPolicy(initial=1, maximum=2, requests_per_minute=60)
    world = await make_world("manual", poll=poll)
    created = await world.orders(20)
    orders = [Order(hosting_order_id=order.hosting_order_id) for order in created]
    for group, order in enumerate(created):  # one group each: nothing to share
        world.sandbox.order(order).campaign_id = f"G{group}"
    asked: list[tuple[float, str]] = []
    request = world.sinch._session.request

    async def counted(*args: Any, identifiers: dict[str, str], **kwargs: Any) -> Any:
        asked.append((world.now, identifiers["order_id"]))
        return await request(*args, identifiers=identifiers, **kwargs)

    world.sinch._session.request = counted
    await world.sinch.hosting_orders.wait_all(
        orders, COMPLETED, timeout=300, return_exceptions=True
    )

    times = [at for at, _ in asked]
    assert len(times) > 200
    for start in times:
        assert sum(start <= at < start + 60 for at in times) <= 60
    turns = Counter(order_id for _, order_id in asked)
    assert max(turns.values()) <= 2 * min(turns.values())


async def test_other_calls_go_before_polls(make_client: Any, service: Any) -> None:
    """With one request at a time, a call overtakes all polls that queue."""
    client = make_client(max_concurrency=1)
    held = service.hold(_order("o0", "COMPLETED"))
    service.on("GET", "/hostingOrders/o0", held)
    for n in range(1, 5):
        service.on("GET", f"/hostingOrders/o{n}", _order(f"o{n}", "COMPLETED"))
    service.on("GET", "/callbackConfiguration", {})
    orders = [Order(hosting_order_id=f"o{n}") for n in range(5)]
    wait = asyncio.create_task(client.hosting_orders.wait_all(orders, COMPLETED))
    await held.arrived.wait()

    call = asyncio.create_task(client.callback_configuration.get())
    await asyncio.sleep(0)
    held.release()
    await asyncio.gather(wait, call)

    paths = [seen.path for seen in service.requests if seen.method == "GET"]
    assert paths[:2] == ["/hostingOrders/o0", "/callbackConfiguration"]


async def test_few_polls_are_under_way_where_requests_are_paced(
    make_client: Any, service: Any
) -> None:
    """They would hold up the next call by as many turns."""
    client = make_client(requests_per_second=1000.0, max_concurrency=4)
    for n in range(5):
        service.on("GET", f"/hostingOrders/o{n}", _order(f"o{n}", "COMPLETED"))
    orders = [Order(hosting_order_id=f"o{n}") for n in range(5)]

    await client.hosting_orders.wait_all(orders, COMPLETED)

    assert service.most_in_flight <= 2


# -------------------------------------------------------------- every change


async def test_watch_gives_every_change_of_every_order_and_ends_with_the_last(
    make_world: Any,
) -> None:
    """In the order in which they happen, whoever they concern."""
    world = await make_world(
        PROFILES["standard"].with_timings(submit=60, start=(600, 6000)), poll=PollPolicy(maximum=30)
    )
    orders = [
        await world.sinch.hosting_orders.text_enable(
            [f"+1303555{n:04}"],
            region_code="US",
            service_plan_id="plan",
            campaign_id="C1",
            loa=BlanketLoa(),
        )
        for n in range(5)
    ]
    states: dict[str, list[str]] = {order.hosting_order_id: [] for order in orders}

    async for update in world.sinch.hosting_orders.watch(orders):
        assert update.error is None
        if update.has_moved:
            states[update.order.hosting_order_id].append(update.order.state)

    assert set(map(tuple, states.values())) == {("SUBMITTED", "IN_PROGRESS", "COMPLETED")}
    assert watchers() == []


async def test_watch_tells_of_a_deleted_order_and_goes_on(service: Any, client: Any) -> None:
    """One order's end is no other's."""
    service.on("GET", "/hostingOrders/o0", 404)
    service.on("GET", "/hostingOrders/o1", _order("o1"), _order("o1", "REJECTED"))
    orders = [Order(hosting_order_id=f"o{n}") for n in range(2)]

    updates = [update async for update in client.hosting_orders.watch(orders)]

    assert [type(u.error) for u in updates if u.order.hosting_order_id == "o0"] == [NotFound]
    assert [u.order.state for u in updates if u.error is None] == ["IN_PROGRESS", "REJECTED"]


async def test_a_watch_that_is_left_leaves_nothing(world: World) -> None:
    """The caller may stop when it has seen enough."""
    orders = await world.orders(3)
    updates = world.sinch.hosting_orders.watch(orders)
    async for _ in updates:
        break
    await updates.aclose()  # type: ignore[attr-defined]

    assert watchers() == []


# ------------------------------------------------------------------- resuming


async def test_a_token_goes_on_waiting_with_another_client(world: World) -> None:
    """As in another process: nothing but the text crosses."""
    texts = [order.to_token() for order in await world.orders(30)]
    async with SinchHosting(
        world.sandbox.project_id,
        world.sandbox.key_id,
        world.sandbox.key_secret,
        base_url=world.sandbox.base_url,
        auth_url=world.sandbox.auth_url,
        clock=world.sinch._session.clock,
        sleep=world.sinch._session.sleep,
    ) as other:
        before = world.polls()
        orders = [other.hosting_orders.from_token(text) for text in texts]
        done = await other.hosting_orders.wait_all(orders, COMPLETED)

    assert {order.state for order in done} == {COMPLETED}
    polls = world.polls() - before
    assert polls[GETS] <= 4 * 30  # of unknown state, they are looked for in lists first
    assert polls[LISTS] < 300


async def test_two_loops_have_a_watcher_each(make_world: Any) -> None:
    """A client of another loop is refused before it could wait for the wrong one."""
    world = await make_world("manual")
    (order,) = await world.orders(1)

    def elsewhere() -> None:
        asyncio.run(order.wait_until(COMPLETED))

    with pytest.raises(UsageError, match="another event loop"):
        await asyncio.to_thread(elsewhere)
    assert watchers() == []


async def test_what_goes_wrong_is_logged_once_a_round(
    service: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """And says that the wait goes on."""
    service.on("GET", "/hostingOrders/o0", 503, _order("o0", "COMPLETED"))
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())
    with caplog.at_level(logging.WARNING, "sinch_hosting"):
        await asyncio.gather(*(order.wait_until(COMPLETED) for _ in range(20)))

    said = [r.getMessage() for r in caplog.records if "goes on" in r.getMessage()]
    assert len(said) == 1
    assert "order o0" in said[0]


# ------------------------------------------------------------ hostile answers


async def test_a_later_state_is_believed_whatever_time_it_bears(service: Any, client: Any) -> None:
    """Clocks of replicas differ: COMPLETED ends a wait though it claims to be older."""
    service.on("GET", "/hostingOrders", {})
    times = {"IN_PROGRESS": "2026-01-05T10:00:01Z", "COMPLETED": "2026-01-05T10:00:00.999Z"}
    answers = [{**_order("o0", state), "updatedTime": time} for state, time in times.items()]
    service.on("GET", "/hostingOrders/o0", *answers)

    done = await client.hosting_orders.from_token(_orders(1)[0].to_token()).wait_until(COMPLETED)

    assert done.state == COMPLETED
    assert watchers() == []


async def test_an_order_is_known_by_the_id_that_was_asked_for(service: Any, client: Any) -> None:
    """A service that spells an id otherwise neither hangs a wait nor leaves it behind."""
    service.on("GET", "/hostingOrders", {})
    service.on("GET", "/hostingOrders/o0", _order("O0", "COMPLETED"))
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())

    (done,) = await client.hosting_orders.wait_all([order], COMPLETED)

    assert (done.hosting_order_id, done.state) == ("o0", COMPLETED)
    assert watchers() == []
    assert len(client._watcher._registry) == 0


async def test_what_cannot_be_asked_for_ends_its_own_wait_alone(service: Any, client: Any) -> None:
    """A list that cannot be written into an address is no other order's matter."""
    service.on("GET", "/hostingOrders", {})
    service.on("GET", "/hostingOrders/o0", _order("o0"), _order("o0", "COMPLETED"))
    for name in ("a", "b"):
        service.on("GET", f"/hostingOrders/{name}", _order(name), _order(name, "COMPLETED"))
    orders = client.hosting_orders
    strange = [
        bind(
            Order(
                hosting_order_id=name,
                type=OrderType.IMPORT,
                service_plan_id="\ud800",
                campaign_id="c",
            ),
            orders,
        )
        for name in ("a", "b")
    ]
    plain = orders.from_token(_orders(1)[0].to_token())

    done = await asyncio.gather(orders.wait_all(strange, COMPLETED), plain.wait_until(COMPLETED))

    assert done[1].state == COMPLETED
    assert [o.state for o in done[0]] == [COMPLETED, COMPLETED]


async def test_endless_empty_pages_starve_nobody(service: Any, client: Any) -> None:
    """A list that finds nothing page after page is left for single orders."""
    tokens = itertools.count()
    service.on(
        "GET",
        "/hostingOrders",
        lambda _: {"hostingOrders": [], "nextPageToken": f"t{next(tokens)}"},
    )
    for n in range(2):
        service.on("GET", f"/hostingOrders/o{n}", _order(f"o{n}", "COMPLETED"))

    done = await client.hosting_orders.wait_all(
        [client.hosting_orders.from_token(o.to_token()) for o in _orders(2)], COMPLETED
    )

    assert [o.state for o in done] == [COMPLETED, COMPLETED]
    assert next(tokens) < 50


async def test_watch_tells_the_last_news_to_a_slow_reader(service: Any, client: Any) -> None:
    """What happened while the reader was busy is told, the end of the last order included."""
    service.on("GET", "/hostingOrders", {})
    service.on("GET", "/hostingOrders/o0", _order("o0", "COMPLETED"))
    service.on("GET", "/hostingOrders/o1", _order("o1"), 404)
    orders = [client.hosting_orders.from_token(o.to_token()) for o in _orders(2)]
    heard: list[Any] = []

    async for update in client.hosting_orders.watch(orders):
        heard.append(update)
        for _ in range(200):
            await asyncio.sleep(0)

    assert isinstance(heard[-1].error, NotFound)
    assert any(update.order.state == COMPLETED for update in heard)


async def test_no_retry_after_silences_the_watcher_for_years(service: Any, client: Any) -> None:
    """A pause is an hour at most, in the watcher as in every call."""
    service.on("GET", "/hostingOrders", {})
    refused = (429, {}, {"Retry-After": "80000"})
    service.on("GET", "/hostingOrders/o0", refused, _order("o0", "COMPLETED"))
    clock = client._session.clock
    began = clock()

    await client.hosting_orders.from_token(_orders(1)[0].to_token()).wait_until(COMPLETED)

    assert 3600 <= clock() - began < 8000


async def test_an_answer_without_a_state_erases_nothing(service: Any, client: Any) -> None:
    """It tells nothing: the order stays as it was known, and is looked at again."""
    service.on("GET", "/hostingOrders", {})
    service.on("GET", "/hostingOrders/o0", _order("o0"), {}, _order("o0", "COMPLETED"))
    seen: list[str] = []
    order = client.hosting_orders.from_token(_orders(1)[0].to_token())

    await order.wait_until(COMPLETED, on_update=lambda update: seen.append(update.state))

    assert seen == ["IN_PROGRESS", "COMPLETED"]


async def test_cancelling_a_wait_for_many_leaves_their_tokens(make_world: Any) -> None:
    """Whoever is cancelled can go on elsewhere, with each order that goes on."""
    world = await make_world("manual")
    orders = await world.orders(3)
    wait = asyncio.create_task(world.sinch.hosting_orders.wait_all(orders, COMPLETED))
    await world.until(lambda: world.polls().total() > 0)

    wait.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await wait

    assert len(cancelled.value.__notes__) == 3


async def test_deadlines_of_waits_that_are_over_are_not_kept(make_world: Any) -> None:
    """A thousand short waits with long time-outs beside a long one leave no heap behind."""
    world = await make_world("immediate")
    orders = await world.orders(1)
    held = asyncio.create_task(world.sinch.hosting_orders.wait_all(orders, "IN_PROGRESS"))
    for _ in range(300):
        await world.sinch.hosting_orders.wait_all([], COMPLETED, timeout=9)
    await held

    assert len(world.sinch._watcher._deadlines) < 100
