"""Credentials: one token for all, renewed ahead of its end, and no failure that stays."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import copy
import itertools
import logging

import pytest
from multidict import CIMultiDict

from sinch_hosting import (
    AuthenticationFailed,
    ConfigurationError,
    DecodeError,
    OutcomeUnknown,
    RateLimited,
    RetryPolicy,
    ServerError,
    SinchHosting,
    TransportError,
    UsageError,
)
from sinch_hosting._session.auth import Basic, Secret, Token, TokenCache

ORDER = {"hostingOrderId": "1", "state": "DRAFT"}
EXPIRED = (401, {}, {"WWW-Authenticate": 'Bearer error="invalid_token", the token has Expired'})
IMPORT = {"region_code": "US", "service_plan_id": "plan"}
NUMBER = "+12025550134"


class Endpoint:
    """A token endpoint as the cache sees it: one function, counted, failing on demand."""

    def __init__(self, life: float = 1000.0) -> None:
        self.life = life
        self.asked = 0
        self.fails: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def __call__(self) -> Token:
        """The next token."""
        self.asked += 1
        name = f"t{self.asked}"
        await self.answers.wait()
        if self.fails is not None:
            raise self.fails
        return Token(value=name, expires_in=self.life)


@pytest.fixture
def endpoint():
    """A token endpoint."""
    return Endpoint()


@pytest.fixture
async def cache(endpoint, clock):
    """A cache in front of `endpoint`."""
    made = TokenCache(endpoint, clock)
    yield made
    await made.aclose()


# ------------------------------------------------------------------ the cache


async def test_a_fetch_belongs_to_nobodys_request(clock):
    """All share its token, so it is in the trace of none."""
    trace = contextvars.ContextVar("trace", default="none")
    seen = []

    async def fetch():
        seen.append(trace.get())
        return Token(value="t", expires_in=1000)

    cache = TokenCache(fetch, clock)
    trace.set("a web request")
    await cache.fetch()
    assert seen == ["none"]


async def test_one_fetch_however_many_ask(cache, endpoint):
    """A thousand tasks that ask in the same moment make one fetch, and all get its token."""
    endpoint.answers.clear()
    tasks = [asyncio.create_task(cache.fetch()) for _ in range(1000)]
    await asyncio.sleep(0)
    endpoint.answers.set()
    assert set(await asyncio.gather(*tasks)) == {"Bearer t1"}
    assert endpoint.asked == 1


async def test_a_cached_token_is_not_fetched_again(cache, endpoint, clock):
    """While a token is far from its end nothing is fetched, and nothing has to be awaited."""
    header = await cache.fetch()
    clock.now += 890
    assert cache.current() == header
    await asyncio.sleep(0)
    assert endpoint.asked == 1


async def test_renewal_ahead_of_expiry_stops_nobody(cache, endpoint, clock):
    """Near its end a token is renewed behind the scenes; who asks meanwhile gets the old one."""
    await cache.fetch()
    endpoint.answers.clear()
    clock.now += 901
    for _ in range(3):
        assert cache.current() == "Bearer t1"
        await asyncio.sleep(0)
    assert endpoint.asked == 2, "one renewal, however many ask during it"
    endpoint.answers.set()
    await asyncio.sleep(0.001)
    assert cache.current() == "Bearer t2"


async def test_an_expired_token_is_not_used(cache, endpoint, clock):
    """A token counts as expired a little before its end: a request takes time to arrive."""
    await cache.fetch()
    clock.now += 994.9
    assert cache.current() == "Bearer t1"
    await asyncio.sleep(0)
    endpoint.answers.clear()
    clock.now += 1000
    assert cache.current() is None
    endpoint.answers.set()
    assert await cache.fetch() != "Bearer t1"


async def test_a_failed_renewal_leaves_the_old_token(cache, endpoint, clock):
    """A renewal that fails while the token lives harms nobody, and is not repeated at once."""
    await cache.fetch()
    clock.now += 901
    endpoint.fails = TransportError("no", never_sent=True)
    assert cache.current() == "Bearer t1"
    await asyncio.sleep(0.001)
    for _ in range(5):
        assert cache.current() == "Bearer t1"
        await asyncio.sleep(0)
    assert endpoint.asked == 2, "the next call does not ask again at once"
    endpoint.fails = None
    clock.now += 5.1
    assert cache.current() == "Bearer t1"
    await asyncio.sleep(0.001)
    assert cache.current() == "Bearer t3"


async def test_a_failed_renewal_is_logged_and_not_left_unread(cache, endpoint, clock, caplog):
    """Nobody waits for a renewal ahead of time, so its failure is said in the log."""
    await cache.fetch()
    clock.now += 901
    endpoint.fails = TransportError("the endpoint is away", never_sent=True)
    cache.current()
    await asyncio.sleep(0.001)
    assert "could not fetch a token: the endpoint is away" in caplog.text


async def test_a_failed_fetch_whose_waiters_are_gone_is_logged(cache, endpoint, caplog):
    """Who asked was cancelled: the reason would be lost."""
    endpoint.fails = TransportError("the endpoint is away", never_sent=True)
    endpoint.answers.clear()
    waiter = asyncio.create_task(cache.fetch())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.sleep(0)
    endpoint.answers.set()
    await asyncio.sleep(0.001)
    assert "could not fetch a token: the endpoint is away" in caplog.text


async def test_a_failure_reaches_all_who_wait_and_does_not_stay(cache, endpoint, caplog):
    """Every waiter gets the reason, which is not logged, too; the next to ask tries anew."""
    endpoint.fails = TransportError("no", never_sent=True)
    endpoint.answers.clear()
    tasks = [asyncio.create_task(cache.fetch()) for _ in range(20)]
    await asyncio.sleep(0)
    endpoint.answers.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {TransportError}
    assert "could not fetch" not in caplog.text
    assert endpoint.asked == 1
    endpoint.fails = None
    assert await cache.fetch() == "Bearer t2"


async def test_one_callers_cancellation_leaves_the_others_fetch(cache, endpoint):
    """Who asked first is cancelled, and the fetch goes on for the others."""
    endpoint.answers.clear()
    first, second = (asyncio.create_task(cache.fetch()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    assert first.cancelled()
    endpoint.answers.set()
    assert await second == "Bearer t1"
    assert endpoint.asked == 1


async def test_invalidate_forgets_only_the_token_that_failed(cache, endpoint):
    """A late refusal of an old token does not throw the new one away."""
    old = await cache.fetch()
    assert cache.invalidate(old)
    assert cache.current() is None
    new = await cache.fetch()
    assert cache.invalidate(old)
    assert cache.current() == new
    assert endpoint.asked == 2


async def test_closing_ends_the_fetch(cache, endpoint):
    """`aclose` ends a fetch under way; who waits for it is told, and no task stays behind."""
    endpoint.answers.clear()
    waiter = asyncio.create_task(cache.fetch())
    await asyncio.sleep(0)
    await cache.aclose()
    with pytest.raises(UsageError, match="closed"):
        await waiter
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("life", [0.0, 0.5, 3.0, 60.0, 1e9])
async def test_any_life_makes_a_usable_token(cache, endpoint, clock, life):
    """However short a token lives, who fetches it gets it, and it is gone at its end."""
    endpoint.life = life
    assert await cache.fetch() == "Bearer t1"
    clock.now += life + 0.001
    assert cache.current() is None


async def test_a_short_life_keeps_most_of_it(cache, endpoint, clock):
    """The margins shrink with the life: a token of ten seconds serves for almost eight."""
    endpoint.life = 10.0
    await cache.fetch()
    clock.now += 7.9
    assert cache.current() == "Bearer t1"
    await asyncio.sleep(0.001)
    assert endpoint.asked == 1


def test_basic_never_has_to_be_fetched():
    """HTTP Basic is one header for ever: the id and the secret, and no second try on a 401."""
    basic = Basic("id", "sécret")
    assert basic.current() == "Basic " + base64.b64encode("id:sécret".encode()).decode()
    assert basic.invalidate(basic.current()) is False


async def test_basic_answers_and_closes_like_the_cache():
    """The session may treat Basic as it treats tokens."""
    basic = Basic("id", "secret")
    assert await basic.fetch() == basic.current()
    await basic.aclose()


def test_a_secret_shows_only_where_it_is_used():
    """A `Secret` is text to aiohttp, and stars to whoever dumps variables."""
    secret = Secret("hunter2")
    assert secret == "hunter2"
    assert "hunter2" not in repr(secret) + repr({"a": secret}) + repr(Token("hunter2", 1.0))


# ----------------------------------------------------------- through the client


async def test_a_thousand_first_calls_make_one_token_request(service, client):
    """A thousand concurrent first calls of a client ask the token endpoint once."""
    hold = service.hold({"access_token": "the-one", "expires_in": 3600})
    service.on_token(hold)
    service.on("GET", "/hostingOrders/1", ORDER)
    calls = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(1000)]
    await hold.arrived.wait()
    hold.release()
    await asyncio.gather(*calls)
    assert len(service.calls("POST", "/oauth2/token")) == 1
    assert {seen.token for seen in service.calls("GET", "/hostingOrders/1")} == {"the-one"}


async def test_the_token_request_is_as_the_endpoint_wants_it(service, client):
    """A form, with the key id and the secret as HTTP Basic."""
    service.on("GET", "/hostingOrders/1", ORDER)
    await client.hosting_orders.get("1")
    (seen,) = service.calls("POST", "/oauth2/token")
    assert seen.body == b"grant_type=client_credentials"
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    credentials = base64.b64decode(seen.headers["Authorization"].removeprefix("Basic "))
    assert credentials == b"key-id-1:key-secret-1-not-to-be-seen"


async def test_basic_asks_for_no_token(service, make_client):
    """With `auth="basic"` the credentials travel with each request, and 401 is final."""
    service.on("GET", "/hostingOrders/1", ORDER, EXPIRED)
    client = make_client(auth="basic")
    await client.hosting_orders.get("1")
    with pytest.raises(AuthenticationFailed):
        await client.hosting_orders.get("1")
    assert len(service.requests) == 2
    assert service.requests[0].headers["Authorization"].startswith("Basic ")


async def test_renewal_ahead_of_expiry_holds_up_no_call(service, clock, client, caplog):
    """Calls go on with the old token while the new one is being fetched."""
    caplog.set_level(logging.INFO)
    service.on("GET", "/hostingOrders/1", ORDER)
    await client.hosting_orders.get("1")
    hold = service.hold({"access_token": "second", "expires_in": 3600})
    service.on_token(hold)
    clock.now += 3400
    await client.hosting_orders.get("1")
    await hold.arrived.wait()
    await client.hosting_orders.get("1")
    hold.release()
    await service.wait_for(lambda: caplog.text.count("fetched a token") == 2)
    await client.hosting_orders.get("1")
    tokens = [seen.token for seen in service.calls("GET", "/hostingOrders/1")]
    assert tokens == ["token-1", "token-1", "token-1", "second"]


@pytest.mark.parametrize(
    "headers",
    [
        {"WWW-Authenticate": "Bearer error_description=the access token expired"},
        [("WWW-Authenticate", "Basic realm=sinch"), ("WWW-Authenticate", "Bearer expired")],
    ],
    ids=["one challenge", "the second of two challenges"],
)
async def test_an_expired_token_is_renewed_once_and_the_call_repeated(service, client, headers):
    """A 401 that says expired costs one renewal; the caller does not notice."""
    service.on("GET", "/hostingOrders/1", (401, {}, CIMultiDict(headers)), ORDER)
    assert (await client.hosting_orders.get("1")).state == "DRAFT"
    tokens = [seen.token for seen in service.calls("GET", "/hostingOrders/1")]
    assert tokens == ["token-1", "token-2"]


async def test_a_second_expired_is_the_end(service, clock, client):
    """A fresh token that is refused, too, is an error, not a loop."""
    service.on("GET", "/hostingOrders/1", EXPIRED)
    with pytest.raises(AuthenticationFailed):
        await client.hosting_orders.get("1")
    assert len(service.calls("GET", "/hostingOrders/1")) == 2
    assert service.tokens == 2
    assert clock.slept == []


async def test_another_401_is_not_repeated(service, client):
    """A 401 that does not say expired means wrong credentials: one request, no renewal."""
    service.on("GET", "/hostingOrders/1", (401, {}, {"WWW-Authenticate": "Bearer realm=x"}))
    with pytest.raises(AuthenticationFailed):
        await client.hosting_orders.get("1")
    assert len(service.calls("GET", "/hostingOrders/1")) == 1
    assert service.tokens == 1


async def test_many_refused_at_once_make_one_renewal(service, make_client):
    """Fifty calls whose token turns out to be expired renew it once."""

    def answer(seen):
        return EXPIRED if seen.token == "token-1" else ORDER

    service.on("GET", "/hostingOrders/1", answer)
    client = make_client()
    await asyncio.gather(*(client.hosting_orders.get("1") for _ in range(50)))
    assert service.tokens == 2


async def test_a_create_is_sent_again_after_expired(service, client):
    """Nothing was done when the token is refused, so even a create is sent once more."""
    service.on("POST", "/hostingOrders:importNumbers", EXPIRED, ORDER)
    order = await client.hosting_orders.import_numbers([NUMBER], **IMPORT)
    assert order.hosting_order_id == "1"
    assert len(service.calls("POST", "/hostingOrders:importNumbers")) == 2


async def test_a_voice_challenge_is_sent_again_after_expired(service, client):
    """The same for what is otherwise never sent twice: no phone has rung."""
    path = f"/qualifiedNumbers/{NUMBER}:sendVoiceChallenge"
    service.on("POST", path, EXPIRED, {"phoneNumber": NUMBER})
    assert (await client.qualified_numbers.send_voice_challenge(NUMBER)).phone_number == NUMBER
    assert [seen.token for seen in service.calls("POST", path)] == ["token-1", "token-2"]


async def test_a_failing_endpoint_fails_all_and_then_works_again(service, make_client):
    """Every waiter is told why there is no token; the next call, with the endpoint well, works."""
    hold = service.hold((500, {"message": "the endpoint is unwell"}))
    service.on_token(hold)
    service.on("GET", "/hostingOrders/1", ORDER)
    client = make_client(retry=RetryPolicy(max_tries=1))
    calls = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(30)]
    await hold.arrived.wait()
    hold.release()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {ServerError}
    assert all("the endpoint is unwell" in str(result) for result in results)
    assert len({id(result) for result in results}) == 30, "an error each, with its own traceback"
    assert len(service.requests) == 1
    service.on_token({"access_token": "well"})
    assert (await client.hosting_orders.get("1")).state == "DRAFT"


async def test_notes_on_one_callers_error_are_not_on_anothers(service, make_client):
    """The errors of one failed fetch are copies: a note on one is on no other."""
    service.on_token((401, {"error": "invalid_client"}))
    client = make_client()
    calls = (client.hosting_orders.get("1") for _ in range(3))
    first, *others = await asyncio.gather(*calls, return_exceptions=True)
    before = copy.copy(others[0].__notes__)
    first.add_note("mine")
    assert others[0].__notes__ == before


async def test_no_token_for_a_create_is_not_an_unknown_outcome(service, client):
    """Without a token nothing was sent: the endpoint's error comes, never `OutcomeUnknown`."""
    service.on_token(service.DROP)
    with pytest.raises(TransportError) as caught:
        await client.hosting_orders.import_numbers([NUMBER], **IMPORT)
    assert not isinstance(caught.value, OutcomeUnknown)
    assert {seen.path for seen in service.requests} == {"/oauth2/token"}


