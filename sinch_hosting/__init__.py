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
    from ._advice import (
        Failure as Failure,
    )
    from ._advice import (
        WaitingOn as WaitingOn,
    )
    from ._bulk import (
        BulkProgress as BulkProgress,
    )
    from ._bulk import (
        BulkResult as BulkResult,
    )
    from ._bulk import (
        ChunkOutcome as ChunkOutcome,
    )
    from ._bulk import (
        FailedChunk as FailedChunk,
    )
    from ._bulk import (
        Place as Place,
    )
    from ._bulk import (
        UnknownChunk as UnknownChunk,
    )
    from ._chunks import (
        SkippedNumber as SkippedNumber,
    )
    from ._many_numbers import (
        FailedNumber as FailedNumber,
    )
    from ._many_numbers import (
        NumbersResult as NumbersResult,
    )
    from ._onboarding.flow import (
        Onboarding as Onboarding,
    )
    from ._onboarding.plan import (
        OnboardingPlan as OnboardingPlan,
    )
    from ._onboarding.plan import (
        PlannedGroup as PlannedGroup,
    )
    from ._onboarding.plan import (
        PlannedNumber as PlannedNumber,
    )
    from ._onboarding.records import (
        NumberToOnboard as NumberToOnboard,
    )
    from ._onboarding.records import (
        OnboardingLine as OnboardingLine,
    )
    from ._onboarding.records import (
        OnboardingReport as OnboardingReport,
    )
    from ._onboarding.records import (
        OnboardingStep as OnboardingStep,
    )
    from ._paging import (
        Page as Page,
    )
    from ._paging import (
        Pages as Pages,
    )
    from ._plan import (
        BulkPlan as BulkPlan,
    )
    from ._plan import (
        PlannedOrder as PlannedOrder,
    )
    from ._polling import (
        PollPolicy as PollPolicy,
    )
    from ._retry import (
        RetryPolicy as RetryPolicy,
    )
    from ._waiting import (
        OrderUpdate as OrderUpdate,
    )
    from .callbacks import (
        CallbackReceiver as CallbackReceiver,
    )
    from .callbacks import (
        CallbackResponse as CallbackResponse,
    )
    from .callbacks import (
        RecentEvents as RecentEvents,
    )
    from .callbacks import (
        SeenEvents as SeenEvents,
    )
    from .client import (
        SinchHosting as SinchHosting,
    )
    from .errors import (
        ApiError as ApiError,
    )
    from .errors import (
        AuthenticationFailed as AuthenticationFailed,
    )
    from .errors import (
        BadRequest as BadRequest,
    )
    from .errors import (
        ConfigurationError as ConfigurationError,
    )
    from .errors import (
        Conflict as Conflict,
    )
    from .errors import (
        DecodeError as DecodeError,
    )
    from .errors import (
        InvalidRequest as InvalidRequest,
    )
    from .errors import (
        InvalidSignature as InvalidSignature,
    )
    from .errors import (
        JobChanged as JobChanged,
    )
    from .errors import (
        LedgerError as LedgerError,
    )
    from .errors import (
        LedgerLocked as LedgerLocked,
    )
    from .errors import (
        NotFound as NotFound,
    )
    from .errors import (
        NumberFailed as NumberFailed,
    )
    from .errors import (
        OrderRejected as OrderRejected,
    )
    from .errors import (
        OutcomeUnknown as OutcomeUnknown,
    )
    from .errors import (
        PageTokenRepeated as PageTokenRepeated,
    )
    from .errors import (
        PermissionDenied as PermissionDenied,
    )
    from .errors import (
        RateLimited as RateLimited,
    )
    from .errors import (
        RelinkFailed as RelinkFailed,
    )
    from .errors import (
        RunStopped as RunStopped,
    )
    from .errors import (
        ServerError as ServerError,
    )
    from .errors import (
        SinchHostingError as SinchHostingError,
    )
    from .errors import (
        TransportError as TransportError,
    )
    from .errors import (
        UsageError as UsageError,
    )
    from .errors import (
        WaitTimeout as WaitTimeout,
    )
    from .models import (
        Address as Address,
    )
    from .models import (
        AuthorisedPerson as AuthorisedPerson,
    )
    from .models import (
        BlanketLoa as BlanketLoa,
    )
    from .models import (
        CallbackConfiguration as CallbackConfiguration,
    )
    from .models import (
        CallbackEvent as CallbackEvent,
    )
    from .models import (
        CampaignProvisioning as CampaignProvisioning,
    )
    from .models import (
        CarrierOperation as CarrierOperation,
    )
    from .models import (
        CarrierState as CarrierState,
    )
    from .models import (
        DirectLoa as DirectLoa,
    )
    from .models import (
        HostedNumber as HostedNumber,
    )
    from .models import (
        ImportedNumber as ImportedNumber,
    )
    from .models import (
        Letter as Letter,
    )
    from .models import (
        MnoConfiguration as MnoConfiguration,
    )
    from .models import (
        Order as Order,
    )
    from .models import (
        OrderNumber as OrderNumber,
    )
    from .models import (
        OrderReport as OrderReport,
    )
    from .models import (
        OsrEligibility as OsrEligibility,
    )
    from .models import (
        OsrUpdate as OsrUpdate,
    )
    from .models import (
        OwnershipVerification as OwnershipVerification,
    )
    from .models import (
        PlatformProvisioning as PlatformProvisioning,
    )
    from .models import (
        Provisioning as Provisioning,
    )
    from .models import (
        QualifiedNumber as QualifiedNumber,
    )
    from .models import (
        ResellerLoa as ResellerLoa,
    )
    from .models import (
        ScheduledProvisioning as ScheduledProvisioning,
    )
    from .models import (
        SmsConfiguration as SmsConfiguration,
    )
    from .models import (
        TextEnableInfo as TextEnableInfo,
    )
    from .states import (
        COMPLETED as COMPLETED,
    )
    from .states import (
        REJECTED as REJECTED,
    )
    from .states import (
        CarrierOperationType as CarrierOperationType,
    )
    from .states import (
        EventStatus as EventStatus,
    )
    from .states import (
        EventType as EventType,
    )
    from .states import (
        FailureCode as FailureCode,
    )
    from .states import (
        OrderState as OrderState,
    )
    from .states import (
        OrderType as OrderType,
    )
    from .states import (
        ProvisioningState as ProvisioningState,
    )
    from .states import (
        ProvisioningType as ProvisioningType,
    )
    from .states import (
        QualificationState as QualificationState,
    )
    from .states import (
        ResourceType as ResourceType,
    )
    from .states import (
        ServiceType as ServiceType,
    )

