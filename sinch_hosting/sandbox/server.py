"""`Sandbox`: the simulated service as one object, with its clock, people and observations."""

from __future__ import annotations

import logging
import os
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .arguments import check_amount, check_project, check_texts
from .callbacks import Callbacks
from .checks import is_loopback
from .clock import FASTEST, Clock
from .control import PREFIX, Control
from .credentials import Credentials
from .faults import Faults
from .handles import Handles
from .http import HEALTH, Listener, Service, json_response
from .keeping import Keeper
from .operations import Operations
from .profiles import profile_named
from .rules import Rules
from .store import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from .profiles import Profile, TimingSpec
    from .records import (
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


class Sandbox(Handles):
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
        dice = int.from_bytes(os.urandom(4), "big") if seed is None else seed
        self._host, self._port = host, port
        chosen = profile_named(profile).with_timings(**dict(transitions or {}))
        world = World(
            Clock(float(speed), _first_instant(start, speed == 0 or seed is not None)),
            chosen,
            rules if isinstance(rules, Rules) else Rules().changed(**dict(rules or {})),
            dice,
            project_id,
            hmac_secret,
            import_limit,
        )
        operations = Operations.over(world)
        faults = Faults(world.clock, dice)
        hosts = frozenset({callback_hosts} if isinstance(callback_hosts, str) else callback_hosts)
        callbacks = Callbacks(world, faults, hosts, deque(maxlen=request_log))
        credentials = Credentials(key_id, key_secret, token_lifetime, lambda: world.identifier(40))
        requests: deque[RequestRecord] = deque(maxlen=request_log)
        service = Service(world, operations, credentials, faults, requests, self._serves)
        service.logs = log_requests
        super().__init__(world, operations, faults, credentials, callbacks, service)
        world.emit, world.clock.at_rest = callbacks.emit, self._at_rest
        self.key_id = key_id
        self._keeper = Keeper(
            state_file,
            seed_file,
            world,
            operations,
            faults,
            credentials,
            callbacks,
            service,
            seed,
            keeps_rules=rules is None,
            keeps_secret=not hmac_secret,
        )
        self._control = Control(self, is_loopback(host))
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
            self._keeper.begin()
        except BaseException:
            await self._close()
            self._keeper.release()
            raise
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
        was_running = self._runner is not None
        try:
            await self._close()
            if was_running:
                self._keeper.finish()
        finally:
            self._keeper.release()

    async def _close(self) -> None:
        runner, self._runner = self._runner, None
        await self._keeper.end()
        self._world.clock.close()
        await self._callbacks.close()
        if runner is not None:
            await runner.cleanup()

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

    def _serves(self, host: str) -> bool:
        """Return whether a request with that ``Host`` is meant for this sandbox."""
        name, allowed = host.removesuffix(f":{self._port}"), self._world.rules.hosts
        if not allowed and not self.on_loopback:
            return True
        ours = name != host and (is_loopback(name.strip("[]")) or name.strip("[]") == self._host)
        return ours or "*" in allowed or host in allowed or (name or host) in allowed


def _first_instant(start: datetime | None, fixed: bool) -> float:
    """Return the time to start at: *start*, or a *fixed* Monday, or now."""
    if start is None:
        start = MONDAY if fixed else datetime.now(UTC)
    if not 1970 < start.year < 9000:
        raise ValueError("start must lie between the years 1971 and 9000")
    return start.timestamp()
