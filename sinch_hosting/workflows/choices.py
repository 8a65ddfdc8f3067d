"""The leaves of the decision tree: what somebody wants, and the call that does it."""

from __future__ import annotations

from attrs import frozen

from .table import Goal

__all__ = ["CHOICES", "Choice"]


@frozen(kw_only=True)
class Choice:
    """A row of "Which call do I need?": a leaf of the decision tree."""

    goal: str
    """What somebody wants to do."""
    calls: tuple[str, ...]
    """The calls that do it: of the client, of an `order`, or a class of the package."""
    letter: str
    """Whether a letter of authorization is needed."""
    page: str
    """The page of the guide."""
    workflow: Goal | None = None
    """The workflow that it belongs to; `None` where it goes through several, or through none."""
    arguments: str = ""
    """The arguments that are shown with the first call."""


CHOICES: tuple[Choice, ...] = (
    Choice(
        goal="take numbers from any state to text-enabled",
        calls=("sinch.onboard",),
        arguments="(numbers, job=..., loa=...)",
        letter="yes",
        page="onboarding",
    ),
    Choice(
        goal="import one number",
        calls=("imported_numbers.import_number",),
        letter="no",
        page="import",
        workflow="import-number",
    ),
    Choice(
        goal="import up to 5 numbers in one order",
        calls=("hosting_orders.import_numbers",),
        letter="no",
        page="import",
        workflow="import-numbers",
    ),
    Choice(
        goal="import many numbers",
        calls=("hosting_orders.import_many",),
        letter="no",
        page="bulk",
        workflow="import-numbers",
    ),
    Choice(
        goal="have numbers reviewed first",
        calls=("qualified_numbers.add", "qualified_numbers.add_many"),
        letter="no",
        page="qualify",
        workflow="qualify",
    ),
    Choice(
        goal="text-enable local numbers",
        calls=("qualified_numbers.text_enable",),
        letter="yes",
        page="qualify",
        workflow="text-enable",
    ),
    Choice(
        goal="text-enable toll-free numbers",
        calls=("qualified_numbers.text_enable_toll_free",),
        letter="yes",
        page="qualify",
        workflow="text-enable",
    ),
    Choice(
        goal="text-enable many numbers",
        calls=("hosting_orders.text_enable_many",),
        letter="one an order",
        page="bulk",
        workflow="text-enable",
    ),
    Choice(
        goal="wait for an order, or for many",
        calls=("order.wait_until", "hosting_orders.wait_all"),
        letter="no",
        page="waiting",
        workflow="order-status",
    ),
    Choice(
        goal="see how far an order is",
        calls=("order.report", "order.numbers", "order.waiting_on"),
        letter="no",
        page="waiting",
        workflow="order-status",
    ),
    Choice(
        goal="change, move or remove a number",
        calls=("imported_numbers.update", "imported_numbers.relink", "imported_numbers.delete"),
        letter="no",
        page="import",
        workflow="manage",
    ),
    Choice(
        goal="prove that a number is mine, by telephone",
        calls=(
            "qualified_numbers.send_voice_challenge",
            "qualified_numbers.verify_voice_challenge",
        ),
        letter="no",
        page="qualify",
        workflow="manage",
    ),
    Choice(
        goal="be told when something changes",
        calls=("CallbackReceiver",),
        letter="no",
        page="callbacks",
    ),
)
