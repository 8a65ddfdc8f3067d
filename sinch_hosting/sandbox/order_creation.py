"""The five operations that create orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from .checks import (
    check_callback_url,
    check_email,
    check_filled,
    check_numbers,
    check_region,
    parse_time,
)
from .clock import LATEST
from .errors import Refusal, conflict, failed_precondition, invalid, not_found, shown
from .number_lifecycle import refuse_imported
from .records import UNSPECIFIED, HostingOrder, OrderNumber
from .rules import DEFAULT_NNID
from .store import is_toll_free
from .wire import Call, Json, order_json

if TYPE_CHECKING:
    from .order_lifecycle import OrderLifecycle
    from .records import QualifiedNumber
    from .store import World

TEXT_ENABLE_LIMIT = 500
"""The numbers in one text-enabling request."""
QUALIFIED = frozenset({"VERIFIED", "HOSTING_IN_PROGRESS", "HOSTING_FAILED"})
"""The states in which a qualified number may be text-enabled (again)."""


@define(eq=False)
class OrderCreation:
    """Checks what a schema cannot say, and starts orders."""

    world: World
    life: OrderLifecycle

    def import_numbers(self, call: Call) -> Json:
        """ImportNumbers."""
        order = self._order(call.body, "IMPORT", self.world.import_limit)
        order.migrate_to_sinch_tmo = call.body.get("migrateToSinchTmo", False)
        self._refuse_hosted(order)
        return self._start(order)

    def text_enable(self, call: Call) -> Json:
        """TextEnableHostingOrderNumbers."""
        order = self._text_enable_order(call.body)
        self._refuse_hosted(order)
        self._refuse_never_qualified(order)
        return self._start(order)

    def text_enable_qualified(self, call: Call) -> Json:
        """TextEnableQualifiedNumbers: returns the id alone."""
        order = self._text_enable_order(call.body)
        self._refuse_unqualified(order)
        return {"hostingOrderId": self._start(order)["hostingOrderId"]}

    def text_enable_toll_free(self, call: Call) -> Json:
        """TextEnableTollFreeHostingOrderNumbers."""
        order = self._toll_free_order(call.body)
        self._refuse_hosted(order)
        self._refuse_never_qualified(order)
        return self._start(order)

    def text_enable_toll_free_qualified(self, call: Call) -> Json:
        """TextEnableTollFreeQualifiedNumbers."""
        order = self._toll_free_order(call.body)
        self._refuse_unqualified(order)
        return self._start(order)

    def _start(self, order: HostingOrder) -> Json:
        self.life.begin(order)
        return order_json(order, self.world.project_id)

    def _order(self, body: Json, kind: str, most: int) -> HostingOrder:
        region = check_region(body["regionCode"])
        numbers = check_numbers(body["numbers"], "numbers", most, region)
        plan = check_filled(body["servicePlanId"], "servicePlanId")
        campaign_id, now = body.get("campaignId", ""), self.world.now
        before = "WAITING" if campaign_id else UNSPECIFIED
        return HostingOrder(
            hosting_order_id=self.world.identifier(),
            type=kind,
            region_code=region,
            service_plan_id=plan,
            campaign_id=campaign_id,
            display_name=body.get("displayName", ""),
            callback_url=check_callback_url(body.get("callbackUrl", "")),
            numbers={
                number: OrderNumber(number, campaign=before, updated=now) for number in numbers
            },
            created=now,
            updated=now,
            nnid=body.get("nnid") or DEFAULT_NNID,
        )

    def _text_enable_order(self, body: Json) -> HostingOrder:
        order = self._order(body, "TYPE_TEXT_ENABLE", TEXT_ENABLE_LIMIT)
        _set_letter(order, body, ("directLoaInfo", "resellerLoaInfo", "blanketLoaInfo"))
        self._check_routing(order)
        if self.world.rules.migrate == "everywhere":
            order.migrate_to_sinch_tmo = body.get("migrateToSinchTmo", False)
        for position, number in enumerate(order.numbers):
            if is_toll_free(number):
                raise invalid(f"numbers[{position}]", f"{number} is toll-free")
        if "scheduledOsrUpdateTime" in body:
            order.scheduled = _schedule(body, "scheduledOsrUpdateTime", zone_required=True)
        return order

    def _toll_free_order(self, body: Json) -> HostingOrder:
        project = self.world.project_id
        if (
            body.get("projectId", "" if self.world.rules.missing_project != 200 else project)
            != project
        ):
            raise invalid("projectId", "is required, and is that of the path")
        order = self._order(body, "TYPE_TEXT_ENABLE", TEXT_ENABLE_LIMIT)
        order.toll_free = True
        for name in ("campaignId", "nnid", "blanketLoaInfo"):
            if name in body:
                raise invalid(name, "has no place in a toll-free request")
        _set_letter(order, body, ("directLoaInfo", "resellerLoaInfo"))
        for position, number in enumerate(order.numbers):
            if not is_toll_free(number):
                raise invalid(f"numbers[{position}]", f"{number} is not toll-free")
        if "scheduledZipwhipProvisioningTime" in body:
            name = "scheduledZipwhipProvisioningTime"
            order.scheduled = _schedule(body, name, zone_required=False)
        return order

    def _check_routing(self, order: HostingOrder) -> None:
        """Raise `Refusal` for an NNID that is not there and, by a rule, where no campaign is."""
        rules = self.world.rules
        if not rules.knows_nnid(order.nnid) and rules.unknown_nnid != 200:
            raise invalid("nnid", f"{shown(order.nnid)!r} was not provisioned for this account")
        if rules.no_campaign == "refused" and not order.campaign_id and order.letter_info:
            raise invalid("campaignId", "a letter of authorization needs a campaign")

    def _refuse_hosted(self, order: HostingOrder) -> None:
        for number in order.numbers:
            refuse_imported(self.world, number, migrate=order.migrate_to_sinch_tmo)

    def _refuse_unqualified(self, order: HostingOrder) -> None:
        for number in order.numbers:
            qualified = self.world.qualified.get(number)
            if qualified is None:
                raise not_found(f"qualified number {number}")
            if qualified.state == "HOSTING_DONE" or number in self.world.imported:
                raise conflict(f"{number} is already hosted")
            if not self._is_ready(qualified):
                raise failed_precondition(f"{number} is not qualified: it is {qualified.state}")
        order.through_qualification = True

    def _refuse_never_qualified(self, order: HostingOrder) -> None:
        status = self.world.rules.unqualified
        for number in order.numbers if status != 200 else ():
            qualified = self.world.qualified.get(number)
            done = qualified is not None and qualified.state == "HOSTING_DONE"
            if qualified is None or not (done or self._is_ready(qualified)):
                state = "was never qualified" if qualified is None else f"is {qualified.state}"
                word = "FAILED_PRECONDITION" if status == 400 else ""
                raise Refusal(status, f"{number} {state}: qualify it first", status=word)

    def _is_ready(self, number: QualifiedNumber) -> bool:
        """Whether the number's qualification allows to text-enable it."""
        stays = number.state == "ELIGIBLE" and not number.needs_verification
        accepted = stays and self.world.rules.eligible == "accepted"
        return accepted or number.state in QUALIFIED


def _schedule(body: Json, field: str, *, zone_required: bool) -> float:
    """Return the time in that *field*; raise `Refusal` where it is none, or too late."""
    found = parse_time(body[field], zone_required=zone_required)
    if found is None or found >= LATEST:
        raise invalid(field, "must be a time before the year 9000")
    return found


_LETTER_KINDS = {
    "directLoaInfo": "DIRECT",
    "resellerLoaInfo": "RESELLER",
    "blanketLoaInfo": "BLANKET",
}


def _set_letter(order: HostingOrder, body: Json, allowed: tuple[str, ...]) -> None:
    """Take the one letter of the request; raises `Refusal` for none, or more than one."""
    given = [name for name in allowed if name in body]
    if len(given) != 1:
        raise invalid(given[-1] if given else allowed[0], f"give one of {', '.join(allowed)}")
    order.letter_kind = _LETTER_KINDS[given[0]]
    if order.letter_kind == "BLANKET":
        return
    info = body[given[0]]
    person = info["authorisedPerson"]
    check_email(person["email"], f"{given[0]}.authorisedPerson.email")
    kept = ("authorisedPerson", "address", "currentVoiceCarrier", "businessName")
    order.letter_info = {name: info[name] for name in kept if name in info}
