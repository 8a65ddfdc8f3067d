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

import time
from collections.abc import Callable
from email.utils import formatdate
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any

from attrs import define, field

from .errors import Refusal
from .fault_kinds import EVENT_TYPES, GROUPS, KINDS, check_setting, is_amount, reached, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .clock import Clock
    from .fault_kinds import Seconds

__all__ = ["EVENT_TYPES", "GROUPS", "KINDS", "Fault", "Faults", "TokenBucket"]


@define(eq=False)
class Fault:
    """One fault that was asked for. It strikes while ``on``; ``hits`` counts how often."""

    number: int
    kind: str
    operations: frozenset[str]
    count: int | None
    skip: int
    probability: float
    begins: float
    settings: dict[str, Any]
    ends: float = float("inf")
    hits: int = 0
    seen: int = 0
    on: bool = True
    random: Random = field(init=False, repr=False)
    bucket: TokenBucket | None = field(init=False, default=None, repr=False)

    def strikes(self, operation: str, now: float) -> bool:
        """Count this request, and return whether the fault strikes it."""
        if operation not in self.operations or not self.begins <= now < self.ends or not self.on:
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def spare(self) -> None:
        """Undo the count of one strike that changed nothing."""
        self.hits -= 1

    def json(self) -> dict[str, Any]:
        """Return the fault for listings."""
        return {
            "id": self.number,
            "kind": self.kind,
            "operations": sorted(self.operations),
            "count": self.count,
            "skip": self.skip,
            "probability": self.probability,
            "hits": self.hits,
            "on": self.on,
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
        """Return 0 where the request may pass, else the seconds until one may."""
        now = self.now()
        self._level = min(self.burst, self._level + (now - self._last) * self.per_second)
        self._last = now
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self.per_second


@define(eq=False)
class Faults:
    """The faults in force: `add` one, `switch` or `remove` it, `clear` them all."""

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
            begins_in: virtual seconds (or a `timedelta`) until it begins.
            lasts: for how many virtual seconds (or a `timedelta`); for ever by default.
            **settings: what the kind takes.

        Raises `ValueError` for unknown kinds, operations and settings, and for what cannot strike.
        """
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"no fault is called {kind!r}; there are {', '.join(KINDS)}")
        unknown = sorted(set(settings) - set(KINDS[kind]))
        if unknown:
            raise ValueError(f"{kind} takes {sorted(KINDS[kind])}, not {unknown}")
        for name, value in settings.items():
            check_setting(name, value, KINDS[kind][name])
        if not is_amount(probability) or probability > 1:
            raise ValueError("probability lies between 0 and 1")
        for name, number in (("count", count), ("skip", skip)):
            if number is not None and not (is_amount(number) and isinstance(number, int)):
                raise ValueError(f"{name} must be a whole number that is not negative")
        begins = self.clock.now + seconds_of("begins_in", begins_in)
        fault = Fault(
            self._count + 1,
            kind,
            reached(kind, operation),
            count,
            skip,
            probability,
            begins,
            {**KINDS[kind], **settings},
        )
        if lasts is not None:
            fault.ends = begins + seconds_of("lasts", lasts)
        self._put(fault)
        return fault

    def _put(self, fault: Fault) -> None:
        """Put a fault in force, new or of an earlier run."""
        self._count = max(self._count, fault.number)
        # Reproducible by design: nothing that this draws protects anything.
        fault.random = Random(f"{self.seed}|{fault.number}|{fault.kind}")  # noqa: S311
        if fault.probability < 1:
            for _ in range(fault.seen - fault.skip):
                fault.random.random()
        if fault.kind == "rate_limit":
            fault.bucket = TokenBucket(fault.settings["per_second"], fault.settings["burst"])
        self._faults.append(fault)

    def restore(self, faults: Iterable[Fault]) -> None:
        """Put the faults of an earlier run in force; raises `ValueError` for unknown kinds."""
        for fault in faults:
            if fault.kind not in KINDS or fault.settings.keys() != KINDS[fault.kind].keys():
                raise ValueError(f"faults: {fault.kind!r} with these settings is not known here")
            self._put(fault)

    def switch(self, fault: Fault | int, on: bool) -> Fault:
        """Switch a fault on or off. One whose count is used up counts anew when switched on.

        Returns it. Raises `LookupError` where it is not in force.
        """
        number = fault if isinstance(fault, int) else fault.number
        found = next((known for known in self._faults if known.number == number), None)
        if found is None:
            raise LookupError(f"there is no fault {number}")
        if on and not found.on and found.count is not None and found.hits >= found.count:
            found.hits = 0
        found.on = on
        return found

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
        """Return the faults of these *kinds* that are for *operation*, oldest first."""
        return [
            fault for fault in self._faults if fault.kind in kinds and operation in fault.operations
        ]

    def striking(
        self,
        operation: str,
        kinds: frozenset[str],
        matters: Callable[[Fault], bool] = lambda fault: True,
    ) -> Iterator[Fault]:
        """Yield the faults of these *kinds* that strike *operation* now, oldest first.

        Those that do not *matter* there neither strike nor count.
        """
        now = self.clock.now
        for fault in list(self._faults):
            if fault.kind in kinds and matters(fault) and fault.strikes(operation, now):
                yield fault

    def first(self, operation: str, kind: str) -> Fault | None:
        """Return the first fault of that *kind* that strikes *operation* now, or `None`."""
        return next(self.striking(operation, frozenset({kind})), None)


def retry_later(wait: float, form: str, kind: str) -> Refusal:
    """Return the 429 that asks to wait. *form* is ``seconds``, ``date`` or ``absent``."""
    headers = {}
    if form == "seconds":
        headers["Retry-After"] = str(ceil(wait))
    elif form == "date":
        headers["Retry-After"] = formatdate(ceil(time.time() + wait), usegmt=True)
    return Refusal(429, "too many requests", headers=headers, fault=kind)
