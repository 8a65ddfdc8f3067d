"""One request from start to end: connections, queue, time-outs, proxies, TLS, closing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
import time
import traceback
import warnings

import aiohttp
import pytest
from yarl import URL

from sinch_hosting import (
    BadRequest,
    ConfigurationError,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RetryPolicy,
    ServerError,
    SinchHosting,
    TransportError,
    UsageError,
    __version__,
)
from sinch_hosting._session.settings import timeout_settings

NUMBER = "+12025550134"
ORDER = {"hostingOrderId": "1", "state": "DRAFT"}
GET_ORDER = ("GET", "/hostingOrders/1")
CREATE = ("POST", "/hostingOrders:importNumbers")
PLAN = {"region_code": "US", "service_plan_id": "plan"}
ONCE = RetryPolicy(max_tries=1)


def read(client):
    """A call that changes nothing."""
    return client.hosting_orders.get("1")


def create(client):
    """A call that creates an order."""
    return client.hosting_orders.import_numbers([NUMBER], **PLAN)


class Traced:
    """What aiohttp's tracing says of the requests of a client, on its clock."""

    def __init__(self, clock):
        self.clock = clock
        self.started: list[float] = []
        self.headers: list[object] = []
        self.sent_headers: list[object] = []
        self.ended = 0
        self.config = aiohttp.TraceConfig()
        self.config.on_request_start.append(self._start)
        self.config.on_request_headers_sent.append(self._sent)
        self.config.on_request_end.append(self._end)

    async def _start(self, _session, _context, params):
        self.started.append(self.clock())
        self.headers.append(params.headers)

    async def _sent(self, _session, _context, params):
        self.sent_headers.append(params.headers)

    async def _end(self, _session, _context, _params):
        self.ended += 1


@pytest.fixture
def traced(clock):
    """A trace of the requests of a client."""
    return Traced(clock)


# ------------------------------------------------------------------ the request


async def test_every_request_says_who_sends_it(service, client):
    """The package's name and version are in the `User-Agent`, of token requests, too."""
    service.on(*GET_ORDER, ORDER)
    await client.hosting_orders.get("1")
    agents = {seen.headers["User-Agent"] for seen in service.requests}
    assert agents == {f"sinch-hosting/{__version__} aiohttp/{aiohttp.__version__}"}


async def test_paths_and_queries_are_encoded_as_the_syntax_asks(service, client):
    """A `+` stays in a path and is `%2B` in a query; what was not given is not sent."""
    service.on("GET", "/hostingOrders/a%C3%BC+b", ORDER)
    service.on("GET", "/importedNumbers", {})
    await client.hosting_orders.get("aü+b")
    pages = client.imported_numbers.list(service_plan_id="a&b", campaign_id="", pattern="+1732")
    assert [number async for number in pages] == []
    query = service.requests[-1].query
    assert query == {
        "servicePlanId": "a&b",
        "campaignId": "",
        "numberPattern.pattern": "+1732",
    }


async def test_a_slash_at_the_end_of_the_address_is_no_matter(service, make_client):
    """`https://host/` and `https://host` are the same API; a path before it is kept."""
    service.on(*GET_ORDER, ORDER)
    service.on("GET", "/eu/v1/projects/project-1/hostingOrders/1", ORDER)
    await make_client(base_url=service.base_url + "/").hosting_orders.get("1")
    await make_client(base_url=service.base_url + "/eu/").hosting_orders.get("1")


async def test_cookies_are_not_kept(service, make_client):
    """An API has no use for them, and they would tie requests together."""
    client = make_client(base_url=f"http://localhost:{service.port}")  # no cookie is kept of an IP
    service.on(*GET_ORDER, (200, ORDER, {"Set-Cookie": "a=b"}), ORDER)
    await client.hosting_orders.get("1")
    await client.hosting_orders.get("1")
    assert "Cookie" not in service.requests[-1].headers


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_cookies_of_the_service_stay_out_of_a_borrowed_jar(service, make_client, method):
    """Nothing of the lender's session changes; what it keeps of others, it keeps."""
    service.on(*GET_ORDER, (200, ORDER, {"Set-Cookie": "a=b; Path=/"}))
    service.on(*CREATE, (200, ORDER, {"Set-Cookie": "a=b"}))
    service.on_token((200, {"access_token": "t"}, {"Set-Cookie": "t=u"}))
    jar = aiohttp.CookieJar(unsafe=True)
    jar.update_cookies({"own": "kept"}, URL(service.base_url))
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        client = make_client(session=session)
        if method == "GET":
            await read(client)
        else:
            await create(client)
        assert [cookie.key for cookie in jar] == ["own"]
        assert not any("Cookie" in seen.headers for seen in service.requests)


async def test_redirects_are_not_followed(service, client):
    """Credentials and creates do not wander to another address."""
    service.on(*GET_ORDER, (307, {}, {"Location": service.base_url + "/elsewhere"}))
    with pytest.raises(Exception, match="307"):
        await client.hosting_orders.get("1")


