"""The converter: JSON to models and back, error bodies, and what survives.

What the contract file says is tested in test_contract.py; here stands what a schema cannot say:
the contradictions of the vendor's pages, and bodies that no schema would let through.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, get_type_hints

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_hosting import errors, models
from sinch_hosting._session import codec, converter, requests, responses
from sinch_hosting.errors import ApiError, DecodeError
from sinch_hosting.models import (
    Address,
    AuthorisedPerson,
    BlanketLoa,
    CallbackConfiguration,
    CallbackEvent,
    DirectLoa,
    ImportedNumber,
    Order,
    OrderNumber,
    OrderReport,
    QualifiedNumber,
    ResellerLoa,
    TextEnableInfo,
)
from sinch_hosting.models._base import Answered
from sinch_hosting.states import OpenEnum, OrderState, ProvisioningState, QualificationState

from ..letters import ADDRESS, DIRECT, PERSON

SECRET = "hush-hush-hush"
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def keep(text: str) -> str:
    """Hides nothing."""
    return text


def hide_secret(text: str) -> str:
    """Hides the secret that a caller knows."""
    return text.replace(SECRET, "***")


def decode(body: object, answer_type: type[Any] = Order) -> Any:
    """The model for a body, given as bytes or as what JSON holds."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return codec.decode("Op", raw, answer_type, keep)


def misfit(body: object, answer_type: type[Any] = Order) -> DecodeError:
    """The error that decoding a body raises."""
    with pytest.raises(DecodeError) as caught:
        decode(body, answer_type)
    return caught.value


def api_error(body: object, status_code: int = 400, **headers: str) -> ApiError:
    """The error for an error body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return codec.api_error("Op", status_code, named, raw, hide_secret)


# ------------------------------------------------------------ contradictions


@pytest.mark.parametrize("field", ["textEnableInfo", "hostingOrderInfo"])
def test_letter_details_are_read_under_either_name(field: str) -> None:
    """The schema says `textEnableInfo`, the examples say `hostingOrderInfo`."""
    person = {"firstName": "John", "lastName": "Smith", "email": "email@domain.com"}
    order = decode({field: {"nnid": "104029", "authorisedPerson": person}})
    assert order.text_enable_info.nnid == "104029"
    assert order.text_enable_info.authorised_person.last_name == "Smith"
    assert order.extra == {}


@pytest.mark.parametrize("empty", [{}, None])
def test_an_empty_letter_does_not_hide_a_full_one(empty: object) -> None:
    """Where both names are there the one that says something counts; else the schema's."""
    full = {"nnid": "1"}
    assert decode({"textEnableInfo": empty, "hostingOrderInfo": full}).text_enable_info.nnid == "1"
    both = {"textEnableInfo": {"nnid": "2"}, "hostingOrderInfo": full}
    assert decode(both).text_enable_info.nnid == "2"
    assert decode({"textEnableInfo": empty}) == Order()


@pytest.mark.parametrize(
    "loa_type", ["Direct", "Reseller", "DIRECT", "", 0, 1, 1.5, True, [], {"a": 1}]
)
def test_the_letters_type_survives_whatever_it_is(loa_type: object) -> None:
    """Documented as `Direct`, shown as `DIRECT` and as `0`: it is kept as it came."""
    assert decode({"textEnableInfo": {"loaType": loa_type}}).text_enable_info.loa_type == loa_type


@pytest.mark.parametrize("came", ["{}", {}, [], None, 5, True, {"deep": [{"er": 1}]}])
def test_unknown_fields_of_any_type_are_kept(came: object) -> None:
    """An example answers an import with `numberImport: '{}'`, a text."""
    order = decode({"hostingOrderId": "o", "numberImport": came})
    assert order.hosting_order_id == "o"
    assert order.extra == {"numberImport": came}


def test_extra_fields_are_kept_where_they_were() -> None:
    """On nested objects and on the items of lists, too."""
    page = decode(
        {"numbers": [{"smsAtt": {"carrier": "AT&T"}, "tag": 1}, {}], "more": True},
        responses.ListedOrderNumbers,
    )
    assert page.extra == {"more": True}
    assert page.numbers[0].extra == {"tag": 1}
    assert page.numbers[0].sms_att.extra == {"carrier": "AT&T"}
    assert page.numbers[1].extra == page.numbers[1].sms_att.extra == {}


def test_snake_case_is_no_spelling_of_the_wire() -> None:
    """A field spelt our way is unknown to the wire; the token endpoint's are the exception."""
    body = {"hosting_order_id": "o", "displayName": "d"}
    assert decode(body).extra == {"hosting_order_id": "o"}
    token = decode(
        {"access_token": "t", "token_type": "bearer", "expires_in": 3600, "scope": ""},
        responses.AccessToken,
    )
    assert (token.access_token, token.token_type, token.expires_in) == ("t", "bearer", 3600)
    assert token.extra == {"scope": ""}


@pytest.mark.parametrize("country", ["US", "USA"])
def test_a_country_is_passed_through(country: str) -> None:
    """In both directions."""
    info = decode({"textEnableInfo": {"address": {"country": country}}}).text_enable_info
    assert info.address.country == country
    assert codec.encode(attrs.evolve(ADDRESS, country=country))["country"] == country


