"""What an earlier run left behind, and a later one with other arguments makes of it."""

# ruff: noqa: ASYNC240 - small files, read between two steps of a test

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sinch_hosting import (
    BadRequest,
    BulkPlan,
    InvalidRequest,
    JobChanged,
    LedgerError,
    NotFound,
    OrderRejected,
    RunStopped,
)
from sinch_hosting._session import codec
from sinch_hosting._session.session import Session
from sinch_hosting.resources.hosting_orders import HostingOrders

from .rig import CAMPAIGN, PLAN, Rig, adds_up, letter, numbers

JOHN = letter("john@example.com")
FREE = [f"+1800555{place:04}" for place in range(3)]


def darken(rig: Rig) -> None:
    """Lose the next create's answer, and let no list show it."""
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)


def refuse(rig: Rig) -> None:
    """Answer the next create with a 400."""
    rig.sandbox.faults.add("error_before", operation="writes", status=400, count=1)


async def planned(rig: Rig, listed: list[str], **settings: Any) -> BulkPlan:
    """What a run would do."""
    return await rig.client().hosting_orders.text_enable_many(
        listed,
        **{
            "region_code": "US",
            "service_plan_id": PLAN,
            "campaign_id": CAMPAIGN,
            "chunk_size": 5,
            **settings,
        },
        plan=True,
    )


async def toll_free(rig: Rig, **settings: Any) -> Any:
    """Text-enable three toll-free numbers as a job, which has no campaign."""
    arguments: dict[str, Any] = {"region_code": "US", "service_plan_id": PLAN, "job": "free"}
    return await rig.client().hosting_orders.text_enable_toll_free_many(
        FREE, **{**arguments, "loa": letter(), **settings}
    )


async def test_an_order_that_the_ledger_does_not_know_calls_for_the_settle_pause(
    rig: Rig, ledger: Path, tmp_path: Path
) -> None:
    """Another run, with another ledger, went on meanwhile: the lists may lag behind it."""
    settings: dict[str, Any] = {"job": "two", "settle": 99, "max_concurrency": 1}
    refuse(rig)
    await rig.text_enable(numbers(5), **settings, ledger=ledger)
    await rig.text_enable(numbers(5), **settings, ledger=tmp_path / "other")
    rig.slept.clear()
    again = await rig.text_enable(numbers(5), **settings, ledger=ledger)
    assert rig.slept == [99]
    assert again.chunks[0].adopted
    rig.slept.clear()
    await rig.text_enable(numbers(5), **settings, ledger=ledger)
    assert not rig.slept


async def test_reconciling_an_old_result_does_not_set_a_chunk_back(rig: Rig, ledger: Path) -> None:
    """Attempt 2 is in flight: what is learnt of attempt 1 does not release it."""
    settings: dict[str, Any] = {"job": "back", "ledger": ledger}
    darken(rig)
    first = await rig.text_enable(numbers(5), **settings)
    rig.sandbox.faults.clear()
    rig.sandbox.reject(rig.sandbox.orders_created()[0])
    darken(rig)
    await rig.text_enable(numbers(5), **settings, loa=JOHN, retry_rejected=True)
    rig.sandbox.faults.clear()
    client = rig.client()
    darken(rig)
    rig.sandbox.faults.clear()
    await client.hosting_orders.reconcile(first, ledger=ledger)
    last = await rig.text_enable(numbers(5), **settings, loa=JOHN, retry_rejected=True)
    assert len(last.succeeded) == 1
    assert rig.creates() == 2


@pytest.mark.parametrize("loa", [letter(), JOHN], ids=["the first letter", "the second letter"])
async def test_a_held_letter_stays_held_when_another_one_is_refused(
    rig: Rig, ledger: Path, loa: Any
) -> None:
    """The refusal of the second letter tells nothing of the first."""
    settings: dict[str, Any] = {"job": "held", "ledger": ledger}
    darken(rig)
    await rig.text_enable(numbers(5), **settings)
    refuse(rig)
    sent = await rig.text_enable(
        numbers(5), **settings, loa=JOHN, retry_rejected=True, on_unknown="resend"
    )
    assert len(sent.failed) == 1
    plan = await planned(rig, numbers(5), **settings, loa=loa)
    assert [order.action for order in plan.orders] == ["hold"]
    assert len((await rig.text_enable(numbers(5), **settings, loa=loa)).unknown) == 1
    assert len(rig.sandbox.orders_created()) == 1


