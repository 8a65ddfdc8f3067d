"""Checks of what `Sandbox` and its handles are given."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import islice
from typing import TypeVar

R = TypeVar("R")


def check_amount(name: str, value: object, most: float, *, whole: bool = False) -> None:
    """Raises `ValueError` for what is no number between 0 and *most*."""
    good = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not (good and isinstance(value, (int, float)) and 0 <= value <= most):
        kind = "whole number" if whole else "number"
        raise ValueError(f"{name} must lie between 0 and {most:.0f}: {value!r} is no such {kind}")


def check_texts(*, may_be_empty: bool = False, **values: object) -> None:
    """Raises `ValueError` for what is no text, or empty."""
    for name, value in values.items():
        if not isinstance(value, str) or not (value or may_be_empty):
            rest = "" if may_be_empty else " that is not empty"
            raise ValueError(f"{name} must be a string{rest}, not {value!r}")


def check_project(project_id: str) -> None:
    """Raises `ValueError` for an id that no path could hold as it is."""
    if not re.fullmatch(r"[\w.~-]+", project_id, re.ASCII):
        raise ValueError(f"project_id must fit into a path as it is, not {project_id!r}")


def span(delta: timedelta | None, units: dict[str, float]) -> float:
    """Return the seconds to ``advance``; raises `ValueError` for arguments without sense."""
    if (delta is None) == (not units):
        raise ValueError("say how far: advance(days=2), or advance(timedelta(days=2))")
    if delta is not None and not isinstance(delta, timedelta):
        raise ValueError(f"advance takes a timedelta, or units as in days=2, not {delta!r}")
    for unit, amount in units.items():
        if isinstance(amount, bool) or not isinstance(amount, (int, float)):
            raise ValueError(f"{unit} must be a number, not {amount!r}")
    try:
        return (timedelta(**units) if delta is None else delta).total_seconds()
    except TypeError as error:
        raise ValueError(f"advance knows no {' or '.join(units)}: use days, hours ...") from error
    except OverflowError as error:
        raise ValueError("that is beyond the end of virtual time") from error


def newest(records: dict[str, R], count: int | None) -> list[R]:
    """The last *count* records, oldest first; all where it is `None`."""
    return list(islice(reversed(records.values()), count))[::-1]