@pytest.mark.parametrize("body", [b"", b"{}", b'{"a": 1}', b"OK", b"null", b"[]", b"\xff\x00"])
def test_a_delete_may_answer_anything(body: bytes) -> None:
    """No body is documented, so none is looked at."""
    assert decode(body, type(None)) is None


@pytest.mark.parametrize("status", [0, 1, 2, 7, -1, None, "WAITING", "FAILED", "LATER", "", "3"])
def test_statuses_by_number_or_as_text_survive(status: int | str | None) -> None:
    """A hosted number's and a scheduled provisioning's status come as either, unknown ones too."""
    number = decode({"hostedNumber": {"status": status}}, QualifiedNumber)
    assert number.hosted_number.status == status
    sms = {"scheduledProvisioning": {"status": status, "errorCodes": [1, "60135", "LATER"]}}
    scheduled = decode({"smsConfiguration": sms}, ImportedNumber).sms_configuration
    assert scheduled.scheduled_provisioning.status == status
    assert scheduled.scheduled_provisioning.error_codes == (1, "60135", "LATER")


UNREADABLE = [True, 1.5, [], [[]], {}, {"a": 1}]


@pytest.mark.parametrize("odd", UNREADABLE, ids=repr)
@pytest.mark.parametrize(
    ("answer_type", "path", "absent"),
    [
        (Order, ["createdTime"], None),
        (Order, ["textEnableInfo", "authorisedPerson", "email"], ""),
        (Order, ["textEnableInfo", "address", "city"], ""),
        (Order, ["regionCode"], None),
        (ImportedNumber, ["callbackUrl"], None),
        (ImportedNumber, ["smsConfiguration", "scheduledProvisioning", "status"], None),
        (ImportedNumber, ["smsConfiguration", "scheduledProvisioning", "lastUpdatedTime"], None),
        (ImportedNumber, ["smsProvisioning", "errorMessage"], None),
        (ImportedNumber, ["smsProvisioning", "serviceType"], None),
        (ImportedNumber, ["mnoConfiguration", "smsTmo", "updateTime"], None),
        (QualifiedNumber, ["hostedNumber", "status"], None),
        (OrderReport, ["osrUpdated"], None),
        (responses.ListedOrders, ["totalSize"], None),
        (CallbackEvent, ["timestamp"], None),
    ],
    ids=str,
)  # fmt: skip
def test_what_no_decision_rests_on_never_fails_an_answer(
    answer_type: type[Any], path: list[str], absent: object, odd: object
) -> None:
    """It is absent, `.extra` of its object has it as it came, and all else is read."""
    body: Any = odd
    for step in reversed(path):
        body = {step: body, "later": 1}
    model = decode(body, answer_type)
    for step in path[:-1]:
        assert model.extra == {"later": 1}
        (model,) = (
            getattr(model, a.name)
            for a in attrs.fields(type(model))
            if codec.camel_case(a.name) == step
        )
    assert model.extra == {path[-1]: odd, "later": 1}
    (field,) = (a for a in attrs.fields(type(model)) if codec.camel_case(a.name) == path[-1])
    assert getattr(model, field.name) == absent


def test_an_object_that_no_decision_rests_on_may_be_anything() -> None:
    """Carriers and letters are shown, not decided by; so is what is odd inside."""
    assert decode({"textEnableInfo": "none", "displayName": "d"}).extra == {
        "textEnableInfo": "none"
    }
    other = decode({"hostingOrderInfo": []})
    assert (other.extra, other.text_enable_info) == ({"hostingOrderInfo": []}, TextEnableInfo())
    page = decode({"numbers": [{}, {"smsAtt": {"state": []}}]}, responses.ListedOrderNumbers)
    assert page.numbers[1].extra == {"smsAtt": {"state": []}}
    assert page.numbers[1].sms_att.state is ProvisioningState.UNSPECIFIED


def test_codes_by_number_are_read_as_text() -> None:
    """A carrier's 60135 is looked for as text."""
    number = decode({"mnoConfiguration": {"smsTmo": {"errorCode": 60135}}}, ImportedNumber)
    assert number.mno_configuration.sms_tmo.error_code == "60135"
    assert number.mno_configuration.sms_tmo.extra == {}


@pytest.mark.parametrize(
    ("came", "size"), [("0", 0), ("17", 17), ("-1", -1), (17.0, 17), (17, 17), (None, None)]
)
def test_numbers_may_come_as_text(came: object, size: int | None) -> None:
    """Protobuf's JSON writes 64 bits as text."""
    page = decode({"totalSize": came}, responses.ListedOrders)
    assert (page.total_size, page.extra) == (size, {})
    assert decode({"total": came}, OrderReport).total == size


@pytest.mark.parametrize("came", ["", "x", "1.5", "1e3", " 7", "٣", "1" * 30])
def test_texts_that_are_no_number_are_kept(came: str) -> None:
    """They count as absent."""
    page = decode({"totalSize": came}, responses.ListedOrders)
    assert (page.total_size, page.extra) == (None, {"totalSize": came})


def test_enums_may_grow() -> None:
    """A state of a later version is kept in the class of its field, not as a mere text."""
    order = decode({"state": "PAUSED", "type": "TYPE_PORT"})
    assert order.state == "PAUSED"
    assert type(order.state) is OrderState
    assert not order.state.is_known
    assert order.type == "TYPE_PORT"


