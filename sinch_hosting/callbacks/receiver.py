"""The receiver of callbacks: it checks requests, drops repeated events, and calls the handlers.

The checks in their order, each with the answer to a request that does not pass it:

    sender ── 403    size ── 413    signature ── 401    event ── 400
    event came before ── 200    closed, too many events, another event loop ── 503
    otherwise the client's waits are woken, the answer is 200, and the handlers are called

An event is remembered before its handlers run, so that two deliveries at the same moment do not
both run them. It is forgotten again if they do not end, whatever the cause, so that the next
delivery is handled. One task of the receiver does everything from asking the store to the end of
the handlers; the end of the request does not stop it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets as random_secrets
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from ..errors import ConfigurationError, DecodeError, InvalidRequest, InvalidSignature
from ..models import CallbackEvent
from ..models._checks import check_positive, check_seconds, check_whole, optional
from .handlers import Handler, HandlerCalls
from .responses import CAME_BEFORE, OK, CallbackResponse, later, reply
from .seen import RecentEvents, SeenEvents, forget, identity, is_new
from .senders import SENDER_ADDRESSES, read_senders
from .signatures import SIGNATURE_HEADER, check_secrets, parse, read_event

if TYPE_CHECKING:
    from aiohttp import web

_BODY_TIMEOUT = 10.0
_FORWARDED_FOR = "X-Forwarded-For"
_log = logging.getLogger("sinch_hosting")


class Notified(Protocol):
    """What a receiver passes events to: a `SinchHosting`."""

    def notify(self, event: CallbackEvent) -> None:
        """Make the waits for the order or number of the event read it now."""
        ...


class CallbackReceiver:
    """Receives callbacks: it checks them, drops repeated events, and calls the handlers.

    Mount `handle` on a route of an aiohttp.web application, or `app()` under a prefix; for any
    other framework call `receive` with the raw body. Events reach the handlers outside the
    request, in tasks of the receiver: use it as `async with`, or call `aclose()` at the end.
    Where each request has an event loop of its own (Flask, a serverless function, Celery), call
    `receive(..., wait=True)`. `CallbackReceiver.unsigned()` is for projects without a secret.

    Set its attribute `answers_after_handlers` to `True` to have every answer wait for the
    handlers, as with `wait=True`: an event that they could not handle is then delivered again.

    Args:
        secrets: the project's HMAC secret, or several while one replaces another.
        sinch: the client whose waits the events wake; it belongs to the same event loop.
        handlers: async functions that take a `CallbackEvent`; `handler` adds further ones.
        seen: remembers which events came before; by default the last 10,000, in memory.
        max_body: the largest body, in bytes.
        max_pending: the most events that wait for the store or the handlers; beyond that the
            answer is 503, and the service delivers the event again later.
        max_concurrency: the most calls of one handler at the same time.
        handler_timeout: seconds that a handler has for an event, 60 by default; then it is
            cancelled, and the event is forgotten. `None` for no limit.
        allow_from: addresses and networks that callbacks may come from, such as
            `SENDER_ADDRESSES`; all others get 403. Empty for no check.
        trusted_proxies: addresses and networks of your own proxies; only their
            `X-Forwarded-For` headers are used.

    Raises:
        ConfigurationError: there is no secret, one is empty or ends with a line break, or an
            address cannot be read.
    """

    def __init__(
        self,
        secrets: str | Iterable[str],
        *,
        sinch: Notified | None = None,
        handlers: Iterable[Handler] = (),
        seen: SeenEvents | None = None,
        max_body: int = 64 * 1024,
        max_pending: int = 10_000,
        max_concurrency: int = 50,
        handler_timeout: float | None = 60.0,
        allow_from: str | Iterable[str] = (),
        trusted_proxies: str | Iterable[str] = (),
    ) -> None:
        self.secrets = secrets
        del secrets  # what is raised below shows no variable with one
        self._sinch = sinch
        self._handlers = [*handlers]
        self._seen = RecentEvents() if seen is None else seen
        self._max_body = check_whole(max_body, "max_body")
        self._max_pending = check_whole(max_pending, "max_pending")
        self._slots = check_whole(max_concurrency, "max_concurrency")
        self._handler_timeout = optional(handler_timeout, check_positive, "handler_timeout")
        self._senders = read_senders(allow_from, trusted_proxies)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: dict[asyncio.AbstractEventLoop, HandlerCalls] = {}
        self._awaited: dict[str, object] = {}
        self._is_closed = False
        self.answers_after_handlers = False

    @classmethod
    def unsigned(
        cls,
        *,
        allow_from: str | Iterable[str] = SENDER_ADDRESSES,
        trusted_proxies: str | Iterable[str] = (),
        sinch: Notified | None = None,
        handlers: Iterable[Handler] = (),
        seen: SeenEvents | None = None,
        max_body: int = 64 * 1024,
        max_pending: int = 10_000,
        max_concurrency: int = 50,
        handler_timeout: float | None = 60.0,
    ) -> Self:
        """Make a receiver for a project that has no secret, whose callbacks are not signed.

        Only the sender's address is checked, which is weaker than a signature: set a secret with
        `callback_configuration.update`, and assign it to `secrets`; from then on callbacks have
        to be signed.

        Args:
            allow_from: addresses and networks that callbacks may come from; by default those of
                the vendor. It cannot be empty. All others are as for `CallbackReceiver`.

        Raises:
            ConfigurationError: `allow_from` is empty, or an address cannot be read.
        """
        receiver = cls(
            random_secrets.token_hex(),  # nothing is accepted if this raises before its end
            sinch=sinch,
            handlers=handlers,
            seen=seen,
            max_body=max_body,
            max_pending=max_pending,
            max_concurrency=max_concurrency,
            handler_timeout=handler_timeout,
            allow_from=allow_from,
            trusted_proxies=trusted_proxies,
        )
        if not receiver._senders.allowed:
            raise ConfigurationError(
                "allow_from is empty: without a signature and without a check of the sender's "
                "address anybody could send callbacks"
            )
        receiver._secrets = ()
        return receiver

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that are accepted; assign others to rotate them while it runs.

        Each equals its text and shows as stars, as every part of it does; its `reveal()` returns
        the text. Empty only for `CallbackReceiver.unsigned()`.
        """
        return self._secrets

    @secrets.setter
    def secrets(self, secrets: str | Iterable[str]) -> None:
        try:
            self._secrets = check_secrets(secrets, blanks_around=False)
        except InvalidRequest as error:
            raise ConfigurationError(
                "a CallbackReceiver needs the project's secret, see "
                f"callback_configuration.get(): {error.rule}"
            ) from None

    async def __aenter__(self) -> Self:
        self._loop = self._loop or asyncio.get_running_loop()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self, timeout: float = 10.0) -> None:
        """Let the handlers finish, and answer further callbacks with 503. Safe to repeat.

        No handler starts after it. A handler may call it; then it waits only for the others. It
        waits for the handlers on the event loop from which it is called.

        Args:
            timeout: seconds that the handlers have; those that have not ended then are cancelled.

        Raises:
            InvalidRequest: `timeout` is no number of seconds, or negative.
        """
        limit = check_seconds(timeout, "timeout")
        self._is_closed = True
        calls = self._calls.get(asyncio.get_running_loop())
        if calls is not None:
            await calls.close(limit)

    def handler(self, handler: Handler) -> Handler:
        """Add a handler; usable as a decorator.

        A handler that raises is logged. The others go on, and the event counts as handled. If a
        handler is cancelled, takes longer than `handler_timeout` or raises `DeliverAgain`, the
        next delivery of the event counts as new.
        """
        self._handlers.append(handler)
        return handler

    # ------------------------------------------------------------ receiving

    async def receive(
        self,
        body: bytes | bytearray | memoryview,
        signature: str | None,
        *,
        wait: bool = False,
        peer: str | None = None,
        forwarded_for: str | None = None,
    ) -> CallbackResponse:
        """Receive a callback from any web framework. Safe to repeat.

        Args:
            body: the raw bytes of the request, as they came.
            signature: the `X-Sinch-Signature` header; `None` where it is absent.
            wait: answer after the handlers have ended, on any event loop; 503 where they did not
                end, so that the event is delivered again. Without it the handlers run on after
                the answer: the event loop must go on running, and a call on another loop than
                the first is answered 503.
            peer: the address at the other end of the connection; needed with `allow_from`.
            forwarded_for: the `X-Forwarded-For` headers, joined by commas; it is read where
                `peer` is one of the `trusted_proxies`.

        Returns:
            The answer to send; no callback makes it raise. An event that came before is answered
            200, and no handler is called.
        """
        refused = self._check_sender(peer, forwarded_for)
        if refused is not None:
            return refused
        try:
            raw = body if isinstance(body, bytes) else memoryview(body).tobytes()
        except (TypeError, ValueError):  # text, `None`, or a view that was released
            return self._refuse(400, "the body is no bytes")
        wait = wait or self.answers_after_handlers
        event = self._read_event(raw, signature)
        if isinstance(event, CallbackResponse):
            return event
        await self._forget_what_loops_left()
        calls = self._calls_here(wait)
        if calls is None:
            return self._put_off(
                "it came on another event loop than the first one; where each request has a loop "
                "of its own, call receive(..., wait=True)"
            )
        return await self._take(calls, event, identity(event, raw), wait)

    def _read_event(self, raw: bytes, signature: str | None) -> CallbackEvent | CallbackResponse:
        """Return the event in a body, or the answer where there is none."""
        if len(raw) > self._max_body:
            return self._refuse(413, "the body is too large")
        try:
            return parse(raw, signature, self._secrets) if self._secrets else read_event(raw)
        except InvalidSignature as error:
            return self._refuse(401, str(error))
        except DecodeError:
            return self._refuse(400, "the body is no event")

    def _check_sender(self, peer: str | None, forwarded_for: str | None) -> CallbackResponse | None:
        if (why := self._senders.why_not(peer, forwarded_for)) is None:
            return None
        _log.warning("a callback is refused with 403: %s", why)
        return CallbackResponse(403, "the sender is not allowed")

    def _calls_here(self, wait: bool) -> HandlerCalls | None:
        """Return the calls of this event loop; `None` where handlers may not run on it."""
        loop = asyncio.get_running_loop()
        if not wait:
            self._loop = self._loop or loop
            if loop is not self._loop:
                return None
        if loop not in self._calls:
            self._calls[loop] = HandlerCalls(self._slots, self._handler_timeout)
        return self._calls[loop]

    async def _forget_what_loops_left(self) -> None:
        """Forget the events of loops that were closed without cancelling their tasks."""
        for loop in [loop for loop in self._calls if loop.is_closed()]:
            left = self._calls.pop(loop, None)
            for event_id in [] if left is None else left.events.values():
                self._awaited.pop(event_id, None)
                await forget(self._seen, event_id, was_answered=True)

    async def _take(
        self, calls: HandlerCalls, event: CallbackEvent, event_id: str, wait: bool
    ) -> CallbackResponse:
        # Events that wait for the store are counted, too: once remembered, they cannot be put off.
        if self._is_closed or len(calls.events) >= self._max_pending:
            return self._put_off("too many events wait for the handlers, or it is closed")
        claim = object()
        if wait and self._awaited.setdefault(event_id, claim) is not claim:
            return self._put_off("the handlers still process an earlier delivery of the event")
        answer: asyncio.Future[CallbackResponse] = asyncio.get_running_loop().create_future()
        task = calls.start(self._process(calls, event, event_id, answer, wait))
        calls.events[task] = event_id
        calls.entering.add(task)

        def end(_: object) -> None:
            if wait:
                self._awaited.pop(event_id, None)
            del calls.events[task]
            calls.entering.discard(task)
            calls.moved()
            reply(answer, later())
            if not calls.events and calls.loop is not self._loop:
                self._calls.pop(calls.loop, None)

        task.add_done_callback(end)
        return await asyncio.shield(answer)  # a request that is cancelled does not stop the event

    async def _process(
        self,
        calls: HandlerCalls,
        event: CallbackEvent,
        event_id: str,
        answer: asyncio.Future[CallbackResponse],
        wait: bool,
    ) -> None:
        """Process one event, from the store to the end of its handlers."""
        is_through = False
        try:
            if not await is_new(self._seen, event_id):
                is_through = True
                reply(answer, CAME_BEFORE)
                return
            if calls.is_over:
                return
            calls.entering.discard(asyncio.current_task())
            calls.moved()
            self._wake(event)
            if not wait:
                reply(answer, OK)
            is_through = await calls.run(self._handlers, event)
        finally:
            if not is_through and not calls.loop.is_closed():
                await forget(self._seen, event_id, was_answered=answer.done())
        reply(answer, OK if is_through else later())

    def _wake(self, event: CallbackEvent) -> None:
        if self._sinch is None:
            return
        try:
            self._sinch.notify(event)
        except Exception:
            # The event is remembered by now: if this raised, no handler would get it.
            _log.exception("sinch.notify() failed for a callback; its handlers are called")

    def _put_off(self, why: str) -> CallbackResponse:
        _log.warning("a callback is put off: %s", why)
        return later()

    def _refuse(self, status: int, why: str) -> CallbackResponse:
        _log.warning("a callback is refused with %d: %s", status, why)
        return CallbackResponse(status, why)

    # ----------------------------------------------------------- aiohttp.web

    async def handle(self, request: web.Request) -> web.Response:
        """An aiohttp.web handler: `app.router.add_post("/callbacks", receiver.handle)`."""
        from aiohttp import web  # noqa: PLC0415 - a client alone does not pay for the server

        answer = await self._respond(request)
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)

    async def _respond(self, request: web.Request) -> CallbackResponse:
        forwarded_for = ",".join(request.headers.getall(_FORWARDED_FOR, ()))
        refused = self._check_sender(request.remote, forwarded_for)
        if refused is not None:
            return refused
        if request.method != "POST":
            return CallbackResponse(405, "callbacks are posted", {"Allow": "POST"})
        body = await self._read(request)
        if isinstance(body, CallbackResponse):
            return body
        return await self.receive(
            body,
            request.headers.get(SIGNATURE_HEADER),
            peer=request.remote,
            forwarded_for=forwarded_for,
        )

    async def _read(self, request: web.Request) -> bytes | CallbackResponse:
        """Return the raw body, or the answer where there is none."""
        if (request.content_length or 0) > self._max_body:
            return self._refuse(413, "the body is too large")
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_TIMEOUT):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > self._max_body:
                        return self._refuse(413, "the body is too large")
        except TimeoutError:
            return self._refuse(408, "the body did not come in time")
        except Exception as error:
            # The server's parser may raise anything: for a cut body, or a wrong encoding.
            _log.debug("a callback's body cannot be read: %r", error)
            return self._refuse(400, "the body cannot be read")
        return bytes(body)

    def app(self) -> web.Application:
        """Return an application that receives callbacks; mount it under any prefix.

        `app.add_subapp("/callbacks/", receiver.app())` receives at `/callbacks/` and below.
        """
        from aiohttp import web  # noqa: PLC0415 - as above

        app = web.Application()
        for path in ("", "/{path:.*}"):
            app.router.add_route("*", path, self.handle)
        return app
