"""What ``/_sandbox`` shows: the sandbox's records as JSON, for programs and for the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import asdict

from .clock import wire_time
from .fault_kinds import EVENT_TYPES, GROUPS, KINDS, MEANINGS, reach_of
from .order_lifecycle import FINAL, report
from .records import CallbackRecord
from .wire import imported_response_json, order_json, order_number_json, qualified_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .handles import Handles
    from .records import (
        HostingOrder,
        RequestRecord,
    )
    from .wire import Json

T = TypeVar("T")

SHOWN = 100
"""How many of each kind the summary holds, newest last."""

LONGEST_BODY = 200
"""How many characters of a request's body the summary holds."""


def order_view(sandbox: Handles, order_id: str) -> Json:
    """Return one order with its numbers, report, history, and what happens next."""
    order = sandbox.order(order_id)
    project = sandbox.project_id
    return {
        **order_json(order, project),
        "numbers": [order_number_json(order, n, project) for n in order.numbers.values()],
        "report": report(order),
        "history": [{"time": wire_time(at), "state": state} for at, state in order.history],
        "reason": order.reason,
        "warning": order.warning,
        **_coming(sandbox, order),
    }


def _coming(sandbox: Handles, order: HostingOrder) -> Json:
    """Return what happens next to an order, when (`None`: a person has to do it), and in words."""
    name = sandbox.coming(order.hosting_order_id)
    due = sandbox.due(order.hosting_order_id)
    person = (order.letter_info or {}).get("authorisedPerson", {}).get("email", "")
    waits = _WAITS.get(name, "").format(person=person)
    if order.warning and not name and order.state not in FINAL:
        waits = f"nothing that can come: {order.warning}"
    return {"next": name, "nextTime": None if due is None else wire_time(due), "waitsFor": waits}


_WAITS = {
    "submit": "its submission",
    "send_letter": "the letter to be mailed",
    "sign_letter": "the signature of {person}",
    "start": "the service to start it",
    "osr_update": "the routing update (OSR)",
    "platform_provisioning": "the SMS platform",
    "campaign_provisioning": "the campaign",
    "carrier_provisioning": "the carriers",
    "complete": "its completion",
}
"""What an order waits for, by the name of its next transition."""


def summary(sandbox: Handles, wanted: Mapping[str, str]) -> Json:
    """Return what the page shows: the newest of everything, and how many there are.

    Its requests are those that fit what is *wanted*, as in `requests_view`.
    """
    requests = _fitting(sandbox, wanted)
    return {
        **time_of(sandbox),
        "projectId": sandbox.project_id,
        "seed": sandbox.seed,
        "profile": sandbox.profile.name,
        "counts": sandbox.counts(),
        "orders": [_order_line(sandbox, order) for order in sandbox.orders_created()[-SHOWN:]],
        "qualifiedNumbers": list(map(_qualified_line(sandbox), sandbox.qualified_numbers(SHOWN))),
        "importedNumbers": list(map(_imported_line(sandbox), sandbox.imported_numbers(SHOWN))),
        "outbox": _records(sandbox.outbox),
        "callbacks": _records(sandbox.callbacks),
        "requests": [{**line, "body": _abridged(line["body"])} for line in _records(requests)],
        "fitting": len(requests),
        "faults": [fault.json() for fault in sandbox.faults],
    }


def _abridged(body: Any) -> str:
    text = "" if body is None else json.dumps(body)
    return text if len(text) <= LONGEST_BODY else text[:LONGEST_BODY] + " ..."


def _order_line(sandbox: Handles, order: Any) -> Json:
    line = order_json(order, sandbox.project_id)
    return {
        **line,
        "numbers": len(order.numbers),
        "report": report(order),
        "warning": order.warning,
        "reason": order.reason,
        **_coming(sandbox, order),
    }


def _qualified_line(sandbox: Handles) -> Callable[[Any], Json]:
    return lambda number: {
        **qualified_json(number, sandbox.project_id, sandbox.rules),
        "invoicesReceived": number.invoices_received,
        "voiceCode": number.code,
        "next": sandbox.coming(number.phone_number),
    }


def _imported_line(sandbox: Handles) -> Callable[[Any], Json]:
    return lambda number: {
        **imported_response_json(number, sandbox.project_id, sandbox.rules),
        "next": sandbox.coming(number.phone_number),
    }


def _last(records: list[T], limit: int | None) -> list[T]:
    """Return the last *limit* records; all of them where it is `None`."""
    return records if limit is None else records[max(len(records) - limit, 0) :]


