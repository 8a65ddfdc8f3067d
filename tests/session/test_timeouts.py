"""Time-outs that one timer watches over for all requests: when they end one, and what they leave.

Time is the event loop's, moved by hand: a minute takes no real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import traceback
from math import ceil, inf

import aiohttp
import pytest

from sinch_hosting import (
    NotFound,
    OutcomeUnknown,
    RetryPolicy,
    RunStopped,
    SinchHosting,
    TransportError,
)
from sinch_hosting._session.requests import ImportNumbers
from sinch_hosting._session.timeouts import Limits, RequestTimeouts
from tests.service import Service

ORDER = {"hostingOrderId": "1", "state": "DRAFT"}
GET_ORDER = ("GET", "/hostingOrders/1")
CREATE = ("POST", "/hostingOrders:importNumbers")
ONCE = RetryPolicy(max_tries=1)
SECRET = "hook-secret-not-to-be-seen"


def read(client):
    """A call that changes nothing."""
    return client.hosting_orders.get("1")


def create(client):
    """A call that creates an order."""
    numbers = ["+12025550134"]
    return client.hosting_orders.import_numbers(numbers, region_code="US", service_plan_id="plan")


class LoopClock:
    """The event loop's time, which moves ahead by hand as well, and the timers of time-outs."""

    def __init__(self, loop):
        self.ahead = 0.0
        self.timers: list[asyncio.TimerHandle] = []
        self._time, self._call_later = loop.time, loop.call_later
        loop.time = self.time
        loop.call_later = self.call_later

    def time(self):
        """The time of the loop."""
        return self._time() + self.ahead

    def call_later(self, delay, callback, *args, context=None):
        """Set a timer, and remember it if it is one of the time-outs'."""
        timer = self._call_later(delay, callback, *args, context=context)
        if isinstance(getattr(callback, "__self__", None), RequestTimeouts):
            self.timers.append(timer)
        return timer

    @property
    def armed(self):
        """The timers of time-outs that are still to go off."""
        return [t for t in self.timers if not t.cancelled() and t.when() > self.time()]

    async def advance(self, seconds):
        """Move time ahead in small steps, and let everybody have several turns after each."""
        steps = max(1, ceil(seconds / 0.25))
        for _ in range(steps):
            self.ahead += seconds / steps
            for _ in range(4):
                await asyncio.sleep(0)


@pytest.fixture
async def loop_clock():
    """The time of the running loop."""
    return LoopClock(asyncio.get_running_loop())


@pytest.fixture
async def held(service, make_client):
    """A client, and what holds back the response to its read."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    yield make_client(auth="basic", retry=ONCE), hold
    hold.release()


async def start(client, hold, call=read):
    """A call whose request has arrived."""
    task = asyncio.create_task(call(client))
    await hold.arrived.wait()
    return task


# ------------------------------------------------------------------- what they end


async def test_a_silent_service_is_given_up(service, held, loop_clock):
    """After 30 s without data, never earlier and at most a second later; nothing stays behind."""
    client, hold = held
    task = await start(client, hold)
    await loop_clock.advance(29.9)
    assert not task.done()
    await loop_clock.advance(1.1)
    with pytest.raises(TransportError, match=r"no answer in time \(30 s without data\)") as caught:
        await task
    assert not caught.value.never_sent
    assert task.cancelling() == 0
    hold.release()
    await service.wait_for(lambda: service.open_connections == 0)


async def test_a_read_that_timed_out_is_tried_again(service, make_client, loop_clock):
    """A time-out of one try is a failure like others."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold, ORDER)
    task = await start(make_client(auth="basic"), hold)
    await loop_clock.advance(31)
    assert (await task).state == "DRAFT"
    assert len(service.calls(*GET_ORDER)) == 2
    hold.release()


@contextlib.asynccontextmanager
async def trickling():
    """A server that begins a response; its address, and the writer for the rest."""
    begun: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        begun.set_result(writer)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", begun
        (await begun).close()


async def test_a_response_that_trickles_for_ever_ends(make_client, loop_clock):
    """Data within every 30 s is no silence; the request as a whole has 60 s."""
    async with trickling() as (address, begun):
        client = make_client(base_url=address, auth="basic", retry=ONCE)
        task = asyncio.create_task(read(client))
        writer = await begun
        for _ in range(11):
            writer.write(b"1\r\n \r\n")
            await loop_clock.advance(0)  # it has been read
            await loop_clock.advance(5)
            assert not task.done()
        await loop_clock.advance(6)
        with pytest.raises(TransportError, match="60 s in all"):
            await task


