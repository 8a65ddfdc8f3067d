"""`orders import` and `orders text-enable`: orders by region and kind, resumed by their job."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from .errors import BadInput, ExitCode, Failed, complain
from .interrupts import orderly_ctrl_c
from .invocation import resume_line, same_line, tell
from .job_files import JobFile, keep_job, ledger_path
from .letter import read_letter
from .many import exit_code
from .number_input import is_toll_free, read_records
from .onboarding_run import said_of_letters
from .options import ACCOUNT, JOB, PLACE, SOURCE, Account, JobFlags, NumberSource, Place
from .output import print_many, print_text
from .progress import shown_on_stderr, speaking
from .prompts import can_ask, confirm
from .settings import Settings, open_client, read_settings
from .views import ORDER
from .waiting import state_from, tell_how_to_wait, timeout_from, wait_for_orders

if TYPE_CHECKING:
    from .. import BulkPlan, ChunkOutcome, DirectLoa, Letter, Order, ResellerLoa, SinchHosting
    from ..phone_files import PhoneRecord

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
    """Import numbers, five an order; no letter is mailed.

    The same line run again goes on where it was: orders that are there are found, not sent
    anew. Ctrl-C sends nothing new and waits for what is under way.

    Example: `sinch-hosting orders import fleet.csv --plan PLAN --campaign CAMPAIGN --wait`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        migrate_to_sinch_tmo: Take numbers over that T-Mobile refused with 60135.
        name: A display name; the job's tag comes before it.
        callback_url: Where events about the numbers are posted.
        dry_run: Show which orders would be created, and send nothing.
        wait: Wait until the orders are in this state; COMPLETED where none is named.
        timeout: How long to wait, such as 90s, 12h or 2d; by default without end.
    """
    settings = read_settings(account)
    plan, campaign = settings.plan(place), settings.campaign(place)
    records = read_records(numbers, source)
    about = [plan, campaign, str(migrate_to_sinch_tmo)]
    run = _Creation(
        settings=settings,
        job=flags.job or _default_job("import", records, about),
        flags=flags,
        wait=wait,
        timeout=timeout,
        account=account,
        place=place,
    )

    def stream(sinch: SinchHosting, group: _Group, job: _Job) -> AsyncGenerator[ChunkOutcome, None]:
        return sinch.hosting_orders.import_stream(
            group.numbers,
            region_code=group.region,
            service_plan_id=plan,
            campaign_id=None if group.is_toll_free else campaign or None,
            display_name=name,
            callback_url=callback_url,
            migrate_to_sinch_tmo=migrate_to_sinch_tmo or None,
            max_concurrency=_AT_ONCE,
            job=job.name,
            ledger=job.ledger,
            settle=job.settle,
            grace=job.grace,
            retry_rejected=flags.retry_rejected,
        )

    async def planned(sinch: SinchHosting, group: _Group, job: _Job) -> BulkPlan:
        return await sinch.hosting_orders.import_many(
            group.numbers,
            region_code=group.region,
            service_plan_id=plan,
            campaign_id=None if group.is_toll_free else campaign or None,
            display_name=name,
            callback_url=callback_url,
            migrate_to_sinch_tmo=migrate_to_sinch_tmo or None,
            job=job.name,
            ledger=job.ledger,
            settle=job.settle,
            grace=job.grace,
            retry_rejected=flags.retry_rejected,
            plan=True,
        )

    async with open_client(settings) as sinch:
        groups = _groups(records)
        if dry_run:
            plans = [await planned(sinch, group, run.of(group)) for group in groups]
            return _show_plans(groups, plans)
        return await run.create(sinch, groups, stream)


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
    """Text-enable numbers, 500 an order; every order mails a letter to be signed.

    Local and toll-free numbers, and regions, go in orders of their own. `onboard` does this for
    numbers in any state. The same line run again goes on where it was: no letter is mailed
    twice. Ctrl-C sends nothing new and waits for what is under way. Without `--job` the job's
    name is made of the numbers and the plan.

    Example: `sinch-hosting orders text-enable fleet.csv --plan PLAN --loa acme.toml --dry-run`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        loa: The letter of authorization; see `sinch-hosting letter template`.
        name: A display name; the job's tag comes before it.
        callback_url: Where events about the numbers are posted.
        nnid: The routing id of local numbers; the account's own by default.
        chunk_size: Numbers an order, 500 by default and at most; fewer are more letters.
        dry_run: Show which orders and letters there would be, and send nothing.
        max_letters: Mail so many letters at most.
        yes: Do not ask before letters are mailed.
        wait: Wait until the orders are in this state; COMPLETED where none is named.
        timeout: How long to wait, such as 90s, 12h or 2d; by default without end.
    """
    settings = read_settings(account)
    plan, campaign = settings.plan(place), settings.campaign(place)
    letter, records = read_letter(loa), read_records(numbers, source)
    run = _Creation(
        settings=settings,
        job=flags.job or _default_job("enable", records, [plan, campaign]),
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
        groups = _groups(records)
        plans = [await calls.planned(sinch, group, run.of(group)) for group in groups]
        if dry_run:
            return _show_plans(groups, plans)
        _ask(settings, plans, max_letters=max_letters, yes=yes)
        return await run.create(sinch, groups, calls.stream)


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
        self, sinch: SinchHosting, group: _Group, job: _Job
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Return the run over a group."""
        if group.is_toll_free:
            return sinch.hosting_orders.text_enable_toll_free_stream(
                group.numbers,
                region_code=group.region,
                service_plan_id=self.plan,
                loa=self._toll_free_letter,
                display_name=self.name,
                callback_url=self.callback_url,
                chunk_size=self.chunk_size,
                job=job.name,
                ledger=job.ledger,
                settle=job.settle,
                grace=job.grace,
                retry_rejected=self.retry_rejected,
            )
        return sinch.hosting_orders.text_enable_stream(
            group.numbers,
            region_code=group.region,
            service_plan_id=self.plan,
            loa=self.letter,
            campaign_id=self.campaign or None,
            nnid=self.nnid,
            display_name=self.name,
            callback_url=self.callback_url,
            chunk_size=self.chunk_size,
            job=job.name,
            ledger=job.ledger,
            settle=job.settle,
            grace=job.grace,
            retry_rejected=self.retry_rejected,
        )

    async def planned(self, sinch: SinchHosting, group: _Group, job: _Job) -> BulkPlan:
        """Return what the run over a group would do."""
        if group.is_toll_free:
            return await sinch.hosting_orders.text_enable_toll_free_many(
                group.numbers,
                region_code=group.region,
                service_plan_id=self.plan,
                loa=self._toll_free_letter,
                display_name=self.name,
                callback_url=self.callback_url,
                chunk_size=self.chunk_size,
                job=job.name,
                ledger=job.ledger,
                settle=job.settle,
                grace=job.grace,
                retry_rejected=self.retry_rejected,
                plan=True,
            )
        return await sinch.hosting_orders.text_enable_many(
            group.numbers,
            region_code=group.region,
            service_plan_id=self.plan,
            loa=self.letter,
            campaign_id=self.campaign or None,
            nnid=self.nnid,
            display_name=self.name,
            callback_url=self.callback_url,
            chunk_size=self.chunk_size,
            job=job.name,
            ledger=job.ledger,
            settle=job.settle,
            grace=job.grace,
            retry_rejected=self.retry_rejected,
            plan=True,
        )

    @property
    def _toll_free_letter(self) -> DirectLoa | ResellerLoa:
        from .. import BlanketLoa  # noqa: PLC0415 - models are loaded where they are needed

        if isinstance(self.letter, BlanketLoa):
            raise BadInput("a blanket letter is for local numbers only; there are toll-free ones")
        return self.letter


