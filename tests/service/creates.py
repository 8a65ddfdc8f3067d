"""The operations that make orders, those on numbers in qualification and callbacks."""

from __future__ import annotations

from .lists import Refusal, find, in_order
from .operations import Operations
from .rules import Call
from .state import PREFIX, Json, Letter, Order, Qualified, Timeline

LETTERS = {"directLoaInfo": "DIRECT", "resellerLoaInfo": "RESELLER", "blanketLoaInfo": "BLANKET"}
PERSON = ("firstName", "lastName", "email")
ADDRESS = ("buildingNumber", "street", "city", "state", "postalCode", "country")
QUALIFIED_STATES = {
    PREFIX + state
    for state in (
        *("ELIGIBLE_CHECK_PENDING", "ELIGIBLE", "NOT_ELIGIBLE", "VERIFIED"),
        *("VERIFICATION_PENDING", "VERIFICATION_FAILED", "VERIFICATION_BLOCKED"),
        *("HOSTING_IN_PROGRESS", "HOSTING_DONE", "HOSTING_FAILED"),
    )
}


class AllOperations(Operations):
    """All 23."""

    # -------------------------------------------------------------- creates

    def import_numbers(self, call: Call) -> Json:
        """ImportNumbers."""
        body = self._body(call, "regionCode", "numbers", "servicePlanId")
        numbers = body["numbers"]
        self._check_numbers(numbers, self.rules.import_limit)
        taken = [number for number in numbers if number in self.store.imported]
        if taken and self.rules.import_conflicts:
            raise Refusal(409, f"{', '.join(taken)}: imported already")
        order = self._new_order(body, "IMPORT")
        self._import(numbers, body, order.plan, order.campaign, order)
        return self._answer(call.operation, order)

    def text_enable(self, call: Call) -> Json:
        """TextEnableHostingOrderNumbers and TextEnableQualifiedNumbers."""
        return self._text_enable(call, tuple(LETTERS))

    def toll_free(self, call: Call) -> Json:
        """TextEnableTollFreeHostingOrderNumbers and TextEnableTollFreeQualifiedNumbers."""
        body = self._body(call, "projectId")
        for name in ("campaignId", "nnid", "blanketLoaInfo"):
            if name in body:
                raise Refusal(400, f"{name} is not for toll-free numbers", name)
        return self._text_enable(call, ("directLoaInfo", "resellerLoaInfo"))

    def _text_enable(self, call: Call, letters: tuple[str, ...]) -> Json:
        body = self._body(call, "regionCode", "numbers", "servicePlanId")
        self._check_numbers(body["numbers"], self.rules.text_enable_limit)
        given = [name for name in letters if name in body]
        if len(given) != 1:
            raise Refusal(400, f"Exactly one of {', '.join(letters)} is required")
        letter = body[given[0]]
        if given[0] != "blanketLoaInfo":
            self._check_letter(given[0], letter)
        self._check_free(body["numbers"])
        if self.rules.require_qualified and "Qualified" in call.operation:
            self._check_qualified(body["numbers"])
        order = self._new_order(body, "TYPE_TEXT_ENABLE")
        order.letter, order.loa_type = letter, LETTERS[given[0]]
        for number in order.numbers:
            if number in self.store.qualified:
                self.store.qualified[number].order = order
        email = letter.get("authorisedPerson", {}).get("email", "")
        self.store.letters.append(
            Letter(email, tuple(order.numbers), order.display_name, order.id, self.now)
        )
        return self._answer(call.operation, order)

    def _new_order(self, body: Json, kind: str) -> Order:
        if body["regionCode"] not in ("US", "CA"):
            raise Refusal(400, f"regionCode is US or CA, not {body['regionCode']!r}", "regionCode")
        now = self.now
        when = body.get("scheduledOsrUpdateTime") or body.get("scheduledZipwhipProvisioningTime")
        life = self.rules.lives[kind]
        life = life(body) if callable(life) else life
        order = self.store.add_order(
            [(now + seconds, state) for seconds, state in life],
            type=kind,
            numbers=list(body["numbers"]),
            display_name=self.rules.stored_name(body.get("displayName", "")),
            plan=body["servicePlanId"],
            campaign=body.get("campaignId", ""),
            region=body["regionCode"],
            callback_url=body.get("callbackUrl", ""),
            nnid=body.get("nnid", ""),
            migrate=body.get("migrateToSinchTmo"),
            scheduled=when or "",
            created=now,
        )
        done = [(at, "FAILED") for at, state in order.line.points if state == "COMPLETED"]
        for number in self.rules.failing.keys() & set(order.numbers):
            order.steps[number, self.rules.failing[number]] = Timeline(list(done))
        return order

    def _answer(self, operation: str, order: Order) -> Json:
        if operation in self.rules.id_only:
            return {"hostingOrderId": order.id}
        answer = self.store.order_json(order, self.now)
        return {**answer, "displayName": self.rules.echoed_name(order.display_name)}

    @staticmethod
    def _check_letter(name: str, letter: Json) -> None:
        wanted = ["authorisedPerson", "address", "currentVoiceCarrier"]
        wanted += ["businessName"] if name == "resellerLoaInfo" else []
        missing = [key for key in wanted if not letter.get(key)]
        missing += [key for key in PERSON if not letter.get("authorisedPerson", {}).get(key)]
        missing += [key for key in ADDRESS if key not in letter.get("address", {})]
        if missing:
            raise Refusal(400, f"{name} lacks {', '.join(missing)}", f"{name}.{missing[0]}")

    def _check_free(self, numbers: list[str]) -> None:
        if not self.rules.text_enable_conflicts:
            return
        taken = {
            number
            for order in self.store.orders.values()
            if order.type == "TYPE_TEXT_ENABLE" and order.line.at(self.now) != "REJECTED"
            for number in order.numbers
        }.intersection(numbers)
        if taken:
            raise Refusal(409, f"{', '.join(sorted(taken))}: in an order already")

    def _check_qualified(self, numbers: list[str]) -> None:
        for number in numbers:
            state = find(self.store.qualified, number).state(self.now)
            if state not in self.rules.ready_states:
                which = f"{number} is {state}" if self.rules.names_unready else "Not verified"
                raise Refusal(400, which, "numbers" if self.rules.names_unready else "")

    # ---------------------------------------------------- numbers in qualification

    def add_qualified(self, call: Call) -> Json:
        """AddQualifiedNumbers."""
        numbers = self._body(call, "phoneNumbers")["phoneNumbers"]
        self._check_numbers(numbers, 10_000)
        now = self.now
        for number in numbers:
            if number not in self.store.qualified:
                points = [(now + after, state) for after, state in self.rules.qualification]
                self.store.qualified[number] = Qualified(
                    number=number, region="US", created=now, line=Timeline(points)
                )
        found = [self.store.qualified[number] for number in numbers]
        return {"qualifiedNumbers": [self._qualified_json(one, now) for one in found]}

    def list_qualified(self, call: Call) -> Json:
        """ListQualifiedNumbers."""
        rules, query = self.lists["ListQualifiedNumbers"], call.query
        self._require(query, "states")
        if query["states"] not in QUALIFIED_STATES:
            raise Refusal(400, f"Not one state: {query['states']!r}", "states")
        wanted = query["states"].removeprefix(PREFIX)

        def state(number: Qualified, time: float) -> str:
            shown = rules.shown_as.get(number.number)
            return shown or number.state(time)

        def select(time: float) -> list[Qualified]:
            found = [
                number
                for number in self.store.qualified.values()
                if state(number, time) == wanted
                and number.created <= time
                and rules.shows(number.number, number)
                and query.get("regionCode", number.region) == number.region
            ]
            return in_order(found, rules, query, lambda n: n.created, lambda n: n.line.since(time))

        def render(number: Qualified, time: float) -> Json:
            answer = self._qualified_json(number, time)
            return {**answer, "globalProcessState": PREFIX + state(number, time)}

        def stranger() -> Json:
            number, line = self.store.new_numbers(1)[0], Timeline([(self.now, wanted)])
            made = Qualified(number=number, region="US", created=self.now, line=line)
            return self._qualified_json(made, self.now)

        return self.pager.page("qualifiedNumbers", rules, query, select, render, stranger)

    def get_qualified(self, call: Call) -> Json:
        """GetQualifiedNumber."""
        return self._qualified_json(self._qualified(call), self.now)

    def delete_qualified(self, call: Call) -> None:
        """DeleteQualifiedNumber."""
        del self.store.qualified[self._qualified(call).number]

    def send_challenge(self, call: Call) -> Json:
        """SendVoiceChallenge."""
        number = self._qualified(call)
        if number.state(self.now) == "VERIFICATION_BLOCKED":
            raise Refusal(400, "Too many wrong codes")
        number.code = self.rules.voice_code
        number.line.change("VERIFICATION_PENDING", self.now)
        return self._qualified_json(number, self.now)

    def verify_challenge(self, call: Call) -> Json:
        """VerifyVoiceChallenge; the third wrong code blocks the number."""
        number, code = self._qualified(call), self._body(call, "code")["code"]
        if number.code is None:
            raise Refusal(400, "No challenge was sent")
        if code == number.code:
            number.line.change("VERIFIED", self.now)
        else:
            number.wrong_codes += 1
            blocked = number.wrong_codes >= 3
            number.line.change(f"VERIFICATION_{'BLOCKED' if blocked else 'FAILED'}", self.now)
        return self._qualified_json(number, self.now)

    def _qualified_json(self, number: Qualified, time: float) -> Json:
        return self.store.qualified_json(number, time, self.rules.ownership)

    def _qualified(self, call: Call) -> Qualified:
        return find(self.store.qualified, call.path["phoneNumber"])

    # ------------------------------------------------------------------- callbacks

    def get_callbacks(self, _: Call) -> Json:
        """GetCallbackConfiguration."""
        return {"projectId": self.store.project_id, "hmacSecret": self.store.secret}

    def update_callbacks(self, call: Call) -> Json:
        """UpdateCallbackConfiguration."""
        self.store.secret = self._body(call).get("hmacSecret", self.store.secret)
        return self.get_callbacks(call)
