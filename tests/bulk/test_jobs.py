"""Jobs: tags, resuming, adoption, refusal of what changed, and rejected orders opened anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

import sinch_hosting
from sinch_hosting import (
    BlanketLoa,
    FailedChunk,
    InvalidRequest,
    JobChanged,
    Order,
    OrderRejected,
    RunStopped,
)
from sinch_hosting.resources import order_streams

from .rig import CAMPAIGN, PLAN, Rig, adds_up, letter, numbers


async def test_the_tag_comes_first_and_the_name_behind_it(rig: Rig) -> None:
    """A job's orders begin with a short tag; the caller's display name stays readable."""
    await rig.blanket(numbers(7), job="acme-2026-11", display_name="Acme, second floor")
    names = sorted(order.display_name for order in rig.sandbox.orders_created())
    assert [name.split("/")[:2] for name in names] == [
        ["acme-2026-11", "0.1"],
        ["acme-2026-11", "1.1"],
    ]
    assert all(name.endswith(" Acme, second floor") for name in names)
    assert all(len(name.split(" ")[0]) <= 60 for name in names)


async def test_running_it_again_sends_nothing(rig: Rig) -> None:
    """The second run adopts all orders of the first."""
    listed = numbers(12)
    first = await rig.text_enable(listed, job="again")
    created = rig.creates()
    second = await rig.text_enable(listed, job="again")
    assert rig.creates() == created == 3
    assert [o.hosting_order_id for o in second.succeeded] == [
        o.hosting_order_id for o in first.succeeded
    ]
    assert all(chunk.adopted for chunk in second.chunks)
    adds_up(second, listed)


async def test_the_first_reading_is_two_whole_walks_a_settle_pause_apart(rig: Rig) -> None:
    """Absence counts only after two walks over all states, in the order of life."""
    await rig.blanket(numbers(3), job="walks", settle=17)
    states = [
        record.query.split("states=")[1].split("&")[0]
        for record in rig.sandbox.calls("ListHostingOrders")
    ]
    life = [
        "DRAFT",
        "SUBMITTED",
        "WAITING_FOR_LOA_SIGNATURE",
        "IN_PROGRESS",
        "COMPLETED",
        "REJECTED",
    ]
    assert states == life * 2
    assert 17 in rig.slept
    for record in rig.sandbox.calls("ListHostingOrders"):
        query = parse_qs(record.query)
        assert query["type"] == ["TYPE_TEXT_ENABLE"]
        assert (query["servicePlanId"], query["campaignId"]) == ([PLAN], [CAMPAIGN])


async def test_a_killed_run_whose_last_create_is_listed_late(rig: Rig) -> None:
    """An order that the first walk does not show and the second does is adopted."""
    listed = numbers(5)
    await rig.text_enable(listed, job="late")
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=8)
    result = await rig.text_enable(listed, job="late", settle=9)
    assert result.chunks[0].adopted
    assert rig.creates() == 1


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("region_code", {"region_code": "CA"}),
    ("nnid", {"nnid": "104030"}),
    ("callback_url", {"callback_url": "http://127.0.0.1:9/x"}),
    ("scheduled_osr_update_time", {"scheduled_osr_update_time": datetime(2036, 1, 1, tzinfo=UTC)}),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
async def test_other_arguments_are_refused_by_name(
    rig: Rig, name: str, change: dict[str, Any]
) -> None:
    """The same job with another argument sends nothing and says which one differs."""
    await rig.text_enable(numbers(5), job="changed")
    with pytest.raises(JobChanged, match=rf"the arguments \(.*{name}"):
        await rig.text_enable(numbers(5), job="changed", **change)
    assert rig.creates() == 1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *CHANGES,
        ("service_plan_id", {"service_plan_id": "plan-2"}),
        ("campaign_id", {"campaign_id": "CAMP2"}),
        ("chunk_size", {"chunk_size": 4}),
    ],
)
async def test_a_ledger_tells_the_arguments_by_the_names_of_the_call(
    rig: Rig, ledger: Path, name: str, change: dict[str, Any]
) -> None:
    """With a ledger every argument that differs is named as the caller wrote it."""
    await rig.text_enable(numbers(5), job="changed", ledger=ledger)
    with pytest.raises(JobChanged, match=rf"the arguments \({name}\)"):
        await rig.text_enable(numbers(5), job="changed", ledger=ledger, **change)
    assert rig.creates() == 1


@pytest.mark.parametrize(
    ("call", "given", "name", "value"),
    [
        ("import_many", {}, "migrate_to_sinch_tmo", True),
        (
            "text_enable_toll_free_many",
            {"loa": letter()},
            "scheduled_zipwhip_provisioning_time",
            datetime(2036, 1, 1, tzinfo=UTC),
        ),
    ],
)
async def test_what_only_one_operation_takes_is_part_of_its_job(
    rig: Rig, ledger: Path, call: str, given: dict[str, Any], name: str, value: object
) -> None:
    """Every argument that changes what an order does changes the job."""
    many = getattr(rig.client().hosting_orders, call)
    plan = {"region_code": "US", "service_plan_id": PLAN, "job": "own", "ledger": ledger}
    listed = ["+18005550100", "+18005550101"] if "toll_free" in call else numbers(2)
    await many(listed, **plan, **given)
    with pytest.raises(JobChanged, match=rf"the arguments \({name}\)"):
        await many(listed, **plan, **given, **{name: value})
    assert rig.creates() == 1


async def test_another_operation_is_another_job(rig: Rig, ledger: Path) -> None:
    """A job that imports does not go on as one that text-enables."""
    orders = rig.client().hosting_orders
    plan = {"region_code": "US", "service_plan_id": PLAN, "job": "own", "ledger": ledger}
    await orders.import_many(numbers(2), **plan, chunk_size=5)  # type: ignore[call-overload]
    with pytest.raises(JobChanged, match="operation"):
        await orders.text_enable_many(  # type: ignore[call-overload]
            numbers(2), **plan, chunk_size=5, loa=BlanketLoa()
        )
    assert rig.creates() == 1


async def test_another_display_name_is_the_same_job(rig: Rig) -> None:
    """It is for people to read and changes nothing of what an order does."""
    await rig.blanket(numbers(5), job="named", display_name="Acme, first floor")
    again = await rig.blanket(numbers(5), job="named", display_name="Acme")
    assert again.chunks[0].adopted
    assert rig.creates() == 1


async def test_a_jobs_stream_reads_no_further_than_its_window(rig: Rig) -> None:
    """An endless source is streamed as a job, too: one number more tells that a chunk is whole."""
    read = 0

    async def endless() -> AsyncIterator[str]:
        nonlocal read
        while True:
            read += 1
            yield f"+1303{read:07}"

    stream = rig.client().hosting_orders.text_enable_stream(
        endless(),
        region_code="US",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=BlanketLoa(),
        chunk_size=5,
        max_concurrency=2,
        job="endless",
    )
    for seen in range(1, 7):
        assert isinstance((await anext(stream)).result, Order)
        assert read <= (seen + 2) * 5 + 1
    await stream.aclose()


async def test_another_letter_is_refused(rig: Rig) -> None:
    """Another signer is another job."""
    await rig.text_enable(numbers(5), job="signer")
    with pytest.raises(JobChanged, match=r"the letter \(loa\)"):
        await rig.text_enable(numbers(5), job="signer", loa=letter("john@example.com"))
    assert rig.creates() == 1


@pytest.mark.parametrize(
    "listed",
    [numbers(12)[1:], [*numbers(12), "+13035559999"], numbers(10), numbers(5), ["+13035559999"]],
    ids=["first gone", "one more", "last chunk gone", "two chunks gone", "another"],
)
async def test_other_numbers_are_refused_before_anything_is_sent(
    rig: Rig, listed: list[str]
) -> None:
    """Numbers that were added, taken away or shifted are noticed before the first create."""
    await rig.blanket(numbers(12), job="numbers")
    created = rig.creates()
    with pytest.raises(JobChanged, match="the numbers"):
        await rig.blanket(listed, job="numbers")
    assert rig.creates() == created


async def test_a_whole_chunk_more_is_noticed(rig: Rig) -> None:
    """That a chunk is the last one is part of its tag, full as it may be."""
    await rig.blanket(numbers(10), job="more")
    with pytest.raises(JobChanged, match="how many come after it"):
        await rig.blanket(numbers(15), job="more")
    assert rig.creates() == 2


async def test_fewer_chunks_are_noticed_where_the_first_have_no_orders(rig: Rig) -> None:
    """An order of a later chunk than there are now is enough."""
    rig.sandbox.faults.add("error_before", operation="writes", count=2, status=413)
    first = await rig.blanket(numbers(15), job="fewer", max_concurrency=1)
    assert len(first.failed) == 2
    with pytest.raises(JobChanged, match="it had 3 chunks or more, now there are 1"):
        await rig.blanket(numbers(5), job="fewer")
    assert rig.creates() == 3


async def test_a_gap_is_not_filled_before_all_that_was_begun_is_compared(rig: Rig) -> None:
    """A missing first chunk is held back until a later one has turned out to be unchanged."""
    listed = numbers(12)
    rig.sandbox.faults.add("error_before", operation="writes", count=1, status=413)
    first = await rig.blanket(listed, job="gap")
    assert len(first.failed) == 1
    with pytest.raises(JobChanged):
        await rig.blanket(listed[1:], job="gap")
    assert rig.creates() == 3
    second = await rig.blanket(listed, job="gap")
    assert len(second.succeeded) == 3
    assert rig.held() == dict.fromkeys(listed, 1)
    adds_up(second, listed)


async def test_a_rejected_order_is_a_failure_until_it_is_retried(rig: Rig) -> None:
    """`retry_rejected` opens a rejected chunk as attempt 2, with a corrected letter if given."""
    listed = numbers(10)
    first = await rig.text_enable(listed, job="rejected")
    rig.sandbox.reject(first.succeeded[1].hosting_order_id)
    second = await rig.text_enable(listed, job="rejected")
    (failed,) = second.failed
    assert isinstance(failed.error, OrderRejected)
    assert failed.numbers == tuple(listed[5:])
    third = await rig.text_enable(
        listed, job="rejected", retry_rejected=True, loa=letter("john@example.com")
    )
    assert len(third.succeeded) == 2
    assert not third.failed
    assert (third.chunks[1].tag or "").startswith("rejected/1.2/")
    assert rig.held() == dict.fromkeys(listed, 1)
    again = await rig.text_enable(
        listed, job="rejected", retry_rejected=True, loa=letter("john@example.com")
    )
    assert all(chunk.adopted for chunk in again.chunks)


@pytest.mark.parametrize("has_ledger", [False, True])
async def test_after_a_corrected_letter_either_goes_on(
    rig: Rig, ledger: Path, *, has_ledger: bool
) -> None:
    """A job with orders of two letters runs again with each of them, and with no third."""
    listed = numbers(10)
    settings: dict[str, Any] = {"job": "letters", "ledger": ledger if has_ledger else None}
    first = await rig.text_enable(listed, **settings)
    rig.sandbox.reject(first.succeeded[1].hosting_order_id)
    corrected = letter("john@example.com")
    await rig.text_enable(listed, **settings, retry_rejected=True, loa=corrected)
    for loa in (corrected, letter()):
        again = await rig.text_enable(listed, **settings, loa=loa)
        assert [chunk.adopted for chunk in again.chunks] == [True, True]
        assert not again.failed
    with pytest.raises(JobChanged, match="letter"):
        await rig.text_enable(listed, **settings, loa=letter("jim@example.com"))
    assert rig.creates() == 3


async def test_a_refused_run_leaves_no_trace_in_a_new_ledger(rig: Rig, ledger: Path) -> None:
    """The right run after a wrong one is not compared with the wrong one."""
    listed = numbers(10)
    await rig.blanket(listed, job="first")
    with pytest.raises(JobChanged, match="callback_url"):
        await rig.blanket(listed, job="first", ledger=ledger, callback_url="https://example.com/x")
    again = await rig.blanket(listed, job="first", ledger=ledger)
    assert all(chunk.adopted for chunk in again.chunks)


async def test_a_chunk_that_is_rejected_again_is_opened_as_attempt_3(rig: Rig) -> None:
    """Every REJECTED order is one attempt; a live one is left alone."""
    for attempt in (1, 2, 3):
        result = await rig.text_enable(numbers(5), job="thrice", retry_rejected=True)
        assert (result.chunks[0].tag or "").startswith(f"thrice/0.{attempt}/")
        if attempt < 3:
            rig.sandbox.reject(result.succeeded[0].hosting_order_id)
    await rig.text_enable(numbers(5), job="thrice", retry_rejected=True)
    assert rig.creates() == 3


async def test_an_order_that_forgets_its_tag_stops_the_run(rig: Rig) -> None:
    """The first order does not give its tag back: nothing else is sent, and the run says so."""
    rig.sandbox.faults.add("forget_display_name")
    listed = numbers(15)
    result = await rig.text_enable(listed, job="echo")
    assert rig.creates() == 1
    assert len(result.succeeded) == 1
    assert [type(chunk.error) for chunk in result.failed] == [RunStopped, RunStopped]
    assert "without its tags" in str(result.failed[0].error)
    adds_up(result, listed)


@pytest.mark.parametrize("chunks", [1, 3])
async def test_without_names_and_ledger_no_number_is_sent_twice(rig: Rig, chunks: int) -> None:
    """Whoever runs the job again and again mails no second letter: its order is recognised."""
    rig.sandbox.faults.add("forget_display_name")
    listed = numbers(5 * chunks)
    await rig.text_enable(listed, job="mute")
    for sent in range(1, chunks + 2):
        again = await rig.text_enable(listed, job="mute")
        assert isinstance(again.failed[0].error, JobChanged)
        assert "holds numbers of this job" in str(again.failed[0].error)
        adds_up(again, listed)
        assert rig.creates() == min(sent + 1, chunks)
    assert set(rig.held().values()) == {1}


async def test_an_order_without_a_name_whose_answer_was_lost(rig: Rig, ledger: Path) -> None:
    """It is not found by its tag; before it is sent again, its numbers are compared."""
    rig.sandbox.faults.add("forget_display_name")
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    for _ in range(2):
        result = await rig.blanket(numbers(5), job="mute", ledger=ledger)
        assert isinstance(result.failed[0].error, JobChanged)
        assert rig.creates() == 1


async def test_orders_of_others_without_a_tag_are_let_be(rig: Rig) -> None:
    """Those with other numbers, REJECTED ones, and those that are older than a day."""
    orders = rig.client().hosting_orders
    place: dict[str, Any] = {"region_code": "US", "service_plan_id": PLAN, "campaign_id": CAMPAIGN}
    foreign = await orders.text_enable([*numbers(4), "+13035559999"], loa=letter(), **place)
    rejected = await orders.text_enable(numbers(5), loa=letter(), **place)
    rig.sandbox.reject(rejected.hosting_order_id)
    old = await orders.text_enable(numbers(5), loa=letter(), **place)
    rig.sandbox.advance(seconds=2 * 86_400)
    recent = await orders.text_enable(["+13035558888"], loa=letter(), **place)
    result = await rig.text_enable(numbers(5), job="mine")
    assert len({o.hosting_order_id for o in (foreign, old, recent, *result.succeeded)}) == 4


async def test_a_create_whose_answer_shows_another_name_is_read_anew(rig: Rig) -> None:
    """One documented example echoes another text: the order itself decides."""
    rig.sandbox.faults.add("forget_display_name", operation="writes", text="an example")
    result = await rig.text_enable(numbers(15), job="echo")
    assert len(result.succeeded) == 3


@pytest.mark.parametrize("change", ["Order: {}", "[{}]", "job {} of the project"])
async def test_a_tag_behind_other_text_refuses_the_job(rig: Rig, change: str) -> None:
    """Where the service writes something before names, a second run sends nothing."""
    await rig.text_enable(numbers(5), job="behind")
    (order,) = rig.sandbox.orders_created()
    order.display_name = change.format(order.display_name)
    with pytest.raises(JobChanged, match="edited or cut"):
        await rig.text_enable(numbers(5), job="behind")
    await rig.text_enable(numbers(5, start=10), job="other")
    assert rig.creates() == 2


async def test_a_cut_tag_refuses_the_job(rig: Rig) -> None:
    """An order whose name begins as the job's tags and is none cannot be placed."""
    await rig.blanket(numbers(5), job="cut")
    (order,) = rig.sandbox.orders_created()
    order.display_name = order.display_name[:12]
    with pytest.raises(JobChanged, match="edited or cut"):
        await rig.blanket(numbers(5), job="cut")
    assert rig.creates() == 1


