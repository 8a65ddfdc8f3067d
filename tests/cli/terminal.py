"""A command on a pseudo-terminal: typed at, read from, of a fixed width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .conftest import PATIENCE, command

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """The other side of a terminal on which a command runs."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process = process
        self._fd = fd
        self.raw = ""

    @property
    def text(self) -> str:
        """What was written so far, without what moves cursors."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")

    def read_until(self, wanted: str) -> str:
        """Read until a text was written; returns all that was."""
        end = time.monotonic() + PATIENCE
        while wanted not in self.text:
            assert time.monotonic() < end, self.text
            assert self._read(0.1), self.text
        return self.text

    def read_to_end(self) -> str:
        """Read until the command has ended."""
        end = time.monotonic() + PATIENCE
        while self._read(0.1):
            assert time.monotonic() < end, self.text
        self.process.wait(timeout=PATIENCE)
        return self.text

    def type(self, text: str) -> None:
        """Type a line, or `\\x03` for Ctrl-C."""
        os.write(self._fd, text.encode())

    def _read(self, seconds: float) -> bool:
        if not select.select([self._fd], [], [], seconds)[0]:
            return True
        try:
            part = os.read(self._fd, 65536)
        except OSError:  # Linux's way of saying that the other end was closed
            return False
        self.raw += part.decode(errors="replace")
        return bool(part)


@contextmanager
def on_terminal(
    *arguments: str, environ: Mapping[str, str], cwd: Path, columns: int = 120, lines: int = 40
) -> Iterator[Terminal]:
    """Run a command on a terminal of its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        command(*arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"TERM": "xterm-256color", **environ},
        cwd=cwd,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)