@frozen(kw_only=True)
class _Group:
    """Numbers that may go in one order: of one region and one kind."""

    region: str
    is_toll_free: bool
    numbers: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """What tells it apart in the name of its job."""
        return f"-{self.region.lower()}" + ("-tf" if self.is_toll_free else "")


def _groups(records: Iterable[PhoneRecord]) -> list[_Group]:
    def kind(record: PhoneRecord) -> tuple[str, bool]:
        return str(record.region), is_toll_free(record)

    return [
        _Group(
            region=region,
            is_toll_free=is_toll_free,
            numbers=tuple(str(record.phone_number) for record in of_it),
        )
        for (region, is_toll_free), of_it in groupby(sorted(records, key=kind), key=kind)
    ]


def _default_job(verb: str, records: Iterable[PhoneRecord], about: Sequence[str]) -> str:
    """Return a name that the same line gives again: then what is there is found."""
    numbers = sorted(str(record.phone_number) for record in records)
    digest = blake2b(json.dumps([numbers, *about]).encode(), digest_size=5).hexdigest()
    return f"{verb}-{digest}"


@frozen(kw_only=True)
class _Job:
    """The job of a group."""

    name: str
    ledger: Path
    settle: float
    grace: float


Stream = Callable[["SinchHosting", _Group, _Job], AsyncGenerator["ChunkOutcome", None]]


