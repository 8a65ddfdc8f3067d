"""Requests in, answers out: routing, credentials, bodies, faults, errors, and the request log.

`Listener` is the server under it: broken HTTP, too, is answered in the contract's shape.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from aiohttp import web
from aiohttp.http import HttpProcessingError
from attrs import define, field

from . import checks, routes
from .errors import Refusal, shown
from .fault_effects import changed_page, display_names, move_orders, orders_to_move, unknown_values
from .faults import retry_later
from .records import RequestRecord
from .wire import Call

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from .checks import Shape
    from .credentials import Credentials
    from .faults import Fault, Faults
    from .operations import Operations
    from .records import HostingOrder
    from .routes import Operation
    from .store import World
    from .wire import Json

LARGEST_BODY = 1 << 20
"""Bytes in a request's body; more is answered 413."""
HEALTH = "/healthz"
"""The path that says that the sandbox serves; such requests are in no log."""
BODY_TIMEOUT = 10.0
"""Seconds of real time in which a body must arrive."""

_BEFORE = frozenset(
    ["latency", "drop_before", "error_before", "rate_limited", "rate_limit", "expire_token"]
)
_CHANGING = frozenset(
    ["empty_page", "repeat_token", "unknown_values", "forget_display_name", "order_moves"]
)
_AFTER = frozenset(["error_after", "drop_after", "truncate", "not_json", "drop_idle"])

_log = logging.getLogger("sinch_hosting.sandbox")
_requests_log = logging.getLogger("sinch_hosting.sandbox.requests")


class Dropped(Exception):
    """The connection is to be closed without an answer, or the client has closed it."""


