"""What a caller writes is checked; what the service answers is taken as it comes."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_hosting import SinchHosting, models
from sinch_hosting._session import requests
from sinch_hosting.errors import InvalidRequest, SinchHostingError, UsageError
from sinch_hosting.models import (
    Address,
    AuthorisedPerson,
    BlanketLoa,
    CallbackConfiguration,
    DirectLoa,
    HostedNumber,
    ImportedNumber,
    Order,
    OrderNumber,
    OsrEligibility,
    OwnershipVerification,
    Provisioning,
    QualifiedNumber,
    ResellerLoa,
    SmsConfiguration,
    TextEnableInfo,
)
from sinch_hosting.models import _checks as check
from sinch_hosting.models.orders import bind
from sinch_hosting.states import COMPLETED, OrderState, OrderType, ProvisioningState

from ..letters import ADDRESS, DIRECT, PERSON, RESELLER

SECRET = "hush-hush-hush"
ANSWERS = sorted(
    (
        cls
        for cls in vars(models).values()
        if isinstance(cls, type) and issubclass(cls, models.Answered) and cls is not models.Answered
    ),
    key=lambda cls: cls.__name__,
)
BUILT_BY_SERVICE = [cls for cls in ANSWERS if cls not in (AuthorisedPerson, Address)]
RECORDS = [cls for cls in (*vars(models).values(), *vars(requests).values()) if attrs.has(cls)]


def refusal(call: Callable[..., object], *args: Any, **kwargs: Any) -> InvalidRequest:
    """The `InvalidRequest` that a call raises."""
    with pytest.raises(InvalidRequest) as caught:
        call(*args, **kwargs)
    return caught.value


# ------------------------------------------------------------ the records


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_records_are_frozen_keyword_only_and_slotted(cls: type[Any]) -> None:
    """Nothing is set after it is built, passed by position, or added."""
    assert all(attribute.kw_only for attribute in attrs.fields(cls))
    instance = cls.__new__(cls)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        instance.anything = 1
    assert not hasattr(instance, "__dict__")


def test_all_lists_the_records() -> None:
    """`__all__` names every model, and the union of the letters."""
    public = {cls.__name__ for cls in (*ANSWERS, DirectLoa, ResellerLoa, BlanketLoa)}
    assert set(models.__all__) == public | {"Letter"}


@pytest.mark.parametrize("cls", BUILT_BY_SERVICE, ids=lambda cls: cls.__name__)
def test_an_empty_answer_reads(cls: type[Any]) -> None:
    """Absent states are UNSPECIFIED, absent objects empty, identifiers "", scalars None."""
    empty = cls()
    for attribute in attrs.fields(cls):
        value = getattr(empty, attribute.name)
        if attribute.name == next(iter(attrs.fields_dict(cls))):
            assert attribute.name == "_extra"
            assert empty.extra == {}
        elif isinstance(value, str) and value:
            assert value.name == "UNSPECIFIED"  # type: ignore[attr-defined]
        elif attrs.has(type(value)):
            assert isinstance(value, models.Answered)
        elif value == "":
            assert (cls, attribute.name) in {
                (Order, "hosting_order_id"),
                (ImportedNumber, "phone_number"),
                (OrderNumber, "phone_number"),
                (QualifiedNumber, "phone_number"),
            }
        else:
            assert value in (None, ())


@pytest.mark.parametrize("cls", BUILT_BY_SERVICE, ids=lambda cls: cls.__name__)
def test_answers_copy_pickle_and_hash(cls: type[Any]) -> None:
    """An answer goes to another process with its extra fields; equal ones hash alike."""
    answer = cls(extra={"new": ["field"]})
    for again in (pickle.loads(pickle.dumps(answer)), copy.copy(answer), copy.deepcopy(answer)):
        assert again == answer
        assert again.extra == {"new": ["field"]}
        assert hash(again) == hash(answer)
    assert answer != cls()


def test_an_absent_letter_reads_as_blank_text() -> None:
    """The person and the address of an order without a letter are empty, not missing."""
    info = Order().text_enable_info
    assert info.authorised_person.email == info.address.city == ""
    assert info.authorised_person.extra == info.address.extra == {}
    assert info == TextEnableInfo()


def test_secrets_do_not_show() -> None:
    """The callback secret is in no `repr`, of the answer nor of the request."""
    answer = CallbackConfiguration(project_id="p", hmac_secret=SECRET)
    request = requests.UpdateCallbackConfiguration(hmac_secret=SECRET)
    assert answer.hmac_secret == request.hmac_secret == SECRET
    assert SECRET not in f"{answer!r} {request!r} {answer}"


def test_an_imported_number_is_linked_by_plan_or_campaign() -> None:
    """Empty texts are no link."""

    def linked(**ids: str) -> bool:
        return ImportedNumber(sms_configuration=SmsConfiguration(**ids)).is_linked

    assert linked(service_plan_id="p")
    assert linked(campaign_id="c")
    assert not linked()
    assert not linked(service_plan_id="", campaign_id="")


def test_a_qualified_number_tells_its_first_error() -> None:
    """The service explains a failure in one of three places, or nowhere."""
    eligibility = OsrEligibility(error="not ours")
    ownership = OwnershipVerification(error="no invoice")
    hosted = HostedNumber(error="no route")
    assert QualifiedNumber(osr_eligibility=eligibility, hosted_number=hosted).error == "not ours"
    assert QualifiedNumber(ownership_verification=ownership).error == "no invoice"
    assert QualifiedNumber(hosted_number=hosted).error == "no route"
    assert QualifiedNumber(hosted_number=HostedNumber(error="")).error is None


def test_types_keep_absent_apart_from_unspecified() -> None:
    """A provisioning without a type has none; its state is UNSPECIFIED."""
    step = Provisioning()
    assert (step.type, step.service_type, step.state) == (None, None, ProvisioningState.UNSPECIFIED)


# ------------------------------------------------------------ an order and its client


class Calls:
    """What an order asks of its resource, recorded."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def get(self, order_id: str) -> Order:
        """Record it."""
        self.asked.append(("get", order_id))
        return Order(hosting_order_id=order_id, state=OrderState.IN_PROGRESS)

    async def report(self, order_id: str) -> Any:
        """Record it."""
        self.asked.append(("report", order_id))

    def numbers(self, order_id: str) -> Any:
        """Record it."""
        self.asked.append(("numbers", order_id))

    async def wait_for(self, order: Order, state: Any, *, timeout: Any, on_update: Any) -> Order:
        """Record it."""
        self.asked.append(("wait_for", order, state, timeout, on_update))
        return order


