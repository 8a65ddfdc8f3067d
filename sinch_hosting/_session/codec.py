"""The one cattrs converter: JSON to models and requests to JSON; error bodies to errors.

Structure hooks are generated from the models, one function a class, because a page of 500
numbers is 4,000 objects: the generated code reads each field by its wire name, checks its
type, fills the slot, and keeps what it does not know.
"""

from __future__ import annotations

import json
import re
import time
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs
import cattrs

from .. import errors
from ..models import BlanketLoa, DirectLoa, ResellerLoa
from ..states import OpenEnum

T = TypeVar("T")
_LOA_TYPES = (DirectLoa, ResellerLoa, BlanketLoa)
_SHOWN = 1000
"""Characters of any text of the service that an error shows."""
_MASKED = 65_536
"""Bytes of a body that are searched for secrets; what is behind them is not shown."""
_SECRET_FIELDS = frozenset(
    {
        "hmacSecret",
        "hmac_secret",
        "accessToken",
        "access_token",
        "refresh_token",
        "client_secret",
        "key_secret",
    }
)
# A text up to its end or the body's, all the rest from an array or an object on, or a word.
_SECRET_IN_JSON = re.compile(
    rf'("(?:{"|".join(sorted(_SECRET_FIELDS))})"\s*:\s*)'
    r'(?:(")[^"\\]*(?:\\.[^"\\]*)*|[\[{].*|(?!null\b)[^\s"\[{,\]}]+)',
    re.DOTALL,
)


class StructureError(Exception):
    """A value that does not fit the model, and the path to it from the outermost object."""

    def __init__(self, expected: str, came: object, *path: str, secret: bool = False) -> None:
        super().__init__(f"expected {expected}, got {_json_type(came, shown=not secret)}")
        self.path = list(path)

    def under(self, step: str) -> StructureError:
        """Prefix the path with the step that led here."""
        self.path.insert(0, step)
        return self

    @property
    def where(self) -> str:
        """The path as people write it: `numbers[3].smsAtt.state`."""
        return "".join(self.path).lstrip(".")


def _json_type(value: object, *, shown: bool) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean"}
    if value is None:
        return "null"
    name = names.get(type(value), "a number")
    if not shown or isinstance(value, (dict, list, str)):
        return name
    return f"{name} {json.dumps(value)}"


def camel_case(name: str) -> str:
    """The wire's spelling of a field's name."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


# ---------------------------------------------------------------- structure


def _structure_time(value: object, _: object = None) -> datetime | None:
    if not isinstance(value, str):
        raise StructureError("a time", value)
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = _rarer_time(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_LEAP_SECOND = re.compile(r"(.{10}T\d\d:\d\d:)60(?:\.\d+)?(.*)")


def _rarer_time(value: str) -> datetime:
    """What RFC 3339 allows beyond Python's reader: `t`, `z`, and the second 60."""
    text = value.upper()
    leap = _LEAP_SECOND.fullmatch(text)
    try:
        if leap is None:
            return datetime.fromisoformat(text)
        return datetime.fromisoformat(f"{leap[1]}59{leap[2]}") + timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise StructureError(f"a time, not {value[:40]!r}", value) from None


class _Members(dict[Any, Any]):
    """An enum's members by wire value; an unknown value makes a member of its own."""

    def __init__(self, kind: type[OpenEnum], absent: object) -> None:
        super().__init__({member.value: member for member in kind})
        self[None] = absent
        self._kind = kind

    def __missing__(self, value: object) -> OpenEnum:
        # Protobuf's JSON writes enum values that it cannot name as numbers.
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return self._kind(str(value))
        raise StructureError("text", value)


def _is_tuple(hint: Any) -> bool:
    origin: object = get_origin(hint)
    return origin is tuple


def _structure_tuple(value: Any, hint: Any) -> tuple[Any, ...]:
    """Structure a JSON array; cattrs by itself takes any iterable, a text's letters too."""
    if value.__class__ is not list:
        raise StructureError("an array", value)
    inner = get_args(hint)[0]
    hook = converter.get_structure_hook(inner)
    items: list[Any] = []
    append = items.append
    try:
        for item in value:
            append(hook(item, inner))
    except StructureError as misfit:
        raise misfit.under(f"[{len(items)}]") from None
    return tuple(items)


