"""Numbers that are dealt with one by one: added, relinked, deleted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from sinch_hosting import (
    AuthenticationFailed,
    BadRequest,
    DecodeError,
    InvalidRequest,
    PermissionDenied,
    PollPolicy,
    QualifiedNumber,
    RelinkFailed,
    RetryPolicy,
    RunStopped,
    SinchHostingError,
    TransportError,
)
from sinch_hosting._bulk.many_numbers import NumbersResult, added

from .rig import CAMPAIGN, PLAN, Rig, letter, numbers, rigged


def everywhere(result: NumbersResult[Any]) -> list[str]:
    """All numbers of a result."""
    found = [n if isinstance(n, str) else n.phone_number for n in result.succeeded]
    found += [failed.phone_number for failed in result.failed]
    return sorted(found + [skipped.phone_number for skipped in result.skipped])


async def test_any_number_of_numbers_is_added(rig: Rig) -> None:
    """Chunk by chunk; those that are there already are skipped with their state."""
    listed = numbers(12)
    client = rig.client()
    await client.qualified_numbers.add(listed[2:4])
    result = await client.qualified_numbers.add_many([*listed, listed[0]], chunk_size=5)
    assert [n.phone_number for n in result.succeeded] == [*listed[:2], *listed[4:]]
    reasons = {s.phone_number: s.reason for s in result.skipped}
    assert reasons[listed[2]] == "already in qualification: is ELIGIBLE_CHECK_PENDING"
    assert reasons[listed[0]] == "duplicate"
    assert everywhere(result) == sorted([*listed, listed[0]])
    result.raise_for_failures()
    again = await client.qualified_numbers.add_many(listed)
    assert not again.succeeded
    assert len(rig.sandbox.qualified_numbers()) == 12


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error_after"])
async def test_a_lost_answer_is_settled(rig: Rig, kind: str) -> None:
    """Whether or not it was carried out, every number is in qualification in the end."""
    rig.sandbox.faults.add(kind, operation="AddQualifiedNumbers", count=1)
    result = await rig.client().qualified_numbers.add_many(numbers(4))
    assert len(result.succeeded) == 4
    assert all(isinstance(number, QualifiedNumber) for number in result.succeeded)
    assert len(rig.sandbox.qualified_numbers()) == 4


async def test_what_cannot_be_added_says_why(rig: Rig) -> None:
    """A refusal, and look-ups that fail after a conflict, are failures of their numbers."""
    listed = numbers(3)
    client = rig.client(retry=RetryPolicy(max_tries=1))
    rig.sandbox.faults.add("error_before", operation="AddQualifiedNumbers", status=403, count=1)
    refused = await client.qualified_numbers.add_many(listed)
    assert len(refused.failed) == 3
    with pytest.raises(ExceptionGroup, match="3 numbers"):
        refused.raise_for_failures()
    await client.qualified_numbers.add(listed[:1])
    rig.sandbox.faults.add("error_before", operation="GetQualifiedNumber", status=503)
    dark = await client.qualified_numbers.add_many(listed)
    assert everywhere(dark) == listed
    assert len(dark.failed) == 3


async def test_an_add_that_is_never_carried_out_ends(rig: Rig) -> None:
    """After a few rounds the numbers fail."""
    rig.sandbox.faults.add("drop_before", operation="AddQualifiedNumbers")
    result = await rig.client().qualified_numbers.add_many(numbers(2))
    assert len(result.failed) == 2
    assert len(rig.sandbox.calls("AddQualifiedNumbers")) == 3


@pytest.mark.parametrize(
    "error",
    [
        TransportError("no connection", never_sent=True),
        DecodeError("AddQualifiedNumbers", path="", reason="not so", body="{}"),
        AuthenticationFailed("no", operation="AddQualifiedNumbers", status_code=401),
        SinchHostingError("any other"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_ends_one_chunk_ends_no_other(error: SinchHostingError) -> None:
    """Its numbers fail with its error; those of the other chunks are where they belong."""
    listed = numbers(6)

    async def add(chunk: Sequence[str]) -> list[QualifiedNumber]:
        if listed[2] in chunk:
            raise error
        return [QualifiedNumber(phone_number=number) for number in chunk]

    async def never(_: Any) -> Any:
        raise AssertionError("nothing has to be looked up or waited for")

    result = await added(listed, add, never, never, size=2, concurrency=1)
    assert [n.phone_number for n in result.succeeded] == [*listed[:2], *listed[4:]]
    assert [(n.phone_number, n.error) for n in result.failed] == [(n, error) for n in listed[2:4]]


async def test_numbers_that_are_refused_by_name_fail_alone(rig: Rig) -> None:
    """Named by place or as text, with what is said of them; the rest is sent again."""
    listed = ["+442071838750", *numbers(20), "+493012345678"]
    client = rig.client()
    await client.qualified_numbers.add(listed[1:3])
    result = await client.qualified_numbers.add_many(listed)
    assert [n.phone_number for n in result.succeeded] == listed[3:-1]
    assert [s.phone_number for s in result.skipped] == listed[1:3]
    assert [failed.phone_number for failed in result.failed] == [listed[0], listed[-1]]
    assert all("not a US or Canadian number" in str(failed.error) for failed in result.failed)
    assert everywhere(result) == sorted(listed)


async def test_refusals_by_name_come_to_an_end() -> None:
    """One number a refusal, however many: each costs a request, and none of the few rounds."""
    listed, sent = numbers(9), []

    async def add(chunk: Sequence[str]) -> list[QualifiedNumber]:
        sent.append(len(chunk))
        raise BadRequest(f"{chunk[-1]} is bad", operation="AddQualifiedNumbers", status_code=400)

    async def never(_: Any) -> Any:
        raise AssertionError("nothing has to be looked up or waited for")

    result = await added(listed, add, never, never, size=9, concurrency=1)
    assert sent == list(range(9, 0, -1))
    assert [failed.phone_number for failed in result.failed] == listed
    for failed in result.failed:
        assert failed.phone_number in str(failed.error)


@pytest.mark.parametrize("said", ["no", "the region of +13035550000 is closed"])
async def test_a_refusal_of_something_else_is_everybodys(rig: Rig, said: str) -> None:
    """Where it names no number, or complains of another field, too."""
    listed, sent = numbers(3), []

    async def add(chunk: Sequence[str]) -> list[QualifiedNumber]:
        sent.append(chunk)
        raise BadRequest(
            said,
            operation="AddQualifiedNumbers",
            status_code=400,
            field_violations=[{"field": "region", "description": said}],
        )

    result = await added(listed, add, rig.sleep, rig.sleep, size=3, concurrency=1)  # type: ignore[arg-type]
    assert len(sent) == 1
    assert [failed.phone_number for failed in result.failed] == listed


@pytest.mark.parametrize("status", [401, 403])
async def test_an_account_that_may_not_add_is_refused_once(rig: Rig, status: int) -> None:
    """The further chunks are not sent, and say so."""
    listed = numbers(6)
    rig.sandbox.faults.add("error_before", operation="AddQualifiedNumbers", status=status)
    result = await rig.client().qualified_numbers.add_many(listed, chunk_size=2, max_concurrency=1)
    assert len(rig.sandbox.calls("AddQualifiedNumbers")) == 1
    assert everywhere(result) == listed
    refused, *rest = (failed.error for failed in result.failed[1:])
    assert isinstance(refused, AuthenticationFailed | PermissionDenied)
    assert [type(error) for error in rest] == [RunStopped] * 4
    assert {error.__cause__ for error in rest} == {refused}
    assert "not sent" in str(rest[0])


async def test_numbers_that_an_answer_does_not_tell_are_looked_up(rig: Rig) -> None:
    """No number is missing from the result, whatever the service answers."""
    client = rig.client()
    listed = numbers(3)
    await client.qualified_numbers.add(listed[:2])

    async def add(_: Sequence[str]) -> list[QualifiedNumber]:
        return [QualifiedNumber(phone_number=listed[0])]

    get = client.qualified_numbers.get
    result = await added(listed, add, get, rig.sleep, size=3, concurrency=1)
    assert [n.phone_number for n in result.succeeded] == listed[:2]
    (failed,) = result.failed
    assert failed.phone_number == listed[2]
    assert "its answer does not hold the number" in str(failed.error)


async def test_many_are_deleted(rig: Rig) -> None:
    """What is not there is skipped; both resources."""
    listed = numbers(4)
    client = rig.client()
    await client.qualified_numbers.add(listed[:3])
    gone = await client.qualified_numbers.delete_many(listed)
    assert gone.succeeded == tuple(listed[:3])
    assert [s.reason for s in gone.skipped] == ["is not in qualification"]
    await client.imported_numbers.import_number(
        listed[0], region_code="US", service_plan_id=PLAN, campaign_id=CAMPAIGN
    )
    deleted = await client.imported_numbers.delete_many(listed, max_concurrency=2)
    assert deleted.succeeded == (listed[0],)
    assert len(deleted.skipped) == 3
    assert not rig.sandbox.imported_numbers()
    for many in (client.imported_numbers.delete_many, client.qualified_numbers.delete_many):
        with pytest.raises(InvalidRequest):
            await many([*listed, "x"])


async def test_many_are_relinked_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Each is unlinked, waited for and linked; that it is without service meanwhile is said."""
    listed = numbers(5)
    async with rigged(profile="standard") as rig:
        client = rig.client(poll=PollPolicy(initial=30, jitter=0))
        for number in listed[:4]:
            await client.imported_numbers.import_number(
                number, region_code="US", service_plan_id="old"
            )
        await rig.sleep(3600)
        with caplog.at_level(logging.WARNING, "sinch_hosting"):
            result = await client.imported_numbers.relink_many(
                listed, service_plan_id=PLAN, campaign_id=CAMPAIGN
            )
        assert "without service until" in caplog.text
        assert [n.phone_number for n in result.succeeded] == listed[:4]
        assert [failed.phone_number for failed in result.failed] == listed[4:]
        assert {n.service_plan_id for n in rig.sandbox.imported_numbers()} == {PLAN}


