"""Imported and qualified numbers, the numbers of an order, and how far each is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from ..states import (
    CarrierOperationType,
    ProvisioningState,
    ProvisioningType,
    QualificationState,
    ServiceType,
)
from ._base import Answered

if TYPE_CHECKING:
    from ._guidance import WaitingOn


@frozen(kw_only=True, eq=False, repr=False)
class CarrierState(Answered):
    """How far a number is at one carrier."""

    state: ProvisioningState = ProvisioningState.UNSPECIFIED
    error_code: str | None = None
    """The carrier's code, such as `60135` (the number belongs to another aggregator)."""
    error_message: str | None = None
    update_time: datetime | None = None


@frozen(kw_only=True, eq=False, repr=False)
class CarrierOperation(CarrierState):
    """How far an imported number is at one carrier, and whether it is put on or taken off."""

    operation: CarrierOperationType = CarrierOperationType.UNSPECIFIED


@frozen(kw_only=True, eq=False, repr=False)
class Provisioning(Answered):
    """How far an imported number is on the SMS platform or on a campaign."""

    service_type: ServiceType | None = None
    service_id: str | None = None
    type: ProvisioningType | None = None
    state: ProvisioningState = ProvisioningState.UNSPECIFIED
    update_time: datetime | None = None
    error_message: str | None = None
    error_code: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ScheduledProvisioning(Answered):
    """A change of a number's service plan or campaign that is still to come."""

    service_plan_id: str | None = None
    status: int | str | None = None
    """As it came: a number whose names the service does not document, or text as `IN_PROGRESS`."""
    last_updated_time: datetime | None = None
    campaign_id: str | None = None
    error_codes: tuple[int | str, ...] = ()
    """As they came: numbers or text."""

    @property
    def has_failed(self) -> bool:
        """Whether the change has failed, and so is no longer pending.

        The service does not document what its numbers of a status mean. For them, an error code
        says that the change has failed.
        """
        if isinstance(self.status, str):
            return self.status.rpartition("_")[2] == "FAILED"
        return bool(self.error_codes)


@frozen(kw_only=True, eq=False, repr=False)
class SmsConfiguration(Answered):
    """The service plan and the campaign that are in force for a number; `""` means none.

    A change that was asked for and is not in force yet is in `scheduled_provisioning`.
    """

    service_plan_id: str | None = None
    campaign_id: str | None = None
    migrate_to_sinch_tmo: bool | None = None
    scheduled_provisioning: ScheduledProvisioning = ScheduledProvisioning()


@frozen(kw_only=True, eq=False, repr=False)
class MnoConfiguration(Answered):
    """How far an imported number is at AT&T and T-Mobile, for SMS and MMS."""

    sms_att: CarrierOperation = CarrierOperation()
    sms_tmo: CarrierOperation = CarrierOperation()
    mms_att: CarrierOperation = CarrierOperation()
    mms_tmo: CarrierOperation = CarrierOperation()


@frozen(kw_only=True, eq=False, repr=False)
class ImportedNumber(Answered):
    """A number that stays with another carrier and texts through Sinch."""

    phone_number: str = ""
    project_id: str | None = None
    region_code: str | None = None
    display_name: str | None = None
    sms_configuration: SmsConfiguration = SmsConfiguration()
    callback_url: str | None = None
    mno_configuration: MnoConfiguration = MnoConfiguration()
    sms_provisioning: Provisioning = Provisioning()
    campaign_provisioning: Provisioning = Provisioning()

    @property
    def pending_service_plan_id(self) -> str | None:
        """The service plan that was asked for and is not in force yet; `None` where none is."""
        pending = self.sms_configuration.scheduled_provisioning
        if pending.has_failed or pending.service_plan_id == self.sms_configuration.service_plan_id:
            return None
        return pending.service_plan_id or None

    @property
    def pending_campaign_id(self) -> str | None:
        """The campaign that was asked for and is not in force yet; `None` where none is."""
        pending = self.sms_configuration.scheduled_provisioning
        if pending.has_failed or pending.campaign_id == self.sms_configuration.campaign_id:
            return None
        return pending.campaign_id or None

    @property
    def is_linked(self) -> bool:
        """Whether a service plan or a campaign holds the number, or is about to."""
        sms = self.sms_configuration
        is_pending = self.pending_service_plan_id or self.pending_campaign_id
        return bool(sms.service_plan_id or sms.campaign_id or is_pending)

    @property
    def waiting_on(self) -> WaitingOn | None:
        """Whom the number waits for; `None` where nothing is under way."""
        steps = (self.sms_provisioning, self.campaign_provisioning)
        moving = [
            step.update_time
            for step in steps
            if step.state in (ProvisioningState.WAITING, ProvisioningState.IN_PROGRESS)
        ]
        if self.pending_service_plan_id or self.pending_campaign_id:
            moving.append(self.sms_configuration.scheduled_provisioning.last_updated_time)
        from ._guidance import provisioning_waits_on  # noqa: PLC0415 - loads when used

        return provisioning_waits_on(moving[0]) if moving else None


