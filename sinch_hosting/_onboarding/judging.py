"""What a number needs next, judged from what the service says of it; pure."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from ..models import ImportedNumber, OrderNumber, QualifiedNumber
from ..states import ProvisioningState, QualificationState
from .records import is_toll_free


class Need(Enum):
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
class Judgement:
    """What a number needs, and why."""

    need: Need
    reason: str = ""


_BY_STATE = {
    QualificationState.ELIGIBLE_CHECK_PENDING: Need.PATIENCE,
    QualificationState.ELIGIBLE: Need.PROOF,
    QualificationState.VERIFICATION_PENDING: Need.PROOF,
    QualificationState.VERIFIED: Need.ORDER,
    QualificationState.HOSTING_IN_PROGRESS: Need.FOLLOW,
    QualificationState.HOSTING_DONE: Need.PROVISIONING,
}


def judge(
    qualified: QualifiedNumber | None,
    imported: ImportedNumber | None,
    *,
    service_plan_id: str,
    campaign_id: str | None,
    relink: bool,
    retry_failed: bool,
) -> Judgement:
    """What a number needs that no order of the job holds."""
    if imported is not None:
        return _judge_imported(imported, service_plan_id, campaign_id, relink=relink)
    if qualified is None:
        return Judgement(Need.ADD)
    state = qualified.global_process_state
    why = f": {qualified.error}" if qualified.error else ""
    if state == QualificationState.HOSTING_FAILED and retry_failed:
        return Judgement(Need.ORDER)
    if state.is_failure:
        return Judgement(Need.NOTHING, f"is {state.name}{why}")
    return Judgement(_BY_STATE.get(state, Need.PATIENCE), f"is {state.name}")


def _judge_imported(
    number: ImportedNumber, service_plan_id: str, campaign_id: str | None, *, relink: bool
) -> Judgement:
    sms = number.sms_configuration
    linked = (sms.service_plan_id or "", sms.campaign_id or "")
    wanted = "" if is_toll_free(number.phone_number) else campaign_id or ""
    # Without a campaign asked for, any campaign of the number's is its own matter.
    if linked[0] == service_plan_id and (not wanted or linked[1] == wanted):
        return Judgement(Need.PROVISIONING)
    where = f"with service plan {linked[0] or 'none'} and campaign {linked[1] or 'none'}"
    if relink:
        return Judgement(Need.RELINK, f"imported {where}")
    return Judgement(Need.NOTHING, f"imported {where}; relink=True would move it")


def why_not_done(number: OrderNumber, *, campaign_id: str | None) -> str:
    """Why a number of a completed order is not text-enabled; `""` where it is.

    Done is: the routing registry (OSR) is updated, the SMS platform has the number, and so has
    the campaign where one was given (toll-free numbers have none).
    """
    steps = {
        "the routing (OSR)": number.osr_update.state,
        "the SMS platform": number.platform_provisioning.state,
    }
    if campaign_id and not is_toll_free(number.phone_number):
        steps["the campaign"] = number.campaign_provisioning.state
    missing = [
        f"{name} is {state.name}"
        for name, state in steps.items()
        if state != ProvisioningState.DONE
    ]
    return ", ".join(missing)