# Decisions rest on texts (ids, names): of another type they fail the answer. A number, a flag, a
# time or an error's text of another type is absent, and kept in `.extra` as it came.
def _read_number(value: object) -> int | None:
    """A number that came as text, or with a fraction of nothing."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _read_nothing(_: object) -> None:
    return None


_JSON_TYPES: dict[type, str] = {str: "text", bool: "a boolean", int: "a number", float: "a number"}


def _split_optional(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a field's type, without `None`."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(arg for arg in get_args(hint) if arg is not type(None))
    return (hint,)


def _field_source(attribute: attrs.Attribute[Any], hint: Any, scope: dict[str, Any]) -> list[str]:
    """The lines that turn `v` into the field's value and put it into its slot."""
    name, absent = attribute.name, _absent(attribute)
    scope[f"absent_{name}"] = absent
    (kind, *others) = _split_optional(hint)
    put = f"self.{name} = %s"
    keep = f"raw = {{**(raw or {{}}), at[1:]: v}}; self.{name} = absent_{name}"
    is_lenient = attribute.metadata.get("lenient") or kind is datetime
    if kind is Any:
        return [put % "v"]
    if isinstance(kind, type) and issubclass(kind, OpenEnum):
        scope[f"members_{name}"] = _Members(kind, absent)
        return [put % f"members_{name}[v]"]
    if kind in _JSON_TYPES:
        expected = " or ".join(dict.fromkeys(_JSON_TYPES[k] for k in (kind, *others)))
        wrong = " and ".join(f"type(v) is not {k.__name__}" for k in (kind, *others))
        missing = [] if absent is None else [f"if v is None: v = absent_{name}"]
        present = "" if absent is not None else " and v is not None"
        if absent is None and (kind is not str or name.startswith("error")):
            scope[f"read_{name}"] = _read_number if kind is int and not others else _read_nothing
            read = f"self.{name} = read_{name}(v)"
            unread = f"if self.{name} is None: {keep}"
            return [f"if {wrong}{present}:", f"    {read}", f"    {unread}", f"else: {put % 'v'}"]
        misfit = f"StructureError({expected!r}, v, secret={attribute.repr is False})"
        return [*missing, f"if {wrong}{present}: raise {misfit}", put % "v"]
    scope[f"type_{name}"] = kind
    scope[f"hook_{name}"] = converter.get_structure_hook(kind)
    read = put % f"absent_{name} if v is None else hook_{name}(v, type_{name})"
    return ["try: " + read, f"except StructureError: {keep}"] if is_lenient else [read]


def _absent(attribute: attrs.Attribute[Any]) -> object:
    return "" if attribute.default is attrs.NOTHING else attribute.default


def _structure_hook(cls: type[Any]) -> Callable[[Any, Any], Any]:
    """Write the function that makes a `cls` of a JSON object."""
    hints = get_type_hints(cls)
    # An object is filled while it is of a class that is not frozen: assignments to slots cost
    # a fraction of what calls of their descriptors do. CPython needs both methods for that.
    plain = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    thawed = type(cls.__name__, (cls,), {"__slots__": (), **plain})
    scope: dict[str, Any] = {
        "cls": cls,
        "thawed": thawed,
        "new": cls.__new__,
        "StructureError": StructureError,
    }
    known: set[str] = set()
    lines: list[str] = []
    for attribute in attrs.fields(cls):
        name = attribute.name
        if name.startswith("_"):
            lines.append(f"self.{name} = None")
            continue
        wire, also = camel_case(name), attribute.metadata.get("also")
        known.update(filter(None, (wire, also)))
        lines += [f"at = {'.' + wire!r}", f"v = get({wire!r})"]
        if also:
            lines.append(f"if (v is None or v == {{}}) and {also!r} in o:")
            lines.append(f"    at = {'.' + also!r}; v = get({also!r})")
        lines += _field_source(attribute, hints[name], scope)
    scope["knows_all"] = frozenset(known).issuperset
    scope["known"] = frozenset(known)
    body = "\n        ".join(lines)
    exec(  # noqa: S102 - the text is made of this package's own field names
        f"""def structure(o, _=None):
    if type(o) is not dict:
        raise StructureError("an object", o)
    get = o.get
    self = new(thawed)
    at = ""
    raw = None
    try:
        {body}
    except StructureError as misfit:
        raise misfit.under(at) from None
    except TypeError:
        # An array or an object where an enum's text belongs has no hash.
        raise StructureError("text", v, at) from None
    if not knows_all(o):
        self._extra = {{k: v for k, v in o.items() if k not in known}}
    if raw is not None:
        self._extra = {{**(self._extra or {{}}), **raw}}
    self.__class__ = cls
    return self
""",
        scope,
    )
    structure: Callable[[Any, Any], Any] = scope["structure"]
    return structure


