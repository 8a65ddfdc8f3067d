"""Which operation a request is for, and what the contract says about its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from attrs import field, frozen

from . import checks
from .errors import Refusal, not_found
from .operation_ids import LISTS, WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .checks import Shape
    from .operations import Operations
    from .wire import Call, Json

Path: TypeAlias = tuple[str, ...]


@frozen
class Operation:
    """One of the 23 operations.

    Args:
        operation_id: the contract's name for it.
        perform: finds the method that does it.
        shape: what its body must look like; ``None`` where it takes none.
        required: the query parameters that must be there.
        nested: whether its errors (401 apart) come in the nested shape.
        body_optional: whether an empty body stands for no fields.

    ``writes`` says whether it may change anything, ``lists`` which field of its answer holds the
    page (``""`` where there is none).
    """

    operation_id: str
    perform: Callable[[Operations], Callable[[Call], Json]]
    shape: Shape | None = None
    required: tuple[str, ...] = ()
    nested: bool = False
    body_optional: bool = False
    writes: bool = field(init=False)
    lists: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "writes", self.operation_id in WRITES)
        object.__setattr__(self, "lists", LISTS.get(self.operation_id, ""))


_LINKED = ("servicePlanId", "campaignId")

TABLE: Mapping[Path, Mapping[str, Operation]] = {
    ("importedNumbers",): {
        "GET": Operation(
            "ListImportedNumbers",
            lambda o: o.imported.list,
            required=_LINKED,
        ),
        "POST": Operation(
            "ImportNumber",
            lambda o: o.imported.import_number,
            checks.CREATE_IMPORTED_NUMBER,
        ),
    },
    ("importedNumbers", "{phoneNumber}"): {
        "GET": Operation("GetImportedNumber", lambda o: o.imported.get),
        "DELETE": Operation("DeleteImportedNumber", lambda o: o.imported.delete),
        "PATCH": Operation(
            "UpdateImportedNumber",
            lambda o: o.imported.update,
            checks.UPDATE_IMPORTED_NUMBER,
        ),
    },
    ("hostingOrders",): {
        "GET": Operation(
            "ListHostingOrders",
            lambda o: o.orders.list,
            required=("states", "type", *_LINKED),
        ),
    },
    ("hostingOrders", "{hostingOrderId}"): {
        "GET": Operation("GetHostingOrder", lambda o: o.orders.get),
    },
    ("hostingOrders", "{hostingOrderId}", "report"): {
        "GET": Operation("GetHostingOrderReport", lambda o: o.orders.report),
    },
    ("hostingOrders", "{hostingOrderId}", "numbers"): {
        "GET": Operation("ListHostingOrderNumbers", lambda o: o.orders.numbers),
    },
    ("hostingOrders", "{hostingOrderId}", "numbers", "{phoneNumber}"): {
        "GET": Operation("GetHostingOrderNumber", lambda o: o.orders.number),
    },
    ("hostingOrders:importNumbers",): {
        "POST": Operation(
            "ImportNumbers",
            lambda o: o.creation.import_numbers,
            checks.IMPORT_NUMBERS,
        ),
    },
    ("hostingOrders:textEnableNumbers",): {
        "POST": Operation(
            "TextEnableHostingOrderNumbers",
            lambda o: o.creation.text_enable,
            checks.TEXT_ENABLE,
        ),
    },
    ("hostingOrders:textEnableTollFreeNumbers",): {
        "POST": Operation(
            "TextEnableTollFreeHostingOrderNumbers",
            lambda o: o.creation.text_enable_toll_free,
            checks.TEXT_ENABLE_TOLL_FREE,
        ),
    },
    ("callbackConfiguration",): {
        "GET": Operation("GetCallbackConfiguration", lambda o: o.callbacks.get, nested=True),
        "PATCH": Operation(
            "UpdateCallbackConfiguration",
            lambda o: o.callbacks.update,
            checks.CALLBACK_CONFIGURATION,
            nested=True,
            body_optional=True,
        ),
    },
    ("qualifiedNumbers",): {
        "GET": Operation(
            "ListQualifiedNumbers",
            lambda o: o.qualified.list,
            required=("states",),
        ),
    },
    ("qualifiedNumbers", "{phoneNumber}"): {
        "GET": Operation("GetQualifiedNumber", lambda o: o.qualified.get),
        "DELETE": Operation("DeleteQualifiedNumber", lambda o: o.qualified.delete),
    },
    ("qualifiedNumbers:addNumbers",): {
        "POST": Operation("AddQualifiedNumbers", lambda o: o.qualified.add, checks.ADD_NUMBERS),
    },
    ("qualifiedNumbers:textEnableNumbers",): {
        "POST": Operation(
            "TextEnableQualifiedNumbers",
            lambda o: o.creation.text_enable_qualified,
            checks.TEXT_ENABLE,
        ),
    },
    ("qualifiedNumbers:textEnableTollFreeNumbers",): {
        "POST": Operation(
            "TextEnableTollFreeQualifiedNumbers",
            lambda o: o.creation.text_enable_toll_free_qualified,
            checks.TEXT_ENABLE_TOLL_FREE,
        ),
    },
    ("qualifiedNumbers", "{phoneNumber}:verifyVoiceChallenge"): {
        "POST": Operation(
            "VerifyVoiceChallenge",
            lambda o: o.qualified.verify_voice_challenge,
            checks.VERIFY_CODE,
        ),
    },
    ("qualifiedNumbers", "{phoneNumber}:sendVoiceChallenge"): {
        "POST": Operation("SendVoiceChallenge", lambda o: o.qualified.send_voice_challenge),
    },
}
"""Every path below the project, and the operations on it by method."""

_PREFIX = "/v1/projects/"


def find(method: str, raw_path: str, project_id: str) -> tuple[Operation, dict[str, str]]:
    """Return the operation for a request, and its path parameters; raise `Refusal` (404, 405)."""
    parts = _parts(raw_path, project_id)
    template, values = _template(parts)
    methods = TABLE.get(template)
    if methods is None:
        raise not_found(raw_path)
    operation = methods.get(method)
    if operation is None:
        allowed = ", ".join(sorted(methods))
        raise Refusal(405, f"{method} is not allowed here", headers={"Allow": allowed})
    return operation, values


def _parts(raw_path: str, project_id: str) -> list[str]:
    if not raw_path.startswith(_PREFIX):
        raise not_found(raw_path)
    try:
        project, *parts = raw_path[len(_PREFIX) :].split("/")
        if "%" in raw_path:
            project, *parts = [unquote(part, errors="strict") for part in (project, *parts)]
    except UnicodeDecodeError as error:
        raise Refusal(400, "the path cannot be decoded") from error
    if project != project_id:
        raise not_found(f"project {project}")
    return parts


def _template(parts: list[str]) -> tuple[Path, dict[str, str]]:
    """Return the path with names in place of its parameters, and the parameters."""
    values: dict[str, str] = {}
    template = list(parts)
    if len(parts) > 1 and parts[0] == "hostingOrders":
        values["hostingOrderId"], template[1] = parts[1], "{hostingOrderId}"
        position = 3
    else:
        position = 1
    if len(parts) > position:
        phone_number, colon, verb = parts[position].partition(":")
        values["phoneNumber"] = phone_number
        template[position] = "{phoneNumber}" + colon + verb
    return tuple(template), values
