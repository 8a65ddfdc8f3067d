"""The receiver where requests end early: loops of their own, cancelled requests, slow stores."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from sinch_hosting import CallbackEvent, CallbackReceiver, CallbackResponse
from sinch_hosting.callbacks import DeliverAgain, sign

from ..conftest import PATIENCE

SECRET = "the-secret-not-to-be-seen"
Receive = Callable[..., Coroutine[Any, Any, CallbackResponse]]


def delivery(receiver: CallbackReceiver, event_id: str = "e1") -> Receive:
    """A function that delivers an event to the receiver; keywords reach `receive`."""
    raw = f'{{"eventId": "{event_id}", "resourceId": "+12025550134"}}'.encode()

    async def deliver(**options: Any) -> CallbackResponse:
        return await receiver.receive(raw, sign(raw, SECRET), **options)

    return deliver


class Handled:
    """A handler that notes what it was given, once it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.begun: list[str | None] = []
        self.ended: list[str | None] = []
        self.go: asyncio.Event | None = None
        self.is_held = held

    async def __call__(self, event: CallbackEvent) -> None:
        """Handle an event."""
        self.begun.append(event.event_id)
        if self.is_held:
            self.go = asyncio.Event()
            await self.go.wait()
        else:
            await asyncio.sleep(0)
        self.ended.append(event.event_id)


# ------------------------------------------------------- a loop for each request


def test_each_request_may_have_a_loop_of_its_own() -> None:
    """As in Flask and in functions: with `wait=True` the handlers have ended at the answer."""
    handled = Handled()
    receiver = CallbackReceiver(SECRET, handlers=[handled, handled], max_concurrency=1)
    for event_id in ("e1", "e2", "e1"):
        answer = asyncio.run(delivery(receiver, event_id)(wait=True))
        assert answer.status == 200
    assert handled.ended == ["e1", "e1", "e2", "e2"]
    assert receiver._calls == {}  # nothing is kept of loops that ended


async def test_a_handler_asks_for_another_delivery(caplog: pytest.LogCaptureFixture) -> None:
    """503 where the answer waits for it, and the event is new when it comes again."""
    came: list[str] = []

    async def handle(event: CallbackEvent) -> None:
        came.append(str(event.event_id))
        if len(came) == 1:
            raise DeliverAgain("the database is away")

    async with CallbackReceiver(SECRET, handlers=[handle]) as receiver:
        receiver.answers_after_handlers = True
        assert (await delivery(receiver)()).status == 503
        assert "asks for event e1 again: the database is away" in caplog.text
        assert (await delivery(receiver)()).text == "ok"
        assert (await delivery(receiver)()).text == "came before"
    assert came == ["e1", "e1"]


