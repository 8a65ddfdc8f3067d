"""What the service remembers: orders, numbers and letters. Every state lies on a time line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field, frozen

Json = dict[str, Any]
STEPS = ("osrUpdate", "campaignProvisioning", "platformProvisioning")
CARRIERS = ("smsAtt", "smsTmo", "mmsAtt", "mmsTmo")
PREFIX = "GLOBAL_PROCESS_STATE_"
NUMBER_STATES = {"COMPLETED": "DONE", "REJECTED": "FAILED", "IN_PROGRESS": "IN_PROGRESS"}
HOSTING = {"DONE": "HOSTING_DONE", "FAILED": "HOSTING_FAILED"}


@define
class Timeline:
    """States and the clock times from which they hold, in order."""

    points: list[tuple[float, str]]

    def at(self, time: float) -> str | None:
        """The state at a time; None where there was none yet."""
        return next((state for since, state in reversed(self.points) if since <= time), None)

    def since(self, time: float) -> float:
        """When the state of that time began."""
        return next((at for at, _ in reversed(self.points) if at <= time), self.points[0][0])

    def change(self, state: str, at: float) -> None:
        """Be in `state` from then on; what was to come later is forgotten."""
        self.points = [point for point in self.points if point[0] < at] + [(at, state)]


@define(eq=False, kw_only=True)
class Order:
    """A hosting order."""

    id: str
    type: str
    numbers: list[str]
    display_name: str
    plan: str
    campaign: str
    created: float
    line: Timeline
    region: str = "US"
    callback_url: str = ""
    nnid: str = ""
    letter: Json = field(factory=dict)
    """The letter's details as they came: of `directLoaInfo` and its like."""
    loa_type: str = ""
    migrate: bool | None = None
    scheduled: str = ""
    steps: dict[tuple[str, str], Timeline] = field(factory=dict)
    """Of single numbers (number, step), where they differ from the order's state."""
    announced: bool = False

    def step_state(self, number: str, step: str, time: float) -> str:
        """The state of one step of one number."""
        line = self.steps.get((number, step))
        own = line.at(time) if line else None
        return own or NUMBER_STATES.get(self.line.at(time) or "", "WAITING")


@define(eq=False, kw_only=True)
class Imported:
    """An imported number."""

    number: str
    region: str
    display_name: str
    plan: str
    campaign: str
    callback_url: str
    created: float
    linked_at: float
    """When the plan and campaign come into force, where no order decides it."""
    order: Order | None = None

    def link_state(self, time: float) -> str:
        """WAITING, IN_PROGRESS, DONE or FAILED."""
        if self.order is not None:
            return self.order.step_state(self.number, "platformProvisioning", time)
        return "DONE" if time >= self.linked_at else "WAITING"


@define(eq=False, kw_only=True)
class Qualified:
    """A number in qualification."""

    number: str
    region: str
    created: float
    line: Timeline
    code: str | None = None
    """What the last voice challenge said."""
    wrong_codes: int = 0
    order: Order | None = None

    def state(self, time: float) -> str:
        """Without the prefix; that of its order once there is one."""
        if self.order is not None:
            done = self.order.step_state(self.number, "platformProvisioning", time)
            return HOSTING.get(done, "HOSTING_IN_PROGRESS")
        return self.line.at(time) or self.line.points[0][1]


@frozen
class Letter:
    """A letter that a text-enable sent; the e-mail address is empty for a blanket letter."""

    email: str
    numbers: tuple[str, ...]
    display_name: str
    order_id: str
    time: float


