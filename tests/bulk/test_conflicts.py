"""Conflicts and bad numbers: one order for the rest, no halving, systematic refusals stop a run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import (
    BadRequest,
    Conflict,
    NotFound,
    OwnershipVerification,
    QualificationState,
    QualifiedNumber,
    RunStopped,
    SinchHosting,
    SkippedNumber,
)
from sinch_hosting._bulk.refusals import (
    Obstacle,
    complains_of_numbers,
    kind_of_refusal,
    named_numbers,
    obstacles,
    why_not_qualified,
)

from ..service import TEXT_ENABLES, Service, reply
from ..service.fixtures import api_client, api_service, make_api_client
from .rig import CAMPAIGN, PLAN, Rig, adds_up, letter, numbers

__all__ = ["api_client", "api_service", "make_api_client"]

IMPORT: dict[str, Any] = {
    "region_code": "US",
    "service_plan_id": PLAN,
    "campaign_id": CAMPAIGN,
}


async def imported(rig: Rig, listed: list[str]) -> None:
    """Have numbers imported already."""
    client = rig.client()
    for number in listed:
        await client.imported_numbers.import_number(number, **IMPORT)


async def test_imported_numbers_are_left_out_of_one_order(rig: Rig) -> None:
    """A 409 makes one order for the rest of the chunk, and one letter."""
    listed = numbers(10)
    await imported(rig, [listed[1], listed[3], listed[7]])
    result = await rig.text_enable(listed, job="taken")
    assert [len(order.numbers) for order in rig.sandbox.orders_created()] == [3, 4]
    assert len(result.succeeded) == 2
    assert {s.phone_number for s in result.skipped} == {listed[1], listed[3], listed[7]}
    assert all("already imported, with service plan plan-1" in s.reason for s in result.skipped)
    adds_up(result, listed)


async def test_the_tag_is_of_the_chunk_before_any_exclusion(rig: Rig) -> None:
    """The order without the excluded numbers is adopted by the next run."""
    listed = numbers(5)
    await imported(rig, listed[:2])
    first = await rig.text_enable(listed, job="before")
    second = await rig.text_enable(listed, job="before")
    assert second.chunks[0].adopted
    assert second.chunks[0].tag == first.chunks[0].tag
    adds_up(second, listed)


async def test_a_chunk_of_nothing_but_imported_numbers_needs_no_order(rig: Rig) -> None:
    """All skipped: no order, no failure."""
    listed = numbers(5)
    await imported(rig, listed)
    result = await rig.text_enable(listed, job="all")
    assert not result.succeeded
    assert not result.failed
    assert len(result.skipped) == 5
    adds_up(result, listed)


async def test_a_400_that_names_numbers(rig: Rig) -> None:
    """What the service refuses by its place in the list is left out with its words."""
    listed = [*numbers(3), "+18005550100", *numbers(2, 10)]
    result = await rig.text_enable(listed, chunk_size=6)
    assert len(result.succeeded) == 1
    (skipped,) = result.skipped
    assert skipped.phone_number == "+18005550100"
    assert "toll-free" in skipped.reason
    adds_up(result, listed)


async def test_a_400_about_anything_else_fails_the_chunk(rig: Rig) -> None:
    """A bad argument is not solved by leaving numbers out, and nobody looks them up."""
    rig.sandbox.faults.add("error_before", operation="writes", count=1, status=400)
    result = await rig.text_enable(numbers(5))
    assert isinstance(result.failed[0].error, BadRequest)
    assert not rig.sandbox.calls("GetImportedNumber")
    assert rig.creates() == 1


async def test_a_systematic_refusal_stops_the_run(rig: Rig) -> None:
    """The same 4xx on the first chunks: the others are not sent, and say why."""
    rig.sandbox.faults.add("error_before", operation="writes", status=400)
    listed = numbers(100)
    result = await rig.blanket(listed, job="stop")
    assert rig.creates() == 3
    assert len(result.failed) == 20
    assert sum(isinstance(chunk.error, RunStopped) for chunk in result.failed) == 17
    stopped = next(c.error for c in result.failed if isinstance(c.error, RunStopped))
    assert isinstance(stopped.__cause__, BadRequest)
    adds_up(result, listed)


async def test_a_forbidden_account_stops_the_run_at_once(rig: Rig) -> None:
    """403 says nothing about a chunk."""
    rig.sandbox.faults.add("error_before", operation="writes", status=403)
    result = await rig.blanket(numbers(50), max_concurrency=1)
    assert rig.creates() == 1
    assert len(result.failed) == 10


async def test_single_refusals_do_not_stop_a_run(rig: Rig) -> None:
    """Once a chunk has succeeded, refusals are those chunks' own."""
    rig.sandbox.faults.add("error_before", operation="writes", status=400, skip=1, count=5)
    result = await rig.blanket(numbers(50), max_concurrency=1)
    assert len(result.failed) == 5
    assert len(result.succeeded) == 5


