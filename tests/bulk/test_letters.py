"""No letter goes out twice, driven through a service that shares no code with the package."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import (
    BlanketLoa,
    BulkResult,
    Conflict,
    DecodeError,
    JobChanged,
    Order,
    OutcomeUnknown,
    RunStopped,
    SinchHosting,
    UnreadableList,
)
from sinch_hosting.models import pages as pages_module

from ..conftest import PATIENCE, SteppedClock
from ..service import (
    CREATES,
    Fault,
    Service,
    delay,
    drop,
    duplicate,
    edit,
    error,
    hang,
    reply,
)
from .rig import CAMPAIGN, PLAN, adds_up, letter, numbers

PLACE: dict[str, Any] = {"region_code": "US", "service_plan_id": PLAN, "campaign_id": CAMPAIGN}
ENABLE: dict[str, Any] = {**PLACE, "loa": letter()}


@pytest.fixture
async def service(clock: SteppedClock) -> AsyncIterator[Service]:
    """The service on the test's clock."""
    async with Service(clock=clock, sleep=clock.sleep) as running:
        yield running


@pytest.fixture
async def client(service: Service) -> AsyncIterator[SinchHosting]:
    """A client of it."""
    made = SinchHosting(**service.client_arguments)
    yield made
    await made.aclose()


async def enable(client: SinchHosting, listed: list[str], **settings: Any) -> BulkResult:
    """Text-enable in chunks of 5, with a letter."""
    arguments = {**ENABLE, "chunk_size": 5, **settings}
    result = await client.hosting_orders.text_enable_many(listed, **arguments)
    adds_up(result, listed)
    return result


def check_letters(service: Service, listed: list[str]) -> None:
    """Every number is in exactly one letter."""
    assert not service.numbers_in_two_letters
    assert Counter(n for sent in service.letters for n in sent.numbers) == Counter(listed)


# ------------------------------------------------- answers that prove nothing

AFTER: list[Fault] = [
    *(error(status, after=True) for status in (302, 402, 408, 410, 425, 499, 500, 501, 520)),
    reply(409, {"code": "409", "message": "broke off", "status": "ABORTED"}, after=True),
    reply(403, "<html>who are you?</html>", after=True),
    reply(404, "<html>no such page</html>", after=True),
    reply(400, '{"code": "400", "mess', after=True),
    reply(200, {"error": {"code": 500, "message": "later"}}, after=True),
    reply(200, {"message": "later"}, after=True),
]


@pytest.mark.parametrize("fault", AFTER, ids=lambda f: f"{f.answer.status} {f.answer.body[:12]!r}")
@pytest.mark.parametrize("has_ledger", [True, False], ids=["ledger", "none"])
async def test_what_was_committed_is_found_whatever_was_answered(
    service: Service, client: SinchHosting, ledger: Path, fault: Fault, *, has_ledger: bool
) -> None:
    """Only the service's own no is one: no second letter, in this run and in the next one."""
    listed = numbers(15)
    service.fault(CREATES, fault, times=2)
    settings: dict[str, Any] = {"job": "after", "ledger": ledger if has_ledger else None}
    for _ in range(2):
        result = await enable(client, listed, **settings)
        assert len(result.succeeded) == 3
        check_letters(service, listed)


# -------------------------------------- refusals that an order's own double makes


@pytest.mark.parametrize("lag", [0.0, 50.0])
@pytest.mark.parametrize("has_ledger", [True, False], ids=["ledger", "none"])
async def test_a_409_for_its_own_order_is_no_failure(
    service: Service, client: SinchHosting, ledger: Path, lag: float, *, has_ledger: bool
) -> None:
    """A proxy sends it twice, the second is refused: the first is looked for and adopted."""
    listed = numbers(10)
    service.rules.text_enable_conflicts = True
    service.lists["ListHostingOrders"].lag = lag
    service.fault(CREATES, duplicate(), times=None)
    settings: dict[str, Any] = {"job": "double", "ledger": ledger if has_ledger else None}
    for _ in range(2):
        result = await enable(client, listed, **settings)
        assert len(result.succeeded) == 2
        assert not result.skipped
        check_letters(service, listed)
    assert sum(request.operation.startswith("TextEnable") for request in service.requests) == 2


