"""The ledger on PostgreSQL: several workers, on several machines, share a job.

Every worker makes the same call. Each chunk is taken by one of them, and the others read what
became of it. There is no other engine: a worker that dies, or stalls, loses its chunks when their
claims run out.

| table | a row for | its columns |
|---|---|---|
| `sinch_hosting_records` | each record, in the form of a ledger file; only added to | job, chunk, record |
| `sinch_hosting_chunks` | each chunk that was claimed or recorded | how many records it has, who holds it, until when |

Every statement that writes of a chunk locks its row first, so the records of one chunk are in the
order in which they were committed. `sending` compares the holder, the end of the claim and the
number of records with what this worker knows, and adds its record, in one statement. The end of a
claim is on the clock of the database. A worker does not ask that clock: it counts from before it
asked for the claim, on its own clock, so its own count ends first.

An onboarding is one run: which numbers share an order depends on when they are ready. So it claims
all of its job, before it reads what is recorded. Others wait until it ends, or its claim runs out.

A record is durable when its call returns, since `synchronous_commit` is on for these connections,
whatever the server's default is. A standby that is promoted without its last transactions loses
records, as every database does: replicate synchronously.
"""  # noqa: E501 - the table

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Unpack, cast
from uuid import uuid4

from .._aio import Clock, Sleep
from .._session.retry import exponential
from ..errors import LedgerError, LedgerLocked
from .database import (
    ADD,
    BEGIN,
    CLAIM,
    GIVE_BACK,
    IS_THERE,
    READ_CHUNK,
    READ_JOBS,
    RECORDS,
    RENEW,
    SEND,
    Database,
)
from .ledger import Claim, Ledger, machine_clock
from .ledger_records import (
    Entry,
    JobEntries,
    Result,
    answered_record,
    sending_record,
    take_in,
    unsent_record,
)

_log = logging.getLogger("sinch_hosting")
_RENEWALS = 8
"""How often a claim is renewed within its own length."""
_RUNS = -1
"""In the place of a chunk: the records of the job's runs."""
_WHOLE = -2
"""In the place of a chunk: all of the job, and a record for each run of it that has ended."""
_FIRST_LOOK, _LONGEST_LOOK = 0.1, 5.0  # seconds between tries to claim what another run holds
_COMPARED = ("operation", "type", "service_plan_id", "campaign_id", "arguments", "letter")
Key = tuple[str, int]