async def test_a_relink_that_fails_half_way_is_marked() -> None:
    """`RelinkFailed` says which numbers are unlinked now."""
    (number,) = numbers(1)
    async with rigged(profile="standard") as rig:
        imported = rig.client().imported_numbers
        await imported.import_number(number, region_code="US", service_plan_id="old")
        await rig.sleep(3600)
        result = await imported.relink_many([number], service_plan_id=PLAN, timeout=1)
        assert isinstance(result.failed[0].error, RelinkFailed)


async def test_a_service_that_is_away(rig: Rig) -> None:
    """Transport errors are each number's own."""
    client = rig.client(retry=RetryPolicy(max_tries=1))
    rig.sandbox.faults.add("drop_before", operation="DeleteImportedNumber")
    result = await client.imported_numbers.delete_many(numbers(3))
    assert {type(failed.error) for failed in result.failed} == {TransportError}


async def test_no_numbers_at_all_are_refused(rig: Rig) -> None:
    """A collected call over nothing is a mistake of the caller's; a stream over nothing ends."""
    client = rig.client()
    order: dict[str, Any] = {
        "region_code": "US",
        "service_plan_id": PLAN,
        "campaign_id": CAMPAIGN,
        "loa": letter(),
    }
    orders = client.hosting_orders
    for call in (
        client.qualified_numbers.add_many([]),
        client.qualified_numbers.delete_many([]),
        client.imported_numbers.delete_many([]),
        client.imported_numbers.relink_many([], service_plan_id=PLAN),
        orders.text_enable_many([], **order),
        orders.text_enable_many([], **order, plan=True),
    ):
        with pytest.raises(InvalidRequest, match="at least 1 number"):
            await call
    with pytest.raises(InvalidRequest, match="at least 1 number"):
        orders.text_enable_stream([], **order)
    assert not rig.sandbox.requests


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5])
async def test_what_is_no_number_of_requests(rig: Rig, wrong: Any) -> None:
    """0 is refused like any other, and not taken for the default; nothing is sent."""
    client = rig.client()
    calls = (
        client.qualified_numbers.add_many,
        client.qualified_numbers.delete_many,
        client.imported_numbers.delete_many,
    )
    for call in calls:
        with pytest.raises(InvalidRequest, match="max_concurrency"):
            await call(numbers(2), max_concurrency=wrong)
    assert not rig.sandbox.requests