@pytest.mark.parametrize("shown", [0, 2, 5])
async def test_what_its_own_order_imported_is_not_left_out(
    service: Service, client: SinchHosting, shown: int
) -> None:
    """However many of its numbers are imported by then: none is sent a second time."""
    listed = numbers(5)
    hidden = set(listed[shown:])
    service.fault("ImportNumbers", duplicate())
    service.fault(
        "GetImportedNumber",
        error(404),
        times=None,
        when=lambda request: any(number[1:] in request.path for number in hidden),
    )
    result = await client.hosting_orders.import_many(listed, **PLACE, job="own")
    adds_up(result, listed)
    assert [order.type for order in result.succeeded] == ["IMPORT"]
    assert not result.skipped
    assert service.counts["ImportNumbers"] == 1


async def test_a_qualified_number_that_its_own_order_took(
    service: Service, client: SinchHosting, clock: SteppedClock
) -> None:
    """The second is refused with a 400 that names numbers: they are in the first one's order."""
    listed = numbers(3)
    await client.qualified_numbers.add(listed)
    await clock.sleep(100)
    service.fault("TextEnableQualifiedNumbers", duplicate())
    order = await client.qualified_numbers.text_enable(listed, **ENABLE, job="own")
    assert order.hosting_order_id in service.store.orders
    check_letters(service, listed)


async def test_a_409_whose_order_cannot_be_looked_for_is_unknown(
    service: Service, client: SinchHosting, ledger: Path
) -> None:
    """Neither failed nor sent: the next run finds it."""
    listed = numbers(5)
    service.rules.text_enable_conflicts = True
    service.fault(CREATES, duplicate())
    service.fault("ListHostingOrders", error(403), times=None, skip=12)
    result = await enable(client, listed, job="dark", ledger=ledger)
    (unknown,) = result.unknown
    assert isinstance(unknown.error.__cause__, Conflict)
    service.clear_faults()
    assert len((await enable(client, listed, job="dark", ledger=ledger)).succeeded) == 1
    check_letters(service, listed)


async def test_a_409_for_somebody_elses_number_is_left_out(
    service: Service, client: SinchHosting, clock: SteppedClock
) -> None:
    """Nothing is looked for where it was there before, with another plan for instance."""
    listed = numbers(5)
    await client.hosting_orders.import_numbers(
        listed[1:2], **{**PLACE, "service_plan_id": "another"}
    )
    await clock.sleep(300)
    clock.slept.clear()
    result = await client.hosting_orders.import_many(listed, **PLACE, job="other", settle=3)
    assert [skipped.phone_number for skipped in result.skipped] == listed[1:2]
    assert len(result.succeeded) == 1
    assert clock.slept == [3]


@pytest.mark.parametrize("plan", [PLAN, "another"])
async def test_a_single_create_without_a_job_says_that_it_may_be_its_own(
    service: Service, client: SinchHosting, plan: str
) -> None:
    """The error is the service's, with a note of what can be."""
    service.fault("ImportNumbers", duplicate())
    with pytest.raises(Conflict) as caught:
        await client.hosting_orders.import_numbers(numbers(2), **{**PLACE, "service_plan_id": plan})
    assert "a proxy sent it twice" in caught.value.__notes__[0]


# ---------------------------------------------------- orders that are there


@pytest.mark.parametrize("gone", [1, None], ids=["one 404", "gone by its id"])
@pytest.mark.parametrize("lag", [0.0, 50.0])
async def test_a_404_is_no_proof_that_an_order_is_gone(
    service: Service, client: SinchHosting, ledger: Path, lag: float, gone: int | None
) -> None:
    """The ledger knows it, and `resend` is given: the lists are searched first, always."""
    listed = numbers(15)
    service.lists["ListHostingOrders"].lag = lag
    settings: dict[str, Any] = {"job": "gone", "ledger": ledger, "on_unknown": "resend"}
    await enable(client, listed, **settings)
    service.fault("GetHostingOrder", error(404), times=gone and 3)
    result = await enable(client, listed, **settings)
    assert len(result.succeeded) == 3
    check_letters(service, listed)


