"""The table as text: a page of the guide, a table of the README, a workflow in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from .choices import CHOICES
from .rules import QUESTIONS, RULES
from .table import WORKFLOWS, Workflow

__all__ = ["guide_page", "readme_table", "workflow_text"]


def readme_table(guides: str = "sinch_hosting/guides/") -> str:
    """Return the table "Which call do I need?", as Markdown.

    Args:
        guides: What stands before the name of a page in its link.
    """
    rows = ["| I want to | call | letter | guide |", "|---|---|---|---|"]
    for choice in CHOICES:
        first, *more = choice.calls
        calls = [first + choice.arguments, *(_short(first, call) for call in more)]
        shown = ", ".join(f"`{call}`" for call in calls)
        link = f"[{choice.page}]({guides}{choice.page}.md)"
        rows.append(f"| {choice.goal} | {shown} | {choice.letter} | {link} |")
    return "\n".join(rows)


def _short(first: str, call: str) -> str:
    """Return a call without the resource that the one before it names already."""
    resource, _, name = call.rpartition(".")
    return name if resource == first.rpartition(".")[0] and resource != "order" else call


def workflow_text(workflow: Workflow) -> str:
    """Return a workflow in sentences: what to ask for, its steps and the rules, as Markdown."""
    return "\n".join(_lines_of(workflow))


def _lines_of(workflow: Workflow) -> Iterator[str]:
    yield workflow.goal
    yield ""
    for condition in workflow.conditions:
        yield f"- {condition}"
    asked = ", ".join(f"`{one}`" for one in workflow.asks if not one.endswith("?"))
    maybe = ", ".join(f"`{one[:-1]}`" for one in workflow.asks if one.endswith("?"))
    yield (
        "- Ask for "
        + "; ".join(
            filter(None, (asked, maybe and f"{'where wanted ' if asked else 'one of '}{maybe}"))
        )
        + "."
    )
    yield ""
    yield "| step | operation | call | command | tool |"
    yield "|---|---|---|---|---|"
    for number, step in enumerate(workflow.steps, 1):
        cells = (step.operation, step.call, step.command, step.tool)
        yield f"| {number}. {step.text} | " + " | ".join(_code(cell) for cell in cells) + " |"
    persons = [(n, step.person) for n, step in enumerate(workflow.steps, 1) if step.person]
    if persons:
        yield ""
    for number, person in persons:
        yield f"- A person, after step {number}: {person}"
    yield ""
    yield (
        "Rules: "
        + "; ".join(
            f"{rule.number}, {rule.title[0].lower()}{rule.title[1:]}"
            for rule in RULES
            if rule.number in workflow.rules
        )
        + "."
    )


def _code(cell: str) -> str:
    return ", then ".join(f"`{part}`" for part in cell.split(", then ")) if cell else ""


def guide_page() -> str:
    """Return the page `choose` of the guide, as Markdown."""
    return "\n".join(_page_lines()) + "\n"


def _page_lines() -> Iterator[str]:
    yield "# Which call do I need?"
    yield ""
    yield "This page is made from `sinch_hosting.workflows`. `sinch-hosting start` asks the"
    yield "questions, and ends with the lines for your numbers. The column `tool` is for"
    yield "[agents](agents.md)."
    yield ""
    yield readme_table("")
    yield ""
    yield "## Four questions"
    yield ""
    for number, question in enumerate(QUESTIONS, 1):
        when = f" (where {question.when})" if question.when else ""
        yield f"{number}. {question.text}{when}"
        yield from (f"   - {answer}" for answer in question.answers)
    yield ""
    yield "## Six rules"
    yield ""
    for rule in RULES:
        yield f"{rule.number}. **{rule.title}.** {rule.text}"
    for workflow in WORKFLOWS:
        yield ""
        yield f"## {workflow.letter}. {workflow.title}"
        yield ""
        yield workflow_text(workflow)
        yield ""
        yield f"More: [{workflow.page}]({workflow.page}.md)."