def test_a_second_loop_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers would be lost with the loop: 503, and the log says what to do."""
    receiver = CallbackReceiver(SECRET, handlers=[Handled()])

    async def first() -> None:
        async with asyncio.timeout(PATIENCE):
            assert (await delivery(receiver, "e1")()).status == 200
            await asyncio.sleep(0.01)

    asyncio.run(first())
    answer = asyncio.run(delivery(receiver, "e2")())
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert "wait=True" in caplog.text
    assert asyncio.run(delivery(receiver, "e2")(wait=True)).status == 200


def test_what_a_loop_cancels_at_its_end_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    """It was answered 200: the log names it, and its next delivery is handled."""
    handled = Handled(held=True)
    receiver = CallbackReceiver(SECRET, handlers=[handled])
    assert asyncio.run(delivery(receiver)()).status == 200
    assert handled.ended == []
    assert "event e1 was answered 200" in caplog.text
    handled.is_held = False
    assert asyncio.run(delivery(receiver)(wait=True)).text == "ok"
    assert handled.ended == ["e1"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_a_loop_leaves_behind_is_forgotten() -> None:
    """A loop that is closed with tasks under way cancels none of them."""
    handled = Handled(held=True)
    receiver = CallbackReceiver(SECRET, handlers=[handled])
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(delivery(receiver)()).status == 200
    loop.close()
    handled.is_held = False
    assert asyncio.run(delivery(receiver)(wait=True)).text == "ok"
    assert handled.ended == ["e1"]
    assert asyncio.run(delivery(receiver)(wait=True)).text == "came before"


def test_threads_do_not_handle_one_event_twice() -> None:
    """A delivery beside an earlier one that is still handled is put off, whatever its loop."""
    both = threading.Barrier(2, timeout=PATIENCE)
    leave = threading.Event()
    begun: list[str | None] = []

    async def slow(event: CallbackEvent) -> None:
        begun.append(event.event_id)
        await asyncio.to_thread(both.wait)
        await asyncio.to_thread(leave.wait, 10)

    receiver = CallbackReceiver(SECRET, handlers=[slow])
    answers: list[CallbackResponse] = []
    thread = threading.Thread(
        target=lambda: answers.append(asyncio.run(delivery(receiver)(wait=True)))
    )
    thread.start()
    both.wait()
    assert asyncio.run(delivery(receiver)(wait=True)).status == 503
    leave.set()
    thread.join(10)
    assert [answer.status for answer in answers] == [200]
    assert asyncio.run(delivery(receiver)(wait=True)).text == "came before"
    assert begun == ["e1"]


# ------------------------------------------------------------- awaiting handlers


async def test_a_handler_that_fails_is_answered_200_all_the_same() -> None:
    """As without `wait`: a failure is its own matter, and no reason to deliver again."""

    async def broken(event: CallbackEvent) -> None:
        raise ZeroDivisionError

    handled = Handled()
    async with CallbackReceiver(SECRET, handlers=[broken, handled]) as receiver:
        assert (await delivery(receiver)(wait=True)).status == 200
        assert (await delivery(receiver)(wait=True)).text == "came before"
    assert handled.ended == ["e1"]


async def test_a_handler_that_does_not_end_in_time_is_answered_503() -> None:
    """The event is forgotten, so that the next delivery gets another try."""
    handled = Handled(held=True)
    async with CallbackReceiver(SECRET, handlers=[handled], handler_timeout=0.01) as receiver:
        assert (await delivery(receiver)(wait=True)).status == 503
        handled.is_held = False
        assert (await delivery(receiver)(wait=True)).text == "ok"
    assert handled.begun == ["e1", "e1"]
    assert handled.ended == ["e1"]


async def test_a_second_delivery_during_the_first_is_put_off() -> None:
    """Whoever is answered 200 knows that the handlers came to their end."""
    handled = Handled(held=True)
    async with CallbackReceiver(SECRET, handlers=[handled]) as receiver:
        first = asyncio.create_task(delivery(receiver)(wait=True))
        while handled.go is None:  # noqa: ASYNC110 - the handler begins
            await asyncio.sleep(0)
        assert (await delivery(receiver)(wait=True)).status == 503
        handled.go.set()
        assert (await first).status == 200
        assert (await delivery(receiver)(wait=True)).text == "came before"
    assert handled.ended == ["e1"]


# --------------------------------------------------------- requests that are cancelled


class Store:
    """A store behind a network: it remembers at once and answers when it is let go."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.go = asyncio.Event()
        self.was_asked = asyncio.Event()

    async def add(self, event_id: str) -> bool:
        """Remember, then answer."""
        is_new = event_id not in self.seen
        self.seen.add(event_id)
        self.was_asked.set()
        await self.go.wait()
        return is_new

    async def discard(self, event_id: str) -> None:
        """Forget."""
        await asyncio.sleep(0)
        self.seen.discard(event_id)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """A store that is let go at the end."""
    made = Store()
    yield made
    made.go.set()


@pytest.mark.parametrize("wait", [False, True])
async def test_a_request_that_is_cancelled_takes_no_event_with_it(store: Store, wait: bool) -> None:
    """Web servers cancel a request whose sender went away, in the middle of asking the store."""
    handled = Handled()
    async with CallbackReceiver(SECRET, handlers=[handled], seen=store) as receiver:
        request = asyncio.create_task(delivery(receiver)(wait=wait))
        await store.was_asked.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        store.go.set()
    assert handled.ended == ["e1"]


@pytest.mark.parametrize("wait", [False, True])
def test_a_loop_that_ends_while_the_store_answers_forgets(wait: bool) -> None:
    """The event is in the store, and nobody has handled it: it is taken out again."""
    handled = Handled()
    seen: list[Store] = []

    async def serve() -> CallbackReceiver:
        seen.append(Store())
        receiver = CallbackReceiver(SECRET, handlers=[handled], seen=seen[0])
        request = asyncio.create_task(delivery(receiver)(wait=wait))
        await seen[0].was_asked.wait()
        assert seen[0].seen == {"e1"}
        request.cancel()
        return receiver

    asyncio.run(serve())
    assert seen[0].seen == set()
    assert handled.begun == []


@pytest.mark.parametrize("closes", ["store", "handler"])
async def test_closing_forgets_what_it_cancels(
    store: Store, closes: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the event was still with the store or with a handler."""
    handled = Handled(held=True)
    receiver = CallbackReceiver(SECRET, handlers=[handled], seen=store)
    request = asyncio.create_task(delivery(receiver)())
    await store.was_asked.wait()
    if closes == "handler":
        store.go.set()
        assert (await request).status == 200
    await receiver.aclose(timeout=0)
    assert (await request).status == (200 if closes == "handler" else 503)
    assert store.seen == set()
    assert ("event e1 was answered 200" in caplog.text) == (closes == "handler")


async def test_a_store_that_cannot_forget_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """It needs no `discard`; the log then says that the event counts as known."""

    class AddOnly:
        def add(self, event_id: str) -> bool | Awaitable[bool]:
            return True

    class Broken(AddOnly):
        def discard(self, event_id: str) -> None:
            raise OSError("the database is away")

    for store, said in ((AddOnly(), "no method discard()"), (Broken(), "the database is away")):
        caplog.clear()
        receiver = CallbackReceiver(SECRET, handlers=[Handled(held=True)], seen=store)
        await delivery(receiver)()
        await receiver.aclose(timeout=0)
        assert said in caplog.text
        assert "will count as known" in caplog.text