async def test_a_body_that_stops_is_given_up(make_client, loop_clock):
    """30 s after its last byte, not after the request."""
    async with trickling() as (address, begun):
        client = make_client(base_url=address, auth="basic", retry=ONCE)
        task = asyncio.create_task(read(client))
        writer = await begun
        await loop_clock.advance(20)
        writer.write(b"1\r\n{\r\n")
        await loop_clock.advance(0)
        await loop_clock.advance(1)
        await loop_clock.advance(28.9)
        assert not task.done()
        await loop_clock.advance(1.2)
        with pytest.raises(TransportError, match="30 s without data"):
            await task


async def test_a_status_decides_where_its_body_stops(service, make_client, loop_clock):
    """A 404 whose body does not come is a 404."""
    hold = service.hold(None)
    reply = service.begun({"message": "no"}, hold)
    service.on(*GET_ORDER, type(reply)(status=404, body=reply.body, rest=hold))
    task = await start(make_client(auth="basic", retry=ONCE), hold)
    await loop_clock.advance(0)
    await loop_clock.advance(1)
    await loop_clock.advance(31)
    with pytest.raises(NotFound):
        await task
    assert task.cancelling() == 0
    hold.release()


async def test_a_silent_create_is_unknown(service, make_client, loop_clock):
    """It was sent, and what became of it is not known."""
    hold = service.hold(ORDER)
    service.on(*CREATE, hold)
    task = await start(make_client(auth="basic"), hold, create)
    await loop_clock.advance(29)
    assert not task.done()
    await loop_clock.advance(2)
    with pytest.raises(OutcomeUnknown) as caught:
        await task
    assert not caught.value.__cause__.never_sent
    hold.release()


@pytest.mark.parametrize("call", [read, create])
async def test_a_connection_that_does_not_open_was_never_sent(make_client, loop_clock, call):
    """Connecting has a time-out of its own, which proves that nothing was sent."""
    arrived, writers = asyncio.Event(), []

    def accept(_, writer):
        writers.append(writer)
        arrived.set()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = make_client(base_url=url, auth="basic", retry=ONCE)
        task = asyncio.create_task(call(client))
        await arrived.wait()
        await loop_clock.advance(11)
        with pytest.raises(TransportError, match="no connection in time") as caught:
            await task
        assert caught.value.never_sent
        for writer in writers:
            writer.close()


async def test_a_time_out_shows_no_secret(service, make_client, loop_clock):
    """Not even with the variables of all frames, through all causes and contexts."""
    hold = service.hold({})
    service.on("PATCH", "/callbackConfiguration", hold)
    client = make_client(auth="basic", retry=ONCE)
    task = await start(client, hold, lambda c: c.callback_configuration.update(hmac_secret=SECRET))
    await loop_clock.advance(31)
    with pytest.raises(TransportError) as caught:
        await task
    link = caught.value
    while link is not None:
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if "test_timeouts" not in frame.f_code.co_filename:
                assert SECRET not in repr(frame.f_locals)
                assert "aiohttp" not in frame.f_code.co_filename
        link = link.__cause__ or link.__context__
    hold.release()


# ------------------------------------------------------------------- cancellation


@pytest.mark.parametrize("who_is_first", ["caller", "time-out"])
async def test_the_callers_cancellation_goes_on(held, loop_clock, who_is_first):
    """Where both come before the request notices, it ends as the caller wants."""
    client, hold = held
    task = await start(client, hold)
    await loop_clock.advance(29.8)
    if who_is_first == "caller":
        task.cancel()
    loop_clock.ahead += 0.5
    await asyncio.sleep(0)  # the timer goes off, and the request has not had its turn
    if who_is_first == "time-out":
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelling() == 1


async def test_a_time_out_of_the_callers_that_comes_at_once_is_the_callers(held, loop_clock):
    """`asyncio.timeout` around a call ends as such, even where both are due in one moment."""
    client, hold = held

    async def call():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30.3):
                await read(client)
        assert asyncio.current_task().cancelling() == 0
        return "went on"

    task = await start(client, hold, lambda _: call())
    await loop_clock.advance(29.9)
    loop_clock.ahead += 0.5
    assert await task == "went on"