@define(eq=False)
class Service:
    """Serves the requests of the API and of the token endpoint.

    Args:
        world, operations: what is asked for.
        credentials: who may ask.
        faults: the faults in force.
        requests: the log, oldest first.
        serves: whether a ``Host`` is this service.

    ``logs`` says whether each request is logged, ``count`` how many there were.
    """

    world: World
    operations: Operations
    credentials: Credentials
    faults: Faults
    requests: deque[RequestRecord]
    serves: Callable[[str], bool]
    logs: bool = field(init=False, default=False)
    count: int = field(init=False, default=0)
    _dead: WeakKeyDictionary[asyncio.BaseTransport, bool] = field(
        init=False, factory=WeakKeyDictionary
    )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the response to one request. Errors have the contract's shape."""
        self.world.clock.run_due()
        record = self._record(request)
        began = time.monotonic()
        try:
            return await self._answered(request, record)
        finally:
            if self.logs:
                _log_request(record, time.monotonic() - began)

    async def _answered(
        self, request: web.BaseRequest, record: RequestRecord
    ) -> web.StreamResponse:
        try:
            if self._dead and request.transport in self._dead:
                record.fault = "drop_idle"
                raise Dropped
            if request.rel_url.raw_path == "/oauth2/token":
                return await self._token(request, record)
            return await self._api(request, record)
        except Dropped:
            record.outcome = record.fault.rpartition(" ")[2] or "hung up"
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    def _record(self, request: web.BaseRequest) -> RequestRecord:
        self.count += 1
        url = request.rel_url
        record = RequestRecord(
            self.count, self.world.now, request.method, url.raw_path, url.raw_query_string
        )
        self.requests.append(record)
        return record

    async def _api(self, request: web.BaseRequest, record: RequestRecord) -> web.StreamResponse:
        operation: Operation | None = None
        try:
            operation, path = routes.find(
                request.method, request.rel_url.raw_path, self.world.project_id
            )
            record.operation = operation.operation_id
            record.order = path.get("hostingOrderId", "")
            # Read first: the request log shows what was sent, whatever the answer is.
            body = await self._body(request, operation, record)
            self._check_host(request)
            await self._before(request, record)
            self.credentials.check(request.headers.get("Authorization", ""))
            body = body if operation.shape is None else _checked(body, operation.shape)
            query = checks.read_query(request.rel_url.raw_query_string)
            answer = self._perform(operation, Call(path, query, body), record)
        except Refusal as refusal:
            return self._refused(refusal, operation, record)
        except Dropped:
            raise
        except Exception:
            _log.exception("the sandbox failed at %s %s", request.method, request.path)
            failure = Refusal(500, "the sandbox failed; its log says why", fault="bug")
            return self._refused(failure, operation, record)
        record.status, record.outcome = 200, "answered"
        if not len(self.faults):
            return json_response(answer)
        try:
            return await self._after(request, answer, record)
        except Refusal as refusal:
            return self._refused(refusal, operation, record)

    def _check_host(self, request: web.BaseRequest) -> None:
        host = request.headers.get("Host", "")
        if not self.serves(host):
            raise Refusal(421, f"{shown(host)!r} is not served here: check the Host header")

    def _refused(
        self, refusal: Refusal, operation: Operation | None, record: RequestRecord
    ) -> web.Response:
        record.status, record.outcome = refusal.code, refusal.fault or "refused"
        nested = operation is not None and operation.nested and refusal.code != 401
        record.error = refusal.body(nested=nested)
        response = json_response(record.error, refusal.code, refusal.headers)
        if refusal.code in {408, 413}:
            response.force_close()
        return response

    async def _token(self, request: web.BaseRequest, record: RequestRecord) -> web.StreamResponse:
        record.operation = "token"
        try:
            if request.method != "POST":
                raise Refusal(405, "only POST is allowed here", headers={"Allow": "POST"})
            self._check_host(request)
            await self._before(request, record)
            raw = await read_body(request)
            authorization = request.headers.get("Authorization", "")
            short = self.faults.first("token", "short_token")
            lifetime = None if short is None else float(short.settings["lifetime"])
            answer = self.credentials.issue(authorization, raw, lifetime)
            record.acted, record.status, record.outcome = True, 200, "answered"
            return await self._after(request, answer, record)
        except Refusal as refusal:
            record.status, record.outcome = refusal.code, refusal.fault or "refused"
            record.error = {"error": refusal.status, "error_description": refusal.message}
            return json_response(record.error, refusal.code, refusal.headers)

    async def _body(
        self, request: web.BaseRequest, operation: Operation, record: RequestRecord
    ) -> Any:
        """Return the decoded body, or the `Refusal` to raise for it; the request log keeps it."""
        raw = await read_body(request) if request.body_exists else b""
        if operation.shape is None or (not raw and operation.body_optional):
            return {}
        try:
            body = checks.read_json(raw)
        except Refusal as refusal:
            return refusal
        record.body = _without_secrets(body)
        return body

    def _perform(self, operation: Operation, call: Call, record: RequestRecord) -> Json:
        missing = [name for name in operation.required if name not in call.query]
        if missing:
            violations = [(name, "is required") for name in missing]
            raise Refusal(400, f"{missing[0]} is required", violations=violations)
        if operation.lists and len(self.faults):
            lag = self.faults.first(operation.operation_id, "lag")
            if lag is not None:
                _note(record, lag)
                call.lag = float(lag.settings["seconds"])
        perform = operation.perform(self.operations)
        if operation.writes:
            with self.world.clock.still():
                answer = perform(call)
        else:
            answer = perform(call)
        record.acted = operation.writes
        record.order = record.order or answer.get("hostingOrderId", "")
        return self._changed(operation, call, answer, record) if len(self.faults) else answer

    async def _before(self, request: web.BaseRequest, record: RequestRecord) -> None:
        """Apply the faults that come before acting; raise `Refusal` or `Dropped`."""
        if not len(self.faults):
            return
        authorization = request.headers.get("Authorization", "")
        has_token = self.credentials.is_valid_token(authorization)
        for fault in self.faults.striking(
            record.operation, _BEFORE, lambda fault: has_token or fault.kind != "expire_token"
        ):
            settings = fault.settings
            if fault.kind == "rate_limit":
                _limit(fault, request, record)
                continue
            _note(record, fault)
            if fault.kind == "latency":
                await asyncio.sleep(settings["seconds"])
                self.world.clock.run_due()
            elif fault.kind == "drop_before":
                raise Dropped
            elif fault.kind == "error_before":
                raise Refusal(settings["status"], "a fault before acting", fault=fault.kind)
            elif fault.kind == "rate_limited":
                raise retry_later(settings["retry_after"], settings["form"], fault.kind)
            else:
                self.credentials.expire(authorization)

    def _changed(
        self, operation: Operation, call: Call, answer: Json, record: RequestRecord
    ) -> Json:
        """Return the answer as the faults change it."""
        for fault in self.faults.of(_CHANGING, record.operation):
            changed = _change(fault, operation, call, answer)
            moving = self._moving(fault, call)
            if (moving or changed != answer) and fault.strikes(record.operation, self.world.now):
                _note(record, fault)
                move_orders(self.operations.order_lifecycle, moving)
                answer = changed
        return answer

    def _moving(self, fault: Fault, call: Call) -> list[HostingOrder]:
        return orders_to_move(self.world, fault, call.query) if fault.kind == "order_moves" else []

    async def _after(
        self, request: web.BaseRequest, answer: Json, record: RequestRecord
    ) -> web.StreamResponse:
        """Return the response with *answer*, changed by faults; raise `Refusal` or `Dropped`."""
        response: web.StreamResponse = json_response(answer)
        for fault in self.faults.striking(record.operation, _AFTER):
            _note(record, fault)
            settings = fault.settings
            if fault.kind == "error_after":
                raise Refusal(settings["status"], "a fault after acting", fault=fault.kind)
            if fault.kind == "drop_after":
                record.status = 0
                raise Dropped
            record.outcome = fault.kind
            if fault.kind == "truncate":
                return await _cut_short(request, answer, settings["keep"])
            if fault.kind == "not_json":
                kind = settings["content_type"]
                response = web.Response(text=settings["text"], content_type=kind)
            else:
                self._kill(request, settings["after"])
        return response

    def _kill(self, request: web.BaseRequest, after: float | None) -> None:
        """Close the connection after the answer was sent."""
        transport = request.transport
        if transport is None:
            return
        if after is None:
            self._dead[transport] = True
        else:
            asyncio.get_running_loop().call_later(after, transport.close)


