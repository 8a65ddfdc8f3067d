"""The client against the contract file: every operation, every example, every valid answer.

Requests are looked at as they arrive at a real server.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import unquote

import attrs
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sinch_hosting import (
    Address,
    AuthorisedPerson,
    BlanketLoa,
    DirectLoa,
    Order,
    OrderReport,
    Pages,
    ResellerLoa,
    SinchHosting,
    models,
    states,
)
from sinch_hosting._session import codec, responses
from sinch_hosting._session.operations import OPERATIONS, Retryability

from .letters import DIRECT, RESELLER

FILE = Path(__file__).parent / "contract" / "imported-hosting.openapi.yaml"
CONTRACT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
METHODS = ("get", "post", "patch", "delete", "put")
PREFIX = "/v1/projects/{projectId}"
PROJECT = "project-1"
"""The client's, as the shared fixture makes it."""
PROJECT = "project-1"
N1, N2, ORDER_ID = "+12025550134", "+12025550135", "01arz3nhyrtsv4rrffq69g5fav"
Call = Callable[[SinchHosting], Any]


# ------------------------------------------------------------ reading the file


def resolve(node: Any) -> Any:
    """What a `$ref` points to."""
    while "$ref" in node:
        reference, node = node["$ref"], CONTRACT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    return node


