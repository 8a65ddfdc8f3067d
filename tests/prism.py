"""Prism, which checks requests and answers against the contract and shares no code with ours.

It is a program of Node.js, kept in the user's cache folder. The tests that need it install it
there where it is missing; `python3 tests/prism.py` does so ahead of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

PACKAGE = "@stoplight/prism-cli"
VERSION = "5.14.2"
INSTALLING, STARTING = 240.0, 60.0
"""Seconds that the installation and a start may take."""
CONTRACT = Path(__file__).parent / "contract" / "imported-hosting.openapi.yaml"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sinch-hosting-tests"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Missing(Exception):
    """Prism cannot run on this machine; the text says what it lacks."""


# ------------------------------------------------------------ the program


def installed() -> Path:
    """The program, installed where it is not yet; raises `Missing`."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        raise Missing("there is no node with npm on this machine, which Prism needs")
    home = CACHE / f"prism-{VERSION}"
    if not home.is_dir():
        _install(npm, home)
    return home / "node_modules" / ".bin" / "prism"


def _install(npm: str, home: Path) -> None:
    """All or nothing: whoever installs at the same time finds one whole folder or none."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        command = (npm, "install", "--prefix", made, "--no-audit", "--no-fund", "--ignore-scripts")
        try:
            subprocess.run(
                (*command, f"{PACKAGE}@{VERSION}"),
                check=True,
                timeout=INSTALLING,
                capture_output=True,
                text=True,
            )
        except subprocess.CalledProcessError as error:
            raise Missing(f"npm cannot install {PACKAGE}: {error.stderr[-500:]}") from None
        except subprocess.TimeoutExpired:
            raise Missing(f"npm did not install {PACKAGE} in {INSTALLING:g} s") from None
        with contextlib.suppress(OSError):  # somebody else was first
            Path(made).rename(home)
        Path(made).mkdir(exist_ok=True)  # for the clean-up


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
        return [line for line in self._lines if re.search(r"\berror\b", line.partition("›")[2])]


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
