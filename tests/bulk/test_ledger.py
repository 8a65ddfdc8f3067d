"""The ledger: what it holds, what it survives, whom it refuses."""

# ruff: noqa: ASYNC240 - small files, read between two steps of a test

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import InvalidRequest, JobChanged, LedgerError, LedgerLocked, RunStopped
from sinch_hosting._bulk.ledger_file import LedgerFile
from sinch_hosting._bulk.ledger_records import Entry
from sinch_hosting._bulk.results import result_of
from sinch_hosting.sandbox.records import RequestRecord

from .rig import CAMPAIGN, PLAN, Rig, adds_up, keep_records, letter, numbers


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a ledger."""
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_it_is_the_audit_log(rig: Rig, ledger: Path) -> None:
    """When, job, tag, digest and count of the numbers, signer, order id, outcome; no secrets."""
    result = await rig.text_enable(numbers(7), job="audit", ledger=ledger)
    run, *lines = records(ledger)
    assert run["event"] == "run"
    sending = [line for line in lines if line["event"] == "sending"]
    answered = [line for line in lines if line["event"] == "answered"]
    assert sorted(line["count"] for line in sending) == [2, 5]
    assert all(line["signer"] == "Jane Roe <jane.roe@example.com>" for line in sending)
    assert all(len(line["numbers"]) == 32 and line["at"] for line in sending)
    assert {line["order_id"] for line in answered} == {
        order.hosting_order_id for order in result.succeeded
    }
    assert {line["outcome"] for line in answered} == {"created"}
    assert rig.sandbox.key_secret not in ledger.read_text()
    assert oct(ledger.stat().st_mode & 0o777) == "0o600"


async def test_every_create_is_synced_before_it_is_sent(
    rig: Rig, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a create arrives, its line is on the disk."""
    synced: list[int] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        real(fd)
        if ledger.exists():
            synced.append(ledger.read_text().count('"sending"'))

    monkeypatch.setattr(os, "fsync", fsync)
    seen: list[tuple[int, int]] = []

    class Watching(deque[RequestRecord]):
        def append(self, record: RequestRecord) -> None:
            if "textEnable" in record.path:
                seen.append((len(seen) + 1, max(synced, default=0)))
            super().append(record)

    rig.sandbox._service.requests = Watching()
    await rig.text_enable(numbers(12), job="sync", ledger=ledger)
    assert len(seen) == 3
    assert all(durable >= nth for nth, durable in seen)