@pytest.mark.parametrize("seconds", [1.0, 4.0])
@pytest.mark.parametrize("knows", ["this run", "the ledger", "nobody"])
async def test_an_order_that_fills_up_leaves_nothing_out(
    service: Service, client: SinchHosting, ledger: Path, seconds: float, knows: str
) -> None:
    """Numbers that are not in it yet are waited for, whoever adopts it."""
    listed = numbers(5)
    service.rules.numbers_shown = lambda age, count: int(age / seconds)
    settings: dict[str, Any] = {"job": "fill", "settle": 0.01}
    if knows != "nobody":
        settings["ledger"] = ledger
    if knows == "this run":
        service.fault(CREATES, drop(after=True))
    else:
        rule = service.fault(CREATES, hang(after=True))
        running = asyncio.ensure_future(enable(client, listed, **settings))
        await rule.arrived.wait()
        running.cancel()
        await asyncio.wait([running])
        rule.release()
    for _ in range(2):
        result = await enable(client, listed, **settings)
        assert result.chunks[0].numbers == tuple(listed)
        assert not result.skipped
    check_letters(service, listed)


async def test_an_order_that_does_not_fill_up_is_unknown(
    service: Service, client: SinchHosting, ledger: Path, clock: SteppedClock
) -> None:
    """Never "left out": the ledger knows how many were sent; reconcile and a later run adopt it."""
    listed = numbers(5)
    service.rules.numbers_shown = lambda age, count: int(age // 100)
    service.fault(CREATES, drop(after=True))
    result = await enable(client, listed, job="slow", ledger=ledger)
    for unknown in (result, await client.hosting_orders.reconcile(ledger=ledger)):
        assert len(unknown.unknown) == 1
        assert not unknown.skipped
    await clock.sleep(500)
    found = await client.hosting_orders.reconcile(result, ledger=ledger)
    assert found.chunks[0].numbers == tuple(listed)
    assert (await enable(client, listed, job="slow", ledger=ledger)).chunks[0].adopted
    check_letters(service, listed)


# ------------------------------------------------------------------- lists


@pytest.mark.parametrize(
    ("seconds", "cap", "descending"),
    [(2, 1, False), (2, 2, False), (4, 1, True), (4, 5, False), (1, 5, True)],
)
async def test_lists_that_shift_under_a_walk_hide_nothing(
    service: Service, client: SinchHosting, seconds: int, cap: int, *, descending: bool
) -> None:
    """Orders move on while the pages are read, and there is no ledger: no second letter."""
    listed = numbers(100)
    places = itertools.count()
    service.rules.lives["TYPE_TEXT_ENABLE"] = lambda body: [
        (0, "SUBMITTED"),
        (200 + seconds * next(places), "IN_PROGRESS"),
        (100_000, "COMPLETED"),
    ]
    await enable(client, listed, job="shift", max_concurrency=1)
    rules = service.lists["ListHostingOrders"]
    rules.paging, rules.page_cap, rules.descending = "shifting", cap, descending
    await service.sleep(195)
    service.fault(
        "ListHostingOrders",
        delay(1),
        times=None,
        when=lambda request: request.query["states"] == "SUBMITTED",
    )
    result = await enable(client, listed, job="shift", settle=1)
    assert len(result.succeeded) == 20
    check_letters(service, listed)


async def test_lists_are_asked_for_in_the_order_of_creation(
    service: Service, client: SinchHosting
) -> None:
    """Then what is new comes last, and shifts nothing."""
    await enable(client, numbers(5), job="order")
    asked = service.requests_of("ListHostingOrders")
    assert {request.query["orderBy"] for request in asked} == {"createdTime"}


async def test_a_list_that_never_shows_what_it_counts_cannot_be_read(
    service: Service, client: SinchHosting, clock: SteppedClock
) -> None:
    """It is read again, then refused: nothing is sent on the strength of it."""
    listed = numbers(5)
    await enable(client, listed, job="count")
    service.fault(
        "ListHostingOrders",
        edit(lambda page: {**page, "hostingOrders": page["hostingOrders"][1:]}),
        times=None,
    )
    clock.slept.clear()
    with pytest.raises(
        UnreadableList, match="count more orders than the 0 that they show, in 5 walks"
    ):
        await enable(client, listed, job="count")
    assert len(clock.slept) == 4
    check_letters(service, listed)


@pytest.mark.parametrize("endless", ["empty", "strangers"])
@pytest.mark.parametrize("total_size", [True, False])
async def test_pages_without_end_hang_nothing(
    service: Service,
    client: SinchHosting,
    monkeypatch: pytest.MonkeyPatch,
    endless: Any,
    total_size: bool,
) -> None:
    """A job's opening, `reconcile` and `list()` say so, and nothing is sent."""
    monkeypatch.setattr(pages_module, "_MOST_PAGES", 150)
    service.fault(CREATES, drop(after=True))
    rules = service.lists["ListHostingOrders"]
    rules.lag = 1e6
    lost = await enable(client, numbers(5), job="endless", grace=1)
    rules.endless, rules.page_cap, rules.total_size = endless, 2, total_size
    with pytest.raises(UnreadableList, match="do not end"):
        await enable(client, numbers(5), job="endless")
    reconciled = await client.hosting_orders.reconcile(lost, settle=1)
    assert isinstance(reconciled.unknown[0].error.__cause__, UnreadableList)
    listing = client.hosting_orders.list(
        states="SUBMITTED", type="TYPE_TEXT_ENABLE", service_plan_id=PLAN, campaign_id=CAMPAIGN
    )
    with pytest.raises(UnreadableList, match="do not end"):
        async for _ in listing:
            pass
    assert listing.page_token
    check_letters(service, numbers(5))


@pytest.mark.parametrize("with_ledger", [True, False])
async def test_an_order_behind_a_429_is_told_by_the_next_run(
    service: Service, client: SinchHosting, ledger: Path, with_ledger: bool
) -> None:
    """A 429 says that nothing was done; where something was, the next run finds the duplicate."""
    listed = numbers(5)
    settings = {"job": "429", **({"ledger": ledger} if with_ledger else {})}
    service.fault(CREATES, error(429, after=True))
    first = await enable(client, listed, **settings)
    assert len(first.succeeded) == 1
    after = await enable(client, listed, **settings)
    assert len(after.succeeded) == len(after.duplicates) == 1
    orders = {after.succeeded[0].hosting_order_id, *after.duplicates}
    assert orders == set(service.store.orders)


async def test_an_order_behind_a_429_is_told_by_the_run_that_reads_the_lists(
    service: Service, client: SinchHosting
) -> None:
    """The answer of the second send was lost: the lists are read, and show both orders."""
    service.fault(CREATES, error(429, after=True))
    service.fault(CREATES, drop(after=True))
    result = await enable(client, numbers(5), job="429")
    assert len(result.succeeded) == len(result.duplicates) == 1
    orders = {result.succeeded[0].hosting_order_id, *result.duplicates}
    assert orders == set(service.store.orders)


async def test_an_order_behind_a_429_is_told_by_reconcile(
    service: Service, client: SinchHosting
) -> None:
    """It reads the lists as well, where the run could not."""
    service.fault(CREATES, error(429, after=True))
    service.fault(CREATES, drop(after=True))
    service.fault("ListHostingOrders", error(403), times=None, when=lambda _: service.store.orders)
    lost = await enable(client, numbers(5), job="429", grace=1)
    assert len(lost.unknown) == 1
    service.clear_faults()
    found = await client.hosting_orders.reconcile(lost)
    assert len(found.succeeded) == len(found.duplicates) == 1


@pytest.mark.parametrize("body", [{"error": {"code": 503}}, {"message": "Forbidden"}], ids=str)
async def test_an_error_in_a_200_is_no_empty_list(
    service: Service, client: SinchHosting, body: dict[str, Any]
) -> None:
    """Without a ledger the lists alone tell what is there: a job does not begin without them."""
    listed = numbers(10)
    await enable(client, listed, job="hollow")
    rule = service.fault("ListHostingOrders", reply(200, body), times=None)
    with pytest.raises(DecodeError):
        await enable(client, listed, job="hollow")
    rule.end()
    assert len((await enable(client, listed, job="hollow")).succeeded) == 2
    check_letters(service, listed)


# ----------------------------------------------------- tags that do not survive


@pytest.mark.parametrize(
    "stored", [str.lower, lambda name: name[:12], lambda name: ""], ids=["lower", "cut", "none"]
)
async def test_what_is_stored_is_looked_at_and_not_what_is_echoed(
    service: Service, client: SinchHosting, stored: Callable[[str], str]
) -> None:
    """The create gives the tag back whole, the order has it otherwise: the run stops after one."""
    service.rules.stored_name = stored
    service.rules.echoed_name = lambda _: service.requests[-1].body["displayName"]
    result = await enable(client, numbers(25), job="Acme-2026")
    assert len(service.letters) == 1
    assert len(result.succeeded) == 1
    assert {type(chunk.error) for chunk in result.failed} == {RunStopped}


async def test_a_tag_in_small_letters_is_known_for_what_it_is(
    service: Service, client: SinchHosting
) -> None:
    """The next run without a ledger does not take the order for somebody else's."""
    service.rules.stored_name = str.lower
    await enable(client, numbers(5), job="Acme")
    with pytest.raises(JobChanged, match="edited or cut"):
        await enable(client, numbers(5), job="Acme")
    check_letters(service, numbers(5))


# -------------------------------------------------------------- cancelled creates


async def test_a_create_that_is_timed_out_says_what_may_have_been_done(
    service: Service, client: SinchHosting
) -> None:
    """On the exception that the caller gets: operation, numbers, tag, and what to look for."""
    rule = service.fault(CREATES, hang(after=True), times=None)
    limit = asyncio.timeout(PATIENCE)

    async def end() -> None:
        await rule.arrived.wait()
        limit.reschedule(asyncio.get_running_loop().time())

    ending = asyncio.ensure_future(end())
    with pytest.raises(TimeoutError) as caught:
        async with limit:
            await client.hosting_orders.text_enable(numbers(3), **ENABLE, job="late")
    await ending
    (note,) = caught.value.__cause__.__notes__  # type: ignore[union-attr]
    assert note.startswith("TextEnableHostingOrderNumbers of 3 numbers (+13035550000, ")
    assert "an order named 'late/0.1/" in note
    assert "before you send it again" in note


async def test_a_bulk_call_that_is_cancelled_tells_of_each_create(
    service: Service, client: SinchHosting
) -> None:
    """One note for each that was under way; none where nothing was."""
    rule = service.fault(CREATES, hang(after=True), times=None)
    calling = asyncio.ensure_future(enable(client, numbers(10), display_name="spring"))
    await service.wait_until(lambda: rule.hits == 2)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await calling
    notes = caught.value.__notes__
    assert len(notes) == 2
    assert all("of 5 numbers" in note and "named 'spring'" in note for note in notes)
    listing = service.fault("ListHostingOrders", hang(), times=None)
    calling = asyncio.ensure_future(enable(client, numbers(10), job="none"))
    await listing.arrived.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError) as nothing:
        await calling
    assert not hasattr(nothing.value, "__notes__")


async def test_a_lost_order_is_an_order(service: Service, client: SinchHosting) -> None:
    """A single create with a job whose answer is a proxy's page is found and returned."""
    service.fault(CREATES, reply(409, "<html>", after=True))
    order = await client.hosting_orders.text_enable(numbers(3), **ENABLE, job="one")
    assert isinstance(order, Order)
    check_letters(service, numbers(3))
    service.fault(CREATES, error(499))
    with pytest.raises(OutcomeUnknown):
        await client.hosting_orders.text_enable(numbers(3, 10), **ENABLE, job="two")
    service.fault(CREATES, error(499))
    blanket = {**ENABLE, "loa": BlanketLoa()}
    again = await client.hosting_orders.text_enable(numbers(3, 20), **blanket, job="three")
    assert again.state == "SUBMITTED"