class PostgresLedger(Ledger):
    """An open ledger in a database; other workers may have it open, too.

    Use `await PostgresLedger.open(url, lease=60)`.
    """

    def __init__(self, database: Database, lease: float, clock: Clock, sleep: Sleep) -> None:
        self.name = database.name
        self._database = database
        self.jobs: dict[str, JobEntries] = {}
        self.is_torn = False
        self.whole, self.is_follow_up = Claim(clock), False
        self._lease = lease
        self._clock, self._sleep = clock, sleep
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._counts: dict[Key, int] = {}
        """How many records of each chunk are in `jobs`."""
        self._claims: dict[Key, Claim] = {}
        self._busy: set[Key] = set()
        """The chunks that a task of this process holds, or asks for."""
        self._renewing: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        name: str,
        lease: float,
        job: str | None = None,
        read_only: bool = False,
        is_new_fine: bool = True,
        alone: bool = False,
        clock: Clock = machine_clock,
        sleep: Sleep = asyncio.sleep,
    ) -> PostgresLedger:
        """Connect, make the tables where they are missing, and read what they hold.

        Args:
            url: The address of the database, such as `postgresql://user@host/name`. What it does
                not say (a password, TLS) comes from the environment, as for `psql`.
            name: What to call it in messages, without a password.
            lease: Seconds that a claim lasts after its worker was last heard of.
            job: Read only this job and its sub-jobs.
            read_only: Make no tables; missing ones count as empty.
            is_new_fine: Whether the tables may be missing.
            alone: Claim all of the job first; wait as long as another run holds it.
            clock: The clock of this machine.
            sleep: Waits on a clock that runs like it.

        Raises:
            LedgerError: The database cannot be reached or read, or `is_new_fine` is false and
                there is no ledger in it.
        """
        database = await Database.connect(url, name)
        ledger = cls(database, lease, clock, sleep)
        try:
            has_tables = await database.has_tables()
            if not has_tables and not is_new_fine:
                raise LedgerError(f"{name}: there is no ledger in it")
            if not has_tables and not read_only:
                await database.make_tables()
            if alone and job is not None:
                await ledger._claim_whole(job)
            if has_tables or alone:
                ledger._replay(await database.rows(READ_JOBS, job))
        except BaseException:
            await ledger.close()
            raise
        return ledger

    async def close(self, *, is_over: bool = False) -> None:
        """Close the connections. Chunks that are still claimed run out. Safe to repeat.

        All of a job is given back: chunks of it that may be under way stay claimed.
        """
        renewing, self._renewing = self._renewing, None
        whole = [key for key in self._claims if key[1] == _WHOLE]
        self._claims.clear()
        if renewing is not None:
            renewing.cancel()
            await asyncio.wait([renewing])
        if self._late:
            await asyncio.wait(self._late)
        for key in whole:
            await self._give_back(key, is_over=is_over)
        await self._database.close()

    async def begin(self, job: str, **about: object) -> None:
        """Record that a run of a job begins; runs that begin at the same time are compared."""
        key, record = (job, _RUNS), self._stamped({"event": "run", "job": job, **about})
        while True:
            known = self._counts.get(key, 0)
            count = await self._database.value(BEGIN, *key, known, json.dumps(record))
            if count is not None:
                self._take_in(key, record, count)
                return
            rows = await self._database.rows(READ_CHUNK, *key)
            for row in rows[known:]:
                self._compare_run(record, json.loads(str(row["record"])))
            self._replay(rows[known:])

    def _compare_run(self, ours: Mapping[str, object], other: Mapping[str, object]) -> None:
        differing = [name for name in _COMPARED if ours.get(name) != other.get(name)]
        if differing:
            raise LedgerLocked(
                f"{self.name}: another run began job {ours['job']!r} a moment ago, with others "
                f"than this one: {', '.join(differing)}. Nothing was sent; compare the two calls"
            )

    # -------------------------------------------------------------- claims

    @asynccontextmanager
    async def claim(self, job: str, chunk: int) -> AsyncIterator[Claim | None]:
        """Hold a chunk for the time of a block; `None` where another worker or task holds it."""
        key = job, chunk
        if key in self._busy:
            yield None
            return
        self._busy.add(key)
        try:
            claim = await self._take(key)
            yield claim
        except BaseException:
            self._claims.pop(key, None)  # a create may be under way: the claim runs out
            raise
        else:
            if self._claims.pop(key, None) is not None:
                await self._give_back(key)
        finally:
            self._busy.discard(key)

    async def _take(self, key: Key) -> Claim | None:
        claim = Claim(self._clock)
        count = await self._ask(key, claim)
        if count is None:
            return None
        claim.is_stale = await self._is_stale(key, count)
        return claim

    async def _ask(self, key: Key, claim: Claim) -> object:
        """Claim a chunk, or all; returns how many records it has, `None` where others hold it."""
        claim.ends = self._clock() + self._lease
        count = await self._database.value_again(CLAIM, *key, self._holder, self._length)
        if count is not None:
            self._claims[key] = claim
            if self._renewing is None:
                self._renewing = asyncio.create_task(self._renew())
        return count

    async def _claim_whole(self, job: str) -> None:
        """Claim all of a job, as soon as no other run holds it."""
        key, claim = (job, _WHOLE), Claim(self._clock, what="the job")
        ended = await self._database.value(RECORDS, *key) or 0
        pauses = exponential(initial=_FIRST_LOOK, factor=2, maximum=_LONGEST_LOOK)
        count = await self._ask(key, claim)
        if count is None:
            _log.warning("another run does job %s: this one waits until it ends, or dies", job)
        while count is None:
            await self._sleep(next(pauses))
            count = await self._ask(key, claim)
        self.whole, self.is_follow_up = claim, count != ended

    async def _is_stale(self, key: Key, count: object) -> bool:
        """Read what others wrote of a chunk; whether its orders have to be looked for."""
        job, chunk = key
        is_news = count != self._counts.get(key, 0)
        if is_news:
            rows = await self._database.rows(READ_CHUNK, job, chunk)
            self.jobs[job].chunks.pop(chunk, None)
            self._counts[key] = 0
            self._replay(rows)
        # An open create may have arrived after this run read the lists: whoever sent it was alive.
        entry = self.jobs[job].chunks.get(chunk)
        return is_news or (entry is not None and entry.is_open)

    async def _give_back(self, key: Key, *, is_over: bool = False) -> None:
        try:
            if is_over:
                await self._add(key, self._stamped({"event": "ended", "job": key[0]}))
            await self._database.value_again(GIVE_BACK, *key, self._holder)
        except LedgerError as error:
            _log.warning(
                "chunk %d of job %s is held until its claim runs out: %s", *key[::-1], error
            )

    async def _renew(self) -> None:
        """Renew the claims that are held, until this is cancelled."""
        while True:
            await self._sleep(self._lease / _RENEWALS)
            held = list(self._claims)
            if not held:
                continue
            asked = self._clock()
            jobs, chunks = [job for job, _ in held], [chunk for _, chunk in held]
            try:
                rows = await self._database.rows(RENEW, jobs, chunks, self._holder, self._length)
            except LedgerError as error:
                _log.warning("claims were not renewed: %s", error)
                continue
            for row in rows:
                claim = self._claims.get(cast("Key", (row["job"], row["chunk"])))
                if claim is not None:
                    claim.ends = max(claim.ends, asked + self._lease)

    @property
    def _length(self) -> timedelta:
        return timedelta(seconds=self._lease)

    # ------------------------------------------------------------- records

    async def sending(self, job: str, entry: Entry, **about: object) -> None:
        """Record that a create is about to be sent, if this worker alone may send it."""
        key = job, entry.chunk
        self._check_job(job)
        if key not in self._claims:
            raise LedgerLocked(f"{self.name}: chunk {entry.chunk} of job {job!r} is not claimed")
        record = self._stamped({**sending_record(job, entry, about), "by": self._holder})
        line, known = json.dumps(record), self._counts.get(key, 0)
        try:
            count = await self._database.value(SEND, *key, self._holder, known, line)
        except BaseException as error:
            unsent = self._stamped(unsent_record(job, entry, error))
            self._later(self._take_back(key, line, unsent))
            if isinstance(
                error, LedgerError
            ):  # claimed anew, it shows whether the database is back
                raise LedgerLocked(f"nothing was sent, it may not be recorded: {error}") from error
            raise
        if count is None:
            raise LedgerLocked(
                f"{self.name}: chunk {entry.chunk} of job {job!r} was taken by another worker, or "
                "somebody else wrote of it; nothing was sent"
            )
        self._take_in(key, record, count)

    async def answered(
        self, job: str, entry: Entry, outcome: str, **result: Unpack[Result]
    ) -> None:
        """Record the result of a create; it needs no claim."""
        self._check_job(job)
        # Recorded twice, where the first answer of the database was lost, it says no more.
        record = answered_record(job, entry, outcome, **result)
        await self._add((job, entry.chunk), self._stamped({**record, "by": self._holder}))

    async def _add(self, key: Key, record: dict[str, object]) -> None:
        count = await self._database.value_again(ADD, *key, json.dumps(record))
        self._take_in(key, record, count)

    async def _take_back(self, key: Key, line: str, unsent: dict[str, object]) -> None:
        """Record that a create was not sent, where the ledger says that it is."""
        try:
            if await self._database.value_again(IS_THERE, *key, line):
                await self._add(key, unsent)
        except LedgerError as error:
            _log.warning("chunk %d of job %s counts as sent, and was not: %s", *key[::-1], error)

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _take_in(self, key: Key, record: dict[str, object], count: object) -> None:
        take_in(self.jobs, record)
        known = self._counts.get(key, 0) + 1
        if count == known:
            self._counts[key] = known  # else somebody else wrote: all is read at the next claim

    def _check_job(self, job: str) -> None:
        if job not in self.jobs:
            raise LedgerError(f"{self.name} knows nothing of job {job!r}")

    def _stamped(self, record: dict[str, object]) -> dict[str, object]:
        return {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **record}

    def _replay(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Take in records in the order in which they were written."""
        for row in rows:
            try:
                record = json.loads(str(row["record"]))
                take_in(self.jobs, record)
            except (ValueError, KeyError) as reason:  # `Damaged` is a ValueError
                raise LedgerError(
                    f"{self.name} is damaged: record {row['number']}: {reason}"
                ) from None
            key = str(record["job"]), cast("int", row["chunk"])
            self._counts[key] = self._counts.get(key, 0) + 1
