"""What a sandbox keeps of its world: all of it, or what has changed; and the way back."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from attrs import define, field

from .faults import Fault
from .records import (
    CallbackRecord,
    HostingOrder,
    ImportedNumber,
    Letter,
    Mail,
    Plan,
    QualifiedNumber,
    RequestRecord,
)
from .structures import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .clock import Pending
    from .operations import Operations
    from .store import World

VERSION = 1
"""The version of the format; a sandbox reads no other."""

KEPT = 1000
"""How many requests, and delivered callbacks, are kept: the newest ones."""

KEYS = {
    "orders": "hosting_order_id",
    "imported": "phone_number",
    "qualified": "phone_number",
    "letters": "hosting_order_id",
    "callbacks": "event_id",
    "requests": "number",
}
"""The lists of records, and the field that tells a record from the others of its list."""

_SUBJECTS = {
    "orders": "order",
    "imported": "imported",
    "qualified": "qualified",
    "callbacks": "callback",
}
"""What a transition of a record of a list has as its kind."""


@define(eq=False)
class Planned:
    """A transition that has not happened yet; ``due`` is left out where a person starts it.

    ``kind`` is ``order``, ``qualified``, ``imported`` or ``callback``, and ``id`` is the id of
    that order, number or event.
    """

    kind: str
    id: str
    name: str
    due: float | None = None


@define(eq=False)
class Snapshot:
    """Everything that is kept, or in a journal what has changed; times are seconds since 1970.

    In a journal the lists hold those records that are new or have changed, the outbox what was
    added, and ``gone`` the list and the key of each record that was removed.
    """

    sandbox_state: int
    now: float
    seed: int
    random: list[int]
    rules: dict[str, Any] = field(factory=dict)
    hmac_secret: str = ""
    tokens: dict[str, float] = field(factory=dict)
    orders: list[HostingOrder] = field(factory=list)
    imported: list[ImportedNumber] = field(factory=list)
    qualified: list[QualifiedNumber] = field(factory=list)
    entries: list[int] = field(factory=list)
    plans: dict[str, Plan] = field(factory=dict)
    outbox: list[Mail] = field(factory=list)
    letters: list[Letter] = field(factory=list)
    callbacks: list[CallbackRecord] = field(factory=list)
    requests: list[RequestRecord] = field(factory=list)
    faults: list[Fault] = field(factory=list)
    planned: list[Planned] = field(factory=list)
    gone: list[tuple[str, str]] = field(factory=list)


def take(world: World) -> Snapshot:
    """Return what is to be kept of *world*. The caller adds the other parts."""
    kept = _begun(world)
    kept.orders = list(world.orders.values())
    kept.imported = list(world.imported.values())
    kept.qualified = list(world.qualified.values())
    kept.plans, kept.outbox = world.plans, world.outbox
    kept.letters = list(world.letters.values())
    kept.planned = _planned(world.clock.planned())
    return kept


def take_changes(world: World) -> Snapshot:
    """Return what has changed in *world*. The caller adds the other parts."""
    touched = world.touched
    pending: list[Pending] = []
    for name, kind in _SUBJECTS.items():
        for key in touched.records[name]:
            pending += world.clock.planned_for((kind, key))
    kept = _begun(world)
    for name in KEYS:
        setattr(kept, name, list(touched.records[name].values()))
    kept.plans, kept.outbox = touched.records["plans"], world.outbox[touched.mails :]
    kept.planned = _planned(sorted(pending, key=lambda each: each.count))
    kept.gone = list(touched.gone)
    return kept


def _begun(world: World) -> Snapshot:
    """Return what is written each time."""
    return Snapshot(
        VERSION,
        world.now,
        world.seed,
        list(world.random.getstate()[1]),
        world.rules.json(),
        world.hmac_secret,
        entries=[index.entries for index in _indexes(world)],
    )


def _planned(pending: Iterable[Pending]) -> list[Planned]:
    return [Planned(*each.subject, each.name, each.due) for each in pending]


def merge(kept: Snapshot, later: Iterable[Snapshot]) -> None:
    """Bring *kept* up to date with the changes that were written after it."""
    lists = {name: {getattr(r, key): r for r in getattr(kept, name)} for name, key in KEYS.items()}
    planned: dict[tuple[str, str], list[Planned]] = {}
    _plan_anew(planned, (), kept.planned)
    for changes in later:
        for name, gone in changes.gone:
            lists[name].pop(gone, None)
            planned.pop((_SUBJECTS.get(name, ""), gone), None)
        for name, key in KEYS.items():
            lists[name].update({getattr(r, key): r for r in getattr(changes, name)})
        subjects = [
            (kind, getattr(record, KEYS[name]))
            for name, kind in _SUBJECTS.items()
            for record in getattr(changes, name)
        ]
        _plan_anew(planned, subjects, changes.planned)
        kept.outbox += changes.outbox
        kept.plans.update(changes.plans)
        for name in ("now", "random", "rules", "hmac_secret", "tokens", "entries", "faults"):
            setattr(kept, name, getattr(changes, name))
    for name, records in lists.items():
        setattr(kept, name, list(records.values()))
    kept.planned = [each for planned_ones in planned.values() for each in planned_ones]
    kept.callbacks = latest_callbacks(kept.callbacks)
    kept.requests = kept.requests[-KEPT:]


def _plan_anew(
    planned: dict[tuple[str, str], list[Planned]],
    subjects: Iterable[tuple[str, str]],
    anew: Iterable[Planned],
) -> None:
    """Put what is planned *anew* for the *subjects* in the place of what was planned before.

    What is due at the same time happens in the order in which it was planned, so plans that are
    the same as before keep their place.
    """
    found: dict[tuple[str, str], list[Planned]] = {subject: [] for subject in subjects}
    for each in anew:
        found.setdefault((each.kind, each.id), []).append(each)
    for subject, plans in found.items():
        before = [(each.name, each.due) for each in planned.get(subject, ())]
        if before != [(each.name, each.due) for each in plans]:
            planned.pop(subject, None)
            if plans:
                planned[subject] = plans


def latest_callbacks(events: list[CallbackRecord]) -> list[CallbackRecord]:
    """Return the events that are kept: the newest ones, and those not delivered yet."""
    newest = len(events) - KEPT
    return [
        record
        for position, record in enumerate(events)
        if position >= newest or record.state in {"waiting", "retrying"}
    ]


def restore(world: World, operations: Operations, kept: Snapshot) -> None:
    """Bring *world*, which is empty, to the state that was *kept*, except for callbacks.

    Raises `Unreadable` where the parts do not fit together.
    """
    world.clock.start_at(kept.now)
    world.seed = kept.seed
    try:
        world.random.setstate((Random.VERSION, tuple(kept.random), None))
        world.rules = world.rules.changed(**kept.rules)
    except (TypeError, ValueError) as error:
        raise Unreadable(f"random or rules: {error}") from error
    world.hmac_secret = kept.hmac_secret
    world.orders.update({order.hosting_order_id: order for order in kept.orders})
    world.imported.update({number.phone_number: number for number in kept.imported})
    world.qualified.update({number.phone_number: number for number in kept.qualified})
    world.plans.update(kept.plans)
    world.outbox.extend(kept.outbox)
    world.letters.update({letter.hosting_order_id: letter for letter in kept.letters})
    if len(kept.entries) != len(_indexes(world)):
        raise Unreadable("entries must hold one number for each list")
    world.orders_index.restore(kept.orders, kept.entries[0])
    world.imported_index.restore(kept.imported, kept.entries[1])
    world.qualified_index.restore(kept.qualified, kept.entries[2])
    for position, planned in enumerate(kept.planned):
        try:
            _plan(world, operations, planned)
        except (LookupError, ValueError) as error:
            raise Unreadable(f"planned[{position}]: {error.args[0]}") from error


def _indexes(world: World) -> tuple[Any, Any, Any]:
    return world.orders_index, world.imported_index, world.qualified_index


def _plan(world: World, operations: Operations, planned: Planned) -> None:
    """Plan one transition again. `Callbacks` does so for its own."""
    if planned.kind == "order":
        operations.order_lifecycle.resume(world.orders[planned.id], planned.name, planned.due)
    elif planned.kind == "qualified":
        operations.qualification.resume(world.qualified[planned.id], planned.name, planned.due)
    elif planned.kind == "imported":
        number = world.imported[planned.id]
        operations.imported.life.resume(number, planned.name, planned.due)
    elif planned.kind != "callback":
        raise ValueError(f"{planned.kind!r} is no kind of record")
