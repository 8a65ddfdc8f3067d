"""Records to JSON and back, by the types of their fields; a wrong field is named by its path."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, Factory, fields, has

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Unreadable(ValueError):
    """A file or a value in it that cannot be used; the text says where and why."""


def read_file(path: Path, what: str) -> Any:
    """Return the JSON in a file.

    Args:
        path: the file.
        what: what it should be, for the message.

    Raises `Unreadable` with line and column where the file is no JSON, and where an object has
    a key twice; `OSError` where the file cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"{path} is no {what}: {where}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path} is no {what}: it is not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise Unreadable(f"{path} is no {what}: it is nested too deeply") from error
    except Unreadable as error:
        raise Unreadable(f"{path} is no {what}: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"the key {twice!r} stands twice in one object")
    return found


def unstructure(value: Any) -> Any:
    """Return *value* as JSON; fields that have their default are left out."""
    kind: Any = type(value)
    write = _writer(kind)
    return value if write is None else write(value)


@cache
def _writer(kind: Any) -> Callable[[Any], Any] | None:
    """Return what writes values of one class; `None` where they are JSON already."""
    if issubclass(kind, dict):
        return lambda value: {name: unstructure(item) for name, item in value.items()}
    if issubclass(kind, (list, tuple)):
        return lambda value: [unstructure(item) for item in value]
    if not has(kind):
        return None
    defaults = _defaults(kind)

    def write(value: Any) -> Any:
        found = {}
        for name, default in defaults:
            item = getattr(value, name)
            if item is not default and item != default:
                found[name] = unstructure(item)
        return found

    return write


@cache
def _defaults(kind: Any) -> list[tuple[str, Any]]:
    """Return the fields of an attrs class, each with its default (`NOTHING` where it has none)."""
    found = []
    for attribute in fields(kind):
        default: Any = attribute.default
        made_anew = isinstance(default, _FACTORY)
        found.append((attribute.alias, default.factory() if made_anew else default))
    return found


_FACTORY: Any = Factory  # a class, which attrs types as a function


def structure(kind: type[T], value: Any, path: str = "") -> T:
    """Return *value*, which came from JSON, as a *kind*; raise `Unreadable` where it does not fit.

    Args:
        kind: an attrs class, whose fields may be texts, numbers, lists, tuples, dictionaries
            with texts as keys, other such classes, or any of those or `None`.
        value: what `json.loads` returned.
        path: where it stands, for the message.
    """
    made: T = _structured(kind, value, path)
    return made


def _structured(kind: Any, value: Any, path: str) -> Any:
    if has(kind):
        return _record(kind, value, path)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        inner = next(argument for argument in arguments if argument is not NoneType)
        return None if value is None else _structured(inner, value, path)
    if origin is dict:
        _check(isinstance(value, dict), "an object", path)
        return {name: _structured(arguments[1], v, f"{path}.{name}") for name, v in value.items()}
    if origin in (list, tuple):
        return _sequence(origin, arguments, value, path)
    if kind is not Any:
        good = type(value) is kind or (kind is float and type(value) is int)
        _check(good, _NAMES[kind], path)
    return value


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _sequence(origin: Any, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
    """Return a list, a tuple of any length, or a tuple with one kind for each place."""
    _check(isinstance(value, list), "a list", path)
    if origin is tuple and arguments[-1] is not ...:
        _check(len(value) == len(arguments), f"a list of {len(arguments)}", path)
        kinds = arguments
    else:
        kinds = arguments[:1] * len(value)
    pairs = zip(kinds, value, strict=True)
    return origin(_structured(kind, v, f"{path}[{at}]") for at, (kind, v) in enumerate(pairs))


def _record(kind: type, value: Any, path: str) -> Any:
    """Return an instance of an attrs class. A key that is no field is an error."""
    _check(isinstance(value, dict), "an object", path)
    kinds = _hints(kind)
    below = f"{path}." if path else ""
    for name in value:
        if name not in kinds:
            known = ", ".join(kinds)
            raise Unreadable(f"{below}{name} is not known here; there are {known}")
    for name, default in _defaults(kind):
        if default is NOTHING and name not in value:
            raise Unreadable(f"{below}{name} is missing")
    return kind(**{name: _structured(kinds[name], v, below + name) for name, v in value.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {attribute.alias: hints[attribute.name] for attribute in fields(kind)}


def _check(good: bool, wanted: str, path: str) -> None:
    if not good:
        raise Unreadable(f"{path or 'the file'} must be {wanted}")
