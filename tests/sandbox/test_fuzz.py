"""schemathesis against the sandbox: no failure in any operation.

It runs on an overlay of the contract, for two reasons. Any operation may answer 400, 404, 409,
413 and 429, which the contract leaves out of most. And the contract's prose knows more than its
schemas (a number is E.164, an order has one letter): said as schemas, requests get deep enough
to change something, and a valid one that is refused is a failure.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.operation_ids import OPERATION_IDS

LOCAL = {"type": "string", "pattern": r"^\+1202555010[0-9]$"}
CALLED = {"type": "string", "pattern": r"^\+1202555020[0-9]$"}
LEAVING = {"type": "string", "pattern": r"^\+1202555030[0-9]$"}
FREE = {"type": "string", "pattern": r"^\+1833555010[0-9]$"}
ID = {"type": "string", "minLength": 1}
LETTERS = ("directLoaInfo", "resellerLoaInfo", "blanketLoaInfo")
# Whether these are accepted depends on what happened before, which no schema can say.
DEPENDS = ("UpdateImportedNumber", "SendVoiceChallenge", "VerifyVoiceChallenge")
# Each operation on a qualified number has numbers of its own: one deletes what others need.
NUMBERS = {
    "DeleteQualifiedNumber": LEAVING,
    "SendVoiceChallenge": CALLED,
    "VerifyVoiceChallenge": CALLED,
}


def overlay(document: dict[str, Any], sandbox: Sandbox, order_id: str) -> dict[str, Any]:
    """The contract with the statuses it leaves out, and its prose as schemas."""
    document = json.loads(json.dumps(document))
    for item in document["paths"].values():
        for method, operation in item.items():
            if method == "parameters":
                continue
            nested = operation["operationId"].endswith("CallbackConfiguration")
            error = {"$ref": f"#/components/responses/{'NestedError' if nested else 'Error'}"}
            for status in ("400", "404", "409", "413", "429"):
                operation["responses"].setdefault(status, error)
            if (numbers := NUMBERS.get(operation["operationId"])) is not None:
                named = {"name": "phoneNumber", "in": "path", "required": True, "schema": numbers}
                operation["parameters"] = [named, *operation.get("parameters", ())]
    _tighten(document["components"], sandbox, order_id)
    return dict(document)


def _tighten(components: dict[str, Any], sandbox: Sandbox, order_id: str) -> None:
    parameters, schemas = components["parameters"], components["schemas"]
    parameters["projectId"]["schema"] = {"type": "string", "enum": [sandbox.project_id]}
    parameters["hostingOrderId"]["schema"] = {"type": "string", "enum": [order_id]}
    parameters["phoneNumber"]["schema"] = LOCAL
    parameters["pageSize"]["schema"] = {"type": "integer", "minimum": 0, "maximum": 100_000}
    parameters["pageToken"]["schema"] = {"type": "string", "enum": [""]}
    parameters["numberPatternPattern"]["schema"] = {"type": "string", "pattern": r"^\+?[0-9]+$"}
    region, url = {"type": "string", "enum": ["US"]}, {"type": "string", "enum": ["", "http://x/"]}
    for name in ("ImportNumbers", "TextEnableNumbers", "TextEnableTollFreeNumbers"):
        number = FREE if "TollFree" in name else LOCAL
        most = 5 if name == "ImportNumbers" else 500
        numbers = {"type": "array", "items": number, "minItems": 1, "maxItems": most}
        schemas[f"{name}Request"]["properties"].update(
            regionCode=region,
            callbackUrl=url,
            servicePlanId=ID,
            numbers={**numbers, "uniqueItems": True},
        )
    schemas["TextEnableNumbersRequest"]["oneOf"] = [{"required": [name]} for name in LETTERS]
    toll_free = schemas["TextEnableTollFreeNumbersRequest"]["properties"]
    toll_free["scheduledZipwhipProvisioningTime"] = {"type": "string", "format": "date-time"}
    for name in ("campaignId", "nnid", "blanketLoaInfo"):
        toll_free[name] = {"not": {}}
    schemas["TextEnableNumbersRequest"]["properties"]["nnid"]["enum"] = ["104029"]
    toll_free["projectId"]["enum"] = [sandbox.project_id]
    schemas["AuthorizedPerson"]["properties"]["email"]["enum"] = ["jo@example.com"]
    added = {"type": "array", "items": LEAVING, "minItems": 1, "uniqueItems": True}
    schemas["BatchCreateQualifiedNumbersRequest"]["properties"]["phoneNumbers"] = added
    request = schemas["CreateImportedNumberRequest"]
    request["required"].append("phoneNumber")
    request["allOf"].append({"properties": {"phoneNumber": LOCAL, "regionCode": region}})
    linked = {"required": ["servicePlanId"], "properties": {"servicePlanId": ID}}
    request["allOf"].append({"properties": {"smsConfiguration": linked}})
    # The same schema describes requests and answers here, so a rule for the one would bind both.
    del schemas["ImportedNumber"]["properties"]["callbackUrl"]


CONFIG = "".join(
    f"""
[[operations]]
include-operation-id = "{name}"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 409]
"""
    for name in DEPENDS
)


async def prepare(sandbox: Sandbox, api: Any) -> str:
    """Bring in what the operations ask for; the id of an order."""
    free = [f"+1833555010{digit}" for digit in range(10)]
    local = [f"+1202555010{digit}" for digit in range(10)]
    api.qualify(*free, *local)
    others = [f"+12025550{kind}{digit:02}" for kind in (2, 3) for digit in range(10)]
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": others})
    return str(await api.text_enable(*local[:5]))


async def test_schemathesis_finds_no_failure(contract: Any, tmp_path: Path, open_api: Any) -> None:
    """All checks, in all phases, on all operations, with every operation reached for good."""
    if importlib.util.find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed")
    # A number is ELIGIBLE at once and stays so, however long this takes.
    held = {
        "check_eligibility": "immediate",
        "open_verification": "manual",
        "send_invoices": "manual",
        "complete": "manual",
    }
    rules = {"basic_per_second": None, "empty_campaign": 200}
    async with Sandbox(speed=1e5, seed=1, transitions=held, rules=rules) as sandbox:
        order_id = await prepare(sandbox, await open_api(sandbox))
        (tmp_path / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
        described = overlay(contract.document, sandbox, order_id)
        (tmp_path / "overlay.json").write_text(json.dumps(described, default=str))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", "overlay.json"),
            *("--url", sandbox.base_url, "--auth", f"{sandbox.key_id}:{sandbox.key_secret}"),
            *("--seed", "1", "--max-examples", "12", "--request-timeout", "10", "--no-color"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), 600)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, out.decode()[-8000:]
        seen: dict[str, Counter[int]] = defaultdict(Counter)
        for record in sandbox.requests:
            seen[record.operation][record.status] += 1
        assert not [name for name in OPERATION_IDS if not seen[name][200]], seen
        assert not [record for record in sandbox.requests if record.status >= 500]
