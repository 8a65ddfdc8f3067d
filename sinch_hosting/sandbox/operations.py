"""The 23 operations: what each changes in the `World`, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from .checks import (
    check_callback_url,
    check_filled,
    check_numbers,
    check_phone,
    check_region,
)
from .errors import Refusal, conflict, invalid, not_found
from .fault_effects import as_bucket, lagging_imported, lagging_orders, lagging_qualified
from .lists import bucket_page, order_of, sequence_page
from .number_lifecycle import NumberLifecycle, refuse_imported
from .order_creation import OrderCreation
from .order_lifecycle import OrderLifecycle, report
from .patterns import Pattern
from .qualification import Qualification
from .records import (
    ORDER_STATES,
    ORDER_TYPES,
    QUALIFICATION_PREFIX,
    QUALIFICATION_STATES,
    STATES,
    ImportedNumber,
    Step,
)
from .store import imported_text
from .wire import (
    Call,
    Json,
    imported_json,
    imported_response_json,
    order_json,
    order_number_json,
    qualified_json,
)

if TYPE_CHECKING:
    from .records import HostingOrder, QualifiedNumber
    from .rules import Rules
    from .store import World

MAX_ADDED = 10_000
"""The numbers that one addNumbers takes; the vendor publishes no figure."""


@define(eq=False)
class ImportedNumbers:
    """The five operations under ``importedNumbers``."""

    world: World
    life: NumberLifecycle

    def import_number(self, call: Call) -> Json:
        """ImportNumber."""
        body, world = call.body, self.world
        phone_number = check_phone(body.get("phoneNumber", ""), "phoneNumber")
        region = check_region(body["regionCode"])
        sms = body["smsConfiguration"]
        plan = check_filled(sms.get("servicePlanId", ""), "smsConfiguration.servicePlanId")
        callback_url = check_callback_url(body.get("callbackUrl", ""))
        migrate = world.rules.migrate == "everywhere" and sms.get("migrateToSinchTmo", False)
        refuse_imported(world, phone_number, migrate=migrate)
        campaign_id, now = sms.get("campaignId", ""), world.now
        number = ImportedNumber(
            phone_number,
            region,
            body.get("displayName", ""),
            plan,
            campaign_id,
            callback_url,
            now,
            now,
            Step(plan, updated=now),
            Step(campaign_id, state="WAITING", updated=now) if campaign_id else None,
            migrate_to_sinch_tmo=migrate,
        )
        self.life.begin(number)
        return imported_json(number, world.project_id, world.rules)

    def get(self, call: Call) -> Json:
        """GetImportedNumber."""
        return imported_response_json(self._find(call), self.world.project_id, self.world.rules)

    def list(self, call: Call) -> Json:
        """ListImportedNumbers."""
        query = call.query
        _check_campaign(query, self.world.rules)
        key = (query["servicePlanId"], query["campaignId"])
        bucket = self.world.imported_index.bucket(key)
        if call.lag:
            bucket = as_bucket(lagging_imported(self.world, key, call.lag), imported_text)
        found, rest = bucket_page(bucket, query, _number_filter(query))
        project = self.world.project_id
        listed = [imported_response_json(number, project, self.world.rules) for number in found]
        return {"importedNumbers": listed, **rest}

    def update(self, call: Call) -> Json:
        """UpdateImportedNumber."""
        number, body = self._find(call), call.body
        callback_url = body.get("callbackUrl")
        if callback_url is not None:
            check_callback_url(callback_url)
        sms = body.get("smsConfiguration", {})
        self.life.relink(number, sms.get("servicePlanId"), sms.get("campaignId"))
        if callback_url is not None:
            number.callback_url = callback_url
        number.display_name = body.get("displayName", number.display_name)
        number.updated = self.world.now
        self.life.note(number)
        return imported_json(number, self.world.project_id, self.world.rules)

    def delete(self, call: Call) -> Json:
        """DeleteImportedNumber."""
        self.life.remove(self._find(call))
        return {}

    def _find(self, call: Call) -> ImportedNumber:
        number = self.world.imported.get(call.path["phoneNumber"])
        if number is None:
            raise not_found(call.path["phoneNumber"])
        return number


@define(eq=False)
class HostingOrders:
    """The reading operations under ``hostingOrders``; creating is `OrderCreation`'s."""

    world: World

    def get(self, call: Call) -> Json:
        """GetHostingOrder."""
        return order_json(self._find(call), self.world.project_id)

    def list(self, call: Call) -> Json:
        """ListHostingOrders."""
        query, project = call.query, self.world.project_id
        _one_of(query["states"], ORDER_STATES, "states")
        _one_of(query["type"], ORDER_TYPES, "type")
        _check_campaign(query, self.world.rules)
        key = (query["states"], query["type"], query["servicePlanId"], query["campaignId"])
        region = query.get("regionCode")
        wanted = None if not region else lambda order: order.region_code == region
        bucket = self.world.orders_index.bucket(key)
        if call.lag:
            bucket = as_bucket(lagging_orders(self.world, key, call.lag))
        found, rest = bucket_page(bucket, query, wanted)
        listed = [order_json(order, project) for order in found]
        return {"hostingOrders": listed, **rest}

    def report(self, call: Call) -> Json:
        """GetHostingOrderReport."""
        return dict(report(self._find(call)))

    def numbers(self, call: Call) -> Json:
        """ListHostingOrderNumbers."""
        order, query, project = self._find(call), call.query, self.world.project_id
        numbers = list(order.numbers.values())
        for name, attribute in _STATE_FILTERS.items():
            state = query.get(name)
            if state is not None:
                _one_of(state, STATES, name)
                numbers = [number for number in numbers if getattr(number, attribute) == state]
        if order_of(query) == "updatedTime":
            numbers.sort(key=lambda number: number.updated)
        found, token = sequence_page(numbers, query)
        listed = [order_number_json(order, number, project) for number in found]
        return {"numbers": listed, "nextPageToken": token, "totalSize": len(numbers)}

    def number(self, call: Call) -> Json:
        """GetHostingOrderNumber."""
        order = self._find(call)
        number = order.numbers.get(call.path["phoneNumber"])
        if number is None:
            raise not_found(f"{call.path['phoneNumber']} in that order")
        return order_number_json(order, number, self.world.project_id)

    def _find(self, call: Call) -> HostingOrder:
        order = self.world.orders.get(call.path["hostingOrderId"])
        if order is None:
            raise not_found(f"hosting order {call.path['hostingOrderId']}")
        return order