def test_a_state_without_its_prefix_is_the_member() -> None:
    """The vendor's prose drops it, so a service may."""
    number = decode({"globalProcessState": "ELIGIBLE"}, QualifiedNumber)
    assert number.global_process_state is QualificationState.ELIGIBLE


def test_enums_that_cannot_be_named_come_as_numbers() -> None:
    """Protobuf's JSON writes enum values that it has no name for as numbers."""
    assert decode({"state": 9}).state == "9"


def test_known_enum_values_are_the_members() -> None:
    """The same object each time, so identity works, too."""
    assert decode({"state": "COMPLETED"}).state is OrderState.COMPLETED


# ------------------------------------------------------------ absence


NUMBER_STATES = ("osr_update", "campaign_provisioning", "platform_provisioning", "sms_att")


@pytest.mark.parametrize(
    "body", [{}, {"platformProvisioning": None, "smsAtt": {}, "osrUpdate": {"state": None}}]
)
def test_what_is_absent_or_null_reads(body: dict[str, Any]) -> None:
    """An absent object is an empty one, an absent state UNSPECIFIED, an absent scalar None."""
    number = decode(body, OrderNumber)
    assert {getattr(number, name).state for name in NUMBER_STATES} == {
        ProvisioningState.UNSPECIFIED
    }
    assert number.project_id is number.sms_att.update_time is None
    assert number.phone_number == ""
    assert number == OrderNumber()


def test_an_absent_identifier_is_empty_text() -> None:
    """So that it is always a `str`; null is absence."""
    assert decode({}).hosting_order_id == decode({"hostingOrderId": None}).hosting_order_id == ""
    assert decode({}, QualifiedNumber).phone_number == ""
    assert decode({}, ImportedNumber).phone_number == ""
    assert decode({}, responses.OrderId).hosting_order_id == ""


ANSWERS: list[type[Any]] = [
    *(Order, OrderNumber, ImportedNumber, QualifiedNumber, OrderReport, responses.OrderId),
    *(responses.ListedOrders, responses.ListedOrderNumbers, responses.AddedNumbers),
]
HOLLOW: list[dict[str, Any]] = [
    {"error": {"code": 503, "message": "later"}},
    {"message": "Forbidden"},
    {"code": "500", "message": "x", "status": "INTERNAL"},
    {"hosting_orders": []},
]


@pytest.mark.parametrize("body", HOLLOW, ids=str)
@pytest.mark.parametrize("answer_type", ANSWERS)
def test_an_answer_with_none_of_its_fields_is_no_answer(
    body: dict[str, Any], answer_type: type[Any]
) -> None:
    """An error in a 200 is no empty list and no hollow order: `DecodeError` names what came."""
    with pytest.raises(errors.DecodeError, match=f"not only {sorted(body)[0]!r}") as caught:
        decode(body, answer_type)
    assert (caught.value.path, caught.value.is_json) == ("", True)
    assert caught.value.may_have_been_applied


def test_absent_lists_are_empty() -> None:
    """`null` where a list belongs is an empty list, and ends a walk."""
    for body in ({}, {"numbers": None, "nextPageToken": None, "totalSize": None}):
        page = decode(body, responses.ListedOrderNumbers)
        assert (page.numbers, page.next_page_token, page.total_size) == ((), None, None)


@pytest.mark.parametrize("field", ["firstName", "lastName", "email"])
def test_the_rules_for_callers_do_not_hold_for_answers(field: str) -> None:
    """A person whom the service tells in part is no error, and blank where it is silent."""
    whole = {"firstName": "J", "lastName": "S", "email": "not an address"}
    del whole[field]
    person = decode({"authorisedPerson": whole}, TextEnableInfo).authorised_person
    said = {"first_name": "J", "last_name": "S", "email": "not an address"}
    told = {name: getattr(person, name) for name in said}
    blank = {name for name, value in told.items() if value == ""}
    assert {codec.camel_case(name) for name in blank} == {field}


def test_types_of_callbacks_may_be_absent() -> None:
    """A callback's enums are None where they are absent: failure codes often are."""
    event = decode({"status": "SUCCEEDED"}, CallbackEvent)
    assert event.status == "SUCCEEDED"
    assert event.failure_code is event.event_type is event.timestamp is None


# ------------------------------------------------------------ times


@pytest.mark.parametrize("zone", ["Z", "", "+00:00", "+02:00", "-05:30"])
@pytest.mark.parametrize("digits", range(10))
def test_times_have_0_to_9_digits_with_and_without_zone(digits: int, zone: str) -> None:
    """Beyond microseconds digits are cut; no zone is UTC; all are aware."""
    fraction = "." + "123456789"[:digits] if digits else ""
    moment = decode({"createdTime": f"2026-03-04T05:06:07{fraction}{zone}"}).created_time
    hours = {"+02:00": timedelta(hours=2), "-05:30": -timedelta(hours=5, minutes=30)}
    offset = hours.get(zone, timedelta())
    micro = int("123456"[:digits].ljust(6, "0")) if digits else 0
    assert moment == AT.replace(microsecond=micro) - offset
    assert moment.utcoffset() == offset


@pytest.mark.parametrize("none", ["", None])
def test_no_time_is_none(none: str | None) -> None:
    """An empty text is what some servers write for an unset time."""
    assert decode({"createdTime": none}).created_time is None


