"""Bad input gets a 4xx in the contract's shape: never a traceback, never a hang."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
from typing import Any

import pytest

from sinch_hosting.sandbox import http as sandbox_http

N1 = "+12025550134"
FREE = "+18335550134"
LINKED = {"servicePlanId": "plan", "campaignId": "campaign"}


async def raw(api: Any, method: str, path: str, data: Any, **headers: str) -> tuple[int, Any]:
    """Send bytes as they are."""
    async with api.session.request(
        method, api.root + path, data=data, headers={**api.headers, **headers}
    ) as response:
        return response.status, await response.json()


@pytest.fixture(autouse=True)
def no_traceback(caplog):
    """Nothing that a client sends may end in a traceback in the log."""
    yield
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"NaN",
        b'{"phoneNumbers": [NaN]}',
        b"\xff\xfe",
        b'{"phoneNumbers": ["\xff"]}',
        b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"phoneNumbers": ' + b"9" * 10_000 + b"}",
        b'{"phoneNumbers": "+12025550134"}',
        b'{"phoneNumbers": [1]}',
        b'{"phoneNumbers": [null]}',
        b'{"phoneNumbers": []}',
        b'{"phoneNumbers": ["\\ud800"]}',
        b'{"phoneNumbers": ["+12025550134", "+12025550134"]}',
        '{"phoneNumbers": ["+1202555０134"]}'.encode(),
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_a_body_that_is_wrong_is_a_400(api, body):
    """Whatever is wrong with a body, the answer is a 400 and nothing was added."""
    status, answer = await raw(api, "POST", "/qualifiedNumbers:addNumbers", body)
    assert (status, answer["code"]) == (400, "400")
    assert api.sandbox.qualified_numbers() == []


@pytest.mark.parametrize(("depth", "status"), [(60, 200), (64, 200), (65, 400), (900, 400)])
async def test_nesting_has_a_limit_that_nothing_later_stumbles_over(api, depth, status):
    """A body may nest within reason; what is let through can be shown in the request log."""
    inner = b"[" * (depth - 1) + b"]" * (depth - 1)
    body = b'{"phoneNumbers": ["+12025550134"], "more": ' + inner + b"}"
    assert (await raw(api, "POST", "/qualifiedNumbers:addNumbers", body))[0] == status
    assert (await api.control("GET", "requests"))[0] == 200
    assert (await api.control("GET", "state"))[0] == 200


async def test_a_huge_body_is_a_413(api):
    """A body beyond the limit is refused, whether it announces its length or not."""
    huge = io.BytesIO(b" " * (sandbox_http.LARGEST_BODY + 1))
    assert (await raw(api, "POST", "/qualifiedNumbers:addNumbers", huge))[0] == 413

    async def chunks() -> Any:
        for _ in range(17):
            yield b" " * (sandbox_http.LARGEST_BODY // 16)

    url = f"{api.root}/qualifiedNumbers:addNumbers"
    async with api.session.post(url, data=chunks(), headers=api.headers) as response:
        assert response.status == 413


async def test_a_zip_bomb_is_a_413(api):
    """A small body that inflates beyond the limit is refused."""
    bomb = gzip.compress(b" " * (8 << 20))
    status, _ = await raw(
        api, "POST", "/qualifiedNumbers:addNumbers", bomb, **{"Content-Encoding": "gzip"}
    )
    assert status == 413
    status, _ = await raw(
        api, "POST", "/qualifiedNumbers:addNumbers", b"no gzip", **{"Content-Encoding": "gzip"}
    )
    assert status == 400


async def test_a_body_that_never_ends_is_a_408(sandbox, api, monkeypatch):
    """A body that is announced and does not come is given up."""
    monkeypatch.setattr(sandbox_http, "BODY_TIMEOUT", 0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    path = f"/v1/projects/{sandbox.project_id}/qualifiedNumbers:addNumbers"
    head = f"POST {path} HTTP/1.1\r\n{api.head}"
    writer.write(f"{head}Content-Length: 10\r\n\r\n{{".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 120)
    writer.close()
    await writer.wait_closed()
    assert b"408" in answer


@pytest.mark.parametrize("path", ["/v1/projects/{}/qualifiedNumbers:addNumbers", "/_sandbox/step"])
@pytest.mark.parametrize(
    "body", ["Content-Length: 9\r\n\r\n[", "Transfer-Encoding: chunked\r\n\r\n5\r\n["]
)
async def test_a_client_that_hangs_up_leaves_no_traceback(sandbox, api, path, body):
    """A connection that ends within a body is noted, and that is all."""
    _, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    path = path.format(sandbox.project_id)
    head = f"POST {path} HTTP/1.1\r\n{api.head}"
    writer.write(f"{head}{body}".encode())
    await writer.drain()
    await api.ok("GET", "/callbackConfiguration")
    writer.close()
    await writer.wait_closed()
    for _ in range(1000):
        if sandbox.requests[0].outcome or path.startswith("/_sandbox"):
            break
        await asyncio.sleep(0.001)
    outcomes = [record.outcome for record in sandbox.requests]
    assert outcomes.count("hung up") == int(path.startswith("/v1"))


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "unheard-of"])
async def test_a_body_in_a_broken_encoding_is_a_400(api, encoding):
    """An encoding that cannot be undone is the client's mistake."""
    headers = {"Content-Encoding": encoding}
    assert (await raw(api, "POST", "/qualifiedNumbers:addNumbers", b"abc", **headers))[0] == 400


