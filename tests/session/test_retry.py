"""When a request is sent again, how long before, and when it must not be."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest

from sinch_hosting import (
    ApiError,
    BadRequest,
    Conflict,
    DecodeError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RetryPolicy,
    ServerError,
    SinchHostingError,
    TransportError,
)
from sinch_hosting._session.operations import OPERATIONS, SENT_AGAIN_AFTER, Failure, Retryability
from sinch_hosting._session.retry import (
    RateLimitPause,
    Retries,
    exponential,
    failure_of,
    full_jitter,
)

from ..letters import DIRECT

NUMBER = "+12025550134"
ORDER = {"hostingOrderId": "1", "state": "DRAFT"}
GET_ORDER = ("GET", "/hostingOrders/1")
PLAN = {"region_code": "US", "service_plan_id": "plan"}


async def first_page(pages):
    """Read the first page of a list."""
    return await anext(aiter(pages.pages()))


# How to call each of the 23 operations, and the request that it makes.
CALLS = {
    "ListImportedNumbers": (
        "GET",
        "/importedNumbers",
        lambda c: first_page(c.imported_numbers.list(service_plan_id="p", campaign_id="c")),
    ),
    "ImportNumber": (
        "POST",
        "/importedNumbers",
        lambda c: c.imported_numbers.import_number(NUMBER, **PLAN),
    ),
    "GetImportedNumber": (
        "GET",
        f"/importedNumbers/{NUMBER}",
        lambda c: c.imported_numbers.get(NUMBER),
    ),
    "UpdateImportedNumber": (
        "PATCH",
        f"/importedNumbers/{NUMBER}",
        lambda c: c.imported_numbers.update(NUMBER, display_name="x"),
    ),
    "DeleteImportedNumber": (
        "DELETE",
        f"/importedNumbers/{NUMBER}",
        lambda c: c.imported_numbers.delete(NUMBER),
    ),
    "ListHostingOrders": (
        "GET",
        "/hostingOrders",
        lambda c: first_page(
            c.hosting_orders.list(
                states="DRAFT", type="IMPORT", service_plan_id="p", campaign_id="c"
            )
        ),
    ),
    "GetHostingOrder": (*GET_ORDER, lambda c: c.hosting_orders.get("1")),
    "GetHostingOrderReport": (
        "GET",
        "/hostingOrders/1/report",
        lambda c: c.hosting_orders.report("1"),
    ),
    "ListHostingOrderNumbers": (
        "GET",
        "/hostingOrders/1/numbers",
        lambda c: first_page(c.hosting_orders.numbers("1")),
    ),
    "GetHostingOrderNumber": (
        "GET",
        f"/hostingOrders/1/numbers/{NUMBER}",
        lambda c: c.hosting_orders.number("1", NUMBER),
    ),
    "ImportNumbers": (
        "POST",
        "/hostingOrders:importNumbers",
        lambda c: c.hosting_orders.import_numbers([NUMBER], **PLAN),
    ),
    "TextEnableHostingOrderNumbers": (
        "POST",
        "/hostingOrders:textEnableNumbers",
        lambda c: c.hosting_orders.text_enable([NUMBER], loa=DIRECT, **PLAN),
    ),
    "TextEnableTollFreeHostingOrderNumbers": (
        "POST",
        "/hostingOrders:textEnableTollFreeNumbers",
        lambda c: c.hosting_orders.text_enable_toll_free([NUMBER], loa=DIRECT, **PLAN),
    ),
    "GetCallbackConfiguration": (
        "GET",
        "/callbackConfiguration",
        lambda c: c.callback_configuration.get(),
    ),
    "UpdateCallbackConfiguration": (
        "PATCH",
        "/callbackConfiguration",
        lambda c: c.callback_configuration.update(hmac_secret="new"),
    ),
    "ListQualifiedNumbers": (
        "GET",
        "/qualifiedNumbers",
        lambda c: first_page(c.qualified_numbers.list(states="ELIGIBLE")),
    ),
    "GetQualifiedNumber": (
        "GET",
        f"/qualifiedNumbers/{NUMBER}",
        lambda c: c.qualified_numbers.get(NUMBER),
    ),
    "DeleteQualifiedNumber": (
        "DELETE",
        f"/qualifiedNumbers/{NUMBER}",
        lambda c: c.qualified_numbers.delete(NUMBER),
    ),
    "AddQualifiedNumbers": (
        "POST",
        "/qualifiedNumbers:addNumbers",
        lambda c: c.qualified_numbers.add([NUMBER]),
    ),
    "TextEnableQualifiedNumbers": (
        "POST",
        "/qualifiedNumbers:textEnableNumbers",
        lambda c: c.qualified_numbers.text_enable([NUMBER], loa=DIRECT, **PLAN),
    ),
    "TextEnableTollFreeQualifiedNumbers": (
        "POST",
        "/qualifiedNumbers:textEnableTollFreeNumbers",
        lambda c: c.qualified_numbers.text_enable_toll_free([NUMBER], loa=DIRECT, **PLAN),
    ),
    "VerifyVoiceChallenge": (
        "POST",
        f"/qualifiedNumbers/{NUMBER}:verifyVoiceChallenge",
        lambda c: c.qualified_numbers.verify_voice_challenge(NUMBER, "1234"),
    ),
    "SendVoiceChallenge": (
        "POST",
        f"/qualifiedNumbers/{NUMBER}:sendVoiceChallenge",
        lambda c: c.qualified_numbers.send_voice_challenge(NUMBER),
    ),
}
REPEATED = [
    name for name, op in OPERATIONS.items() if op.kind in (Retryability.READ, Retryability.SAFE)
]
CREATES = [name for name, op in OPERATIONS.items() if op.kind is Retryability.CREATE]
# The creates that are not settled by looking the numbers up.
ORDERS = [name for name in CREATES if name not in ("ImportNumber", "AddQualifiedNumbers")]
VOICE = ["SendVoiceChallenge", "VerifyVoiceChallenge"]
ALL = [*REPEATED, *CREATES, *VOICE]
# With a field of each answer: an object that has none of them is no answer.
GOOD = {"hostingOrderId": "1", "phoneNumber": NUMBER, "totalSize": 0, "total": 0, "hmacSecret": "s"}
GOOD["qualifiedNumbers"] = []

LOST = {
    "500": lambda s: 500,
    "502": lambda s: 502,
    "503": lambda s: 503,
    "504": lambda s: 504,
    "dropped": lambda s: s.DROP,
    "cut": lambda s: s.cut(GOOD),
    "no JSON": lambda s: b"<html>gateway</html>",
    "empty": lambda s: b"",
}


# A delete may answer anything, so a body that is no JSON takes nothing from it.
LOST_TO_REPEATED = [
    (name, lost)
    for name in REPEATED
    for lost in LOST
    if not (name.startswith("Delete") and lost in ("no JSON", "empty"))
]


def test_the_table_is_the_rule():
    """23 operations; nothing but 429 and a connection that never opened repeats a create."""
    assert set(CALLS) == set(OPERATIONS)
    assert len(OPERATIONS) == 23
    assert SENT_AGAIN_AFTER[Retryability.CREATE] == {Failure.NEVER_SENT, Failure.TOO_MANY}
    assert SENT_AGAIN_AFTER[Retryability.NEVER] == frozenset()
    assert [n for n, op in OPERATIONS.items() if op.kind is Retryability.NEVER] == VOICE[::-1]
    for name, operation in OPERATIONS.items():
        assert (operation.method == "POST") == (name in CREATES + VOICE)


# -------------------------------------------------------------- lost answers


@pytest.mark.parametrize(("name", "lost"), LOST_TO_REPEATED)
async def test_reads_and_safe_ones_are_retried(service, clock, client, name, lost):
    """A lost answer to a read, a delete or an update is made up for by a second request."""
    method, path, call = CALLS[name]
    service.on(method, path, LOST[lost](service), GOOD)
    await call(client)
    assert len(service.calls(method, path)) == 2
    # On a pooled connection aiohttp itself sends a GET or a DELETE again, without a pause.
    by_aiohttp = lost == "dropped" and method != "PATCH"
    assert len(clock.slept) == (0 if by_aiohttp else 1)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", ORDERS)
async def test_a_create_is_never_repeated_after_a_lost_answer(service, clock, client, name, lost):
    """One request reaches the service, and the caller hears that the outcome is unknown."""
    method, path, call = CALLS[name]
    service.on(method, path, LOST[lost](service))
    with pytest.raises(OutcomeUnknown) as caught:
        await call(client)
    assert len(service.calls(method, path)) == 1
    assert clock.slept == []
    assert caught.value.operation == name
    assert isinstance(caught.value.__cause__, (ServerError, TransportError, DecodeError))


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("answer", [[], {"hostingOrderId": 5}, None, "text"], ids=str)
async def test_a_create_whose_answer_does_not_fit_is_unknown(service, client, name, answer):
    """JSON that is not what was expected is a lost answer, too; the cause is kept."""
    method, path, call = CALLS[name]
    service.on(method, path, (200, answer))
    with pytest.raises(OutcomeUnknown) as caught:
        await call(client)
    assert isinstance(caught.value.__cause__, DecodeError)
    assert len(service.calls(method, path)) == 1


@pytest.mark.parametrize("name", ORDERS)
async def test_an_order_without_an_id_is_unknown(service, client, name):
    """A 2xx answer that names no order leaves open whether there is one."""
    method, path, call = CALLS[name]
    service.on(method, path, {})
    with pytest.raises(OutcomeUnknown) as caught:
        await call(client)
    assert caught.value.__cause__.path == "hostingOrderId"


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", VOICE)
async def test_a_lost_voice_challenge_is_unknown(service, clock, client, name, lost):
    """The phone may have rung: it does not ring twice."""
    method, path, call = CALLS[name]
    service.on(method, path, LOST[lost](service))
    with pytest.raises(OutcomeUnknown):
        await call(client)
    assert len(service.calls(method, path)) == 1
    assert clock.slept == []


@pytest.mark.parametrize("name", VOICE)
async def test_a_voice_challenge_is_not_repeated_after_429(service, clock, client, name):
    """Not even where nothing was done: the caller decides about ringing again."""
    method, path, call = CALLS[name]
    service.on(method, path, (429, {}, {"Retry-After": "1"}))
    with pytest.raises(RateLimited) as caught:
        await call(client)
    assert caught.value.retry_after == 1.0
    assert len(service.calls(method, path)) == 1
    assert clock.slept == []


@pytest.mark.parametrize("name", [*CREATES, *REPEATED])
async def test_all_others_are_repeated_after_429(service, clock, client, name):
    """429 is refused before anything is done, so creates are sent again, too."""
    method, path, call = CALLS[name]
    if name == "TextEnableQualifiedNumbers":
        service.on(*GET_ORDER, ORDER)
    service.on(method, path, (429, {}, {"Retry-After": "3"}), GOOD)
    await call(client)
    assert len(service.calls(method, path)) == 2
    assert len(clock.slept) == 1
    assert clock.slept[0] >= 3.0


@pytest.mark.parametrize("name", CREATES)
async def test_a_create_is_repeated_where_no_connection_opened(
    deaf_service, clock, make_client, name
):
    """The service was not there to see the first tries; exactly one request is seen."""
    method, path, call = CALLS[name]
    if name == "TextEnableQualifiedNumbers":
        deaf_service.on(*GET_ORDER, ORDER)
    deaf_service.on(method, path, GOOD)
    client = make_client(deaf_service, auth="basic")
    attempt = asyncio.create_task(call(client))
    clock.by_hand = True
    while len(clock.slept) < 3:
        await asyncio.sleep(0.001)
        if len(clock.slept) < 3:
            await clock.advance(10)
    await deaf_service.start()
    await clock.advance(10)
    await attempt
    assert len(deaf_service.calls(method, path)) == 1


@pytest.mark.parametrize("name", ALL)
async def test_a_connection_that_never_opens_says_so(deaf_service, clock, make_client, name):
    """`TransportError` with `never_sent`, for creates and voice challenges as well."""
    _, _, call = CALLS[name]
    client = make_client(deaf_service, auth="basic", retry=RetryPolicy(max_tries=3))
    with pytest.raises(TransportError, match="could not connect") as caught:
        await call(client)
    assert caught.value.never_sent
    assert len(clock.slept) == (0 if name in VOICE else 2)


REFUSALS = [400, 401, 403, 404, 405, 409, 413, 415, 422]
OPEN = [300, 302, 308, 402, 406, 408, 410, 418, 423, 425, 499, 500, 501, 502, 504, 520, 599]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *(("ImportNumbers", status) for status in REFUSALS),
        *((n, s) for n in ("GetHostingOrder", "UpdateImportedNumber") for s in (*REFUSALS, 302)),
    ],
)
async def test_a_refusal_is_final(service, clock, client, name, status):
    """4xx and redirects are not repeated; the service's own no is no unknown outcome."""
    method, path, call = CALLS[name]
    service.on(method, path, (status, {"message": "because"}, {"Location": "/elsewhere"}))
    with pytest.raises(SinchHostingError, match=str(status)) as caught:
        await call(client)
    assert caught.value.status_code == status
    assert len(service.requests) == 2
    assert clock.slept == []


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize("name", ORDERS)
async def test_only_the_services_own_no_proves_that_nothing_was_done(service, client, name, status):
    """Every other status leaves a create open, and it is not sent again."""
    method, path, call = CALLS[name]
    service.on(method, path, (status, {"code": str(status), "message": "because"}))
    with pytest.raises(OutcomeUnknown) as caught:
        await call(client)
    assert caught.value.__cause__.status_code == status
    assert len(service.calls(method, path)) == 1


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize(
    "body",
    [b"<html>no</html>", b'{"code": "400", "mess', b"", b"{}", b"[]", b"null", b'"no"'],
    ids=str,
)
async def test_a_no_that_the_service_did_not_write_leaves_a_create_open(
    service, client, status, body
):
    """A proxy's page or half a body may stand for anything; a read takes the status for it."""
    method, path, call = CALLS["ImportNumbers"]
    service.on(method, path, (status, body))
    service.on(*GET_ORDER, (status, body))
    with pytest.raises(OutcomeUnknown) as caught:
        await call(client)
    assert caught.value.__cause__.status_code == status
    with pytest.raises(ApiError) as refused:
        await client.hosting_orders.get("1")
    assert refused.value.status_code == status


