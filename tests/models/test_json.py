"""Records as JSON and back: `to_dict`, `from_dict`, pydantic, and how records show."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

import sinch_hosting
from sinch_hosting import (
    BulkResult,
    CallbackConfiguration,
    ChunkOutcome,
    Conflict,
    DirectLoa,
    FailedChunk,
    InvalidRequest,
    NumbersResult,
    NumberToOnboard,
    OnboardingReport,
    Order,
    OrderNumber,
    OrderRejected,
    OutcomeUnknown,
    Page,
    QualifiedNumber,
    RateLimited,
    SinchHostingError,
    UnknownChunk,
    UsageError,
)
from sinch_hosting._session.converter import converter
from sinch_hosting.models._base import Answered, GenericRecord, Record
from sinch_hosting.models._json import fields_of
from sinch_hosting.states import OpenEnum, OrderState, QualificationState

from ..letters import ADDRESS, DIRECT, PERSON

SECRET = "hush-hush-hush"
RECORDS = [
    value
    for name in sinch_hosting.__all__
    if isinstance(value := getattr(sinch_hosting, name), type) and issubclass(value, Record)
]
# Their numbers are checked, which `values` does not know.
POLICIES = [sinch_hosting.PollPolicy, sinch_hosting.RetryPolicy]
ON_THE_WIRE = [cls for cls in RECORDS if issubclass(cls, Answered)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    Any: JSON.filter(lambda value: value is not None),
    str: st.text(max_size=4),
    int: st.integers(0, 9),
    float: st.floats(0, 9),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Exception: st.just(SinchHostingError("it failed")),
    SinchHostingError: st.just(UsageError("closed")),
    sinch_hosting.OutcomeUnknown: st.just(OutcomeUnknown("ImportNumbers", OSError("cut"))),
    types.NoneType: st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """What a field of this type may hold."""
    if hint in PLAIN:
        return PLAIN[hint]
    if isinstance(hint, TypeVar):
        return records(OrderNumber)
    origin, choices = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values, choices))
    if origin is Literal:
        return st.sampled_from(choices)
    if origin is tuple:
        return st.lists(values(choices[0]), max_size=2).map(tuple)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(st.text(max_size=3), values(choices[1]), max_size=2)
    if hint is OpenEnum:
        return st.sampled_from([OrderState.DRAFT, QualificationState.ELIGIBLE])
    if issubclass(hint, OpenEnum):
        return st.sampled_from([*hint, hint("LATER")])
    return st.sampled_from([*hint]) if issubclass(hint, Enum) else records(hint)


def records(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Instances of a class with some of its fields set, and with fields that nobody knows."""
    given_ones = {"AuthorisedPerson": PERSON, "Address": ADDRESS}
    if cls.__name__ in given_ones:
        return st.just(given_ones[cls.__name__])
    hints, needed, optional = get_type_hints(cls), {}, {}
    for attribute in attrs.fields(cls):
        name = attribute.name
        if not name.startswith("_") and name != "hmac_secret":
            kind = needed if attribute.default is attrs.NOTHING else optional
            kind[name] = values(hints[name])
    checked = {"phone_number": st.just("+12025550134"), "region_code": st.just("US")}
    if cls is NumberToOnboard:
        needed["phone_number"], optional["region_code"] = checked.values()
    if issubclass(cls, DirectLoa | sinch_hosting.ResellerLoa):
        needed |= {name: st.just("A carrier") for name in needed if hints[name] is str}
    if issubclass(cls, Answered):
        strange = st.dictionaries(st.sampled_from(["later", "x y", "LATER"]), JSON, min_size=1)
        optional["extra"] = strange
    return st.fixed_dictionaries(needed, optional=optional).map(lambda found: cls(**found))


def same(one: Any, other: Any) -> bool:
    """Whether two records are equal; errors are where class, text and attributes are."""
    return plain(one) == plain(other) and type(one) is type(other)


def plain(value: Any) -> Any:
    """A value in which errors can be compared."""
    if isinstance(value, BaseException):
        return type(value), str(value), value.args
    if isinstance(value, Record):
        return {f.name: plain(getattr(value, f.name)) for f in fields_of(type(value))} | {
            "extra": getattr(value, "extra", {})
        }
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


