"""The Python programs that `sinch-hosting start` writes: complete, typed, and safe to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from .. import Letter
    from .start_answers import Answers, GoalName

__all__ = ["literal", "program"]


@frozen(kw_only=True)
class _Part:
    """What is special about a program."""

    title: str
    body: str
    """What is done within the client, not indented."""
    constants: Mapping[str, str]
    imports: Sequence[str] = ()


_FRAME = '''\
"""{title}

Written by `sinch-hosting start`. The credentials come from the environment: SINCH_PROJECT_ID,
SINCH_KEY_ID and SINCH_KEY_SECRET.
"""

import asyncio
import sys

from sinch_hosting import (
{imports}
)

{constants}


async def main() -> int:
    async with SinchHosting.from_env() as sinch:
        try:
{body}
        except OutcomeUnknown as error:
            print("This may have been done. Look before you do it again:", error, file=sys.stderr)
            return 1
        except SinchHostingError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
'''
_ALWAYS = ("OutcomeUnknown", "SinchHosting", "SinchHostingError")
_INDENT = " " * 12
_LEDGER = 'ledger=f"{JOB}.jsonl",'


def program(answers: Answers) -> str:
    """Return the program that does what was answered."""
    part = _PARTS[answers.goal](answers)
    body = "\n".join(
        f"{_INDENT}{line}" if line else "" for line in part.body.strip("\n").splitlines()
    )
    if answers.on_sandbox:
        body = body.replace(_LEDGER, f"{_LEDGER}\n{_INDENT}    settle=0,")
    return _FRAME.format(
        title=part.title,
        imports="\n".join(f"    {name}," for name in sorted({*_ALWAYS, *part.imports})),
        constants="\n".join(f"{name} = {value}" for name, value in part.constants.items()),
        body=body,
    )


def literal(value: str | None) -> str:
    """Return a text as Python source; what cannot be printed is escaped."""
    shown = repr(value)
    if shown.startswith("'") and '"' not in shown:
        return f'"{shown[1:-1]}"'
    return shown


def _numbers(answers: Answers) -> str:
    return "[\n" + "".join(f"    {literal(number)},\n" for number in answers.numbers) + "]"


def _place(answers: Answers) -> dict[str, str]:
    campaign = answers.campaign or None
    if all(group.is_toll_free for group in answers.groups):
        campaign = None
    return {"PLAN": literal(answers.plan), "CAMPAIGN": literal(campaign)}


# ----------------------------------------------------------------- the parts


def _import(answers: Answers) -> _Part:
    region = {"REGION": literal(answers.group.region)}
    if len(answers.numbers) == 1:
        return _Part(
            title="Imports one number, and waits until it can text.",
            constants={"NUMBER": literal(answers.numbers[0]), **region, **_place(answers)},
            body=_IMPORT_ONE,
        )
    return _Part(
        title="Imports numbers in orders, and waits for the orders. Run it again to go on.",
        constants={
            "NUMBERS": _numbers(answers),
            **region,
            **_place(answers),
            "JOB": literal(answers.job),
        },
        imports=("COMPLETED", "Order"),
        body=_IMPORT_MANY,
    )


_IMPORT_ONE = """\
await sinch.imported_numbers.import_number(
    NUMBER, region_code=REGION, service_plan_id=PLAN, campaign_id=CAMPAIGN
)
number = await sinch.imported_numbers.wait_until_provisioned(NUMBER)
print(number.phone_number, number.sms_provisioning.state.name)
"""
_IMPORT_MANY = """\
result = await sinch.hosting_orders.import_many(
    NUMBERS,
    region_code=REGION,
    service_plan_id=PLAN,
    campaign_id=CAMPAIGN,
    job=JOB,
    ledger=f"{JOB}.jsonl",
)
for skipped in result.skipped:
    print(skipped.phone_number, skipped.reason)
for failed in result.failed:
    print(*failed.numbers, failed.error, file=sys.stderr)
for unknown in result.unknown:
    print(*unknown.numbers, unknown.error, file=sys.stderr)
waited = await sinch.hosting_orders.wait_all(
    result.succeeded, COMPLETED, return_exceptions=True
)
orders = [order for order in waited if isinstance(order, Order)]
for order in orders:
    print(order.hosting_order_id, order.state.name)
for error in waited:
    if isinstance(error, Exception):
        print(error, file=sys.stderr)
if result.failed or result.unknown or len(orders) < len(waited):
    return 1
"""


def _qualify(answers: Answers) -> _Part:
    return _Part(
        title="Puts numbers into qualification, and says what a person has to do next.",
        constants={"NUMBERS": _numbers(answers)},
        body=_QUALIFY,
    )


_QUALIFY = """\
result = await sinch.qualified_numbers.add_many(NUMBERS)
for number in result.succeeded:
    print(number.phone_number, number.global_process_state.name)
for failed in result.failed:
    print(failed.phone_number, failed.error, file=sys.stderr)
print("E-mail invoices that list them to orders@sinch.com: 1 to 3 business days.")
if result.failed:
    return 1
"""


def _text_enable(answers: Answers) -> _Part:
    is_toll_free = answers.group.is_toll_free
    letter, imports = _letter(answers.letter)
    place = {"PLAN": literal(answers.plan)} if is_toll_free else _place(answers)
    return _Part(
        title="Text-enables numbers in one order, and waits for it. Run it again to go on.",
        constants={
            "NUMBERS": _numbers(answers),
            "REGION": literal(answers.group.region),
            **place,
            "JOB": literal(answers.job),
            "LETTER": letter,
        },
        imports=("COMPLETED", *imports),
        body=_TEXT_ENABLE_TOLL_FREE if is_toll_free else _TEXT_ENABLE,
    )


_FOLLOW = """\
print("created order", order.hosting_order_id)
order = await order.wait_until(COMPLETED, on_update=lambda seen: print(seen.state.name))
async for number in order.numbers():
    print(number.phone_number, number.platform_provisioning.state.name)