@pytest.mark.parametrize("word", ["ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL"])
@pytest.mark.parametrize("shape", ["flat", "nested"])
async def test_a_no_that_broke_off_leaves_a_create_open(service, client, word, shape):
    """409 ABORTED is no word about what was there before."""
    said = {"code": "409", "message": "broke off", "status": word}
    method, path, call = CALLS["ImportNumbers"]
    service.on(method, path, (409, said if shape == "flat" else {"error": said}))
    with pytest.raises(OutcomeUnknown):
        await call(client)


@pytest.mark.parametrize("body", [b"<html>slow down</html>", b"", b"{}"], ids=str)
async def test_a_429_did_nothing_whoever_wrote_it(service, client, body):
    """Who limits a rate does so before anything is done: the create is sent again."""
    method, path, call = CALLS["ImportNumbers"]
    service.on(method, path, (429, body, {"Retry-After": "1"}), ORDER)
    assert (await call(client)).hosting_order_id
    assert len(service.calls(method, path)) == 2


@pytest.mark.parametrize("status", [501, 505, 507])
async def test_other_5xx_are_final_for_reads(service, clock, client, status):
    """Statuses that do not pass by themselves are not worth a second request."""
    service.on(*GET_ORDER, status)
    with pytest.raises(ServerError):
        await client.hosting_orders.get("1")
    assert clock.slept == []


