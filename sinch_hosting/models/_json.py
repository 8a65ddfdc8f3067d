"""Records as plain values and back: what `to_dict` and `from_dict` do.

The table of a class's fields is made of its type hints, once. What the service sends is read
leniently, since nothing is decided here: a value that does not fit is kept in `extra`. Letters
and the records of this package are written by programs, so they are read strictly.
"""

from __future__ import annotations

import types
from collections import abc
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from functools import singledispatch
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from .. import errors
from ..states import OpenEnum, OrderState, QualificationState
from ._base import SECRET_FIELDS, Answered, Record, absent, camel_case
from .letters import BlanketLoa, DirectLoa, Letter, ResellerLoa

R = TypeVar("R", bound=Record)

_LETTER = (DirectLoa, ResellerLoa, BlanketLoa)
_LETTERS = {loa.wire_name: loa for loa in _LETTER}
_PLAIN = {str: "text", bool: "a boolean", int: "a number", float: "a number"}


class TypeMismatch(Exception):
    """A value that does not fit, and where it is."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(expected)
        self.expected, self.value = expected, value
        self.where = ""

    def under(self, step: str) -> TypeMismatch:
        """Prefix the path with the step that led here."""
        self.where = step + self.where
        return self


@frozen
class Field:
    """One field: its name in a record and in JSON, its type, and what it is where it is absent."""

    name: str
    key: str
    also: str | None
    hint: Any
    absent: object


_tables: dict[Any, tuple[Field, ...]] = {}


def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a class that JSON has, in their order; they are looked up once."""
    found = _tables.get(cls)
    if found is None:
        hints = get_type_hints(cls)
        found = _tables[cls] = tuple(
            Field(
                name=attribute.name,
                key=camel_case(attribute.name) if cls.is_on_the_wire else attribute.name,
                also=attribute.metadata.get("also"),
                hint=hints[attribute.name],
                absent=absent(cls, attribute),
            )
            for attribute in attrs.fields(cls)
            if not attribute.name.startswith("_")
        )
    return found


# ------------------------------------------------------------------ to JSON


def to_dict(record: Record) -> dict[str, Any]:
    """Return a record as plain values; see `Record.to_dict`."""
    found: dict[str, Any] = {}
    for field in fields_of(type(record)):
        value = getattr(record, field.name)
        if field.name in SECRET_FIELDS or (record.is_on_the_wire and value == field.absent):
            continue
        found[field.key] = plain(value)
    if isinstance(record, Answered):
        found.update(plain(record.extra))
    return found


@singledispatch
def plain(value: object) -> Any:
    """Return a value as JSON has it, or as text where JSON cannot hold it."""
    return repr(value)


@plain.register
def _(value: bool | int | float | None) -> Any:
    return value


@plain.register
def _(value: str) -> str:
    return "".join((value,))  # of an enum's member, too


@plain.register
def _(value: datetime) -> str:
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@plain.register
def _(value: Record) -> dict[str, Any]:
    found = to_dict(value)
    return {value.wire_name: found} if isinstance(value, _LETTER) else found


@plain.register
def _(value: Mapping) -> dict[str, Any]:  # type: ignore[type-arg]
    return {str(key): plain(each) for key, each in value.items() if key not in SECRET_FIELDS}


@plain.register
def _(value: list | tuple | set | frozenset) -> list[Any]:  # type: ignore[type-arg]
    return [plain(each) for each in value]


@plain.register
def _(error: BaseException) -> dict[str, Any]:
    known = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    return {"type": type(error).__name__, "text": str(error), **plain(known)}


# ---------------------------------------------------------------- from JSON


def from_dict(cls: type[R], data: object, items: Any = Any) -> R:
    """Return the record of an object; `items` is the type of what a generic record holds."""
    try:
        return _record(cls, data, items)
    except TypeMismatch as mismatch:
        raise errors.InvalidRequest(
            field=f"{cls.__name__}{mismatch.where}",
            value=mismatch.value,
            rule=f"must be {mismatch.expected}",
        ) from None


def _record(cls: type[R], data: object, items: Any) -> R:
    if not isinstance(data, Mapping):
        raise TypeMismatch("an object", data)
    if not issubclass(cls, Answered):
        return cls(**_arguments(cls, data, items))
    known, odd = dict[str, object](), dict[str, Any]()
    for field in fields_of(cls):
        key, value = field.key, data.get(field.key)
        if field.also in data and not value:
            key, value = field.also or key, data[field.also]
        try:
            known[field.name] = field.absent if value is None else _value(field.hint, value, items)
        except TypeMismatch:
            known[field.name], odd[key] = field.absent, value
    names = {name for field in fields_of(cls) for name in (field.key, field.also)}
    odd = {key: value for key, value in data.items() if key not in names} | odd
    return cast("R", _filled(cls, known, odd))


def _filled(cls: type[Answered], known: Mapping[str, object], odd: dict[str, Any]) -> Answered:
    """Return a model of these values, unchecked: the service may leave out parts of a letter."""
    made = cls.__new__(cls)
    for name in attrs.fields_dict(cls):
        object.__setattr__(made, name, known.get(name))
    object.__setattr__(made, "_extra", odd or None)
    return made


