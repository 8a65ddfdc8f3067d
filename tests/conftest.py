"""What the tests share: a service that says what it is told to, a clock that is stepped, a client.

`service` is a real HTTP server on loopback, `clock` stands in for time, and `make_client` puts
a client between the two. Nothing here knows how the client works inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import inspect
import itertools
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import aiohttp
import aioresponses.core
import pytest
from aiohttp import web
from attrs import define, field, frozen
from multidict import CIMultiDict

from sinch_hosting import SinchHosting

PROJECT = "project-1"
KEY_ID = "key-id-1"
KEY_SECRET = "key-secret-1-not-to-be-seen"
ROOT = f"/v1/projects/{PROJECT}"
TOKEN_PATH = "/oauth2/token"
PATIENCE = 120.0
"""Real seconds after which something that should have happened has not."""


# ------------------------------------------------------------------ the run


def pytest_configure() -> None:
    """Let processes that tests start be stopped by Ctrl-C, and find what was compiled before.

    A shell starts what is behind `&` without that signal, and children inherit it. There are
    hundreds of them: where nobody may write bytecode, each would compile the whole package.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One for a few tests, which end before others would start; else one more than cores.

    Some tests wait for processes that they started, and the processor would stand still.
    """
    options = config.option
    narrowed = (
        options.keyword or getattr(options, "lf", False) or options.usepdb or options.collectonly
    )
    single = all("::" in given or given.endswith(".py") for given in config.args)
    return 0 if narrowed or single else (os.cpu_count() or 1) + 1


LONG = (
    "sandbox/test_fuzz.py",
    "temporal/test_command.py",
    "temporal/test_limits.py",
    "temporal/test_fleet.py",
    "test_type_mutations.py",
    "cli/test_guide.py",
    "test_prism.py",
    "test_benchmarks.py",
)
"""The files with the tests that take longest: begun last, one process would end alone with them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests."""
    order = {str(Path(__file__).parent / name): place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(str(item.path), len(LONG)))


# ------------------------------------------------------------------ the clock


class SteppedClock:
    """Time that moves when somebody sleeps, or by hand.

    Sleepers wake in the order of their times without any real waiting. With `by_hand` they
    wait for `advance`.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.by_hand = False
        self.slept: list[float] = []
        """The seconds of every sleep that was begun, in order."""
        self.before_waking: Callable[[], object] | None = None
        """Called before a sleeper wakes, to change the world while it sleeps."""
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now

    @property
    def sleepers(self) -> int:
        """How many sleep right now."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass without waiting for them."""
        self.slept.append(seconds)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._count), future))
        if not self.by_hand:
            loop.call_soon(self._wake, float("inf"))
        await future

    async def advance(self, seconds: float) -> None:
        """Move time ahead; all whose time has come wake in order."""
        until = self.now + seconds
        while self._wake(until):  # noqa: ASYNC110 - the woken have their turn
            await asyncio.sleep(0)
        self.now = until
        await asyncio.sleep(0)

    def _wake(self, until: float) -> bool:
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                if self.before_waking is not None:
                    self.before_waking()
                self.now = max(self.now, at)
                future.set_result(None)
                return True
        return False


@pytest.fixture
def clock() -> SteppedClock:
    """Time for one test."""
    return SteppedClock()


# ---------------------------------------------------------------- the service


@frozen(kw_only=True)
class Seen:
    """A request as the service received it."""

    method: str
    path: str
    """Below the project, or whole where it is not there; percent-encoded as it came."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int
    """The number of the connection that carried it, from 1."""
    nth_on_connection: int

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    @property
    def token(self) -> str:
        """The bearer token."""
        return self.headers["Authorization"].removeprefix("Bearer ")


@define
class Hold:
    """A reply that is held back until it is released."""

    reply: Any
    arrived: asyncio.Event = field(factory=asyncio.Event)
    """Set by the first request that waits."""
    released: asyncio.Event = field(factory=asyncio.Event)
    waiting: int = 0
    """How many requests have come to wait."""

    def release(self) -> None:
        """Let all that wait have their answer, and all that come later."""
        self.released.set()

    async def __call__(self, _: Seen) -> Any:
        """The reply, once it is released."""
        self.waiting += 1
        self.arrived.set()
        await self.released.wait()
        return self.reply


@frozen(kw_only=True)
class Reply:
    """What the service does about a request."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(factory=dict)
    drops: bool = False
    """Ends the connection instead of answering."""
    cut_at: int | None = None
    """Sends this many bytes of the body, then ends the connection."""
    rest: Hold | None = None
    """Sends the headers, and the body when this is released."""


