"""The one cattrs converter: JSON to models, and requests to JSON.

Structure hooks are generated from the models, one function a class, because a page of 500
numbers is 4,000 objects: the generated code reads each field by its wire name, checks its
type, fills the slot, and keeps what it does not know. A value of another type fails the answer
only where decisions rest on it; anywhere else the field is absent, and `.extra` has what came.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
import cattrs

from ..models import BlanketLoa, DirectLoa, ResellerLoa
from ..states import OpenEnum

_LOA_TYPES = (DirectLoa, ResellerLoa, BlanketLoa)
# The fields that waits, runs and onboarding decide by, with what stands in them.
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
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_WHOLE = re.compile(r"-?[0-9]{1,18}")


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
        moment = _rfc_3339_time(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rfc_3339_time(value: str) -> datetime:
    """What `fromisoformat` does not read: `t`, `z`, and second 60, which begins a minute."""
    found = _RFC_3339.fullmatch(value)
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


def _structure_code(value: Any, _: object = None) -> int | str:
    """An enum or a code that comes as a number or as text; either is kept as it is."""
    if value.__class__ not in (int, str):
        raise StructureError("a number or text", value)
    return value


def _text_of_number(value: object) -> str:
    if type(value) is not int:
        raise StructureError("text", value)
    return str(value)


def _number_of_text(value: object) -> int:
    """A whole number as protobuf's JSON may write it: `"5"`, `5.0`."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise StructureError("a number", value)


_JSON_TYPES: dict[type, str] = {str: "text", bool: "a boolean", int: "a number", float: "a number"}


def _split_optional(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a field's type, without `None`."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(arg for arg in get_args(hint) if arg is not type(None))
    return (hint,)


def _field_source(attribute: attrs.Attribute[Any], hint: Any, scope: dict[str, Any]) -> list[str]:
    """The lines that put `v` into the field's slot, or into `odd` where it does not fit."""
    name = attribute.name
    scope[f"absent_{name}"] = _absent(attribute)
    lines = _value_source(attribute, hint, scope)
    if name in _DECISIVE:
        return lines
    return [
        "try:",
        *(f"    {line}" for line in lines),
        "except (StructureError, TypeError):",
        f"    self.{name} = absent_{name}; odd = {{**odd, at[1:]: get(at[1:])}}",
    ]


def _value_source(attribute: attrs.Attribute[Any], hint: Any, scope: dict[str, Any]) -> list[str]:
    """The lines that turn `v` into the field's value and put it into its slot."""
    name, absent = attribute.name, _absent(attribute)
    (kind, *others) = _split_optional(hint)
    put = f"self.{name} = %s"
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
        misfit = f"raise StructureError({expected!r}, v, secret={attribute.repr is False})"
        if name not in _DECISIVE and not others and kind in (str, int):
            misfit = f"v = {'text_of_number' if kind is str else 'number_of_text'}(v)"
        return [*missing, f"if {wrong}{present}: {misfit}", put % "v"]
    scope[f"type_{name}"] = kind
    scope[f"hook_{name}"] = converter.get_structure_hook(kind)
    return [put % f"absent_{name} if v is None else hook_{name}(v, type_{name})"]


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
        "text_of_number": _text_of_number,
        "number_of_text": _number_of_text,
        "nothing": {},
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
    odd = nothing
    at = ""
    try:
        {body}
    except StructureError as misfit:
        raise misfit.under(at) from None
    except TypeError:
        # An array or an object where an enum's text belongs has no hash.
        raise StructureError("text", v, at) from None
    if odd or not knows_all(o):
        self._extra = {{**{{k: v for k, v in o.items() if k not in known}}, **odd}}
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
