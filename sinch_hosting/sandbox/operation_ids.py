"""The contract's names of the 23 operations, and which of them read, write and list."""

from __future__ import annotations

from collections.abc import Mapping

LISTS: Mapping[str, str] = {
    "ListImportedNumbers": "importedNumbers",
    "ListHostingOrders": "hostingOrders",
    "ListHostingOrderNumbers": "numbers",
    "ListQualifiedNumbers": "qualifiedNumbers",
}
"""The operations that return a page, and the field of the answer that holds it."""

READS = (
    *LISTS,
    "GetImportedNumber",
    "GetHostingOrder",
    "GetHostingOrderReport",
    "GetHostingOrderNumber",
    "GetCallbackConfiguration",
    "GetQualifiedNumber",
)
"""The operations that change nothing."""

WRITES = (
    "ImportNumber",
    "DeleteImportedNumber",
    "UpdateImportedNumber",
    "ImportNumbers",
    "TextEnableHostingOrderNumbers",
    "TextEnableTollFreeHostingOrderNumbers",
    "UpdateCallbackConfiguration",
    "DeleteQualifiedNumber",
    "AddQualifiedNumbers",
    "TextEnableQualifiedNumbers",
    "TextEnableTollFreeQualifiedNumbers",
    "VerifyVoiceChallenge",
    "SendVoiceChallenge",
)
"""The operations that may change something."""

OPERATION_IDS = (*READS, *WRITES)
