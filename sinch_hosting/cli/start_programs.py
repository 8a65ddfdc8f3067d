"""The Python programs that `sinch-hosting start` writes: complete, typed, and safe to run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .letter import TABLES

if TYPE_CHECKING:
    from .. import Letter
    from .start_answers import Answers

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
_IN_BODIES = ("COMPLETED", "Order")
"""Names of the package that some of the bodies below use."""
_INDENT = " " * 12
_LEDGER = 'ledger=f"{JOB}.jsonl",'


def program(answers: Answers) -> str:
    """Return the program that does what was answered."""
    title, body = _PROGRAMS[_name_of(answers)]
    used = set(re.findall(r"\w+", body))
    letter, imports = _letter(answers.letter) if "LETTER" in used else ("", ())
    constants = {name: value for name, value in _constants(answers, letter).items() if name in used}
    names = {*_ALWAYS, *imports, *(name for name in _IN_BODIES if name in used)}
    lines = [f"{_INDENT}{line}" if line else "" for line in body.strip("\n").splitlines()]
    text = "\n".join(lines)
    if answers.on_sandbox:
        text = text.replace(_LEDGER, f"{_LEDGER}\n{_INDENT}    settle=0,")
    return _FRAME.format(
        title=title,
        imports="\n".join(f"    {name}," for name in sorted(names)),
        constants="\n".join(f"{name} = {value}" for name, value in constants.items()),
        body=text,
    )


def _name_of(answers: Answers) -> str:
    """Return which of the programs fits: some goals have two of them."""
    if answers.goal == "import" and len(answers.numbers) == 1:
        return "import one"
    if answers.goal == "text-enable" and answers.group.is_toll_free:
        return "text-enable toll-free"
    return answers.goal


def _constants(answers: Answers, letter: str) -> dict[str, str]:
    """Return every constant that a program may need, as Python source."""
    numbers = [_literal(number) for number in answers.numbers]
    groups = answers.groups
    no_campaign = answers.goal != "relink" and all(group.is_toll_free for group in groups)
    campaign = answers.campaign if answers.goal == "relink" else answers.campaign or None
    return {
        "NUMBER": "".join(numbers[:1]),
        "NUMBERS": "[\n" + "".join(f"    {number},\n" for number in numbers) + "]",
        "ORDER_ID": _literal(answers.order_id),
        "REGION": _literal(groups[0].region) if groups else "",
        "PLAN": _literal(answers.plan),
        "CAMPAIGN": _literal(None if no_campaign else campaign),
        "JOB": _literal(answers.job),
        "LETTER": letter,
    }


def _literal(value: str | None) -> str:
    """Return a text as Python source; what cannot be printed is escaped."""
    shown = repr(value)
    if shown.startswith("'") and '"' not in shown:
        return f'"{shown[1:-1]}"'
    return shown


def _letter(letter: Letter | None) -> tuple[str, tuple[str, ...]]:
    """Return a letter as Python source, and the names that it needs."""
    from .. import Address, AuthorisedPerson, BlanketLoa, ResellerLoa  # noqa: PLC0415 - loaded by now

    if letter is None or isinstance(letter, BlanketLoa):
        return "BlanketLoa()", ("BlanketLoa",)
    kind = type(letter).__name__
    lines = [f"{kind}("]
    if isinstance(letter, ResellerLoa):
        lines.append(f"    business_name={_literal(letter.business_name)},")
    for table, names in TABLES.items():
        part: AuthorisedPerson | Address = getattr(letter, table)
        lines.append(f"    {table}={type(part).__name__}(")
        lines += [f"        {name}={_literal(getattr(part, name))}," for name in names]
        lines.append("    ),")
    lines.append(f"    current_voice_carrier={_literal(letter.current_voice_carrier)},")
    lines.append(")")
    return "\n".join(lines), (kind, Address.__name__, AuthorisedPerson.__name__)


# --------------------------------------------------------------- the programs

_FOLLOW = """\
print("created order", order.hosting_order_id)
order = await order.wait_until(COMPLETED, on_update=lambda seen: print(seen.state.name))
async for number in order.numbers():
    print(number.phone_number, number.platform_provisioning.state.name)
