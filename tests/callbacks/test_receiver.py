"""The receiver: what it answers, what it drops, and whom it tells."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import rich
from aiohttp import web
from rich.console import Console

from sinch_hosting import (
    CallbackEvent,
    CallbackReceiver,
    ConfigurationError,
    InvalidRequest,
    InvalidSignature,
    RecentEvents,
    UsageError,
)
from sinch_hosting.callbacks import SIGNATURE_HEADER, parse, sign

from ..conftest import PATIENCE

SECRET = "the-secret-not-to-be-seen"


def body(event_id: str | None = "e1", **fields: Any) -> bytes:
    """A callback's body."""
    payload = {"eventId": event_id, "resourceId": "+12025550134", "status": "SUCCEEDED", **fields}
    return json.dumps({k: v for k, v in payload.items() if v is not None}).encode()


class Client:
    """Stands in for a client that is told of events."""

    def __init__(self) -> None:
        self.events: list[CallbackEvent] = []

    def notify(self, event: CallbackEvent) -> None:
        """Note the event."""
        self.events.append(event)


@pytest.fixture
def told() -> Client:
    """The client that is told."""
    return Client()


@pytest.fixture
async def receiver(told: Client) -> AsyncIterator[CallbackReceiver]:
    """A receiver with one secret and a small limit."""
    async with CallbackReceiver(SECRET, sinch=told, max_body=2000) as made:
        yield made


@pytest.fixture
async def served(receiver: CallbackReceiver) -> AsyncIterator[str]:
    """The receiver's sub-application and its handler on a real server."""
    app = web.Application()
    app.router.add_post("/plain", receiver.handle)
    app.add_subapp("/sub", receiver.app())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("path", ["/plain", "/sub", "/sub/", "/sub/below"])
async def test_a_signed_event_is_answered_and_told(served: str, told: Client, path: str) -> None:
    """Wherever it is mounted."""
    raw = body()
    headers = {SIGNATURE_HEADER: sign(raw, SECRET).upper()}
    async with (
        aiohttp.ClientSession() as http,
        http.post(served + path, data=raw, headers=headers) as answer,
    ):
        assert (answer.status, await answer.text()) == (200, "ok")

    assert [event.resource_id for event in told.events] == ["+12025550134"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_405(served: str, method: str) -> None:
    """With the one that is allowed."""
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, served + "/sub/") as answer,
    ):
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_a_body_too_large_is_413_announced_or_not(served: str, told: Client) -> None:
    """It is not read to its end."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    async with aiohttp.ClientSession() as http:
        for data in (b"x" * 2001, endless()):
            async with http.post(served + "/plain", data=data) as answer:
                assert answer.status == 413
    assert told.events == []


async def test_a_body_that_cannot_be_read_is_400(served: str) -> None:
    """Such as one that says it is compressed and is not."""
    headers = {"Content-Encoding": "gzip", SIGNATURE_HEADER: "0" * 40}
    async with (
        aiohttp.ClientSession() as http,
        http.post(served + "/plain", data=b"not gzip", headers=headers) as answer,
    ):
        assert answer.status == 400


async def _first_line(served: str, sent: bytes) -> bytes:
    """The status line that raw bytes are answered with."""
    host, _, port = served.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line


async def test_a_body_that_does_not_come_is_408(
    served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds a connection for ever."""
    monkeypatch.setattr("sinch_hosting.callbacks.receiver._BODY_TIMEOUT", 0.01)
    head = b"POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"

    assert b" 408 " in await _first_line(served, head + b"{")


@pytest.mark.parametrize(
    "signature",
    [None, "", "0" * 40, "0" * 39, "g" * 40, "é" * 40, "\udce9" * 40, sign(body(), "other")],
    ids=["missing", "empty", "wrong", "short", "no hex", "non-ascii", "raw bytes", "other secret"],
)
async def test_what_is_not_signed_is_401(
    receiver: CallbackReceiver, told: Client, signature: str | None
) -> None:
    """Whatever the header holds."""
    answer = await receiver.receive(body(), signature)

    assert answer.status == 401
    assert told.events == []


