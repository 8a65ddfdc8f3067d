"""The rules for what a caller passes; each returns the value, or raises `InvalidRequest`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs

from ..errors import InvalidRequest

R = TypeVar("R")
_E164 = re.compile(r"\+[0-9]{2,15}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PATH_SYNTAX = re.compile(r"[\x00-\x20\x7f/\\?#%:]")
_BLANK = re.compile(r"[\s\x00-\x20\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
NO_NUMBERS = "must hold at least 1 number"
REGIONS = ("US", "CA")
_IDS = ("service_plan_id", "campaign_id")


def check_phone_number(value: object, field: str = "phone_number") -> str:
    """E.164 by its form: a `+` and 2 to 15 ASCII digits; it need not be possible to dial it."""
    if isinstance(value, str) and _E164.match(value):
        return value
    raise InvalidRequest(
        field=field,
        value=value,
        rule="must be in E.164, a + and 2 to 15 digits, for example +12025550134",
    )


def check_phone_numbers(values: object, field: str, *, at_most: int | None) -> tuple[str, ...]:
    """A list of E.164 numbers, each once in the order given, 1 to `at_most` of them."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise InvalidRequest(
            field=field, value=values, rule="must be a list of numbers, not a single value"
        )
    checked = [
        value
        if isinstance(value, str) and _E164.match(value)
        else check_phone_number(value, f"{field}[{n}]")  # which raises; text costs time
        for n, value in enumerate(values)
    ]
    numbers = tuple(dict.fromkeys(checked))
    if not numbers:
        raise InvalidRequest(field=field, value=[], rule=NO_NUMBERS)
    if at_most is not None and len(numbers) > at_most:
        raise InvalidRequest(
            field=field, value=f"{len(numbers)} numbers", rule=f"must hold 1 to {at_most}"
        )
    return numbers


def check_identifier(value: object, field: str) -> str:
    """Text that stays one segment of a path, whatever it holds."""
    if type(value) is str and value.isascii() and value.isalnum():
        return value  # almost every id is one of these
    if not isinstance(value, str) or not value:
        raise InvalidRequest(field=field, value=value, rule="must be text that is not empty")
    if _PATH_SYNTAX.search(value) or not value.strip("."):
        raise InvalidRequest(
            field=field,
            value=value,
            rule="must not hold what would change the path: slashes, colons, ?, #, %, "
            "spaces, control characters, or nothing but dots",
        )
    return _sendable(value, field)


def check_path(value: object, field: str = "path") -> str:
    """A path with or without a query that stays at the service's own address."""
    if not isinstance(value, str) or not value.strip("/") or value.startswith("//"):
        raise InvalidRequest(field=field, value=value, rule="must be a path, such as hostingOrders")
    path = value.partition("?")[0]
    if re.search(r"[\x00-\x20\x7f\\#]", value) or ".." in path.split("/") or "://" in path:
        raise InvalidRequest(
            field=field,
            value=value,
            rule="must be a path below the service's address, percent-encoded: no spaces, no "
            "fragment, no '..'",
        )
    return _sendable(value, field)