@define(eq=False)
class QualifiedNumbers:
    """The operations under ``qualifiedNumbers``, text enabling apart."""

    world: World
    life: Qualification

    def add(self, call: Call) -> Json:
        """AddQualifiedNumbers."""
        numbers = check_numbers(call.body["phoneNumbers"], "phoneNumbers", MAX_ADDED)
        there = [number for number in numbers if number in self.world.qualified]
        if there:
            others = f", as are {len(there) - 1} more" if len(there) > 1 else ""
            raise conflict(f"{there[0]} is already there{others}")
        added = [self.life.begin(number) for number in numbers]
        return {"qualifiedNumbers": [self._json(number) for number in added]}

    def get(self, call: Call) -> Json:
        """GetQualifiedNumber."""
        return self._json(self._find(call))

    def list(self, call: Call) -> Json:
        """ListQualifiedNumbers."""
        query = call.query
        _one_of(query["states"], _PREFIXED_STATES, "states")
        state = query["states"].removeprefix(QUALIFICATION_PREFIX)
        region = query.get("regionCode")
        wanted = None if not region else lambda number: number.region_code == region
        bucket = self.world.qualified_index.bucket((state,))
        if call.lag:
            bucket = as_bucket(lagging_qualified(self.world, (state,), call.lag))
        found, rest = bucket_page(bucket, query, wanted)
        listed = [self._json(number) for number in found]
        return {"qualifiedNumbers": listed, **rest}

    def delete(self, call: Call) -> Json:
        """DeleteQualifiedNumber."""
        self.life.remove(self._find(call))
        return {}

    def send_voice_challenge(self, call: Call) -> Json:
        """SendVoiceChallenge."""
        number = self._find(call)
        self.life.call(number)
        return self._json(number)

    def verify_voice_challenge(self, call: Call) -> Json:
        """VerifyVoiceChallenge."""
        number = self._find(call)
        self.life.verify(number, call.body["code"])
        return self._json(number)

    def _json(self, number: QualifiedNumber) -> Json:
        return qualified_json(number, self.world.project_id, self.world.rules)

    def _find(self, call: Call) -> QualifiedNumber:
        number = self.world.qualified.get(call.path["phoneNumber"])
        if number is None:
            raise not_found(call.path["phoneNumber"])
        return number


@define(eq=False)
class Callbacks:
    """The two operations on ``callbackConfiguration``."""

    world: World

    def get(self, call: Call) -> Json:
        """GetCallbackConfiguration."""
        return {"projectId": self.world.project_id, "hmacSecret": self.world.hmac_secret}

    def update(self, call: Call) -> Json:
        """UpdateCallbackConfiguration."""
        self.world.hmac_secret = call.body.get("hmacSecret", self.world.hmac_secret)
        return self.get(call)


@define(eq=False)
class Operations:
    """The operations over one `World`, grouped as the contract's tags are."""

    world: World
    imported: ImportedNumbers
    orders: HostingOrders
    creation: OrderCreation
    qualified: QualifiedNumbers
    callbacks: Callbacks
    order_lifecycle: OrderLifecycle
    qualification: Qualification

    @classmethod
    def over(cls, world: World) -> Operations:
        """Return the operations, connected with the life cycles behind them."""
        numbers, qualification = NumberLifecycle(world), Qualification(world)
        life = OrderLifecycle(world, numbers, qualification)
        return cls(
            world,
            ImportedNumbers(world, numbers),
            HostingOrders(world),
            OrderCreation(world, life),
            QualifiedNumbers(world, qualification),
            Callbacks(world),
            life,
            qualification,
        )


_STATE_FILTERS = {
    "osrUpdateState": "osr",
    "campaignProvisioningState": "campaign",
    "platformProvisioningState": "platform",
}
_PREFIXED_STATES = tuple(QUALIFICATION_PREFIX + state for state in QUALIFICATION_STATES)


def _one_of(value: str, known: tuple[str, ...], field: str) -> str:
    if value not in known:
        raise invalid(field, f"must be one of {', '.join(known)}")
    return value


def _check_campaign(query: dict[str, str], rules: Rules) -> None:
    """Raise `Refusal` where the campaign is empty and the rules do not allow that."""
    if not query["campaignId"] and rules.empty_campaign != 200:
        violation = ("campaignId", "must not be empty")
        status = rules.empty_campaign
        raise Refusal(status, f"{violation[0]} {violation[1]}", violations=[violation])


def _number_filter(query: dict[str, str]) -> Pattern | None:
    """Return the filter of a list of imported numbers; ``None`` where it shows all."""
    search = query.get("numberPattern.searchPattern", "START")
    _one_of(search, ("START", "CONTAIN", "END"), "numberPattern.searchPattern")
    pattern, region = query.get("numberPattern.pattern", ""), query.get("regionCode", "")
    if pattern.startswith(" ") and pattern[1:].isdigit():
        raise invalid("numberPattern.pattern", "a + in a query must be written %2B")
    return Pattern(pattern, search, region) if pattern or region else None