"""
_FAILURES = """\
for failed in result.failed:
    print(failed.phone_number, failed.error, file=sys.stderr)
if result.failed:
    return 1
"""
_PROGRAMS: Mapping[str, tuple[str, str]] = {
    "import one": (
        "Imports one number, and waits until it can text.",
        """\
await sinch.imported_numbers.import_number(
    NUMBER, region_code=REGION, service_plan_id=PLAN, campaign_id=CAMPAIGN
)
number = await sinch.imported_numbers.wait_until_provisioned(NUMBER)
print(number.phone_number, number.sms_provisioning.state.name)
""",
    ),
    "import": (
        "Imports numbers in orders, and waits for the orders. Run it again to go on.",
        """\
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
""",
    ),
    "qualify": (
        "Puts numbers into qualification, and says what a person has to do next.",
        """\
result = await sinch.qualified_numbers.add_many(NUMBERS)
for number in result.succeeded:
    print(number.phone_number, number.global_process_state.name)
for failed in result.failed:
    print(failed.phone_number, failed.error, file=sys.stderr)
print("E-mail invoices that list them to orders@sinch.com: 1 to 3 business days.")
if result.failed:
    return 1
""",
    ),
    "text-enable": (
        "Text-enables numbers in one order, and waits for it. Run it again to go on.",
        f"""\
order = await sinch.qualified_numbers.text_enable(
    NUMBERS,
    region_code=REGION,
    service_plan_id=PLAN,
    campaign_id=CAMPAIGN,
    loa=LETTER,
    job=JOB,
    ledger=f"{{JOB}}.jsonl",
)
{_FOLLOW}""",
    ),
    "text-enable toll-free": (
        "Text-enables numbers in one order, and waits for it. Run it again to go on.",
        f"""\
order = await sinch.qualified_numbers.text_enable_toll_free(
    NUMBERS,
    region_code=REGION,
    service_plan_id=PLAN,
    loa=LETTER,
    job=JOB,
    ledger=f"{{JOB}}.jsonl",
)
{_FOLLOW}""",
    ),
    "onboard": (
        "Takes numbers from any state to text-enabled. Run it again to go on.",
        """\
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
""",
    ),
    "status": (
        "Shows how far an order is, and whom it waits for.",
        """\
order = await sinch.hosting_orders.get(ORDER_ID)
print(order.hosting_order_id, order.state.name)
waiting = order.waiting_on
if waiting is not None:
    print("waits for", waiting.who + ".", waiting.what_to_do)
report = await order.report()
print(report.total, "numbers,", report.sms_provisioned, "on the SMS platform")
async for number in order.numbers():
    print(number.phone_number, number.platform_provisioning.state.name)
""",
    ),
    "relink": (
        "Moves numbers to a service plan and campaign; each has no service meanwhile.",
        f"""\
result = await sinch.imported_numbers.relink_many(
    NUMBERS, service_plan_id=PLAN, campaign_id=CAMPAIGN
)
for number in result.succeeded:
    print(number.phone_number, number.sms_configuration.service_plan_id)
{_FAILURES}""",
    ),
    "delete": (
        "Takes numbers out of Sinch: they can no longer text.",
        f"""\
result = await sinch.imported_numbers.delete_many(NUMBERS)
for number in result.succeeded:
    print("deleted", number)
{_FAILURES}""",
    ),
    "challenge": (
        "Calls a number, and sends back the code that the voice says.",
        """\
await sinch.qualified_numbers.send_voice_challenge(NUMBER)
code = await asyncio.to_thread(input, "Code that the voice said: ")
number = await sinch.qualified_numbers.verify_voice_challenge(NUMBER, code)
print(number.phone_number, number.global_process_state.name)
""",
    ),
}
