"""Which numbers may go in one order."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..phone_files import PhoneRecord


@frozen(kw_only=True)
class NumberGroup:
    """Numbers that may go in one order: of one region and one kind."""

    region: str
    is_toll_free: bool
    numbers: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """The end of its job's name, which is different for each group."""
        return f"-{self.region.lower()}" + ("-tf" if self.is_toll_free else "")


def is_toll_free(record: PhoneRecord) -> bool:
    """Return whether a number is toll-free; such numbers go on no campaign."""
    return record.kind == "toll_free"


def groups_of(records: Iterable[PhoneRecord]) -> list[NumberGroup]:
    """Return the numbers by region and kind: what may go in one order."""

    def kind(record: PhoneRecord) -> tuple[str, bool]:
        return str(record.region), is_toll_free(record)

    return [
        NumberGroup(
            region=region,
            is_toll_free=is_toll_free,
            numbers=tuple(str(record.phone_number) for record in of_it),
        )
        for (region, is_toll_free), of_it in groupby(sorted(records, key=kind), key=kind)
    ]
