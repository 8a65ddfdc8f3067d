"""`sinch-hosting jobs`: what earlier runs did, what is open, and where their orders are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from cyclopts import App

from .durations import seconds_of
from .errors import BadInput, ExitCode
from .invocation import resume_line
from .job_files import JobFile, find_job, find_jobs, read_ledger
from .many import exit_code
from .messages import tell
from .options import ACCOUNT, Account
from .output import Column, View, print_many
from .settings import Settings, open_client, read_settings
from .views import ORDER

if TYPE_CHECKING:
    from .._bulk.ledger_records import Entry

app = App(
    name="jobs", help="See what earlier runs did, and what is still open.", help_format="markdown"
)
for _name in ("start", "status", "pause", "resume", "cancel", "report"):  # jobs on Temporal
    app.command(f"{__package__}.fleet_jobs:{_name}", name=_name)


@frozen(kw_only=True)
class _Summary:
    """A job and how it stands, as its ledger says."""

    job: str
    updated: str
    numbers: int
    orders: int
    open: int
    """Creates whose result is not known."""
    ledger: str


_SUMMARY: View[_Summary] = View(
    columns=(
        Column("job", lambda job: job.job, is_id=True),
        Column("last run", lambda job: job.updated),
        Column("numbers", lambda job: job.numbers or ""),
        Column("orders", lambda job: job.orders),
        Column("open", lambda job: job.open),
        Column("ledger", lambda job: job.ledger),
    ),
    key=lambda job: job.job,
)


async def _summary(job: JobFile) -> _Summary:
    entries = await read_ledger(job.ledger)
    return _Summary(
        job=job.job,
        updated=job.updated,
        numbers=len(job.numbers),
        orders=sum(entry.order_id is not None for entry in entries),
        open=sum(entry.is_open for entry in entries),
        ledger=job.ledger,
    )


@app.command(name="list")
async def list_(*, account: Account = ACCOUNT) -> int:
    """List the jobs of the project on this machine.

    Example: `sinch-hosting jobs list`
    """
    settings = read_settings(account)
    jobs = find_jobs(settings.project_id)
    await print_many([await _summary(job) for job in jobs], _SUMMARY, account)
    if not jobs:
        tell(f"no jobs of project {settings.project_id} on this machine")
    return ExitCode.DONE


_SENT: View[Entry] = View(
    columns=(
        Column("tag", lambda entry: entry.tag, is_id=True),
        Column("outcome", lambda entry: entry.outcome or "in flight"),
        Column("order", lambda entry: entry.order_id or "", is_id=True),
        Column("numbers", lambda entry: entry.count or ""),
        Column("open", lambda entry: "yes" if entry.is_open else ""),
    ),
    key=lambda entry: entry.order_id or entry.tag,
    as_json=lambda entry: {
        "tag": entry.tag,
        "outcome": entry.outcome or "in flight",
        "order_id": entry.order_id or "",
        "numbers": entry.count,
        "sends": entry.sends,
        "is_open": entry.is_open,
    },
)


@app.command
async def show(
    job: str, /, *, open: bool = False, ledger: Path | None = None, account: Account = ACCOUNT
) -> int:
    """Show what a job sent, and what is open. It sends no request.

    Example: `sinch-hosting jobs show acme --open`

    Args:
        job: The job's name.
        open: Only orders whose result is not known.
        ledger: The ledger's file, where it is not in the state folder.
    """
    known = _job(read_settings(account), job, ledger)
    entries = await read_ledger(known.ledger)
    await print_many([entry for entry in entries if entry.is_open or not open], _SENT, account)
    still_open = sum(entry.is_open for entry in entries)
    tell(f"{len(entries)} orders, {still_open} open; ledger: {known.ledger}")
    if known.arguments:
        tell(f"last run: sinch-hosting {' '.join(known.arguments)}")
    if still_open:
        tell(f"look for them: {resume_line('jobs', 'reconcile', job)}")
    return ExitCode.DONE


def _job(settings: Settings, name: str, ledger: Path | None) -> JobFile:
    if ledger is None:
        return find_job(settings.project_id, name)
    if not ledger.exists():
        raise BadInput(f"{ledger}: there is no such ledger")
    return JobFile(job=name, project_id=settings.project_id, ledger=str(ledger))


@app.command
async def reconcile(
    job: str,
    /,
    *,
    settle: str = "10s",
    ledger: Path | None = None,
    account: Account = ACCOUNT,
) -> int:
    """Look for the orders behind lost answers; nothing is sent.

    Orders that are found are written to the ledger. The exit code is 6 if something is still open:
    it may have been done, or not.

    Example: `sinch-hosting jobs reconcile acme`

    Args:
        job: The job's name.
        settle: Time between the two searches; 10s by default.
        ledger: The ledger's file, where it is not in the state folder.
    """
    settings = read_settings(account)
    known = _job(settings, job, ledger)
    seconds = seconds_of(settle, "--settle")
    async with open_client(settings) as sinch:
        result = await sinch.hosting_orders.reconcile(ledger=known.ledger, settle=seconds)
    await print_many(result.succeeded, ORDER, account)
    failed: list[tuple[object, Exception]] = [(c.tag, c.error) for c in result.failed]
    failed += [(chunk.tag, chunk.error) for chunk in result.unknown]
    code = exit_code(failed, succeeded=len(result.succeeded))
    found, unknown = len(result.succeeded), len(result.unknown)
    tell(f"{found} found, {len(result.failed)} rejected, {unknown} still open")
    return ExitCode.UNKNOWN if unknown else code
