"""A client that is generated from the contract, and shares no code with ours, calls the sandbox."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.operation_ids import OPERATION_IDS

CONTRACT = Path(__file__).parents[1] / "contract" / "imported-hosting.openapi.yaml"
NAME = "generated_client"
N1, N2, N3, N4 = (f"+1202555014{digit}" for digit in range(4))
FREE1, FREE2 = "+18335550140", "+18335550141"
LINKED = {"servicePlanId": "plan", "campaignId": "campaign"}
PERSON = {"firstName": "Jo", "lastName": "Doe", "email": "jo@example.com"}
PLACE = ("buildingNumber", "street", "city", "state", "postalCode", "country")
LETTER = {
    "authorisedPerson": PERSON,
    "address": dict.fromkeys(PLACE, "x"),
    "currentVoiceCarrier": "Verizon",
}


@pytest.fixture
async def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """The folder of the client, generated anew, from which it can be imported."""
    if importlib.util.find_spec("openapi_python_client") is None:
        pytest.skip("openapi-python-client is not installed")
    (tmp_path / "config.yaml").write_text("post_hooks: []\n", encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--path", str(CONTRACT)),
        *("--meta", "none", "--output-path", NAME, "--config", "config.yaml"),
        *("--fail-on-warning",),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / NAME
    for module in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[module]


class Generated:
    """The generated client of one sandbox: an operation is called by its module's name."""

    def __init__(self, folder: Path, sandbox: Sandbox, token: str) -> None:
        self.sandbox = sandbox
        self.models = importlib.import_module(f"{NAME}.models")
        client = importlib.import_module(f"{NAME}.client").AuthenticatedClient
        self.client = client(
            base_url=sandbox.base_url, token=token, raise_on_unexpected_status=True
        )
        self.operations = dict(_operations(folder))

    async def __call__(self, operation: str, *path: str, body: Any = None, **query: Any) -> Any:
        """What an operation answered, as the generated model; fails for another status."""
        given = query if body is None else {**query, "body": body}
        answer = await self.operations[operation].asyncio_detailed(
            self.sandbox.project_id, *path, client=self.client, **given
        )
        assert answer.status_code == 200, (operation, answer.content)
        return answer.parsed

    def body(self, model: str, **fields: Any) -> Any:
        """A request's body as the generated model."""
        return getattr(self.models, model).from_dict(fields)


def _operations(folder: Path) -> Iterator[tuple[str, Any]]:
    for source in folder.glob("api/*/*.py"):
        if source.stem != "__init__":
            module = ".".join(source.relative_to(folder.parent).with_suffix("").parts)
            yield source.stem, importlib.import_module(module)


async def test_a_generated_client_calls_all_operations(generated, sandbox, api):
    """All 23 operations answer 200 with what the generated models can read."""
    sinch = Generated(generated, sandbox, await api.token())
    assert len(sinch.operations) == 23
    async with sinch.client:
        await imported_numbers(sinch)
        await qualified_numbers(sinch)
        await orders(sinch)
        await callbacks(sinch)
    seen = {record.operation for record in sandbox.requests if record.status == 200}
    assert seen == {*OPERATION_IDS, "token"}
    assert {record.status for record in sandbox.requests} == {200}


async def imported_numbers(sinch: Generated) -> None:
    """From import to deletion."""
    body = sinch.body("ImportedNumber", phoneNumber=N1, regionCode="US", smsConfiguration=LINKED)
    number = await sinch("import_number", body=body)
    assert number.sms_configuration.scheduled_provisioning.service_plan_id == "plan"
    sinch.sandbox.advance(days=1)
    number = await sinch("get_imported_number", N1)
    assert number.sms_configuration.service_plan_id == "plan"
    listed = await sinch(
        "list_imported_numbers", service_plan_id="plan", campaign_id="campaign", page_size=10
    )
    assert [each.phone_number for each in listed.imported_numbers] == [N1]
    body = sinch.body("ImportedNumber", displayName="Front desk")
    assert (await sinch("update_imported_number", N1, body=body)).display_name == "Front desk"
    await sinch("delete_imported_number", N1)


async def qualified_numbers(sinch: Generated) -> None:
    """From the first check to VERIFIED, by voice and by invoices."""
    numbers = [N1, N2, N3, FREE1, FREE2]
    body = sinch.body("BatchCreateQualifiedNumbersRequest", phoneNumbers=numbers)
    added = await sinch("add_qualified_numbers", body=body)
    assert [number.phone_number for number in added.qualified_numbers] == numbers
    sinch.sandbox.trigger(N1)
    await sinch("send_voice_challenge", N1)
    body = sinch.body("VerifyVoiceChallengeBody", code=sinch.sandbox.voice_code(N1))
    state = sinch.models.GlobalProcessState.GLOBAL_PROCESS_STATE_VERIFIED
    verified = await sinch("verify_voice_challenge", N1, body=body)
    assert verified.global_process_state is state
    sinch.sandbox.advance(days=10)
    assert (await sinch("get_qualified_number", N2)).global_process_state is state
    listed = await sinch("list_qualified_numbers", states=state)
    assert len(listed.qualified_numbers) == len(numbers)
    await sinch("delete_qualified_number", N1)


async def orders(sinch: Generated) -> None:
    """Five ways to an order, and five ways to look at one."""
    common = {"regionCode": "US", "servicePlanId": "plan"}
    local = {**common, "campaignId": "campaign", "directLoaInfo": LETTER}
    free = {**common, "projectId": sinch.sandbox.project_id, "directLoaInfo": LETTER}
    made = []
    for kind, number in (("hosting_order", N2), ("qualified", N3)):
        body = sinch.body("TextEnableNumbersRequest", **local, numbers=[number])
        made.append(await sinch(f"text_enable_{kind}_numbers", body=body))
    for kind, number in (("hosting_order", FREE1), ("qualified", FREE2)):
        # The generator makes no model of a schema that is an object and oneOf at once.
        name, body = f"text_enable_toll_free_{kind}_numbers", {**free, "numbers": [number]}
        made.append(await sinch(name, body=body))
    assert len({order.hosting_order_id for order in made}) == 4
    body = sinch.body("ImportNumbersRequest", **common, campaignId="campaign", numbers=[N4])
    imported = await sinch("import_numbers", body=body)
    order_id = imported.hosting_order_id
    assert (await sinch("get_hosting_order", order_id)).state is imported.state
    listed = await sinch(
        "list_hosting_orders",
        states=sinch.models.HostingOrderState.SUBMITTED,
        type_=sinch.models.HostingOrderType.IMPORT,
        service_plan_id="plan",
        campaign_id="campaign",
    )
    assert [order.hosting_order_id for order in listed.hosting_orders] == [order_id]
    sinch.sandbox.complete(order_id)
    assert (await sinch("get_hosting_order_report", order_id)).sms_provisioned == 1
    numbers = await sinch("list_hosting_order_numbers", order_id)
    assert [number.phone_number for number in numbers.numbers] == [N4]
    number = await sinch("get_hosting_order_number", order_id, N4)
    assert number.platform_provisioning.state is sinch.models.State.DONE


async def callbacks(sinch: Generated) -> None:
    """A secret is configured, and read."""
    body = sinch.body("CallbackConfigurationUpdate", hmacSecret="new")
    await sinch("update_callback_configuration", body=body)
    assert (await sinch("get_callback_configuration")).hmac_secret == "new"
