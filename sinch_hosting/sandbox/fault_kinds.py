"""The kinds of faults: their settings, and which operations or events each can strike.

`sinch_hosting.sandbox.faults` explains what each kind does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from .operation_ids import LISTS, OPERATION_IDS, READS, WRITES

if TYPE_CHECKING:
    from collections.abc import Iterable

Seconds: TypeAlias = "float | timedelta"

KINDS: dict[str, dict[str, Any]] = {
    # before acting
    "latency": {"seconds": 0.1},
    "drop_before": {},
    "error_before": {"status": 503},
    "rate_limited": {"retry_after": 1.0, "form": "seconds"},
    "rate_limit": {"per_second": 10.0, "burst": 10, "form": "seconds", "only_basic": False},
    "expire_token": {},
    "short_token": {"lifetime": 0.0},
    # after acting
    "error_after": {"status": 502},
    "drop_after": {},
    "truncate": {"keep": 0.5},
    "not_json": {"text": "<html><body>gateway</body></html>", "content_type": "text/html"},
    "drop_idle": {"after": None},
    # in the answer
    "empty_page": {},
    "repeat_token": {},
    "unknown_values": {"value": "NOT_KNOWN_YET"},
    "forget_display_name": {"text": None},
    "lag": {"seconds": 60.0},
    "order_moves": {"order": ""},
    # on callbacks
    "callback_duplicate": {"copies": 2},
    "callback_reorder": {},
    "callback_delay": {"seconds": 60.0},
    "callback_bad_signature": {},
    "callback_lost": {},
}
"""Every kind of fault with its settings and their defaults; the module says what each does."""

MEANINGS = {
    "latency": "waits so many real seconds before it acts",
    "drop_before": "cuts the connection before it acts",
    "error_before": "answers the status instead of acting",
    "rate_limited": "answers 429 and asks to wait",
    "rate_limit": "allows so many requests a second, and answers the others 429",
    "expire_token": "treats the token as expired",
    "short_token": "lets a new token end after so many real seconds",
    "error_after": "acts, and answers the status: the answer is lost",
    "drop_after": "acts, and cuts the connection: the answer is lost",
    "truncate": "acts, and sends only a part of the answer",
    "not_json": "acts, and sends something that is no JSON",
    "drop_idle": "answers, and closes the connection before the next request on it",
    "empty_page": "returns an empty page of a list that goes on",
    "repeat_token": "returns the page's own token as the next one",
    "unknown_values": "returns states and fields that no client knows",
    "forget_display_name": "leaves displayName out of the answer, or changes it",
    "lag": "shows lists as they were so many virtual seconds ago",
    "order_moves": "moves orders on right after a list of them was read",
    "callback_duplicate": "sends an event several times",
    "callback_reorder": "sends an event after the next one",
    "callback_delay": "sends an event so many virtual seconds later",
    "callback_bad_signature": "signs one attempt with a wrong key",
    "callback_lost": "never sends the event",
}
"""What each kind does to a request or an event, in a few words."""

EVENT_TYPES = (
    "PROVISIONING_TO_SMS_PLATFORM",
    "DEPROVISIONING_TO_SMS_PLATFORM",
    "LINK_TO_10DLC_CAMPAIGN",
    "UNLINK_TO_10DLC_CAMPAIGN",
    "HOSTING_PROCESS",
    "OSR_UPDATE",
    "DELETE",
)
"""What a callback fault may be scoped to instead of an operation."""

GROUPS = {
    "*": frozenset(OPERATION_IDS),
    "reads": frozenset(READS),
    "writes": frozenset(WRITES),
    "lists": frozenset(LISTS),
}
"""Names for several operations at once; none of them includes ``token``."""

_NAMED = (
    "ImportNumber GetImportedNumber ListImportedNumbers UpdateImportedNumber "
    "GetHostingOrder ListHostingOrders ImportNumbers "
    "TextEnableHostingOrderNumbers TextEnableTollFreeHostingOrderNumbers"
)
_REACH = {
    "short_token": frozenset({"token"}),
    "expire_token": GROUPS["*"],
    "unknown_values": GROUPS["*"],
    "forget_display_name": frozenset(_NAMED.split()),
    "empty_page": GROUPS["lists"],
    "repeat_token": GROUPS["lists"],
    "lag": GROUPS["lists"],
    "order_moves": frozenset({"ListHostingOrders"}),
}
"""The operations or events that a kind can strike, where it cannot strike all."""

_LEAST = {"per_second": 1e-6, "burst": 1.0}
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+\Z", re.ASCII)


def reach_of(kind: str) -> frozenset[str]:
    """Return every operation, or event, that a fault of that *kind* can strike."""
    if kind.startswith("callback_"):
        return frozenset(EVENT_TYPES)
    return _REACH.get(kind, GROUPS["*"] | {"token"})


def reached(kind: str, operation: str | Iterable[str]) -> frozenset[str]:
    """Return what a fault of that *kind* strikes; raise `ValueError` where that is nothing."""
    reach = reach_of(kind)
    groups = {"*": reach}
    if not kind.startswith("callback_"):
        groups = {**GROUPS, "*": reach & GROUPS["*"] or reach}
    if not isinstance(operation, (str, list, tuple, set, frozenset)):
        raise ValueError(f"operation must be a name or a list of names, not {operation!r}")
    found: set[str] = set()
    for name in [operation] if isinstance(operation, str) else operation:
        there = groups.get(name, {name}) & reach if isinstance(name, str) else None
        if not there:
            raise ValueError(f"{kind} cannot be scoped to {name!r}; there are {sorted(reach)}")
        found |= there
    if not found:
        raise ValueError("a fault needs an operation to strike")
    return frozenset(found)


def check_setting(name: str, value: Any, default: Any) -> None:
    """Raise `ValueError` for a setting that would fail later, in the middle of a request."""
    check = _CHECKS.get(name)
    if check is not None:
        good = check(value)
    elif isinstance(default, (bool, str)):
        good = type(value) is type(default)
    else:
        good = is_amount(value) and value >= _LEAST.get(name, 0.0)
    if not good:
        raise ValueError(f"{name} cannot be {value!r}")


def _is_text(value: Any) -> bool:
    """Return whether *value* is a string that can be sent."""
    if not isinstance(value, str):
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def is_amount(value: Any) -> bool:
    """Return whether *value* is a number, not negative, and below a billion."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: isinstance(value, int) and 400 <= value <= 599,
    "form": lambda value: value in ("seconds", "date", "absent"),
    "text": lambda value: value is None or _is_text(value),
    "content_type": lambda value: isinstance(value, str) and bool(_MEDIA_TYPE.match(value)),
    "after": lambda value: value is None or is_amount(value),
    "copies": lambda value: isinstance(value, int) and 2 <= value <= 1000,
    "keep": lambda value: is_amount(value) and value < 1,
}
"""What settings must be; those not named here must be of their default's type, or an amount."""


def seconds_of(name: str, value: Seconds) -> float:
    """Return *value* in seconds; raise `ValueError` where it is no span of time."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not is_amount(seconds):
        raise ValueError(f"{name} must be seconds or a timedelta, and not negative")
    return float(seconds)
