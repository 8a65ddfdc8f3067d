"""Where jobs are kept on this machine: for each a ledger and a note, by project.

The note says what the ledger does not: which numbers were given, and the line that was typed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from .._bulk.addresses import is_shared, without_password
from ..errors import ConfigurationError, InvalidRequest, LedgerError
from .errors import BadInput
from .invocation import ARGUMENTS
from .messages import complain
from .settings import state_folder

if TYPE_CHECKING:
    from .._bulk.ledger_records import Entry
    from .options import Place
    from .settings import Settings

_LONGEST = 25
_VERSION = 1


@frozen(kw_only=True)
class JobFile:
    """A job of this machine."""

    job: str
    project_id: str
    ledger: str
    """A path, or the address of a database; a note holds it without a password."""
    numbers: tuple[str, ...] = ()
    service_plan_id: str = ""
    campaign_id: str = ""
    arguments: tuple[str, ...] = ()
    """The line that was typed last, without the command's name."""
    updated: str = ""


def note_of(
    settings: Settings, place: Place, job: str, ledger: str, numbers: Iterable[str]
) -> JobFile:
    """Return the note of a job that a command begins.

    Raises:
        BadInput: No service plan is named.
    """
    return JobFile(
        job=job,
        project_id=settings.project_id,
        ledger=ledger,
        numbers=tuple(numbers),
        service_plan_id=settings.plan(place),
        campaign_id=settings.campaign(place),
    )


def job_of_file(path: str) -> str:
    """Return the job's name for a file: the file's name, without what a job's name cannot hold.

    Raises:
        BadInput: Nothing of the name can be used, as for standard input.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(path).stem).strip("-._")[:_LONGEST]
    if not name or path.startswith("<"):
        raise BadInput("give the job a name: --job NAME; the same name goes on where it was")
    return name


def ledger_of(project_id: str, job: str, given: str | None) -> str:
    """Return the ledger of a job: what was given, an address or a path, or its own file.

    Raises:
        BadInput: The folder of its own file cannot be made.
    """
    if given is None:
        return str(ledger_path(project_id, job))
    return given if is_shared(given) else str(Path(given).absolute())


def ledger_path(project_id: str, job: str) -> Path:
    """Return where the ledger of a job is by default, its folder made.

    Raises:
        BadInput: The folder cannot be made.
    """
    path = _folder(project_id) / f"{job}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadInput(
            f"{path.parent}: cannot be made: {error.strerror}; give --ledger FILE, or set "
            "XDG_STATE_HOME"
        ) from error
    return path


def _folder(project_id: str) -> Path:
    if not re.fullmatch(r"[\w.~-]+", project_id) or not project_id.strip("."):
        raise InvalidRequest(field="project_id", value=project_id, rule="cannot name a folder")
    return state_folder() / project_id


def keep_job(job: JobFile) -> None:
    """Write the note of a job; if that fails, only `jobs` knows less."""
    path = _folder(job.project_id) / f"{job.job}.json"
    note = {
        "version": _VERSION,
        **asdict(job),
        "ledger": without_password(job.ledger),
        "arguments": ARGUMENTS.get(),
        "updated": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = path.with_suffix(".json.new")
        unfinished.write_text(json.dumps(note), encoding="utf-8")
        unfinished.chmod(0o600)
        os.replace(unfinished, path)


def find_jobs(project_id: str) -> Sequence[JobFile]:
    """Return the jobs of a project on this machine, by name."""
    return sorted(_read_all(_folder(project_id), project_id), key=lambda job: job.job)


def find_job(project_id: str, name: str) -> JobFile:
    """Return a job of a project on this machine.

    Raises:
        BadInput: There is none of that name.
    """
    jobs = {job.job: job for job in find_jobs(project_id)}
    if name not in jobs:
        known = ", ".join(jobs) or "none"
        raise BadInput(
            f"no job {name!r} of project {project_id} in {_folder(project_id)}; there are: "
            f"{known}. For a ledger elsewhere give --ledger FILE"
        )
    return jobs[name]


def _read_all(folder: Path, project_id: str) -> Iterator[JobFile]:
    with_note = set()
    for path in folder.glob("*.json"):
        job = _read(path)
        if job is not None:
            with_note.add(job.job)
            yield job
    for path in folder.glob("*.jsonl"):
        if path.stem not in with_note:
            yield JobFile(job=path.stem, project_id=project_id, ledger=str(path))


def _read(path: Path) -> JobFile | None:
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return JobFile(
            job=str(note["job"]),
            project_id=str(note["project_id"]),
            ledger=str(note["ledger"]),
            numbers=tuple(map(str, note.get("numbers", ()))),
            service_plan_id=str(note.get("service_plan_id", "")),
            campaign_id=str(note.get("campaign_id", "")),
            arguments=tuple(map(str, note.get("arguments", ()))),
            updated=str(note.get("updated", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # of a later version, or damaged: the ledger beside it still counts


async def read_ledger(job: JobFile) -> list[Entry]:
    """Return what a job's ledger says of each order; nothing is written or locked.

    Raises:
        LedgerError: It cannot be read. One that is not there is empty.
    """
    names = names_in_ledger(job.job) if is_shared(job.ledger) else [None]
    return [entry for name in names for entry in await read_entries(job.ledger, name)]


def names_in_ledger(job: str) -> list[str]:
    """Return the names under which the groups of a job's numbers may be in a ledger."""
    suffixes = ("", *(f"-{region}{kind}" for region in ("us", "ca") for kind in ("", "-tf")))
    return [f"{job}{suffix}" for suffix in suffixes]


async def read_ledger_or_complain(job: JobFile) -> list[Entry] | None:
    """Return what a job's ledger says; where it cannot be read, print why and return `None`."""
    try:
        return await read_ledger(job)
    except (ConfigurationError, LedgerError) as error:  # or what reads it is not installed
        complain(f"job {job.job}: {error}")
        return None


async def read_entries(address: str, job: str | None) -> list[Entry]:
    """Return the entries of one job with its sub-jobs, or of all jobs."""
    from .._bulk.open_ledger import open_ledger  # noqa: PLC0415 - few read one

    ledger = await open_ledger(address, longest_request=1, job=job, read_only=True)
    try:
        return [entry for known in ledger.jobs.values() for entry in known.chunks.values()]
    finally:
        await ledger.close()


async def orders_of_job(project_id: str, name: str) -> list[str]:
    """Return the ids of the orders that a job's ledger knows.

    Raises:
        BadInput: There is no such job, or it has no order yet.
    """
    job = find_job(project_id, name)
    ids = [entry.order_id for entry in await read_ledger(job) if entry.order_id]
    if not ids:
        raise BadInput(f"job {name} has no orders yet: {without_password(job.ledger)}")
    return list(dict.fromkeys(ids))


async def orders_in_ledgers(project_id: str, number: str) -> AsyncIterator[str]:
    """Give the ids of the orders that the ledgers of this machine know for a number, newest first.

    An order whose ledger does not list its numbers may be one of them.
    """
    found: dict[str, None] = {}
    for job in find_jobs(project_id):
        if job.numbers and number not in job.numbers:
            continue
        for entry in await read_ledger_or_complain(job) or ():
            is_its = not entry.listed or number in entry.listed
            if entry.order_id and is_its:
                found[entry.order_id] = None
    for order_id in reversed(found):
        yield order_id
