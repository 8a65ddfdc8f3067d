"""The one cattrs converter: JSON to models, and requests to JSON.

A page of 500 numbers is 4,000 objects, so each class has two structure hooks. The quick one is
generated: it reads the fields by their wire names, checks their types and fills the slots. It
knows no error. Whatever it does not expect makes it hand the object to the careful one, which is
plain code and has all rules: a value of another type fails the answer only where decisions rest
on it; anywhere else the field is absent, and `.extra` has what came.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import attrs
import cattrs

from ..models import BlanketLoa, DirectLoa, ResellerLoa
from ..models._base import camel_case
from ..states import OpenEnum

_LOA_TYPES = (DirectLoa, ResellerLoa, BlanketLoa)
# The fields that waits, runs and onboarding decide by, and what contains such fields.
_DECISIVE = frozenset(
    {
        *("project_id", "hosting_order_id", "phone_number", "display_name"),
        *("service_plan_id", "campaign_id"),
        *("state", "type", "global_process_state", "osr_eligibility", "ownership_verification"),
        *("sms_configuration", "scheduled_provisioning", "sms_provisioning"),
        *("campaign_provisioning", "platform_provisioning", "osr_update"),
        *("hosting_orders", "numbers", "imported_numbers", "qualified_numbers"),
        *("next_page_token", "access_token", "token_type", "hmac_secret"),
        *("event_id", "event_type", "resource_id", "resource_type"),
    }
)
# Patterns are compiled when they are first used: most programs never need them.
_RFC_3339 = r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)?"
_WHOLE = r"-?[0-9]{1,18}"


class StructureError(Exception):
    """A value does not fit the model; it has the path to it from the outermost object."""

    def __init__(self, expected: str, came: object, *path: str, secret: bool = False) -> None:
        super().__init__(f"expected {expected}, got {_json_type(came, shown=not secret)}")
        self.path = list(path)

    def under(self, step: str) -> StructureError:
        """Put the step that led here before the path."""
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


# ---------------------------------------------------------------- structure


def _structure_time(value: object, _: object = None) -> datetime | None:
    if not isinstance(value, str):
        raise StructureError("a time", value)
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = _rfc_3339_time(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rfc_3339_time(value: str) -> datetime:
    """Read what `fromisoformat` does not: `t`, `z`, and second 60, which begins a minute."""
    found = re.fullmatch(_RFC_3339, value, re.ASCII)
    try:
        if found is None:
            raise ValueError(value)
        minute, second, fraction, zone = found.groups("")
        leap = timedelta(seconds=second == "60")
        text = f"{minute}{'59' if leap else second}{fraction}{zone.upper()}"
        return datetime.fromisoformat(text) + leap
    except (ValueError, OverflowError):
        raise StructureError(f"a time, not {value[:40]!r}", value) from None


class _Members(dict[Any, Any]):
    """An enum's members by wire value; an unknown value makes a member of its own."""

    def __init__(self, kind: type[OpenEnum]) -> None:
        super().__init__({member.value: member for member in kind})
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


def _structure_code(value: Any, _: object = None) -> int | str:
    """Keep a code as it comes, as a number or as text."""
    if value.__class__ not in (int, str):
        raise StructureError("a number or text", value)
    return value


def _text_of_number(value: object) -> str:
    if type(value) is not int:
        raise StructureError("text", value)
    return str(value)