async def test_a_token_lost_between_the_sends_of_a_create_is_no_unknown_outcome(service, client):
    """The renewal after a 401 fails: the create was refused, so its outcome is known."""
    service.on_token({"access_token": "one"}, (403, {"message": "the key is revoked"}))
    service.on("POST", "/hostingOrders:importNumbers", EXPIRED)
    with pytest.raises(AuthenticationFailed, match="revoked"):
        await client.hosting_orders.import_numbers([NUMBER], **IMPORT)


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_wrong_credentials_say_what_to_check(service, client, status):
    """The endpoint's refusal is `AuthenticationFailed`, names the variables, and is final."""
    body = {"error": "invalid_client", "error_description": "no such key"}
    service.on_token((status, body))
    with pytest.raises(AuthenticationFailed, match="invalid_client: no such key") as caught:
        await client.hosting_orders.get("1")
    assert "SINCH_KEY_SECRET" in caught.value.__notes__[0]
    assert len(service.requests) == 1


async def test_the_token_request_is_retried(service, clock, client):
    """Fetching a token is safe to repeat: lost answers and 5xx do not reach the caller."""
    good = {"access_token": "good", "expires_in": "3600"}
    service.on_token(service.DROP, 503, b"<html>", service.cut(good), good)
    service.on("GET", "/hostingOrders/1", ORDER)
    assert (await client.hosting_orders.get("1")).state == "DRAFT"
    assert len(clock.slept) == 4


