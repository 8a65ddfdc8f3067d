"""The handles over HTTP, for programs in other languages and for the page: ``/_sandbox``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from inspect import signature
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp import web
from attrs import asdict, define

from .checks import is_loopback, read_json, read_query
from .errors import Refusal, invalid, not_found, shown
from .http import Dropped, json_response, read_body
from .views import (
    VIEWS,
    numbers_view,
    order_view,
    request_view,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .handles import Handles
    from .wire import Json

PREFIX = "/_sandbox"

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@define(eq=False)
class Control:
    """Serves what is below ``/_sandbox``: GET shows, POST acts, DELETE removes faults.

    Args:
        sandbox: its handles.
        on_loopback: whether only this machine can reach it.
    """

    sandbox: Handles
    on_loopback: bool

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the response to one request. Errors have the contract's flat shape."""
        try:
            path = unquote(request.rel_url.raw_path, errors="strict").removeprefix(PREFIX)
            self._check_origin(request)
            if path in {"", "/"}:
                return _page(path)
            body = await _read_object(request) if request.method == "POST" else {}
            query = read_query(request.rel_url.raw_query_string)
            limit = _limit(query, request.method)
            answer = self._do(request.method, path.removeprefix("/"), body, query, limit)
            return json_response(_newest(answer, limit))
        except Refusal as refusal:
            failure = refusal
        except Dropped:
            return web.Response()
        except UnicodeDecodeError:
            failure = Refusal(400, "the path cannot be decoded")
        except LookupError as error:
            failure = Refusal(404, str(error.args[0] if error.args else error))
        except (ValueError, TypeError, OverflowError) as error:
            failure = Refusal(400, shown(str(error)))
        return json_response(failure.body(nested=False), failure.code, failure.headers)

    def _do(
        self, method: str, path: str, body: Json, query: Mapping[str, str], limit: int | None
    ) -> Any:
        name, _, rest = path.partition("/")
        known = _PARAMETERS.get(path, ()) if method == "GET" else ()
        for parameter in query:
            if parameter not in known:
                raise invalid(shown(parameter), "is no parameter here")
        if method == "GET":
            return self._show(path, name, rest, query, limit)
        if method == "POST" and not rest and name in _ACTIONS:
            return self._act(_ACTIONS[name], body)
        if method == "DELETE" and name == "faults":
            if rest and not rest.isdecimal():
                raise not_found(f"fault {rest}")
            self.sandbox.faults.remove(int(rest)) if rest else self.sandbox.faults.clear()
            return {}
        raise not_found(f"{method} {PREFIX}/{path}")

    def _show(
        self, path: str, name: str, rest: str, query: Mapping[str, str], limit: int | None
    ) -> Any:
        if path == "numbers":
            return numbers_view(self.sandbox, query.get("search", ""))
        if path in VIEWS:
            return VIEWS[path](self.sandbox, query, limit)
        if name == "orders" and rest:
            return order_view(self.sandbox, rest)
        if name == "requests" and rest.isdecimal():
            return request_view(self.sandbox, int(rest))
        raise not_found(f"GET {PREFIX}/{path}")

    def _act(self, action: Callable[..., Json | None], body: Json) -> Json:
        for name in ("order", "number", "subject", "reason"):
            if not isinstance(body.get(name, ""), str):
                raise invalid(name, "must be a string")
        numbers = body.get("numbers", [])
        if not isinstance(numbers, list) or not all(isinstance(n, str) for n in numbers):
            raise invalid("numbers", "must be a list of phone numbers")
        try:
            call = signature(action).bind(self.sandbox, **body)
        except TypeError as error:
            raise Refusal(400, shown(str(error))) from error
        return action(*call.args, **call.kwargs) or {}

    def _check_origin(self, request: web.BaseRequest) -> None:
        """Refuse requests of foreign web pages: they must not control what listens on loopback."""
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            raise Refusal(403, "pages from elsewhere may not do that")
        name = host.rpartition(":")[0] or host
        if self.on_loopback and host and not is_loopback(name.strip("[]")):
            raise Refusal(403, "that host name does not belong to this machine")


_FILTERS = ("operation", "status", "order")
_PARAMETERS = {"state": _FILTERS, "requests": _FILTERS, "numbers": ("search",)}
"""The parameters of a view, besides ``limit``."""


def _limit(query: dict[str, str], method: str) -> int | None:
    """Take ``limit`` out of the *query*, and return it; raise `Refusal` where it does not fit."""
    limit = query.pop("limit", None)
    if limit is not None and method != "GET":
        raise invalid("limit", "is no parameter here")
    if limit is not None and not (limit.isascii() and limit.isdigit() and len(limit) < 10):
        raise invalid("limit", "must be a whole number that is not negative")
    return None if limit is None else int(limit)


def _newest(answer: Any, limit: int | None) -> Any:
    """Return *answer*, or the last *limit* records of it."""
    if limit is None:
        return answer
    if not isinstance(answer, list):
        raise invalid("limit", "only lists have one")
    return answer[max(len(answer) - limit, 0) :]


async def _read_object(request: web.BaseRequest) -> Json:
    raw = await read_body(request)
    body = read_json(raw) if raw.strip() else {}
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    return body


def _page(path: str) -> web.Response:
    if not path:
        return web.Response(status=302, headers={"Location": f"{PREFIX}/"})
    return web.Response(text=_page_text(), content_type="text/html", headers=_PAGE_HEADERS)


@cache
def _page_text() -> str:
    return files("sinch_hosting.sandbox").joinpath("page.html").read_text(encoding="utf-8")


def _advance(sandbox: Handles, **units: float) -> Json:
    happened = sandbox.advance(**units)
    return {**time_of(sandbox), "happened": happened}


def _add_fault(sandbox: Handles, kind: str, **about: Any) -> Json:
    return sandbox.faults.add(kind, **about).json()


def _switch_fault(sandbox: Handles, id: int, on: bool) -> Json:
    if type(id) is not int or type(on) is not bool:
        raise invalid("switch-fault", "takes the id of a fault and on, which is true or false")
    return sandbox.faults.switch(id, on).json()


def _speed(sandbox: Handles, speed: float) -> Json:
    sandbox.change_speed(speed)
    return time_of(sandbox)


def _plan(sandbox: Handles, number: str, **failures: str) -> Json:
    return asdict(sandbox.plan(number, **failures))


_ACTIONS: dict[str, Callable[..., Json | None]] = {
    "advance": _advance,
    "step": lambda sandbox: {"happened": sandbox.step()},
    "sign-letter": lambda sandbox, order: sandbox.sign_letter(order),
    "decline-letter": lambda sandbox, order: sandbox.decline_letter(order),
    "reject": lambda sandbox, order, **reason: sandbox.reject(order, **reason),
    "complete": lambda sandbox, order: sandbox.complete(order),
    "trigger": lambda sandbox, subject: {"happened": sandbox.trigger(subject)},
    "receive-invoices": lambda sandbox, numbers: sandbox.receive_invoices(numbers),
    "approve": lambda sandbox, numbers: sandbox.approve(numbers),
    "refuse": lambda sandbox, number, **reason: sandbox.refuse(number, **reason),
    "voice-code": lambda sandbox, number: {"code": sandbox.voice_code(number)},
    "plan": _plan,
    "rules": lambda sandbox, **changes: sandbox.change_rules(**changes).json(),
    "faults": _add_fault,
    "switch-fault": _switch_fault,
    "speed": _speed,
    "expire-tokens": lambda sandbox: sandbox.expire_tokens(),
    "reset": lambda sandbox: sandbox.reset(),
}
