"""The life of imported numbers: provisioning, linking, unlinking, leaving."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from attrs import define

from .errors import conflict, failed_precondition
from .records import DONE, FAILED, IN_PROGRESS, NO_CARRIERS, WAITING, Carrier, ImportedNumber, Step
from .store import CARRIER_ERRORS, is_toll_free

if TYPE_CHECKING:
    from collections.abc import Callable

    from .records import HostingOrder, OrderNumber, Plan
    from .store import World

TMO_ELSEWHERE = "60135"
"""T-Mobile's error for a number that is assigned to another aggregator."""


@define(eq=False)
class NumberLifecycle:
    """Moves imported numbers along; each has at most one planned transition at a time."""

    world: World

    def begin(self, number: ImportedNumber) -> None:
        """Add a new *number* and start to provision it."""
        self.world.imported[number.phone_number] = number
        self.file(number)
        if number.service_plan_id:
            self._provision(number)

    def hosted(self, order: HostingOrder, source: OrderNumber) -> None:
        """Make the number of a completed order an imported number."""
        world, now = self.world, self.world.now
        world.clock.forget(("imported", source.phone_number))
        number = world.imported.get(source.phone_number)
        if number is None:
            number = ImportedNumber(
                source.phone_number,
                order.region_code,
                order.display_name,
                order.service_plan_id,
                order.campaign_id,
                order.callback_url,
                now,
                now,
                Step(order.service_plan_id, updated=now),
            )
            world.imported[source.phone_number] = number
        number.service_plan_id, number.campaign_id = order.service_plan_id, order.campaign_id
        number.platform = Step(order.service_plan_id, state=DONE, updated=now)
        if order.campaign_id:
            number.campaign = Step(order.campaign_id, state=source.campaign, updated=now)
            if source.campaign == FAILED:
                plan = world.plan_for(source.phone_number)
                _fail(number.campaign, wanted_campaign(plan, source.phone_number))
        number.carriers = source.carriers
        number.migrate_to_sinch_tmo = order.migrate_to_sinch_tmo
        number.updated = now
        self.file(number)

    def file(self, number: ImportedNumber) -> None:
        """Put *number* into the list of its plan and campaign."""
        self.world.imported_index.put((number.service_plan_id, number.campaign_id), number)
        self.note(number)

    def note(self, number: ImportedNumber) -> None:
        """Note that *number* has changed."""
        self.world.touched.note("imported", number.phone_number, number)

    def remove(self, number: ImportedNumber) -> None:
        """Remove the number."""
        world = self.world
        world.clock.forget(("imported", number.phone_number))
        world.imported_index.remove(number)
        del world.imported[number.phone_number]
        world.touched.note_gone("imported", number.phone_number)
        for event in ("DEPROVISIONING_TO_SMS_PLATFORM", "DELETE"):
            if event == "DELETE" or number.service_plan_id:
                self._tell(number, event, None)

    def relink(
        self, number: ImportedNumber, service_plan_id: str | None, campaign_id: str | None
    ) -> None:
        """Link or unlink *number*; ``None`` leaves a link alone and ``""`` takes it away.

        Raises `Refusal` where a link stands or is still being taken down.
        """
        self._check_link("servicePlanId", number.service_plan_id, service_plan_id, number.platform)
        self._check_link("campaignId", number.campaign_id, campaign_id, number.campaign)
        plan_changes = service_plan_id is not None and service_plan_id != number.service_plan_id
        campaign_changes = campaign_id is not None and campaign_id != number.campaign_id
        if campaign_changes and campaign_id and not (service_plan_id or number.service_plan_id):
            raise failed_precondition("a campaign needs a service plan on the number")
        now = self.world.now
        if plan_changes and service_plan_id is not None:
            number.platform = _link(number.service_plan_id, service_plan_id, now)
            number.service_plan_id = service_plan_id
        if campaign_changes and campaign_id is not None:
            number.campaign = _link(number.campaign_id, campaign_id, now)
            number.campaign_id = campaign_id
        if plan_changes or campaign_changes:
            self._restart_carriers(number, leaving=not (service_plan_id or campaign_id))
            self.file(number)
            self._provision(number)

    def _restart_carriers(self, number: ImportedNumber, *, leaving: bool) -> None:
        """Begin anew with the carriers. While a link is undone, their last states stay."""
        number.carrier_operation = "DEPROVISIONING" if leaving else "PROVISIONING"
        if not leaving:
            number.carriers = NO_CARRIERS

    def _check_link(self, field: str, current: str, wanted: str | None, step: Step | None) -> None:
        if not wanted or wanted == current:
            return
        if current and step is not None and step.state in {WAITING, IN_PROGRESS}:
            raise failed_precondition(f"the number's {field} is being linked: wait, or unlink it")
        if current:
            raise failed_precondition(f"the number is linked: unlink its {field} before relinking")
        if step is not None and step.type == "DEPROVISIONING" and step.state == IN_PROGRESS:
            raise failed_precondition(f"the number's {field} is still being unlinked")

    def _provision(self, number: ImportedNumber) -> None:
        """Plan the next step that the number needs, if any."""
        campaign = number.campaign
        leaving = [s for s in (number.platform, campaign) if s and s.type == "DEPROVISIONING"]
        if any(step.state == IN_PROGRESS for step in leaving):
            self._plan(number, "number_deprovisioning")
        elif number.platform.state == IN_PROGRESS:
            self._plan(number, "number_provisioning")
        elif campaign is not None and campaign.state in {WAITING, IN_PROGRESS}:
            campaign.state = IN_PROGRESS
            self._plan(number, "number_campaign")
        elif number.platform.type == "PROVISIONING" and number.carriers[0].state != DONE:
            number.carriers = (Carrier(IN_PROGRESS),) * 4
            self._plan(number, "number_carriers")

    def _plan(self, number: ImportedNumber, name: str) -> None:
        self.resume(number, name, self.world.due(name))

    def resume(self, number: ImportedNumber, name: str, due: float | None) -> None:
        """Plan the transition *name* of *number* at *due*; ``None`` leaves it to a person.

        Raises `ValueError` where an imported number has no such transition.
        """
        actions = {
            "number_deprovisioning": self._unlinked,
            "number_provisioning": self._on_platform,
            "number_campaign": self._in_campaign,
            "number_carriers": self._at_carriers,
        }
        if name not in actions:
            raise ValueError(f"an imported number has no transition {name!r}")
        subject = ("imported", number.phone_number)
        self.note(number)
        self.world.clock.plan(subject, name, due, partial(self._happen, actions[name], number))

    def _happen(self, action: Callable[[ImportedNumber], None], number: ImportedNumber) -> None:
        self.note(number)
        action(number)

    def _on_platform(self, number: ImportedNumber) -> None:
        refusal = self.world.plan_for(number.phone_number).platform
        _settle(number.platform, refusal, self.world.now)
        number.updated = self.world.now
        self._tell(number, "PROVISIONING_TO_SMS_PLATFORM", "" if refusal else None)
        if not refusal:
            self._provision(number)

    def _in_campaign(self, number: ImportedNumber) -> None:
        plan = self.world.plan_for(number.phone_number)
        refusal = wanted_campaign(plan, number.phone_number)
        if number.campaign is not None:
            _settle(number.campaign, refusal, self.world.now)
        number.updated = self.world.now
        self._tell(number, "LINK_TO_10DLC_CAMPAIGN", refusal or None)
        self._provision(number)

    def _at_carriers(self, number: ImportedNumber) -> None:
        plan, now = self.world.plan_for(number.phone_number), self.world.now
        number.carriers = settle_carriers(plan, number.migrate_to_sinch_tmo, now)
        number.updated = now

    def _unlinked(self, number: ImportedNumber) -> None:
        events = (
            (number.platform, "DEPROVISIONING_TO_SMS_PLATFORM"),
            (number.campaign, "UNLINK_TO_10DLC_CAMPAIGN"),
        )
        for step, event in events:
            if step and step.type == "DEPROVISIONING" and step.state == IN_PROGRESS:
                _settle(step, "", self.world.now)
                self._tell(number, event, None)
        number.updated = self.world.now
        self._provision(number)

    def _tell(self, number: ImportedNumber, event: str, failure: str | None) -> None:
        self.world.event(
            number.callback_url, "IMPORTED_NUMBER", event, number.phone_number, failure
        )