async def test_a_429_of_the_token_endpoint_is_waited_for(service, clock, client):
    """Its `Retry-After` is a floor like the API's."""
    service.on_token((429, {}, {"Retry-After": "7"}), {"access_token": "good"})
    service.on("GET", "/hostingOrders/1", ORDER)
    await client.hosting_orders.get("1")
    assert clock.slept[0] >= 7.0


async def test_a_429_of_the_token_endpoint_can_be_too_long(service, clock, client):
    """Longer than the policy allows: `RateLimited` at once, and again without a request."""
    service.on_token((429, {}, {"Retry-After": "600"}))
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await client.hosting_orders.get("1")
        assert caught.value.retry_after == pytest.approx(600, abs=1)
    assert len(service.requests) == 1
    assert clock.slept == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": ""},
        {"access_token": "two\nlines"},
        {"access_token": "umläut"},
        {"access_token": 5},
        [],
    ],
    ids=str,
)
async def test_an_answer_without_a_usable_token_is_an_error(service, client, answer):
    """What could not be sent in a header is refused as it comes, and not shown."""
    service.on_token((200, answer))
    with pytest.raises(DecodeError) as caught:
        await client.hosting_orders.get("1")
    assert "umläut" not in str(caught.value) + caught.value.body
    assert len(service.requests) == 1


