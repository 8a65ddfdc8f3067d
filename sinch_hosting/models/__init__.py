"""What the service answers, and the letters that a caller writes.

Frozen, keyword-only attrs classes. What a caller builds (`DirectLoa`, `ResellerLoa`,
`AuthorisedPerson`, `Address`) is checked when it is built and raises `InvalidRequest`; what
the service sends is taken as it comes. In an answer an absent object is an empty one, an
absent state is `UNSPECIFIED`, an absent identifier of the object itself is `""`, and any
other absent value is `None`. Fields that this version does not know are in `.extra`.
"""

from __future__ import annotations

from ._base import Answered as Answered
from .events import CallbackConfiguration, CallbackEvent
from .letters import Address, AuthorisedPerson, BlanketLoa, DirectLoa, Letter, ResellerLoa
from .numbers import (
    CampaignProvisioning,
    CarrierOperation,
    CarrierState,
    HostedNumber,
    ImportedNumber,
    MnoConfiguration,
    OrderNumber,
    OsrEligibility,
    OsrUpdate,
    OwnershipVerification,
    PlatformProvisioning,
    Provisioning,
    QualifiedNumber,
    ScheduledProvisioning,
    SmsConfiguration,
)
from .orders import Order, OrderReport, TextEnableInfo
from .orders import OrderCalls as OrderCalls
from .orders import bind as bind

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
