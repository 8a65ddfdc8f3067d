"""Seed files: what a sandbox holds when it starts, and what is said of mistakes in them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import sinch_hosting
from sinch_hosting.sandbox import Sandbox, seeding

N1, N2, N3 = "+12025550134", "+12025550135", "+12025550136"
SMS = {"servicePlanId": "plan", "campaignId": "campaign"}
ORDER = {"regionCode": "US", "numbers": [N3], **SMS}


def documented() -> dict[str, object]:
    """The example in the module's docstring."""
    text = seeding.__doc__ or ""
    block = text[text.index("{") : text.index("``rules``")]
    found: dict[str, object] = json.loads(block)
    return found


async def test_the_documented_example(tmp_path, open_api):
    """Each part of it is there, and served."""
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(documented()))
    async with Sandbox(speed=0, seed=1, seed_file=path) as sandbox:
        assert sandbox.rules.unqualified == 400
        assert sandbox.hmac_secret == "a secret for tests"
        assert sandbox.plan("+12025550139").osr == "INVALID_NNID"
        assert sandbox.qualified_number(N1).state == "VERIFIED"
        assert sandbox.imported_number(N2).platform.state == "DONE"
        assert [order.state for order in sandbox.orders_created()] == ["IN_PROGRESS"]
        assert [fault.kind for fault in sandbox.faults] == ["rate_limited"]
        api = await open_api(sandbox)
        assert [(await api("GET", f"/importedNumbers/{N2}"))[0] for _ in range(3)] == [
            429,
            429,
            200,
        ]
        assert sandbox.callbacks == []


async def test_the_example_of_the_guide(tmp_path):
    """The JSON on the page about the sandbox is a seed file."""
    page = Path(sinch_hosting.__file__).parent / "guides" / "sandbox.md"
    text = page.read_text(encoding="utf-8")
    path = tmp_path / "seed.json"
    path.write_text(re.findall(r"^```json\n(.*?)^```", text, re.S | re.M)[0])
    async with Sandbox(speed=0, seed_file=path) as sandbox:
        assert (
            sandbox.qualified_number("+12025550137").eligibility_error == "the carrier is unknown"
        )
        assert sandbox.imported_number(N2).platform.state == "DONE"
        assert sandbox.orders_created()[0].state == "IN_PROGRESS"
        assert len(sandbox.faults) == 1


@pytest.mark.parametrize(
    "state",
    [
        "ELIGIBLE_CHECK_PENDING",
        "GLOBAL_PROCESS_STATE_ELIGIBLE",
        "NOT_ELIGIBLE",
        "VERIFICATION_PENDING",
        "VERIFICATION_FAILED",
        "VERIFICATION_BLOCKED",
        "VERIFIED",
    ],
)
async def test_numbers_in_each_state(tmp_path, state):
    """A number stops where the file says."""
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"qualifiedNumbers": [{"phoneNumber": N1, "state": state}]}))
    async with Sandbox(speed=0, seed_file=path) as sandbox:
        assert sandbox.qualified_number(N1).state == state.removeprefix("GLOBAL_PROCESS_STATE_")


@pytest.mark.parametrize("state", ["SUBMITTED", "IN_PROGRESS", "COMPLETED", "REJECTED"])
async def test_orders_in_each_state(tmp_path, state):
    """An order is taken to its state; a rejected one has its reason."""
    path = tmp_path / "seed.json"
    order = {"operation": "ImportNumbers", "body": ORDER, "state": state, "reason": "no owner"}
    path.write_text(json.dumps({"hostingOrders": [order]}))
    async with Sandbox(speed=0, seed_file=path, profile="manual") as sandbox:
        found = sandbox.orders_created()[0]
        assert found.state == state
        assert found.reason == ("no owner" if state == "REJECTED" else "")


async def test_a_letter_that_waits(tmp_path, direct):
    """A text-enabling of numbers that the same file qualifies waits for its signature."""
    path = tmp_path / "seed.json"
    body = {**ORDER, "directLoaInfo": direct}
    seed = {
        "qualifiedNumbers": [{"phoneNumber": N3, "state": "VERIFIED"}],
        "hostingOrders": [
            {
                "operation": "TextEnableQualifiedNumbers",
                "body": body,
                "state": "WAITING_FOR_LOA_SIGNATURE",
            }
        ],
    }
    path.write_text(json.dumps(seed))
    async with Sandbox(speed=0, seed_file=path) as sandbox:
        assert [letter.to for letter in sandbox.letters_sent] == ["jo@example.com"]
        sandbox.sign_letter(sandbox.orders_created()[0])


