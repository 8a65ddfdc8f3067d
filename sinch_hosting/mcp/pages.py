"""What an assistant can read: the guide, the operations, the failure codes; and the prompts."""

from __future__ import annotations

import json
from importlib.resources import files

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.resources import FunctionResource, TextResource

from .._session.operations import OPERATIONS
from ..models._guidance import failure_of
from ..states import FailureCode
from ..workflows import RULES, WORKFLOWS, Workflow, workflow_text
from .answers import quoted

__all__ = ["add_prompts", "add_resources"]

_SCHEME = "sinch-hosting"
_DETAILS = 500
"""Characters of a user's details that a prompt takes."""


def add_resources(server: MCPServer) -> None:
    """Offer the pages of the guide, the operations of the contract and the failure codes."""
    guide = files("sinch_hosting").joinpath("guides")
    for page in sorted(guide.iterdir(), key=lambda page: page.name):
        if page.name.endswith(".md"):
            name = page.name.removesuffix(".md")
            text = page.read_text("utf-8")
            server.add_resource(
                TextResource(
                    uri=f"{_SCHEME}://guide/{name}",
                    name=f"guide-{name}",
                    title=text.splitlines()[0].removeprefix("# "),
                    description=f"The page `{name}` of the guide.",
                    mime_type="text/markdown",
                    text=text,
                )
            )
    server.add_resource(
        FunctionResource(
            uri=f"{_SCHEME}://operations",
            name="operations",
            title="The 23 operations",
            description="Each with its method, its path and whether it may be sent again.",
            mime_type="application/json",
            fn=_operations,
        )
    )
    server.add_resource(
        FunctionResource(
            uri=f"{_SCHEME}://failure-codes",
            name="failure-codes",
            title="Failure codes",
            description="Each with its meaning, who has to act, and what to do.",
            mime_type="application/json",
            fn=_failure_codes,
        )
    )


def _operations() -> str:
    told = [
        {
            "operation": known.name,
            "method": known.method,
            "path": f"/v1/projects/{{project_id}}{known.template}",
            "sending_it_again": known.kind.value,
        }
        for known in OPERATIONS.values()
    ]
    return json.dumps(told, indent=1)


def _failure_codes() -> str:
    told = []
    for code in FailureCode:
        known = failure_of(code, has_failed=True)
        if known is not None and code.name != "UNSPECIFIED":
            told.append(
                {
                    "code": code.name,
                    "meaning": known.meaning,
                    "retry_can_help": known.retry_can_help,
                    "who": known.who,
                    "what_to_do": known.what_to_do,
                }
            )
    return json.dumps(told, indent=1)


def add_prompts(server: MCPServer) -> None:
    """Offer the six workflows."""
    for workflow in WORKFLOWS:
        server.add_prompt(_prompt_of(workflow))


def _prompt_of(workflow: Workflow) -> Prompt:
    def prompt(details: str = "") -> str:
        rules = [f"{rule.number}. {rule.text}" for rule in RULES if rule.number in workflow.rules]
        lines = [
            f"{workflow.title}, with the tools of this server.",
            "",
            workflow_text(workflow),
            *rules,
            "",
            "Ask a person for what is missing; make nothing up. Show each plan to a person before "
            "you carry it out.",
        ]
        if details:
            lines.append(f"What the person said: {quoted(details, _DETAILS)}")
        return "\n".join(lines)

    return Prompt.from_function(
        prompt, name=workflow.name, title=workflow.title, description=workflow.goal
    )
