"""`sinch-hosting numbers`: imported numbers; what they say, and what changes them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Literal, TypeVar

from cyclopts import App

from .._reports import few_of
from ..workflows.groups import is_toll_free
from .errors import BadInput, ExitCode
from .invocation import resume_line
from .many import Each, exit_code, print_each
from .messages import complain, tell, without_warnings
from .number_input import read_numbers, read_records, read_sheet, tell_of_sheet
from .numbers_audit import audit
from .numbers_explain import explain
from .options import (
    ACCOUNT,
    OUTPUT,
    PAGE_SIZE,
    PLACE,
    SOURCE,
    Account,
    NumberSource,
    Output,
    Place,
    Seconds,
)
from .output import Column, View, print_many
from .prompts import confirm
from .settings import open_client, read_settings
from .views import IMPORTED

if TYPE_CHECKING:
    from .. import ImportedNumber, NumbersResult
    from ..phone_files import PhoneRecord

T = TypeVar("T")

app = App(
    name="numbers",
    help="Look at imported numbers, explain, compare and change them.",
    help_format="markdown",
)
app.command(explain)
app.command(audit)


_RECORDS: View[PhoneRecord] = View(
    columns=(
        Column("row", lambda record: record.row),
        Column("number", lambda record: record.phone_number, is_id=True),
        Column("outcome", lambda record: record.outcome.value),
        Column("region", lambda record: record.region),
        Column("kind", lambda record: record.kind),
        Column("cell", lambda record: record.raw),
        Column("reason", lambda record: record.reason),
    ),
    key=lambda record: record.phone_number or "",
)


@app.command
async def check(
    file: str,
    /,
    *,
    refused: bool = False,
    source: NumberSource = SOURCE,
    output: Output = OUTPUT,
) -> int:
    """Show what would be taken from a file of numbers; nothing is sent.

    With `--format lines` it prints only the numbers that would be taken. The exit code is 1 if a
    row is refused.

    Example: `sinch-hosting numbers check fleet.csv --refused`

    Args:
        file: A file of numbers, or `-` for standard input.
        refused: Show only the rows that would not be taken.
    """
    sheet = read_sheet(file, source)
    tell_of_sheet(sheet)
    rows = [row for row in sheet.records if not (refused and row.outcome == "accepted")]
    if output.format == "lines":
        rows = [row for row in rows if row.outcome == "accepted"]
    await print_many(rows, _RECORDS, output)
    return ExitCode.NOT_ALL if sheet.rejected else ExitCode.DONE


@app.command(name="list")
async def list_(
    *,
    pattern: str | None = None,
    where: Literal["START", "CONTAIN", "END"] | None = None,
    region: Literal["US", "CA"] | None = None,
    place: Place = PLACE,
    account: Account = ACCOUNT,
) -> int:
    """List the imported numbers of a service plan and campaign.

    Example: `sinch-hosting numbers list --plan PLAN --campaign CAMPAIGN --format lines`

    Args:
        pattern: Only numbers with these digits, such as +1732.
        where: In which part of the number the digits have to be.
        region: Only numbers of this region.
    """
    settings = read_settings(account)
    async with open_client(settings) as sinch:
        listed = sinch.imported_numbers.list(
            service_plan_id=settings.plan(place),
            campaign_id=settings.campaign(place),
            region_code=region,
            pattern=pattern,
            search_pattern=where,
            page_size=PAGE_SIZE,
        )
        await print_many(listed, IMPORTED, account)
    return ExitCode.DONE


@app.command
async def get(
    numbers: list[str], /, *, source: NumberSource = SOURCE, account: Account = ACCOUNT
) -> int:
    """Show imported numbers.

    Example: `sinch-hosting numbers get +12025550134`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
    """
    known = read_numbers(numbers, source)
    async with open_client(read_settings(account)) as sinch:
        return await print_each(Each(known, sinch.imported_numbers.get), IMPORTED, account)


@app.command(name="import")
async def import_(
    numbers: list[str],
    /,
    *,
    name: str | None = None,
    callback_url: str | None = None,
    wait: str | None = None,
    timeout: Seconds | None = None,
    place: Place = PLACE,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Import numbers one by one; `orders import` imports many at once.

    No letter is mailed. A number that is imported already is refused, so you can run the line
    again: it imports only the numbers that are missing.

    Example: `sinch-hosting numbers import +12025550134 --plan PLAN --campaign CAMPAIGN --wait`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        name: A display name.
        callback_url: The address to which events about the numbers are sent.
        wait: Wait until they are provisioned.
        timeout: How long to wait, such as 90s or 2h; no limit by default.
    """
    settings = read_settings(account)
    records = {str(record.phone_number): record for record in read_records(numbers, source)}
    plan, campaign = settings.plan(place), settings.campaign(place) or None

    async def create(number: str) -> ImportedNumber:
        imported = await sinch.imported_numbers.import_number(
            number,
            region_code=str(records[number].region),
            service_plan_id=plan,
            campaign_id=None if is_toll_free(records[number]) else campaign,
            display_name=name,
            callback_url=callback_url,
        )
        if wait is None:
            return imported
        return await sinch.imported_numbers.wait_until_provisioned(number, timeout=timeout)

    settings.check_identity()
    async with open_client(settings) as sinch:
        each = Each(list(records), create)
        code = await print_each(each, IMPORTED, account, each.changes())
    if wait is None and code is not ExitCode.UNKNOWN:
        tell(f"wait for them with: {resume_line('numbers', 'wait', *numbers)}")
    return code


