"""Faults that you ask for: which fault strikes which request or callback, and when.

Everything random comes from the sandbox's seed, with one random stream for each fault. A fault
counts as struck only where it made a difference.

The kinds
=========

``latency``: real ``seconds`` before acting. ``drop_before``, ``drop_after``: the connection is
cut before or after acting, without an answer. ``error_before``, ``error_after``: ``status``
instead of acting, or although it acted. ``rate_limited``: 429 with ``retry_after`` seconds in the
``form`` ``seconds``, ``date`` or ``absent``. ``rate_limit``: a real limit of ``per_second``
requests with a ``burst``; ``only_basic`` spares bearer tokens. ``expire_token``: the token
presented counts as expired. ``short_token``: on ``token``, it ends after ``lifetime`` real seconds
whatever it says. ``truncate``: the body ends after the share ``keep`` of it. ``not_json``:
``text`` of the ``content_type`` instead of it. ``drop_idle``: the answer is given, and the
connection is dead for the next request on it (or closed ``after`` so many real seconds).
``empty_page``: no items, but a token that goes on from there. ``repeat_token``: the page's own
token as the next one.
``unknown_values``: ``value`` in every enum, and unknown fields. ``forget_display_name``:
``displayName`` is missing, or is ``text``. ``lag``: lists as they were ``seconds`` (virtual) ago.
``order_moves``: after the list was read, the open orders of its kind (or only ``order``) enter
their next state.
``callback_duplicate``: ``copies`` of the event. ``callback_reorder``: it comes after the next one
for the same URL; where none can follow by itself, it is spared. ``callback_delay``: it comes so
many virtual ``seconds`` later. ``callback_bad_signature``: one attempt is signed with a wrong key.
``callback_lost``: it is never sent.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import formatdate
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define, field

from .errors import Refusal
from .operation_ids import LISTS, OPERATION_IDS, READS, WRITES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .clock import Clock

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


@define(eq=False)
class Fault:
    """One fault that was asked for; ``hits`` counts how often it struck."""

    number: int
    kind: str
    operations: frozenset[str]
    count: int | None
    skip: int
    probability: float
    begins: float
    ends: float
    settings: dict[str, Any]
    random: Random = field(repr=False)
    hits: int = 0
    bucket: TokenBucket | None = field(default=None, repr=False)
    _seen: int = 0

    def strikes(self, operation: str, now: float) -> bool:
        """Count, and return whether it strikes this time."""
        if operation not in self.operations or not self.begins <= now < self.ends:
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        self._seen += 1
        if self._seen <= self.skip:
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def spare(self) -> None:
        """Undo the count of one strike that changed nothing."""
        self.hits -= 1

    def json(self) -> dict[str, Any]:
        """The fault for listings."""
        return {
            "id": self.number,
            "kind": self.kind,
            "operations": sorted(self.operations),
            "count": self.count,
            "skip": self.skip,
            "probability": self.probability,
            "hits": self.hits,
            "settings": self.settings,
        }


@define(eq=False)
class TokenBucket:
    """A real rate limit, in real time."""

    per_second: float
    burst: float
    now: Callable[[], float] = time.monotonic
    _level: float = field(init=False)
    _last: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._level, self._last = self.burst, self.now()

    def take(self) -> float:
        """0 where the request may pass, else the seconds until one may."""
        now = self.now()
        self._level = min(self.burst, self._level + (now - self._last) * self.per_second)
        self._last = now
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self.per_second


@define(eq=False)
class Faults:
    """The faults in force; `add` one, `clear` them all."""

    clock: Clock
    seed: int
    _faults: list[Fault] = field(init=False, factory=list)
    _count: int = field(init=False, default=0)

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def add(
        self,
        kind: str,
        *,
        operation: str | Iterable[str] = "*",
        count: int | None = None,
        skip: int = 0,
        probability: float = 1.0,
        begins_in: Seconds = 0.0,
        lasts: Seconds | None = None,
        **settings: Any,
    ) -> Fault:
        """Put a fault in force, and return it.

        Args:
            kind: one of `KINDS`; ``help(sinch_hosting.sandbox.faults)`` explains them and their
                settings.
            operation: the contract's name of one or several operations, or ``reads``, ``writes``,
                ``lists``, ``token`` or ``*`` (all but ``token``), as far as the kind can strike
                them; ``short_token`` needs no ``token``. For callback faults: event types.
            count: how often it strikes at most.
            skip: how many matching requests it spares first.
            probability: the chance, 0 to 1, that it strikes a matching request.
            begins_in, lasts: virtual seconds (or a `timedelta`) until it begins, and for how long.
            settings: what the kind takes.

        Raises `ValueError` for unknown kinds, operations and settings, and for what cannot strike.
        """
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"no fault is called {kind!r}; there are {', '.join(KINDS)}")
        unknown = sorted(set(settings) - set(KINDS[kind]))
        if unknown:
            raise ValueError(f"{kind} takes {sorted(KINDS[kind])}, not {unknown}")
        for name, value in settings.items():
            _check_setting(name, value, KINDS[kind][name])
        if not _is_amount(probability) or probability > 1:
            raise ValueError("probability lies between 0 and 1")
        for name, number in (("count", count), ("skip", skip)):
            if number is not None and not (_is_amount(number) and isinstance(number, int)):
                raise ValueError(f"{name} must be a whole number that is not negative")
        operations = _operations(kind, operation)
        begins = self.clock.now + _seconds("begins_in", begins_in)
        ends = float("inf") if lasts is None else begins + _seconds("lasts", lasts)
        self._count += 1
        fault = Fault(
            self._count,
            kind,
            operations,
            count,
            skip,
            probability,
            begins,
            ends,
            {**KINDS[kind], **settings},
            Random(f"{self.seed}|{self._count}|{kind}"),  # noqa: S311 - reproducible by design
        )
        if kind == "rate_limit":
            fault.bucket = TokenBucket(fault.settings["per_second"], fault.settings["burst"])
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault | int) -> None:
        """Take one fault out of force; raises `LookupError` where it is not."""
        number = fault if isinstance(fault, int) else fault.number
        kept = [known for known in self._faults if known.number != number]
        if len(kept) == len(self._faults):
            raise LookupError(f"there is no fault {number}")
        self._faults = kept

    def clear(self) -> None:
        """Take all faults out of force."""
        self._faults.clear()

    def of(self, kinds: frozenset[str], operation: str) -> list[Fault]:
        """The faults of these *kinds* that are for *operation*, oldest first."""
        return [
            fault for fault in self._faults if fault.kind in kinds and operation in fault.operations
        ]

    def striking(
        self,
        operation: str,
        kinds: frozenset[str],
        matters: Callable[[Fault], bool] = lambda fault: True,
    ) -> Iterator[Fault]:
        """The faults of these *kinds* that strike *operation* now, oldest first.

        Those that do not *matter* there neither strike nor count.
        """
        now = self.clock.now
        for fault in list(self._faults):
            if fault.kind in kinds and matters(fault) and fault.strikes(operation, now):
                yield fault

    def first(self, operation: str, kind: str) -> Fault | None:
        """The first fault of that *kind* that strikes *operation* now."""
        return next(self.striking(operation, frozenset({kind})), None)


def retry_later(wait: float, form: str, kind: str) -> Refusal:
    """The 429 that asks to wait; *form* is ``seconds``, ``date`` or ``absent``."""
    headers = {}
    if form == "seconds":
        headers["Retry-After"] = str(ceil(wait))
    elif form == "date":
        headers["Retry-After"] = formatdate(ceil(time.time() + wait), usegmt=True)
    return Refusal(429, "too many requests", headers=headers, fault=kind)


def _operations(kind: str, operation: str | Iterable[str]) -> frozenset[str]:
    """What a fault of that *kind* strikes; raises `ValueError` where that is nothing."""
    if kind.startswith("callback_"):
        reach = frozenset(EVENT_TYPES)
        groups = {"*": reach}
    else:
        reach = _REACH.get(kind, GROUPS["*"] | {"token"})
        groups = {**GROUPS, "*": reach & GROUPS["*"] or reach}
    if not isinstance(operation, (str, list, tuple, set, frozenset)):
        raise ValueError(f"{operation!r} makes no sense as operation")
    found: set[str] = set()
    for name in [operation] if isinstance(operation, str) else operation:
        there = groups.get(name, {name}) & reach if isinstance(name, str) else None
        if not there:
            raise ValueError(f"{kind} cannot be scoped to {name!r}; there are {sorted(reach)}")
        found |= there
    if not found:
        raise ValueError("a fault needs an operation to strike")
    return frozenset(found)


def _check_setting(name: str, value: Any, default: Any) -> None:
    """Raises `ValueError` for a setting that could only fail later, in the midst of a request."""
    check = _CHECKS.get(name)
    if check is not None:
        good = check(value)
    elif isinstance(default, (bool, str)):
        good = type(value) is type(default)
    else:
        good = _is_amount(value) and value >= _LEAST.get(name, 0.0)
    if not good:
        raise ValueError(f"{value!r} makes no sense as {name}")


def _is_text(value: Any) -> bool:
    """Whether *value* is a string that can be sent."""
    if not isinstance(value, str):
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _is_amount(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: isinstance(value, int) and 400 <= value <= 599,
    "form": lambda value: value in ("seconds", "date", "absent"),
    "text": lambda value: value is None or _is_text(value),
    "content_type": lambda value: isinstance(value, str) and bool(_MEDIA_TYPE.match(value)),
    "after": lambda value: value is None or _is_amount(value),
    "copies": lambda value: isinstance(value, int) and 2 <= value <= 1000,
    "keep": lambda value: _is_amount(value) and value < 1,
}
"""What settings must be; those not named here must be of their default's type, or an amount."""


def _seconds(name: str, value: Seconds) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not _is_amount(seconds):
        raise ValueError(f"{name} must be seconds or a timedelta, and not negative")
    return float(seconds)
