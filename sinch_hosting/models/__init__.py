"""What the service answers, and the letters that a caller writes.

Frozen, keyword-only attrs classes. What a caller builds (`DirectLoa`, `ResellerLoa`,
`AuthorisedPerson`, `Address`) is checked when it is built and raises `InvalidRequest`; what
the service sends is taken as it comes. In an answer an absent object is an empty one, an
absent state is `UNSPECIFIED`, an absent identifier of the object itself is `""`, and any
other absent value is `None`. Fields that this version does not know are in `.extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import attrs
from attrs import field, frozen

from ..errors import InvalidRequest, UsageError
from ..states import (
    CarrierOperationType,
    EventStatus,
    EventType,
    FailureCode,
    OrderState,
    OrderType,
    ProvisioningState,
    ProvisioningType,
    QualificationState,
    ResourceType,
    ServiceType,
)
from . import _checks as check
from . import _guidance
from ._resume import write_token

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .._polling.schedule import NumberFilter
    from .pages import Pages

__all__ = [
    "Address",
    "AuthorisedPerson",
    "BlanketLoa",
    "CallbackConfiguration",
    "CallbackEvent",
    "CampaignProvisioning",
    "CarrierOperation",
    "CarrierState",
    "DirectLoa",
    "HostedNumber",
    "ImportedNumber",
    "Letter",
    "MnoConfiguration",
    "Order",
    "OrderNumber",
    "OrderReport",
    "OsrEligibility",
    "OsrUpdate",
    "OwnershipVerification",
    "PlatformProvisioning",
    "Provisioning",
    "QualifiedNumber",
    "ResellerLoa",
    "ScheduledProvisioning",
    "SmsConfiguration",
    "TextEnableInfo",
]


_text = check.validator(check.check_text)


@frozen(kw_only=True)
class Answered:
    """The base of what the service answers."""

    _extra: Mapping[str, Any] | None = field(default=None, alias="extra", repr=False, hash=False)

    @property
    def extra(self) -> Mapping[str, Any]:
        """The fields of the answer that this version does not know, as they came."""
        return self._extra or {}


@frozen(kw_only=True)
class AuthorisedPerson(Answered):
    """Who signs the letter of authorization; it is mailed to `email`.

    Built by a caller, blank names and an impossible address raise `InvalidRequest`.
    """

    first_name: str = field(validator=_text)
    last_name: str = field(validator=_text)
    email: str = field(validator=check.validator(check.check_email))


@frozen(kw_only=True)
class Address(Answered):
    """Where the owner of the numbers is; `country` is passed as given (`US` or `USA`).

    Built by a caller, a blank part raises `InvalidRequest`.
    """

    building_number: str = field(validator=_text)
    street: str = field(validator=_text)
    city: str = field(validator=_text)
    state: str = field(validator=_text)
    postal_code: str = field(validator=_text)
    country: str = field(validator=_text)


def _check_person(value: object, name: str) -> None:
    if not isinstance(value, AuthorisedPerson):
        raise InvalidRequest(field=name, value=value, rule="must be an AuthorisedPerson")
    attrs.validate(value)  # one that an answer gave may be blank in parts


def _check_address(value: object, name: str) -> None:
    if not isinstance(value, Address):
        raise InvalidRequest(field=name, value=value, rule="must be an Address")
    attrs.validate(value)


@frozen(kw_only=True)
class DirectLoa:
    """A letter of authorization from the owner of the numbers, mailed to be signed.

    A missing or blank part raises `InvalidRequest` (`DirectLoaInfo` in the contract).
    """

    wire_name: ClassVar[str] = "directLoaInfo"
    mails_a_letter: ClassVar[bool] = True

    authorised_person: AuthorisedPerson = field(validator=check.validator(_check_person))
    address: Address = field(validator=check.validator(_check_address))
    current_voice_carrier: str = field(validator=_text)


@frozen(kw_only=True)
class ResellerLoa:
    """A letter of authorization by way of a reseller, mailed to be signed.

    A missing or blank part raises `InvalidRequest` (`ResellerLoaInfo` in the contract).
    """

    wire_name: ClassVar[str] = "resellerLoaInfo"
    mails_a_letter: ClassVar[bool] = True

    business_name: str = field(validator=_text)
    authorised_person: AuthorisedPerson = field(validator=check.validator(_check_person))
    address: Address = field(validator=check.validator(_check_address))
    current_voice_carrier: str = field(validator=_text)


@frozen(kw_only=True)
class BlanketLoa:
    """A letter that covers all numbers of the account and was signed before; none is mailed.

    For local numbers only (`BlanketLoaInfo` in the contract).
    """

    wire_name: ClassVar[str] = "blanketLoaInfo"
    mails_a_letter: ClassVar[bool] = False


_A = TypeVar("_A", AuthorisedPerson, Address)
Letter = DirectLoa | ResellerLoa | BlanketLoa


@frozen(kw_only=True)
class CarrierState(Answered):
    """How far a number is at one carrier."""

    state: ProvisioningState = ProvisioningState.UNSPECIFIED
    error_code: str | None = None
    """The carrier's code, such as `60135` (the number belongs to another aggregator)."""
    error_message: str | None = None
    update_time: datetime | None = None


