"""`sinch-hosting jobs start` and what follows it, with a worker in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from sinch_hosting.temporal.starting import find, start

from ..service import TEXT_ENABLES, Service, drop
from .jobs import LETTER, Files, environment, job_of, until
from .server import PATIENCE, TemporalServer

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def told(temporal: TemporalServer, service: Service, files: Files) -> dict[str, str]:
    """The environment of the command and of its worker."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SINCH_")}
    return {**kept, **environment(temporal, service, files, f"queue-{files.folder.name}")}


@pytest.fixture
async def worker(told: dict[str, str]) -> AsyncIterator[Any]:
    """A worker that is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sinch_hosting.temporal.worker",
        env=told,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    assert line.startswith(f"ready: task queue {told['SINCH_HOSTING_TASK_QUEUE']}")
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.fixture
def run(told: dict[str, str]) -> Run:
    """Runs the command; returns its exit code, and what it wrote."""

    async def run_it(*arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sinch_hosting", "jobs", *arguments),
            env=told,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    return run_it


async def test_a_job_from_the_command(
    temporal: TemporalServer,
    run: Run,
    worker: Any,
    told: dict[str, str],
    service: Service,
    tmp_path: Path,
) -> None:
    """Started from a spreadsheet, looked at, and reported with its phone numbers."""
    service.rules.lives["TYPE_TEXT_ENABLE"] = [(0, "SUBMITTED"), (0.2, "COMPLETED")]
    listed = [f"+1303555{place:04}" for place in range(12)]
    service.fault(TEXT_ENABLES, drop(after=False), times=1, skip=1)
    service.rules.failing[listed[0]] = "campaignProvisioning"
    (tmp_path / "fleet.csv").write_text("phone\n" + "\n".join(listed))
    (tmp_path / "acme.toml").write_text(LETTER)
    line = ["start", str(tmp_path / "fleet.csv"), "--job", "acme", "--chunk-size", "5"]
    line += ["--loa", str(tmp_path / "acme.toml"), "--folder", str(tmp_path), "--every", "1s"]
    line += ["--plan", "plan", "--campaign", "campaign", "--at-once", "1"]
    line += ["--queue", told["SINCH_HOSTING_TASK_QUEUE"], "--grace", "1s", "--lease", "4s"]
    assert (await run(*line))[0] == 2  # nobody confirmed the letters
    code, _, err = await run(*line, "--yes")
    assert (code, service.numbers_in_two_letters) == (0, set()), err
    assert "jobs status acme" in err

    async with asyncio.timeout(PATIENCE):
        await find(await temporal.client(), service.project_id, "acme").result()
    code, out, err = await run("status", "acme", "--format", "json")
    assert (code, json.loads(out)["phase"]) == (0, "done"), err
    code, out, err = await run("report", "acme", "--folder", str(tmp_path), "--format", "csv")
    assert code == 6, err  # the second chunk may have an order
    assert [row.split(",")[0] for row in out.splitlines()[1:]] == [*listed[5:10], listed[0]]
    assert (await run(*line, "--yes"))[0] == 2  # a name is used once
    assert (await run("pause", "acme"))[0] == 2  # it has ended
    code, _, err = await run("status", "nope")
    assert code == 2
    assert "'nope': there is no such job" in err
    worker.send_signal(signal.SIGTERM)
    said = (await worker.stdout.read()).decode()
    assert (await worker.wait(), said.splitlines()[-1]) == (0, "stopped")


async def test_an_onboarding_from_the_command(
    run: Run, worker: Any, told: dict[str, str], service: Service, tmp_path: Path
) -> None:
    """Toll-free numbers that have to be proven by calls; codes are told, and leave no file."""
    service.rules.lives["TYPE_TEXT_ENABLE"] = [(0, "SUBMITTED"), (0.2, "COMPLETED")]
    service.rules.qualification = [(0, "VERIFICATION_PENDING")]
    listed = ["+18005550100", "+18005550101"]
    (tmp_path / "acme.toml").write_text(LETTER)
    folder = ["--folder", str(tmp_path)]
    line = ["start", *listed, "--job", "voices", "--kind", "onboard", "--voice", "--plan", "plan"]
    line += ["--loa", str(tmp_path / "acme.toml"), "--every", "1s", "--lease", "4s", "--yes"]
    code, _, err = await run(*line, *folder, "--queue", told["SINCH_HOSTING_TASK_QUEUE"])
    assert code == 0, err

    async def has_called() -> bool:
        code, out, err = await run("codes", "voices", *folder, "--format", "csv")
        assert code == 0, err
        return out.split()[1:] == listed

    await until(has_called)
    code, _, err = await run("code", "voices", listed[1], "9999", *folder)
    assert code == 1, err
    assert f"{listed[1]}: refused, is VERIFICATION_FAILED" in err
    code, _, err = await run("code", "voices", listed[1], "1234", *folder)
    assert code == 2, err
    assert "waits for no code" in err
    code, _, err = await run("ring", "voices", listed[0], *folder)
    assert code == 0, err
    assert f"jobs code voices {listed[0]} CODE --folder {tmp_path}" in err
    assert (await run("code", "voices", listed[0], "1234", *folder))[0] == 0
    assert not [name for name in os.listdir(tmp_path) if "code" in name]

    async def is_done() -> bool:
        code, out, err = await run("status", "voices", "--format", "json")
        assert code == 0, err
        return json.loads(out)["phase"] == "done"

    await until(is_done)
    code, out, err = await run("report", "voices", *folder, "--format", "csv")
    assert code == 1, err
    assert [row.split(",")[0] for row in out.splitlines()[1:]] == [listed[1]]
    assert [mailed.numbers for mailed in service.letters] == [(listed[0],)]


async def test_a_worker_that_is_to_end_does_not_wait_for_orders(
    temporal: TemporalServer, worker: Any, told: dict[str, str], service: Service, files: Files
) -> None:
    """Watching goes on at another worker; what is under way at the service would be finished."""
    files.write(5)
    given = job_of(every=3600.0)
    client = await temporal.client()
    queue = told["SINCH_HOSTING_TASK_QUEUE"]
    handle = await start(client, service.project_id, given, task_queue=queue)

    async def watches() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(one.activity_type.name == "sinch_hosting.watch" for one in pending)

    await until(watches)
    worker.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE):
        assert await worker.wait() == 0
    await handle.terminate()


async def test_the_letter_of_a_job_is_never_replaced(run: Run, tmp_path: Path) -> None:
    """Else its next orders would be mailed to another person; nobody works on the job here."""
    letter, kept = tmp_path / "acme.toml", tmp_path / "twice.letter.toml"
    letter.write_text(LETTER)
    line = ["start", "+13035550100", "--job", "twice", "--yes", "--plan", "p", "--campaign", "c"]
    line += ["--loa", str(letter), "--folder", str(tmp_path)]
    code, _, err = await run(*line, "--chunk-size", "0")
    assert (code, kept.exists()) == (2, False), err
    assert "chunk_size = 0: must be 1 to 500" in err
    assert (await run(*line))[0] == 0
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (LETTER, 0o640)
    letter.write_text(LETTER.replace("Jane", "Ann"))
    code, _, err = await run(*line)
    assert (code, kept.read_text()) == (2, LETTER)
    assert "is there with another letter: take another name for the job" in err


async def test_a_namespace_that_is_not_there(
    run: Run, told: dict[str, str], tmp_path: Path
) -> None:
    """The message says where to look."""
    (tmp_path / "acme.toml").write_text(LETTER)
    told["TEMPORAL_NAMESPACE"] = "nope"
    line = ["start", "+13035550100", "--job", "lost", "--yes", "--plan", "p", "--campaign", "c"]
    code, _, err = await run(*line, "--loa", str(tmp_path / "acme.toml"), "--folder", str(tmp_path))
    assert code == 4, err
    assert "TEMPORAL_NAMESPACE (nope)" in err


async def test_a_job_that_ended_early_is_reported(
    temporal: TemporalServer,
    run: Run,
    worker: Any,
    told: dict[str, str],
    service: Service,
    files: Files,
) -> None:
    """Failed or cancelled, its report says so, and its exit code is not that of success."""
    queue, folder = told["SINCH_HOSTING_TASK_QUEUE"], ["--folder", str(files.folder)]
    client = await temporal.client()
    files.write(10)
    wrong = job_of(letter="nowhere.toml")
    failed = await start(client, service.project_id, wrong, task_queue=queue)
    with pytest.raises(WorkflowFailureError):
        await failed.result()
    code, out, err = await run("report", wrong.order.job, *folder, "--format", "csv")
    assert (code, len(out.splitlines())) == (1, 1), err
    assert "failed before it sent anything: InvalidRequest: reference: cannot be read" in err
    given = job_of()
    cancelled = await start(client, service.project_id, given, task_queue=queue)
    await cancelled.signal("cancel")
    await cancelled.result()
    code, out, err = await run("report", given.order.job, *folder, "--format", "csv")
    assert (code, len(out.splitlines())) == (1, 1), err
    assert "was cancelled: 0 of 10 numbers are in orders" in err


async def test_numbers_of_two_kinds_are_refused(run: Run, tmp_path: Path) -> None:
    """A job is one kind of order; nothing is started."""
    (tmp_path / "acme.toml").write_text(LETTER)
    line = ["start", "+13035550100", "+18005550100", "--job", "mixed", "--yes", "--plan", "p"]
    line += ["--loa", str(tmp_path / "acme.toml"), "--folder", str(tmp_path), "--campaign", "c"]
    code, _, err = await run(*line)
    assert code == 2
    assert "1 of us, 1 of us tf" in err
