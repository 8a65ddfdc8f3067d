"""The ledger as a file. Each record is on the disk before its create is sent.

Every line is one JSON object, and lines are only appended. A record has its number in the file and
a checksum of its text, so that different kinds of damage can be told apart. (Records of version 1
have neither, and can be read as well.)

| damage | how it is recognised | what follows |
|---|---|---|
| a cut line: its writer died | it has no end, or the next record says `after_torn` | ignored: it was never durable, so its create was never sent |
| a changed byte | the checksum differs, or a line with an end is no record | `LedgerError` |
| missing lines | the numbers have a gap, or are repeated | `LedgerError` |
| a missing beginning | the first number is not 1 | `LedgerError` |
| a file that is cut while a run holds it | it is shorter than what was written | `LedgerError`, nothing more is sent |

One kind of damage cannot be recognised: whole lines that were removed from the end while no run
held the file. Such a file is an older copy; see `order_streams`.
"""

# ruff: noqa: E501 - the table

from __future__ import annotations

import asyncio
import logging
import os
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Unpack
from weakref import WeakSet

from .._aio import retrieve
from ..errors import LedgerError, LedgerLocked
from .ledger import Claim, Ledger, machine_clock
from .ledger_records import (
    Damaged,
    Entry,
    JobEntries,
    Result,
    answered_record,
    check_number,
    line_of,
    record_of,
    sending_record,
    take_in,
    unsent_record,
)

if sys.platform == "win32":  # pragma: no cover
    import msvcrt
else:
    import fcntl

_log = logging.getLogger("sinch_hosting")
_BEGINNING = b'{"at":'
# After so many turns of the event loop a run that was cancelled has begun to close its ledger.
_TURNS = 200