@frozen(kw_only=True)
class CarrierOperation(CarrierState):
    """How far an imported number is at one carrier, and whether it is put on or taken off."""

    operation: CarrierOperationType = CarrierOperationType.UNSPECIFIED


@frozen(kw_only=True)
class Provisioning(Answered):
    """How far an imported number is on the SMS platform or on a campaign."""

    service_type: ServiceType | None = None
    service_id: str | None = None
    type: ProvisioningType | None = None
    state: ProvisioningState = ProvisioningState.UNSPECIFIED
    update_time: datetime | None = None
    error_message: str | None = None
    error_code: str | None = None


@frozen(kw_only=True)
class ScheduledProvisioning(Answered):
    """A change of a number's service plan or campaign that is still to come."""

    service_plan_id: str | None = None
    status: int | None = None
    """An enum by number whose names the service does not document."""
    last_updated_time: datetime | None = None
    campaign_id: str | None = None
    error_codes: tuple[int, ...] = ()


@frozen(kw_only=True)
class SmsConfiguration(Answered):
    """The service plan and the campaign that a number is linked to; `""` is none."""

    service_plan_id: str | None = None
    campaign_id: str | None = None
    migrate_to_sinch_tmo: bool | None = None
    scheduled_provisioning: ScheduledProvisioning = ScheduledProvisioning()


@frozen(kw_only=True)
class MnoConfiguration(Answered):
    """How far an imported number is at AT&T and T-Mobile, for SMS and MMS."""

    sms_att: CarrierOperation = CarrierOperation()
    sms_tmo: CarrierOperation = CarrierOperation()
    mms_att: CarrierOperation = CarrierOperation()
    mms_tmo: CarrierOperation = CarrierOperation()


@frozen(kw_only=True)
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
    def is_linked(self) -> bool:
        """Whether a service plan or a campaign holds the number."""
        sms = self.sms_configuration
        return bool(sms.service_plan_id or sms.campaign_id)


@frozen(kw_only=True)
class OsrEligibility(Answered):
    """Whether the number can be text-enabled at all."""

    status: ProvisioningState = ProvisioningState.UNSPECIFIED
    error: str | None = None


@frozen(kw_only=True)
class OwnershipVerification(Answered):
    """Whether the number is proven to be the caller's."""

    status: ProvisioningState = ProvisioningState.UNSPECIFIED
    error: str | None = None


@frozen(kw_only=True)
class HostedNumber(Answered):
    """Whether the number is hosted."""

    status: int | None = None
    """0 unspecified, 1 hosted, 2 failed."""
    error: str | None = None


