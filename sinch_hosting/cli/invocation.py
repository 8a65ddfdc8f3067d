"""The line that started the command, and lines that continue its work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from contextvars import ContextVar

from .._bulk.addresses import passwords_in, without_password
from .messages import hide

WAIT_FOR_DONE = "<done>"
"""What `--wait` without a state stands for."""
STANDARD_INPUT = "<standard input>"
"""How commands are given the `-` that was typed; it would look like an option."""

ARGUMENTS: ContextVar[tuple[str, ...]] = ContextVar("arguments", default=())
"""The arguments of the command that runs, without the passwords of databases."""
_OF_ACCOUNT = ("--profile", "--project-id", "--key-id", "--secret-file")


_DATABASE = re.compile(r"postgres(?:ql)?://.*", re.DOTALL)


def remember(typed: Iterable[str]) -> None:
    """Keep the arguments for later lines; passwords of databases are not shown from now on."""
    kept = []
    for argument in typed:
        if found := _DATABASE.search(argument):
            for password in passwords_in(found[0]):
                hide(password)
        kept.append(_DATABASE.sub(lambda found: without_password(found[0]), argument))
    ARGUMENTS.set(tuple(kept))


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
