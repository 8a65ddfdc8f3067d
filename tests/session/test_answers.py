"""Answers that are too long, break off, or come with a token that is refused."""

from __future__ import annotations

import copy
import gzip
import io
import json
import pickle
import re

import aiohttp
import attrs
import pytest
from multidict import CIMultiDict

from sinch_hosting import (
    ConfigurationError,
    DecodeError,
    NotFound,
    OutcomeUnknown,
    ServerError,
    SinchHosting,
    UsageError,
)
from sinch_hosting._session.secrets import Secret, SecretBytes, SentSecret
from sinch_hosting._session.transport_errors import without_secrets
from tests.service import Service, cut, endless_body, error, gzip_bomb, huge_error

NUMBER = "+12025550134"
ARGUMENTS = {"region_code": "US", "service_plan_id": "plan"}


@pytest.fixture
async def world(clock):
    """The independent service with an order."""
    async with Service(clock=clock, sleep=clock.sleep) as running:
        yield running


@pytest.fixture
async def sinch(world, clock):
    """A client of it that reads a megabyte at most."""
    arguments = {**world.client_arguments, "clock": clock, "sleep": clock.sleep}
    async with SinchHosting(**arguments, max_response_bytes=1_000_000) as client:
        yield client


@pytest.mark.parametrize("fault", [gzip_bomb(200), endless_body()], ids=["bomb", "endless"])
async def test_a_body_is_read_up_to_a_limit(world, sinch, fault):
    """Counted after decompression; the read is not repeated, a create is not known."""
    world.fault("GetHostingOrder", fault, times=None)
    world.fault("ImportNumbers", fault, times=None)
    with pytest.raises(DecodeError, match="1000000 bytes; see max_response_bytes"):
        await sinch.hosting_orders.get("order-1")
    assert world.counts["GetHostingOrder"] == 1
    with pytest.raises(OutcomeUnknown):
        await sinch.hosting_orders.import_numbers([NUMBER], **ARGUMENTS)


async def test_a_huge_error_is_that_error(world, sinch):
    """Its text is cut."""
    world.fault("GetHostingOrder", huge_error(500, megabytes=20), times=None)
    with pytest.raises(ServerError) as caught:
        await sinch.hosting_orders.get("order-1")
    assert len(str(caught.value)) < 1200


async def test_a_status_decides_where_its_body_breaks_off(service, client, clock, no_jitter):
    """A 404 stays one, and the pause of a 429 is kept."""
    whole = b'{"message": "' + b"x" * 500 + b'"}'
    broken = service.cut(whole, at=20)
    service.on("GET", "/hostingOrders/1", aiohttp_reply(broken, 404))
    with pytest.raises(NotFound):
        await client.hosting_orders.get("1")
    service.on(
        "GET",
        "/hostingOrders/1",
        aiohttp_reply(broken, 429, {"Retry-After": "3"}),
        {"hostingOrderId": "1"},
    )
    before = clock()
    await client.hosting_orders.get("1")
    assert clock() - before >= 3


def aiohttp_reply(reply, status, headers=()):
    """The reply with another status."""
    return type(reply)(status=status, body=reply.body, headers=dict(headers), cut_at=reply.cut_at)


def breaks_off(status, **headers):
    """A refusal whose body ends after 20 bytes of those that its header promises."""
    return attrs.evolve(error(status, "x" * 500, **headers), ending="cut", cut_at=20)


@pytest.mark.parametrize("as_job", [True, False])
async def test_a_create_whose_refusal_breaks_off_pauses_and_is_sent_again(
    world, sinch, clock, tmp_path, as_job
):
    """Nothing was done: a 429 is one, whatever its body."""
    job = {"job": "spring", "ledger": tmp_path / "spring.jsonl"} if as_job else {}
    world.fault("ImportNumbers", breaks_off(429, Retry_After="3"), times=2)
    before = clock()
    order = await sinch.hosting_orders.import_numbers([NUMBER], **ARGUMENTS, **job)
    assert order.hosting_order_id
    assert clock() - before >= 6
    assert world.counts["ImportNumbers"] == 3
    assert len(world.orders) == 1
    if as_job:
        records = map(json.loads, job["ledger"].read_text().splitlines())
        outcomes = [r.get("outcome", r["event"]) for r in records]
        assert outcomes == ["run", *["sending", "failed"] * 2, "sending", "created"]
    world.fault("GetHostingOrder", cut(20), times=1)
    assert (await order.refresh()).hosting_order_id == order.hosting_order_id