@pytest.mark.parametrize("cls", [cls for cls in RECORDS if cls not in POLICIES])
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_what_becomes_json_comes_back(cls: type[Any], data: st.DataObject) -> None:
    """Every record, through text; what the schema says of it is true."""
    record = data.draw(records(cls))
    written = json.loads(json.dumps(record.to_dict()))
    of = {"of": OrderNumber} if issubclass(cls, GenericRecord) else {}
    assert same(cls.from_dict(written, **of), record)
    jsonschema.validate(written, TypeAdapter(cls).json_schema())


@pytest.mark.parametrize("cls", RECORDS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_anything_is_read_or_refused(cls: type[Any], data: st.DataObject) -> None:
    """Whatever stands under the names that a class has: a record, or `InvalidRequest`."""
    errors = st.fixed_dictionaries({"type": st.sampled_from(["RateLimited", "OrderRejected", "?"])})
    odd = st.dictionaries(st.sampled_from(["text", "token", "args", "add_note", "order"]), JSON)
    values = JSON | st.tuples(errors, odd).map(lambda pair: pair[0] | pair[1])
    keys = st.sampled_from([field.key for field in fields_of(cls)] or ["later"])
    written = data.draw(st.dictionaries(keys, values))
    try:
        record = cls.from_dict(written)
    except InvalidRequest:
        return
    assert json.dumps(record.to_dict())
    assert repr(record)


def test_an_error_keeps_its_methods() -> None:
    """Though JSON has something of their names."""
    written = {"type": "RateLimited", "text": "t", "add_note": 1, "token": 2, "_x": 3, "args": 4}
    chunk = FailedChunk.from_dict({"numbers": [], "error": written, "tag": None})
    chunk.error.add_note("it works")
    assert chunk.error.args == ("t",)
    assert getattr(chunk.error, "token", None) is None


@pytest.mark.parametrize("cls", ON_THE_WIRE)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_it_is_the_services_json(cls: type[Any], data: st.DataObject) -> None:
    """What reads answers reads it to the same record: names, times and extras are the wire's."""
    record = data.draw(records(cls))
    assert converter.structure(json.loads(json.dumps(record.to_dict())), cls) == record


def test_policies_are_records_too() -> None:
    """A whole number is a float; what makes no sense is refused."""
    policy = sinch_hosting.RetryPolicy(max_tries=2, maximum=7)
    assert sinch_hosting.RetryPolicy.from_dict(json.loads(json.dumps(policy.to_dict()))) == policy
    with pytest.raises(InvalidRequest, match="max_tries"):
        sinch_hosting.RetryPolicy.from_dict({"max_tries": 0})


def test_all_public_records_are_here() -> None:
    """Whatever the package gives out as a record can be turned into JSON."""
    exported = [getattr(sinch_hosting, name) for name in sinch_hosting.__all__]
    attrs_classes = {each.__name__ for each in exported if attrs.has(each)}
    assert attrs_classes - {"CallbackResponse"} == {cls.__name__ for cls in RECORDS}


def test_an_order_in_words() -> None:
    """The service's names, a time in UTC, nothing that is absent, and all that is unknown."""
    order = Order(
        hosting_order_id="01abc",
        state=OrderState.COMPLETED,
        created_time=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        extra={"later": {"a": [1]}},
    )
    assert order.to_dict() == {
        "hostingOrderId": "01abc",
        "state": "COMPLETED",
        "createdTime": "2026-03-04T05:06:07Z",
        "later": {"a": [1]},
    }
    assert type(order.to_dict()["state"]) is str


def test_what_does_not_fit_is_kept() -> None:
    """In what the service sends nothing is refused but what is no object."""
    sent = {"hostingOrderId": 5, "createdTime": "soon", "state": 7, "textEnableInfo": []}
    order = Order.from_dict(sent)
    assert order.hosting_order_id == ""
    assert order.state == "7"
    assert order.extra == {"hostingOrderId": 5, "createdTime": "soon", "textEnableInfo": []}
    assert order.to_dict() == {**sent, "state": "7"}
    with pytest.raises(InvalidRequest, match=r"Order = .*: must be an object"):
        Order.from_dict([])  # type: ignore[arg-type]


def test_the_other_name_of_a_letter_is_read() -> None:
    """Some answers call `textEnableInfo` `hostingOrderInfo`."""
    order = Order.from_dict({"hostingOrderInfo": {"nnid": "1"}})
    assert order.text_enable_info.nnid == "1"
    assert order.to_dict() == {"textEnableInfo": {"nnid": "1"}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": None}, r"DirectLoa\.address"),
        ({"authorisedPerson": {**PERSON.to_dict(), "email": "nobody"}}, "email = 'nobody'"),
        ({"authorisedPerson": {}}, "first_name = ''"),
        ({"currentVoiceCarrier": 5}, r"DirectLoa\.currentVoiceCarrier = 5: must be text"),
        ({"currentVoiceCarrier": ""}, "current_voice_carrier = ''"),
    ],
)
def test_a_letter_is_checked(change: dict[str, Any], said: str) -> None:
    """As one is that is built."""
    assert DirectLoa.from_dict(DIRECT.to_dict()) == DIRECT
    with pytest.raises(InvalidRequest, match=said):
        DirectLoa.from_dict({**DIRECT.to_dict(), **change})
    with pytest.raises(InvalidRequest, match="an object with address"):
        DirectLoa.from_dict({"currentVoiceCarrier": "x", "authorisedPerson": PERSON.to_dict()})


