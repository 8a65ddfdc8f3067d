"""The sandbox against the contract: every operation, every example, every error shape.

All other tests check each answer against the contract, too: see `open_api` in conftest.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.credentials import Credentials
from sinch_hosting.sandbox.errors import Refusal
from sinch_hosting.sandbox.faults import GROUPS
from sinch_hosting.sandbox.operation_ids import OPERATION_IDS
from sinch_hosting.sandbox.records import (
    CARRIERS,
    FAILURE_CODES,
    ORDER_STATES,
    ORDER_TYPES,
    QUALIFICATION_PREFIX,
    QUALIFICATION_STATES,
    STATES,
)
from sinch_hosting.sandbox.routes import TABLE

N1 = "+12025550134"
LINKED = {"servicePlanId": "plan", "campaignId": "campaign"}


def test_the_table_of_operations_is_the_contracts(contract):
    """Paths, methods, names and required query parameters are those of the contract."""
    prefix = "/v1/projects/{projectId}/"
    ours = {
        (prefix + "/".join(path), method.lower()): operation
        for path, methods in TABLE.items()
        for method, operation in methods.items()
    }
    theirs = {
        (path, method): item[method]
        for path, item in contract.document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert {key: o.operation_id for key, o in ours.items()} == {
        key: o["operationId"] for key, o in theirs.items()
    }
    assert len(OPERATION_IDS) == 23
    for key, operation in theirs.items():
        parameters = [contract._resolve(p) for p in operation.get("parameters", ())]
        required = {p["name"] for p in parameters if p["in"] == "query" and p["required"]}
        assert set(ours[key].required) == required


def test_the_values_of_enums_are_the_contracts(contract):
    """States, types, carriers and failure codes are spelt as the contract spells them."""
    schemas = contract.document["components"]["schemas"]
    assert set(ORDER_STATES) == set(schemas["HostingOrderState"]["enum"])
    assert set(ORDER_TYPES) == set(schemas["HostingOrderType"]["enum"])
    assert set(STATES) == set(schemas["State"]["enum"])
    prefixed = {QUALIFICATION_PREFIX + state for state in QUALIFICATION_STATES}
    assert prefixed == set(schemas["GlobalProcessState"]["enum"])
    payload = schemas["CallbackPayload"]["properties"]
    assert set(FAILURE_CODES) == set(payload["failureCode"]["enum"])
    assert set(CARRIERS) <= set(schemas["HostingOrderNumber"]["properties"])


async def test_every_operation_answers_as_documented(sandbox, api, enable_body, direct):
    """All 23 operations succeed once, and what they answer is valid (the client checks)."""
    free = {
        "projectId": sandbox.project_id,
        "regionCode": "US",
        "servicePlanId": "plan",
        "directLoaInfo": direct,
    }
    imported = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": LINKED}
    await api.ok("POST", "/importedNumbers", imported)
    await api.ok("GET", f"/importedNumbers/{N1}")
    await api.ok("GET", "/importedNumbers", **LINKED)
    await api.ok("PATCH", f"/importedNumbers/{N1}", {"displayName": "x"})
    await api.ok("DELETE", f"/importedNumbers/{N1}")
    numbers = ["+12025550140", "+18335550140"]
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [*numbers, N1]})
    sandbox.step()
    await api.ok("POST", f"/qualifiedNumbers/{N1}:sendVoiceChallenge")
    code = {"code": sandbox.voice_code(N1)}
    await api.ok("POST", f"/qualifiedNumbers/{N1}:verifyVoiceChallenge", code)
    await api.ok("GET", f"/qualifiedNumbers/{N1}")
    await api.ok("GET", "/qualifiedNumbers", states="GLOBAL_PROCESS_STATE_VERIFIED")
    await api.ok("DELETE", f"/qualifiedNumbers/{N1}")
    sandbox.approve(numbers)
    await api.ok("POST", "/qualifiedNumbers:textEnableNumbers", enable_body(numbers[0]))
    body = {**free, "numbers": [numbers[1]]}
    await api.ok("POST", "/qualifiedNumbers:textEnableTollFreeNumbers", body)
    order_id = await api.import_numbers("+12025550141")
    await api.text_enable("+12025550142")
    api.qualify("+18335550141")
    body = {**free, "numbers": ["+18335550141"]}
    await api.ok("POST", "/hostingOrders:textEnableTollFreeNumbers", body)
    await api.ok("GET", f"/hostingOrders/{order_id}")
    await api.ok("GET", "/hostingOrders", states="SUBMITTED", type="IMPORT", **LINKED)
    await api.ok("GET", f"/hostingOrders/{order_id}/report")
    await api.ok("GET", f"/hostingOrders/{order_id}/numbers", osrUpdateState="WAITING")
    await api.ok("GET", f"/hostingOrders/{order_id}/numbers/+12025550141")
    await api.ok("GET", "/callbackConfiguration")
    await api.ok("PATCH", "/callbackConfiguration", {"hmacSecret": "new"})
    seen = {record.operation for record in sandbox.requests if record.status == 200}
    assert seen == set(OPERATION_IDS)
    acted = {record.operation for record in sandbox.requests if record.acted}
    assert acted == GROUPS["writes"]


def examples(contract: Any) -> Iterator[tuple[str, str, Any]]:
    """Every documented request example: its path, method and body."""
    for path, item in contract.document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            body = contract._resolve(operation.get("requestBody", {}))
            content = body.get("content", {}).get("application/json", {})
            if "example" in content:
                yield path, method, content["example"]
            for example in content.get("examples", {}).values():
                yield path, method, example["value"]


async def test_every_documented_request_is_accepted(contract, open_api):
    """The vendor's own example bodies go through as they stand."""
    count = 0
    for path, method, body in examples(contract):
        async with Sandbox(speed=0, profile="manual") as sandbox:
            api = await open_api(sandbox)
            below = path.removeprefix("/v1/projects/{projectId}")
            if method == "patch":
                number = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": LINKED}
                await api.ok("POST", "/importedNumbers", number)
                if "" not in body["smsConfiguration"].values():
                    empty = {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}}
                    await api.ok("PATCH", f"/importedNumbers/{N1}", empty)
                    sandbox.trigger(N1)
            if ":textEnable" in path:
                api.qualify(*body["numbers"])
            await api.ok(method.upper(), below.replace("{phoneNumber}", N1), body)
            count += 1
    assert count >= 10


