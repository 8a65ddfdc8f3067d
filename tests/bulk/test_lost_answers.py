"""Creates whose answer was lost: looked for, adopted, sent again, held, reconciled."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinch_hosting import InvalidRequest, OutcomeUnknown
from sinch_hosting._bulk.lost_orders import find_lost_order

from .rig import CAMPAIGN, PLAN, Rig, adds_up, letter, numbers

LOSSES = ["drop_after", "error_after", "truncate", "not_json"]


@pytest.mark.parametrize("kind", LOSSES)
async def test_what_was_committed_is_adopted(rig: Rig, kind: str) -> None:
    """The order behind a lost answer is found by its tag, and not sent again."""
    listed = numbers(15)
    rig.sandbox.faults.add(kind, operation="writes", count=2)
    result = await rig.text_enable(listed, job="lost")
    assert len(result.succeeded) == 3
    assert rig.creates() == 3
    assert rig.held() == dict.fromkeys(listed, 1)
    adds_up(result, listed)


async def test_a_committed_order_that_is_listed_late(rig: Rig) -> None:
    """Lists that lag by less than the grace are waited for."""
    listed = numbers(5)
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=50)
    result = await rig.text_enable(listed, job="lag", grace=60)
    assert len(result.succeeded) == 1
    assert rig.creates() == 1


@pytest.mark.parametrize("kind", ["drop_before", "error_before"])
async def test_without_a_letter_what_was_not_committed_is_sent_again(rig: Rig, kind: str) -> None:
    """A blanket order that is absent after the grace is sent once more."""
    listed = numbers(5)
    rig.sandbox.faults.add(kind, operation="writes", count=1)
    result = await rig.blanket(listed, job="again", grace=30)
    assert len(result.succeeded) == 1
    assert rig.creates() == 2
    assert rig.now >= 30
    assert rig.held() == dict.fromkeys(listed, 1)


async def test_an_import_that_was_not_committed_is_sent_again(rig: Rig) -> None:
    """It mails no letter either."""
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    result = await rig.client().hosting_orders.import_many(
        numbers(3), region_code="US", service_plan_id=PLAN, campaign_id=CAMPAIGN, job="again"
    )
    assert len(result.succeeded) == 1
    assert rig.creates() == 2
    assert rig.held() == dict.fromkeys(numbers(3), 1)


@pytest.mark.parametrize("grace", [0.5, 60.0, 600.0])
async def test_pauses_grow_until_the_grace_is_over(grace: float) -> None:
    """Soon at first, then less often; the last look begins when the grace is over."""
    now = 0.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    class Nothing:
        async def read_anew(self) -> None:
            """Find nothing."""

    search = await find_lost_order(
        Nothing(),  # type: ignore[arg-type]
        lambda: None,
        grace=grace,
        clock=lambda: now,
        sleep=sleep,
    )
    assert search.is_absent
    assert now == pytest.approx(grace)
    assert slept[:-1] == sorted(slept[:-1])
    assert slept[0] < slept[-2]


async def test_a_single_create_whose_answer_is_lost(rig: Rig) -> None:
    """With `job=` it is found and answered; not found it is unknown, with its tag."""
    orders = rig.client().hosting_orders
    plan = {"region_code": "US", "service_plan_id": PLAN, "campaign_id": CAMPAIGN}
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    order = await orders.text_enable(numbers(3), **plan, loa=letter(), job="found")
    assert [o.hosting_order_id for o in rig.sandbox.orders_created()] == [order.hosting_order_id]
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    with pytest.raises(OutcomeUnknown) as caught:
        await orders.text_enable(numbers(3, 10), **plan, loa=letter(), job="lost")
    assert (caught.value.tag or "").startswith("lost/0.1/")
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    imported = await orders.import_numbers(numbers(3, 20), **plan, job="sent")
    assert imported.hosting_order_id
    assert rig.creates() == 4


async def test_a_letter_is_never_sent_again_by_itself(rig: Rig) -> None:
    """With a letter an absent order is unknown, whatever the grace."""
    listed = numbers(5)
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    result = await rig.text_enable(listed, job="letter")
    (unknown,) = result.unknown
    assert isinstance(unknown.error, OutcomeUnknown)
    assert unknown.tag == unknown.error.tag
    assert unknown.numbers == tuple(listed)
    assert rig.creates() == 1
    adds_up(result, listed)
    with pytest.raises(ExceptionGroup):
        result.raise_for_failures()


async def test_hold_and_resend_are_the_callers_word(rig: Rig) -> None:
    """`on_unknown` decides against the default, both ways."""
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    held = await rig.blanket(numbers(5), job="hold", on_unknown="hold")
    assert len(held.unknown) == 1
    rig.sandbox.faults.clear()
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    sent = await rig.text_enable(numbers(5, 10), job="resend", on_unknown="resend")
    assert len(sent.succeeded) == 1
    assert rig.creates() == 3


async def test_one_order_is_sent_again_once(rig: Rig) -> None:
    """At most one duplicate an attempt, even where no list ever shows what was committed."""
    rig.sandbox.faults.add("drop_after", operation="writes")
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)
    result = await rig.blanket(numbers(5), job="dark")
    assert len(result.unknown) == 1
    assert rig.creates() == 2


async def test_resend_sends_again_once_a_run(rig: Rig) -> None:
    """However dark it is: the caller's word is for one further order, not for many."""
    rig.sandbox.faults.add("drop_before", operation="writes")
    result = await rig.text_enable(numbers(5), job="dark", on_unknown="resend")
    assert len(result.unknown) == 1
    assert rig.creates() == 2


