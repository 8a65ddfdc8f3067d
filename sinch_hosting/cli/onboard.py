"""`sinch-hosting onboard`: a file of numbers, from wherever they are to text-enabled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from .._bulk.addresses import without_password
from .durations import seconds_of
from .errors import BadInput, ExitCode, Failed
from .invocation import same_line, tell
from .job_files import JobFile, default_job, keep_job, ledger_of
from .letter import read_letter
from .number_input import read_records
from .onboarding_run import (
    LINES,
    PLANNED,
    code_of_report,
    follow,
    plan_lines,
    said_of_letters,
    tell_totals,
)
from .options import ACCOUNT, JOB, PLACE, SOURCE, Account, JobFlags, NumberSource, Place
from .output import as_json, chosen_format, print_many, print_text
from .progress import shown_on_stderr
from .prompts import can_ask, confirm
from .reports import check_report, writing_report
from .settings import Settings, open_client, read_settings

if TYPE_CHECKING:
    from .. import Onboarding, OnboardingPlan, OnboardingReport, SinchHosting
    from ..phone_files import PhoneRecord

__all__ = ["onboard"]

_OUTCOMES = ("done", "waiting", "failed", "unknown")


async def onboard(
    file: str,
    /,
    *,
    loa: Path | None = None,
    dry_run: bool = False,
    max_letters: int | None = None,
    relink: bool = False,
    resend_unknown: bool = False,
    yes: bool = False,
    region: Literal["US", "CA"] | None = None,
    nnid: str | None = None,
    callback_url: str | None = None,
    chunk_size: int = 500,
    window: str = "1d",
    timeout: str | None = None,
    report: Path | None = None,
    flags: JobFlags = JOB,
    place: Place = PLACE,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Take numbers from any state to text-enabled.

    The state of each number is read. Unknown numbers are put into qualification, and you are told
    which invoices to mail. Numbers that are verified are ordered; every order mails a letter that
    somebody has to sign. The command waits for the orders and then checks each number.

    You can stop it at any moment and run the same line again: it goes on where it was, and nothing
    is sent twice. After Ctrl-C it sends nothing new and waits for the requests that have left; a
    second Ctrl-C stops it at once. Without `--job` the job is named after the file.

    Example: `sinch-hosting onboard numbers.csv --plan PLAN --campaign CAMPAIGN --loa acme.toml
    --dry-run`

    Args:
        file: A file of numbers, or `-` for standard input.
        loa: The letter of authorization; see `sinch-hosting letter template`.
        dry_run: Show what would be done, and send nothing.
        max_letters: Mail at most this many letters.
        relink: Move numbers that are imported on another plan. Each has no service meanwhile.
        resend_unknown: Send an order again whose answer an earlier run did not get, and which is
            not found. A letter may then be mailed twice.
        yes: Do not ask before letters are mailed.
        region: US or CA for all numbers; by default what each number's area code says.
        nnid: The routing id; the account's own by default.
        callback_url: The address to which events about the numbers are sent.
        chunk_size: Numbers in one order; 500 by default, which is the most.
        window: How long numbers wait for others, to share one letter; 1d by default.
        timeout: How long it may take, such as 12h or 3d; no limit by default.
        report: Write the result of every number to this file: JSON if its name ends in .json,
            else CSV.
    """
    settings = read_settings(account)
    records = read_records([file], source)
    if report is not None:
        check_report(report, None if file.startswith("<") else Path(file))
    name = flags.job or default_job(file)
    wanted = _Wanted(
        job=name,
        records=records if region is None else [evolve(r, region=region) for r in records],
        ledger=ledger_of(settings.project_id, name, flags.ledger),
        max_letters=max_letters,
        window=seconds_of(window, "--window"),
        timeout=None if timeout is None else seconds_of(timeout, "--timeout"),
        flags=flags,
        loa=loa,
        relink=relink,
        resend_unknown=resend_unknown,
        nnid=nnid,
        callback_url=callback_url,
        chunk_size=chunk_size,
    )
    async with open_client(settings) as sinch:
        onboarding = wanted.begin(sinch, settings, place)
        tell(f"{settings.whose}, job {name}; ledger: {without_password(wanted.ledger)}")
        plan = await onboarding.plan()
        if dry_run:
            await _print_plan(plan, account)
            return ExitCode.DONE
        settings.check_identity()
        _ask(plan, max_letters=max_letters, yes=yes)
        keep_job(wanted.note(settings, place))
        return await _run(onboarding, wanted, report, account)