async def test_a_large_page_is_read_whole(service, client):
    """Megabytes come as one answer."""
    numbers = [{"phoneNumber": f"+1{n:010}"} for n in range(20_000)]
    service.on("GET", "/hostingOrders/1/numbers", {"numbers": numbers})
    assert len([n async for n in client.hosting_orders.numbers("1")]) == 20_000


async def test_the_session_runs_on_aioresponses(mocked, make_client):
    """The shim for aiohttp 3.14 lets aioresponses stand in below the session."""
    client = make_client(
        base_url="http://api.test", auth_url="http://auth.test/token", allow_http=True
    )
    mocked.post("http://auth.test/token", payload={"access_token": "mock"})
    body = {**ORDER, "blob": "x" * 200_000}
    mocked.get("http://api.test/v1/projects/project-1/hostingOrders/1", payload=body)
    assert (await client.hosting_orders.get("1")).extra == {"blob": body["blob"]}


# -------------------------------------------------------------------- connections


async def test_reads_share_a_connection(service, client):
    """One after the other, they go over the connection that the token opened."""
    service.on(*GET_ORDER, ORDER)
    for _ in range(3):
        await client.hosting_orders.get("1")
    assert {seen.connection for seen in service.requests} == {1}


@pytest.mark.parametrize("owned", [True, False])
async def test_a_stale_connection_does_not_make_a_create_look_lost(
    service, make_client, borrowed, owned
):
    """The service ends its idle connections when a create arrives on them: it never does."""
    client = make_client() if owned else make_client(session=borrowed)
    service.on(*GET_ORDER, ORDER)
    await asyncio.gather(*(client.hosting_orders.get("1") for _ in range(5)))
    assert service.open_connections > 1

    def fresh_only(seen):
        return service.DROP if seen.nth_on_connection > 1 else {"hostingOrderId": "2"}

    service.on(*CREATE, fresh_only)
    for _ in range(5):
        assert (await create(client)).hosting_order_id == "2"
    assert len(service.calls(*CREATE)) == 5


@pytest.mark.parametrize("owned", [True, False])
async def test_a_connection_that_a_create_used_is_not_kept(service, make_client, borrowed, owned):
    """Creates in a row each open their own; none is left open behind them."""
    client = make_client() if owned else make_client(session=borrowed)
    service.on(*CREATE, ORDER)
    for _ in range(3):
        await create(client)
    assert len({seen.connection for seen in service.calls(*CREATE)}) == 3
    assert service.calls(*CREATE)[0].headers["Connection"] == "close"
    await service.wait_for(lambda: service.open_connections == 1)


async def test_a_read_after_a_lost_connection_opens_another(service, client):
    """A pooled connection that died is no failure of a read."""
    service.on(*GET_ORDER, ORDER, service.DROP, ORDER)
    await client.hosting_orders.get("1")
    assert (await client.hosting_orders.get("1")).state == "DRAFT"
    assert service.requests[-1].connection == 2


# ----------------------------------------------------------------------- ownership


async def test_nothing_is_opened_before_the_first_call(service, make_client):
    """Making a client, and entering it, sends nothing."""
    async with make_client():
        assert service.open_connections == 0
    assert service.requests == []


async def test_an_owned_session_is_closed(service, make_client):
    """Leaving the `async with` closes the connections; so does `aclose`, any number of times."""
    service.on(*GET_ORDER, ORDER)
    async with make_client() as client:
        await client.hosting_orders.get("1")
        assert service.open_connections == 1
    await service.wait_for(lambda: service.open_connections == 0)
    await client.aclose()
    await client.aclose()


async def test_a_borrowed_session_stays_open(service, make_client, borrowed):
    """It belongs to its owner, with all that is on it."""
    borrowed.headers["X-Lender"] = "kept"
    service.on(*GET_ORDER, ORDER)
    async with make_client(session=borrowed) as client:
        await client.hosting_orders.get("1")
    assert not borrowed.closed
    assert service.requests[-1].headers["X-Lender"] == "kept"
    async with borrowed.get(service.base_url + "/v1/projects/project-1/hostingOrders/1") as again:
        assert again.status == 200


async def test_a_borrowed_session_that_raises_for_a_status_changes_nothing(service, make_client):
    """What the service refuses stays a refusal; that of a create is no unknown outcome."""
    service.on(*GET_ORDER, (404, {"message": "no such order"}))
    service.on(*CREATE, (400, {"message": "no such plan"}))
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        client = make_client(session=session)
        with pytest.raises(NotFound, match="no such order"):
            await read(client)
        with pytest.raises(BadRequest, match="no such plan"):
            await create(client)


async def test_a_borrowed_session_that_is_closed_is_named(service, make_client):
    """The error says whose session it is."""
    session = aiohttp.ClientSession()
    client = make_client(session=session)
    await session.close()
    with pytest.raises(UsageError, match="the session that it was given is closed"):
        await client.hosting_orders.get("1")


