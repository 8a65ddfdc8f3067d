"""The parts of `sinch.onboard` that activities use: its settings, and its reader of numbers."""

from __future__ import annotations

from .._onboarding.context import OnboardingSettings
from .._onboarding.reader import NumberReader
from .._polling.reads import Reader
from ..client import SinchHosting
from .messages import Order, ReadyAt


def settings_of(order: Order, ready_at: ReadyAt = "eligible") -> OnboardingSettings:
    """Return the settings by which numbers are assessed; raises `InvalidRequest`."""
    return OnboardingSettings(
        service_plan_id=order.service_plan_id,
        campaign_id=order.campaign_id or None,
        nnid=order.nnid,
        scheduled_osr_update_time=None,
        scheduled_zipwhip_provisioning_time=None,
        display_name=order.display_name,
        callback_url=order.callback_url,
        chunk_size=order.chunk_size,
        ready_at=ready_at,
        readiness_window=0.0,
        voice_code=None,
        relink=False,
        timeout=None,
        max_letters=None,
        job=order.job,
        ledger=None,
        settle=order.settle,
        grace=order.grace,
        on_unknown=None,
        retry_rejected=False,
        confirm=None,
    )


def reader_of(sinch: SinchHosting) -> NumberReader:
    """Return a reader of numbers over a client, with the budget of its waits."""
    return NumberReader(Reader(sinch._session, sinch._poll, sinch._get_watcher().budget))