_HOMES = {
    "_bulk": (
        "BulkProgress",
        "BulkResult",
        "ChunkOutcome",
        "FailedChunk",
        "Place",
        "UnknownChunk",
    ),
    "_chunks": ("SkippedNumber",),
    "_many_numbers": (
        "FailedNumber",
        "NumbersResult",
    ),
    "_paging": (
        "Page",
        "Pages",
    ),
    "_plan": (
        "BulkPlan",
        "PlannedOrder",
    ),
    "_polling": ("PollPolicy",),
    "_retry": ("RetryPolicy",),
    "_waiting": ("OrderUpdate",),
    "_advice": (
        "Failure",
        "WaitingOn",
    ),
    "callbacks": (
        "CallbackReceiver",
        "CallbackResponse",
        "RecentEvents",
        "SeenEvents",
    ),
    "client": ("SinchHosting",),
    "errors": (
        "ApiError",
        "AuthenticationFailed",
        "BadRequest",
        "ConfigurationError",
        "Conflict",
        "DecodeError",
        "InvalidRequest",
        "InvalidSignature",
        "JobChanged",
        "LedgerError",
        "LedgerLocked",
        "NotFound",
        "NumberFailed",
        "OrderRejected",
        "OutcomeUnknown",
        "PageTokenRepeated",
        "PermissionDenied",
        "RateLimited",
        "RelinkFailed",
        "RunStopped",
        "ServerError",
        "SinchHostingError",
        "TransportError",
        "UsageError",
        "WaitTimeout",
    ),
    "models": (
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
    ),
    "_onboarding.flow": ("Onboarding",),
    "_onboarding.plan": ("OnboardingPlan", "PlannedGroup", "PlannedNumber"),
    "_onboarding.records": (
        "NumberToOnboard",
        "OnboardingLine",
        "OnboardingReport",
        "OnboardingStep",
    ),
    "states": (
        "COMPLETED",
        "CarrierOperationType",
        "EventStatus",
        "EventType",
        "FailureCode",
        "OrderState",
        "OrderType",
        "ProvisioningState",
        "ProvisioningType",
        "QualificationState",
        "REJECTED",
        "ResourceType",
        "ServiceType",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

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
    "LedgerError",
    "LedgerLocked",
    "Letter",
    "MnoConfiguration",
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
    "UsageError",
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
