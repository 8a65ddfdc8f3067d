"""Bodies to models, requests to bodies; error bodies to errors."""

from __future__ import annotations

import json
import re
import time
import types
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from http import HTTPStatus
from typing import Any, TypeVar, cast

import attrs
from multidict import CIMultiDict

from .. import errors
from ..models._base import SECRET_FIELDS, camel_case
from .converter import StructureError, converter

T = TypeVar("T")
_SHOWN = 1000
"""How many characters an error shows of any text of the service."""
_MASKED = 65_536
"""How many bytes of a body are searched for secrets; what comes after them is not shown."""
_LONGEST_ID = 200
_REQUEST_IDS = (
    "X-Request-Id",
    "Request-Id",
    "X-Correlation-Id",
    "X-Trace-Id",
    "X-Amzn-RequestId",
    "X-Amzn-Trace-Id",
    "X-B3-TraceId",
    "CF-Ray",
)
_SECRET_HEADERS = frozenset(
    {"set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization"}
)
_LONGEST_RETRY_AFTER = 86_400.0
# A text up to its end or the end of the body; from an array or an object on, all; or a word.
_SECRET_IN_JSON = (
    rf'(?s)("(?:{"|".join(sorted(SECRET_FIELDS))})"\s*:\s*)'
    r'(?:(")[^"\\]*(?:\\.[^"\\]*)*|[\[{].*|(?!null\b)[^\s"\[{,\]}]+)'
)


def encode(request: object) -> dict[str, Any]:
    """Return the JSON object of a request model, without what has its default."""
    answer: dict[str, Any] = converter.unstructure(request)
    return answer


# ------------------------------------------------------------- JSON, errors


Hide = Callable[[str], str]


def decode(operation: str, raw: bytes, answer_type: type[T], hide: Hide) -> T:
    """Return the model for a 2xx body; `DecodeError` names the path to what does not fit.

    `hide` removes the secrets that the caller knows from what the error shows.
    """
    if answer_type is types.NoneType:
        return cast("T", None)  # a delete may get nothing, {} or any JSON
    try:
        payload = _parsed(raw)
    except (ValueError, RecursionError) as error:
        body = _shown(raw, hide)
        reason = "nested too deep" if isinstance(error, RecursionError) else "no JSON"
        reason = f"{reason} in {len(raw)} bytes: {body[:60]!r}"
        is_json, where = False, ""
    else:
        try:
            _check_not_hollow(payload, answer_type)
            return converter.structure(payload, answer_type)
        except StructureError as misfit:
            body, reason, where, is_json = _shown(raw, hide), str(misfit), misfit.where, True
    # Outside the handlers: the cause of a JSON error holds the whole body.
    raise errors.DecodeError(operation, path=where, reason=reason, body=body, is_json=is_json)


def _check_not_hollow(payload: Any, answer_type: type[object]) -> None:
    """Refuse an object that holds none of the fields of its type, such as an error in a 200.

    `{}` is one whose fields all have their defaults: an empty list, a report of zeros.
    """
    if not isinstance(payload, dict) or not payload or not attrs.has(answer_type):
        return
    if payload.keys().isdisjoint(_wire_names(answer_type)):
        shown = ", ".join(map(repr, sorted(payload)[:3]))
        raise StructureError(f"fields of {answer_type.__name__} (not only {shown})", payload)