@pytest.mark.parametrize("path", ["v1/projects/{}/qualifiedNumbers:addNumbers", "nowhere/{}"])
async def test_a_body_in_a_broken_encoding_is_not_logged_as_a_failure(
    sandbox, api, caplog, capsys, path
):
    """Wherever such a body goes, it is the sender's fault: no traceback anywhere."""
    url = f"{sandbox.base_url}/{path.format(sandbox.project_id)}"
    headers = {**api.headers, "Content-Encoding": "gzip"}
    async with api.session.post(url, data=b"no gzip at all", headers=headers) as response:
        assert response.status in {400, 404}
    await sandbox.stop()
    assert caplog.text == ""
    assert capsys.readouterr().err == ""


async def test_a_body_that_waits_to_be_asked_for_is_asked_for(sandbox, api):
    """Expect: 100-continue is answered at once, as curl needs it; the request then works."""
    body = b'{"phoneNumbers": ["+12025550134"]}'
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    path = f"/v1/projects/{sandbox.project_id}/qualifiedNumbers:addNumbers"
    head = f"POST {path} HTTP/1.1\r\n{api.head}"
    head += f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode())
    first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 120)
    writer.write(body)
    second = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 120)
    writer.close()
    await writer.wait_closed()
    assert first.startswith(b"HTTP/1.1 100")
    assert second.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"no http at all\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:20]),
)
async def test_broken_http_is_a_4xx_in_shape(sandbox, bytes_sent):
    """What is no HTTP request is answered 4xx with the flat error body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    writer.write(bytes_sent)
    answer = await asyncio.wait_for(reader.read(), 120)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.")
    assert head.split()[1].startswith(b"4")
    assert set(json.loads(body)) == {"code", "message", "status"}


@pytest.mark.parametrize("size", ["-1", "1000000000", "9" * 50, "x", "1.5", "", "١"])
async def test_absurd_page_sizes_are_a_400(api, size):
    """Negative, huge and non-numeric page sizes are refused, naming the field."""
    status, answer = await api("GET", "/importedNumbers", **LINKED, pageSize=size)
    assert status == 400
    assert answer["details"][0]["fieldViolations"][0]["field"] == "pageSize"


@pytest.mark.parametrize(
    "token", ["x", "????", "bnVsbA==", "W10=", "WzFd", "WzEsMCwiYSJd", "\u2603", "[" * 3000]
)
async def test_foreign_page_tokens_are_a_400(api, token):
    """A token that the sandbox did not give is refused."""
    assert (await api("GET", "/importedNumbers", **LINKED, pageToken=token))[0] == 400


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/importedNumbers", {"servicePlanId": "plan"}),
        ("/importedNumbers", {**LINKED, "orderBy": "phoneNumber"}),
        ("/importedNumbers", {**LINKED, "orderBy": ""}),
        ("/importedNumbers", {**LINKED, "numberPattern.searchPattern": "SOMEWHERE"}),
        ("/hostingOrders", {**LINKED, "states": "SUBMITTED"}),
        ("/hostingOrders", {**LINKED, "states": "SUBMITTED,DRAFT", "type": "IMPORT"}),
        ("/hostingOrders", {**LINKED, "states": "SUBMITTED", "type": "TEXT"}),
        ("/qualifiedNumbers", {}),
        ("/qualifiedNumbers", {"states": "ELIGIBLE"}),
    ],
)
async def test_wrong_queries_are_a_400(api, path, query):
    """Missing and wrong query parameters are refused."""
    assert (await api("GET", path, **query))[0] == 400


@pytest.mark.parametrize(
    "query",
    ["states=A&states=B", "states=%ff", "&".join(f"a{n}=1" for n in range(200))],
    ids=["twice", "encoding", "many"],
)
async def test_broken_queries_are_a_400(sandbox, query):
    """Repeated names, bad encodings and hundreds of parameters are refused."""
    import aiohttp

    path = f"/v1/projects/{sandbox.project_id}/qualifiedNumbers?{query}"
    key = aiohttp.encode_basic_auth(sandbox.key_id, sandbox.key_secret)
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    host = f"127.0.0.1:{sandbox.port}"
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    head += f"Authorization: {key}\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), 120)
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 400")


async def test_a_plus_that_was_not_encoded_is_pointed_out(api):
    """A pattern whose + became a space is refused with a hint, not answered with nothing."""
    query = {**LINKED, "numberPattern.pattern": " 1732"}
    status, answer = await api("GET", "/importedNumbers", **query)
    assert status == 400
    assert "%2B" in answer["message"]


@pytest.mark.parametrize("path", ["", "/nothing", "/hostingOrders/x/y", "/importedNumbers/+1/x"])
async def test_unknown_paths_are_a_404(api, path):
    """Paths that the contract does not have are not found."""
    assert (await api("GET", path))[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        f"/importedNumbers/{N1}",
        f"/qualifiedNumbers/{N1}",
        "/hostingOrders/x",
        "/hostingOrders/x/report",
        "/hostingOrders/x/numbers",
        f"/hostingOrders/x/numbers/{N1}",
        "/importedNumbers/%00",
    ],
)
async def test_what_is_not_there_is_a_404(api, path):
    """Ids that are not known are not found."""
    assert (await api("GET", path))[0] == 404


async def test_a_number_of_another_order_is_not_found(api):
    """An order has only its own numbers."""
    order_id = await api.import_numbers(N1)
    assert (await api("GET", f"/hostingOrders/{order_id}/numbers/+12025550199"))[0] == 404


async def test_wrong_methods_are_a_405(api):
    """The methods that work are named."""
    async with api.session.put(f"{api.root}/hostingOrders", headers=api.headers) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET"


async def test_another_project_is_not_found(sandbox, api):
    """There is only one project; another path prefix is not found either."""
    for path in ("/v1/projects/other/hostingOrders", "/v2", "/v1/projects/", "/"):
        async with api.session.get(sandbox.base_url + path, headers=api.headers) as response:
            assert response.status == 404
            assert (await response.json())["code"] == "404"


async def test_a_path_that_cannot_be_decoded_is_a_400(sandbox, api):
    """Percent-encoded bytes that are no UTF-8 are refused."""
    from yarl import URL

    url = URL(f"{api.root}/hostingOrders/%ff", encoded=True)
    async with api.session.get(url, headers=api.headers) as response:
        assert response.status == 400


def change(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of *body* with *value* at the dotted *path*; ... takes the field away."""
    copy = json.loads(json.dumps(body))
    *parents, last = path.split(".")
    place = copy
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return dict(copy)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("regionCode", ...),
        ("regionCode", "FR"),
        ("regionCode", "CA"),
        ("numbers", [f"+1202{n:07d}" for n in range(501)]),
        ("numbers", ["12025550134"]),
        ("numbers", ["+4420555013"]),
        ("numbers", [FREE]),
        ("servicePlanId", ""),
        ("campaignId", None),
        ("callbackUrl", "ftp://x"),
        ("callbackUrl", "http://[::1"),
        ("callbackUrl", "http://x:99999/"),
        ("directLoaInfo", ...),
        ("directLoaInfo", []),
        ("directLoaInfo.authorisedPerson.email", "nobody"),
        ("directLoaInfo.authorisedPerson.firstName", ...),
        ("directLoaInfo.address.postalCode", 60647),
        ("directLoaInfo.address", None),
        ("blanketLoaInfo", {}),
        ("scheduledOsrUpdateTime", "tomorrow"),
        ("scheduledOsrUpdateTime", "2026-01-01T00:00:00"),
        ("scheduledOsrUpdateTime", "2026-13-01T00:00:00Z"),
        ("scheduledOsrUpdateTime", "0001-01-01T00:00:00+14:00"),
        ("scheduledOsrUpdateTime", "9999-12-31T23:59:59Z"),
        ("migrateToSinchTmo", "yes"),
        ("projectId", 1),
    ],
)
async def test_a_wrong_text_enabling_is_a_400_that_names_the_field(api, enable_body, path, value):
    """Each rule of text enabling is checked, and its field named."""
    body = change(enable_body(N1), path, value)
    status, answer = await api("POST", "/hostingOrders:textEnableNumbers", body)
    assert status == 400
    violations = answer["details"][0]["fieldViolations"]
    assert violations[0]["field"].split("[")[0].split(".")[0] in {
        path.split(".")[0],
        "blanketLoaInfo",
        "numbers",
    }
    assert api.sandbox.orders_created() == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("numbers", [N1]),
        ("campaignId", "x"),
        ("campaignId", None),
        ("nnid", "x"),
        ("blanketLoaInfo", {}),
        ("directLoaInfo", ...),
        ("scheduledZipwhipProvisioningTime", "noon"),
        ("scheduledZipwhipProvisioningTime", 12),
        ("scheduledZipwhipProvisioningTime", "9999-12-31T23:59:59"),
    ],
)
async def test_a_wrong_toll_free_text_enabling_is_a_400(api, enable_body, path, value):
    """The rules for toll-free numbers are checked."""
    body = change(change(enable_body(FREE), "campaignId", ...), path, value)
    assert (await api("POST", "/hostingOrders:textEnableTollFreeNumbers", body))[0] == 400
    assert api.sandbox.orders_created() == []


