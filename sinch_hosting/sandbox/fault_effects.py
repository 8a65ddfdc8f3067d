"""Answers changed by faults: pages, tokens, enums, names, and lists of an earlier time."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar

from .lists import same_place
from .store import Bucket, Listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .faults import Fault
    from .order_lifecycle import OrderLifecycle
    from .records import HostingOrder, ImportedNumber, QualifiedNumber
    from .store import World

R = TypeVar("R", bound=Listed)
S = TypeVar("S", "HostingOrder", "QualifiedNumber")

_ENUMS = {"state", "type", "globalProcessState", "status", "operation", "serviceType", "loaType"}
_MOST_STEPS = 100


def unknown_values(answer: Any, value: str) -> Any:
    """Return *answer* with *value* in every enum, and with unknown fields in every object."""
    if isinstance(answer, list):
        return [unknown_values(item, value) for item in answer]
    if not isinstance(answer, dict):
        return answer
    bent = {name: unknown_values(item, value) for name, item in answer.items()}
    for name in _ENUMS & bent.keys():
        bent[name] = value if isinstance(bent[name], str) else 99
    return {**bent, "addedLater": {"by": ["the", "vendor"], "level": 1}}


def display_names(answer: Any, text: str | None) -> Any:
    """Return *answer* with *text* as every ``displayName``, or without them if it is ``None``."""
    if isinstance(answer, list):
        return [display_names(item, text) for item in answer]
    if not isinstance(answer, dict):
        return answer
    bent = {name: display_names(item, text) for name, item in answer.items()}
    if "displayName" in bent:
        del bent["displayName"]
        if text is not None:
            bent["displayName"] = text
    return bent


def lagging_orders(world: World, key: tuple[str, ...], seconds: float) -> Iterable[HostingOrder]:
    """Return the orders that were under *key* so many *seconds* ago, as they were."""
    state, *rest = key
    for order in _in_state(world.orders.values(), state, world.now - seconds):
        if [order.type, order.service_plan_id, order.campaign_id] == rest:
            yield order


def lagging_qualified(
    world: World, key: tuple[str, ...], seconds: float
) -> Iterable[QualifiedNumber]:
    """Return the qualified numbers that were in that state so many *seconds* ago, as they were."""
    return _in_state(world.qualified.values(), key[0], world.now - seconds)


def _in_state(records: Iterable[S], state: str, moment: float) -> Iterator[S]:
    """Yield copies of the *records* that were in that *state* at that *moment*, as they were."""
    for record in records:
        states = [entered for time, entered in record.history if time <= moment]
        if states and states[-1] == state:
            then = copy(record)
            then.state = state
            yield then


def lagging_imported(
    world: World, key: tuple[str, ...], seconds: float
) -> Iterable[ImportedNumber]:
    """Return the imported numbers under *key* that are at least so many *seconds* old."""
    moment = world.now - seconds
    for number in world.imported.values():
        if number.bucket == key and number.created <= moment:
            yield number


def as_bucket(records: Iterable[R], text: Callable[[R], str] | None = None) -> Bucket[R]:
    """Return a bucket of *records* in the order in which they were filed."""
    bucket: Bucket[R] = Bucket(text)
    for record in sorted(records, key=lambda record: record.entry):
        bucket.add(record)
    return bucket


def bent_page(fault: Fault, field: str, query: dict[str, str], answer: Any) -> Any:
    """Return the page *answer* without items (in *field*), or with its own token as the next."""
    if fault.kind == "empty_page":
        return {**answer, field: [], "nextPageToken": same_place(query, field, fault.hits + 1)}
    own = query.get("pageToken")
    return {**answer, "nextPageToken": own} if own and answer["nextPageToken"] else answer


def orders_to_move(world: World, fault: Fault, query: dict[str, str]) -> list[HostingOrder]:
    """Return the orders of the list's kind, or the one named, that can enter a next state."""
    wanted = str(fault.settings["order"])
    kind = (query.get("type"), query.get("servicePlanId"), query.get("campaignId"))
    return [
        order
        for order in world.orders.values()
        if (
            order.hosting_order_id == wanted
            if wanted
            else (order.type, order.service_plan_id, order.campaign_id) == kind
        )
        and world.clock.pending(("order", order.hosting_order_id)) is not None
    ]


def move_orders(life: OrderLifecycle, orders: Iterable[HostingOrder]) -> None:
    """Let *orders* enter their next state."""
    for order in orders:
        _next_state(order, life.hurry)


def _next_state(order: HostingOrder, hurry: Callable[[HostingOrder], str]) -> None:
    before = order.state
    for _ in range(_MOST_STEPS):
        if order.state != before or not hurry(order):
            return