async def test_a_name_that_was_edited_is_not_excluded(rig: Rig, ledger: Path) -> None:
    """Without a ledger another order is sent after a day, with one it is read by its id."""
    await rig.blanket(numbers(5), job="edited", ledger=ledger)
    (order,) = rig.sandbox.orders_created()
    order.display_name = "Acme, second floor"
    known = await rig.blanket(numbers(5), job="edited", ledger=ledger)
    assert known.chunks[0].adopted
    refused = await rig.blanket(numbers(5), job="edited")
    assert isinstance(refused.failed[0].error, JobChanged)
    assert rig.creates() == 1
    rig.sandbox.advance(seconds=2 * 86_400)
    other = await rig.blanket(numbers(5, start=10), job="other")
    rig.sandbox.reject(other.succeeded[0].hosting_order_id)  # its tag shows nothing any more
    rig.sandbox.orders_created()[-1].display_name = "Acme"
    await rig.blanket(numbers(5), job="edited")
    assert rig.creates() == 3


async def test_whoever_says_resend_sends_what_has_no_tag(rig: Rig) -> None:
    """The caller knows better: an order without a tag may be another one."""
    await rig.blanket(numbers(5), job="edited")
    (order,) = rig.sandbox.orders_created()
    order.display_name = "Acme, second floor"
    await rig.blanket(numbers(5), job="edited", on_unknown="resend")
    assert rig.creates() == 2