@pytest.mark.parametrize("life", [None, "3600", 3600, 3600.5, "soon"], ids=str)
async def test_the_life_of_a_token_may_be_spelled_in_ways(service, clock, client, life):
    """A number, text, or nothing readable, which counts as the documented hour."""
    service.on_token({"access_token": "one", "expires_in": life}, {"access_token": "two"})
    service.on("GET", "/hostingOrders/1", ORDER)
    await client.hosting_orders.get("1")
    clock.now += 3000
    await client.hosting_orders.get("1")
    clock.now += 3700
    await client.hosting_orders.get("1")
    tokens = [seen.token for seen in service.calls("GET", "/hostingOrders/1")]
    assert tokens == ["one", "one", "two"]


async def test_a_cancelled_first_call_leaves_the_token_for_the_others(service, make_client):
    """Cancelling the call that started the fetch does not cancel the fetch."""
    hold = service.hold({"access_token": "kept"})
    service.on_token(hold)
    service.on("GET", "/hostingOrders/1", ORDER)
    client = make_client(max_concurrency=2)
    first, second = (asyncio.create_task(client.hosting_orders.get("1")) for _ in range(2))
    await hold.arrived.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    hold.release()
    assert (await second).state == "DRAFT"
    assert len(service.calls("POST", "/oauth2/token")) == 1


