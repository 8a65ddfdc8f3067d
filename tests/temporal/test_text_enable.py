"""`TextEnableJob` on a real server, with a worker in this process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from sinch_hosting import JobChanged
from sinch_hosting.temporal.starting import find, start, workflow_id
from sinch_hosting.temporal.text_enable import TextEnableJob

from ..service import TEXT_ENABLES, Service, delay, drop, error
from .jobs import SIGNER, Files, job_of, onboarding_of, until, working
from .server import TemporalServer

DONE = [(0, "SUBMITTED"), (0.2, "COMPLETED")]


async def test_a_job_from_its_start_to_its_report(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """Every number is in one order; the orders are waited for; the report adds up."""
    files.write(23)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.failing[files.numbers[7]] = "campaignProvisioning"
    given = job_of()
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        report = await handle.result()
        failures = await handle.query(TextEnableJob.failures)
    assert not service.numbers_in_two_letters
    assert {n for mailed in service.letters for n in mailed.numbers} == set(files.numbers)
    assert (report.phase, report.numbers, report.chunks, report.orders) == ("done", 23, 5, 5)
    assert (report.ordered, report.left_out, report.failed, report.open) == (22, 1, 0, 0)
    assert report.states == {"COMPLETED": 5}
    assert failures.failed_numbers[0].position == 7


@pytest.mark.parametrize("kind", ["text-enable", "onboard"])
@pytest.mark.parametrize("campaign", ["campaign", ""])
async def test_the_numbers_of_a_rejected_order_are_reported(
    temporal: TemporalServer, service: Service, files: Files, kind: str, campaign: str
) -> None:
    """They count as left out, as those of a completed order that failed do."""
    files.write(12)
    service.rules.qualification = [(0, "VERIFIED")]
    lost = files.numbers[5:10]
    service.rules.lives["TYPE_TEXT_ENABLE"] = lambda body: [
        (0, "SUBMITTED"),
        (0.2, "REJECTED" if lost[0] in str(body) else "COMPLETED"),
    ]
    make = onboarding_of if kind == "onboard" else job_of
    given = make(campaign_id=campaign)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        report = await handle.result()
        failures = await handle.query(TextEnableJob.failures)
    assert (report.phase, report.orders, report.rejected) == ("done", 3, 1)
    assert (report.ordered, report.left_out, report.failed, report.open) == (7, 5, 0, 0)
    assert [one.position for one in failures.failed_numbers] == [5, 6, 7, 8, 9]
    assert {one.reason for one in failures.failed_numbers} == {"its order was REJECTED"}


async def test_nothing_personal_in_a_history(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """No phone number, no signer, no secret, whatever failed on the way."""
    files.write(15)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    said = f"number {files.numbers[2]} of Jane Roe <{SIGNER}>"
    service.fault(TEXT_ENABLES, error(400, said), times=1, skip=1)
    service.fault(TEXT_ENABLES, error(503, said, after=True), times=1, skip=1)
    given = job_of()
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        await handle.result()
    wrong = job_of(job=given.order.job + "-2")
    (files.folder / "numbers.txt").write_text("+13035550000\nJane Roe\n")
    async with working(temporal, service, files, given.order.job):
        broken = await start(client, service.project_id, wrong, task_queue=given.order.job)
        with pytest.raises(WorkflowFailureError):
            await broken.result()
        progress = await broken.query(TextEnableJob.progress)
        assert (progress.phase, progress.stopped_by.partition(":")[0]) == (
            "failed",
            "InvalidRequest",
        )
    for told in (handle, broken):
        history = (await told.fetch_history()).to_json()
        raw = b"".join(
            payload.data
            for event in (await told.fetch_history()).events
            for payload in payloads_of(event)
        ).decode()
        for text in (history, raw):
            for secret in ("+1303", "303555", "Jane", "Roe", SIGNER, service.key_secret):
                assert secret not in text, secret


def payloads_of(message: object) -> list[object]:
    """All payloads in a message, however deep."""
    from temporalio.api.common.v1 import Payload

    if isinstance(message, Payload):
        return [message]
    found: list[object] = []
    for descriptor, value in getattr(message, "ListFields", list)():
        if descriptor.type != descriptor.TYPE_MESSAGE:
            continue
        if hasattr(value, "ListFields"):
            found += payloads_of(value)
        elif hasattr(value, "values"):
            for one in value.values():
                found += payloads_of(one)
        else:
            for one in value:
                found += payloads_of(one)
    return found


@pytest.mark.parametrize(("policy", "letters"), [("hold", 2), ("resend", 3)])
async def test_an_answer_that_was_lost(
    temporal: TemporalServer, service: Service, files: Files, policy: str, letters: int
) -> None:
    """What was carried out is found by reads; what was not is held, or sent again."""
    files.write(15)
    service.fault(TEXT_ENABLES, drop(after=True), times=1, skip=1)
    service.fault(TEXT_ENABLES, drop(after=False), times=1, skip=1)
    given = job_of(on_unknown=policy, watch=False, most_pending=1)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        report = await handle.result()
    assert not service.numbers_in_two_letters
    assert len(service.letters) == report.orders == letters
    assert report.open == 3 - letters
    assert report.ordered == 5 * letters


async def test_a_create_that_is_lost_again_and_again(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """Where workers are killed, one chunk may be under way each time: it is sent until it is in."""
    files.write(10)
    service.fault(TEXT_ENABLES, drop(after=False), times=3, skip=1)
    given = job_of(on_unknown="resend", watch=False, most_pending=1)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        report = await handle.result()
    assert (report.ordered, report.orders, report.open) == (10, 2, 0)
    assert len(service.letters) == 2
    assert not service.numbers_in_two_letters


async def test_pause_resume_cancel(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """Nothing begins while it is paused; a cancelled job says what it left."""
    files.write(400)  # so many that it does not end meanwhile, on a slow machine either
    service.fault(TEXT_ENABLES, delay(0.1), times=None)
    given = job_of(most_pending=1, watch=False)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        await until(lambda: _has(handle, 2))
        await handle.signal("pause")
        await until(lambda: _is_quiet(handle))
        before = len(service.letters)
        found = find(client, service.project_id, given.order.job)
        assert (await found.query(TextEnableJob.progress)).is_paused
        await handle.signal("resume")
        await until(lambda: _has(handle, before + 1))
        await handle.signal("cancel")
        report = await handle.result()
    assert report.phase == "cancelled"
    assert report.orders == len(service.letters) < 80
    assert report.not_begun == 80 - report.orders


async def _has(handle: Any, orders: int) -> bool:
    return (await handle.query(TextEnableJob.progress)).orders >= orders


async def _is_quiet(handle: Any) -> bool:
    progress = await handle.query(TextEnableJob.progress)
    return bool(progress.is_paused) and not progress.pending


async def test_a_name_is_used_once(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """Also when its job has ended: nothing is mailed again."""
    files.write(5)
    given = job_of(watch=False)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        assert handle.id == workflow_id(service.project_id, given.order.job)
        await handle.result()
        with pytest.raises(JobChanged):
            await start(client, service.project_id, given, task_queue=given.order.job)
    assert len(service.letters) == 1


async def test_a_long_job_goes_on_in_new_runs(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """No history grows without end; the counts go along."""
    files.write(60)
    given = job_of(watch=False, longest_history=30, most_pending=4)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        report = await handle.result()
        runs = [run async for run in client.list_workflows(f"WorkflowId = '{handle.id}'")]
    assert (report.orders, report.ordered, report.not_begun) == (12, 60, 0)
    assert not service.numbers_in_two_letters
    assert len(runs) > 1


async def test_an_account_that_refuses_pauses_the_job(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """Three times the same refusal, and no order yet: a person has to look."""
    files.write(40)
    service.fault(TEXT_ENABLES, error(403, "not allowed"), times=3)
    given = job_of(watch=False)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        await until(lambda: _is_quiet(handle))
        progress = await handle.query(TextEnableJob.progress)
        assert (progress.failed, progress.orders) == (3, 0)
        assert "PermissionDenied 403" in progress.stopped_by
        await handle.signal("resume")
        report = await handle.result()
    assert (report.orders, report.failed) == (5, 3)


async def test_a_callback_makes_it_look_at_once(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """A signal does not wait for the next look, an hour away."""
    files.write(5)
    given = job_of(every=3600.0)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)

        async def is_submitted() -> bool:
            return bool((await handle.query(TextEnableJob.progress)).states)

        await until(is_submitted)
        service.set_state(next(iter(service.store.orders.values())).id, "COMPLETED")
        await asyncio.sleep(0.3)
        with contextlib.suppress(RPCError):  # on a busy machine its first look may come only now
            await handle.signal("order_changed")
        async with asyncio.timeout(120):
            report = await handle.result()
    assert report.states == {"COMPLETED": 1}


@pytest.mark.parametrize("prefix", ["+1800", "+1303"])
async def test_orders_without_a_campaign_may_not_be_listed(
    temporal: TemporalServer, service: Service, files: Files, prefix: str
) -> None:
    """They are followed by their ids; one whose answer was lost can only be held."""
    files.write(15, prefix)
    service.rules.lives["TYPE_TEXT_ENABLE"] = DONE
    service.rules.failing[files.numbers[1]] = "osrUpdate"
    service.lists["ListHostingOrders"].empty_campaign = 422
    service.fault(TEXT_ENABLES, drop(after=True), times=1, skip=1)
    given = job_of(campaign_id="", is_toll_free=prefix == "+1800", most_pending=1)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        report = await handle.result()
    assert len(service.letters) == 3
    assert (report.orders, report.open, report.states) == (2, 1, {"COMPLETED": 2})
    assert (report.ordered, report.left_out) == (9, 1)


async def test_numbers_of_another_kind_are_refused(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """Before anything is sent: the service would refuse their orders."""
    files.write(5, "+1800")
    given = job_of()
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert "is not local" in repr(failed.value.cause.__cause__)
    assert not service.letters
