"""The four questions and the six rules: data only."""

from __future__ import annotations

from attrs import frozen

__all__ = ["QUESTIONS", "RULES", "Question", "Rule"]


@frozen(kw_only=True)
class Rule:
    """A rule that is easily broken."""

    number: int
    title: str
    text: str


@frozen(kw_only=True)
class Question:
    """A question that has to be answered before anything is sent."""

    name: str
    text: str
    answers: tuple[str, ...]
    when: str = ""
    """When it is asked; `""` is always."""


RULES: tuple[Rule, ...] = (
    Rule(
        number=1,
        title="Numbers are in E.164",
        text="A `+`, the country code and the number: `+12025550134`. The numbers are of the US "
        "or of Canada, and an order holds numbers of one region.",
    ),
    Rule(
        number=2,
        title="Qualification waits for people",
        text="After numbers are added, somebody e-mails invoices that list them to "
        "orders@sinch.com, or proves them by a voice call. The review takes 1 to 3 business days.",
    ),
    Rule(
        number=3,
        title="Unlink before you link anew",
        text="A number that is on a service plan or campaign is unlinked in one request and "
        "linked in another. `relink` does both, and waits in between.",
    ),
    Rule(
        number=4,
        title="Orders are not done when the call returns",
        text="An order takes minutes to days. Wait for it with `wait_until`, or give a "
        "`callback_url` with each request.",
    ),
    Rule(
        number=5,
        title="A list of orders needs four values",
        text="State, type, service plan and campaign. Orders without a campaign cannot be listed "
        "for certain: keep their ids.",
    ),
    Rule(
        number=6,
        title="`migrate_to_sinch_tmo` is for imports",
        text="It takes numbers over that T-Mobile refused with 60135. The vendor documents it for "
        "import orders; elsewhere it is read-only.",
    ),
)


QUESTIONS: tuple[Question, ...] = (
    Question(
        name="goal",
        text="What do you want to do?",
        answers=(
            "import numbers (one, or many)",
            "qualify numbers for text-enabling",
            "text-enable numbers",
            "see how far an order is",
            "change, move, remove or prove numbers",
        ),
    ),
    Question(
        name="letter",
        text="Who signs the letter of authorization?",
        answers=(
            "direct: the owner of the numbers is your customer, or you",
            "reseller: the numbers are had through a reseller",
            "blanket: a letter for all numbers was signed before; none is mailed",
        ),
        when="numbers are text-enabled",
    ),
    Question(
        name="kind",
        text="Which kind of numbers are they?",
        answers=("local", "toll-free: no campaign, and no blanket letter"),
        when="numbers are text-enabled",
    ),
    Question(
        name="language",
        text="How do you want to do it?",
        answers=("a command line", "a Python program", "curl"),
    ),
)
