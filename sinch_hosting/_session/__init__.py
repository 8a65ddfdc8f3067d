"""Sends the operations of the contract; the only import of aiohttp's client."""

from .session import Session
from .settings import (
    Credentials,
    HttpSettings,
    check_address,
    check_finite,
    check_traces,
    timeout_settings,
)

__all__ = [
    "Credentials",
    "HttpSettings",
    "Session",
    "check_address",
    "check_finite",
    "check_traces",
    "timeout_settings",
]