async def test_an_order_with_other_numbers_is_not_adopted(rig: Rig) -> None:
    """A tag on foreign numbers is refused for its chunk, and nothing is sent for it."""
    await rig.blanket(numbers(5), job="foreign")
    (order,) = rig.sandbox.orders_created()
    moved = order.numbers.pop("+13035550002")
    moved.phone_number = "+13039990000"
    order.numbers[moved.phone_number] = moved
    result = await rig.blanket(numbers(5), job="foreign")
    (failed,) = result.failed
    assert isinstance(failed.error, JobChanged)
    assert "+13039990000" in str(failed.error)
    assert rig.creates() == 1


async def test_an_order_whose_numbers_cannot_be_read_is_unknown(rig: Rig) -> None:
    """It is not adopted unseen, and nothing is sent; the next run adopts it."""
    await rig.blanket(numbers(5), job="unread")
    rig.sandbox.faults.add("error_before", operation="ListHostingOrderNumbers", status=403)
    result = await rig.blanket(numbers(5), job="unread")
    assert len(result.unknown) == 1
    rig.sandbox.faults.clear()
    assert (await rig.blanket(numbers(5), job="unread")).chunks[0].adopted
    assert rig.creates() == 1


async def test_numbers_that_are_listed_late_are_waited_for(rig: Rig) -> None:
    """An order whose report counts more numbers than its list shows is read again."""
    await rig.blanket(numbers(5), job="slow")
    rig.sandbox.faults.add("empty_page", operation="ListHostingOrderNumbers", count=1)
    (order,) = rig.sandbox.orders_created()
    hidden = order.numbers.pop("+13035550003")

    async def sleep(seconds: float) -> None:
        order.numbers[hidden.phone_number] = hidden
        await Rig.sleep(rig, seconds)

    client = rig.client()
    rig.slept.clear()
    client._session.sleep = sleep
    result = await client.hosting_orders.text_enable_many(
        numbers(5),
        region_code="US",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=BlanketLoa(),
        chunk_size=5,
        job="slow",
    )
    assert result.chunks[0].numbers == tuple(numbers(5))