async def test_without_a_campaign_a_new_ledger_uses_what_is_listed(
    rig: Rig, ledger: Path, tmp_path: Path
) -> None:
    """Lists that prove no absence prove a presence."""
    first = await toll_free(rig, ledger=ledger)
    plan = await toll_free(rig, ledger=tmp_path / "other", plan=True)
    assert [order.action for order in plan.orders] == ["adopt"]
    second = await toll_free(rig, ledger=tmp_path / "other")
    assert second.succeeded[0].hosting_order_id == first.succeeded[0].hosting_order_id
    assert rig.creates() == 1


async def test_a_plan_reads_the_orders_that_would_be_opened_anew(rig: Rig, ledger: Path) -> None:
    """What only the ledger knows is looked at, so that the plan tells of the letter."""
    settings: dict[str, Any] = {"ledger": ledger, "campaign_id": None, "job": "bare"}
    first = await rig.text_enable(numbers(5), **settings)
    rig.sandbox.reject(first.succeeded[0])
    orders = rig.client().hosting_orders
    arguments: dict[str, Any] = {
        "region_code": "US",
        "service_plan_id": PLAN,
        "chunk_size": 5,
        "loa": letter(),
        **settings,
    }
    before = len(rig.sandbox.requests)
    plan = await orders.text_enable_many(numbers(5), **arguments, retry_rejected=True, plan=True)
    assert [order.action for order in plan.orders] == ["create again"]
    assert sum(plan.letters.values()) == 1
    before = len(rig.sandbox.requests)
    await orders.text_enable_many(numbers(5), **arguments, retry_rejected=True)
    assert len(rig.sandbox.requests) - before == plan.requests


async def test_a_rejected_order_is_opened_anew_only_where_that_is_asked_for(
    rig: Rig, ledger: Path
) -> None:
    """A second attempt that was refused leaves the chunk REJECTED, and the old letter unsent."""
    for campaign in (CAMPAIGN, None):
        settings: dict[str, Any] = {
            "job": f"anew-{campaign}",
            "ledger": ledger,
            "campaign_id": campaign,
        }
        first = await rig.text_enable(numbers(5), **settings)
        rig.sandbox.reject(first.succeeded[0])
        refuse(rig)
        await rig.text_enable(numbers(5), **settings, loa=JOHN, retry_rejected=True)
        before = rig.creates()
        plain = await rig.text_enable(numbers(5), **settings)
        assert isinstance(plain.failed[0].error, OrderRejected)
        assert rig.creates() == before
        asked = await rig.text_enable(numbers(5), **settings, loa=JOHN, retry_rejected=True)
        assert (asked.chunks[0].tag or "").startswith(f"anew-{campaign}/0.2/")
        assert len(asked.succeeded) == 1


@pytest.mark.parametrize("create", ["text_enable", "text_enable_toll_free", "import_numbers"])
async def test_an_empty_job_is_no_job(rig: Rig, create: str) -> None:
    """What an environment variable leaves empty must not take the care away unseen."""
    loa = {} if create == "import_numbers" else {"loa": letter()}
    with pytest.raises(InvalidRequest, match="job"):
        await getattr(rig.client().hosting_orders, create)(
            FREE, region_code="US", service_plan_id=PLAN, job="", **loa
        )
    assert not rig.sandbox.requests


async def test_what_was_left_out_stays_known(rig: Rig, ledger: Path) -> None:
    """An order that was adopted with fewer numbers than its chunk is told so run after run."""
    listed = numbers(5)
    orders = rig.client().hosting_orders
    await orders.import_numbers(
        listed[:1], region_code="US", service_plan_id=PLAN, campaign_id="other"
    )
    await rig.sleep(2 * 86400)
    rig.sandbox.complete(rig.sandbox.orders_created()[0])
    await rig.text_enable(listed, job="less")
    for _ in range(3):
        result = await rig.text_enable(listed, job="less", ledger=ledger)
        assert [skipped.phone_number for skipped in result.skipped] == listed[:1]
        adds_up(result, listed)


