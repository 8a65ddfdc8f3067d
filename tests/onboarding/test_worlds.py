"""Onboardings against a service that shares no code with this package, in worlds unlike another.

In each world nobody gets two letters for a number, every onboarding ends or says for whom it
waits, and what a person has to do stands in its steps and lines.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import (
    BlanketLoa,
    LettersToSend,
    NotConfirmed,
    NumberFailed,
    Onboarding,
    OnboardingReport,
    OnboardingStep,
    PollPolicy,
    SinchHosting,
    WaitTimeout,
)
from sinch_hosting._onboarding.report import Step

from ..bulk.rig import letter, numbers
from ..bulk.steps import run_stepped
from ..service import TEXT_ENABLES, Service, drop, error, reply
from ..service.fixtures import api_service, make_api_client
from .test_onboarding_crashes import KillingSteps

__all__ = ["api_service", "make_api_client"]

DAY = 86_400.0
POLL = PollPolicy(initial=60, maximum=900, jitter=0)
FREE = ["+18005550100", "+18885550101"]
STAYS_ELIGIBLE: list[tuple[float, str]] = [(0, "ELIGIBLE_CHECK_PENDING"), (60, "ELIGIBLE")]
NOT_ASKED = {"ELIGIBLE": "STATE_UNSPECIFIED"}
"""Nothing is said of the ownership of an ELIGIBLE number: no proof of it is asked for."""


@pytest.fixture
def service(api_service: Service) -> Service:
    """The service on the test's clock, whose tokens hold: hours pass while a request is made."""
    api_service.credentials.lifetime = 1e9
    return api_service


Begin = Callable[..., Onboarding]


@pytest.fixture
def begin(make_api_client: Callable[..., SinchHosting], tmp_path: Path) -> Begin:
    """Begins the onboarding `acme` with a client of its own."""

    def begun(listed: list[str], **settings: Any) -> Onboarding:
        arguments: dict[str, Any] = {
            "job": "acme",
            "service_plan_id": "plan-1",
            "campaign_id": "CAMP1",
            "loa": letter(),
            "ledger": tmp_path / "acme.jsonl",
            "timeout": 1.2 * DAY,
            **settings,
        }
        return make_api_client(poll=POLL).onboard(listed, **arguments)

    return begun


async def seen(onboarding: Onboarding) -> list[OnboardingStep]:
    """All its steps."""
    async with aclosing(onboarding) as running:
        return [step async for step in running]


def waits(steps: list[OnboardingStep]) -> list[str]:
    """For whom numbers were said to wait, in turn."""
    return [s.waiting_on.who for s in steps if s.step is Step.WAITING and s.waiting_on is not None]


def is_sound(service: Service, report: OnboardingReport) -> None:
    """No second letter, and no line that waits or failed without saying why."""
    assert not service.numbers_in_two_letters
    for line in report.lines:
        assert bool(line.waiting_on) == (line.outcome == "waiting"), line
        assert line.reason or line.outcome == "done"
        assert line.what_to_do or line.outcome != "waiting"


# ------------------------------------------------------------ ELIGIBLE or VERIFIED


@pytest.mark.parametrize("count", [1, 50])
async def test_eligible_is_enough_where_no_proof_is_asked_for(
    service: Service, begin: Begin, count: int
) -> None:
    """Numbers that stay ELIGIBLE are ordered: one order, one letter."""
    service.rules.qualification, service.rules.ownership = STAYS_ELIGIBLE, NOT_ASKED
    running = begin(numbers(count))
    steps = await seen(running)
    assert running.report.is_done, running.report.to_csv()
    assert len(service.letters) == service.counts["TextEnableQualifiedNumbers"] == 1
    assert waits(steps) == ["review", "review", "signer", "carriers"]
    is_sound(service, running.report)


