"""The table of workflows: what it names is there, and what is made from it is as it says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

import sinch_hosting
from sinch_hosting import Order, SinchHosting
from sinch_hosting._session.operations import OPERATIONS
from sinch_hosting.resources.hosting_orders import HostingOrders
from sinch_hosting.resources.imported_numbers import ImportedNumbers
from sinch_hosting.resources.qualified_numbers import QualifiedNumbers
from sinch_hosting.workflows import CHOICES, QUESTIONS, RULES, WORKFLOWS, guide_page, workflow_for

ROOT = Path(__file__).parents[1]
GUIDES = ROOT / "sinch_hosting" / "guides"
RESOURCES = {
    "hosting_orders": HostingOrders,
    "imported_numbers": ImportedNumbers,
    "qualified_numbers": QualifiedNumbers,
}
STEPS = [(workflow, step) for workflow in WORKFLOWS for step in workflow.steps]
CALLS = {step.call for _, step in STEPS if step.call} | {
    call for choice in CHOICES for call in choice.calls
}


def writer() -> Any:
    """The script that writes the page and the README's table."""
    spec = importlib.util.spec_from_file_location("writer", ROOT / ".ci" / "write_workflows.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_and_the_readme_are_made_from_the_table() -> None:
    """Where this fails: `python .ci/write_workflows.py`."""
    script = writer()
    assert script.PAGE.read_text(encoding="utf-8") == guide_page()
    assert script.README.read_text(encoding="utf-8") == script.readme()
    assert script.readme().count("\n| ") > len(CHOICES)


def test_there_are_four_questions_six_workflows_and_six_rules() -> None:
    """As the vendor's guide has them, each with a name of its own."""
    assert [question.name for question in QUESTIONS] == ["goal", "letter", "kind", "language"]
    assert [workflow.letter for workflow in WORKFLOWS] == list("ABCDEF")
    assert [rule.number for rule in RULES] == [1, 2, 3, 4, 5, 6]
    assert {number for workflow in WORKFLOWS for number in workflow.rules} == {1, 2, 3, 4, 5, 6}
    for workflow in WORKFLOWS:
        assert workflow_for(workflow.letter) is workflow_for(workflow.name) is workflow
    with pytest.raises(KeyError):
        workflow_for("G")


def test_every_operation_is_in_the_contract() -> None:
    """And the ones that create something are in some workflow, or said to be left out."""
    used = {step.operation for _, step in STEPS if step.operation}
    assert used <= set(OPERATIONS)
    creates = {name for name, operation in OPERATIONS.items() if operation.loses_answers}
    same_with_any_number = {
        "TextEnableHostingOrderNumbers",
        "TextEnableTollFreeHostingOrderNumbers",
    }
    assert creates - used == same_with_any_number


@pytest.mark.parametrize("call", sorted(CALLS))
def test_every_call_is_there(call: str) -> None:
    """A call of a resource, of the client, of an order, or a class of the package."""
    head, _, name = call.rpartition(".")
    if head == "order":
        assert hasattr(Order, name)
    elif head == "sinch":
        assert hasattr(SinchHosting, name)
    elif head:
        assert hasattr(RESOURCES[head], name)
    else:
        assert name in sinch_hosting.__all__


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.name)
def test_a_workflow_is_whole(workflow: Any) -> None:
    """It has conditions, steps, rules and a page; people are named where they have to act."""
    assert workflow.conditions
    assert workflow.steps
    assert workflow.rules
    assert (GUIDES / f"{workflow.page}.md").exists()
    assert all(step.text.endswith(".") for step in workflow.steps)
    if {"AddQualifiedNumbers", "TextEnableQualifiedNumbers"} & {
        step.operation for step in workflow.steps
    }:
        assert any(step.person for step in workflow.steps)


def test_the_commands_are_commands() -> None:
    """The command's own table has their groups."""
    pytest.importorskip("cyclopts")
    from sinch_hosting.cli.app import COMMANDS

    for _, step in STEPS:
        words = step.command.split()
        assert not words or (words[0] == "sinch-hosting" and words[1] in COMMANDS), step


def test_the_rows_of_the_readme_link_to_pages() -> None:
    """And each names at least one call."""
    assert all((GUIDES / f"{choice.page}.md").exists() for choice in CHOICES)
    rows = re.findall(r"^\| .* \| `.*` \| .* \| \[\w+\]\(.*\.md\) \|$", writer().readme(), re.M)
    assert len(rows) == len(CHOICES)