@pytest.mark.parametrize(
    ("challenge", "fetches"),
    [('Bearer error="invalid_token"', 2), ("Bearer", 1), (None, 1)],
)
async def test_a_refused_token_is_renewed_where_that_can_help(service, client, challenge, fetches):
    """At once where the service says so."""
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    service.on(
        "GET", "/hostingOrders/1", (401, {"message": "no"}, headers), {"hostingOrderId": "1"}
    )
    if fetches == 2:
        await client.hosting_orders.get("1")
    else:
        with pytest.raises(Exception, match="401"):
            await client.hosting_orders.get("1")
    assert service.tokens == fetches


async def test_a_revoked_token_fails_no_hour_of_calls(service, client, clock):
    """A plain 401 drops it for the next call, at most once in a few seconds."""
    order = {"hostingOrderId": "1"}
    service.on("GET", "/hostingOrders/1", order, (401, {"message": "no"}), order)
    await client.hosting_orders.get("1")
    clock.now += 60
    with pytest.raises(Exception, match="401"):
        await client.hosting_orders.get("1")
    await client.hosting_orders.get("1")
    assert service.tokens == 2
    service.on("GET", "/hostingOrders/1", (401, {"message": "no"}))
    for _ in range(10):
        with pytest.raises(Exception, match="401"):
            await client.hosting_orders.get("1")
    assert service.tokens == 2


async def test_a_redirect_names_where_it_leads(service, client):
    """It is not followed."""
    to = {"Location": "https://elsewhere.example/v1"}
    service.on("GET", "/hostingOrders/1", (307, {}, to))
    with pytest.raises(Exception, match=r"https://elsewhere\.example/v1"):
        await client.hosting_orders.get("1")


async def test_a_borrowed_session_changes_nothing(service, make_client):
    """Its decompression, time-out, cookies, base URL and handling of errors are its own."""
    async with aiohttp.ClientSession(
        base_url="http://127.0.0.1:9/other/",
        auto_decompress=False,
        raise_for_status=True,
        timeout=aiohttp.ClientTimeout(total=0.000001),
        cookies={"lender": "mine"},
        cookie_jar=aiohttp.CookieJar(unsafe=True),
    ) as session:
        client = make_client(session=session)
        service.on("GET", "/hostingOrders/1", {"hostingOrderId": "1"}, (404, {"message": "no"}))
        assert (await client.hosting_orders.get("1")).hosting_order_id == "1"
        with pytest.raises(NotFound):
            await client.hosting_orders.get("1")
    assert all("Cookie" not in seen.headers for seen in service.requests)


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("packed", [True, False])
async def test_a_body_that_the_lenders_middleware_has_read_is_there(
    service, make_client, reads, status, packed
):
    """A lender who logs bodies reads them first, those of errors and packed ones, too."""
    seen = []

    async def reading(request, handler):
        response = await handler(request)
        if reads:
            seen.append(await response.read())
        return response

    body = json.dumps({"hostingOrderId": "1", "message": "no such order"}).encode()
    packing = {"Content-Encoding": "gzip"} if packed else {}
    reply = (status, gzip.compress(body) if packed else body, packing)
    service.on("GET", "/hostingOrders/1", reply)
    async with aiohttp.ClientSession(middlewares=(reading,)) as session:
        client = make_client(session=session, auth="basic")
        if status == 200:
            assert (await client.hosting_orders.get("1")).hosting_order_id == "1"
        else:
            with pytest.raises(NotFound, match="no such order"):
                await client.hosting_orders.get("1")
    assert seen == [body] * reads


PARTS = [
    lambda s: s[:80],
    lambda s: s[0],
    list,
    lambda s: s.split("-"),
    lambda s: s.partition("-"),
    lambda s: s.upper(),
    lambda s: s.strip("x") + "y",
    lambda s: "y" + s,
    str,
    lambda s: s.join(["a", "b"]),
    lambda s: s * 2,
    lambda s: s.encode(),
    lambda s: s.encode()[3:],
    lambda s: bytes(s.encode()),
    lambda s: s.encode().split(b"-"),
    lambda s: s.encode().decode(),
    lambda s: f"{s} {s!s} {s!r}",
    lambda s: f"{s}",
    lambda s: str(s.encode()),
    lambda s: "".join([s, "-", s]),
    lambda s: "%s and %r" % (s, s),  # noqa: UP031 - other ways are tried as well
    lambda s: f"{s} {s!s:>20}",
    lambda s: b"".join([s.encode()]),
    lambda s: "see " + s,
    lambda s: json.dumps({"a": s}),
    lambda s: str.__str__(s) + str.__getitem__(s, slice(0, 9)),
    lambda s: bytes(s, "utf-8"),
    lambda s: s.replace("h", "H") + s.translate({}) + s.casefold(),
    lambda s: s.format() + s.format_map({}) + s % (),
    lambda s: re.sub("x", "y", s),
    lambda s: io.StringIO(s).read(),
    lambda s: [*map(str, (s, SecretBytes(b"hunter-two")))],
    lambda s: f"{SecretBytes(b'hunter-two')} %s" % SecretBytes(b"hunter-two"),
    lambda s: pickle.dumps([s, SecretBytes(b"hunter-two"), SentSecret(s)]),
    lambda s: copy.deepcopy([s, SentSecret(s)]),
    lambda s: [SentSecret(s), SentSecret(s)[1:], f"{SentSecret(s)}", "".join([SentSecret(s)])],
    lambda s: [SentSecret(s).encode(), json.dumps([SentSecret(s)]), SentSecret(s).split("n")],
]