async def test_a_held_chunk_is_told_under_the_tag_it_was_sent_with(rig: Rig, ledger: Path) -> None:
    """Whatever letter a later run has: so that it can be found."""
    settings: dict[str, Any] = {"job": "tag", "ledger": ledger}
    darken(rig)
    first = await rig.text_enable(numbers(5), **settings)
    later = await rig.text_enable(numbers(5), **settings, loa=JOHN, retry_rejected=True)
    assert later.unknown[0].tag == first.unknown[0].tag
    rig.sandbox.faults.clear()
    found = await rig.client().hosting_orders.reconcile(later)
    assert len(found.succeeded) == 1


async def test_an_order_that_is_gone(rig: Rig, ledger: Path, monkeypatch: Any) -> None:
    """The ledger knows it and the service does not: the caller says whether to send another."""
    settings: dict[str, Any] = {"job": "gone", "ledger": ledger, "campaign_id": None}
    await rig.text_enable(numbers(5), **settings)
    rig.sandbox.reset()
    held = await rig.text_enable(numbers(5), **settings)
    assert isinstance(held.unknown[0].error.__cause__, NotFound)
    assert "on_unknown='resend'" in "".join(held.unknown[0].error.__notes__)
    sent = await rig.text_enable(numbers(5), **settings, on_unknown="resend")
    assert (sent.chunks[0].tag or "").startswith("gone/0.2/")
    assert len((await rig.text_enable(numbers(5), **settings)).succeeded) == 1
    assert rig.creates() == 1


async def test_an_import_that_its_own_lost_order_refuses(rig: Rig, ledger: Path) -> None:
    """Sent again into a 409 for every number: the first send may be why, so it is unknown."""
    listed = numbers(5)
    orders = rig.client().hosting_orders
    settings: dict[str, Any] = {"region_code": "US", "service_plan_id": PLAN}
    settings |= {"campaign_id": CAMPAIGN, "job": "own", "ledger": ledger}
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    first = await orders.import_many(listed, **settings, grace=0.1, on_unknown="hold")
    assert len(first.unknown) == 1
    await orders.import_numbers(
        listed, region_code="US", service_plan_id=PLAN, campaign_id=CAMPAIGN
    )
    rig.sandbox.complete(rig.sandbox.orders_created()[0])
    again = await orders.import_many(listed, **settings)
    assert len(again.unknown) == 1
    adds_up(again, listed)


async def test_a_rerun_stops_early_as_well(rig: Rig) -> None:
    """An order that was there says nothing of what is created now."""
    listed = numbers(30)
    rig.sandbox.faults.add("error_before", operation="writes", status=400, skip=1)
    first = await rig.text_enable(listed, job="stop", max_concurrency=1)
    assert len(first.failed) == 5
    again = await rig.text_enable(listed, job="stop", max_concurrency=1)
    assert again.chunks[0].adopted
    assert sum(isinstance(chunk.error, RunStopped) for chunk in again.failed) == 2


