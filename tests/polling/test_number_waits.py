"""Waits for numbers: through the same watcher, budget and rule, and woken by callbacks."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from copy import deepcopy
from math import ceil
from typing import Any

import pytest

from sinch_hosting import (
    COMPLETED,
    ApiError,
    CallbackEvent,
    ImportedNumber,
    InvalidRequest,
    NotFound,
    NumberFailed,
    Order,
    PermissionDenied,
    PollPolicy,
    QualifiedNumber,
    SinchHosting,
    SmsConfiguration,
    WaitTimeout,
)
from sinch_hosting._polling.policy import budget_of
from sinch_hosting._polling.reads import Reader
from sinch_hosting._polling.sources import IMPORTED_NUMBERS, QUALIFIED_NUMBERS
from tests.service import Service, error, reply


def numbers_of(count: int) -> list[str]:
    """So many numbers."""
    return [f"+1613{n + 2_000_000:07d}" for n in range(count)]


def _qualify(service: Service, numbers: list[str], state: str) -> None:
    service.set_qualified(numbers, state)


@pytest.mark.parametrize("one_by_one", [False, True])
async def test_a_thousand_numbers_in_qualification_cost_pages(clock: Any, one_by_one: bool) -> None:
    """As one wait or as a thousand: ten lists, and a few single looks that check them."""
    async with Service(clock=clock, sleep=clock.sleep, page_cap=100) as service:
        numbers = numbers_of(1000)
        _qualify(service, numbers, "VERIFIED")
        async with SinchHosting(**service.client_arguments) as sinch:
            qualified = sinch.qualified_numbers
            if one_by_one:
                waits = (qualified.wait_until(number, "VERIFIED") for number in numbers)
                done = await asyncio.gather(*waits)
            else:
                done = await qualified.wait_all(numbers, "VERIFIED")
        assert [number.phone_number for number in done] == numbers
        assert service.counts["ListQualifiedNumbers"] <= 10 + 1000 // 100
        assert service.counts["GetQualifiedNumber"] <= 10


@pytest.mark.parametrize("is_told", [False, True])
async def test_a_thousand_imported_numbers_cost_pages(clock: Any, is_told: bool) -> None:
    """Where they are is told, or learnt from the first eight."""
    async with Service(clock=clock, sleep=clock.sleep, page_cap=100) as service:
        numbers = numbers_of(1000)
        service.add_imported(numbers, plan="p", campaign="c")
        where = {"service_plan_id": "p", "campaign_id": "c"} if is_told else {}
        async with SinchHosting(**service.client_arguments) as sinch:
            clock.now += 600
            done = await sinch.imported_numbers.wait_all_provisioned(numbers, **where)
        assert [number.phone_number for number in done] == numbers
        assert service.counts["ListImportedNumbers"] <= ceil(1000 / 100)
        assert service.counts["GetImportedNumber"] <= 8


async def test_waits_for_numbers_and_orders_share_one_budget(clock: Any) -> None:
    """Whatever lists do, no minute sees more than the budget."""
    poll = PollPolicy(requests_per_minute=60)
    async with Service(clock=clock, sleep=clock.sleep) as service:
        numbers = numbers_of(40)
        _qualify(service, numbers, "ELIGIBLE")
        service.add_imported(numbers, plan="p", campaign="c")
        for imported in service.store.imported.values():
            imported.linked_at = 1e9
        service.fault(["ListQualifiedNumbers", "ListImportedNumbers"], error(403), times=None)
        async with SinchHosting(**service.client_arguments, poll=poll) as sinch:
            await asyncio.gather(
                sinch.qualified_numbers.wait_all(
                    numbers, "VERIFIED", timeout=300, return_exceptions=True
                ),
                sinch.imported_numbers.wait_all_provisioned(
                    numbers, timeout=300, return_exceptions=True
                ),
            )
        times = [request.time for request in service.requests if request.operation != "Token"]
        assert len(times) > 150
        for start in times:
            assert sum(start <= at < start + 59.99 for at in times) <= 60


async def test_a_number_that_failed_and_one_that_is_late(clock: Any) -> None:
    """Each with its number; the text says what it is now."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        failed, late, _missing, done = numbers = numbers_of(4)
        _qualify(service, [failed], "NOT_ELIGIBLE")
        _qualify(service, [late], "ELIGIBLE")
        _qualify(service, [done], "HOSTING_DONE")
        async with SinchHosting(**service.client_arguments) as sinch:
            results = await sinch.qualified_numbers.wait_all(
                numbers, "VERIFIED", timeout=120, return_exceptions=True
            )
            with pytest.raises(ExceptionGroup):
                await sinch.qualified_numbers.wait_all([failed], "VERIFIED")
    assert [type(r) for r in results[:3]] == [NumberFailed, WaitTimeout, NotFound]
    assert str(results[1]) == f"{late}: still ELIGIBLE after 120 s; wanted VERIFIED"
    assert results[1].last.phone_number == late  # type: ignore[union-attr]
    assert results[2].last is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (500, "last look: GetHostingOrder: 500"),
        (404, "the service does not know it: GetHostingOrder: 404"),
    ],
)
async def test_a_timeout_says_why_an_order_was_not_seen(clock: Any, status: int, says: str) -> None:
    """Alone and among others; the error itself is the cause, also of a copy."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        (made,) = service.add_orders(1)
        service.fault("GetHostingOrder", error(status), times=None)
        async with SinchHosting(**service.client_arguments) as sinch:
            orders = sinch.hosting_orders
            (late,) = await orders.wait_all([made.id], COMPLETED, timeout=4, return_exceptions=True)
            order = Order(hosting_order_id=made.id)
            with pytest.raises(WaitTimeout) as raised:
                await sinch._orders_api.bind(order).wait_until(COMPLETED, timeout=4)
    for timed_out in (late, raised.value, deepcopy(raised.value)):
        assert str(timed_out).startswith(
            f"order {made.id}: not seen after 4 s; wanted COMPLETED; {says}"
        )
    for timed_out in (late, raised.value):
        assert isinstance(timed_out, WaitTimeout)
        assert isinstance(timed_out.__cause__, ApiError)
        assert timed_out.__cause__.status_code == status


async def test_many_failures_of_a_kind_are_one_warning_a_minute(
    clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are logged at debug level."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        numbers = numbers_of(60)
        async with SinchHosting(**service.client_arguments) as sinch:
            with caplog.at_level(logging.DEBUG, "sinch_hosting"):
                await sinch.imported_numbers.wait_all_provisioned(
                    numbers, timeout=50, return_exceptions=True
                )
    found = [r for r in caplog.records if "goes on after an error" in r.getMessage()]
    assert len(found) >= len(numbers)
    assert [r.levelname for r in found].count("WARNING") == 1


async def test_a_timeout_after_a_look_that_succeeded_gives_no_error(clock: Any) -> None:
    """An error of an earlier look does not matter any more."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        (made,) = service.add_orders(1, state="IN_PROGRESS")
        service.fault("GetHostingOrder", error(500), times=1)
        async with SinchHosting(**service.client_arguments) as sinch:
            (late,) = await sinch.hosting_orders.wait_all(
                [made.id], COMPLETED, timeout=30, return_exceptions=True
            )
    assert str(late) == f"order {made.id}: still IN_PROGRESS after 30 s; wanted COMPLETED"
    assert isinstance(late, WaitTimeout)
    assert late.__cause__ is None


