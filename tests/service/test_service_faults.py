"""The faults of the service: what the caller sees, and what was done all the same."""

from __future__ import annotations

import asyncio
import gzip

import aiohttp
import pytest

from . import (
    CREATES,
    LISTS,
    Service,
    cut,
    delay,
    drop,
    duplicate,
    edit,
    endless_body,
    error,
    gzip_bomb,
    hang,
    huge_error,
    id_only,
    reply,
    slow,
)
from .samples import ENABLE, IMPORT, N1, ORDER_IMPORT, ORDERS, TEXT_ENABLE


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("fault", "arguments", "status", "least"),
    [
        (error, (503,), 503, 2),
        (slow, (), 504, 2),
        (gzip_bomb, (20,), 200, 20_000_000),
        (huge_error, (500, 5), 500, 5_000_000),
        (endless_body, (), 200, 1_000_000),
    ],
)
async def test_faults_come_before_or_after_the_order_is_made(
    service, api, fault, arguments, status, least, after
):
    """Whatever the caller sees, the order is there or not as the fault says."""
    service.fault(CREATES, fault(*arguments, after=after))
    async with api.session.post(
        api.root + ORDER_IMPORT, json=IMPORT, headers=api.headers
    ) as answer:
        assert answer.status == status
        assert len(await answer.content.readexactly(least)) == least
    assert len(service.orders) == after


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fault", [drop, cut])
async def test_connections_end_before_or_after_the_order_is_made(service, api, fault, after):
    """The caller cannot tell; the service can, and serves on."""
    service.fault(CREATES, fault(after=after))
    with pytest.raises(aiohttp.ClientError):
        await api("POST", ORDER_IMPORT, IMPORT)
    assert len(service.orders) == after
    service.rules.import_conflicts = False
    await api("POST", ORDER_IMPORT, IMPORT)


async def test_a_service_is_down_and_up_again(service, api):
    """Refused while it is down; the same address, and everything kept, once it is up."""
    (order,) = service.add_orders(1)
    path = f"/hostingOrders/{order.id}"
    await api("GET", path)
    await service.down()
    with pytest.raises(aiohttp.ClientConnectorError):
        await api("GET", path)
    await service.up()
    await api("GET", path)
    service.close_connections()
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await api("POST", ORDER_IMPORT, IMPORT)


async def test_a_gzip_bomb_is_a_whole_gzip_file(service, api):
    """It unpacks into valid JSON, checksum and all."""
    service.fault("GetCallbackConfiguration", gzip_bomb(2))
    async with (
        aiohttp.ClientSession(auto_decompress=False, headers=api.headers) as session,
        session.get(f"{api.root}/callbackConfiguration") as answer,
    ):
        packed = await answer.read()
    assert len(packed) < 10_000
    assert gzip.decompress(packed) == b" " * 2_000_000 + b"{}"


async def test_rules_count_skip_and_choose(service, api):
    """After the first `skip`, for `times`, and only what `when` takes."""
    numbers = ("+12025550101", "+12025550102")
    rule = service.fault(
        None, error(500), times=2, skip=1, when=lambda request: numbers[0] in request.path
    )
    for number in numbers:
        await api("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [number]})
    for number, wanted in ((0, 200), (1, 200), (0, 500), (0, 500), (0, 200), (1, 200)):
        assert (await api.raw("GET", f"/qualifiedNumbers/{numbers[number]}"))[0] == wanted
    assert rule.hits == 2
    with pytest.raises(ValueError, match="no operations: ListOrders"):
        service.fault("ListOrders", error(500))


@pytest.mark.parametrize("body", [b"null", b"[]", b"text", b"{}", b'{"a":', "", [1]])
async def test_any_body_can_be_answered(service, api, body):
    """Bytes and text as they are, the rest as JSON; headers as given."""
    service.fault(LISTS, reply(200, body, {"X-Made-Up": "1"}))
    status, raw, headers = await api.raw("GET", "/hostingOrders", **ORDERS)
    text = body.encode() if isinstance(body, str) else body
    assert (status, raw) == (200, b"[1]" if body == [1] else text)
    assert headers["X-Made-Up"] == "1"


async def test_a_repeating_proxy_makes_two_orders_and_shows_the_second(service, api):
    """Two letters; the caller knows of one order."""
    service.fault(CREATES, duplicate())
    answer = await api("POST", TEXT_ENABLE, ENABLE)
    assert list(service.orders)[1] == answer["hostingOrderId"]
    assert service.numbers_in_two_letters == {N1}
    assert service.counts["TextEnableHostingOrderNumbers"] == 1


async def test_answers_can_be_changed(service, api):
    """`id_only` and any other change; the order is as it was."""
    service.fault(CREATES, id_only())
    answer = await api("POST", ORDER_IMPORT, IMPORT)
    assert list(answer) == ["hostingOrderId"]
    path = f"/hostingOrders/{answer['hostingOrderId']}"
    service.fault("GetHostingOrder", edit(lambda order: {**order, "state": "NEW"}))
    assert [(await api("GET", path))["state"] for _ in range(2)] == ["NEW", "SUBMITTED"]


@pytest.mark.parametrize("after", [False, True])
async def test_a_request_hangs_until_it_is_released(service, api, after):
    """Before the order is made, or after."""
    rule = service.fault(CREATES, hang(after=after))
    task = asyncio.create_task(api("POST", ORDER_IMPORT, IMPORT))
    await rule.arrived.wait()
    await service.wait_until(lambda: len(service.orders) == after)
    assert (len(service.orders), service.in_flight, task.done()) == (after, 1, False)
    rule.release()
    assert (await task)["hostingOrderId"] in service.orders


async def test_a_service_with_hanging_requests_ends(clock):
    """Leaving the service drops what hangs."""
    async with Service(clock=clock) as service, aiohttp.ClientSession() as session:
        rule = service.fault("Unknown", hang())
        task = asyncio.create_task(session.get(service.base_url))
        await rule.arrived.wait()
        await service.__aexit__(None, None, None)
        with pytest.raises(aiohttp.ClientError):
            await task


async def test_delays_are_of_the_injected_sleep(service, api, clock):
    """Before and after; the slow error too."""
    (order,) = service.add_orders(1)
    service.fault("GetHostingOrder", delay(30))
    service.fault("GetHostingOrder", delay(40, after=True))
    service.fault("GetHostingOrder", slow(1.5, 504))
    statuses = [(await api.raw("GET", f"/hostingOrders/{order.id}"))[0] for _ in range(3)]
    assert statuses == [200, 200, 504]
    assert clock.slept == [30, 40, 1.5]
