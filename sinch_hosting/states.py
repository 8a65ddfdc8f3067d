"""The enums of the API, and the order in which states follow each other.

Every enum is open: `OrderState("ANYTHING")` returns a member whose value and text are
`ANYTHING`, so a value that this version does not know can be read, compared and printed. A value
without its prefix, such as `ELIGIBLE`, is the member of that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Self, TypeVar

from .errors import InvalidRequest

__all__ = [
    "COMPLETED",
    "REJECTED",
    "CarrierOperationType",
    "EventStatus",
    "EventType",
    "FailureCode",
    "OrderState",
    "OrderType",
    "ProvisioningState",
    "ProvisioningType",
    "QualificationState",
    "ResourceType",
    "ServiceType",
]


class OpenEnum(StrEnum):
    """A string enum that accepts unknown values; members equal their wire strings."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        text = str(value)
        if text in cls.__members__:  # without the prefix, as in the vendor's prose
            return cls.__members__[text]
        member = str.__new__(cls, text)
        member._name_ = text
        member._value_ = text
        return member

    @property
    def is_known(self) -> bool:
        """Whether this version of the package knows the value."""
        return self._value_ in type(self)._value2member_map_


class OrderState(OpenEnum):
    """`HostingOrderState`: the state of a hosting order."""

    UNSPECIFIED = "HOSTING_ORDER_STATE_UNSPECIFIED"
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    WAITING_FOR_LOA_SIGNATURE = "WAITING_FOR_LOA_SIGNATURE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"

    @property
    def is_terminal(self) -> bool:
        """Whether an order in this state does not change any more."""
        return self in (OrderState.COMPLETED, OrderState.REJECTED)


class OrderType(OpenEnum):
    """`HostingOrderType`: what a hosting order does."""

    UNSPECIFIED = "HOSTING_ORDER_TYPE_UNSPECIFIED"
    IMPORT = "IMPORT"
    TEXT_ENABLE = "TYPE_TEXT_ENABLE"


class QualificationState(OpenEnum):
    """`GlobalProcessState`: the state of a qualified number (names without the wire's prefix)."""

    UNSPECIFIED = "GLOBAL_PROCESS_STATE_UNSPECIFIED"
    ELIGIBLE_CHECK_PENDING = "GLOBAL_PROCESS_STATE_ELIGIBLE_CHECK_PENDING"
    ELIGIBLE = "GLOBAL_PROCESS_STATE_ELIGIBLE"
    NOT_ELIGIBLE = "GLOBAL_PROCESS_STATE_NOT_ELIGIBLE"
    VERIFICATION_PENDING = "GLOBAL_PROCESS_STATE_VERIFICATION_PENDING"
    VERIFIED = "GLOBAL_PROCESS_STATE_VERIFIED"
    VERIFICATION_FAILED = "GLOBAL_PROCESS_STATE_VERIFICATION_FAILED"
    VERIFICATION_BLOCKED = "GLOBAL_PROCESS_STATE_VERIFICATION_BLOCKED"
    HOSTING_IN_PROGRESS = "GLOBAL_PROCESS_STATE_HOSTING_IN_PROGRESS"
    HOSTING_DONE = "GLOBAL_PROCESS_STATE_HOSTING_DONE"
    HOSTING_FAILED = "GLOBAL_PROCESS_STATE_HOSTING_FAILED"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        # The vendor's prose drops the prefix; an answer without it would mean the same.
        written = f"GLOBAL_PROCESS_STATE_{value}"
        known = cls._value2member_map_.get(written)
        return super()._missing_(value) if known is None else cls(written)

    @property
    def is_failure(self) -> bool:
        """Whether a number in this state has failed."""
        return self in _QUALIFICATION_FAILURES


class ProvisioningState(OpenEnum):
    """`State`: how far one step of a number is."""

    UNSPECIFIED = "STATE_UNSPECIFIED"
    WAITING = "WAITING"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    FAILED = "FAILED"


class ServiceType(OpenEnum):
    """What a number is provisioned for."""

    SMS = "SMS"
    CAMPAIGN = "CAMPAIGN"


class ProvisioningType(OpenEnum):
    """Whether a number is added to a service or removed from it."""

    PROVISIONING = "PROVISIONING"
    DEPROVISIONING = "DEPROVISIONING"


class CarrierOperationType(OpenEnum):
    """What a carrier is asked to do with a number."""

    UNSPECIFIED = "OPERATION_UNSPECIFIED"
    PROVISIONING = "PROVISIONING"
    DEPROVISIONING = "DEPROVISIONING"


class ResourceType(OpenEnum):
    """What a callback's `resource_id` identifies."""

    IMPORTED_NUMBER = "IMPORTED_NUMBER"
    HOSTING_ORDER_NUMBER = "HOSTING_ORDER_NUMBER"


class EventType(OpenEnum):
    """What a callback reports."""

    PROVISIONING_TO_SMS_PLATFORM = "PROVISIONING_TO_SMS_PLATFORM"
    DEPROVISIONING_TO_SMS_PLATFORM = "DEPROVISIONING_TO_SMS_PLATFORM"
    LINK_TO_10DLC_CAMPAIGN = "LINK_TO_10DLC_CAMPAIGN"
    UNLINK_TO_10DLC_CAMPAIGN = "UNLINK_TO_10DLC_CAMPAIGN"
    HOSTING_PROCESS = "HOSTING_PROCESS"
    OSR_UPDATE = "OSR_UPDATE"
    DELETE = "DELETE"


