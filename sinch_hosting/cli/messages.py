"""What is told on standard error: lines and the library's log, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_secrets: set[str] = set()
_IN_HEADERS = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}")


def tell(text: str) -> None:
    """Write a line to standard error: what is not data."""
    write_to_stderr(f"{mask(text)}\n")


def complain(message: str) -> None:
    """Write what went wrong to standard error, in one line."""
    write_to_stderr(f"sinch-hosting: {' '.join(mask(message).split())}\n")


def write_to_stderr(text: str) -> None:
    """Write text to standard error, where there is one that can be written to."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            return  # nobody can be told any more


def hide(secret: str) -> None:
    """Replace a secret by `***` in all messages of this run."""
    if len(secret) > 3:
        _secrets.add(secret)


def mask(text: str) -> str:
    """Return the text without the secrets of this run, and without credentials in headers."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    return _IN_HEADERS.sub(r"\1 ***", text)


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
