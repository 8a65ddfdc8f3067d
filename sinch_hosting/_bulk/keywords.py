"""The keywords of what creates orders, said once: the calls take them one by one (PEP 692)."""

from __future__ import annotations

from datetime import datetime
from typing import Required, TypedDict

from ..models import DirectLoa, Letter, ResellerLoa
from .letters import Confirm
from .order_template import LedgerPath, OnUnknown
from .results import OnProgress


class ImportArguments(TypedDict, total=False):
    """What an import order is made of, its numbers apart."""

    region_code: Required[str]
    service_plan_id: Required[str]
    campaign_id: str | None
    display_name: str | None
    callback_url: str | None
    migrate_to_sinch_tmo: bool | None


class TextEnableArguments(TypedDict, total=False):
    """What a text-enable order is made of, its numbers apart."""

    region_code: Required[str]
    service_plan_id: Required[str]
    loa: Required[Letter]
    campaign_id: str | None
    nnid: str | None
    scheduled_osr_update_time: datetime | None
    display_name: str | None
    callback_url: str | None


class TollFreeArguments(TypedDict, total=False):
    """What a text-enable order of toll-free numbers is made of, its numbers apart."""

    region_code: Required[str]
    service_plan_id: Required[str]
    loa: Required[DirectLoa | ResellerLoa]
    scheduled_zipwhip_provisioning_time: datetime | None
    display_name: str | None
    callback_url: str | None


class JobArguments(TypedDict, total=False):
    """How a run resumes, and what it does about lost answers."""

    job: str | None
    ledger: LedgerPath | None
    settle: float | None
    grace: float | None
    on_unknown: OnUnknown | None
    retry_rejected: bool


class ManyArguments(JobArguments, total=False):
    """How many chunks there are at once, how large, and who hears of them."""

    chunk_size: int | None
    max_concurrency: int | None
    on_progress: OnProgress | None


class ImportMany(ImportArguments, ManyArguments, total=False):
    """The keywords of `import_many`."""


class TextEnableMany(TextEnableArguments, ManyArguments, total=False):
    """The keywords of `text_enable_many`."""

    confirm: Confirm | None


class TollFreeMany(TollFreeArguments, ManyArguments, total=False):
    """The keywords of `text_enable_toll_free_many`."""

    confirm: Confirm | None
