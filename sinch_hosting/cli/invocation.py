"""The line that started the command, and lines that continue its work."""

from __future__ import annotations

import logging
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .._bulk.addresses import passwords_in, without_password
from .errors import hide, mask

__all__ = [
    "ARGUMENTS",
    "STANDARD_INPUT",
    "WAIT_FOR_DONE",
    "logging_to_stderr",
    "remember",
    "resume_line",
    "same_line",
    "tell",
    "without_warnings",
]

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


def tell(text: str) -> None:
    """Write a line to standard error: what is not data."""
    if sys.stderr is not None:
        sys.stderr.write(f"{mask(text)}\n")
        sys.stderr.flush()


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence the library's warnings while the command says the same in its own words."""
    log = logging.getLogger("sinch_hosting")
    before = log.level
    log.setLevel(before if before == logging.DEBUG else logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


class _Masked(logging.Formatter):
    """One line a record, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        return mask(f"sinch-hosting: {record.levelname.lower()}: {super().format(record)}")


@contextmanager
def logging_to_stderr(level: int) -> Iterator[None]:
    """Let the library's log go to standard error, from a level on."""
    log = logging.getLogger("sinch_hosting")
    before = (list(log.handlers), log.level, log.propagate)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masked())
    log.handlers[:], log.propagate = [handler], False
    log.setLevel(level)
    try:
        yield
    finally:
        log.handlers[:], log.propagate = before[0], before[2]
        log.setLevel(before[1])
