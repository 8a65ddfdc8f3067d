"""The six workflows, step by step: data only."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

__all__ = ["WORKFLOWS", "Goal", "Step", "Workflow", "workflow_for"]

Goal: TypeAlias = Literal[
    "import-number", "import-numbers", "qualify", "text-enable", "order-status", "manage"
]


@frozen
class Step:
    """One step of a workflow."""

    text: str
    """What it does."""
    operation: str = ""
    """The operation of the contract; `""` where a person acts, or the calls above do it."""
    call: str = ""
    """The call of the SDK, below the client `sinch`, or of an `order`."""
    command: str = ""
    """The command that does it."""
    tool: str = ""
    """The tool of `sinch-hosting mcp` that does it."""
    person: str = ""
    """What a person has to do before the next step; `""` is nothing."""


@frozen(kw_only=True)
class Workflow:
    """A way from a goal to its end."""

    letter: str
    """The vendor's letter for it, A to F."""
    name: Goal
    title: str
    goal: str
    """What somebody wants who goes this way."""
    conditions: tuple[str, ...]
    """What has to hold before it is begun."""
    asks: tuple[str, ...]
    """What has to be known before anything is sent; optional ones end with `?`."""
    steps: tuple[Step, ...]
    rules: tuple[int, ...]
    """The numbers of the rules that apply."""
    page: str
    """The page of the guide that tells more."""


_WAIT = Step(
    "Wait until the order is COMPLETED or REJECTED.",
    "GetHostingOrder",
    "order.wait_until",
    "sinch-hosting orders wait",
    "wait_for_order",
)
_NUMBERS_OF_ORDER = Step(
    "See how far each number is.",
    "ListHostingOrderNumbers",
    "order.numbers",
    "sinch-hosting orders numbers",
    "explain_order",
)