async def test_any_5xx_leaves_a_create_unknown(service, client):
    """Even a 501: who answers it is not known to be the one who acts."""
    service.on("POST", "/hostingOrders:importNumbers", 501)
    with pytest.raises(OutcomeUnknown):
        await client.hosting_orders.import_numbers([NUMBER], **PLAN)


async def test_json_that_does_not_fit_is_final_for_reads(service, clock, client):
    """A `DecodeError` at once: the same JSON would come again."""
    service.on(*GET_ORDER, {"hostingOrderId": []})
    with pytest.raises(DecodeError) as caught:
        await client.hosting_orders.get("1")
    assert caught.value.path == "hostingOrderId"
    assert clock.slept == []


async def test_a_409_after_a_429_is_a_conflict(service, client):
    """A 429 did nothing, so the 409 that follows is somebody else's number."""
    taken = (409, {"code": "409", "message": "it is there"})
    service.on("POST", "/importedNumbers", (429, {}, {"Retry-After": "1"}), taken)
    with pytest.raises(Conflict) as caught:
        await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert not caught.value.after_lost_answer


# --------------------------------------------------------- deletes and patches

DELETES = ["DeleteImportedNumber", "DeleteQualifiedNumber"]


@pytest.mark.parametrize("lost", ["500", "dropped", "cut"])
@pytest.mark.parametrize("name", DELETES)
async def test_a_delete_retried_into_a_404_has_succeeded(service, client, name, lost):
    """The first try did it, and its answer was lost."""
    method, path, call = CALLS[name]
    service.on(method, path, LOST[lost](service), 404)
    assert await call(client) is None
    assert len(service.calls(method, path)) == 2