async def test_every_answer_is_synced_before_it_is_given(
    rig: Rig, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When an outcome comes, its line is on the disk."""
    durable, real = 0, os.fsync

    def fsync(fd: int) -> None:
        nonlocal durable
        written = ledger.read_text().count('"answered"')
        real(fd)
        durable = max(durable, written)

    monkeypatch.setattr(os, "fsync", fsync)
    stream = rig.client().hosting_orders.text_enable_stream(
        numbers(20),
        region_code="US",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=letter(),
        chunk_size=5,
        job="sync",
        ledger=ledger,
    )
    given = 0
    async for _ in stream:
        given += 1
        assert durable >= given
    assert given == 4


async def test_it_is_only_appended_to(rig: Rig, ledger: Path) -> None:
    """What was written once stays as it was, whatever later runs note."""
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    await rig.text_enable(numbers(10), job="grows", ledger=ledger)
    before = ledger.read_bytes()
    await rig.text_enable(numbers(10), job="grows", ledger=ledger, on_unknown="resend")
    assert ledger.read_bytes().startswith(before)
    assert len(ledger.read_bytes()) > len(before)
    assert all({"at", "event", "job"} <= record.keys() for record in records(ledger))


async def test_a_run_with_nothing_in_flight_needs_no_settle_pause(rig: Rig, ledger: Path) -> None:
    """A ledger that knows the job and has nothing open spares the second walk."""
    await rig.text_enable(numbers(10), job="quick", ledger=ledger, settle=99)
    assert rig.slept.count(99) == 1
    rig.slept.clear()
    result = await rig.text_enable(numbers(10), job="quick", ledger=ledger, settle=99)
    assert not rig.slept
    assert all(chunk.adopted for chunk in result.chunks)


async def test_only_what_was_in_flight_is_looked_up(rig: Rig, ledger: Path) -> None:
    """A killed run's open create is settled; without a letter it is sent again when absent."""
    listed = numbers(10)
    await rig.blanket(listed, job="open", ledger=ledger)
    rig.sandbox.reset()
    keep_records(ledger, lambda record: record["event"] != "answered")
    result = await rig.blanket(listed, job="open", ledger=ledger)
    assert len(result.succeeded) == 2
    assert rig.creates() == 2
    adds_up(result, listed)


async def test_with_a_letter_what_was_in_flight_is_held(rig: Rig, ledger: Path) -> None:
    """Absent after the settle pause it stays unknown, run after run, until the caller says."""
    listed = numbers(5)
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    for _ in range(3):
        result = await rig.text_enable(listed, job="held", ledger=ledger)
        assert len(result.unknown) == 1
    assert rig.creates() == 1
    sent = await rig.text_enable(listed, job="held", ledger=ledger, on_unknown="resend")
    assert len(sent.succeeded) == 1
    assert rig.held() == dict.fromkeys(listed, 1)


@pytest.mark.parametrize(("has_ledger", "letters"), [(False, 2), (True, 1)])
async def test_a_second_letter_only_where_a_killed_run_kept_no_ledger(
    rig: Rig, ledger: Path, *, has_ledger: bool, letters: int
) -> None:
    """Killed behind its create, which no list shows: the ledger alone can hold it."""
    settings: dict[str, Any] = {"job": "killed", "ledger": ledger if has_ledger else None}
    await rig.text_enable(numbers(5), **settings)
    if has_ledger:
        keep_records(ledger, lambda record: record["event"] != "answered")
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)
    again = await rig.text_enable(numbers(5), **settings)
    assert len(again.unknown) == has_ledger
    assert rig.creates() == letters


async def test_at_most_one_duplicate_across_runs(rig: Rig, ledger: Path) -> None:
    """The ledger counts the sends of an attempt, so that darkness makes two orders at most."""
    rig.sandbox.faults.add("drop_after", operation="writes")
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)
    for _ in range(3):
        await rig.blanket(numbers(5), job="dark", ledger=ledger)
    assert rig.creates() == 2


async def test_a_job_without_a_campaign(rig: Rig, ledger: Path) -> None:
    """With a ledger it resumes; what was in flight and is not listed is held, letter or none."""
    listed = numbers(10)
    settings: dict[str, Any] = {"job": "bare", "ledger": ledger, "campaign_id": None}
    first = await rig.blanket(listed, **settings)
    assert len(first.succeeded) == 2
    walks = len(rig.sandbox.calls("ListHostingOrders"))
    second = await rig.blanket(listed, **settings)
    assert len(rig.sandbox.calls("ListHostingOrders")) == walks
    assert all(chunk.adopted for chunk in second.chunks)
    assert rig.creates() == 2
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    third = await rig.blanket(numbers(5, 50), **{**settings, "job": "bare2"})
    assert len(third.unknown) == 1
    fourth = await rig.blanket(numbers(5, 50), **{**settings, "job": "bare2"})
    assert len(fourth.unknown) == 1
    assert rig.creates() == 3


async def test_a_job_without_a_campaign_takes_what_it_finds(rig: Rig, ledger: Path) -> None:
    """An order that is listed is there, though absence proves nothing without a campaign."""
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    result = await rig.text_enable(numbers(5), job="bare", ledger=ledger, campaign_id=None)
    assert len(result.succeeded) == 1


@pytest.mark.parametrize("campaign_id", [CAMPAIGN, None])
async def test_what_was_left_out_is_told_again(
    rig: Rig, ledger: Path, campaign_id: str | None
) -> None:
    """The ledger keeps the reasons, so that every run's report is the same."""
    listed = numbers(5)
    client = rig.client()
    await client.imported_numbers.import_number(listed[2], region_code="US", service_plan_id=PLAN)
    settings: dict[str, Any] = {"job": "left", "ledger": ledger, "campaign_id": campaign_id}
    first = await rig.text_enable(listed, **settings)
    again = await rig.text_enable(listed, **settings)
    assert again.skipped == first.skipped
    assert "already imported" in again.skipped[0].reason
    adds_up(again, listed)
    assert len(rig.sandbox.orders_created()) == 1


