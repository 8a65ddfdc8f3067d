"""What a test does to orders directly: make many, move them, look at letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .state import STEPS, Imported, Json, Letter, Order, Qualified, Store, Timeline

LETTER: Json = {
    "authorisedPerson": {"firstName": "John", "lastName": "Doe", "email": "john.doe@email.com"},
    "address": {
        "buildingNumber": "1234",
        "street": "Main St",
        "city": "NYC",
        "state": "NY",
        "postalCode": "01002",
        "country": "US",
    },
    "currentVoiceCarrier": "Verizon",
}


class OrderMaking:
    """The part of the service that makes and moves orders without a request."""

    store: Store

    @property
    def orders(self) -> dict[str, Order]:
        """All orders by id."""
        return self.store.orders

    @property
    def letters(self) -> list[Letter]:
        """All letters that text-enables sent."""
        return self.store.letters

    def letters_for(self, number: str) -> list[Letter]:
        """The letters that list a number."""
        return [letter for letter in self.letters if number in letter.numbers]

    @property
    def numbers_in_two_letters(self) -> set[str]:
        """The numbers for which more than one letter was sent."""
        seen: set[str] = set()
        twice: set[str] = set()
        for letter in self.letters:
            twice.update(seen.intersection(letter.numbers))
            seen.update(letter.numbers)
        return twice

    def add_orders(
        self,
        count: int,
        *,
        type: str = "TYPE_TEXT_ENABLE",
        state: str = "SUBMITTED",
        plan: str = "plan",
        campaign: str = "campaign",
        display_name: str = "",
        numbers_each: int = 1,
        numbers: Iterable[list[str]] = (),
        created_at: float | None = None,
        completed_at: float | None = None,
        every: float = 0.0,
        final: str = "COMPLETED",
        callback_url: str = "",
    ) -> list[Order]:
        """Make orders in a state; `completed_at` gives the clock time of the `final` state.

        With `every`, each order ends that many seconds after the one before. `display_name` may
        hold `{}` for the order's index. `numbers` gives the numbers of each; else new ones.
        """
        created = self.store.clock() if created_at is None else created_at
        given = list(numbers)
        made = []
        for index in range(count):
            life = [(created, state)]
            if completed_at is not None:
                life.append((completed_at + index * every, final))
            order = self.store.add_order(
                life,
                type=type,
                numbers=given[index] if given else self.store.new_numbers(numbers_each),
                display_name=display_name.replace("{}", str(index)),
                plan=plan,
                campaign=campaign,
                created=created,
                callback_url=callback_url,
                letter=LETTER,
                loa_type="DIRECT" if type == "TYPE_TEXT_ENABLE" else "",
            )
            made.append(order)
        return made

    def set_state(
        self,
        orders: Order | str | Iterable[Order | str],
        state: str,
        *,
        at: float | None = None,
        every: float = 0.0,
    ) -> None:
        """Let orders be in a state from now on, or from a clock time, or one `every` seconds.

        Whatever they were to become later is forgotten.
        """
        start = self.store.clock() if at is None else at
        for index, order in enumerate(self._of(orders)):
            order.line.change(state, start + index * every)

    def set_number(
        self, order: Order | str, number: str, state: str, *steps: str, at: float | None = None
    ) -> None:
        """Let steps of a number (all: none named) be in a state, whatever its order's is."""
        (found,) = self._of(order)
        time = self.store.clock() if at is None else at
        for step in steps or STEPS:
            found.steps.setdefault((number, step), Timeline([])).change(state, time)

    def add_imported(
        self,
        numbers: Iterable[str],
        *,
        plan: str = "plan",
        campaign: str = "campaign",
        linked_after: float = 0.0,
    ) -> None:
        """Have imported numbers whose plan and campaign are in force, or will be after seconds."""
        now = self.store.clock()
        for number in numbers:
            self.store.imported[number] = Imported(
                number=number,
                region="US",
                display_name="",
                plan=plan,
                campaign=campaign,
                callback_url="",
                created=now,
                linked_at=now + linked_after,
            )

    def set_qualified(
        self, numbers: str | Iterable[str], state: str, *, at: float | None = None
    ) -> None:
        """Let numbers in qualification be in a state (without the prefix); adds those not there."""
        time = self.store.clock() if at is None else at
        for number in [numbers] if isinstance(numbers, str) else numbers:
            known = self.store.qualified.get(number)
            if known is None:
                line = Timeline([(time, state)])
                known = Qualified(number=number, region="US", created=time, line=line)
                self.store.qualified[number] = known
            known.order = None
            known.line.change(state, time)

    def _of(self, orders: Any) -> list[Order]:
        if isinstance(orders, Order | str):
            orders = [orders]
        return [self.orders[order] if isinstance(order, str) else order for order in orders]
