"""Onboarding: numbers from wherever they are to done, ended anywhere and run again."""

from __future__ import annotations

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
    BlanketLoa,
    InvalidRequest,
    JobChanged,
    LedgerLocked,
    NumberToOnboard,
    Onboarding,
    OnboardingReport,
    OnboardingStep,
    PollPolicy,
    RetryPolicy,
)
from sinch_hosting._ledger import Ledger
from sinch_hosting._onboarding.records import Step
from sinch_hosting.sandbox import STANDARD

from .rig import CAMPAIGN, PLAN, Rig, letter, numbers, rigged

FREE = ["+18005550100", "+18885550101"]
CANADIAN = "+15145550100"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A sandbox in which everything takes the time that it takes."""
    async with rigged(profile="standard") as made:
        yield made


def onboarding(rig: Rig, listed: list[Any], **settings: Any) -> Onboarding:
    """An onboarding on the common plan and campaign."""
    client = rig.client(poll=PollPolicy(initial=900, maximum=7200, jitter=0))
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
    """Where codes can be had numbers are rung once, and no invoice is asked for."""
    listed = numbers(4)

    async def code(number: str) -> str | None:
        if number == listed[2]:
            return None
        return "wrong" if number == listed[1] else rig.sandbox.voice_code(number)

    steps = [step async for step in onboarding(rig, listed, voice_code=code, timeout=20 * 86400)]
    assert not [step for step in steps if step.step is Step.INVOICES]
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


async def test_other_arguments_are_refused(rig: Rig, ledger: Path) -> None:
    """A group whose orders had another schedule or NNID is not mixed with new ones."""
    listed = numbers(4)
    await onboarding(rig, listed[:2]).run()
    report = await onboarding(rig, listed, nnid="104030").run()
    assert outcomes(report)[listed[3]] == "failed"
    assert "was begun with others" in report.lines[3].reason
    assert len(rig.sandbox.orders_created()) == 1
    (order,) = rig.sandbox.orders_created()
    order.display_name = order.display_name[:9]
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
    assert running.report.lines[1].reason == "is not in qualification"
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
    book = await Ledger.open(ledger)
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


@pytest.mark.parametrize(
    ("listed", "settings", "field"),
    [
        ("+13035550000", {}, "numbers"),
        ([], {}, "numbers"),
        (["303"], {}, "numbers[0]"),
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
