"""The qualification of numbers: eligibility, review, voice challenge, hosting."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from attrs import define

from .errors import failed_precondition
from .records import QualifiedNumber
from .store import region_of

if TYPE_CHECKING:
    from .store import World

MAX_WRONG_CODES = 3
"""Wrong codes in a row after which verification is blocked."""


@define(eq=False)
class Qualification:
    """Moves qualified numbers along; each has at most one planned transition at a time."""

    world: World

    def begin(self, phone_number: str) -> QualifiedNumber:
        """Add *phone_number* and start its review."""
        now = self.world.now
        number = QualifiedNumber(phone_number, region_of(phone_number), now, now)
        self.world.qualified[phone_number] = number
        self._enter(number, number.state)
        self._plan(number, "check_eligibility")
        return number

    def remove(self, number: QualifiedNumber) -> None:
        """Remove *number* from qualification."""
        self.world.clock.forget(("qualified", number.phone_number))
        self.world.qualified_index.remove(number)
        del self.world.qualified[number.phone_number]
        self.world.touched.note_gone("qualified", number.phone_number)

    def receive_invoices(self, number: QualifiedNumber) -> None:
        """Note that the invoices that list *number* have arrived: its review can end now."""
        number.invoices_received = True
        self._note(number)
        if number.state == "VERIFICATION_PENDING":
            self._plan(number, "review")

    def approve(self, number: QualifiedNumber) -> None:
        """Make the number VERIFIED, whatever was still missing."""
        self.world.clock.forget(("qualified", number.phone_number))
        number.eligibility_error = number.verification_error = ""
        self._enter(number, "VERIFIED")

    def refuse(self, number: QualifiedNumber, reason: str) -> None:
        """Refuse the number: NOT_ELIGIBLE while that is open, else VERIFICATION_FAILED."""
        self.world.clock.forget(("qualified", number.phone_number))
        if number.state == "ELIGIBLE_CHECK_PENDING":
            number.eligibility_error = reason
            self._enter(number, "NOT_ELIGIBLE")
        else:
            number.verification_error = reason
            self._enter(number, "VERIFICATION_FAILED")

    def block(self, number: QualifiedNumber, reason: str) -> None:
        """Make the number VERIFICATION_BLOCKED: it takes no further voice challenge."""
        self.world.clock.forget(("qualified", number.phone_number))
        number.code = ""
        number.verification_error = reason
        self._enter(number, "VERIFICATION_BLOCKED")

    def call(self, number: QualifiedNumber) -> None:
        """Call the number and say a code; raise `Refusal` in a state that takes no challenge."""
        if number.state not in {"ELIGIBLE", "VERIFICATION_PENDING", "VERIFICATION_FAILED"}:
            raise failed_precondition(f"a number in state {number.state} takes no voice challenge")
        number.code = f"{self.world.random.randrange(10000):04d}"
        if number.state != "VERIFICATION_PENDING":
            # A review that ended badly does not end the challenge, and the other way round.
            self._enter(number, "VERIFICATION_PENDING")
            self._plan_invoices(number)
        number.verification_error = ""
        number.updated = self.world.now
        self._note(number)
        self.world.mail(
            "voice",
            number.phone_number,
            "A voice call with a verification code",
            f"Your code is {' '.join(number.code)}.",
            phone_number=number.phone_number,
        )

    def verify(self, number: QualifiedNumber, code: str) -> None:
        """Compare *code* with what was said; raise `Refusal` where no challenge is open."""
        open_states = {"VERIFICATION_PENDING", "VERIFICATION_FAILED"}
        if not number.code or number.state not in open_states:
            raise failed_precondition("no voice challenge is open for this number")
        if code == number.code:
            number.code, number.wrong_codes = "", 0
            self.approve(number)
            return
        number.wrong_codes += 1
        left = MAX_WRONG_CODES - number.wrong_codes
        reason = f"wrong code, {left} tries left"
        if not left:
            self.block(number, reason)
            return
        self.world.clock.forget(("qualified", number.phone_number))
        number.verification_error = reason
        self._enter(number, "VERIFICATION_FAILED")

    def hosting_started(self, phone_number: str) -> None:
        """Note that an order holds the number, if it is in qualification at all."""
        number = self.world.qualified.get(phone_number)
        if number is not None and number.state in {"VERIFIED", "ELIGIBLE", "HOSTING_FAILED"}:
            number.hosting_error = ""
            self._enter(number, "HOSTING_IN_PROGRESS")

    def hosting_ended(self, phone_number: str, error: str) -> None:
        """Note that an order has ended for the number; it succeeded where *error* is empty."""
        number = self.world.qualified.get(phone_number)
        if number is not None and number.state == "HOSTING_IN_PROGRESS":
            number.hosting_error = error
            self._enter(number, "HOSTING_FAILED" if error else "HOSTING_DONE")

    def resume(self, number: QualifiedNumber, name: str, due: float | None) -> None:
        """Plan the transition *name* of *number* at *due*; ``None`` leaves it to a person.

        Raises `ValueError` where a qualified number has no such transition.
        """
        actions = {
            "check_eligibility": self._check,
            "open_verification": self._open,
            "send_invoices": self.receive_invoices,
            "review": self._review,
        }
        if name not in actions:
            raise ValueError(f"a qualified number has no transition {name!r}")
        self._note(number)
        subject = ("qualified", number.phone_number)
        self.world.clock.plan(subject, name, due, partial(actions[name], number))

    def _check(self, number: QualifiedNumber) -> None:
        plan = self.world.plan_for(number.phone_number)
        if plan.not_eligible:
            self.refuse(number, plan.not_eligible)
            return
        needed = plan.verification or self.world.rules.verification
        number.needs_verification = needed == "needed"
        self._enter(number, "ELIGIBLE")
        if number.needs_verification:
            self._plan(number, "open_verification")

    def _open(self, number: QualifiedNumber) -> None:
        self._enter(number, "VERIFICATION_PENDING")
        self._plan_invoices(number)

    def _plan_invoices(self, number: QualifiedNumber) -> None:
        if number.invoices_received:
            self._plan(number, "review")
        else:
            self._plan(number, "send_invoices")

    def _review(self, number: QualifiedNumber) -> None:
        refusal = self.world.plan_for(number.phone_number).not_verified
        if refusal:
            self.refuse(number, refusal)
        else:
            self.approve(number)

    def _enter(self, number: QualifiedNumber, state: str) -> None:
        moment = _moment(self.world.now, state)
        number.updated, number.state = moment
        number.history.append(moment)
        self.world.qualified_index.put((state,), number)
        self._note(number)

    def _note(self, number: QualifiedNumber) -> None:
        self.world.touched.note("qualified", number.phone_number, number)

    def _plan(self, number: QualifiedNumber, name: str) -> None:
        self.resume(number, name, self.world.due(name))


@lru_cache(maxsize=256)
def _moment(now: float, state: str) -> tuple[float, str]:
    """Return one entry of a history. Numbers that enter a state together share it."""
    return (now, state)
