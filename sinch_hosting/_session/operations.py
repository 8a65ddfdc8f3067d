"""The 23 operations of the contract: method, path, and whether each may be sent again."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import quote

from ..models._checks import check_phone_number


class Failure(Enum):
    """The failures after which another try may succeed."""

    NEVER_SENT = "the connection never opened"
    TOO_MANY = "429: refused before anything was done"
    RESPONSE_LOST = "no answer, one that may pass (`is_transient`), or a 2xx that is no JSON"


class Retryability(Enum):
    """What sending an operation again does."""

    READ = "changes nothing"
    SAFE = "changes something, and leaves it the same when done twice: delete, patch"
    CREATE = "done twice it makes two, and maybe mails a second letter"
    NEVER = "rings a person's phone, or burns an attempt"


# A token that has expired is renewed and the request sent once more whatever its kind: a
# 401 is given before anything is done.
SENT_AGAIN_AFTER: dict[Retryability, frozenset[Failure]] = {
    Retryability.READ: frozenset(Failure),
    Retryability.SAFE: frozenset(Failure),
    Retryability.CREATE: frozenset({Failure.NEVER_SENT, Failure.TOO_MANY}),
    Retryability.NEVER: frozenset(),
}


class Operation:
    """One operation: its name in the contract, and how it goes over the wire."""

    def __init__(self, name: str, method: str, template: str, kind: Retryability) -> None:
        self.name = name
        self.method = method
        self.template = template
        self.kind = kind
        self.loses_answers = kind in (Retryability.CREATE, Retryability.NEVER)
        """Whether it is unknown what was done, where the response was lost."""

    def path(self, identifiers: Mapping[str, str]) -> str:
        """Return the path below the project; of the identifiers all but `+` is percent-encoded."""
        return self.template.format_map(
            {name: quote(value, safe="+") for name, value in identifiers.items()}
        )


def _table(*rows: tuple[Any, ...]) -> dict[str, Operation]:
    return {row[0]: Operation(*row) for row in rows}


_IMPORTED = "/importedNumbers"
_NUMBER = "/importedNumbers/{phone_number}"
_ORDERS = "/hostingOrders"
_ORDER = "/hostingOrders/{order_id}"
_QUALIFIED = "/qualifiedNumbers"
_CANDIDATE = "/qualifiedNumbers/{phone_number}"
_CALLBACKS = "/callbackConfiguration"

OPERATIONS = _table(
    ("ListImportedNumbers", "GET", _IMPORTED, Retryability.READ),
    ("ImportNumber", "POST", _IMPORTED, Retryability.CREATE),
    ("GetImportedNumber", "GET", _NUMBER, Retryability.READ),
    ("UpdateImportedNumber", "PATCH", _NUMBER, Retryability.SAFE),
    ("DeleteImportedNumber", "DELETE", _NUMBER, Retryability.SAFE),
    ("ListHostingOrders", "GET", _ORDERS, Retryability.READ),
    ("GetHostingOrder", "GET", _ORDER, Retryability.READ),
    ("GetHostingOrderReport", "GET", _ORDER + "/report", Retryability.READ),
    ("ListHostingOrderNumbers", "GET", _ORDER + "/numbers", Retryability.READ),
    ("GetHostingOrderNumber", "GET", _ORDER + "/numbers/{phone_number}", Retryability.READ),
    ("ImportNumbers", "POST", _ORDERS + ":importNumbers", Retryability.CREATE),
    ("TextEnableHostingOrderNumbers", "POST", _ORDERS + ":textEnableNumbers", Retryability.CREATE),
    (
        "TextEnableTollFreeHostingOrderNumbers",
        "POST",
        _ORDERS + ":textEnableTollFreeNumbers",
        Retryability.CREATE,
    ),
    ("GetCallbackConfiguration", "GET", _CALLBACKS, Retryability.READ),
    ("UpdateCallbackConfiguration", "PATCH", _CALLBACKS, Retryability.SAFE),
    ("ListQualifiedNumbers", "GET", _QUALIFIED, Retryability.READ),
    ("GetQualifiedNumber", "GET", _CANDIDATE, Retryability.READ),
    ("DeleteQualifiedNumber", "DELETE", _CANDIDATE, Retryability.SAFE),
    ("AddQualifiedNumbers", "POST", _QUALIFIED + ":addNumbers", Retryability.CREATE),
    ("TextEnableQualifiedNumbers", "POST", _QUALIFIED + ":textEnableNumbers", Retryability.CREATE),
    (
        "TextEnableTollFreeQualifiedNumbers",
        "POST",
        _QUALIFIED + ":textEnableTollFreeNumbers",
        Retryability.CREATE,
    ),
    ("VerifyVoiceChallenge", "POST", _CANDIDATE + ":verifyVoiceChallenge", Retryability.NEVER),
    ("SendVoiceChallenge", "POST", _CANDIDATE + ":sendVoiceChallenge", Retryability.NEVER),
)


def by_number(phone_number: str) -> dict[str, str]:
    """Return the identifiers in the path of an operation on one number."""
    return {"phone_number": check_phone_number(phone_number)}