def refuse_imported(world: World, phone_number: str, *, migrate: bool) -> None:
    """Raise a 409 for an imported number, unless T-Mobile refused it and it now migrates."""
    number = world.imported.get(phone_number)
    if number is None:
        return
    elsewhere = any(carrier.error_code == TMO_ELSEWHERE for carrier in number.carriers)
    if not (elsewhere and migrate):
        raise conflict(f"{phone_number} is already imported")


def settle_carriers(plan: Plan, migrate: bool, now: float) -> tuple[Carrier, ...]:
    """Return the four carriers' states. *migrate* takes T-Mobile's 60135 away."""
    if not any(plan.carriers):
        return _all_done(now)
    codes = ["" if migrate and code == TMO_ELSEWHERE else code for code in plan.carriers]
    return tuple(
        Carrier(FAILED, code, CARRIER_ERRORS.get(code, "refused by the carrier"), now)
        if code
        else Carrier(DONE, updated=now)
        for code in codes
    )


@lru_cache(maxsize=64)
def _all_done(now: float) -> tuple[Carrier, ...]:
    # Numbers that finish together share one tuple, so that half a million fit in memory.
    return (Carrier(DONE, updated=now),) * 4


def wanted_campaign(plan: Plan, phone_number: str) -> str:
    """Return the code with which a campaign refuses the number; ``""`` where it does not."""
    return plan.campaign or ("TFN_NOT_ALLOWED" if is_toll_free(phone_number) else "")


def _link(old: str, new: str, now: float) -> Step:
    if new:
        return Step(new, updated=now)
    return Step(old, type="DEPROVISIONING", updated=now)


def _settle(step: Step, refusal: str, now: float) -> None:
    step.state = DONE
    step.updated = now
    if refusal:
        _fail(step, refusal)


def _fail(step: Step, refusal: str) -> None:
    step.state, step.error_code, step.error_message = FAILED, refusal, refusal