async def test_two_runs_on_one_ledger(rig: Rig, ledger: Path) -> None:
    """The second is refused by the lock, in this process and in another one."""
    held = await LedgerFile.open(ledger)
    try:
        with pytest.raises(LedgerLocked, match="held by another run"):
            await rig.text_enable(numbers(3), job="lock", ledger=ledger)
        script = (
            "import asyncio, sys\n"
            "from sinch_hosting._bulk.ledger_file import LedgerFile\n"
            "from sinch_hosting import LedgerLocked\n"
            "try:\n    asyncio.run(LedgerFile.open(sys.argv[1]))\n"
            "except LedgerLocked:\n    sys.exit(3)\n"
        )
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", script, str(ledger)], check=False
        )
        assert done.returncode == 3
    finally:
        await held.close()
        await held.close()
    assert not rig.creates()
    assert len((await rig.text_enable(numbers(3), job="lock", ledger=ledger)).succeeded) == 1


async def test_a_torn_last_line_is_survived(rig: Rig, ledger: Path) -> None:
    """A line that a dying process cut counts as never written, and the next one is whole."""
    listed = numbers(10)
    await rig.text_enable(listed, job="torn", ledger=ledger)
    whole = ledger.read_bytes()
    for cut in (1, 20, 60):
        ledger.write_bytes(whole[:-cut])
        result = await rig.text_enable(listed, job="torn", ledger=ledger)
        assert len(result.succeeded) == 2
        assert rig.creates() == 2
    torn = [line for line in ledger.read_bytes().splitlines() if not line.endswith(b"}")]
    assert len(torn) <= 1


@pytest.mark.parametrize("cut", [b'{"at":"2026', b'{"at', b'{"at":"x","event":"run"}\n'])
async def test_a_torn_first_line(rig: Rig, ledger: Path, cut: bytes) -> None:
    """A ledger whose only line is torn is as good as new."""
    ledger.write_bytes(cut.removesuffix(b"\n"))
    for _ in range(2):
        result = await rig.text_enable(numbers(3), job="first", ledger=ledger)
        assert len(result.succeeded) == 1
    assert rig.creates() == 1


async def test_moved_to_another_machine_it_goes_on(rig: Rig, ledger: Path, tmp_path: Path) -> None:
    """A copy of the ledger is as good as the ledger."""
    await rig.text_enable(numbers(10), job="moved", ledger=ledger)
    other = tmp_path / "other" / "ledger"
    other.parent.mkdir()
    shutil.copy(ledger, other)
    result = await rig.text_enable(numbers(10), job="moved", ledger=other)
    assert all(chunk.adopted for chunk in result.chunks)
    assert rig.creates() == 2


async def test_a_new_ledger_does_not_hide_what_is_there(rig: Rig, ledger: Path) -> None:
    """A ledger that has never seen the job proves nothing: the lists are read as without one."""
    await rig.text_enable(numbers(10), job="new")
    result = await rig.text_enable(numbers(10), job="new", ledger=ledger)
    assert all(chunk.adopted for chunk in result.chunks)
    assert rig.creates() == 2


async def test_it_names_the_arguments_that_differ(rig: Rig, ledger: Path) -> None:
    """Where the tags tell only that something differs, the ledger tells what."""
    await rig.text_enable(numbers(5), job="args", ledger=ledger)
    with pytest.raises(JobChanged, match=r"the arguments \(campaign_id, chunk_size, loa\)"):
        await rig.text_enable(
            numbers(5),
            job="args",
            ledger=ledger,
            campaign_id="OTHER",
            chunk_size=4,
            loa=letter("john@example.com"),
        )
    again = await rig.text_enable(
        numbers(5), job="args", ledger=ledger, loa=letter("j@example.com"), retry_rejected=True
    )
    assert again.chunks[0].adopted
    assert rig.creates() == 1