async def test_numbers_that_stay_eligible_say_that_they_wait_for_a_proof(
    service: Service, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    """Ownership is WAITING for good: told once, each day again, and in each line."""
    service.rules.qualification = STAYS_ELIGIBLE
    with caplog.at_level(logging.WARNING, "sinch_hosting"):
        running = begin(numbers(50), timeout=3 * DAY)
        steps = await seen(running)
    assert running.report.counts == {"waiting": 50}
    line = running.report.lines[0]
    assert (line.state, line.waiting_on) == ("ELIGIBLE", "you")
    assert line.reason == "is ELIGIBLE, and waits to be VERIFIED"
    assert "orders@sinch.com" in line.what_to_do
    assert "voice challenge" in line.what_to_do
    assert waits(steps) == ["review", "you", "you", "you"]
    assert caplog.text.count("as they did a day ago, for you") == 2
    assert not service.counts["TextEnableQualifiedNumbers"]
    is_sound(service, running.report)


async def test_ready_at_verified_does_not_order_what_is_eligible(
    service: Service, begin: Begin
) -> None:
    """Where the caller wants it so, ELIGIBLE numbers wait to be VERIFIED."""
    service.rules.qualification, service.rules.ownership = STAYS_ELIGIBLE, NOT_ASKED
    running = begin(numbers(3), ready_at="verified")
    await seen(running)
    assert running.report.counts == {"waiting": 3}
    assert not service.letters
    service.set_qualified(numbers(3), "VERIFIED")
    again = await begin(numbers(3), ready_at="verified").run()
    assert again.is_done
    is_sound(service, again)


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_what_is_refused_at_eligible_waits_for_verified(
    service: Service, begin: Begin, status: int, names: bool
) -> None:
    """It is not asked for again and again: a refusal an order, then one order once verified."""
    verified = (20 * 3600, "VERIFIED")  # all are refused before: hours pass during a request
    service.rules.qualification = [*STAYS_ELIGIBLE, verified]
    service.rules.ownership, service.rules.ready_states = NOT_ASKED, {"VERIFIED"}
    listed = numbers(10)

    def is_early(_: Any) -> bool:
        now = service.clock()
        return any(service.store.qualified[n].line.at(now) != "VERIFIED" for n in listed)

    said = f"{listed[0]} is not verified" if names else "No."
    service.fault("TextEnableQualifiedNumbers", error(status, said), times=None, when=is_early)
    running = begin(listed, chunk_size=2)
    steps = await seen(running)
    assert running.report.is_done, running.report.to_csv()
    assert 1 <= service.statuses["TextEnableQualifiedNumbers", status] <= 5
    assert len(service.letters) == 5
    waiting = [step for step in steps if step.step is Step.WAITING]
    assert {number for step in waiting for number in step.phone_numbers} == set(listed)
    # Refusals hold back what is not sent by then: those numbers were never refused.
    told = [step for step in waiting if "refused it before" in step.text]
    refusals = service.statuses["TextEnableQualifiedNumbers", status]
    assert len({number for step in told for number in step.phone_numbers}) >= 2 * refusals
    is_sound(service, running.report)


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("chunk_size", [1, 500])
async def test_one_refused_at_eligible_holds_up_no_other(
    service: Service, begin: Begin, chunk_size: int, names: bool
) -> None:
    """What is VERIFIED goes without it, also where the first refusals were all the same."""
    service.rules.ownership, service.rules.ready_states = NOT_ASKED, {"VERIFIED"}
    service.rules.names_unready = names
    early, late = numbers(5), numbers(3, 10)
    service.set_qualified(early, "ELIGIBLE")
    service.set_qualified(late, "VERIFIED")
    running = begin([*early, *late], chunk_size=chunk_size, timeout=3 * DAY)
    await seen(running)
    lines = running.report.lines
    assert [line.outcome for line in lines] == ["waiting"] * 5 + ["done"] * 3, lines
    assert {line.state for line in lines[:5]} == {"ELIGIBLE"}
    assert all("refused it before" in line.reason for line in lines[:5])
    assert service.statuses["TextEnableQualifiedNumbers", 400] <= 5
    assert len(service.letters) == -(-3 // chunk_size)
    is_sound(service, running.report)


async def test_a_refusal_for_another_reason_is_a_failure(service: Service, begin: Begin) -> None:
    """What complains of the letter is told at once, and is not waited out."""
    service.rules.qualification, service.rules.ownership = STAYS_ELIGIBLE, NOT_ASKED
    violation = {"field": "directLoaInfo.address", "description": "No such street"}
    details = [{"fieldViolations": [violation]}]
    service.fault(
        "TextEnableQualifiedNumbers",
        reply(400, {"error": {"code": 400, "message": "No such street", "details": details}}),
        times=None,
    )
    running = begin(numbers(2))
    await seen(running)
    assert running.report.counts == {"failed": 2}
    assert "No such street" in running.report.lines[0].reason
    is_sound(service, running.report)


# ------------------------------------------------------------ what fails, and what is known


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("NOT_ELIGIBLE", "cannot be text-enabled as it is"),
        ("VERIFICATION_FAILED", "ELIGIBLE, but not VERIFIED"),
        ("VERIFICATION_BLOCKED", "no more voice challenges"),
    ],
)
async def test_what_ends_says_what_a_person_can_do(
    service: Service, begin: Begin, state: str, said: str
) -> None:
    """In the line, beside the state at which it ended; the others go on."""
    listed = numbers(4)
    service.rules.qualification = [(0, "ELIGIBLE_CHECK_PENDING"), (60, "VERIFIED")]
    service.set_qualified(listed[:1], state)
    running = begin(listed)
    await seen(running)
    assert running.report.counts == {"failed": 1, "done": 3}
    assert running.report.lines[0].state == state
    assert said in running.report.lines[0].what_to_do
    is_sound(service, running.report)


