"""Many numbers: chunks, the fan-out, and what becomes of each number."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest

from sinch_hosting import (
    AuthenticationFailed,
    BadRequest,
    BlanketLoa,
    BulkResult,
    ChunkOutcome,
    Conflict,
    FailedChunk,
    InvalidRequest,
    Order,
    OutcomeUnknown,
    UnknownChunk,
)
from sinch_hosting._bulk.chunks import SkippedNumber
from sinch_hosting._bulk.order_runs import _order_of
from sinch_hosting._bulk.results import collected

from ..letters import DIRECT

IMPORT = ("POST", "/hostingOrders:importNumbers")
ENABLE = ("POST", "/hostingOrders:textEnableNumbers")
TOLL_FREE = ("POST", "/hostingOrders:textEnableTollFreeNumbers")
PLAN = {"region_code": "US", "service_plan_id": "plan"}


def numbers(count):
    """Different numbers."""
    return [f"+1202555{n:04}" for n in range(count)]


def orders(seen):
    """A reply that names the order after its first number."""
    return {"hostingOrderId": f"order-{seen.json['numbers'][0]}", "state": "SUBMITTED"}


# ------------------------------------------------------------------- through a client


@pytest.mark.parametrize(
    ("call", "path", "extra", "size"),
    [
        ("import_many", IMPORT, {}, 5),
        ("text_enable_many", ENABLE, {"loa": DIRECT}, 500),
        ("text_enable_toll_free_many", TOLL_FREE, {"loa": DIRECT}, 500),
    ],
)
async def test_chunks_are_as_large_as_the_service_allows(service, client, call, path, extra, size):
    """5 and 500 by default; the orders come in the order of the numbers."""
    service.on(*path, orders)
    given_numbers = numbers(2 * size + 1)
    result = await getattr(client.hosting_orders, call)(iter(given_numbers), **PLAN, **extra)
    sent = sorted(seen.json["numbers"] for seen in service.calls(*path))
    assert sent == [given_numbers[:size], given_numbers[size : 2 * size], given_numbers[-1:]]
    assert [order.hosting_order_id for order in result.succeeded] == [
        f"order-{chunk[0]}" for chunk in sent
    ]
    assert result.failed == result.unknown == result.skipped == ()
    result.raise_for_failures()


async def test_import_limit_sets_the_chunks(service, make_client):
    """For accounts that may import more at once."""
    service.on(*IMPORT, orders)
    client = make_client(import_limit=20)
    await client.hosting_orders.import_many(numbers(30), **PLAN)
    assert sorted(len(seen.json["numbers"]) for seen in service.calls(*IMPORT)) == [10, 20]


async def test_chunk_size_makes_them_smaller(service, client):
    """Never larger: that is refused before anything is sent."""
    service.on(*IMPORT, orders)
    await client.hosting_orders.import_many(numbers(4), **PLAN, chunk_size=2)
    assert [len(seen.json["numbers"]) for seen in service.calls(*IMPORT)] == [2, 2]
    with pytest.raises(InvalidRequest, match="1 to 5"):
        await client.hosting_orders.import_many(numbers(4), **PLAN, chunk_size=6)


@pytest.mark.parametrize("limit", [1, 3])
async def test_at_most_so_many_at_once(service, client, limit):
    """And as many as that: the chunks go out side by side."""
    hold = service.hold(None)

    async def held(seen):
        await hold(seen)
        return orders(seen)

    service.on(*IMPORT, held)
    call = client.hosting_orders.import_many(
        numbers(12), **PLAN, chunk_size=1, max_concurrency=limit
    )
    task = asyncio.create_task(call)
    await service.wait_for(lambda: hold.waiting == limit)
    await asyncio.sleep(0.005)
    assert hold.waiting == limit
    hold.release()
    assert len((await task).succeeded) == 12
    assert service.most_in_flight == limit


async def test_the_clients_limit_is_the_default(service, make_client):
    """Without `max_concurrency` as many as the client has."""
    hold = service.hold({"hostingOrderId": "1"})
    service.on(*IMPORT, hold)
    client = make_client(max_concurrency=2, auth="basic")
    task = asyncio.create_task(client.hosting_orders.import_many(numbers(20), **PLAN))
    await service.wait_for(lambda: hold.waiting == 2)
    hold.release()
    await task
    assert service.most_in_flight == 2


async def test_one_chunks_failure_touches_no_other(service, client):
    """Failed, unknown and succeeded chunks stand side by side, each with its numbers."""
    given_numbers = numbers(25)

    def answer(seen):
        match seen.json["numbers"][0]:
            case "+12025550005":
                return (400, {"message": "no"})
            case "+12025550010":
                return service.DROP
            case "+12025550015":
                return 503
        return orders(seen)

    service.on(*IMPORT, answer)
    result = await client.hosting_orders.import_many(given_numbers, **PLAN)
    assert [o.hosting_order_id for o in result.succeeded] == [
        "order-+12025550000",
        "order-+12025550020",
    ]
    (failed,) = result.failed
    assert failed.numbers == tuple(given_numbers[5:10])
    assert isinstance(failed.error, BadRequest)
    assert failed.error.__notes__ == ["5 numbers, +12025550005 to +12025550009"]
    assert [chunk.numbers for chunk in result.unknown] == [
        tuple(given_numbers[10:15]),
        tuple(given_numbers[15:20]),
    ]
    assert all(isinstance(chunk.error, OutcomeUnknown) for chunk in result.unknown)
    assert len(service.calls(*IMPORT)) == 5, "nothing was sent twice"
    with pytest.raises(ExceptionGroup, match="3 of 5 chunks did not succeed") as caught:
        result.raise_for_failures()
    assert caught.value.exceptions == (failed.error, *(c.error for c in result.unknown))


async def test_without_a_token_all_chunks_fail_with_notes_of_their_own(service, client):
    """Nothing was sent, so nothing is unknown; each error tells of its own numbers."""
    service.on_token((401, {"error": "invalid_client"}))
    result = await client.hosting_orders.import_many(numbers(15), **PLAN)
    assert result.unknown == ()
    assert [type(chunk.error) for chunk in result.failed] == [AuthenticationFailed] * 3
    for chunk in result.failed:
        notes = [note for note in chunk.error.__notes__ if "numbers" in note]
        assert notes == [f"5 numbers, {chunk.numbers[0]} to {chunk.numbers[-1]}"]


async def test_duplicates_are_skipped_and_said(service, client):
    """Each number is in one request; the others are in `skipped`."""
    service.on(*IMPORT, orders)
    again = [*numbers(3), numbers(3)[0], numbers(3)[0]]
    result = await client.hosting_orders.import_many(again, **PLAN)
    assert service.calls(*IMPORT)[0].json["numbers"] == numbers(3)
    assert [(s.phone_number, s.reason) for s in result.skipped] == [
        (numbers(1)[0], "duplicate")
    ] * 2
    assert "<2 numbers>" in repr(result)


@pytest.mark.parametrize(
    "wrong",
    [
        {"numbers": "+12025550134"},
        {"numbers": b"+12025550134"},
        {"numbers": {}},
        {"numbers": 5},
        {"numbers": []},
        {"numbers": [*numbers(600), "555"]},
        {"numbers": [None]},
        {"region_code": "PR"},
        {"service_plan_id": ""},
        {"loa": None},
        {"chunk_size": 0},
        {"chunk_size": 501},
        {"max_concurrency": 0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
@pytest.mark.parametrize("call", ["text_enable_many", "text_enable_toll_free_many"])
async def test_what_cannot_be_right_is_not_sent(service, client, call, wrong):
    """`InvalidRequest` before the first chunk, wherever the fault is."""
    given_arguments = {"numbers": numbers(600), **PLAN, "loa": DIRECT, **wrong}
    with pytest.raises(InvalidRequest):
        await getattr(client.hosting_orders, call)(**given_arguments)
    assert service.requests == []


async def test_the_first_wrong_number_is_named_and_all_are_counted(client):
    """One message for a thousand rows."""
    with pytest.raises(InvalidRequest) as caught:
        await client.hosting_orders.import_many([*numbers(3), "x", *numbers(5), "y"], **PLAN)
    assert caught.value.field == "numbers[3]"
    assert caught.value.value == "x"
    assert "2 of 7 numbers are wrong" in caught.value.rule


async def test_toll_free_takes_no_blanket_letter(service, client):
    """Refused before anything is sent."""
    with pytest.raises(InvalidRequest):
        await client.hosting_orders.text_enable_toll_free_many(numbers(2), **PLAN, loa=BlanketLoa())
    assert service.requests == []


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_on_progress_hears_of_each_chunk(service, client, asynchronous):
    """What became of it, and how many are done of how many."""
    refused = (400, {"code": "400", "message": "no such plan"})
    service.on(*IMPORT, lambda s: refused if s.json["numbers"][0].endswith("05") else orders(s))
    heard = []

    async def hear(progress):
        await asyncio.sleep(0)
        heard.append(progress)

    await client.hosting_orders.import_many(
        numbers(12), **PLAN, on_progress=hear if asynchronous else heard.append
    )
    assert sorted(progress.chunks_done for progress in heard) == [1, 2, 3]
    assert {progress.chunks for progress in heard} == {3}
    assert {n for progress in heard for n in progress.numbers} == set(numbers(12))
    kinds = {progress.numbers[0]: type(progress.outcome) for progress in heard}
    assert kinds["+12025550005"] is FailedChunk
    assert kinds["+12025550000"] is Order


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_listener_that_breaks_stops_no_order(service, client, caplog, asynchronous):
    """It is logged, and the chunks go on."""
    service.on(*IMPORT, orders)

    def broken(_):
        raise LookupError("bar")

    async def broken_later(_):
        raise LookupError("bar")

    result = await client.hosting_orders.import_many(
        numbers(12), **PLAN, on_progress=broken_later if asynchronous else broken
    )
    assert len(result.succeeded) == 3
    assert caplog.text.count("on_progress failed") == 3


async def test_orders_come_in_the_order_of_the_chunks(service, client):
    """Whichever is done first."""
    gates = {number: asyncio.Event() for number in numbers(15)[::5]}

    async def answer(seen):
        await gates[seen.json["numbers"][0]].wait()
        return orders(seen)

    service.on(*IMPORT, answer)
    task = asyncio.create_task(client.hosting_orders.import_many(numbers(15), **PLAN))
    for gate in reversed(gates.values()):
        gate.set()
        await asyncio.sleep(0.005)
    assert [order.hosting_order_id for order in (await task).succeeded] == [
        f"order-{number}" for number in numbers(15)[::5]
    ]


async def test_cancelling_names_what_was_created(service, client, caplog, other_tasks):
    """Orders that exist are told before, and logged; what is in flight ends, no task stays."""
    caplog.set_level(logging.WARNING)
    hold = service.hold({"hostingOrderId": "late"})
    service.on(*IMPORT, {"hostingOrderId": "early"}, hold)
    told = []
    call = client.hosting_orders.import_many(
        numbers(10), **PLAN, max_concurrency=1, on_progress=told.append
    )
    task = asyncio.create_task(call)
    await hold.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hold.release()
    assert [progress.outcome.hosting_order_id for progress in told] == ["early"]
    assert "these orders were created: early" in caplog.text
    await client.aclose()
    assert other_tasks() == set()


@pytest.mark.parametrize(
    ("orders", "said"),
    [(0, None), (3, "0, 1, 2"), (5, "0, 1, 2 and 2 more")],
)
async def test_what_was_created_by_then_is_logged_in_short(caplog, orders, said):
    """Three examples and a count; nothing where there is none."""

    async def outcomes():
        for index in range(orders):
            order = Order(hosting_order_id=str(index))
            yield ChunkOutcome(index=index, numbers=("n",), result=order)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await collected(outcomes(), orders, None)
    lines = [line for line in caplog.messages if "ended early" in line]
    assert lines == (
        [] if said is None else [f"a bulk call was ended early; these orders were created: {said}"]
    )


def test_a_result_without_problems_raises_nothing():
    """`raise_for_failures` is for the failed and the unknown alone."""
    BulkResult(succeeded=(Order(hosting_order_id="1"),)).raise_for_failures()
    cause = ValueError("x")
    unknown = UnknownChunk(numbers=("n",), error=OutcomeUnknown("ImportNumbers", cause))
    with pytest.raises(ExceptionGroup, match="1 of 1 chunks"):
        BulkResult(unknown=(unknown,)).raise_for_failures()


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (1, "n0 here"),
        (3, "n0 here, n1 here, n2 here"),
        (500, "n0 here, n1 here, n2 here and 497 more"),
    ],
)
def test_a_create_of_which_nothing_is_left_names_a_few_numbers(many, said):
    """Three and a count, since its error may be logged."""
    skipped = tuple(SkippedNumber(phone_number=f"n{n}", reason="here") for n in range(many))
    outcome = ChunkOutcome(index=0, numbers=(), result=None, skipped=skipped)
    template = SimpleNamespace(operation="ImportNumbers")
    with pytest.raises(Conflict) as caught:
        _order_of(outcome, template)
    assert str(caught.value) == f"ImportNumbers: 409 {said}"
