"""Exit codes, and what a person reads when a command fails: what was wrong, and what to do next."""

from __future__ import annotations

import errno
import json
import traceback
from contextvars import ContextVar
from enum import IntEnum
from typing import TYPE_CHECKING

from ..errors import (
    ApiError,
    AuthenticationFailed,
    ConfigurationError,
    DecodeError,
    InvalidRequest,
    JobChanged,
    LedgerError,
    LedgerLocked,
    NotFound,
    NumberFailed,
    OrderRejected,
    OutcomeUnknown,
    PageTokenRepeated,
    PermissionDenied,
    RateLimited,
    RelinkFailed,
    RunStopped,
    SinchHostingError,
    TransportError,
    UsageError,
    WaitTimeout,
)
from .messages import complain, mask, write_to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """What the command's exit code says; documented, and stable."""

    DONE = 0
    NOT_ALL = 1
    """Some numbers failed, or a file and the account differ, or the system failed."""
    USAGE = 2
    """The arguments, files, settings or the installation have to be corrected; nothing was sent."""
    REFUSED = 3
    """The service refused, or its answer cannot be understood."""
    NOT_REACHED = 4
    """The service was not reached, or gave no answer."""
    TIMED_OUT = 5
    """The time that was given ran out."""
    UNKNOWN = 6
    """There may be an order that nobody has seen: look for it before anything is sent again."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""
    PIPE_CLOSED = 141
    """The reader of the output closed it, as `head` does."""


class BadInput(SinchHostingError, ValueError):
    """The arguments, files or settings cannot be used; the message says what to do next."""


def cannot_listen(host: str, port: int, error: Exception) -> BadInput:
    """Return the error for a port that cannot be listened on."""
    in_use = getattr(error, "errno", None) == errno.EADDRINUSE
    why = "another program listens there" if in_use else message_of(error)
    return BadInput(
        f"cannot listen on {host}:{port}: {why}; give another port, or 0 for a free one"
    )


class Failed(SinchHostingError):
    """A command that did not succeed, with its exit code and what to do next."""

    def __init__(self, message: str, code: ExitCode, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        """The exit code."""
        self.hint = hint
        """What to do next."""


_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (OutcomeUnknown, ExitCode.UNKNOWN),
    (WaitTimeout, ExitCode.TIMED_OUT),
    (OrderRejected, ExitCode.NOT_ALL),
    (NumberFailed, ExitCode.NOT_ALL),
    (RelinkFailed, ExitCode.NOT_ALL),
    (TransportError, ExitCode.NOT_REACHED),
    (ApiError, ExitCode.REFUSED),
    (DecodeError, ExitCode.REFUSED),
    (PageTokenRepeated, ExitCode.REFUSED),
    (InvalidRequest, ExitCode.USAGE),
    (ConfigurationError, ExitCode.USAGE),
    (UsageError, ExitCode.USAGE),
    (LedgerError, ExitCode.USAGE),
    (ValueError, ExitCode.USAGE),
)
_RANK = (
    ExitCode.UNKNOWN,
    ExitCode.TIMED_OUT,
    ExitCode.NOT_REACHED,
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.NOT_ALL,
    ExitCode.DONE,
)


def code_of(error: BaseException) -> ExitCode:
    """Return the exit code for an error."""
    if isinstance(error, Failed):
        return error.code
    if isinstance(error, BaseExceptionGroup):
        return worst(map(code_of, error.exceptions))
    if isinstance(error, RunStopped) and error.__cause__ is not None:
        return code_of(error.__cause__)
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.NOT_ALL)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the most important code: an unknown outcome goes before everything else."""
    return min(codes, key=_RANK.index, default=ExitCode.DONE)


# The first that fits: what a person can do about it.
_NEXT: tuple[tuple[type[BaseException], str], ...] = (
    (
        OutcomeUnknown,
        "look for it before you send it again: sinch-hosting jobs reconcile JOB, or "
        "sinch-hosting numbers explain NUMBER",
    ),
    (AuthenticationFailed, "check the key id and its secret: sinch-hosting doctor"),
    (PermissionDenied, "check whether the key belongs to the project: sinch-hosting doctor"),
    (NotFound, "check the id, and the project that it belongs to: sinch-hosting doctor"),
    (RateLimited, "wait a while and run the same line again"),
    (TransportError, "check the network and the address of the service: sinch-hosting doctor"),
    (JobChanged, "give the same file and options as before, or another --job"),
    (LedgerLocked, "wait until the other run has ended"),
    (DecodeError, "update sinch-hosting; if it comes again, send the line with --debug to us"),
    (ConfigurationError, "see which settings are found where: sinch-hosting doctor"),
)


def next_step(error: BaseException) -> str:
    """Return what to do about an error; `""` if its message says so itself."""
    if isinstance(error, Failed):
        return error.hint
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(next_step, error.exceptions)), "")
    return next((said for kind, said in _NEXT if isinstance(error, kind)), "")


def message_of(error: BaseException) -> str:
    """Return the message of an error in one line; of a group, the message of its first error."""
    if isinstance(error, BaseExceptionGroup):
        first, more = error.exceptions[0], len(error.exceptions) - 1
        return message_of(first) + (f" (and {more} more errors)" if more else "")
    notes = "; ".join(getattr(error, "__notes__", ()))
    of_system = error.strerror if isinstance(error, OSError) else None
    said = of_system or str(error) or type(error).__name__
    return " ".join((f"{said} ({notes})" if notes else said).split())


AS_JSON: ContextVar[bool] = ContextVar("as_json", default=False)
"""Whether errors are told as JSON."""
HINTED: ContextVar[set[str]] = ContextVar("hinted", default=set())  # noqa: B039 - of one run
"""The advice that was printed in this run; each piece of advice is printed once."""
DEBUG: ContextVar[bool] = ContextVar("debug", default=False)
"""Whether errors show their traceback."""


def report_error(error: BaseException, *, about: str = "") -> ExitCode:
    """Tell what went wrong on standard error, in one or two lines or as JSON.

    Args:
        error: What went wrong.
        about: The number or order with which it did.

    Returns:
        The exit code.
    """
    code, hint = code_of(error), next_step(error)
    if DEBUG.get():
        write_to_stderr(mask("".join(traceback.format_exception(error))))
    if AS_JSON.get():
        shown: dict[str, object] = {
            "type": type(error).__name__,
            "message": mask(message_of(error)),
            "exit_code": int(code),
            **({"about": about} if about else {}),
        }
        for name in ("status_code", "status", "operation", "field", "tag", "token"):
            value = getattr(error, name, None)
            if isinstance(value, (str, int)):
                shown[name] = value
        if hint:
            shown["next"] = hint
        write_to_stderr(json.dumps({"error": shown}) + "\n")
    else:
        complain(f"{about}: {message_of(error)}" if about else message_of(error))
        if hint and hint not in (hinted := HINTED.get()):
            hinted.add(hint)
            write_to_stderr(f"  {hint}\n")
    return code