async def test_whether_tags_come_back_stays_open_until_it_is_seen(rig: Rig) -> None:
    """Where the first order cannot be read, the next create goes alone, too."""
    rig.sandbox.faults.add("forget_display_name", operation="writes", count=1)
    rig.sandbox.faults.add("error_before", operation="GetHostingOrder", status=403)
    result = await rig.blanket(numbers(15), job="echo")
    assert len(result.succeeded) == 3


async def test_a_job_learns_from_the_orders_of_another_that_tags_come_back(rig: Rig) -> None:
    """Then its first order need not go alone, and is not read."""
    await rig.blanket(numbers(5), job="first-of-two")
    read = len(rig.sandbox.calls("GetHostingOrder"))
    assert read == 1
    await rig.blanket(numbers(15, start=10), job="second")
    assert len(rig.sandbox.calls("GetHostingOrder")) == read
    await rig.blanket(numbers(5, start=30), job="with-a-longer-name-than-it")
    assert len(rig.sandbox.calls("GetHostingOrder")) == read + 1, "long names may be cut"


async def test_a_client_remembers_that_tags_come_back(rig: Rig) -> None:
    """A later job of the same client need not find out again, whatever its lists show."""
    client = rig.client()
    for campaign, start, read in [("CAMP1", 0, 1), ("CAMP2", 10, 1)]:
        result = await client.hosting_orders.text_enable_many(
            numbers(10, start=start),
            region_code="US",
            service_plan_id=PLAN,
            campaign_id=campaign,
            loa=BlanketLoa(),
            chunk_size=5,
            job="any",
        )
        assert len(result.succeeded) == 2
        assert len(rig.sandbox.calls("GetHostingOrder")) == read