class Connection(web.RequestHandler):
    """One connection. What is no HTTP request gets an error body, not a page."""

    __slots__ = ()

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log errors, but not that a body cannot be read: its sender has got an answer."""
        if not isinstance(kwargs.get("exc_info"), (web.RequestPayloadError, HttpProcessingError)):
            super().log_exception(*args, **kwargs)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the response to a request that could not be read, or whose handler failed."""
        if status >= 500:
            _log.error("the sandbox failed", exc_info=exc)
            message = "the sandbox failed; its log says why"
        refusal = Refusal(status, message or "the request is not valid HTTP")
        response = json_response(refusal.body(nested=False), status)
        response.force_close()
        return response


class Listener(web.Server):
    """An HTTP server whose connections are `Connection`."""

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the request's body.

    Raises `Refusal` for one that is too long, broken or too slow, `Dropped` where the client
    closed the connection before it was complete.
    """
    if (request.content_length or 0) > LARGEST_BODY:
        raise Refusal(413, f"a body may have at most {LARGEST_BODY} bytes")
    if request.headers.get("Expect", "").lower() == "100-continue":
        # curl and others hold a large body back for a second until they are told.
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in request.content.iter_any():
                found += chunk
                if len(found) > LARGEST_BODY:
                    raise Refusal(413, f"a body may have at most {LARGEST_BODY} bytes")
    except ConnectionError as error:
        raise Dropped from error
    except TimeoutError as error:
        raise Refusal(408, "the body did not arrive in time") from error
    except (web.RequestPayloadError, ValueError) as error:
        raise Refusal(400, "the body cannot be read") from error
    return bytes(found)


def json_response(
    body: Any, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a JSON response."""
    raw = json.dumps(body).encode("ascii")
    return web.Response(body=raw, status=status, headers=headers, content_type="application/json")


async def _cut_short(request: web.BaseRequest, answer: Json, keep: float) -> web.StreamResponse:
    """Announce the whole answer, send a part of it, and close the connection."""
    raw = json.dumps(answer).encode("ascii")
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(raw)
    response.force_close()
    await response.prepare(request)
    await response.write(raw[: int(len(raw) * keep)])
    if request.transport is not None:
        request.transport.close()
    return response


def _limit(fault: Fault, request: web.BaseRequest, record: RequestRecord) -> None:
    fault.spare()  # it strikes only where it refuses
    basic = request.headers.get("Authorization", "").lower().startswith("basic ")
    if fault.bucket is None or (fault.settings["only_basic"] and not basic):
        return
    wait = fault.bucket.take()
    if wait:
        fault.hits += 1
        _note(record, fault)
        raise retry_later(wait, fault.settings["form"], fault.kind)


def _change(fault: Fault, operation: Operation, call: Call, answer: Json) -> Json:
    """Return the *answer* as one fault changes it; the same where it makes no difference."""
    changed: Json = answer
    if fault.kind == "unknown_values":
        changed = unknown_values(answer, fault.settings["value"])
    elif fault.kind == "forget_display_name":
        changed = display_names(answer, fault.settings["text"])
    elif fault.kind in {"empty_page", "repeat_token"}:
        changed = changed_page(fault, operation.lists, call.query, answer)
    return changed


def _checked(body: Any, shape: Shape) -> Json:
    """Return *body* if it has that *shape*; raise `Refusal` otherwise."""
    if isinstance(body, Refusal):
        raise body
    return checks.check_shape(body, shape)


def _log_request(record: RequestRecord, seconds: float) -> None:
    """Write one line without the query of a token request, bodies and credentials."""
    path = record.path
    if record.query and record.operation != "token":
        path = f"{path}?{record.query}"
    _requests_log.info(
        "%s %s %s %s, %s%s, %.1f ms",
        record.method,
        path.encode("unicode_escape").decode("ascii"),
        record.status or "no answer",
        record.operation or "no operation",
        record.outcome,
        f", fault {record.fault}" if record.fault else "",
        seconds * 1000,
    )


def _note(record: RequestRecord, fault: Fault) -> None:
    record.fault = f"{record.fault} {fault.kind}".lstrip()


def _without_secrets(body: Any) -> Any:
    if isinstance(body, dict) and "hmacSecret" in body:
        return {**body, "hmacSecret": "***"}
    return body
