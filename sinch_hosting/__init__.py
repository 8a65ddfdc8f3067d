"""The asyncio SDK for Sinch's Imported Numbers and Hosting Orders API.

```python
from sinch_hosting import COMPLETED, SinchHosting

async with SinchHosting.from_env() as sinch:
    order = await sinch.hosting_orders.import_numbers(
        ["+12025550134"], region_code="US", service_plan_id="...", campaign_id="..."
    )
    order = await order.wait_until(COMPLETED)
```

Names resolve when they are first used: importing the package alone loads neither aiohttp
nor anything else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._bulk.chunks import SkippedNumber
    from ._bulk.letters import LettersToSend
    from ._bulk.many_numbers import FailedNumber, NumbersResult
    from ._bulk.plan import BulkPlan, PlannedOrder
    from ._bulk.results import (
        BulkProgress,
        BulkResult,
        ChunkOutcome,
        FailedChunk,
        UnknownChunk,
    )
    from ._onboarding.onboarding import Onboarding
    from ._onboarding.plan import OnboardingPlan, PlannedGroup, PlannedNumber
    from ._onboarding.report import (
        NumberToOnboard,
        OnboardingLine,
        OnboardingReport,
        OnboardingStep,
    )
    from ._polling.policy import PollPolicy
    from ._polling.waits import OrderUpdate
    from ._session.orders_api import Place
    from ._session.retry import RetryPolicy
    from .callbacks import CallbackReceiver, CallbackResponse, RecentEvents, SeenEvents
    from .client import SinchHosting
    from .errors import (
        ApiError,
        AuthenticationFailed,
        BadRequest,
        ConfigurationError,
        Conflict,
        DecodeError,
        InvalidRequest,
        InvalidSignature,
        JobChanged,
        JobError,
        LedgerError,
        LedgerLocked,
        NotConfirmed,
        NotFound,
        NumberFailed,
        OrderRejected,
        OutcomeUnknown,
        PageTokenRepeated,
        PermissionDenied,
        RateLimited,
        RelinkFailed,
        RunStopped,
        ServerError,
        SinchHostingError,
        TransportError,
        UnreadableList,
        UsageError,
        WaitError,
        WaitTimeout,
    )
    from .models import (
        Address,
        AuthorisedPerson,
        BlanketLoa,
        CallbackConfiguration,
        CallbackEvent,
        CampaignProvisioning,
        CarrierOperation,
        CarrierState,
        DirectLoa,
        HostedNumber,
        ImportedNumber,
        Letter,
        MnoConfiguration,
        Order,
        OrderNumber,
        OrderReport,
        OsrEligibility,
        OsrUpdate,
        OwnershipVerification,
        PlatformProvisioning,
        Provisioning,
        QualifiedNumber,
        ResellerLoa,
        ScheduledProvisioning,
        SmsConfiguration,
        TextEnableInfo,
    )
    from .models._guidance import Failure, WaitingOn
    from .models.pages import Page, Pages
    from .states import (
        COMPLETED,
        REJECTED,
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

_HOMES = {
    "_bulk.chunks": "SkippedNumber",
    "_bulk.letters": "LettersToSend",
    "_bulk.many_numbers": "FailedNumber NumbersResult",
    "_bulk.plan": "BulkPlan PlannedOrder",
    "_bulk.results": "BulkProgress BulkResult ChunkOutcome FailedChunk UnknownChunk",
    "_onboarding.onboarding": "Onboarding",
    "_onboarding.plan": "OnboardingPlan PlannedGroup PlannedNumber",
    "_onboarding.report": "NumberToOnboard OnboardingLine OnboardingReport OnboardingStep",
    "_polling.policy": "PollPolicy",
    "_polling.waits": "OrderUpdate",
    "_session.orders_api": "Place",
    "_session.retry": "RetryPolicy",
    "callbacks": "CallbackReceiver CallbackResponse RecentEvents SeenEvents",
    "client": "SinchHosting",
    "errors": """
        ApiError AuthenticationFailed BadRequest ConfigurationError Conflict DecodeError
        InvalidRequest InvalidSignature JobChanged JobError LedgerError LedgerLocked NotConfirmed
        NotFound NumberFailed OrderRejected OutcomeUnknown PageTokenRepeated PermissionDenied
        RateLimited RelinkFailed RunStopped ServerError SinchHostingError TransportError
        UnreadableList UsageError WaitError WaitTimeout
    """,
    "models": """
        Address AuthorisedPerson BlanketLoa CallbackConfiguration CallbackEvent
        CampaignProvisioning CarrierOperation CarrierState DirectLoa HostedNumber
        ImportedNumber Letter MnoConfiguration Order OrderNumber OrderReport OsrEligibility
        OsrUpdate OwnershipVerification PlatformProvisioning Provisioning QualifiedNumber
        ResellerLoa ScheduledProvisioning SmsConfiguration TextEnableInfo
    """,
    "models._guidance": "Failure WaitingOn",
    "models.pages": "Page Pages",
    "states": """
        COMPLETED CarrierOperationType EventStatus EventType FailureCode OrderState
        OrderType ProvisioningState ProvisioningType QualificationState REJECTED
        ResourceType ServiceType
    """,
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "COMPLETED",
    "REJECTED",
    "Address",
    "ApiError",
    "AuthenticationFailed",
    "AuthorisedPerson",
    "BadRequest",
    "BlanketLoa",
    "BulkPlan",
    "BulkProgress",
    "BulkResult",
    "CallbackConfiguration",
    "CallbackEvent",
    "CallbackReceiver",
    "CallbackResponse",
    "CampaignProvisioning",
    "CarrierOperation",
    "CarrierOperationType",
    "CarrierState",
    "ChunkOutcome",
    "ConfigurationError",
    "Conflict",
    "DecodeError",
    "DirectLoa",
    "EventStatus",
    "EventType",
    "FailedChunk",
    "FailedNumber",
    "Failure",
    "FailureCode",
    "HostedNumber",
    "ImportedNumber",
    "InvalidRequest",
    "InvalidSignature",
    "JobChanged",
    "JobError",
    "LedgerError",
    "LedgerLocked",
    "Letter",
    "LettersToSend",
    "MnoConfiguration",
    "NotConfirmed",
    "NotFound",
    "NumberFailed",
    "NumberToOnboard",
    "NumbersResult",
    "Onboarding",
    "OnboardingLine",
    "OnboardingPlan",
    "OnboardingReport",
    "OnboardingStep",
    "Order",
    "OrderNumber",
    "OrderRejected",
    "OrderReport",
    "OrderState",
    "OrderType",
    "OrderUpdate",
    "OsrEligibility",
    "OsrUpdate",
    "OutcomeUnknown",
    "OwnershipVerification",
    "Page",
    "PageTokenRepeated",
    "Pages",
    "PermissionDenied",
    "Place",
    "PlannedGroup",
    "PlannedNumber",
    "PlannedOrder",
    "PlatformProvisioning",
    "PollPolicy",
    "Provisioning",
    "ProvisioningState",
    "ProvisioningType",
    "QualificationState",
    "QualifiedNumber",
    "RateLimited",
    "RecentEvents",
    "RelinkFailed",
    "ResellerLoa",
    "ResourceType",
    "RetryPolicy",
    "RunStopped",
    "ScheduledProvisioning",
    "SeenEvents",
    "ServerError",
    "ServiceType",
    "SinchHosting",
    "SinchHostingError",
    "SkippedNumber",
    "SmsConfiguration",
    "TextEnableInfo",
    "TransportError",
    "UnknownChunk",
    "UnreadableList",
    "UsageError",
    "WaitError",
    "WaitTimeout",
    "WaitingOn",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
