"""What `explain` and `audit` answer for every state of a number; pure, without a service."""

from __future__ import annotations

import pytest

from sinch_hosting import (
    CarrierOperation,
    CarrierState,
    ImportedNumber,
    MnoConfiguration,
    Order,
    OrderNumber,
    OrderState,
    Provisioning,
    ProvisioningState,
    QualificationState,
    QualifiedNumber,
    ScheduledProvisioning,
    SmsConfiguration,
)
from sinch_hosting._explaining import Facts, error_codes, explained, trouble
from sinch_hosting.cli.numbers_audit import drift_of

NUMBER = "+12025550100"
DONE = Provisioning(state=ProvisioningState.DONE)
WAITING = Provisioning(state=ProvisioningState.WAITING)
ELSEWHERE = MnoConfiguration(
    sms_tmo=CarrierOperation(
        state=ProvisioningState.FAILED, error_code="60135", error_message="another aggregator"
    )
)


def imported(
    plan: str | None = "p",
    campaign: str | None = "c",
    *,
    coming: ScheduledProvisioning | None = None,
    carriers: MnoConfiguration | None = None,
    platform: Provisioning = DONE,
) -> ImportedNumber:
    """An imported number."""
    return ImportedNumber(
        phone_number=NUMBER,
        sms_configuration=SmsConfiguration(
            service_plan_id=plan,
            campaign_id=campaign,
            scheduled_provisioning=coming or ScheduledProvisioning(),
        ),
        mno_configuration=carriers or MnoConfiguration(),
        sms_provisioning=platform,
        campaign_provisioning=DONE,
    )


@pytest.mark.parametrize(
    ("number", "drift", "detail"),
    [
        (imported(), None, ""),
        (imported("q"), "other plan", "service plan q"),
        (imported(None, None), "other plan", "on no service plan"),
        (imported(campaign=None), "campaign lost", "on no campaign"),
        (imported(campaign="d"), "other campaign", "campaign d"),
        (imported(carriers=ELSEWHERE), "failed", "T-Mobile SMS failed: 60135 another aggregator"),
        (imported("q", coming=ScheduledProvisioning(service_plan_id="p")), "pending", "q"),
        (imported(campaign="d", coming=ScheduledProvisioning(campaign_id="c")), "pending", "d"),
        (imported(campaign="", coming=ScheduledProvisioning(campaign_id="c")), "pending", ""),
    ],
)
def test_every_drift_is_named(number: ImportedNumber, drift: str | None, detail: str) -> None:
    """Gone apart, which no answer of the service tells."""
    found = drift_of(number, "p", "c")

    assert (found and found.drift) == drift
    assert detail in (found.detail if found else "")
    assert found is None or found.what_to_do


@pytest.mark.parametrize("state", [s for s in QualificationState if s.name != "UNSPECIFIED"])
def test_every_state_of_qualification_says_what_to_do(state: QualificationState) -> None:
    """Whom it waits for, and what to do next."""
    facts = Facts(phone_number=NUMBER)
    facts.qualified = QualifiedNumber(phone_number=NUMBER, global_process_state=state)

    answer = explained(facts)

    assert answer.where == f"in qualification, {state.name}"
    assert answer.waits_for
    assert answer.waits_for != "unknown"
    assert answer.what_to_do


@pytest.mark.parametrize(
    ("number", "where", "waits_for", "what_to_do"),
    [
        (imported(), "campaign c", "nobody", "it can text"),
        (imported(platform=WAITING), "campaign c", "the service", "numbers wait"),
        (imported(None, None), "service plan none", "you", "numbers relink"),
        (imported(carriers=ELSEWHERE), "60135", "you", f"orders import {NUMBER} --migrate-to-"),
    ],
)
def test_an_imported_number_is_explained(
    number: ImportedNumber, where: str, waits_for: str, what_to_do: str
) -> None:
    """What is imported goes before an order that has ended, and before qualification."""
    facts = Facts(phone_number=NUMBER, imported=number)
    facts.order = Order(hosting_order_id="1", state=OrderState.COMPLETED)

    answer = explained(facts)

    assert where in answer.where
    assert answer.waits_for == waits_for
    assert what_to_do in answer.what_to_do


@pytest.mark.parametrize(
    ("state", "what_to_do"),
    [(OrderState.REJECTED, "--retry-rejected"), (OrderState.COMPLETED, "--migrate-to-sinch-tmo")],
)
def test_a_number_whose_order_has_ended_without_it(state: OrderState, what_to_do: str) -> None:
    """It is not imported: the order says why, and what to do."""
    number = OrderNumber(
        phone_number=NUMBER,
        sms_tmo=CarrierState(state=ProvisioningState.FAILED, error_code="60135"),
    )
    facts = Facts(phone_number=NUMBER, order=Order(hosting_order_id="1", state=state))
    facts.order_number = number if state is OrderState.COMPLETED else None

    answer = explained(facts)

    assert answer.where.startswith(f"its order 1 is {state.name}")
    assert what_to_do in answer.what_to_do
    assert error_codes(number) == {"60135"}
    assert trouble(number) == "T-Mobile SMS failed: 60135"
