"""The bases of the models: what they compare by, and what the service sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any

import attrs
from attrs import field, frozen


class Record:
    """Compares, hashes and shows the attrs fields of its subclasses.

    Generating these methods for each class takes half of the time that making the class takes.
    The subclasses are declared with `eq=False, repr=False` and use the ones that stand here.
    """

    __slots__ = ()

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
        cls: Any = self.__class__
        fields = attrs.fields(cls)
        shown = (
            f"{a.name}={(a.repr if callable(a.repr) else repr)(getattr(self, a.name))}"
            for a in fields
            if a.repr
        )
        return f"{cls.__qualname__.rpartition('>.')[2]}({', '.join(shown)})"


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


@frozen(kw_only=True, eq=False, repr=False)
class Answered(Record):
    """The base of what the service answers."""

    _extra: Mapping[str, Any] | None = field(default=None, alias="extra", repr=False, hash=False)

    @property
    def extra(self) -> Mapping[str, Any]:
        """The fields of the answer that this version does not know, as they came."""
        return self._extra or {}
