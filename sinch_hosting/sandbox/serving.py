"""A sandbox as a program of its own: what it prints, and when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING

from .control import PREFIX
from .http import HEALTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from .server import Sandbox


async def serve(sandbox: Sandbox, say: Callable[[str], None]) -> None:
    """Run *sandbox*, which is started, until Ctrl-C or SIGTERM; then stop it.

    Args:
        sandbox: the sandbox; `Sandbox.start` raises where it cannot run.
        say: prints a line at once.
    """
    try:
        for line in lines(sandbox):
            say(line)
        await _stopped()
    finally:
        await sandbox.stop()


def lines(sandbox: Sandbox) -> list[str]:
    """Return what a shell can read: the settings for programs, and a last line "ready".

    The last line is a comment for the shell, and JSON behind ``# ready``::

        # ready {"url": "http://127.0.0.1:8787", "auth_url": ..., "page": ..., "pid": 42}
    """
    page = f"{sandbox.base_url}{PREFIX}/"
    ready = {
        "url": sandbox.base_url,
        "auth_url": sandbox.auth_url,
        "page": page,
        "health": f"{sandbox.base_url}{HEALTH}",
        "project_id": sandbox.project_id,
        "pid": os.getpid(),
    }
    return [
        *(f"export {name}={shlex.quote(value)}" for name, value in sandbox.environ.items()),
        f"# orders, numbers and requests live: {page}",
        f"# ready {json.dumps(ready)}",
    ]


def log_requests_to_stderr() -> None:
    """Write the log of requests, a line for each, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("sinch_hosting.sandbox.requests")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


async def _stopped() -> None:
    """Wait for Ctrl-C or a request to terminate."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows, and loops outside the main thread, have no signal handlers:
        # there Ctrl-C arrives as a cancellation.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stopped.set)
            handled.append(number)
    try:
        await stopped.wait()
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
