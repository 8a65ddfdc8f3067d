"""What the service keeps and says: the contract, orders, numbers, letters, tokens, callbacks."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

from . import CREATES, OPERATIONS, RateLimit, Service, echo, error, reply
from .samples import (
    ENABLE,
    IMPORT,
    LETTER,
    N1,
    N2,
    ORDER_IMPORT,
    ORDERS,
    PLACE,
    TEXT_ENABLE,
    TOLL_FREE,
    Api,
)


def schema_of(contract: Any, operation: str, status: int) -> Any:
    """The schema of an operation's answer; empty where no body is documented."""
    (found,) = (
        item[method]
        for item in contract["paths"].values()
        for method in item
        if method != "parameters" and item[method]["operationId"] == operation
    )
    answer = found["responses"].get(str(status), {"$ref": "#/components/responses/Error"})
    if "$ref" in answer:
        answer = contract["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
    return answer.get("content", {}).get("application/json", {}).get("schema", {})


def check_known(contract: Any, schema: Any, value: Any) -> None:
    """Every field is one of the contract."""

    def followed(node: Any) -> Any:
        while "$ref" in node:
            node = contract["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return node

    schema = followed(schema)
    known = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        known.update(followed(part).get("properties", {}))
    if isinstance(value, list):
        for item in value:
            check_known(contract, schema.get("items", {}), item)
    elif isinstance(value, dict) and known:
        assert set(value) <= set(known)
        for name, item in value.items():
            check_known(contract, known[name], item)


async def test_all_23_operations_answer_as_the_contract_says(service, api, contract, clock):
    """Each operation succeeds once, and what it says is valid and known."""
    service.rules.id_only.clear()
    clock.by_hand = True
    seen = set()

    async def ok(method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = await api(method, path, body, **query)
        operation = service.requests[-1].operation
        seen.add(operation)
        schema = schema_of(contract, operation, 200)
        if schema and operation != "TextEnableQualifiedNumbers":
            Draft202012Validator({**contract, **schema}).validate(answer)
            check_known(contract, schema, answer)
        return answer

    first = await ok(
        "POST",
        "/importedNumbers",
        {"phoneNumber": "+12025550100", "regionCode": "US", "smsConfiguration": PLACE},
    )
    assert first["smsConfiguration"]["scheduledProvisioning"]["servicePlanId"] == "plan"
    await ok("GET", "/importedNumbers/+12025550100")
    await ok("GET", "/importedNumbers", **PLACE)
    await ok("PATCH", "/importedNumbers/+12025550100", {"displayName": "new"})
    await ok("DELETE", "/importedNumbers/+12025550100")
    order = (await ok("POST", ORDER_IMPORT, IMPORT))["hostingOrderId"]
    await ok("POST", TEXT_ENABLE, ENABLE)
    free = {
        "regionCode": "US",
        "numbers": [TOLL_FREE],
        "servicePlanId": "plan",
        "directLoaInfo": LETTER,
        "projectId": service.project_id,
    }
    await ok("POST", "/hostingOrders:textEnableTollFreeNumbers", free)
    await ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1, N2, TOLL_FREE]})
    await ok("POST", f"/qualifiedNumbers/{N2}:sendVoiceChallenge")
    await ok("POST", f"/qualifiedNumbers/{N2}:verifyVoiceChallenge", {"code": "1234"})
    await clock.advance(60)
    await ok("POST", "/qualifiedNumbers:textEnableNumbers", ENABLE)
    await ok("POST", "/qualifiedNumbers:textEnableTollFreeNumbers", free)
    await clock.advance(7200)
    place = {**ORDERS, "states": "COMPLETED"}
    assert len((await ok("GET", "/hostingOrders", **place))["hostingOrders"]) == 2
    await ok("GET", f"/hostingOrders/{order}")
    assert (await ok("GET", f"/hostingOrders/{order}/report"))["smsProvisioned"] == 2
    await ok("GET", f"/hostingOrders/{order}/numbers")
    await ok("GET", f"/hostingOrders/{order}/numbers/{N1}")
    state = "GLOBAL_PROCESS_STATE_HOSTING_DONE"
    page = await ok("GET", "/qualifiedNumbers", states=state)
    assert [number["phoneNumber"] for number in page["qualifiedNumbers"]] == [N1, TOLL_FREE]
    await ok("GET", f"/qualifiedNumbers/{N1}")
    await ok("DELETE", f"/qualifiedNumbers/{N1}")
    await ok("GET", "/callbackConfiguration")
    await ok("PATCH", "/callbackConfiguration", {"hmacSecret": "new"})
    assert seen == set(OPERATIONS)
    assert len(OPERATIONS) == 23


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/hostingOrders/none", None, 404),
        ("GET", "/hostingOrders", None, 400),
        ("POST", ORDER_IMPORT, {**IMPORT, "numbers": [N1] * 6}, 400),
        ("POST", ORDER_IMPORT, {**IMPORT, "numbers": ["202"]}, 400),
        ("POST", TEXT_ENABLE, {**ENABLE, "directLoaInfo": {}}, 400),
        ("POST", TEXT_ENABLE, {**ENABLE, "blanketLoaInfo": {}}, 400),
        ("POST", TEXT_ENABLE, [], 400),
        ("POST", "/hostingOrders:textEnableTollFreeNumbers", ENABLE, 400),
        ("POST", "/qualifiedNumbers:textEnableNumbers", ENABLE, 404),
        ("PATCH", "/callbackConfiguration", [], 400),
    ],
)
async def test_bad_requests_are_refused_in_the_contracts_shape(
    service, api, contract, method, path, body, status
):
    """The flat error, or the nested one of the callback configuration."""
    code, raw, _ = await api.raw(method, path, body)
    assert code == status
    schema = schema_of(contract, service.requests[-1].operation, status)
    Draft202012Validator({**contract, **schema}).validate(json.loads(raw))
    assert ("error" in json.loads(raw)) == (path == "/callbackConfiguration")
    assert not service.orders


