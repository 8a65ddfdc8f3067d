"""What every error says, carries and survives."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable

import pytest

from sinch_hosting import errors
from sinch_hosting.errors import (
    ApiError,
    AuthenticationFailed,
    BadRequest,
    ConfigurationError,
    Conflict,
    DecodeError,
    InvalidRequest,
    InvalidSignature,
    JobChanged,
    JobError,
    LedgerError,
    LedgerLocked,
    NotConfirmed,
    NotFound,
    NumberFailed,
    OrderRejected,
    OutcomeUnknown,
    PageTokenRepeated,
    PermissionDenied,
    RateLimited,
    RelinkFailed,
    RunStopped,
    ServerError,
    SinchHostingError,
    TransportError,
    UnreadableList,
    UsageError,
    WaitError,
    WaitTimeout,
)
from sinch_hosting.models import Order, QualifiedNumber
from sinch_hosting.states import OrderState

NUMBER = QualifiedNumber(phone_number="+12025550134")
ORDER = Order(hosting_order_id="01abc", state=OrderState.REJECTED)

# One row an error: the error, and all that it says.
SAYS: list[tuple[SinchHostingError, str]] = [
    (SinchHostingError("something"), "something"),
    (ConfigurationError("SINCH_KEY_ID not set"), "SINCH_KEY_ID not set"),
    (UsageError("the client is closed"), "the client is closed"),
    (
        InvalidRequest(field="numbers[2]", value="12", rule="must be in E.164"),
        "numbers[2] = '12': must be in E.164",
    ),
    (
        InvalidRequest(field="numbers", value="x" * 500, rule="too long"),
        f"numbers = '{'x' * 119}…: too long",
    ),
    (JobChanged(field="job", value="j", rule="other numbers"), "job = 'j': other numbers"),
    (JobError("the job cannot go on"), "the job cannot go on"),
    (LedgerError("the ledger cannot be read"), "the ledger cannot be read"),
    (LedgerLocked("the ledger is held"), "the ledger is held"),
    (
        RunStopped("tags do not come back", ValueError("x")),
        "not sent, the run was stopped: tags do not come back",
    ),
    (TransportError("Op: no answer", never_sent=False), "Op: no answer"),
    (
        OutcomeUnknown("ImportNumber", TransportError("no answer", never_sent=False), tag="t-1"),
        "ImportNumber: the answer was lost (no answer); it may or may not have been carried out. "
        "Look for its outcome before sending it again.",
    ),
    (ApiError("I am a teapot", operation="Op", status_code=418), "Op: 418 I am a teapot"),
    (
        BadRequest(
            "wrong",
            operation="Op",
            status_code=400,
            status="INVALID_ARGUMENT",
            field_violations=[{"field": "numbers", "description": "too many"}, {"field": None}],
        ),
        "Op: 400 INVALID_ARGUMENT: wrong [numbers: too many; ?: ?]",
    ),
    (
        AuthenticationFailed("who?", operation="Op", status_code=401, status="who?"),
        "Op: 401 who?",
    ),
    (PermissionDenied("no", operation="Op", status_code=403), "Op: 403 no"),
    (
        NotFound("gone", operation="GetHostingOrder", status_code=404, status="NOT_FOUND"),
        "GetHostingOrder: 404 NOT_FOUND: gone",
    ),
    (Conflict("there", operation="Op", status_code=409), "Op: 409 there"),
    (RateLimited("", operation="Op", status_code=429, retry_after=7.0), "Op: 429"),
    (ServerError("oops", operation="Op", status_code=503), "Op: 503 oops"),
    (
        DecodeError("Op", path="numbers[3].state", reason="expected text", body="{}"),
        "Op: the answer cannot be understood at numbers[3].state: expected text",
    ),
    (
        DecodeError("Op", path="", reason="no JSON", body="<html>", is_json=False),
        "Op: the answer cannot be understood: no JSON",
    ),
    (
        UnreadableList("ListHostingOrders", "it shows 3 orders of 5", page_token="t"),
        "ListHostingOrders: it shows 3 orders of 5",
    ),
    (
        PageTokenRepeated("ListQualifiedNumbers", "abc"),
        "ListQualifiedNumbers: the service gave the page token 'abc' a second time; what was "
        "read before it is complete, what comes after it cannot be reached",
    ),
    (
        RelinkFailed("+12025550134", WaitTimeout("freedom", timeout=600, last=None)),
        "+12025550134 is now unlinked, and linking it anew failed (freedom was not reached "
        "within 600 s). It has no service until imported_numbers.relink or .update links it.",
    ),
    (
        OrderRejected(ORDER),
        "hosting order 01abc is REJECTED; see its numbers() and report()",
    ),
    (NumberFailed(NUMBER, "is NOT_ELIGIBLE"), "+12025550134: is NOT_ELIGIBLE"),
    (WaitError("nothing to wait for"), "nothing to wait for"),
    (
        WaitTimeout("order 01abc in COMPLETED", timeout=1.5, last=ORDER),
        "order 01abc in COMPLETED was not reached within 1.5 s",
    ),
    (
        NotConfirmed("letters for 3 numbers (Jane Roe <jane@example.com>: 1)", False),
        "letters for 3 numbers (Jane Roe <jane@example.com>: 1): confirm returned False, so "
        "nothing was sent",
    ),
    (InvalidSignature("the header is missing"), "the header is missing"),
]
IDS = [f"{type(error).__name__}-{index}" for index, (error, _) in enumerate(SAYS)]


@pytest.mark.parametrize(("error", "said"), SAYS, ids=IDS)
def test_every_error_says_what_happened(error: SinchHostingError, said: str) -> None:
    """The message of every error, word by word."""
    assert str(error) == said


def test_the_table_has_every_error() -> None:
    """No error is left out of the table above, nor out of `__all__`."""
    defined = {
        thing.__name__
        for thing in vars(errors).values()
        if inspect.isclass(thing) and issubclass(thing, BaseException)
    }
    assert {type(error).__name__ for error, _ in SAYS} == defined
    assert sorted(errors.__all__) == sorted(defined)


def test_the_drawn_tree_is_the_tree() -> None:
    """The tree in the module's docstring is that of the classes, root and order included."""
    drawn: dict[str, str] = {}
    ancestors: list[str] = []
    for line in (errors.__doc__ or "").split("```")[1].strip().splitlines():
        found = re.match(r"((?:│   |    |├── |└── )*)(\w+)", line)
        assert found, line
        depth = len(found[1]) // 4
        ancestors[depth:] = [found[2]]
        drawn[found[2]] = ancestors[depth - 1] if depth else "Exception"
    classes = [getattr(errors, name) for name in errors.__all__]
    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in classes}


