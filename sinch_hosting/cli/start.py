"""`sinch-hosting start`: the first questions, and the lines that fit the answers."""

from __future__ import annotations

import sys
from typing import Annotated, Literal, TypeAlias

from attrs import evolve
from cyclopts import Parameter

from ..workflows import RULES, workflow_for
from .errors import ExitCode
from .messages import tell
from .options import ACCOUNT, PLACE, Account, Place
from .output import print_json, print_text
from .prompts import can_ask, choice_of
from .settings import Settings, read_settings
from .start_answers import GOALS, Answers, Flags, LetterFlags, answers_to

Run: TypeAlias = Literal["no", "sandbox", "real"]
_RUNS: dict[Run, str] = {
    "no": "only show it",
    "sandbox": "on a sandbox; nothing leaves this machine",
    "real": "with your account",
}
_NO: Run = "no"
_FLAGS, _LETTER = Flags(), LetterFlags()


async def start(
    *numbers: str,
    flags: Flags = _FLAGS,
    run: Run | None = None,
    offline: bool = False,
    yes: Annotated[bool, Parameter(help="Do not ask before it is run for real.")] = False,
    letter: LetterFlags = _LETTER,
    place: Place = PLACE,
    account: Account = ACCOUNT,
) -> int:
    """Ask what you want to do, and end with the lines that do it.

    The answers are checked as they are given, and your account is read where there are
    credentials: numbers that would be refused are left out. The result is a line for the
    terminal, a complete Python program, or curl lines. Every question has an option, so no
    terminal is needed.

    Example: `sinch-hosting start +12025550134 --goal import --plan PLAN --language python`

    Args:
        numbers: Numbers in E.164, or files of numbers.
        run: no (the default), sandbox or real.
        offline: Do not read the account.
    """
    settings = read_settings(account)
    plan = settings.get("service_plan_id") if place.plan is None else place.plan
    campaign = settings.get("campaign_id") if place.campaign is None else place.campaign
    given = answers_to(flags, numbers, letter, plan, campaign)
    answers, notes = await _looked_up(settings, given, offline=offline)
    text = _text(answers)
    _print(answers, text, notes, account)
    chosen = choice_of(_RUNS, "--run", "Run it?", run, default=_NO)
    if chosen == "no":
        return ExitCode.DONE
    sys.stdout.flush()  # what runs writes there itself
    from .start_run import run_for_real, run_on_sandbox  # noqa: PLC0415 - few run it

    if chosen == "sandbox":
        text = _text(evolve(answers, on_sandbox=True), unattended=True)
        return await run_on_sandbox(answers, text)
    text = _text(answers, unattended=yes or not can_ask())
    return await run_for_real(answers, text, settings, yes=yes)


async def _looked_up(
    settings: Settings, answers: Answers, *, offline: bool
) -> tuple[Answers, list[str]]:
    """Return the answers as the account allows them, and what was seen there."""
    if offline:
        return answers, []
    if settings.missing:
        return answers, ["no credentials are set, so the account was not read"]
    from .start_account import look_at_account  # noqa: PLC0415 - loads aiohttp

    return await look_at_account(settings, answers)


def _text(answers: Answers, *, unattended: bool = False) -> str:
    """Return what was asked for: a program, or lines for a shell."""
    if answers.language == "python":
        from .start_programs import program  # noqa: PLC0415 - one of the two is needed

        return program(answers).rstrip()
    from .start_lines import command_lines, curl_lines  # noqa: PLC0415 - as above

    if answers.language == "curl":
        return curl_lines(answers)
    return command_lines(answers, unattended=unattended)


def _print(answers: Answers, text: str, notes: list[str], account: Account) -> None:
    """Print the text alone on standard output, and what a person should know beside it."""
    letters = GOALS[answers.goal][1]
    workflows = [workflow_for(letter) for letter in letters]
    persons = [step.person for workflow in workflows for step in workflow.steps if step.person]
    if account.format in ("json", "jsonl"):
        shown = {
            "goal": answers.goal,
            "language": answers.language,
            "workflows": [workflow.name for workflow in workflows],
            "numbers": list(answers.numbers),
            "job": answers.job,
            "text": text,
            "notes": notes,
            "what_people_do": list(dict.fromkeys(persons)),
        }
        print_json(shown, account)
        return
    for note in notes:
        tell(note)
    applying = {number for workflow in workflows for number in workflow.rules}
    for rule in RULES:
        if rule.number in applying:
            tell(f"{rule.title}: {rule.text}")
    for person in dict.fromkeys(persons):
        tell(f"A person: {person}")
    print_text(text)