async def test_a_borrowed_session_with_credentials_of_its_own_is_refused(service, make_client):
    """Two authorizations cannot both be sent: a clear error, and nothing sent."""
    headers = {"Authorization": "Basic abc"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is the lender's matter
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("a", "b"))
    async with session:
        with pytest.raises(ConfigurationError, match="its own credentials"):
            await make_client(session=session).hosting_orders.get("1")
    async with aiohttp.ClientSession(headers=headers) as session:
        service.on(*GET_ORDER, ORDER)
        await make_client(session=session).hosting_orders.get("1")
    assert service.requests[-1].token == "token-1"


@pytest.mark.parametrize(
    "setting", [{"trust_env": True}, {"trace_configs": [Traced(time.monotonic).config]}]
)
async def test_a_borrowed_session_brings_its_own_settings(make_client, borrowed, setting):
    """What belongs to a session cannot be given beside one."""
    with pytest.raises(ConfigurationError, match="belong to an aiohttp session"):
        make_client(session=borrowed, **setting)


async def test_a_closed_client_says_so(service, make_client):
    """Calls, entering it again, and walks of lists are a `UsageError`, never a hang."""
    client = make_client()
    await client.aclose()
    with pytest.raises(UsageError, match="closed"):
        await client.hosting_orders.get("1")
    with pytest.raises(UsageError, match="closed"):
        await create(client)
    with pytest.raises(UsageError, match="closed"):
        await client.__aenter__()
    pages = client.qualified_numbers.list(states="ELIGIBLE")
    with pytest.raises(UsageError, match="closed"):
        await anext(aiter(pages))


def test_a_second_event_loop_is_a_clear_error(unused_settings):
    """A client belongs to the loop that it was used on first; closing works from any."""
    client = SinchHosting(**unused_settings)

    async def use():
        with pytest.raises(TransportError):
            await client.hosting_orders.get("1")

    async def use_elsewhere():
        with pytest.raises(UsageError, match="another event loop"):
            await client.hosting_orders.get("1")
        await client.aclose()
        with pytest.raises(UsageError, match="closed"):
            await client.hosting_orders.get("1")

    asyncio.run(use())
    asyncio.run(use_elsewhere())


async def test_closing_from_another_loop_is_refused_while_its_own_lives(service, make_client):
    """A clear error at once, token fetch or not, and the client goes on in its own loop."""
    hold = service.hold({"access_token": "late"})
    service.on_token(hold)
    service.on(*GET_ORDER, ORDER)
    client = make_client()
    running = asyncio.create_task(read(client))
    await hold.arrived.wait()

    async def close():
        async with asyncio.timeout(30):
            await client.aclose()

    with pytest.raises(UsageError, match="another event loop; close it there"):
        await asyncio.to_thread(asyncio.run, close())
    hold.release()
    assert (await running).state == "DRAFT"


def test_closing_when_the_loop_is_gone_waits_for_nothing(unused_settings):
    """A token fetch that its loop left behind is awaited by nobody, and the session is closed."""
    client = SinchHosting(**{**unused_settings, "auth": "oauth", "auth_url": "http://127.0.0.1:9"})
    loop = asyncio.new_event_loop()

    async def never():
        await asyncio.Event().wait()

    async def use():
        client._session._fetch_token = never
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.hosting_orders.get("1")

    loop.run_until_complete(use())
    loop.close()

    async def close():
        async with asyncio.timeout(30):
            await client.aclose()

    asyncio.run(close())
    with pytest.raises(UsageError, match="closed"):
        asyncio.run(client.__aenter__())


def test_a_client_can_be_made_and_closed_without_a_loop_of_its_own(unused_settings):
    """Made outside of a loop, and closed in one without having been used."""
    client = SinchHosting(**unused_settings)
    asyncio.run(client.aclose())


@pytest.fixture
def unused_settings():
    """The settings of a client whose service is not there."""
    return {
        "project_id": "p",
        "key_id": "k",
        "key_secret": "s",
        "auth": "basic",
        "base_url": "http://127.0.0.1:9",
        "retry": ONCE,
    }


@pytest.mark.parametrize(
    "call", [lambda c: c.hosting_orders.get("1"), create], ids=["get", "create"]
)
async def test_closing_during_a_request_ends_it(service, make_client, call):
    """A request under way fails soon and clearly, and leaves no task and no connection."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    service.on(*CREATE, hold)
    client = make_client()
    running = asyncio.create_task(call(client))
    await hold.arrived.wait()
    await client.aclose()
    async with asyncio.timeout(30):
        with pytest.raises((UsageError, TransportError, OutcomeUnknown)):
            await running
    hold.release()
    await service.wait_for(lambda: service.open_connections == 0)


async def test_closing_during_a_token_fetch_ends_it(service, make_client):
    """All who wait for the token hear that the client was closed."""
    hold = service.hold({"access_token": "late"})
    service.on_token(hold)
    client = make_client()
    running = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(3)]
    await hold.arrived.wait()
    await client.aclose()
    results = await asyncio.gather(*running, return_exceptions=True)
    assert {type(result) for result in results} == {UsageError}


@pytest.mark.parametrize("auth", ["oauth", "basic"])
@pytest.mark.parametrize("owned", [True, False])
async def test_what_is_queued_when_the_client_closes_is_not_sent(
    service, make_client, borrowed, owned, auth
):
    """A create that still waits for its turn is refused after `aclose`, not sent."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    service.on(*CREATE, ORDER)
    settings = {} if owned else {"session": borrowed}
    client = make_client(max_concurrency=1, auth=auth, **settings)
    running = asyncio.create_task(client.hosting_orders.get("1"))
    await hold.arrived.wait()
    queued = asyncio.create_task(create(client))
    await asyncio.sleep(0)
    await client.aclose()
    hold.release()
    with pytest.raises(UsageError, match="closed"):
        await queued
    with contextlib.suppress(UsageError, TransportError):
        await running
    assert service.calls(*CREATE) == []