def test_a_letter_for_a_number_says_which_it_is() -> None:
    """By the name that it has on the wire."""
    one = NumberToOnboard(phone_number="+12025550134", loa=DIRECT)
    assert one.to_dict()["loa"] == {"directLoaInfo": DIRECT.to_dict()}
    assert NumberToOnboard.from_dict(one.to_dict()) == one
    with pytest.raises(InvalidRequest, match=r"NumberToOnboard\.loa = .*directLoaInfo"):
        NumberToOnboard.from_dict({"phone_number": "+12025550134", "loa": DIRECT.to_dict()})


def test_a_report_that_does_not_fit_says_where() -> None:
    """A path as people write it."""
    with pytest.raises(InvalidRequest, match=r"OnboardingReport\.lines\[0\] = .*phone_number"):
        OnboardingReport.from_dict({"lines": [{}]})


def test_secrets_stay_behind() -> None:
    """The callback secret, and whatever is named as one, at any depth."""
    configuration = CallbackConfiguration(
        project_id="p",
        hmac_secret=SECRET,
        extra={"hmac_secret": SECRET, "a": [{"access_token": SECRET}]},
    )
    assert configuration.to_dict() == {"projectId": "p", "a": [{}]}
    adapter = TypeAdapter(CallbackConfiguration)
    assert SECRET.encode() not in adapter.dump_json(configuration)
    assert "hmac" not in json.dumps(adapter.json_schema()["properties"])
    assert SECRET not in repr(configuration)
    with pytest.raises(InvalidRequest):
        CallbackConfiguration.from_dict(SECRET)  # type: ignore[arg-type]


def test_errors_come_back_with_their_attributes() -> None:
    """Of their class, with their text; one of another package as an error of this one."""
    order = Order(hosting_order_id="01", state=OrderState.REJECTED)
    limited = RateLimited("slow", operation="ImportNumbers", status_code=429, retry_after=3.0)
    failed = [limited, OrderRejected(order), ValueError("no")]
    result = BulkResult(
        failed=tuple(FailedChunk(numbers=("+1",), error=error) for error in failed),
        unknown=(UnknownChunk(numbers=("+2",), error=OutcomeUnknown("Op", OSError("cut"))),),
        chunks=(ChunkOutcome(index=0, numbers=("+3",), result=order),),
    )
    again = BulkResult.from_dict(json.loads(json.dumps(result.to_dict())))
    first, second, third = (chunk.error for chunk in again.failed)
    assert isinstance(first, RateLimited)
    assert (str(first), first.retry_after, first.is_transient) == (str(limited), 3.0, True)
    assert isinstance(second, OrderRejected)
    assert second.order == order
    assert (type(third), str(third)) == (SinchHostingError, "no")
    assert again.unknown[0].error.may_have_been_applied
    assert again.chunks[0].result == order
    with pytest.raises(ExceptionGroup):
        again.raise_for_failures()


def test_a_union_is_told_apart_by_its_fields() -> None:
    """An order, a chunk that failed, one that is unknown."""
    error = Conflict("there", operation="Op", status_code=409)
    for outcome in (
        Order(hosting_order_id="1", display_name="n"),
        FailedChunk(numbers=("+1",), error=error),
        UnknownChunk(numbers=("+1",), error=OutcomeUnknown("Op", error)),
        None,
    ):
        chunk = ChunkOutcome(index=0, numbers=(), result=outcome)
        assert type(ChunkOutcome.from_dict(chunk.to_dict()).result) is type(outcome)


