"""What ``/_sandbox`` shows: the sandbox's records as JSON, for programs and for the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from attrs import asdict

from .clock import wire_time
from .order_lifecycle import report
from .records import CallbackRecord
from .wire import imported_response_json, order_json, order_number_json, qualified_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from .faults import Faults
    from .profiles import Profile
    from .records import (
        HostingOrder,
        ImportedNumber,
        Letter,
        Mail,
        QualifiedNumber,
        RequestRecord,
    )
    from .rules import Rules
    from .wire import Json

SHOWN = 100
"""How many of each kind the summary holds, newest last."""

LONGEST_BODY = 200
"""How many characters of a request's body the summary holds."""


class View(Protocol):
    """What there is to show of a sandbox; `Sandbox` says what each member means."""

    # ruff: noqa: D102
    project_id: str
    faults: Faults

    @property
    def seed(self) -> int: ...
    @property
    def now(self) -> datetime: ...
    @property
    def speed(self) -> float: ...
    @property
    def profile(self) -> Profile: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def requests(self) -> list[RequestRecord]: ...
    @property
    def callbacks(self) -> list[CallbackRecord]: ...
    @property
    def outbox(self) -> list[Mail]: ...
    @property
    def letters_sent(self) -> list[Letter]: ...
    def counts(self) -> dict[str, int]: ...
    def orders_created(self) -> list[HostingOrder]: ...
    def qualified_numbers(self, newest: int | None = None) -> list[QualifiedNumber]: ...
    def imported_numbers(self, newest: int | None = None) -> list[ImportedNumber]: ...
    def order(self, order: str) -> HostingOrder: ...
    def coming(self, subject: str) -> str: ...


def order_view(sandbox: View, order_id: str) -> Json:
    """One order with its numbers, report, history, and what happens next."""
    order = sandbox.order(order_id)
    project = sandbox.project_id
    return {
        **order_json(order, project),
        "numbers": [order_number_json(order, n, project) for n in order.numbers.values()],
        "report": report(order),
        "history": [{"time": wire_time(at), "state": state} for at, state in order.history],
        "reason": order.reason,
        "warning": order.warning,
        "next": sandbox.coming(order.hosting_order_id),
    }


def summary(sandbox: View) -> Json:
    """What the page shows: the newest of everything, and how many there are."""
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
        "requests": [
            {**line, "body": _abridged(line["body"])} for line in _records(sandbox.requests)
        ],
        "faults": [fault.json() for fault in sandbox.faults],
    }


def _abridged(body: Any) -> str:
    text = "" if body is None else json.dumps(body)
    return text if len(text) <= LONGEST_BODY else text[:LONGEST_BODY] + " ..."


def _order_line(sandbox: View, order: Any) -> Json:
    line = order_json(order, sandbox.project_id)
    return {
        **line,
        "numbers": len(order.numbers),
        "report": report(order),
        "warning": order.warning,
        "next": sandbox.coming(order.hosting_order_id),
    }


def _qualified_line(sandbox: View) -> Callable[[Any], Json]:
    return lambda number: {
        **qualified_json(number, sandbox.project_id, sandbox.rules),
        "invoicesReceived": number.invoices_received,
        "voiceCode": number.code,
    }


def _imported_line(sandbox: View) -> Callable[[Any], Json]:
    return lambda number: imported_response_json(number, sandbox.project_id, sandbox.rules)


def _records(records: list[Any], most: int = SHOWN) -> list[Json]:
    found = []
    for record in records[-most:]:
        line = record.json() if isinstance(record, CallbackRecord) else asdict(record)
        for name in ("time", "created", "sent"):
            if name in line:
                line[name] = wire_time(line[name])
        found.append(line)
    return found


def time_of(sandbox: View) -> Json:
    """The time, and how fast it goes."""
    return {"now": wire_time(sandbox.now.timestamp()), "speed": sandbox.speed}


def _every(records: list[Any]) -> list[Json]:
    return _records(records, len(records)) if records else []


VIEWS: dict[str, Callable[[View], Any]] = {
    "state": summary,
    "time": time_of,
    "rules": lambda sandbox: sandbox.rules.json(),
    "requests": lambda sandbox: _every(sandbox.requests),
    "callbacks": lambda sandbox: _every(sandbox.callbacks),
    "outbox": lambda sandbox: _every(sandbox.outbox),
    "letters": lambda sandbox: _every(sandbox.letters_sent),
    "faults": lambda sandbox: [fault.json() for fault in sandbox.faults],
    "orders": lambda sandbox: [_order_line(sandbox, order) for order in sandbox.orders_created()],
}
"""What GET shows, by name."""