def _records(records: list[Any], limit: int | None = SHOWN) -> list[Json]:
    found = []
    for record in _last(records, limit):
        line = record.json() if isinstance(record, CallbackRecord) else asdict(record)
        for name in ("time", "created", "sent"):
            if name in line:
                line[name] = wire_time(line[name])
        found.append(line)
    return found


def time_of(sandbox: Handles) -> Json:
    """Return the time, and how fast it goes."""
    return {"now": wire_time(sandbox.now.timestamp()), "speed": sandbox.speed}


def request_view(sandbox: Handles, number: int) -> Json:
    """Return one request with its whole body; raise `LookupError` where it is not in the log."""
    for record in reversed(sandbox.requests):
        if record.number == number:
            return _records([record])[0]
    raise LookupError(f"there is no request {number} in the log")


def requests_view(
    sandbox: Handles, wanted: Mapping[str, str], limit: int | None = None
) -> list[Json]:
    """Return the requests with that ``operation``, ``status`` and ``order``, where they are wanted.

    A status is written ``200``, ``4xx``, or ``none`` where no answer was given. With a *limit* it
    is so many at most, the newest ones.
    """
    return _records(_fitting(sandbox, wanted), limit)


def _fitting(sandbox: Handles, wanted: Mapping[str, str]) -> list[RequestRecord]:
    if not wanted:
        return sandbox.requests
    operation, status, order = (wanted.get(name) for name in ("operation", "status", "order"))
    return [
        record
        for record in sandbox.requests
        if operation in (None, record.operation)
        and status in (None, *_statuses(record.status))
        and order in (None, record.order)
    ]


def _statuses(status: int) -> tuple[str, ...]:
    return (str(status), f"{status // 100}xx") if status else ("none", "0")


def numbers_view(sandbox: Handles, digits: str) -> list[Json]:
    """Return where the numbers with those *digits* are: in qualification, imported, in orders.

    Raises `ValueError` for fewer than three digits, as too many numbers would fit.
    """
    sought = "".join(filter(str.isdigit, digits))
    if len(sought) < LEAST_DIGITS:
        raise ValueError(f"search: must have {LEAST_DIGITS} digits or more, not {digits!r}")
    found: dict[str, Json] = {}

    def line(phone_number: str) -> Json:
        empty: Json = {"phoneNumber": phone_number, "orders": []}
        return found.setdefault(phone_number, empty)

    for qualified in sandbox.qualified_numbers():
        if sought in qualified.phone_number:
            line(qualified.phone_number)["qualification"] = qualified.state
    for imported in sandbox.imported_numbers():
        if sought in imported.phone_number:
            line(imported.phone_number)["imported"] = imported.platform.state
    for order in sandbox.orders_created():
        for number in order.numbers.values():
            if sought in number.phone_number:
                about = {"hostingOrderId": order.hosting_order_id, "state": order.state}
                steps = {"osr": number.osr, "platform": number.platform}
                line(number.phone_number)["orders"].append({**about, **steps})
    return list(found.values())


LEAST_DIGITS = 3
"""The digits that a search needs."""


def fault_kinds_view() -> Json:
    """Return the kinds of faults, with their settings and what each can strike."""
    return {
        kind: {
            "meaning": MEANINGS[kind],
            "settings": settings,
            "operations": _names_of(kind),
        }
        for kind, settings in KINDS.items()
    }


def _names_of(kind: str) -> list[str]:
    """Return what a fault of that *kind* may be limited to, the groups first."""
    reach = reach_of(kind)
    events = reach <= set(EVENT_TYPES)
    groups = [] if events else [name for name in GROUPS if name != "*" and GROUPS[name] & reach]
    return ["*", *groups, *sorted(reach)]


VIEWS: dict[str, Callable[[Handles, Mapping[str, str], int | None], Any]] = {
    "state": lambda sandbox, wanted, limit: summary(sandbox, wanted),
    "time": lambda sandbox, wanted, limit: time_of(sandbox),
    "rules": lambda sandbox, wanted, limit: sandbox.rules.json(),
    "requests": requests_view,
    "callbacks": lambda sandbox, wanted, limit: _records(sandbox.callbacks, limit),
    "outbox": lambda sandbox, wanted, limit: _records(sandbox.outbox, limit),
    "letters": lambda sandbox, wanted, limit: _records(sandbox.letters_sent, limit),
    "faults": lambda sandbox, wanted, limit: [fault.json() for fault in sandbox.faults],
    "fault-kinds": lambda sandbox, wanted, limit: fault_kinds_view(),
    "orders": lambda sandbox, wanted, limit: [
        _order_line(sandbox, order) for order in _last(sandbox.orders_created(), limit)
    ],
}
"""What GET shows, by name: what of it is wanted, and of lists the newest *limit* records."""