def test_items_keep_their_type_where_it_is_given() -> None:
    """JSON does not tell what a page holds."""
    page = Page(items=(OrderNumber(phone_number="+1"),), next_page_token=None, total_size=1)
    assert Page.from_dict(page.to_dict(), of=OrderNumber) == page
    assert Page.from_dict(page.to_dict()).items == ({"phoneNumber": "+1"},)
    adapter = TypeAdapter(NumbersResult[QualifiedNumber])
    done = NumbersResult(succeeded=(QualifiedNumber(phone_number="+1"),))
    assert adapter.validate_python(done.to_dict()) == done


# ------------------------------------------------------------------ pydantic


class Job(BaseModel):
    """A model of a program."""

    letter: DirectLoa
    order: Order | None = None


def test_pydantic_models_hold_records() -> None:
    """Taken as objects or as JSON, written as JSON, described."""
    job = Job.model_validate({"letter": DIRECT.to_dict(), "order": {"hostingOrderId": "1"}})
    assert job.letter == DIRECT
    assert Job(letter=DIRECT).letter is DIRECT
    assert json.loads(job.model_dump_json()) == {
        "letter": DIRECT.to_dict(),
        "order": {"hostingOrderId": "1"},
    }
    schema = Job.model_json_schema()["properties"]["letter"]
    assert set(schema["required"]) == set(DIRECT.to_dict())
    assert schema["properties"]["authorisedPerson"]["required"] == [
        "firstName",
        "lastName",
        "email",
    ]
    with pytest.raises(ValidationError, match="email = 'nobody'"):
        Job.model_validate({"letter": _with_email("nobody")})


def _with_email(email: str) -> dict[str, Any]:
    letter = DIRECT.to_dict()
    letter["authorisedPerson"]["email"] = email
    return letter


def test_fastapi_takes_and_returns_records() -> None:
    """A letter as a body, an order as an answer; both are in the OpenAPI document."""
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()

    async def enable(letter: Annotated[DirectLoa, fastapi.Body()]) -> Order:
        return Order(hosting_order_id=letter.authorised_person.email, state=OrderState.DRAFT)

    # These annotations name what is imported inside of this test.
    enable.__annotations__ = {"letter": Annotated[DirectLoa, fastapi.Body()], "return": Order}
    app.post("/orders")(enable)
    operation = app.openapi()["paths"]["/orders"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == set(DIRECT.to_dict())
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["properties"]["hostingOrderId"] == {"type": "string"}

    client = pytest.importorskip("fastapi.testclient").TestClient(app)
    said = client.post("/orders", json=DIRECT.to_dict())
    assert said.json() == {"hostingOrderId": PERSON.email, "state": "DRAFT"}
    assert client.post("/orders", json=_with_email("nobody")).status_code == 422


def test_pydantic_is_not_needed() -> None:
    """Neither to make records nor for their JSON."""
    script = (
        "import sys; from sinch_hosting import Order; Order.from_dict(Order().to_dict()); "
        "print('pydantic_core' in sys.modules, 'cattrs' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["False", "False"], done.stderr


# --------------------------------------------------------------- how it shows


def test_a_repr_shows_what_is_there() -> None:
    """An import order has no letter, and shows none."""
    order = Order(hosting_order_id="01", state=OrderState.DRAFT)
    assert repr(order) == "Order(hosting_order_id='01', state=<OrderState.DRAFT: 'DRAFT'>)"
    assert repr(Order()) == "Order()"
    assert "phone_number='+1'" in repr(OrderNumber(phone_number="+1"))
    assert repr(PERSON).startswith("AuthorisedPerson(first_name='John', last_name='Smith', ")


def test_rich_shows_the_same() -> None:
    """By its protocol, numbers as a count."""
    pretty = pytest.importorskip("rich.pretty")
    outcome = ChunkOutcome(index=1, numbers=("+1", "+2"), result=None)
    assert dict(outcome.__rich_repr__()) == {"index": 1, "numbers": "<2 numbers>", "result": None}
    assert pretty.pretty_repr(outcome) == repr(outcome)
    assert repr(outcome) == "ChunkOutcome(index=1, numbers=<2 numbers>, result=None)"


def test_letters_count_is_a_mapping() -> None:
    """A Counter becomes an object."""
    letters = sinch_hosting.LettersToSend(letters=Counter({"Jane": 2}), numbers=5)
    assert sinch_hosting.LettersToSend.from_dict(letters.to_dict()) == letters
