"""Which numbers may go in one order together, and what the orders of such a group are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from attrs import Factory, field, frozen

from .._bulk.order_template import OrderTemplate
from .._bulk.tags import numbers_digest
from .._session.codec import encode
from .._session.orders_api import Place
from ..errors import InvalidRequest
from ..models import BlanketLoa, Letter
from ..states import OrderType

_KEY = 6


@frozen
class Group:
    """Numbers that may go in one order: of one kind, one region, one letter."""

    is_toll_free: bool
    region_code: str
    loa: Letter
    key: str = field(
        init=False, eq=False, default=Factory(lambda self: self._make_key(), takes_self=True)
    )
    """A few letters that tell the group apart in the names of its orders' job."""

    def _make_key(self) -> str:
        letter = {} if isinstance(self.loa, BlanketLoa) else encode(self.loa)
        return numbers_digest([str(self.is_toll_free), self.region_code, repr(letter)])[:_KEY]

    def job(self, stem: str) -> str:
        """The name of the group's job in an onboarding called `stem`."""
        return f"{stem}.{self.key}"


class MakesWork(Protocol):
    """What is needed to create the orders of a group."""

    def __call__(self, group: Group) -> OrderTemplate:
        """The work of a group; raises `InvalidRequest` for arguments that make no sense."""
        ...


def by_key(groups: Iterable[Group]) -> dict[str, Group]:
    """The groups by their keys; raises `InvalidRequest` where two of them have the same one."""
    found: dict[str, Group] = {}
    for group in groups:
        other = found.setdefault(group.key, group)
        if other != group:
            # Orders would be mistaken for each other's, and letters go to the wrong people.
            raise InvalidRequest(
                field="loa",
                value=group.loa,
                rule=f"cannot be told from {other.loa!r} in the names of orders (both make "
                f"{group.key!r}); onboard the numbers of one of the two under another job",
            )
    return found


def places(service_plan_id: str, campaign_id: str | None, *, toll_free: bool) -> list[Place]:
    """Where the orders of an onboarding are listed."""
    campaigns = {campaign_id or "", *([""] if toll_free else [])}
    return [
        Place(type=OrderType.TEXT_ENABLE, service_plan_id=service_plan_id, campaign_id=campaign)
        for campaign in sorted(campaigns)
    ]
