"""`sinch-hosting qualify invoices`: the mail that proves numbers are yours, ready to paste."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..states import QualificationState
from .errors import BadInput, ExitCode
from .job_files import find_job
from .messages import tell
from .number_input import read_numbers
from .options import ACCOUNT, PAGE_SIZE, SOURCE, Account, NumberSource
from .output import print_text
from .settings import open_client, read_settings

if TYPE_CHECKING:
    from .. import SinchHosting

_TO = "orders@sinch.com"
_OPEN = (
    QualificationState.ELIGIBLE_CHECK_PENDING,
    QualificationState.ELIGIBLE,
    QualificationState.VERIFICATION_PENDING,
)
"""The states in which an invoice helps."""


async def invoices(
    numbers: list[str] | None = None,
    /,
    *,
    job: str | None = None,
    mailto: bool = False,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Print the mail to orders@sinch.com that goes with the invoices.

    The mail lists the numbers that are not proven yet. Attach invoices of the voice carrier that
    list the same numbers. The review then takes 1 to 3 business days.

    Example: `sinch-hosting qualify invoices --job acme`

    Args:
        numbers: Numbers, files of numbers, or `-`; all numbers in qualification by default.
        job: The numbers of this job.
        mailto: Print a mailto: link instead of the text.
    """
    settings = read_settings(account)
    wanted = set(read_numbers(numbers, source)) if numbers else set[str]()
    if job is not None:
        wanted |= set(find_job(settings.project_id, job).numbers)
        if not wanted:
            raise BadInput(f"it is not known here which numbers job {job} has: give its file")
    async with open_client(settings) as sinch:
        found = await _unproven(sinch, wanted)
    if not found:
        tell("no invoices are needed: none of the numbers waits to be proven")
        return ExitCode.DONE
    subject = f"Invoices for {len(found)} numbers, project {settings.project_id}"
    text = _mail(found, settings.project_id)
    if mailto:
        body = quote(text.replace("\n", "\r\n"))
        print_text(f"mailto:{_TO}?subject={quote(subject)}&body={body}")
    else:
        print_text(f"To: {_TO}\nSubject: {subject}\n\n{text}")
        tell("attach the invoices of the voice carrier that list these numbers")
    return ExitCode.DONE


async def _unproven(sinch: SinchHosting, wanted: set[str]) -> list[str]:
    """Return the numbers that an invoice helps, of those that are wanted, or of all."""
    listed = sinch.qualified_numbers.list(states=_OPEN, page_size=PAGE_SIZE)
    found = [number.phone_number async for number in listed]
    return sorted({number for number in found if not wanted or number in wanted})


def _mail(numbers: Sequence[str], project_id: str) -> str:
    listed = "\n".join(numbers)
    return (
        "Hello,\n\n"
        "please find attached the latest invoices of our voice carrier, which list the numbers\n"
        "below. They prove that the numbers are ours; please verify them for text-enabling.\n\n"
        f"Project: {project_id}\n"
        f"Numbers ({len(numbers)}):\n\n"
        f"{listed}\n\n"
        "Thank you"
    )
