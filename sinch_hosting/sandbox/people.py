"""What people do: sign letters, mail invoices, review, refuse, answer phones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from attrs import evolve

from .checks import check_phone
from .errors import Refusal
from .order_lifecycle import FINAL
from .records import FAILURE_CODES, NO_PLAN, HostingOrder, ImportedNumber, Plan, QualifiedNumber

if TYPE_CHECKING:
    from .operations import Operations
    from .store import World


class HasOrderId(Protocol):
    """Anything with the id of an order, such as a client's order object."""

    @property
    def hosting_order_id(self) -> str:
        """The id."""
        ...


class HasPhoneNumber(Protocol):
    """Anything with a phone number, such as a client's number object."""

    @property
    def phone_number(self) -> str:
        """The number."""
        ...


OrderLike: TypeAlias = "HasOrderId | str"
NumberLike: TypeAlias = "HasPhoneNumber | str"

_REVIEWABLE = {
    "ELIGIBLE_CHECK_PENDING",
    "ELIGIBLE",
    "NOT_ELIGIBLE",
    "VERIFICATION_PENDING",
    "VERIFICATION_FAILED",
    "VERIFICATION_BLOCKED",
}


class People:
    """The methods for what a person would do. They take orders and numbers as objects or as ids.

    Each raises `LookupError` for what is not there, and `ValueError` for what is not possible in
    the present state.
    """

    def __init__(self, world: World, operations: Operations) -> None:
        self._world = world
        self._operations = operations

    def order(self, order: OrderLike) -> HostingOrder:
        """Return the sandbox's own record of an order."""
        wanted = order if isinstance(order, str) else order.hosting_order_id
        found = self._world.orders.get(wanted)
        if found is None:
            raise LookupError(f"there is no order {wanted!r}")
        return found

    def qualified_number(self, number: NumberLike) -> QualifiedNumber:
        """Return the sandbox's own record of a qualified number."""
        found = self._world.qualified.get(_phone(number))
        if found is None:
            raise LookupError(f"{_phone(number)} is not a qualified number")
        return found

    def imported_number(self, number: NumberLike) -> ImportedNumber:
        """Return the sandbox's own record of an imported number."""
        found = self._world.imported.get(_phone(number))
        if found is None:
            raise LookupError(f"{_phone(number)} is not an imported number")
        return found

    def sign_letter(self, order: OrderLike) -> None:
        """Sign the letter of an order. A letter that is still being prepared is mailed first.

        A letter that is signed already stays so: with time running, the order's own signer may
        have been faster.
        """
        found = self.order(order)
        if not self._is_signed(found):
            self._operations.order_lifecycle.sign(self._awaiting_signature(found))

    def decline_letter(self, order: OrderLike) -> None:
        """Decline the letter of an order: it becomes REJECTED."""
        self._operations.order_lifecycle.decline(self._awaiting_signature(self.order(order)))

    def reject(self, order: OrderLike, reason: str = "rejected by a reviewer") -> None:
        """Reject the order, as somebody at the vendor would."""
        found = self.order(order)
        _check_open(found)
        self._operations.order_lifecycle.reject(found, reason)

    def complete(self, order: OrderLike) -> None:
        """Let everything that the order still waits for happen now, one step after another.

        An order that is COMPLETED already stays so.
        """
        found = self.order(order)
        if found.state == "REJECTED":
            _check_open(found)
        while found.state not in FINAL and self._operations.order_lifecycle.hurry(found):
            pass

    def trigger(self, subject: OrderLike | NumberLike) -> str:
        """Let the next planned transition of an order or a number happen now.

        This is how ``manual`` transitions happen. Returns the transition's name. An id that
        starts with ``+`` is a number; one in qualification goes before an imported one.
        """
        for key in self._subjects(subject):
            happened = self._world.clock.trigger(key)
            if happened:
                return happened
        raise ValueError(f"nothing is planned for {subject!r}")

    def coming(self, subject: OrderLike | NumberLike) -> str:
        """Return the name of the next transition of an order or number, ``""`` without one."""
        pending = [self._world.clock.pending(key) for key in self._subjects(subject)]
        return next((found.name for found in pending if found), "")

    def due(self, subject: OrderLike | NumberLike) -> float | None:
        """Return when that transition happens by itself, in virtual seconds since 1970.

        Returns ``None`` where a person has to do it, and where nothing is planned.
        """
        pending = [self._world.clock.pending(key) for key in self._subjects(subject)]
        return next((found.due for found in pending if found), None)

    def receive_invoices(self, numbers: NumberLike | Iterable[NumberLike]) -> None:
        """Let invoices that list *numbers* arrive at orders@sinch.com: their review can end.

        They do not help numbers that are NOT_ELIGIBLE; if they help none, that is a `ValueError`.
        """
        found = self._qualified(numbers)
        if found and all(number.state == "NOT_ELIGIBLE" for number in found):
            raise ValueError(f"{found[0].phone_number} is NOT_ELIGIBLE: invoices do not help")
        for number in found:
            self._operations.qualification.receive_invoices(number)

    def approve(self, numbers: NumberLike | Iterable[NumberLike]) -> None:
        """Approve *numbers*, as the reviewer would: they become VERIFIED."""
        found = self._qualified(numbers)
        for number in found:
            _check_reviewable(number)
        for number in found:
            self._operations.qualification.approve(number)

    def refuse(self, number: NumberLike, reason: str = "refused by the reviewer") -> None:
        """Refuse a number: it becomes NOT_ELIGIBLE during that check, else VERIFICATION_FAILED."""
        found = self.qualified_number(number)
        _check_reviewable(found)
        self._operations.qualification.refuse(found, reason)

    def voice_code(self, number: NumberLike) -> str:
        """Return the code that the last voice call to *number* said."""
        code = self.qualified_number(number).code
        if not code:
            raise LookupError(f"no voice call to {_phone(number)} is open")
        return code

    def plan(self, number: NumberLike, **failures: str) -> Plan:
        """Plan what shall go wrong with *number*. `Plan` has the names.

        Several calls add up; ``""`` takes a failure away. Returns the plan as it is now.
        """
        phone_number = check_number(_phone(number))
        if not all(isinstance(value, str) for value in failures.values()):
            raise ValueError("a failure is a code or a reason: a string")
        for name in ("osr", "campaign"):
            code = failures.get(name, "")
            if code and code not in FAILURE_CODES:
                raise ValueError(f"{code!r} is no failure code; there are {FAILURE_CODES}")
        if failures.get("verification", "") not in {"", "needed", "not_needed"}:
            raise ValueError("verification is 'needed' or 'not_needed'")
        try:
            plan = evolve(self._world.plans.get(phone_number, NO_PLAN), **failures)
        except TypeError as error:
            raise ValueError(f"a plan has no such failure: {', '.join(failures)}") from error
        self._world.plans[phone_number] = plan
        self._world.touched.note("plans", phone_number, plan)
        return plan

    def _is_signed(self, order: HostingOrder) -> bool:
        letter = self._world.letters.get(order.hosting_order_id)
        return letter is not None and letter.state == "signed"

    def _awaiting_signature(self, found: HostingOrder) -> HostingOrder:
        if found.letter_kind not in {"DIRECT", "RESELLER"}:
            raise ValueError(f"order {found.hosting_order_id} has no letter to sign")
        _check_open(found)
        while found.state in {"DRAFT", "SUBMITTED"}:
            self._operations.order_lifecycle.hurry(found)
        if found.state != "WAITING_FOR_LOA_SIGNATURE":
            raise ValueError(f"order {found.hosting_order_id} is {found.state}: no letter waits")
        if found.warning:
            raise ValueError(f"order {found.hosting_order_id}: {found.warning}")
        return found

    def _qualified(self, numbers: NumberLike | Iterable[NumberLike]) -> list[QualifiedNumber]:
        if isinstance(numbers, Iterable) and not isinstance(numbers, str):
            return [self.qualified_number(number) for number in numbers]
        return [self.qualified_number(numbers)]

    def _subjects(self, subject: OrderLike | NumberLike) -> list[tuple[str, str]]:
        if isinstance(subject, str):
            wanted, is_order = subject, not subject.startswith("+")
        else:
            is_order = hasattr(subject, "hosting_order_id")
            wanted = str(getattr(subject, "hosting_order_id" if is_order else "phone_number"))
        if is_order:
            return [("order", self.order(wanted).hosting_order_id)]
        return [("qualified", wanted), ("imported", wanted)]


def check_number(phone_number: str) -> str:
    """Return the number; raise `ValueError` where the service can know no such number."""
    try:
        return check_phone(phone_number, "number")
    except Refusal as error:
        raise ValueError(error.message) from error


def _phone(number: NumberLike) -> str:
    return number if isinstance(number, str) else number.phone_number


def _check_open(order: HostingOrder) -> None:
    if order.state in FINAL:
        raise ValueError(f"order {order.hosting_order_id} is {order.state} already")


def _check_reviewable(number: QualifiedNumber) -> None:
    if number.state not in _REVIEWABLE:
        raise ValueError(f"{number.phone_number} is {number.state}: its review is over")
