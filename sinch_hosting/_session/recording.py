"""Records the status, request id and headers of responses, for programs that ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from attrs import field, frozen

from ..models._base import Record


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInfo(Record):
    """What came with one response of the service."""

    operation: str
    """The name of the operation in the contract."""
    status_code: int
    tries: int
    """Which try it belongs to, from 1."""
    request_id: str | None
    """The service's id of the request, to be named to support; `None` where it gave none."""
    headers: Mapping[str, str] = field(repr=False)
    """The headers, whatever their case; secrets and cookies are masked."""


_recorded: ContextVar[list[ResponseInfo]] = ContextVar("sinch_hosting_responses")
open_recordings = 0
"""How many `with` blocks record now. Where it is 0, a call need not look at the context."""


@contextmanager
def record_responses() -> Iterator[list[ResponseInfo]]:
    """Collect the responses to the calls inside of a `with` block, one for every try, in order.

    Calls of other tasks are left out, except for tasks that were started inside of the block. The
    requests of waits are left out as well: all waits share them. Where one block is inside of
    another, a response is in the inner one only.

    Returns:
        The list, which grows with each response: `with record_responses() as responses:`.
    """
    global open_recordings  # noqa: PLW0603 - see above
    responses: list[ResponseInfo] = []
    open_recordings += 1
    before = _recorded.set(responses)
    try:
        yield responses
    finally:
        _recorded.reset(before)
        open_recordings -= 1


def record(response: ResponseInfo) -> None:
    """Add a response where its call is recorded."""
    if (responses := _recorded.get(None)) is not None:
        responses.append(response)
