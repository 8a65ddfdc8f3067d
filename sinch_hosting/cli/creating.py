"""How a command creates orders: one group after the other, in jobs that can be run again."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from .._bulk.addresses import without_password
from .errors import ExitCode, Failed, complain
from .interrupts import orderly_ctrl_c
from .invocation import resume_line, same_line, tell
from .job_files import JobFile, keep_job, ledger_of
from .many import exit_code
from .number_input import is_toll_free
from .onboarding_run import said_of_letters
from .options import Account, JobFlags, Place
from .output import print_many, print_text
from .progress import shown_on_stderr, speaking
from .prompts import can_ask, confirm
from .settings import Settings
from .views import ORDER
from .waiting import state_from, tell_how_to_wait, timeout_from, wait_for_orders

if TYPE_CHECKING:
    from .. import BulkPlan, ChunkOutcome, Order, SinchHosting
    from .._bulk.keywords import JobArguments
    from ..phone_files import PhoneRecord

__all__ = [
    "Creation",
    "Group",
    "Job",
    "ask_about_letters",
    "default_job",
    "groups_of",
    "show_plans",
]


@frozen(kw_only=True)
class Group:
    """Numbers that may go in one order: of one region and one kind."""

    region: str
    is_toll_free: bool
    numbers: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """The end of its job's name, which is different for each group; see `names_of`."""
        return f"-{self.region.lower()}" + ("-tf" if self.is_toll_free else "")


def groups_of(records: Iterable[PhoneRecord]) -> list[Group]:
    """Return the numbers by region and kind: what may go in one order."""

    def kind(record: PhoneRecord) -> tuple[str, bool]:
        return str(record.region), is_toll_free(record)

    return [
        Group(
            region=region,
            is_toll_free=is_toll_free,
            numbers=tuple(str(record.phone_number) for record in of_it),
        )
        for (region, is_toll_free), of_it in groupby(sorted(records, key=kind), key=kind)
    ]


def default_job(verb: str, records: Iterable[PhoneRecord], about: Sequence[str]) -> str:
    """Return a job's name made from the line: the same line finds the orders of the run before."""
    numbers = sorted(str(record.phone_number) for record in records)
    digest = blake2b(json.dumps([numbers, *about]).encode(), digest_size=5).hexdigest()
    return f"{verb}-{digest}"


@frozen(kw_only=True)
class Job:
    """The job of a group."""

    name: str
    ledger: str
    settle: float
    grace: float

    def arguments(self, *, retry_rejected: bool) -> JobArguments:
        """Return what a bulk call takes of it."""
        return {
            "job": self.name,
            "ledger": self.ledger,
            "settle": self.settle,
            "grace": self.grace,
            "retry_rejected": retry_rejected,
        }


Stream = Callable[["SinchHosting", Group, Job], AsyncGenerator["ChunkOutcome", None]]


@define(kw_only=True)
class Creation:
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

    def of(self, group: Group) -> Job:
        """Return the job of a group."""
        return Job(
            name=f"{self.job}{group.suffix}",
            ledger=self._ledger,
            settle=self.flags.settle_seconds,
            grace=self.flags.grace_seconds,
        )

    @property
    def _ledger(self) -> str:
        return ledger_of(self.settings.project_id, self.job, self.flags.ledger)

    async def create(self, sinch: SinchHosting, groups: Sequence[Group], stream: Stream) -> int:
        """Create the orders of all groups, print them, and wait for them where that is wanted."""
        wanted = None if self.wait is None else state_from(self.wait)
        timeout = timeout_from(self.timeout)
        self.settings.check_identity()
        ledger = self._ledger
        tell(f"{self.settings.whose}, job {self.job}; ledger: {without_password(ledger)}")
        keep_job(self._note(groups, ledger))
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
        self, sinch: SinchHosting, groups: Sequence[Group], stream: Stream
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
        """Record the result of a chunk, and print what needs attention."""
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

    def _note(self, groups: Iterable[Group], ledger: str) -> JobFile:
        return JobFile(
            job=self.job,
            project_id=self.settings.project_id,
            ledger=ledger,
            numbers=tuple(number for group in groups for number in group.numbers),
            service_plan_id=self.settings.plan(self.place),
            campaign_id=self.settings.campaign(self.place),
        )


class Skipped(Failed):
    """A number that is in no order, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, ExitCode.NOT_ALL)


def show_plans(groups: Sequence[Group], plans: Sequence[BulkPlan]) -> int:
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


def ask_about_letters(
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
