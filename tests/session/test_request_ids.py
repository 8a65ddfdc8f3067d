"""The id of a request and the headers of its response: on errors, in logs, and where asked for."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle

import pytest

from sinch_hosting import (
    ApiError,
    NotFound,
    RateLimited,
    RetryPolicy,
    ServerError,
    record_responses,
)

ORDER = ("GET", "/hostingOrders/1")
OK = {"hostingOrderId": "1", "state": "COMPLETED"}


@pytest.mark.parametrize(
    "header",
    ["X-Request-Id", "x-correlation-id", "Request-Id", "X-Amzn-Trace-Id", "CF-Ray"],
)
async def test_an_error_names_its_request(service, client, header):
    """Under the usual names; in the message, too, since that is what people copy."""
    service.on(*ORDER, (404, {"message": "no"}, {header: "id-7", "Retry-After": "3"}))
    with pytest.raises(NotFound) as caught:
        await client.hosting_orders.get("1")
    assert caught.value.request_id == "id-7"
    assert str(caught.value) == "GetHostingOrder: 404 no (request id id-7)"
    assert caught.value.headers["retry-after"] == caught.value.headers["Retry-After"] == "3"


async def test_the_details_of_an_error_may_name_it(service, client):
    """Where no header does (`google.rpc.RequestInfo`)."""
    details = [{"requestId": 5}, "x", {"requestId": "id-8"}]
    service.on(*ORDER, (404, {"error": {"code": 404, "message": "no", "details": details}}))
    with pytest.raises(NotFound) as caught:
        await client.hosting_orders.get("1")
    assert caught.value.request_id == "id-8"


async def test_an_error_without_an_id_says_nothing(service, client):
    """And has headers all the same."""
    service.on(*ORDER, (404, {"message": "no"}))
    with pytest.raises(NotFound, match=r"404 no$") as caught:
        await client.hosting_orders.get("1")
    assert caught.value.request_id is None
    assert "Content-Type" in caught.value.headers


def test_errors_are_made_as_before():
    """Whoever makes one in a test gives neither."""
    error = ApiError("m", operation="o", status_code=418)
    assert (error.request_id, dict(error.headers)) == (None, {})


async def test_secrets_are_masked(service, client, caplog):
    """A token that a proxy repeats, and cookies; in errors, their copies, logs and records."""
    caplog.set_level(logging.DEBUG)

    def echo(seen):
        token = seen.headers["Authorization"].partition(" ")[2]
        headers = {"X-Request-Id": f"for-{token}", "X-Seen": token, "Set-Cookie": "session=tea"}
        return 404, {"message": "no"}, headers

    service.on(*ORDER, echo)
    with record_responses() as responses, pytest.raises(NotFound) as caught:
        await client.hosting_orders.get("1")
    error = caught.value
    assert error.request_id == "for-***"
    assert error.headers["X-Seen"] == error.headers["Set-Cookie"] == "***"
    again = pickle.loads(pickle.dumps(error))
    assert (again.request_id, again.headers["x-seen"]) == ("for-***", "***")
    said = caplog.text + repr(vars(error)) + str(error) + json.dumps(responses[0].to_dict())
    assert "token-1" not in said
    assert "tea" not in said


async def test_log_lines_name_the_request(service, client, caplog):
    """At the level at which requests are logged."""
    caplog.set_level(logging.DEBUG, "sinch_hosting")
    service.on(*ORDER, (200, OK, {"X-Request-Id": "id-9"}), OK)
    await client.hosting_orders.get("1")
    await client.hosting_orders.get("1")
    first, second = [r.message for r in caplog.records if "/hostingOrders/1" in r.message]
    assert first.endswith("try 1, request id id-9")
    assert second.endswith("try 1")


# ----------------------------------------------------------------- recording


async def test_responses_are_recorded_where_asked_for(service, client):
    """Each try, with its status; not what came before or after."""
    replies = [(503, {"message": "x"}, {"X-Request-Id": "a"}), (200, OK, {"X-Request-Id": "b"})]
    service.on(*ORDER, OK, *replies, OK)
    await client.hosting_orders.get("1")
    with record_responses() as responses:
        await client.hosting_orders.get("1")
    await client.hosting_orders.get("1")
    seen = [(r.operation, r.status_code, r.tries, r.request_id) for r in responses]
    assert seen == [("GetHostingOrder", 503, 1, "a"), ("GetHostingOrder", 200, 2, "b")]
    assert responses[1].headers["x-REQUEST-id"] == "b"
    assert "Date" not in repr(responses[1])


async def test_records_are_of_one_task_and_what_it_starts(service, client):
    """Another task's calls are its own."""
    service.on(*ORDER, OK)
    service.on("GET", "/hostingOrders/2", {**OK, "hostingOrderId": "2"})
    await client.hosting_orders.get("1")

    async def recorded(order_id):
        with record_responses() as responses:
            order = client.hosting_orders.get(order_id)
            await asyncio.gather(order, asyncio.create_task(client.hosting_orders.get(order_id)))
        return [response.operation for response in responses]

    each = await asyncio.gather(recorded("1"), recorded("2"), client.hosting_orders.get("1"))
    assert each[:2] == [["GetHostingOrder"] * 2] * 2


async def test_records_nest_and_end(service, client):
    """The inner one takes what is inside of it, also where that raises."""
    service.on(*ORDER, OK, (500, {"message": "x"}), OK)
    with record_responses() as outer:
        await client.hosting_orders.get("1")
        with record_responses() as inner:
            await client.hosting_orders.get("1")
        await client.hosting_orders.get("1")
    assert [r.status_code for r in outer] == [200, 200]
    assert [r.status_code for r in inner] == [500, 200]


async def test_errors_of_retries_keep_their_own_ids(service, make_client):
    """The last try's, which is the one that is raised."""
    service.on(*ORDER, (503, {}, {"X-Request-Id": "a"}), (503, {}, {"X-Request-Id": "b"}))
    client = make_client(retry=RetryPolicy(max_tries=2))
    with pytest.raises(ServerError) as caught:
        await client.hosting_orders.get("1")
    assert caught.value.request_id == "b"


async def test_a_pause_is_no_response(service, make_client):
    """What is refused before it is sent has no id."""
    service.on(*ORDER, (429, {"message": "slow"}, {"Retry-After": "900", "X-Request-Id": "a"}))
    client = make_client(retry=RetryPolicy(maximum=5))
    with pytest.raises(RateLimited) as first:
        await client.hosting_orders.get("1")
    with record_responses() as responses, pytest.raises(RateLimited) as second:
        await client.hosting_orders.get("1")
    assert (first.value.request_id, second.value.request_id, responses) == ("a", None, [])
