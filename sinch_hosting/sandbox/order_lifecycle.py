"""The life of an order, from its creation to COMPLETED or REJECTED."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from attrs import define

from .number_lifecycle import settle_carriers, wanted_campaign
from .records import DONE, FAILED, IN_PROGRESS, Carrier, Letter

if TYPE_CHECKING:
    from .number_lifecycle import NumberLifecycle
    from .qualification import Qualification
    from .records import HostingOrder, OrderNumber
    from .store import World

_log = logging.getLogger("sinch_hosting.sandbox")

FINAL = ("COMPLETED", "REJECTED")
"""The states that an order does not leave."""


@define(eq=False)
class OrderLifecycle:
    """Moves orders along; each has at most one planned transition at a time."""

    world: World
    numbers: NumberLifecycle
    qualification: Qualification

    def begin(self, order: HostingOrder) -> None:
        """Take in a new *order* and plan its first transition."""
        self.world.orders[order.hosting_order_id] = order
        if order.type == "IMPORT":
            self._enter(order, "SUBMITTED")
            self._plan(order, "start")
            return
        for phone_number in order.numbers:
            self.qualification.hosting_started(phone_number)
        if self.world.rules.first_state == "DRAFT":
            self._enter(order, "DRAFT")
            self._plan(order, "submit")
        else:
            self._submit(order)

    def send_letter(self, order: HostingOrder) -> None:
        """Mail the letter; from here on somebody has to sign."""
        person = (order.letter_info or {})["authorisedPerson"]
        sent = Letter(order.hosting_order_id, person["email"], tuple(order.numbers), self.world.now)
        self.world.letters[sent.hosting_order_id] = sent
        self.world.touched.note("letters", sent.hosting_order_id, sent)
        count = len(order.numbers)
        numbers = "1 number" if count == 1 else f"{count} numbers"
        self.world.mail(
            "letter",
            person["email"],
            "Please sign the letter of authorization",
            f"Order {order.hosting_order_id} with {numbers} awaits you.",
            hosting_order_id=order.hosting_order_id,
        )
        self._enter(order, "WAITING_FOR_LOA_SIGNATURE")
        self._plan(order, "sign_letter")

    def sign(self, order: HostingOrder) -> None:
        """The authorised person signed."""
        self._settle_letter(order, "signed")
        self.start(order)

    def decline(self, order: HostingOrder) -> None:
        """The authorised person declined: the order is rejected."""
        self._settle_letter(order, "declined")
        self.reject(order, "the letter of authorization was declined")

    def start(self, order: HostingOrder) -> None:
        """Everything needed is there: the order is in progress."""
        self._enter(order, IN_PROGRESS)
        self._reschedule(order)
        self._begin_phase(order, 0)

    def reject(self, order: HostingOrder, reason: str) -> None:
        """End *order* as REJECTED."""
        self.world.clock.forget(("order", order.hosting_order_id))
        order.reason = reason
        self._enter(order, "REJECTED")
        for phone_number in order.numbers:
            self.qualification.hosting_ended(phone_number, reason)
        if order.letter_info:
            self._mail_outcome(order, f"was rejected: {reason}")
        self._tell_hosting(order)

    def complete(self, order: HostingOrder) -> None:
        """End *order* as COMPLETED: what reached the platform is an imported number now."""
        for number in order.numbers.values():
            if number.platform == DONE:
                self.numbers.hosted(order, number)
                self.qualification.hosting_ended(number.phone_number, "")
            else:
                self.qualification.hosting_ended(
                    number.phone_number, "the number did not reach the SMS platform"
                )
        self._enter(order, "COMPLETED")
        if order.letter_info:
            self._mail_outcome(order, "is completed")
        self._tell_hosting(order)

    def hurry(self, order: HostingOrder) -> str:
        """Do the next planned transition of *order* now; returns its name, or ``""``."""
        return self.world.clock.trigger(("order", order.hosting_order_id))

    def resume(self, order: HostingOrder, name: str, due: float | None) -> None:
        """Plan the transition *name* of *order* at *due*; ``None`` leaves it to a person.

        Raises `ValueError` where an order has no such transition.
        """
        known = ("submit", "send_letter", "sign_letter", "start", "complete", *_phases(order))
        if name not in known:
            raise ValueError(f"an order has no transition {name!r}")
        self.world.touched.note("orders", order.hosting_order_id, order)
        self.world.clock.plan(
            ("order", order.hosting_order_id), name, due, partial(self._happen, order, name)
        )

    def _happen(self, order: HostingOrder, name: str) -> None:
        """Do the transition *name*."""
        if name == "send_letter" and order.warning:
            # The order waits for the signature of a letter that nobody was sent.
            self._enter(order, "WAITING_FOR_LOA_SIGNATURE")
        elif name == "sign_letter":
            chance = self.world.chance(order.hosting_order_id, "letter")
            declined = chance < self.world.profile.letters_declined
            (self.decline if declined else self.sign)(order)
        elif name in _phases(order):
            self._pass_wave(order, name)
        else:
            actions = {
                "submit": self._submit,
                "send_letter": self.send_letter,
                "start": self.start,
                "complete": self.complete,
            }
            actions[name](order)

    def _submit(self, order: HostingOrder) -> None:
        self._enter(order, "SUBMITTED")
        if order.letter_kind == "BLANKET":
            self._plan(order, "start")
            return
        if not (order.campaign_id or order.toll_free or self.world.rules.no_campaign == "letter"):
            order.warning = "without a campaign no letter is generated"
            _log.warning("order %s: %s", order.hosting_order_id, order.warning)
        self._plan(order, "send_letter")

    def _enter(self, order: HostingOrder, state: str) -> None:
        order.state = state
        order.updated = self.world.now
        order.history.append((order.updated, state))
        key = (state, order.type, order.service_plan_id, order.campaign_id)
        self.world.orders_index.put(key, order)
        self.world.touched.note("orders", order.hosting_order_id, order)

    def _plan(self, order: HostingOrder, name: str) -> None:
        self.resume(order, name, self.world.due(name))

    def _reschedule(self, order: HostingOrder) -> None:
        """A scheduled time that is already past moves to the next day at the same time."""
        now = self.world.now
        if order.scheduled is None or order.scheduled >= now:
            return
        wanted = datetime.fromtimestamp(order.scheduled, UTC)
        days = int((now - order.scheduled) // 86400) + 1
        order.scheduled = (wanted + timedelta(days=days)).timestamp()

    def _begin_phase(self, order: HostingOrder, index: int) -> None:
        phases = _phases(order)
        if index == len(phases):
            self._plan(order, "complete")
            return
        moving = _entrants(order, phases[index])
        now = self.world.now
        for number in moving:
            _set(number, phases[index], IN_PROGRESS, now)
        if moving:
            self._plan_wave(order, phases[index], len(moving))
        else:
            self._begin_phase(order, index + 1)

    def _waves(self, phase: str, moving: int) -> int:
        """Return in how many slices the numbers pass a *phase*."""
        manual = self.world.profile.timings[phase].manual
        return 1 if manual else min(self.world.profile.waves, moving)

    def _plan_wave(self, order: HostingOrder, phase: str, moving: int) -> None:
        scheduled = order.scheduled if phase == "osr_update" and order.scheduled else 0.0
        began = max(self.world.now, scheduled)
        wait = self.world.profile.timings[phase].due(began, self.world.random)
        due = None if wait is None else began + (wait - began) / self._waves(phase, moving)
        self.resume(order, phase, due)

    def _pass_wave(self, order: HostingOrder, phase: str) -> None:
        """Settle the *phase* for the next slice of those numbers that are still in it."""
        moving = _entrants(order, phase)
        left = [number for number in moving if _is_in(number, phase)]
        size = ceil(len(moving) / self._waves(phase, len(moving)))
        for number in left[:size]:
            self._finish(order, phase, number)
        order.updated = self.world.now
        if len(left) > size:
            self._plan_wave(order, phase, len(moving))
        else:
            self._begin_phase(order, _phases(order).index(phase) + 1)

    def _finish(self, order: HostingOrder, phase: str, number: OrderNumber) -> None:
        """Settle one *phase* for one *number*, as planned or well."""
        world, plan = self.world, self.world.plan_for(number.phone_number)
        if phase == "carrier_provisioning":
            number.carriers = settle_carriers(plan, order.migrate_to_sinch_tmo, world.now)
            number.updated = world.now
            return
        failure = {
            "osr_update": self._osr_failure(order, number),
            "platform_provisioning": plan.platform,
            "campaign_provisioning": wanted_campaign(plan, number.phone_number),
        }[phase]
        _set(number, phase, FAILED if failure else DONE, world.now)
        event = _EVENTS[phase]
        code = (failure if event != "PROVISIONING_TO_SMS_PLATFORM" else "") if failure else None
        world.event(order.callback_url, "HOSTING_ORDER_NUMBER", event, number.phone_number, code)

    def _osr_failure(self, order: HostingOrder, number: OrderNumber) -> str:
        known = self.world.rules.knows_nnid(order.nnid)
        return self.world.plan_for(number.phone_number).osr if known else "INVALID_NNID"

    def _settle_letter(self, order: HostingOrder, state: str) -> None:
        letter = self.world.letters.get(order.hosting_order_id)
        if letter is not None:
            letter.state = state
            self.world.touched.note("letters", order.hosting_order_id, letter)

    def _mail_outcome(self, order: HostingOrder, what: str) -> None:
        person = (order.letter_info or {})["authorisedPerson"]
        self.world.mail(
            "order",
            person["email"],
            f"Your hosting order {what}",
            f"Order {order.hosting_order_id} {what}.",
            hosting_order_id=order.hosting_order_id,
        )

    def _tell_hosting(self, order: HostingOrder) -> None:
        """Send the event of the end of hosting: for each number, or once for the order."""
        failures = {number: self._hosting_failure(order, number) for number in order.numbers}
        if self.world.rules.hosting_process == "order":
            failures = {order.hosting_order_id: None if None in failures.values() else ""}
        for resource_id, failure in failures.items():
            self.world.event(
                order.callback_url, "HOSTING_ORDER_NUMBER", "HOSTING_PROCESS", resource_id, failure
            )

    def _hosting_failure(self, order: HostingOrder, phone_number: str) -> str | None:
        """Return why a number failed, ``""`` without a code; ``None`` where it did not."""
        number = order.numbers[phone_number]
        if order.state == "COMPLETED" and number.platform == DONE:
            return None
        return self._osr_failure(order, number) if number.osr == FAILED else ""


_EVENTS = {
    "osr_update": "OSR_UPDATE",
    "platform_provisioning": "PROVISIONING_TO_SMS_PLATFORM",
    "campaign_provisioning": "LINK_TO_10DLC_CAMPAIGN",
}


def _phases(order: HostingOrder) -> tuple[str, ...]:
    """The steps of an order's numbers: no campaign without one, no carriers for toll-free."""
    steps = ["osr_update", "platform_provisioning"]
    if order.campaign_id:
        steps.append("campaign_provisioning")
    if not order.toll_free:
        steps.append("carrier_provisioning")
    return tuple(steps)