class FakeService:
    """A scripted HTTP server on loopback.

    `on(method, path, reply, …)` prepares replies; they are given in order, the last one again
    and again. A reply is a `dict` (200 with that JSON), an `int` (that status), a tuple of
    status, body and perhaps headers, `bytes` (200 with that body), `DROP`, `cut(…)`, `hold(…)`,
    or a function, plain or async, that takes the `Seen` request and answers any of these.
    Tokens are handed out as `token-1`, `token-2`, … unless `on_token` says otherwise. A request
    that nobody prepared a reply for fails the test.
    """

    DROP = Reply(drops=True)

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.tokens = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.unexpected: list[str] = []
        self._scripts: dict[tuple[str, str], list[Any]] = {}
        self._connections: dict[object, int] = {}
        self._on_connection: dict[int, int] = {}
        self._runner: web.ServerRunner | None = None
        self._tls: ssl.SSLContext | None = None
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        self.port: int = self._socket.getsockname()[1]
        self.on_token(self._next_token)

    # ---- life

    async def start(self, tls: ssl.SSLContext | None = None) -> FakeService:
        """Listen."""
        self._tls = tls
        server = web.Server(self._handle, access_log=None)  # type: ignore[arg-type]
        self._runner = web.ServerRunner(server, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, ssl_context=tls).start()
        return self

    async def stop(self) -> None:
        """Stop listening, and end all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    @property
    def base_url(self) -> str:
        """The address that stands for the API."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def auth_url(self) -> str:
        """The token endpoint."""
        return self.base_url + TOKEN_PATH

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        assert self._runner is not None
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    # ---- the script

    def on(self, method: str, path: str, *replies: Any) -> None:
        """Prepare the replies for a method and a path below the project."""
        self._scripts[method, path] = list(replies)

    def on_token(self, *replies: Any) -> None:
        """Prepare the replies of the token endpoint."""
        self.on("POST", TOKEN_PATH, *replies)

    def hold(self, reply: Any) -> Hold:
        """A reply that is held back until its `release()`; `await arrived.wait()` before."""
        return Hold(reply)

    def cut(self, body: bytes | Mapping[str, Any], at: int = 5) -> Reply:
        """A body that announces its length and ends before it."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Reply(body=raw, cut_at=at)

    def calls(self, method: str, path: str) -> list[Seen]:
        """The requests that came for a method and path."""
        return [seen for seen in self.requests if (seen.method, seen.path) == (method, path)]

    def begun(self, body: Mapping[str, Any], rest: Hold) -> Reply:
        """An answer whose headers come at once, and whose body when `rest` is released."""
        return Reply(body=json.dumps(body).encode(), rest=rest)

    async def wait_for(self, happened: Callable[[], object]) -> None:
        """Wait until something is so; fails the test where it does not come."""
        async with asyncio.timeout(PATIENCE):
            while not happened():  # noqa: ASYNC110 - what happens is not the test's to announce
                await asyncio.sleep(0.001)

    def _next_token(self, _: Seen) -> dict[str, Any]:
        self.tokens += 1
        return {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": 3600}

    # ---- the wire

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            seen = await self._see(request)
            reply = await self._reply(seen)
        finally:
            self.in_flight -= 1
        return await self._answer(request, reply)

    async def _see(self, request: web.BaseRequest) -> Seen:
        body = await request.read()
        number = self._connections.setdefault(request.protocol, len(self._connections) + 1)
        self._on_connection[number] = self._on_connection.get(number, 0) + 1
        seen = Seen(
            method=request.method,
            path=request.rel_url.raw_path.removeprefix(ROOT),
            query=dict(request.query),
            headers=request.headers,
            body=body,
            connection=number,
            nth_on_connection=self._on_connection[number],
        )
        self.requests.append(seen)
        return seen

    async def _reply(self, seen: Seen) -> Reply:
        script = self._scripts.get((seen.method, seen.path))
        if not script:
            self.unexpected.append(f"{seen.method} {seen.path}")
            return Reply(status=501)
        said = script[0] if len(script) == 1 else script.pop(0)
        while callable(said):
            said = said(seen)
            if inspect.isawaitable(said):
                said = await said
        return self._as_reply(said)

    @staticmethod
    def _as_reply(said: Any) -> Reply:
        match said:
            case Reply():
                return said
            case int():
                return Reply(status=said)
            case bytes():
                return Reply(body=said)
            case (status, body, *headers):
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                return Reply(status=status, body=raw, headers=headers[0] if headers else {})
        return Reply(body=json.dumps(said).encode())

    @staticmethod
    async def _answer(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        headers = CIMultiDict(reply.headers)
        headers.setdefault("Content-Type", "application/json")
        if reply.cut_at is not None or reply.rest is not None:
            response = web.StreamResponse(status=reply.status, headers=headers)
            response.content_length = len(reply.body)
            await response.prepare(request)
            if reply.rest is not None:
                reply.rest.arrived.set()
                await reply.rest.released.wait()
            await response.write(reply.body[: reply.cut_at])
            if reply.rest is not None:
                return response
        if reply.drops or reply.cut_at is not None:
            if request.transport is not None:
                request.transport.close()
            raise asyncio.CancelledError
        return web.Response(status=reply.status, body=reply.body, headers=headers)


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    """A scripted service that listens; fails the test that asked it what nobody prepared."""
    running = await FakeService().start()
    yield running
    await running.stop()
    assert running.unexpected == []


@pytest.fixture
async def deaf_service() -> AsyncIterator[FakeService]:
    """A scripted service that refuses connections until it is started."""
    service = FakeService()
    yield service
    await service.stop()
    assert service.unexpected == []


# ------------------------------------------------------------------ the client


@pytest.fixture
async def make_client(
    clock: SteppedClock, service: FakeService
) -> AsyncIterator[Callable[..., SinchHosting]]:
    """Makes clients of the test's service on the test's clock; arguments win over both."""
    async with contextlib.AsyncExitStack() as stack:

        def make(to: FakeService = service, **overrides: Any) -> SinchHosting:
            settings: dict[str, Any] = {
                "project_id": PROJECT,
                "key_id": KEY_ID,
                "key_secret": KEY_SECRET,
                "base_url": to.base_url,
                "auth_url": to.auth_url,
                "clock": clock,
                "sleep": clock.sleep,
            }
            client = SinchHosting(**{**settings, **overrides})
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
async def client(make_client: Callable[..., SinchHosting]) -> SinchHosting:
    """A client of the test's service on the test's clock, settings as they come."""
    return make_client()


@pytest.fixture
async def borrowed() -> AsyncIterator[aiohttp.ClientSession]:
    """An aiohttp session that belongs to the caller."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def other_tasks() -> Callable[[], set[asyncio.Task[Any]]]:
    """Tells the tasks there are besides the test's own and those of the scripted service."""

    def others() -> set[asyncio.Task[Any]]:
        return {
            task
            for task in asyncio.all_tasks() - {asyncio.current_task()}
            if task.get_coro().__qualname__ != "RequestHandler.start"
        }

    return others


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random pauses as long as they can be, so that their times can be told."""
    monkeypatch.setattr("backoff.full_jitter", lambda seconds: seconds)


@pytest.fixture(scope="session")
def tls_files() -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody signed but itself, and its key."""
    here = Path(__file__).parent / "tls"
    return here / "loopback.crt", here / "loopback.key"


@pytest.fixture
async def tls_service(tls_files: tuple[Path, Path]) -> AsyncIterator[FakeService]:
    """A scripted service behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files)
    running = await FakeService().start(context)
    yield running
    await running.stop()
    assert running.unexpected == []


# ---------------------------------------------------------------- aioresponses


class _MockedResponse(aiohttp.ClientResponse):
    """aiohttp 3.14 asks for a `stream_writer`, which aioresponses 0.7.9 does not give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


def _mocked_stream(loop: asyncio.AbstractEventLoop | None = None) -> aiohttp.StreamReader:
    # A body over the limit pauses reading, for which there has to be a parser.
    return aiohttp.StreamReader(Mock(_parser=Mock()), 2**16, loop=loop)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses.aioresponses]:
    """aioresponses, for tests below the session: no middleware, no trace fires under it."""
    monkeypatch.setattr(aioresponses.core, "ClientResponse", _MockedResponse)
    monkeypatch.setattr(aioresponses.core, "stream_reader_factory", _mocked_stream)
    with aioresponses.aioresponses() as mock:
        yield mock