@pytest.mark.parametrize("given", ["+16132000000", b"+1", {"+16132000000": 1}, 7, ["+1x"]])
async def test_what_is_not_many_numbers_is_refused(client: Any, given: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequest):
        await client.qualified_numbers.wait_all(given, "VERIFIED")
    with pytest.raises(InvalidRequest):
        await client.imported_numbers.wait_all_provisioned(given)


@pytest.mark.parametrize(
    "given", ["o1", b"o1", Order(hosting_order_id="o1"), 7, [7], ["a/b"], {"o1": 1}]
)
async def test_what_is_not_many_orders_is_refused(client: Any, given: Any) -> None:
    """A single order or text, and what is no order."""
    with pytest.raises(InvalidRequest):
        await client.hosting_orders.wait_all(given, COMPLETED)
    with pytest.raises(InvalidRequest):
        client.hosting_orders.watch(given)


async def test_orders_ids_and_tokens_in_any_mixture(clock: Any) -> None:
    """In the order given."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        made = service.add_orders(3, state="IN_PROGRESS", completed_at=clock() + 60)
        async with SinchHosting(**service.client_arguments) as sinch:
            orders = sinch.hosting_orders
            first = await orders.get(made[0].id)
            token = (await orders.get(made[1].id)).to_token()
            done = await orders.wait_all([first, token, made[2].id, made[0].id], COMPLETED)
            assert [o.hosting_order_id for o in done] == [made[n].id for n in (0, 1, 2, 0)]


@pytest.mark.parametrize(
    "bad",
    [
        *(error(status) for status in (301, 408, 425, 500, 520)),
        *(
            reply(200, body)
            for body in ("null", "[]", '"x"', "{}", '{"error": {"code": 5}}', "<x>")
        ),
        reply(200, '{"hostingOrderId": "x", "state": "COMPLETED", "updatedTime": 7}'),
        error(404),
        error(403),
    ],
    ids=str,
)
async def test_one_bad_answer_ends_no_wait(clock: Any, bad: Any) -> None:
    """Nor do many that say nothing; a single no is not believed."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        (made,) = service.add_orders(1, state="IN_PROGRESS", completed_at=clock() + 30)
        status = bad.answer.status
        says_no = status in (403, 404)
        service.fault("GetHostingOrder", bad, times=1 if says_no else 7)
        async with SinchHosting(**service.client_arguments) as sinch:
            (done,) = await sinch.hosting_orders.wait_all([made.id], COMPLETED)
    assert done.state == COMPLETED