async def test_a_renewal_is_logged_without_the_token(service, client, caplog):
    """The log says that a token was fetched and for how long, and not which."""
    caplog.set_level(logging.DEBUG)
    service.on("GET", "/hostingOrders/1", ORDER)
    await client.hosting_orders.get("1")
    assert "fetched a token, valid for 3600 s" in caplog.text
    assert "token-1" not in caplog.text


@pytest.mark.parametrize(
    "life", ["9" * 400, "NaN", "Infinity", "-Infinity", "-1", "1e300", '"soon"', '"nan"']
)
async def test_a_life_that_makes_no_sense_is_unknown(service, client, clock, life):
    """The token serves as long as the service documents, and is renewed then."""
    service.on_token(b'{"access_token": "first", "expires_in": %s}' % life.encode(), 500)
    service.on("GET", "/hostingOrders/1", ORDER)
    for _ in range(3):
        await client.hosting_orders.get("1")
        clock.now += 1000
    assert len(service.calls("POST", "/oauth2/token")) == 1
    clock.now += 1000
    with pytest.raises(ServerError):
        await client.hosting_orders.get("1")


# ------------------------------------------------------------ missing credentials

NAMES = {
    "project_id": "SINCH_PROJECT_ID",
    "key_id": "SINCH_KEY_ID",
    "key_secret": "SINCH_KEY_SECRET",
}
MISSING = [
    names for size in range(1, 4) for names in itertools.combinations(NAMES, size)
]  # every way to forget some of them


