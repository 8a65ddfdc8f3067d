"""What follows for a chunk from the orders that are there and from what the ledger says; pure."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from ._entries import ADOPTED, CREATED, FAILED, Entry
from ._journal import Tagged
from ._work import JobOptions, Work


@frozen
class Adopt:
    """There is an order: take it."""

    tagged: Tagged
    duplicates: tuple[str, ...] = ()


@frozen
class Recall:
    """There was an order: read it."""

    entry: Entry


@frozen
class Send:
    """There is none: create it."""

    attempt: int = 1
    again: bool = False
    """Whether this attempt may have been carried out before."""


@frozen
class Hold:
    """There may be one: do nothing."""

    entry: Entry


Decision = Adopt | Recall | Send | Hold


def decide(
    found: Sequence[Tagged], entry: Entry | None, options: JobOptions, work: Work
) -> Decision:
    """What to do about a chunk, given its orders (the best first) and its entry in the ledger."""
    newest = found[0] if found else None
    attempt = max(newest.tag.attempt if newest else 0, entry.attempt if entry else 0)
    if newest is not None and newest.tag.attempt == attempt:
        if newest.is_rejected and options.retry_rejected:
            return Send(attempt + 1)
        return Adopt(newest, _duplicates(found))
    if entry is None:
        return Send()
    if entry.outcome in (CREATED, ADOPTED) and entry.order_id:
        return Recall(entry)
    if entry.outcome == FAILED and not entry.is_open:
        return _refused_before(newest, entry, options)
    return Send(attempt, again=True) if options.may_resend(work, entry.sends) else Hold(entry)


def _refused_before(newest: Tagged | None, entry: Entry, options: JobOptions) -> Decision:
    """What to do where the last attempt was refused; one after a REJECTED order has to be asked."""
    if options.retry_rejected or entry.attempt == 1:
        return Send(entry.attempt)
    if newest is not None:
        return Adopt(newest)
    if entry.rejected_id is not None:
        return Recall(evolve(entry, attempt=entry.attempt - 1, order_id=entry.rejected_id))
    return Send(entry.attempt)


def _duplicates(found: Sequence[Tagged]) -> tuple[str, ...]:
    """The live orders besides the first: each number is in one too many of them."""
    return tuple(tagged.order.hosting_order_id for tagged in found[1:] if not tagged.is_rejected)
