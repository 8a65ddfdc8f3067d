"""What the sandbox keeps: orders, numbers, letters, mails, and what it saw and sent."""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from .clock import wire_time

UNSPECIFIED = "STATE_UNSPECIFIED"
WAITING = "WAITING"
IN_PROGRESS = "IN_PROGRESS"
DONE = "DONE"
FAILED = "FAILED"
STATES = (DONE, FAILED, IN_PROGRESS, WAITING, UNSPECIFIED)
"""The states of one provisioning step."""

ORDER_STATES = (
    "HOSTING_ORDER_STATE_UNSPECIFIED",
    "DRAFT",
    "SUBMITTED",
    "WAITING_FOR_LOA_SIGNATURE",
    "IN_PROGRESS",
    "COMPLETED",
    "REJECTED",
)
ORDER_TYPES = ("HOSTING_ORDER_TYPE_UNSPECIFIED", "IMPORT", "TYPE_TEXT_ENABLE")
QUALIFICATION_PREFIX = "GLOBAL_PROCESS_STATE_"
QUALIFICATION_STATES = (
    "UNSPECIFIED",
    "ELIGIBLE_CHECK_PENDING",
    "ELIGIBLE",
    "NOT_ELIGIBLE",
    "VERIFICATION_PENDING",
    "VERIFICATION_FAILED",
    "VERIFICATION_BLOCKED",
    "VERIFIED",
    "HOSTING_IN_PROGRESS",
    "HOSTING_DONE",
    "HOSTING_FAILED",
)
CARRIERS = ("smsAtt", "smsTmo", "mmsAtt", "mmsTmo")
"""The four carrier states of a number, in the order in which `Carrier` tuples hold them."""
FAILURE_CODES = (
    "CAMPAIGN_NOT_AVAILABLE",
    "EXCEEDED_10DLC_LIMIT",
    "NUMBER_PROVISIONING_FAILED",
    "PARTNER_SERVICE_UNAVAILABLE",
    "CAMPAIGN_PENDING_ACCEPTANCE",
    "MNO_SHARING_ERROR",
    "CAMPAIGN_PROVISIONING_FAILED",
    "CAMPAIGN_EXPIRED",
    "CAMPAIGN_MNO_REJECTED",
    "CAMPAIGN_MNO_SUSPENDED",
    "CAMPAIGN_MNO_REVIEW",
    "INSUFFICIENT_BALANCE",
    "MOCK_CAMPAIGN_NOT_ALLOWED",
    "TFN_NOT_ALLOWED",
    "INVALID_NNID",
)
"""The failure codes that a callback may carry."""


@frozen
class Carrier:
    """One carrier's state for a number. Numbers share it, so it cannot be changed."""

    state: str = UNSPECIFIED
    error_code: str = ""
    error_message: str = ""
    updated: float = 0.0


NO_CARRIERS = (Carrier(),) * 4


@define(eq=False, repr=False)
class OrderNumber:
    """One number of an order and how far it has come. Half a million of them must fit."""

    phone_number: str
    osr: str = WAITING
    platform: str = WAITING
    campaign: str = WAITING
    carriers: tuple[Carrier, ...] = NO_CARRIERS
    updated: float = 0.0


@define(eq=False, repr=False)
class HostingOrder:
    """One order. ``numbers`` maps each phone number to its `OrderNumber`."""

    hosting_order_id: str
    type: str
    region_code: str
    service_plan_id: str
    campaign_id: str
    display_name: str
    callback_url: str
    numbers: dict[str, OrderNumber]
    created: float
    updated: float
    state: str = "SUBMITTED"
    letter_kind: str = ""
    letter_info: dict[str, Any] | None = None
    nnid: str = ""
    toll_free: bool = False
    migrate_to_sinch_tmo: bool = False
    scheduled: float | None = None
    through_qualification: bool = False
    warning: str = ""
    history: list[tuple[float, str]] = field(factory=list)
    reason: str = ""
    bucket: tuple[str, ...] | None = None
    entry: int = 0

    def __repr__(self) -> str:
        return f"<HostingOrder {self.hosting_order_id} {self.state} {len(self.numbers)} numbers>"


@define(eq=False, repr=False)
class Step:
    """One provisioning of an imported number: to the SMS platform or to a campaign."""

    service_id: str
    type: str = "PROVISIONING"
    state: str = IN_PROGRESS
    error_code: str = ""
    error_message: str = ""
    updated: float = 0.0

    @property
    def done(self) -> bool:
        """Whether what it provisions is in force."""
        return self.type == "PROVISIONING" and self.state == DONE