@pytest.fixture
def environment(monkeypatch):
    """Sets the variables of a whole account, and no others."""
    for name, variable in NAMES.items():
        monkeypatch.setenv(variable, f"{name}-value")
    for variable in ("SINCH_HOSTING_BASE_URL", "SINCH_HOSTING_AUTH_URL"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


@pytest.mark.parametrize("missing", MISSING, ids="-".join)
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_missing_variables_are_named(environment, missing, how):
    """`from_env` names every variable that is missing, and none that is there."""
    for name in missing:
        if how == "unset":
            environment.delenv(NAMES[name])
        else:
            environment.setenv(NAMES[name], "")
    with pytest.raises(ConfigurationError) as caught:
        SinchHosting.from_env()
    for name, variable in NAMES.items():
        assert (variable in str(caught.value)) == (name in missing)


@pytest.mark.parametrize("missing", MISSING, ids="-".join)
@pytest.mark.parametrize("value", ["", None])
def test_missing_arguments_name_the_variables(missing, value):
    """So does the class itself, for an empty argument and for `None`."""
    given = {name: f"{name}-value" for name in NAMES}
    given.update(dict.fromkeys(missing, value))
    with pytest.raises(ConfigurationError) as caught:
        SinchHosting(**given)
    for name, variable in NAMES.items():
        assert (variable in str(caught.value)) == (name in missing)


async def test_from_env_reads_all_five_and_overrides_win(environment, service):
    """Credentials and both addresses come from the environment; an argument beats a variable."""
    environment.setenv("SINCH_PROJECT_ID", "project-1")
    environment.setenv("SINCH_KEY_ID", "wrong")
    environment.setenv("SINCH_HOSTING_BASE_URL", service.base_url + "/")
    environment.setenv("SINCH_HOSTING_AUTH_URL", service.auth_url)
    service.on("GET", "/hostingOrders/1", ORDER)
    async with SinchHosting.from_env(key_id="right") as client:
        await client.hosting_orders.get("1")
    (asked, _) = service.requests
    credentials = base64.b64decode(asked.headers["Authorization"].removeprefix("Basic "))
    assert credentials == b"right:key_secret-value"


def test_an_override_makes_up_for_a_missing_variable(environment):
    """What is passed need not be in the environment."""
    environment.delenv("SINCH_KEY_SECRET")
    assert "project_id-value" in repr(SinchHosting.from_env(key_secret="passed"))
