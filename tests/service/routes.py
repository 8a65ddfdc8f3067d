"""The table of operations: method, path below the project, operation id, handler."""

from __future__ import annotations

import re
from urllib.parse import unquote

TABLE = """
GET /importedNumbers ListImportedNumbers list_imported
POST /importedNumbers ImportNumber import_number
GET /importedNumbers/{phoneNumber} GetImportedNumber get_imported
DELETE /importedNumbers/{phoneNumber} DeleteImportedNumber delete_imported
PATCH /importedNumbers/{phoneNumber} UpdateImportedNumber update_imported
GET /hostingOrders ListHostingOrders list_orders
GET /hostingOrders/{hostingOrderId} GetHostingOrder get_order
GET /hostingOrders/{hostingOrderId}/report GetHostingOrderReport report
GET /hostingOrders/{hostingOrderId}/numbers ListHostingOrderNumbers list_order_numbers
GET /hostingOrders/{hostingOrderId}/numbers/{phoneNumber} GetHostingOrderNumber get_order_number
POST /hostingOrders:importNumbers ImportNumbers import_numbers
POST /hostingOrders:textEnableNumbers TextEnableHostingOrderNumbers text_enable
POST /hostingOrders:textEnableTollFreeNumbers TextEnableTollFreeHostingOrderNumbers toll_free
GET /callbackConfiguration GetCallbackConfiguration get_callbacks
PATCH /callbackConfiguration UpdateCallbackConfiguration update_callbacks
GET /qualifiedNumbers ListQualifiedNumbers list_qualified
GET /qualifiedNumbers/{phoneNumber} GetQualifiedNumber get_qualified
DELETE /qualifiedNumbers/{phoneNumber} DeleteQualifiedNumber delete_qualified
POST /qualifiedNumbers:addNumbers AddQualifiedNumbers add_qualified
POST /qualifiedNumbers:textEnableNumbers TextEnableQualifiedNumbers text_enable
POST /qualifiedNumbers:textEnableTollFreeNumbers TextEnableTollFreeQualifiedNumbers toll_free
POST /qualifiedNumbers/{phoneNumber}:verifyVoiceChallenge VerifyVoiceChallenge verify_challenge
POST /qualifiedNumbers/{phoneNumber}:sendVoiceChallenge SendVoiceChallenge send_challenge
"""
ROUTES: list[tuple[str, re.Pattern[str], str, str]] = [
    (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", path)), operation, handler)
    for method, path, operation, handler in map(str.split, TABLE.strip().splitlines())
]
OPERATIONS = tuple(operation for _, _, operation, _ in ROUTES)
LISTS = tuple(operation for operation in OPERATIONS if operation.startswith("List"))
TEXT_ENABLES = tuple(operation for operation in OPERATIONS if operation.startswith("TextEnable"))
CREATES = ("ImportNumbers", *TEXT_ENABLES)
"""The five operations that make an order."""


def route(method: str, path: str) -> tuple[str, str, dict[str, str]] | int:
    """Operation id, handler and path parameters; 404 or 405 where there is none."""
    status = 404
    for its_method, pattern, operation, handler in ROUTES:
        found = pattern.fullmatch(path)
        if found and its_method == method:
            values = {name: unquote(value) for name, value in found.groupdict().items()}
            return operation, handler, values
        status = 405 if found else status
    return status
