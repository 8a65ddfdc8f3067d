"""The service itself, through a plain client: what it says, what it counts, how it fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from jsonschema import Draft202012Validator

from . import (
    CREATES,
    OPERATIONS,
    Service,
    echo,
    error,
)

N1, N2, TOLL_FREE = "+12025550134", "+12025550135", "+18335870229"
PLACE = {"servicePlanId": "plan", "campaignId": "campaign"}
ORDERS = {**PLACE, "type": "TYPE_TEXT_ENABLE", "states": "SUBMITTED"}
ADDRESS = ("buildingNumber", "street", "city", "state", "postalCode", "country")
LETTER = {
    "authorisedPerson": {"firstName": "John", "lastName": "Doe", "email": "john@email.com"},
    "address": dict.fromkeys(ADDRESS, "x"),
    "currentVoiceCarrier": "Verizon",
}
ENABLE = {"regionCode": "US", "numbers": [N1], **PLACE, "directLoaInfo": LETTER}
IMPORT = {"regionCode": "US", "numbers": [N1, N2], **PLACE, "displayName": "My Order"}
TEXT_ENABLE = "/hostingOrders:textEnableNumbers"
ORDER_IMPORT = "/hostingOrders:importNumbers"


class Api:
    """A plain client of one service."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self.service, self.session = service, session
        self.root = f"{service.base_url}/v1/projects/{service.project_id}"
        self.basic = aiohttp.encode_basic_auth(service.key_id, service.key_secret)
        self.headers = {"Authorization": self.basic}

    async def raw(
        self, method: str, path: str, body: Any = None, **query: Any
    ) -> tuple[int, bytes, Any]:
        """Status, body and headers of an answer."""
        async with self.session.request(
            method, self.root + path, json=body, params=query, headers=self.headers
        ) as response:
            return response.status, await response.read(), response.headers

    async def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON of a 200."""
        status, answer, _ = await self.raw(method, path, body, **query)
        assert status == 200, answer
        return json.loads(answer) if answer else None

    async def token(self) -> int:
        """Use a new token from here on; the status of the token endpoint."""
        data = {"grant_type": "client_credentials"}
        headers = {"Authorization": self.basic}
        async with self.session.post(self.service.auth_url, data=data, headers=headers) as answer:
            given = await answer.json()
            self.headers = {"Authorization": f"Bearer {given['access_token']}"}
            return answer.status

    async def walk(self, path: str, key: str, **query: Any) -> list[list[Any]]:
        """All pages of a list."""
        page = await self("GET", path, **query)
        pages = [page[key]]
        while token := page.get("nextPageToken"):
            page = await self("GET", path, **query, pageToken=token)
            pages.append(page[key])
        return pages

    async def ids(self, **query: Any) -> list[str]:
        """The ids of all orders in a list."""
        pages = await self.walk("/hostingOrders", "hostingOrders", **{**ORDERS, **query})
        return [order["hostingOrderId"] for page in pages for order in page]


@pytest.fixture
async def service(clock: Any) -> AsyncIterator[Service]:
    """A service on the test's clock."""
    async with Service(clock=clock, sleep=clock.sleep) as running:
        yield running


@pytest.fixture
async def api(service: Service) -> AsyncIterator[Api]:
    """A plain client of it."""
    async with aiohttp.ClientSession() as session:
        yield Api(service, session)


# -------------------------------------------------------------------- the contract


@pytest.fixture(scope="module")
def contract() -> Any:
    """The contract; the test is skipped where it is not to be had."""
    name = "shared/contract/imported-hosting.openapi.yaml"
    places = [parent / name for parent in Path(__file__).resolve().parents]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        pytest.skip("the contract is not beside this checkout")
    return yaml.safe_load(found.read_text(encoding="utf-8"))


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