async def test_a_404_for_a_fresh_order_is_believed_after_a_grace(clock: Any) -> None:
    """Replicas lag; and an order that is nowhere ends its wait all the same."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        (made,) = service.add_orders(1, state="IN_PROGRESS", completed_at=clock())
        service.fault("GetHostingOrder", error(404), times=5)
        async with SinchHosting(**service.client_arguments) as sinch:
            (done,) = await sinch.hosting_orders.wait_all([made.id], COMPLETED)
            assert done.state == COMPLETED
            began = clock()
            (gone,) = await sinch.hosting_orders.wait_all(
                ["nowhere"], COMPLETED, return_exceptions=True
            )
    assert isinstance(gone, NotFound)
    assert 60 <= clock() - began <= 180


async def test_on_update_that_hangs_does_not_outlast_the_timeout(clock: Any) -> None:
    """It is cancelled, and the wait says what the order is."""
    ended: list[str] = []

    async def hang(_: Order) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with Service(clock=clock, sleep=clock.sleep) as service:
        (made,) = service.add_orders(1, state="SUBMITTED")
        service.set_state(made, "IN_PROGRESS", at=clock() + 5)
        async with SinchHosting(**service.client_arguments) as sinch:
            order = await sinch.hosting_orders.get(made.id)
            with pytest.raises(WaitTimeout, match="still IN_PROGRESS after 60 s; wanted COMPLETED"):
                await order.wait_until(COMPLETED, timeout=60, on_update=hang)
    assert ended == ["cancelled"]


async def test_polls_belong_to_nobodys_request(clock: Any) -> None:
    """Not even those that a callback begins: no request's context is copied."""
    trace = contextvars.ContextVar("trace", default="none")
    seen: set[str] = set()

    async with Service(clock=clock, sleep=clock.sleep) as service:
        (made,) = service.add_orders(1, state="IN_PROGRESS", completed_at=clock() + 600)
        async with SinchHosting(**service.client_arguments) as sinch:
            request = sinch._session.request

            async def traced(*args: Any, **kwargs: Any) -> Any:
                seen.add(trace.get())
                return await request(*args, **kwargs)

            sinch._session.request = traced  # type: ignore[method-assign]
            trace.set("a web request")
            wait = asyncio.create_task(sinch.hosting_orders.wait_all([made.id], COMPLETED))
            await service.wait_until(lambda: service.counts["GetHostingOrder"])
            sinch.notify(CallbackEvent(resource_id=made.id))
            await wait
    assert seen == {"none"}


# ----------------------------------------------------------------- reading once


def _reader(sinch: SinchHosting, requests_per_minute: float = 600) -> Reader:
    session, policy = sinch._session, PollPolicy(requests_per_minute=requests_per_minute)
    return Reader(session, policy, budget_of(policy, None, session.clock, session.sleep))


async def _read(sinch: SinchHosting, source: Any, things: list[Any]) -> list[dict[str, Any]]:
    found = _reader(sinch).read(source, things)
    return [some async for some in found]


async def test_reading_a_thousand_numbers_takes_lists_and_gives_them_as_they_come(
    clock: Any,
) -> None:
    """Also those that the service does not know; nothing waits for a budget of polls."""
    async with Service(clock=clock, sleep=clock.sleep, page_cap=100) as service:
        numbers = numbers_of(1000)
        _qualify(service, numbers[:600], "VERIFIED")
        _qualify(service, numbers[600:980], "HOSTING_DONE")
        service.add_imported(numbers[:990], plan="p", campaign="c")
        async with SinchHosting(**service.client_arguments) as sinch:
            things = [QualifiedNumber(phone_number=number) for number in numbers]
            parts = await _read(sinch, QUALIFIED_NUMBERS, things)
            bare = [ImportedNumber(phone_number=number) for number in numbers]
            imported = await _read(sinch, IMPORTED_NUMBERS, bare)
    found = {number: there for part in parts for number, there in part.items()}
    assert len(parts) > 5
    assert set(found) == set(numbers)
    assert [n for n in numbers if found[n] is None] == numbers[980:]
    there = {number: there for part in imported for number, there in part.items()}
    assert [n for n in numbers if there[n] is None] == numbers[990:]
    assert service.counts["ListQualifiedNumbers"] <= 10 + 10
    assert service.counts["GetQualifiedNumber"] <= 20
    assert service.counts["ListImportedNumbers"] <= 11
    assert service.counts["GetImportedNumber"] <= 8 + 10
    assert clock() == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("turns", range(12))