def check_text(value: object, field: str) -> str:
    """Text that is not blank, without control characters."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(field=field, value=value, rule="must be text that is not blank")
    if _CONTROL.search(value):
        raise InvalidRequest(field=field, value=value, rule="must not hold control characters")
    return _sendable(value, field)


def check_any_text(value: object, field: str) -> str:
    """Text, which may be empty (that unlinks); an id that is not empty must not be blank."""
    if not isinstance(value, str):
        raise InvalidRequest(field=field, value=value, rule="must be text")
    if value and field in _IDS:
        return check_text(value, field)
    return _sendable(value, field)


def _sendable(text: str, field: str) -> str:
    if _SURROGATE.search(text):
        raise InvalidRequest(
            field=field, value=text, rule="must not hold a lone surrogate (half of a character)"
        )
    return text


def check_region(value: object, field: str = "region_code") -> str:
    """`US` or `CA`; Puerto Rico, Guam and the US Virgin Islands go as `US`."""
    if value not in REGIONS:
        raise InvalidRequest(field=field, value=value, rule="must be 'US' or 'CA'")
    return str(value)


def check_email(value: object, field: str) -> str:
    """An address that a letter could reach; whether its domain exists is not looked up."""
    # Few programs write letters, and all of them start.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    try:
        validate_email(value if isinstance(value, str) else "", check_deliverability=False)
    except EmailNotValidError as error:
        rule = f"must be an e-mail address: {error}" if value else "must be an e-mail address"
        raise InvalidRequest(field=field, value=value, rule=rule) from None
    return str(value)


def check_time(value: object, field: str) -> datetime:
    """A datetime with a time zone."""
    if not isinstance(value, datetime):
        raise InvalidRequest(field=field, value=value, rule="must be a datetime")
    if value.utcoffset() is None:
        raise InvalidRequest(
            field=field, value=value, rule="must say its time zone, for example tzinfo=UTC"
        )
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(
            field=field, value=value, rule="must be a time that UTC can express"
        ) from None
    return value


def check_url(value: object, field: str) -> str:
    """A whole http or https address, or `""`, which removes one."""
    if not isinstance(value, str):
        raise InvalidRequest(field=field, value=value, rule="must be text")
    if value and not _is_address(value):
        raise InvalidRequest(field=field, value=value, rule="must be a whole http(s) address")
    return _sendable(value, field)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Readers of URLs do not agree where a host ends that has a backslash behind it.
        has_host = bool(parts.hostname) and parts.port != 0 and "\\" not in parts.netloc
    except ValueError:  # urlsplit looks at the port only when it is read
        return False
    return has_host and parts.scheme in ("http", "https") and not _BLANK.search(text)


def check_flag(value: object, field: str) -> bool:
    """`True` or `False`, and nothing that only counts as one, such as 1."""
    if not isinstance(value, bool):
        raise InvalidRequest(field=field, value=value, rule="must be True or False")
    return value


def check_whole(value: object, field: str) -> int:
    """A whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(field=field, value=value, rule="must be a whole number from 1")
    return value


def check_order(value: object, field: str) -> str:
    """What a list may be ordered by."""
    return _one_of(value, field, ("createdTime", "updatedTime"))


def check_search(value: object, field: str) -> str:
    """Where in a number a pattern may stand."""
    return _one_of(value, field, ("START", "CONTAIN", "END"))


def _one_of(value: object, field: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InvalidRequest(field=field, value=value, rule=f"must be one of {', '.join(choices)}")
    return str(value)


def optional(value: object, check: Callable[[object, str], R], field: str) -> R | None:
    """Return what `check` returns, or `None` for an argument that was not given."""
    return None if value is None else check(value, field)


def check_seconds(value: object, field: str) -> float:
    """A time span in seconds, not negative and not NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise InvalidRequest(field=field, value=value, rule="must be seconds, 0 or more")
    return float(value)


def check_positive(value: object, field: str) -> float:
    """A number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InvalidRequest(field=field, value=value, rule="must be a number above 0")
    return float(value)


def check_at_least_one(value: object, field: str) -> float:
    """A number from 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 1:
        raise InvalidRequest(field=field, value=value, rule="must be a number from 1")
    return float(value)


def check_share(value: object, field: str) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidRequest(field=field, value=value, rule="must be a number from 0 to 1")
    return float(value)


Validator = Callable[[object, "attrs.Attribute[Any]", object], None]


def validator(check: Any, *, optional: Any = attrs.NOTHING) -> Validator:
    """Return a validator for attrs that runs `check`; the value `optional` passes unchecked."""

    def validate(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is not optional:
            check(value, attribute.name)

    return validate


def field(check: Any, *, optional: Any = attrs.NOTHING) -> Any:
    """Return an attrs field that `check` validates.

    With `optional`, that value is the default and passes unchecked. To a type checker, every such
    field has a default. So what callers build uses `attrs.field` and `validator` instead.
    """
    return attrs.field(validator=validator(check, optional=optional), default=optional)
