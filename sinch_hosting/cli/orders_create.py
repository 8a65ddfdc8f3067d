"""`orders import` and `orders text-enable`: orders in jobs that can be run again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from .._bulk.addresses import without_password
from ..workflows.groups import NumberGroup, groups_of
from .errors import BadInput, ExitCode, Failed
from .interrupts import STOPPING, orderly_ctrl_c
from .invocation import resume_line, same_line
from .job_files import keep_job, ledger_of, note_of
from .letter import read_letter
from .many import exit_code
from .messages import complain, tell
from .number_input import job_of_line, read_records
from .onboarding_run import confirm_letters, said_of_letters
from .options import ACCOUNT, JOB, PLACE, SOURCE, Account, JobFlags, NumberSource, Place, Seconds
from .orders_wait import state_from, tell_how_to_wait, wait_for_orders
from .output import print_many, print_text
from .progress import showing
from .settings import Settings, open_client, read_settings
from .views import ORDER

if TYPE_CHECKING:
    from .. import BulkPlan, ChunkOutcome, DirectLoa, Letter, Order, ResellerLoa, SinchHosting
    from .._bulk.keywords import (
        ImportArguments,
        JobArguments,
        TextEnableArguments,
        TollFreeArguments,
    )
    from ..states import OrderState

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
    timeout: Seconds | None = None,
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
    groups = groups_of(records)
    about = [plan, campaign, str(migrate_to_sinch_tmo)]
    run = _Creation(
        settings=settings,
        job=flags.job or job_of_line("import", records, about),
        flags=flags,
        wait=None if wait is None else state_from(wait),
        timeout=timeout,
        account=account,
        place=place,
    )

    def order(group: NumberGroup) -> ImportArguments:
        return {
            "region_code": group.region,
            "service_plan_id": plan,
            "campaign_id": None if group.is_toll_free else campaign or None,
            "display_name": name,
            "callback_url": callback_url,
            "migrate_to_sinch_tmo": migrate_to_sinch_tmo or None,
        }

    def stream(group: NumberGroup) -> AsyncGenerator[ChunkOutcome, None]:
        return sinch.hosting_orders.import_stream(
            group.numbers, **order(group), **run.job_of(group), max_concurrency=_AT_ONCE
        )

    async with open_client(settings) as sinch:
        if not dry_run:
            return await run.create(sinch, groups, stream)
        create = sinch.hosting_orders.import_many
        plans = [await create(g.numbers, **order(g), **run.job_of(g), plan=True) for g in groups]
        return _show_plans(groups, plans)


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
    timeout: Seconds | None = None,
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
    groups = groups_of(records)
    run = _Creation(
        settings=settings,
        job=flags.job or job_of_line("enable", records, [plan, campaign]),
        flags=flags,
        wait=None if wait is None else state_from(wait),
        timeout=timeout,
        account=account,
        place=place,
    )

    def local(group: NumberGroup) -> TextEnableArguments:
        return {
            "region_code": group.region,
            "service_plan_id": plan,
            "loa": letter,
            "campaign_id": campaign or None,
            "nnid": nnid,
            "display_name": name,
            "callback_url": callback_url,
        }

    def toll_free(group: NumberGroup) -> TollFreeArguments:
        return {
            "region_code": group.region,
            "service_plan_id": plan,
            "loa": _signed(letter),
            "display_name": name,
            "callback_url": callback_url,
        }

    def stream(group: NumberGroup) -> AsyncGenerator[ChunkOutcome, None]:
        orders, job = sinch.hosting_orders, run.job_of(group)
        if group.is_toll_free:
            return orders.text_enable_toll_free_stream(
                group.numbers, **toll_free(group), **job, chunk_size=chunk_size
            )
        return orders.text_enable_stream(
            group.numbers, **local(group), **job, chunk_size=chunk_size
        )

    async def planned(group: NumberGroup) -> BulkPlan:
        orders, job = sinch.hosting_orders, run.job_of(group)
        if group.is_toll_free:
            return await orders.text_enable_toll_free_many(
                group.numbers, **toll_free(group), **job, chunk_size=chunk_size, plan=True
            )
        return await orders.text_enable_many(
            group.numbers, **local(group), **job, chunk_size=chunk_size, plan=True
        )

    async with open_client(settings) as sinch:
        plans = [await planned(group) for group in groups]
        if dry_run:
            return _show_plans(groups, plans)
        _ask_about_letters(settings, plans, max_letters=max_letters, yes=yes)
        return await run.create(sinch, groups, stream)


def _signed(letter: Letter) -> DirectLoa | ResellerLoa:
    from .. import BlanketLoa  # noqa: PLC0415 - models are loaded where they are needed

    if isinstance(letter, BlanketLoa):
        raise BadInput("a blanket letter is for local numbers only; there are toll-free ones")
    return letter


_Stream = Callable[[NumberGroup], AsyncGenerator["ChunkOutcome", None]]


@define(kw_only=True)
class _Creation:
    """One run of a command that creates orders."""

    settings: Settings
    job: str
    flags: JobFlags
    wait: OrderState | None
    timeout: float | None
    account: Account
    place: Place
    _orders: list[Order] = field(factory=list, init=False)
    _failed: list[tuple[str, Exception]] = field(factory=list, init=False)
    _done: int = field(default=0, init=False)

    def job_of(self, group: NumberGroup) -> JobArguments:
        """Return the job of a group, as a bulk call takes it."""
        return {
            "job": f"{self.job}{group.suffix}",
            "ledger": self._ledger,
            "settle": self.flags.settle,
            "grace": self.flags.grace,
            "retry_rejected": self.flags.retry_rejected,
        }

    @property
    def _ledger(self) -> str:
        return ledger_of(self.settings.project_id, self.job, self.flags.ledger)

    async def create(
        self, sinch: SinchHosting, groups: Sequence[NumberGroup], stream: _Stream
    ) -> int:
        """Create the orders of all groups, print them, and wait for them where that is wanted."""
        self.settings.check_identity()
        ledger = without_password(self._ledger)
        tell(f"{self.settings.whose}, job {self.job}; ledger: {ledger}")
        numbers = (number for group in groups for number in group.numbers)
        keep_job(note_of(self.settings, self.place, self.job, self._ledger, numbers))
        stopped = await self._create_all(sinch, groups, stream)
        code = exit_code(self._failed, succeeded=len(self._orders))
        if stopped:
            await print_many(self._orders, ORDER, self.account)
            tell(f"{self._done} orders were settled; the same line goes on: {same_line()}")
            return ExitCode.INTERRUPTED
        if code is ExitCode.UNKNOWN:
            tell(f"  look for it: {resume_line('jobs', 'reconcile', self.job)}")
        if self.wait is None or not self._orders:
            await print_many(self._orders, ORDER, self.account)
            tell_how_to_wait(self._orders)
            return code
        waited = await wait_for_orders(
            sinch, self._orders, self.wait, timeout=self.timeout, output=self.account
        )
        return ExitCode.UNKNOWN if code is ExitCode.UNKNOWN else waited or code

    async def _create_all(
        self, sinch: SinchHosting, groups: Sequence[NumberGroup], stream: _Stream
    ) -> bool:
        """Create the orders group after group; returns whether Ctrl-C ended it."""
        total = sum(len(group.numbers) for group in groups)
        stop = sinch.hosting_orders.stop_runs
        with orderly_ctrl_c(lambda: stop("Ctrl-C"), STOPPING) as interrupt:
            async with showing() as show:
                show_done, done = show.stage("numbers", total), 0
                for group in groups:
                    async with aclosing(stream(group)) as outcomes:
                        async for outcome in outcomes:
                            self._take_in(outcome)
                            done += len(outcome.numbers) + len(outcome.skipped)
                            show_done(done)
                    if interrupt.came:
                        break
        return interrupt.came

    def _take_in(self, outcome: ChunkOutcome) -> None:
        """Record the result of a chunk, and print what needs attention."""
        from .. import FailedChunk, RunStopped, UnknownChunk  # noqa: PLC0415 - loaded by now

        for skipped in outcome.skipped:
            self._failed.append((skipped.phone_number, Failed(skipped.reason, ExitCode.NOT_ALL)))
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


def _show_plans(groups: Sequence[NumberGroup], plans: Sequence[BulkPlan]) -> int:
    """Print what would be done, group by group; returns the exit code."""
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


def _ask_about_letters(
    settings: Settings, plans: Sequence[BulkPlan], *, max_letters: int | None, yes: bool
) -> None:
    """Tell which letters would be mailed, and ask whether to go on."""
    letters: dict[str, int] = {}
    for plan in plans:
        for warning in plan.warnings:
            tell(f"  warning: {warning}")
        for signer, count in plan.letters.items():
            letters[signer] = letters.get(signer, 0) + count
    if not letters:
        return
    tell(f"{settings.whose}: {said_of_letters(letters)}")
    confirm_letters(letters, max_letters=max_letters, yes=yes)