async def test_a_rejected_order_that_only_the_ledger_knows(rig: Rig, ledger: Path) -> None:
    """`retry_rejected` opens it anew without a list, too; one that cannot be read is unknown."""
    settings: dict[str, Any] = {"job": "bare", "ledger": ledger, "campaign_id": None}
    first = await rig.text_enable(numbers(5), **settings)
    rig.sandbox.reject(first.succeeded[0].hosting_order_id)
    assert len((await rig.text_enable(numbers(5), **settings)).failed) == 1
    again = await rig.text_enable(numbers(5), retry_rejected=True, **settings)
    assert (again.chunks[0].tag or "").startswith("bare/0.2/")
    rig.sandbox.faults.add("error_before", operation="GetHostingOrder", status=403)
    dark = await rig.text_enable(numbers(5), **settings)
    assert len(dark.unknown) == 1
    assert rig.creates() == 2


@pytest.mark.parametrize("content", [b"hello\nworld\n", b"[1]\n{}\n"])
async def test_what_is_no_ledger_is_refused(rig: Rig, ledger: Path, content: bytes) -> None:
    """Another file is not written to."""
    ledger.write_bytes(content)
    with pytest.raises(LedgerError, match="no ledger"):
        await rig.text_enable(numbers(3), job="file", ledger=ledger)
    assert ledger.read_bytes() == content


async def test_a_ledger_that_cannot_be_opened(rig: Rig, tmp_path: Path) -> None:
    """A folder that is not there is said, and nothing is sent."""
    with pytest.raises(LedgerError, match="cannot be opened"):
        await rig.text_enable(numbers(3), job="none", ledger=tmp_path / "no" / "ledger")
    assert not rig.creates()