def test_the_zero_time_of_go_is_a_time() -> None:
    """Year 1 is in the calendar."""
    assert decode({"createdTime": "0001-01-01T00:00:00Z"}).created_time.year == 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-04t05:06:07z", AT),
        ("2026-03-04T05:06:07.25z", AT.replace(microsecond=250_000)),
        ("2026-03-04t05:06:07.123456789012Z", AT.replace(microsecond=123_456)),
        ("2026-03-04T05:06:60Z", AT.replace(minute=7, second=0)),
        ("2026-03-04T05:06:60.5z", AT.replace(minute=7, second=0, microsecond=500_000)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31t18:59:60-05:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2026-03-04 05:06:07-00:00", AT),
    ],
)
def test_times_are_read_as_rfc_3339_writes_them(text: str, moment: datetime) -> None:
    """Small letters, leap seconds, and any fraction."""
    order = decode({"createdTime": text})
    assert (order.created_time, order.extra) == (moment, {})


@pytest.mark.parametrize(
    "wrong",
    ["yesterday", "2026-13-01T00:00:00Z", "9999-12-31T23:59:60Z", "2026-03-04T05:06:61Z",
     "2026-03-04T05:06:60.Z", 1700000000, {}, [], True, 0, False],
)  # fmt: skip
def test_what_is_no_time_is_none_and_kept(wrong: object) -> None:
    """Whatever it is, the answer is understood; epochs are not guessed at."""
    order = decode({"hostingOrderId": "o", "createdTime": wrong})
    assert (order.hosting_order_id, order.created_time) == ("o", None)
    assert order.extra == {"createdTime": wrong}


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 1, 1),
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
    )
)
def test_times_are_sent_in_utc(moment: datetime) -> None:
    """Whatever zone they come in; read back they are the same instant."""
    sent = codec.encode(enable(scheduled_osr_update_time=moment))["scheduledOsrUpdateTime"]
    assert sent.endswith("Z")
    assert "+" not in sent
    assert decode({"scheduledOsrUpdateTime": sent}).scheduled_osr_update_time == moment


# ------------------------------------------------------------ requests


def enable(**more: Any) -> requests.TextEnable:
    """A text-enabling of one number."""
    given_fields: dict[str, Any] = {
        "region_code": "US",
        "numbers": ["+12025550134"],
        "service_plan_id": "p",
        "loa": DIRECT,
    }
    return requests.TextEnable(**{**given_fields, **more})


def test_a_patch_sends_what_the_caller_named() -> None:
    """Absent and "" are two things."""
    update = requests.UpdateImportedNumber
    assert codec.encode(update()) == {}
    assert codec.encode(update(display_name="")) == {"displayName": ""}
    patch = update(
        sms_configuration=requests.SmsPatch(service_plan_id="", campaign_id="c"),
        callback_url="",
    )
    assert codec.encode(patch) == {
        "smsConfiguration": {"servicePlanId": "", "campaignId": "c"},
        "callbackUrl": "",
    }
    half = update(sms_configuration=requests.SmsPatch(campaign_id=""))
    assert codec.encode(half) == {"smsConfiguration": {"campaignId": ""}}


def test_a_create_sends_no_nulls() -> None:
    """What is not given is left out; an empty text is a value."""
    assert codec.encode(enable(loa=BlanketLoa(), display_name="")) == {
        "regionCode": "US",
        "numbers": ["+12025550134"],
        "servicePlanId": "p",
        "blanketLoaInfo": {},
        "displayName": "",
    }


def test_flags_that_are_false_are_sent() -> None:
    """`False` is no absence."""
    request = requests.ImportNumbers(
        region_code="CA", numbers=["+14165550134"], service_plan_id="p", migrate_to_sinch_tmo=False
    )
    assert codec.encode(request)["migrateToSinchTmo"] is False


@pytest.mark.parametrize("business_name", [None, "Acme, Inc."])
def test_a_letter_goes_under_its_own_name(business_name: str | None) -> None:
    """British in spelling, one field of three, the extras of an answer not sent back."""
    parts = {
        "authorised_person": attrs.evolve(PERSON, extra={"from": "an answer"}),
        "address": ADDRESS,
        "current_voice_carrier": "Verizon",
    }
    letter = (
        ResellerLoa(business_name=business_name, **parts) if business_name else DirectLoa(**parts)
    )
    sent = codec.encode(enable(loa=letter))
    name = "resellerLoaInfo" if business_name else "directLoaInfo"
    assert set(sent) == {"regionCode", "numbers", "servicePlanId", name}
    assert sent[name].pop("businessName", None) == business_name
    assert sent[name] == {
        "authorisedPerson": {"firstName": "John", "lastName": "Smith", "email": "email@domain.com"},
        "address": {
            "buildingNumber": "2433",
            "street": "Vesta Drive",
            "city": "Chicago",
            "state": "IL",
            "postalCode": "60647",
            "country": "US",
        },
        "currentVoiceCarrier": "Verizon",
    }


