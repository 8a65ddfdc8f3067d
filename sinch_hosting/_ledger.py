"""The ledger: an append-only file of what was sent and what came back, synced before each create.

One JSON object a line. It proves what was sent, not what was committed: a create without an
answer in it was in flight when its process died.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from .errors import LedgerError, LedgerLocked

if sys.platform == "win32":  # pragma: no cover
    import msvcrt
else:
    import fcntl

_log = logging.getLogger("sinch_hosting")
CREATED, ADOPTED, FAILED, UNKNOWN = "created", "adopted", "failed", "unknown"


@frozen(kw_only=True)
class Entry:
    """What the ledger says of a chunk's last attempt."""

    chunk: int
    attempt: int
    tag: str
    count: int = 0
    """How many numbers were sent."""
    sent: str = ""
    """A digest of them."""
    sends: int = 1
    """How often the attempt was sent without learning what became of it."""
    outcome: str | None = None
    """`None` while it is in flight."""
    is_resent: bool = False
    """Whether it was sent before, and what became of that was never learnt."""
    order_id: str | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    """The numbers of the chunk that were not sent, with reasons."""
    listed: tuple[str, ...] = ()
    """The numbers that were sent, where the run noted them."""

    @property
    def is_open(self) -> bool:
        """Whether there may be an order that nobody has seen."""
        # A refusal of the second send tells nothing of the first.
        return self.outcome in (None, UNKNOWN) or (self.outcome == FAILED and self.is_resent)


@define
class JobEntries:
    """What the ledger says of one job."""

    run: Mapping[str, Any]
    """The record with which its last run began."""
    chunks: dict[int, Entry] = field(factory=dict)


class Ledger:
    """An open ledger; it holds the lock until it is closed.

    Use `await Ledger.open(path)`. Several jobs may share a ledger, one process at a time.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self.path = path
        self.jobs: dict[str, JobEntries] = {}
        self._now = now
        self._fd = -1
        self._torn = False
        self._written = self._durable = 0
        self._syncing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: str | os.PathLike[str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Ledger:
        """Open or create the ledger, lock it, and read what it holds.

        Raises `LedgerLocked` where another run holds it, `LedgerError` where it cannot be read
        or written, or is something else.
        """
        ledger = cls(Path(path), now)
        try:
            ledger._acquire()
            await asyncio.to_thread(ledger._replay)
        except BaseException:
            ledger._release()
            raise
        return ledger

    async def close(self) -> None:
        """Let go of the lock. Safe to repeat."""
        if self._syncing is not None:
            await asyncio.wait([self._syncing])
        self._release()

    async def begin(self, job: str, **about: Any) -> None:
        """Note that a run of a job begins."""
        await self._write({"event": "run", "job": job, **about})

    async def sending(self, job: str, entry: Entry, **about: Any) -> None:
        """Note that a create is about to be sent; durable when this returns."""
        await self._write(
            {
                "event": "sending",
                "job": job,
                "chunk": entry.chunk,
                "attempt": entry.attempt,
                "tag": entry.tag,
                "count": entry.count,
                "sent": entry.sent,
                "left_out": [list(pair) for pair in entry.left_out],
                **about,
            }
        )

    async def answered(
        self,
        job: str,
        entry: Entry,
        outcome: str,
        *,
        order_id: str | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Note what became of a create; durable when this returns."""
        record = {
            "event": "answered",
            "job": job,
            "chunk": entry.chunk,
            "attempt": entry.attempt,
            "tag": entry.tag,
            "outcome": outcome,
        }
        if order_id:
            record["order_id"] = order_id
        if error is not None:
            record["error"] = f"{type(error).__name__}: {error}"
        await self._write(record)

    # ------------------------------------------------------------- writing

    async def _write(self, record: dict[str, Any]) -> None:
        record = {"at": self._now().isoformat(timespec="milliseconds"), **record}
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        if self._torn:
            line = b"\n" + line
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be written: {error}") from error
        self._torn = written < len(line)
        if self._torn:
            raise LedgerError(f"{self.path} cannot be written: no room for a whole line")
        self._note(record)
        self._written += 1
        await self._synced(self._written)

    async def _synced(self, line: int) -> None:
        """Wait until a line is on the disk; lines that are written meanwhile share one sync."""
        while self._durable < line:
            if self._syncing is None:
                self._syncing = asyncio.ensure_future(self._sync())
            await asyncio.shield(self._syncing)

    async def _sync(self) -> None:
        line = self._written
        try:
            await asyncio.to_thread(os.fsync, self._fd)
            self._durable = line
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be synced: {error}") from error
        finally:
            self._syncing = None

    # ------------------------------------------------------------- reading

    def _replay(self) -> None:
        """Read the lines; those that are torn are passed over."""
        records = torn = 0
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    self._torn = not line.endswith(b"\n")
                    record = _record(line)
                    if record is None:
                        torn += 1
                        _log.warning("%s: line %d is torn and passed over", self.path, number)
                    else:
                        records += 1
                        self._note(record)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"{self.path} cannot be read: {error!r}") from error
        if torn and not records and not (torn == 1 and self._torn):
            raise LedgerError(f"{self.path} is no ledger: not one of its lines is a record")

    def _note(self, record: Mapping[str, Any]) -> None:
        """Take a record into what is known; one of a later version may hold other events."""
        job = str(record["job"])
        if record["event"] == "run":
            known = self.jobs.get(job)
            self.jobs[job] = JobEntries(record, {} if known is None else known.chunks)
        elif record["event"] in ("sending", "answered"):
            if job not in self.jobs:
                raise LedgerError(
                    f"{self.path} is damaged: it tells of job {job!r} before its beginning. What "
                    "was in flight cannot be told; restore the file from a copy"
                )
            chunks = self.jobs[job].chunks
            chunk = int(record["chunk"])
            chunks[chunk] = _next_entry(chunks.get(chunk), record)

    # ---------------------------------------------------------------- lock

    def _acquire(self) -> None:
        is_new = not self.path.exists()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        try:
            self._fd = os.open(self.path, flags, 0o600)
            if is_new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be opened: {error}") from error
        try:
            _lock(self._fd)
        except OSError as error:
            raise LedgerLocked(
                f"{self.path} is held by another run; wait for it, or end it, before this one"
            ) from error

    def _release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    is_record = isinstance(record, dict) and {"event", "job"} <= record.keys()
    return record if is_record else None


def _next_entry(before: Entry | None, record: Mapping[str, Any]) -> Entry:
    """The entry of a chunk after a further record."""
    same = before if before is not None and before.tag == record["tag"] else None
    if record["event"] == "answered":
        if same is None:  # adopted without having been sent from here
            same = Entry(
                chunk=int(record["chunk"]), attempt=int(record["attempt"]), tag=str(record["tag"])
            )
        order_id = record.get("order_id", same.order_id)
        return evolve(same, outcome=str(record["outcome"]), order_id=order_id)
    is_resent = same is not None and same.is_open
    return Entry(
        chunk=int(record["chunk"]),
        attempt=int(record["attempt"]),
        tag=str(record["tag"]),
        is_resent=is_resent,
        count=int(record["count"]),
        sent=str(record["sent"]),
        sends=same.sends + 1 if same is not None and is_resent else 1,
        left_out=_pairs(record.get("left_out", ())),
        listed=tuple(record.get("listed", ())),
    )


def _pairs(listed: Iterable[Iterable[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((number, reason) for number, reason in listed)


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file durable, where folders can be synced."""
    if sys.platform != "win32":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _lock(fd: int) -> None:
    if sys.platform == "win32":  # pragma: no cover
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