@pytest.mark.parametrize("path", ["x" * 300, "nul\0", "folder", "fifo"])
async def test_what_cannot_be_a_ledger(rig: Rig, tmp_path: Path, path: str) -> None:
    """Said at once, for a run and for a plan: none of them is waited for."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for plan in (False, True):
        with pytest.raises(LedgerError, match="cannot be opened"):
            await rig.text_enable(numbers(3), job="none", ledger=f"{tmp_path}/{path}", plan=plan)
    assert not rig.sandbox.requests


@pytest.mark.parametrize("ledger", [5, b"ledger"])
async def test_what_is_no_path(rig: Rig, ledger: Any) -> None:
    """Refused before anything is sent."""
    with pytest.raises(InvalidRequest, match="must be a path"):
        await rig.text_enable(numbers(3), job="none", ledger=ledger)


async def test_a_power_loss_leaves_nuls(rig: Rig, ledger: Path) -> None:
    """Where a line had been begun; with and without its beginning."""
    await rig.text_enable(numbers(5), job="nuls", ledger=ledger)
    whole = ledger.read_bytes()
    for tail in (b"\0" * 64, b'{"at":"2026' + b"\0" * 64):
        ledger.write_bytes(whole + tail)
        for _ in range(2):
            assert (await rig.text_enable(numbers(5), job="nuls", ledger=ledger)).chunks[0].adopted
    assert rig.creates() == 1


async def test_a_relative_path_means_where_the_run_began(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may change its folder while it runs."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    book = await LedgerFile.open("relative")
    monkeypatch.chdir(tmp_path / "other")
    await book.begin("j", arguments={}, letter="x")
    entry = Entry(chunk=0, attempt=1, tag="j/0.1/" + "a" * 18, sent="x")
    await book.sending("j", entry)
    await book.close()
    assert (tmp_path / "relative").exists()


async def test_cancelled_twice_while_the_disk_is_slow(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is let go when the disk is done, and whoever opens it next waits for that."""
    disk, real = threading.Event(), os.fsync

    def fsync(fd: int) -> None:
        disk.wait(10)
        real(fd)

    book = await LedgerFile.open(ledger)
    monkeypatch.setattr(os, "fsync", fsync)
    noting = asyncio.ensure_future(book.begin("j", arguments={}, letter="x"))
    await asyncio.sleep(0)
    noting.cancel()
    closing = asyncio.ensure_future(book.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([noting, closing])
    opening = asyncio.ensure_future(LedgerFile.open(ledger))
    await asyncio.sleep(0)
    disk.set()
    await (await opening).close()


async def test_lines_of_a_wrong_kind(ledger: Path) -> None:
    """A record without its fields is said, not met with a KeyError later."""
    begun = {"at": "2026", "event": "run", "job": "j", "arguments": {}, "letter": "x"}
    sent = {
        "at": "2026",
        "event": "sending",
        "job": "j",
        "chunk": 0,
        "attempt": 1,
        "tag": "j/0.1/" + "a" * 18,
        "count": 1,
        "sent": "x",
        "left_out": [],
    }
    lists = [
        ([{**begun, "arguments": 5}], "arguments"),
        ([{**begun, "letter": None}], "letter"),
        ([begun, {**sent, "chunk": "x"}], "line 2.*chunk"),
        ([begun, {**sent, "tag": None}], "line 2.*tag"),
        ([begun, {**sent, "tag": "j"}], "line 2.*tag"),
        ([begun, {**sent, "left_out": 5}], "line 2.*left_out"),
        ([begun, sent, {**sent, "event": "answered"}], "line 3.*outcome"),
    ]
    for records, said in lists:
        ledger.write_text("".join(json.dumps(record) + "\n" for record in records))
        with pytest.raises(LedgerError, match=f"damaged.*{said}"):
            await LedgerFile.open(ledger)


async def test_a_damaged_line_is_not_taken_for_a_torn_one(rig: Rig, ledger: Path) -> None:
    """Only what a dying process cut is passed over: anything else may hide a create."""
    await rig.text_enable(numbers(10), job="whole", ledger=ledger)
    lines = ledger.read_bytes().splitlines(keepends=True)
    for place in range(len(lines)):
        broken = [*lines[:place], lines[place][:40] + b"\n", *lines[place + 1 :]]
        ledger.write_bytes(b"".join(broken))
        with pytest.raises(LedgerError, match=f"line {place + 1}: it is no whole record"):
            await LedgerFile.open(ledger)
    ledger.write_bytes(b"".join(lines[:2]) + b"scribbled\n" + b"".join(lines[2:]))
    with pytest.raises(LedgerError, match="line 3: it is no record"):
        await rig.text_enable(numbers(10), job="whole", ledger=ledger)
    assert rig.creates() == 2


async def test_one_flipped_byte_is_never_passed_over(rig: Rig, ledger: Path) -> None:
    """Wherever it is, in the last line too, which was synced: the create in flight is not lost."""
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)
    await rig.text_enable(numbers(5), job="flip", ledger=ledger, grace=1)
    whole = ledger.read_bytes()
    for place in [*range(0, len(whole), 3), len(whole) - 1]:
        for bit in (0x01, 0x20):
            flipped = bytearray(whole)
            flipped[place] ^= bit
            ledger.write_bytes(flipped)
            with pytest.raises(LedgerError):
                await LedgerFile.open(ledger)
    ledger.write_bytes(whole)
    assert (await LedgerFile.open(ledger)).jobs["flip"].chunks[0].is_open


async def test_each_line_that_is_missing_is_noticed(rig: Rig, ledger: Path) -> None:
    """A gap says which records are missing, a cut beginning that it is one, a copy that it is."""
    await rig.text_enable(numbers(10), job="gap", ledger=ledger)
    lines = ledger.read_bytes().splitlines(keepends=True)
    for place in range(1, len(lines) - 1):
        ledger.write_bytes(b"".join([*lines[:place], *lines[place + 1 :]]))
        with pytest.raises(LedgerError, match=f"records {place + 1} to {place + 1} are missing"):
            await LedgerFile.open(ledger)
        ledger.write_bytes(b"".join([*lines[:place], lines[place - 1], *lines[place:]]))
        with pytest.raises(LedgerError, match=f"where record {place + 1} belongs"):
            await LedgerFile.open(ledger)
    ledger.write_bytes(b"".join(lines[1:]))
    with pytest.raises(LedgerError, match="what was before its beginning is cut off"):
        await LedgerFile.open(ledger)