def test_the_toll_free_schedule_is_at_the_top() -> None:
    """One page shows it inside `directLoaInfo`; the schema has it beside."""
    request = requests.TextEnableTollFree(
        region_code="US",
        numbers=["+18335870229"],
        service_plan_id="p",
        loa=DIRECT,
        scheduled_zipwhip_provisioning_time=datetime(
            2026, 3, 4, 5, 6, 7, 800_000, tzinfo=timezone(timedelta(hours=-5))
        ),
    )
    sent = codec.encode(request)
    assert sent["scheduledZipwhipProvisioningTime"] == "2026-03-04T10:06:07.800000Z"
    assert "scheduledZipwhipProvisioningTime" not in sent["directLoaInfo"]


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_texts_come_back_as_they_were_sent(text: str) -> None:
    """Any characters, escapes included."""
    sent = json.dumps(codec.encode(enable(display_name=text))).encode()
    assert decode(sent).display_name == text


def _values(hint: Any) -> st.SearchStrategy[Any]:
    """What a field of an answer may hold."""
    (kind, *_) = converter._split_optional(hint)
    if hint is Any:
        return st.sampled_from(["Direct", "DIRECT", 0])
    if isinstance(kind, type) and issubclass(kind, OpenEnum):
        return st.sampled_from([*kind, kind("LATER")])
    if kind is datetime:
        return st.datetimes(timezones=st.just(UTC))
    if kind in (str, int, bool):
        return {str: st.text(max_size=5), int: st.integers(0, 9), bool: st.booleans()}[kind]
    if kind == int | str:
        return st.integers(0, 9) | st.text(max_size=5)
    if kind == tuple[int | str, ...]:
        return st.lists(st.integers(0, 9) | st.text(max_size=5), max_size=2).map(tuple)
    return _records(kind)


def _records(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Instances of an answer's class with some of the fields set."""
    hints = get_type_hints(cls)
    if cls in (Address, AuthorisedPerson):
        return st.sampled_from([PERSON if cls is AuthorisedPerson else ADDRESS])
    fields = [a for a in attrs.fields(cls) if not a.name.startswith("_")]
    return st.fixed_dictionaries({}, optional={a.name: _values(hints[a.name]) for a in fields}).map(
        lambda given_fields: cls(**given_fields)
    )


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([Order, ImportedNumber, QualifiedNumber, OrderNumber, OrderReport,
                     CallbackConfiguration, CallbackEvent]).flatmap(_records)
)  # fmt: skip
def test_answers_round_trip(answer: Answered) -> None:
    """What is written in the wire's names is read back as it was."""
    assert decode(codec.encode(answer), type(answer)) == answer


@pytest.mark.parametrize(
    ("ours", "wires"),
    [
        ("phone_number", "phoneNumber"),
        ("sms_att", "smsAtt"),
        ("type", "type"),
        ("migrate_to_sinch_tmo", "migrateToSinchTmo"),
        ("added_to_campaign", "addedToCampaign"),
    ],
)
def test_names_are_camel_case_on_the_wire(ours: str, wires: str) -> None:
    """Word by word."""
    assert codec.camel_case(ours) == wires


# ------------------------------------------------------------ what cannot be understood


WRONG: list[tuple[type[Any], object, str, str]] = [
    (Order, [], "", "expected an object, got an array"),
    (Order, None, "", "expected an object, got null"),
    (Order, "x", "", "expected an object, got text"),
    (Order, {"displayName": 5}, "displayName", "expected text, got a number 5"),
    (Order, {"displayName": ["a"]}, "displayName", "expected text, got an array"),
    (Order, {"hostingOrderId": 5}, "hostingOrderId", "expected text, got a number 5"),
    (Order, {"state": {}}, "state", "expected text, got an object"),
    (Order, {"state": []}, "state", "expected text, got an array"),
    (Order, {"state": True}, "state", "expected text, got a boolean true"),
    (Order, {"state": 1.5}, "state", "expected text, got a number 1.5"),
    (
        responses.ListedOrderNumbers,
        {"numbers": [{}, {}, {}, {"osrUpdate": {"state": []}}]},
        "numbers[3].osrUpdate.state",
        "expected text, got an array",
    ),
    (responses.AddedNumbers, {"qualifiedNumbers": [{}, 7]}, "qualifiedNumbers[1]",
     "expected an object, got a number 7"),
    (responses.ListedOrderNumbers, {"numbers": "abc"}, "numbers", "expected an array, got text"),
    (responses.ListedOrderNumbers, {"numbers": {}}, "numbers", "expected an array, got an object"),
    (
        responses.ListedImportedNumbers,
        {"importedNumbers": [{"smsConfiguration": {"scheduledProvisioning": {"campaignId": 1}}}]},
        "importedNumbers[0].smsConfiguration.scheduledProvisioning.campaignId",
        "expected text, got a number 1",
    ),
    (responses.AccessToken, {"access_token": 5}, "access_token", "expected text, got a number"),
    (CallbackConfiguration, {"hmacSecret": 5}, "hmacSecret", "expected text, got a number"),
    (CallbackConfiguration, {"hmacSecret": True}, "hmacSecret", "expected text, got a boolean"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer_type", "body", "path", "reason"),
    WRONG,
    ids=[f"{c.__name__}:{b}" for c, b, *_ in WRONG],
)
def test_a_misfit_names_its_path(
    answer_type: type[Any], body: object, path: str, reason: str
) -> None:
    """And what was expected there, and what came: no type is bent into another."""
    error = misfit(body, answer_type)
    assert (error.operation, error.path, error.reason) == ("Op", path, reason)
    assert error.is_json
    assert error.__cause__ is error.__context__ is None
    if not path.endswith(("hmacSecret", "access_token")):
        assert json.loads(error.body) == body


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><body>Bad gateway</body></html>", b'{"hostingOrderId": "o', b"\xff\xfe\xff",
     b"\x89PNG\r\n\x1a\n", b"nothing", b'{"a": 1} {"b": 2}', b"[" * 100_000, b"1" * 5000],
    ids=["empty", "html", "cut", "bytes", "png", "word", "twice", "deep", "long"],
)  # fmt: skip
def test_a_body_that_is_no_json_is_said(body: bytes) -> None:
    """With its length and its beginning; kept as text, whatever it is."""
    error = misfit(body)
    assert not error.is_json
    assert error.path == ""
    assert f"in {len(body)} bytes" in error.reason
    assert error.body == body.decode("utf-8", "replace")[:1000]
    assert len(str(error)) < 500
    assert error.__cause__ is error.__context__ is None


