"""`sinch-hosting jobs`: what earlier runs did, what is open, and where their orders are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from cyclopts import App

from .durations import seconds_of
from .errors import BadInput, ExitCode
from .invocation import resume_line, tell
from .job_files import JobFile, find_job, find_jobs
from .many import exit_code
from .options import ACCOUNT, Account
from .output import Column, View, print_many
from .settings import Settings, open_client, read_settings
from .views import ORDER

if TYPE_CHECKING:
    from .._bulk.ledger_records import Entry

__all__ = ["app", "orders_of_job", "read_ledger"]

app = App(
    name="jobs", help="See what earlier runs did, and what is still open.", help_format="markdown"
)
for _name in ("start", "status", "pause", "resume", "cancel", "report"):  # jobs on Temporal
    app.command(f"{__package__}.fleet_jobs:{_name}", name=_name)
for _name in ("codes", "code", "ring"):  # voice challenges of such jobs
    app.command(f"{__package__}.fleet_voice:{_name}", name=_name)


async def read_ledger(path: str) -> list[Entry]:
    """Return what a ledger says of each order; nothing is written or locked.

    Raises:
        LedgerError: It cannot be read. One that is not there is empty.
    """
    from .._bulk.ledger_file import LedgerFile  # noqa: PLC0415 - few read one

    ledger = await LedgerFile.open(path, read_only=True)
    try:
        return [entry for job in ledger.jobs.values() for entry in job.chunks.values()]
    finally:
        await ledger.close()


async def orders_of_job(settings: Settings, name: str) -> list[str]:
    """Return the ids of the orders that a job's ledger knows.

    Raises:
        BadInput: There is no such job, or it has no order yet.
    """
    job = find_job(settings.project_id, name)
    ids = [entry.order_id for entry in await read_ledger(job.ledger) if entry.order_id]
    if not ids:
        raise BadInput(f"job {name} has no orders yet: {job.ledger}")
    return list(dict.fromkeys(ids))


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


@frozen(kw_only=True)
class _Sent:
    """An order that a job sent, or may have sent."""

    tag: str
    outcome: str
    order_id: str
    numbers: int
    sends: int
    is_open: bool


_SENT: View[_Sent] = View(
    columns=(
        Column("tag", lambda sent: sent.tag, is_id=True),
        Column("outcome", lambda sent: sent.outcome),
        Column("order", lambda sent: sent.order_id, is_id=True),
        Column("numbers", lambda sent: sent.numbers or ""),
        Column("open", lambda sent: "yes" if sent.is_open else ""),
    ),
    key=lambda sent: sent.order_id or sent.tag,
)


def _sent(entries: Iterable[Entry]) -> list[_Sent]:
    return [
        _Sent(
            tag=entry.tag,
            outcome=entry.outcome or "in flight",
            order_id=entry.order_id or "",
            numbers=entry.count,
            sends=entry.sends,
            is_open=entry.is_open,
        )
        for entry in entries
    ]


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
    entries = _sent(await read_ledger(known.ledger))
    await print_many([sent for sent in entries if sent.is_open or not open], _SENT, account)
    still_open = sum(sent.is_open for sent in entries)
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
