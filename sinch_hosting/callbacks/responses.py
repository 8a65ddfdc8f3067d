"""The answers to callbacks."""

from __future__ import annotations

import asyncio

from attrs import field, frozen


@frozen
class CallbackResponse:
    """The answer to a callback."""

    status: int
    """200; a 4xx where the callback is wrong; 503 to have it delivered again."""
    text: str
    headers: dict[str, str] = field(factory=dict)


OK = CallbackResponse(200, "ok")
CAME_BEFORE = CallbackResponse(200, "came before")


def later() -> CallbackResponse:
    """Return the answer that has an event delivered again."""
    return CallbackResponse(503, "try again later", {"Retry-After": "30"})


def reply(answer: asyncio.Future[CallbackResponse], response: CallbackResponse) -> None:
    """Answer a request, unless it is answered already."""
    if not answer.done():
        answer.set_result(response)