@pytest.mark.parametrize("name", DELETES)
async def test_a_delete_that_aiohttp_sends_again_by_itself_has_succeeded(service, client, name):
    """On a pooled connection aiohttp repeats a delete unasked: its 404 is a success, too."""
    method, path, call = CALLS[name]
    service.on(*GET_ORDER, ORDER)
    await client.hosting_orders.get("1")  # opens the connection that the delete will meet

    def act(seen):
        return service.DROP if len(service.calls(method, path)) == 1 else 404

    service.on(method, path, act)
    assert await call(client) is None
    first, second = service.calls(method, path)
    assert first.nth_on_connection > 1
    assert second.connection != first.connection


@pytest.mark.parametrize("name", DELETES)
async def test_a_borrowed_session_keeps_its_middlewares_in_a_delete(service, make_client, name):
    """The same with a borrowed session, whose own middlewares still see the request."""
    method, path, call = CALLS[name]
    met = []

    async def lenders(request, handler):
        met.append(request.method)
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=(lenders,)) as session:
        client = make_client(session=session)
        service.on(*GET_ORDER, ORDER)
        await client.hosting_orders.get("1")
        service.on(method, path, service.DROP, 404)
        assert await call(client) is None
    assert met == ["POST", "GET", "DELETE", "DELETE"]


