"""Onboarding is tested on the rig of the bulk work."""

from ..bulk.conftest import ledger, rig

__all__ = ["ledger", "rig"]