def test_it_shares_no_code_with_what_it_tests():
    """No module names the package, but for the fixtures that make clients and their test."""
    folder = Path(__file__).parent
    named = re.compile(r"^\s*(from|import) sinch_hosting", re.MULTILINE)
    modules = {path.name for path in folder.glob("*.py") if named.search(path.read_text())}
    assert modules == {"fixtures.py", "test_service_client.py"}


# -------------------------------------------------------------------- what it keeps


async def test_an_order_lives_on_the_clock(service, api, clock):
    """States, numbers and provisioning follow the clock and nothing else."""
    clock.by_hand = True
    order = (await api("POST", ORDER_IMPORT, IMPORT))["hostingOrderId"]
    seen = []
    for _ in range(3):
        state = (await api("GET", f"/hostingOrders/{order}"))["state"]
        number = await api("GET", f"/importedNumbers/{N1}")
        seen.append((state, number["smsProvisioning"]["state"]))
        await clock.advance(60)
    assert seen == [("SUBMITTED", "WAITING"), ("IN_PROGRESS", "IN_PROGRESS"), ("COMPLETED", "DONE")]
    assert (await api("GET", f"/importedNumbers/{N1}"))["smsConfiguration"] == PLACE


async def test_ten_thousand_orders_end_at_once_or_in_a_trickle(service, api, clock):
    """Orders made directly change at their times, and a list finds exactly them."""
    clock.by_hand = True
    now = clock()
    service.add_orders(10_000, completed_at=now + 60)
    few = service.add_orders(10, completed_at=now + 100, every=1)
    for rules in service.lists.values():
        rules.page_cap = 1000
    assert len(await api.ids()) == 10_010
    await clock.advance(60)
    assert len(await api.ids(states="COMPLETED")) == 10_000
    await clock.advance(44)
    assert await api.ids() == [order.id for order in few[5:]]
    service.set_state(few, "REJECTED", at=now + 200, every=10)
    await clock.advance(100)
    assert await api.ids(states="REJECTED") == [order.id for order in few[:1]]


async def test_single_numbers_can_differ_from_their_order(service, api):
    """One failed step of one number shows in the numbers and in the report."""
    (order,) = service.add_orders(1, state="COMPLETED", numbers=[[N1, N2]])
    service.set_number(order, N2, "FAILED", "campaignProvisioning")
    path = f"/hostingOrders/{order.id}"
    found = await api("GET", f"{path}/numbers", campaignProvisioningState="FAILED")
    assert [number["phoneNumber"] for number in found["numbers"]] == [N2]
    report = await api("GET", f"{path}/report")
    assert (report["addedToCampaign"], report["osrUpdated"]) == (1, 2)


