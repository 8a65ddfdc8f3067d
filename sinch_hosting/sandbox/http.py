"""Requests in, answers out: routing, credentials, bodies, errors, and the request log."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from aiohttp import web
from attrs import define, field

from . import checks, routes
from .errors import Refusal
from .operations import Call
from .records import RequestRecord

if TYPE_CHECKING:
    from collections import deque

    from .credentials import Credentials
    from .operations import Json, Operations
    from .routes import Operation
    from .store import World

LARGEST_BODY = 1 << 20
"""Bytes in a request's body; more is answered 413."""
BODY_TIMEOUT = 30.0
"""Seconds of real time in which a body must arrive."""

_log = logging.getLogger("sinch_hosting.sandbox")


@define(eq=False)
class Service:
    """Answers the requests of the API and of the token endpoint."""

    world: World
    operations: Operations
    credentials: Credentials
    requests: deque[RequestRecord]
    _count: int = field(init=False, default=0)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; whatever goes wrong is answered in the contract's shape."""
        self.world.clock.run_due()
        record = self._record(request)
        operation: Operation | None = None
        try:
            if request.rel_url.raw_path == "/oauth2/token":
                return await self._token(request, record)
            operation, path = routes.find(
                request.method, request.rel_url.raw_path, self.world.project_id
            )
            record.operation = operation.operation_id
            self.credentials.check(request.headers.get("Authorization", ""))
            body = await self._body(request, operation, record)
            answer = self._perform(request, operation, path, body, record)
        except Refusal as refusal:
            record.status, record.outcome = refusal.code, "refused"
            return refused(refusal, nested=_is_nested(operation, refusal))
        except Exception:
            _log.exception("the sandbox failed at %s %s", request.method, request.path)
            record.status, record.outcome = 500, "failed"
            return refused(Refusal(500, "the sandbox failed; its log says why"), nested=False)
        record.status, record.outcome = 200, "answered"
        return json_response(answer)

    def _record(self, request: web.BaseRequest) -> RequestRecord:
        self._count += 1
        url = request.rel_url
        record = RequestRecord(
            self._count, self.world.now, request.method, url.raw_path, url.raw_query_string
        )
        self.requests.append(record)
        return record

    async def _token(self, request: web.BaseRequest, record: RequestRecord) -> web.StreamResponse:
        record.operation = "token"
        try:
            if request.method != "POST":
                raise Refusal(405, "POST is what works here", headers={"Allow": "POST"})
            raw = await read_body(request)
            authorization = request.headers.get("Authorization", "")
            answer = self.credentials.issue(authorization, raw, None)
        except Refusal as refusal:
            record.status, record.outcome = refusal.code, "refused"
            body = {"error": refusal.status, "error_description": refusal.message}
            return json_response(body, refusal.code, refusal.headers)
        record.status, record.outcome = 200, "answered"
        return json_response(answer)

    async def _body(
        self, request: web.BaseRequest, operation: Operation, record: RequestRecord
    ) -> Json:
        raw = await read_body(request) if request.body_exists else b""
        if operation.shape is None:
            return {}
        body = {} if not raw and operation.body_optional else checks.read_json(raw)
        record.body = _without_secrets(body)
        return checks.check_shape(body, operation.shape)

    def _perform(
        self,
        request: web.BaseRequest,
        operation: Operation,
        path: dict[str, str],
        body: Json,
        record: RequestRecord,
    ) -> Json:
        query = checks.read_query(request.rel_url.raw_query_string)
        missing = [name for name in operation.required if name not in query]
        if missing:
            violations = [(name, "is required") for name in missing]
            raise Refusal(400, f"{missing[0]} is required", violations=violations)
        answer = operation.perform(self.operations)(Call(path, query, body))
        record.acted = operation.writes
        return answer


async def read_body(request: web.BaseRequest) -> bytes:
    """The request's body; raises `Refusal` for one that is too long, broken or too slow."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise Refusal(413, f"a body may have at most {LARGEST_BODY} bytes")
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in request.content.iter_any():
                found += chunk
                if len(found) > LARGEST_BODY:
                    raise Refusal(413, f"a body may have at most {LARGEST_BODY} bytes")
    except TimeoutError as error:
        raise Refusal(408, "the body did not arrive in time") from error
    except (web.RequestPayloadError, ValueError) as error:
        raise Refusal(400, "the body cannot be read") from error
    return bytes(found)


def json_response(
    body: Any, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """A JSON answer."""
    raw = json.dumps(body).encode("ascii")
    return web.Response(body=raw, status=status, headers=headers, content_type="application/json")


def refused(refusal: Refusal, *, nested: bool) -> web.Response:
    """An error answer in the contract's shape."""
    response = json_response(refusal.body(nested=nested), refusal.code, refusal.headers)
    if refusal.code in {408, 413}:
        response.force_close()
    return response


def _is_nested(operation: Operation | None, refusal: Refusal) -> bool:
    return operation is not None and operation.nested and refusal.code != 401


def _without_secrets(body: Any) -> Any:
    if isinstance(body, dict) and "hmacSecret" in body:
        return {**body, "hmacSecret": "***"}
    return body
