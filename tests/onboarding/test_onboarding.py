"""Onboarding: numbers from wherever they are to done, ended anywhere and run again."""

from __future__ import annotations

import asyncio
import csv
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import (
    BadRequest,
    BlanketLoa,
    InvalidRequest,
    JobChanged,
    LedgerError,
    LedgerLocked,
    NumberToOnboard,
    Onboarding,
    OnboardingReport,
    OnboardingStep,
    PermissionDenied,
    PollPolicy,
    QualificationState,
    RetryPolicy,
    UsageError,
)
from sinch_hosting._bulk.ledger_file import LedgerFile
from sinch_hosting._onboarding.reader import NumberReader
from sinch_hosting._onboarding.report import Step
from sinch_hosting._polling import list_reader
from sinch_hosting._polling.reads import Reader
from sinch_hosting.sandbox import STANDARD

from ..bulk.rig import CAMPAIGN, PLAN, Rig, keep_records, letter, numbers, rigged

FREE = ["+18005550100", "+18885550101"]
CANADIAN = "+15145550100"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A sandbox in which everything takes the time that it takes."""
    async with rigged(profile="standard") as made:
        yield made


def onboarding(rig: Rig, listed: list[Any], **settings: Any) -> Onboarding:
    """An onboarding on the common plan and campaign."""
    client = settings.pop("client", None)
    client = client or rig.client(poll=PollPolicy(initial=900, maximum=7200, jitter=0))
    arguments: dict[str, Any] = {
        "job": "acme",
        "service_plan_id": PLAN,
        "campaign_id": CAMPAIGN,
        "loa": letter(),
        "readiness_window": 1e7,
        **settings,
    }
    return client.onboard(listed, **arguments)


def outcomes(report: OnboardingReport) -> dict[str, str]:
    """The outcomes by number."""
    return {line.phone_number: str(line.outcome) for line in report.lines}


async def test_from_nowhere_to_done(rig: Rig, ledger: Path) -> None:
    """Local, Canadian and toll-free numbers go their own ways, an order and a letter a group."""
    listed = [*numbers(6), CANADIAN, *FREE]
    report = await onboarding(rig, listed, ledger=ledger).run()
    assert report.is_done, report.to_csv()
    orders = rig.sandbox.orders_created()
    assert sorted(len(order.numbers) for order in orders) == [1, 2, 6]
    assert {order.region_code for order in orders} == {"US", "CA"}
    assert len(rig.sandbox.letters_sent) == 3
    assert rig.held() == dict.fromkeys(listed, 1)
    assert [line.phone_number for line in report.lines] == listed
    assert {line.kind for line in report.lines} == {"local", "toll-free"}


async def test_letters_may_differ_by_number(rig: Rig) -> None:
    """A callable, or a number's own letter: work is grouped by it before it is chunked."""
    listed = numbers(6)
    rows = [
        NumberToOnboard(phone_number=listed[0], loa=letter("own@example.com")),
        NumberToOnboard(phone_number=listed[1], loa=BlanketLoa()),
        *listed[2:],
    ]

    def whose(number: str) -> Any:
        return letter("even@example.com" if int(number) % 2 == 0 else "odd@example.com")

    report = await onboarding(rig, rows, loa=whose).run()
    assert report.is_done
    assert sorted(one.to for one in rig.sandbox.letters_sent) == [
        "even@example.com",
        "odd@example.com",
        "own@example.com",
    ]
    assert len(rig.sandbox.orders_created()) == 4


