"""One call of an operation, and the body that it sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from ..models.pages import OnBody
from .operations import Operation
from .retry import CreateObserver, Retries
from .secrets import Secret, SecretBytes

T = TypeVar("T")
_NO_HEADERS: Mapping[str, str] = {}


class Call(Generic[T]):
    """One call of an operation, over all its tries.

    Most calls need no more than an operation and an address. All else has a value of the class,
    which costs them nothing.
    """

    data: bytes | SecretBytes | None = None
    headers: Mapping[str, str] = _NO_HEADERS
    secret: Secret | None = None
    """The secret in the body, which no error may show."""
    is_poll = False
    observer: CreateObserver | None = None
    on_body: OnBody | None = None
    """Told of the body of a success before its model is made."""
    patience = 0
    """How many 429s are waited for beyond what the policy allows."""
    tries = 0
    sends = 0
    """How often aiohttp has sent the request of a delete in the last try."""
    is_token_renewed = False
    """Whether the request is sent once more in the same try: its token had expired."""
    retries: Retries | None = None
    requests = 0
    """How many requests an observed exchange has made of it."""

    def __init__(self, operation: Operation, response_type: type[T], url: URL) -> None:
        self.operation = operation
        self.response_type = response_type
        self.url = url

    async def count_sends(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Count the sends, as a middleware: aiohttp repeats a DELETE where a connection is dead."""
        self.sends += 1
        return await handler(request)


class WatchedBody(aiohttp.BytesPayload):
    """The body of a create, which its observer can stop until it is written.

    Opening a connection takes time, and a machine may stand still at any `await`. The service
    carries out nothing of which it has not read the body.
    """

    def __init__(self, body: bytes, observer: CreateObserver) -> None:
        super().__init__(body)
        self._observer = observer

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write the body unless the observer raises."""
        self._observer.on_writing()
        await super().write_with_length(writer, content_length)


class SecretBody(aiohttp.Payload):
    """A body that no dump of aiohttp's variables shows."""

    _value: SecretBytes
    _autoclose = True

    def __init__(self, body: SecretBytes) -> None:
        super().__init__(body)
        self._size = len(body.reveal())

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text, for a middleware that reads it."""
        return self._value.reveal().decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the body."""
        await writer.write(self._value.reveal())


def body_of(call: Call[object]) -> bytes | aiohttp.Payload | None:
    """Return the body of a call as aiohttp takes it."""
    if isinstance(call.data, SecretBytes):
        return SecretBody(call.data)
    if call.data is not None and call.observer is not None:
        return WatchedBody(call.data, call.observer)
    return call.data