@app.command
async def update(
    numbers: list[str],
    /,
    *,
    name: str | None = None,
    callback_url: str | None = None,
    unlink: bool = False,
    yes: bool = False,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Change the display name or the callback URL of numbers, or unlink them.

    Only what you give is changed; `''` empties it. To move numbers to another plan or campaign
    use `numbers relink`.

    Example: `sinch-hosting numbers update +12025550134 --name "Front desk"`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        name: The display name.
        callback_url: The address to which events about the numbers are sent.
        unlink: Take them off their service plan and campaign. They have no service then.
        yes: Do not ask before numbers are unlinked.
    """
    from .._session.unset import UNSET  # noqa: PLC0415 - loaded with the client only

    if name is None and callback_url is None and not unlink:
        raise BadInput("nothing to change: give --name, --callback-url or --unlink")
    settings = read_settings(account)
    known = read_numbers(numbers, source)
    settings.check_identity()
    if unlink:
        _confirm_loss(known, "these would be unlinked and lose their service", yes=yes)
    link = "" if unlink else UNSET

    async def change(number: str) -> ImportedNumber:
        return await sinch.imported_numbers.update(
            number,
            display_name=UNSET if name is None else name,
            callback_url=UNSET if callback_url is None else callback_url,
            service_plan_id=link,
            campaign_id=link,
        )

    async with open_client(settings) as sinch:
        each = Each(known, change)
        return await print_each(each, IMPORTED, account, each.changes())


def _confirm_loss(numbers: list[str], what: str, *, yes: bool) -> None:
    tell(f"{what}: {few_of(numbers)}")
    confirm("Go on?", yes=yes, otherwise="give --yes to go on")


@app.command
async def relink(
    numbers: list[str],
    /,
    *,
    timeout: Seconds = 600.0,
    yes: bool = False,
    place: Place = PLACE,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Move numbers to another service plan or campaign.

    Each number is unlinked and, when it is free, linked anew. In between it has no service; this
    is so for at most ten numbers at the same time. If you run the line again, it goes on with the
    numbers that are left.

    Example: `sinch-hosting numbers relink fleet.csv --plan PLAN --campaign CAMPAIGN`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        timeout: How long a number may take to become free; 10m by default.
        yes: Do not ask.
    """
    settings = read_settings(account)
    plan, campaign = settings.plan(place), settings.campaign(place)
    known = read_numbers(numbers, source)
    settings.check_identity()
    tell(f"{settings.whose}: to service plan {plan}, campaign {campaign or 'none'}")
    _confirm_loss(known, "these would be relinked, each without service meanwhile", yes=yes)
    async with open_client(settings) as sinch:
        with without_warnings():  # what it warns of was asked about
            result = await sinch.imported_numbers.relink_many(
                known, service_plan_id=plan, campaign_id=campaign, timeout=timeout
            )
        await print_many(result.succeeded, IMPORTED, account)
    return result_code(result)


@app.command
async def delete(
    numbers: list[str],
    /,
    *,
    yes: bool = False,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Delete imported numbers: they can no longer send or receive SMS.

    Example: `sinch-hosting numbers delete +12025550134`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        yes: Do not ask.
    """
    settings = read_settings(account)
    known = read_numbers(numbers, source)
    settings.check_identity()
    tell(settings.whose)
    _confirm_loss(known, "these would be deleted and lose their service", yes=yes)
    async with open_client(settings) as sinch:
        return tell_deleted(await sinch.imported_numbers.delete_many(known))


def tell_deleted(result: NumbersResult[str]) -> int:
    """Tell which numbers were deleted and which not, and return the exit code."""
    for number in result.succeeded:
        tell(f"deleted {number}")
    return result_code(result)


def result_code(result: NumbersResult[T]) -> int:
    """Tell which numbers were skipped and which failed, and return the exit code."""
    for skipped in result.skipped:
        complain(f"{skipped.phone_number}: {skipped.reason}")
    failed = [(number.phone_number, number.error) for number in result.failed]
    return exit_code(failed, succeeded=len(result.succeeded) + len(result.skipped))


@app.command
async def wait(
    numbers: list[str],
    /,
    *,
    timeout: Seconds | None = None,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Wait until numbers are on their service plan, and on their campaign where they have one.

    Example: `sinch-hosting numbers wait +12025550134 --timeout 2h`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        timeout: How long each may take, such as 90s or 2h; no limit by default.
    """
    known = read_numbers(numbers, source)

    async def done(number: str) -> ImportedNumber:
        return await sinch.imported_numbers.wait_until_provisioned(number, timeout=timeout)

    async with open_client(read_settings(account)) as sinch:
        each = Each(known, done, at_once=len(known))
        async with aclosing(each.waited_for("provisioned")) as found:
            await print_many(found, IMPORTED, account)
    return each.report()
