"""Prism, which checks requests and answers against the contract and shares no code with ours.

It is a program of Node.js, kept in the user's cache folder. The tests that need it install it
there where it is missing; `python3 tests/prism.py` does so ahead of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

if __package__:
    from . import npm
    from .npm import Missing
else:  # as a program, ahead of the tests
    import npm  # type: ignore[import-not-found, no-redef]
    from npm import Missing  # type: ignore[import-not-found, no-redef]

PACKAGE = "@stoplight/prism-cli"
VERSION = "5.14.2"
STARTING = 60.0
"""Seconds that a start may take."""
CONTRACT = Path(__file__).parent / "contract" / "imported-hosting.openapi.yaml"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def installed() -> Path:
    """The program, installed where it is not yet; raises `Missing`."""
    return npm.installed(PACKAGE, VERSION) / ".bin" / "prism"


# ------------------------------------------------------------ one that runs


class Prism:
    """A Prism that runs: its address, and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: list[str] = []
        self.base_url = ""

    async def read_address(self) -> None:
        """Wait until it listens."""
        async with asyncio.timeout(STARTING):
            while not self.base_url:
                line = await self._read_line()
                found = re.search(r"listening on (http://\S+)", line)
                self.base_url = found[1] if found else ""

    async def read_on(self) -> None:
        """Keep what it says, or it would stand still; until it ends."""
        while True:
            try:
                await self._read_line()
            except EOFError:
                return

    async def _read_line(self) -> str:
        assert self._process.stdout is not None
        raw = await self._process.stdout.readline()
        if not raw:
            raise EOFError("Prism has ended: " + "\n".join(self._lines[-20:]))
        self._lines.append(COLOURS.sub("", raw.decode()).rstrip())
        return self._lines[-1]

    @property
    def complaints(self) -> list[str]:
        """The lines of its log that tell of errors: violations, and what it could not do."""
        return [line for line in self._lines if "✖" in line]


@contextlib.asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Prism]:
    """Prism with `--errors`: ``mock``, or ``proxy`` and what it stands before.

    A request or an answer that the contract does not allow is answered with an error. Raises
    `Missing`.
    """
    program = await asyncio.to_thread(installed)
    mode, *upstream = arguments
    process = await asyncio.create_subprocess_exec(
        *(str(program), mode, "--errors", "--port", "0", str(CONTRACT), *upstream),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    prism = Prism(process)
    reading: asyncio.Task[None] | None = None
    try:
        await prism.read_address()
        reading = asyncio.create_task(prism.read_on())
        yield prism
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if reading is not None:
            await reading
        await process.wait()


def violations(headers: Any, body: bytes) -> list[dict[str, Any]]:
    """The errors that Prism reports with an answer, in its header or in its own error body.

    Its warnings are about statuses that the contract does not list for an operation. The wire
    notes say that every operation may have them.
    """
    found = json.loads(headers.get("sl-violations", "[]"))
    if headers.get("Content-Type", "").startswith("application/problem+json"):
        problem = json.loads(body)
        found += problem.get("validation", [problem])
    return [violation for violation in found if violation.get("severity") != "Warning"]


if __name__ == "__main__":
    try:
        print(installed())
    except Missing as missing:
        sys.exit(f"{missing}; the tests that need it say that they are skipped")