# ------------------------------------------------------------------------ the queue


async def test_no_more_requests_at_once_than_allowed(service, make_client):
    """Further ones queue."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    client = make_client(max_concurrency=3)
    calls = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(10)]
    await service.wait_for(lambda: hold.waiting == 3)
    await asyncio.sleep(0.005)
    assert hold.waiting == 3
    hold.release()
    await asyncio.gather(*calls)
    assert service.most_in_flight == 3


async def test_the_clock_of_a_time_out_starts_behind_the_queue(service, make_client, traced):
    """aiohttp, which counts the time, does not hear of a request that queues."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    client = make_client(max_concurrency=1, trace_configs=[traced.config], auth="basic")
    calls = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(3)]
    await hold.arrived.wait()
    assert len(traced.started) == 1
    hold.release()
    await asyncio.gather(*calls)
    assert len(traced.started) == traced.ended == 3


def assert_paced(started, since, interval=0.004):
    """The n-th request started no earlier than n intervals after a moment."""
    assert len(started) > 1
    for count, moment in enumerate(sorted(started)):
        assert moment - since > count * interval - 0.0001


@pytest.mark.parametrize("rate", [0.01, 0.5, 20, 250])
async def test_the_pace_is_strict(service, clock, make_client, traced, rate):
    """No two requests start closer than the pace allows, not even the first, and none later.

    Time is the client's clock: a request every hundred seconds takes no real ones.
    """
    service.on(*GET_ORDER, ORDER)
    client = make_client(requests_per_second=rate, trace_configs=[traced.config], auth="basic")
    since = clock.now
    await asyncio.gather(*(client.hosting_orders.get("1") for _ in range(10)))
    assert_paced(traced.started, since, 1 / rate)
    assert clock.now - since == pytest.approx(9 / rate, rel=0.001)


async def test_requests_leave_one_by_one_as_their_time_comes(service, clock, make_client, traced):
    """Each step of the clock lets one more leave, in the order of asking."""
    clock.by_hand = True
    for name in "abcd":
        service.on("GET", f"/hostingOrders/{name}", ORDER)
    client = make_client(requests_per_second=2, trace_configs=[traced.config], auth="basic")
    calls = [asyncio.create_task(client.hosting_orders.get(name)) for name in "abcd"]
    for left in range(4):
        await service.wait_for(lambda left=left: calls[left].done())
        assert [call.done() for call in calls] == [place <= left for place in range(4)]
        await clock.advance(0.4)
        assert len(traced.started) == left + 1
        await clock.advance(0.1)
    assert [seen.path.rpartition("/")[2] for seen in service.requests] == list("abcd")


async def test_who_is_cancelled_while_it_waits_for_the_pace_costs_nothing(
    service, clock, make_client
):
    """It ends at once, and the next leaves in its place."""
    clock.by_hand = True
    service.on(*GET_ORDER, ORDER)
    client = make_client(requests_per_second=0.1, auth="basic")
    first, second, third = (asyncio.create_task(client.hosting_orders.get("1")) for _ in range(3))
    await first
    second.cancel()
    await asyncio.wait({second})
    assert second.cancelled()
    await clock.advance(10)
    await asyncio.wait_for(third, 30)
    assert len(service.requests) == 2


async def test_the_pace_holds_after_a_pause(service, clock, make_client, traced):
    """Those who waited for a 429 to pass do not leave as a crowd."""
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "30"}), ORDER)
    client = make_client(requests_per_second=250, trace_configs=[traced.config], auth="basic")
    clock.by_hand = True
    calls = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(10)]
    await service.wait_for(lambda: 30 in [round(seconds) for seconds in clock.slept])
    traced.started.clear()
    # The second takes its token, and finds the pause; the rest stand behind it.
    await clock.advance(29)
    assert traced.started == []
    clock.by_hand = False
    since = clock.now
    await clock.advance(2)
    await asyncio.gather(*calls)
    assert_paced(traced.started, since)


