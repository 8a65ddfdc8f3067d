"""Voice challenges of an onboarding: who is rung, how often, and what comes of the codes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sinch_hosting import (
    InvalidRequest,
    Onboarding,
    OnboardingReport,
    OnboardingStep,
    PollPolicy,
    TransportError,
)
from sinch_hosting._onboarding.report import Step

from ..bulk.rig import CAMPAIGN, PLAN, Rig, letter, numbers, rigged

DAY = 86_400.0


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A sandbox in which nobody mails invoices or signs letters by themselves."""
    async with rigged(profile="people") as made:
        yield made


def begun(rig: Rig, listed: list[str], **settings: Any) -> Onboarding:
    """An onboarding of some days."""
    poll = PollPolicy(initial=900, maximum=7200, jitter=0)
    arguments: dict[str, Any] = {
        "job": "acme",
        "service_plan_id": PLAN,
        "campaign_id": CAMPAIGN,
        "loa": letter(),
        "timeout": 3 * DAY,
        **settings,
    }
    client = arguments.pop("client", None) or rig.client(poll=poll)
    return client.onboard(listed, **arguments)


async def onboarded(
    rig: Rig, listed: list[str], **settings: Any
) -> tuple[OnboardingReport, list[OnboardingStep]]:
    """How it ends, and its steps."""
    running = begun(rig, listed, **settings)
    steps = [step async for step in running]
    return running.report, steps


def told(steps: list[OnboardingStep], step: Step) -> dict[str, str]:
    """The numbers of all steps of a kind, each with its text; none may be there twice."""
    found = [
        (number, one.text) for one in steps if one.step is step for number in one.phone_numbers
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def rung(rig: Rig) -> Counter[str]:
    """How often which phone has rung."""
    return Counter(mail.to for mail in rig.sandbox.outbox if mail.kind == "voice")


async def test_a_number_that_was_not_rung_is_rung_at_the_next_look(rig: Rig) -> None:
    """A 429 refuses the call, and the client does not repeat it by itself."""
    listed = numbers(9)
    rig.sandbox.faults.add(
        "rate_limited", operation="SendVoiceChallenge", retry_after=1, skip=2, count=11
    )
    report, steps = await onboarded(rig, listed, voice_code=rig.sandbox.voice_code)
    assert rung(rig) == dict.fromkeys(listed, 1)
    assert told(steps, Step.CHALLENGED) == dict.fromkeys(listed, "")
    assert {line.reason for line in report.lines} == {"its order is WAITING_FOR_LOA_SIGNATURE"}


async def test_a_number_that_is_never_rung_says_why(rig: Rig) -> None:
    """Time is up while every call is refused; nobody is asked for a code or an invoice."""
    rig.sandbox.faults.add("rate_limited", operation="SendVoiceChallenge", retry_after=1)
    report, steps = await onboarded(rig, numbers(2), voice_code=str)
    assert report.counts == {"waiting": 2}
    assert all("could not be rung yet: SendVoice" in line.reason for line in report.lines)
    assert not told(steps, Step.CHALLENGED) | told(steps, Step.INVOICES)


async def test_few_numbers_are_rung_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a call that never left is made at the next look; a slow code holds no call up."""
    client = rig.client(poll=PollPolicy(initial=900, maximum=7200, jitter=0))
    call = client.qualified_numbers.send_voice_challenge
    under_way: set[str] = set()
    most, fails = 0, {numbers(1)[0]}

    async def send(number: str) -> Any:
        nonlocal most
        under_way.add(number)
        most = max(most, len(under_way))
        try:
            if number in fails:
                fails.clear()
                raise TransportError("no way", never_sent=True)
            return await call(number)
        finally:
            under_way.remove(number)

    async def code(number: str) -> str:
        if number in numbers(10, 10):
            await asyncio.Event().wait()
        return rig.sandbox.voice_code(number)

    monkeypatch.setattr(client.qualified_numbers, "send_voice_challenge", send)
    _, steps = await onboarded(rig, numbers(30), voice_code=code, client=client)
    assert 1 < most <= 4
    assert rung(rig) == dict.fromkeys(numbers(30), 1)
    assert told(steps, Step.READY).keys() == {*numbers(10), *numbers(10, 20)}


async def test_a_number_that_is_proven_before_its_turn_is_not_rung(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone does not ring in vain."""
    listed = numbers(5)
    client = rig.client(poll=PollPolicy(initial=900, maximum=7200, jitter=0))
    call, is_ready = client.qualified_numbers.send_voice_challenge, asyncio.Event()

    async def send(number: str) -> Any:
        if number == listed[0]:
            rig.sandbox.approve(listed[4])
        await is_ready.wait()
        return await call(number)

    monkeypatch.setattr(client.qualified_numbers, "send_voice_challenge", send)
    async for step in begun(rig, listed, voice_code=rig.sandbox.voice_code, client=client):
        if step.step is Step.READY:
            is_ready.set()
    assert len(rig.sandbox.calls("SendVoiceChallenge")) == 4
    assert rung(rig) == dict.fromkeys(listed[:4], 1)


async def no_code(_: str) -> None:
    """Nobody answers the phone."""


async def breaking(number: str) -> str:
    """Break, as callers' functions do."""
    raise KeyError(number)


async def cancelled(_: str) -> str:
    """Be cancelled by itself, and not by the onboarding."""
    raise asyncio.CancelledError


async def wordless(_: str) -> Any:
    """Answer what is no code."""
    return 1234


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (no_code, "no code was told: e-mail its invoice to orders@sinch.com"),
        (breaking, "the voice challenge failed: KeyError: "),
        (cancelled, "the voice challenge failed: CancelledError"),
        (wordless, "the voice challenge failed: InvalidRequest: "),
        (lambda _: None, "no code was told"),
    ],
)
async def test_numbers_without_a_code_need_invoices(
    rig: Rig, caplog: pytest.LogCaptureFixture, code: Any, said: str
) -> None:
    """Each says why, and is asked for once; those whose codes came are not."""
    listed = numbers(3)

    def tell(number: str) -> Any:
        return rig.sandbox.voice_code(number) if number == listed[2] else code(number)

    with caplog.at_level(logging.WARNING, "sinch_hosting"):
        report, steps = await onboarded(rig, listed, voice_code=tell)
    challenged = told(steps, Step.CHALLENGED)
    assert challenged.keys() == set(listed)
    for number, line in zip(listed[:2], report.lines, strict=False):
        assert said in challenged[number]
        assert challenged[number] in line.reason
        assert line.outcome == "waiting"
    assert told(steps, Step.INVOICES).keys() == set(listed[:2])
    assert caplog.text.count("E-mail invoices") == 1
    assert rung(rig) == dict.fromkeys(listed, 1)


