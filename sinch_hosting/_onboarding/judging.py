"""What a number needs next, judged from what the service says of it; pure."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from ..models import ImportedNumber, Order, OrderNumber, QualifiedNumber
from ..states import ProvisioningState, ProvisioningType, QualificationState

REJECTED = "its order was REJECTED; see retry_rejected"
IMPORTED_NO_MORE = "its order is COMPLETED, and it is imported no more"
NOT_IN_ORDER = "its order does not list it"


class NextStep(Enum):
    """What a number needs next."""

    ADD = "to be put into qualification"
    PROOF = "to be proven: by invoices or a voice challenge"
    PATIENCE = "nothing but patience"
    ORDER = "to be text-enabled"
    FOLLOW = "somebody else's order for it to end"
    PROVISIONING = "its provisioning to end"
    RELINK = "to be relinked from where it is"
    NOTHING = "nothing: it cannot be text-enabled as things are"


@frozen
class Assessment:
    """What a number needs, and why."""

    need: NextStep
    reason: str = ""


_BY_STATE = {
    QualificationState.ELIGIBLE_CHECK_PENDING: NextStep.PATIENCE,
    QualificationState.ELIGIBLE: NextStep.PROOF,
    QualificationState.VERIFICATION_PENDING: NextStep.PROOF,
    QualificationState.VERIFIED: NextStep.ORDER,
    QualificationState.HOSTING_IN_PROGRESS: NextStep.FOLLOW,
    QualificationState.HOSTING_DONE: NextStep.PROVISIONING,
}


def judge(
    qualified: QualifiedNumber | None,
    imported: ImportedNumber | None,
    *,
    service_plan_id: str,
    campaign_id: str,
    relink: bool,
    retry_failed: bool,
    prove_again: bool,
) -> Assessment:
    """What a number needs that no order of the job holds; `""` for a campaign is any."""
    if imported is not None:
        return _judge_imported(imported, service_plan_id, campaign_id, relink=relink)
    if qualified is None:
        return Assessment(NextStep.ADD, "is not in qualification")
    state = qualified.global_process_state
    why = f": {qualified.error}" if qualified.error else ""
    if state == QualificationState.HOSTING_FAILED and retry_failed:
        return Assessment(NextStep.ORDER, f"is {state.name}{why}")
    if state == QualificationState.VERIFICATION_FAILED and prove_again:
        return Assessment(NextStep.PROOF, f"is {state.name}{why}")
    if state.is_failure:
        return Assessment(NextStep.NOTHING, f"is {state.name}{why}")
    return Assessment(_BY_STATE.get(state, NextStep.PATIENCE), f"is {state.name}")


def _judge_imported(
    number: ImportedNumber, service_plan_id: str, campaign_id: str, *, relink: bool
) -> Assessment:
    sms = number.sms_configuration
    elsewhere = _elsewhere(sms.service_plan_id, sms.campaign_id, service_plan_id, campaign_id)
    if not elsewhere:
        return Assessment(NextStep.PROVISIONING, "its provisioning has not ended")
    if relink:
        return Assessment(NextStep.RELINK, f"imported {elsewhere}")
    return Assessment(NextStep.NOTHING, f"imported {elsewhere}; relink=True would move it")


def _elsewhere(
    its_plan: str | None, its_campaign: str | None, service_plan_id: str, campaign_id: str
) -> str:
    """Where something is that is not where it is wanted; `""` where it is."""
    # Without a campaign asked for, any campaign of the number's is its own matter.
    if its_plan == service_plan_id and (not campaign_id or its_campaign == campaign_id):
        return ""
    return f"with service plan {its_plan or 'none'} and campaign {its_campaign or 'none'}"


def why_not_done(
    number: OrderNumber, order: Order, *, service_plan_id: str, campaign_id: str
) -> str:
    """Why a number of a completed order is not text-enabled as wanted; `""` where it is.

    Done is: its order is on the service plan and campaign, the routing registry (OSR) is
    updated, the SMS platform has the number, and so has the campaign where one was given
    (toll-free numbers have none).
    """
    elsewhere = _elsewhere(order.service_plan_id, order.campaign_id, service_plan_id, campaign_id)
    if elsewhere:
        return f"its order is {elsewhere}"
    steps = {
        "the routing (OSR)": number.osr_update.state,
        "the SMS platform": number.platform_provisioning.state,
    }
    if campaign_id:
        steps["the campaign"] = number.campaign_provisioning.state
    missing = [
        f"{name} is {state.name}"
        for name, state in steps.items()
        if state != ProvisioningState.DONE
    ]
    return ", ".join(missing)


def is_provisioned(number: ImportedNumber) -> bool:
    """Whether an imported number is wholly where it is linked to."""
    steps = [number.sms_provisioning]
    if number.sms_configuration.campaign_id:
        steps.append(number.campaign_provisioning)
    return all(
        step.state == ProvisioningState.DONE and step.type != ProvisioningType.DEPROVISIONING
        for step in steps
    )