async def test_the_pace_holds_while_the_token_is_slow(service, clock, make_client, traced):
    """Those who waited for the first token do not leave as a crowd."""
    hold = service.hold({"access_token": "late"})
    service.on_token(hold)
    service.on(*GET_ORDER, ORDER)
    client = make_client(requests_per_second=250, trace_configs=[traced.config])
    calls = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(10)]
    await hold.arrived.wait()
    await clock.advance(60)
    since = clock.now
    hold.release()
    await asyncio.gather(*calls)
    assert_paced(traced.started[1:], since)


async def test_a_second_send_after_expired_keeps_the_pace(service, clock, make_client, traced):
    """The repetition with a fresh token is a request like any other."""
    service.on(*GET_ORDER, (401, {}, {"WWW-Authenticate": "expired"}), ORDER)
    client = make_client(requests_per_second=100, trace_configs=[traced.config])
    since = clock.now
    await client.hosting_orders.get("1")
    _, first, _, second = traced.started
    assert_paced([first, second], since, 0.01)


# ---------------------------------------------------------------------- cancellation


async def held_at(stage, service, clock, make_client):
    """A call that is stuck at a stage, and what shows that it got there."""
    hold = service.hold({"access_token": "t"} if stage == "token" else ORDER)
    service.on(*GET_ORDER, ORDER)
    client = make_client(max_concurrency=1)
    if stage != "token":
        await client.hosting_orders.get("1")
    match stage:
        case "token":
            service.on_token(hold)
        case "answer" | "queue":
            service.on(*GET_ORDER, hold)
        case "body":
            service.on(*GET_ORDER, service.begun(ORDER, hold))
        case "pause":
            clock.by_hand = True
            service.on(*GET_ORDER, 503)
        case "gate":
            clock.by_hand = True
            service.on(*GET_ORDER, (429, {}, {"Retry-After": "50"}))
    task = asyncio.create_task(client.hosting_orders.get("1"))
    if stage in ("pause", "gate"):
        await service.wait_for(lambda: clock.sleepers == 1)
    else:
        await hold.arrived.wait()
    if stage in ("queue", "gate"):
        before, task = task, asyncio.create_task(client.hosting_orders.get("1"))
        await asyncio.sleep(0.005)
        return client, hold, [task, before]
    return client, hold, [task]


@pytest.mark.parametrize("stage", ["token", "answer", "body", "queue", "pause", "gate"])
async def test_cancelling_leaves_nothing_behind(service, clock, make_client, other_tasks, stage):
    """Wherever a request is cancelled: no task, no used slot and no busy connection stays."""
    client, hold, tasks = await held_at(stage, service, clock, make_client)
    for task in tasks:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    hold.release()
    clock.by_hand = False
    service.on(*GET_ORDER, ORDER)
    clock.now += 100
    async with asyncio.timeout(30):
        assert (await client.hosting_orders.get("1")).state == "DRAFT"  # the only slot is free
    await service.wait_for(lambda: service.open_connections <= 1)
    await client.aclose()
    await service.wait_for(lambda: service.open_connections == 0)
    assert other_tasks() == set()


@pytest.mark.parametrize("stage", ["token", "answer"])
async def test_a_time_out_of_the_callers_own_works(service, clock, make_client, stage):
    """`asyncio.timeout` around a call ends it as a `TimeoutError` of the caller's."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    if stage == "token":
        service.on_token(hold)
    client = make_client()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.hosting_orders.get("1")


async def test_a_cancelled_create_is_logged(service, client, caplog):
    """Its outcome is unknown, and nobody is left to be told: the log says it."""
    hold = service.hold(ORDER)
    service.on(*CREATE, hold)
    task = asyncio.create_task(create(client))
    await hold.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "ImportNumbers was cancelled: it may have been carried out" in caplog.text


async def test_behind_a_time_out_of_python_the_cause_says_what_may_be_done(service, client):
    """The guide names the place: `error.__cause__.__notes__`."""
    hold = service.hold(ORDER)
    service.on(*CREATE, hold)
    limit = asyncio.timeout(None)

    async def create_in_time():
        async with limit:
            await create(client)

    task = asyncio.create_task(create_in_time())
    await hold.arrived.wait()
    limit.reschedule(asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError) as caught:
        await task
    (note,) = caught.value.__cause__.__notes__
    assert "was sent, and cancelled before its response came: it may have been carried out" in note


# -------------------------------------------------------------------------- time-outs


@pytest.fixture
async def mute():
    """The port of a server that takes connections and never says a word."""
    writers = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in writers:
        writer.close()
    await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    "timeout",
    [
        aiohttp.ClientTimeout(sock_connect=0.01),
        aiohttp.ClientTimeout(connect=0.01),
        0.5,
    ],
    ids=["sock_connect", "connect", "seconds"],
)
@pytest.mark.parametrize(
    "call", [lambda c: c.hosting_orders.get("1"), create], ids=["get", "create"]
)
async def test_a_connection_that_takes_too_long_was_never_sent(make_client, mute, timeout, call):
    """TLS that is never agreed on: `never_sent`, so even a create is not unknown."""
    url = f"https://127.0.0.1:{mute}"
    client = make_client(base_url=url, timeout=timeout, auth="basic", retry=ONCE)
    with pytest.raises(TransportError, match="no connection in time") as caught:
        await call(client)
    assert caught.value.never_sent


@pytest.mark.parametrize(
    "timeout", [aiohttp.ClientTimeout(sock_read=0.02), 1.0], ids=["read", "total"]
)
async def test_an_answer_that_takes_too_long_may_have_been_sent(service, make_client, timeout):
    """The request went out: `never_sent` is false, and a create is unknown."""
    hold = service.hold(ORDER)
    service.on(*GET_ORDER, hold)
    service.on(*CREATE, hold)
    client = make_client(timeout=timeout, auth="basic", retry=ONCE)
    with pytest.raises(TransportError, match="no answer in time") as caught:
        await client.hosting_orders.get("1")
    assert not caught.value.never_sent
    with pytest.raises(OutcomeUnknown) as unknown:
        await create(client)
    assert not unknown.value.__cause__.never_sent
    hold.release()


@pytest.mark.parametrize("given", [None, 0.5, 3, 5, 7, 60, 1000])
def test_time_outs_are_finite_and_connecting_ends_first(given):
    """Connect, read and total all have an end; a connection fails before the whole does."""
    settings = timeout_settings(given)
    assert settings.total == (60.0 if given is None else given)
    assert 0 < settings.sock_connect == settings.connect <= 10
    assert 0 < settings.sock_read <= 30
    # aiohttp rounds up to whole seconds from 5 s on.
    assert settings.total - settings.connect >= (1 if settings.total >= 5 else 0.01)


def test_a_client_timeout_is_taken_as_it_is():
    """Who brings aiohttp's own object means it."""
    given = aiohttp.ClientTimeout(total=None)
    assert timeout_settings(given) is given