async def test_a_header_of_raw_bytes_is_401_over_the_wire(served: str) -> None:
    """aiohttp hands it on with surrogates."""
    head = b"POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Sinch-Signature: "

    status = await _first_line(served, head + b"\xe9" * 40 + b"\r\n\r\n{}")

    assert status.split()[1] in (b"401", b"400")


@pytest.mark.parametrize(
    "raw", [b"", b"no json", b"[]", b"null", b"\xff\xfe", b"[" * 1900, b'{"other": "soon"}']
)
async def test_what_is_signed_and_no_event_is_400(
    receiver: CallbackReceiver, told: Client, raw: bytes
) -> None:
    """It is refused, not raised."""
    answer = await receiver.receive(raw, sign(raw, SECRET))

    assert answer.status == 400
    assert told.events == []


async def test_a_body_too_large_is_413_in_any_framework(receiver: CallbackReceiver) -> None:
    """Before it is even verified."""
    assert (await receiver.receive(b"x" * 2001, None)).status == 413


async def test_an_event_that_came_before_is_answered_and_dropped(
    receiver: CallbackReceiver, told: Client
) -> None:
    """By the signed id; an event without one by what its body says."""
    unnamed = body(None), body(None), body(None, status="FAILED"), body("")
    for raw in (body("e1"), body("e1"), body("e2"), *unnamed):
        assert (await receiver.receive(raw, sign(raw, SECRET))).status == 200

    assert [event.event_id for event in told.events] == ["e1", "e2", None, None, ""]
    assert [event.status for event in told.events[2:]] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]


def test_the_memory_of_events_is_bounded() -> None:
    """The oldest are forgotten first."""
    seen = RecentEvents(limit=3)
    fresh = [seen.add(event_id) for event_id in ("a", "b", "a", "c", "d", "a")]

    assert fresh == [True, True, False, True, True, True]
    assert len(seen) == 3
    with pytest.raises(InvalidRequest):
        RecentEvents(limit=0)


def test_the_memory_of_events_is_bounded_by_bytes() -> None:
    """Long ids make it remember fewer; one that fits nowhere is not kept at all."""
    seen = RecentEvents(max_bytes=100_000)
    for number in range(1000):
        assert seen.add(f"{number:01000}")
    assert 50 < len(seen) < 100
    assert not seen.add(f"{999:01000}")
    assert seen.add("x" * 200_000)
    assert len(seen) == 0
    assert seen.add("e1")
    assert not seen.add("e1")


def test_an_event_can_be_forgotten() -> None:
    """And one that was never there, too; its bytes are free again."""
    seen = RecentEvents(max_bytes=200)
    for _ in range(100):
        assert seen.add("e1")
        seen.discard("e1")
        seen.discard("e1")
    assert len(seen) == 0


async def test_a_store_is_asked_for_short_ids_only(told: Client) -> None:
    """A column of 200 characters holds what it is given, however long an event's id is."""
    asked: list[str] = []

    class Store:
        def add(self, event_id: str) -> bool:
            asked.append(event_id)
            return True

    async with CallbackReceiver(SECRET, sinch=told, seen=Store()) as receiver:
        for event_id in ("x" * 200, "x" * 201, "x" * 202, "x" * 201, None):
            raw = body(event_id)
            assert (await receiver.receive(raw, sign(raw, SECRET))).status == 200

    assert asked[0] == "x" * 200
    assert all(len(event_id) <= 200 for event_id in asked)
    assert asked[1] == asked[3] != asked[2]