async def test_a_request_of_a_task_that_is_being_cancelled_times_out(held, loop_clock):
    """What a clean-up sends ends by a time-out as ever, and the older cancellation stays."""
    client, hold = held
    cancelling = []

    async def call():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            with pytest.raises(TransportError, match="no answer in time"):
                await read(client)
            cancelling.append(asyncio.current_task().cancelling())
            raise

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    await hold.arrived.wait()
    await loop_clock.advance(31)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelling == [1]


@pytest.mark.parametrize("turns", range(8))
async def test_a_response_and_a_time_out_at_once_leave_no_cancellation(held, loop_clock, turns):
    """Whichever wins, the task goes on afterwards as if nothing had been."""
    client, hold = held

    async def call():
        with contextlib.suppress(TransportError):
            assert (await read(client)).state == "DRAFT"
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0.001)  # a cancellation that was left over would end this
        return "went on"

    task = await start(client, hold, lambda _: call())
    await loop_clock.advance(29.8)
    hold.release()
    for _ in range(turns):
        await asyncio.sleep(0)
    await loop_clock.advance(1)
    assert await task == "went on"


async def test_a_failure_and_a_time_out_at_once_leave_no_cancellation(loop_clock):
    """Whatever the request ends with, its cancellation by a time-out is taken back."""
    timeouts = RequestTimeouts(asyncio.get_running_loop())

    async def request():
        running = timeouts.start(Limits(60, 30, aiohttp.ClientTimeout()))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("not this one") from None
        finally:
            timeouts.end(running)

    async def call():
        with pytest.raises(ConnectionError):
            await request()
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)
        return "went on"

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    await loop_clock.advance(31)
    assert await task == "went on"
    timeouts.close()


@pytest.mark.parametrize(
    ("who", "past", "seen"),
    [
        ("trace", 31, aiohttp.SocketTimeoutError),
        ("trace", 61, TimeoutError),
        ("own trace", 31, aiohttp.SocketTimeoutError),
        ("own trace", 61, TimeoutError),
        ("middleware", 31, aiohttp.SocketTimeoutError),
    ],
)
async def test_who_watches_requests_sees_time_outs_of_aiohttp(
    service, make_client, loop_clock, who, past, seen
):
    """A trace or a lender's middleware that knows aiohttp's errors keeps them."""
    failed = []

    async def on_exception(_session, _context, params):
        failed.append(params.exception)

    async def watching(request, handler):
        try:
            return await handler(request)
        except BaseException as error:
            failed.append(error)
            raise

    trace = aiohttp.TraceConfig()
    trace.on_request_exception.append(on_exception)
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    own = {"trace_configs": [trace]} if who == "own trace" else {}
    timeout = aiohttp.ClientTimeout(total=60, connect=10, sock_read=30 if past == 31 else None)
    async with aiohttp.ClientSession(
        trace_configs=[trace] if who == "trace" else [],
        middlewares=(watching,) if who == "middleware" else (),
    ) as session:
        lent = own or {"session": session}
        client = make_client(**lent, timeout=timeout, auth="basic", retry=ONCE)
        task = await start(client, hold)
        await loop_clock.advance(past)
        with pytest.raises(TransportError, match="no answer in time"):
            await task
        assert [type(error) for error in failed] == [seen]
        assert loop_clock.timers == []
    hold.release()


async def test_a_response_that_came_while_the_loop_stood_still_is_read(make_client, loop_clock):
    """Whoever blocks the event loop for a minute has not waited for the service so long."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        task = asyncio.create_task(read(make_client(base_url=url, auth="basic", retry=ONCE)))
        connection, _ = await loop.sock_accept(listening)
        with connection:
            connection.setblocking(False)
            await loop.sock_recv(connection, 65_536)
            body = b'{"hostingOrderId": "1"}'
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            loop_clock.ahead += 100
            assert (await task).hosting_order_id == "1"


# ----------------------------------------------------------------------- the timer


async def test_one_timer_serves_all_and_ends_with_them(service, held, loop_clock):
    """It is set with the first request, and not again once there is none."""
    client, hold = held
    assert loop_clock.timers == []
    tasks = [asyncio.create_task(read(client)) for _ in range(20)]
    await service.wait_for(lambda: hold.waiting == 20)
    assert len(loop_clock.armed) == 1
    await loop_clock.advance(0.6)
    assert len(loop_clock.armed) == 1
    hold.release()
    await asyncio.gather(*tasks)
    await loop_clock.advance(0.6)
    assert loop_clock.armed == []
    await read(client)
    assert len(loop_clock.armed) == 1


async def test_no_timer_outlives_the_client(held, loop_clock):
    """Closing it cancels the timer."""
    client, hold = held
    hold.release()
    await read(client)
    assert len(loop_clock.armed) == 1
    await client.aclose()
    assert loop_clock.armed == []


async def test_a_request_in_a_borrowed_session_keeps_its_time_outs(
    service, make_client, loop_clock
):
    """Though the client was closed while it ran; then the timer ends, too."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        client = make_client(session=session, auth="basic", retry=ONCE)
        task = await start(client, hold)
        await client.aclose()
        await loop_clock.advance(31)
        with pytest.raises(TransportError, match="30 s without data"):
            await task
        assert loop_clock.armed == []
    hold.release()


