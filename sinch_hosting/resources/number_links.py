"""How imported numbers are linked: what is in force, what is pending, and what has failed."""

from __future__ import annotations

from .._session.requests import SmsLink, SmsPatch, UpdateImportedNumber
from .._session.unset import UNSET
from ..errors import Conflict, NumberFailed
from ..models import ImportedNumber, Provisioning, SmsConfiguration
from ..states import ProvisioningState, ProvisioningType


def links(number: ImportedNumber) -> tuple[str, str]:
    """Return the plan and the campaign of a number, pending ones first; `""` is none."""
    sms = number.sms_configuration
    plan = number.pending_service_plan_id or sms.service_plan_id
    campaign = number.pending_campaign_id or sms.campaign_id
    return plan or "", campaign or ""


def is_linked_as(number: ImportedNumber, link: SmsLink) -> bool:
    """Whether a number has this plan and campaign, in force or pending."""
    return links(number) == (link.service_plan_id, link.campaign_id or "")


def is_settled(number: ImportedNumber) -> bool:
    """Whether no change of a number's plan or campaign is pending."""
    return not (number.pending_service_plan_id or number.pending_campaign_id)


def imported_otherwise(number: ImportedNumber) -> Conflict:
    """Return the error of an import whose number is imported already, with other links."""
    plan, campaign = links(number)
    return Conflict(
        f"{number.phone_number} is imported already, with service plan {plan or 'none'} "
        f"and campaign {campaign or 'none'}; relink changes that",
        operation="ImportNumber",
        status_code=409,
    )


def is_as_patched(number: ImportedNumber, patch: UpdateImportedNumber) -> bool:
    """Whether a number has all values of a patch; an absent text counts as an empty one."""
    sms = patch.sms_configuration
    wanted = [
        (patch.display_name, number.display_name),
        (patch.callback_url, number.callback_url),
    ]
    if isinstance(sms, SmsPatch):
        plan, campaign = links(number)
        wanted += [(sms.service_plan_id, plan), (sms.campaign_id, campaign)]
    return all((want or "") == (have or "") for want, have in wanted if want is not UNSET)


def _puts_on(provisioning: Provisioning) -> bool:
    return provisioning.type != ProvisioningType.DEPROVISIONING


def is_provisioned(number: ImportedNumber) -> bool:
    """Whether a number is on the SMS platform, and on its campaign where it has one.

    Raises `NumberFailed` where one of these failed.
    """
    scheduled = number.sms_configuration.scheduled_provisioning
    if scheduled.has_failed and not _is_in_force(number.sms_configuration):
        codes = ", ".join(map(str, scheduled.error_codes)) or str(scheduled.status)
        raise NumberFailed(number, f"the scheduled provisioning has FAILED: {codes}")
    steps = [("the SMS platform", number.sms_provisioning)]
    if links(number)[1]:
        steps.append(("the campaign", number.campaign_provisioning))
    for name, step in steps:
        if step.state == ProvisioningState.FAILED and _puts_on(step):
            raise NumberFailed(number, _failed(name, step))
    is_done = all(step.state == ProvisioningState.DONE and _puts_on(step) for _, step in steps)
    return is_done and is_settled(number)


def _is_in_force(sms: SmsConfiguration) -> bool:
    """Whether all that was scheduled is in force."""
    scheduled = sms.scheduled_provisioning
    return (scheduled.service_plan_id or sms.service_plan_id) == sms.service_plan_id and (
        scheduled.campaign_id or sms.campaign_id
    ) == sms.campaign_id


def is_free(number: ImportedNumber) -> bool:
    """Whether a number has no link, and is not being unlinked any more.

    Raises `NumberFailed` where unlinking failed.
    """
    for name, step in (
        ("the SMS platform", number.sms_provisioning),
        ("the campaign", number.campaign_provisioning),
    ):
        if _puts_on(step):
            continue
        if step.state == ProvisioningState.FAILED:
            raise NumberFailed(number, _failed(f"leaving {name}", step))
        if step.state in (ProvisioningState.WAITING, ProvisioningState.IN_PROGRESS):
            return False
    return not number.is_linked


def _failed(step_name: str, step: Provisioning) -> str:
    why = " ".join(filter(None, (step.error_code, step.error_message)))
    return f"provisioning to {step_name} is FAILED" + (f": {why}" if why else "")