@frozen(kw_only=True)
class QualifiedNumber(Answered):
    """A number on its way from review to hosting."""

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


@frozen(kw_only=True)
class OsrUpdate(Answered):
    """How far the routing registry's (OSR) entry of a number is."""

    nnid: str | None = None
    state: ProvisioningState = ProvisioningState.UNSPECIFIED


@frozen(kw_only=True)
class CampaignProvisioning(Answered):
    """How far a number of an order is on its campaign."""

    campaign_id: str | None = None
    state: ProvisioningState = ProvisioningState.UNSPECIFIED


@frozen(kw_only=True)
class PlatformProvisioning(Answered):
    """How far a number of an order is on the SMS platform."""

    service_plan_id: str | None = None
    state: ProvisioningState = ProvisioningState.UNSPECIFIED


@frozen(kw_only=True)
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


@frozen(kw_only=True)
class OrderReport(Answered):
    """How many numbers of an order have come how far."""

    total: int | None = None
    osr_updated: int | None = None
    sms_provisioned: int | None = None
    added_to_campaign: int | None = None
    ongoing_manual_action: int | None = None


def _blank(cls: type[_A]) -> _A:
    # The rules for what a caller writes do not hold for what an answer leaves out.
    blank = cls.__new__(cls)
    for attribute in attrs.fields_dict(cls).values():
        value = "" if attribute.default is attrs.NOTHING else None
        object.__setattr__(blank, attribute.name, value)
    return blank


@frozen(kw_only=True)
class TextEnableInfo(Answered):
    """The letter that belongs to an order, as the service tells it."""

    business_name: str | None = None
    authorised_person: AuthorisedPerson = _blank(AuthorisedPerson)
    address: Address = _blank(Address)
    service_provider: str | None = None
    current_voice_carrier: str | None = None
    nnid: str | None = None
    loa_type: Any = None
    """The kind of letter as it came, whatever that is: `Direct`, `DIRECT` and `0` are seen."""


class OrderCalls(Protocol):
    """What an order needs of the resource that answered it."""

    async def get(self, order_id: str) -> Order:
        """Read an order."""
        ...

    async def report(self, order_id: str) -> OrderReport:
        """Read an order's report."""
        ...

    def numbers(self, order_id: str) -> Pages[OrderNumber]:
        """List an order's numbers."""
        ...

    async def wait_for(
        self,
        order: Order,
        state: OrderState | str,
        *,
        timeout: float | None,
        on_update: Callable[[Order], Awaitable[None] | None] | None,
    ) -> Order:
        """Wait until an order is in a state."""
        ...