SECRETIVE = ["hmacSecret", "hmac_secret", "access_token", "accessToken", "refresh_token",
             "client_secret", "key_secret"]  # fmt: skip


@pytest.mark.parametrize("field", SECRETIVE)
@pytest.mark.parametrize("cut", [0, 3])
def test_secret_fields_are_masked_even_when_cut_short(field: str, cut: int) -> None:
    """In the kept body and in the message, in JSON that is whole, cut or escaped."""
    for secret in (SECRET, f'{SECRET}"quoted"{SECRET}', f"back\\slash{SECRET}", f"line\n{SECRET}"):
        whole = json.dumps({"projectId": 5, "deeper": {field: secret}, "after": "kept"})
        cut_short = whole[: len(whole) - len(', "after": "kept"}') - 2 - cut]
        error = misfit(whole.encode(), CallbackConfiguration)
        assert '"after": "kept"' in error.body
        assert json.loads(error.body)["deeper"] == {field: "***"}
        for body in (whole.encode(), cut_short.encode(), cut_short.encode() + b"\\"):
            error = misfit(body, CallbackConfiguration)
            assert "hush" not in f"{error} {error.body} {error.reason}"
            assert '"projectId": 5' in error.body


@pytest.mark.parametrize("value", ["12345678", "[12345678]", '{"v": "12345678"}', "true"])
@pytest.mark.parametrize("spaces", ["", " ", "\n  "])
def test_secrets_that_are_no_text_are_masked_too(value: str, spaces: str) -> None:
    """Numbers, arrays and objects; with whatever blanks between."""
    raw = f'{{"projectId": 5, "hmacSecret"{spaces}:{spaces}{value}}}'.encode()
    for body in (raw, raw[:-1]):
        error = misfit(body, CallbackConfiguration)
        assert "1234" not in f"{error} {error.body}"
        assert "***" in error.body
    assert '"hmacSecret": null' in misfit(b'{"projectId": 5, "hmacSecret": null}',
                                          CallbackConfiguration).body  # fmt: skip


def test_secrets_that_the_caller_knows_are_hidden() -> None:
    """Wherever they stand in the body."""
    raw = json.dumps({"hostingOrderId": 5, "echo": f"you sent {SECRET}"}).encode()
    with pytest.raises(DecodeError) as caught:
        codec.decode("Op", raw, Order, hide_secret)
    assert SECRET not in caught.value.body
    assert "you sent ***" in caught.value.body
    with pytest.raises(DecodeError) as caught:
        codec.decode("Op", f"<p>{SECRET}</p>".encode(), Order, hide_secret)
    assert SECRET not in f"{caught.value} {caught.value.body}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
ANSWER_TYPES = [
    Order,
    ImportedNumber,
    QualifiedNumber,
    OrderNumber,
    OrderReport,
    CallbackConfiguration,
    CallbackEvent,
    responses.ListedImportedNumbers,
    responses.ListedOrders,
    responses.ListedOrderNumbers,
    responses.ListedQualifiedNumbers,
    responses.AddedNumbers,
    responses.OrderId,
    responses.AccessToken,
]


def _wire_names(cls: type[Any]) -> list[str]:
    names = [codec.camel_case(a.name) for a in attrs.fields(cls) if not a.name.startswith("_")]
    return [*names, "hostingOrderInfo", "access_token", "expires_in"]


