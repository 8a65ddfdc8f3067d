"""The operations on imported numbers, and those that read orders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import define

from .lists import Pager, Refusal, find, in_order, matches
from .rules import Call, ListRules, Rules
from .state import STEPS, Imported, Json, Order, Store, Timeline

ORDER_STATES = (
    "DRAFT",
    "SUBMITTED",
    "WAITING_FOR_LOA_SIGNATURE",
    "IN_PROGRESS",
    "COMPLETED",
    "REJECTED",
)
PHONE = re.compile(r"\+1\d{10}")


@define(kw_only=True)
class Operations:
    """The handlers; each takes a `Call` and returns JSON, or None for no body."""

    store: Store
    rules: Rules
    lists: dict[str, ListRules]
    pager: Pager

    @property
    def now(self) -> float:
        """The time of the clock."""
        return self.store.clock()

    # ------------------------------------------------------------ imported numbers

    def list_imported(self, call: Call) -> Json:
        """ListImportedNumbers."""
        rules, query = self.lists["ListImportedNumbers"], call.query
        self._require(query, "servicePlanId", "campaignId")
        self._check_campaign(rules, query)
        pattern = query.get("numberPattern.pattern", "")
        where = query.get("numberPattern.searchPattern", "CONTAIN")
        wanted = (query["servicePlanId"], query["campaignId"])

        def select(time: float) -> list[Imported]:
            found = [
                number
                for number in self.store.imported.values()
                if (number.plan, number.campaign) == wanted
                and number.created <= time
                and rules.shows(number.number, number)
                and query.get("regionCode", number.region) == number.region
                and matches(number.number, pattern, where)
            ]
            return in_order(found, rules, query, lambda n: n.created)

        def stranger() -> Json:
            now = self.now
            made = Imported(
                number=self.store.new_numbers(1)[0],
                region="US",
                display_name="stranger",
                plan=wanted[0],
                campaign=wanted[1],
                callback_url="",
                created=now,
                linked_at=now,
            )
            return self.store.imported_json(made, now)

        render = self.store.imported_json
        return self.pager.page("importedNumbers", rules, query, select, render, stranger)

    def import_number(self, call: Call) -> Json:
        """ImportNumber."""
        body = self._body(call, "regionCode", "smsConfiguration", "phoneNumber")
        number, sms = body["phoneNumber"], body["smsConfiguration"]
        self._check_numbers([number], 1)
        if self.rules.import_conflicts and number in self.store.imported:
            raise Refusal(409, f"{number} is imported already")
        self._import([number], body, sms.get("servicePlanId", ""), sms.get("campaignId", ""))
        return self._created(self.store.imported[number])

    def get_imported(self, call: Call) -> Json:
        """GetImportedNumber."""
        return self.store.imported_json(self._imported(call), self.now)

    def update_imported(self, call: Call) -> Json:
        """UpdateImportedNumber."""
        number, body = self._imported(call), self._body(call)
        if "displayName" in body:
            number.display_name = self.rules.stored_name(body["displayName"])
        number.callback_url = body.get("callbackUrl", number.callback_url)
        sms = body.get("smsConfiguration", {})
        plan = sms.get("servicePlanId", number.plan)
        campaign = sms.get("campaignId", number.campaign)
        for old, new, name in (
            (number.plan, plan, "servicePlanId"),
            (number.campaign, campaign, "campaignId"),
        ):
            if old and new and old != new:
                raise Refusal(400, "Unlink the number before it is linked anew", name)
        if (plan, campaign) != (number.plan, number.campaign):
            wait = self.rules.link_seconds if plan or campaign else 0
            number.plan, number.campaign, number.order = plan, campaign, None
            number.linked_at = self.now + wait
        return self._created(number)

    def delete_imported(self, call: Call) -> None:
        """DeleteImportedNumber."""
        del self.store.imported[self._imported(call).number]

    # -------------------------------------------------------------- hosting orders

    def list_orders(self, call: Call) -> Json:
        """ListHostingOrders."""
        rules, query = self.lists["ListHostingOrders"], call.query
        self._require(query, "states", "type", "servicePlanId", "campaignId")
        self._check_campaign(rules, query)
        kind, plan = query["type"], query["servicePlanId"]
        campaign, state = query["campaignId"], query["states"]
        if state not in ORDER_STATES or kind not in self.rules.lives:
            raise Refusal(400, f"Not one state and type: {state!r}, {kind!r}", "states")

        def select(time: float) -> list[Order]:
            found = [
                order
                for order in self.store.orders.values()
                if order.campaign == campaign
                and order.plan == plan
                and order.type == kind
                and (rules.shown_as.get(order.id) or order.line.at(time)) == state
                and order.created <= time
                and rules.shows(order.id, order)
                and query.get("regionCode", order.region) == order.region
            ]
            return in_order(found, rules, query, lambda o: o.created, lambda o: o.line.since(time))

        def render(order: Order, time: float) -> Json:
            return self.store.order_json(order, time, rules.shown_as.get(order.id))

        def stranger() -> Json:
            made = Order(
                id=self.store.new_id(),
                type=kind,
                numbers=[],
                display_name="stranger",
                plan=plan,
                campaign=campaign,
                created=self.now,
                line=Timeline([(self.now, state)]),
            )
            return self.store.order_json(made, self.now)

        return self.pager.page("hostingOrders", rules, query, select, render, stranger)

    def get_order(self, call: Call) -> Json:
        """GetHostingOrder."""
        return self.store.order_json(self._order(call), self.now)

    def report(self, call: Call) -> Json:
        """GetHostingOrderReport."""
        order = self._order(call)
        numbers = self._shown(order)
        done = [
            sum(order.step_state(number, step, self.now) == "DONE" for number in numbers)
            for step in STEPS
        ]
        names = ("osrUpdated", "addedToCampaign", "smsProvisioned")
        waits = order.line.at(self.now) == "WAITING_FOR_LOA_SIGNATURE"
        manual = len(numbers) if waits else 0
        counts = dict(zip(names, done, strict=True))
        return {"total": len(numbers), **counts, "ongoingManualAction": manual}

    def list_order_numbers(self, call: Call) -> Json:
        """ListHostingOrderNumbers."""
        rules, query = self.lists["ListHostingOrderNumbers"], call.query
        order = self._order(call)
        wanted = [(step, query[f"{step}State"]) for step in STEPS if query.get(f"{step}State")]

        def select(time: float) -> list[str]:
            return [
                number
                for number in self._shown(order)
                if rules.shows(number, number)
                and all(order.step_state(number, step, time) == state for step, state in wanted)
            ][:: -1 if rules.descending else 1]

        def render(number: str, time: float) -> Json:
            return self.store.order_number_json(order, number, time)

        def stranger() -> Json:
            return self.store.order_number_json(order, self.store.new_numbers(1)[0], self.now)

        # the order is part of the list's name, so that a token serves no other order
        query = {**query, "order": order.id}
        return self.pager.page("numbers", rules, query, select, render, stranger)

    def get_order_number(self, call: Call) -> Json:
        """GetHostingOrderNumber."""
        order, number = self._order(call), call.path["phoneNumber"]
        if number not in self._shown(order):
            raise Refusal(404, f"{number} is not of this order")
        return self.store.order_number_json(order, number, self.now)

    # --------------------------------------------------------------------- helpers

    def _imported(self, call: Call) -> Imported:
        return find(self.store.imported, call.path["phoneNumber"])

    def _order(self, call: Call) -> Order:
        return find(self.store.orders, call.path["hostingOrderId"])

    def _shown(self, order: Order) -> list[str]:
        age = self.now - order.created
        return order.numbers[: self.rules.numbers_shown(age, len(order.numbers))]

    def _import(
        self, numbers: list[str], body: Json, plan: str, campaign: str, order: Order | None = None
    ) -> None:
        for number in numbers:
            self.store.imported[number] = Imported(
                number=number,
                region=body["regionCode"],
                display_name=self.rules.stored_name(body.get("displayName", "")),
                plan=plan,
                campaign=campaign,
                callback_url=body.get("callbackUrl", ""),
                created=self.now,
                linked_at=self.now + (self.rules.link_seconds if plan or campaign else 0),
                order=order,
            )

    def _created(self, number: Imported) -> Json:
        answer = self.store.imported_json(number, self.now)
        for name in ("mnoConfiguration", "smsProvisioning", "campaignProvisioning"):
            del answer[name]  # only reads show them
        return {**answer, "displayName": self.rules.echoed_name(number.display_name)}

    @staticmethod
    def _body(call: Call, *required: str) -> Json:
        if not isinstance(call.body, dict):
            raise Refusal(400, "The body is not a JSON object")
        for name in required:
            if name not in call.body:
                raise Refusal(400, f"{name} is required", name)
        return call.body

    @staticmethod
    def _require(query: Mapping[str, str], *names: str) -> None:
        for name in names:
            if name not in query:
                raise Refusal(400, f"The query parameter {name} is required", name)

    @staticmethod
    def _check_campaign(rules: ListRules, query: Mapping[str, str]) -> None:
        if not query["campaignId"] and rules.empty_campaign:
            raise Refusal(rules.empty_campaign, "campaignId is empty", "campaignId")

    @staticmethod
    def _check_numbers(numbers: Any, limit: int) -> None:
        if not isinstance(numbers, list) or not 0 < len(numbers) <= limit:
            raise Refusal(400, f"1 to {limit} numbers are allowed", "numbers")
        for number in numbers:
            if not isinstance(number, str) or not PHONE.fullmatch(number):
                raise Refusal(400, f"Not a US or Canadian number: {number!r}", "numbers")
