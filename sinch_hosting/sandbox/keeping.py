"""What a sandbox reads when it starts, and writes while it runs: the seed and the state file."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from .seeding import Seeding, read_seed
from .snapshot import KEPT, Snapshot, latest_callbacks, restore, take, take_changes
from .state_file import StateFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from .callbacks import Callbacks
    from .credentials import Credentials
    from .faults import Faults
    from .http import Service
    from .operations import Operations
    from .records import RequestRecord
    from .store import World

SAVE_EVERY = 0.5
"""Real seconds after which changes that no request made are in the state file."""

TIME_EVERY = 5.0
"""Real seconds after which the time is in the file, too, where it runs and nothing changes.

Where writing takes long, it is a hundred times as long instead.
"""

_log = logging.getLogger("sinch_hosting.sandbox")


@define(eq=False)
class Keeper:
    """Reads the two files of a sandbox, and keeps its state.

    Args:
        state_file, seed_file: the files, where there are any.
        world, operations, faults, credentials, callbacks, service: the parts with a state.
        seed: the seed that was asked for, if one was; the state must have the same.
        keeps_rules, keeps_secret: whether the rules and the secret for callbacks are those of
            the state file, and not those that the sandbox was made with.
    """

    state_file: str | os.PathLike[str] | None
    seed_file: str | os.PathLike[str] | None
    world: World
    operations: Operations
    faults: Faults
    credentials: Credentials
    callbacks: Callbacks
    service: Service
    seed: int | None
    keeps_rules: bool
    keeps_secret: bool
    _state: StateFile | None = field(init=False, default=None)
    _is_loaded: bool = field(init=False, default=False)
    _saving: asyncio.Task[None] | None = field(init=False, default=None)
    _next_time: float = field(init=False, default=0.0)
    _written: int = field(init=False, default=0)
    _unanswered: list[RequestRecord] = field(init=False, factory=list)

    def load(self) -> None:
        """Lock the state file, and read it or the seed file. Later starts do not read again.

        Raises `OSError` where a file cannot be read, and `ValueError` that names file and place
        where it is wrong, or where another sandbox has the state file.
        """
        kept = None
        if self.state_file is not None:
            self._state = StateFile(self.state_file)
            kept = self._state.open()
        if self._is_loaded:
            return
        if kept is not None:
            self._restore(kept)
        elif self.seed_file is not None:
            self._read_seed_file(Path(self.seed_file))
        self._is_loaded = True

    def _read_seed_file(self, path: Path) -> None:
        seed = read_seed(path)
        try:
            Seeding(self.world, self.operations, self.faults).apply(seed)
        except ValueError as error:
            self._forget()
            raise ValueError(f"{path}: {error}") from error

    def _restore(self, kept: Snapshot) -> None:
        path = "" if self._state is None else self._state.path
        if self.seed not in {None, kept.seed}:
            raise ValueError(f"the state in {path} has the seed {kept.seed}, not {self.seed}")
        rules, secret = self.world.rules, self.world.hmac_secret
        try:
            restore(self.world, self.operations, kept)
            self.faults.seed = kept.seed
            self.faults.restore(kept.faults)
            self.callbacks.restore(
                kept.callbacks,
                [
                    (planned.id, planned.name, planned.due)
                    for planned in kept.planned
                    if planned.kind == "callback" and planned.due is not None
                ],
            )
        except ValueError as error:
            self._forget()
            raise ValueError(f"{path} is damaged: {error}; move it away to start anew") from error
        self.credentials.restore(kept.tokens)
        self.service.requests.extend(kept.requests)
        self.service.count = self._written = kept.requests[-1].number if kept.requests else 0
        self.world.touched.clear(len(self.world.outbox))
        if not self.keeps_rules:
            self.world.rules = rules
        if not self.keeps_secret:
            self.world.hmac_secret = secret

    def _forget(self) -> None:
        """Forget what was read so far: the next start begins anew."""
        self.world.clear()
        self.faults.clear()
        self.callbacks.records.clear()

    def begin(self) -> None:
        """Save, and go on saving what changes by itself. Needs a running event loop."""
        if self._state is not None:
            self.world.touched.is_noted = True
            self.world.changed = True
            self.save_changes()
            self._saving = asyncio.get_running_loop().create_task(self._keep_saving())

    async def end(self) -> None:
        """Stop saving by itself."""
        saving, self._saving = self._saving, None
        if saving is not None:
            saving.cancel()
            await asyncio.wait({saving})
            if not saving.cancelled():
                saving.result()

    def release(self) -> None:
        """Unlock the state file."""
        state, self._state = self._state, None
        if state is not None:
            state.close()

    def save(self) -> None:
        """Write the whole state, if there is a file for it; raises `OSError` where that fails."""
        if self._state is None:
            return
        self._write(self.whole(), self._state.save)

    def whole(self) -> Snapshot:
        """Return the whole state as it is now."""
        kept = take(self.world)
        kept.callbacks = latest_callbacks(list(self.callbacks.records))
        kept.requests = list(self.service.requests)[-KEPT:]
        return self._with_parts(kept)

    def save_changes(self) -> None:
        """Save where something may have changed since the last time.

        Where the state is large, only what has changed is written.
        """
        if self._state is None or not self.world.changed:
            return
        if self.world.touched.is_all or not self._state.appends:
            self.save()
            return
        changes = take_changes(self.world)
        changes.requests = self._new_requests()
        self._write(self._with_parts(changes), self._state.append)

    def finish(self) -> None:
        """Write what has changed, and then the whole: without a journal the file is the state.

        The second may take seconds. Whoever kills the process meanwhile loses nothing.
        """
        self.world.changed = True
        self.save_changes()
        if self._state is not None and self._state.has_journal:
            self.save()

    def _with_parts(self, kept: Snapshot) -> Snapshot:
        """Return what is *kept*, with the parts that do not belong to the world."""
        kept.tokens = self.credentials.export()
        kept.faults = list(self.faults)
        return kept

    def _new_requests(self) -> list[RequestRecord]:
        """Return the requests that came, or were answered, since the state was written last."""
        newest = islice(reversed(self.service.requests), KEPT)
        came = list(takewhile(lambda record: record.number > self._written, newest))
        return [*self._unanswered, *reversed(came)]

    def _write(self, kept: Snapshot, write: Callable[[Snapshot], None]) -> None:
        began = time.monotonic()
        self.world.changed = False
        try:
            write(kept)
        except OSError:
            self.world.changed = True
            raise
        self.world.touched.clear(len(self.world.outbox))
        self._unanswered = [record for record in kept.requests if not record.outcome]
        self._written = self.service.count
        ended = time.monotonic()
        self._next_time = ended + max(TIME_EVERY, 100 * (ended - began))

    async def _keep_saving(self) -> None:
        """Save what changed without a request. Requests save their own changes."""
        while True:
            await asyncio.sleep(SAVE_EVERY)
            if self.world.clock.speed and time.monotonic() > self._next_time:
                self.world.changed = True
            try:
                self.save_changes()
            except OSError as error:
                _log.error("the sandbox cannot write its state: %s", error)