@pytest.mark.parametrize(
    ("kept", "wanted", "proves"),
    [
        ("job-a", "job-b", True),
        ("job-a", "job-bb", False),
        ("job-a", "Job-b", False),
        ("Job-a", "job-b", True),
        ("Job-a", "JOB-B", True),
    ],
)
async def test_which_tags_prove_that_others_are_kept(
    rig: Rig, kept: str, wanted: str, *, proves: bool
) -> None:
    """As long ones, and with a capital letter where that is at stake."""
    await rig.blanket(numbers(5), job=kept)
    read = len(rig.sandbox.calls("GetHostingOrder"))
    await rig.blanket(numbers(5, start=10), job=wanted)
    assert (len(rig.sandbox.calls("GetHostingOrder")) == read) is proves


async def test_an_adopted_order_may_hold_a_subset(rig: Rig) -> None:
    """What an earlier run left out is skipped, not lost."""
    await rig.blanket(numbers(5), job="subset")
    (order,) = rig.sandbox.orders_created()
    del order.numbers["+13035550002"]
    result = await rig.blanket(numbers(5), job="subset")
    assert [s.phone_number for s in result.skipped] == ["+13035550002"]
    adds_up(result, numbers(5))


async def test_an_order_that_leaves_a_state_while_it_is_paged_is_found(rig: Rig) -> None:
    """Orders that move between two list calls shift the pages; two walks see them all."""
    listed = numbers(40)
    await rig.blanket(listed, job="moving")
    rig.sandbox.faults.add("order_moves", operation="ListHostingOrders", probability=0.5)
    result = await rig.blanket(listed, job="moving")
    assert rig.creates() == 8
    assert len(result.succeeded) == 8


