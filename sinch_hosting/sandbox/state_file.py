"""The file in which a sandbox keeps its state, so that it goes on where it was.

The whole state is one JSON object. It is written to a second file, which then takes the place of
the first one: whoever reads it, and whenever the process is killed, finds a whole state. Tokens
are kept as digests. The secret that signs callbacks is kept as it is, so only the owner of the
file may read it.

A large state is not written anew for each change. What has changed is then appended to a second
file, the journal: a line of JSON for each time. Its first line says to which state it belongs;
one that belongs to another state was replaced by that state, and is not read. A last line
without its end was being written when the process was killed: nothing was answered for it.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from .snapshot import VERSION, Snapshot, merge
from .structures import Unreadable, json_of, read_json, structure

LARGE = 1 << 20
"""Bytes of a state above which changes go to the journal. So much is written in milliseconds."""


class StateFile:
    """The file with the state. One sandbox at a time may have it open.

    Args:
        path: the file; it is made where there is none. Beside it stand a ``.lock`` file and,
            where the state is large, the ``.journal``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        self.journal = self.path.with_name(f"{self.path.name}.journal")
        self._lock: int | None = None
        self._appending: int | None = None
        self._digest = ""
        self._size = self._appended = 0

    @property
    def appends(self) -> bool:
        """Whether changes are better appended: the state is large, and the journal is not yet."""
        return self._appended < self._size > LARGE

    @property
    def has_journal(self) -> bool:
        """Whether there are changes that are not in the file itself."""
        return self._appended > 0

    def open(self) -> Snapshot | None:
        """Lock the file, and return the state in it; `None` where there is no file yet.

        Raises `ValueError` where another sandbox has it, or where it holds no state; `OSError`
        where it cannot be read, or its folder not be written.
        """
        self._lock = _lock(self.path.with_name(f"{self.path.name}.lock"), self.path)
        try:
            with _no_collecting():
                return self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> Snapshot | None:
        if not self.path.exists():
            return None
        try:
            raw = self.path.read_bytes()
            self._digest, self._size = blake2b(raw, digest_size=16).hexdigest(), len(raw)
            read = read_json(raw, f"{self.path} is no state of a sandbox")
            del raw
            version = read.get("sandbox_state") if isinstance(read, dict) else None
            if version != VERSION:
                what = "it is of another version" if version else "sandbox_state is missing"
                raise Unreadable(f"{self.path} is no state of a sandbox: {what}")
            kept = structure(Snapshot, read)
            del read
            merge(kept, self._changes())
            return kept
        except Unreadable as error:
            where = "" if str(self.path) in str(error) else f"{self.path} is damaged: "
            advice = "move it away to start anew"
            raise Unreadable(f"{where}{error}; {advice}") from error

    def _changes(self) -> Iterator[Snapshot]:
        """Yield what the journal holds, and cut off a last line that is not whole."""
        if not self.journal.exists():
            return
        with self.journal.open("r+b") as file:
            if file.readline() != self._first_line():
                return
            self._appended = file.tell()
            for number, line in enumerate(file, 2):
                if not line.endswith(b"\n"):
                    file.truncate(self._appended)
                    return
                self._appended += len(line)
                where = f"{self.journal} is damaged: line {number}"
                try:
                    yield structure(Snapshot, read_json(line, where))
                except Unreadable as error:
                    raise Unreadable(f"{where}: {error}") from error

    def _first_line(self) -> bytes:
        return json.dumps({"sandbox_journal": VERSION, "of": self._digest}).encode() + b"\n"

    def save(self, kept: Snapshot) -> None:
        """Write the whole state; raises `OSError`, and then the file is as it was."""
        written = self.path.with_name(f".{self.path.name}.tmp")
        digest, size = blake2b(digest_size=16), 0
        with os.fdopen(_create(written), "wb") as file, _no_collecting():
            for part in json_of(kept):
                raw = part.encode("ascii")
                digest.update(raw)
                size += file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self.path)
        self._digest, self._size, self._appended = digest.hexdigest(), size, 0
        self._end_journal()
        self.journal.unlink(missing_ok=True)

    def append(self, changes: Snapshot) -> None:
        """Write what has changed; raises `OSError`, and then the journal is as it was."""
        with _no_collecting():
            line = b"".join(part.encode("ascii") for part in json_of(changes)) + b"\n"
        if not self._appended:
            line = self._first_line() + line
        if self._appending is None:
            self._appending = self._open_journal()
        try:
            _write(self._appending, line)
            os.fsync(self._appending)
        except OSError:
            self._take_back()
            raise
        self._appended += len(line)

    def _take_back(self) -> None:
        """Cut off what was appended in part; where that fails, too, the whole is written next."""
        try:
            os.ftruncate(self._appending or -1, self._appended)
        except OSError:
            self._size = 0

    def _open_journal(self) -> int:
        if not self._appended:
            return _create(self.journal)
        return os.open(self.journal, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))

    def _end_journal(self) -> None:
        descriptor, self._appending = self._appending, None
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Unlock the file."""
        self._end_journal()
        descriptor, self._lock = self._lock, None
        if descriptor is not None:
            os.close(descriptor)


def _create(path: Path) -> int:
    """Create a file that only its owner may read. What stands there is not written through."""
    path.unlink(missing_ok=True)  # such as a link to another file
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)


def _write(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Keep the garbage collector away: it would look at millions of new objects again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _lock(path: Path, state: Path) -> int | None:
    """Lock a file until the process ends or closes it; raise `ValueError` where another has it."""
    with suppress(ImportError):
        from fcntl import LOCK_EX, LOCK_NB, flock  # noqa: PLC0415 - Windows has none

        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ValueError(f"another sandbox keeps its state in {state}") from error
        return descriptor
    return None
