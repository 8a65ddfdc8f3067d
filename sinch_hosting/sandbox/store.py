"""The state of the simulated service, and the indexes that keep its lists fast."""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right
from collections import defaultdict
from random import Random
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from attrs import define, field

from .patterns import Pattern, Texts
from .records import (
    FAILURE_CODES,
    NO_PLAN,
    HostingOrder,
    ImportedNumber,
    Letter,
    Mail,
    Plan,
    QualifiedNumber,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .clock import Clock
    from .profiles import Profile
    from .rules import Rules

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Listed(Protocol):
    """What an `Index` needs of its records."""

    bucket: tuple[str, ...] | None
    entry: int
    created: float
    updated: float


R = TypeVar("R", bound=Listed)
Wanted: TypeAlias = "Callable[[R], bool] | Pattern"
"""What a list shows of its records."""


def imported_text(number: ImportedNumber) -> str:
    """Return what `Pattern` looks at: the number with its region behind it."""
    return number.phone_number + number.region_code


class Bucket(Generic[R]):
    """The records under one key in the order in which they came there.

    A record that left stays as a dead entry until half of the bucket is dead. Where *text* gives
    the text of a record, records are found by `Pattern`.
    """

    __slots__ = ("_text", "_texts", "by_creation", "entries", "live", "records")

    def __init__(self, text: Callable[[R], str] | None = None) -> None:
        self._text = text
        self._texts = Texts()
        self.entries: array[int] = array("q")
        self.records: list[R] = []
        self.live = 0
        self.by_creation = True

    def add(self, record: R) -> None:
        """Append *record*, whose ``entry`` is the highest so far."""
        if self.records and record.created < self.records[-1].created:
            self.by_creation = False
        self.entries.append(record.entry)
        self.records.append(record)
        if self._text is not None:
            self._texts.append(self._text(record))
        self.live += 1

    def drop(self) -> None:
        """Note that one record left; sweep when too many have."""
        self.live -= 1
        if len(self.records) > 64 and self.live < len(self.records) // 2:
            kept = [r for e, r in zip(self.entries, self.records, strict=True) if r.entry == e]
            self.records = kept
            self.entries = array("q", [r.entry for r in kept])
            self._texts = Texts()
            if self._text is not None:
                for record in kept:
                    self._texts.append(self._text(record))

    def after(self, entry: int, wanted: Wanted[R] | None = None) -> Iterator[R]:
        """Yield the live, *wanted* records behind *entry*."""
        start = bisect_right(self.entries, entry)
        if isinstance(wanted, Pattern):
            positions: Iterable[int] = self._texts.find(wanted, start)
            wanted = None
        else:
            positions = range(start, len(self.records))
        for position in positions:
            record = self.records[position]
            if record.entry == self.entries[position] and (wanted is None or wanted(record)):
                yield record


class Index(Generic[R]):
    """Records by key, each under one key at a time."""

    def __init__(self, text: Callable[[R], str] | None = None) -> None:
        self._text = text
        self.buckets: dict[tuple[str, ...], Bucket[R]] = {}
        self._entries = 0

    @property
    def entries(self) -> int:
        """How many entries were given out so far."""
        return self._entries

    def put(self, key: tuple[str, ...], record: R) -> None:
        """File *record* under *key*, behind all others, wherever it was before."""
        if record.bucket == key:
            return
        self.remove(record)
        self._entries += 1
        record.bucket, record.entry = key, self._entries
        if key not in self.buckets:
            self.buckets[key] = Bucket(self._text)
        self.buckets[key].add(record)

    def restore(self, records: Iterable[R], entries: int) -> None:
        """File *records* as their ``bucket`` and ``entry`` say; *entries* were given out so far."""
        self._entries = entries
        for record in sorted(records, key=lambda record: record.entry):
            if record.bucket is not None:
                self.buckets.setdefault(record.bucket, Bucket(self._text)).add(record)

    def remove(self, record: R) -> None:
        """Take *record* out of the lists."""
        key, record.bucket, record.entry = record.bucket, None, 0
        if key is not None:
            self.buckets[key].drop()

    def bucket(self, key: tuple[str, ...]) -> Bucket[R]:
        """Return the bucket under *key*; an empty one where nothing is filed there."""
        return self.buckets.get(key) or Bucket(self._text)


@define(eq=False)
class Touched:
    """What has changed since the state was written last, while somebody keeps the state.

    Args:
        is_noted: whether somebody does. Nothing is noted otherwise.
        is_all: whether so much has changed that all of it is to be written.
        mails: how many mails of the outbox are written already.
        records: by list and key, those that are new or have changed.
        gone: the list and the key of those that were removed.
    """

    is_noted: bool = False
    is_all: bool = False
    mails: int = 0
    records: defaultdict[str, dict[str, Any]] = field(factory=lambda: defaultdict(dict))
    gone: dict[tuple[str, str], None] = field(factory=dict)

    def note(self, name: str, key: str, record: object) -> None:
        """Note that a record of the list called *name* is new or has changed."""
        if self.is_noted:
            self.records[name][key] = record

    def note_gone(self, name: str, key: str) -> None:
        """Note that a record was removed."""
        if self.is_noted:
            self.records[name].pop(key, None)
            self.gone[name, key] = None

    def clear(self, mails: int) -> None:
        """Forget all of it: it is written, and so are so many *mails*."""
        self.records.clear()
        self.gone.clear()
        self.is_all, self.mails = False, mails


@define(eq=False, repr=False)
class World:
    """Everything that the simulated service knows.

    Args:
        clock: the virtual time.
        profile: when transitions happen.
        rules: how it behaves where the contract is silent.
        seed: makes everything random reproducible.
        project_id: the one project there is.
        hmac_secret: the key that signs callbacks; ``""`` where they are not signed.
        import_limit: the numbers allowed in one import order.

    ``changed`` is set whenever something may have changed that is worth keeping, and ``touched``
    says which records have.
    """

    clock: Clock
    profile: Profile
    rules: Rules
    seed: int
    project_id: str
    hmac_secret: str
    import_limit: int = 5
    random: Random = field(init=False)
    orders: dict[str, HostingOrder] = field(init=False, factory=dict)
    orders_index: Index[HostingOrder] = field(init=False)
    imported: dict[str, ImportedNumber] = field(init=False, factory=dict)
    imported_index: Index[ImportedNumber] = field(init=False)
    qualified: dict[str, QualifiedNumber] = field(init=False, factory=dict)
    qualified_index: Index[QualifiedNumber] = field(init=False)
    plans: dict[str, Plan] = field(init=False, factory=dict)
    outbox: list[Mail] = field(init=False, factory=list)
    letters: dict[str, Letter] = field(init=False, factory=dict)
    changed: bool = field(init=False, default=False)
    touched: Touched = field(init=False, factory=Touched)
    emit: Callable[[str, dict[str, Any]], None] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.random = self._new_random()
        self._begin_lists()

    def clear(self) -> None:
        """Forget everything but the time and the secrets, and restart the random numbers."""
        self.clock.clear()
        self.random = self._new_random()
        for records in (self.orders, self.imported, self.qualified, self.plans):
            records.clear()
        self._begin_lists()
        self.outbox.clear()
        self.letters.clear()
        self.touched.is_all = True

    def _begin_lists(self) -> None:
        self.orders_index = Index()
        self.imported_index = Index(imported_text)
        self.qualified_index = Index()

    def _new_random(self) -> Random:
        # Reproducible by design: nothing that this draws protects anything.
        return Random(self.seed)  # noqa: S311

    @property
    def now(self) -> float:
        """The virtual time, in seconds since 1970."""
        return self.clock.now

    def due(self, transition: str) -> float | None:
        """Return when *transition* happens from now; ``None`` where a person starts it."""
        return self.profile.timings[transition].due(self.clock.now, self.random)

    def identifier(self, length: int = 26) -> str:
        """Return a new id that looks like those of the service."""
        return "01" + "".join(self.random.choices(_ID_ALPHABET, k=length - 2))

    def chance(self, *parts: str) -> float:
        """Return a number from 0 to 1 that depends on the seed and *parts* alone."""
        text = "|".join((str(self.seed), *parts))
        return zlib.crc32(text.encode("utf-8", "surrogatepass")) / 0xFFFFFFFF

    def plan_for(self, phone_number: str) -> Plan:
        """Return what shall go wrong with *phone_number*: as planned, else by chance."""
        plan = self.plans.get(phone_number)
        if plan is not None:
            return plan
        if self.profile.trouble and self.chance(phone_number, "trouble") < self.profile.trouble:
            return self._trouble(phone_number)
        return NO_PLAN

    def mail(self, kind: str, to: str, subject: str, text: str, **about: str) -> None:
        """Put a mail into the outbox."""
        self.outbox.append(Mail(self.now, kind, to, subject, text, **about))

    def event(
        self,
        url: str,
        resource_type: str,
        event_type: str,
        resource_id: str,
        failure: str | None = None,
    ) -> None:
        """Send an event to *url*. *failure* is its code, ``""`` for a failure without one."""
        if not url or self.emit is None:
            return
        payload: dict[str, Any] = {
            "resourceType": resource_type,
            "eventType": event_type,
            "projectId": self.project_id,
            "resourceId": resource_id,
            "status": "SUCCEEDED" if failure is None else "FAILED",
        }
        if failure in FAILURE_CODES:
            payload["failureCode"] = failure
        self.emit(url, payload)

    def _trouble(self, phone_number: str) -> Plan:
        troubles = [
            Plan(not_eligible="the number cannot be routed"),
            Plan(not_verified="the invoices do not name this number"),
            Plan(osr="INVALID_NNID"),
            Plan(platform="the SMS platform refused the number"),
            Plan(campaign="CAMPAIGN_MNO_REJECTED"),
            Plan(sms_tmo="60135"),
            Plan(sms_att="30501"),
        ]
        return troubles[int(self.chance(phone_number, "which") * 0.999999 * len(troubles))]


CARRIER_ERRORS = {"60135": "number is assigned to another aggregator"}
"""What the carriers' known error codes mean."""

_CANADIAN_CODES = (
    "204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 "
    "460 468 474 506 514 519 548 579 581 584 587 600 604 613 622 639 647 672 683 705 709 742 753 "
    "778 780 782 807 819 825 867 873 879 902 905 942"
)
_CANADA = frozenset(_CANADIAN_CODES.split())
_TOLL_FREE = frozenset({"800", "822", "833", "844", "855", "866", "877", "888"})


def is_toll_free(phone_number: str) -> bool:
    """Return whether *phone_number* is toll-free in North America."""
    return phone_number[2:5] in _TOLL_FREE


def region_of(phone_number: str) -> str:
    """Return ``CA`` for an area code of Canada, else ``US``."""
    return "CA" if phone_number[2:5] in _CANADA else "US"
