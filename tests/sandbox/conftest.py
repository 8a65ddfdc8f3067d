"""A sandbox whose clock is stepped by hand, and a plain client whose answers are all checked."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from jsonschema import Draft202012Validator

from sinch_hosting.sandbox import Sandbox

CONTRACT = Path(__file__).parents[1] / "contract" / "imported-hosting.openapi.yaml"
ANY_OPERATION = ("400", "404", "405", "409", "413", "421", "422", "429")
# Fields that the vendor's examples show and its schemas do not.
BEYOND = {"numberImport"}


class Contract:
    """The contract, as something that can tell a valid answer from others."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.paths = {
            path: re.compile("^" + re.sub(r"\\\{\w+\\\}", "[^/:]+", re.escape(path)) + "$")
            for path in document["paths"]
        }

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The operation for a request, or None."""
        for template, pattern in self.paths.items():
            if pattern.match(path):
                found: dict[str, Any] | None = self.document["paths"][template].get(method.lower())
                return found
        return None

    def check(self, method: str, path: str, status: int, raw: bytes, kind: str) -> None:
        """Raises AssertionError for an answer that the contract does not allow."""
        operation = self.operation(method, path)
        if operation is None:
            assert status in {400, 401, 404, 405}, (method, path, status)
            self._validate({"$ref": "#/components/schemas/ErrorResponse"}, json.loads(raw))
            return
        declared = operation["responses"].get(str(status))
        if declared is None:
            assert str(status) in ANY_OPERATION, (operation["operationId"], status)
            nested = operation["operationId"].endswith("CallbackConfiguration")
            name = "NestedErrorResponse" if nested else "ErrorResponse"
            schema: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
        else:
            schema = (
                self._resolve(declared)
                .get("content", {})
                .get("application/json", {})
                .get("schema", {})
            )
        assert kind.startswith("application/json"), kind
        self._validate(schema, json.loads(raw))

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            reference = node["$ref"]
            node = self.document
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]
        return node

    def _validate(self, schema: dict[str, Any], value: Any) -> None:
        Draft202012Validator({**self.document, **schema}).validate(value)
        self._check_known(schema, value)

    def _check_known(self, schema: dict[str, Any], value: Any) -> None:
        """Every field is one that the contract knows: a misspelt one would validate else."""
        schema = self._resolve(schema)
        if isinstance(value, list):
            for item in value:
                self._check_known(schema.get("items", {}), item)
        properties = dict(schema.get("properties", {}))
        for part in schema.get("allOf", ()):
            properties.update(self._resolve(part).get("properties", {}))
        if isinstance(value, dict) and properties:
            assert set(value) <= {*properties, *BEYOND}, set(value) - set(properties)
            for name, item in value.items():
                self._check_known(properties.get(name, {}), item)


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract."""
    return Contract(yaml.safe_load(CONTRACT.read_text(encoding="utf-8")))


class Api:
    """A plain client of one sandbox. Calls answer the status and the decoded body."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.root = f"{sandbox.base_url}/v1/projects/{sandbox.project_id}"
        self.basic = {
            "Authorization": aiohttp.encode_basic_auth(sandbox.key_id, sandbox.key_secret)
        }
        # Bought without a request, which the log would show; Basic is limited.
        bought = sandbox._credentials.issue(
            self.basic["Authorization"], b"grant_type=client_credentials", None
        )
        self.headers = {"Authorization": f"Bearer {bought['access_token']}"}
        authorization = self.headers["Authorization"]
        self.head = f"Host: 127.0.0.1:{sandbox.port}\r\nAuthorization: {authorization}\r\n"

    async def __call__(
        self, method: str, path: str, body: Any = None, **query: str
    ) -> tuple[int, Any]:
        """The status and the body of the answer to a call below the project."""
        async with self.session.request(
            method, self.root + path, json=body, params=query, headers=self.headers
        ) as response:
            return response.status, await response.json()

    async def ok(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The body of a 200."""
        status, answer = await self(method, path, body, **query)
        assert status == 200, answer
        return answer

    async def token(self) -> str:
        """A new token."""
        async with self.session.post(
            self.sandbox.auth_url,
            data={"grant_type": "client_credentials"},
            headers=self.basic,
        ) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return str(answer["access_token"])

    def qualify(self, *numbers: str) -> None:
        """Have numbers VERIFIED that are not in qualification, without a request."""
        for number in numbers:
            if number not in self.sandbox._world.qualified:
                self.sandbox._operations.qualification.begin(number)
                self.sandbox.approve(number)

    async def text_enable(self, *numbers: str, **changes: Any) -> str:
        """The id of a new text-enabling order of qualified numbers, with a direct letter."""
        self.qualify(*numbers)
        body = {**text_enable_body(*numbers), **changes}
        body = {name: value for name, value in body.items() if value is not None}
        answer = await self.ok("POST", "/hostingOrders:textEnableNumbers", body)
        return str(answer["hostingOrderId"])

    async def import_numbers(self, *numbers: str, **changes: Any) -> str:
        """The id of a new import order."""
        body = {
            "regionCode": "US",
            "numbers": list(numbers),
            "servicePlanId": "plan",
            "campaignId": "campaign",
            **changes,
        }
        answer = await self.ok("POST", "/hostingOrders:importNumbers", body)
        return str(answer["hostingOrderId"])

    async def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A call below /_sandbox."""
        url = f"{self.sandbox.base_url}/_sandbox/{path}"
        async with self.session.request(method, url, json=body) as response:
            return response.status, await response.json()


DIRECT = {
    "authorisedPerson": {"firstName": "Jo", "lastName": "Doe", "email": "jo@example.com"},
    "address": {
        "buildingNumber": "1",
        "street": "Main St",
        "city": "Albany",
        "state": "NY",
        "postalCode": "12207",
        "country": "US",
    },
    "currentVoiceCarrier": "Verizon",
}


def text_enable_body(*numbers: str) -> dict[str, Any]:
    """A request to text-enable numbers."""
    return {
        "regionCode": "US",
        "numbers": list(numbers) or ["+12025550134"],
        "servicePlanId": "plan",
        "campaignId": "campaign",
        "directLoaInfo": DIRECT,
    }


@pytest.fixture
def direct() -> dict[str, Any]:
    """A direct letter."""
    return DIRECT


@pytest.fixture
def enable_body() -> Callable[..., dict[str, Any]]:
    """Makes a request to text-enable numbers."""
    return text_enable_body


@pytest.fixture
async def open_api(contract: Contract) -> AsyncIterator[Callable[[Sandbox], Awaitable[Api]]]:
    """Opens plain clients; all that a sandbox answers is checked against the contract on the way.

    Answers that a fault has bent are not: they are meant to be wrong.
    """
    sessions: list[aiohttp.ClientSession] = []

    async def opened(sandbox: Sandbox) -> Api:
        async def check(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            response = await handler(request)
            path = response.url.path
            bent = sandbox.requests and sandbox.requests[-1].fault
            if path.startswith("/v1/") and not bent:
                raw = await response.read()
                contract.check(request.method, path, response.status, raw, response.content_type)
            return response

        session = aiohttp.ClientSession(middlewares=(check,))
        sessions.append(session)
        return Api(sandbox, session)

    yield opened
    for session in sessions:
        await session.close()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox whose clock is stepped by hand."""
    async with Sandbox(speed=0, seed=1, hmac_secret="the-secret") as running:
        yield running


@pytest.fixture
async def api(sandbox: Sandbox, open_api: Callable[[Sandbox], Awaitable[Api]]) -> Api:
    """A plain client of `sandbox`."""
    return await open_api(sandbox)
