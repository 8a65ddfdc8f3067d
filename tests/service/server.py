"""The HTTP server on loopback: tokens, the record of requests, faults, answers."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NoReturn, Self

from aiohttp import web

from .callbacks import Callbacks
from .creates import AllOperations
from .credentials import Credentials
from .faults import Answer, Fault, RateLimit, Request, Rule
from .lists import Pager, Refusal
from .orders import OrderMaking
from .routes import LISTS, OPERATIONS, route
from .rules import Call, ListRules, Rules
from .state import Store

SECRETS = ("authorization", "proxy-authorization", "cookie")


class Service(OrderMaking, Callbacks):
    """The service; `async with Service(...) as service:`. See the package for all it can do."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        epoch: datetime | None = None,
        project_id: str = "project-1",
        key_id: str = "key-id-1",
        key_secret: str = "key-secret-1-not-to-be-seen",
        token_lifetime: float = 3600,
        rate_limit: RateLimit | None = None,
        error_shape: str = "",
        letter_field: str = "textEnableInfo",
        rules: Mapping[str, Any] | None = None,
        **lists: Any,
    ) -> None:
        self.clock, self.sleep = clock, sleep
        self.project_id, self.key_id, self.key_secret = project_id, key_id, key_secret
        self.credentials = Credentials(
            clock=clock, key_id=key_id, key_secret=key_secret, lifetime=token_lifetime
        )
        self.rate_limit = rate_limit
        self.error_shape = error_shape
        self.store = Store(
            clock=clock,
            epoch=epoch or datetime.now(UTC),
            project_id=project_id,
            letter_field=letter_field,
        )
        self.rules = Rules(**(rules or {}))
        self.lists = {name: ListRules(**lists) for name in LISTS}
        self.pager = Pager(clock)
        self.requests: list[Request] = []
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.in_flight = self.most_in_flight = 0
        self.bugs: list[Exception] = []
        self._operations = AllOperations(
            store=self.store, rules=self.rules, lists=self.lists, pager=self.pager
        )
        self._faults: list[Rule] = []
        self._runner: web.ServerRunner | None = None
        self.base_url = ""
        self._port_holder: socket.socket | None = None

    # ------------------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(
            web.Server(self._serve, access_log=None), shutdown_timeout=0.01
        )
        await self._runner.setup()
        # Bound and never listening: nobody else gets the port while the service is down.
        self._port_holder = socket.socket()
        self._port_holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port_holder.bind(("127.0.0.1", 0))
        await self.up()
        return self

    async def __aexit__(self, *failure: object) -> None:
        assert self._runner is not None
        assert self._port_holder is not None
        await self._runner.cleanup()
        self._port_holder.close()
        if self.bugs and failure[1] is None:
            raise ExceptionGroup("the service itself failed", self.bugs)

    async def up(self) -> None:
        """Listen, on the same port as before; for after `down`."""
        assert self._runner is not None
        assert self._port_holder is not None
        host, port = self._port_holder.getsockname()
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        self.base_url = f"http://{host}:{port}"

    async def down(self) -> None:
        """Refuse connections, and end all there are."""
        assert self._runner is not None
        for site in list(self._runner.sites):
            await site.stop()
        self.close_connections()

    def close_connections(self) -> None:
        """End all connections, also those that a client keeps for later."""
        assert self._runner is not None
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            connection.force_close()

    @property
    def auth_url(self) -> str:
        """The token endpoint."""
        return self.base_url + "/oauth2/token"

    @property
    def client_arguments(self) -> dict[str, Any]:
        """What a client of this service takes: credentials, addresses, clock and sleep."""
        names = ("project_id", "key_id", "key_secret", "base_url", "auth_url", "clock", "sleep")
        return {name: getattr(self, name) for name in names}

    # --------------------------------------------------------------------- what came

    @property
    def counts(self) -> Counter[str]:
        """How many requests there were, by operation id."""
        return Counter(request.operation for request in self.requests)

    def requests_of(self, *operations: str) -> list[Request]:
        """The requests for these operations, in order."""
        return [request for request in self.requests if request.operation in operations]

    async def wait_until(self, happened: Callable[[], object], patience: float = 120.0) -> None:
        """Wait until something is so; TimeoutError after `patience` real seconds."""
        async with asyncio.timeout(patience):
            while not happened():  # noqa: ASYNC110 - what happens is not ours to announce
                await asyncio.sleep(0.001)

    @property
    def token_fetches(self) -> int:
        """How often a token was asked for."""
        return self.credentials.fetches

    # ------------------------------------------------------------------ what goes wrong

    def fault(
        self,
        operations: str | Iterable[str] | None,
        fault: Fault,
        *,
        times: int | None = 1,
        skip: int = 0,
        when: Callable[[Request], bool] | None = None,
    ) -> Rule:
        """Let a fault befall the next `times` requests (None: all) after the first `skip`."""
        names: set[str] | None = None
        if operations is not None:
            names = {operations} if isinstance(operations, str) else set(operations)
            unknown = names - {*OPERATIONS, "Token", "Unknown"}
            if unknown:
                raise ValueError(f"no operations: {', '.join(sorted(unknown))}")
        rule = Rule(operations=names, fault=fault, times=times, skip=skip, when=when)
        self._faults.append(rule)
        return rule

    def clear_faults(self) -> None:
        """No rule holds any more; what hangs goes on."""
        for rule in self._faults:
            rule.release()
        self._faults.clear()

    def expire_tokens(self) -> None:
        """All tokens given so far are answered as expired."""
        self.credentials.expire()

    def revoke_tokens(self) -> None:
        """All tokens given so far are answered as invalid, without the word expired."""
        self.credentials.revoke()

    # ---------------------------------------------------------------------- the wire

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._handle(raw)
        except Exception as error:
            if not isinstance(error, ConnectionError):
                self.bugs.append(error)
            raise
        finally:
            self.in_flight -= 1

    async def _handle(self, raw: web.BaseRequest) -> web.StreamResponse:
        body = await raw.read()
        root = f"/v1/projects/{self.project_id}"
        is_token = (raw.method, raw.rel_url.raw_path) == ("POST", "/oauth2/token")
        path = raw.rel_url.raw_path.removeprefix(root)
        found = route(raw.method, path) if path != raw.rel_url.raw_path else 404
        operation = "Token" if is_token else "Unknown" if isinstance(found, int) else found[0]
        request = Request(
            operation=operation,
            method=raw.method,
            path=path,
            query={name: ",".join(raw.query.getall(name)) for name in raw.query},
            body=_decoded(body),
            headers={k: v for k, v in raw.headers.items() if k.lower() not in SECRETS},
            time=self.clock(),
        )
        self.requests.append(request)
        refused = self.rate_limit and self.rate_limit.refuse(request, request.time, self.store.wall)
        if refused:
            return await self._send(raw, request, refused, Fault())
        rule = next((rule for rule in self._faults if rule.takes(request)), None)
        fault = rule.fault if rule else Fault()

        authorization = raw.headers.get("Authorization", "")

        def run() -> Answer:
            if is_token:
                return self.credentials.token(authorization, body)
            return self._run(request, found, authorization)

        answer = await self._undergo(rule, fault, run)
        return await self._send(raw, request, answer, fault)

    async def _undergo(self, rule: Rule | None, fault: Fault, run: Callable[[], Answer]) -> Answer:
        if fault.delay:
            await self.sleep(fault.delay)
        if rule and fault.hangs == "before":
            await rule.released.wait()
        answer = Answer()
        for _ in range(fault.runs):
            answer = run()
        if rule and fault.hangs == "after":
            await rule.released.wait()
        if fault.delay_after:
            await self.sleep(fault.delay_after)
        if fault.edit and answer.status == 200:
            return Answer.of(200, fault.edit(json.loads(answer.body)))
        return fault.answer or answer

    def _run(self, request: Request, found: Any, authorization: str) -> Answer:
        denied = self.credentials.denied(authorization)
        if denied:
            return denied
        try:
            if isinstance(found, int):
                raise Refusal(found, f"There is no {request.method} {request.path}")
            call = Call(operation=found[0], path=found[2], query=request.query, body=request.body)
            result = getattr(self._operations, found[1])(call)
        except Refusal as refusal:
            usual = "nested" if request.operation.endswith("CallbackConfiguration") else "flat"
            shape = self.error_shape or usual
            return Answer.of(refusal.status, refusal.body(nested=shape == "nested"))
        return Answer() if result is None else Answer.of(200, result)

    # ------------------------------------------------------------------------ answers

    async def _send(
        self, raw: web.BaseRequest, request: Request, answer: Answer, fault: Fault
    ) -> web.StreamResponse:
        status = 0 if fault.ending == "drop" else answer.status
        self.statuses[request.operation, status] += 1
        if fault.ending == "drop":
            _close(raw)
        headers = {
            "Date": format_datetime(self.store.wall(self.clock()), usegmt=True),
            **({"Content-Type": "application/json"} if answer.body else {}),
            **answer.headers,
        }
        if not fault.ending:
            return web.Response(status=answer.status, body=answer.body, headers=headers)
        response = web.StreamResponse(status=answer.status, headers=headers)
        if fault.ending == "cut":
            response.content_length = len(answer.body)
        await response.prepare(raw)
        await response.write(answer.body[: fault.cut_at])
        while fault.ending == "endless":
            await response.write(answer.body)
        return _close(raw)


def _close(raw: web.BaseRequest) -> NoReturn:
    if raw.transport is not None:
        raw.transport.close()
    raise asyncio.CancelledError  # the server's way to send nothing more


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body