async def test_invoices_are_asked_for_once_and_loudly(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """Which numbers, and to whom they have to be mailed."""
    with caplog.at_level(logging.WARNING, "sinch_hosting"):
        steps = [step async for step in onboarding(rig, numbers(3))]
    (asked,) = [step for step in steps if step.step is Step.INVOICES]
    assert asked.phone_numbers == tuple(numbers(3))
    assert "orders@sinch.com" in asked.text
    assert caplog.text.count("orders@sinch.com") == 1


async def test_voice_challenges(rig: Rig) -> None:
    """Where codes can be had numbers are rung once, and no other invoice is asked for."""
    listed = numbers(4)

    async def code(number: str) -> str | None:
        if number == listed[2]:
            return None
        return "wrong" if number == listed[1] else rig.sandbox.voice_code(number)

    steps = [step async for step in onboarding(rig, listed, voice_code=code, timeout=20 * 86400)]
    asked = [step.phone_numbers for step in steps if step.step is Step.INVOICES]
    assert asked == [(listed[2],)]
    rung = Counter(mail.to for mail in rig.sandbox.outbox if mail.kind == "voice")
    assert rung == dict.fromkeys(listed, 1)
    failed = [step.phone_numbers for step in steps if step.step is Step.FAILED]
    assert failed == [(listed[1],)]


async def test_a_challenge_whose_answer_is_lost_is_not_repeated(rig: Rig) -> None:
    """It rings a phone: what became of it is read."""
    rig.sandbox.faults.add("drop_after", operation="VerifyVoiceChallenge")

    async def code(number: str) -> str:
        return rig.sandbox.voice_code(number)

    report = await onboarding(rig, numbers(2), voice_code=code).run()
    assert report.is_done
    assert len(rig.sandbox.calls("VerifyVoiceChallenge")) == 2


async def test_what_fails_says_why(rig: Rig, ledger: Path) -> None:
    """One line a number: not eligible, not verified, the routing, the platform, the campaign."""
    listed = numbers(7)
    rig.sandbox.plan(listed[0], not_eligible="cannot be routed")
    rig.sandbox.plan(listed[1], not_verified="not on the invoice")
    rig.sandbox.plan(listed[2], osr="INVALID_NNID")
    rig.sandbox.plan(listed[3], platform="refused")
    rig.sandbox.plan(listed[4], campaign="CAMPAIGN_EXPIRED")
    report = await onboarding(rig, listed, ledger=ledger).run()
    reasons = {line.phone_number: line.reason for line in report.lines}
    assert "NOT_ELIGIBLE: cannot be routed" in reasons[listed[0]]
    assert "VERIFICATION_FAILED: not on the invoice" in reasons[listed[1]]
    assert "the routing (OSR) is FAILED" in reasons[listed[2]]
    assert "the SMS platform is FAILED" in reasons[listed[3]]
    assert "the campaign is FAILED" in reasons[listed[4]]
    assert report.counts == {"failed": 5, "done": 2}


async def test_numbers_that_are_elsewhere(rig: Rig) -> None:
    """Imported elsewhere is relinked only if told so; imported here needs nothing."""
    here, there, free = numbers(3)
    client = rig.client()
    await client.imported_numbers.import_number(
        here, region_code="US", service_plan_id=PLAN, campaign_id=CAMPAIGN
    )
    for number in (there, free):
        await client.imported_numbers.import_number(
            number, region_code="US", service_plan_id="other"
        )
    await rig.sleep(3600)
    await client.imported_numbers.update(free, service_plan_id="")
    await rig.sleep(3600)
    report = await onboarding(rig, [here, there, free]).run()
    assert outcomes(report) == {here: "done", there: "failed", free: "failed"}
    assert "service plan other" in report.lines[1].reason
    steps = [step async for step in onboarding(rig, [here, there, free], relink=True)]
    moved = [step.phone_numbers[0] for step in steps if step.step is Step.RELINKING]
    assert sorted(moved) == [there, free]
    assert rig.sandbox.imported_number(there).service_plan_id == PLAN
    assert rig.sandbox.imported_number(free).campaign_id == CAMPAIGN
    assert not rig.sandbox.orders_created()


async def test_ready_numbers_wait_for_their_group(rig: Rig) -> None:
    """Numbers that are ready at different times share an order within the readiness window."""
    early, late = numbers(2), numbers(2, 10)
    client = rig.client()
    await client.qualified_numbers.add([*early, *late])
    rig.sandbox.approve(early)
    await onboarding(rig, [*early, *late]).run()
    assert [len(order.numbers) for order in rig.sandbox.orders_created()] == [4]
    rig.sandbox.reset()
    await client.qualified_numbers.add([*early, *late])
    rig.sandbox.approve(early)
    await onboarding(rig, [*early, *late], job="apart", readiness_window=0).run()
    assert len(rig.sandbox.orders_created()) >= 2


async def test_it_can_be_ended_at_any_step_and_run_again(ledger: Path) -> None:
    """Ended after each of its steps in turn, it goes on where it was: no second order."""
    async with rigged(profile="standard", transitions=dict.fromkeys(STANDARD, 300)) as rig:
        await end_at_every_step(rig, ledger)


async def end_at_every_step(rig: Rig, ledger: Path) -> None:
    """End it after its first step, its second, and so on, and let it run each time."""
    listed = [*numbers(3), FREE[0]]
    end_after = 0
    while True:
        end_after += 1
        rig.sandbox.reset()
        book = ledger.with_name(f"{end_after}.jsonl")
        first = onboarding(rig, listed, ledger=book, on_unknown="resend")
        seen: list[OnboardingStep] = []
        async with aclosing(first.steps()) as steps:
            async for step in steps:
                seen.append(step)
                if len(seen) == end_after:
                    break
        report = await onboarding(rig, listed, ledger=book, on_unknown="resend").run()
        assert report.is_done, report.to_csv()
        assert rig.held() == dict.fromkeys(listed, 1), end_after
        assert len(rig.sandbox.letters_sent) == 2
        if len(seen) < end_after:
            break
    assert end_after > 10


async def test_a_rerun_reads_its_chunks_from_its_orders(rig: Rig, ledger: Path) -> None:
    """Run again when all is done it only looks; with more numbers it orders those alone."""
    listed = numbers(30)
    assert (await onboarding(rig, listed[:25], ledger=ledger).run()).is_done
    steps = [step async for step in onboarding(rig, listed, ledger=ledger)]
    assert len(rig.sandbox.orders_created()) == 2
    assert [s.phone_numbers for s in steps if s.step is Step.ADOPTED] == [tuple(listed[:25])]
    assert [s.phone_numbers for s in steps if s.step is Step.ORDERED] == [tuple(listed[25:])]
    assert rig.held() == dict.fromkeys(listed, 1)


async def test_other_arguments_are_refused(rig: Rig) -> None:
    """A group whose orders had another schedule or NNID is not mixed with new ones."""
    listed = numbers(4)
    await onboarding(rig, listed[:2]).run()
    with pytest.raises(JobChanged, match=r"was begun with others.*nnid"):
        await onboarding(rig, listed, nnid="104030").run()
    with pytest.raises(JobChanged, match="the tags do not tell"):
        await onboarding(rig, listed, chunk_size=7).run()
    assert len(rig.sandbox.orders_created()) == 1
    (order,) = rig.sandbox.orders_created()
    order.display_name = order.display_name[:12]
    with pytest.raises(JobChanged, match="edited or cut"):
        await onboarding(rig, listed).run()


async def test_rejected_orders(rig: Rig, ledger: Path) -> None:
    """Numbers of a REJECTED order fail, and are ordered anew with `retry_rejected`."""
    listed = numbers(3)
    first = onboarding(rig, listed, ledger=ledger)
    async with aclosing(first.steps()) as steps:
        async for step in steps:
            if step.step is Step.ORDERED:
                rig.sandbox.reject(step.order_id or "")
    assert first.report.counts == {"failed": 3}
    again = await onboarding(rig, listed, ledger=ledger).run()
    assert again.counts == {"failed": 3}
    assert "REJECTED" in again.lines[0].reason
    last = await onboarding(
        rig, listed, ledger=ledger, retry_rejected=True, loa=letter("new@example.com")
    ).run()
    assert last.is_done
    assert len(rig.sandbox.orders_created()) == 2


async def test_an_order_whose_answer_is_lost(rig: Rig, ledger: Path) -> None:
    """Committed, it is found; not committed, its numbers are unknown until the caller says."""
    listed = numbers(3)
    rig.sandbox.faults.add("drop_after", operation="TextEnableQualifiedNumbers", count=1)
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done
    assert len(rig.sandbox.orders_created()) == 1
    more = numbers(3, 50)
    rig.sandbox.faults.add("drop_before", operation="TextEnableQualifiedNumbers", count=1)
    for _ in range(2):
        report = await onboarding(rig, more, ledger=ledger, job="lost").run()
        assert report.counts == {"unknown": 3}
    assert len(rig.sandbox.orders_created()) == 1
    sent = await onboarding(rig, more, ledger=ledger, job="lost", on_unknown="resend").run()
    assert sent.is_done
    assert rig.held() == dict.fromkeys([*listed, *more], 1)


async def test_numbers_that_leave_qualification_are_left_out(rig: Rig) -> None:
    """A number that is gone when its order is sent fails alone; one order goes for the rest."""
    listed = numbers(3)
    client = rig.client()
    await client.qualified_numbers.add(listed)
    rig.sandbox.approve(listed[1])
    running = onboarding(rig, listed)
    async with aclosing(running.steps()) as steps:
        async for step in steps:
            if step.step is Step.READY and step.phone_numbers == (listed[1],):
                await client.qualified_numbers.delete(listed[1])
    assert outcomes(running.report) == {
        listed[0]: "done",
        listed[1]: "failed",
        listed[2]: "done",
    }
    assert running.report.lines[1].reason == "is in qualification no more"
    assert len(rig.sandbox.letters_sent) == 1


async def test_somebody_elses_order_is_followed(rig: Rig) -> None:
    """A number that another order hosts is waited for, not ordered."""
    listed = numbers(2)
    client = rig.client()
    await client.qualified_numbers.add(listed)
    rig.sandbox.approve(listed)
    await client.qualified_numbers.text_enable(
        listed, region_code="US", service_plan_id=PLAN, campaign_id=CAMPAIGN, loa=letter()
    )
    report = await onboarding(rig, listed).run()
    assert report.is_done, report.to_csv()
    assert len(rig.sandbox.orders_created()) == 1


async def test_time_that_is_up_leaves_the_rest_waiting(rig: Rig) -> None:
    """With `timeout` it ends with what is done; what waits says for what."""
    report = await onboarding(rig, numbers(3), timeout=3600).run()
    assert report.counts == {"waiting": 3}
    assert "is VERIFICATION_PENDING" in report.lines[0].reason
    report = await onboarding(rig, numbers(3), timeout=4 * 86400).run()
    assert report.counts.keys() <= {"waiting", "done"}


async def test_the_report_is_written(rig: Rig, tmp_path: Path) -> None:
    """CSV and JSON with the same lines."""
    report = await onboarding(rig, numbers(2)).run()
    for name in ("report.csv", "report.json"):
        report.write(tmp_path / name)
    text = (tmp_path / "report.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert rows == json.loads((tmp_path / "report.json").read_text())
    assert rows[0]["outcome"] == "done"
    assert rows[0]["letter_to"] == "jane.roe@example.com"


async def test_a_ledger_that_is_held(rig: Rig, ledger: Path) -> None:
    """Two runs of one onboarding on one ledger: the second is refused."""
    book = await LedgerFile.open(ledger)
    with pytest.raises(LedgerLocked):
        await onboarding(rig, numbers(1), ledger=ledger).run()
    await book.close()
    assert not rig.sandbox.orders_created()


async def test_states_that_cannot_be_read_for_a_while(rig: Rig) -> None:
    """A failing look does not end it."""
    rig.sandbox.faults.add("error_before", operation="GetQualifiedNumber", skip=6, count=40)
    client = rig.client(
        poll=PollPolicy(initial=900, maximum=7200, jitter=0), retry=RetryPolicy(max_tries=1)
    )
    report = await client.onboard(
        numbers(3), job="acme", service_plan_id=PLAN, campaign_id=CAMPAIGN, loa=letter()
    ).run()
    assert report.is_done


async def collected_never() -> AsyncIterator[str]:
    """Numbers that nobody has collected."""
    yield "+13035550000"


async def test_an_async_iterable_is_to_be_collected(rig: Rig) -> None:
    """The error says how."""
    with pytest.raises(InvalidRequest, match=r"collect it first, e\.g\. \[n async for n in"):
        onboarding(rig, collected_never())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("listed", "settings", "field"),
    [
        ("+13035550000", {}, "numbers"),
        ([], {}, "numbers"),
        (["303"], {}, "numbers[0]"),
        (collected_never(), {}, "numbers"),
        (numbers(1), {"loa": None}, "loa"),
        (FREE, {"loa": BlanketLoa(), "ledger": "x"}, "loa"),
        (FREE, {}, "ledger"),
        (numbers(1), {"campaign_id": None}, "ledger"),
        (numbers(1), {"job": "x" * 28}, "job"),
        (numbers(1), {"job": None}, "job"),
        (numbers(1), {"chunk_size": 501}, "chunk_size"),
        (numbers(1), {"region_code": "MX"}, "region_code"),
    ],
)
async def test_what_cannot_be_asked_for(
    rig: Rig, listed: Any, settings: dict[str, Any], field: str
) -> None:
    """The argument is named, and nothing is sent."""
    with pytest.raises(InvalidRequest) as caught:
        onboarding(rig, listed, **settings)
    assert caught.value.field == field
    assert not rig.sandbox.requests


# ------------------------------------------------------- a job that is not the one


async def test_another_plan_or_campaign_is_refused(rig: Rig, ledger: Path) -> None:
    """Not "done" for numbers that are on the old ones: nothing is sent, what differs is named."""
    listed = [*numbers(2), FREE[0]]
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done
    sent = len(rig.sandbox.orders_created())
    for settings, named in (
        ({"service_plan_id": "plan-2"}, "service_plan_id.*'plan-1'.*'plan-2'"),
        ({"campaign_id": "CAMP2"}, "campaign_id.*'CAMP1'.*'CAMP2'"),
        ({"campaign_id": None}, "campaign_id"),
        ({"nnid": "104030"}, "nnid"),
        ({"callback_url": "https://example.com/x"}, "callback_url"),
        ({"loa": letter("other@example.com"), "service_plan_id": "plan-2"}, "service_plan_id"),
        ({"loa": letter("other@example.com"), "campaign_id": "CAMP2"}, "campaign_id"),
    ):
        running = onboarding(rig, listed, ledger=ledger, **settings)
        with pytest.raises(JobChanged, match=named) as caught:
            await running.run()
        assert caught.value.value == "acme"
        assert not running.report.counts.keys() & {"done", "failed"}
    assert len(rig.sandbox.orders_created()) == sent


@pytest.mark.parametrize("finished", [True, False])
async def test_another_plan_without_a_ledger_is_not_done(rig: Rig, finished: bool) -> None:
    """The orders on the old plan are not seen, but the numbers tell where they are."""
    listed = numbers(2)
    async with aclosing(onboarding(rig, listed)) as running:
        async for step in running:
            if step.step is Step.ORDERED and not finished:
                break
    report = await onboarding(rig, listed, service_plan_id="plan-2").run()
    assert report.counts == {"failed": 2}
    assert "with service plan plan-1" in report.lines[0].reason
    assert len(rig.sandbox.orders_created()) == 1


async def test_without_a_campaign_lists_may_be_refused(rig: Rig, ledger: Path) -> None:
    """The ledger knows the orders; other refusals of a list are raised."""
    settings = {"ledger": ledger, "campaign_id": None}
    assert (await onboarding(rig, numbers(2), **settings).run()).is_done
    rig.sandbox.faults.add("error_before", operation="ListHostingOrders", status=400)
    assert (await onboarding(rig, numbers(2), **settings).run()).is_done
    assert len(rig.sandbox.orders_created()) == 1
    with pytest.raises(BadRequest):
        await onboarding(rig, numbers(2), job="other").run()


async def test_an_earlier_group_of_another_kind_is_compared(rig: Rig, ledger: Path) -> None:
    """Toll-free numbers have no campaign; another plan of theirs is still another plan."""
    assert (await onboarding(rig, FREE, ledger=ledger).run()).is_done
    with pytest.raises(JobChanged, match="service_plan_id"):
        await onboarding(rig, numbers(1), ledger=ledger, service_plan_id="plan-2").run()
    report = await onboarding(rig, numbers(1), ledger=ledger, campaign_id="CAMP2").run()
    assert report.is_done


async def test_an_order_that_is_elsewhere_is_not_done(rig: Rig, ledger: Path) -> None:
    """Where an order turns out to be on another plan, its numbers fail and say where they are."""
    listed = numbers(2)
    running = onboarding(rig, listed, ledger=ledger)
    async with aclosing(running.steps()) as steps:
        async for step in steps:
            if step.step is Step.ORDERED:
                (order,) = rig.sandbox.orders_created()
                order.service_plan_id = "plan-9"
    assert running.report.counts == {"failed": 2}
    assert "service plan plan-9" in running.report.lines[0].reason


# ------------------------------------------------------------------- time


async def never(*_: Any, **__: Any) -> Any:
    """Wait for ever."""
    await asyncio.Event().wait()


def left_behind() -> list[str]:
    """Tasks of an onboarding that nobody has ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [shown for task in others if "_onboarding" in (shown := repr(task))]


TIMEOUT = 123456.0


class LoopTime:
    """Says when the loop's time is up for what has `TIMEOUT`, whatever the clock says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._limits: list[asyncio.Timeout] = []
        make = asyncio.timeout

        def timeout(delay: float | None) -> asyncio.Timeout:
            limit = make(delay)
            if delay == TIMEOUT:
                self._limits.append(limit)
            return limit

        monkeypatch.setattr(asyncio, "timeout", timeout)

    def is_up(self) -> None:
        """Let it be up now."""
        for limit in self._limits:
            limit.reschedule(asyncio.get_running_loop().time())

    async def stall(self, *_: Any, **__: Any) -> Any:
        """Take so long that time is up, and for ever."""
        self.is_up()
        await never()

    async def stalled_pages(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """A list whose first page never comes."""
        yield await self.stall()


@pytest.fixture
def loop_time(monkeypatch: pytest.MonkeyPatch) -> LoopTime:
    """The loop's time, in the test's hands."""
    return LoopTime(monkeypatch)


async def test_a_slow_code_blocks_nobody(rig: Rig) -> None:
    """One that never comes holds up neither the others nor the end."""
    listed = numbers(3)

    async def code(number: str) -> str:
        return await never() if number == listed[0] else rig.sandbox.voice_code(number)

    report = await onboarding(
        rig, listed, voice_code=code, timeout=15 * 86400, readiness_window=3600
    ).run()
    assert set(outcomes(report).values()) == {"done"}  # the first by its invoices
    assert not left_behind()


async def test_time_is_up_for_a_code_that_never_comes(rig: Rig) -> None:
    """`timeout` ends the wait for it; the number waits on, with a reason."""
    report = await onboarding(rig, numbers(2), voice_code=never, timeout=7200).run()
    assert report.counts == {"waiting": 2}
    assert all(line.reason for line in report.lines)


def raising(number: str) -> Any:
    """Break, as callers' functions do."""
    raise KeyError(number)


async def test_a_code_that_cannot_be_had(rig: Rig) -> None:
    """Whatever the caller's function raises is told of its number, and the rest goes on."""
    listed = numbers(2)
    running = onboarding(rig, listed, voice_code=raising, timeout=7200)
    steps = [step async for step in running]
    told = [step for step in steps if step.step is Step.CHALLENGED]
    assert sorted(step.phone_numbers[0] for step in told) == listed
    assert all("Error" in step.text for step in told)
    assert all("Error" in line.reason for line in running.report.lines)
    assert running.report.counts == {"waiting": 2}


@pytest.mark.parametrize(
    ("resource", "method"),
    [
        ("_orders_api", "numbers"),
        ("imported_numbers", "get"),
        ("qualified_numbers", "get"),
        ("qualified_numbers", "add_many"),
    ],
)
async def test_time_bounds_the_beginning_too(
    rig: Rig,
    monkeypatch: pytest.MonkeyPatch,
    loop_time: LoopTime,
    resource: str,
    method: str,
) -> None:
    """Reads that take for ever are ended; the lines say how far they came."""
    assert (await onboarding(rig, numbers(1)).run()).is_done
    client = rig.client()
    stalls = loop_time.stalled_pages if method == "numbers" else loop_time.stall
    monkeypatch.setattr(getattr(client, resource), method, stalls)
    report = await onboarding(rig, numbers(2, 50), client=client, timeout=TIMEOUT).run()
    assert report.counts == {"waiting": 2}
    assert all(line.reason for line in report.lines)
    assert not left_behind()


@pytest.mark.parametrize("by_loop", [True, False])
async def test_time_that_is_up_while_an_order_is_sent(
    rig: Rig,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
    loop_time: LoopTime,
    by_loop: bool,
) -> None:
    """What has left is finished and reported; what has not is not sent; nothing is lost."""
    listed = numbers(4)
    client = rig.client()
    await client.qualified_numbers.add(listed)
    rig.sandbox.approve(listed)
    settings = {"ledger": ledger, "chunk_size": 2}
    create = client._orders_api.create_qualified

    async def slow(*arguments: Any) -> Any:
        order = await create(*arguments)
        if by_loop:
            loop_time.is_up()
            await asyncio.sleep(0.01)
        else:
            rig.now += TIMEOUT
        return order

    monkeypatch.setattr(client._orders_api, "create_qualified", slow)
    running = onboarding(rig, listed, client=client, timeout=TIMEOUT, **settings)
    report = await running.run()
    assert report.counts == {"waiting": 4}
    assert [bool(line.order_id) for line in report.lines] == [True, True, False, False]
    assert "before its order was sent" in report.lines[3].reason
    assert len(rig.sandbox.orders_created()) == 1
    assert not left_behind()
    assert (await onboarding(rig, listed, **settings).run()).is_done
    assert rig.held() == dict.fromkeys(listed, 1)


async def test_time_ends_a_relink(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, loop_time: LoopTime
) -> None:
    """The line says that the number may be without service."""
    (number,) = numbers(1)
    client = rig.client()
    await client.imported_numbers.import_number(number, region_code="US", service_plan_id="other")
    await rig.sleep(3600)
    monkeypatch.setattr(client.imported_numbers, "update", loop_time.stall)
    report = await onboarding(rig, [number], client=client, relink=True, timeout=TIMEOUT).run()
    assert report.counts == {"waiting": 1}
    assert "without service" in report.lines[0].reason
    assert not left_behind()


async def test_what_nobody_expects_ends_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in a task of its own is raised, once all is cleaned up."""
    client = rig.client()
    await client.imported_numbers.import_number(
        numbers(1)[0], region_code="US", service_plan_id="other"
    )
    await rig.sleep(3600)
    running = client.onboard(
        numbers(2),
        job="acme",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=letter(),
        relink=True,
    )

    async def breaks(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(client.imported_numbers, "relink", breaks)
    with pytest.raises(ZeroDivisionError):
        await running.run()
    assert not left_behind()


# ---------------------------------------------------------------- iterating


async def test_it_is_iterated_over_once(rig: Rig) -> None:
    """A second time, at once or later, says what to do instead."""
    running = onboarding(rig, numbers(1))
    async with aclosing(running) as steps:
        async for _ in steps:
            with pytest.raises(UsageError, match=r"onboard\(\.\.\.\) again"):
                await running.run()
            break
    with pytest.raises(UsageError, match=r"onboard\(\.\.\.\) again"):
        async for _ in running:
            pass
    assert not left_behind()
    await running.aclose()


async def test_leaving_the_steps_early(rig: Rig) -> None:
    """After a bare `break`, `aclose` leaves nothing behind."""
    running = onboarding(rig, numbers(1))
    async for _ in running:
        break
    await running.aclose()
    assert not left_behind()
    await onboarding(rig, numbers(1)).aclose()  # not begun: nothing to do


async def test_closing_ends_the_iteration(rig: Rig) -> None:
    """Whoever iterates meanwhile sees the end, and no error."""
    running = onboarding(rig, numbers(1))
    seen = []
    async for step in running:
        seen.append(step)
        await running.aclose()
    assert len(seen) < 3
    assert running.report.counts == {"waiting": 1}


# --------------------------------------------------------------------- names


async def test_a_bulk_job_of_a_like_name_is_another(rig: Rig, ledger: Path) -> None:
    """`acme.2026` and `acme.east` on the same ledger and campaign are no groups of `acme`."""
    others = numbers(4, 500)
    for job, part in (("acme.2026", others[:2]), ("acme.east", others[2:])):
        await rig.text_enable(part, job=job, ledger=ledger)
    client, listed = rig.client(), numbers(2)
    (single,) = numbers(1, 700)
    await client.qualified_numbers.add([single])
    rig.sandbox.approve([single])
    await client.qualified_numbers.text_enable(
        [single],
        region_code="US",
        service_plan_id=PLAN,
        campaign_id="CAMP2",
        loa=letter(),
        job="acme.west",
        ledger=ledger,
    )
    running = onboarding(rig, [*listed, others[2]], ledger=ledger, timeout=20 * 86400)
    steps = [step async for step in running]
    assert not [step for step in steps if step.step is Step.ADOPTED]
    assert outcomes(running.report)[listed[0]] == "done"


async def test_orders_of_like_names_block_nothing(rig: Rig) -> None:
    """Only a name that begins as the tags do, and is none, is one that was edited or cut."""
    client = rig.client()
    for name, number in zip(
        ("acme.foo", "acme/2026 batch", "acme.east"), numbers(3, 900), strict=True
    ):
        await client.hosting_orders.text_enable(
            [number],
            region_code="US",
            service_plan_id=PLAN,
            campaign_id=CAMPAIGN,
            loa=letter(),
            display_name=name,
        )
    assert (await onboarding(rig, numbers(1)).run()).is_done


async def test_two_letters_that_cannot_be_told_apart(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups whose keys are the same would share orders: refused before anything is sent."""
    monkeypatch.setattr("sinch_hosting._onboarding.context.numbers_digest", lambda _: "aaaa")
    with pytest.raises(InvalidRequest) as caught:
        onboarding(rig, numbers(2), region_code="US", loa=lambda n: letter(f"{n[1:]}@example.com"))
    assert caught.value.field == "loa"


async def test_reconcile_knows_an_onboarding_by_its_job(rig: Rig, ledger: Path) -> None:
    """Its ledger jobs are named after its groups."""
    listed = numbers(3)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=3600, count=200)
    rig.sandbox.faults.add("drop_after", operation="TextEnableQualifiedNumbers", count=1)
    report = await onboarding(rig, listed, ledger=ledger).run()
    assert report.counts == {"unknown": 3}
    rig.sandbox.faults.clear()
    client = rig.client()
    found = await client.hosting_orders.reconcile(None, ledger=ledger, job="acme")
    assert len(found.succeeded) == 1
    with pytest.raises(InvalidRequest):
        await client.hosting_orders.reconcile(None, ledger=ledger, job="acm")
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done


# ------------------------------------------------------------- ordering anew


def tags_sent(ledger: Path) -> set[str]:
    """The tags of the creates that left, as a ledger tells."""
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    return {event["tag"] for event in events if event["event"] == "sending"}


async def test_what_was_in_flight_and_is_sent_again_is_closed(rig: Rig, ledger: Path) -> None:
    """It is the same attempt of the same chunk; later runs neither wait nor say "unknown"."""
    listed = numbers(3)
    rig.sandbox.faults.add("drop_before", operation="TextEnableQualifiedNumbers", count=1)
    assert (await onboarding(rig, listed, ledger=ledger).run()).counts == {"unknown": 3}
    sent = await onboarding(rig, listed, ledger=ledger, on_unknown="resend").run()
    assert sent.is_done
    assert len(tags_sent(ledger)) == 1
    rig.slept.clear()
    assert (await onboarding(rig, listed, ledger=ledger, settle=11.5).run()).is_done
    assert 11.5 not in rig.slept
    found = await rig.client().hosting_orders.reconcile(None, ledger=ledger, job="acme")
    assert not found.unknown


async def test_part_of_what_was_in_flight_is_sent_again(rig: Rig, ledger: Path) -> None:
    """What is not sent again stays held; what is, is not held any more."""
    listed = numbers(3)
    rig.sandbox.faults.add("drop_before", operation="TextEnableQualifiedNumbers", count=1)
    await onboarding(rig, listed, ledger=ledger).run()
    sent = await onboarding(rig, listed[:2], ledger=ledger, on_unknown="resend").run()
    assert sent.is_done
    last = await onboarding(rig, listed, ledger=ledger).run()
    assert list(outcomes(last).values()) == ["done", "done", "unknown"]
    assert rig.held() == dict.fromkeys(listed[:2], 1)


async def test_a_corrected_letter_is_followed(rig: Rig, ledger: Path) -> None:
    """Run again with the new letter and without the flag, the new order counts, not the old."""
    listed = numbers(3)
    running = onboarding(rig, listed, ledger=ledger)
    async with aclosing(running.steps()) as steps:
        async for step in steps:
            if step.step is Step.ORDERED:
                rig.sandbox.reject(step.order_id or "")
    corrected = {"ledger": ledger, "loa": letter("new@example.com")}
    again = onboarding(rig, listed, retry_rejected=True, **corrected)
    async with aclosing(again.steps()) as steps:
        async for step in steps:
            if step.step is Step.ORDERED:
                break
    for book in (corrected, {"loa": letter("new@example.com")}):
        report = await onboarding(rig, listed, **book).run()
        assert report.is_done, report.to_csv()
    assert len(rig.sandbox.orders_created()) == 2


async def test_what_failed_to_be_hosted_is_ordered_again(rig: Rig, ledger: Path) -> None:
    """With `retry_rejected`, and afterwards the new order counts."""
    listed = numbers(2)
    rig.sandbox.plan(listed[0], osr="INVALID_NNID")
    first = await onboarding(rig, listed, ledger=ledger).run()
    assert outcomes(first) == {listed[0]: "failed", listed[1]: "done"}
    rig.sandbox.plan(listed[0], osr="")
    second = await onboarding(rig, listed, ledger=ledger, retry_rejected=True).run()
    assert second.is_done, second.to_csv()
    assert [*rig.sandbox.orders_created()[1].numbers] == [listed[0]]
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done


async def test_a_number_that_was_imported_meanwhile_is_left_out(rig: Rig, ledger: Path) -> None:
    """A 409 over one number: skipped with its reason, and one order goes for the rest."""
    listed = numbers(3)
    client = rig.client()
    await client.qualified_numbers.add(listed)
    rig.sandbox.approve(listed)
    running = onboarding(rig, listed, ledger=ledger)
    async with aclosing(running.steps()) as steps:
        async for step in steps:
            if step.step is Step.READY and step.phone_numbers == (listed[1],):
                rig.sandbox.qualified_number(listed[1]).state = "HOSTING_DONE"
    assert list(outcomes(running.report).values()) == ["done", "failed", "done"]
    assert "HOSTING_DONE" in running.report.lines[1].reason
    assert len(rig.sandbox.calls("TextEnableQualifiedNumbers")) == 2
    assert len(rig.sandbox.letters_sent) == 1


# -------------------------------------------------------------------- a plan


def writes(rig: Rig) -> list[str]:
    """What was sent beyond reads and the token."""
    return [r.path for r in rig.sandbox.requests if r.method != "GET" and "oauth2" not in r.path]


def book_of(ledger: Path) -> str | None:
    """What is in a ledger; `None` where there is none."""
    return ledger.read_text() if ledger.exists() else None


async def test_a_plan_of_everything(rig: Rig, ledger: Path) -> None:
    """Per number what would be done; orders and letters at least, and to whom; no create."""
    unknown, waiting, ready, failed, there, free = numbers(6)
    client = rig.client()
    await client.qualified_numbers.add([waiting, ready, failed])
    rig.sandbox.approve(ready)
    rig.sandbox.plan(failed, not_eligible="cannot be routed")
    await client.imported_numbers.import_number(there, region_code="US", service_plan_id="other")
    await client.imported_numbers.import_number(
        free, region_code="US", service_plan_id=PLAN, campaign_id=CAMPAIGN
    )
    await rig.sleep(7200)
    before = len(writes(rig))
    listed = [unknown, waiting, ready, failed, there, free, CANADIAN, *FREE]
    running = onboarding(rig, listed, ledger=ledger, relink=True, chunk_size=2, nnid="104030")
    plan = await running.plan()
    assert [str(number.action) for number in plan.numbers] == (
        ["add", "wait", "order", "fail", "relink", "done", "add", "add", "add"]
    )
    assert plan.having("add") == (unknown, CANADIAN, *FREE)
    assert plan.invoices == (unknown, waiting, CANADIAN, *FREE)
    assert plan.invoices_to == "orders@sinch.com"
    # The service says only of numbers in qualification that they are Canadian.
    assert [(g.kind, len(g.numbers), g.orders) for g in plan.groups] == (
        [("local", 4, 2), ("toll-free", 2, 1)]
    )
    assert plan.orders == 3
    assert plan.letters == {"Jane Roe <jane.roe@example.com>": 3}
    assert "cannot be routed" in plan.numbers[3].reason
    assert any("without service" in warning for warning in plan.warnings)
    assert any("104030" in warning for warning in plan.warnings)
    assert len(writes(rig)) == before
    assert book_of(ledger) is None
    assert running.report.counts == {"waiting": 9}
    await running.aclose()


async def end_when_ordered(
    rig: Rig, number: str, ledger: Path, *, is_rejected: bool = False
) -> None:
    """Onboard a number until it is ordered, and no further."""
    async with aclosing(onboarding(rig, [number], ledger=ledger)) as running:
        async for step in running:
            if step.step is Step.ORDERED:
                if is_rejected:
                    rig.sandbox.reject(step.order_id or "")
                return


async def test_a_plan_of_what_earlier_runs_left(rig: Rig, ledger: Path) -> None:
    """Ordered, done, failed, rejected and held: as the ledger and the lists tell."""
    done, failed, rejected, held, ordered = numbers(5)
    rig.sandbox.plan(failed, osr="INVALID_NNID")
    await onboarding(rig, [done, failed], ledger=ledger).run()
    await end_when_ordered(rig, rejected, ledger, is_rejected=True)
    rig.sandbox.faults.add("drop_before", operation="TextEnableQualifiedNumbers", count=1)
    await onboarding(rig, [held], ledger=ledger).run()
    await end_when_ordered(rig, ordered, ledger)
    listed = [done, failed, rejected, held, ordered]
    before, sent, slept = book_of(ledger), len(writes(rig)), len(rig.slept)
    book = await LedgerFile.open(ledger)  # a plan needs no lock
    plan = await onboarding(rig, listed, ledger=ledger).plan()
    assert [str(number.action) for number in plan.numbers] == (
        ["done", "fail", "fail", "hold", "follow"]
    )
    assert all(number.reason for number in plan.numbers[1:])
    assert all(n.order_id for n in plan.numbers if n.phone_number != held)
    assert plan.orders == 0
    assert not plan.letters
    assert any("held" in warning for warning in plan.warnings)
    again = onboarding(rig, listed, ledger=ledger, retry_rejected=True, on_unknown="resend")
    assert (await again.plan()).counts == {"done": 1, "order": 3, "follow": 1}
    with pytest.raises(JobChanged):
        await onboarding(rig, listed, ledger=ledger, campaign_id="CAMP2").plan()
    await book.close()
    assert (book_of(ledger), len(writes(rig)), len(rig.slept)) == (before, sent, slept)


async def test_a_plan_warns(rig: Rig) -> None:
    """Of more numbers than T-Mobile takes, and of letters without a ledger; not of few, blanket."""
    many = await onboarding(rig, [*numbers(50)]).plan()
    assert [part in " ".join(many.warnings) for part in ("T-Mobile", "no ledger")] == [True, True]
    few = await onboarding(rig, [*numbers(49)], loa=BlanketLoa(), voice_code=never).plan()
    assert few.warnings == ()
    assert few.invoices == ()
    assert not few.letters
    assert few.orders == 1


# ------------------------------------------------------------- few requests


def reads(rig: Rig, operation: str) -> int:
    """How many requests of an operation there were, so far."""
    return len(rig.sandbox.calls(operation))


async def test_many_numbers_are_read_by_lists(rig: Rig) -> None:
    """No more lists than states with many numbers, and those that left them singly."""
    listed = numbers(60)
    strangers = numbers(30, 5000)
    client = rig.client()
    await client.qualified_numbers.add([*listed, *strangers])
    rig.sandbox.plan(listed[0], not_eligible="cannot be routed")
    steps = onboarding(rig, listed, timeout=7200 * 3)
    assert (await steps.run()).counts["failed"] == 1
    singly = reads(rig, "GetQualifiedNumber")
    assert singly < 10
    assert reads(rig, "ListQualifiedNumbers") < 40


async def test_a_list_that_is_too_long_is_not_walked(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where asking for each takes fewer requests, each is asked for."""
    listed = numbers(25)
    client = rig.client()
    await client.qualified_numbers.add([*numbers(1500, 5000), *numbers(1500, 9000), *listed])
    monkeypatch.setattr(list_reader, "PAGE_SIZE", 50)
    looks = reader_of(client)
    seen = dict.fromkeys(listed, QualificationState.ELIGIBLE_CHECK_PENDING)
    assert (await looks.qualified_again(seen)).keys() == set(listed)
    assert reads(rig, "ListQualifiedNumbers") == 1
    assert reads(rig, "GetQualifiedNumber") == 25
    await looks.qualified_again(seen)
    assert reads(rig, "ListQualifiedNumbers") == 1


def reader_of(client: Any) -> NumberReader:
    """The reader of an onboarding of this client."""
    return NumberReader(Reader(client._session, client._poll, client._get_watcher().budget))


async def test_looks_keep_to_the_budget_of_polls(rig: Rig) -> None:
    """`requests_per_minute` holds for the looks at waiting numbers, too."""
    client = rig.client(poll=PollPolicy(initial=60, maximum=60, jitter=0, requests_per_minute=4))
    client_numbers = numbers(8)
    await client.qualified_numbers.add(client_numbers)
    started = rig.now
    await onboarding(rig, client_numbers, client=client, timeout=1200).run()
    minutes = (rig.now - started) / 60
    assert reads(rig, "GetQualifiedNumber") <= 8 + 4 * (minutes + 1)


# ------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(("many", "more"), [(2, ""), (5, " and 2 more")])
async def test_numbers_in_two_live_orders_are_told(
    rig: Rig, ledger: Path, caplog: pytest.LogCaptureFixture, many: int, more: str
) -> None:
    """A person has to look at that, and reads one short line; the newer order is followed."""
    listed, others = numbers(many), numbers(many, 900)
    await onboarding(rig, listed, ledger=ledger).run()
    (order,) = rig.sandbox.orders_created()
    await rig.client().hosting_orders.text_enable(
        others,
        region_code="US",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=letter(),
        display_name=order.display_name,
    )
    second = next(o for o in rig.sandbox.orders_created() if o is not order)
    second.numbers = order.numbers
    caplog.clear()
    report = await onboarding(rig, listed, ledger=ledger).run()
    (line,) = [line for line in caplog.messages if "in a further order" in line]
    assert line == (
        f"{many} numbers are in a further order, too: {', '.join(listed[:3])}{more}; "
        f"orders: {order.hosting_order_id}"
    )
    assert {line.order_id for line in report.lines} == {second.hosting_order_id}


def rewrite(ledger: Path, old: str, new: str) -> None:
    """Put one text in the place of another."""
    keep_records(ledger, change=lambda line: line.replace(old, new))


async def test_orders_that_only_the_ledger_knows(rig: Rig, ledger: Path) -> None:
    """One whose name was changed is read; one that is gone leaves its numbers unknown."""
    listed = numbers(2)
    await onboarding(rig, listed, ledger=ledger).run()
    (order,) = rig.sandbox.orders_created()
    order.display_name = "the Acme office"
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done
    rewrite(ledger, order.hosting_order_id, "0" * 26)
    report = await onboarding(rig, listed, ledger=ledger).run()
    assert report.counts == {"unknown": 2}
    assert len(rig.sandbox.orders_created()) == 1


async def test_an_order_that_lost_a_number(rig: Rig, ledger: Path) -> None:
    """A number that its order does not list is not done."""
    listed = numbers(2)
    running = onboarding(rig, listed, ledger=ledger)
    async with aclosing(running.steps()) as steps:
        async for step in steps:
            if step.step is Step.ORDERED:
                (order,) = rig.sandbox.orders_created()
                order.numbers = {listed[0]: order.numbers[listed[0]]}
    assert list(outcomes(running.report).values()) == ["done", "failed"]
    assert "does not list it" in running.report.lines[1].reason


async def test_an_order_that_cannot_be_followed(rig: Rig, ledger: Path) -> None:
    """Its numbers wait on, and say why."""
    listed = numbers(2)
    await end_when_ordered(rig, listed[0], ledger)
    rig.sandbox.faults.add(
        "error_before", operation="ListHostingOrderNumbers", status=403, skip=1, count=1
    )
    report = await onboarding(rig, listed[:1], ledger=ledger).run()
    assert report.counts == {"waiting": 1}
    assert "could not be followed" in report.lines[0].reason


async def test_time_that_is_up_while_orders_go_on(rig: Rig, ledger: Path) -> None:
    """The order goes on; its numbers say how far it is."""
    await end_when_ordered(rig, numbers(1)[0], ledger)
    report = await onboarding(rig, numbers(1), ledger=ledger, timeout=1800).run()
    assert report.counts == {"waiting": 1}
    assert report.lines[0].reason == "its order is WAITING_FOR_LOA_SIGNATURE"
    assert report.lines[0].order_id


async def test_imported_numbers_whose_provisioning_does_not_end_well(rig: Rig) -> None:
    """One that failed says why; one that goes on waits; one that cannot be relinked fails."""
    failed, slow, there = numbers(3)
    client = rig.client()
    rig.sandbox.plan(failed, platform="refused")
    for number, plan in ((failed, PLAN), (there, "other")):
        await client.imported_numbers.import_number(
            number, region_code="US", service_plan_id=plan, campaign_id=CAMPAIGN
        )
    await rig.sleep(3600)
    await client.imported_numbers.import_number(
        slow, region_code="US", service_plan_id=PLAN, campaign_id=CAMPAIGN
    )
    rig.sandbox.faults.add("error_before", operation="UpdateImportedNumber", status=400)
    report = await onboarding(rig, [there], job="moved", relink=True).run()
    assert report.counts == {"failed": 1}
    report = await onboarding(rig, [failed, slow], timeout=60).run()
    assert list(outcomes(report).values()) == ["failed", "waiting"]
    assert "FAILED: " in report.lines[0].reason
    assert report.lines[1].reason == "its provisioning has not ended"


@pytest.mark.parametrize("relink", [True, False])
async def test_somebody_elses_order_may_end_elsewhere(rig: Rig, relink: bool) -> None:
    """Hosted on another plan is not done; with `relink` it is moved."""
    listed = numbers(1)
    client = rig.client()
    await client.qualified_numbers.add(listed)
    rig.sandbox.approve(listed)
    await client.qualified_numbers.text_enable(
        listed, region_code="US", service_plan_id="other", loa=letter()
    )
    report = await onboarding(rig, listed, relink=relink).run()
    assert report.is_done == relink
    assert relink or "service plan other" in report.lines[0].reason


async def test_what_will_not_pass_ends_it(rig: Rig) -> None:
    """A look that is refused for good is raised."""
    rig.sandbox.faults.add("error_before", operation="GetQualifiedNumber", status=403, skip=15)
    with pytest.raises(PermissionDenied):
        await onboarding(rig, numbers(1)).run()
    assert not left_behind()


async def test_lists_that_are_refused_for_good_are_done_without(rig: Rig) -> None:
    """Each number is read by itself then."""
    rig.sandbox.faults.add("error_before", operation="ListQualifiedNumbers", status=403, skip=15)
    assert (await onboarding(rig, numbers(30)).run()).is_done
    assert reads(rig, "GetQualifiedNumber") > 30


async def test_lists_that_fail_for_a_while(rig: Rig) -> None:
    """They are read again later."""
    rig.sandbox.faults.add("error_before", operation="ListQualifiedNumbers", skip=12, count=5)
    client = rig.client(
        poll=PollPolicy(initial=900, maximum=7200, jitter=0), retry=RetryPolicy(max_tries=1)
    )
    assert (await onboarding(rig, numbers(25), client=client).run()).is_done


async def test_long_lists_are_walked_page_by_page(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as that is cheaper than asking for each. One of them is also asked for singly."""
    listed = numbers(60)
    client = rig.client()
    await client.qualified_numbers.add(listed)
    monkeypatch.setattr(list_reader, "PAGE_SIZE", 25)
    looks = reader_of(client)
    seen = dict.fromkeys(listed, QualificationState.ELIGIBLE_CHECK_PENDING)
    assert (await looks.qualified_again(seen)).keys() == set(listed)
    assert reads(rig, "ListQualifiedNumbers") == 3
    assert reads(rig, "GetQualifiedNumber") == 1


async def test_a_timeout_of_somebody_elses_is_raised(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for the end of the onboarding's own time."""
    client = rig.client()

    async def too_slow(*_: Any, **__: Any) -> Any:
        raise TimeoutError("a proxy's")

    monkeypatch.setattr(client.qualified_numbers, "add_many", too_slow)
    with pytest.raises(TimeoutError, match="a proxy's"):
        await onboarding(rig, numbers(1), client=client, timeout=3600).run()


async def test_numbers_that_are_not_taken_or_not_ordered(rig: Rig, ledger: Path) -> None:
    """Refused by qualification, or by the service when ordered: each says so."""
    rig.sandbox.faults.add("error_before", operation="AddQualifiedNumbers", status=400, count=1)
    report = await onboarding(rig, numbers(2), ledger=ledger).run()
    assert report.counts == {"failed": 2}
    assert "not taken into qualification" in report.lines[0].reason
    rig.sandbox.faults.add("error_before", operation="TextEnableQualifiedNumbers", status=403)
    report = await onboarding(rig, numbers(2), ledger=ledger).run()
    assert report.counts == {"failed": 2}
    assert "not ordered" in report.lines[0].reason


async def test_a_ledger_that_fails(rig: Rig, ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is ordered that could not be noted."""

    async def full(*_: Any, **__: Any) -> None:
        raise LedgerError("no room")

    monkeypatch.setattr(LedgerFile, "begin", full)
    report = await onboarding(rig, numbers(2), ledger=ledger).run()
    assert report.counts == {"failed": 2}
    assert report.lines[0].reason == "not ordered: no room"
    assert not rig.sandbox.orders_created()


async def test_a_code_that_comes_too_late(rig: Rig) -> None:
    """A number that was proven meanwhile is not tried again: it would burn an attempt."""
    listed = numbers(1)
    code = asyncio.Event()

    async def late(number: str) -> str:
        await code.wait()
        return rig.sandbox.voice_code(number)

    async with aclosing(onboarding(rig, listed, voice_code=late)) as running:
        async for step in running:
            if step.step is Step.READY:
                code.set()
    assert running.report.is_done
    assert not rig.sandbox.calls("VerifyVoiceChallenge")


async def test_a_create_that_is_put_off_past_its_time_is_not_sent(rig: Rig, ledger: Path) -> None:
    """A 429 that lasts longer than there is time: nothing leaves afterwards."""
    listed = numbers(2)
    client = rig.client()
    await client.qualified_numbers.add(listed)
    rig.sandbox.approve(listed)
    rig.sandbox.faults.add(
        "rate_limited", operation="TextEnableQualifiedNumbers", retry_after=30, count=1
    )
    report = await onboarding(rig, listed, ledger=ledger, timeout=20).run()
    assert report.counts == {"waiting": 2}
    assert report.lines[0].reason == "time was up before its order was sent"
    assert len(rig.sandbox.calls("TextEnableQualifiedNumbers")) == 1
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done
