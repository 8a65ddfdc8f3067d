"""`sinch-hosting api`: reads anything from the service, as JSON."""

from __future__ import annotations

import json
from typing import Literal

from .options import ACCOUNT, Account
from .output import print_text
from .settings import open_client, read_settings


async def api(method: Literal["GET"], path: str, /, *, account: Account = ACCOUNT) -> int:
    """Read anything from the service with your credentials.

    Prints the JSON that the service returns. It can only read.

    Example: `sinch-hosting api GET "hostingOrders?states=IN_PROGRESS&type=IMPORT&..."`

    Args:
        method: GET.
        path: The path below the project, such as `callbackConfiguration`, or a whole path from
            `/v1/` on.
    """
    del method  # there is but one
    async with open_client(read_settings(account)) as sinch:
        answer = await sinch.get_json(path)
    print_text(
        json.dumps(_without_secrets(answer), indent=None if account.format == "jsonl" else 1)
    )
    return 0


_SECRETS = ("hmacSecret", "hmac_secret", "access_token", "accessToken", "key_secret", "keySecret")


def _without_secrets(value: object) -> object:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if isinstance(value, dict):
        return {
            name: "***" if name in _SECRETS and item else _without_secrets(item)
            for name, item in value.items()
        }
    return value
