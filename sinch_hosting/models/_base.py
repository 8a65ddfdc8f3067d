"""The bases of all records: how one compares, how it shows, and how it becomes JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, Self

import attrs
from attrs import field, frozen

SECRET_FIELDS = frozenset(
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
"""The fields, in either spelling, whose values are shown to nobody."""


class _Shown(str):
    """A text that shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return self


class Record:
    """The base of everything that can be turned into JSON and back.

    It compares, hashes and shows the attrs fields of its subclasses: generating these methods for
    each class takes half of the time that making the class takes. The models are declared with
    `eq=False, repr=False` and use the ones that stand here.
    """

    __slots__ = ()
    is_on_the_wire: ClassVar[bool] = False
    """Whether the JSON has the service's names (`phoneNumber`), or those of the attributes."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values, which `json.dumps` takes.

        What the service sends has the service's names, the fields in `extra` included, and what
        is absent is left out. A record of this package, such as a report, has the names of its
        attributes and all of its fields. A time is text (RFC 3339, UTC), an error an object with
        its `type`, its `text` and its attributes. Secrets are left out.
        """
        from ._json import to_dict  # noqa: PLC0415 - most programs never need it

        return to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a record of what `to_dict` returned, or of the JSON of the service.

        It sends nothing. An order that is made so belongs to no client: it can be read, but not
        refreshed or waited for.

        Args:
            data: the object. In what the service sends, an unknown field, and a value of
                another type than its field has, is kept in `extra`.

        Raises:
            InvalidRequest: it is no object, or a value of a letter or of a record of this package
                is missing or does not fit.
        """
        from ._json import from_dict  # noqa: PLC0415

        return from_dict(cls, data)

    def __eq__(self, other: object) -> bool:
        cls: Any = self.__class__
        if other.__class__ is not self.__class__:
            return NotImplemented
        compared, _ = _readers(cls)
        return compared(self) == compared(other)

    def __hash__(self) -> int:
        cls: Any = self.__class__
        _, hashed = _readers(cls)
        return hash((cls, hashed(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> Iterator[tuple[str, object]]:
        for attribute in attrs.fields(type(self)):  # type: ignore[arg-type]
            name, how = attribute.name, attribute.repr
            if name.startswith("_") or how is False:
                continue
            value = getattr(self, name)
            if value != absent(type(self), attribute):
                yield name, _Shown(how(value)) if callable(how) else value

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        from ._schema import core_schema_of  # noqa: PLC0415 - only pydantic calls this

        return core_schema_of(cls, source)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, Any]:
        from ._schema import json_schema_of  # noqa: PLC0415

        return json_schema_of(cls)


@cache
def _readers(cls: type[Any]) -> tuple[Callable[[Any], object], Callable[[Any], object]]:
    """Return what reads the fields of a class that are compared, and those that are hashed."""
    fields = attrs.fields(cls)
    return (
        _reader([a.name for a in fields if a.eq]),
        _reader([a.name for a in fields if (a.eq if a.hash is None else a.hash)]),
    )


def _reader(names: list[str]) -> Callable[[Any], object]:
    return attrgetter(*names) if names else lambda _: ()


class GenericRecord(Record):
    """The base of records that hold items of a type which JSON does not tell."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, of: type[Record] | None = None) -> Self:
        """Make a record of what `to_dict` returned; see `Order.from_dict`.

        Args:
            data: the object.
            of: the class of the items, such as `OrderNumber`; without it they stay as they are.

        Raises:
            InvalidRequest: it is no object, or a value is missing or does not fit.
        """
        from ._json import from_dict  # noqa: PLC0415

        return from_dict(cls, data, Any if of is None else of)


def camel_case(name: str) -> str:
    """Return the wire's spelling of a field's name."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def absent(cls: type[Record], attribute: attrs.Attribute[Any]) -> object:
    """The value of a field that is not there; `attrs.NOTHING` for one that always is."""
    default = attribute.default
    if default is attrs.NOTHING and cls.is_on_the_wire:
        return ""  # what an answer left out of a letter
    factory = getattr(default, "factory", None)
    return default if factory is None else factory()


@frozen(kw_only=True, eq=False, repr=False)
class Answered(Record):
    """The base of what the service sends."""

    is_on_the_wire: ClassVar[bool] = True
    _extra: Mapping[str, Any] | None = field(default=None, alias="extra", repr=False, hash=False)

    @property
    def extra(self) -> Mapping[str, Any]:
        """The fields of the answer that this version does not know, as they came."""
        return self._extra or {}