@pytest.mark.parametrize(
    ("name", "builtin"),
    [("InvalidRequest", ValueError), ("UsageError", RuntimeError), ("WaitTimeout", TimeoutError)],
)
def test_some_errors_are_builtin_ones_too(name: str, builtin: type[Exception]) -> None:
    """Who catches the built-in error catches ours; the drawing says so."""
    cls = getattr(errors, name)
    assert issubclass(cls, builtin)
    (line,) = [line for line in (errors.__doc__ or "").splitlines() if f" {name} " in line]
    assert f"({builtin.__name__})" in line


@pytest.mark.parametrize(
    ("base", "errors_of_it"),
    [
        (WaitError, [OrderRejected, NumberFailed, WaitTimeout]),
        (JobError, [JobChanged, LedgerError, LedgerLocked, RunStopped]),
    ],
)
def test_errors_that_are_caught_together_have_a_base(
    base: type[SinchHostingError], errors_of_it: list[type[SinchHostingError]]
) -> None:
    """And no other error has it."""
    below = {getattr(errors, name) for name in errors.__all__}
    assert {cls for cls in below if issubclass(cls, base)} == {base, *errors_of_it}


@pytest.mark.parametrize(
    "through", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
@pytest.mark.parametrize(("error", "said"), SAYS, ids=IDS)
def test_errors_survive_copies_and_processes(
    error: SinchHostingError, said: str, through: Callable[[SinchHostingError], SinchHostingError]
) -> None:
    """A copied or pickled error has its class, its message and all that it carries."""
    again = through(error)
    assert type(again) is type(error)
    assert str(again) == said
    assert again.args == error.args
    assert {k: str(v) for k, v in vars(again).items()} == {
        k: str(v) for k, v in vars(error).items()
    }


def test_a_note_on_a_copy_is_not_on_the_original() -> None:
    """Copies keep the notes that were there, and share none that come later."""
    error = ServerError("down", operation="Op", status_code=503)
    error.add_note("first")
    again = copy.copy(error)
    again.add_note("second")
    assert error.__notes__ == ["first"]
    assert again.__notes__ == ["first", "second"]


def test_errors_carry_what_they_are_about() -> None:
    """Attributes hold what the message says, in types that code can use."""
    unknown, relink = (
        next(error for error, _ in SAYS if type(error) is cls)
        for cls in (OutcomeUnknown, RelinkFailed)
    )
    assert isinstance(unknown, OutcomeUnknown)
    assert (unknown.operation, unknown.tag) == ("ImportNumber", "t-1")
    assert isinstance(unknown.__cause__, TransportError)
    assert isinstance(relink, RelinkFailed)
    assert relink.phone_number == "+12025550134"
    assert isinstance(relink.__cause__, WaitTimeout)
    assert OrderRejected(ORDER).order is OrderRejected(ORDER).last is ORDER
    failed = NumberFailed(NUMBER, "why")
    assert (failed.number, failed.last, failed.reason) == (NUMBER, NUMBER, "why")
    timeout = WaitTimeout("x", timeout=3, last=ORDER)
    assert (timeout.timeout, timeout.last) == (3, ORDER)
    assert SinchHostingError("x").last is None


def test_an_api_error_carries_the_whole_answer() -> None:
    """Status code and word, message, details, violations and the pause that was asked for."""
    details = [{"type": "BadRequest"}]
    violations = [{"field": "f", "description": "d"}]
    error = RateLimited(
        "slow down",
        operation="Op",
        status_code=429,
        status="RESOURCE_EXHAUSTED",
        details=details,
        field_violations=violations,
        retry_after=3.5,
    )
    assert (error.operation, error.status_code, error.status) == ("Op", 429, "RESOURCE_EXHAUSTED")
    assert (error.message, error.retry_after) == ("slow down", 3.5)
    assert (error.details, error.field_violations) == (tuple(details), tuple(violations))
    assert error.after_lost_answer is False


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "error",
    [
        BadRequest(LONG, operation="Op", status_code=400),
        BadRequest(
            "no",
            operation="Op",
            status_code=400,
            field_violations=[{"field": f"numbers[{n}]", "description": LONG} for n in range(9)],
        ),
        DecodeError("Op", path="", reason=LONG, body=""),
        InvalidRequest(field="job", value=LONG, rule="no"),
        OutcomeUnknown("Op", ValueError(LONG)),
        RunStopped(LONG),
        PageTokenRepeated("Op", LONG),
        RelinkFailed("+12025550134", ValueError(LONG)),
        NumberFailed(NUMBER, LONG, "Do this."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_text_of_the_service_makes_a_message_long(error: SinchHostingError) -> None:
    """What to do next still stands behind it."""
    assert len(str(error)) < 2_200
    assert str(error)[-1] != "x"