async def test_an_order_asks_its_resource() -> None:
    """`refresh`, `report`, `numbers` and `wait_until` go to where the order came from."""
    calls, on_update = Calls(), print
    order = bind(Order(hosting_order_id="o1"), calls)
    assert (await order.refresh()).state == OrderState.IN_PROGRESS
    assert order.state == OrderState.UNSPECIFIED  # a snapshot stays what it was
    await order.report()
    order.numbers()
    await order.wait_until(COMPLETED, timeout=5, on_update=on_update)
    await order.wait_until("COMPLETED")
    assert calls.asked == [
        ("get", "o1"),
        ("report", "o1"),
        ("numbers", "o1"),
        ("wait_for", order, COMPLETED, 5, on_update),
        ("wait_for", order, "COMPLETED", None, None),
    ]


def test_a_fresh_order_takes_the_id_that_was_asked_for() -> None:
    """Where an answer leaves the id out; one that it names is kept."""
    assert bind(Order(), Calls(), "o1").hosting_order_id == "o1"
    assert bind(Order(hosting_order_id="o2"), Calls(), "o1").hosting_order_id == "o2"


async def test_an_order_crosses_processes_without_its_client() -> None:
    """A pickled or copied order is the record alone, and says how to go on."""
    order = bind(Order(hosting_order_id="o1", type=OrderType.IMPORT, extra={"a": 1}), Calls())
    for again in (pickle.loads(pickle.dumps(order)), copy.copy(order), copy.deepcopy(order)):
        assert again == order
        assert again.extra == {"a": 1}
        with pytest.raises(UsageError, match=r"'o1' belongs to no client.*hosting_orders\.get"):
            await again.refresh()


