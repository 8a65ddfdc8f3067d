"""`Sandbox`: the simulated service as one object, with its clock, people and observations."""

from __future__ import annotations

import logging
import os
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .arguments import check_amount, check_project, check_texts, span
from .callbacks import Callbacks
from .checks import is_loopback
from .clock import FASTEST, Clock
from .control import PREFIX, Control
from .credentials import Credentials
from .faults import Faults, TokenBucket
from .http import HEALTH, Listener, Service, json_response
from .keeping import Keeper
from .observations import Observations
from .operation_ids import OPERATION_IDS
from .operations import Operations
from .people import People
from .profiles import profile_named
from .rules import Rules
from .store import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta
    from types import TracebackType

    from .profiles import Profile, TimingSpec
    from .records import (
        CallbackRecord,
        RequestRecord,
    )

PROJECT_ID = "d1923022-5199-4bb3-a513-c47b3a656bc5"
KEY_ID = "sandbox-key-id"
KEY_SECRET = "sandbox-key-secret"  # noqa: S105 - a key for the sandbox only
MONDAY = datetime(2026, 1, 5, 14, tzinfo=UTC)
"""Where time starts when the clock is stepped by hand or the seed is given."""

_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Hosts that one can listen on and not everywhere connect to, and what to connect to instead."""

_log = logging.getLogger("sinch_hosting.sandbox")


class Sandbox(People, Observations):
    """The simulated service on a port of this machine; use it as ``async with``.

    Args:
        host: the address that it listens on. Other addresses than loopback ones are possible,
            and warned about: anybody who reaches it may use it.
        port: the port; 0 takes a free one.
        speed: virtual seconds in one real second, at most ten million; 0 stands still but for
            `advance`.
        seed: makes ids, codes, delays and faults reproducible, and time start at a fixed
            Monday (as does ``speed=0``).
        profile: ``standard``, ``immediate``, ``manual``, ``people``, ``troubled``, or a `Profile`.
        transitions: other timings for single transitions: ``"immediate"``, ``"manual"``,
            seconds, a `timedelta`, or a pair of them to draw between.
        rules: how it behaves where the contract is silent: `Rules`, or those that differ from
            the defaults by name, as in ``{"unqualified": 400}``.
        start: the virtual time at which it starts.
        token_lifetime: seconds of real time that a token lasts.
        import_limit: the numbers allowed in one import order.
        project_id: the one project that it has.
        key_id: the id of the one key that it accepts.
        key_secret: the secret of that key.
        hmac_secret: the key that signs callbacks; without one they come unsigned.
        callback_hosts: hosts that callbacks may go to besides loopback ones; ``"*"`` for all.
        request_log: how many requests `requests`, and events `callbacks`, remember.
        state_file: keeps the state, so that the next start goes on from it. The virtual time
            stands still in between. What a request changed is in the file before its answer.
        seed_file: what it holds at the start, as `sinch_hosting.sandbox.seeding` explains; not
            read where *state_file* exists already.
        log_requests: write a line for each request to the log ``sinch_hosting.sandbox.requests``,
            at the level INFO, without bodies and credentials.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 3600.0,
        seed: int | None = None,
        profile: Profile | str = "standard",
        transitions: Mapping[str, TimingSpec] | None = None,
        rules: Rules | Mapping[str, Any] | None = None,
        start: datetime | None = None,
        token_lifetime: float = 3600.0,
        import_limit: int = 5,
        project_id: str = PROJECT_ID,
        key_id: str = KEY_ID,
        key_secret: str = KEY_SECRET,
        hmac_secret: str = "",
        callback_hosts: str | Iterable[str] = (),
        request_log: int = 100_000,
        state_file: str | os.PathLike[str] | None = None,
        seed_file: str | os.PathLike[str] | None = None,
        log_requests: bool = False,
    ) -> None:
        check_amount("speed", speed, FASTEST)
        check_amount("token_lifetime", token_lifetime, 1e9)
        for name, count in (("import_limit", import_limit), ("request_log", request_log)):
            check_amount(name, count, 1e9, whole=True)
        check_texts(project_id=project_id, key_id=key_id, key_secret=key_secret)
        check_texts(may_be_empty=True, hmac_secret=hmac_secret)
        check_project(project_id)
        if start is None:
            start = MONDAY if speed == 0 or seed is not None else datetime.now(UTC)
        if not 1970 < start.year < 9000:
            raise ValueError("start must lie between the years 1971 and 9000")
        dice = int.from_bytes(os.urandom(4), "big") if seed is None else seed
        self._host, self._port = host, port
        chosen = profile_named(profile).with_timings(**dict(transitions or {}))
        self._world = World(
            Clock(float(speed), start.timestamp()),
            chosen,
            rules if isinstance(rules, Rules) else Rules().changed(**dict(rules or {})),
            dice,
            project_id,
            hmac_secret,
            import_limit,
        )
        operations = Operations.over(self._world)
        super().__init__(self._world, operations)
        self.faults: Faults = Faults(self._world.clock, dice)
        self._callback_records: deque[CallbackRecord] = deque(maxlen=request_log)
        hosts = frozenset({callback_hosts} if isinstance(callback_hosts, str) else callback_hosts)
        self._callbacks = Callbacks(self._world, self.faults, hosts, self._callback_records)
        self._world.emit = self._callbacks.emit
        self._world.clock.at_rest = self._at_rest
        self.project_id = project_id
        self.key_id = key_id
        self._credentials = Credentials(
            key_id, key_secret, token_lifetime, lambda: self._world.identifier(40)
        )
        self._requests: deque[RequestRecord] = deque(maxlen=request_log)
        self._service = Service(
            self._world, operations, self._credentials, self.faults, self._requests, self._serves
        )
        self._service.logs = log_requests
        self._keeper = Keeper(
            state_file,
            seed_file,
            self._world,
            operations,
            self.faults,
            self._credentials,
            self._callbacks,
            self._service,
            seed,
            keeps_rules=rules is None,
            keeps_secret=not hmac_secret,
        )
        self._apply_rules()
        self._control = Control(self)
        self._runner: web.ServerRunner | None = None

    def __repr__(self) -> str:
        where = self.base_url if self._runner else "not started"
        return f"<Sandbox {where} seed={self.seed} profile={self._world.profile.name}>"

    async def start(self) -> Sandbox:
        """Read the state or seed file, if there is one, and listen; returns itself.

        Raises `OSError` where the port is taken or a file cannot be read, and `ValueError` that
        names file and place where a file is damaged, or another sandbox has it.
        """
        if self._runner is not None:
            raise RuntimeError("the sandbox is already running")
        try:
            self._keeper.load()
            self._apply_rules()
            await self._listen()
        except BaseException:
            self._keeper.release()
            raise
        self._keeper.begin()
        return self

    async def _listen(self) -> None:
        if not self.on_loopback:
            _log.warning("the sandbox listens on %s: whoever reaches it may use it", self._host)
        server = Listener(self._handle, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._port = int(runner.addresses[0][1])
        self._runner = runner
        self._callbacks.open()
        self._world.clock.run_due()

    async def stop(self) -> None:
        """Stop listening and drop every connection; stopping twice is fine."""
        runner, self._runner = self._runner, None
        await self._keeper.end()
        self._world.clock.close()
        await self._callbacks.close()
        if runner is None:
            return
        try:
            await runner.cleanup()
            self._world.changed = True
            self._keeper.save_changes()
        finally:
            self._keeper.release()

    def save(self) -> None:
        """Write the whole state now, if there is a file for it; raises `OSError` where that fails.

        What has changed is written by itself before a request that changed something is answered,
        within half a second after transitions and callbacks, and at the end. What methods of
        `Sandbox` change is kept with the next of these.
        """
        self._keeper.save()

    def _at_rest(self) -> None:
        self._world.changed = True
        self._callbacks.release_last()

    async def __aenter__(self) -> Sandbox:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path == HEALTH:
            return json_response({"status": "ok"})
        if path == PREFIX or path.startswith(f"{PREFIX}/"):
            self._world.clock.run_due()
            response = await self._control.handle(request)
        else:
            response = await self._service.handle(request)
            self._world.changed |= len(self.faults) > 0  # they count
        self._world.changed |= request.method != "GET"
        self._keeper.save_changes()
        return response

    @property
    def seed(self) -> int:
        """What makes ids, codes, delays and faults reproducible."""
        return self._world.seed

    @property
    def host(self) -> str:
        """The host that it listens on."""
        return self._host

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self._host)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def base_url(self) -> str:
        """The address that stands for the vendor's server, as this machine reaches it."""
        host = _ANY_ADDRESS.get(self._host, self._host)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self._port}"

    @property
    def auth_url(self) -> str:
        """The whole token endpoint."""
        return f"{self.base_url}/oauth2/token"

    @property
    def key_secret(self) -> str:
        """The secret of the one key."""
        return self._credentials.key_secret

    @property
    def environ(self) -> dict[str, str]:
        """The five environment variables with which a program uses it."""
        return {
            "SINCH_PROJECT_ID": self.project_id,
            "SINCH_KEY_ID": self.key_id,
            "SINCH_KEY_SECRET": self.key_secret,
            "SINCH_HOSTING_BASE_URL": self.base_url,
            "SINCH_HOSTING_AUTH_URL": self.auth_url,
        }

    @property
    def hmac_secret(self) -> str:
        """The key that signs callbacks, as configured now."""
        return self._world.hmac_secret

    @property
    def profile(self) -> Profile:
        """When transitions happen."""
        return self._world.profile

    @property
    def speed(self) -> float:
        """Virtual seconds in one real second; 0 where time is stepped by hand."""
        return self._world.clock.speed

    def change_speed(self, speed: float) -> None:
        """Let *speed* virtual seconds pass in a real one from now on. With 0 time stands still.

        Raises `ValueError` for a speed that is negative, or above ten million.
        """
        check_amount("speed", speed, FASTEST)
        self._world.clock.change_speed(float(speed))

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return datetime.fromtimestamp(self._world.now, UTC)

    def advance(self, delta: timedelta | None = None, /, **units: float) -> int:
        """Move virtual time ahead, as ``advance(days=2)`` or ``advance(timedelta(days=2))``.

        What is due on the way happens in order, each at its own time. Returns how many
        transitions happened.

        Callbacks are real requests, and none is sent before the program awaits something: all
        those due on the way are first attempted afterwards, at the new time, and one that fails
        is retried counting from there. Call `settle` to wait for them, or `pass_time` instead
        where retries, delays and transitions shall mix as they would.
        """
        return self._world.clock.advance(span(delta, units))

    async def pass_time(self, delta: timedelta | None = None, /, **units: float) -> int:
        """Move time ahead as `advance` does, and `settle` at every instant at which things happen.

        So each callback is attempted at its own virtual time, and so is each retry that falls due.
        """
        clock = self._world.clock
        target, happened = clock.check_ahead(span(delta, units)), 0
        await self.settle()
        while (due := clock.next_due()) is not None and due <= target:
            happened += clock.advance(max(0.0, due - clock.now))
            await self.settle()
        happened += clock.advance(max(0.0, target - clock.now))
        await self.settle()
        return happened

    def step(self) -> str | None:
        """Jump to the next transition and do it. Returns its name, ``None`` where none is left.

        What callbacks wait for counts, too: ``callback_retry`` and ``callback_delay``. Raises
        `ValueError` where the next transition is beyond the end of virtual time.
        """
        return self._world.clock.step()

    async def settle(self) -> None:
        """Wait until every callback that is due has been attempted.

        Virtual time need not move for that. A retry is due only later: after `settle`, `advance`
        to it and settle again.
        """
        self._world.clock.run_due()
        await self._callbacks.settle()

    @property
    def rules(self) -> Rules:
        """How it behaves where the contract is silent."""
        return self._world.rules

    def change_rules(self, **changes: Any) -> Rules:
        """Change single rules, as in ``change_rules(unqualified=400)``. Returns all rules.

        Raises `ValueError` for a rule that does not exist, and for a value that it cannot have.
        """
        self._world.rules = self._world.rules.changed(**changes)
        self._apply_rules()
        return self._world.rules

    def _apply_rules(self) -> None:
        rate = self._world.rules.basic_per_second
        self._credentials.basic_limit = None if rate is None else TokenBucket(rate, max(rate, 1.0))

    def _serves(self, host: str) -> bool:
        """Return whether a request with that ``Host`` is meant for this sandbox."""
        name, allowed = host.removesuffix(f":{self._port}"), self._world.rules.hosts
        if not allowed and not self.on_loopback:
            return True
        ours = name != host and (is_loopback(name.strip("[]")) or name.strip("[]") == self._host)
        return ours or "*" in allowed or host in allowed or (name or host) in allowed

    def reset(self) -> None:
        """Forget orders, numbers, mails, callbacks, requests and faults.

        Time, tokens and rules go on.
        """
        self._world.clear()
        self._callbacks.forget()
        self._callback_records.clear()
        self._requests.clear()
        self.faults.clear()

    def expire_tokens(self) -> None:
        """Let every token that was given out so far expire now."""
        self._credentials.expire_all()

    @property
    def requests(self) -> list[RequestRecord]:
        """The requests seen so far, oldest first."""
        return list(self._requests)

    def calls(self, operation: str) -> list[RequestRecord]:
        """Return the requests for one operation, by the contract's name or ``token``.

        Raises `ValueError` for an operation that does not exist.
        """
        if operation not in {*OPERATION_IDS, "token"}:
            raise ValueError(f"no operation is called {operation!r}")
        return [record for record in self._requests if record.operation == operation]

    def counts(self) -> dict[str, int]:
        """Return how many orders, numbers, letters, mails, callbacks and requests there are."""
        return {
            "orders": len(self._world.orders),
            "qualifiedNumbers": len(self._world.qualified),
            "importedNumbers": len(self._world.imported),
            "letters": len(self._world.letters),
            "outbox": len(self._world.outbox),
            "callbacks": len(self._callback_records),
            "requests": len(self._requests),
        }

    @property
    def callbacks(self) -> list[CallbackRecord]:
        """The events so far, oldest first, and what became of each."""
        return list(self._callback_records)