def _number_of_text(value: object) -> int:
    """Read a whole number as the JSON of protobuf may write it: `"5"`, `5.0`."""
    if isinstance(value, str) and re.fullmatch(_WHOLE, value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise StructureError("a number", value)


_JSON_TYPES: dict[type, str] = {str: "text", bool: "a boolean", int: "a number", float: "a number"}


@attrs.frozen(eq=False, repr=False)
class _Field:
    """How one field of a class is read."""

    name: str
    wire: str
    also: str | None
    """Another name on the wire, for where the first one has nothing."""
    kinds: tuple[Any, ...]
    """The alternatives of its type, without `None`."""
    absent: object
    is_secret: bool

    def value_of(self, value: Any) -> Any:
        """Return the field's value for what came; raises `StructureError`."""
        (kind, *others) = self.kinds
        if kind is Any or type(value) in self.kinds:
            return value
        if isinstance(kind, type) and issubclass(kind, OpenEnum):
            if isinstance(value, (dict, list)):
                raise StructureError("text", value)
            return _Members(kind)[value]
        if kind not in _JSON_TYPES:
            return converter.get_structure_hook(kind)(value, kind)
        if self.name not in _DECISIVE and not others and kind in (str, int):
            return _text_of_number(value) if kind is str else _number_of_text(value)
        expected = " or ".join(dict.fromkeys(_JSON_TYPES[k] for k in self.kinds))
        raise StructureError(expected, value, secret=self.is_secret)

    def quick_lines(self, scope: dict[str, Any]) -> Iterator[str]:
        """Write the lines that fill the slot; `return careful(o)` is the way out."""
        (kind, *_) = self.kinds
        scope[f"absent_{self.name}"] = self.absent
        yield f"v = get({self.wire!r})"
        if self.also:
            yield f"if (v is None or v == {{}}) and {self.also!r} in o: v = get({self.also!r})"
        yield f"if v is None: self.{self.name} = absent_{self.name}; missing += 1"
        if kind is Any:
            yield f"else: self.{self.name} = v"
        elif kind in _JSON_TYPES:
            fits = " or ".join(f"type(v) is {k.__name__}" for k in self.kinds)
            yield f"elif {fits}: self.{self.name} = v"
            yield "else: return careful(o)"
        elif kind is datetime:
            yield "else:"
            yield f"    self.{self.name} = v = read_time(v)"
            yield "    if v.tzinfo is None: return careful(o)"
        elif isinstance(kind, type) and issubclass(kind, OpenEnum):
            scope[f"members_{self.name}"] = _Members(kind)
            yield f"else: self.{self.name} = members_{self.name}[v]"
        else:
            scope[f"type_{self.name}"] = kind
            scope[f"hook_{self.name}"] = converter.get_structure_hook(kind)
            yield f"else: self.{self.name} = hook_{self.name}(v, type_{self.name})"


def _fields_of(cls: type[Any]) -> list[_Field]:
    hints = get_type_hints(cls)
    return [
        _Field(
            a.name,
            camel_case(a.name),
            a.metadata.get("also"),
            _split_optional(hints[a.name]),
            "" if a.default is attrs.NOTHING else a.default,
            a.repr is False,
        )
        for a in attrs.fields(cls)
        if not a.name.startswith("_")
    ]


def _split_optional(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a field's type, without `None`."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(arg for arg in get_args(hint) if arg is not type(None))
    return (hint,)


def _structure_hook(cls: type[Any]) -> Callable[[Any, Any], Any]:
    """Make the function that makes a `cls` of a JSON object."""
    fields = _fields_of(cls)
    structure = _quick_hook(cls, fields, _careful_hook(cls, fields))
    # Objects that say how far something is are alike for most numbers of a page.
    kinds = [field.kinds[0] for field in fields]
    has_state = any(isinstance(kind, type) and issubclass(kind, OpenEnum) for kind in kinds)
    return _shared(structure) if has_state and datetime not in kinds else structure


def _careful_hook(cls: type[Any], fields: list[_Field]) -> Callable[[Any], Any]:
    known = {name for field in fields for name in (field.wire, field.also)}
    private = [a.name for a in attrs.fields(cls) if a.name.startswith("_")]

    def structure(o: Any) -> Any:
        if type(o) is not dict:
            raise StructureError("an object", o)
        values: dict[str, Any] = dict.fromkeys(private)
        odd: dict[str, Any] = {}
        for field in fields:
            wire = field.wire
            if field.also in o and o.get(wire) in (None, {}):
                wire = cast("str", field.also)
            came = o.get(wire)
            try:
                values[field.name] = field.absent if came is None else field.value_of(came)
            except StructureError as misfit:
                if field.name in _DECISIVE:
                    raise misfit.under(f".{wire}") from None
                values[field.name], odd[wire] = field.absent, came
        extra = {k: v for k, v in o.items() if k not in known} | odd
        values["_extra"] = extra or None
        made: Any = object.__new__(cls)
        for name, value in values.items():
            object.__setattr__(made, name, value)
        return made

    return structure


def _quick_hook(
    cls: type[Any], fields: list[_Field], careful: Callable[[Any], Any]
) -> Callable[[Any, Any], Any]:
    # An object is filled while it is of a class that is not frozen: assignments to slots cost
    # a fraction of what calls of their descriptors do. CPython needs both methods for that.
    plain = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    scope: dict[str, Any] = {
        "cls": cls,
        "thawed": type(cls.__name__, (cls,), {"__slots__": (), **plain}),
        "new": cls.__new__,
        "careful": careful,
        "read_time": datetime.fromisoformat,
        "Misfit": (StructureError, TypeError, ValueError),
        "known": frozenset(name for field in fields for name in (field.wire, field.also)),
    }
    lines = [f"self.{a.name} = None" for a in attrs.fields(cls) if a.name.startswith("_")]
    lines += [line for field in fields for line in field.quick_lines(scope)]
    body = "\n        ".join(lines)
    exec(  # noqa: S102 - the text is made of this package's own field names
        f"""def structure(o, _=None):
    if type(o) is not dict:
        return careful(o)
    get = o.get
    self = new(thawed)
    missing = 0
    try:
        {body}
    except Misfit:
        return careful(o)
    if len(o) + missing != {len(fields)}:
        self._extra = {{k: v for k, v in o.items() if k not in known}} or None
    self.__class__ = cls
    return self
""",
        scope,
    )
    structure: Callable[[Any, Any], Any] = scope["structure"]
    return structure


def _shared(structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Give the object that was made last again where the same comes: it is frozen.

    Only texts are compared, since 1 equals True, and only what has no extra fields, which
    somebody may change. What came is kept as a copy, together with what was made of it: threads
    that decode at the same time see both or neither.
    """
    last: tuple[Any, Any] = ({}, None)

    def structure_or_share(o: Any, hint: object = None) -> Any:
        nonlocal last
        came, made = last
        if o == came and o:
            return made
        made = structure(o, hint)
        if made._extra is None and set(map(type, o.values())) == {str}:
            last = (o.copy(), made)
        return made

    return structure_or_share


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


def _make_converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=True)
    made.register_structure_hook_factory(attrs.has, _structure_hook)
    made.register_structure_hook(datetime, _structure_time)
    made.register_structure_hook_func(_is_tuple, _structure_tuple)
    made.register_structure_hook_func(lambda hint: hint == int | str, _structure_code)
    made.register_unstructure_hook_factory(attrs.has, _unstructure_hook)
    made.register_unstructure_hook(datetime, _wire_time)
    made.register_unstructure_hook(tuple, list)
    return made


converter = _make_converter()
