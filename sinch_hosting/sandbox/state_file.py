"""The file in which a sandbox keeps its state, so that it goes on where it was.

The whole state is one JSON object. It is written to a second file, which then takes the place of
the first one: whoever reads it, and whenever the process is killed, finds a whole state. Tokens
are kept as digests. The secret that signs callbacks is kept as it is, so only the owner of the
file may read it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from attrs import define, field

from .faults import KeptFault
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
from .structures import Unreadable, read_file, structure, unstructure

if TYPE_CHECKING:
    from .operations import Operations
    from .store import World

VERSION = 1
"""The version of the format; a sandbox reads no other."""

KEPT = 1000
"""How many requests, and delivered callbacks, are kept: the newest ones."""


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
    """Everything that is kept; times are in seconds since 1970."""

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
    faults: list[KeptFault] = field(factory=list)
    planned: list[Planned] = field(factory=list)


def take(world: World) -> Snapshot:
    """Return what is to be kept of *world*. The caller adds the other parts."""
    return Snapshot(
        VERSION,
        world.now,
        world.seed,
        list(world.random.getstate()[1]),
        world.rules.json(),
        world.hmac_secret,
        orders=list(world.orders.values()),
        imported=list(world.imported.values()),
        qualified=list(world.qualified.values()),
        entries=[index.entries for index in _indexes(world)],
        plans=world.plans,
        outbox=world.outbox,
        letters=world.letters,
        planned=[
            Planned(*pending.subject, pending.name, pending.due)
            for pending in world.clock.planned()
        ],
    )


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
    world.letters.extend(kept.letters)
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


class StateFile:
    """The file with the state. One sandbox at a time may have it open.

    Args:
        path: the file; it is made where there is none. Beside it stands a ``.lock`` file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        self._lock: int | None = None

    def open(self) -> Snapshot | None:
        """Lock the file, and return the state in it; `None` where there is no file yet.

        Raises `ValueError` where another sandbox has it, or where it holds no state; `OSError`
        where it cannot be read, or its folder not be written.
        """
        self._lock = _lock(self.path.with_name(f"{self.path.name}.lock"), self.path)
        try:
            return self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> Snapshot | None:
        if not self.path.exists():
            return None
        try:
            read = read_file(self.path, "state of a sandbox")
            version = read.get("sandbox_state") if isinstance(read, dict) else None
            if version != VERSION:
                what = "it is of another version" if version else "sandbox_state is missing"
                raise Unreadable(f"{self.path} is no state of a sandbox: {what}")
            return structure(Snapshot, read)
        except Unreadable as error:
            where = "" if str(self.path) in str(error) else f"{self.path} is damaged: "
            advice = "move it away to start anew"
            raise Unreadable(f"{where}{error}; {advice}") from error

    def save(self, kept: Snapshot) -> None:
        """Write the state; raises `OSError`, and then the file is as it was."""
        text = json.dumps(unstructure(kept), separators=(",", ":"))
        written = self.path.with_name(f".{self.path.name}.tmp")
        # Whatever stands there, such as a link to another file, is not written through.
        written.unlink(missing_ok=True)
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self.path)

    def close(self) -> None:
        """Unlock the file."""
        descriptor, self._lock = self._lock, None
        if descriptor is not None:
            os.close(descriptor)


def _lock(path: Path, state: Path) -> int | None:
    """Lock a file until the process ends or closes it; raise `ValueError` where another has it."""
    with suppress(ImportError):
        from fcntl import LOCK_EX, LOCK_NB, flock  # noqa: PLC0415 - Windows has none

        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ValueError(f"another sandbox keeps its state in {state}") from error
        return descriptor
    return None
