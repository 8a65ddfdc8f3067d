"""How operations and lists behave: the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import define, field, frozen

Life = list[tuple[float, str]]


@frozen(kw_only=True)
class Call:
    """What an operation is given."""

    operation: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


@define(kw_only=True)
class Rules:
    """How the operations behave; all attributes may be changed at any time."""

    lives: dict[str, Life | Callable[[dict[str, Any]], Life]] = field(
        factory=lambda: {
            "IMPORT": [(0, "SUBMITTED"), (60, "IN_PROGRESS"), (120, "COMPLETED")],
            "TYPE_TEXT_ENABLE": [
                (0, "SUBMITTED"),
                (60, "WAITING_FOR_LOA_SIGNATURE"),
                (3600, "IN_PROGRESS"),
                (7200, "COMPLETED"),
            ],
        }
    )
    """By type of order: states, and the seconds after the create from which they hold.

    Or a function of the create's body that returns them."""
    failing: dict[str, str] = field(factory=dict)
    """Numbers, and the step (`osrUpdate`, `campaignProvisioning`, `platformProvisioning`) that
    fails for them where their order completes."""
    qualification: Life = field(
        factory=lambda: [
            (0, "ELIGIBLE_CHECK_PENDING"),
            (60, "ELIGIBLE"),
            (120, "VERIFICATION_PENDING"),
            (180, "VERIFIED"),
        ]
    )
    """The same for numbers in qualification, without the prefix."""
    link_seconds: float = 60.0
    """How long a single import or link takes."""
    import_limit: int = 5
    text_enable_limit: int = 500
    import_conflicts: bool = True
    """409 for an import of what is imported already."""
    text_enable_conflicts: bool = False
    """409 for a text-enable of what is in a text-enable that was not rejected."""
    require_qualified: bool = True
    """`qualifiedNumbers:textEnable…` wants numbers in one of `ready_states`."""
    ready_states: set[str] = field(factory=lambda: {"ELIGIBLE", "VERIFIED"})
    names_unready: bool = True
    """Whether the refusal of a number that is not ready says which one it is."""
    ownership: dict[str, str] = field(factory=dict)
    """The status of `ownershipVerification` by state, where it is another than usual."""
    id_only: set[str] = field(factory=lambda: {"TextEnableQualifiedNumbers"})
    """Creates (by operation id) that answer `hostingOrderId` alone."""
    stored_name: Callable[[str], str] = str
    """What becomes of a `displayName` when it is kept, for example `str.lower`."""
    echoed_name: Callable[[str], str] = str
    """What becomes of the kept `displayName` in the answer of the create only."""
    numbers_shown: Callable[[float, int], int] = lambda age, count: count
    """How many of an order's numbers there are to see, by its age in seconds and their count."""
    voice_code: str = "1234"


@define(kw_only=True)
class ListRules:
    """How a list behaves; all attributes may be changed at any time."""

    page_cap: int = 100
    """The most items a page, whatever `pageSize` asks for."""
    total_size: bool = True
    """Whether pages carry `totalSize`."""
    order_by: Literal["createdTime", "updatedTime"] = "createdTime"
    """The order where the query names none."""
    descending: bool = False
    paging: Literal["stable", "shifting"] = "stable"
    """Stable: the list as it stood at its first page. Shifting: an offset into the list of now."""
    lag: float = 0.0
    """Shows everything as it was this many seconds ago."""
    hidden: set[str] = field(factory=set)
    """Ids of orders, or numbers, that the list never shows."""
    hide: Callable[[Any], bool] = lambda record: False
    """Takes an `Order` (`Imported`, `Qualified`, or a number of an order); the list never shows
    those for which it is true."""
    shown_as: dict[str, str] = field(factory=dict)
    """Ids of orders (or numbers in qualification), and the old state in which the list has them."""
    endless: Literal["empty", "strangers"] | None = None
    """Pages without end, each with a new token."""
    empty_every: int = 0
    """Every so-many-th page is empty and has a further token."""
    empty_campaign: int | None = None
    """The status that refuses an empty `campaignId`; None lists what has no campaign."""

    def shows(self, key: str, record: Any) -> bool:
        """Whether the list shows a record at all."""
        return key not in self.hidden and not self.hide(record)
