"""Callbacks: signatures over the raw body, the typed event inside it, and what receives it.

`sign`, `verify` and `parse` are plain functions; `CallbackReceiver` is what a web server mounts.
"""

from __future__ import annotations

import asyncio
import hmac
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from attrs import field, fields, frozen

from ._session import codec
from .errors import ConfigurationError, DecodeError, InvalidRequest, InvalidSignature
from .models import CallbackEvent
from .models._checks import check_seconds, check_whole

if TYPE_CHECKING:
    from aiohttp import web

__all__ = [
    "SIGNATURE_HEADER",
    "CallbackEvent",
    "CallbackReceiver",
    "CallbackResponse",
    "RecentEvents",
    "SeenEvents",
    "parse",
    "sign",
    "verify",
]

SIGNATURE_HEADER = "X-Sinch-Signature"
_HEX_DIGITS = 40
_BODY_TIMEOUT = 10.0
_STORE_TIMEOUT = 2.0
_CANCEL_TIMEOUT = 1.0
_log = logging.getLogger("sinch_hosting")

Handler = Callable[[CallbackEvent], Awaitable[None]]


def sign(body: bytes, secret: str) -> str:
    """The signature of a body, as the service makes it.

    Args:
        body: the raw bytes, as they travel.
        secret: the project's HMAC secret (`callback_configuration`), used as UTF-8.

    Answers HMAC-SHA1 as 40 lowercase hex digits (`EventsCallback`).
    """
    return hmac.new(secret.encode(), body, "sha1").hexdigest()


def verify(body: bytes, signature: str | None, secrets: str | Iterable[str]) -> bool:
    """Whether a body was signed with one of the secrets.

    Args:
        body: the raw bytes as they came; JSON that was parsed and written again will not do.
        signature: the `X-Sinch-Signature` header, hex in either case; `None` where it was absent.
        secrets: the secret, or several while one replaces another.

    Compares in constant time, whichever secret fits. Raises `InvalidRequest` where there is no
    secret to compare with, or an empty one: an empty key would let anybody sign.
    """
    # A configuration's `hmac_secret` may be None: a type checker says so, and so does this.
    known = [secrets] if isinstance(secrets, str) else list(secrets or ())
    if not known or not all(isinstance(secret, str) and secret for secret in known):
        raise InvalidRequest(field="secrets", value="***", rule="at least one, none of them empty")
    # Some servers hand headers over as bytes: that is no text that fits, whatever it spells.
    if not isinstance(signature, str) or len(signature) != _HEX_DIGITS or not signature.isascii():
        return False
    claimed = signature.lower().encode()
    matches = [hmac.compare_digest(sign(body, secret).encode(), claimed) for secret in known]
    return any(matches)


def parse(body: bytes, signature: str | None, secrets: str | Iterable[str]) -> CallbackEvent:
    """The event in a body that was signed with one of the secrets.

    Args:
        body: the raw bytes as they came.
        signature: the `X-Sinch-Signature` header.
        secrets: the secret, or several while one replaces another.

    Answers the event. Raises `InvalidSignature`, and `DecodeError` for a signed body that is no
    event. Nothing but the body is signed: drop what was seen before by its `event_id`.
    """
    if not verify(body, signature, secrets):
        what = "is missing" if not signature else "does not fit the body"
        raise InvalidSignature(f"the {SIGNATURE_HEADER} header {what}")
    event = codec.decode("EventsCallback", body, CallbackEvent, lambda text: text)
    for attribute in fields(CallbackEvent):
        value = getattr(event, attribute.name)
        if isinstance(value, str) and not _is_whole(value):
            raise DecodeError(
                "EventsCallback",
                path=attribute.name,
                reason="expected text, got half a character",
                body=body.decode("utf-8", "replace"),
            )
    return event


def _is_whole(text: str) -> bool:
    r"""Whether UTF-8 can hold it: JSON can spell half a character, such as `\ud800`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class SeenEvents(Protocol):
    """Remembers which events came before; write one over a database to share it."""

    def add(self, event_id: str) -> bool | Awaitable[bool]:
        """Remember an event in one step; whether it is new. It may answer an awaitable.

        One that fails, or takes longer than two seconds, makes the event count as new.
        """
        ...


class RecentEvents:
    """Remembers the last events in memory.

    Args:
        limit: how many; the oldest are forgotten first.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = check_whole(limit, "limit")
        self._seen: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, event_id: str) -> bool:
        """Remember an event; whether it is new."""
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        if len(self._seen) > self._limit:
            del self._seen[next(iter(self._seen))]
        return True


