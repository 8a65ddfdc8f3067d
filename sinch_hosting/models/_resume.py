"""Tokens to go on waiting with: an order's ids as a small JSON text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from ..states import OrderType
from ._checks import check_any_text, check_identifier, check_text

if TYPE_CHECKING:
    from . import Order

VERSION = 1
_KIND = "hosting_order"
_LONGEST = 4096
_FIELDS = ("project_id", "hosting_order_id", "type", "service_plan_id", "campaign_id")


def write_token(order: Order) -> str:
    """The token of an order: its version and ids, no state and no secret."""
    ids = {name: getattr(order, name) for name in _FIELDS}
    if order.type == OrderType.UNSPECIFIED:
        del ids["type"]
    known = {name: str(value) for name, value in ids.items() if value is not None}
    return json.dumps({"version": VERSION, "kind": _KIND, **known}, separators=(",", ":"))


def read_token(text: str, project_id: str) -> dict[str, str]:
    """The ids in a token; `InvalidRequest` for what is none, or belongs to another project."""
    ids = _parse(text)
    unfit = [name for name in _FIELDS if not isinstance(ids.get(name, ""), str)]
    if unfit:
        raise _refused(text, f"must be a token: its {unfit[0]} is no text")
    check_identifier(ids.get("hosting_order_id"), "hosting_order_id")
    for name in ("project_id", "type"):
        if name in ids:  # a type that only a later version knows is fine: orders have such, too
            check_text(ids[name], name)
    for name in ("service_plan_id", "campaign_id"):
        check_any_text(ids.get(name, ""), name)  # an order may be linked to none
    if ids.get("project_id", project_id) != project_id:
        raise _refused(text, f"belongs to project {ids['project_id']}, not to the client's")
    return {name: ids[name] for name in _FIELDS if name in ids}


def _parse(text: object) -> dict[str, Any]:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise _refused(text, f"must be a token's text, at most {_LONGEST} characters")
    try:
        ids = json.loads(text)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, dict) or ids.get("kind") != _KIND:
        raise _refused(text, "must be what order.to_token() gave")
    version = ids.get("version")
    if type(version) is not int or version != VERSION:  # True and 1.0 equal 1
        raise _refused(text, f"has a version that this one ({VERSION}) cannot read")
    return ids


def _refused(text: object, rule: str) -> InvalidRequest:
    return InvalidRequest(field="token", value=text, rule=rule)
