"""Recorded histories are replayed: a workflow that would break running jobs fails here.

`RECORD_HISTORIES=1 pytest -n 0 tests/temporal/test_replay.py` records them anew. Do that only for
a change that is meant to break running jobs; give the workflow another name then.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from sinch_hosting.temporal.messages import Challenged, Progress, VoiceCode
from sinch_hosting.temporal.plugin import SinchHostingPlugin
from sinch_hosting.temporal.starting import Handle, start

from ..service import TEXT_ENABLES, Service, drop
from .jobs import Files, job_of, onboarding_of, working
from .server import TemporalServer

HISTORIES = Path(__file__).with_name("histories")
RECORDS = bool(os.environ.get("RECORD_HISTORIES"))


@pytest.mark.skipif(not RECORDS, reason="histories are recorded by hand")
@pytest.mark.parametrize("name", ["plain", "lost-answers", "new-runs"])
async def test_record(name: str, temporal: TemporalServer, service: Service, files: Files) -> None:
    """Record what a job does."""
    files.write(30)
    service.rules.lives["TYPE_TEXT_ENABLE"] = [(0, "SUBMITTED"), (0.5, "COMPLETED")]
    if name == "lost-answers":
        service.fault(TEXT_ENABLES, drop(after=True), times=1, skip=1)
        service.fault(TEXT_ENABLES, drop(after=False), times=1, skip=1)
    longest = 40 if name == "new-runs" else 10_000
    given = job_of(most_pending=2, longest_history=longest, on_unknown="resend")
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        await handle.result()
        await _keep(client, handle, name)


async def _keep(client: Client, handle: Handle, name: str) -> None:
    """Write the history of each run of a job."""
    runs = [run async for run in client.list_workflows(f"WorkflowId = '{handle.id}'")]
    for place, run in enumerate(sorted(runs, key=lambda run: run.start_time)):
        history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        HISTORIES.mkdir(exist_ok=True)
        text = re.sub(r'"identity": "[^"]*"', '"identity": "worker"', history.to_json())
        (HISTORIES / f"{name}-{place}.json").write_text(f"{text}\n")


@pytest.mark.skipif(not RECORDS, reason="histories are recorded by hand")
@pytest.mark.parametrize("name", ["onboard-voice", "onboard-refused", "onboard-runs"])
async def test_record_onboarding(
    name: str, temporal: TemporalServer, service: Service, files: Files
) -> None:
    """Record what an onboarding does: calls, refusals, lost answers, new runs."""
    files.write(4)
    service.rules.lives["TYPE_TEXT_ENABLE"] = [(0, "SUBMITTED"), (0.5, "COMPLETED")]
    has_voice = name != "onboard-refused"
    service.rules.qualification = [(0, "VERIFICATION_PENDING" if has_voice else "ELIGIBLE")]
    if not has_voice:
        service.rules.ownership, service.rules.ready_states = {"ELIGIBLE": "DONE"}, {"VERIFIED"}
        service.fault(TEXT_ENABLES, drop(after=True), times=1, skip=1)
    service.fault("SendVoiceChallenge", drop(after=True), times=1)
    longest = 60 if name == "onboard-runs" else 10_000
    given = onboarding_of(voice=has_voice, longest_history=longest, page_size=3, chunk_size=2)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        (files.folder / "code").write_text("1234")
        begun = ("preparing", "qualifying")
        while (await handle.query("progress", result_type=Progress)).phase in begun:
            await asyncio.sleep(0.5)
            if not has_voice:
                service.set_qualified(files.numbers, "VERIFIED")
            for position in await handle.query("waiting_for_codes", result_type=list[int]):
                given_code = VoiceCode(position=position, code="code")
                await handle.execute_update("voice_code", given_code, result_type=Challenged)
        await handle.result()
        await _keep(client, handle, name)


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
async def test_a_recorded_history_is_replayed(path: Path) -> None:
    """The workflow of today does what that of then did."""
    history = WorkflowHistory.from_json(path.stem, path.read_text())  # noqa: ASYNC240
    replayer = Replayer(workflows=[], plugins=[SinchHostingPlugin()])
    result = await replayer.replay_workflow(history)
    assert result.replay_failure is None


def test_there_are_histories() -> None:
    """Else nothing would be replayed."""
    assert len(list(HISTORIES.glob("*.json"))) >= 8
