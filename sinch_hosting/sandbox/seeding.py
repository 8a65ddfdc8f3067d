"""Seed files: what a sandbox holds when it starts, written by hand as JSON.

Every key may be left out::

    {
      "rules": {"unqualified": 400},
      "callbackConfiguration": {"hmacSecret": "a secret for tests"},
      "plans": {"+12025550139": {"osr": "INVALID_NNID"}},
      "qualifiedNumbers": [{"phoneNumber": "+12025550134", "state": "VERIFIED"}],
      "importedNumbers": [
        {"phoneNumber": "+12025550135", "regionCode": "US", "provisioned": true,
         "smsConfiguration": {"servicePlanId": "plan", "campaignId": "campaign"}}
      ],
      "hostingOrders": [
        {"operation": "ImportNumbers", "state": "IN_PROGRESS",
         "body": {"regionCode": "US", "numbers": ["+12025550136"],
                  "servicePlanId": "plan", "campaignId": "campaign"}}
      ],
      "faults": [{"kind": "rate_limited", "count": 2}]
    }

``rules`` are those of `Rules`, ``plans`` those of `Plan` by number, ``faults`` the arguments of
`Faults.add`. A qualified number stops in its ``state`` (without the wire's prefix,
ELIGIBLE_CHECK_PENDING by default; ``reason`` says why it failed). An imported number is the body of
ImportNumber; with ``"provisioned": false`` it is still on its way. An order is the ``body`` of the
``operation`` that creates it, and is taken to its ``state``; ``reason`` says why it is REJECTED.
Everything is checked as a request would be, happens at the time at which the sandbox starts, and
sends no callbacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from . import checks
from .errors import Refusal
from .order_lifecycle import FINAL
from .records import ORDER_STATES, QUALIFICATION_PREFIX, QUALIFICATION_STATES, Plan
from .routes import TABLE
from .structures import Unreadable, read_file, structure
from .wire import Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .faults import Faults
    from .operations import Operations
    from .records import HostingOrder, QualifiedNumber
    from .routes import Operation
    from .store import World

_OPERATIONS = {
    operation.operation_id: operation
    for methods in TABLE.values()
    for operation in methods.values()
}
CREATES = (
    "ImportNumbers",
    "TextEnableHostingOrderNumbers",
    "TextEnableTollFreeHostingOrderNumbers",
    "TextEnableQualifiedNumbers",
    "TextEnableTollFreeQualifiedNumbers",
)
"""The operations that create an order."""

T = TypeVar("T")
R = TypeVar("R")

_BY_ORDERS = ("HOSTING_IN_PROGRESS", "HOSTING_DONE", "HOSTING_FAILED")
_MOST_STEPS = 100


@define(eq=False)
class SeededNumber:
    """A number in qualification, and where it stops."""

    phone_number: str = field(alias="phoneNumber")
    state: str = "ELIGIBLE_CHECK_PENDING"
    reason: str = "refused by the reviewer"


@define(eq=False)
class SeededOrder:
    """An order as a request creates it, and where it stops."""

    operation: str
    body: dict[str, Any]
    state: str = ""
    reason: str = "rejected by a reviewer"


@define(eq=False)
class Seed:
    """What a seed file may hold; the module says more."""

    rules: dict[str, Any] = field(factory=dict)
    callback_configuration: dict[str, str] = field(factory=dict, alias="callbackConfiguration")
    plans: dict[str, Plan] = field(factory=dict)
    qualified_numbers: list[SeededNumber] = field(factory=list, alias="qualifiedNumbers")
    imported_numbers: list[dict[str, Any]] = field(factory=list, alias="importedNumbers")
    hosting_orders: list[SeededOrder] = field(factory=list, alias="hostingOrders")
    faults: list[dict[str, Any]] = field(factory=list)


def read_seed(path: Path) -> Seed:
    """Return what a seed file holds.

    Raises `ValueError` that names the line or the key where it is wrong, `OSError` where it
    cannot be read.
    """
    read = read_file(path, "seed file")
    try:
        return structure(Seed, read)
    except Unreadable as error:
        raise Unreadable(f"{path}: {error}") from error


@define(eq=False)
class Seeding:
    """Puts a seed into an empty world. Errors are `ValueError` and name the key."""

    world: World
    operations: Operations
    faults: Faults

    def apply(self, seed: Seed) -> None:
        """Put everything of *seed* into the world; raise a `ValueError` that names the key."""
        emit, self.world.emit = self.world.emit, None
        try:
            with self.world.clock.still():
                self._apply(seed)
        finally:
            self.world.emit = emit

    def _apply(self, seed: Seed) -> None:
        self.world.rules = _at("rules", lambda rules: self.world.rules.changed(**rules), seed.rules)
        for key, secret in seed.callback_configuration.items():
            if key != "hmacSecret":
                raise Unreadable(f"callbackConfiguration.{key} is not known here: use hmacSecret")
            self.world.hmac_secret = secret
        for number, plan in seed.plans.items():
            self.world.plans[_at(f"plans.{number}", _checked, number)] = plan
        for at, qualified in enumerate(seed.qualified_numbers):
            _at(f"qualifiedNumbers[{at}]", self._qualify, qualified)
        for at, imported in enumerate(seed.imported_numbers):
            _at(f"importedNumbers[{at}]", self._import, imported)
        for at, order in enumerate(seed.hosting_orders):
            _at(f"hostingOrders[{at}]", self._order, order)
        for at, fault in enumerate(seed.faults):
            _at(f"faults[{at}]", lambda about: self.faults.add(**about), fault)

    def _qualify(self, seeded: SeededNumber) -> None:
        wanted = seeded.state.removeprefix(QUALIFICATION_PREFIX)
        if wanted not in QUALIFICATION_STATES[1:]:
            raise ValueError(f"state: {seeded.state!r} is none of {QUALIFICATION_STATES[1:]}")
        if wanted in _BY_ORDERS:
            raise ValueError(f"state: {wanted} comes from an order: put it into hostingOrders")
        self._request("AddQualifiedNumbers", {"phoneNumbers": [seeded.phone_number]})
        number = self.world.qualified[seeded.phone_number]
        qualification = self.operations.qualification
        if wanted == "VERIFIED":
            qualification.approve(number)
        elif wanted == "NOT_ELIGIBLE":
            qualification.refuse(number, seeded.reason)
        elif wanted == "VERIFICATION_BLOCKED":
            qualification.block(number, seeded.reason)
        else:
            failed = wanted == "VERIFICATION_FAILED"
            self._walk(number, "VERIFICATION_PENDING" if failed else wanted)
            if failed:
                qualification.refuse(number, seeded.reason)

    def _walk(self, number: QualifiedNumber, wanted: str) -> None:
        """Let happen what is planned until the number is in that state."""
        for _ in range(_MOST_STEPS):
            if number.state == wanted:
                return
            self.world.clock.trigger(("qualified", number.phone_number))
        raise ValueError(f"state: {wanted} cannot be reached, the number is {number.state}")

    def _import(self, seeded: dict[str, Any]) -> None:
        body = dict(seeded)
        provisioned = body.pop("provisioned", True)
        if not isinstance(provisioned, bool):
            raise ValueError("provisioned: must be true or false")
        self._request("ImportNumber", body)
        subject = ("imported", str(body["phoneNumber"]))
        while provisioned and self.world.clock.trigger(subject):
            pass

    def _order(self, seeded: SeededOrder) -> None:
        if seeded.operation not in CREATES:
            raise ValueError(f"operation: {seeded.operation!r} is none of {', '.join(CREATES)}")
        if seeded.state not in ("", *ORDER_STATES[1:]):
            raise ValueError(f"state: {seeded.state!r} is none of {', '.join(ORDER_STATES[1:])}")
        created = self._request(seeded.operation, seeded.body, "body.")
        order = self.world.orders[created["hostingOrderId"]]
        if seeded.state == "REJECTED":
            self.operations.order_lifecycle.reject(order, seeded.reason)
        elif seeded.state:
            self._take(order, seeded.state)

    def _take(self, order: HostingOrder, wanted: str) -> None:
        """Let happen what the order waits for until it is in that state."""
        for _ in range(_MOST_STEPS):
            if order.state == wanted:
                return
            if order.state in FINAL or not self.operations.order_lifecycle.hurry(order):
                break
        raise ValueError(f"state: {wanted} cannot be reached, the order is {order.state}")

    def _request(self, operation_id: str, body: dict[str, Any], prefix: str = "") -> Any:
        """Do what a request with that *body* does; raise a `ValueError` that names the field."""
        operation: Operation = _OPERATIONS[operation_id]
        try:
            assert operation.shape is not None  # noqa: S101 - each of them takes a body
            body = checks.check_shape(body, operation.shape)
            return operation.perform(self.operations)(Call({}, {}, body))
        except Refusal as refusal:
            if refusal.violations:
                field_name, what = refusal.violations[0]
                raise ValueError(f"{prefix}{field_name}: {what}") from refusal
            raise ValueError(refusal.message) from refusal


def _checked(number: str) -> str:
    return checks.check_phone(number, "number")


def _at(key: str, action: Callable[[T], R], subject: T) -> R:
    """Call *action* with *subject*, and return its result. Its errors name the *key*."""
    try:
        return action(subject)
    except (ValueError, TypeError, Refusal) as error:
        raise Unreadable(f"{key}: {error}") from error