def flat(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its references followed and its `allOf` merged."""
    schema = resolve(schema)
    merged = {**schema, "properties": dict(schema.get("properties", {}))}
    for part in merged.pop("allOf", ()):
        merged["properties"] |= flat(part)["properties"]
    return merged


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in CONTRACT["paths"].items():
        for method in METHODS:
            if method in item:
                shared, own = item.get("parameters", []), item[method].get("parameters", [])
                yield (
                    item[method]["operationId"],
                    {
                        **item[method],
                        "path": path,
                        "method": method.upper(),
                        "parameters": [resolve(parameter) for parameter in (*shared, *own)],
                    },
                )


DOCUMENTED = dict(_operations())


def request_schema(operation: str) -> dict[str, Any] | None:
    """The schema of an operation's body, if it has one."""
    body = DOCUMENTED[operation].get("requestBody")
    return None if body is None else resolve(body)["content"]["application/json"]["schema"]


def answer_schema(operation: str) -> dict[str, Any] | None:
    """The schema of an operation's 200, if it has one."""
    content = DOCUMENTED[operation]["responses"]["200"].get("content")
    return None if content is None else content["application/json"]["schema"]


def examples(content: dict[str, Any]) -> dict[str, Any]:
    """The examples of a body by name; a single one is called `example`."""
    named = {name: example["value"] for name, example in content.get("examples", {}).items()}
    return {**named, **({"example": content["example"]} if "example" in content else {})}


REQUEST_EXAMPLES = {
    (operation, name): value
    for operation, said in DOCUMENTED.items()
    if "requestBody" in said
    for name, value in examples(resolve(said["requestBody"])["content"]["application/json"]).items()
}
ANSWER_EXAMPLES = {
    operation: value
    for operation, said in DOCUMENTED.items()
    for value in examples(
        said["responses"]["200"].get("content", {}).get("application/json", {})
    ).values()
}


def assert_valid(schema: dict[str, Any], value: Any, *, sent: bool) -> None:
    """Valid by the schema; no field that it does not have; nothing read-only that is sent."""
    Draft202012Validator({**CONTRACT, **resolve(schema)}).validate(value)
    _assert_known(schema, value, sent=sent)


def _assert_known(schema: dict[str, Any], value: Any, *, sent: bool) -> None:
    merged = flat(schema)
    if isinstance(value, list):
        for item in value:
            _assert_known(merged["items"], item, sent=sent)
    if isinstance(value, dict):
        assert set(value) <= set(merged["properties"])
        for name, item in value.items():
            field = merged["properties"][name]
            assert not (sent and resolve(field).get("readOnly")), name
            _assert_known(field, item, sent=sent)


# ------------------------------------------------------------ the tables


def test_the_file_is_the_whole_contract() -> None:
    """23 operations; what is tested below is not an empty list."""
    assert len(DOCUMENTED) == 23
    assert set(REQUEST_EXAMPLES) == set(PRODUCED)
    assert set(ANSWER_EXAMPLES) == {"GetHostingOrder", "GetHostingOrderReport", "ImportNumbers"}


def test_the_table_of_operations_is_the_contracts() -> None:
    """Names, methods and paths."""
    ours = {
        name: (
            operation.method,
            PREFIX
            + operation.template.replace("{phone_number}", "{phoneNumber}").replace(
                "{order_id}", "{hostingOrderId}"
            ),
        )
        for name, operation in OPERATIONS.items()
    }
    assert ours == {name: (said["method"], said["path"]) for name, said in DOCUMENTED.items()}
    assert all(name == operation.name for name, operation in OPERATIONS.items())


def test_what_an_operation_does_when_sent_twice() -> None:
    """Reads read, deletes and patches are safe, posts create; the two challenges are never safe."""
    kinds = {
        "GET": Retryability.READ,
        "PATCH": Retryability.SAFE,
        "DELETE": Retryability.SAFE,
        "POST": Retryability.CREATE,
    }
    for name, operation in OPERATIONS.items():
        never = name in {"SendVoiceChallenge", "VerifyVoiceChallenge"}
        assert operation.kind is (Retryability.NEVER if never else kinds[operation.method])
        assert operation.loses_answers == (operation.method == "POST")


ENUMS = {
    "HostingOrderState": states.OrderState,
    "HostingOrderType": states.OrderType,
    "GlobalProcessState": states.QualificationState,
    "State": states.ProvisioningState,
    "Provisioning.serviceType": states.ServiceType,
    "Provisioning.type": states.ProvisioningType,
    "CarrierOperation.operation": states.CarrierOperationType,
    "CallbackPayload.resourceType": states.ResourceType,
    "CallbackPayload.eventType": states.EventType,
    "CallbackPayload.status": states.EventStatus,
    "CallbackPayload.failureCode": states.FailureCode,
}


@pytest.mark.parametrize("where", ENUMS)
def test_enums_have_the_contracts_values(where: str) -> None:
    """Every value, and no other."""
    name, _, field = where.partition(".")
    schema = flat(CONTRACT["components"]["schemas"][name])
    values = schema["properties"][field]["enum"] if field else schema["enum"]
    assert sorted(ENUMS[where]) == sorted(values)


def test_no_enum_is_left_out() -> None:
    """Every open enum of the package is in the table above."""
    assert set(ENUMS.values()) == set(states.OpenEnum.__subclasses__())


# The schema of every class that the service answers; inner objects by the path to them.
SCHEMAS: dict[type[Any], tuple[str, ...]] = {
    models.AuthorisedPerson: ("AuthorizedPerson",),
    models.Address: ("Address",),
    models.CarrierState: ("CarrierState",),
    models.CarrierOperation: ("CarrierOperation",),
    models.Provisioning: ("Provisioning",),
    models.ScheduledProvisioning: ("ScheduledProvisioning",),
    models.SmsConfiguration: ("SmsConfiguration",),
    models.MnoConfiguration: ("ImportedNumberResponse", "mnoConfiguration"),
    models.ImportedNumber: ("ImportedNumberResponse",),
    models.OsrEligibility: ("QualifiedNumber", "osrEligibility"),
    models.OwnershipVerification: ("QualifiedNumber", "ownershipVerification"),
    models.HostedNumber: ("QualifiedNumber", "hostedNumber"),
    models.QualifiedNumber: ("QualifiedNumber",),
    models.OsrUpdate: ("HostingOrderNumber", "osrUpdate"),
    models.CampaignProvisioning: ("HostingOrderNumber", "campaignProvisioning"),
    models.PlatformProvisioning: ("HostingOrderNumber", "platformProvisioning"),
    models.OrderNumber: ("HostingOrderNumber",),
    models.OrderReport: ("HostingOrderReport",),
    models.TextEnableInfo: ("TextEnableInfo",),
    models.Order: ("HostingOrder",),
    models.CallbackConfiguration: ("CallbackConfiguration",),
    models.CallbackEvent: ("CallbackPayload",),
    models.DirectLoa: ("DirectLoaInfo",),
    models.ResellerLoa: ("ResellerLoaInfo",),
    models.BlanketLoa: ("BlanketLoaInfo",),
    responses.ListedImportedNumbers: ("ListImportedNumbersResponse",),
    responses.ListedOrders: ("ListHostingOrdersResponse",),
    responses.ListedOrderNumbers: ("ListHostingOrderNumbersResponse",),
    responses.ListedQualifiedNumbers: ("ListQualifiedNumbersResponse",),
    responses.AddedNumbers: ("BatchCreateQualifiedNumbersResponse",),
}


@pytest.mark.parametrize("cls", SCHEMAS, ids=lambda cls: cls.__name__)
def test_models_have_the_contracts_fields(cls: type[Any]) -> None:
    """Every field under the wire's name in snake_case, and no other."""
    name, *inner = SCHEMAS[cls]
    schema = flat(CONTRACT["components"]["schemas"][name])
    for step in inner:
        schema = flat(schema["properties"][step])
    fields = {codec.camel_case(a.name) for a in attrs.fields(cls) if not a.name.startswith("_")}
    assert fields == set(schema["properties"])


def test_no_model_is_left_out() -> None:
    """Every class of the models is in the table above."""
    public = {getattr(models, name) for name in models.__all__} - {models.Letter}
    assert public <= set(SCHEMAS)


# ------------------------------------------------------------ requests, as they arrive


WHEN = datetime(2023, 1, 13, 14, 34, 40, 968000, tzinfo=UTC)
LINK = {"service_plan_id": "plan", "campaign_id": "campaign"}
NEED: dict[str, Any] = {"region_code": "US", "service_plan_id": "plan"}
MORE = {"display_name": "é & ü", "callback_url": "https://a.example/b"}
PAGED: dict[str, Any] = {"order_by": "updatedTime", "page_size": 20, "page_token": "a+b/c=="}

# Each operation with as little as it takes, and with all that there is.
CALLS: dict[str, tuple[Call, ...]] = {
    "ListImportedNumbers": (
        lambda s: s.imported_numbers.list(**LINK),
        lambda s: s.imported_numbers.list(
            **LINK, region_code="CA", pattern="+1732", search_pattern="START", **PAGED
        ),
    ),
    "ImportNumber": (
        lambda s: s.imported_numbers.import_number(N1, **NEED),
        lambda s: s.imported_numbers.import_number(
            N1, **NEED, campaign_id="c", migrate_to_sinch_tmo=True, **MORE
        ),
    ),
    "GetImportedNumber": (lambda s: s.imported_numbers.get(N1),),
    "UpdateImportedNumber": (
        lambda s: s.imported_numbers.update(N1, display_name=""),
        lambda s: s.imported_numbers.update(N1, **LINK, **MORE),
    ),
    "DeleteImportedNumber": (lambda s: s.imported_numbers.delete(N1),),
    "ListHostingOrders": (
        lambda s: s.hosting_orders.list(states="DRAFT", type="IMPORT", **LINK),
        lambda s: s.hosting_orders.list(
            states="COMPLETED", type="TEXT_ENABLE", **LINK, region_code="US", **PAGED
        ),
    ),
    "GetHostingOrder": (lambda s: s.hosting_orders.get(ORDER_ID),),
    "GetHostingOrderReport": (lambda s: s.hosting_orders.report(ORDER_ID),),
    "ListHostingOrderNumbers": (
        lambda s: s.hosting_orders.numbers(ORDER_ID),
        lambda s: s.hosting_orders.numbers(
            ORDER_ID,
            osr_update_state="DONE",
            campaign_provisioning_state="FAILED",
            platform_provisioning_state="UNSPECIFIED",
            **PAGED,
        ),
    ),
    "GetHostingOrderNumber": (lambda s: s.hosting_orders.number(ORDER_ID, N1),),
    "ImportNumbers": (
        lambda s: s.hosting_orders.import_numbers([N1], **NEED),
        lambda s: s.hosting_orders.import_numbers(
            [N1, N2], **NEED, campaign_id="", migrate_to_sinch_tmo=False, **MORE
        ),
        lambda s: s.hosting_orders.import_many([N1, N2], **NEED),
    ),
    "TextEnableHostingOrderNumbers": (
        lambda s: s.hosting_orders.text_enable([N1], **NEED, loa=BlanketLoa()),
        lambda s: s.hosting_orders.text_enable(
            [N1, N2],
            **NEED,
            loa=RESELLER,
            campaign_id="c",
            nnid="104029",
            scheduled_osr_update_time=WHEN,
            migrate_to_sinch_tmo=True,
            **MORE,
        ),
        lambda s: s.hosting_orders.text_enable_many([N1, N2], **NEED, loa=DIRECT),
    ),
    "TextEnableTollFreeHostingOrderNumbers": (
        lambda s: s.hosting_orders.text_enable_toll_free([N1], **NEED, loa=DIRECT),
        lambda s: s.hosting_orders.text_enable_toll_free(
            [N1, N2], **NEED, loa=RESELLER, scheduled_zipwhip_provisioning_time=WHEN, **MORE
        ),
        lambda s: s.hosting_orders.text_enable_toll_free_many([N1], **NEED, loa=DIRECT),
    ),
    "GetCallbackConfiguration": (lambda s: s.callback_configuration.get(),),
    "UpdateCallbackConfiguration": (
        lambda s: s.callback_configuration.update(hmac_secret="sécret-☃"),
    ),
    "ListQualifiedNumbers": (
        lambda s: s.qualified_numbers.list(states="ELIGIBLE"),
        lambda s: s.qualified_numbers.list(states="VERIFIED", region_code="US", **PAGED),
    ),
    "GetQualifiedNumber": (lambda s: s.qualified_numbers.get(N1),),
    "DeleteQualifiedNumber": (lambda s: s.qualified_numbers.delete(N1),),
    "AddQualifiedNumbers": (lambda s: s.qualified_numbers.add([N1, N2]),),
    "TextEnableQualifiedNumbers": (
        lambda s: s.qualified_numbers.text_enable([N1], **NEED, loa=BlanketLoa()),
        lambda s: s.qualified_numbers.text_enable(
            [N1, N2],
            **NEED,
            loa=DIRECT,
            campaign_id="c",
            nnid="104029",
            scheduled_osr_update_time=WHEN,
            migrate_to_sinch_tmo=True,
            **MORE,
        ),
    ),
    "TextEnableTollFreeQualifiedNumbers": (
        lambda s: s.qualified_numbers.text_enable_toll_free([N1], **NEED, loa=RESELLER),
        lambda s: s.qualified_numbers.text_enable_toll_free(
            [N1, N2], **NEED, loa=DIRECT, scheduled_zipwhip_provisioning_time=WHEN, **MORE
        ),
    ),
    "VerifyVoiceChallenge": (lambda s: s.qualified_numbers.verify_voice_challenge(N1, "0123"),),
    "SendVoiceChallenge": (lambda s: s.qualified_numbers.send_voice_challenge(N1),),
}


def path_of(operation: str) -> str:
    """The path below the project, with this file's identifiers in it; the plus as it is."""
    path = DOCUMENTED[operation]["path"].removeprefix(PREFIX)
    return path.replace("{phoneNumber}", N1).replace("{hostingOrderId}", ORDER_ID)


def smallest_answer(operation: str) -> Any:
    """An answer with the identifier that its schema has; an empty list; nothing."""
    schema = answer_schema(operation)
    if schema is None:
        return b""
    identifiers = {"hostingOrderId": ORDER_ID, "phoneNumber": N1}
    return {name: identifiers[name] for name in flat(schema)["properties"] if name in identifiers}


async def sent_by(call: Call, operation: str, service: Any, client: SinchHosting) -> Any:
    """The one request of an operation that a call makes; it is answered with an example."""
    answer = ANSWER_EXAMPLES.get(operation, smallest_answer(operation))
    service.on(DOCUMENTED[operation]["method"], path_of(operation), answer)
    if operation == "TextEnableQualifiedNumbers":  # it answers an id, and the order is read
        service.on("GET", path_of("GetHostingOrder"), ANSWER_EXAMPLES["GetHostingOrder"])
    result = call(client)
    if isinstance(result, Pages):
        assert [item async for item in result] == []
    else:
        assert isinstance(result, Awaitable)
        await result
    (seen,) = service.calls(DOCUMENTED[operation]["method"], path_of(operation))
    return seen


def test_every_operation_is_called() -> None:
    """The table of calls has all 23."""
    assert set(CALLS) == set(DOCUMENTED)


@pytest.mark.parametrize(
    ("operation", "index"), [(name, index) for name in CALLS for index in range(len(CALLS[name]))]
)
async def test_requests_are_valid(
    operation: str, index: int, service: Any, client: SinchHosting
) -> None:
    """Method, path, query and body of every call, as they leave the client."""
    seen = await sent_by(CALLS[operation][index], operation, service, client)
    parameters = {p["name"]: p for p in DOCUMENTED[operation]["parameters"] if p["in"] == "query"}
    assert set(seen.query) <= set(parameters)
    for name, parameter in parameters.items():
        assert name in seen.query or not parameter["required"]
        if name in seen.query:
            schema = resolve(parameter["schema"])
            value: Any = seen.query[name]
            assert_valid(schema, int(value) if schema["type"] == "integer" else value, sent=True)
    schema = request_schema(operation)
    if schema is None:
        assert seen.body == b""
        assert seen.headers.get("Content-Type") != "application/json"
    else:
        assert seen.headers["Content-Type"] == "application/json"
        assert_valid(schema, seen.json, sent=True)
        required = resolve(schema).get("required", [])
        assert set(required) <= set(seen.json)


@pytest.mark.parametrize("operation", [name for name in CALLS if len(CALLS[name]) > 1])
async def test_all_that_there_is_can_be_sent(
    operation: str, service: Any, client: SinchHosting
) -> None:
    """Every query parameter and every field that is not read-only is within a caller's reach."""
    seen = await sent_by(CALLS[operation][1], operation, service, client)
    parameters = {p["name"] for p in DOCUMENTED[operation]["parameters"] if p["in"] == "query"}
    assert set(seen.query) == parameters
    schema = request_schema(operation)
    if schema is not None:
        fields = flat(schema)["properties"]
        writable = {name for name in fields if not resolve(fields[name]).get("readOnly")}
        letters = {name for name in writable if name.endswith("LoaInfo")}
        # A number that is there keeps its region; the identifiers are in the path.
        there = operation == "UpdateImportedNumber"
        fixed = {"phoneNumber", "regionCode"} if there else set()
        # The path names the project; only where the contract demands it, the body does, too.
        sendable = (
            writable - letters - fixed - ({"projectId"} - set(flat(schema).get("required", ())))
        )
        assert set(seen.json) - letters == sendable
        assert len(set(seen.json) & letters) == bool(letters)
        if "smsConfiguration" in fields:
            inner = flat(fields["smsConfiguration"])["properties"]
            linking = {name for name in inner if not resolve(inner[name]).get("readOnly")}
            assert set(seen.json["smsConfiguration"]) == linking - (
                {"migrateToSinchTmo"} if there else set()
            )


async def test_values_arrive_as_they_were_given(service: Any, client: SinchHosting) -> None:
    """A plus in a query is encoded, or it would arrive as a blank; so are other signs."""
    seen = await sent_by(CALLS["ListImportedNumbers"][1], "ListImportedNumbers", service, client)
    assert seen.query["numberPattern.pattern"] == "+1732"
    assert seen.query["pageToken"] == "a+b/c=="


@pytest.mark.parametrize("order_id", ["a+b", "ü", "a@b", "a;b=c", "a&b", "a'b\"c"])
async def test_identifiers_stay_one_segment(
    order_id: str, service: Any, client: SinchHosting
) -> None:
    """Odd characters are percent-encoded and arrive as they were given."""
    seen_paths: list[str] = []
    raw = order_id.translate({ord(c): f"%{ord(c):02X}" for c in "@;=&'\""}).replace("ü", "%C3%BC")
    service.on("GET", f"/hostingOrders/{raw}", lambda seen: seen_paths.append(seen.path) or {})
    order = await client.hosting_orders.get(order_id)
    assert order.hosting_order_id == order_id
    assert [unquote(path) for path in seen_paths] == [f"/hostingOrders/{order_id}"]


# ------------------------------------------------------------ the examples

EXAMPLE_PLAN = {
    "service_plan_id": "07d6c2621f364b68856fe4938b7bb78f",
    "campaign_id": "C3O8OGA",
}
YOUR_PLAN = {"service_plan_id": "YOUR_service_plan_id", "campaign_id": "YOUR_campaign_id"}
CALLBACK = {"callback_url": "https://www.your-callback-server.com/callback"}
TWO = ["+17724295286", "+17724295287"]
MAIN_ST = Address(
    building_number="1234",
    street="Main St",
    city="NYC",
    state="NY",
    postal_code="01002",
    country="US",
)
DOE = AuthorisedPerson(first_name="John", last_name="Doe", email="john.doe@email.com")
TOLL_FREE: dict[str, Any] = {
    "region_code": "US",
    "service_plan_id": EXAMPLE_PLAN["service_plan_id"],
    "loa": DIRECT,
    **CALLBACK,
}
TOLL_FREE_NUMBERS = ["+18335870229", "+18339460473"]
PRODUCED: dict[tuple[str, str], Call] = {
    ("ImportNumber", "example"): lambda s: s.imported_numbers.import_number(
        "+11234567890", region_code="US", **YOUR_PLAN, display_name="MyPhoneNumber", **CALLBACK
    ),
    ("UpdateImportedNumber", "unlink"): lambda s: s.imported_numbers.update(
        N1, display_name="My Display Name", service_plan_id="", campaign_id="", **CALLBACK
    ),
    ("UpdateImportedNumber", "link"): lambda s: s.imported_numbers.update(
        N1, display_name="My Display Name", **YOUR_PLAN, **CALLBACK
    ),
    ("ImportNumbers", "example"): lambda s: s.hosting_orders.import_numbers(
        TWO,
        region_code="US",
        **EXAMPLE_PLAN,
        display_name="Import numbers order",
        **CALLBACK,
        migrate_to_sinch_tmo=True,
    ),
    ("TextEnableHostingOrderNumbers", "direct"): lambda s: s.hosting_orders.text_enable(
        TWO,
        region_code="US",
        **EXAMPLE_PLAN,
        **CALLBACK,
        loa=DIRECT,
        scheduled_osr_update_time=WHEN,
    ),
    ("TextEnableHostingOrderNumbers", "blanket"): lambda s: s.hosting_orders.text_enable(
        TWO,
        region_code="US",
        **EXAMPLE_PLAN,
        **CALLBACK,
        loa=BlanketLoa(),
        scheduled_osr_update_time=WHEN,
    ),
    ("TextEnableTollFreeHostingOrderNumbers", "example"): lambda s: (
        s.hosting_orders.text_enable_toll_free(TOLL_FREE_NUMBERS, **TOLL_FREE)
    ),
    ("TextEnableTollFreeQualifiedNumbers", "example"): lambda s: (
        s.qualified_numbers.text_enable_toll_free(TOLL_FREE_NUMBERS, **TOLL_FREE)
    ),
    ("TextEnableQualifiedNumbers", "direct"): lambda s: s.qualified_numbers.text_enable(
        [N1],
        region_code="US",
        **YOUR_PLAN,
        loa=DirectLoa(authorised_person=DOE, address=MAIN_ST, current_voice_carrier="Verizon"),
        scheduled_osr_update_time=WHEN,
    ),
    ("TextEnableQualifiedNumbers", "reseller"): lambda s: s.qualified_numbers.text_enable(
        [N1],
        region_code="US",
        **YOUR_PLAN,
        loa=ResellerLoa(
            business_name="Acme, Inc.",
            authorised_person=DOE,
            address=MAIN_ST,
            current_voice_carrier="Verizon",
        ),
        scheduled_osr_update_time=WHEN,
    ),
}


def same_times(value: Any) -> Any:
    """JSON with its times as instants: three digits of a second are six to us."""
    if isinstance(value, dict):
        return {name: same_times(item) for name, item in value.items()}
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\S+Z", value):
        return datetime.fromisoformat(value)
    return value


@pytest.mark.parametrize(("operation", "name"), REQUEST_EXAMPLES)
async def test_documented_requests_can_be_produced(
    operation: str, name: str, service: Any, client: SinchHosting
) -> None:
    """The body of every example, field by field, by a plain call."""
    seen = await sent_by(PRODUCED[operation, name], operation, service, client)
    example = REQUEST_EXAMPLES[operation, name]
    if "projectId" in example:
        example = {**example, "projectId": PROJECT}
    assert same_times(seen.json) == same_times(example)


@pytest.mark.parametrize("operation", ["GetHostingOrder", "ImportNumbers"])
def test_documented_orders_decode(operation: str) -> None:
    """Nothing of an example is lost, whichever name its letter goes by."""
    example = dict(ANSWER_EXAMPLES[operation])
    order = codec.decode(operation, json.dumps(example).encode(), Order, str)
    assert_tells(order, example)
    again = same_times(codec.encode(order))
    extra = {"numberImport": example.pop("numberImport")} if "numberImport" in example else {}
    if "hostingOrderInfo" in example:
        example["textEnableInfo"] = example.pop("hostingOrderInfo")
    assert again == same_times(example)
    assert order.extra == extra


async def test_documented_answers_reach_the_caller(service: Any, client: SinchHosting) -> None:
    """Through the whole client."""
    for operation in ("GetHostingOrder", "GetHostingOrderReport"):
        service.on("GET", path_of(operation), ANSWER_EXAMPLES[operation])
    order = await client.hosting_orders.get(ORDER_ID)
    assert order.state is states.OrderState.SUBMITTED
    assert order.text_enable_info.loa_type == "DIRECT"
    assert order.text_enable_info.authorised_person.email == "email@domain.com"
    assert await order.report() == OrderReport(
        total=1, osr_updated=1, sms_provisioned=1, added_to_campaign=1
    )


def example_of(schema: dict[str, Any]) -> Any:
    """The examples of a schema's fields as one value; None where no field has one."""
    merged = flat(schema)
    if "example" in merged:
        return merged["example"]
    if merged.get("type") == "array":
        item = example_of(merged["items"])
        return None if item is None else [item]
    if not merged["properties"]:
        return next(iter(merged.get("enum", ())), None)
    fields = {name: example_of(part) for name, part in merged["properties"].items()}
    return {name: value for name, value in fields.items() if value is not None} or None


# ------------------------------------------------------------ all valid answers

ANSWER_TYPES: dict[str, type[Any]] = {
    "ListImportedNumbers": responses.ListedImportedNumbers,
    "ImportNumber": models.ImportedNumber,
    "GetImportedNumber": models.ImportedNumber,
    "UpdateImportedNumber": models.ImportedNumber,
    "ListHostingOrders": responses.ListedOrders,
    "GetHostingOrder": models.Order,
    "GetHostingOrderReport": models.OrderReport,
    "ListHostingOrderNumbers": responses.ListedOrderNumbers,
    "GetHostingOrderNumber": models.OrderNumber,
    "ImportNumbers": models.Order,
    "TextEnableHostingOrderNumbers": models.Order,
    "TextEnableTollFreeHostingOrderNumbers": models.Order,
    "GetCallbackConfiguration": models.CallbackConfiguration,
    "UpdateCallbackConfiguration": models.CallbackConfiguration,
    "ListQualifiedNumbers": responses.ListedQualifiedNumbers,
    "GetQualifiedNumber": models.QualifiedNumber,
    "AddQualifiedNumbers": responses.AddedNumbers,
    "TextEnableQualifiedNumbers": responses.OrderId,
    "TextEnableTollFreeQualifiedNumbers": models.Order,
    "VerifyVoiceChallenge": models.QualifiedNumber,
    "SendVoiceChallenge": models.QualifiedNumber,
}
EVENT = CONTRACT["components"]["schemas"]["CallbackPayload"]
ANY_SCALAR = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
ANY = ANY_SCALAR | st.lists(ANY_SCALAR, max_size=2) | st.just({"a": [{}]})
TIMES = st.builds(
    lambda moment, digits, zone: f"{moment:%Y-%m-%dT%H:%M:%S}{digits}{zone}",
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2099, 1, 1)),
    st.from_regex(r"(\.[0-9]{1,9})?", fullmatch=True, alphabet="0123456789."),
    st.sampled_from(["Z", "+00:00", "-07:00", ""]),
)
NEWER = st.from_regex(r"(?!x-)z[a-z]{1,4}", fullmatch=True)


