"""Responses that no caller gets as they are: lists, and objects of one field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from attrs import field, frozen

from ..models import ImportedNumber, Order, OrderNumber, QualifiedNumber
from ..models._base import Answered
from ..models.pages import Page
from ..states import OpenEnum

T = TypeVar("T")


@frozen(kw_only=True, eq=False, repr=False)
class Listed(Answered):
    """What the responses of all lists have."""

    next_page_token: str | None = None
    total_size: int | None = None


def page_of(response: Listed, items: Sequence[T], state: OpenEnum | None = None) -> Page[T]:
    """Return the page of a list's response; an empty token ends the list."""
    return Page(
        items=tuple(items),
        next_page_token=response.next_page_token or None,
        total_size=response.total_size,
        state=state,
        extra=response.extra,
    )


@frozen(kw_only=True, eq=False, repr=False)
class ListedImportedNumbers(Listed):
    """`ListImportedNumbersResponse`."""

    imported_numbers: tuple[ImportedNumber, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class ListedOrders(Listed):
    """`ListHostingOrdersResponse`."""

    hosting_orders: tuple[Order, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class ListedOrderNumbers(Listed):
    """`ListHostingOrderNumbersResponse`."""

    numbers: tuple[OrderNumber, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class ListedQualifiedNumbers(Listed):
    """`ListQualifiedNumbersResponse`."""

    qualified_numbers: tuple[QualifiedNumber, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class AddedNumbers(Answered):
    """`BatchCreateQualifiedNumbersResponse`."""

    qualified_numbers: tuple[QualifiedNumber, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class OrderId(Answered):
    """What `TextEnableQualifiedNumbers` returns."""

    hosting_order_id: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class AccessToken(Answered):
    """What the token endpoint returns."""

    # OAuth2 spells its fields with underscores.
    access_token: str = field(default="", repr=False, metadata={"also": "access_token"})
    token_type: str | None = field(default=None, metadata={"also": "token_type"})
    expires_in: int | float | str | None = field(default=None, metadata={"also": "expires_in"})