async def test_60135_is_offered_as_a_second_import(rig: Rig) -> None:
    """Numbers with another aggregator can be imported again with `migrate_to_sinch_tmo`."""
    listed = numbers(4)
    rig.sandbox.plan(listed[2], sms_tmo="60135")
    client = rig.client()
    first = await client.hosting_orders.import_many(listed, **IMPORT)
    rig.sandbox.complete(first.succeeded[0].hosting_order_id)
    again = await client.hosting_orders.import_many(listed, **IMPORT)
    assert not again.succeeded
    assert again.can_migrate == (listed[2],)
    moved = await client.hosting_orders.import_many(
        again.can_migrate, **IMPORT, migrate_to_sinch_tmo=True
    )
    assert len(moved.succeeded) == 1


async def test_a_second_import_leaves_out_others_and_keeps_those_to_migrate(rig: Rig) -> None:
    """A number that is imported and fine is no number to take over."""
    listed = numbers(2)
    rig.sandbox.plan(listed[1], sms_tmo="60135")
    client = rig.client()
    first = await client.hosting_orders.import_many(listed, **IMPORT)
    rig.sandbox.complete(first.succeeded[0].hosting_order_id)
    again = await client.hosting_orders.import_many(listed, **IMPORT, migrate_to_sinch_tmo=True)
    assert [skipped.phone_number for skipped in again.skipped] == listed[:1]
    assert again.chunks[0].numbers == (listed[1],)
    assert len(again.succeeded) == 1


async def test_a_single_create_is_all_or_nothing(rig: Rig) -> None:
    """`import_numbers(job=)` raises the conflict; it does not import some of the numbers."""
    listed = numbers(3)
    await imported(rig, listed[:1])
    client = rig.client()
    with pytest.raises(Conflict):
        await client.hosting_orders.import_numbers(listed, **IMPORT, job="one")
    assert not rig.sandbox.orders_created()


async def test_a_look_up_that_fails_explains_nothing(rig: Rig) -> None:
    """Where numbers cannot be looked up, those that the refusal names are left out."""
    listed = numbers(5)
    await imported(rig, listed[:1])
    rig.sandbox.faults.add("error_before", operation="GetImportedNumber", status=404)
    result = await rig.text_enable(listed)
    assert [s.reason for s in result.skipped] == [f"refused: {listed[0]} is already imported"]
    assert letter().mails_a_letter


@pytest.mark.parametrize("status", [403, 503])
async def test_a_look_up_that_is_refused_explains_nothing(rig: Rig, status: int) -> None:
    """Whatever keeps a look-up from answering, the refusal's own words stand."""
    listed = numbers(5)
    await imported(rig, listed[:1])
    rig.sandbox.faults.add("error_before", operation="GetImportedNumber", status=status)
    result = await rig.text_enable(listed)
    assert [s.reason for s in result.skipped] == [f"refused: {listed[0]} is already imported"]
    assert len(result.succeeded) == 1