@define(kw_only=True)
class Store:
    """All records, and their wire form."""

    clock: Callable[[], float]
    epoch: datetime
    project_id: str
    letter_field: str = "textEnableInfo"
    orders: dict[str, Order] = field(factory=dict)
    imported: dict[str, Imported] = field(factory=dict)
    qualified: dict[str, Qualified] = field(factory=dict)
    letters: list[Letter] = field(factory=list)
    secret: str = "callback-secret"
    started: float = field(init=False)
    _serial: itertools.count[int] = field(factory=itertools.count)

    def __attrs_post_init__(self) -> None:
        self.started = self.clock()

    def wall(self, time: float) -> datetime:
        """The wall-clock time of a time of the clock."""
        return self.epoch + timedelta(seconds=time - self.started)

    def stamp(self, time: float) -> str:
        """A time of the clock as the wire writes it."""
        return self.wall(time).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def new_id(self) -> str:
        """An order id that was not there before."""
        return f"01hosting{next(self._serial):017d}"

    def new_numbers(self, count: int) -> list[str]:
        """Numbers that were not there before."""
        return [f"+1613{next(self._serial) + 2_000_000:07d}" for _ in range(count)]

    def add_order(self, life: Iterable[tuple[float, str]], **fields: Any) -> Order:
        """Keep a new order whose life is given in times of the clock."""
        order = Order(id=self.new_id(), line=Timeline(list(life)), **fields)
        self.orders[order.id] = order
        return order

    # ------------------------------------------------------------- wire forms

    def order_json(self, order: Order, time: float, state: str | None = None) -> Json:
        """A hosting order, as it stood at a time, or in another state."""
        answer: Json = {
            "projectId": self.project_id,
            "hostingOrderId": order.id,
            "displayName": order.display_name,
            "regionCode": order.region,
            "state": state or order.line.at(time) or order.line.points[0][1],
            "type": order.type,
            "createdTime": self.stamp(order.created),
            "updatedTime": self.stamp(order.line.since(time)),
            "servicePlanId": order.plan,
            "campaignId": order.campaign,
            "callbackUrl": order.callback_url,
        }
        if order.scheduled:
            answer["scheduledOsrUpdateTime"] = order.scheduled
        if order.migrate is not None:
            answer["migrateToSinchTmo"] = order.migrate
        if order.loa_type:
            details = {**order.letter, "loaType": order.loa_type}
            answer[self.letter_field] = {**details, "nnid": order.nnid} if order.nnid else details
        return answer

    def order_number_json(self, order: Order, number: str, time: float) -> Json:
        """A number of a hosting order."""
        osr, campaign, platform = (order.step_state(number, step, time) for step in STEPS)
        carrier = {"state": platform, "updateTime": self.stamp(order.line.since(time))}
        return {
            "projectId": self.project_id,
            "hostingOrderId": order.id,
            "phoneNumber": number,
            "osrUpdate": {"nnid": order.nnid, "state": osr},
            "campaignProvisioning": {"campaignId": order.campaign, "state": campaign},
            "platformProvisioning": {"servicePlanId": order.plan, "state": platform},
            **{name: dict(carrier) for name in CARRIERS},
        }

    def imported_json(self, number: Imported, time: float) -> Json:
        """An imported number, as single reads and lists show it."""
        state = number.link_state(time)
        wanted = {"servicePlanId": number.plan, "campaignId": number.campaign}
        changed = self.stamp(max(number.created, min(time, number.linked_at)))
        sms: Json = {"servicePlanId": "", "campaignId": ""}
        if state == "DONE":
            sms = dict(wanted)
        elif number.plan or number.campaign:
            sms["scheduledProvisioning"] = {**wanted, "status": state, "lastUpdatedTime": changed}
        common = {"type": "PROVISIONING", "state": state, "updateTime": changed}
        carrier = {"state": state, "operation": "PROVISIONING", "updateTime": changed}
        return {
            "phoneNumber": number.number,
            "projectId": self.project_id,
            "regionCode": number.region,
            "displayName": number.display_name,
            "callbackUrl": number.callback_url,
            "smsConfiguration": sms,
            "mnoConfiguration": {name: dict(carrier) for name in CARRIERS},
            "smsProvisioning": {"serviceType": "SMS", "serviceId": number.plan, **common},
            "campaignProvisioning": {
                "serviceType": "CAMPAIGN",
                "serviceId": number.campaign,
                **common,
            },
        }

    def qualified_json(self, number: Qualified, time: float, ownership: Mapping[str, str]) -> Json:
        """A number in qualification; `ownership` by state, where it is another than usual."""
        state = number.state(time)
        failed = state in ("VERIFICATION_FAILED", "VERIFICATION_BLOCKED")
        verified = "FAILED" if failed else "DONE" if state == "VERIFIED" else "WAITING"
        verified = ownership.get(state, verified)
        pending = state == "ELIGIBLE_CHECK_PENDING"
        eligible = "WAITING" if pending else "FAILED" if state == "NOT_ELIGIBLE" else "DONE"
        answer: Json = {
            "phoneNumber": number.number,
            "projectId": self.project_id,
            "regionCode": number.region,
            "globalProcessState": PREFIX + state,
            "osrEligibility": {"status": eligible},
            "ownershipVerification": {"status": verified},
            "createdTime": self.stamp(number.created),
            "updatedTime": self.stamp(number.line.since(time)),
        }
        if state in ("HOSTING_DONE", "HOSTING_FAILED"):
            answer["hostedNumber"] = {"status": 1 if state == "HOSTING_DONE" else 2}
        return answer