@pytest.mark.parametrize("name", DELETES)
@pytest.mark.parametrize("before", [[], [(429, {}, {"Retry-After": "1"})], ["expired"]], ids=str)
async def test_a_delete_of_nothing_is_not_found(service, client, name, before):
    """A 404 at first is the truth; so it is after a refusal, which did nothing."""
    method, path, call = CALLS[name]
    expired = (401, {}, {"WWW-Authenticate": "expired"})
    service.on(method, path, *(expired if b == "expired" else b for b in before), 404)
    with pytest.raises(NotFound):
        await call(client)


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b"null", b"gone", b"\xff"], ids=repr)
async def test_a_delete_may_answer_anything(service, client, answer):
    """An empty body, `{}`, JSON or none: a 2xx is a success."""
    service.on("DELETE", f"/importedNumbers/{NUMBER}", answer)
    assert await client.imported_numbers.delete(NUMBER) is None


async def test_a_delete_that_stays_lost_is_a_transport_error(service, clock, client):
    """All tries lost: nobody can say that it succeeded."""
    service.on("DELETE", f"/importedNumbers/{NUMBER}", service.DROP)
    with pytest.raises(TransportError) as caught:
        await client.imported_numbers.delete(NUMBER)
    assert not caught.value.never_sent
    assert len(clock.slept) == 4


# ------------------------------------------------------------------ Retry-After


def http_date(seconds):
    """A date so many seconds from a fixed one."""
    return format_datetime(
        datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds), usegmt=True
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "20"},
        {"Retry-After": http_date(20), "Date": http_date(0)},
    ],
    ids=["seconds", "date"],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_an_exact_floor(service, clock, client, headers, status):
    """Never a moment less; the jitter comes on top, and so differs."""
    for _ in range(20):
        service.on(*GET_ORDER, (status, {}, headers), ORDER)
        await client.hosting_orders.get("1")
    assert len(clock.slept) == 20
    assert min(clock.slept) >= 20.0
    assert max(clock.slept) <= 20.0 + 0.5
    assert len(set(clock.slept)) > 10


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "61"}, {"Retry-After": http_date(61), "Date": http_date(0)}],
    ids=["seconds", "date"],
)
@pytest.mark.parametrize("name", ["GetHostingOrder", "ImportNumbers"])
async def test_a_longer_retry_after_than_allowed_is_raised_at_once(
    service, clock, client, headers, name
):
    """`RateLimited` with `retry_after`, after one request and no waiting."""
    method, path, call = CALLS[name]
    service.on(method, path, (429, {"message": "slow down"}, headers))
    with pytest.raises(RateLimited, match="slow down") as caught:
        await call(client)
    assert caught.value.retry_after == 61.0
    assert len(service.calls(method, path)) == 1
    assert clock.slept == []


async def test_a_retry_after_as_long_as_allowed_is_waited_for(service, clock, client):
    """The policy's maximum itself is no reason to give up."""
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "60"}), ORDER)
    await client.hosting_orders.get("1")
    assert clock.slept[0] >= 60.0


async def test_a_503_with_a_long_retry_after_is_raised_at_once(service, clock, client):
    """The floor holds for any answer that names one."""
    service.on(*GET_ORDER, (503, {}, {"Retry-After": "3600"}))
    with pytest.raises(ServerError) as caught:
        await client.hosting_orders.get("1")
    assert caught.value.retry_after == 3600.0
    assert clock.slept == []


