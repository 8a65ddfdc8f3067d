"""How an onboarding is run and told of: its plan, its progress, its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from .errors import ExitCode, Failed
from .interrupts import STOPPING, orderly_ctrl_c
from .messages import without_warnings
from .output import Column, View
from .progress import Show, showing
from .prompts import can_ask, confirm

if TYPE_CHECKING:
    from .. import (
        Onboarding,
        OnboardingLine,
        OnboardingPlan,
        OnboardingReport,
        OnboardingStep,
        PlannedNumber,
    )

LINES: View[OnboardingLine] = View(
    columns=(
        Column("number", lambda line: line.phone_number, is_id=True),
        Column("outcome", lambda line: str(line.outcome)),
        Column("reason", lambda line: line.reason),
        Column("order", lambda line: line.order_id, is_id=True),
        Column("letter to", lambda line: line.letter_to),
    ),
    key=lambda line: line.phone_number,
)

PLANNED: View[PlannedNumber] = View(
    columns=(
        Column("number", lambda number: number.phone_number, is_id=True),
        Column("next", lambda number: str(number.action)),
        Column("how it stands", lambda number: number.reason),
        Column("order", lambda number: number.order_id, is_id=True),
    ),
    key=lambda number: number.phone_number,
)

_ACTIONS = {
    "done": "are text-enabled already",
    "follow": "are under way already",
    "add": "would be put into qualification, and ordered once they are verified",
    "wait": "are in qualification, and would be ordered once they are verified",
    "order": "would be ordered now",
    "relink": "would be moved from where they are; each is without service meanwhile",
    "hold": "are held: an earlier run sent them and saw no answer; see jobs reconcile",
    "fail": "cannot be text-enabled as things are",
}


def said_of_letters(letters: Mapping[str, int]) -> str:
    """Return how many letters go to whom: `3 letters to jane@example.com`."""
    return ", ".join(
        f"{count} letter{'' if count == 1 else 's'} to {signer}"
        for signer, count in letters.items()
    )


def confirm_letters(letters: Mapping[str, int], *, max_letters: int | None, yes: bool) -> None:
    """Ask whether letters may be mailed, unless an option says so.

    Args:
        letters: How many letters go to each signer.
        max_letters: The most that may be mailed; where nobody can be asked it is a consent.
        yes: Whether it was answered by a flag.

    Raises:
        Failed: There are more letters, or the answer is not yes.
        BadInput: Nobody can be asked.
    """
    said, count = said_of_letters(letters), sum(letters.values())
    if max_letters is not None and count > max_letters:
        raise Failed(
            f"{said} would be mailed, and --max-letters is {max_letters}",
            ExitCode.USAGE,
            "nothing was sent; raise --max-letters, or give fewer numbers",
        )
    confirm(
        f"{said}: go on?",
        yes=yes or (max_letters is not None and not can_ask()),
        otherwise=f"give --yes, or --max-letters {count}, to mail {said}",
    )


def plan_lines(plan: OnboardingPlan) -> Iterable[str]:
    """Give a plan in sentences: numbers, orders, letters, invoices, warnings."""
    counts = plan.counts
    for action, said in _ACTIONS.items():
        if counts.get(action):
            yield f"{counts[action]} numbers {said}"
    for group in plan.groups:
        mails = {} if group.letter_to is None else {group.letter_to: group.orders}
        letters = f", {said_of_letters(mails)}" if mails else ""
        yield (
            f"{group.orders} order{'' if group.orders == 1 else 's'} of {group.region_code} "
            f"{group.kind} numbers ({len(group.numbers)}){letters}"
        )
    if plan.invoices:
        yield (
            f"invoices that list {len(plan.invoices)} numbers have to be mailed to "
            f"{plan.invoices_to}"
        )
    later = counts.get("add", 0) + counts.get("wait", 0)
    if later and plan.letters:
        yield (
            "more letters where numbers are verified so far apart that they cannot share one "
            "(--window); --max-letters is a bound"
        )
    for warning in plan.warnings:
        yield f"warning: {warning}"


class _Counts:
    """How many numbers have come how far, shown as stages."""

    def __init__(self, show: Show, numbers: int) -> None:
        self._show = show
        self._states: dict[str | None, str] = {}
        self._seen: dict[str, set[str]] = {"ready": set(), "ordered": set(), "done": set()}
        self._told = {
            "ready": show.stage("verified", numbers),
            "ordered": show.stage("ordered", numbers),
            "done": show.stage("done", numbers),
        }

    def take_in(self, step: OnboardingStep) -> None:
        """Count what a step tells."""
        stages: Mapping[str, tuple[str, ...]] = {
            "ready": ("ready",),
            "ordered": ("ready", "ordered"),
            "adopted": ("ready", "ordered"),
            "done": ("ready", "ordered", "done"),
        }
        for stage in stages.get(str(step.step), ()):
            seen = self._seen[stage]
            seen.update(step.phone_numbers)
            self._told[stage](len(seen))
        if step.step == "order":
            if self._states.get(step.order_id) == step.text:
                return  # only its counts changed
            self._states[step.order_id] = step.text
        if note := _note(step):
            self._show.note(note)


def _note(step: OnboardingStep) -> str:
    """Return what a person is told of a step; `""` where the counts say it."""
    numbers = len(step.phone_numbers)
    match str(step.step):
        case "ordered" | "adopted":
            how = "" if step.step == "ordered" else "of an earlier run, "
            return f"order {step.order_id}: {how}{numbers} numbers"
        case "order":
            return f"order {step.order_id}: {step.text}"
        case "invoices":
            return step.text
        case "added":
            return f"{numbers} numbers were put into qualification"
        case "challenged" | "relinking" | "failed" | "unknown":
            return f"{', '.join(step.phone_numbers[:3])}: {step.text or step.step}"
    return ""


async def follow(
    onboarding: Onboarding,
    *,
    on_step: Callable[[OnboardingStep], None] = lambda _: None,
) -> bool:
    """Run an onboarding and show how far it is; returns whether Ctrl-C ended it.

    At the first Ctrl-C it sends nothing new, and what has left is waited for; the second one
    stops it at once.
    """
    with without_warnings(), orderly_ctrl_c(onboarding.stop, STOPPING) as interrupt:
        async with showing() as show, aclosing(onboarding.steps()) as steps:
            counts = _Counts(show, len(onboarding.report.lines))
            async for step in steps:
                counts.take_in(step)
                on_step(step)
    return interrupt.came


def code_of_report(report: OnboardingReport, *, stopped: bool, timed: bool) -> ExitCode:
    """Return the exit code for a report.

    Args:
        report: What became of the numbers.
        stopped: Whether Ctrl-C ended the run.
        timed: Whether the run had a time in which to end.
    """
    counts = report.counts
    if stopped:
        return ExitCode.INTERRUPTED
    if counts.get("unknown"):
        return ExitCode.UNKNOWN
    if counts.get("failed"):
        return ExitCode.NOT_ALL
    if counts.get("waiting"):
        return ExitCode.TIMED_OUT if timed else ExitCode.NOT_ALL
    return ExitCode.DONE