async def test_a_number_on_its_way(tmp_path):
    """`"provisioned": false` leaves it in progress."""
    path = tmp_path / "seed.json"
    number = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": SMS, "provisioned": False}
    path.write_text(json.dumps({"importedNumbers": [number]}))
    async with Sandbox(speed=0, seed_file=path) as sandbox:
        assert sandbox.imported_number(N1).platform.state == "IN_PROGRESS"
        sandbox.advance(hours=1)
        assert sandbox.imported_number(N1).platform.state == "DONE"


MISTAKES = [
    ('{"rules": }', "line 1, column 11"),
    ('{\n "rules": {},\n "rules": {}\n}', "the key 'rules' stands twice"),
    ('{"ruels": {}}', "ruels is not known here; there are rules, "),
    ('{"rules": {"unqualified": 7}}', "rules: the rule unqualified is one of"),
    ('{"callbackConfiguration": {"secret": "x"}}', "callbackConfiguration.secret is not known"),
    ('{"plans": {"+1": {}}}', "plans.+1: number: '+1' is not a US or Canadian number"),
    ('{"plans": {"+12025550134": {"osr": 1}}}', "plans.+12025550134.osr must be a text"),
    ('{"qualifiedNumbers": {}}', "qualifiedNumbers must be a list"),
    ('{"qualifiedNumbers": [{}]}', "qualifiedNumbers[0].phoneNumber is missing"),
    (
        '{"qualifiedNumbers": [{"phoneNumber": "+12025550134", "state": "FINE"}]}',
        "qualifiedNumbers[0]: state: 'FINE' is none of",
    ),
    (
        '{"qualifiedNumbers": [{"phoneNumber": "+12025550134", "state": "HOSTING_DONE"}]}',
        "put it into hostingOrders",
    ),
    (
        '{"qualifiedNumbers": [{"phoneNumber": "+12025550134"}, {"phoneNumber": "+12025550134"}]}',
        "qualifiedNumbers[1]: ",
    ),
    ('{"importedNumbers": [{"phoneNumber": "+12025550134"}]}', "importedNumbers[0]: regionCode"),
    (
        '{"hostingOrders": [{"operation": "Order", "body": {}}]}',
        "hostingOrders[0]: operation: 'Order' is none of ImportNumbers",
    ),
    (
        '{"hostingOrders": [{"operation": "ImportNumbers", "body": {"regionCode": "US",'
        ' "numbers": ["1"], "servicePlanId": "p"}}]}',
        "hostingOrders[0]: body.numbers[0]: '1' is not a US or Canadian number",
    ),
    ('{"faults": [{"kind": "storm"}]}', "faults[0]: no fault is called 'storm'"),
    ('{"faults": [{"count": 1}]}', "faults[0]: "),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
async def test_a_mistake_is_named(tmp_path, text, said):
    """By file and key, or by line; nothing of the file is kept."""
    path = tmp_path / "seed.json"
    path.write_text(text)
    sandbox = Sandbox(speed=0, seed_file=path)
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        await sandbox.start()
    assert str(path) in str(caught.value)
    assert sandbox.counts()["qualifiedNumbers"] == 0


async def test_an_order_that_cannot_get_there(tmp_path):
    """An import order never waits for a signature."""
    path = tmp_path / "seed.json"
    order = {"operation": "ImportNumbers", "body": ORDER, "state": "WAITING_FOR_LOA_SIGNATURE"}
    path.write_text(json.dumps({"hostingOrders": [order]}))
    with pytest.raises(ValueError, match="cannot be reached, the order is COMPLETED"):
        await Sandbox(speed=0, seed_file=path).start()


async def test_the_state_goes_before_the_seed(tmp_path):
    """The seed counts at the first start only."""
    state, seed = tmp_path / "state.json", tmp_path / "seed.json"
    seed.write_text(json.dumps({"qualifiedNumbers": [{"phoneNumber": N1}]}))
    async with Sandbox(speed=0, state_file=state, seed_file=seed) as sandbox:
        sandbox.approve(N1)
    async with Sandbox(speed=0, state_file=state, seed_file=seed) as sandbox:
        assert sandbox.qualified_number(N1).state == "VERIFIED"


async def test_a_seed_file_that_is_not_there(tmp_path):
    """It is an `OSError` with its name."""
    with pytest.raises(OSError, match=r"none\.json"):
        await Sandbox(speed=0, seed_file=tmp_path / "none.json").start()