async def test_too_many_numbers_for_an_import_are_a_400(api):
    """Five is the limit, unless the account has more."""
    numbers = [f"+1202555{n:04d}" for n in range(6)]
    body = {"regionCode": "US", "numbers": numbers, "servicePlanId": "plan"}
    assert (await api("POST", "/hostingOrders:importNumbers", body))[0] == 400
    body["numbers"] = numbers[:5]
    assert (await api("POST", "/hostingOrders:importNumbers", body))[0] == 200


async def test_many_violations_are_listed_but_not_without_end(api):
    """A request with hundreds of faults gets a list that stays short."""
    body = {"regionCode": "US", "numbers": ["x"] * 400, "servicePlanId": "plan"}
    _, answer = await api("POST", "/hostingOrders:textEnableNumbers", body)
    assert len(answer["details"][0]["fieldViolations"]) == 20
    body["numbers"] = list(range(400))
    _, answer = await api("POST", "/hostingOrders:textEnableNumbers", body)
    assert len(answer["details"][0]["fieldViolations"]) == 20


@pytest.mark.parametrize(
    "sms",
    [
        {"servicePlanId": ""},
        {"servicePlanId": "p", "scheduledProvisioning": {"status": True}},
        {"servicePlanId": "p", "scheduledProvisioning": {"lastUpdatedTime": "x"}},
        {"servicePlanId": "p", "scheduledProvisioning": {"errorCodes": [1.5]}},
        {"servicePlanId": "p", "scheduledProvisioning": {"errorCodes": "x"}},
    ],
)
async def test_a_wrong_import_is_a_400(api, sms):
    """Even fields that are only read must have their type."""
    body = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": sms}
    assert (await api("POST", "/importedNumbers", body))[0] == 400


async def test_read_only_fields_of_the_right_type_are_ignored(api):
    """A number as it was read can be sent back: 1.0 counts as an integer."""
    sms = {"servicePlanId": "p", "scheduledProvisioning": {"status": 1.0, "errorCodes": [1]}}
    body = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": sms}
    assert (await api("POST", "/importedNumbers", body))[0] == 200


async def test_a_bug_is_a_500_in_shape_and_in_the_log(sandbox, api, monkeypatch, caplog):
    """Should the sandbox itself fail, the answer is in shape and the log has the traceback."""
    monkeypatch.setattr(
        type(sandbox._operations.callbacks), "get", lambda self, call: 1 / 0, raising=True
    )
    status, answer = await api("GET", "/callbackConfiguration")
    assert (status, answer["error"]["code"]) == (500, 500)
    assert "ZeroDivisionError" in caplog.text
    caplog.clear()
    monkeypatch.setattr(type(sandbox._service), "handle", lambda self, request: 1 / 0)
    status, answer = await api("GET", "/hostingOrders/x")
    assert (status, answer["code"]) == (500, "500")
    assert "ZeroDivisionError" in caplog.text
    caplog.clear()
