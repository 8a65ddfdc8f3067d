"""The command `sinch-hosting`; it needs the `[cli]` extra.

What a command needs is loaded when it runs: importing this package loads nothing, `--version`
needs no extra, and a missing one is a sentence and not a traceback.

Where things are:

- `app` has the table of commands, and runs a line. Each command is in the module of its name
  (`numbers`, `onboard`, `start`), a large one of a group in a module of both names
  (`orders_create`, `orders_watch`, `numbers_audit`); `fleet_jobs` has the jobs on Temporal. What
  `demo`, `start` and `onboard` do is in further modules that begin with their name.
- What a command is given: `options`, `settings`, `prompts`, `number_input`, `letter`,
  `durations`, `invocation` (the line as it was typed).
- What it shows: `output` and `views` (data, on standard output), `messages` and `progress` (all
  else, on standard error), `errors` (exit codes, and what to do next), `reports` (files).
- How it works: `many` (a call for each of many), `orders_wait`, `interrupts` (Ctrl-C),
  `job_files` (jobs and ledgers of this machine).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

__all__ = ["main"]

_EXTRA = ("cyclopts", "phonenumbers", "rich")

leave: Callable[[int], NoReturn] | None = None
"""How to end the process, where a command needs another way than `sys.exit`."""


def main() -> None:
    """Run the command on `sys.argv` and leave with its exit code.

    0 is done, 1 some numbers failed, 2 wrong usage, 3 refused by the service, 4 not reached,
    5 timed out, 6 an outcome is unknown, 130 interrupted.
    """
    arguments = sys.argv[1:]
    if arguments == ["--version"] and sys.stdout is not None:
        sys.exit(_print_version())
    global leave  # noqa: PLW0603 - set by the command that runs
    leave = None
    try:
        from .app import run  # noqa: PLC0415 - loads the extra, whose absence is told below

        code = run(arguments)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.stderr.write(
            f"sinch-hosting: the command needs {error.name}, which is not installed: "
            "pip install 'sinch-hosting[cli]'\n"
        )
        code = 2
    _end(code)


def _end(code: int) -> NoReturn:
    if leave is not None:
        leave(code)
    sys.exit(code)


def _print_version() -> int:
    from .._version import __version__  # noqa: PLC0415 - few ask

    try:
        sys.stdout.write(f"{__version__}\n")
        sys.stdout.flush()
    except OSError:
        from .app import run  # noqa: PLC0415 - says in a sentence what is wrong with it

        return run(["--version"])
    return 0