@pytest.mark.parametrize("value", ["soon", "-5", "", "1e3", "٣", "Mon, 99 Foo"])
async def test_an_unreadable_retry_after_is_none(service, clock, client, value):
    """Nonsense in the header counts as no header: the pause is the policy's."""
    service.on(*GET_ORDER, (429, {}, {"Retry-After": value}), ORDER)
    await client.hosting_orders.get("1")
    assert 0 <= clock.slept[0] <= 1.0


async def test_a_date_in_the_past_is_no_floor(service, clock, client):
    """It is over already; the pause is the policy's."""
    past = {"Retry-After": http_date(-100), "Date": http_date(0)}
    service.on(*GET_ORDER, (503, {}, past), ORDER)
    await client.hosting_orders.get("1")
    assert clock.slept[0] <= 0.5


# --------------------------------------------------------------- the whole client


async def test_one_429_pauses_the_whole_client(service, clock, client):
    """Who did not meet the 429 waits as well, and nobody sends before its time is over."""
    clock.by_hand = True
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "30"}), ORDER)
    service.on("GET", "/hostingOrders/2", ORDER)
    met = asyncio.create_task(client.hosting_orders.get("1"))
    await service.wait_for(lambda: clock.sleepers == 1)
    others = [asyncio.create_task(client.hosting_orders.get("2")) for _ in range(10)]
    await service.wait_for(lambda: clock.sleepers == 11)
    await clock.advance(29.9)
    await asyncio.sleep(0.005)
    assert len(service.requests) == 2, "the token and the request that met the 429"
    await clock.advance(2)
    await asyncio.gather(met, *others)
    assert len(service.requests) == 13


async def test_the_paused_leave_one_after_the_other(service, clock, client):
    """Jitter on top of the pause: those who waited do not all leave in the same instant."""
    clock.by_hand = True
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "30"}), ORDER)
    met = asyncio.create_task(client.hosting_orders.get("1"))
    await service.wait_for(lambda: clock.sleepers == 1)
    others = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(10)]
    await service.wait_for(lambda: clock.sleepers == 11)
    assert len(set(clock.slept)) == 11
    assert min(clock.slept) >= 30.0
    await clock.advance(40)
    await asyncio.gather(met, *others)


async def test_a_pause_that_is_too_long_is_raised_to_all(service, clock, client):
    """While a long pause lasts every call is `RateLimited` at once, and nothing is sent."""
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "600"}), ORDER)
    with pytest.raises(RateLimited):
        await client.hosting_orders.get("1")
    clock.now += 100
    with pytest.raises(RateLimited, match=r"not sent") as caught:
        await client.hosting_orders.import_numbers([NUMBER], **PLAN)
    assert caught.value.retry_after == pytest.approx(500)
    assert len(service.requests) == 2
    clock.now += 501
    assert (await client.hosting_orders.get("1")).hosting_order_id == "1"


async def test_a_429_without_a_time_pauses_the_client_too(service, clock, client):
    """Without `Retry-After` the pause is the policy's next interval."""
    clock.by_hand = True
    service.on(*GET_ORDER, 429, ORDER)
    met = asyncio.create_task(client.hosting_orders.get("1"))
    await service.wait_for(lambda: clock.sleepers == 1)
    other = asyncio.create_task(client.hosting_orders.get("1"))
    await service.wait_for(lambda: clock.sleepers == 2)
    await clock.advance(0.49)
    await asyncio.sleep(0.003)
    assert len(service.requests) == 2
    await clock.advance(2)
    await asyncio.gather(met, other)


async def test_a_later_429_only_lengthens_the_pause(service, clock, client):
    """A shorter `Retry-After` that comes in meanwhile does not open the gate early."""
    clock.by_hand = True
    held = service.hold((429, {}, {"Retry-After": "5"}))
    service.on("GET", "/hostingOrders/2", held, ORDER)
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "50"}), ORDER)
    late = asyncio.create_task(client.hosting_orders.get("2"))
    await held.arrived.wait()
    first = asyncio.create_task(client.hosting_orders.get("1"))
    await service.wait_for(lambda: clock.sleepers == 1)
    held.release()
    await service.wait_for(lambda: clock.sleepers == 2)
    await clock.advance(20)
    await service.wait_for(lambda: clock.sleepers == 2)
    assert len(service.requests) == 3
    await clock.advance(60)
    await asyncio.gather(late, first)