def test_a_client_is_no_part_of_an_orders_identity() -> None:
    """Two reads of one order are equal and hash alike, whoever read them; no client shows."""
    one, other = (bind(Order(hosting_order_id="o"), Calls()) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert "Calls" not in repr(one)


# ------------------------------------------------------------ letters


@pytest.mark.parametrize(
    ("letter", "wire_name", "mails"),
    [
        (DIRECT, "directLoaInfo", True),
        (RESELLER, "resellerLoaInfo", True),
        (BlanketLoa(), "blanketLoaInfo", False),
    ],
)
def test_letters_know_their_name_and_whether_they_are_mailed(
    letter: models.Letter, wire_name: str, mails: bool
) -> None:
    """A direct and a reseller's letter are mailed to be signed, a blanket one is not."""
    assert (letter.wire_name, letter.mails_a_letter) == (wire_name, mails)


@pytest.mark.parametrize("cls", [AuthorisedPerson, Address])
@pytest.mark.parametrize("wrong", ["", "  ", "\t", "a\nb", None, 5, b"x"])
def test_every_part_of_a_person_and_an_address_is_needed(cls: type[Any], wrong: object) -> None:
    """Blank, multi-line and other than text is refused, whichever part it is."""
    good = {
        name: getattr(PERSON if cls is AuthorisedPerson else ADDRESS, name)
        for name in attrs.fields_dict(cls)
        if name != "_extra"
    }
    assert cls(**good)
    for name in good:
        error = refusal(cls, **{**good, name: wrong})
        assert (error.field, error.value) == (name, wrong)
        with pytest.raises(TypeError):
            cls(**{key: value for key, value in good.items() if key != name})


@pytest.mark.parametrize("letter", [DIRECT, RESELLER], ids=["direct", "reseller"])
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("authorised_person", {"first_name": "John"}),
        ("authorised_person", None),
        ("address", PERSON),
        ("address", "Vesta Drive 2433"),
        ("current_voice_carrier", " "),
    ],
)
def test_a_letter_is_whole(letter: DirectLoa | ResellerLoa, name: str, wrong: object) -> None:
    """A missing or wrong part is named."""
    error = refusal(attrs.evolve, letter, **{name: wrong})
    assert (error.field, error.value) == (name, wrong)


def test_a_reseller_has_a_name() -> None:
    """A reseller's letter names the business."""
    assert refusal(attrs.evolve, RESELLER, business_name="").field == "business_name"


def test_a_letter_takes_no_blanks_from_an_answer() -> None:
    """What the service left out of an order is not mailed to anybody in the next one."""
    info = TextEnableInfo()
    assert refusal(attrs.evolve, DIRECT, authorised_person=info.authorised_person).value == ""
    assert refusal(attrs.evolve, DIRECT, address=info.address).field == "building_number"


# ------------------------------------------------------------ the rules


@pytest.mark.parametrize("number", ["+12025550134", "+11234567890", "+12", "+123456789012345"])
def test_e164_is_a_matter_of_format(number: str) -> None:
    """A plus and 2 to 15 digits pass, dialable or not."""
    assert check.check_phone_number(number) == number


@pytest.mark.parametrize(
    "number",
    ["", "+", "+1", "+1234567890123456", "12025550134", "+1202555013a", "+1 202 555 0134",
     "+12025550134\n", " +12025550134", "+١٢٣٤٥", "+1²", "++12", "00120255501", None, 12025550134,
     b"+12025550134", ["+12025550134"]],
)  # fmt: skip
def test_what_is_not_e164_is_refused(number: object) -> None:
    """Other notations, other digits, other types; the error shows the value and an example."""
    error = refusal(check.check_phone_number, number)
    assert (error.field, error.value) == ("phone_number", number)
    assert "+12025550134" in error.rule


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="+0123456789٣²  -a\n", max_size=18))
def test_e164_is_exactly_the_rule(text: str) -> None:
    """No text passes that is not a plus and 2 to 15 ASCII digits."""
    digits = text[1:]
    fits = text[:1] == "+" and 2 <= len(digits) <= 15 and set(digits) <= set("0123456789")
    try:
        check.check_phone_number(text)
    except InvalidRequest:
        assert not fits
    else:
        assert fits


def numbers(count: int) -> list[str]:
    """So many different numbers."""
    return [f"+1202{n:07}" for n in range(count)]


