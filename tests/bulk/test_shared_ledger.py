"""A ledger in PostgreSQL that several workers share: claims, the fence, taking over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

pytest.importorskip("asyncpg", reason="asyncpg is not installed")

import asyncpg

from sinch_hosting import (
    InvalidRequest,
    JobChanged,
    LedgerError,
    LedgerLocked,
    RunStopped,
    SinchHosting,
)
from sinch_hosting._bulk import database
from sinch_hosting._bulk.attempts import LedgerRecorder
from sinch_hosting._bulk.database import ADD, CLAIM, SEND, Database
from sinch_hosting._bulk.known_orders import LIFE
from sinch_hosting._bulk.ledger import machine_clock
from sinch_hosting._bulk.ledger_postgres import PostgresLedger
from sinch_hosting._bulk.ledger_records import CREATED
from sinch_hosting._bulk.open_ledger import open_ledger

from ..conftest import SteppedClock
from ..postgres import Postgres
from ..service import TEXT_ENABLES, Service, drop, error, hang
from ..service.fixtures import api_client, api_service, make_api_client
from .rig import adds_up, letter, numbers
from .test_ledgers import JOB, RUN, entry

__all__ = ["api_client", "api_service", "make_api_client"]
MakeClient = Callable[..., SinchHosting]
RUN_OUT = "UPDATE sinch_hosting_chunks SET held_until = clock_timestamp()"
"""Lets every claim end now: the time of a database cannot be stepped."""


@pytest.fixture
def url(postgres: Postgres) -> str:
    """A new database."""
    return postgres.database()


async def run_out(url: str) -> None:
    """Let every claim end now."""
    connection = await asyncpg.connect(url)
    await connection.execute(RUN_OUT)
    await connection.close()


class Machine:
    """The clock of a worker's machine, by hand, and the sleep before each renewal."""

    def __init__(self) -> None:
        self.now = 100.0
        self.renewals: asyncio.Queue[None] = asyncio.Queue()

    def clock(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Until a renewal is asked for."""
        await self.renewals.get()


@pytest.fixture
async def worker(url: str) -> AsyncIterator[Callable[..., Any]]:
    """Opens the ledger as another worker would."""
    async with AsyncExitStack() as stack:

        async def open_it(lease: float = 60, machine: Machine | None = None) -> PostgresLedger:
            machine = machine or Machine()
            ledger = await PostgresLedger.open(
                url, name="pg", lease=lease, clock=machine.clock, sleep=machine.sleep
            )
            stack.push_async_callback(ledger.close)
            return ledger

        yield open_it


# ------------------------------------------------------------------- claims


async def test_one_worker_a_chunk(worker: Any) -> None:
    """Another machine gets it when it is given back, and knows what was recorded meanwhile."""
    one, other = await worker(), await worker()
    await one.begin(JOB, **RUN)
    await other.begin(JOB, **RUN)
    async with one.claim(JOB, 0):
        async with other.claim(JOB, 0) as held:
            assert held is None
        await one.sending(JOB, entry())
        await one.answered(JOB, entry(), CREATED, order_id="order-1")
    async with other.claim(JOB, 0) as claim:
        assert claim.is_stale
        assert other.jobs[JOB].chunks[0].order_id == "order-1"


async def test_a_worker_that_stalls_loses_its_chunk(worker: Any, url: str) -> None:
    """Whoever takes it over looks for the order first; the late one is refused twice over."""
    machine = Machine()
    late, other = await worker(machine=machine), await worker()
    await late.begin(JOB, **RUN)
    await other.begin(JOB, **RUN)
    with pytest.raises(LedgerLocked):  # noqa: PT012 - the whole block is what ends so
        async with late.claim(JOB, 0) as lost:
            await late.sending(JOB, entry())
            machine.now += 61  # stopped, while its create was about to leave
            await run_out(url)
            async with other.claim(JOB, 0) as taken:
                assert taken.is_stale
                assert other.jobs[JOB].chunks[0].is_open
                with pytest.raises(LedgerLocked, match="the claim of its chunk lasts"):
                    lost.check(0)
                # The order that it created all the same is a fact, and is recorded.
                await late.answered(JOB, entry(), CREATED, order_id="late")
                with pytest.raises(LedgerLocked, match="nothing was sent"):
                    await other.sending(JOB, entry(attempt=2))  # it has not seen that
            async with other.claim(JOB, 0) as again:
                assert again.is_stale
                assert other.jobs[JOB].chunks[0].order_id == "late"
            await late.sending(JOB, entry(attempt=2))


async def test_a_claim_that_ends_with_an_error_runs_out(worker: Any, url: str) -> None:
    """A create may be under way: nobody takes the chunk before it must have ended."""
    one, other = await worker(), await worker()
    for ledger in (one, other):
        await ledger.begin(JOB, **RUN)
    with pytest.raises(ZeroDivisionError):
        async with one.claim(JOB, 0):
            _ = 1 / 0
    async with other.claim(JOB, 0) as claim:
        assert claim is None
    await run_out(url)
    async with other.claim(JOB, 0) as claim:
        assert claim is not None


async def test_a_claim_is_renewed_while_its_worker_lives(worker: Any) -> None:
    """Its end moves on, here and in the database; that of a chunk given up does not."""
    machine = Machine()
    one = await worker(machine=machine)
    await one.begin(JOB, **RUN)
    async with one.claim(JOB, 0) as claim:
        before = claim.ends
        machine.now += 50
        machine.renewals.put_nowait(None)
        while claim.ends == before:  # noqa: ASYNC110 - as soon as the database has said so
            await asyncio.sleep(0.01)
        assert claim.ends == machine.now + 60
        claim.check(59)


async def test_the_fence_counts_from_before_the_claim_was_asked_for(worker: Any) -> None:
    """However long the database took to say yes: its own count began later."""
    machine = Machine()
    one = await worker(machine=machine)
    await one.begin(JOB, **RUN)
    real = one._database.value_again

    async def slow(*statement: object) -> object:
        said = await real(*statement)
        machine.now += 40
        return said

    one._database.value_again = slow
    async with one.claim(JOB, 0) as claim:
        assert claim.ends == 160
        with pytest.raises(LedgerLocked):
            claim.check(21)
        claim.check(20)


async def test_two_runs_cannot_begin_a_job_with_different_arguments(worker: Any) -> None:
    """Both saw no job; the second one to begin is refused."""
    one, other = await worker(), await worker()
    await one.begin(JOB, **RUN)
    with pytest.raises(LedgerLocked, match="letter"):
        await other.begin(JOB, **{**RUN, "letter": "another"})


async def test_no_password_in_an_error(url: str) -> None:
    """The address that is shown has neither user nor password."""
    wrong = url.replace("postgres@", "postgres:pa55word@").replace("?host=", "?host=/nowhere")
    with pytest.raises(LedgerError) as failed:
        await open_ledger(wrong, longest_request=1)
    assert "pa55word" not in repr(failed.value) + str(failed.value)
    assert failed.value.__cause__ is None


async def test_a_database_that_goes_away_ends_a_run_without_losing_what_it_has(
    api_service: Service,
    make_api_client: MakeClient,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Claims are tried again; then the rest fails, and the order that is there stays."""
    real, broken = Database._fetch, []

    async def fetch(self: Database, statement: str, arguments: Any) -> Any:
        if statement == CLAIM and arguments[1] >= 1:
            broken.append(arguments[1])
            raise LedgerError("the database is away")
        return await real(self, statement, arguments)

    monkeypatch.setattr(Database, "_fetch", fetch)
    monkeypatch.setattr(database, "_PAUSES", (0, 0))
    result = await text_enable(make_api_client(), numbers(15), ledger=url, max_concurrency=1)
    assert len(result.succeeded) == len(api_service.letters) == 1
    assert [type(chunk.error) for chunk in result.failed] == [LedgerError, LedgerError]
    assert broken.count(1) == 3


async def test_a_record_that_may_be_lost_is_made_again_before_anything_is_sent(
    api_service: Service,
    make_api_client: MakeClient,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The database took it, and its answer was lost: taken back, then sent once."""
    real, lost = Database._fetch, [1]

    async def fetch(self: Database, statement: str, arguments: Any) -> Any:
        rows = await real(self, statement, arguments)
        if statement == SEND and lost:
            lost.pop()
            raise LedgerError("the answer was lost")
        if statement == ADD:  # that it was taken back is one
            await real(self, RUN_OUT, ())
        return rows

    monkeypatch.setattr(Database, "_fetch", fetch)
    result = await text_enable(make_api_client(), numbers(10), ledger=url, max_concurrency=1)
    assert len(result.succeeded) == len(api_service.letters) == 2
    assert not lost
    assert not any(chunk.adopted for chunk in result.chunks)


# --------------------------------------------------------------------- jobs


async def text_enable(client: SinchHosting, listed: list[str], **settings: Any) -> Any:
    """A job with a letter; chunks of 5."""
    arguments = {
        "region_code": "US",
        "service_plan_id": "plan",
        "campaign_id": "campaign",
        "loa": letter(),
        "chunk_size": 5,
        "max_concurrency": 3,
        "job": "shared",
        **settings,
    }
    return await client.hosting_orders.text_enable_many(listed, **arguments)


async def test_workers_share_a_job(
    api_service: Service, make_api_client: MakeClient, url: str
) -> None:
    """Each chunk is sent by one of them, and each has the whole result."""
    listed = numbers(100)
    clients = [make_api_client() for _ in range(3)]
    results = await asyncio.gather(*(text_enable(c, listed, ledger=url) for c in clients))
    assert not api_service.numbers_in_two_letters
    assert len(api_service.letters) == 20
    for result in results:
        assert len(result.succeeded) == 20
        adds_up(result, listed)
    sent = Counter(sum(not chunk.adopted for chunk in result.chunks) for result in results)
    assert sum(count * times for count, times in sent.items()) == 20


async def test_a_worker_takes_over_what_another_one_left(
    api_service: Service, make_api_client: MakeClient, url: str, clock: SteppedClock
) -> None:
    """It died with an answer under way: its order is found by its tag, and nothing is sent."""
    rule = api_service.fault(TEXT_ENABLES, hang(after=True))
    running = asyncio.ensure_future(text_enable(make_api_client(), numbers(5), ledger=url))
    await rule.arrived.wait()
    running.cancel()
    await asyncio.wait([running])
    rule.release()
    await run_out(url)
    result = await text_enable(make_api_client(), numbers(5), ledger=url)
    assert len(result.succeeded) == 1
    assert result.chunks[0].adopted
    assert len(api_service.letters) == 1


@pytest.mark.parametrize(("policy", "letters"), [("hold", 0), ("resend", 1)])
async def test_what_is_not_there_is_held_or_sent_again(
    api_service: Service, make_api_client: MakeClient, url: str, policy: str, letters: int
) -> None:
    """The create never arrived; the one who takes over cannot know, so the policy decides."""
    api_service.fault(TEXT_ENABLES, drop(after=False))
    first = await text_enable(make_api_client(), numbers(5), ledger=url, on_unknown="hold")
    assert len(first.unknown) == 1
    again = await text_enable(make_api_client(), numbers(5), ledger=url, on_unknown=policy)
    assert len(again.succeeded) == len(api_service.letters) == letters


async def test_lists_that_cannot_be_read_are_read_until_they_can(
    api_service: Service, make_api_client: MakeClient, url: str
) -> None:
    """What an open create came to is settled by reads, however long these fail."""
    api_service.fault(TEXT_ENABLES, drop(after=True))
    lists, failures = api_service.lists["ListHostingOrders"], 200
    lists.hide = lambda order: True
    first = await text_enable(make_api_client(), numbers(5), ledger=url)
    assert len(first.unknown) == 1

    def failed() -> int:
        return api_service.statuses["ListHostingOrders", 503]

    opening = 2 * len(LIFE)  # the two readings at the beginning of a run
    api_service.fault("ListHostingOrders", error(503), times=failures, skip=opening)
    lists.hide = lambda order: failed() < failures
    again = await text_enable(make_api_client(), numbers(5), ledger=url)
    assert failed() == failures
    assert len(again.succeeded) == len(api_service.letters) == 1


@pytest.mark.parametrize("moment", ["recorded", "about to be written"])
async def test_the_fence_stops_a_create_whose_claim_is_too_short(
    api_service: Service,
    make_api_client: MakeClient,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """It stands still after its record, or when it may leave: it is sent once, later."""
    skipped, stalls = 0.0, [3600.0]
    real_clock, real_open = machine_clock, PostgresLedger.open.__func__

    def stalling(method: Any) -> Any:
        async def stall(*given: Any, **about: Any) -> None:
            nonlocal skipped
            await method(*given, **about)
            if stalls:
                skipped += stalls.pop()
                await run_out(url)

        return stall

    async def open_it(cls: type[PostgresLedger], address: str, **settings: Any) -> PostgresLedger:
        return await real_open(cls, address, **settings, clock=lambda: real_clock() + skipped)

    monkeypatch.setattr(PostgresLedger, "open", classmethod(open_it))
    if moment == "recorded":
        monkeypatch.setattr(PostgresLedger, "sending", stalling(PostgresLedger.sending))
    else:
        monkeypatch.setattr(LedgerRecorder, "on_sending", stalling(LedgerRecorder.on_sending))
    result = await text_enable(make_api_client(), numbers(5), ledger=url)
    assert not stalls
    assert len(result.succeeded) == 1
    assert not result.chunks[0].adopted
    assert api_service.counts["TextEnableHostingOrderNumbers"] == 1


async def test_another_workers_numbers_are_never_taken_for_ours(
    api_service: Service, make_api_client: MakeClient, url: str
) -> None:
    """The same job with other numbers: chunks that differ fail, and nothing is sent for them."""
    ours, theirs = numbers(20), numbers(10) + numbers(10, 500)
    one, other = await asyncio.gather(
        text_enable(make_api_client(), ours, ledger=url),
        text_enable(make_api_client(), theirs, ledger=url),
        return_exceptions=True,
    )
    failures: list[BaseException] = [r for r in (one, other) if isinstance(r, BaseException)]
    failures += [c.error for r in (one, other) if hasattr(r, "failed") for c in r.failed]
    assert failures
    assert all(isinstance(failure, JobChanged) for failure in failures)
    assert not api_service.numbers_in_two_letters


async def test_a_run_that_is_stopped_does_not_wait_for_another_one(
    api_service: Service, make_api_client: MakeClient, url: str
) -> None:
    """Chunks that another run holds fail with `RunStopped`, as all whose turn comes later."""
    rule = api_service.fault(TEXT_ENABLES, hang(after=True))
    first = asyncio.ensure_future(text_enable(make_api_client(), numbers(5), ledger=url))
    await rule.arrived.wait()
    client = make_api_client()
    second = asyncio.ensure_future(text_enable(client, numbers(5), ledger=url))
    while not client._get_runs().live:  # noqa: ASYNC110
        await asyncio.sleep(0)
    client.hosting_orders.stop_runs("shutdown")
    stopped = await second
    assert isinstance(stopped.failed[0].error, RunStopped)
    rule.release()
    assert len((await first).succeeded) == len(api_service.letters) == 1


async def test_a_shared_ledger_needs_requests_that_end(
    api_service: Service, make_api_client: MakeClient, url: str
) -> None:
    """Without a time-out no claim would be long enough."""
    client = make_api_client(timeout=aiohttp.ClientTimeout(total=None, sock_read=5))
    with pytest.raises(InvalidRequest, match="time-out"):
        await text_enable(client, numbers(5), ledger=url)
    assert not api_service.letters