@frozen(kw_only=True)
class Order(Answered):
    """A hosting order as it was when it was read; `refresh` and `wait_until` answer a new one."""

    hosting_order_id: str = ""
    project_id: str | None = None
    display_name: str | None = None
    region_code: str | None = None
    state: OrderState = OrderState.UNSPECIFIED
    type: OrderType = OrderType.UNSPECIFIED
    created_time: datetime | None = None
    updated_time: datetime | None = None
    scheduled_osr_update_time: datetime | None = None
    service_plan_id: str | None = None
    campaign_id: str | None = None
    migrate_to_sinch_tmo: bool | None = None
    text_enable_info: TextEnableInfo = field(
        default=TextEnableInfo(), metadata={"also": "hostingOrderInfo"}
    )
    callback_url: str | None = None
    _orders: OrderCalls | None = field(default=None, alias="orders", repr=False, eq=False)
    # Which numbers it was created with, for callbacks that name only one of them.
    _digest: Any = field(default=None, init=False, repr=False, eq=False)

    def __getstate__(self) -> tuple[Any, ...]:
        # A copy or a pickle is the record alone: a client crosses no process and no loop.
        names, ours = attrs.fields_dict(Order), ("_orders", "_digest")
        return tuple(None if name in ours else getattr(self, name) for name in names)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(attrs.fields_dict(Order), state, strict=True):
            object.__setattr__(self, name, value)

    @property
    def waiting_on(self) -> _guidance.WaitingOn | None:
        """Whom the order waits for since its last change, and what can be done about it.

        `None` where it has ended. See `WaitingOn`.
        """
        return _guidance.waiting_on(self)

    @property
    def digest(self) -> NumberFilter | None:
        """Which numbers it was created with, where this client created it; for the watcher."""
        digest: NumberFilter | None = self._digest
        return digest

    def to_token(self) -> str:
        """A small JSON text to go on waiting with, in another process or on another machine.

        It holds a version and the order's ids, no state and no secret. See
        `hosting_orders.from_token`.
        """
        return write_token(self)

    @property
    def _calls(self) -> OrderCalls:
        if self._orders is None:
            raise UsageError(
                f"order {self.hosting_order_id!r} belongs to no client; "
                "read it with sinch.hosting_orders.get(hosting_order_id)"
            )
        return self._orders

    async def refresh(self) -> Order:
        """Read the order anew (`GetHostingOrder`).

        Safe to repeat. Raises what `hosting_orders.get` raises.
        """
        return await self._calls.get(self.hosting_order_id)

    async def wait_until(
        self,
        state: OrderState | str,
        *,
        timeout: float | None = None,
        on_update: Callable[[Order], Awaitable[None] | None] | None = None,
    ) -> Order:
        """Wait until the order has reached `state`, or has passed it.

        Args:
            state: the state, such as `COMPLETED`; waiting for `REJECTED` ends on COMPLETED, too.
            timeout: seconds to wait at most; by default without end, since orders take days.
            on_update: called, and awaited where it answers an awaitable, with the order at
                every change.

        Answers the order as it was then. Raises `OrderRejected` on REJECTED unless that is
        what was waited for, `WaitTimeout`, and what `hosting_orders.get` raises but for
        passing failures, which do not end a wait. Whatever ends it, cancelling included, the
        order goes on at the service, and `to_token()`, or the error's `token`, goes on waiting
        for it; safe to repeat (`GetHostingOrder`). Many waits share lists instead.
        """
        return await self._calls.wait_for(self, state, timeout=timeout, on_update=on_update)

    async def report(self) -> OrderReport:
        """Count how far the order's numbers are (`GetHostingOrderReport`); safe to repeat."""
        return await self._calls.report(self.hosting_order_id)

    def numbers(self) -> Pages[OrderNumber]:
        """List the order's numbers and how far each is (`ListHostingOrderNumbers`)."""
        return self._calls.numbers(self.hosting_order_id)


def digested(order: Order, digest: NumberFilter) -> Order:
    """Let a fresh order know which numbers it was created with."""
    object.__setattr__(order, "_digest", digest)
    return order


def bind(order: Order, orders: OrderCalls, order_id: str = "") -> Order:
    """Give a fresh order its resource, and its id where the answer left it out."""
    object.__setattr__(order, "_orders", orders)
    if order_id and not order.hosting_order_id:
        object.__setattr__(order, "hosting_order_id", order_id)
    return order


@frozen(kw_only=True)
class CallbackConfiguration(Answered):
    """The project's secret with which callbacks are signed; it never shows in `repr`."""

    project_id: str | None = None
    hmac_secret: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class CallbackEvent(Answered):
    """What a callback reports about one number (`CallbackPayload` in the contract)."""

    resource_type: ResourceType | None = None
    event_type: EventType | None = None
    event_id: str | None = None
    """The same in every delivery of one event."""
    timestamp: datetime | None = None
    project_id: str | None = None
    resource_id: str | None = None
    """A phone number or a hosting order's id."""
    status: EventStatus | None = None
    failure_code: FailureCode | None = None

    @property
    def failure(self) -> _guidance.Failure | None:
        """What went wrong, whether a retry can help, who has to act and what to do next.

        `None` where the event reports no failure. See `Failure`.
        """
        return _guidance.failure_of(self)