@define(eq=False, repr=False)
class ImportedNumber:
    """One imported number; ``carriers`` is in the order of `CARRIERS`."""

    phone_number: str
    region_code: str
    display_name: str
    service_plan_id: str
    campaign_id: str
    callback_url: str
    created: float
    updated: float
    platform: Step
    campaign: Step | None = None
    carriers: tuple[Carrier, ...] = NO_CARRIERS
    carrier_operation: str = "PROVISIONING"
    migrate_to_sinch_tmo: bool = False
    bucket: tuple[str, ...] | None = None
    entry: int = 0

    def __repr__(self) -> str:
        return f"<ImportedNumber {self.phone_number} {self.platform.state}>"


@define(eq=False, repr=False)
class QualifiedNumber:
    """One number on its way through qualification; ``state`` is without the wire's prefix."""

    phone_number: str
    region_code: str
    created: float
    updated: float
    state: str = "ELIGIBLE_CHECK_PENDING"
    eligibility_error: str = ""
    verification_error: str = ""
    hosting_error: str = ""
    invoices_received: bool = False
    needs_verification: bool = True
    code: str = ""
    wrong_codes: int = 0
    history: list[tuple[float, str]] = field(factory=list)
    bucket: tuple[str, ...] | None = None
    entry: int = 0

    def __repr__(self) -> str:
        return f"<QualifiedNumber {self.phone_number} {self.state}>"


@frozen
class Plan:
    """What shall go wrong with one number. Everything that is left empty goes well.

    Args:
        not_eligible: the reason why the number is NOT_ELIGIBLE.
        not_verified: the reason why the review of the number fails.
        osr: a failure code with which the routing update fails.
        platform: an error message with which the SMS platform refuses the number.
        campaign: a failure code with which the campaign refuses it.
        sms_att: the error code of AT&T for SMS.
        sms_tmo: that of T-Mobile for SMS; ``60135`` vanishes with ``migrateToSinchTmo``.
        mms_att: that of AT&T for MMS.
        mms_tmo: that of T-Mobile for MMS.
        verification: ``needed`` or ``not_needed``, where this number is no rule's case: one
            that needs no verification stays ELIGIBLE.
    """

    not_eligible: str = ""
    not_verified: str = ""
    osr: str = ""
    platform: str = ""
    campaign: str = ""
    sms_att: str = ""
    sms_tmo: str = ""
    mms_att: str = ""
    mms_tmo: str = ""
    verification: str = ""

    @property
    def carriers(self) -> tuple[str, str, str, str]:
        """The four carriers' error codes in the order of `CARRIERS`."""
        return (self.sms_att, self.sms_tmo, self.mms_att, self.mms_tmo)


NO_PLAN = Plan()


@define(eq=False)
class Mail:
    """A mail or a phone call that the sandbox did not really send.

    ``kind`` is ``letter``, ``voice``, ``review`` or ``order``; ``time`` is virtual, in
    seconds since 1970.
    """

    time: float
    kind: str
    to: str
    subject: str
    text: str
    hosting_order_id: str = ""
    phone_number: str = ""


@define(eq=False)
class Letter:
    """A letter of authorization; ``state`` is ``sent``, ``signed`` or ``declined``."""

    hosting_order_id: str
    to: str
    numbers: tuple[str, ...]
    sent: float
    state: str = "sent"


@define(eq=False)
class RequestRecord:
    """One request as the sandbox saw it.

    ``outcome`` says what became of it: ``answered``, ``refused``, ``hung up`` (by the client), or
    the fault that struck.
    ``acted`` is true where the sandbox's state may have changed by it. ``status`` is 0 where no
    answer was given. ``body`` is the decoded JSON, or ``None``; secrets in it are blanked.
    ``order`` is the id of the order that it created or named, ``error`` the body of an answer
    that refuses.
    """

    number: int
    time: float
    method: str
    path: str
    query: str
    operation: str = ""
    body: Any = None
    status: int = 0
    outcome: str = ""
    acted: bool = False
    fault: str = ""
    order: str = ""
    error: dict[str, Any] | None = None


@define(eq=False)
class CallbackRecord:
    """One event and what became of it.

    ``state`` is ``waiting``, ``delivered``, ``retrying``, ``given up``, ``withheld`` (the target
    is no loopback address) or ``lost`` (by a fault). ``attempts`` holds ``(time, result)`` pairs.
    Events by the million must fit: what many have in common, ``about``, they share.
    """

    event_id: str
    url: str
    about: dict[str, Any]
    resource_id: str
    created: float
    state: str = "waiting"
    attempts: list[tuple[float, str]] = field(factory=list)
    fault: str = ""

    @property
    def payload(self) -> dict[str, Any]:
        """The body that is sent."""
        return {
            **self.about,
            "resourceId": self.resource_id,
            "eventId": self.event_id,
            "timestamp": wire_time(self.created, 6),
        }

    def json(self) -> dict[str, Any]:
        """Return the event for listings."""
        return {
            "event_id": self.event_id,
            "url": self.url,
            "payload": self.payload,
            "created": self.created,
            "state": self.state,
            "attempts": list(self.attempts),
            "fault": self.fault,
        }