async def test_no_invoice_for_a_code_whose_answer_was_lost(rig: Rig) -> None:
    """A look tells that it was right; where the call's answer was lost no code is asked for."""
    listed = numbers(2)
    rig.sandbox.faults.add("drop_after", operation="VerifyVoiceChallenge")
    rig.sandbox.faults.add("drop_after", operation="SendVoiceChallenge", count=1)
    _, steps = await onboarded(rig, listed, voice_code=rig.sandbox.voice_code)
    assert rung(rig) == dict.fromkeys(listed, 1)
    assert told(steps, Step.READY).keys() | told(steps, Step.INVOICES).keys() == set(listed)
    assert len(told(steps, Step.INVOICES)) == 1


async def test_an_end_while_codes_are_awaited_is_an_end(rig: Rig) -> None:
    """The onboarding's own cancellation is no failure of the caller's function."""

    async def never(_: str) -> str:
        return await asyncio.Event().wait() and ""

    report, steps = await onboarded(rig, numbers(2), voice_code=never)
    assert not told(steps, Step.CHALLENGED)
    assert all("its code is awaited" in line.reason for line in report.lines)


@pytest.mark.parametrize("given", ["1234", False, 7])
async def test_a_code_itself_is_no_function(rig: Rig, given: Any) -> None:
    """It is refused before any phone rings."""
    with pytest.raises(InvalidRequest, match="must be an async function of the number, or None"):
        await onboarded(rig, numbers(1), voice_code=given)
    assert not rig.sandbox.requests


async def test_a_wrong_code_is_final_in_its_run_only(rig: Rig) -> None:
    """With `retry_rejected` the next run rings the number again, once a run; else it does not."""
    listed = numbers(2)

    def wrong(number: str) -> str:
        return f"not {rig.sandbox.voice_code(number)}"

    for again, calls in ((True, 1), (False, 1), (True, 2)):
        report, _ = await onboarded(rig, listed, voice_code=wrong, retry_rejected=again)
        assert report.counts == {"failed": 2}
        assert rung(rig) == dict.fromkeys(listed, calls)
    assert "1 tries left" in report.lines[0].reason
    arguments: dict[str, Any] = {"voice_code": rig.sandbox.voice_code, "retry_rejected": True}
    assert (await begun(rig, listed, **arguments).plan()).counts == {"wait": 2}
    _, steps = await onboarded(rig, listed, **arguments)
    assert told(steps, Step.READY).keys() == set(listed)


async def test_a_number_that_cannot_be_proven_again_fails(rig: Rig) -> None:
    """A call that is refused leaves it VERIFICATION_FAILED: the run does not wait for ever."""
    listed = numbers(1)
    await rig.client().qualified_numbers.add(listed)
    await rig.sleep(DAY)
    rig.sandbox.refuse(listed[0], "not on the invoice")
    rig.sandbox.faults.add("error_before", operation="SendVoiceChallenge", status=400)
    report, steps = await onboarded(
        rig, listed, voice_code=rig.sandbox.voice_code, retry_rejected=True, timeout=None
    )
    assert report.counts == {"failed": 1}
    assert "400" in told(steps, Step.CHALLENGED)[listed[0]]
    assert not told(steps, Step.INVOICES)