class LedgerFile(Ledger):
    """An open ledger; it holds the lock until it is closed.

    Use `await LedgerFile.open(path)`. Several jobs may share a ledger, one process at a time.
    """

    _open: ClassVar[WeakSet[LedgerFile]] = WeakSet()

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self.path = path.absolute()
        self.name = str(self.path)
        self.jobs: dict[str, JobEntries] = {}
        self.is_torn = False
        self.whole, self.is_follow_up = Claim(machine_clock), False
        self._now = now
        self._fd = -1
        self._torn = False
        self._records = 0
        """The number of records in the file."""
        self._size = 0
        self._written = self._durable = 0
        self._syncing: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._closed = asyncio.Event()
        self._claimed: set[tuple[str, int]] = set()

    @classmethod
    async def open(
        cls,
        path: str | os.PathLike[str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        read_only: bool = False,
        is_new_fine: bool = True,
    ) -> LedgerFile:
        """Open or create the ledger, lock it, and read what it holds.

        With `read_only` it is neither created nor locked, and a missing file counts as empty. Raises
        `LedgerLocked` where another run holds it. Raises `LedgerError` where it cannot be read or
        written, is damaged or no ledger, or is missing and `is_new_fine` is false.
        """
        ledger = cls(Path(path), now)
        if ledger._is_new() and not is_new_fine:
            raise LedgerError(f"{path}: there is no such ledger")
        try:
            if not read_only:
                await ledger._acquire()
            await asyncio.to_thread(ledger._replay)
        except BaseException:
            ledger._release()
            raise
        return ledger

    async def close(self, *, is_over: bool = False) -> None:
        """Close the file and release the lock. Safe to repeat."""
        self._is_closing = True
        if self._syncing is None:
            self._release()
            return
        # The end of the sync releases the lock, even where this wait is cancelled.
        self._syncing.add_done_callback(lambda _: self._release())
        await asyncio.wait([self._syncing])

    async def begin(self, job: str, **about: object) -> None:
        """Record that a run of a job begins."""
        self._append({"event": "run", "job": job, **about})
        await self._synced(self._written)

    @asynccontextmanager
    async def claim(self, job: str, chunk: int) -> AsyncIterator[Claim | None]:
        """Hold a chunk against the other tasks of this process: no other one has the file."""
        key = job, chunk
        if key in self._claimed:
            yield None
            return
        self._claimed.add(key)
        try:
            yield Claim(time.monotonic)
        finally:
            self._claimed.discard(key)

    async def sending(self, job: str, entry: Entry, **about: object) -> None:
        """Record that a create is about to be sent; durable when this returns.

        If this raises, for instance because it is cancelled, the create must not be sent. The
        ledger then records that, if it can still be written.
        """
        self._check_place()
        self._append(sending_record(job, entry, about))
        try:
            await self._synced(self._written)
        except BaseException as error:
            with suppress(LedgerError):
                self._append(unsent_record(job, entry, error))
            raise

    async def answered(
        self, job: str, entry: Entry, outcome: str, **result: Unpack[Result]
    ) -> None:
        """Record the result of a create; durable when this returns."""
        self._append(answered_record(job, entry, outcome, **result))
        await self._synced(self._written)

    # ------------------------------------------------------------- writing

    def _append(self, record: dict[str, object]) -> None:
        if record["event"] != "run" and record["job"] not in self.jobs:
            raise LedgerError(f"{self.path} knows nothing of job {record['job']!r}")
        record = {"at": self._now().isoformat(timespec="milliseconds"), **record}
        if self._torn:
            record["after_torn"] = True
        line = line_of(record, self._records + 1)
        if self._torn:
            line = b"\n" + line
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be written: {error}") from error
        if written < len(line):
            self._take_back(written)
            raise LedgerError(f"{self.path} cannot be written: no room for a whole line")
        self._torn = False
        take_in(self.jobs, record)
        self._size += written
        self._records += 1
        self._written += 1

    def _take_back(self, written: int) -> None:
        """Remove half a line, or remember that it is there."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._torn = True
            self._size += written

    async def _synced(self, line: int) -> None:
        """Wait until a line is on the disk; lines written at the same time share one sync."""
        while self._durable < line:
            if self._syncing is None:
                self._syncing = asyncio.ensure_future(self._sync())
                self._syncing.add_done_callback(retrieve)
            await asyncio.shield(self._syncing)

    async def _sync(self) -> None:
        line = self._written
        try:
            await asyncio.to_thread(os.fsync, self._fd)
            self._durable = line
        except (OSError, ValueError) as error:  # the latter where it was closed meanwhile
            raise LedgerError(f"{self.path} cannot be synced: {error}") from error
        finally:
            self._syncing = None

    def _check_place(self) -> None:
        """Raise `LedgerError` where the file was moved or replaced: another run may hold the new one."""
        try:
            mine = os.fstat(self._fd)
            is_there = os.path.samestat(os.stat(self.path), mine)
        except OSError:
            is_there = False
        else:
            if is_there and mine.st_size < self._size:
                raise LedgerError(
                    f"{self.path} was cut while this run held it: it has {mine.st_size} bytes of "
                    f"{self._size}; nothing more is sent. Restore it from a copy"
                )
        if not is_there:
            raise LedgerError(
                f"{self.path} was moved, deleted or replaced while this run held it; nothing "
                "more is sent. Put it back and run the job again"
            )

    # ------------------------------------------------------------- reading

    def _replay(self) -> None:
        """Read the lines; a line that a dying process cut is ignored."""
        if self._is_new():
            return  # with `read_only` the file may be missing
        try:
            with self.path.open("rb") as file:
                self._take_in(file)
                self._size = file.tell()
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be read: {error}") from error

    def _take_in(self, lines: Iterable[bytes]) -> None:
        torn: int | None = None
        line = last_torn = b"\n"
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = record_of(line)
                if record is None:
                    torn, last_torn = torn or number, line
                    if not _begins_as_ours(line):
                        raise Damaged("it is no record")
                    if record_of(line[:-1]) is not None:
                        raise Damaged("its end was changed")
                    _log.warning("%s: line %d is torn and passed over", self.path, number)
                    continue
                if torn is not None and not record.get("after_torn"):
                    number = torn  # noqa: PLW2901 - that line is the damaged one
                    raise Damaged("it is no whole record, and was not torn by its writer")
                check_number(record, self._records + 1)
                torn = None
                take_in(self.jobs, record)
            except Damaged as reason:
                raise self._damaged(number, str(reason)) from None
            self._records += 1
        if torn is not None and last_torn.endswith(b"\n") and last_torn.strip(b"\0\n"):
            raise self._damaged(torn, "it is no whole record, though it was written to its end")
        self.is_torn = torn is not None
        self._torn = self.is_torn or not line.endswith(b"\n")

    def _damaged(self, number: int, reason: str) -> LedgerError:
        what = "is damaged" if self.jobs else "is no ledger, or a damaged one"
        return LedgerError(
            f"{self.path} {what}: line {number}: {reason}. What was in flight cannot be told from "
            "it; restore the file from a copy"
        )

    # ---------------------------------------------------------------- lock

    def _is_new(self) -> bool:
        """Whether there is no file at its path yet; raises `LedgerError` for what is no file."""
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return True
        except (OSError, ValueError) as error:
            raise LedgerError(f"{self.path} cannot be opened: {error}") from error
        if not stat.S_ISREG(mode):
            raise LedgerError(f"{self.path} cannot be opened: it is no regular file")
        return False

    async def _acquire(self) -> None:
        """Open and lock the file; wait for a run of this event loop that is just ending."""
        is_new = self._is_new()
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            if is_new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise LedgerError(f"{self.path} cannot be opened: {error}") from error
        while not self._try_lock():
            await self._until_closed()
        self._open.add(self)

    def _try_lock(self) -> bool:
        try:
            _lock(self._fd)
        except OSError:
            return False
        return True

    async def _until_closed(self) -> None:
        """Wait for the run that holds the lock if it is just ending; else raise `LedgerLocked`."""
        mine = os.fstat(self._fd)
        for turn in range(_TURNS):
            holder = next((one for one in self._open if one.holds(mine)), None)
            if holder is None and turn:
                return
            if holder is None or holder._loop is not self._loop:
                break
            if holder._is_closing:
                await holder._closed.wait()
                return
            await asyncio.sleep(0)
        raise LedgerLocked(
            f"{self.path} is held by another run; wait for it, or end it, before this one"
        )

    def holds(self, file: os.stat_result) -> bool:
        """Whether this ledger has that file open."""
        return self._fd >= 0 and os.path.samestat(file, os.fstat(self._fd))

    def _release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        self._open.discard(self)
        self._closed.set()


def _begins_as_ours(line: bytes) -> bool:
    # After a power loss a file system may return NULs where a line was being written.
    return line.startswith(_BEGINNING) or _BEGINNING.startswith(line.strip(b"\0\n"))


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