class Notified(Protocol):
    """What a receiver tells of events: a `SinchHosting`."""

    def notify(self, event: CallbackEvent) -> None:
        """Look now at what the event is about."""
        ...


@frozen
class CallbackResponse:
    """What to answer a callback with."""

    status: int
    """200, or a 4xx that says what is wrong with it; 503 where too many wait for the handlers."""
    text: str
    headers: dict[str, str] = field(factory=dict)


class CallbackReceiver:
    """Receives callbacks: checks, drops what came before, answers, and passes the event on.

    Mount `handle` on a route of an aiohttp.web application, or `app()` under a prefix; for any
    other framework call `receive` with the raw body. Events reach the handlers outside the
    request, in tasks of the receiver: use it as `async with`, or call `aclose()` at the end.

    Args:
        secrets: the project's HMAC secret, or several while one replaces another.
        sinch: the client whose waits the events wake.
        handlers: async functions that take a `CallbackEvent`; `handler` adds further ones.
        seen: what remembers the events that came before; the last 10,000 by default.
        max_body: bytes that a body may have.
        max_pending: events that may wait for the store or the handlers, however many handlers
            each has; beyond it the answer is 503, and the service delivers the event again later.
        max_concurrency: handlers at work at once.

    Raises `ConfigurationError` where there is no secret, or an empty one.
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
    ) -> None:
        self.secrets = secrets
        self._sinch = sinch
        self._handlers = [*handlers]
        self._seen = RecentEvents() if seen is None else seen
        self._max_body = check_whole(max_body, "max_body")
        self._max_pending = check_whole(max_pending, "max_pending")
        self._slots = asyncio.Semaphore(check_whole(max_concurrency, "max_concurrency"))
        self._tasks: set[asyncio.Task[None]] = set()
        self._closers: set[asyncio.Task[Any]] = set()
        self._receiving = 0
        self._handling = 0
        self._moved = asyncio.Event()
        self._is_closed = False
        self._is_over = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that are accepted; assign others to rotate them while it runs."""
        return self._secrets

    @secrets.setter
    def secrets(self, secrets: str | Iterable[str]) -> None:
        known = (secrets,) if isinstance(secrets, str) else tuple(secrets or ())
        if not known or not all(isinstance(secret, str) and secret for secret in known):
            raise ConfigurationError(
                "a CallbackReceiver needs at least one secret, none of them empty: see "
                "callback_configuration.get()"
            )
        self._secrets = known

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self, timeout: float = 10.0) -> None:
        """Let the handlers finish what came, and take nothing any more (503). Safe to repeat.

        Args:
            timeout: seconds that the handlers have; those still at work then are cancelled.

        No handler starts after it. A handler may call it: then it waits for the others only.
        """
        limit = check_seconds(timeout, "timeout")
        self._is_closed = True
        me = asyncio.current_task()
        if me in self._tasks:
            self._closers.add(me)
            self._move()  # another handler that closes waits for this one no more
        try:
            async with asyncio.timeout(limit):
                while self._receiving or self._others(me):
                    await self._moved.wait()
        except TimeoutError:
            self._is_over = True
            await self._cancel(self._others(me))
        finally:
            if me is not None:
                self._closers.discard(me)

    def _others(self, me: asyncio.Task[Any] | None) -> set[asyncio.Task[None]]:
        """The handlers to wait for: two of them that close do not wait for each other."""
        return self._tasks - self._closers if me in self._closers else {*self._tasks}

    async def _cancel(self, tasks: set[asyncio.Task[None]]) -> None:
        _log.warning("closing cancels %d handlers that did not end in time", len(tasks))
        for task in tasks:
            task.cancel()
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=_CANCEL_TIMEOUT)
            if stubborn:
                _log.error("%d handlers did not end when they were cancelled", len(stubborn))

    def _move(self) -> None:
        """Wake those that close, to look again at what is under way."""
        self._moved.set()
        self._moved.clear()

    def handler(self, handler: Handler) -> Handler:
        """Add a handler; usable as a decorator.

        A handler that fails is logged, and neither stops the others nor makes the service
        deliver the event again.
        """
        self._handlers.append(handler)
        return handler

    # ------------------------------------------------------------ receiving

    async def receive(
        self, body: bytes | bytearray | memoryview, signature: str | None
    ) -> CallbackResponse:
        """Take in a callback from any web framework.

        Args:
            body: the raw bytes of the request, as they came.
            signature: the `X-Sinch-Signature` header; `None` where it is absent.

        Answers what to respond with; raises nothing because of what came. Safe to repeat: an
        event that came before is answered 200 and passed on to nobody.
        """
        try:
            raw = body if isinstance(body, bytes) else memoryview(body).tobytes()
        except (TypeError, ValueError):  # text or nothing at all, a view that was released
            return self._refuse(400, "the body is no bytes")
        if len(raw) > self._max_body:
            return self._refuse(413, "the body is too large")
        try:
            event = parse(raw, signature, self._secrets)
        except InvalidSignature as error:
            return self._refuse(401, str(error))
        except DecodeError:
            return self._refuse(400, "the body is no event")
        return await self._take(event)

    async def _take(self, event: CallbackEvent) -> CallbackResponse:
        # What is with the store has its place already: once remembered, it cannot be put off.
        if self._is_closed or self._receiving + self._handling >= self._max_pending:
            return self._put_off()
        self._receiving += 1
        try:
            if event.event_id and not await self._is_new(event.event_id):
                return CallbackResponse(200, "came before")
            if self._is_over:
                return self._put_off()
            self._pass_on(event)
        finally:
            self._receiving -= 1
            self._move()
        return CallbackResponse(200, "ok")

    def _put_off(self) -> CallbackResponse:
        _log.warning("a callback is put off: too many wait for the handlers, or it is closed")
        return CallbackResponse(503, "try again later", {"Retry-After": "30"})

    def _refuse(self, status: int, why: str) -> CallbackResponse:
        _log.warning("a callback is refused with %d: %s", status, why)
        return CallbackResponse(status, why)

    async def _is_new(self, event_id: str) -> bool:
        try:
            async with asyncio.timeout(_STORE_TIMEOUT):
                answer = self._seen.add(event_id)
                return await answer if inspect.isawaitable(answer) else answer
        except Exception:
            # Twice is better than never: the service promises at least once, too.
            _log.exception("the store of events failed; the event counts as new")
            return True

    def _pass_on(self, event: CallbackEvent) -> None:
        if self._sinch is not None:
            try:
                self._sinch.notify(event)
            except Exception:
                # The event is remembered by now: a 500 would only lose it to the handlers.
                _log.exception("a callback woke no wait")
        tasks = {asyncio.create_task(self._handle(handler, event)) for handler in self._handlers}
        if not tasks:
            return
        self._handling += 1
        self._tasks |= tasks

        def end(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            tasks.discard(task)
            self._handling -= not tasks
            self._move()

        for task in [*tasks]:
            task.add_done_callback(end)

    async def _handle(self, handler: Handler, event: CallbackEvent) -> None:
        async with self._slots:
            try:
                await handler(event)
            except Exception:
                _log.exception("a handler failed for event %s", event.event_id)

    # ----------------------------------------------------------- aiohttp.web

    async def handle(self, request: web.Request) -> web.Response:
        """An aiohttp.web handler: `app.router.add_post("/callbacks", receiver.handle)`."""
        from aiohttp import web  # noqa: PLC0415 - a client alone does not pay for the server

        if request.method != "POST":
            answer = CallbackResponse(405, "callbacks are posted", {"Allow": "POST"})
        else:
            body = await self._read(request)
            if isinstance(body, CallbackResponse):
                answer = body
            else:
                answer = await self.receive(body, request.headers.get(SIGNATURE_HEADER))
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)

    async def _read(self, request: web.Request) -> bytes | CallbackResponse:
        """The raw body, or why there is none."""
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
            # Whatever the server's parser says: a body that breaks off, a wrong encoding.
            _log.debug("a callback's body cannot be read: %r", error)
            return self._refuse(400, "the body cannot be read")
        return bytes(body)

    def app(self) -> web.Application:
        """A sub-application that takes callbacks at its root, for any prefix.

        `app.add_subapp("/callbacks/", receiver.app())` takes them at `/callbacks/` and below.
        """
        from aiohttp import web  # noqa: PLC0415 - as above

        app = web.Application()
        for path in ("", "/{path:.*}"):
            app.router.add_route("*", path, self.handle)
        return app
