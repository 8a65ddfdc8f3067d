"""A process that has imported what commands need, and forks one for each line: imports cost most.

It reads requests on standard input, a JSON object a line: `arguments`, `environ`, `cwd`, and the
paths `stdin`, `stdout`, `stderr`. It answers each with the exit code, as a line.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 - this and LOADED are loaded once, for all
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import time
from typing import Any

import email_validator  # noqa: F401
import phonenumbers
import rich.cells  # noqa: F401

from sinch_hosting.cli import main

LOADED = ("_bulk", "_onboarding", "_polling", "_session", "cli", "models", "phone_files")
PATIENCE = 100
"""Real seconds after which a command that has not ended is killed."""


def load() -> None:
    """Import what commands need, and keep it out of the way of their garbage collections."""
    for name in LOADED:
        room = importlib.import_module(f"sinch_hosting.{name}")
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            with contextlib.suppress(ImportError):  # it is for another extra
                importlib.import_module(module.name)
    importlib.import_module("sinch_hosting.client")
    phonenumbers.parse("+12025550100")  # loads the plan of its region
    gc.collect()
    gc.freeze()


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
    try:
        main()
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        end(ended.code)


def end(code: int) -> None:
    """End this process as the interpreter would, but without taking its modules apart."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve() -> None:
    """Fork for each request, until standard input ends."""
    load()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
