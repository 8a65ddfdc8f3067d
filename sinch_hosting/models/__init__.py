"""What the service sends, and the letters that a caller writes.

All are frozen attrs classes with keyword-only arguments. What a caller builds (`DirectLoa`,
`ResellerLoa`, `AuthorisedPerson`, `Address`) is checked when it is built, and raises
`InvalidRequest`. What the service sends is taken as it comes. There an absent object is an empty
one, an absent state is `UNSPECIFIED`, and an object's own id is `""` where it is absent. Any
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