def valid(schema: dict[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Values that a schema allows: fields absent or there, enums grown, objects extended.

    `updateTime` is a mere string by its schema; that it is a time is in its example.
    """
    merged = flat(schema)
    if "enum" in merged:
        known = st.sampled_from(merged["enum"])
        return known | NEWER.map(str.upper) if merged["type"] == "string" else known
    if name.endswith("Time") or name == "timestamp":
        return TIMES
    if "type" not in merged and name in ("status", "errorCodes"):
        return st.integers(-(2**31), 2**31 - 1) | st.text(max_size=6)  # "either may come"
    match merged.get("type", "object" if merged["properties"] else None):
        case "string":
            return st.text(max_size=6)
        case "integer":
            return st.integers(-(2**31), 2**31 - 1)
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(valid(merged["items"], name), max_size=2)
        case "object":
            fields = {key: valid(part, key) for key, part in merged["properties"].items()}
            needed = {key: fields.pop(key) for key in merged.get("required", ())}
            newer = st.dictionaries(NEWER, ANY, max_size=1)
            return st.builds(
                lambda known, extra: {**known, **extra},
                st.fixed_dictionaries(needed, optional=fields),
                newer,
            )
    return ANY


UNTYPED = {"status", "errorCodes"}
"""What the contract declares without a type."""


def assert_tells(model: Any, body: dict[str, Any]) -> None:
    """Everything that a body says is in the model, and what it does not say is absent."""
    told = {codec.camel_case(a.name): a.name for a in attrs.fields(type(model))}
    told.pop("Extra", None)
    hints = get_type_hints(type(model))
    for name, value in body.items():
        known = {"hostingOrderInfo": "textEnableInfo"}.get(name, name)
        if known not in told:
            assert model.extra[name] == value
            continue
        here, hint = getattr(model, told[known]), hints[told[known]]
        if name in UNTYPED and here is None and value is not None:
            assert model.extra[name] == value  # no number and no text: kept as it came
            continue
        if isinstance(value, dict) and hint is not Any:
            assert_tells(here, value)
        elif get_origin(hint) is tuple and attrs.has(get_args(hint)[0]):
            for ours, theirs in zip(here, value, strict=True):
                assert_tells(ours, theirs)
        elif get_origin(hint) is tuple:
            assert list(here) == value
        elif datetime in (hint, *get_args(hint)):
            moment = datetime.fromisoformat(value)
            assert here == (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        else:
            assert here == value
            assert type(here) is type(value) or isinstance(here, states.OpenEnum)
    assert set(model.extra) <= set(body)


def test_every_answer_has_its_type() -> None:
    """The table of answers leaves out the two deletes, which answer nothing."""
    assert set(ANSWER_TYPES) == {name for name in DOCUMENTED if answer_schema(name) is not None}


@pytest.mark.parametrize("operation", ANSWER_TYPES)
def test_documented_fields_decode(operation: str) -> None:
    """The examples of all fields at once, and the first of every enum's values."""
    body = example_of(answer_schema(operation) or {}) or {}
    decoded = codec.decode(operation, json.dumps(body).encode(), ANSWER_TYPES[operation], str)
    assert_tells(decoded, body)
    assert decoded.extra == {}


def test_the_documented_event_decodes() -> None:
    """The examples of a callback's fields, its time among them."""
    body = example_of(EVENT)
    event = codec.decode("EventsCallback", json.dumps(body).encode(), models.CallbackEvent, str)
    assert_tells(event, body)
    assert event.timestamp == datetime(2023, 6, 6, 7, 45, 27, 785357, tzinfo=UTC)


def says_something(answer: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether an object has fields of its schema; one with other fields alone is no answer."""
    return not answer or not flat(schema)["properties"].keys().isdisjoint(answer)


@pytest.mark.parametrize("operation", ANSWER_TYPES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_valid_answers_decode(operation: str, data: st.DataObject) -> None:
    """Whatever the contract allows is understood, and nothing of it is lost.

    An object with none of the fields of its type is an error in a 200, and refused.
    """
    schema = answer_schema(operation)
    assert schema is not None
    body = data.draw(valid(schema).filter(lambda drawn: says_something(drawn, schema)))
    answer_type = ANSWER_TYPES[operation]
    assert_tells(codec.decode(operation, json.dumps(body).encode(), answer_type, str), body)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(valid(EVENT).filter(lambda drawn: says_something(drawn, EVENT)))
def test_valid_callbacks_decode(body: dict[str, Any]) -> None:
    """Events, too."""
    raw = json.dumps(body).encode()
    assert_tells(codec.decode("EventsCallback", raw, models.CallbackEvent, str), body)


@pytest.mark.parametrize("shape", ["ErrorResponse", "NestedErrorResponse"])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_valid_error_bodies_are_understood(shape: str, data: st.DataObject) -> None:
    """Status, message, details and violations of both shapes, whatever is absent."""
    body = data.draw(valid(CONTRACT["components"]["schemas"][shape]))
    error = codec.api_error("Op", 400, {}, json.dumps(body).encode(), str)
    said = body.get("error", {}) if shape == "NestedErrorResponse" else body
    assert error.status == said.get("status")
    assert error.message == (said.get("message") or "Bad Request")
    assert list(error.details) == said.get("details", [])
    violations = [v for d in said.get("details", []) for v in d.get("fieldViolations", [])]
    assert list(error.field_violations) == violations


def test_documented_statuses_have_errors_of_their_own() -> None:
    """Every status code that the contract documents makes a class below `ApiError`."""
    codes = {int(code) for said in DOCUMENTED.values() for code in said["responses"]} - {200}
    assert codes
    for code in codes:
        assert type(codec.api_error("Op", code, {}, b"", str)) not in (codec.errors.ApiError, None)


def test_deletes_answer_nothing() -> None:
    """The contract documents no body for them."""
    silent = {name for name in DOCUMENTED if answer_schema(name) is None}
    assert silent == {"DeleteImportedNumber", "DeleteQualifiedNumber"}
    for body in (b"", b"{}", b'{"a": 1}'):
        assert codec.decode("DeleteImportedNumber", body, types.NoneType, str) is None
