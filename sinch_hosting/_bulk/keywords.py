"""The keywords of the calls that create orders, each in one place (PEP 692)."""

from __future__ import annotations

from datetime import datetime
from typing import Required, TypedDict

from ..models import DirectLoa, Letter, ResellerLoa
from .letters import Confirm
from .order_template import LedgerPath, OnUnknown
from .results import OnProgress


class ImportArguments(TypedDict, total=False):
    """The arguments of an import order, without its numbers."""

    region_code: Required[str]
    service_plan_id: Required[str]
    campaign_id: str | None
    display_name: str | None
    callback_url: str | None
    migrate_to_sinch_tmo: bool | None


class TextEnableArguments(TypedDict, total=False):
    """The arguments of a text-enable order, without its numbers."""

    region_code: Required[str]
    service_plan_id: Required[str]
    loa: Required[Letter]
    campaign_id: str | None
    nnid: str | None
    scheduled_osr_update_time: datetime | None
    display_name: str | None
    callback_url: str | None
    migrate_to_sinch_tmo: bool | None


class TollFreeArguments(TypedDict, total=False):
    """The arguments of a toll-free text-enable order, without its numbers."""

    region_code: Required[str]
    service_plan_id: Required[str]
    loa: Required[DirectLoa | ResellerLoa]
    scheduled_zipwhip_provisioning_time: datetime | None
    display_name: str | None
    callback_url: str | None
    migrate_to_sinch_tmo: bool | None


class JobArguments(TypedDict, total=False):
    """How a run resumes, and what it does where an answer is lost."""

    job: str | None
    ledger: LedgerPath | None
    settle: float | None
    grace: float | None
    on_unknown: OnUnknown | None
    retry_rejected: bool


class ManyArguments(JobArguments, total=False):
    """The size of chunks, how many run at once, and who is told of them."""

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
