"""Voice challenges of a job on Temporal: which codes are awaited, and telling one.

Temporal gets the position of a number and the name of a file, never the number or the code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from .errors import BadInput, ExitCode
from .fleet_jobs import load_temporal
from .invocation import resume_line
from .messages import hide, tell
from .number_input import read_numbers
from .options import ACCOUNT, SOURCE, Account
from .output import Column, View, print_many
from .settings import read_settings

if TYPE_CHECKING:
    from ..temporal.messages import Challenged, Failures
    from ..temporal.starting import Handle

__all__ = ["code", "codes", "ring"]

_PATIENCE = timedelta(minutes=5)


@frozen(kw_only=True)
class _Awaited:
    """A number that was called."""

    phone_number: str


_AWAITED: View[_Awaited] = View(
    columns=(Column("number", lambda one: one.phone_number, is_id=True),),
    key=lambda one: one.phone_number,
)


async def codes(job: str, /, *, folder: Path, account: Account = ACCOUNT) -> int:
    """List the numbers that a job on Temporal called, and whose code it awaits.

    Example: `sinch-hosting jobs codes acme --folder /mnt/jobs`

    Args:
        job: The job's name.
        folder: The folder that the job was started with: Temporal knows no phone number.
    """
    starting = load_temporal()
    from ..temporal.files import References  # noqa: PLC0415 - an extra
    from ..temporal.onboard import OnboardJob  # noqa: PLC0415

    async with starting.found(read_settings(account).project_id, job) as handle:
        positions = await handle.query(OnboardJob.waiting_for_codes)
        failures: Failures = await handle.query(OnboardJob.failures)
    numbers = await References(folder).at(failures.numbers, positions)
    await print_many([_Awaited(phone_number=one) for one in numbers], _AWAITED, account)
    return ExitCode.DONE


async def ring(job: str, number: str, /, *, folder: Path, account: Account = ACCOUNT) -> int:
    """Let a job on Temporal call a number once more: a voice says its code.

    The job calls each number once by itself. The exit code is 6 where nobody saw the answer.

    Example: `sinch-hosting jobs ring acme +12025550134 --folder /mnt/jobs`

    Args:
        job: The job's name.
        number: The number.
        folder: The folder that the job was started with.
    """
    async with _number(job, number, folder, account) as (handle, position):
        from ..temporal.messages import Challenged  # noqa: PLC0415 - an extra

        result = await handle.execute_update(
            "ring", position, result_type=Challenged, rpc_timeout=_PATIENCE
        )
    if result.kind == "called":
        line = resume_line("jobs", "code", job, number, "CODE", "--folder", str(folder))
        tell(f"tell its code: {line}")
    return _told(number, result)


async def code(
    job: str, number: str, code: str, /, *, folder: Path, account: Account = ACCOUNT
) -> int:
    """Tell a job on Temporal the code that a number was told.

    Each try counts: after three wrong codes a number may be blocked. The exit code is 1 where the
    code was wrong or was not sent, and 6 where nobody saw the answer: the job finds that out. The
    code is written into the folder for the worker, and removed after that.

    Example: `sinch-hosting jobs code acme +12025550134 1234 --folder /mnt/jobs`

    Args:
        job: The job's name.
        number: The number that was called.
        code: The code.
        folder: The folder that the job was started with.
    """
    hide(code)
    async with _number(job, number, folder, account) as (handle, position):
        from ..temporal.messages import Challenged, VoiceCode  # noqa: PLC0415 - an extra

        path = folder / f"{job}.code-{position}"
        try:
            path.touch(0o640)
            path.write_text(code, "utf-8")
        except OSError as error:
            raise BadInput(f"{path}: cannot be written: {error.strerror}") from error
        try:
            result = await handle.execute_update(
                "voice_code",
                VoiceCode(position=position, code=path.name),
                result_type=Challenged,
                rpc_timeout=_PATIENCE,
            )
        finally:
            path.unlink(missing_ok=True)
    return _told(number, result)


@asynccontextmanager
async def _number(
    job: str, number: str, folder: Path, account: Account
) -> AsyncIterator[tuple[Handle, int]]:
    """Give the handle of a job, and the position of a number in it."""
    starting = load_temporal()
    from ..temporal.files import References  # noqa: PLC0415 - an extra
    from ..temporal.hosting_job import HostingJob  # noqa: PLC0415

    (known,) = read_numbers([number], SOURCE)
    async with starting.found(read_settings(account).project_id, job) as handle:
        failures: Failures = await handle.query(HostingJob.failures)
        found = await References(folder).positions(failures.numbers, {known})
        if known not in found:
            raise BadInput(f"{known}: is no number of job {job}")
        yield handle, found[known]


def _told(number: str, result: Challenged) -> ExitCode:
    """Tell what became of a call or a code, and return the exit code."""
    tell(f"{number}: {result.kind}{f', {result.reason}' if result.reason else ''}")
    if result.kind == "open":
        return ExitCode.UNKNOWN
    return ExitCode.DONE if result.kind in ("called", "verified") else ExitCode.NOT_ALL