async def test_a_pause_is_logged_once(service, clock, client, caplog):
    """Ten requests under way that all meet the 429 say it once."""
    caplog.set_level(logging.INFO, "sinch_hosting")
    held = service.hold((429, {}, {"Retry-After": "30"}))
    service.on(*GET_ORDER, *[held] * 10, ORDER)
    calls = [asyncio.create_task(client.hosting_orders.get("1")) for _ in range(10)]
    await service.wait_for(lambda: held.waiting == 10)
    held.release()
    await asyncio.gather(*calls)
    assert caplog.text.count("the client pauses for 30 s") == 1


# ----------------------------------------------------------------------- limits


@pytest.mark.parametrize("tries", [1, 2, 7])
async def test_max_tries_counts_the_first(service, clock, make_client, tries):
    """So many requests at most; the last error is the caller's."""
    service.on(*GET_ORDER, *[(500 + n % 2 * 3, {"message": f"n{n}"}) for n in range(tries)])
    client = make_client(retry=RetryPolicy(max_tries=tries))
    with pytest.raises(ServerError, match=f"n{tries - 1}"):
        await client.hosting_orders.get("1")
    assert len(service.calls(*GET_ORDER)) == tries
    assert len(clock.slept) == tries - 1


async def test_max_time_starts_no_further_request(service, clock, make_client, no_jitter):
    """No request starts later than that after the first: 0.5, 1 and 2 fit into 4 s."""
    service.on(*GET_ORDER, 500)
    client = make_client(retry=RetryPolicy(max_tries=100, max_time=4))
    with pytest.raises(ServerError):
        await client.hosting_orders.get("1")
    assert clock.slept == [0.5, 1.0, 2.0]


async def test_max_time_does_not_cut_a_retry_after_short(service, clock, make_client):
    """What would end after the time is not waited for at all."""
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "10"}))
    client = make_client(retry=RetryPolicy(max_time=5))
    with pytest.raises(RateLimited) as caught:
        await client.hosting_orders.get("1")
    assert caught.value.retry_after == 10.0
    assert clock.slept == []


async def test_max_time_holds_through_a_pause_of_the_client(service, clock, make_client):
    """A pause that another call brings on does not make a retry start after its time."""
    clock.by_hand = True
    service.on(*GET_ORDER, 500, ORDER)
    service.on("GET", "/hostingOrders/2", (429, {}, {"Retry-After": "50"}), ORDER)
    client = make_client(retry=RetryPolicy(max_time=20))
    tried = asyncio.create_task(client.hosting_orders.get("1"))
    await service.wait_for(lambda: clock.sleepers == 1)
    with pytest.raises(RateLimited):
        await client.hosting_orders.get("2")
    await clock.advance(1)
    await asyncio.sleep(0.005)
    await clock.advance(100)
    with pytest.raises(SinchHostingError):
        await tried
    assert len(service.calls(*GET_ORDER)) == 1


async def test_pauses_grow_and_stay_below_the_maximum(service, clock, make_client, no_jitter):
    """They double from `initial` up to `maximum`."""
    service.on(*GET_ORDER, 500)
    policy = RetryPolicy(max_tries=7, initial=1, maximum=8, max_time=1000)
    with pytest.raises(ServerError):
        await make_client(retry=policy).hosting_orders.get("1")
    assert clock.slept == [1, 2, 4, 8, 8, 8]


async def test_pauses_are_drawn_at_random(service, clock, client):
    """Full jitter: anything between nothing and the interval."""
    for _ in range(20):
        service.on(*GET_ORDER, 500, ORDER)
        await client.hosting_orders.get("1")
    assert all(0 <= pause <= 0.5 for pause in clock.slept)
    assert len(set(clock.slept)) > 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tries": 0},
        {"max_tries": 1.5},
        {"max_tries": True},
        {"max_time": -1},
        {"max_time": "5"},
        {"initial": float("nan")},
        {"maximum": 0},
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    """`InvalidRequest` names the setting."""
    with pytest.raises(InvalidRequest) as caught:
        RetryPolicy(**wrong)
    assert caught.value.field in wrong


def test_growing_starts_with_the_first_interval():
    """backoff's generators answer a `None` first, which is not for callers."""
    intervals = exponential(initial=2, factor=3, maximum=20)
    assert [next(intervals) for _ in range(5)] == [2, 6, 18, 20, 20]


def test_jitter_stays_inside():
    """Between nothing and what is given."""
    assert all(0 <= full_jitter(3) <= 3 for _ in range(100))