async def test_reconcile_refuses_a_ledger_that_is_not_the_jobs(
    rig: Rig, ledger: Path, tmp_path: Path
) -> None:
    """Nothing is written to it, and no new file is made."""
    darken(rig)
    result = await rig.text_enable(numbers(5), job="a")
    rig.sandbox.faults.clear()
    await rig.text_enable(numbers(5, 100), job="b", ledger=ledger)
    before = ledger.read_bytes()
    orders = rig.client().hosting_orders
    with pytest.raises(InvalidRequest, match="knows nothing of job a"):
        await orders.reconcile(result, ledger=ledger)
    assert ledger.read_bytes() == before
    for unknown in (result, None):
        with pytest.raises(LedgerError, match="there is no such ledger"):
            await orders.reconcile(unknown, ledger=tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


async def test_a_hook_that_fails_behind_a_create_is_no_refusal(rig: Rig, ledger: Path) -> None:
    """The request had left: the answer is lost, and the order is found by its tag."""
    failing = ["ValueError", "KeyError"]

    async def end(_session: Any, _context: Any, params: aiohttp.TraceRequestEndParams) -> None:
        if "textEnable" in str(params.url) and failing:
            raise {"ValueError": ValueError, "KeyError": KeyError}[failing.pop()]

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(end)
    orders = rig.client(trace_configs=[trace]).hosting_orders
    settings: dict[str, Any] = {
        "region_code": "US",
        "service_plan_id": PLAN,
        "campaign_id": CAMPAIGN,
        "loa": letter(),
        "chunk_size": 5,
        "job": "hook",
        "ledger": ledger,
        "max_concurrency": 1,
    }
    result = await orders.text_enable_many(numbers(10), **settings)
    assert [chunk.adopted for chunk in result.chunks] == [True, True]
    assert not failing
    assert rig.held() == dict.fromkeys(numbers(10), 1)
    failing.append("ValueError")
    del settings["job"], settings["ledger"]
    bare = await orders.text_enable_many(numbers(5, 50), **settings)
    assert len(bare.unknown) == 1


@pytest.mark.parametrize("shown", [None, "3035550000"])
async def test_a_look_up_that_writes_numbers_otherwise(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, shown: str | None
) -> None:
    """What is left out is what was asked for: the chunk gets smaller with every refusal."""
    orders = rig.client().hosting_orders
    await orders.import_numbers(
        numbers(1), region_code="US", service_plan_id=PLAN, campaign_id="other"
    )
    rig.sandbox.complete(rig.sandbox.orders_created()[0])
    real = codec.decode

    def decode(name: str, raw: bytes, *more: Any) -> Any:
        if name == "GetImportedNumber":
            raw = json.dumps({**json.loads(raw), "phoneNumber": shown}).encode()
        return real(name, raw, *more)

    monkeypatch.setattr(codec, "decode", decode)
    result = await rig.text_enable(numbers(5), job="otherwise")
    assert [skipped.phone_number for skipped in result.skipped] == numbers(1)
    assert rig.creates() == 1 + 2
    adds_up(result, numbers(5))


async def test_all_is_compared_before_what_is_gone_is_created_anew(rig: Rig, ledger: Path) -> None:
    """Nothing was sent, says JobChanged; and the plan tells of both letters."""
    settings: dict[str, Any] = {"job": "gone", "ledger": ledger, "campaign_id": None}
    await rig.text_enable(numbers(10), **settings)
    rig.sandbox.reset()
    with pytest.raises(JobChanged):
        await rig.text_enable([*numbers(5), *numbers(5, 90)], **settings, on_unknown="resend")
    assert not rig.creates()
    for on_unknown, actions in (("resend", ["create again"] * 2), (None, ["hold"] * 2)):
        for retry in (False, True):
            plan = await planned(
                rig,
                numbers(10),
                **{**settings, "on_unknown": on_unknown, "loa": letter()},
                retry_rejected=retry,
            )
            assert [order.action for order in plan.orders] == actions
    sent = await rig.text_enable(numbers(10), **settings, on_unknown="resend")
    assert len(sent.succeeded) == rig.creates() == 2


async def test_an_attempt_that_was_found_rejected_is_in_doubt_no_more(
    rig: Rig, ledger: Path
) -> None:
    """A refusal of the next one is then a refusal, and may be tried again."""
    settings: dict[str, Any] = {"job": "found", "ledger": ledger}
    darken(rig)
    await rig.text_enable(numbers(5), **settings)
    rig.sandbox.faults.clear()
    rig.sandbox.reject(rig.sandbox.orders_created()[0])
    refuse(rig)
    refused = await rig.text_enable(numbers(5), **settings, loa=JOHN, retry_rejected=True)
    assert len(refused.failed) == 1
    again = await rig.text_enable(numbers(5), **settings, loa=JOHN, retry_rejected=True)
    assert len(again.succeeded) == 1
    assert rig.held() == dict.fromkeys(numbers(5), 1)
    rig.slept.clear()
    await rig.text_enable(numbers(5), **settings)
    assert not rig.slept


async def test_an_attempt_sent_twice_and_found_once_is_in_doubt(rig: Rig, ledger: Path) -> None:
    """The other letter may be out there: opening the next one has to be asked for by name."""
    settings: dict[str, Any] = {"job": "doubt", "ledger": ledger}
    darken(rig)
    await rig.text_enable(numbers(5), **settings)
    again = await rig.text_enable(numbers(5), **settings, on_unknown="resend")
    rig.sandbox.reject(again.succeeded[0])
    held = await rig.text_enable(numbers(5), **settings, retry_rejected=True)
    assert len(held.unknown) == 1
    rig.sandbox.faults.clear()
    found = await rig.text_enable(numbers(5), **settings, retry_rejected=True)
    assert found.chunks[0].adopted
    assert rig.creates() == 2
    assert rig.held() == dict.fromkeys(numbers(5), 1)


async def test_a_refused_resend_of_an_import_counts_as_none(rig: Rig, ledger: Path) -> None:
    """One send is in doubt, as before it, so that the default may send again."""
    orders = rig.client().hosting_orders
    settings: dict[str, Any] = {"region_code": "US", "service_plan_id": PLAN}
    settings |= {"campaign_id": CAMPAIGN, "job": "imports", "ledger": ledger}
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    assert (await orders.import_many(numbers(5), **settings, on_unknown="hold")).unknown
    refuse(rig)
    assert (await orders.import_many(numbers(5), **settings)).failed
    assert (await orders.import_many(numbers(5), **settings)).succeeded


async def test_reconcile_waits_for_numbers_that_are_listed_late(
    rig: Rig, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the order's report counts and the list does not show is not taken for left out."""
    darken(rig)
    first = await rig.text_enable(numbers(5), job="late", ledger=ledger)
    rig.sandbox.faults.clear()
    real, calls = HostingOrders.numbers, 0

    class Cut:
        def __init__(self, pages: Any) -> None:
            self.pages = pages

        async def __aiter__(self) -> Any:
            nonlocal calls
            calls += 1
            shown = 0
            async for number in self.pages:
                shown += 1
                if calls > 2 or shown <= 3:
                    yield number

    monkeypatch.setattr(
        HostingOrders, "numbers", lambda self, *given, **more: Cut(real(self, *given, **more))
    )
    found = await rig.client().hosting_orders.reconcile(first, ledger=ledger)
    assert not found.skipped
    assert found.chunks[0].numbers == tuple(numbers(5))


async def test_reconcile_looks_through_what_can_be_listed(
    rig: Rig, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One job's lists are refused: its chunks stay unknown, and say why."""
    darken(rig)
    await rig.text_enable(numbers(5), job="camp", ledger=ledger)
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    await rig.text_enable(numbers(5, 50), job="bare", ledger=ledger, campaign_id=None)
    rig.sandbox.faults.clear()
    real = Session.request

    async def request(self: Session, name: str, kind: Any, **more: Any) -> Any:
        if name == "ListHostingOrders" and not more["query"]["campaignId"]:
            raise BadRequest("campaignId is required", operation=name, status_code=400)
        return await real(self, name, kind, **more)

    monkeypatch.setattr(Session, "request", request)
    found = await rig.client().hosting_orders.reconcile(ledger=ledger)
    assert len(found.succeeded) == 1
    assert "campaignId is required" in str(found.unknown[0].error)


async def test_an_order_that_cannot_be_read_now(rig: Rig, ledger: Path) -> None:
    """The ledger knows it: nothing is sent, and the next run reads it."""
    settings: dict[str, Any] = {"job": "unread", "ledger": ledger, "campaign_id": None}
    first = await rig.text_enable(numbers(5), **settings)
    rig.sandbox.faults.add("error_before", operation="GetHostingOrder", status=503)
    unread = await rig.text_enable(numbers(5), **settings, retry_rejected=True)
    told = "".join(unread.unknown[0].error.__notes__)
    assert f"order {first.succeeded[0].hosting_order_id} was created by an earlier run" in told
    rig.sandbox.faults.clear()
    again = await rig.text_enable(numbers(5), **settings, retry_rejected=True)
    assert again.chunks[0].adopted
    assert rig.creates() == 1


async def test_a_service_that_lists_nothing_without_a_campaign(
    rig: Rig, ledger: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger does without; with a campaign the refusal is the run's."""
    real = Session.request

    async def request(self: Session, name: str, kind: Any, **more: Any) -> Any:
        if name == "ListHostingOrders":
            raise BadRequest("no lists today", operation=name, status_code=400)
        return await real(self, name, kind, **more)

    monkeypatch.setattr(Session, "request", request)
    settings: dict[str, Any] = {"job": "unlisted", "ledger": ledger}
    result = await rig.text_enable(numbers(5), **settings, campaign_id=None)
    assert len(result.succeeded) == 1
    assert "without a campaign cannot be listed" in caplog.text
    with pytest.raises(BadRequest):
        await rig.text_enable(numbers(5), **{**settings, "job": "listed"})
    assert rig.creates() == 1