async def test_lives_and_failures_are_chosen_before_an_order_is_made(service, api, clock):
    """By the create's body, and by number; a list can hide an order by what it holds."""
    clock.by_hand = True
    service.rules.lives["IMPORT"] = lambda body: [(0, "DRAFT"), (len(body["numbers"]), "COMPLETED")]
    service.rules.failing[N2] = "campaignProvisioning"
    service.lists["ListHostingOrders"].hide = lambda order: N2 in order.numbers
    order = (await api("POST", ORDER_IMPORT, IMPORT))["hostingOrderId"]
    path = f"/hostingOrders/{order}/numbers/{N2}"
    assert (await api("GET", path))["campaignProvisioning"]["state"] == "WAITING"
    await clock.advance(2)
    number = await api("GET", path)
    assert number["campaignProvisioning"]["state"] == "FAILED"
    assert number["osrUpdate"]["state"] == "DONE"
    assert await api.ids(type="IMPORT", states="COMPLETED") == []


async def test_an_import_of_what_is_imported_conflicts(api):
    """409, one by one and in an order."""
    await api("POST", ORDER_IMPORT, IMPORT)
    assert (await api.raw("POST", ORDER_IMPORT, IMPORT))[0] == 409
    single = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": PLACE}
    assert (await api.raw("POST", "/importedNumbers", single))[0] == 409


async def test_a_linked_number_is_unlinked_before_it_is_linked_anew(api):
    """400 for another plan; empty strings unlink."""
    single = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": PLACE}
    await api("POST", "/importedNumbers", single)
    path, other = f"/importedNumbers/{N1}", {"smsConfiguration": {"servicePlanId": "other"}}
    assert (await api.raw("PATCH", path, other))[0] == 400
    await api("PATCH", path, {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}})
    assert "scheduledProvisioning" in (await api("PATCH", path, other))["smsConfiguration"]


