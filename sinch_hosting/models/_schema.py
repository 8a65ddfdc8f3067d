"""How pydantic, and so FastAPI, reads, writes and describes a record."""

from __future__ import annotations

import inspect
import types
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

from ..states import OpenEnum
from ._base import SECRET_FIELDS, Record
from ._json import fields_of, from_dict
from .letters import BlanketLoa, DirectLoa, ResellerLoa

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema

_LETTERS = (DirectLoa, ResellerLoa, BlanketLoa)
_TYPES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    types.NoneType: {"type": "null"},
}


def core_schema_of(cls: type[Record], source: object) -> CoreSchema:
    """Return the schema with which pydantic takes a record or its JSON, and writes its JSON."""
    from pydantic_core import core_schema  # noqa: PLC0415 - it is not needed otherwise

    items = (get_args(source) or (Any,))[0]

    def read(value: object) -> Record:
        return value if isinstance(value, cls) else from_dict(cls, value, items)

    return core_schema.no_info_plain_validator_function(
        read,
        serialization=core_schema.plain_serializer_function_ser_schema(lambda one: one.to_dict()),
    )


def json_schema_of(cls: type[Record], *, in_letter: bool = False) -> dict[str, Any]:
    """Return the JSON schema (2020-12) of what `to_dict` returns."""
    fields = [field for field in fields_of(cls) if field.name not in SECRET_FIELDS]
    in_letter = in_letter or issubclass(cls, _LETTERS)
    about = (inspect.getdoc(cls) or "").split("\n\n")[0]
    found: dict[str, Any] = {
        "type": "object",
        "title": cls.__name__,
        "description": " ".join(about.split()),
        "properties": {f.key: _of_type(cls, f.hint, in_letter=in_letter) for f in fields},
    }
    if fields and (in_letter or not cls.is_on_the_wire):  # an answer may leave out anything
        found["required"] = [field.key for field in fields]
    return found


def _of_type(cls: type[Record], hint: Any, *, in_letter: bool) -> dict[str, Any]:  # noqa: PLR0911
    origin, choices = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return {}
    if hint in _TYPES:
        return dict(_TYPES[hint])
    if origin in (Union, types.UnionType):
        # On the wire an absent field is left out, so no value is null there.
        kinds = [c for c in choices if not (cls.is_on_the_wire and c is types.NoneType)]
        found = [_of_type(cls, kind, in_letter=in_letter) for kind in kinds]
        return found[0] if len(found) == 1 else {"anyOf": found}
    if origin is Literal:
        return {"type": "string", "enum": list(choices)}
    if origin is tuple:
        return {"type": "array", "items": _of_type(cls, choices[0], in_letter=in_letter)}
    kind = origin or hint
    if issubclass(kind, _LETTERS):
        name = kind.wire_name
        return {"type": "object", "properties": {name: json_schema_of(kind)}, "required": [name]}
    if issubclass(kind, Record):
        return json_schema_of(kind, in_letter=in_letter)
    if issubclass(kind, Enum):
        values = [str(member.value) for member in kind]
        # An open enum grows at the service: the values that are known are examples.
        return {"type": "string", "examples" if issubclass(kind, OpenEnum) else "enum": values}
    return {"type": "object"}  # a mapping, or an error