async def test_two_orders_with_one_tag_are_told(rig: Rig) -> None:
    """Where a tag is there twice, one is adopted and the other one reported."""
    await rig.blanket(numbers(5), job="twice")
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=10_000)
    await rig.blanket(numbers(5), job="twice", settle=1)
    rig.sandbox.faults.clear()
    result = await rig.blanket(numbers(5), job="twice")
    assert rig.creates() == 2
    assert len(result.duplicates) == 1
    assert len(result.succeeded) == 1


async def test_single_creates_get_the_same_care(rig: Rig) -> None:
    """`text_enable(..., job=)` run twice makes one order; a refusal raises as ever."""
    client = rig.client()
    arguments: dict[str, Any] = {
        "region_code": "US",
        "service_plan_id": PLAN,
        "campaign_id": CAMPAIGN,
        "job": "single",
    }
    orders = client.hosting_orders
    first = await orders.text_enable(numbers(3), loa=letter(), **arguments)
    second = await orders.text_enable(numbers(3), loa=letter(), **arguments)
    assert first.hosting_order_id == second.hosting_order_id
    imported = await orders.import_numbers(numbers(2, 100), **arguments)
    assert isinstance(imported, Order)
    assert rig.creates() == 2
    for count in (2, 4):
        with pytest.raises(JobChanged, match="the numbers of chunk 0") as caught:
            await orders.text_enable(numbers(count), loa=letter(), **arguments)
        assert "arguments" not in str(caught.value)
    assert rig.creates() == 2


async def test_a_single_create_is_the_same_with_another_import_limit(
    rig: Rig, ledger: Path
) -> None:
    """How many numbers an import may hold changes nothing of an order that is one anyway."""
    arguments: dict[str, Any] = {
        "region_code": "US",
        "service_plan_id": PLAN,
        "campaign_id": CAMPAIGN,
        "job": "limit",
        "ledger": ledger,
    }
    first, second = [
        await rig.client(import_limit=limit).hosting_orders.import_numbers(numbers(3), **arguments)
        for limit in (5, 1000)
    ]
    assert first.hosting_order_id == second.hosting_order_id
    assert rig.creates() == 1


