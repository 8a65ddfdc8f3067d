"""Checks of what `Sandbox` and its handles are given."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import islice
from typing import TypeVar

R = TypeVar("R")


def check_amount(name: str, value: object, most: float, *, whole: bool = False) -> None:
    """Raise `ValueError` unless *value* is a number between 0 and *most*."""
    good = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not (good and isinstance(value, (int, float)) and 0 <= value <= most):
        kind = "whole number" if whole else "number"
        raise ValueError(f"{name} must lie between 0 and {most:.0f}: {value!r} is no such {kind}")


def check_texts(*, may_be_empty: bool = False, **values: object) -> None:
    """Raise `ValueError` for a value that is no string, or is empty."""
    for name, value in values.items():
        if not isinstance(value, str) or not (value or may_be_empty):
            rest = "" if may_be_empty else " that is not empty"
            raise ValueError(f"{name} must be a string{rest}, not {value!r}")


def check_project(project_id: str) -> None:
    """Raise `ValueError` for an id that cannot stand in a path as it is."""
    if not re.fullmatch(r"[\w.~-]+", project_id, re.ASCII):
        raise ValueError(f"project_id must fit into a path as it is, not {project_id!r}")


def span(delta: timedelta | None, units: dict[str, float]) -> float:
    """Return how many seconds to advance; raise `ValueError` for arguments that do not fit."""
    if (delta is None) == (not units):
        raise ValueError(
            "advance needs a span of time: advance(days=2), or advance(timedelta(days=2))"
        )
    if delta is not None and not isinstance(delta, timedelta):
        raise ValueError(f"advance takes a timedelta, or units as in days=2, not {delta!r}")
    for unit, amount in units.items():
        if isinstance(amount, bool) or not isinstance(amount, (int, float)):
            raise ValueError(f"{unit} must be a number, not {amount!r}")
    try:
        return (timedelta(**units) if delta is None else delta).total_seconds()
    except TypeError as error:
        raise ValueError(f"advance takes no {' or '.join(units)}: use days, hours ...") from error
    except OverflowError as error:
        raise ValueError("that is beyond the end of virtual time") from error


def newest(records: dict[str, R], count: int | None) -> list[R]:
    """Return the last *count* records, oldest first; all of them where it is `None`."""
    return list(islice(reversed(records.values()), count))[::-1]
