"""`sinch-hosting jobs start`, and what follows it: jobs on Temporal, for many machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from .. import cli
from ..errors import ConfigurationError
from ..workflows.groups import groups_of
from .durations import seconds_of
from .errors import BadInput, ExitCode
from .invocation import resume_line
from .letter import read_letter
from .messages import tell
from .number_input import read_records
from .onboarding_run import said_of_letters
from .options import ACCOUNT, PLACE, SOURCE, Account, NumberSource, Place
from .output import Column, View, print_many, print_one
from .prompts import confirm
from .settings import read_settings

if TYPE_CHECKING:
    from .. import Letter
    from ..temporal.files import References
    from ..temporal.messages import FailedChunk, Failures, Order, Progress
    from ..workflows.groups import NumberGroup

__all__ = ["cancel", "load_temporal", "pause", "report", "resume", "start", "status"]

_QUEUE = "sinch-hosting"


def load_temporal() -> ModuleType:
    """Return the module that starts and finds jobs on Temporal.

    Raises:
        ConfigurationError: Its extra is not installed.
    """
    try:
        from ..temporal import leaving, starting  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            "jobs on Temporal need an extra: pip install 'sinch-hosting[temporal]'"
        ) from error
    cli.leave = leaving.leave
    return starting


async def start(
    numbers: list[str],
    /,
    *,
    job: str,
    loa: Path,
    folder: Path,
    kind: Literal["text-enable", "onboard"] = "text-enable",
    voice: bool = False,
    ready_at: Literal["eligible", "verified"] = "eligible",
    window: str = "1d",
    name: str | None = None,
    callback_url: str | None = None,
    nnid: str | None = None,
    chunk_size: int = 500,
    on_unknown: Literal["hold", "resend"] = "hold",
    at_once: int = 100,
    every: str = "60s",
    grace: str = "60s",
    lease: str = "150s",
    queue: str = _QUEUE,
    yes: bool = False,
    place: Place = PLACE,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Start a job on Temporal that text-enables numbers, for days where need be.

    With `--kind onboard` they may come from anywhere: unknown ones are put into qualification, and
    each is ordered once it is ready. All numbers are local ones of one region, or toll-free.

    The numbers and the letter are written into a folder that every worker can read; Temporal
    gets their names only. A name of a job is used once. Workers are started by `python -m
    sinch_hosting.temporal.worker`, with SINCH_HOSTING_FOLDER set to that folder.

    Example: `sinch-hosting jobs start fleet.csv --job acme --loa acme.toml --folder /mnt/jobs`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        job: The job's name.
        loa: The letter of authorization; see `sinch-hosting letter template`.
        folder: The folder that all workers read.
        kind: text-enable for numbers that may be text-enabled now, onboard for all others.
        voice: Call numbers whose ownership has to be verified; see `jobs codes`. Otherwise their
            invoices prove it. Only with --kind onboard.
        ready_at: Order numbers that are ELIGIBLE, or only VERIFIED ones. Only with --kind onboard.
        window: How long numbers wait for others, to share one letter; 1d by default. Only with
            --kind onboard.
        name: A display name; the job's tag comes before it.
        callback_url: Where events about the numbers are posted.
        nnid: The routing id of the numbers; the account's own by default.
        chunk_size: Numbers an order, 500 by default and at most; fewer are more letters.
        on_unknown: What to do with an order whose answer was lost and that is not there.
        at_once: Orders that are created at once, 100 by default, 500 at most.
        every: Time from look to look at the orders; 60s by default.
        grace: How long an order is looked for whose answer was lost; 60s by default.
        lease: Time after which a silent worker is taken for dead; longer than a request takes.
        queue: The task queue of the workers.
        yes: Do not ask before letters are mailed.
    """
    settings, starting = read_settings(account), load_temporal()
    if kind != "onboard" and (voice or ready_at != "eligible" or window != "1d"):
        raise BadInput("--voice, --ready-at and --window go with --kind onboard")
    letter, group = read_letter(loa), _one_group(numbers, source)
    campaign = "" if group.is_toll_free else settings.campaign(place)
    _check_arguments(group, letter, campaign, nnid)
    from ..temporal.messages import OnboardInput, Order, TextEnableInput  # noqa: PLC0415 - an extra

    order = Order(
        job=job,
        numbers=f"{job}.numbers.txt",
        letter=f"{job}.letter.toml",
        region_code=group.region,
        service_plan_id=settings.plan(place),
        campaign_id=campaign,
        is_toll_free=group.is_toll_free,
        nnid=nnid,
        display_name=name,
        callback_url=callback_url,
        chunk_size=chunk_size,
        grace=seconds_of(grace, "--grace"),
    )
    looks, dies = seconds_of(every, "--every"), seconds_of(lease, "--lease")
    given = (
        OnboardInput(
            order=order,
            on_unknown=on_unknown,
            most_pending=at_once,
            every=looks,
            lease=dies,
            voice=voice,
            ready_at=ready_at,
            readiness_window=seconds_of(window, "--window"),
        )
        if kind == "onboard"
        else TextEnableInput(
            order=order, on_unknown=on_unknown, most_pending=at_once, every=looks, lease=dies
        )
    )
    starting.workflow_id(settings.project_id, job)  # a wrong name, before a file is written
    starting.check_input(given)
    _confirm(letter, -(-len(group.numbers) // chunk_size), yes=yes)
    client = await starting.connect()
    _write(folder, order, group.numbers, loa)
    await starting.start(client, settings.project_id, given, task_queue=queue)
    tell(f"{settings.whose}: job {job} of {len(group.numbers)} numbers was started")
    tell(f"how far it is: {resume_line('jobs', 'status', job)}")
    return ExitCode.DONE


def _one_group(numbers: list[str], source: NumberSource) -> NumberGroup:
    """Return the numbers; raises `BadInput` where they cannot share an order."""
    groups = groups_of(read_records(numbers, source))
    if len(groups) != 1:
        kinds = ", ".join(f"{len(one.numbers)} of{one.suffix.replace('-', ' ')}" for one in groups)
        raise BadInput(f"a job takes numbers of one region and kind; there are {kinds}")
    return groups[0]


def _check_arguments(group: NumberGroup, letter: Letter, campaign: str, nnid: str | None) -> None:
    """Raise `BadInput` for what toll-free numbers cannot have; warn of what others should have."""
    from .._bulk.plan import text_enable_warnings  # noqa: PLC0415 - few start jobs

    if group.is_toll_free and nnid is not None:
        raise BadInput("--nnid does not go with toll-free numbers")
    if group.is_toll_free and getattr(letter, "authorised_person", None) is None:
        raise BadInput("toll-free numbers need a direct or reseller letter, not a blanket one")
    local = 0 if group.is_toll_free else len(group.numbers)
    for warning in text_enable_warnings(local, campaign, nnid):
        tell(f"warning: {warning}")


def _confirm(letter: Letter, count: int, *, yes: bool) -> None:
    person = getattr(letter, "authorised_person", None)
    if person is None:
        return
    letters = said_of_letters({f"{person.first_name} {person.last_name} <{person.email}>": count})
    confirm(f"{letters}: go on?", yes=yes, otherwise=f"give --yes to mail {letters}")


def _write(folder: Path, order: Order, numbers: tuple[str, ...], loa: Path) -> None:
    """Write the job's files; those of a job that was started are never replaced by others.

    A job reads its letter before each order: another one would be mailed to another person.
    """
    lines = "".join(f"{number}\n" for number in numbers)
    files = {order.numbers: lines.encode(), order.letter: loa.read_bytes()}
    for name, content in files.items():
        path = folder / name
        try:
            if not path.exists():
                path.touch(0o640, exist_ok=False)
                path.chmod(0o640)
                path.write_bytes(content)
            elif path.read_bytes() != content:
                what = "other numbers" if name == order.numbers else "another letter"
                raise BadInput(f"{path} is there with {what}: take another name for the job")
        except OSError as error:
            raise BadInput(f"{path}: cannot be written: {error.strerror}") from error


_PROGRESS: View[Progress] = View(
    columns=(
        Column("job", lambda job: job.job, is_id=True),
        Column("phase", lambda job: f"{job.phase}{', paused' if job.is_paused else ''}"),
        Column("stopped by", lambda job: job.stopped_by),
        Column("numbers", lambda job: job.numbers),
        Column("in orders", lambda job: job.ordered),
        Column("left out", lambda job: job.left_out or ""),
        Column("to order", lambda job: job.to_order or ""),
        Column("there already", lambda job: job.without_order or ""),
        Column("codes awaited", lambda job: job.codes or ""),
        Column("orders", lambda job: f"{job.orders} of {job.chunks}"),
        Column("under way", lambda job: job.pending or ""),
        Column("not begun", lambda job: job.not_begun or ""),
        Column("rejected", lambda job: job.rejected or ""),
        Column("failed", lambda job: job.failed or ""),
        Column("open", lambda job: job.open or ""),
        Column("states", lambda job: _counts(job.states)),
        Column("waits for", lambda job: _counts(job.waiting)),
    ),
    key=lambda job: job.job,
)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


async def status(job: str, /, *, account: Account = ACCOUNT) -> int:
    """Show how far a job on Temporal is, and whom its orders wait for.

    Example: `sinch-hosting jobs status acme`

    Args:
        job: The job's name.
    """
    starting = load_temporal()
    from ..temporal.hosting_job import HostingJob  # noqa: PLC0415 - an extra

    async with starting.found(read_settings(account).project_id, job) as handle:
        print_one(await handle.query(HostingJob.progress), _PROGRESS, account)
    return ExitCode.DONE


async def pause(job: str, /, *, account: Account = ACCOUNT) -> int:
    """Let a job on Temporal begin no further order, until `jobs resume`.

    Example: `sinch-hosting jobs pause acme`

    Args:
        job: The job's name.
    """
    return await _signal(job, "pause", account)


async def resume(job: str, /, *, account: Account = ACCOUNT) -> int:
    """Let a job on Temporal go on.

    Example: `sinch-hosting jobs resume acme`

    Args:
        job: The job's name.
    """
    return await _signal(job, "resume", account)


async def cancel(job: str, /, *, account: Account = ACCOUNT) -> int:
    """End a job on Temporal: what is under way is finished, the rest is reported.

    Orders and letters that are there stay.

    Example: `sinch-hosting jobs cancel acme`

    Args:
        job: The job's name.
    """
    return await _signal(job, "cancel", account)


async def _signal(job: str, signal: str, account: Account) -> int:
    async with load_temporal().found(read_settings(account).project_id, job) as handle:
        await handle.signal(signal)
    tell(f"job {job}: {signal} was sent; see {resume_line('jobs', 'status', job)}")
    return ExitCode.DONE


@frozen(kw_only=True)
class _Failure:
    """What failed in a job: a number, or a chunk of numbers."""

    chunk: int
    phone_number: str
    reason: str
    is_open: bool = False


_FAILURE: View[_Failure] = View(
    columns=(
        Column("number", lambda one: one.phone_number, is_id=True),
        Column("order", lambda one: one.chunk),
        Column("reason", lambda one: one.reason),
        Column("open", lambda one: "yes" if one.is_open else ""),
    ),
    key=lambda one: one.phone_number,
)


async def report(job: str, /, *, folder: Path, account: Account = ACCOUNT) -> int:
    """Show the numbers of a job on Temporal that failed, or whose order nobody has seen.

    The exit code is 1 where numbers failed, or the job itself failed or was cancelled, and 6 where
    there may be an order that nobody has seen.

    Example: `sinch-hosting jobs report acme --folder /mnt/jobs`

    Args:
        job: The job's name.
        folder: The folder that the job was started with: Temporal knows no phone number.
    """
    starting = load_temporal()
    from ..temporal.files import References  # noqa: PLC0415 - an extra
    from ..temporal.hosting_job import HostingJob  # noqa: PLC0415

    async with starting.found(read_settings(account).project_id, job) as handle:
        failures: Failures = await handle.query(HostingJob.failures)
        progress: Progress = await handle.query(HostingJob.progress)
    rows = await _rows(failures, References(folder))
    await print_many(rows, _FAILURE, account)
    if failures.more > 0:
        tell(f"and {failures.more} numbers more")
    _tell_of_end(progress)
    if any(row.is_open for row in rows):
        return ExitCode.UNKNOWN
    is_short = bool(rows) or progress.phase in ("failed", "cancelled")
    return ExitCode.NOT_ALL if is_short else ExitCode.DONE


def _tell_of_end(job: Progress) -> None:
    """Tell why a job that is not done has more numbers without an order than its rows say."""
    if job.phase == "failed":
        tell(f"job {job.job} failed before it sent anything: {job.stopped_by}")
        tell("mend that, and start a job of another name")
    elif job.phase != "done":
        how = "was cancelled" if job.phase == "cancelled" else f"has not ended, it is {job.phase}"
        in_orders = f"{job.ordered} of {job.numbers} numbers are in orders"
        tell(f"job {job.job} {how}: {in_orders}{f'; {job.stopped_by}' if job.stopped_by else ''}")


async def _numbers_of(
    failed: FailedChunk, failures: Failures, references: References
) -> Sequence[str]:
    from ..temporal.positions import positions_in, unpack  # noqa: PLC0415 - an extra

    if failed.positions:
        return await references.at(failures.numbers, positions_in(unpack(failed.positions)))
    start, size = failed.chunk * failures.chunk_size, failures.chunk_size
    return await references.numbers(failures.numbers, start, size)


async def _rows(failures: Failures, references: References) -> list[_Failure]:
    size, rows = failures.chunk_size, []
    for failed in failures.chunks:
        reason = failed.reason or ("its answer was lost" if failed.is_open else "")
        for number in await _numbers_of(failed, failures, references):
            rows.append(
                _Failure(
                    chunk=failed.chunk, phone_number=number, reason=reason, is_open=failed.is_open
                )
            )
    for one in failures.failed_numbers:
        numbers = await references.numbers(failures.numbers, one.position, 1)
        rows += [
            _Failure(chunk=one.position // size, phone_number=number, reason=one.reason)
            for number in numbers
        ]
    return rows