@pytest.mark.parametrize("make", [list, tuple, iter, dict.fromkeys, set])
def test_numbers_come_from_iterables(make: Callable[[list[str]], Any]) -> None:
    """Any iterable but a mapping: that may well hold more than its keys."""
    given_numbers = make(["+12025550134"])
    if isinstance(given_numbers, dict):
        refusal(check.check_phone_numbers, given_numbers, "numbers", at_most=5)
    else:
        found = check.check_phone_numbers(given_numbers, "numbers", at_most=5)
        assert found == ("+12025550134",)


@pytest.mark.parametrize("single", ["+12025550134", b"+12025550134", None, 5])
def test_a_single_number_is_no_list(single: object) -> None:
    """A bare text would be taken for a list of its letters."""
    error = refusal(check.check_phone_numbers, single, "numbers", at_most=5)
    assert error.rule == "must be a list of numbers, not a single value"


def test_a_wrong_number_is_named_with_its_place() -> None:
    """The error's field points into the list."""
    error = refusal(check.check_phone_numbers, ["+12025550134", "x"], "numbers", at_most=5)
    assert (error.field, error.value) == ("numbers[1]", "x")


def test_a_number_that_comes_twice_is_sent_once() -> None:
    """Where it came first, and a long list is read fast."""
    many = numbers(50_000)
    began = time.process_time()
    assert check.check_phone_numbers([*many, many[7]], "numbers", at_most=50_000) == tuple(many)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("cls", "limit"), [(requests.TextEnable, 500), (requests.TextEnableTollFree, 500)]
)
def test_a_text_enabling_holds_1_to_500_numbers(cls: type[Any], limit: int) -> None:
    """Both edges pass, what is beyond them is refused."""
    rest = {"region_code": "US", "service_plan_id": "p", "loa": DIRECT}
    assert len(cls(numbers=numbers(limit), **rest).numbers) == limit
    assert len(cls(numbers=numbers(1), **rest).numbers) == 1
    error = refusal(cls, numbers=numbers(limit + 1), **rest)
    assert (error.field, error.value) == ("numbers", f"{limit + 1} numbers")
    assert error.rule == "must hold 1 to 500"
    assert refusal(check.check_phone_numbers, [], "n", at_most=limit).rule == check.NO_NUMBERS


@pytest.mark.parametrize("cls", [requests.ImportNumbers, requests.AddNumbers])
def test_no_numbers_are_no_request(cls: type[Any]) -> None:
    """Where the account sets the upper limit there is still a lower one."""
    name, rest = "phone_numbers", {}
    if cls is requests.ImportNumbers:
        name, rest = "numbers", {"region_code": "US", "service_plan_id": "p"}
    error = refusal(cls, **{name: []}, **rest)
    assert (error.field, error.rule) == (name, "must hold at least 1 number")


@pytest.mark.parametrize(
    "letter", [None, "direct", [DIRECT], [DIRECT, RESELLER], PERSON, DirectLoa]
)
def test_a_text_enabling_has_exactly_one_letter(letter: object) -> None:
    """No letter, several, and what is none are refused."""
    rest = {"region_code": "US", "numbers": numbers(1), "service_plan_id": "p"}
    for cls in (requests.TextEnable, requests.TextEnableTollFree):
        error = refusal(cls, loa=letter, **rest)
        assert error.field == "loa"
        assert "exactly one letter" in error.rule


def test_toll_free_numbers_take_no_blanket_letter() -> None:
    """And no campaign and no nnid: there are no such arguments."""
    rest = {"region_code": "US", "numbers": ["+18335870229"], "service_plan_id": "p"}
    for letter in (DIRECT, RESELLER):
        assert requests.TextEnableTollFree(loa=letter, **rest).loa is letter
    error = refusal(requests.TextEnableTollFree, loa=BlanketLoa(), **rest)
    assert (error.field, error.value) == ("loa", BlanketLoa())
    assert not {"campaign_id", "nnid"} & set(attrs.fields_dict(requests.TextEnableTollFree))
    assert requests.TextEnable(loa=BlanketLoa(), **rest).loa == BlanketLoa()


