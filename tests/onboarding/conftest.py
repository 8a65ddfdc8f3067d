"""Onboarding is tested on the rig of the bulk work."""

from ..bulk.conftest import ledger, postgres, rig

__all__ = ["ledger", "postgres", "rig"]