WORKFLOWS: tuple[Workflow, ...] = (
    Workflow(
        letter="A",
        name="import-number",
        title="Import one number",
        goal="Use a number for SMS whose text routing you control already.",
        conditions=(
            "The number is not imported yet: else the answer is 409.",
            "A number with an NNID of its own needs that NNID provisioned before.",
        ),
        asks=(
            "phone_number",
            "region_code",
            "service_plan_id",
            "campaign_id?",
            "display_name?",
            "callback_url?",
        ),
        steps=(
            Step(
                "See whether the number is imported already.",
                "GetImportedNumber",
                "imported_numbers.get",
                "sinch-hosting numbers explain",
                "explain_number",
            ),
            Step(
                "Import it. No letter is mailed.",
                "ImportNumber",
                "imported_numbers.import_number",
                "sinch-hosting numbers import",
                "plan_import, then import_numbers",
            ),
            Step(
                "Wait until it is on its service plan and campaign.",
                "GetImportedNumber",
                "imported_numbers.wait_until_provisioned",
                "sinch-hosting numbers wait",
                "explain_number",
            ),
        ),
        rules=(1, 4),
        page="import",
    ),
    Workflow(
        letter="B",
        name="import-numbers",
        title="Import numbers in orders",
        goal="Import several numbers, five an order unless your account has more.",
        conditions=(
            "You control the text routing of the numbers.",
            "None is imported yet: else the answer is 409.",
        ),
        asks=(
            "numbers",
            "region_code",
            "service_plan_id",
            "campaign_id?",
            "callback_url?",
            "migrate_to_sinch_tmo?",
        ),
        steps=(
            Step(
                "Create the orders. No letter is mailed.",
                "ImportNumbers",
                "hosting_orders.import_many",
                "sinch-hosting orders import",
                "plan_import, then import_numbers",
            ),
            _WAIT,
            _NUMBERS_OF_ORDER,
        ),
        rules=(1, 4, 6),
        page="import",
    ),
    Workflow(
        letter="C",
        name="qualify",
        title="Qualify numbers",
        goal="Have voice numbers of another carrier reviewed, so that they can be text-enabled.",
        conditions=("The numbers are yours, or your customer's, and you have invoices of them.",),
        asks=("phone_numbers",),
        steps=(
            Step(
                "Put the numbers into qualification.",
                "AddQualifiedNumbers",
                "qualified_numbers.add_many",
                "sinch-hosting qualify add",
                "qualify",
                person="E-mail invoices that list the numbers to orders@sinch.com. Nothing goes on "
                "without them. The review takes 1 to 3 business days.",
            ),
            Step(
                "Wait until they are VERIFIED, or ELIGIBLE where no proof is asked for.",
                "GetQualifiedNumber",
                "qualified_numbers.wait_until",
                "sinch-hosting qualify wait",
                "explain_number",
            ),
            Step(
                "Instead of invoices: have a number rung.",
                "SendVoiceChallenge",
                "qualified_numbers.send_voice_challenge",
                "sinch-hosting qualify challenge",
                "voice_challenge",
                person="Take the call and write down the code that the voice tells.",
            ),
            Step(
                "Give the code back.",
                "VerifyVoiceChallenge",
                "qualified_numbers.verify_voice_challenge",
                "sinch-hosting qualify verify",
                "voice_challenge",
            ),
        ),
        rules=(1, 2),
        page="qualify",
    ),
    Workflow(
        letter="D",
        name="text-enable",
        title="Text-enable numbers",
        goal="Let voice numbers that stay at another carrier send and receive SMS.",
        conditions=(
            "The numbers are qualified: VERIFIED, or ELIGIBLE without a proof that is asked for.",
            "Local numbers go on a campaign: without one the vendor generates no letter.",
            "Toll-free numbers have orders of their own: no campaign, no blanket letter.",
        ),
        asks=(
            "numbers",
            "region_code",
            "service_plan_id",
            "loa",
            "campaign_id?",
            "nnid?",
            "scheduled_osr_update_time?",
            "callback_url?",
        ),
        steps=(
            Step(
                "Local numbers: create the order. It mails one letter to be signed.",
                "TextEnableQualifiedNumbers",
                "qualified_numbers.text_enable",
                "sinch-hosting orders text-enable",
                "plan_text_enable, then text_enable",
                person="Check the e-mail address of the signer before you send: a letter cannot be "
                "taken back. The authorised person then signs it.",
            ),
            Step(
                "Toll-free numbers: create the order. It mails one letter, too.",
                "TextEnableTollFreeQualifiedNumbers",
                "qualified_numbers.text_enable_toll_free",
                "sinch-hosting orders text-enable",
                "plan_text_enable, then text_enable",
                person="The authorised person signs the letter.",
            ),
            _WAIT,
            _NUMBERS_OF_ORDER,
        ),
        rules=(1, 2, 4),
        page="qualify",
    ),
    Workflow(
        letter="E",
        name="order-status",
        title="See how far an order is",
        goal="Know the state of an order, whom it waits for, and how far its numbers are.",
        conditions=("You know the order's id, or its service plan and campaign.",),
        asks=("order_id?", "states?", "type?", "service_plan_id?", "campaign_id?"),
        steps=(
            Step(
                "List the orders, where you do not know the id.",
                "ListHostingOrders",
                "hosting_orders.list",
                "sinch-hosting orders list",
                "list_orders",
            ),
            Step(
                "Read the order. It says whom it waits for.",
                "GetHostingOrder",
                "hosting_orders.get",
                "sinch-hosting orders get",
                "explain_order",
                person="Where it waits for a signature: ask the signer. No call sends a letter "
                "again.",
            ),
            Step(
                "Count how far its numbers are.",
                "GetHostingOrderReport",
                "hosting_orders.report",
                "sinch-hosting orders report",
                "explain_order",
            ),
            _NUMBERS_OF_ORDER,
        ),
        rules=(4, 5),
        page="waiting",
    ),
    Workflow(
        letter="F",
        name="manage",
        title="Manage and prove numbers",
        goal="Look at numbers, change, move or remove them, or prove that they are yours.",
        conditions=("The numbers are imported, or in qualification.",),
        asks=("phone_number", "service_plan_id?", "campaign_id?", "code?"),
        steps=(
            Step(
                "Look at a number.",
                "GetImportedNumber",
                "imported_numbers.get",
                "sinch-hosting numbers explain",
                "explain_number",
            ),
            Step(
                "Change its name or callback address, or unlink it.",
                "UpdateImportedNumber",
                "imported_numbers.update",
                "sinch-hosting numbers update",
            ),
            Step(
                "Move it to another service plan or campaign. It has no service meanwhile.",
                "UpdateImportedNumber",
                "imported_numbers.relink",
                "sinch-hosting numbers relink",
            ),
            Step(
                "Remove it. It texts no more.",
                "DeleteImportedNumber",
                "imported_numbers.delete",
                "sinch-hosting numbers delete",
            ),
            Step(
                "Prove that a number in qualification is yours: have it rung.",
                "SendVoiceChallenge",
                "qualified_numbers.send_voice_challenge",
                "sinch-hosting qualify challenge",
                "voice_challenge",
                person="Take the call and write down the code that the voice tells.",
            ),
            Step(
                "Give the code back. Three wrong codes may block a number.",
                "VerifyVoiceChallenge",
                "qualified_numbers.verify_voice_challenge",
                "sinch-hosting qualify verify",
                "voice_challenge",
            ),
        ),
        rules=(1, 3),
        page="import",
    ),
)


def workflow_for(name: str) -> Workflow:
    """Return a workflow.

    Args:
        name: Its name, such as `text-enable`, or the vendor's letter for it, `A` to `F`.

    Raises:
        KeyError: There is no such workflow.
    """
    return {key: one for one in WORKFLOWS for key in (one.name, one.letter)}[name]