# --------------------------------------------------------------------------- tracing


@pytest.mark.parametrize("trust_env", [False, True])
async def test_trace_configs_fire_and_show_no_secret(service, make_client, traced, trust_env):
    """They see every request, and in their `repr` the headers hold no credentials."""
    service.on(*GET_ORDER, ORDER)
    service.on(*CREATE, ORDER)
    client = make_client(trace_configs=[traced.config], trust_env=trust_env)
    await client.hosting_orders.get("1")
    await create(client)
    assert traced.ended == 3
    shown = repr(traced.headers) + repr(traced.sent_headers)
    sent = [seen.headers["Authorization"].split()[1] for seen in service.requests]
    assert "token-1" in sent
    assert not [secret for secret in sent if secret in shown]
    assert "***" in shown


async def test_a_trace_sees_the_token_fetch_and_each_try(service, make_client, traced):
    """One trace a request, tries included."""
    service.on(*GET_ORDER, 500, ORDER)
    await make_client(trace_configs=(traced.config,)).hosting_orders.get("1")
    assert traced.ended == 3


# ------------------------------------------------------------- environment and proxies


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    """An entry for the service's host in the file that NETRC names."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login somebody password else\n", encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


@pytest.mark.parametrize("call", ["get", "create", "delete"])
async def test_netrc_does_not_come_between(service, make_client, netrc, call):
    """With `trust_env` and a netrc entry for the host, the client's own credentials are sent."""
    service.on(*GET_ORDER, ORDER)
    service.on(*CREATE, ORDER)
    service.on("DELETE", f"/importedNumbers/{NUMBER}", {})
    client = make_client(trust_env=True)
    match call:
        case "get":
            await client.hosting_orders.get("1")
        case "create":
            await create(client)
        case "delete":
            await client.imported_numbers.delete(NUMBER)
    asked, sent = service.requests
    assert asked.headers["Authorization"] != "Basic c29tZWJvZHk6ZWxzZQ=="
    assert asked.headers["Authorization"].startswith("Basic ")
    assert sent.token == "token-1"
    assert not [name for name in sent.headers if name.lower().startswith("x-sinch-hosting")]


async def test_a_borrowed_session_with_netrc_is_explained(service, make_client, netrc):
    """A lent session that reads netrc cannot be mended from here: the error says why."""
    async with aiohttp.ClientSession(trust_env=True) as session:
        with pytest.raises(ConfigurationError, match="netrc"):
            await make_client(session=session).hosting_orders.get("1")


class Proxy:
    """A forward proxy: passes all on to one port, and remembers how it was asked."""

    def __init__(self, port):
        self.upstream = port
        self.heads: list[bytes] = []
        self.refuses = False
        self._server = None
        self._tasks = set()

    @property
    def asked(self):
        """The first lines of the connections."""
        return [head.split(b"\r\n")[0] for head in self.heads]

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        async with asyncio.timeout(30):
            await asyncio.gather(*self._tasks)

    def _accept(self, reader, writer):
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self.refuses:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await self._end(writer)
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            back.write(head)
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        await self._end(writer)

    @staticmethod
    async def _end(writer):
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("how", ["setting", "environment"])
async def test_requests_go_through_the_proxy(service, make_client, monkeypatch, how):
    """From the setting, or from the environment with `trust_env`; creates as well."""
    service.on(*GET_ORDER, ORDER)
    service.on(*CREATE, ORDER)
    async with Proxy(service.port) as proxy:
        for variable in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("http_proxy", proxy.url)
        settings = {"proxy": proxy.url} if how == "setting" else {"trust_env": True}
        client = make_client(**settings)
        await client.hosting_orders.get("1")
        await create(client)
        await client.aclose()
    assert proxy.asked[0].startswith(b"POST " + service.auth_url.encode())
    assert any(line.startswith(b"POST " + service.base_url.encode()) for line in proxy.asked[1:])
    assert len(service.requests) == 3