@pytest.mark.parametrize("region", ["us", "USA", "", None, "MX", "PR", 1, ["US"], {}])
def test_the_region_is_us_or_ca(region: object) -> None:
    """Puerto Rico and its kin go as US; nothing else goes at all."""
    assert refusal(check.check_region, region).rule == "must be 'US' or 'CA'"
    assert [check.check_region(good) for good in ("US", "CA")] == ["US", "CA"]


@pytest.mark.parametrize("email", ["a@b.co", "john.doe@email.com", "a+b@x-y.example", "ü@b.de"])
def test_an_address_that_could_be_one(email: str) -> None:
    """One @, a name before it, a domain behind it."""
    assert check.check_email(email, "email") == email


@pytest.mark.parametrize(
    "email",
    ["", "a", "a@b", "@b.co", "a@", "a@b@c.co", "a b@c.co", "a@b..co", "a@b.co.", "a@.co",
     "a@b.co\n", "a\x00@b.co", "x" * 250 + "@b.co", None, 5],
)  # fmt: skip
def test_an_address_that_cannot_be_one(email: object) -> None:
    """Not an e-mail address."""
    assert refusal(check.check_email, email, "email").rule.startswith("must be an e-mail address")


@pytest.mark.parametrize(
    "email",
    [
        "mailto:jane@example.com",
        "jane..roe@example.com",
        "jane@-example.com",
        '=HYPERLINK("http://x")@example.com',
        "jane@localhost",
        "Jane Roe <jane@example.com>",
    ],
)
def test_addresses_that_only_look_like_one(email: str) -> None:
    """A letter to one of them reaches nobody; the refusal says why."""
    rule = refusal(check.check_email, email, "email").rule
    assert rule.startswith("must be an e-mail address: ")


def pending(**scheduled: object) -> models.ImportedNumber:
    """A number whose plan and campaign are only asked for."""
    sms = models.SmsConfiguration(scheduled_provisioning=models.ScheduledProvisioning(**scheduled))
    return models.ImportedNumber(phone_number="+12025550134", sms_configuration=sms)


@pytest.mark.parametrize("status", [None, 0, 1, 99, "WAITING", "IN_PROGRESS"])
def test_what_is_pending_links_a_number(status: object) -> None:
    """A plan or campaign that was asked for holds the number before it is in force."""
    number = pending(service_plan_id="p", campaign_id="c", status=status)
    assert (number.pending_service_plan_id, number.pending_campaign_id) == ("p", "c")
    assert number.is_linked


def test_what_failed_or_is_in_force_is_not_pending() -> None:
    """Nor what was never asked for."""
    failed = pending(service_plan_id="p", campaign_id="c", status="FAILED")
    assert (failed.pending_service_plan_id, failed.pending_campaign_id) == (None, None)
    assert not failed.is_linked
    assert not pending().is_linked
    scheduled = models.ScheduledProvisioning(service_plan_id="p", campaign_id="c")
    sms = models.SmsConfiguration(service_plan_id="p", scheduled_provisioning=scheduled)
    number = models.ImportedNumber(sms_configuration=sms)
    assert (number.pending_service_plan_id, number.pending_campaign_id) == (None, "c")


def test_times_say_their_zone() -> None:
    """A naive time is refused: nobody knows when it is; so is what is no datetime."""
    for aware in (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2).astimezone()):
        assert check.check_time(aware, "when") is aware
    assert "time zone" in refusal(check.check_time, datetime(2026, 1, 2), "when").rule
    for wrong in ("2026-01-02T00:00:00Z", 1e9, None, datetime(2026, 1, 2).date()):
        assert refusal(check.check_time, wrong, "when").rule == "must be a datetime"


def test_times_beyond_the_calendar_are_refused() -> None:
    """A time that has no place in UTC cannot be sent in UTC."""
    east, west = (timezone(timedelta(hours=h)) for h in (5, -5))
    for edge in (datetime.min.replace(tzinfo=east), datetime.max.replace(tzinfo=west)):
        assert refusal(check.check_time, edge, "when").field == "when"


@pytest.mark.parametrize(
    "identifier", ["01arz3nhyrtsv4rrffq69g5fav", "a.b", "a-b_c~d", "ü", "+12025550134", "a+b", "…"]
)
def test_an_identifier_is_one_segment(identifier: str) -> None:
    """What stays one segment of a path passes."""
    assert check.check_identifier(identifier, "order_id") == identifier