@pytest.mark.parametrize("status", [None, 400, 404, 422])
async def test_lists_without_a_campaign(service: Service, begin: Begin, status: int | None) -> None:
    """Toll-free numbers have none: the ledger tells what the lists do not, run again and again."""
    service.lists["ListHostingOrders"].empty_campaign = status
    listed = [*numbers(2), *FREE]
    for _ in range(3):
        report = await begin(listed, timeout=5000).run()
        is_sound(service, report)
    report = await begin(listed).run()
    assert report.counts == {"done": 4}, report.to_csv()
    assert len(service.letters) == 2


async def test_local_numbers_without_a_campaign_are_warned_of(
    service: Service, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    """In the plan, in a step and in the log; toll-free ones are not meant."""
    listed = [*numbers(3), *FREE]
    plan = await begin(listed, campaign_id=None).plan()
    assert any("3 local numbers" in w and "no letter" in w for w in plan.warnings)
    running = begin(listed, campaign_id=None, nnid="104030")
    steps = await seen(running)
    told = [step for step in steps if step.step is Step.WARNING]
    assert [step.phone_numbers for step in told] == [tuple(numbers(3))] * 2
    assert "campaign" in told[0].text
    assert "account manager" in told[1].text
    assert "no letter is generated" in caplog.text
    assert running.report.is_done
    free = await begin(FREE, campaign_id=None, job="free").plan()
    assert not any("campaign" in warning for warning in free.warnings)


async def test_a_campaign_that_is_pending_is_not_done(service: Service, begin: Begin) -> None:
    """Where plan and campaign are only scheduled the number waits, and is done once they hold."""
    listed = numbers(1)
    service.add_imported(listed, plan="plan-1", campaign="CAMP1", linked_after=5 * 3600)
    early = await begin(listed, timeout=3600).run()
    assert early.counts == {"waiting": 1}
    assert early.lines[0].waiting_on == "carriers"
    late = await begin(listed).run()
    assert late.is_done
    is_sound(service, late)


# ------------------------------------------------------------ ended and run again


@pytest.mark.parametrize("after", [True, False])
async def test_an_answer_that_is_lost(service: Service, begin: Begin, after: bool) -> None:
    """Carried out or not, a second letter goes only where the caller says so."""
    listed = numbers(5)
    service.rules.qualification, service.rules.ownership = STAYS_ELIGIBLE, NOT_ASKED
    service.fault(TEXT_ENABLES, drop(after=after))
    first = await begin(listed).run()
    is_sound(service, first)
    assert first.counts == ({"done": 5} if after else {"unknown": 5})
    last = await begin(listed, on_unknown="resend").run()
    assert last.is_done
    is_sound(service, last)


@pytest.mark.parametrize("every", [1, 10])
async def test_ended_at_each_step_and_run_again(
    service: Service, begin: Begin, every: int, tmp_path: Path
) -> None:
    """Whatever is ended where, all is done in the end, and no number is in two letters."""
    listed = [*numbers(4), *FREE]
    service.rules.qualification = [*STAYS_ELIGIBLE, (120, "VERIFIED")]
    service.rules.ownership, service.rules.ready_states = NOT_ASKED, {"VERIFIED"}
    for end_after in range(1, 60, every):
        async with aclosing(begin(listed)) as running:
            told = 0
            async for _ in running:
                told += 1
                if told == end_after:
                    break
    report = await begin(listed, on_unknown="resend").run()
    assert report.is_done, report.to_csv()
    is_sound(service, report)
    assert Counter(n for one in service.letters for n in one.numbers) == Counter(listed)


@pytest.mark.parametrize("offset", range(3))
async def test_killed_at_some_await_and_run_again(
    service: Service, begin: Begin, tmp_path: Path, offset: int
) -> None:
    """In a world whose lists refuse orders without a campaign: no number is in two letters."""
    service.lists["ListHostingOrders"].empty_campaign = 422
    service.rules.qualification, service.rules.ownership = STAYS_ELIGIBLE, NOT_ASKED
    stop_at, first = offset - 40, None
    while first is None:
        stop_at += 43
        listed = [f"+1303777{stop_at:04}", f"+1800555{stop_at:04}"]
        book = tmp_path / f"{stop_at}.jsonl"
        settings: dict[str, Any] = {"ledger": book, "job": f"job{stop_at}", "grace": 8.0}
        steps = KillingSteps(stop_at, book)
        first = await run_stepped(begin(listed, **settings).run(), steps)
        if steps.noted is not None and first is None:
            book.write_bytes(steps.noted)
        report = await begin(listed, **settings).run()
        if report.counts.get("unknown"):  # held: it is for a person to say
            report = await begin(listed, on_unknown="resend", **settings).run()
        assert report.is_done, (stop_at, report.to_csv())
        is_sound(service, report)
    assert len(service.letters) == 2 * len(service.requests_of("AddQualifiedNumbers"))


async def test_blanket_letters_mail_nobody(service: Service, begin: Begin) -> None:
    """And numbers that need no proof are done without anybody doing anything."""
    service.rules.qualification, service.rules.ownership = STAYS_ELIGIBLE, NOT_ASKED
    report = await begin(numbers(3), loa=BlanketLoa()).run()
    assert report.is_done
    assert [one.email for one in service.letters] == [""]


@pytest.mark.parametrize("said", [True, False, None])
async def test_letters_are_shown_before_anything_leaves(
    service: Service, begin: Begin, said: bool | None
) -> None:
    """Who gets how many at least; refused, not even a number is put into qualification."""
    shown: list[LettersToSend] = []

    async def confirm(letters: LettersToSend) -> Any:
        shown.append(letters)
        return said

    listed = [*numbers(7), *FREE]
    running = begin(listed, confirm=confirm, chunk_size=3)
    if said:
        assert (await running.run()).is_done
        assert len(service.letters) == 4
    else:
        with pytest.raises(NotConfirmed, match=r"jane\.roe@example\.com>: at least 4"):
            await running.run()
        assert {request.method for request in service.requests} == {"GET", "POST"}
        assert not service.counts["AddQualifiedNumbers"]
        assert not service.letters
    assert [(one.total, one.numbers, one.is_at_least) for one in shown] == [(4, 9, True)]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("VERIFICATION_FAILED", "It is ELIGIBLE, but not VERIFIED. E-mail an invoice"),
        ("VERIFICATION_BLOCKED", "takes no more voice challenges"),
        ("NOT_ELIGIBLE", "ask your account manager"),
    ],
)
async def test_a_wait_that_fails_says_at_what_the_number_stands(
    service: Service, make_api_client: Callable[..., SinchHosting], state: str, said: str
) -> None:
    """ELIGIBLE or VERIFIED, and what a person can do; a time-out says where it still is."""
    (number,) = numbers(1)
    qualified = make_api_client(poll=POLL).qualified_numbers
    service.set_qualified(number, "ELIGIBLE")
    with pytest.raises(WaitTimeout, match="still ELIGIBLE"):
        await qualified.wait_until(number, "VERIFIED", timeout=600)
    service.set_qualified(number, state)
    with pytest.raises(NumberFailed) as caught:
        await qualified.wait_until(number, "VERIFIED", timeout=600)
    assert said in caught.value.what_to_do
    assert caught.value.what_to_do in str(caught.value)