class EventStatus(OpenEnum):
    """Whether the reported step succeeded."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class FailureCode(OpenEnum):
    """Why a reported step failed; the service does not always say why."""

    CAMPAIGN_NOT_AVAILABLE = "CAMPAIGN_NOT_AVAILABLE"
    EXCEEDED_10DLC_LIMIT = "EXCEEDED_10DLC_LIMIT"
    NUMBER_PROVISIONING_FAILED = "NUMBER_PROVISIONING_FAILED"
    PARTNER_SERVICE_UNAVAILABLE = "PARTNER_SERVICE_UNAVAILABLE"
    CAMPAIGN_PENDING_ACCEPTANCE = "CAMPAIGN_PENDING_ACCEPTANCE"
    MNO_SHARING_ERROR = "MNO_SHARING_ERROR"
    CAMPAIGN_PROVISIONING_FAILED = "CAMPAIGN_PROVISIONING_FAILED"
    CAMPAIGN_EXPIRED = "CAMPAIGN_EXPIRED"
    CAMPAIGN_MNO_REJECTED = "CAMPAIGN_MNO_REJECTED"
    CAMPAIGN_MNO_SUSPENDED = "CAMPAIGN_MNO_SUSPENDED"
    CAMPAIGN_MNO_REVIEW = "CAMPAIGN_MNO_REVIEW"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    MOCK_CAMPAIGN_NOT_ALLOWED = "MOCK_CAMPAIGN_NOT_ALLOWED"
    TFN_NOT_ALLOWED = "TFN_NOT_ALLOWED"
    INVALID_NNID = "INVALID_NNID"


COMPLETED = OrderState.COMPLETED
REJECTED = OrderState.REJECTED

_QUALIFICATION_FAILURES = frozenset(
    {
        QualificationState.NOT_ELIGIBLE,
        QualificationState.VERIFICATION_FAILED,
        QualificationState.VERIFICATION_BLOCKED,
        QualificationState.HOSTING_FAILED,
    }
)

# States in one tuple are alternatives: what is past one of them is past the others.
_LIFE: dict[type[OpenEnum], tuple[tuple[OpenEnum, ...], ...]] = {
    OrderState: (
        (OrderState.DRAFT,),
        (OrderState.SUBMITTED,),
        (OrderState.WAITING_FOR_LOA_SIGNATURE,),
        (OrderState.IN_PROGRESS,),
        (OrderState.COMPLETED, OrderState.REJECTED),
    ),
    QualificationState: (
        (QualificationState.ELIGIBLE_CHECK_PENDING,),
        (QualificationState.ELIGIBLE, QualificationState.NOT_ELIGIBLE),
        (QualificationState.VERIFICATION_PENDING,),
        (
            QualificationState.VERIFIED,
            QualificationState.VERIFICATION_FAILED,
            QualificationState.VERIFICATION_BLOCKED,
        ),
        (QualificationState.HOSTING_IN_PROGRESS,),
        (QualificationState.HOSTING_DONE, QualificationState.HOSTING_FAILED),
    ),
}
_STAGE: dict[tuple[type[OpenEnum], str], int] = {
    (kind, str(state)): stage
    for kind, stages in _LIFE.items()
    for stage, states in enumerate(stages)
    for state in states
}

State = TypeVar("State", bound=OpenEnum)


def _stage(state: OpenEnum) -> int | None:
    return _STAGE.get((type(state), str(state)))


def has_reached(state: OpenEnum, wanted: OpenEnum) -> bool:
    """Whether something in `state` has reached `wanted` or has passed it.

    Alternatives (COMPLETED and REJECTED) count as passed for each other. A state that has no
    place in the order of states is reached only by being in it.
    """
    if state == wanted:
        return True
    here, there = _stage(state), _stage(wanted)
    return here is not None and there is not None and here >= there


def in_order_of_life(states: Iterable[State]) -> tuple[State, ...]:
    """Return the states once each, in the order in which they follow each other."""

    def place(state: State) -> int:
        stage = _stage(state)
        return len(_STAGE) if stage is None else stage

    return tuple(sorted(dict.fromkeys(states), key=place))


def parse_state(kind: type[State], value: object, field: str) -> State:
    """Return the member for a member, its wire string or its name.

    Raises `InvalidRequest` for any other text: a value that this version does not know is
    passed on only when it comes as a member, as in `OrderState("NEW_ONE")`.
    """
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        member = kind(value)
        if member.is_known:
            return member
    known = ", ".join(kind.__members__)
    raise InvalidRequest(
        field=field,
        value=value,
        rule=f"one of {known}; for a value that is newer, pass {kind.__name__}(value)",
    )


def parse_states(kind: type[State], values: object, field: str) -> tuple[State, ...]:
    """Return one state or several as members, in their order; see `parse_state`."""
    several = isinstance(values, Iterable) and not isinstance(values, str)
    given: Iterable[object] = values if several else (values,)  # type: ignore[assignment]
    states = in_order_of_life(parse_state(kind, value, field) for value in given)
    if not states:
        raise InvalidRequest(field=field, value=values, rule="at least one state")
    return states