async def test_without_trust_env_the_environment_is_left_alone(service, client, monkeypatch):
    """A proxy in the environment is not used unasked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    service.on(*GET_ORDER, ORDER)
    assert (await client.hosting_orders.get("1")).state == "DRAFT"


async def test_tls_through_a_proxy(tls_service, make_client, tls_context):
    """A tunnel is asked for, and what is in it is the client's own TLS."""
    tls_service.on(*GET_ORDER, ORDER)
    tls_service.on(*CREATE, ORDER)
    async with Proxy(tls_service.port) as proxy:
        client = make_client(tls_service, proxy=proxy.url, ssl=tls_context)
        await client.hosting_orders.get("1")
        await create(client)
        await client.aclose()
    target = f"CONNECT 127.0.0.1:{tls_service.port}".encode()
    assert all(line.startswith(target) for line in proxy.asked)
    assert b"Bearer" not in b"".join(proxy.heads)


async def test_a_proxy_that_refuses_the_tunnel_never_sent(tls_service, make_client, tls_context):
    """The request did not leave; the proxy's password is not in the error."""
    async with Proxy(tls_service.port) as proxy:
        proxy.refuses = True
        url = proxy.url.replace("http://", "http://me:proxy-password@")
        client = make_client(tls_service, proxy=url, ssl=tls_context, auth="basic", retry=ONCE)
        with pytest.raises(TransportError, match="407") as caught:
            await create(client)
    assert caught.value.never_sent
    assert "proxy-password" not in str(caught.value)
    assert b"Proxy-Authorization: Basic" in proxy.heads[0]


async def test_a_proxy_that_is_away_never_sent(service, make_client):
    """No connection to the proxy is no connection."""
    client = make_client(proxy="http://me:proxy-password@127.0.0.1:9", auth="basic", retry=ONCE)
    with pytest.raises(TransportError) as caught:
        await create(client)
    assert caught.value.never_sent
    assert "proxy-password" not in str(caught.value) + repr(client)


# ------------------------------------------------------------------------------- TLS


@pytest.fixture
def tls_context(tls_files):
    """A context that trusts the test's own certificate."""
    return ssl.create_default_context(cafile=str(tls_files[0]))


@pytest.mark.parametrize("setting", ["context", "off", "fingerprint"])
async def test_ssl_settings_reach_aiohttp(
    tls_service, make_client, tls_files, tls_context, setting
):
    """A context, `False` and a fingerprint each accept the certificate, for tokens, too."""
    der = ssl.PEM_cert_to_DER_cert(tls_files[0].read_text())
    given = {
        "context": tls_context,
        "off": False,
        "fingerprint": aiohttp.Fingerprint(hashlib.sha256(der).digest()),
    }[setting]
    tls_service.on(*GET_ORDER, ORDER)
    tls_service.on(*CREATE, ORDER)
    client = make_client(tls_service, ssl=given)
    assert (await client.hosting_orders.get("1")).state == "DRAFT"
    assert (await create(client)).state == "DRAFT"


@pytest.mark.parametrize("given", [True, aiohttp.Fingerprint(bytes(32))], ids=["checks", "other"])
async def test_a_wrong_certificate_is_refused_before_anything_is_sent(
    tls_service, make_client, given
):
    """Neither the default checks nor another fingerprint let it through."""
    client = make_client(tls_service, ssl=given, auth="basic", retry=ONCE)
    with pytest.raises(TransportError) as caught:
        await create(client)
    assert caught.value.never_sent
    assert tls_service.requests == []


# ------------------------------------------------------------------ settings refused