NAMES = sorted(
    {
        name
        for cls in (*vars(models).values(), *ANSWER_TYPES)
        if attrs.has(cls)
        for name in _wire_names(cls)
    }
)
LIKELY = st.recursive(
    st.sampled_from([None, True, 0, 7, 1.5, "", "DONE", "2026-03-04T05:06:07Z", "x", [], {}]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(answer_type=st.sampled_from(ANSWER_TYPES), body=JSON | LIKELY)
def test_arbitrary_json_decodes_or_is_a_decode_error(answer_type: type[Any], body: object) -> None:
    """Nothing else is ever raised, and what decodes can be printed."""
    try:
        answer = decode(json.dumps(body).encode(), answer_type)
    except DecodeError as refused:
        error = refused
    else:
        assert isinstance(answer, answer_type)
        assert repr(answer)
        return
    assert error.is_json
    assert str(error)


@settings(max_examples=100, deadline=None)
@given(answer_type=st.sampled_from(ANSWER_TYPES), body=st.binary(max_size=40))
def test_arbitrary_bytes_decode_or_are_a_decode_error(answer_type: type[Any], body: bytes) -> None:
    """Nothing else is ever raised."""
    try:
        assert isinstance(decode(body, answer_type), answer_type)
    except DecodeError as error:
        assert str(error)  # noqa: PT017


# ------------------------------------------------------------ error bodies


VIOLATION = {"field": "numbers", "description": "too many"}
DETAILS = [{"type": "BadRequest", "fieldViolations": [VIOLATION]}, {"type": "Other"}]


@pytest.mark.parametrize("shape", ["flat", "nested"])
def test_both_shapes_of_error_bodies(shape: str) -> None:
    """Flat with the code as text, or inside `error` with the code as a number."""
    flat = {"code": "404", "message": "no such order", "status": "NOT_FOUND", "details": DETAILS}
    error = api_error(flat if shape == "flat" else {"error": {**flat, "code": 404}}, 404)
    assert type(error) is errors.NotFound
    assert (error.status_code, error.status, error.message) == (404, "NOT_FOUND", "no such order")
    assert error.details == tuple(DETAILS)
    assert error.field_violations == (VIOLATION,)
    assert str(error) == "Op: 404 NOT_FOUND: no such order [numbers: too many]"


def test_problem_details() -> None:
    """The vendor's general error shape (RFC 9457): `title`, `detail`, and the code again."""
    body = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such number"}
    error = api_error(body, 404)
    assert (type(error), error.status) == (errors.NotFound, None)
    assert error.message == "Not Found: no such number"
    assert str(error) == "Op: 404 Not Found: no such number"
    assert error.is_from_service
    assert not error.may_have_been_applied
    assert api_error({"title": "Gone"}, 410).message == "Gone"
    assert api_error({"detail": "spent", "title": None}, 429).message == "spent"
    assert api_error({"message": "m", "detail": "d", "status": "ABORTED"}, 409).message == "m"
    for odd in ([], {}, 5, ""):
        assert api_error({"title": odd, "detail": odd}, 404).message == "Not Found"


@pytest.mark.parametrize("said", [422, "422"])
def test_a_code_in_place_of_a_status_word_is_said_once(said: int | str) -> None:
    """Some gateways write the code there."""
    error = api_error({"status": said, "message": "Unprocessable Entity"}, 422)
    assert error.status is None
    assert str(error) == "Op: 422 Unprocessable Entity"


def test_the_token_endpoints_shape() -> None:
    """RFC 6749: `error` is a word, `error_description` explains it."""
    error = api_error({"error": "invalid_client", "error_description": "unknown key"}, 401)
    assert (error.status, error.message) == ("invalid_client", "unknown key")
    assert api_error({"error": "invalid_client"}, 401).message == "invalid_client"


@pytest.mark.parametrize(
    ("status_code", "cls"),
    [
        (400, errors.BadRequest),
        (401, errors.AuthenticationFailed),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (429, errors.RateLimited),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (599, errors.ServerError),
        (302, ApiError),
        (413, ApiError),
        (418, ApiError),
    ],
)
def test_the_status_code_makes_the_class(status_code: int, cls: type[ApiError]) -> None:
    """Not the code in the body, which may say otherwise."""
    assert type(api_error({"code": "200", "message": "x"}, status_code)) is cls


@pytest.mark.parametrize(
    ("status_code", "message"), [(404, "Not Found"), (418, "I'm a Teapot"), (599, "no explanation")]
)
@pytest.mark.parametrize("body", [b"", b"  \n ", b"{}", b'{"error": {}}', b'{"message": null}'])
def test_silence_is_explained_by_the_status(status_code: int, message: str, body: bytes) -> None:
    """A body that says nothing leaves HTTP's own word."""
    assert api_error(body, status_code).message == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"<html>\n  <h1>502   Bad Gateway</h1>\n</html>",
            "<html> <h1>502 Bad Gateway</h1> </html>",
        ),
        (b"upstream connect error", "upstream connect error"),
        (b'{"message": "cut', '{"message": "cut'),
        (b"[1, 2]", "[1, 2]"),
        (b'"a text"', '"a text"'),
        (b"503", "503"),
        (b"\x89PNG\xff", "\ufffdPNG\ufffd"),
        (b"\xef\xbb\xbf" + b'{"message": "with a BOM"}', "with a BOM"),
        ('{"message": "sechzehn"}'.encode("utf-16"), "sechzehn"),
        (b"null", "null"),
    ],
)
def test_bodies_that_describe_no_error_are_the_message(body: bytes, message: str) -> None:
    """HTML, binary, JSON of another type: the text itself, on one line."""
    assert api_error(body, 502).message == message


def test_a_long_text_is_cut() -> None:
    """A page of HTML does not fill the log."""
    assert len(api_error(b"x " * 10_000, 502).message) <= 1000
    assert len(api_error([1] * 10_000, 502).message) <= 1000
    assert len(api_error({"message": "x" * 60_000}, 502).message) == 1000


