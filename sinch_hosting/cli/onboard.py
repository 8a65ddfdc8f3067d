"""`sinch-hosting onboard`: a file of numbers, from wherever they are to text-enabled."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .._bulk.addresses import without_password
from .errors import BadInput, ExitCode
from .invocation import same_line
from .job_files import job_of_file, keep_job, ledger_of, note_of
from .letter import read_letter
from .messages import tell
from .number_input import read_records
from .onboarding_run import (
    LINES,
    PLANNED,
    code_of_report,
    confirm_letters,
    follow,
    plan_lines,
)
from .options import ACCOUNT, JOB, PLACE, SOURCE, Account, JobFlags, NumberSource, Place, Seconds
from .output import as_object, chosen_format, print_json, print_many, print_text
from .prompts import confirm
from .reports import check_report, write_text, writing_report
from .settings import open_client, read_settings

if TYPE_CHECKING:
    from .. import Letter, NumberToOnboard, Onboarding, OnboardingPlan, OnboardingReport
    from ..phone_files import PhoneRecord

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
    window: Seconds = 86_400.0,
    timeout: Seconds | None = None,
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
    name = flags.job or job_of_file(file)
    ledger = ledger_of(settings.project_id, name, flags.ledger)
    letter = _letter(loa)
    note = note_of(settings, place, name, ledger, (str(one.phone_number) for one in records))
    async with open_client(settings) as sinch:
        onboarding = sinch.onboard(
            _numbers(records, region),
            job=name,
            service_plan_id=note.service_plan_id,
            campaign_id=note.campaign_id or None,
            loa=letter,
            nnid=nnid,
            callback_url=callback_url,
            chunk_size=chunk_size,
            readiness_window=window,
            relink=relink,
            timeout=timeout,
            ledger=ledger,
            settle=flags.settle,
            grace=flags.grace,
            on_unknown="resend" if resend_unknown else None,
            retry_rejected=flags.retry_rejected,
            max_letters=max_letters,
        )
        tell(f"{settings.whose}, job {name}; ledger: {without_password(ledger)}")
        plan = await onboarding.plan()
        if dry_run:
            await _print_plan(plan, account)
            return ExitCode.DONE
        settings.check_identity()
        _ask(plan, max_letters=max_letters, yes=yes)
        keep_job(note)
        return await _run(onboarding, report, account, timed=timeout is not None)


def _letter(loa: Path | None) -> Letter:
    if loa is None:
        raise BadInput(
            "no letter of authorization: write one with `sinch-hosting letter template > "
            "letter.toml`, and give --loa letter.toml"
        )
    return read_letter(loa)


def _numbers(records: Iterable[PhoneRecord], region: str | None) -> list[NumberToOnboard]:
    from .. import NumberToOnboard  # noqa: PLC0415 - models are loaded where they are needed

    return [
        NumberToOnboard(phone_number=str(record.phone_number), region_code=region or record.region)
        for record in records
    ]


async def _print_plan(plan: OnboardingPlan, account: Account) -> None:
    match chosen_format(account):
        case "table":
            for line in plan_lines(plan):
                print_text(line)
            print_text("nothing was sent")
        case "json" | "jsonl":
            print_json(
                {**as_object(plan), "orders": plan.orders, "letters": dict(plan.letters)}, account
            )
        case _:
            await print_many(plan.numbers, PLANNED, account)


def _ask(plan: OnboardingPlan, *, max_letters: int | None, yes: bool) -> None:
    """Show the plan and ask whether to go on, where letters would be mailed."""
    for line in plan_lines(plan):
        tell(f"  {line}")
    if plan.letters:
        confirm_letters(plan.letters, max_letters=max_letters, yes=yes)
    elif plan.having("relink"):
        confirm("Numbers are moved. Go on?", yes=yes, otherwise="give --yes to move numbers")


async def _run(
    onboarding: Onboarding, path: Path | None, account: Account, *, timed: bool
) -> ExitCode:
    def write(path: Path) -> None:
        found, is_json = onboarding.report, path.suffix.lower() == ".json"
        write_text(path, found.to_json() if is_json else found.to_csv())

    with writing_report(path, "the result of every number", write):
        stopped = await follow(onboarding)
    report = onboarding.report
    await _print_report(report, account)
    tell(", ".join(f"{report.counts.get(name, 0)} {name}" for name in _OUTCOMES))
    if not report.is_done:
        tell(f"the same line goes on: {same_line()}")
    return code_of_report(report, stopped=stopped, timed=timed)


async def _print_report(report: OnboardingReport, account: Account) -> None:
    """Print what became of the numbers; on a terminal only what asks for attention."""
    lines = report.lines
    if chosen_format(account) == "table":
        lines = tuple(line for line in lines if line.outcome != "done")
    await print_many(lines, LINES, account)