@pytest.mark.parametrize("part", PARTS, ids=range(len(PARTS)))
def test_what_is_made_of_a_secret_is_secret(part):
    """Slices, pieces, joined and formatted texts, bytes."""
    shown = repr(part(Secret("hunter-two")))
    assert not re.search("hunter|HUNTER|two|TWO|'h'|nter", shown)


def test_a_secret_equals_its_text():
    """Whatever its characters are: it is compared, found in a set, and false where it is empty."""
    secret = Secret("hunter")
    assert secret == "hunter"
    assert "hunter" == secret  # noqa: SIM300 - the other way round
    assert not secret != "hunter"  # noqa: SIM202
    assert secret == Secret(secret) == copy.deepcopy(secret) == SentSecret(secret)
    assert secret != "***"
    assert secret != "hunter2"
    assert secret != 5
    assert {secret: 1}["hunter"] == {"hunter": 1}[secret] == 1
    assert not Secret("")
    assert type(secret.reveal()) is type(Secret(secret).reveal()) is str
    assert secret.reveal() == "hunter"


@pytest.mark.parametrize("writer", ["_py_serialize_headers", "_c_serialize_headers"])
def test_aiohttp_sends_the_text_of_a_secret(writer):
    """Its writers, in Python and in C, ask a header for its text."""
    from aiohttp import http_writer

    headers = CIMultiDict({"Authorization": SentSecret("Bearer hunter")})
    sent = getattr(http_writer, writer)("GET / HTTP/1.1", headers)
    assert b"Authorization: Bearer hunter\r\n" in sent
    assert "hunter" not in repr(headers)


def test_rich_shows_no_part_of_a_secret():
    """It cuts long texts by slicing them."""
    pretty = pytest.importorskip("rich.pretty")
    values = {"a": Secret("hunter" * 30), "b": SecretBytes(b"hunter" * 30)}
    assert "hunter" not in pretty.pretty_repr(values, max_string=20)


def test_causes_hold_no_credentials():
    """aiohttp's errors know the request, live headers included."""
    from multidict import CIMultiDict, CIMultiDictProxy
    from yarl import URL

    headers = CIMultiDict({"Authorization": "Bearer hunter2", "Accept": "x", "Cookie": "hunter2"})
    info = aiohttp.RequestInfo(URL("http://x"), "GET", CIMultiDictProxy(headers), URL("http://x"))
    inner = aiohttp.ClientResponseError(info, (), status=400, message="bad")
    outer = aiohttp.ClientPayloadError("broken")
    outer.__cause__ = inner
    assert without_secrets(outer) is outer
    assert "hunter2" not in repr(inner) + repr(inner.args) + str(dict(inner.request_info.headers))
    assert inner.request_info.headers["Accept"] == "x"


def test_a_client_is_not_pickled(make_client):
    """It holds a secret, and a loop's connections."""
    client = make_client()
    for held in (client, client.hosting_orders, client.imported_numbers):
        with pytest.raises(UsageError, match="pickled"):
            pickle.dumps(held)


@pytest.mark.parametrize("name", ["base_url", "auth_url"])
def test_plain_http_leaves_the_machine_only_by_name(name):
    """Loopback is fine."""
    keys = ("project", "id", "secret")
    for fine in ("http://localhost:1", "http://127.3.2.1:1", "http://[::1]:1", "https://a.example"):
        SinchHosting(*keys, **{name: fine})
    for wrong in ("http://api.example", "http://10.0.0.1:8080", "http://localhost.example"):
        with pytest.raises(ConfigurationError, match="allow_http"):
            SinchHosting(*keys, **{name: wrong})
        SinchHosting(*keys, **{name: wrong}, allow_http=True)