async def test_a_store_may_be_asynchronous_and_may_fail(
    told: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """An event that nobody can look up counts as new: twice is better than never."""

    class Store:
        answers = iter([True, False, None])

        def add(self, event_id: str) -> Awaitable[bool]:
            async def look_up() -> bool:
                answer = next(self.answers)
                if answer is None:
                    raise OSError("the database is away")
                return answer

            return look_up()

    async with CallbackReceiver(SECRET, sinch=told, seen=Store()) as receiver:
        for _ in range(3):
            assert (await receiver.receive(body(), sign(body(), SECRET))).status == 200

    assert len(told.events) == 2
    assert "the store of events failed" in caplog.text


async def test_handlers_work_outside_the_request(caplog: pytest.LogCaptureFixture) -> None:
    """The answer does not wait for them, closing does; one that fails stops no other."""
    done: list[str | None] = []
    go = asyncio.Event()

    async def slow(event: CallbackEvent) -> None:
        await go.wait()
        done.append(event.event_id)

    receiver = CallbackReceiver([SECRET], handlers=[slow])

    @receiver.handler
    async def broken(event: CallbackEvent) -> None:
        raise ZeroDivisionError

    assert (await receiver.receive(body(), sign(body(), SECRET))).status == 200
    assert done == []
    go.set()
    await receiver.aclose()

    assert done == ["e1"]
    assert "a handler failed for event e1" in caplog.text
    assert (await receiver.receive(body("e2"), sign(body("e2"), SECRET))).status == 503


async def test_handlers_may_close_the_receiver() -> None:
    """Neither waits for itself nor for another that closes; closing from outside waits for all."""
    done: list[str | None] = []

    async def close(event: CallbackEvent) -> None:
        await receiver.aclose()
        done.append(event.event_id)

    receiver = CallbackReceiver(SECRET, handlers=[close, close])
    async with asyncio.timeout(PATIENCE):
        await receiver.receive(body(), sign(body(), SECRET))
        await receiver.aclose()

    assert done == ["e1", "e1"]


async def test_a_handler_that_never_ends_is_cancelled_at_closing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing awaits its end, though not for ever: one may refuse to be cancelled."""
    monkeypatch.setattr("sinch_hosting.callbacks.handlers._CANCEL_TIMEOUT", 0.01)
    ended: list[str] = []
    go = asyncio.Event()

    async def endless(event: CallbackEvent) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("endless")

    async def stubborn(event: CallbackEvent) -> None:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    receiver = CallbackReceiver(SECRET, handlers=[endless, stubborn])
    await receiver.receive(body(), sign(body(), SECRET))
    await receiver.aclose(timeout=0.01)

    assert ended == ["endless"]
    assert "cancels 2 handlers" in caplog.text
    assert "1 handlers did not end" in caplog.text
    go.set()
    await receiver.aclose()
    with pytest.raises(InvalidRequest, match="timeout"):
        await receiver.aclose(timeout=-1)


class SlowStore:
    """A store that answers when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def add(self, event_id: str) -> bool:
        """Every event is new, later."""
        await self.go.wait()
        return True


async def test_closing_awaits_what_is_with_the_store() -> None:
    """Its handlers are through when `aclose` returns; after its time limit none starts."""
    done: list[str | None] = []

    async def note(event: CallbackEvent) -> None:
        await asyncio.sleep(0)
        done.append(event.event_id)

    for timeout, status, through in ((5.0, 200, ["e1"]), (0.01, 503, [])):
        done.clear()
        store = SlowStore()
        receiver = CallbackReceiver(SECRET, handlers=[note], seen=store)
        taken = asyncio.create_task(receiver.receive(body(), sign(body(), SECRET)))
        await asyncio.sleep(0)
        closing = asyncio.create_task(receiver.aclose(timeout))
        if timeout < 1:
            await closing
        else:
            await asyncio.sleep(0.03)
            assert not closing.done()
        store.go.set()
        await closing
        assert done == through
        assert (await taken).status == status
        await asyncio.sleep(0.01)
        assert done == through


async def test_a_store_that_never_answers_makes_events_new(
    told: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After its time limit; what is with it counts for `max_pending`, before it is remembered."""
    monkeypatch.setattr("sinch_hosting.callbacks.seen.STORE_TIMEOUT", 0.02)
    async with CallbackReceiver(SECRET, sinch=told, seen=SlowStore(), max_pending=2) as receiver:
        raws = [body(f"e{number}") for number in range(3)]
        answers = await asyncio.gather(*(receiver.receive(raw, sign(raw, SECRET)) for raw in raws))
        again = await receiver.receive(raws[2], sign(raws[2], SECRET))

    assert [answer.status for answer in (*answers, again)] == [200, 200, 503, 200]
    assert [event.event_id for event in told.events] == ["e0", "e1", "e2"]
    assert "the store of events failed" in caplog.text


async def test_any_bytes_are_a_body_and_nothing_else_is(receiver: CallbackReceiver) -> None:
    """Frameworks hand over views and arrays, too; text has lost what was signed."""
    released = memoryview(b"")
    released.release()
    raw = body()
    signature = sign(raw, SECRET)
    bodies: list[Any] = [bytearray(raw), memoryview(raw), raw.decode(), None, 7, released]
    statuses = [(await receiver.receive(given, signature)).status for given in bodies]

    assert statuses == [200, 200, 400, 400, 400, 400]


async def test_events_wait_not_handlers() -> None:
    """`max_pending` counts an event once, however many handlers it has, till all are through."""
    go = asyncio.Event()

    async def slow(event: CallbackEvent) -> None:
        await go.wait()

    async def fast(event: CallbackEvent) -> None:
        pass

    async with CallbackReceiver(SECRET, handlers=[slow, slow, fast], max_pending=2) as receiver:
        statuses = []
        for raw in (body("e1"), body("e2"), body("e3")):
            statuses.append((await receiver.receive(raw, sign(raw, SECRET))).status)
            await asyncio.sleep(0)
        go.set()

    assert statuses == [200, 200, 503]


async def test_too_many_that_wait_for_the_handlers_are_put_off_and_not_remembered(
    told: Client,
) -> None:
    """The service delivers them again later."""
    go = asyncio.Event()

    async def slow(event: CallbackEvent) -> None:
        await go.wait()

    receiver = CallbackReceiver(
        SECRET, handlers=[slow], sinch=told, max_pending=1, max_concurrency=1
    )
    first, second = body("e1"), body("e2")
    assert (await receiver.receive(first, sign(first, SECRET))).status == 200
    put_off = await receiver.receive(second, sign(second, SECRET))
    assert (put_off.status, put_off.headers) == (503, {"Retry-After": "30"})
    go.set()
    while any(calls.events for calls in receiver._calls.values()):  # noqa: ASYNC110 - the handler's end
        await asyncio.sleep(0)

    assert (await receiver.receive(second, sign(second, SECRET))).text == "ok"
    await receiver.aclose()


async def test_secrets_rotate_while_it_runs(receiver: CallbackReceiver) -> None:
    """Both are accepted for a while, then only the new one."""
    old, new = sign(body(), SECRET), sign(body("e2"), "new")
    receiver.secrets = ["new", SECRET]
    assert (await receiver.receive(body(), old)).status == 200
    assert (await receiver.receive(body("e2"), new)).status == 200
    receiver.secrets = "new"
    assert (await receiver.receive(body(), old)).status == 401
    assert receiver.secrets == ("new",)


@pytest.mark.parametrize("secrets", ["", [], ["", "x"], [None], None])
def test_a_receiver_without_a_secret_is_refused(secrets: Any) -> None:
    """An empty key would let anybody sign."""
    with pytest.raises(ConfigurationError):
        CallbackReceiver(secrets)


@pytest.mark.parametrize(
    "secret",
    [f"{SECRET}\n", f"{SECRET}\r\n", f" {SECRET}", f"{SECRET} ", "two\nlines", "\x00x", "\udce9x"],
)
async def test_a_secret_that_could_fit_nothing_is_refused(
    receiver: CallbackReceiver, secret: str
) -> None:
    """One read from a file ends with a newline; it would refuse every callback. It never shows."""
    for use in (CallbackReceiver, lambda given: setattr(receiver, "secrets", given)):
        for given in (secret, ["good", secret]):
            with pytest.raises(ConfigurationError) as caught:
                use(given)
            assert secret.strip() not in str(caught.value)
            assert "callback_configuration" in str(caught.value)
    assert receiver.secrets == (SECRET,)


async def test_a_client_that_is_closed_costs_no_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The handlers still get it."""
    done: list[CallbackEvent] = []

    class Closed:
        def notify(self, event: CallbackEvent) -> None:
            raise UsageError("closed")

    async def note(event: CallbackEvent) -> None:
        done.append(event)

    async with CallbackReceiver(SECRET, sinch=Closed(), handlers=[note]) as receiver:
        assert (await receiver.receive(body(), sign(body(), SECRET))).status == 200

    assert len(done) == 1
    assert "sinch.notify() failed" in caplog.text


async def test_a_client_that_breaks_costs_no_event(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it raises is logged: the answer is 200 and the handlers get the event."""
    done: list[CallbackEvent] = []

    class Broken:
        def notify(self, event: CallbackEvent) -> None:
            raise ZeroDivisionError

    async def note(event: CallbackEvent) -> None:
        done.append(event)

    async with CallbackReceiver(SECRET, sinch=Broken(), handlers=[note]) as receiver:
        assert (await receiver.receive(body(), sign(body(), SECRET))).status == 200

    assert len(done) == 1
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "name", ["eventId", "resourceId", "projectId", "resourceType", "eventType", "status"]
)
async def test_half_a_character_is_400(receiver: CallbackReceiver, told: Client, name: str) -> None:
    """JSON can spell what UTF-8 cannot hold; no store and no handler sees it."""
    raw = json.dumps({"eventId": "e1", "resourceId": "+12025550134", name: "+\ud800"}).encode()

    assert (await receiver.receive(raw, sign(raw, SECRET))).status == 400
    assert told.events == []


async def test_secrets_are_in_no_log_and_no_answer(
    receiver: CallbackReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Refusals are logged, without the key and without the signature that would have fitted."""
    raw = body()
    with caplog.at_level(logging.DEBUG):
        answers = [await receiver.receive(raw, "0" * 40), await receiver.receive(b"{", None)]

    said = caplog.text + repr(answers) + repr(receiver)
    assert "refused with 401" in said
    assert SECRET not in said
    assert sign(raw, SECRET) not in said


def test_an_inspected_receiver_shows_no_secret(receiver: CallbackReceiver) -> None:
    """Neither its variables, nor `rich.inspect` with all that is private, nor its property."""
    shown = io.StringIO()
    rich.inspect(receiver, console=Console(file=shown, width=400), all=True)

    assert "secrets" in shown.getvalue()
    assert SECRET not in shown.getvalue() + repr(vars(receiver)) + repr(receiver.secrets)
    assert receiver.secrets == (SECRET,)


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda: parse(body(), "0" * 40, SECRET), InvalidSignature),
        (lambda: CallbackReceiver(SECRET, allow_from="no address"), ConfigurationError),
        (lambda: CallbackReceiver(SECRET, handler_timeout=-1), InvalidRequest),
    ],
    ids=["parse", "allow_from", "handler_timeout"],
)
def test_no_traceback_shows_a_secret(use: Callable[[], object], error: type[Exception]) -> None:
    """Also not where it is printed with its variables."""
    with pytest.raises(error) as caught:
        use()

    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = "".join(shown.format())
    assert "callbacks" in frames
    assert SECRET not in frames