@lru_cache(maxsize=64)
def _wire_names(answer_type: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    fields = [a for a in attrs.fields(answer_type) if not a.name.startswith("_")]
    also = [a.metadata["also"] for a in fields if "also" in a.metadata]
    return (*(camel_case(a.name) for a in fields), *also)


def _parsed(raw: bytes) -> Any:
    """Parse JSON as `json` does; by msgspec where it is installed, at half of the price.

    What msgspec refuses and `json` reads (`NaN`, lone surrogates, 1e999, a byte order mark) is
    left to `json`. orjson is not used: it makes floats of large integers without a word.
    """
    try:
        return _parser()(raw)
    except Exception:  # whatever it is: json decides
        # Given bytes, json looks for other encodings and a byte order mark, at a price.
        return json.loads(raw)


@cache
def _parser() -> Callable[[bytes], Any]:
    try:
        import msgspec  # noqa: PLC0415 - optional, and not needed before the first answer
    except ImportError:
        return _decode_and_load
    is_exact = isinstance(msgspec.json.decode(b"18446744073709551616"), int)  # 0.17: a float
    return msgspec.json.decode if is_exact else _decode_and_load


@cache
def json_writer() -> Callable[[Any], bytes] | None:
    """Return what writes parsed JSON fast; `None` where msgspec is not installed."""
    try:
        import msgspec  # noqa: PLC0415 - optional, and not needed before the first answer
    except ImportError:
        return None
    return msgspec.json.Encoder().encode


def _decode_and_load(raw: bytes) -> Any:
    return json.loads(raw.decode())


def _shown(raw: bytes, hide: Hide) -> str:
    """Return a body as text, with secret fields masked also in JSON that is cut short."""
    return _masked(raw[:_MASKED].decode("utf-8", "replace"), hide)[:_SHOWN]


def _masked(text: str, hide: Hide) -> str:
    return hide(re.sub(_SECRET_IN_JSON, r"\1\2***", text))


def _without_secrets(value: Any, hide: Hide) -> Any:
    """Return JSON without secrets: what a body escapes shows once it is parsed."""
    if isinstance(value, str):
        return _masked(value, hide)[:_SHOWN]
    if isinstance(value, list):
        return [_without_secrets(item, hide) for item in value]
    if isinstance(value, dict):
        return {
            key: "***" if key in SECRET_FIELDS else _without_secrets(item, hide)
            for key, item in value.items()
        }
    return value


_ERRORS: dict[int, type[errors.ApiError]] = {
    400: errors.BadRequest,
    401: errors.AuthenticationFailed,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    409: errors.Conflict,
    429: errors.RateLimited,
}


def _error_class(status_code: int) -> type[errors.ApiError]:
    if status_code >= 500:
        return errors.ServerError
    return _ERRORS.get(status_code, errors.ApiError)


def _error_object(raw: bytes, hide: Hide) -> tuple[dict[str, Any], str]:
    """Return the object that describes an error, flat or nested; where there is none, the text."""
    text = _shown(raw, hide)
    try:
        body = _without_secrets(json.loads(raw), hide)
    except (ValueError, RecursionError):
        return {}, " ".join(text.split())
    if not isinstance(body, dict):
        return {}, text
    inner = body.get("error")
    if isinstance(inner, dict):
        return inner, ""
    if isinstance(inner, str):  # the token endpoint's shape, RFC 6749
        return {"status": inner, "message": body.get("error_description") or inner}, ""
    return body, ""


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def api_error(
    operation: str, status_code: int, headers: Mapping[str, str], raw: bytes, hide: Hide
) -> errors.ApiError:
    """Return the error for a status that is no success, whatever the shape of its body."""
    described, text = _error_object(raw, hide)
    details = _listed(described.get("details"))
    violations = [
        violation
        for detail in details
        if isinstance(detail, dict)
        for violation in _listed(detail.get("fieldViolations"))
        if isinstance(violation, dict)
    ]
    status = described.get("status")
    if str(status) == str(status_code):
        status = None  # problem details, and some gateways, repeat the status code there
    problem = _problem(described)
    message = described.get("message") or problem or text or _reason(status_code)
    if 300 <= status_code < 400 and (location := headers.get("Location")):
        shown = _masked(location, hide)[:_SHOWN]
        message = f"{message} (it redirects to {shown}, which is not followed; see base_url)"
    error = _error_class(status_code)(
        str(message),
        operation=operation,
        status_code=status_code,
        status=None if status is None else str(status),
        details=details,
        field_violations=violations,
        retry_after=parse_retry_after(headers.get("Retry-After"), headers.get("Date")),
        request_id=request_id_of(headers, hide) or _request_id_in(details),
        headers=shown_headers(headers, hide),
    )
    error.is_from_service = bool(problem) or any(
        isinstance(described.get(k), str | int) for k in ("message", "code")
    )
    return error


def request_id_of(headers: Mapping[str, str], hide: Hide) -> str | None:
    """The id that a response gives its request; `None` where it gives none.

    The service documents no header for it, so the common ones are looked for.
    """
    found = next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)
    return None if found is None else _masked(found, hide)[:_LONGEST_ID]


def _request_id_in(details: list[Any]) -> str | None:
    """The id in the details of an error (`google.rpc.RequestInfo`)."""
    found = [detail.get("requestId") for detail in details if isinstance(detail, dict)]
    return next((each[:_LONGEST_ID] for each in found if isinstance(each, str) and each), None)


def shown_headers(headers: Mapping[str, str], hide: Hide) -> CIMultiDict[str]:
    """The headers of a response without secrets; cookies are taken for one."""
    return CIMultiDict(
        (name, "***" if name.lower() in _SECRET_HEADERS else _masked(value, hide)[:_SHOWN])
        for name, value in headers.items()
    )


def _problem(described: Mapping[str, Any]) -> str:
    """Return the text of problem details (RFC 9457), another shape of the vendor's; else `""`."""
    said = (described.get("title"), described.get("detail"))
    return ": ".join(text for text in said if isinstance(text, str) and text)


def _reason(status_code: int) -> str:
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return "no explanation"


def parse_retry_after(
    value: str | None, date: str | None = None, now: Callable[[], float] = time.time
) -> float | None:
    """Return the seconds that a `Retry-After` asks for; `None` where it is not readable.

    A date is compared with the answer's own `Date`, since one clock wrote both; without that, with
    this machine's clock. More than a day is `None`, too: it comes from a wrong clock, or is the
    time in seconds since 1970.
    """
    if not value:
        return None
    if re.fullmatch(r"\s*[0-9]{1,15}(\.[0-9]{1,9})?\s*", value, re.ASCII):
        seconds = float(value)
    elif (then := _http_date(value)) is None:
        return None
    else:
        sent = _http_date(date) if date else None
        seconds = max(0.0, then - (now() if sent is None else sent))
    return seconds if seconds <= _LONGEST_RETRY_AFTER else None


def _http_date(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