# ------------------------------------------------------------- classing errors


@pytest.mark.parametrize(
    ("error", "failure", "open_"),
    [
        (TransportError("", never_sent=True), Failure.NEVER_SENT, False),
        (TransportError("", never_sent=False), Failure.RESPONSE_LOST, True),
        (RateLimited("", operation="", status_code=429), Failure.TOO_MANY, False),
        (ServerError("", operation="", status_code=502), Failure.RESPONSE_LOST, True),
        (ServerError("", operation="", status_code=501), None, True),
        (BadRequest("", operation="", status_code=400), None, False),
        (DecodeError("", path="", reason="", body="", is_json=False), Failure.RESPONSE_LOST, True),
        (DecodeError("", path="", reason="", body=""), None, True),
        (DecodeError("", path="a", reason="", body=""), None, True),
        (InvalidRequest(field="", value="", rule=""), None, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_how_a_try_failed(error, failure, open_):
    """What may be mended by another try, and what leaves it open whether anything was done."""
    assert failure_of(error) is failure
    assert error.may_have_been_applied is open_


async def test_tries_are_in_the_log(service, client, caplog):
    """Each request says method, path, status, time and which try it was."""
    caplog.set_level(logging.DEBUG, "sinch_hosting")
    service.on(*GET_ORDER, 500, service.cut(ORDER), ORDER)
    await client.hosting_orders.get("1")
    path = "/v1/projects/project-1/hostingOrders/1"
    lines = [line for line in caplog.messages if line.startswith("GET")]
    assert [line.partition(" in ")[0] for line in lines] == [
        f"GET {path}: 500",
        f"GET {path}: no answer",
        f"GET {path}: 200",
    ]
    assert [line.rpartition(", ")[2] for line in lines] == ["try 1", "try 2", "try 3"]


async def test_a_request_carries_what_was_asked(service, client):
    """The same body is sent in every try."""
    service.on("PATCH", f"/importedNumbers/{NUMBER}", 500, GOOD)
    await client.imported_numbers.update(NUMBER, display_name="x")
    first, second = service.calls("PATCH", f"/importedNumbers/{NUMBER}")
    assert first.body == second.body == json.dumps({"displayName": "x"}).encode()


@pytest.mark.parametrize(
    ("maximum", "longest"), [(60.0, 3600), (7200.0, 7200)], ids=["an hour", "the maximum"]
)
async def test_no_answer_pauses_the_client_for_good(service, clock, make_client, maximum, longest):
    """A `Retry-After` of a day shuts it for an hour; who may not send hears how long."""
    service.on(*GET_ORDER, (429, {}, {"Retry-After": "86400"}), ORDER)
    client = make_client(auth="basic", retry=RetryPolicy(maximum=maximum))
    with pytest.raises(RateLimited) as told:
        await client.hosting_orders.get("1")
    assert told.value.retry_after == 86400
    clock.now += 0.5
    if maximum < longest:
        with pytest.raises(RateLimited, match=r"not sent.* for 3600 s more") as refused:
            await client.hosting_orders.get("1")
        assert refused.value.retry_after == longest - 0.5
    clock.now += longest
    assert (await client.hosting_orders.get("1")).state == "DRAFT"
    assert len(service.requests) == 2


def limited(seconds):
    """A 429 with a `Retry-After`."""
    return RateLimited("slow", operation="Op", status_code=429, retry_after=seconds)


def unsent():
    """A connection that never opened."""
    return TransportError("no connection", never_sent=True)


@pytest.mark.parametrize(
    ("failures", "raised"),
    [
        ([limited(3000)] * 5, None),
        ([limited(3000)] * 6, RateLimited),
        ([limited(3601)], RateLimited),
        ([unsent(), unsent(), limited(3000), unsent(), unsent(), limited(60), unsent()], None),
        ([limited(3000), unsent(), unsent(), unsent()], TransportError),
    ],
    ids=["429s", "too many", "too long", "mixed", "no connection"],
)
async def test_patience_waits_for_429s_alone(clock, failures, raised):
    """On top of the policy, whose tries and time begin anew after each."""
    pause = RateLimitPause(clock, clock.sleep)
    policy = RetryPolicy(max_tries=3, max_time=60)
    operation = OPERATIONS["ImportNumbers"]
    retries = Retries(operation, policy, pause, clock, clock.sleep, clock(), patience=5)
    goes_on = [await retries.wait(error) for error in failures]
    assert goes_on == [True] * (len(failures) - 1) + [raised is None]
