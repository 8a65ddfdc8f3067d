"""What `sinch-hosting demo` does: a real file, onboarded on an embedded sandbox."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from attrs import define, evolve

from .. import Address, AuthorisedPerson, DirectLoa, NumberToOnboard, PollPolicy, SinchHosting
from ..phone_files import read_phone_file
from ..sandbox import Sandbox
from .demo_rows import ROWS, Outcome, count, settle, write_rows
from .errors import BadInput, ExitCode
from .messages import tell
from .onboarding_run import follow
from .output import Column, View, print_table, print_text, printable
from .reports import check_report, writing_report

if TYPE_CHECKING:
    from .. import OnboardingReport, OnboardingStep
    from ..phone_files import PhoneSheet, Region
    from .demo_rows import RowOutcome

_SPEED = 86_400.0
"""Virtual seconds a second: a day."""
_SEED = 2026
_LOOK = 0.25
"""Seconds between two looks at the same thing, at most."""
_SHOWN_ROWS = 60
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", "": "one column"}


async def run_demo(
    *, numbers: Path | None, report: Path | None, column: str | None, every_row: bool
) -> int:
    """Run the demo; the arguments are those of the command.

    Returns the exit code: 0 where every accepted number is done.

    Raises:
        PhoneFileError: The file cannot be read as phone numbers.
        BadInput: The report cannot be written, standard output is closed, or the file holds no
            usable number.
    """
    if sys.stdout is None:
        raise BadInput("standard output is closed; leave it open, or send it to a file")
    if report is not None:
        check_report(report, numbers)
    demo = _Demo(_read(numbers, column))
    _introduce(demo.sheet)
    with writing_report(
        report, "what became of every row", lambda path: write_rows(path, demo.outcomes())
    ):
        await demo.run()
    outcomes = demo.outcomes()
    _conclude(outcomes, every_row=every_row)
    if not demo.sheet.accepted:
        raise BadInput(
            f"{demo.sheet.name}: none of its {demo.sheet.rows} rows holds a usable number"
        )
    if demo.is_stopped:
        return ExitCode.INTERRUPTED
    return ExitCode.NOT_ALL if count(outcomes)[Outcome.FAILED] else ExitCode.DONE


def _read(numbers: Path | None, column: str | None) -> PhoneSheet:
    if numbers is not None:
        return read_phone_file(numbers, column=column)
    with as_file(files("sinch_hosting.cli") / "sample-numbers.csv") as sample:
        return evolve(read_phone_file(sample, column=column), name="the bundled sample")


def _introduce(sheet: PhoneSheet) -> None:
    cells = _DELIMITERS.get(sheet.delimiter, sheet.delimiter)
    tell(
        f"{sheet.name}: {sheet.encoding}, {cells}, numbers from "
        f"{printable(sheet.column_name(sheet.column))!r}"
    )
    tell(
        f"{sheet.rows} rows: {len(sheet.accepted)} numbers, {len(sheet.duplicates)} duplicates, "
        f"{len(sheet.rejected)} rejected, {len(sheet.blank)} blank"
    )
    for other in sheet.other_columns:
        name = printable(sheet.column_name(other))
        tell(f"{name!r} holds phone numbers, too; --column {name!r} would read those")


@define
class _Demo:
    """The sheet's numbers on their way through a sandbox that ends with it."""

    sheet: PhoneSheet
    report: OnboardingReport | None = None
    is_stopped: bool = True
    """Whether it ended before its end: by Ctrl-C, or by a failure."""

    def outcomes(self) -> list[RowOutcome]:
        """Return what has become of each row."""
        return settle(self.sheet.records, self.report, stopped=self.is_stopped)

    async def run(self) -> None:
        """Onboard the numbers."""
        if not self.sheet.accepted:
            self.is_stopped = False
            return
        with TemporaryDirectory() as folder:
            # Toll-free orders have no campaign; without this they could not be listed.
            rules = {"empty_campaign": 200}
            async with Sandbox(speed=_SPEED, seed=_SEED, rules=rules) as sandbox:
                tell(f"sandbox: {sandbox.base_url}, a day passes in a second")
                async with SinchHosting(
                    sandbox.project_id,
                    sandbox.key_id,
                    sandbox.key_secret,
                    base_url=sandbox.base_url,
                    auth_url=sandbox.auth_url,
                    poll=PollPolicy(initial=_LOOK / 5, factor=1.2, maximum=_LOOK),
                ) as sinch:
                    await self._onboard(sinch, sandbox, Path(folder))

    async def _onboard(self, sinch: SinchHosting, sandbox: Sandbox, folder: Path) -> None:
        letters = _letters()
        region_of = {str(record.phone_number): record.region for record in self.sheet.accepted}
        onboarding = sinch.onboard(
            [
                NumberToOnboard(phone_number=number, region_code=region)
                for number, region in region_of.items()
            ],
            job="demo",
            service_plan_id="demo-service-plan",
            campaign_id="demo-campaign",
            loa=lambda number: letters["CA" if region_of[number] == "CA" else "US"],
            ledger=folder / "demo.jsonl",
            settle=0,  # nobody else has a job in this sandbox
        )

        def do_as_asked(step: OnboardingStep) -> None:
            if step.step == "invoices":  # of the numbers whose review is still open
                state_of = {n: sandbox.qualified_number(n).state for n in step.phone_numbers}
                sandbox.receive_invoices([n for n in state_of if state_of[n] != "NOT_ELIGIBLE"])

        try:
            self.is_stopped = await follow(onboarding, on_step=do_as_asked)
        finally:
            self.report = onboarding.report


def _letters() -> dict[Region, DirectLoa]:
    """Return a letter for each region; the sandbox signs it after a while."""
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


_TOTALS: View[tuple[str, int]] = View(
    columns=(
        Column("outcome", lambda total: total[0]),
        Column("rows", lambda total: total[1]),
    ),
    key=lambda total: total[0],
)


def _conclude(outcomes: Sequence[RowOutcome], *, every_row: bool) -> None:
    """Print the rows that ask for attention, or all, and the counts of all."""
    settled = (Outcome.DONE, Outcome.DUPLICATE)
    rows = [row for row in outcomes if every_row or row.outcome not in settled]
    shown = rows if every_row else rows[:_SHOWN_ROWS]
    print_table(ROWS, shown)
    if len(shown) < len(rows):
        print_text(f"and {len(rows) - len(shown)} more; --report FILE.csv tells of every row")
    counts = [(outcome.value, number) for outcome, number in count(outcomes).items()]
    print_table(_TOTALS, [*counts, ("all", len(outcomes))])
