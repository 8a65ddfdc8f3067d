"""What `sinch-hosting demo` does: a real file, the main job, an embedded sandbox."""

from __future__ import annotations

from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from attrs import evolve

from .. import Address, AuthorisedPerson, DirectLoa, PollPolicy, SinchHosting
from ..phone_files import read_phone_file
from ..sandbox import Sandbox
from .bad_input import BadInput, complain
from .main_job import MainJob
from .outcomes import Outcome, check_report, count, settle, write_report
from .progress import printable, shown_on_stdout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..phone_files import PhoneSheet, Region
    from .outcomes import Fate, RowOutcome
    from .progress import Bars, Lines

__all__ = ["mail_invoices", "run_demo"]

_SPEED = 86_400.0
"""Virtual seconds a second: a day."""
_SEED = 2026
_LOOK = 0.25
"""Seconds between two looks at the same thing, at most."""
_SHOWN_ROWS = 60
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", "": "one column"}


async def run_demo(
    *, numbers: Path | None, report: Path | None, column: str | None, brief: bool
) -> int:
    """Do what `demo` promises; its arguments are the command's.

    Answers the exit code: 0 where every accepted number is done, else 1.

    Raises:
        PhoneFileError: The file cannot be read as phone numbers.
        BadInput: The report cannot be written, stdout is closed, or the file holds no usable
            number.
    """
    if report is not None:
        check_report(report, numbers)
    sheet = _read(numbers, column)
    fates: dict[str, Fate] = {}
    with shown_on_stdout() as show:
        try:
            _introduce(show, sheet)
            await _run(show, sheet, fates)
        except BaseException:  # Ctrl-C and a closed pipe, too: what was ordered stays ordered
            if report is not None:
                _report_half(report, sheet, fates)
            raise
    outcomes = settle(sheet.records, fates)
    if report is not None:
        write_report(report, outcomes)
    _conclude(show, outcomes, brief=brief)
    if report is not None:
        show.note(f"what became of every row: {report}")
    if not sheet.accepted:
        raise BadInput(f"{sheet.name}: none of its {sheet.rows} rows holds a usable number")
    return 1 if count(outcomes)[Outcome.FAILED] else 0


def _read(numbers: Path | None, column: str | None) -> PhoneSheet:
    if numbers is not None:
        return read_phone_file(numbers, column=column)
    with as_file(files("sinch_hosting.cli") / "sample-numbers.csv") as sample:
        return evolve(read_phone_file(sample, column=column), name="the bundled sample")


def _introduce(show: Bars | Lines, sheet: PhoneSheet) -> None:
    cells = _DELIMITERS.get(sheet.delimiter, sheet.delimiter)
    show.note(
        f"{sheet.name}: {sheet.encoding}, {cells}, numbers from "
        f"{printable(sheet.column_name(sheet.column))!r}"
    )
    show.note(
        f"{sheet.rows} rows: {len(sheet.accepted)} numbers, {len(sheet.duplicates)} duplicates, "
        f"{len(sheet.rejected)} rejected, {len(sheet.blank)} blank"
    )
    for other in sheet.other_columns:
        name = printable(sheet.column_name(other))
        show.note(f"{name!r} holds phone numbers, too; --column {name!r} would read those")


def _report_half(report: Path, sheet: PhoneSheet, fates: Mapping[str, Fate]) -> None:
    """Write what is known of every row when the run ends before its end."""
    try:
        write_report(report, settle(sheet.records, fates, stopped=True))
    except BadInput as error:
        complain(str(error))
    else:
        complain(f"stopped half way; what became of every row so far: {report}")


async def _run(show: Bars | Lines, sheet: PhoneSheet, fates: dict[str, Fate]) -> None:
    """Take the sheet's numbers through the main job, on a sandbox that ends with it.

    How far each number has come stands in *fates* at any time.
    """
    if not sheet.accepted:
        return
    with TemporaryDirectory() as ledgers:
        await _run_in_sandbox(show, sheet, fates, Path(ledgers))


async def _run_in_sandbox(
    show: Bars | Lines, sheet: PhoneSheet, fates: dict[str, Fate], ledgers: Path
) -> None:
    rules = {"empty_campaign": 200}  # toll-free orders have none, and shall be listed
    async with Sandbox(speed=_SPEED, seed=_SEED, rules=rules) as sandbox:
        show.note(f"sandbox: {sandbox.base_url}, a day passes in a second")
        async with SinchHosting(
            sandbox.project_id,
            sandbox.key_id,
            sandbox.key_secret,
            base_url=sandbox.base_url,
            auth_url=sandbox.auth_url,
            poll=PollPolicy(initial=_LOOK / 5, factor=1.2, maximum=_LOOK),
        ) as sinch:
            job = MainJob(
                sinch=sinch,
                show=show,
                mail_invoices=partial(mail_invoices, sandbox),
                letters=_letters(),
                service_plan_id="demo-service-plan",
                campaign_id="demo-campaign",
                job="demo",
                ledgers=ledgers,
                settle=0,  # nobody else has a job in this sandbox
                interval=_LOOK,
                fates=fates,
            )
            await job.run(sheet.accepted)


def mail_invoices(sandbox: Sandbox, numbers: Iterable[str]) -> None:
    """Mail invoices of the *numbers* whose review is still open to the sandbox."""
    sandbox.receive_invoices(
        [number for number in numbers if sandbox.qualified_number(number).state != "NOT_ELIGIBLE"]
    )


def _letters() -> dict[Region, DirectLoa]:
    """A letter for each region; the sandbox signs it after a while."""
    person = AuthorisedPerson(first_name="Ada", last_name="Example", email="ada@example.com")
    addresses: dict[Region, Address] = {
        "US": Address(
            building_number="100",
            street="Example Street",
            city="Springfield",
            state="IL",
            postal_code="62701",
            country="US",
        ),
        "CA": Address(
            building_number="200",
            street="rue de l'Exemple",
            city="Montréal",
            state="QC",
            postal_code="H2X 1Y4",
            country="CA",
        ),
    }
    return {
        region: DirectLoa(
            authorised_person=person, address=address, current_voice_carrier="Example Telecom"
        )
        for region, address in addresses.items()
    }


def _conclude(show: Bars | Lines, outcomes: Sequence[RowOutcome], *, brief: bool) -> None:
    """Print every row (or briefly, those that ask for attention), and the counts of all."""
    settled = (Outcome.DONE, Outcome.DUPLICATE) if brief else ()
    rows = [row for row in outcomes if row.outcome not in settled]
    shown = rows[:_SHOWN_ROWS] if brief else rows
    if shown:
        show.table(("row", "number", "outcome", "reason", "order"), map(_line, shown))
    if len(shown) < len(rows):
        show.note(f"and {len(rows) - len(shown)} more; --report FILE.csv tells of every row")
    counts = [(outcome.value, str(number)) for outcome, number in count(outcomes).items()]
    show.table(("outcome", "rows"), [*counts, ("all", str(len(outcomes)))])


def _line(row: RowOutcome) -> tuple[str, ...]:
    number = row.phone_number or row.raw.strip()
    return str(row.row), number, row.outcome.value, row.reason, row.order_id