async def test_a_torn_line_is_told_from_a_flipped_one(rig: Rig, ledger: Path) -> None:
    """A line without an end was never durable; what is read again then is the lists."""
    await rig.text_enable(numbers(5), job="torn", ledger=ledger)
    whole = ledger.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for cut in range(2, len(last)):
        ledger.write_bytes(whole[:-cut])
        book = await LedgerFile.open(ledger)
        assert book.is_torn
        assert book.jobs["torn"].chunks[0].is_open
        await book.close()
    rig.slept.clear()
    result = await rig.text_enable(numbers(5), job="torn", ledger=ledger, settle=77)
    assert result.chunks[0].adopted
    assert rig.slept.count(77) == 1
    assert rig.creates() == 1
    assert records_of_version_2(ledger) == [1, 2, 3, 4]


def records_of_version_2(path: Path) -> list[int]:
    """The numbers of its records, torn lines passed over."""
    lines = path.read_text().splitlines()
    return [json.loads(line)["seq"] for line in lines if line.endswith("}")]


async def test_cut_while_it_is_held(rig: Rig, ledger: Path) -> None:
    """A file that is shorter than what was written to it tells too little: nothing is sent."""
    book = await LedgerFile.open(ledger)
    await book.begin("j", arguments={}, letter="x")
    entry = Entry(chunk=0, attempt=1, tag="j/0.1/" + "a" * 18, sent="x")
    await book.sending("j", entry)
    os.truncate(ledger, 40)
    with pytest.raises(LedgerError, match="was cut while this run held it"):
        await book.sending("j", entry)
    await book.close()


async def test_a_ledger_of_version_1_is_continued_in_version_2(rig: Rig, ledger: Path) -> None:
    """Its records count, so that a gap among them shows once others follow."""
    await rig.text_enable(numbers(5), job="old", ledger=ledger)
    bare = [
        {name: value for name, value in record.items() if name not in ("seq", "sum")}
        for record in records(ledger)
    ]
    ledger.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in bare))
    again = await rig.text_enable(numbers(5), job="old", ledger=ledger)
    assert again.chunks[0].adopted
    assert records(ledger)[-1]["seq"] == 4
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join([lines[0], *lines[2:]]))
    with pytest.raises(LedgerError):
        await LedgerFile.open(ledger)
    assert rig.creates() == 1


async def test_moved_away_while_it_is_held(rig: Rig, ledger: Path, tmp_path: Path) -> None:
    """A second run could begin at its path, so the first sends nothing more."""
    service: Any = rig.sandbox._service
    requests = service.requests

    class Moving:
        def __getattr__(self, name: str) -> Any:
            return getattr(requests, name)

        def append(self, record: Any) -> None:
            requests.append(record)
            if "textEnable" in record.path and ledger.exists():
                ledger.rename(tmp_path / "moved.jsonl")

    service.requests = Moving()
    result = await rig.text_enable(numbers(15), job="moved", ledger=ledger, max_concurrency=1)
    service.requests = requests
    assert len(result.succeeded) == rig.creates() == 1
    assert "was moved" in str(result.failed[0].error)
    (tmp_path / "moved.jsonl").rename(ledger)
    assert len((await rig.text_enable(numbers(15), job="moved", ledger=ledger)).succeeded) == 3
    assert rig.held() == dict.fromkeys(numbers(15), 1)


async def test_broken_off_and_run_again_at_once(rig: Rig, ledger: Path) -> None:
    """Python ends a stream that was left with `break` a few turns later: that is waited for."""
    orders = rig.client().hosting_orders
    settings: dict[str, Any] = {
        "region_code": "US",
        "service_plan_id": PLAN,
        "campaign_id": CAMPAIGN,
        "loa": letter(),
        "chunk_size": 5,
        "job": "broken",
        "ledger": ledger,
    }
    async for _ in orders.text_enable_stream(numbers(20), **settings):
        break
    outcomes = [chunk async for chunk in orders.text_enable_stream(numbers(20), **settings)]
    adds_up(result_of(outcomes), numbers(20))
    held = orders.text_enable_stream(numbers(20), **settings)
    await anext(held)
    with pytest.raises(LedgerLocked):
        await anext(orders.text_enable_stream(numbers(20), **settings))
    await held.aclose()