@frozen(kw_only=True, eq=False, repr=False)
class OsrEligibility(Answered):
    """Whether the number can be text-enabled at all."""

    status: ProvisioningState = ProvisioningState.UNSPECIFIED
    error: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class OwnershipVerification(Answered):
    """Whether the number is proven to be the caller's."""

    status: ProvisioningState = ProvisioningState.UNSPECIFIED
    error: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class HostedNumber(Answered):
    """Whether the number is hosted."""

    status: int | str | None = None
    """As it came: 0 unspecified, 1 hosted, 2 failed, or text as `HOSTING_STATUS_HOSTED`."""
    error: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class QualifiedNumber(Answered):
    """A number in qualification: from its review to its hosting."""

    phone_number: str = ""
    project_id: str | None = None
    region_code: str | None = None
    global_process_state: QualificationState = QualificationState.UNSPECIFIED
    osr_eligibility: OsrEligibility = OsrEligibility()
    ownership_verification: OwnershipVerification = OwnershipVerification()
    hosted_number: HostedNumber = HostedNumber()
    created_time: datetime | None = None
    updated_time: datetime | None = None

    @property
    def error(self) -> str | None:
        """The service's explanation of a failure, where it gave one."""
        return (
            self.osr_eligibility.error
            or self.ownership_verification.error
            or self.hosted_number.error
            or None
        )

    @property
    def waiting_on(self) -> WaitingOn | None:
        """Whom the number waits for, and what can be done; `None` where all of that has ended."""
        from ._guidance import qualification_waits_on  # noqa: PLC0415 - loads when used

        return qualification_waits_on(
            self.global_process_state, self.ownership_verification.status, self.updated_time
        )


@frozen(kw_only=True, eq=False, repr=False)
class OsrUpdate(Answered):
    """How far the routing registry's (OSR) entry of a number is."""

    nnid: str | None = None
    state: ProvisioningState = ProvisioningState.UNSPECIFIED


@frozen(kw_only=True, eq=False, repr=False)
class CampaignProvisioning(Answered):
    """How far a number of an order is on its campaign."""

    campaign_id: str | None = None
    state: ProvisioningState = ProvisioningState.UNSPECIFIED


@frozen(kw_only=True, eq=False, repr=False)
class PlatformProvisioning(Answered):
    """How far a number of an order is on the SMS platform."""

    service_plan_id: str | None = None
    state: ProvisioningState = ProvisioningState.UNSPECIFIED


@frozen(kw_only=True, eq=False, repr=False)
class OrderNumber(Answered):
    """One number of an order (`HostingOrderNumber` in the contract)."""

    phone_number: str = ""
    project_id: str | None = None
    hosting_order_id: str | None = None
    osr_update: OsrUpdate = OsrUpdate()
    campaign_provisioning: CampaignProvisioning = CampaignProvisioning()
    platform_provisioning: PlatformProvisioning = PlatformProvisioning()
    sms_att: CarrierState = CarrierState()
    sms_tmo: CarrierState = CarrierState()
    mms_att: CarrierState = CarrierState()
    mms_tmo: CarrierState = CarrierState()