@pytest.mark.parametrize(
    "identifier",
    ["", ".", "..", "...", "a/b", "/", "a\\b", "a?b", "a#b", "a%2Fb", "a:importNumbers", "a b",
     "a\n", "\x00", "a\x7f", "\ud800", None, 5, b"abc"],
)  # fmt: skip
def test_an_identifier_cannot_change_the_path(identifier: object) -> None:
    """Slashes, dots, controls, the empty one, and what cannot be encoded."""
    assert refusal(check.check_identifier, identifier, "order_id").field == "order_id"


@pytest.mark.parametrize("url", ["https://a.example/b?c=d#e", "HTTP://a:80", "http://[::1]/", ""])
def test_a_callback_url_is_whole_or_empty(url: str) -> None:
    """http and https; the empty text takes a callback away."""
    assert check.check_url(url, "callback_url") == url


@pytest.mark.parametrize(
    "url",
    ["a.example", "//a.example", "ftp://a.example", "https://", "https:///path", "http://[::1",
     "https://a b.example", " https://a.example", "https://a.example\n", "javascript:alert(1)",
     "https://a\u2028.example", "https://\ud800.example", None, 5],
)  # fmt: skip
def test_other_callback_urls_are_refused(url: object) -> None:
    """Relative ones, other schemes, no host, blanks anywhere."""
    assert refusal(check.check_url, url, "callback_url").field == "callback_url"


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_characters_are_refused(text: str) -> None:
    """A lone surrogate has no place in UTF-8."""
    for rule in (check.check_text, check.check_any_text):
        assert refusal(rule, text, "display_name").field == "display_name"


def test_texts_that_may_be_empty_are_texts() -> None:
    """An empty text is a value, `None` and numbers are none."""
    assert check.check_any_text("", "campaign_id") == ""
    for wrong in (None, 5, b""):
        assert refusal(check.check_any_text, wrong, "campaign_id").rule == "must be text"


NUMERIC: list[tuple[Callable[[object, str], Any], list[Any], list[Any]]] = [
    (check.check_whole, [1, 10**30], [0, -1, True, 1.0, "1", None]),
    (check.check_seconds, [0, 0.5, 7, float("inf")], [-1, True, float("nan"), "1", None]),
    (check.check_positive, [0.1, 7], [0, -1, True, float("nan"), "1", None]),
    (check.check_at_least_one, [1, 1.5], [0.99, True, float("nan"), "2", None]),
    (check.check_share, [0, 0.5, 1], [-0.1, 1.1, True, float("nan"), "0", None]),
    (check.check_flag, [True, False], [0, 1, "true", None]),
    (check.check_order, ["createdTime", "updatedTime"], ["", "created_time", None, []]),
    (check.check_search, ["START", "CONTAIN", "END"], ["", "start", None]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "good", "bad"), NUMERIC, ids=lambda v: getattr(v, "__name__", ""))
def test_numbers_flags_and_choices(
    rule: Callable[[object, str], Any], good: list[Any], bad: list[Any]
) -> None:
    """What passes is answered as it is; a boolean is no number, a number no boolean."""
    for value in good:
        assert rule(value, "x") == value
    for value in bad:
        assert refusal(rule, value, "x").field == "x"


def test_an_absent_argument_is_not_checked() -> None:
    """`None` is absence, an empty text a value that the check sees."""
    assert check.optional(None, check.check_order, "order_by") is None
    assert check.optional("createdTime", check.check_order, "order_by") == "createdTime"
    assert refusal(check.optional, "", check.check_order, "order_by").value == ""


