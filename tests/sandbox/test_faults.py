"""Faults: what each does, whom it strikes, and that the seed settles it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from sinch_hosting.sandbox import Sandbox, faults
from sinch_hosting.sandbox.faults import KINDS, TokenBucket

N1, N2 = "+12025550134", "+12025550135"
ORDERS = {
    "states": "SUBMITTED",
    "type": "IMPORT",
    "servicePlanId": "plan",
    "campaignId": "campaign",
}


async def test_latency_delays_the_answer(sandbox, api):
    """The answer comes no earlier than after the latency."""
    sandbox.faults.add("latency", seconds=0.05, operation="GetCallbackConfiguration")
    began = time.perf_counter()
    await api.ok("GET", "/callbackConfiguration")
    assert time.perf_counter() - began >= 0.05


@pytest.mark.parametrize("kind", ["error_before", "error_after"])
async def test_a_5xx_comes_before_or_after_acting(sandbox, api, kind):
    """Both answer the status asked for; only the later one leaves an order behind."""
    sandbox.faults.add(kind, status=503, operation="ImportNumbers", count=1)
    body = {"regionCode": "US", "numbers": [N1], "servicePlanId": "plan"}
    status, answer = await api("POST", "/hostingOrders:importNumbers", body)
    assert (status, answer["status"]) == (503, "UNAVAILABLE")
    acted = kind == "error_after"
    assert len(sandbox.orders_created()) == int(acted)
    record = sandbox.requests[-1]
    assert (record.outcome, record.acted, record.status) == (kind, acted, 503)
    await api.ok("POST", "/hostingOrders:importNumbers", body)


async def test_errors_of_the_callback_configuration_are_nested(sandbox, api):
    """A fault answers in the operation's own error shape."""
    sandbox.faults.add("error_before", status=500, operation="GetCallbackConfiguration")
    status, answer = await api("GET", "/callbackConfiguration")
    assert status == 500
    assert answer["error"]["code"] == 500


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_dropped_connection_leaves_no_answer(sandbox, api, kind):
    """The client sees a disconnect; dropped after acting, the order stands."""
    sandbox.faults.add(kind, operation="ImportNumbers", count=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await api.import_numbers(N1)
    assert len(sandbox.orders_created()) == int(kind == "drop_after")
    record = sandbox.calls("ImportNumbers")[-1]
    assert (record.outcome, record.status) == (kind, 0)


async def test_a_body_cut_short_is_a_payload_error(sandbox, api):
    """The announced length does not come."""
    sandbox.faults.add("truncate", operation="ImportNumbers", count=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.import_numbers(N1)
    assert len(sandbox.orders_created()) == 1


async def test_a_body_that_is_no_json(sandbox, api):
    """A 200 with a page instead of JSON."""
    sandbox.faults.add("not_json", operation="GetCallbackConfiguration", count=1)
    url = f"{api.root}/callbackConfiguration"
    async with api.session.get(url, headers=api.headers) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert "gateway" in await response.text()


@pytest.mark.parametrize("form", ["seconds", "date", "absent"])
async def test_a_429_asks_to_wait_in_every_form(sandbox, api, form):
    """Retry-After as seconds, as a date that is not too early, and not at all."""
    sandbox.faults.add("rate_limited", retry_after=2, form=form, count=1)
    async with api.session.get(f"{api.root}/callbackConfiguration", headers=api.headers) as r:
        assert r.status == 429
        header = r.headers.get("Retry-After")
    if form == "seconds":
        assert header == "2"
    elif form == "date":
        wait = parsedate_to_datetime(str(header)) - datetime.now(UTC)
        assert 1 < wait.total_seconds() < 4
    else:
        assert header is None


async def test_a_real_rate_limit_refuses_what_is_beyond_it(sandbox, api):
    """A burst passes, the next is refused with the time to wait; bearer tokens may be spared."""
    sandbox.change_rules(basic_per_second=None)
    fault = sandbox.faults.add("rate_limit", per_second=0.5, burst=3, only_basic=True)
    url, statuses = f"{api.root}/callbackConfiguration", []
    for _ in range(5):
        async with api.session.get(url, headers=api.basic) as response:
            statuses.append(response.status)
    assert statuses == [200, 200, 200, 429, 429]
    assert fault.hits == 2
    await api.ok("GET", "/callbackConfiguration")


def test_a_token_bucket_refills_with_time():
    """After the wait it names, a request passes again."""
    now = [0.0]
    bucket = TokenBucket(2, 1, lambda: now[0])
    assert bucket.take() == 0
    wait = bucket.take()
    assert wait == 0.5
    now[0] += wait
    assert bucket.take() == 0


async def test_tokens_expire_early(sandbox, api):
    """A token ends as told: at once for a request, or sooner than the endpoint said."""
    token = await api.token()
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{api.root}/callbackConfiguration"
    sandbox.faults.add("expire_token", count=1, skip=1)
    statuses = []
    for _ in range(3):
        async with api.session.get(url, headers=headers) as response:
            statuses.append(response.status)
    assert statuses == [200, 401, 401]
    assert "expired" in response.headers["WWW-Authenticate"]
    sandbox.faults.add("short_token", operation="token", lifetime=0)
    async with api.session.get(
        url, headers={"Authorization": f"Bearer {await api.token()}"}
    ) as response:
        assert response.status == 401


@pytest.mark.parametrize("order_by", [{}, {"orderBy": "createdTime"}, {"orderBy": "updatedTime"}])
async def test_empty_pages_lead_on(sandbox, api, order_by):
    """An empty page has a token, unlike the last one, that leads to what was left out."""
    ids = [await api.import_numbers(f"+1202555{n:04d}") for n in range(4)]
    sandbox.faults.add("empty_page", operation="lists", count=3, skip=1)
    found, tokens, token = [], [], ""
    for _ in range(20):
        page = await api.ok(
            "GET", "/hostingOrders", **ORDERS, **order_by, pageSize="2", pageToken=token
        )
        found += [order["hostingOrderId"] for order in page["hostingOrders"]]
        token = page["nextPageToken"]
        tokens.append(token)
        if not token:
            break
    assert found == ids
    assert len(tokens) == 5
    assert len(set(tokens)) == 5


async def test_an_empty_page_of_an_orders_numbers_leads_on(sandbox, api):
    """The same for the numbers of an order."""
    order_id = await api.import_numbers(N1, N2)
    sandbox.faults.add("empty_page", count=1)
    path = f"/hostingOrders/{order_id}/numbers"
    page = await api.ok("GET", path, orderBy="updatedTime")
    assert page["numbers"] == []
    page = await api.ok("GET", path, orderBy="updatedTime", pageToken=page["nextPageToken"])
    assert len(page["numbers"]) == 2


async def test_a_repeated_token_never_ends(sandbox, api):
    """The next page's token is the page's own."""
    for n in range(3):
        await api.import_numbers(f"+1202555{n:04d}")
    first = await api.ok("GET", "/hostingOrders", **ORDERS, pageSize="1")
    sandbox.faults.add("repeat_token")
    token = first["nextPageToken"]
    second = await api.ok("GET", "/hostingOrders", **ORDERS, pageSize="1", pageToken=token)
    assert second["nextPageToken"] == token


async def test_unknown_values_come_in_every_enum(sandbox, api):
    """States the contract does not know, numbers for numeric enums, and unknown fields."""
    order_id = await api.import_numbers(N1)
    sandbox.faults.add("unknown_values", value="LATER")
    shown = await api.ok("GET", f"/hostingOrders/{order_id}")
    assert (shown["state"], shown["type"]) == ("LATER", "LATER")
    assert shown["addedLater"]["level"] == 1
    number = await api.ok("GET", f"/hostingOrders/{order_id}/numbers/{N1}")
    assert number["osrUpdate"]["state"] == "LATER"


@pytest.mark.parametrize("text", [None, "another"])
async def test_a_display_name_is_not_given_back(sandbox, api, text):
    """The answer has no displayName, or another; the order keeps what it was given."""
    sandbox.faults.add("forget_display_name", text=text)
    body = {"regionCode": "US", "numbers": [N1], "servicePlanId": "plan", "campaignId": "campaign"}
    body["displayName"] = "tag"
    answer = await api.ok("POST", "/hostingOrders:importNumbers", body)
    assert answer.get("displayName") == text
    listed = await api.ok("GET", "/hostingOrders", **ORDERS)
    assert listed["hostingOrders"][0].get("displayName") == text
    assert sandbox.orders_created()[0].display_name == "tag"


async def test_lists_lag_behind_writes(sandbox, api):
    """New orders are missing, and changed ones shown as they were, for as long as told."""
    order_id = await api.import_numbers(N1)
    sandbox.faults.add("lag", seconds=60)

    async def listed(state: str) -> list[tuple[str, str]]:
        page = await api.ok("GET", "/hostingOrders", **{**ORDERS, "states": state})
        return [(order["hostingOrderId"], order["state"]) for order in page["hostingOrders"]]

    assert await listed("SUBMITTED") == []
    sandbox.advance(seconds=61)
    assert await listed("SUBMITTED") == [(order_id, "SUBMITTED")]
    sandbox.trigger(order_id)
    assert (await api.ok("GET", f"/hostingOrders/{order_id}"))["state"] == "IN_PROGRESS"
    assert await listed("SUBMITTED") == [(order_id, "SUBMITTED")]
    assert await listed("IN_PROGRESS") == []
    sandbox.advance(seconds=61)
    assert await listed("SUBMITTED") == []
    assert await listed("IN_PROGRESS") == [(order_id, "IN_PROGRESS")]


async def test_the_other_lists_lag_too(sandbox, api):
    """Qualified and imported numbers appear in lists only after the lag."""
    sandbox.faults.add("lag", seconds=60, operation=["ListQualifiedNumbers", "ListImportedNumbers"])
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    linked = {"servicePlanId": "plan", "campaignId": "campaign"}
    body = {"phoneNumber": N2, "regionCode": "US", "smsConfiguration": linked}
    await api.ok("POST", "/importedNumbers", body)
    pending = {"states": "GLOBAL_PROCESS_STATE_ELIGIBLE_CHECK_PENDING"}
    assert (await api.ok("GET", "/qualifiedNumbers", **pending))["qualifiedNumbers"] == []
    assert (await api.ok("GET", "/importedNumbers", **linked))["importedNumbers"] == []
    sandbox.advance(seconds=61)
    assert len((await api.ok("GET", "/qualifiedNumbers", **pending))["qualifiedNumbers"]) == 1
    assert len((await api.ok("GET", "/importedNumbers", **linked))["importedNumbers"]) == 1


async def test_an_order_moves_between_two_lists(sandbox, api):
    """After a list was read, the open orders of its kind are in their next state."""
    first, second = await api.import_numbers(N1), await api.import_numbers(N2)
    sandbox.faults.add("order_moves", count=1)
    page = await api.ok("GET", "/hostingOrders", **ORDERS)
    assert len(page["hostingOrders"]) == 2
    assert {sandbox.order(i).state for i in (first, second)} == {"IN_PROGRESS"}
    sandbox.faults.add("order_moves", order=first, operation="ListHostingOrders")
    await api.ok("GET", "/hostingOrders", **ORDERS)
    assert sandbox.order(first).state == "COMPLETED"
    assert sandbox.order(second).state == "IN_PROGRESS"


async def test_an_idle_connection_is_dropped(sandbox, api):
    """The answer comes; the next request on that connection is cut off before acting."""
    sandbox.faults.add("drop_idle", operation="GetCallbackConfiguration", count=1)
    await api.ok("GET", "/callbackConfiguration")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.import_numbers(N1)
    assert sandbox.orders_created() == []
    assert sandbox.requests[-1].outcome == "drop_idle"
    await api.import_numbers(N1)


async def test_an_idle_connection_is_closed_after_a_while(sandbox, api):
    """With a time, the server really closes the connection."""
    sandbox.faults.add("drop_idle", after=0, count=1)
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    request = f"GET /v1/projects/{sandbox.project_id}/callbackConfiguration HTTP/1.1\r\n"
    writer.write(f"{request}{api.head}\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 120)
    writer.close()
    await writer.wait_closed()
    assert b"hmacSecret" in answer


async def test_faults_are_scoped_by_count_time_and_operation(sandbox, api):
    """A fault spares the first, strikes so often, in its time, and only its operations."""
    counted = sandbox.faults.add("error_before", operation="reads", skip=1, count=2)
    statuses = [(await api("GET", "/callbackConfiguration"))[0] for _ in range(5)]
    assert statuses == [200, 503, 503, 200, 200]
    assert counted.hits == 2
    sandbox.faults.remove(counted)
    sandbox.faults.add("error_before", begins_in=10, lasts=10)
    statuses = []
    for _ in range(3):
        statuses.append((await api("GET", "/callbackConfiguration"))[0])
        sandbox.advance(seconds=10)
    assert statuses == [200, 503, 200]
    sandbox.faults.clear()
    sandbox.faults.add("error_before", operation="writes")
    assert (await api("GET", "/callbackConfiguration"))[0] == 200
    assert (await api("PATCH", "/callbackConfiguration", {}))[0] == 503


async def test_chance_is_settled_by_the_seed(open_api):
    """The same seed strikes the same requests, about as often as told."""
    runs = []
    for _ in range(2):
        async with Sandbox(speed=0, seed=7) as sandbox:
            api = await open_api(sandbox)
            sandbox.faults.add("error_before", probability=0.5)
            runs.append([(await api("GET", "/callbackConfiguration"))[0] for _ in range(40)])
    assert runs[0] == runs[1]
    assert 10 < runs[0].count(503) < 30


async def test_the_token_endpoint_can_fail(sandbox, api):
    """Faults reach the token endpoint by the name token, and in its error shape."""
    sandbox.faults.add("error_before", operation="token", status=500, count=1)
    async with api.session.post(sandbox.auth_url, headers=api.headers) as response:
        assert response.status == 500
        assert "error" in await response.json()
    sandbox.faults.add("drop_after", operation="token", count=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await api.token()
    await api.token()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "nothing"},
        {"kind": "latency", "operation": "Nothing"},
        {"kind": "latency", "minutes": 1},
        {"kind": "latency", "probability": 2},
        {"kind": "latency", "count": -1},
        {"kind": "latency", "seconds": "long"},
        {"kind": "error_before", "status": 200},
        {"kind": "rate_limited", "form": "poem"},
        {"kind": "not_json", "text": 3},
        {"kind": "drop_idle", "after": -1},
        {"kind": "rate_limit", "only_basic": "yes"},
        {"kind": "callback_duplicate", "copies": 1.5},
        {"kind": "callback_duplicate", "copies": 0},
        {"kind": ["a"]},
        {"kind": "latency", "count": "x"},
        {"kind": "latency", "count": 1.5},
        {"kind": "latency", "skip": True},
        {"kind": "latency", "probability": "often"},
        {"kind": "latency", "begins_in": -1},
        {"kind": "latency", "lasts": -1},
        {"kind": "latency", "lasts": "long"},
        {"kind": "latency", "operation": []},
        {"kind": "latency", "operation": [["reads"]]},
        {"kind": "latency", "operation": 5},
        {"kind": "short_token", "operation": "reads"},
        {"kind": "expire_token", "operation": "token"},
        {"kind": "empty_page", "operation": "GetHostingOrder"},
        {"kind": "empty_page", "operation": "writes"},
        {"kind": "order_moves", "operation": "ListImportedNumbers"},
        {"kind": "forget_display_name", "operation": "GetQualifiedNumber"},
        {"kind": "truncate", "keep": 1},
        {"kind": "rate_limit", "per_second": 0},
        {"kind": "rate_limit", "burst": 0},
        {"kind": "rate_limited", "form": ["seconds"]},
        {"kind": "not_json", "text": "\ud800"},
        {"kind": "not_json", "content_type": "x\r\nInjected: 1"},
        {"kind": "callback_lost", "operation": "GetHostingOrder"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_at_once(wrong):
    """Unknown kinds, scopes and settings are errors when added, not when they would strike."""
    faults = Sandbox(speed=0).faults
    with pytest.raises(ValueError):
        faults.add(**wrong)
    assert len(faults) == 0


async def test_a_short_token_needs_no_scope(sandbox, api):
    """It strikes the token endpoint, the only one that it can."""
    fault = sandbox.faults.add("short_token")
    headers = {"Authorization": f"Bearer {await api.token()}"}
    async with api.session.get(f"{api.root}/callbackConfiguration", headers=headers) as response:
        assert response.status == 401
    assert fault.hits == 1


@pytest.mark.parametrize("kind", ["empty_page", "repeat_token", "order_moves"])
async def test_only_what_a_fault_can_bend_uses_it_up(sandbox, api, kind):
    """Writes, other reads, and lists where it would change nothing, leave the fault in force."""
    fault = sandbox.faults.add(kind, count=1)
    first = await api.import_numbers(N1)
    await api.ok("GET", f"/hostingOrders/{first}")
    elsewhere = {**ORDERS, "servicePlanId": "other"}
    if kind != "empty_page":
        await api.ok("GET", "/hostingOrders", **elsewhere)
    await api.import_numbers(N2)
    assert fault.hits == 0
    assert not any(record.fault for record in sandbox.requests)
    page = await api.ok("GET", "/hostingOrders", **ORDERS, pageSize="1")
    token = page["nextPageToken"]
    if kind == "repeat_token":
        assert fault.hits == 0
        await api.import_numbers("+12025550136")
        page = await api.ok("GET", "/hostingOrders", **ORDERS, pageSize="1", pageToken=token)
        assert page["nextPageToken"] == token
    assert fault.hits == 1
    assert sandbox.requests[-1].fault == kind


async def test_a_forgotten_name_must_have_been_there(sandbox, api):
    """Answers without a displayName do not use the fault up."""
    fault = sandbox.faults.add("forget_display_name", count=1)
    await api.ok("GET", "/callbackConfiguration")
    assert await api.ok("GET", "/hostingOrders", **ORDERS)
    assert fault.hits == 0
    order_id = await api.import_numbers(N1)
    assert fault.hits == 1
    assert "displayName" in await api.ok("GET", f"/hostingOrders/{order_id}")


async def test_only_a_token_can_expire(sandbox, api):
    """Requests with the key itself do not use the fault up."""
    fault = sandbox.faults.add("expire_token", count=1)
    async with api.session.get(f"{api.root}/callbackConfiguration", headers=api.basic) as response:
        assert response.status == 200
    assert (fault.hits, sandbox.requests[-1].fault) == (0, "")
    assert (await api("GET", "/callbackConfiguration"))[0] == 401
    assert fault.hits == 1


@pytest.mark.parametrize("kind", ["error_before", "drop_before", "rate_limited", "no key"])
async def test_the_witness_shows_what_was_refused_unread(sandbox, api, kind):
    """The body of a request that never acted is in the log, too."""
    body = {"regionCode": "US", "numbers": [N1], "servicePlanId": "plan"}
    headers = api.headers
    if kind == "no key":
        headers = {}
    else:
        sandbox.faults.add(kind)
    with contextlib.suppress(aiohttp.ClientConnectionError):
        url = f"{api.root}/hostingOrders:importNumbers"
        async with api.session.post(url, json=body, headers=headers) as response:
            assert response.status in {401, 429, 503}
    assert sandbox.requests[-1].body == body
    assert sandbox.orders_created() == []


async def test_the_credentials_are_checked_before_the_body(sandbox, api):
    """A body that is no JSON is a 401 without a key, and a 503 where that fault strikes."""
    url = f"{api.root}/hostingOrders:importNumbers"
    async with api.session.post(url, data=b"{") as response:
        assert response.status == 401
    sandbox.faults.add("error_before", count=1)
    for status in (503, 400):
        async with api.session.post(url, data=b"{", headers=api.headers) as response:
            assert response.status == status
    assert sandbox.requests[-1].body is None


def test_every_kind_of_fault_has_a_word_of_explanation():
    """The documentation names every kind and every setting."""
    explained = inspect.getdoc(faults) or ""
    assert faults.__name__ in (inspect.getdoc(Sandbox(speed=0).faults.add) or "")
    for kind, settings in KINDS.items():
        assert f"``{kind}``" in explained
        for name in settings:
            assert f"``{name}``" in explained, (kind, name)


async def test_a_removed_fault_strikes_no_more(sandbox, api):
    """Removing by number works once."""
    fault = sandbox.faults.add("error_before")
    assert [known.kind for known in sandbox.faults] == ["error_before"]
    sandbox.faults.remove(fault.number)
    assert (await api("GET", "/callbackConfiguration"))[0] == 200
    with pytest.raises(LookupError):
        sandbox.faults.remove(fault)
