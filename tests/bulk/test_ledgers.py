"""What every ledger promises, in a file and in PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sinch_hosting import LedgerError
from sinch_hosting._bulk.ledger import Ledger
from sinch_hosting._bulk.ledger_records import CREATED, FAILED, UNKNOWN, Entry
from sinch_hosting._bulk.open_ledger import open_ledger

from ..postgres import Postgres

JOB = "job"
RUN = {
    "ledger": 2,
    "operation": "TextEnableHostingOrderNumbers",
    "type": "TYPE_TEXT_ENABLE",
    "service_plan_id": "plan",
    "campaign_id": "campaign",
    "arguments": {"region_code": "aaaa"},
    "letter": "bbbb",
    "signer": None,
}
Open = Callable[..., Awaitable[Ledger]]


def entry(chunk: int = 0, attempt: int = 1) -> Entry:
    """An attempt of a chunk, about to be sent."""
    tag = f"{JOB}/{chunk}.{attempt}/{'a' * 18}"
    return Entry(chunk=chunk, attempt=attempt, tag=tag, count=2, sent="digest")


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the ledger is: a path, or a database."""
    if request.param == "file":
        return str(tmp_path / "job.jsonl")
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
async def opened(address: str) -> AsyncIterator[Open]:
    """Opens the ledger, again and again; all of them are closed at the end."""
    ledgers: list[Ledger] = []

    async def open_it(**settings: bool) -> Ledger:
        ledgers.append(await open_ledger(address, longest_request=30, **settings))
        return ledgers[-1]

    yield open_it
    for ledger in ledgers:
        await ledger.close()


async def test_what_was_recorded_is_there_after_it_was_opened_again(opened: Open) -> None:
    """The run, each attempt, and its result."""
    ledger = await opened()
    await ledger.begin(JOB, **RUN)
    async with ledger.claim(JOB, 0) as claim:
        assert claim is not None
        await ledger.sending(JOB, entry(), numbers="digest", of=2)
        await ledger.answered(JOB, entry(), CREATED, order_id="order-1", left_out=[("+1", "why")])
    async with ledger.claim(JOB, 1):
        await ledger.sending(JOB, entry(1), numbers="digest", of=2, listed=["+12", "+13"])
        await ledger.answered(JOB, entry(1), FAILED, error=ValueError("no"))
    before = ledger.jobs[JOB]
    await ledger.close()
    after = (await opened()).jobs[JOB]
    assert after.chunks == before.chunks
    assert after.chunks[0].order_id == "order-1"
    assert after.chunks[0].left_out == (("+1", "why"),)
    assert after.chunks[1].listed == ("+12", "+13")
    assert after.fingerprint == before.fingerprint
    assert after.place.campaign_id == "campaign"


async def test_a_create_without_an_answer_is_open(opened: Open) -> None:
    """A ledger proves what was sent: it may have been carried out."""
    ledger = await opened()
    await ledger.begin(JOB, **RUN)
    async with ledger.claim(JOB, 7):
        await ledger.sending(JOB, entry(7))
    await ledger.close()
    known = (await opened()).jobs[JOB].chunks[7]
    assert known.is_open
    assert known.sends == 1


async def test_a_second_send_of_an_open_attempt_is_counted(opened: Open) -> None:
    """Two sends, and a refusal of the second says nothing about the first."""
    ledger = await opened()
    await ledger.begin(JOB, **RUN)
    async with ledger.claim(JOB, 0):
        await ledger.sending(JOB, entry())
        await ledger.sending(JOB, entry())
        assert ledger.jobs[JOB].chunks[0].sends == 2
        await ledger.answered(JOB, entry(), FAILED)
    assert ledger.jobs[JOB].chunks[0].is_open


async def test_nothing_is_recorded_of_a_job_that_was_not_begun(opened: Open) -> None:
    """Its arguments would be unknown to the next run."""
    ledger = await opened()
    with pytest.raises(LedgerError, match="knows nothing of job"):
        await ledger.sending(JOB, entry())
    with pytest.raises(LedgerError, match="knows nothing of job"):
        await ledger.answered(JOB, entry(), CREATED, order_id="order-1")


async def test_one_claim_a_chunk(opened: Open) -> None:
    """Two tasks of a process exclude each other; other chunks are free; the end gives it back."""
    ledger = await opened()
    await ledger.begin(JOB, **RUN)
    async with ledger.claim(JOB, 0) as first:
        async with ledger.claim(JOB, 0) as second:
            assert second is None
        async with ledger.claim(JOB, 1) as other:
            assert other is not None
        assert first is not None
        first.check(30)
    async with ledger.claim(JOB, 0) as again:
        assert again is not None
        assert not again.is_stale


async def test_a_create_whose_record_was_cut_short_counts_as_not_sent(opened: Open) -> None:
    """Cancelled while it is being recorded: it was not sent, and the ledger says so."""
    ledger = await opened()
    await ledger.begin(JOB, **RUN)
    async with ledger.claim(JOB, 0):
        sending = asyncio.ensure_future(ledger.sending(JOB, entry()))
        for _ in range(3):
            await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    await ledger.close()
    known = (await opened()).jobs[JOB].chunks.get(0)
    assert known is None or not known.is_open


async def test_reading_only_writes_nothing(opened: Open) -> None:
    """A ledger that is not there stays so; one that is held can be read."""
    assert (await opened(read_only=True)).jobs == {}
    with pytest.raises(LedgerError, match="there is no"):
        await opened(is_new_fine=False)
    ledger = await opened()
    await ledger.begin(JOB, **RUN)
    assert JOB in (await opened(read_only=True)).jobs


async def test_closing_is_safe_to_repeat(opened: Open) -> None:
    """And nothing is recorded after it."""
    ledger = await opened()
    await ledger.begin(JOB, **RUN)
    await ledger.close()
    await ledger.close()
    with pytest.raises(LedgerError):
        await ledger.sending(JOB, entry())


async def test_an_order_that_is_known_stays_known(opened: Open) -> None:
    """A later record of the same attempt that has no order is another run's: it changes nothing."""
    ledger = await opened()
    await ledger.begin(JOB, **RUN)
    async with ledger.claim(JOB, 0):
        await ledger.sending(JOB, entry())
        await ledger.answered(JOB, entry(), CREATED, order_id="order-1")
        for outcome in (FAILED, UNKNOWN):
            await ledger.answered(JOB, entry(), outcome)
    await ledger.close()
    known = (await opened()).jobs[JOB].chunks[0]
    assert (known.outcome, known.order_id, known.is_open) == (CREATED, "order-1", False)