UNUSABLE_ADDRESSES = [
    "https://example.com:99999",
    "https://example.com:port",
    "https://example.com:0",
    "https://example.com ",
    "https://example.com\n",
    "https://example.com\\path",
    "https://[::1",
    "https://[zz]",
    5,
    None,
]


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("inf")},
        {"timeout": True},
        {"max_concurrency": 0},
        {"max_concurrency": 2.5},
        {"requests_per_second": -1},
        {"requests_per_second": 0},
        {"requests_per_second": float("inf")},
        {"import_limit": 0},
        {"auth": "digest"},
        {"base_url": "example.com"},
        {"base_url": "ftp://example.com"},
        {"base_url": "https://me:pass@example.com"},
        {"auth_url": "/token"},
        {"auth_url": ""},
        {"project_id": "a/b"},
        {"project_id": ".."},
        *({name: url} for name in ("base_url", "auth_url") for url in UNUSABLE_ADDRESSES),
        {"base_url": "https://example.com?a=b"},
        {"base_url": "https://example.com/#part"},
        {"base_url": "https://example.com?"},
        {"session": "x"},
        {"session": aiohttp.ClientSession},
        {"retry": 5},
        {"retry": 0},
        {"poll": 5},
        {"poll": RetryPolicy()},
        {"trace_configs": [5]},
        {"trace_configs": 5},
        {"trace_configs": None},
        {"ssl": "x"},
        {"ssl": None},
        {"clock": 5},
        {"sleep": None},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(unused_settings, wrong):
    """`ConfigurationError` names the setting, when the client is made."""
    with pytest.raises(ConfigurationError) as caught:
        SinchHosting(**{**unused_settings, **wrong})
    assert next(iter(wrong)) in str(caught.value)


@pytest.mark.parametrize(
    "address", ["nonsense", "socks5://127.0.0.1:1", "http://me:pass@[::1", "http://", 5, ""]
)
def test_a_proxy_address_that_is_none_is_refused(unused_settings, address):
    """When the client is made, and without showing it: it may hold a password."""
    with pytest.raises(ConfigurationError, match="proxy: must be a whole") as caught:
        SinchHosting(**unused_settings, proxy=address)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("call", [read, create])
async def test_a_proxy_of_the_environment_that_is_none_is_an_error(
    service, make_client, monkeypatch, call
):
    """Nothing can have been sent through it, so a create is no unknown outcome."""
    monkeypatch.setenv("http_proxy", "nonsense-with-a-pass")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    client = make_client(trust_env=True, auth="basic", retry=ONCE)
    with pytest.raises(ConfigurationError, match="is no URL") as caught:
        await call(client)
    assert "pass" not in "".join(traceback.format_exception(caught.value))


async def test_what_aiohttp_refuses_is_an_error_of_this_package(service, make_client):
    """A lender's middleware that fails is the lender's mistake, and said as such."""

    async def broken(_request, _handler):
        raise RuntimeError("not today")

    async with aiohttp.ClientSession(middlewares=(broken,)) as session:
        with pytest.raises(UsageError, match="aiohttp refuses the request: not today"):
            await make_client(session=session).hosting_orders.get("1")


async def test_a_gate_that_opens_between_is_waited_for_again(service, clock, make_client):
    """Who waits for a pause that another 429 lengthens goes on waiting, or gives up."""
    clock.by_hand = True
    held = service.hold((429, {}, {"Retry-After": "500"}))
    service.on("GET", "/hostingOrders/2", held)
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "30"}), ORDER)
    client = make_client(auth="basic")
    late = asyncio.create_task(client.hosting_orders.get("2"))
    await held.arrived.wait()
    first = asyncio.create_task(client.hosting_orders.get("1"))
    await service.wait_for(lambda: clock.sleepers == 1)
    waits = asyncio.create_task(client.hosting_orders.get("1"))
    await service.wait_for(lambda: clock.sleepers == 2)
    held.release()
    with pytest.raises(RateLimited):
        await late
    await clock.advance(40)
    for task in (first, waits):
        with pytest.raises(RateLimited) as caught:
            await task
        assert caught.value.retry_after > 400
    assert len(service.requests) == 2


async def test_server_errors_say_what_the_service_said(service, make_client):
    """Both shapes of error body, and none at all."""
    service.on(*GET_ORDER, (500, {"code": "500", "message": "flat", "status": "INTERNAL"}))
    client = make_client(retry=ONCE)
    with pytest.raises(ServerError, match="INTERNAL: flat"):
        await client.hosting_orders.get("1")
    service.on(*GET_ORDER, (500, b""))
    with pytest.raises(ServerError, match="Internal Server Error"):
        await client.hosting_orders.get("1")


@pytest.mark.parametrize(
    "how",
    [
        b"Content-Length: 9\r\nContent-Encoding: gzip\r\n\r\nnot gzip!",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Content-Length: 99\r\n\r\n{",
        b"Content-Length: many\r\n\r\n{}",
    ],
    ids=["gzip", "chunks", "short", "length"],
)
@pytest.mark.parametrize(("call", "raised"), [(read, TransportError), (create, OutcomeUnknown)])
async def test_an_answer_that_breaks_off_is_told_from_none(make_client, how, call, raised):
    """Something came: who looks for the reason need not look at the connection."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + how)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = make_client(base_url=f"http://127.0.0.1:{port}", auth="basic", retry=ONCE)
        with pytest.raises(raised, match="the answer broke off or could not be read"):
            await call(client)
        await client.aclose()


async def test_no_answer_at_all_is_said_as_such(service, make_client):
    """The connection ended first."""
    service.on(*GET_ORDER, service.DROP)
    with pytest.raises(TransportError, match="failed before an answer came"):
        await read(make_client(retry=ONCE))
