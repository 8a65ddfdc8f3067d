"""What a request may look like: shapes as data, and the checks that a schema cannot say."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from .errors import Refusal, invalid, shown
from .store import is_toll_free, region_of

Violations: TypeAlias = list[tuple[str, str]]
Shape: TypeAlias = Callable[[Any, str, Violations], None]
"""Adds to the list what is wrong with a value found at a path."""

MAX_VIOLATIONS = 20
DEEPEST = 64
"""How deeply a body may nest; what looks at it later may recurse."""
_PHONE = re.compile(r"\+1[0-9]{10}\Z", re.ASCII)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+\Z")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d):(\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:\d\d)?\Z", re.ASCII
)


def text(value: Any, path: str, found: Violations) -> None:
    """Check for a string."""
    if not isinstance(value, str):
        found.append((path, "must be a string"))


def boolean(value: Any, path: str, found: Violations) -> None:
    """Check for true or false."""
    if not isinstance(value, bool):
        found.append((path, "must be true or false"))


def integer(value: Any, path: str, found: Violations) -> None:
    """Check for a whole number. JSON Schema counts 1.0 as one."""
    whole = isinstance(value, float) and value.is_integer()
    if isinstance(value, bool) or not (isinstance(value, int) or whole):
        found.append((path, "must be an integer"))


def moment(value: Any, path: str, found: Violations) -> None:
    """Check for a string that holds an RFC 3339 time."""
    if not isinstance(value, str) or parse_time(value) is None:
        found.append((path, "must be an RFC 3339 time"))


def list_of(item: Shape) -> Shape:
    """Return the check for an array whose items all have the shape *item*."""

    def check(value: Any, path: str, found: Violations) -> None:
        if not isinstance(value, list):
            found.append((path, "must be an array"))
            return
        for position, element in enumerate(value):
            item(element, f"{path}[{position}]", found)
            if len(found) >= MAX_VIOLATIONS:
                return

    return check


def an_object(fields: Mapping[str, Shape], required: str = "") -> Shape:
    """Return the check for an object with these *fields*.

    Those named in *required* must be present. Other fields are ignored.
    """
    needed = required.split()

    def check(value: Any, path: str, found: Violations) -> None:
        if not isinstance(value, dict):
            found.append((path or "body", "must be an object"))
            return
        prefix = f"{path}." if path else ""
        found.extend((prefix + name, "is required") for name in needed if name not in value)
        for name, shape in fields.items():
            if name in value:
                shape(value[name], prefix + name, found)

    return check


def _texts(names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), text)


_PERSON_FIELDS = "firstName lastName email"
_PERSON = an_object(_texts(_PERSON_FIELDS), _PERSON_FIELDS)
_ADDRESS_FIELDS = "buildingNumber street city state postalCode country"
_ADDRESS = an_object(_texts(_ADDRESS_FIELDS), _ADDRESS_FIELDS)
_DIRECT_FIELDS: Mapping[str, Shape] = {
    "authorisedPerson": _PERSON,
    "address": _ADDRESS,
    "currentVoiceCarrier": text,
}
_DIRECT = an_object(_DIRECT_FIELDS, " ".join(_DIRECT_FIELDS))
_RESELLER_FIELDS = {"businessName": text, **_DIRECT_FIELDS}
_RESELLER = an_object(_RESELLER_FIELDS, " ".join(_RESELLER_FIELDS))
_SCHEDULED = an_object(
    {
        **_texts("servicePlanId campaignId"),
        "status": integer,
        "lastUpdatedTime": moment,
        "errorCodes": list_of(integer),
    }
)
_SMS = an_object(
    {
        **_texts("servicePlanId campaignId"),
        "scheduledProvisioning": _SCHEDULED,
        "migrateToSinchTmo": boolean,
    }
)
_NUMBER_FIELDS: Mapping[str, Shape] = {
    **_texts("phoneNumber projectId regionCode displayName callbackUrl"),
    "smsConfiguration": _SMS,
}
_ORDER_FIELDS: Mapping[str, Shape] = {
    **_texts("projectId displayName regionCode servicePlanId callbackUrl"),
    "numbers": list_of(text),
}
_ORDER_NEEDS = "regionCode numbers servicePlanId"
_LETTERS: Mapping[str, Shape] = {"directLoaInfo": _DIRECT, "resellerLoaInfo": _RESELLER}

CREATE_IMPORTED_NUMBER = an_object(_NUMBER_FIELDS, "regionCode smsConfiguration")
UPDATE_IMPORTED_NUMBER = an_object(_NUMBER_FIELDS)
IMPORT_NUMBERS = an_object(
    {**_ORDER_FIELDS, "campaignId": text, "migrateToSinchTmo": boolean}, _ORDER_NEEDS
)
TEXT_ENABLE = an_object(
    {
        **_ORDER_FIELDS,
        **_texts("nnid campaignId"),
        **_LETTERS,
        "blanketLoaInfo": an_object({}),
        "scheduledOsrUpdateTime": moment,
        "migrateToSinchTmo": boolean,
    },
    _ORDER_NEEDS,
)
TEXT_ENABLE_TOLL_FREE = an_object(
    {**_ORDER_FIELDS, **_LETTERS, "scheduledZipwhipProvisioningTime": text}, _ORDER_NEEDS
)
ADD_NUMBERS = an_object({"phoneNumbers": list_of(text)}, "phoneNumbers")
VERIFY_CODE = an_object(_texts("code"), "code")
CALLBACK_CONFIGURATION = an_object(_texts("hmacSecret"))


def read_json(raw: bytes) -> Any:
    """Return the JSON in *raw*; raise `Refusal` where it is not JSON, or nests too deeply."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Refusal(400, "the body is not UTF-8") from error
    except RecursionError as error:
        raise Refusal(400, "the body is nested too deeply") from error
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {shown(str(error))}") from error
    # Few brackets cannot nest deeply, and most bodies have few.
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_deep(value):
        raise Refusal(400, "the body is nested too deeply")
    return value