async def test_a_disk_that_fills_up_stops_the_run(
    rig: Rig, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent that the ledger could not note before; what was created is told."""
    real, calls = os.write, 0

    def write(fd: int, line: bytes) -> int:
        nonlocal calls
        calls += b'"event"' in line
        if calls > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, line)

    monkeypatch.setattr(os, "write", write)
    result = await rig.text_enable(numbers(15), job="full", ledger=ledger, max_concurrency=1)
    assert rig.creates() == 1
    assert len(result.succeeded) == 1
    assert {type(chunk.error) for chunk in result.failed} <= {RunStopped, LedgerError}
    adds_up(result, numbers(15))


async def test_a_line_that_is_cut_by_the_disk(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line is an error, and the next line begins on its own."""
    real = os.write
    book = await LedgerFile.open(ledger)
    await book.begin("j", arguments={}, letter="x")
    monkeypatch.setattr(os, "write", lambda fd, line: real(fd, line[:7]))
    with pytest.raises(LedgerError, match="no room"):
        await book.begin("j", arguments={}, letter="x")
    monkeypatch.setattr(os, "write", real)
    await book.sending("j", Entry(chunk=0, attempt=1, tag="j/0.1/" + "a" * 18, sent="x"))
    await book.close()
    again = await LedgerFile.open(ledger)
    assert again.jobs["j"].chunks[0].is_open
    await again.close()


async def test_a_sync_that_fails(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not durable is an error."""
    book = await LedgerFile.open(ledger)

    def fsync(_: int) -> None:
        raise OSError(errno.EIO, "I/O error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(LedgerError, match="cannot be synced"):
        await book.begin("j", arguments={}, letter="x")
    await book.close()


async def test_a_sync_that_fails_for_nobody(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waited is gone: asyncio has nothing to complain of."""
    disk = threading.Event()

    def fsync(_: int) -> None:
        disk.wait(10)
        raise OSError(errno.EIO, "I/O error")

    book = await LedgerFile.open(ledger)
    monkeypatch.setattr(os, "fsync", fsync)
    noting = asyncio.ensure_future(book.begin("j", arguments={}, letter="x"))
    await asyncio.sleep(0)
    noting.cancel()
    await asyncio.wait([noting])
    disk.set()
    await book.close()
    del book, noting
    gc.collect()
    await asyncio.sleep(0)
    assert "never retrieved" not in caplog.text


async def test_closed_while_somebody_writes(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the next sync is told that there will be none."""
    disk, real = threading.Event(), os.fsync

    def fsync(fd: int) -> None:
        disk.wait(10)
        real(fd)

    book = await LedgerFile.open(ledger)
    monkeypatch.setattr(os, "fsync", fsync)
    first = asyncio.ensure_future(book.begin("j", arguments={}, letter="x"))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(book.begin("k", arguments={}, letter="x"))
    closing = asyncio.ensure_future(book.close())
    await asyncio.sleep(0)
    disk.set()
    await closing
    await first
    with pytest.raises(LedgerError, match="cannot be synced"):
        await second


async def test_a_ledger_without_a_job_is_refused(rig: Rig, ledger: Path) -> None:
    """`ledger=` goes with `job=`."""
    with pytest.raises(InvalidRequest, match="goes with job"):
        await rig.text_enable(numbers(3), ledger=ledger)
    assert not ledger.exists()


async def test_a_ledger_without_its_beginning_is_refused(rig: Rig, ledger: Path) -> None:
    """What was in flight cannot be told from it, so nothing is sent."""
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    await rig.text_enable(numbers(5), job="cut", ledger=ledger)
    ledger.write_text("".join(ledger.read_text().splitlines(keepends=True)[1:]))
    before = rig.creates()

    with pytest.raises(LedgerError, match="before its beginning"):
        await rig.text_enable(numbers(5), job="cut", ledger=ledger)

    assert rig.creates() == before