@frozen(kw_only=True)
class _Wanted:
    """What the onboarding is asked for, checked as far as that needs no client."""

    job: str
    records: list[PhoneRecord]
    ledger: str
    max_letters: int | None
    window: float
    timeout: float | None
    flags: JobFlags
    loa: Path | None
    relink: bool
    resend_unknown: bool
    nnid: str | None
    callback_url: str | None
    chunk_size: int

    def begin(self, sinch: SinchHosting, settings: Settings, place: Place) -> Onboarding:
        """Return the onboarding, not begun."""
        from .. import NumberToOnboard  # noqa: PLC0415 - models are loaded where they are needed

        if self.loa is None:
            raise BadInput(
                "no letter of authorization: write one with `sinch-hosting letter template > "
                "letter.toml`, and give --loa letter.toml"
            )
        return sinch.onboard(
            [
                NumberToOnboard(phone_number=str(r.phone_number), region_code=r.region)
                for r in self.records
            ],
            job=self.job,
            service_plan_id=settings.plan(place),
            campaign_id=settings.campaign(place) or None,
            loa=read_letter(self.loa),
            nnid=self.nnid,
            callback_url=self.callback_url,
            chunk_size=self.chunk_size,
            readiness_window=self.window,
            relink=self.relink,
            timeout=self.timeout,
            ledger=self.ledger,
            settle=self.flags.settle_seconds,
            grace=self.flags.grace_seconds,
            on_unknown="resend" if self.resend_unknown else None,
            retry_rejected=self.flags.retry_rejected,
            max_letters=self.max_letters,
        )

    def note(self, settings: Settings, place: Place) -> JobFile:
        """Return what `jobs` and `qualify invoices` know of it later."""
        return JobFile(
            job=self.job,
            project_id=settings.project_id,
            ledger=self.ledger,
            numbers=tuple(str(record.phone_number) for record in self.records),
            service_plan_id=settings.plan(place),
            campaign_id=settings.campaign(place),
        )


async def _print_plan(plan: OnboardingPlan, account: Account) -> None:
    match chosen_format(account):
        case "table":
            for line in plan_lines(plan):
                print_text(line)
            print_text("nothing was sent")
        case "json" | "jsonl":
            told = {**_as_object(plan), "orders": plan.orders, "letters": dict(plan.letters)}
            print_text(json.dumps(told, indent=1 if account.format == "json" else None))
        case _:
            await print_many(plan.numbers, PLANNED, account)


def _as_object(plan: OnboardingPlan) -> dict[str, object]:
    told = as_json(plan)
    assert isinstance(told, dict)  # noqa: S101 - a plan is an attrs class
    return told


def _ask(plan: OnboardingPlan, *, max_letters: int | None, yes: bool) -> None:
    """Show the plan and ask whether to go on, where letters would be mailed."""
    for line in plan_lines(plan):
        tell(f"  {line}")
    letters = plan.letters
    count = sum(letters.values())
    if max_letters is not None and count > max_letters:
        raise Failed(
            f"{said_of_letters(letters)} would be mailed, and --max-letters is {max_letters}",
            ExitCode.USAGE,
            "nothing was sent; raise --max-letters, or onboard fewer numbers",
        )
    if not count and not plan.having("relink"):
        return
    what = said_of_letters(letters) or "Numbers are moved."
    confirm(
        f"{what}: go on?" if count else f"{what} Go on?",
        yes=yes or (max_letters is not None and not can_ask() and bool(count)),
        otherwise=f"give --yes, or --max-letters {count}, to mail {said_of_letters(letters)}"
        if count
        else "give --yes to move numbers",
    )


async def _run(
    onboarding: Onboarding, wanted: _Wanted, path: Path | None, account: Account
) -> ExitCode:
    stopped = True
    with writing_report(path, lambda: onboarding.report):
        _, stopped = await follow(onboarding, shown_on_stderr())
    report = onboarding.report
    await _print_report(report, account)
    tell_totals(report.counts, _OUTCOMES)
    if not report.is_done:
        tell(f"the same line goes on: {same_line()}")
    return code_of_report(report, stopped=stopped, timed=wanted.timeout is not None)


async def _print_report(report: OnboardingReport, account: Account) -> None:
    """Print what became of the numbers; on a terminal only what asks for attention."""
    lines = report.lines
    if chosen_format(account) == "table":
        lines = tuple(line for line in lines if line.outcome != "done")
    await print_many(lines, LINES, account)