@define(kw_only=True)
class _Creation:
    """One run of a command that creates orders."""

    settings: Settings
    job: str
    flags: JobFlags
    wait: str | None
    timeout: str | None
    account: Account
    place: Place
    _orders: list[Order] = field(factory=list, init=False)
    _failed: list[tuple[str, Exception]] = field(factory=list, init=False)
    _done: int = field(default=0, init=False)

    def of(self, group: _Group) -> _Job:
        """Return the job of a group."""
        return _Job(
            name=f"{self.job}{group.suffix}",
            ledger=self._path,
            settle=self.flags.settle_seconds,
            grace=self.flags.grace_seconds,
        )

    @property
    def _path(self) -> Path:
        return ledger_path(self.settings.project_id, self.job, self.flags.ledger)

    async def create(self, sinch: SinchHosting, groups: Sequence[_Group], stream: Stream) -> int:
        """Create the orders of all groups, print them, and wait for them where that is wanted."""
        wanted = None if self.wait is None else state_from(self.wait)
        timeout = timeout_from(self.timeout)
        self.settings.check_identity()
        path = self._path
        tell(f"{self.settings.whose}, job {self.job}; ledger: {path}")
        keep_job(self._note(groups, path))
        stopped = await self._create_all(sinch, groups, stream)
        code = exit_code(self._failed, succeeded=len(self._orders))
        if stopped:
            await print_many(self._orders, ORDER, self.account)
            tell(f"{self._done} orders were settled; the same line goes on: {same_line()}")
            return ExitCode.INTERRUPTED
        if code is ExitCode.UNKNOWN:
            tell(f"  look for it: {resume_line('jobs', 'reconcile', self.job)}")
        if wanted is None or not self._orders:
            await print_many(self._orders, ORDER, self.account)
            tell_how_to_wait(self._orders)
            return code
        waited = await wait_for_orders(
            sinch, self._orders, wanted, timeout=timeout, output=self.account
        )
        return ExitCode.UNKNOWN if code is ExitCode.UNKNOWN else waited or code

    async def _create_all(
        self, sinch: SinchHosting, groups: Sequence[_Group], stream: Stream
    ) -> bool:
        """Create the orders group after group; returns whether Ctrl-C ended it."""
        total = sum(len(group.numbers) for group in groups)
        said = "stopping: nothing more is sent, what is under way is waited for"
        with (
            shown_on_stderr() as show,
            orderly_ctrl_c(lambda: sinch.hosting_orders.stop_runs("Ctrl-C"), said) as interrupt,
        ):
            told, dealt = show.stage("numbers", total), 0
            async with speaking(show):
                for group in groups:
                    outcomes = stream(sinch, group, self.of(group))
                    async with aclosing(outcomes):
                        async for outcome in outcomes:
                            self._take_in(outcome)
                            dealt += len(outcome.numbers) + len(outcome.skipped)
                            told(dealt)
                    if interrupt.came:
                        break
        return interrupt.came

    def _take_in(self, outcome: ChunkOutcome) -> None:
        """Note what became of a chunk, and tell what asks for attention."""
        from .. import FailedChunk, RunStopped, UnknownChunk  # noqa: PLC0415 - loaded by now

        for skipped in outcome.skipped:
            self._failed.append((skipped.phone_number, Skipped(skipped.reason)))
        result = outcome.result
        if isinstance(result, (FailedChunk, UnknownChunk)):
            if not isinstance(result.error, RunStopped):
                self._done += 1
                self._failed.append((", ".join(outcome.numbers[:5]), result.error))
        elif result is not None:
            self._done += 1
            self._orders.append(result)
            if outcome.adopted:
                tell(f"order {result.hosting_order_id} was there already; nothing was sent for it")
            for double in outcome.duplicates:
                complain(f"order {double} holds the same numbers as {result.hosting_order_id}")

    def _note(self, groups: Iterable[_Group], path: Path) -> JobFile:
        return JobFile(
            job=self.job,
            project_id=self.settings.project_id,
            ledger=str(path),
            numbers=tuple(number for group in groups for number in group.numbers),
            service_plan_id=self.settings.plan(self.place),
            campaign_id=self.settings.campaign(self.place),
        )


class Skipped(Failed):
    """A number that is in no order, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, ExitCode.NOT_ALL)


def _show_plans(groups: Sequence[_Group], plans: Sequence[BulkPlan]) -> int:
    for group, plan in zip(groups, plans, strict=True):
        letters = f", {said_of_letters(plan.letters)}" if plan.letters else ""
        kind = "toll-free" if group.is_toll_free else "local"
        print_text(
            f"{plan.creates} orders of {group.region} {kind} numbers "
            f"({len(group.numbers)}){letters}"
        )
        there = sum(order.action == "adopt" for order in plan.orders)
        if there:
            print_text(f"{there} orders are there already")
        for skipped in plan.skipped:
            print_text(f"{skipped.phone_number}: {skipped.reason}")
        for warning in plan.warnings:
            print_text(f"warning: {warning}")
    print_text("nothing was sent")
    return ExitCode.DONE


def _ask(
    settings: Settings, plans: Sequence[BulkPlan], *, max_letters: int | None, yes: bool
) -> None:
    """Tell which letters would be mailed, and ask whether to go on."""
    letters: dict[str, int] = {}
    for plan in plans:
        for warning in plan.warnings:
            tell(f"  warning: {warning}")
        for signer, count in plan.letters.items():
            letters[signer] = letters.get(signer, 0) + count
    count = sum(letters.values())
    if not count:
        return
    tell(f"{settings.whose}: {said_of_letters(letters)}")
    if max_letters is not None and count > max_letters:
        raise Failed(
            f"{said_of_letters(letters)} would be mailed, and --max-letters is {max_letters}",
            ExitCode.USAGE,
            "nothing was sent; raise --max-letters, or give fewer numbers",
        )
    confirm(
        f"{said_of_letters(letters)}: go on?",
        yes=yes or (max_letters is not None and not can_ask()),
        otherwise=f"give --yes, or --max-letters {count}, to mail {said_of_letters(letters)}",
    )
