"""Recorded histories are replayed: a workflow that would break running jobs fails here.

`RECORD_HISTORIES=1 pytest -n 0 tests/temporal/test_replay.py` records them anew. Do that only for
a change that is meant to break running jobs; give the workflow another name then.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from sinch_hosting.temporal.plugin import SinchHostingPlugin
from sinch_hosting.temporal.starting import start

from ..service import TEXT_ENABLES, Service, drop
from .jobs import Files, job_of, working
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
        runs = [run async for run in client.list_workflows(f"WorkflowId = '{handle.id}'")]
        for place, run in enumerate(sorted(runs, key=lambda run: run.start_time)):
            history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            HISTORIES.mkdir(exist_ok=True)
            text = re.sub(r'"identity": "[^"]*"', '"identity": "worker"', history.to_json())
            (HISTORIES / f"{name}-{place}.json").write_text(f"{text}\n")


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
async def test_a_recorded_history_is_replayed(path: Path) -> None:
    """The workflow of today does what that of then did."""
    history = WorkflowHistory.from_json(path.stem, path.read_text())  # noqa: ASYNC240
    replayer = Replayer(workflows=[], plugins=[SinchHostingPlugin()])
    result = await replayer.replay_workflow(history)
    assert result.replay_failure is None


def test_there_are_histories() -> None:
    """Else nothing would be replayed."""
    assert len(list(HISTORIES.glob("*.json"))) >= 4