async def test_a_lookup_that_fails_is_no_absence(rig: Rig) -> None:
    """Where the lists cannot be read, even an order without a letter is not sent again."""
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    rig.sandbox.faults.add("error_before", operation="ListHostingOrders", skip=12)
    result = await rig.blanket(numbers(5), job="blind")
    assert len(result.unknown) == 1
    assert rig.creates() == 1


async def test_a_found_order_with_other_numbers_is_not_adopted(rig: Rig) -> None:
    """The tag alone is not enough: its numbers are compared first."""
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)

    async def sleep(seconds: float) -> None:
        for order in rig.sandbox.orders_created():
            number = order.numbers.pop("+13035550002", None)
            if number is not None:
                number.phone_number = "+13039990000"
                order.numbers[number.phone_number] = number
        await rig.sleep(seconds)

    client = rig.client()
    client._session.sleep = sleep
    result = await client.hosting_orders.text_enable_many(
        numbers(5),
        region_code="US",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=letter(),
        job="odd",
    )
    (unknown,) = result.unknown
    assert "+13039990000" in "".join(unknown.error.__notes__)
    assert rig.creates() == 1


async def test_without_a_job_nothing_is_sent_again(rig: Rig) -> None:
    """Without a tag there is nothing to look for: the chunk is unknown at once."""
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    result = await rig.blanket(numbers(10))
    assert len(result.unknown) == 1
    assert not rig.sandbox.calls("ListHostingOrders")
    client = rig.client()
    with pytest.raises(InvalidRequest, match="no tag"):
        await client.hosting_orders.reconcile(result)


async def test_reconcile_finds_what_was_listed_late(rig: Rig) -> None:
    """What came up after the grace is found later, its numbers compared, and nothing is sent."""
    listed = numbers(5)
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=500)
    result = await rig.text_enable(listed, job="later", grace=10)
    assert len(result.unknown) == 1
    client = rig.client()
    early = await client.hosting_orders.reconcile(result, settle=1)
    assert len(early.unknown) == 1
    await rig.sleep(600)
    late = await client.hosting_orders.reconcile(early.unknown[0])
    assert [order.hosting_order_id for order in late.succeeded] == [
        order.hosting_order_id for order in rig.sandbox.orders_created()
    ]
    assert late.chunks[0].numbers == tuple(listed)
    assert rig.creates() == 1


async def test_reconcile_from_the_ledger_alone(rig: Rig, ledger: Path) -> None:
    """A ledger tells what is in flight; what is found is noted, and the next run adopts it."""
    listed = numbers(10)
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=500)
    result = await rig.text_enable(listed, job="book", grace=10, ledger=ledger)
    assert len(result.unknown) == 1
    rig.sandbox.faults.clear()
    client = rig.client()
    found = await client.hosting_orders.reconcile(ledger=ledger)
    assert len(found.succeeded) == 1
    nothing = await client.hosting_orders.reconcile(ledger=ledger, job="book")
    assert not nothing.chunks
    after = await rig.text_enable(listed, job="book", ledger=ledger)
    assert len(after.succeeded) == 2
    assert rig.creates() == 2
    with pytest.raises(InvalidRequest):
        await client.hosting_orders.reconcile(ledger=ledger, job="other")
    with pytest.raises(InvalidRequest):
        await client.hosting_orders.reconcile()


async def test_reconcile_takes_no_order_with_other_numbers(rig: Rig, ledger: Path) -> None:
    """A tag on other numbers stays unknown; a rejected order is a failure."""
    rig.sandbox.faults.add("drop_after", operation="writes", count=2)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=500)
    result = await rig.text_enable(numbers(10), job="odd", grace=10, ledger=ledger)
    assert len(result.unknown) == 2
    rig.sandbox.faults.clear()
    first, second = rig.sandbox.orders_created()
    moved = first.numbers.pop(next(iter(first.numbers)))
    moved.phone_number = "+13039990000"
    first.numbers[moved.phone_number] = moved
    rig.sandbox.reject(second)
    client = rig.client()
    for found in (
        await client.hosting_orders.reconcile(result, ledger=ledger),
        await client.hosting_orders.reconcile(result.unknown),
    ):
        assert len(found.unknown) == 1
        assert "other numbers" in str(found.unknown[0].error)
        assert len(found.failed) == 1


async def test_a_create_committed_long_after_its_sender_died(rig: Rig) -> None:
    """What happens: not excluded; the later run sends its own, and the next one reports both."""
    listed = numbers(5)
    client = rig.client()
    await rig.blanket(listed, job="ghost")
    (first,) = rig.sandbox.orders_created()
    body = rig.sandbox.calls("TextEnableHostingOrderNumbers")[0].body
    rig.sandbox.reset()
    await rig.blanket(listed, job="ghost")
    late = await client.hosting_orders.text_enable(
        listed,
        region_code="US",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=letter(),
        display_name=body["displayName"],
    )
    result = await rig.blanket(listed, job="ghost")
    assert first.display_name == late.display_name
    assert len(result.duplicates) == 1
    assert rig.creates() == 2


async def test_a_refused_second_send_tells_nothing_of_the_first(rig: Rig, ledger: Path) -> None:
    """What was held stays held when a resend was refused: the first letter may be out."""
    listed = numbers(5)
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1_000_000)
    first = await rig.text_enable(listed, job="once", ledger=ledger)
    assert len(first.unknown) == 1
    rig.sandbox.faults.add("error_before", operation="writes", status=403, count=1)
    second = await rig.text_enable(listed, job="once", ledger=ledger, on_unknown="resend")
    assert len(second.failed) == 1

    third = await rig.text_enable(listed, job="once", ledger=ledger)

    assert len(third.unknown) == 1
    assert rig.held() == dict.fromkeys(listed, 1)
