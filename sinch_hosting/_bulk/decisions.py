"""The decision about a chunk, from the orders that exist and from the ledger. It sends nothing.

| the lists show | the ledger says | decision |
|---|---|---|
| a live order, of any attempt | anything | `Adopt` it |
| nothing, or only REJECTED ones | an order that is not among them | `ReadKnown`: read that one |
| the last attempt REJECTED | nothing is in doubt | `Adopt` it, or `Send` the next attempt |
| the last attempt REJECTED | it was sent more often than it was found | `Hold`, or `Send` |
| nothing | nothing, or a refusal | `Send` it |
| nothing | it was sent, and no answer is known | `Hold`, or `Send` it again |

Where a row has two results, `retry_rejected` and `on_unknown` decide. An order with a letter is
held unless the caller allows another one. A test checks every short history of a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from .known_orders import Tagged
from .ledger_records import ADOPTED, CREATED, FAILED, Entry
from .order_template import JobOptions, OrderTemplate


@frozen
class Adopt:
    """There is an order: use it."""

    tagged: Tagged
    duplicates: tuple[str, ...] = ()


@frozen
class ReadKnown:
    """There was an order: read it."""

    entry: Entry


@frozen
class Send:
    """There is no order: create it."""

    attempt: int = 1
    again: bool = False
    """Whether this attempt may have been carried out before."""
    rejected: Tagged | None = None
    """The order of the attempt before."""


@frozen
class Hold:
    """There may be an order: do nothing."""

    entry: Entry


Decision = Adopt | ReadKnown | Send | Hold


def decide(
    found: Sequence[Tagged], entry: Entry | None, options: JobOptions, template: OrderTemplate
) -> Decision:
    """Return what to do about a chunk, given its orders (best first) and its ledger entry."""
    live = [tagged for tagged in found if not tagged.is_rejected]
    if live:  # of any attempt: a second order would hold the numbers twice
        return Adopt(live[0], tuple(tagged.order.hosting_order_id for tagged in live[1:]))
    newest = found[0] if found else None
    attempt = max(newest.tag.attempt if newest else 0, entry.attempt if entry else 0)
    if newest is not None and newest.tag.attempt == attempt and not _is_other(entry, found):
        return _rejected(newest, found, entry, options, template)
    if entry is None:
        return Send()
    if entry.outcome in (CREATED, ADOPTED) and entry.order_id:
        return ReadKnown(entry)
    if entry.outcome == FAILED and not entry.is_open:
        return _refused_before(newest, entry, options)
    return Send(attempt, again=True) if options.may_resend(template, entry.sends) else Hold(entry)


def _is_other(entry: Entry | None, found: Sequence[Tagged]) -> bool:
    """Whether the ledger knows an order that is not among those found: it may be a live one."""
    if entry is None or entry.outcome not in (CREATED, ADOPTED):
        return False
    return entry.order_id not in {tagged.order.hosting_order_id for tagged in found}


def _rejected(
    newest: Tagged,
    found: Sequence[Tagged],
    entry: Entry | None,
    options: JobOptions,
    template: OrderTemplate,
) -> Decision:
    """Return what to do where the order of the last attempt is REJECTED."""
    attempt = newest.tag.attempt
    if not options.retry_rejected:
        return Adopt(newest)
    known = sum(tagged.tag.attempt == attempt for tagged in found)
    if (
        entry is not None
        and entry.attempt == attempt
        and is_in_doubt(entry, known, options, template)
    ):
        return Hold(entry)
    return Send(attempt + 1, rejected=newest)


def is_in_doubt(entry: Entry, known: int, options: JobOptions, template: OrderTemplate) -> bool:
    """Whether an attempt with a letter was sent more often than found, and must not go on."""
    return entry.sends > known and template.mails_a_letter and options.on_unknown != "resend"


def _refused_before(newest: Tagged | None, entry: Entry, options: JobOptions) -> Decision:
    """Return what to do where the last attempt was refused."""
    if options.retry_rejected or entry.attempt == 1:
        return Send(entry.attempt)
    if newest is not None:
        return Adopt(newest)
    if entry.rejected_id is not None:
        return ReadKnown(evolve(entry, attempt=entry.attempt - 1, order_id=entry.rejected_id))
    return Send(entry.attempt)
