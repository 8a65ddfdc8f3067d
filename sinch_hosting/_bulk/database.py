"""The database of a shared ledger: its connections, its statements, and its errors.

Each statement is a transaction of its own. A worker that stalls between two of them, for however
long, holds no lock that another one waits for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from .._aio import Sleep
from ..errors import LedgerError

_CONNECT_SECONDS, _COMMAND_SECONDS = 10.0, 30.0
_CONNECTIONS = 4
_PAUSES = (0.2, 1.0, 5.0)
"""Seconds before the next try of a statement that is safe to repeat."""
_log = logging.getLogger("sinch_hosting")
_FAILURES = (
    OSError,  # `TimeoutError` is one
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_TABLES = """
SELECT pg_advisory_xact_lock(1364083528);
CREATE TABLE IF NOT EXISTS sinch_hosting_records (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    chunk integer NOT NULL,
    record text NOT NULL
);
CREATE INDEX IF NOT EXISTS sinch_hosting_records_of_chunks
    ON sinch_hosting_records (job, chunk, number);
CREATE TABLE IF NOT EXISTS sinch_hosting_chunks (
    job text NOT NULL,
    chunk integer NOT NULL,
    records integer NOT NULL DEFAULT 0,
    holder text,
    held_until timestamptz,
    PRIMARY KEY (job, chunk)
);
"""
READ_JOBS = """
SELECT number, chunk, record FROM sinch_hosting_records
WHERE $1::text IS NULL OR job = $1 OR starts_with(job, $1 || '.') ORDER BY number
"""
READ_CHUNK = """
SELECT number, chunk, record FROM sinch_hosting_records
WHERE job = $1 AND chunk = $2 ORDER BY number
"""
BEGIN = """
WITH one AS (
    INSERT INTO sinch_hosting_chunks AS known (job, chunk, records) VALUES ($1, $2, 1)
    ON CONFLICT (job, chunk) DO UPDATE SET records = known.records + 1 WHERE known.records = $3
    RETURNING records
), added AS (
    INSERT INTO sinch_hosting_records (job, chunk, record) SELECT $1, $2, $4 FROM one
)
SELECT records FROM one
"""
CLAIM = """
INSERT INTO sinch_hosting_chunks AS known (job, chunk, holder, held_until)
VALUES ($1, $2, $3, clock_timestamp() + $4)
ON CONFLICT (job, chunk) DO UPDATE SET holder = $3, held_until = clock_timestamp() + $4
WHERE known.holder IS NULL OR known.held_until < clock_timestamp()
RETURNING records
"""
RENEW = """
UPDATE sinch_hosting_chunks AS known SET held_until = clock_timestamp() + $4
FROM unnest($1::text[], $2::int[]) AS mine (job, chunk)
WHERE known.job = mine.job AND known.chunk = mine.chunk
  AND known.holder = $3 AND known.held_until > clock_timestamp()
RETURNING known.job, known.chunk
"""
RECORDS = """
SELECT records FROM sinch_hosting_chunks WHERE job = $1 AND chunk = $2
"""
GIVE_BACK = """
UPDATE sinch_hosting_chunks SET holder = NULL, held_until = NULL
WHERE job = $1 AND chunk = $2 AND holder = $3
"""
SEND = """
WITH mine AS (
    UPDATE sinch_hosting_chunks SET records = records + 1
    WHERE job = $1 AND chunk = $2 AND holder = $3 AND records = $4
      AND held_until > clock_timestamp()
    RETURNING records
), added AS (
    INSERT INTO sinch_hosting_records (job, chunk, record) SELECT $1, $2, $5 FROM mine
)
SELECT records FROM mine
"""
ADD = """
WITH one AS (
    INSERT INTO sinch_hosting_chunks AS known (job, chunk, records) VALUES ($1, $2, 1)
    ON CONFLICT (job, chunk) DO UPDATE SET records = known.records + 1
    RETURNING records
), added AS (
    INSERT INTO sinch_hosting_records (job, chunk, record) SELECT $1, $2, $3 FROM one
)
SELECT records FROM one
"""
IS_THERE = """
SELECT EXISTS (
    SELECT FROM sinch_hosting_records WHERE job = $1 AND chunk = $2 AND record = $3
)
"""


class Database:
    """A few connections to a database; every failure of theirs is a `LedgerError`."""

    def __init__(self, name: str, pool: asyncpg.Pool[asyncpg.Record], sleep: Sleep) -> None:
        self.name = name
        """Its name in messages, without a password."""
        self._pool = pool
        self._sleep = sleep
        self._is_closed = False

    @classmethod
    async def connect(cls, url: str, name: str, sleep: Sleep = asyncio.sleep) -> Database:
        """Open the connections; raises `LedgerError`."""
        settings = {"application_name": "sinch_hosting", "synchronous_commit": "on"}
        try:
            with _translated(name, "opened"):
                pool = await asyncpg.create_pool(
                    url,
                    min_size=1,
                    max_size=_CONNECTIONS,
                    timeout=_CONNECT_SECONDS,
                    command_timeout=_COMMAND_SECONDS,
                    server_settings=settings,
                )
        except ValueError:  # its text may hold the password
            raise LedgerError(
                f"{name} cannot be opened: the address cannot be read; escape what is in its "
                "user and password, such as a slash as %2F"
            ) from None
        return cls(name, pool, sleep)

    async def close(self) -> None:
        """Close the connections, however little they say. Safe to repeat."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._pool.close()
        except _FAILURES:
            self._pool.terminate()

    async def has_tables(self) -> bool:
        """Whether there is a ledger in it."""
        return await self.value("SELECT to_regclass('sinch_hosting_chunks')") is not None

    async def make_tables(self) -> None:
        """Make the tables; those that are there stay as they are."""
        with _translated(self.name, "written"):
            await self._pool.execute(_TABLES)

    async def value(self, statement: str, *arguments: object) -> object:
        """Run a statement; returns the first value of its first row, `None` without a row."""
        rows = await self._fetch(statement, arguments)
        return rows[0][0] if rows else None

    async def rows(self, statement: str, *arguments: object) -> list[dict[str, object]]:
        """Run a statement that is safe to repeat; returns its rows."""
        return [dict(row) for row in await self._fetch_again(statement, arguments)]

    async def value_again(self, statement: str, *arguments: object) -> object:
        """Do as `value`, with a statement that is safe to repeat where its answer was lost."""
        rows = await self._fetch_again(statement, arguments)
        return rows[0][0] if rows else None

    async def _fetch(self, statement: str, arguments: tuple[object, ...]) -> list[asyncpg.Record]:
        with _translated(self.name, "read or written"):
            return await self._pool.fetch(statement, *arguments)

    async def _fetch_again(
        self, statement: str, arguments: tuple[object, ...]
    ) -> list[asyncpg.Record]:
        """Try again while a server is replaced, or after this machine stood still."""
        for pause in _PAUSES:
            try:
                return await self._fetch(statement, arguments)
            except LedgerError as error:
                if self._is_closed:
                    raise
                _log.warning("trying again in %g s: %s", pause, error)
            await self._sleep(pause)
        return await self._fetch(statement, arguments)


@contextmanager
def _translated(name: str, done: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        # Without its cause: what asyncpg raises of an address may show its password.
        what = type(error).__name__
        said = what if isinstance(error, asyncpg.ClientConfigurationError) else f"{what}: {error}"
        raise LedgerError(f"{name} cannot be {done}: {said}") from None
