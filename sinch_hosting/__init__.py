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
    from ._bulk.keywords import (
        ImportArguments,
        ImportMany,
        JobArguments,
        TextEnableArguments,
        TextEnableMany,
        TollFreeArguments,
        TollFreeMany,
    )
    from ._bulk.letters import Confirm, LettersToSend
    from ._bulk.many_numbers import FailedNumber, NumbersResult
    from ._bulk.order_template import LedgerPath, OnUnknown
    from ._bulk.plan import BulkPlan, PlannedOrder
    from ._bulk.results import (
        BulkProgress,
        BulkResult,
        ChunkOutcome,
        FailedChunk,
        OnProgress,
        UnknownChunk,
    )
    from ._events import (
        ClientEvent,
        LetterSent,
        OnEvent,
        OrderChanged,
        RequestsPaused,
        RetryScheduled,
        TokenFetched,
    )
    from ._onboarding.context import ReadyAt, VoiceCode
    from ._onboarding.onboarding import LetterFor, Onboarding
    from ._onboarding.plan import Action, OnboardingPlan, PlannedGroup, PlannedNumber
    from ._onboarding.report import (
        NumberToOnboard,
        OnboardingLine,
        OnboardingReport,
        OnboardingStep,
        Outcome,
        Step,
    )
    from ._polling.policy import PollPolicy
    from ._polling.waits import OnUpdate, OrderUpdate
    from ._session.options import CallOptions, ClientOptions
    from ._session.orders_api import Place
    from ._session.recording import ResponseInfo, record_responses
    from ._session.retry import RetryPolicy
    from ._telemetry import Telemetry
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
    from .models.pages import Page, Pages, PrefetchedPages
    from .resources.callback_configuration import CallbackConfigurations
    from .resources.hosting_orders import HostingOrders
    from .resources.imported_numbers import ImportedNumbers
    from .resources.qualified_numbers import QualifiedNumbers
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
    "_bulk.keywords": """
        ImportArguments ImportMany JobArguments TextEnableArguments TextEnableMany
        TollFreeArguments TollFreeMany
    """,
    "_bulk.letters": "Confirm LettersToSend",
    "_bulk.many_numbers": "FailedNumber NumbersResult",
    "_bulk.order_template": "LedgerPath OnUnknown",
    "_bulk.plan": "BulkPlan PlannedOrder",
    "_bulk.results": "BulkProgress BulkResult ChunkOutcome FailedChunk OnProgress UnknownChunk",
    "_events": """
        ClientEvent LetterSent OnEvent OrderChanged RequestsPaused RetryScheduled TokenFetched
    """,
    "_onboarding.context": "ReadyAt VoiceCode",
    "_onboarding.onboarding": "LetterFor Onboarding",
    "_onboarding.plan": "Action OnboardingPlan PlannedGroup PlannedNumber",
    "_onboarding.report": """
        NumberToOnboard OnboardingLine OnboardingReport OnboardingStep Outcome Step
    """,
    "_polling.policy": "PollPolicy",
    "_polling.waits": "OnUpdate OrderUpdate",
    "_session.options": "CallOptions ClientOptions",
    "_session.orders_api": "Place",
    "_session.recording": "ResponseInfo record_responses",
    "_session.retry": "RetryPolicy",
    "_telemetry": "Telemetry",
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
        CampaignProvisioning CarrierOperation CarrierState DirectLoa HostedNumber ImportedNumber
        Letter MnoConfiguration Order OrderNumber OrderReport OsrEligibility OsrUpdate
        OwnershipVerification PlatformProvisioning Provisioning QualifiedNumber ResellerLoa
        ScheduledProvisioning SmsConfiguration TextEnableInfo
    """,
    "models._guidance": "Failure WaitingOn",
    "models.pages": "Page Pages PrefetchedPages",
    "resources.callback_configuration": "CallbackConfigurations",
    "resources.hosting_orders": "HostingOrders",
    "resources.imported_numbers": "ImportedNumbers",
    "resources.qualified_numbers": "QualifiedNumbers",
    "states": """
        COMPLETED CarrierOperationType EventStatus EventType FailureCode OrderState OrderType
        ProvisioningState ProvisioningType QualificationState REJECTED ResourceType ServiceType
    """,
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

# fmt: off
__all__ = [
    "COMPLETED", "REJECTED", "Action", "Address", "ApiError", "AuthenticationFailed",
    "AuthorisedPerson", "BadRequest", "BlanketLoa", "BulkPlan", "BulkProgress", "BulkResult",
    "CallOptions", "CallbackConfiguration", "CallbackConfigurations", "CallbackEvent",
    "CallbackReceiver", "CallbackResponse", "CampaignProvisioning", "CarrierOperation",
    "CarrierOperationType", "CarrierState", "ChunkOutcome", "ClientEvent", "ClientOptions",
    "ConfigurationError", "Confirm", "Conflict", "DecodeError", "DirectLoa", "EventStatus",
    "EventType", "FailedChunk", "FailedNumber", "Failure", "FailureCode", "HostedNumber",
    "HostingOrders", "ImportArguments", "ImportMany", "ImportedNumber", "ImportedNumbers",
    "InvalidRequest", "InvalidSignature", "JobArguments", "JobChanged", "JobError", "LedgerError",
    "LedgerLocked", "LedgerPath", "Letter", "LetterFor", "LetterSent", "LettersToSend",
    "MnoConfiguration", "NotConfirmed", "NotFound", "NumberFailed", "NumberToOnboard",
    "NumbersResult", "OnEvent", "OnProgress", "OnUnknown", "OnUpdate", "Onboarding",
    "OnboardingLine", "OnboardingPlan", "OnboardingReport", "OnboardingStep", "Order",
    "OrderChanged", "OrderNumber", "OrderRejected", "OrderReport", "OrderState", "OrderType",
    "OrderUpdate", "OsrEligibility", "OsrUpdate", "Outcome", "OutcomeUnknown",
    "OwnershipVerification", "Page", "PageTokenRepeated", "Pages", "PermissionDenied", "Place",
    "PlannedGroup", "PlannedNumber", "PlannedOrder", "PlatformProvisioning", "PollPolicy",
    "PrefetchedPages", "Provisioning", "ProvisioningState", "ProvisioningType",
    "QualificationState", "QualifiedNumber", "QualifiedNumbers", "RateLimited", "ReadyAt",
    "RecentEvents", "RelinkFailed", "RequestsPaused", "ResellerLoa", "ResourceType", "ResponseInfo",
    "RetryPolicy", "RetryScheduled", "RunStopped", "ScheduledProvisioning", "SeenEvents",
    "ServerError", "ServiceType", "SinchHosting", "SinchHostingError", "SkippedNumber",
    "SmsConfiguration", "Step", "Telemetry", "TextEnableArguments", "TextEnableInfo",
    "TextEnableMany", "TokenFetched", "TollFreeArguments", "TollFreeMany", "TransportError",
    "UnknownChunk", "UnreadableList", "UsageError", "VoiceCode", "WaitError", "WaitTimeout",
    "WaitingOn", "__version__", "record_responses",
]
# fmt: on


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
