"""A process that has imported what commands need, and forks one for each line: imports cost most.

It reads requests on standard input, a JSON object a line: `arguments`, `environ`, `cwd`, and the
paths `stdin`, `stdout`, `stderr`. It answers each with the exit code, as a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import cyclopts  # noqa: F401 - all of these are loaded once, for all commands
import phonenumbers  # noqa: F401
import rich.cells  # noqa: F401

import sinch_hosting.client
import sinch_hosting.phone_files  # noqa: F401
from sinch_hosting.cli import main

PATIENCE = 60
"""Real seconds after which a command that has not ended is killed."""


def become(request: dict[str, Any]) -> None:
    """Run the command in this process, which was forked for it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for fd, path in enumerate((request["stdin"], request["stdout"], request["stderr"])):
        opened = os.open(path, flags if fd else os.O_RDONLY, 0o600)
        os.dup2(opened, fd)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["cwd"])
    time.tzset()
    signal.alarm(PATIENCE)
    sys.argv = ["sinch-hosting", *request["arguments"]]
    main()


def serve() -> None:
    """Fork for each request, until standard input ends."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
