"""A plain client, and requests to send with it."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from . import Service

N1, N2, TOLL_FREE = "+12025550134", "+12025550135", "+18335870229"
PLACE = {"servicePlanId": "plan", "campaignId": "campaign"}
ORDERS = {**PLACE, "type": "TYPE_TEXT_ENABLE", "states": "SUBMITTED"}
ADDRESS = ("buildingNumber", "street", "city", "state", "postalCode", "country")
LETTER = {
    "authorisedPerson": {"firstName": "John", "lastName": "Doe", "email": "john@email.com"},
    "address": dict.fromkeys(ADDRESS, "x"),
    "currentVoiceCarrier": "Verizon",
}
ENABLE = {"regionCode": "US", "numbers": [N1], **PLACE, "directLoaInfo": LETTER}
IMPORT = {"regionCode": "US", "numbers": [N1, N2], **PLACE, "displayName": "My Order"}
TEXT_ENABLE = "/hostingOrders:textEnableNumbers"
ORDER_IMPORT = "/hostingOrders:importNumbers"


class Api:
    """A plain client of one service."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self.service, self.session = service, session
        self.root = f"{service.base_url}/v1/projects/{service.project_id}"
        self.basic = aiohttp.encode_basic_auth(service.key_id, service.key_secret)
        self.headers = {"Authorization": self.basic}

    async def raw(
        self, method: str, path: str, body: Any = None, **query: Any
    ) -> tuple[int, bytes, Any]:
        """Status, body and headers of an answer."""
        async with self.session.request(
            method, self.root + path, json=body, params=query, headers=self.headers
        ) as response:
            return response.status, await response.read(), response.headers

    async def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON of a 200."""
        status, answer, _ = await self.raw(method, path, body, **query)
        assert status == 200, answer
        return json.loads(answer) if answer else None

    async def token(self) -> int:
        """Use a new token from here on; the status of the token endpoint."""
        data = {"grant_type": "client_credentials"}
        headers = {"Authorization": self.basic}
        async with self.session.post(self.service.auth_url, data=data, headers=headers) as answer:
            given = await answer.json()
            self.headers = {"Authorization": f"Bearer {given['access_token']}"}
            return answer.status

    async def walk(self, path: str, key: str, **query: Any) -> list[list[Any]]:
        """All pages of a list."""
        page = await self("GET", path, **query)
        pages = [page[key]]
        while token := page.get("nextPageToken"):
            page = await self("GET", path, **query, pageToken=token)
            pages.append(page[key])
        return pages

    async def ids(self, **query: Any) -> list[str]:
        """The ids of all orders in a list."""
        pages = await self.walk("/hostingOrders", "hostingOrders", **{**ORDERS, **query})
        return [order["hostingOrderId"] for page in pages for order in page]
