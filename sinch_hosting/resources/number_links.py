"""What an imported number shows of its links and of its provisioning."""

from __future__ import annotations

from .._session.requests import UNSET, SmsLink, SmsPatch, UpdateImportedNumber
from ..errors import NumberFailed
from ..models import ImportedNumber, Provisioning
from ..states import ProvisioningState, ProvisioningType


def is_linked_as(number: ImportedNumber, link: SmsLink) -> bool:
    """Whether a number is on exactly this service plan and campaign."""
    sms = number.sms_configuration
    return (sms.service_plan_id or "", sms.campaign_id or "") == (
        link.service_plan_id,
        link.campaign_id or "",
    )


def is_as_patched(number: ImportedNumber, patch: UpdateImportedNumber) -> bool:
    """Whether a number has all values of a patch; an absent text counts as an empty one."""
    sms = patch.sms_configuration
    wanted = [
        (patch.display_name, number.display_name),
        (patch.callback_url, number.callback_url),
    ]
    if isinstance(sms, SmsPatch):
        linked = number.sms_configuration
        wanted += [
            (sms.service_plan_id, linked.service_plan_id),
            (sms.campaign_id, linked.campaign_id),
        ]
    return all((want or "") == (have or "") for want, have in wanted if want is not UNSET)


def _puts_on(provisioning: Provisioning) -> bool:
    return provisioning.type != ProvisioningType.DEPROVISIONING


def is_provisioned(number: ImportedNumber) -> bool:
    """Whether a number is on the SMS platform, and on its campaign where it has one.

    Raises `NumberFailed` where one of these failed.
    """
    steps = [("the SMS platform", number.sms_provisioning)]
    if number.sms_configuration.campaign_id:
        steps.append(("the campaign", number.campaign_provisioning))
    for name, step in steps:
        if step.state == ProvisioningState.FAILED and _puts_on(step):
            raise NumberFailed(number, _failed(name, step))
    return all(step.state == ProvisioningState.DONE and _puts_on(step) for _, step in steps)


def is_free(number: ImportedNumber) -> bool:
    """Whether a number has no link, and nothing is being unlinked any more.

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