async def test_single_creates_of_qualified_numbers_get_it_too(rig: Rig, tmp_path: Path) -> None:
    """Local and toll-free numbers of the qualification, each run twice: one order each."""
    kinds = {"+13035550100": "text_enable", "+18005550100": "text_enable_toll_free"}
    qualified = rig.client().qualified_numbers
    await qualified.add(list(kinds))
    for number in kinds:
        rig.sandbox.trigger(number)
        rig.sandbox.receive_invoices(number)
        rig.sandbox.approve(number)
    for number, name in kinds.items():
        create = partial(getattr(qualified, name), [number], region_code="US", service_plan_id=PLAN)
        job: dict[str, Any] = {"job": name, "ledger": tmp_path / number}
        first, second = [await create(loa=letter(), **job) for _ in range(2)]
        assert first.hosting_order_id == second.hosting_order_id
        with pytest.raises(JobChanged, match="letter"):
            await create(loa=letter("jim@example.com"), **job)
    assert len(rig.sandbox.orders_created()) == 2


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"job": "has spaces"}, "job"),
        ({"job": "x" * 33}, "job"),
        ({"ledger": "x"}, "ledger"),
        ({"retry_rejected": True}, "retry_rejected"),
        ({"on_unknown": "hold"}, "on_unknown"),
        ({"job": "j", "on_unknown": "perhaps"}, "on_unknown"),
        ({"job": "j", "settle": -1}, "settle"),
        ({"job": "j", "campaign_id": None}, "ledger"),
    ],
)
async def test_what_clashes_is_refused(rig: Rig, settings: dict[str, Any], field: str) -> None:
    """Options that make no sense together name the field; nothing is sent."""
    with pytest.raises(InvalidRequest) as caught:
        await rig.text_enable(numbers(3), **settings)
    assert caught.value.field == field
    assert not rig.sandbox.requests


async def test_first_runs_at_the_same_moment_are_not_excluded(rig: Rig) -> None:
    """What happens: without a shared ledger both send, and the next run reports the duplicates."""
    listed = numbers(5)
    await asyncio.gather(*(rig.blanket(listed, job="race") for _ in range(2)))
    assert rig.creates() == 2
    after = await rig.blanket(listed, job="race")
    assert len(after.duplicates) == 1
    assert rig.creates() == 2


async def test_orders_dropped_from_the_lists_are_not_excluded(rig: Rig, ledger: Path) -> None:
    """What happens: without a ledger they are sent again, with one they are read by their id."""
    listed = numbers(5)
    await rig.blanket(listed, job="old", ledger=ledger)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)
    kept = await rig.blanket(listed, job="old", ledger=ledger)
    assert kept.chunks[0].adopted
    assert rig.creates() == 1
    await rig.blanket(listed, job="old")
    assert rig.creates() == 2


def test_failed_chunks_are_records() -> None:
    """A failed chunk is made of its numbers and its error."""
    error = RuntimeError("x")
    assert FailedChunk(numbers=("+1",), error=error).error is error
    assert not BlanketLoa().mails_a_letter


async def test_a_rerun_stops_as_well_where_tags_do_not_come_back(rig: Rig, tmp_path: Path) -> None:
    """An order that the ledger knows by its id proves nothing of tags."""
    rig.sandbox.faults.add("forget_display_name")
    listed, ledger = numbers(15), tmp_path / "ledger"
    await rig.text_enable(listed, job="mute", ledger=ledger)
    assert rig.creates() == 1

    again = await rig.text_enable(listed, job="mute", ledger=ledger)

    assert any(isinstance(chunk.error, RunStopped) for chunk in again.failed)
    assert rig.creates() <= 2


PROMISE = """
exactly one order a chunk provided that every committed order is listed within `settle` and
`grace`; beyond that, at most one duplicate an attempt for orders without letters, and for orders
with one only where a killed run kept no ledger (with a ledger they are held).
"""
NOT_EXCLUDED = """
two first runs of one job at the same moment without a shared ledger, a machine that
stands still within the microseconds between the last check and its network card, tags edited or
cut by the service, old orders dropped from lists, a create that is committed long after its
sender died.
"""


@pytest.mark.parametrize("where", ["docstring", "guide"])
def test_the_promise_stands_in_its_words(where: str) -> None:
    """In the docstring and in the guide; each of what is not excluded has its test."""
    page = Path(sinch_hosting.__file__).parent / "guides" / "bulk.md"
    told = order_streams.__doc__ if where == "docstring" else page.read_text(encoding="utf-8")
    for words in (PROMISE, NOT_EXCLUDED):
        assert " ".join(words.split()) in " ".join((told or "").split())