async def curl(*arguments: str) -> bytes:
    """What curl says, or a skip where there is none."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("there is no curl on this machine")
    process = await asyncio.create_subprocess_exec(
        *(program, "-s", "--noproxy", "*", *arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
async def test_the_first_call_of_the_vendors_documentation_works(sandbox, scheme):
    """A first import by curl, but for host and credentials as documented, is answered 200.

    The documented body stands in single quotes: its placeholders arrive as they are written.
    """
    key = f"{sandbox.key_id}:{sandbox.key_secret}"
    grant = ("-d", "grant_type=client_credentials")
    token = json.loads(await curl(sandbox.auth_url, "-u", key, *grant))["access_token"]
    who = ("-H", f"Authorization: Bearer {token}") if scheme == "bearer" else ("-u", key)
    url = f"{sandbox.base_url}/v1/projects/{sandbox.project_id}/importedNumbers"
    body = {
        "phoneNumber": "+11234567890",
        "regionCode": "US",
        "displayName": "My Number",
        "smsConfiguration": {"servicePlanId": "$SERVICE_PLAN_ID", "campaignId": "$CAMPAIGN_ID"},
        "callbackUrl": "https://example.com/callback",
    }
    json_type = ("-H", "Content-Type: application/json")
    out = await curl("-i", "-X", "POST", url, *who, *json_type, "-d", json.dumps(body))
    assert out.startswith(b"HTTP/1.1 200")
    listed = f"{url}?servicePlanId=%24SERVICE_PLAN_ID&campaignId=%24CAMPAIGN_ID"
    found = json.loads(await curl(listed, *who))["importedNumbers"]
    assert [number["phoneNumber"] for number in found] == ["+11234567890"]


async def test_times_have_three_or_six_fractional_digits(sandbox, api):
    """Orders show milliseconds, numbers microseconds, all in UTC with a Z."""
    order_id = await api.import_numbers(N1)
    order = await api.ok("GET", f"/hostingOrders/{order_id}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", order["createdTime"])
    added = await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    shown = added["qualifiedNumbers"][0]["createdTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown)


def test_tokens_that_ended_long_ago_are_forgotten():
    """A sandbox that runs for weeks does not pile up tokens; live ones stay good."""
    now, count = [0.0], iter(range(10_000))
    found = Credentials("id", "secret", 60, lambda: f"token{next(count)}", lambda: now[0])
    key = aiohttp.encode_basic_auth("id", "secret")
    form = b"grant_type=client_credentials"
    for _ in range(1001):
        found.issue(key, form, None)
    now[0] = 1000.0
    live = found.issue(key, form, None)["access_token"]
    assert len(found._tokens) == 1
    found.check(f"Bearer {live}")
    with pytest.raises(Refusal, match="not known"):
        found.check("Bearer token0")
    found.expire(f"Bearer {live}")
    with pytest.raises(Refusal, match="expired"):
        found.check(f"Bearer {live}")


class Who:
    """Ways to present oneself to the token endpoint and the API."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.right = aiohttp.encode_basic_auth(sandbox.key_id, sandbox.key_secret)
        self.wrong = [
            "",
            "Basic",
            "Basic !!!",
            "Basic /w==",
            aiohttp.encode_basic_auth(sandbox.key_id, "wrong"),
            "Bearer",
            "Bearer unknown",
            "Digest x",
        ]