async def test_the_third_wrong_code_blocks_a_number(service, api):
    """A wrong code fails, three block."""
    await api("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    path, states = f"/qualifiedNumbers/{N1}", []
    for _ in range(3):
        await api("POST", f"{path}:sendVoiceChallenge")
        answer = await api("POST", f"{path}:verifyVoiceChallenge", {"code": "0000"})
        states.append(answer["globalProcessState"].removeprefix("GLOBAL_PROCESS_STATE_"))
    assert states == ["VERIFICATION_FAILED", "VERIFICATION_FAILED", "VERIFICATION_BLOCKED"]
    assert (await api.raw("POST", f"{path}:sendVoiceChallenge"))[0] == 400
    assert service.counts["SendVoiceChallenge"] == 4


async def test_letters_are_counted_also_where_the_answer_was_lost(service, api):
    """A create whose answer never came has sent its letter; one that never ran has not."""
    service.fault("TextEnableHostingOrderNumbers", error(503, after=True))
    service.fault("TextEnableHostingOrderNumbers", error(503))
    for _ in range(3):
        await api.raw("POST", TEXT_ENABLE, ENABLE)
    assert len(service.letters_for(N1)) == 2
    assert service.letters[0].email == "john@email.com"
    assert service.numbers_in_two_letters == {N1}
    assert service.statuses["TextEnableHostingOrderNumbers", 503] == 2


async def test_names_are_changed_in_storage_or_in_the_answer_only(service, api):
    """`stored_name` lasts, `echoed_name` and `echo` do not."""
    service.rules.stored_name, service.rules.import_conflicts = str.lower, False
    order = await api("POST", ORDER_IMPORT, IMPORT)
    assert order["displayName"] == "my order"
    service.rules.stored_name, service.rules.echoed_name = str, lambda name: name[:2]
    order = await api("POST", ORDER_IMPORT, IMPORT)
    path = f"/hostingOrders/{order['hostingOrderId']}"
    assert (order["displayName"], (await api("GET", path))["displayName"]) == ("My", "My Order")
    service.rules.echoed_name = str
    service.fault(CREATES, echo(str.upper))
    assert (await api("POST", ORDER_IMPORT, IMPORT))["displayName"] == "MY ORDER"


async def test_numbers_of_an_order_fill_in_over_time(service, api, clock):
    """None at first, then one a minute."""
    clock.by_hand = True
    service.rules.numbers_shown = lambda age, count: int(age // 60)
    (order,) = service.add_orders(1, numbers=[[N1, N2]])
    path, seen = f"/hostingOrders/{order.id}/numbers", []
    for _ in range(3):
        seen.append(len((await api("GET", path))["numbers"]))
        await clock.advance(60)
    assert seen == [0, 1, 2]


# --------------------------------------------------------- tokens, rates, callbacks


async def test_tokens_expire_and_are_revoked(service, api, clock):
    """By time, and on demand; the challenge says which."""
    path = "/callbackConfiguration"
    for lose, expired in (
        (lambda: setattr(clock, "now", clock.now + 3600), True),
        (service.expire_tokens, True),
        (service.revoke_tokens, False),
    ):
        assert await api.token() == 200
        await api("GET", path)
        lose()
        status, _, headers = await api.raw("GET", path)
        assert (status, "expired" in headers["WWW-Authenticate"]) == (401, expired)
        assert "invalid_token" in headers["WWW-Authenticate"]
    assert service.token_fetches == service.counts["Token"] == 3


async def test_a_wrong_secret_gets_no_token(service, api):
    """401, and a refused token endpoint is a fault like any other."""
    service.fault("Token", reply(503))
    data = {"grant_type": "client_credentials"}
    for wanted in (503, 401):
        headers = {"Authorization": aiohttp.encode_basic_auth("key-id-1", "wrong")}
        async with api.session.post(service.auth_url, data=data, headers=headers) as answer:
            assert answer.status == wanted


@pytest.mark.parametrize("form", ["seconds", "date", "epoch", None])
async def test_the_rate_limit_is_a_bucket_on_the_clock(clock, form):
    """Burst, then 429 with Retry-After as it is set, then as much as the time allows."""
    clock.by_hand = True
    start = datetime(2026, 1, 1, tzinfo=UTC)
    limit = RateLimit(per_second=0.5, burst=3, retry_after=form)
    async with (
        Service(clock=clock, epoch=start, rate_limit=limit) as service,
        aiohttp.ClientSession() as session,
    ):
        api = Api(service, session)
        answers = [await api.raw("GET", "/callbackConfiguration") for _ in range(4)]
        assert [answer[0] for answer in answers] == [200, 200, 200, 429]
        assert answers[3][2].get("Retry-After") == {
            "seconds": "2",
            "date": "Thu, 01 Jan 2026 00:00:02 GMT",
            "epoch": str(int(start.timestamp()) + 2),
        }.get(form)
        await clock.advance(2)
        statuses = [(await api.raw("GET", "/callbackConfiguration"))[0] for _ in range(2)]
        assert statuses == [200, 429]
        assert limit.refused == 2


async def test_the_record_of_requests_holds_no_credentials(service, api):
    """Operation, method, path, query, body and time; not the Authorization header."""
    await api.token()
    await api("POST", ORDER_IMPORT, IMPORT)
    await api.ids()
    (request,) = service.requests_of("ImportNumbers")
    assert (request.method, request.path, request.body) == ("POST", ORDER_IMPORT, IMPORT)
    assert service.requests[-1].query == ORDERS
    assert service.counts == {"Token": 1, "ImportNumbers": 1, "ListHostingOrders": 1}
    assert "Authorization" not in repr(service.requests)
    assert service.key_secret not in repr(service.requests)


async def test_a_mistake_of_the_service_fails_the_test(clock):
    """What raised inside is raised at the end, not hidden behind a 500."""
    service = await Service(clock=clock).__aenter__()
    service.rules.stored_name = lambda name: name + 1
    async with aiohttp.ClientSession() as session:
        assert (await Api(service, session).raw("POST", ORDER_IMPORT, IMPORT))[0] == 500
    with pytest.raises(ExceptionGroup, match="the service itself failed") as caught:
        await service.__aexit__(None, None, None)
    assert caught.group_contains(TypeError)


async def test_callbacks_are_signed_and_sent_once_an_order(service, api):
    """One event an order and one a number, signed; a wrong secret on demand."""
    got: list[tuple[bytes, str]] = []

    async def take(request: web.BaseRequest) -> web.Response:
        got.append((await request.read(), request.headers.get("X-Sinch-Signature", "")))
        return web.Response()

    runner = web.ServerRunner(web.Server(take), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = "http://127.0.0.1:{1}".format(*runner.addresses[0])
    (order, failed) = service.add_orders(2, numbers=[[N1, N2], [TOLL_FREE]])
    assert await service.send_due_callbacks(url) == []
    service.set_state(order, "COMPLETED")
    service.set_state(failed, "REJECTED")
    sent = await service.send_due_callbacks(url, times=2)
    assert await service.send_due_callbacks(url) == []
    assert await service.send_callback(url, secret="", resourceId=N1) == 200
    await runner.cleanup()
    bodies = [json.loads(body) for body, _ in got]
    assert bodies[:-1:2] == bodies[1:-1:2] == sent
    assert [event["resourceId"] for event in sent] == [order.id, N1, N2, failed.id, TOLL_FREE]
    assert [event["status"] for event in sent] == ["SUCCEEDED"] * 3 + ["FAILED"] * 2
    assert got[-1][1] == ""
    for body, signature in got[:-1]:
        assert signature == hmac.new(b"callback-secret", body, hashlib.sha1).hexdigest()