# ------------------------------------------------------------------- who watches


@pytest.mark.parametrize(
    ("timeout", "connects", "total", "silence"),
    [
        (aiohttp.ClientTimeout(total=60, connect=10, sock_read=30), False, 60, 30),
        (aiohttp.ClientTimeout(total=60, sock_connect=10, sock_read=30), False, 60, inf),
        (aiohttp.ClientTimeout(total=inf, connect=10, sock_read=inf), False, inf, inf),
        (aiohttp.ClientTimeout(total=5, connect=4, sock_read=5), False, 5, 5),
        (aiohttp.ClientTimeout(total=60, connect=10, sock_read=30), True, 60, inf),
        (aiohttp.ClientTimeout(total=4.9, connect=3, sock_read=4.9), False, inf, inf),
        (aiohttp.ClientTimeout(total=60, connect=10, sock_read=4.9), False, 60, inf),
        (aiohttp.ClientTimeout(total=None, sock_read=None), False, inf, inf),
        (aiohttp.ClientTimeout(total=0, sock_read=0), False, inf, inf),
        (aiohttp.ClientTimeout(total=60, sock_read=30), False, 60, inf),
        (aiohttp.ClientTimeout(total=60, connect=40, sock_read=30), False, 60, inf),
    ],
)
def test_every_time_out_has_one_who_watches(timeout, connects, total, silence):
    """Either the one timer or aiohttp, and what was given is given on unchanged."""
    limits = Limits.of(timeout, connects=connects)
    assert (limits.total, limits.silence) == (total, silence)
    assert limits.rest.total == (timeout.total if total == inf else None)
    assert limits.rest.sock_read == (timeout.sock_read if silence == inf else None)
    assert limits.rest.connect == timeout.connect
    assert limits.rest.sock_connect == timeout.sock_connect


async def test_a_request_needs_a_task():
    """There is nothing to cancel outside of one."""
    timeouts = RequestTimeouts(asyncio.get_running_loop())
    failed = []

    def outside():
        with pytest.raises(RuntimeError, match="needs a task"):
            timeouts.start(Limits(60, 30, aiohttp.ClientTimeout()))
        failed.append(True)

    asyncio.get_running_loop().call_soon(outside)
    await asyncio.sleep(0)
    assert failed == [True]


class RefusesToWrite:
    """An observer of a create that has second thoughts when its connection is open."""

    def __init__(self):
        self.told = []

    async def on_sending(self):
        """Let it go."""

    def on_writing(self):
        """Refuse."""
        raise RunStopped("too late")

    async def on_refused(self, error):
        """Remember it."""
        self.told.append(error)

    async def on_created(self, order_id):
        """Remember it."""
        self.told.append(order_id)


async def test_the_observer_of_a_create_has_the_last_word_before_its_body_is_written():
    """It is not carried out, and its error is the observer's own, not an unknown outcome."""
    observer = RefusesToWrite()
    async with Service() as service, SinchHosting(**service.client_arguments) as client:
        await client.qualified_numbers.add_many(["+12025550134"])
        request = ImportNumbers(numbers=("+12025550134",), region_code="US", service_plan_id="plan")
        for _ in range(3):
            with pytest.raises(RunStopped, match="too late"):
                await client._orders_api.create("ImportNumbers", request, observer)
        assert [type(told) for told in observer.told] == [RunStopped] * 3
        assert not service.orders
        assert not service.counts["ImportNumbers"]