async def test_credentials_are_checked_both_ways(sandbox, api):
    """Basic and bearer pass; anything else is a flat 401, also where errors are nested."""
    who = Who(sandbox)
    url = f"{api.root}/callbackConfiguration"
    for authorization in who.wrong:
        async with api.session.get(url, headers={"Authorization": authorization}) as response:
            assert response.status == 401, authorization
            assert (await response.json())["code"] == "401"
            assert "expired" not in response.headers["WWW-Authenticate"]
    for good in (who.right, who.right.replace("Basic", "basic"), f"Bearer {await api.token()}"):
        async with api.session.get(url, headers={"Authorization": good}) as response:
            assert response.status == 200


async def test_tokens_live_as_long_as_they_say(open_api):
    """The endpoint says the lifetime; expired tokens are a 401 that says so, once they are."""
    async with Sandbox(speed=0, token_lifetime=120) as sandbox:
        api = await open_api(sandbox)
        form = {"grant_type": "client_credentials"}
        async with api.session.post(sandbox.auth_url, data=form, headers=api.basic) as response:
            token = await response.json()
        assert token["expires_in"] == 120
        assert token["token_type"].lower() == "bearer"
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        url = f"{api.root}/callbackConfiguration"
        async with api.session.get(url, headers=headers) as response:
            assert response.status == 200
        sandbox.expire_tokens()
        async with api.session.get(url, headers=headers) as response:
            assert response.status == 401
            assert "expired" in response.headers["WWW-Authenticate"]


async def test_the_token_endpoint_refuses_what_it_must(sandbox, api):
    """Wrong keys are 401, wrong grants and forms 400, GET 405; a key in the form works."""
    who = Who(sandbox)

    async def post(data: Any, authorization: str = "") -> int:
        headers = {"Authorization": authorization} if authorization else {}
        async with api.session.post(sandbox.auth_url, data=data, headers=headers) as response:
            answer = await response.json()
            assert ("error" in answer) == (response.status != 200)
            return int(response.status)

    grant = {"grant_type": "client_credentials"}
    assert [await post(grant, wrong) for wrong in who.wrong if wrong] == [401] * 7
    assert await post(grant) == 401
    assert await post({"grant_type": "password"}, who.right) == 400
    assert await post(b"\xff=%ff", who.right) == 400
    key = {"client_id": sandbox.key_id, "client_secret": sandbox.key_secret}
    assert await post({**grant, **key}) == 200
    async with api.session.get(sandbox.auth_url) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
    assert all(record.body is None for record in sandbox.calls("token"))


async def test_secrets_do_not_show(sandbox):
    """Neither the sandbox nor its credentials show a secret in their repr."""
    assert sandbox.key_secret not in repr(sandbox)
    assert sandbox.key_secret not in repr(sandbox._credentials)
