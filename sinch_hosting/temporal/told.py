"""What may be told of an error: a history keeps it, and more people can read that than should."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.exceptions import ApplicationError

from ..errors import ApiError, ConfigurationError, InvalidRequest, SinchHostingError

_NEVER_HELPS = (InvalidRequest, ConfigurationError)
"""Errors that another attempt meets again: what was asked for is wrong."""


def named(error: BaseException) -> str:
    """Return what an error is, without the service's text: that may hold numbers and names."""
    if isinstance(error, ApiError):
        return f"{type(error).__name__} {error.status_code} {error.status or ''}".rstrip()
    if isinstance(error, InvalidRequest) and not error.field.startswith("line"):
        return f"{type(error).__name__}: {error.field}"
    return type(error).__name__


@asynccontextmanager
async def told() -> AsyncIterator[None]:
    """Raise what history may keep of an error."""
    try:
        yield
    except SinchHostingError as error:
        refused = isinstance(error, ApiError) and error.status_code in (401, 403)
        raise ApplicationError(
            named(error) + (f": {error.rule}" if isinstance(error, InvalidRequest) else ""),
            type=type(error).__name__,
            non_retryable=isinstance(error, _NEVER_HELPS) and not refused,
        ) from None
