"""`sinch-hosting qualify`: numbers on their way to be proven yours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cyclopts import App

from .._reports import few_of
from ..states import QualificationState
from .errors import ExitCode
from .invocation import WAIT_FOR_DONE, resume_line
from .many import Each, print_each
from .messages import tell
from .number_input import read_number, read_numbers
from .numbers import result_code, tell_deleted
from .options import ACCOUNT, PAGE_SIZE, SOURCE, Account, NumberSource, Seconds, state_named
from .output import print_many, print_one
from .prompts import ask, can_ask, confirm
from .qualify_invoices import invoices
from .settings import open_client, read_settings
from .views import QUALIFIED

if TYPE_CHECKING:
    from .. import QualifiedNumber

app = App(
    name="qualify",
    help="Qualify numbers: add them, prove them, wait for them.",
    help_format="markdown",
)
app.command(invoices)
_STATES = tuple(state for state in QualificationState if state.name != "UNSPECIFIED")


def _state_from(text: str) -> QualificationState:
    """Return the state that a text names, in any case; `WAIT_FOR_DONE` is VERIFIED."""
    verified = QualificationState.VERIFIED
    return state_named(text, QualificationState, "qualification state", verified)


@app.command
async def add(
    numbers: list[str],
    /,
    *,
    wait: str | None = None,
    timeout: Seconds | None = None,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Start the review of numbers.

    Afterwards somebody has to e-mail invoices that list the numbers (`qualify invoices`), or prove
    them by a voice call (`qualify challenge`). Numbers that are in qualification already are left
    as they are.

    Example: `sinch-hosting qualify add fleet.csv`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        wait: Wait until they are in this state; VERIFIED if you name none.
        timeout: How long to wait, such as 12h or 3d; no limit by default.
    """
    wanted = None if wait is None else _state_from(wait)
    settings = read_settings(account)
    known = read_numbers(numbers, source)
    settings.check_identity()
    async with open_client(settings) as sinch:
        result = await sinch.qualified_numbers.add_many(known)
        code = result_code(result)
        tell(f"the mail to send: {resume_line('qualify', 'invoices', *numbers)}")
        if wanted is None or code:
            await print_many(result.succeeded, QUALIFIED, account)
            tell(f"wait for them with: {resume_line('qualify', 'wait', *numbers)}")
            return code

        async def verified(number: str) -> QualifiedNumber:
            return await sinch.qualified_numbers.wait_until(number, wanted, timeout=timeout)

        each = Each(known, verified, at_once=len(known))
        return await print_each(each, QUALIFIED, account, each.waited_for(wanted.name))


@app.command(name="list")
async def list_(
    *,
    state: list[str] | None = None,
    region: Literal["US", "CA"] | None = None,
    account: Account = ACCOUNT,
) -> int:
    """List the numbers in qualification.

    Example: `sinch-hosting qualify list --state VERIFICATION_PENDING --format lines`

    Args:
        state: Only numbers in this state; may be given several times.
        region: Only numbers of this region.
    """
    states = tuple(map(_state_from, state or ())) or _STATES
    async with open_client(read_settings(account)) as sinch:
        listed = sinch.qualified_numbers.list(
            states=states, region_code=region, page_size=PAGE_SIZE
        )
        await print_many(listed, QUALIFIED, account)
    return ExitCode.DONE


@app.command
async def get(
    numbers: list[str], /, *, source: NumberSource = SOURCE, account: Account = ACCOUNT
) -> int:
    """Show numbers in qualification.

    Example: `sinch-hosting qualify get +12025550134`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
    """
    known = read_numbers(numbers, source)
    async with open_client(read_settings(account)) as sinch:
        return await print_each(Each(known, sinch.qualified_numbers.get), QUALIFIED, account)


@app.command
async def challenge(
    number: str, /, *, no_code: bool = False, yes: bool = False, account: Account = ACCOUNT
) -> int:
    """Call a number: a voice says a code that proves that the number is yours.

    On a terminal you are asked for the code at once, and it is checked. A call is never repeated
    automatically.

    Example: `sinch-hosting qualify challenge +12025550134`

    Args:
        number: The number to call.
        no_code: Do not ask for the code.
        yes: Do not ask before the call.
    """
    known = read_number(number)
    settings = read_settings(account)
    settings.check_identity()
    confirm(f"Call {known}?", yes=yes or not can_ask(), otherwise="")
    async with open_client(settings) as sinch:
        answer = await sinch.qualified_numbers.send_voice_challenge(known)
        if not no_code and can_ask():
            code = ask("Code that the voice said: ")
            answer = await sinch.qualified_numbers.verify_voice_challenge(known, code)
            print_one(answer, QUALIFIED, account)
            return _proven(answer)
    print_one(answer, QUALIFIED, account)
    tell(f"give the code back with: {resume_line('qualify', 'verify', known, 'CODE')}")
    return ExitCode.DONE


@app.command
async def verify(number: str, code: str, /, *, account: Account = ACCOUNT) -> int:
    """Send the code that the voice said.

    Each try counts: after three wrong codes a number may be blocked. The exit code is 1 if the
    code was wrong.

    Example: `sinch-hosting qualify verify +12025550134 1234`

    Args:
        number: The number that was called.
        code: The code.
    """
    known = read_number(number)
    settings = read_settings(account)
    settings.check_identity()
    async with open_client(settings) as sinch:
        answer = await sinch.qualified_numbers.verify_voice_challenge(known, code)
    print_one(answer, QUALIFIED, account)
    return _proven(answer)


def _proven(number: QualifiedNumber) -> int:
    return ExitCode.NOT_ALL if number.global_process_state.is_failure else ExitCode.DONE


@app.command
async def delete(
    numbers: list[str],
    /,
    *,
    yes: bool = False,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Take numbers out of qualification.

    Example: `sinch-hosting qualify delete +12025550134`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        yes: Do not ask.
    """
    settings = read_settings(account)
    known = read_numbers(numbers, source)
    settings.check_identity()
    tell(f"{settings.whose}: these leave qualification: {few_of(known)}")
    confirm("Go on?", yes=yes, otherwise="give --yes to go on")
    async with open_client(settings) as sinch:
        return tell_deleted(await sinch.qualified_numbers.delete_many(known))


@app.command
async def wait(
    numbers: list[str],
    /,
    *,
    state: list[str] | None = None,
    timeout: Seconds | None = None,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Wait until numbers are verified, or in another state.

    Example: `sinch-hosting qualify wait fleet.csv --timeout 3d`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
        state: The state, VERIFIED by default. Given several times, any of them ends the wait.
        timeout: How long each may take, such as 12h or 3d; no limit by default.
    """
    wanted = tuple(map(_state_from, state or [WAIT_FOR_DONE]))
    known = read_numbers(numbers, source)

    async def reached(number: str) -> QualifiedNumber:
        return await sinch.qualified_numbers.wait_until(number, *wanted, timeout=timeout)

    async with open_client(read_settings(account)) as sinch:
        titles = " or ".join(state.name for state in wanted)
        each = Each(known, reached, at_once=len(known))
        return await print_each(each, QUALIFIED, account, each.waited_for(titles))