def _entrants(order: HostingOrder, phase: str) -> list[OrderNumber]:
    """The numbers that enter *phase*: those that did not fail before it."""
    numbers = list(order.numbers.values())
    if phase == "osr_update":
        return numbers
    if phase == "platform_provisioning":
        return [number for number in numbers if number.osr == DONE]
    return [number for number in numbers if number.platform == DONE]


_BUSY = (Carrier(IN_PROGRESS),) * 4


def _is_in(number: OrderNumber, phase: str) -> bool:
    """Whether the number has entered the *phase*, and not left it."""
    states = {
        "osr_update": number.osr,
        "platform_provisioning": number.platform,
        "campaign_provisioning": number.campaign,
        "carrier_provisioning": number.carriers[0].state,
    }
    return states[phase] == IN_PROGRESS


def _set(number: OrderNumber, phase: str, state: str, now: float) -> None:
    if phase == "osr_update":
        number.osr = state
    elif phase == "platform_provisioning":
        number.platform = state
    elif phase == "campaign_provisioning":
        number.campaign = state
    else:
        number.carriers = _BUSY
    number.updated = now


def report(order: HostingOrder) -> dict[str, int]:
    """The order's totals, counted from its numbers as they are now."""
    updated = provisioned = added = manual = 0
    is_open = order.state not in FINAL
    for number in order.numbers.values():
        updated += number.osr == DONE
        provisioned += number.platform == DONE
        added += number.campaign == DONE
        # Numbers that fail by themselves are looked at by people until the order ends.
        manual += is_open and _failed(number)
    return {
        "total": len(order.numbers),
        "osrUpdated": updated,
        "smsProvisioned": provisioned,
        "addedToCampaign": added,
        "ongoingManualAction": manual,
    }


def _failed(number: OrderNumber) -> bool:
    steps = (number.osr, number.platform, number.campaign)
    return FAILED in steps or any(carrier.error_code for carrier in number.carriers)
