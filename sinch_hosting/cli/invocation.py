"""The line that started the command, and lines that continue its work."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from contextvars import ContextVar

WAIT_FOR_DONE = "<done>"
"""What `--wait` without a state stands for."""
STANDARD_INPUT = "<standard input>"
"""How commands are given the `-` that was typed; it would look like an option."""

ARGUMENTS: ContextVar[tuple[str, ...]] = ContextVar("arguments", default=())
"""The arguments of the command that runs."""
_OF_ACCOUNT = ("--profile", "--project-id", "--key-id", "--secret-file")


def same_line() -> str:
    """Return the line that was typed, for a shell."""
    return shlex.join(["sinch-hosting", *ARGUMENTS.get()])


def resume_line(*arguments: str) -> str:
    """Return another line, for a shell, with the account's options of this line."""
    return shlex.join(["sinch-hosting", *arguments, *_account_options(ARGUMENTS.get())])


def _account_options(arguments: Iterable[str]) -> list[str]:
    found: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith(tuple(f"{name}=" for name in _OF_ACCOUNT)):
            found.append(argument)
        elif argument in _OF_ACCOUNT:
            found += [argument, next(rest, "")]
    return found