ODD = [None, 0, 5, True, 1.5, "text", [], [5], {}, {"a": 1}, [[]], [None], [{}], "x" * 10]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    "field", ["code", "message", "status", "details", "fieldViolations", "field", "error"]
)
def test_hostile_error_bodies_are_errors_still(field: str, odd: object) -> None:
    """Whatever type a field has, the answer is an `ApiError` that can be printed."""
    violation = {**VIOLATION, **({"field": odd} if field == "field" else {})}
    detail = {"fieldViolations": odd if field == "fieldViolations" else [violation]}
    body = {"message": "m", "details": [detail], **({field: odd} if field != "field" else {})}
    for shape in (body, {"error": body}):
        error = api_error(shape, 400)
        assert type(error) is errors.BadRequest
        assert str(error).startswith("Op: 400 ")
        assert error.message
        assert error.status is None or isinstance(error.status, str)
        assert all(isinstance(v, dict) for v in error.field_violations)


@pytest.mark.parametrize("depth", [10, 200, 400, 700, 900, 950, 985, 100_000])
@pytest.mark.parametrize("field", ["message", "status", "details", "other"])
def test_deep_error_bodies_are_errors_still(field: str, depth: int) -> None:
    """Nesting at, near and far beyond what Python can follow."""
    raw = f'{{"{field}": {"[" * depth}{"]" * depth}, "code": "500"}}'.encode()
    error = api_error(raw, 500)
    assert type(error) is errors.ServerError
    assert str(error)


@settings(max_examples=200, deadline=None)
@given(body=JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(
    ["error", "code", "message", "status", "details"], JSON)), nested=st.booleans())  # fmt: skip
def test_arbitrary_error_bodies(body: object, nested: bool) -> None:
    """No JSON keeps the error from being raised and printed."""
    error = api_error({"error": body} if nested else body, 500)
    assert type(error) is errors.ServerError
    assert str(error).startswith("Op: 500")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_error_bytes(body: bytes) -> None:
    """Nor do any bytes."""
    assert str(api_error(body, 500)).startswith("Op: 500")


@pytest.mark.parametrize("shape", ["flat", "nested", "text", "escaped", "within", "field", "cut"])
def test_error_bodies_do_not_give_secrets_away(shape: str) -> None:
    """Echoed in a message, escaped, inside JSON inside a text, or in a field of its own."""
    echo = f"refused: {SECRET}"
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in SECRET)
    raw = {
        "flat": json.dumps({"message": echo, "status": SECRET, "details": [{"saw": [SECRET]}]}),
        "nested": json.dumps({"error": {"message": echo, "details": [{"fieldViolations": [
            {"field": SECRET, "description": SECRET}]}]}}),
        "text": echo,
        "escaped": f'{{"message": "refused: {escaped}"}}',
        "within": json.dumps({"message": 'got {"hmacSecret": "not-known-here"}'}),
        "field": json.dumps({"message": "no", "details": [{"hmacSecret": "not-known-here"},
                                                          {"client_secret": ["not-known-here"]}]}),
        "cut": '{"message": "no", "hmacSecret": "not-known-he',
    }[shape]  # fmt: skip
    error = api_error(raw.encode(), 400)
    shown = f"{error} {error.message} {error.status} {error.details} {error.field_violations}"
    assert "hush" not in shown
    assert "not-known" not in shown
    assert "***" in shown


# ------------------------------------------------------------ Retry-After


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0.5", 0.5),
        ("3600", 3600.0),
        ("86400", 86400.0),
        ("86401", None),
        ("1764324000", None),  # the time, as seconds since 1970
        ("1" * 15, None),
    ],
)
def test_a_pause_in_seconds(value: str, seconds: float | None) -> None:
    """Exactly as many as it says; more than a day is as none."""
    assert api_error(b"", 429, Retry_After=value).retry_after == seconds


@pytest.mark.parametrize(
    "value",
    ["", "soon", "-5", "1e9", "٣", "nan", "inf", "0x10", "1,5", "1" * 400, "Wed", "Wed, 21 Oct",
     "Wed, 99 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT", "21 Oct 2026 25:00:00"],
)  # fmt: skip
def test_a_pause_that_says_nothing_readable_is_none(value: str) -> None:
    """Not an error, and not a guess."""
    assert api_error(b"", 429, Retry_After=value).retry_after is None


def test_no_pause_is_none() -> None:
    """Not zero: zero would mean at once."""
    assert api_error(b"", 429).retry_after is None


def test_a_pause_until_a_date() -> None:
    """Held against the answer's own date, else against this machine's clock; never negative."""
    until = format_datetime(AT + timedelta(seconds=90), usegmt=True)
    sent = format_datetime(AT, usegmt=True)
    assert api_error(b"", 429, Retry_After=until, Date=sent).retry_after == 90.0
    now = AT.timestamp() + 30
    assert codec.parse_retry_after(until, None, lambda: now) == 60.0
    assert codec.parse_retry_after(until, "garbage", lambda: now) == 60.0
    assert codec.parse_retry_after(sent, None, lambda: now) == 0.0
    assert codec.parse_retry_after("Wed, 04 Mar 2026 05:06:07 -0000", sent) == 0.0
    assert api_error(b"", 429, Retry_After=until).retry_after is not None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9:,+\- ]{0,40}", fullmatch=True))
def test_arbitrary_pauses(value: str) -> None:
    """A number of seconds that can be slept, or nothing."""
    for seconds in (codec.parse_retry_after(value), codec.parse_retry_after("7", value)):
        assert seconds is None or 0 <= seconds < 1e15