def _is_deep(value: Any) -> bool:
    """Return whether *value* nests deeper than `DEEPEST`."""
    level = [value]
    for _ in range(DEEPEST):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [each for items in inner for each in items if isinstance(each, (dict, list))]
        if not level:
            return False
    return True


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_query(raw: str) -> dict[str, str]:
    """Return the parameters in a raw query; raise `Refusal` for bad encoding or repeated names."""
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        raise Refusal(400, "the query cannot be decoded") from error
    query: dict[str, str] = {}
    for name, value in pairs:
        if name in query:
            raise invalid(shown(name), "may be given only once")
        query[name] = value
    return query


def check_shape(body: Any, shape: Shape) -> dict[str, Any]:
    """Return *body* if it has that *shape*; raise a `Refusal` that lists every violation."""
    found: Violations = []
    shape(body, "", found)
    if found:
        found = found[:MAX_VIOLATIONS]
        what = "; ".join(f"{name} {description}" for name, description in found[:3])
        raise Refusal(400, f"invalid request: {what}", violations=found)
    checked: dict[str, Any] = body
    return checked


def check_phone(value: str, field: str) -> str:
    """Return *value* if it is a US or Canadian number in E.164; raise `Refusal` otherwise."""
    if not _PHONE.match(value):
        raise invalid(field, f"{shown(value)!r} is not a US or Canadian number in E.164")
    return value


def check_region(region: str) -> str:
    """Return *region* if it is US or CA; raise `Refusal` otherwise."""
    if region not in {"US", "CA"}:
        raise invalid("regionCode", f"{shown(region)!r} is not supported: use US or CA")
    return region


def check_numbers(numbers: list[str], field: str, most: int, region: str = "") -> list[str]:
    """Return *numbers* if all of them are valid; raise `Refusal` otherwise.

    They must be 1 to *most*, different, and of *region*; toll-free ones belong to any region.
    """
    if not 1 <= len(numbers) <= most:
        raise invalid(field, f"must hold 1 to {most} numbers, not {len(numbers)}")
    found: Violations = []
    seen: set[str] = set()
    for position, number in enumerate(numbers):
        problem = ""
        if not _PHONE.match(number):
            problem = f"{shown(number)!r} is not a US or Canadian number in E.164"
        elif number in seen:
            problem = f"{number} is repeated"
        elif region and not is_toll_free(number) and region_of(number) != region:
            problem = f"{number} is not a number of region {region}"
        seen.add(number)
        if problem:
            found.append((f"{field}[{position}]", problem))
    if found:
        raise Refusal(400, f"invalid {field}: {found[0][1]}", violations=found[:MAX_VIOLATIONS])
    return numbers


def check_email(value: str, field: str) -> None:
    """Raise `Refusal` where *value* is no e-mail address."""
    if len(value) > 320 or not _MAIL.match(value):
        raise invalid(field, f"{shown(value)!r} is not an e-mail address")


def check_filled(value: str, field: str) -> str:
    """Return *value* if it is not empty; raise `Refusal` otherwise."""
    if not value:
        raise invalid(field, "must not be empty")
    return value


def check_callback_url(value: str) -> str:
    """Return *value* if it is empty or an http(s) URL; raise `Refusal` otherwise."""
    if value and url_host(value) is None:
        raise invalid("callbackUrl", "must be an http or https URL")
    return value


def url_host(url: str) -> str | None:
    """Return the host of an http(s) *url*; ``None`` where it is no such URL."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    return host if parts.scheme in {"http", "https"} else None


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Return whether *host* is certainly this machine: ``localhost`` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_time(value: str, *, zone_required: bool = True) -> float | None:
    """Return an RFC 3339 time in seconds since 1970, or ``None``. Without a zone it is UTC."""
    match = _TIME.match(value)
    if match is None or (zone_required and not match[5]):
        return None
    day, minute, second, fraction, zone = match.groups()
    micro = ((fraction or "") + "000000")[:6]
    # A leap second is valid there; Python knows none.
    second = "59" if second == "60" else second
    try:
        at = datetime.fromisoformat(f"{day}T{minute}:{second}.{micro}{_zone(zone)}")
        return at.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _zone(zone: str | None) -> str:
    return "+00:00" if zone in {None, "Z", "z"} else str(zone)
