"""`sinch-hosting jobs`: what earlier runs did, what is open, and where their orders are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from cyclopts import App

from .._bulk.addresses import address_of, is_shared, without_password
from .errors import BadInput, ExitCode
from .invocation import resume_line
from .job_files import (
    JobFile,
    find_job,
    find_jobs,
    names_in_ledger,
    read_entries,
    read_ledger,
    read_ledger_or_complain,
)
from .many import exit_code
from .messages import tell
from .options import ACCOUNT, Account, Seconds
from .output import Column, View, print_many
from .settings import Settings, open_client, read_settings
from .views import ORDER

if TYPE_CHECKING:
    from .. import BulkResult, SinchHosting
    from .._bulk.ledger_records import Entry

app = App(
    name="jobs", help="See what earlier runs did, and what is still open.", help_format="markdown"
)
for _name in ("start", "status", "pause", "resume", "cancel", "report"):  # jobs on Temporal
    app.command(f"{__package__}.fleet_jobs:{_name}", name=_name)
for _name in ("codes", "code", "ring"):  # voice challenges of such jobs
    app.command(f"{__package__}.fleet_voice:{_name}", name=_name)


@frozen(kw_only=True)
class _Summary:
    """A job and how it stands, as its ledger says."""

    job: str
    updated: str
    numbers: int
    orders: int | None
    open: int | None
    """Creates whose result is not known; `None` where the ledger cannot be read."""
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
    entries = await read_ledger_or_complain(job)
    return _Summary(
        job=job.job,
        updated=job.updated,
        numbers=len(job.numbers),
        orders=None if entries is None else sum(entry.order_id is not None for entry in entries),
        open=None if entries is None else sum(entry.is_open for entry in entries),
        ledger=without_password(job.ledger),
    )


@app.command(name="list")
async def list_(*, account: Account = ACCOUNT) -> int:
    """List the jobs of the project on this machine.

    Example: `sinch-hosting jobs list`
    """
    settings = read_settings(account)
    jobs = find_jobs(settings.project_id)
    summaries = [await _summary(job) for job in jobs]
    await print_many(summaries, _SUMMARY, account)
    if not jobs:
        tell(f"no jobs of project {settings.project_id} on this machine")
    is_whole = all(summary.orders is not None for summary in summaries)
    return ExitCode.DONE if is_whole else ExitCode.NOT_ALL


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
    job: str, /, *, open: bool = False, ledger: str | None = None, account: Account = ACCOUNT
) -> int:
    """Show what a job sent, and what is open. It sends no request.

    Example: `sinch-hosting jobs show acme --open`

    Args:
        job: The job's name.
        open: Only orders whose result is not known.
        ledger: The ledger, a file or a postgresql:// address, where this machine has no note of it.
    """
    known = _job(read_settings(account), job, ledger)
    entries = await read_ledger(known)
    await print_many([entry for entry in entries if entry.is_open or not open], _SENT, account)
    still_open = sum(entry.is_open for entry in entries)
    tell(f"{len(entries)} orders, {still_open} open; ledger: {without_password(known.ledger)}")
    if known.arguments:
        tell(f"last run: sinch-hosting {' '.join(known.arguments)}")
    if still_open:
        tell(f"look for them: {resume_line('jobs', 'reconcile', job)}")
    return ExitCode.DONE


def _job(settings: Settings, name: str, ledger: str | None) -> JobFile:
    if ledger is None:
        return find_job(settings.project_id, name)
    if not is_shared(ledger) and not Path(ledger).exists():
        raise BadInput(f"{ledger}: there is no such ledger")
    return JobFile(job=name, project_id=settings.project_id, ledger=ledger)


@app.command
async def reconcile(
    job: str,
    /,
    *,
    settle: Seconds = 10.0,
    ledger: str | None = None,
    account: Account = ACCOUNT,
) -> int:
    """Look for the orders behind lost answers; nothing is sent.

    Orders that are found are written to the ledger. The exit code is 6 if something is still open:
    it may have been done, or not.

    Example: `sinch-hosting jobs reconcile acme`

    Args:
        job: The job's name.
        settle: Time between the two searches; 10s by default.
        ledger: The ledger, a file or a postgresql:// address, where this machine has no note of it.
    """
    settings = read_settings(account)
    known = _job(settings, job, ledger)
    async with open_client(settings) as sinch:
        result = await _reconciled(sinch, known, settle)
    await print_many(result.succeeded, ORDER, account)
    failed: list[tuple[object, Exception]] = [(c.tag, c.error) for c in result.failed]
    failed += [(chunk.tag, chunk.error) for chunk in result.unknown]
    code = exit_code(failed, succeeded=len(result.succeeded))
    found, unknown = len(result.succeeded), len(result.unknown)
    tell(f"{found} found, {len(result.failed)} rejected, {unknown} still open")
    return ExitCode.UNKNOWN if unknown else code


async def _reconciled(sinch: SinchHosting, job: JobFile, settle: float) -> BulkResult:
    """Look for what is open in a ledger: in a file of all jobs, in a database of this one."""
    from .. import BulkResult  # noqa: PLC0415 - loaded with the client

    reconcile = sinch.hosting_orders.reconcile
    if not is_shared(job.ledger):
        return await reconcile(ledger=job.ledger, settle=settle)
    names = names_in_ledger(job.job)
    there = [name for name in names if await read_entries(job.ledger, name)]
    if not there:
        raise BadInput(f"{address_of(job.ledger)}: it has no job {job.job!r}")
    found = await asyncio.gather(
        *(reconcile(ledger=job.ledger, job=name, settle=settle) for name in there)
    )
    return BulkResult(
        succeeded=tuple(order for result in found for order in result.succeeded),
        failed=tuple(chunk for result in found for chunk in result.failed),
        unknown=tuple(chunk for result in found for chunk in result.unknown),
    )