@pytest.mark.parametrize("token", [5, b"abc", "\ud800", ["abc"]])
async def test_a_page_token_is_text(token: Any, client: SinchHosting) -> None:
    """Refused where the list is asked for, not where it is walked."""
    for ask in (
        lambda: client.imported_numbers.list(
            service_plan_id="p", campaign_id="c", page_token=token
        ),
        lambda: client.qualified_numbers.list(states="ELIGIBLE", page_token=token),
        lambda: client.hosting_orders.numbers("01abc", page_token=token),
    ):
        error = refusal(ask)
        assert (error.field, error.value) == ("page_token", token)


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | (
    st.lists(st.text(), max_size=2)
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(value=ANYTHING)
def test_rules_raise_nothing_but_invalid_request(value: object) -> None:
    """Whatever is passed, a rule passes it or refuses it."""
    rules = [rule for rule, _, _ in NUMERIC] + [
        check.check_phone_number,
        check.check_identifier,
        check.check_text,
        check.check_any_text,
        check.check_region,
        check.check_email,
        check.check_time,
        check.check_url,
    ]
    for rule in rules:
        try:
            answer = rule(value, "x")
        except InvalidRequest:
            continue
        assert answer == value or answer == float(value)


# ------------------------------------------------------------ requests


def test_a_patch_tells_absent_from_empty() -> None:
    """UNSET is absence; "" is a value."""
    assert repr(requests.UNSET) == "UNSET"
    patch = requests.UpdateImportedNumber(display_name="")
    assert (patch.display_name, patch.callback_url) == ("", requests.UNSET)
    assert patch.sms_configuration is requests.UNSET
    sms = requests.SmsPatch(service_plan_id="")
    assert (sms.service_plan_id, sms.campaign_id) == ("", requests.UNSET)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (requests.UpdateImportedNumber, "display_name"),
        (requests.UpdateImportedNumber, "callback_url"),
        (requests.SmsPatch, "service_plan_id"),
        (requests.SmsPatch, "campaign_id"),
    ],
)
def test_a_patch_holds_texts(cls: type[Any], name: str) -> None:
    """Anything else in a patch is refused; `None` with what to do instead."""
    assert refusal(cls, **{name: 5}).field == name
    refused = refusal(cls, **{name: None})
    assert refused.field == name
    assert 'pass "" to empty it' in refused.rule


@pytest.mark.parametrize("secret", ["", None, 5, b"hush-hush-hush"])
def test_a_refused_secret_does_not_show(secret: object) -> None:
    """Neither in the error's text nor in its value."""
    error = refusal(requests.UpdateCallbackConfiguration, hmac_secret=secret)
    assert (error.field, error.value) == ("hmac_secret", "***")
    assert "hush" not in str(error)


def test_a_code_is_text() -> None:
    """The code of a voice challenge may begin with 0, so it is no number."""
    assert requests.VerifyVoiceChallenge(code="0123").code == "0123"
    assert refusal(requests.VerifyVoiceChallenge, code=123).field == "code"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"region_code": "MX"}, "region_code"),
        ({"service_plan_id": ""}, "service_plan_id"),
        ({"campaign_id": 5}, "campaign_id"),
        ({"display_name": 5}, "display_name"),
        ({"callback_url": "nowhere"}, "callback_url"),
        ({"nnid": " "}, "nnid"),
        ({"scheduled_osr_update_time": datetime(2026, 1, 2)}, "scheduled_osr_update_time"),
    ],
)
def test_a_request_names_what_is_wrong_with_it(change: dict[str, Any], field: str) -> None:
    """Each field of a text-enabling is checked when the request is built."""
    good = {
        "region_code": "US",
        "numbers": numbers(2),
        "service_plan_id": "p",
        "loa": DIRECT,
        "campaign_id": "",
        "nnid": "104029",
        "scheduled_osr_update_time": datetime(2026, 1, 2, tzinfo=UTC),
    }
    assert requests.TextEnable(**good).campaign_id == ""
    assert refusal(requests.TextEnable, **{**good, **change}).field == field


def test_an_import_is_checked_too() -> None:
    """The flag for T-Mobile is a flag; the single import needs number, region and plan."""
    rest = {"region_code": "US", "service_plan_id": "p"}
    error = refusal(requests.ImportNumbers, numbers=numbers(1), migrate_to_sinch_tmo=1, **rest)
    assert error.field == "migrate_to_sinch_tmo"
    link = requests.SmsLink(service_plan_id="p")
    assert refusal(requests.SmsLink, service_plan_id=" ").field == "service_plan_id"
    error = refusal(
        requests.ImportNumber, phone_number="1", region_code="US", sms_configuration=link
    )
    assert error.field == "phone_number"


def test_an_invalid_request_is_a_value_error_of_this_package() -> None:
    """One `except` of either kind catches it."""
    assert issubclass(InvalidRequest, ValueError)
    assert issubclass(InvalidRequest, SinchHostingError)
