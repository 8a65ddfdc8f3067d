"""`orders import` and `orders text-enable`: their options, and the calls that they make."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from .creating import (
    Creation,
    Group,
    Job,
    ask_about_letters,
    default_job,
    groups_of,
    show_plans,
)
from .errors import BadInput
from .letter import read_letter
from .number_input import read_records
from .options import ACCOUNT, JOB, PLACE, SOURCE, Account, JobFlags, NumberSource, Place
from .settings import open_client, read_settings

if TYPE_CHECKING:
    from .. import BulkPlan, ChunkOutcome, Letter, SinchHosting
    from .._bulk.keywords import ImportArguments, TextEnableArguments, TollFreeArguments

__all__ = ["import_", "text_enable"]

_AT_ONCE = 8
"""Orders without letters that are created at once."""


async def import_(
    numbers: list[str],
    /,
    *,
    migrate_to_sinch_tmo: bool = False,
    name: str | None = None,
    callback_url: str | None = None,
    dry_run: bool = False,
    wait: str | None = None,
    timeout: str | None = None,
    flags: JobFlags = JOB,
    place: Place = PLACE,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Import numbers, five in an order; no letter is mailed.

    If you run the same line again it goes on where it was: orders that exist are found and not
    created again. After Ctrl-C it sends nothing new and waits for the requests that have left.

    Example: `sinch-hosting orders import fleet.csv --plan PLAN --campaign CAMPAIGN --wait`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        migrate_to_sinch_tmo: Take numbers over that T-Mobile refused with 60135.
        name: A display name; the job's tag comes before it.
        callback_url: The address to which events about the numbers are sent.
        dry_run: Show which orders would be created, and send nothing.
        wait: Wait until the orders are in this state; COMPLETED if you name none.
        timeout: How long to wait, such as 90s, 12h or 2d; no limit by default.
    """
    settings = read_settings(account)
    plan, campaign = settings.plan(place), settings.campaign(place)
    records = read_records(numbers, source)
    about = [plan, campaign, str(migrate_to_sinch_tmo)]
    run = Creation(
        settings=settings,
        job=flags.job or default_job("import", records, about),
        flags=flags,
        wait=wait,
        timeout=timeout,
        account=account,
        place=place,
    )

    calls = _Importing(
        plan=plan,
        campaign=campaign,
        name=name,
        callback_url=callback_url,
        migrate=migrate_to_sinch_tmo or None,
        retry_rejected=flags.retry_rejected,
    )
    async with open_client(settings) as sinch:
        groups = groups_of(records)
        if dry_run:
            plans = [await calls.planned(sinch, group, run.of(group)) for group in groups]
            return show_plans(groups, plans)
        return await run.create(sinch, groups, calls.stream)