def _arguments(cls: type[Record], data: Mapping[str, Any], items: Any) -> dict[str, Any]:
    found = {}
    for field in fields_of(cls):
        if field.key in data:
            try:
                found[field.name] = _value(field.hint, data[field.key], items)
            except TypeMismatch as mismatch:
                raise mismatch.under(f".{field.key}") from None
        elif field.absent is attrs.NOTHING or cls.is_on_the_wire:
            raise TypeMismatch(f"an object with {field.key}", dict(data))
    return found


def _value(hint: Any, value: Any, items: Any) -> Any:
    """Return the value of a type for what JSON has; raises `TypeMismatch`."""
    if isinstance(hint, TypeVar):
        hint = items
    if hint is Any:
        return value
    origin, choices = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(choices, value, items)
    if origin is Literal and value in choices:
        return value
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_item(choices[0], n, each, items) for n, each in enumerate(value))
    if origin is abc.Mapping and isinstance(value, Mapping):
        return dict(value)
    if origin is not None or not isinstance(hint, type):
        raise TypeMismatch(str(hint), value)
    return _converter_of(hint)(hint, value, items)


def _item(hint: Any, place: int, value: object, items: Any) -> Any:
    try:
        return _value(hint, value, items)
    except TypeMismatch as mismatch:
        raise mismatch.under(f"[{place}]") from None


def _one_of(choices: tuple[Any, ...], value: Any, items: Any) -> Any:
    """Return a value of one of several types; of records, the one with exactly these fields."""
    kinds = [choice for choice in choices if choice is not types.NoneType]
    if value is None and len(kinds) < len(choices):
        return None
    records = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Record)]
    if set(records) == set(_LETTER):
        return letter_of(value)
    if len(records) > 1 and isinstance(value, Mapping):
        exact = [kind for kind in records if {f.key for f in fields_of(kind)} == value.keys()]
        return _value((exact or records)[0], value, items)
    if len(kinds) > 1 and type(value) in kinds:
        return value
    return _value(kinds[0], value, items)


def letter_of(value: object) -> Letter:
    """Return the letter of an object such as `{"directLoaInfo": {…}}`."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, letter),) = value.items()
        if name in _LETTERS:
            return cast(
                "DirectLoa | ResellerLoa | BlanketLoa", _record(_LETTERS[name], letter, Any)
            )
    raise TypeMismatch(f"an object with one of {', '.join(_LETTERS)}", value)


# ------------------------------------------------------------ single values


def _converter_of(kind: type) -> Callable[[Any, Any, Any], Any]:
    if issubclass(kind, Record):
        return _record
    if issubclass(kind, Enum):
        return _member
    if issubclass(kind, datetime):
        return _time
    return _error if issubclass(kind, BaseException) else _plain


def _plain(kind: type, value: object, _: object) -> object:
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise TypeMismatch(_PLAIN.get(kind, kind.__name__), value)
    return value


def _member(kind: type[Enum], value: object, _: object) -> Enum:
    # Protobuf's JSON writes enum values that it cannot name as numbers.
    if issubclass(kind, OpenEnum) and type(value) is int:
        value = str(value)
    if kind is OpenEnum:  # the state of a list: of orders or of qualified numbers
        is_of_number = str(value).startswith("GLOBAL_PROCESS_STATE_")
        kind = QualificationState if is_of_number else OrderState
    if isinstance(value, str):
        with suppress(ValueError):  # a text without a member: the error below names the others
            return kind(value)
    raise TypeMismatch(f"one of {', '.join(str(each.value) for each in kind)}", value)


def _time(_: type, value: object, __: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(cast("str", value))
    except (ValueError, TypeError):
        raise TypeMismatch("a time (RFC 3339)", value) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _error(kind: type[BaseException], value: object, _: object) -> BaseException:
    """Return the error of an object: its class, its text and its attributes, without a cause."""
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        raise TypeMismatch("an object with type and text", value)
    name = str(value.get("type"))
    cls = getattr(errors, name) if name in errors.__all__ else errors.SinchHostingError
    if not issubclass(cls, kind):
        cls = kind
    error = cls.__new__(cls, value["text"])
    error.args = (value["text"],)  # OSError, a base of TimeoutError, leaves them empty
    for key, each in value.items():
        # A key of the JSON must not replace a method of the error.
        is_attribute = not str(key).startswith("_") and not callable(getattr(cls, str(key), None))
        if is_attribute and key not in ("type", "text"):
            error.__dict__[str(key)] = _attribute(str(key), each)
    return cast("BaseException", error)


def _attribute(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, Mapping) or name not in ("order", "number", "last"):
        return value
    from .numbers import ImportedNumber, OrderNumber, QualifiedNumber  # noqa: PLC0415
    from .orders import Order  # noqa: PLC0415 - they are made of this module's bases

    kinds: dict[str, type[Record]] = {
        "globalProcessState": QualifiedNumber,
        "osrUpdate": OrderNumber,
        "platformProvisioning": OrderNumber,
        "smsConfiguration": ImportedNumber,
        "state": Order,
    }
    kind = next((kinds[key] for key in kinds if key in value), Order if name == "order" else None)
    return value if kind is None else _record(kind, value, Any)