async def test_a_reading_is_cancelled_at_any_turn_of_the_loop(clock: Any, turns: int) -> None:
    """Also in the turn in which it ends: whoever reads again and again would never stop."""
    service = Service(clock=clock, sleep=clock.sleep)
    async with service, SinchHosting(**service.client_arguments) as sinch:

        async def again_and_again() -> None:
            while True:
                await _read(sinch, QUALIFIED_NUMBERS, [])

        running = asyncio.create_task(again_and_again())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        for _ in range(50):
            await asyncio.sleep(0)
        assert running.cancelled()


async def test_a_reading_tries_again_what_passes_and_raises_what_does_not(clock: Any) -> None:
    """503 thrice is nothing, as for every call; 403 is the end of it."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        numbers = numbers_of(5)
        _qualify(service, numbers, "VERIFIED")
        things = [QualifiedNumber(phone_number=number) for number in numbers]
        async with SinchHosting(**service.client_arguments) as sinch:
            service.fault("GetQualifiedNumber", error(503), times=3)
            parts = await _read(sinch, QUALIFIED_NUMBERS, things)
            assert {number for part in parts for number in part} == set(numbers)
            service.fault("GetQualifiedNumber", error(403), times=None)
            with pytest.raises(PermissionDenied):
                await _read(sinch, QUALIFIED_NUMBERS, things)


async def test_a_reading_counts_in_the_budget_and_waits_for_it_only_where_told(clock: Any) -> None:
    """What was read at once has used up the tokens, and no more: polls wait for new ones."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        numbers = numbers_of(9)
        _qualify(service, numbers, "VERIFIED")
        things = [QualifiedNumber(phone_number=number) for number in numbers]
        async with SinchHosting(**service.client_arguments) as sinch:
            reader = _reader(sinch, requests_per_minute=12)
            for waits, least, most in ((False, 0, 1), (True, 40, 60)):
                began = clock()
                parts = [
                    p async for p in reader.read(QUALIFIED_NUMBERS, things, waits_for_budget=waits)
                ]
                assert {number for part in parts for number in part} == set(numbers)
                assert least <= clock() - began <= most


async def test_a_reading_of_lists_alone_looks_at_nothing_singly(clock: Any) -> None:
    """What they do not show is not told of."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        numbers = numbers_of(9)
        service.add_imported(numbers[:6], plan="p", campaign="c")
        here = SmsConfiguration(service_plan_id="p", campaign_id="c")
        things = [ImportedNumber(phone_number=n, sms_configuration=here) for n in numbers]
        async with SinchHosting(**service.client_arguments) as sinch:
            reading = _reader(sinch).read(IMPORTED_NUMBERS, things, only_lists=True)
            found = {number async for part in reading for number in part}
    assert found == set(numbers[:6])
    assert (service.counts["ListImportedNumbers"], service.counts["GetImportedNumber"]) == (1, 0)


async def test_what_is_not_there_is_no_trouble_of_a_reading(
    clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A 404 is a result, asked for once, and no line of the log."""
    async with (
        Service(clock=clock, sleep=clock.sleep) as service,
        SinchHosting(**service.client_arguments) as sinch,
    ):
        bare = [ImportedNumber(phone_number=number) for number in numbers_of(5)]
        parts = await _read(sinch, IMPORTED_NUMBERS, bare)
    assert {number: there for part in parts for number, there in part.items()} == dict.fromkeys(
        numbers_of(5)
    )
    assert service.counts["GetImportedNumber"] == 5
    assert not [record for record in caplog.records if record.name == "sinch_hosting"]


async def test_numbers_that_are_imported_on_another_plan_cost_pages(clock: Any) -> None:
    """A few are looked at singly, and the others are in the list of where those are."""
    async with Service(clock=clock, sleep=clock.sleep, page_cap=100) as service:
        numbers = numbers_of(300)
        service.add_imported(numbers, plan="elsewhere", campaign="c")
        async with SinchHosting(**service.client_arguments) as sinch:
            bare = [ImportedNumber(phone_number=number) for number in numbers]
            parts = await _read(sinch, IMPORTED_NUMBERS, bare)
    assert all(there is not None for part in parts for there in part.values())
    assert service.counts["GetImportedNumber"] + service.counts["ListImportedNumbers"] <= 8 + 3