async def text_enable(
    numbers: list[str],
    /,
    *,
    loa: Path,
    name: str | None = None,
    callback_url: str | None = None,
    nnid: str | None = None,
    chunk_size: int = 500,
    dry_run: bool = False,
    max_letters: int | None = None,
    yes: bool = False,
    wait: str | None = None,
    timeout: str | None = None,
    flags: JobFlags = JOB,
    place: Place = PLACE,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Text-enable numbers, 500 in an order; every order mails a letter to be signed.

    Local and toll-free numbers, and regions, go in orders of their own. `onboard` does this for
    numbers in any state. If you run the same line again it goes on where it was: no letter is
    mailed twice. After Ctrl-C it sends nothing new and waits for the requests that have left.
    Without `--job` the name of the job is made from the numbers and the plan.

    Example: `sinch-hosting orders text-enable fleet.csv --plan PLAN --loa acme.toml --dry-run`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        loa: The letter of authorization; see `sinch-hosting letter template`.
        name: A display name; the job's tag comes before it.
        callback_url: The address to which events about the numbers are sent.
        nnid: The routing id of local numbers; the account's own by default.
        chunk_size: Numbers in one order; 500 by default, which is the most. Smaller orders mean
            more letters.
        dry_run: Show which orders and letters there would be, and send nothing.
        max_letters: Mail at most this many letters.
        yes: Do not ask before letters are mailed.
        wait: Wait until the orders are in this state; COMPLETED if you name none.
        timeout: How long to wait, such as 90s, 12h or 2d; no limit by default.
    """
    settings = read_settings(account)
    plan, campaign = settings.plan(place), settings.campaign(place)
    letter, records = read_letter(loa), read_records(numbers, source)
    run = Creation(
        settings=settings,
        job=flags.job or default_job("enable", records, [plan, campaign]),
        flags=flags,
        wait=wait,
        timeout=timeout,
        account=account,
        place=place,
    )
    calls = _TextEnabling(
        letter=letter,
        plan=plan,
        campaign=campaign,
        name=name,
        callback_url=callback_url,
        nnid=nnid,
        chunk_size=chunk_size,
        retry_rejected=flags.retry_rejected,
    )
    async with open_client(settings) as sinch:
        groups = groups_of(records)
        plans = [await calls.planned(sinch, group, run.of(group)) for group in groups]
        if dry_run:
            return show_plans(groups, plans)
        ask_about_letters(settings, plans, max_letters=max_letters, yes=yes)
        return await run.create(sinch, groups, calls.stream)


@frozen(kw_only=True)
class _Importing:
    """The calls that import."""

    plan: str
    campaign: str
    name: str | None
    callback_url: str | None
    migrate: bool | None
    retry_rejected: bool

    def stream(
        self, sinch: SinchHosting, group: Group, job: Job
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Return the run over a group."""
        return sinch.hosting_orders.import_stream(
            group.numbers,
            **self._order(group),
            **job.arguments(retry_rejected=self.retry_rejected),
            max_concurrency=_AT_ONCE,
        )

    async def planned(self, sinch: SinchHosting, group: Group, job: Job) -> BulkPlan:
        """Return what the run over a group would do."""
        return await sinch.hosting_orders.import_many(
            group.numbers,
            **self._order(group),
            **job.arguments(retry_rejected=self.retry_rejected),
            plan=True,
        )

    def _order(self, group: Group) -> ImportArguments:
        return {
            "region_code": group.region,
            "service_plan_id": self.plan,
            "campaign_id": None if group.is_toll_free else self.campaign or None,
            "display_name": self.name,
            "callback_url": self.callback_url,
            "migrate_to_sinch_tmo": self.migrate,
        }


@frozen(kw_only=True)
class _TextEnabling:
    """The two calls that text-enable, one for each kind of number."""

    letter: Letter
    plan: str
    campaign: str
    name: str | None
    callback_url: str | None
    nnid: str | None
    chunk_size: int
    retry_rejected: bool

    def stream(
        self, sinch: SinchHosting, group: Group, job: Job
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Return the run over a group."""
        orders, run = sinch.hosting_orders, job.arguments(retry_rejected=self.retry_rejected)
        if group.is_toll_free:
            return orders.text_enable_toll_free_stream(
                group.numbers, **self._toll_free_order(group), **run, chunk_size=self.chunk_size
            )
        return orders.text_enable_stream(
            group.numbers, **self._order(group), **run, chunk_size=self.chunk_size
        )

    async def planned(self, sinch: SinchHosting, group: Group, job: Job) -> BulkPlan:
        """Return what the run over a group would do."""
        orders, run = sinch.hosting_orders, job.arguments(retry_rejected=self.retry_rejected)
        if group.is_toll_free:
            return await orders.text_enable_toll_free_many(
                group.numbers,
                **self._toll_free_order(group),
                **run,
                chunk_size=self.chunk_size,
                plan=True,
            )
        return await orders.text_enable_many(
            group.numbers, **self._order(group), **run, chunk_size=self.chunk_size, plan=True
        )

    def _order(self, group: Group) -> TextEnableArguments:
        return {
            "region_code": group.region,
            "service_plan_id": self.plan,
            "loa": self.letter,
            "campaign_id": self.campaign or None,
            "nnid": self.nnid,
            "display_name": self.name,
            "callback_url": self.callback_url,
        }

    def _toll_free_order(self, group: Group) -> TollFreeArguments:
        from .. import BlanketLoa  # noqa: PLC0415 - models are loaded where they are needed

        if isinstance(self.letter, BlanketLoa):
            raise BadInput("a blanket letter is for local numbers only; there are toll-free ones")
        return {
            "region_code": group.region,
            "service_plan_id": self.plan,
            "loa": self.letter,
            "display_name": self.name,
            "callback_url": self.callback_url,
        }