async def test_numbers_are_looked_up_at_once() -> None:
    """None waits for another one's answer; the client's limits are the session's matter."""
    everyone = asyncio.Barrier(len(LISTED))

    async def why_not(number: str) -> Obstacle | None:
        await asyncio.wait_for(everyone.wait(), 120)
        return Obstacle(SkippedNumber(phone_number=number, reason="taken"))

    left_out = await obstacles(refusal(Conflict, "it is there"), LISTED, why_not)
    assert [obstacle.skipped.phone_number for obstacle in left_out] == LISTED


def test_which_qualified_numbers_go_in_an_order() -> None:
    """Verified ones and those to be tried again; the others say their state and its reason."""
    fine = QualifiedNumber(phone_number="+1303", global_process_state=QualificationState.VERIFIED)
    assert why_not_qualified(fine) is None
    hosted = QualifiedNumber(
        phone_number="+1303",
        global_process_state=QualificationState.VERIFICATION_FAILED,
        ownership_verification=OwnershipVerification(error="no invoice"),
    )
    found = why_not_qualified(hosted)
    assert found is not None
    assert found.skipped.reason == "is VERIFICATION_FAILED: no invoice"


def refusal(cls: Any, message: str, *violations: tuple[str, str]) -> Any:
    """An error as the service would give it."""
    return cls(
        message,
        operation="X",
        status_code={BadRequest: 400, Conflict: 409, NotFound: 404}[cls],
        field_violations=[{"field": f, "description": d} for f, d in violations],
    )


LISTED = ["+13035550000", "+13035550001"]


@pytest.mark.parametrize(
    ("error", "about"),
    [
        (refusal(Conflict, "it is there"), True),
        (refusal(BadRequest, "bad", ("numbers[1]", "is odd")), True),
        (refusal(BadRequest, "bad", ("numbers", "are odd")), True),
        (refusal(BadRequest, "bad", ("phoneNumbers.1", "is odd")), True),
        (refusal(BadRequest, "bad", ("numbers[1]", "x"), ("regionCode", "y")), False),
        (refusal(BadRequest, "bad", ("numbersOfDays", "x")), False),
        (refusal(BadRequest, "+13035550001 is odd"), True),
        (refusal(BadRequest, "+13035559999 is odd"), False),
        (refusal(NotFound, "+13035550001 was not found"), True),
        (refusal(NotFound, "no such plan"), False),
    ],
)
def test_what_a_refusal_is_about(error: Any, about: bool) -> None:
    """Only complaints about numbers, and nothing but numbers, are met by leaving some out."""
    assert complains_of_numbers(error, LISTED) is about


def test_which_numbers_a_refusal_names() -> None:
    """By place, in a description, or in the message; a place beyond the list names none."""
    error = refusal(BadRequest, "see +13035550000", ("numbers[1]", "odd"), ("numbers[9]", "beyond"))
    assert named_numbers(error, LISTED) == {LISTED[1]: "odd", LISTED[0]: "see +13035550000"}


def test_refusals_are_the_same_but_for_their_numerals() -> None:
    """Two refusals of one kind differ in numbers alone."""
    one, two = (refusal(BadRequest, f"order {n} of +1303{n} is odd") for n in (12, 13))
    assert kind_of_refusal(one) == kind_of_refusal(two)
    assert kind_of_refusal(ValueError("x")) is None


async def test_a_long_reason_is_cut_in_results_and_in_the_ledger(
    api_service: Service, api_client: SinchHosting, ledger: Path
) -> None:
    """Nothing bounds how a service explains itself."""
    listed = numbers(5)
    violation = {"field": "numbers[2]", "description": "x" * 50_000}
    refused = {"code": "400", "message": "no", "details": [{"fieldViolations": [violation]}]}
    api_service.fault(TEXT_ENABLES, reply(400, refused), times=1)
    result = await api_client.hosting_orders.text_enable_many(
        listed, **IMPORT, loa=letter(), job="long", ledger=ledger, settle=0, grace=0
    )
    (skipped,) = result.skipped
    assert skipped.phone_number == listed[2]
    assert len(skipped.reason) == 1_001
    lines = await asyncio.to_thread(ledger.read_text)
    assert max(map(len, lines.splitlines())) < 2_000