# -------------------------------------------------------------- unstructure


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _unstructure_hook(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Make the function that turns a `cls` into what JSON holds, defaults left out."""
    fields = [
        (attribute.name, camel_case(attribute.name), attribute.default)
        for attribute in attrs.fields(cls)
        if not attribute.name.startswith("_")
    ]

    def unstructure(instance: Any) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for name, wire, default in fields:
            value = getattr(instance, name)
            if value is default:
                continue
            key = value.wire_name if isinstance(value, _LOA_TYPES) else wire
            answer[key] = converter.unstructure(value)
        return answer

    return unstructure


_LONGEST_RETRY_AFTER = 86_400.0


def _make_converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=True)
    made.register_structure_hook_factory(attrs.has, _structure_hook)
    made.register_structure_hook(datetime, _structure_time)
    made.register_structure_hook_func(_is_tuple, _structure_tuple)
    made.register_structure_hook(int, _structure_int)
    made.register_structure_hook_func(lambda hint: hint == int | str, _structure_code)
    made.register_unstructure_hook_factory(attrs.has, _unstructure_hook)
    made.register_unstructure_hook(datetime, _wire_time)
    made.register_unstructure_hook(tuple, list)
    return made


def _structure_int(value: Any, _: object = None) -> int:
    if value.__class__ is not int:
        raise StructureError("a number", value)
    return int(value)


def _structure_code(value: Any, _: object = None) -> int | str:
    """An enum that is sent by number here and by name there."""
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value
    raise StructureError("a number or text", value)


converter = _make_converter()


def encode(request: object) -> dict[str, Any]:
    """The JSON object of a request model, defaults left out."""
    answer: dict[str, Any] = converter.unstructure(request)
    return answer


# ------------------------------------------------------------- JSON, errors


Hide = Callable[[str], str]


def decode(operation: str, raw: bytes, answer_type: type[T], hide: Hide) -> T:
    """The model for a 2xx body; `DecodeError` names the path to what does not fit.

    `hide` takes the secrets that the caller knows out of what the error shows.
    """
    if answer_type is types.NoneType:
        return cast("T", None)  # a delete may answer nothing, {} or any JSON
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
        raise StructureError(f"fields of {answer_type.__name__}, not only {shown},", payload)


@lru_cache(maxsize=64)
def _wire_names(answer_type: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    fields = [a for a in attrs.fields(answer_type) if not a.name.startswith("_")]
    also = [a.metadata["also"] for a in fields if "also" in a.metadata]
    return (*(camel_case(a.name) for a in fields), *also)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode())
    except ValueError:
        # Given bytes, json looks for other encodings and a byte order mark, at a price.
        return json.loads(raw)


def _shown(raw: bytes, hide: Hide) -> str:
    """A body as text, secret fields masked even in JSON that is cut short."""
    return _masked(raw[:_MASKED].decode("utf-8", "replace"), hide)[:_SHOWN]


def _masked(text: str, hide: Hide) -> str:
    return hide(_SECRET_IN_JSON.sub(r"\1\2***", text))


def _without_secrets(value: Any, hide: Hide) -> Any:
    """JSON without secrets: what is escaped in a body's text shows once it is parsed."""
    if isinstance(value, str):
        return _masked(value, hide)[:_SHOWN]
    if isinstance(value, list):
        return [_without_secrets(item, hide) for item in value]
    if isinstance(value, dict):
        return {
            key: "***" if key in _SECRET_FIELDS else _without_secrets(item, hide)
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
    """The object that describes an error, flat or nested, and the text where there is none."""
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
    """The error for an answer that is none, from either shape of body or any other."""
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
    said = described.get("message") or _problem(described)
    message = said or text or _reason(status_code)
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
    )
    error.is_from_service = any(
        isinstance(described.get(k), str | int) for k in ("message", "code", "title", "detail")
    )
    return error


def _problem(described: Mapping[str, Any]) -> str:
    """The words of the vendor's general shape of errors (problem details, RFC 9457)."""
    words = [described[key] for key in ("title", "detail") if isinstance(described.get(key), str)]
    return ": ".join(filter(None, words))


def _reason(status_code: int) -> str:
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return "no explanation"


def parse_retry_after(
    value: str | None, date: str | None = None, now: Callable[[], float] = time.time
) -> float | None:
    """The seconds that a `Retry-After` asks for; `None` where it says nothing readable.

    A date is held against the answer's own `Date`, whose clock wrote both, else against
    this machine's. More than a day says nothing either: it is a wrong clock, or the time as
    seconds since 1970.
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
