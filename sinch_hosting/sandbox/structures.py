"""Records to JSON and back, by the types of their fields; a wrong field is named by its path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from itertools import repeat
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, Factory, fields, has

T = TypeVar("T")
Reader: TypeAlias = Callable[[Any], Any]
"""Returns what came from JSON as one kind; raises `_Misfit` where it does not fit."""

_AT_ONCE = 100
"""The items of a list that are written at once: a long one never stands in memory as text."""


_SHARED = 4096
"""The records of a kind that are remembered, so that those that are equal are one."""


class Unreadable(ValueError):
    """A file or a value in it that cannot be used; the text says where and why."""


class _Misfit(Exception):
    """What is wrong with a value, and its path below the value that is read."""

    def __init__(self, what: str, path: str = "") -> None:
        self.what = what
        self.path = path


def read_file(path: Path, what: str) -> Any:
    """Return the JSON in a file.

    Args:
        path: the file.
        what: what it should be, for the message.

    Raises `Unreadable` as `read_json` does, and `OSError` where the file cannot be read.
    """
    return read_json(path.read_bytes(), f"{path} is no {what}")


def read_json(raw: bytes, wrong: str) -> Any:
    """Return the JSON in *raw*.

    Equal objects that hold only texts and fractions are one object, so that a large state needs
    less memory: do not change what you get.

    Raises `Unreadable`, which begins with *wrong* and names line and column where *raw* is no
    JSON, and where an object has a key twice.
    """
    shared: dict[Any, dict[str, Any]] = {}

    def an_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise Unreadable(f"the key {twice!r} stands twice in one object")
        if {str, float}.issuperset(map(type, found.values())):
            return shared.setdefault(tuple(pairs), found)
        return found

    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=an_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"{wrong}: {where}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"{wrong}: it is not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise Unreadable(f"{wrong}: it is nested too deeply") from error
    except Unreadable as error:
        raise Unreadable(f"{wrong}: {error}") from error


def json_of(record: Any) -> Iterator[str]:
    """Yield the JSON of an attrs object in parts; fields that have their default are left out."""
    opening = "{"
    for name, item in _filled(record).items():
        yield f'{opening}"{name}":'
        opening = ","
        if not isinstance(item, list):
            yield _dumps(item)
            continue
        for start in range(0, len(item), _AT_ONCE):
            yield ("," if start else "[") + _dumps(item[start : start + _AT_ONCE])[1:-1]
        yield "]" if item else "[]"
    yield "}" if opening == "," else "{}"


def _written(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else _filled(value)


def _filled(record: Any) -> dict[str, Any]:
    """Return what JSON has for an attrs object: the fields that have not their default."""
    found = {}
    kind: Any = type(record)
    for name, default in _defaults(kind):
        item = getattr(record, name)
        if item is not default and item != default:
            found[name] = item
    return found


_dumps = json.JSONEncoder(separators=(",", ":"), default=_written).encode


@cache
def _defaults(kind: Any) -> list[tuple[str, Any]]:
    """Return the fields of an attrs class, each with its default (`NOTHING` where it has none).

    Those that it is not made with are left out.
    """
    found = []
    for attribute in filter(lambda attribute: attribute.init, fields(kind)):
        default: Any = attribute.default
        made_anew = isinstance(default, _FACTORY)
        found.append((attribute.alias, default.factory() if made_anew else default))
    return found


_FACTORY: Any = Factory  # a class, which attrs types as a function


def structure(kind: type[T], value: Any) -> T:
    """Return *value*, which came from JSON, as a *kind*; raise `Unreadable` where it does not fit.

    Args:
        kind: an attrs class, whose fields may be texts, numbers, lists, tuples, dictionaries
            with texts as keys, other such classes, or any of those or `None`.
        value: what `json.loads` returned.
    """
    sought: Any = kind
    try:
        made: T = _reader(sought)(value)
    except _Misfit as misfit:
        path = misfit.path.removeprefix(".") if has(kind) else misfit.path
        raise Unreadable(f"{path or 'the file'} {misfit.what}") from None
    return made


@cache
def _reader(kind: Any) -> Reader:
    """Return what reads values of one *kind*. It is made once: a state has millions of values."""
    origin, arguments = get_origin(kind), get_args(kind)
    if has(kind):
        return _record_reader(kind)
    if origin in (Union, UnionType):
        read = _reader(next(argument for argument in arguments if argument is not NoneType))
        return lambda value: None if value is None else read(value)
    if origin is dict:
        return _dict_reader(_reader(arguments[1]))
    if origin is tuple and arguments[-1] is not ...:
        return _sequence_reader(tuple, tuple(map(_reader, arguments)), len(arguments))
    if origin in (list, tuple, frozenset):
        return _sequence_reader(origin, repeat(_reader(arguments[0])))
    return (lambda value: value) if kind is Any else _plain_reader(kind)


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _plain_reader(kind: type) -> Reader:
    kinds = (float, int) if kind is float else (kind,)
    misfit = f"must be {_NAMES[kind]}"

    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise _Misfit(misfit)
        return value

    return read


def _dict_reader(read_item: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Misfit("must be an object")
        found = {}
        for name, item in value.items():
            try:
                found[name] = read_item(item)
            except _Misfit as misfit:
                raise _Misfit(misfit.what, f".{name}{misfit.path}") from None
        return found

    return read


def _sequence_reader(origin: Any, readers: Iterable[Reader], length: int | None = None) -> Reader:
    """Return what reads a list, a set or a tuple, with a reader for each place."""

    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _Misfit("must be a list")
        if length not in (None, len(value)):
            raise _Misfit(f"must be a list of {length}")
        found = []
        for position, (read_item, item) in enumerate(zip(readers, value, strict=False)):
            try:
                found.append(read_item(item))
            except _Misfit as misfit:
                raise _Misfit(misfit.what, f"[{position}]{misfit.path}") from None
        return origin(found)

    return read


def _record_reader(kind: Any) -> Reader:
    """Return what reads an attrs object. A key that is no field is a misfit.

    Records that are compared by their values are shared where they are equal.
    """
    hints = get_type_hints(kind)
    readers = {each.alias: _reader(hints[each.name]) for each in fields(kind) if each.init}
    needed = [name for name, default in _defaults(kind) if default is NOTHING]
    by_value = kind.__hash__ not in (None, object.__hash__)
    share = lru_cache(maxsize=_SHARED)(lambda made: made)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Misfit("must be an object")
        found = {}
        for name, item in value.items():
            if name not in readers:
                known = ", ".join(readers)
                raise _Misfit(f"is not known here; there are {known}", f".{name}")
            try:
                found[name] = readers[name](item)
            except _Misfit as misfit:
                raise _Misfit(misfit.what, f".{name}{misfit.path}") from None
        for name in needed:
            if name not in found:
                raise _Misfit("is missing", f".{name}")
        made = kind(**found)
        return share(made) if by_value else made

    return read