"""
_TEXT_ENABLE = f"""\
order = await sinch.qualified_numbers.text_enable(
    NUMBERS,
    region_code=REGION,
    service_plan_id=PLAN,
    campaign_id=CAMPAIGN,
    loa=LETTER,
    job=JOB,
    ledger=f"{{JOB}}.jsonl",
)
{_FOLLOW}"""
_TEXT_ENABLE_TOLL_FREE = f"""\
order = await sinch.qualified_numbers.text_enable_toll_free(
    NUMBERS,
    region_code=REGION,
    service_plan_id=PLAN,
    loa=LETTER,
    job=JOB,
    ledger=f"{{JOB}}.jsonl",
)
{_FOLLOW}"""


def _onboard(answers: Answers) -> _Part:
    letter, imports = _letter(answers.letter)
    return _Part(
        title="Takes numbers from any state to text-enabled. Run it again to go on.",
        constants={
            "NUMBERS": _numbers(answers),
            **_place(answers),
            "JOB": literal(answers.job),
            "LETTER": letter,
        },
        imports=imports,
        body=_ONBOARD,
    )


_ONBOARD = """\
onboarding = sinch.onboard(
    NUMBERS,
    job=JOB,
    ledger=f"{JOB}.jsonl",
    service_plan_id=PLAN,
    campaign_id=CAMPAIGN,
    loa=LETTER,
)
async for step in onboarding:
    print(step.step, *step.phone_numbers[:5], step.text)
for line in onboarding.report.lines:
    print(line.phone_number, line.outcome, line.reason)
if not onboarding.report.is_done:
    return 1
"""


def _status(answers: Answers) -> _Part:
    return _Part(
        title="Shows how far an order is, and whom it waits for.",
        constants={"ORDER_ID": literal(answers.order_id)},
        body=_STATUS,
    )


_STATUS = """\
order = await sinch.hosting_orders.get(ORDER_ID)
print(order.hosting_order_id, order.state.name)
waiting = order.waiting_on
if waiting is not None:
    print("waits for", waiting.who + ".", waiting.what_to_do)
report = await order.report()
print(report.total, "numbers,", report.sms_provisioned, "on the SMS platform")
async for number in order.numbers():
    print(number.phone_number, number.platform_provisioning.state.name)
"""


def _relink(answers: Answers) -> _Part:
    return _Part(
        title="Moves numbers to a service plan and campaign; each has no service meanwhile.",
        constants={
            "NUMBERS": _numbers(answers),
            "PLAN": literal(answers.plan),
            "CAMPAIGN": literal(answers.campaign),
        },
        body=_RELINK,
    )


_OUTCOMES = """\
for failed in result.failed:
    print(failed.phone_number, failed.error, file=sys.stderr)
if result.failed:
    return 1
"""
_RELINK = f"""\
result = await sinch.imported_numbers.relink_many(
    NUMBERS, service_plan_id=PLAN, campaign_id=CAMPAIGN
)
for number in result.succeeded:
    print(number.phone_number, number.sms_configuration.service_plan_id)
{_OUTCOMES}"""


def _delete(answers: Answers) -> _Part:
    return _Part(
        title="Takes numbers out of Sinch: they text no more.",
        constants={"NUMBERS": _numbers(answers)},
        body=_DELETE,
    )


_DELETE = f"""\
result = await sinch.imported_numbers.delete_many(NUMBERS)
for number in result.succeeded:
    print("deleted", number)
{_OUTCOMES}"""


def _challenge(answers: Answers) -> _Part:
    return _Part(
        title="Has a number rung, and gives back the code that the voice tells.",
        constants={"NUMBER": literal(answers.numbers[0])},
        body=_CHALLENGE,
    )


_CHALLENGE = """\
await sinch.qualified_numbers.send_voice_challenge(NUMBER)
code = await asyncio.to_thread(input, "Code that the voice told: ")
number = await sinch.qualified_numbers.verify_voice_challenge(NUMBER, code)
print(number.phone_number, number.global_process_state.name)
"""

_PARTS: Mapping[GoalName, Callable[[Answers], _Part]] = {
    "import": _import,
    "qualify": _qualify,
    "text-enable": _text_enable,
    "onboard": _onboard,
    "status": _status,
    "relink": _relink,
    "delete": _delete,
    "challenge": _challenge,
}


def _letter(letter: Letter | None) -> tuple[str, tuple[str, ...]]:
    """Return a letter as Python source, and the names that it needs."""
    from .. import Address, AuthorisedPerson, BlanketLoa, ResellerLoa  # noqa: PLC0415 - loaded by now

    if letter is None or isinstance(letter, BlanketLoa):
        return "BlanketLoa()", ("BlanketLoa",)
    kind = type(letter).__name__
    lines = [f"{kind}("]
    if isinstance(letter, ResellerLoa):
        lines.append(f"    business_name={literal(letter.business_name)},")
    for name, part, names in (
        ("authorised_person", letter.authorised_person, ("first_name", "last_name", "email")),
        (
            "address",
            letter.address,
            ("building_number", "street", "city", "state", "postal_code", "country"),
        ),
    ):
        lines.append(f"    {name}={type(part).__name__}(")
        lines += [f"        {each}={literal(getattr(part, each))}," for each in names]
        lines.append("    ),")
    lines.append(f"    current_voice_carrier={literal(letter.current_voice_carrier)},")
    lines.append(")")
    return "\n".join(lines), (kind, Address.__name__, AuthorisedPerson.__name__)
