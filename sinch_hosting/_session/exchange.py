"""One HTTP exchange: what is asked of aiohttp, and what came back, read up to a limit.

What matters is set on each request, whatever session is borrowed: time-outs, redirects, whether
an error status raises, decompression, and that the lender's cookies stay at home. A status that
has arrived decides, even where the body behind it breaks off.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import aiohttp
from attrs import define
from multidict import CIMultiDictProxy
from yarl import URL

from .. import errors
from .._aio import Clock
from .loop_state import LoopState
from .operations import Operation, Retryability
from .retry import CreateObserver
from .secrets import Secret
from .settings import HttpSettings
from .transport_errors import connection_error, other_error, without_secrets

T = TypeVar("T")
Reply = tuple[int, CIMultiDictProxy[str], bytes]

_log = logging.getLogger("sinch_hosting")
# So much of the body of an error is read: no service explains more.
_ERROR_BODY = 65_536


@define
class Call(Generic[T]):
    """One call of an operation, over all its tries."""

    operation: Operation
    answer_type: type[T]
    url: URL
    data: bytes | None
    headers: Mapping[str, str]
    secret: str | None
    is_poll: bool = False
    witness: CreateObserver | None = None
    patience: int = 0
    sends: int = 0

    async def count_sends(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """A middleware: aiohttp sends a GET or DELETE again by itself on a stale connection."""
        self.sends += 1
        return await handler(request)


class Exchange:
    """Sends requests with aiohttp for one client."""

    def __init__(self, http: HttpSettings, base_url: str, clock: Clock) -> None:
        self._limit = http.max_response_bytes
        self._host = URL(base_url).raw_host
        self._clock = clock
        self._per_request: dict[str, Any] = {
            "timeout": http.timeout,
            "allow_redirects": False,
            "raise_for_status": False,  # a lender's session may: a refusal would look lost
            "auto_decompress": True,
            "read_bufsize": 2**16,
            **({"proxy": http.proxy} if http.proxy is not None else {}),
            **({"ssl": http.ssl} if http.ssl is not True else {}),
        }

    async def send(self, bound: LoopState, call: Call[Any], header: Secret, tries: int) -> Reply:
        """Send a request, and say in this package's terms where that failed."""
        if call.witness is not None:
            await call.witness.on_sending()
        status: int | None = None
        started = self._clock()
        try:
            response = await bound.http.request(
                call.operation.method,
                call.url,
                headers={**bound.headers, **call.headers, bound.authorization: header},
                data=call.data,
                **self._options(bound, call),
            )
            is_success = 200 <= response.status < 300
            body = await (
                self._read(response, call.operation) if is_success else _read_error(response)
            )
            status = response.status
            return status, response.headers, body
        except aiohttp.InvalidURL:
            # It may hold a password; and nothing was sent, so a create is not lost.
            raise errors.ConfigurationError(
                "a proxy's address, of the client or of the environment, is no URL"
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise connection_error(call.operation.name, error) from without_secrets(error)
        except (RuntimeError, ValueError) as error:
            raise other_error(bound, call.operation, error) from without_secrets(error)
        except asyncio.CancelledError as cancelled:
            if call.operation.loses_answers:
                _log.warning("%s was cancelled: it may have been carried out", call.operation.name)
                cancelled.add_note(_what_was_cancelled(call))
            raise
        finally:
            if _log.isEnabledFor(logging.DEBUG):
                took, path = self._clock() - started, call.url.raw_path
                said = status or "no answer"
                method = call.operation.method
                _log.debug("%s %s: %s in %.3f s, try %d", method, path, said, took, tries)

    def _options(self, bound: LoopState, call: Call[Any]) -> dict[str, Any]:
        """The settings, and what the kind of operation asks of aiohttp beyond them."""
        middlewares = bound.middlewares
        options = self._per_request
        if call.operation.loses_answers:
            # aiohttp would give a request without a body the type of a binary one.
            bare = {"skip_auto_headers": ("Content-Type",)} if call.data is None else {}
            # A name in the pool's key keeps creates off pooled connections, one of which may
            # be dead already: a create on it would look lost though it never left. The name
            # is the one that TLS would use anyway.
            options = {**options, **bare, "server_hostname": self._host}
        elif call.operation.kind is Retryability.SAFE and call.operation.method == "DELETE":
            call.sends = 0
            middlewares = (*middlewares, call.count_sends)
        return {**options, "middlewares": middlewares} if middlewares else options

    async def _read(self, response: aiohttp.ClientResponse, operation: Operation) -> bytes:
        """The body; `DecodeError` where it is longer than the limit, which ends the connection."""
        length = response.content_length
        if length is not None and "Content-Encoding" not in response.headers:
            if length <= self._limit:
                # Read whole, an answer gives its connection back by itself.
                return await response.read()
        else:
            body = bytearray()
            try:
                while chunk := await response.content.readany():
                    body += chunk
                    if len(body) > self._limit:
                        break
                else:
                    return bytes(body)
            except BaseException:
                response.close()
                raise
        response.close()
        reason = f"the body is longer than {self._limit} bytes; see max_response_bytes"
        raise errors.DecodeError(operation.name, path="", reason=reason, body="")


async def _read_error(response: aiohttp.ClientResponse) -> bytes:
    """What can be read of the body of an error, and not more than anybody would."""
    body = bytearray()
    try:
        while len(body) <= _ERROR_BODY and (chunk := await response.content.readany()):
            body += chunk
        is_whole = len(body) <= _ERROR_BODY
    except (aiohttp.ClientError, OSError, TimeoutError):
        is_whole = False
    except BaseException:
        response.close()
        raise
    if not is_whole:
        response.close()
    return bytes(body[:_ERROR_BODY])


def _what_was_cancelled(call: Call[Any]) -> str:
    """What may have been carried out, and what to look for before it is sent again."""
    body = json.loads(call.data) if call.data else {}
    numbers = body.get("numbers") or body.get("phoneNumbers") or []
    numbers = numbers or [n for n in (body.get("phoneNumber"),) if n]
    of = f" of {len(numbers)} numbers ({', '.join(numbers[:3])})" if numbers else ""
    name = body.get("displayName")
    sought = f"an order named {name!r}" if name else "its numbers, or an order that holds them,"
    return (
        f"{call.operation.name}{of} was sent, and cancelled before its answer came: it may have "
        f"been carried out. Look for {sought} before you send it again."
    )
