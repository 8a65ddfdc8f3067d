"""`OnboardJob` on a real server, with workers in this process and in others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from sinch_hosting.temporal.messages import (
    Challenged,
    Failures,
    OnboardInput,
    Progress,
    VoiceCode,
)
from sinch_hosting.temporal.starting import start

from ..service import TEXT_ENABLES, Service, drop, error
from .jobs import Files, onboarding_of, until, working
from .server import TemporalServer
from .test_text_enable import payloads_of

DONE = [(0, "SUBMITTED"), (0.2, "COMPLETED")]
AT_ONCE = [(0, "VERIFIED")]
TO_PROVE = [(0, "ELIGIBLE_CHECK_PENDING"), (0.1, "VERIFICATION_PENDING")]
Handle = WorkflowHandle[Any, Progress]
Begin = Callable[[OnboardInput], Awaitable[Handle]]


@pytest.fixture
def begin(temporal: TemporalServer, service: Service) -> Begin:
    """Starts a job whose task queue is its name."""

    async def begun(given: OnboardInput) -> Handle:
        client = await temporal.client()
        return await start(client, service.project_id, given, task_queue=given.order.job)

    return begun


async def tell(handle: Handle, files: Files, position: int, code: str = "1234") -> Challenged:
    """Tell the code of a number, by reference."""
    (files.folder / "code").write_text(code)
    return await handle.execute_update(
        "voice_code", VoiceCode(position=position, code="code"), result_type=Challenged
    )


async def codes_of(handle: Handle) -> list[int]:
    """The numbers whose codes are awaited."""
    return await handle.query("waiting_for_codes", result_type=list[int])


def ordered(service: Service) -> list[str]:
    """The numbers in letters."""
    return sorted(number for mailed in service.letters for number in mailed.numbers)


async def test_numbers_from_anywhere(
    temporal: TemporalServer, service: Service, files: Files, begin: Begin
) -> None:
    """Unknown ones are qualified, imported ones are found, and each has one order."""
    files.write(12)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.qualification = [(0, "ELIGIBLE_CHECK_PENDING"), (0.3, "VERIFIED")]
    service.add_imported([files.numbers[0]], plan="plan", campaign="campaign")
    service.add_imported([files.numbers[1]], plan="other", campaign="")
    service.rules.failing[files.numbers[4]] = "campaignProvisioning"
    given = onboarding_of(page_size=8)
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)
        report = await handle.result()
        failures = await handle.query("failures", result_type=Failures)
    assert ordered(service) == files.numbers[2:]
    assert len(service.letters) == report.orders == 2  # 10 numbers, 5 an order
    assert (report.phase, report.ordered, report.without_order) == ("done", 9, 1)
    assert (report.left_out, report.to_order, report.failed, report.open) == (2, 0, 0, 0)
    assert {one.position: one.reason for one in failures.failed_numbers} == {
        1: "imported with service plan other and campaign none; relink=True would move it",
        4: "the campaign is FAILED",
    }


async def test_voice_codes(
    temporal: TemporalServer, service: Service, files: Files, begin: Begin
) -> None:
    """Each number is called once; its code is told by reference, and a wrong one burns a try."""
    files.write(3)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.qualification = TO_PROVE
    service.fault("SendVoiceChallenge", drop(after=True), times=1)  # nobody knows whether it rang
    given = onboarding_of(voice=True)
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)

        async def has_called() -> bool:
            return await codes_of(handle) == [0, 1, 2]

        await until(has_called)
        progress = await handle.query("progress", result_type=Progress)
        assert (progress.phase, progress.codes, progress.waiting) == ("qualifying", 3, {"you": 3})
        assert (await tell(handle, files, 0)).kind == "verified"
        assert (await tell(handle, files, 1, "9999")).kind == "refused"
        service.fault("VerifyVoiceChallenge", drop(after=True), times=1)
        assert (await tell(handle, files, 2)).kind == "open"  # a look at the number settles it
        with pytest.raises(WorkflowUpdateFailedError):
            await tell(handle, files, 0)  # it waits for none
        report = await handle.result()
    assert service.counts["SendVoiceChallenge"] == service.counts["VerifyVoiceChallenge"] == 3
    assert ordered(service) == [files.numbers[0], files.numbers[2]]
    assert (report.ordered, report.left_out, report.orders, report.codes) == (2, 1, 1, 0)


async def test_a_person_asks_for_another_call(
    temporal: TemporalServer, service: Service, files: Files, begin: Begin
) -> None:
    """The job calls by itself once: nobody may have been there."""
    files.write(1)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.qualification = TO_PROVE
    given = onboarding_of(voice=True)
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)

        async def has_called() -> bool:
            return await codes_of(handle) == [0]

        await until(has_called)
        again = await handle.execute_update("ring", 0, result_type=Challenged)
        assert again.kind == "called"
        service.fault("VerifyVoiceChallenge", error(429), times=1)
        assert (await tell(handle, files, 0)).kind == "unsent"  # so the code still counts
        assert (await tell(handle, files, 0)).kind == "verified"
        assert (await handle.result()).ordered == 1
    assert service.counts["SendVoiceChallenge"] == 2


async def test_nothing_personal_in_a_history(
    temporal: TemporalServer, service: Service, files: Files, begin: Begin
) -> None:
    """No phone number, no signer, no code, whatever failed on the way."""
    files.write(4)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.qualification = TO_PROVE
    said = f"number {files.numbers[2]} of Jane Roe"
    service.fault("AddQualifiedNumbers", error(503, said), times=1)
    service.fault("SendVoiceChallenge", error(400, said), times=1)
    service.fault(TEXT_ENABLES, error(400, said), times=1)
    given = onboarding_of(voice=True)
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)

        async def has_called() -> bool:
            return len(await codes_of(handle)) == 3

        await until(has_called)
        for position in await codes_of(handle):
            await tell(handle, files, position)
        called = set(range(4)) - set(await codes_of(handle))
        service.set_qualified(files.numbers, "VERIFIED")
        assert called
        await handle.result()
    history = await handle.fetch_history()
    raw = b"".join(payload.data for event in history.events for payload in payloads_of(event))
    for text in (history.to_json(), raw.decode()):
        for secret in ("+1303", "303555", "Jane", "Roe", '"1234"', service.key_secret):
            assert secret not in text, secret


async def test_eligible_numbers_that_are_refused_wait_for_verified(
    temporal: TemporalServer, service: Service, files: Files, begin: Begin
) -> None:
    """As in `sinch.onboard`: they are not ordered again before that."""
    files.write(5)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.qualification = [(0, "ELIGIBLE")]
    service.rules.ownership, service.rules.ready_states = {"ELIGIBLE": "DONE"}, {"VERIFIED"}
    given = onboarding_of()
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)

        async def waits() -> bool:
            progress = await handle.query("progress", result_type=Progress)
            return progress.waiting == {"you": 5}

        await until(waits)
        refused = service.counts["TextEnableQualifiedNumbers"]
        service.set_qualified(files.numbers, "VERIFIED")
        report = await handle.result()
    assert service.counts["TextEnableQualifiedNumbers"] == refused + 1
    assert (report.ordered, report.orders, report.left_out) == (5, 1, 0)
    assert ordered(service) == files.numbers


async def test_late_numbers_share_an_order_with_none_that_waited_long(
    temporal: TemporalServer, service: Service, files: Files, begin: Begin
) -> None:
    """Ready numbers wait for others as long as the window says; a full order leaves at once."""
    files.write(8)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.qualification = [(0, "ELIGIBLE_CHECK_PENDING")]
    given = onboarding_of(readiness_window=1.5)
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)
        await service.wait_until(lambda: service.counts["AddQualifiedNumbers"] > 0)
        service.set_qualified(files.numbers[1:7], "VERIFIED")
        await service.wait_until(lambda: len(service.letters) == 2)
        service.set_qualified([files.numbers[7]], "VERIFIED")
        service.set_qualified([files.numbers[0]], "NOT_ELIGIBLE")
        report = await handle.result()
    assert [len(mailed.numbers) for mailed in service.letters] == [5, 1, 1]
    assert (report.ordered, report.left_out) == (7, 1)


@pytest.mark.parametrize(("policy", "letters"), [("hold", 1), ("resend", 2)])
async def test_an_answer_that_was_lost(
    temporal: TemporalServer,
    service: Service,
    files: Files,
    begin: Begin,
    policy: str,
    letters: int,
) -> None:
    """What was carried out is found by its tag; what was not is held, or sent again."""
    files.write(10)
    service.rules.qualification = AT_ONCE
    service.fault(TEXT_ENABLES, drop(after=True), times=1)
    service.fault(TEXT_ENABLES, drop(after=False), times=1)
    given = onboarding_of(on_unknown=policy, watch=False, most_pending=1)
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)
        report = await handle.result()
        failures = await handle.query("failures", result_type=Failures)
    assert not service.numbers_in_two_letters
    assert len(service.letters) == report.orders == letters
    assert (report.open, report.ordered) == (2 - letters, 5 * letters)
    assert all(chunk.positions for chunk in failures.chunks)


async def test_a_long_onboarding_goes_on_in_new_runs(
    temporal: TemporalServer, service: Service, files: Files, begin: Begin
) -> None:
    """It knows whom it called, what waits for a code, and what is in orders."""
    files.write(30)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.qualification = TO_PROVE
    given = onboarding_of(voice=True, longest_history=60)
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)
        told: set[int] = set()

        async def is_proven() -> bool:
            for position in set(await codes_of(handle)) - told:
                if (await tell(handle, files, position)).kind == "verified":
                    told.add(position)
            return len(told) == 30

        await until(is_proven)
        report = await handle.result()
        client = await temporal.client()
        runs = [run async for run in client.list_workflows(f"WorkflowId = '{handle.id}'")]
    assert len(runs) > 1
    assert service.counts["SendVoiceChallenge"] == 30
    assert ordered(service) == files.numbers
    assert (report.ordered, report.left_out, report.to_order) == (30, 0, 0)


@pytest.mark.parametrize("lists_refuse", [None, 422])
async def test_toll_free_numbers_have_no_campaign(
    temporal: TemporalServer,
    service: Service,
    files: Files,
    begin: Begin,
    lists_refuse: int | None,
) -> None:
    """Their orders are followed by their ids, since the lists may not show them."""
    files.write(7, "+1800")
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.qualification = AT_ONCE
    service.lists["ListHostingOrders"].empty_campaign = lists_refuse
    given = onboarding_of(campaign_id="", is_toll_free=True)
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)
        report = await handle.result()
    assert ordered(service) == files.numbers
    assert service.counts["TextEnableTollFreeQualifiedNumbers"] == 2
    assert (report.ordered, report.states) == (7, {"COMPLETED": 2})


async def test_cancel_says_what_it_left(
    temporal: TemporalServer, service: Service, files: Files, begin: Begin
) -> None:
    """Nothing more is sent, and nothing is waited for."""
    files.write(6)
    service.rules.qualification = [(0, "ELIGIBLE_CHECK_PENDING")]
    given = onboarding_of()
    async with working(temporal, service, files, given.order.job):
        handle = await begin(given)
        await service.wait_until(lambda: service.counts["AddQualifiedNumbers"] > 0)
        service.set_qualified(files.numbers[:5], "VERIFIED")
        await service.wait_until(lambda: len(service.letters) == 1)
        await handle.signal("cancel")
        async with asyncio.timeout(30):
            report = await handle.result()
    assert (report.phase, report.orders, report.to_order) == ("cancelled", 1, 1)
