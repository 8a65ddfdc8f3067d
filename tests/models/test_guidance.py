"""What people are told to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sinch_hosting import (
    AuthorisedPerson,
    CallbackEvent,
    EventStatus,
    FailureCode,
    ImportedNumber,
    Order,
    OrderState,
    ProvisioningState,
    QualificationState,
    QualifiedNumber,
    TextEnableInfo,
)
from sinch_hosting.models import OwnershipVerification, Provisioning
from sinch_hosting.models._guidance import advice_on_failed

CHANGED = datetime(2026, 1, 5, 14, tzinfo=UTC)
LETTER = TextEnableInfo(
    authorised_person=AuthorisedPerson(first_name="Jane", last_name="Roe", email="jane@roe.example")
)


@pytest.mark.parametrize(
    ("state", "who"),
    [
        ("DRAFT", "review"),
        ("SUBMITTED", "review"),
        ("WAITING_FOR_LOA_SIGNATURE", "signer"),
        ("IN_PROGRESS", "carriers"),
        ("HOSTING_ORDER_STATE_UNSPECIFIED", "unknown"),
        ("ON_HOLD", "unknown"),
    ],
)
def test_an_order_says_whom_it_waits_for(state: str, who: str) -> None:
    """Since its last change, with what can be done about it."""
    waiting = Order(state=OrderState(state), updated_time=CHANGED).waiting_on

    assert waiting is not None
    assert (waiting.who, waiting.since) == (who, CHANGED)
    assert waiting.what_to_do


@pytest.mark.parametrize("state", ["COMPLETED", "REJECTED"])
def test_an_order_that_has_ended_waits_for_nobody(state: str) -> None:
    """There is nothing to be done."""
    assert Order(state=OrderState(state)).waiting_on is None


def test_a_letter_waits_for_the_person_who_signs_it() -> None:
    """By name and address, as far as the order tells them."""
    state = OrderState.WAITING_FOR_LOA_SIGNATURE
    known = Order(state=state, text_enable_info=LETTER).waiting_on
    unknown = Order(state=state).waiting_on

    assert known is not None
    assert unknown is not None
    assert (known.name, known.email) == ("Jane Roe", "jane@roe.example")
    assert "jane@roe.example" in known.what_to_do
    assert (unknown.name, unknown.email) == (None, None)
    assert "sign" in unknown.what_to_do


@pytest.mark.parametrize("code", list(FailureCode))
def test_every_failure_code_is_explained(code: FailureCode) -> None:
    """What it means, whether a retry can help, who has to act, and what to do next."""
    failure = CallbackEvent(status=EventStatus.FAILED, failure_code=code).failure

    assert failure is not None
    assert failure.code == code
    assert failure.who in {"you", "nobody", "vendor", "campaign owner"}
    assert "does not know" not in failure.meaning
    assert failure.what_to_do


def test_what_passes_by_itself_can_be_tried_again_and_what_is_wrong_cannot() -> None:
    """The two that matter most."""
    passing, wrong = (
        CallbackEvent(status=EventStatus.FAILED, failure_code=code).failure
        for code in (FailureCode.PARTNER_SERVICE_UNAVAILABLE, FailureCode.TFN_NOT_ALLOWED)
    )

    assert passing is not None
    assert wrong is not None
    assert (passing.retry_can_help, wrong.retry_can_help) == (True, False)


def test_a_failure_without_a_code_or_with_a_new_one_is_explained_too() -> None:
    """Numbers that fail to reach the SMS platform carry none."""
    bare = CallbackEvent(status=EventStatus.FAILED).failure
    new = CallbackEvent(status=EventStatus.FAILED, failure_code=FailureCode("NEW_ONE")).failure

    assert bare is not None
    assert new is not None
    assert bare.code is None
    assert "NEW_ONE" in new.meaning


def test_what_succeeded_has_no_failure() -> None:
    """Nor has an event that says nothing."""
    assert CallbackEvent(status=EventStatus.SUCCEEDED).failure is None
    assert CallbackEvent().failure is None


@pytest.mark.parametrize(
    ("state", "ownership", "who", "said"),
    [
        ("ELIGIBLE_CHECK_PENDING", "WAITING", "review", "orders@sinch.com"),
        ("ELIGIBLE", "STATE_UNSPECIFIED", "you", "Text-enable it"),
        ("ELIGIBLE", "DONE", "you", "Text-enable it"),
        ("ELIGIBLE", "WAITING", "you", "voice challenge"),
        ("ELIGIBLE", "IN_PROGRESS", "you", "voice challenge"),
        ("ELIGIBLE", "NEW_STATE", "you", "voice challenge"),
        ("VERIFICATION_PENDING", "WAITING", "you", "voice challenge"),
        ("VERIFIED", "DONE", "you", "text_enable()"),
        ("HOSTING_IN_PROGRESS", "DONE", "order", "order.waiting_on"),
        ("A_NEW_ONE", "DONE", "unknown", "does not know"),
    ],
)
def test_a_number_in_qualification_says_whom_it_waits_for(
    state: str, ownership: str, who: str, said: str
) -> None:
    """By its state, and by whether a proof of ownership is asked for."""
    number = QualifiedNumber(
        global_process_state=QualificationState(f"GLOBAL_PROCESS_STATE_{state}"),
        ownership_verification=OwnershipVerification(status=ProvisioningState(ownership)),
        updated_time=CHANGED,
    )
    assert number.waiting_on is not None
    assert (number.waiting_on.who, number.waiting_on.since) == (who, CHANGED)
    assert said in number.waiting_on.what_to_do


@pytest.mark.parametrize(
    "state",
    [s for s in QualificationState if s.is_failure or s == QualificationState.HOSTING_DONE],
)
def test_a_number_whose_way_has_ended_waits_for_nobody(state: QualificationState) -> None:
    """Those that failed have advice instead."""
    assert QualifiedNumber(global_process_state=state).waiting_on is None
    assert bool(advice_on_failed(state)) == state.is_failure


@pytest.mark.parametrize(
    ("sms", "campaign", "waits"),
    [
        ("DONE", "DONE", False),
        ("DONE", "WAITING", True),
        ("IN_PROGRESS", "STATE_UNSPECIFIED", True),
        ("FAILED", "DONE", False),
        ("STATE_UNSPECIFIED", "STATE_UNSPECIFIED", False),
    ],
)
def test_an_imported_number_says_whom_it_waits_for(sms: str, campaign: str, waits: bool) -> None:
    """For the platform and the carriers, as long as anything is under way."""
    number = ImportedNumber(
        sms_provisioning=Provisioning(state=ProvisioningState(sms)),
        campaign_provisioning=Provisioning(state=ProvisioningState(campaign)),
    )
    assert (number.waiting_on is not None) == waits
    if number.waiting_on is not None:
        assert number.waiting_on.who == "carriers"
