"""The simulated service."""

from .profile import (
    IMMEDIATE,
    MANUAL,
    PROFILES,
    STANDARD,
    Profile,
    Timing,
    business_days,
    timed,
)
from .records import (
    CallbackRecord,
    HostingOrder,
    ImportedNumber,
    Letter,
    Mail,
    Plan,
    QualifiedNumber,
    RequestRecord,
)
from .server import Sandbox

__all__ = [
    "IMMEDIATE",
    "MANUAL",
    "PROFILES",
    "STANDARD",
    "CallbackRecord",
    "HostingOrder",
    "ImportedNumber",
    "Letter",
    "Mail",
    "Plan",
    "Profile",
    "QualifiedNumber",
    "RequestRecord",
    "Sandbox",
    "Timing",
    "business_days",
    "timed",
]
