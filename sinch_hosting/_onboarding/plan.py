"""What an onboarding would do, without sending, writing or locking anything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from enum import StrEnum

from attrs import field, frozen

from .._bulk.letters import LettersToSend
from .._bulk.plan import TMO_LIMIT, text_enable_warnings
from ..models._base import Record
from ..models._guidance import INVOICES_TO
from ..states import OrderState
from .context import Context, Group, OnboardingSettings
from .history import History, moved_since
from .numbers import REJECTED, NumberProgress, Stage, is_provisioned
from .report import is_toll_free


class Action(StrEnum):
    """The next action for a number."""

    DONE = "done"
    """Nothing: it is text-enabled."""
    FOLLOW = "follow"
    """An order of it, or its provisioning, would be waited for."""
    ADD = "add"
    """It would be put into qualification, and ordered once it is verified."""
    WAIT = "wait"
    """It is in qualification, and would be ordered once it is verified."""
    ORDER = "order"
    """It would be ordered."""
    RELINK = "relink"
    """It would be moved from where it is; it is without service meanwhile."""
    HOLD = "hold"
    """Nothing: there may be an order of it, which an earlier run sent and saw no answer to."""
    FAIL = "fail"
    """Nothing: as things are it cannot be text-enabled."""


_ACTIONS = {
    Stage.NEW: Action.ADD,
    Stage.IN_REVIEW: Action.WAIT,
    Stage.UNPROVEN: Action.WAIT,
    Stage.READY: Action.ORDER,
    Stage.HOSTED_BY_OTHERS: Action.FOLLOW,
    Stage.PROVISIONING: Action.FOLLOW,
    Stage.ELSEWHERE: Action.RELINK,
    Stage.FAILED: Action.FAIL,
}
_TO_ORDER = (Action.ADD, Action.WAIT, Action.ORDER)


@frozen(kw_only=True, eq=False, repr=False)
class PlannedNumber(Record):
    """The planned action for one number, and the reason."""

    phone_number: str
    action: Action
    reason: str = ""
    """Its present state; `""` where it is done."""
    order_id: str = ""
    """The id of the order that exists already."""


@frozen(kw_only=True, eq=False, repr=False)
class PlannedGroup(Record):
    """Numbers of one kind, region and letter, which share orders."""

    kind: str
    """`local` or `toll-free`."""
    region_code: str
    letter_to: str | None
    """The person who would get a letter for each order; `None` where none is mailed."""
    numbers: tuple[str, ...] = field(repr=lambda numbers: f"<{len(numbers)} numbers>")
    orders: int
    """The lowest number of orders; there are more where numbers get ready at different times."""


@frozen(kw_only=True, eq=False, repr=False)
class OnboardingPlan(Record):
    """The plan of an onboarding at present; nothing was created."""

    numbers: tuple[PlannedNumber, ...] = field(repr=lambda numbers: f"<{len(numbers)} numbers>")
    """One for each number, in the order of the input."""
    groups: tuple[PlannedGroup, ...] = ()
    """The numbers that would be ordered, now or once they are verified."""
    invoices: tuple[str, ...] = field(default=(), repr=lambda numbers: f"<{len(numbers)} numbers>")
    """The numbers whose invoices a person has to mail."""
    invoices_to: str = INVOICES_TO
    """The address for the invoices."""
    warnings: tuple[str, ...] = ()
    """Warnings for a person, before the onboarding begins."""

    def having(self, action: Action | str) -> tuple[str, ...]:
        """Return the numbers with this action, such as `add` or `relink`."""
        return tuple(n.phone_number for n in self.numbers if n.action == Action(action))

    @property
    def counts(self) -> Mapping[str, int]:
        """The count of numbers for each action."""
        return Counter(str(number.action) for number in self.numbers)

    @property
    def orders(self) -> int:
        """The lowest number of orders that would be created."""
        return sum(group.orders for group in self.groups)

    @property
    def letters(self) -> Mapping[str, int]:
        """The lowest number of letters that would be mailed, by address."""
        found: Counter[str] = Counter()
        for group in self.groups:
            if group.letter_to is not None:
                found[group.letter_to] += group.orders
        return found


async def plan_of(
    context: Context, history: History, numbers: Sequence[NumberProgress]
) -> OnboardingPlan:
    """Return the plan for numbers; raises `JobChanged` and the errors of reading."""
    settings = context.settings
    try:
        await history.open(read_only=True)
    finally:
        await history.close()
    known = {one.number: _known(one, history, settings) for one in numbers}
    await _check_done(context, numbers, known)
    unknown = [name for name, planned in known.items() if planned is None]
    reading = context.reader.read(unknown, settings.service_plan_id, settings.campaign_id)
    by_number = {one.number: one for one in numbers}
    async with aclosing(reading):
        async for seen in reading:
            one, there = by_number[seen.phone_number], seen.imported
            one.assessment = one.assess(seen.qualified, there, settings)
            is_done = there is not None and is_provisioned(there)
            known[one.number] = _assessed(one, is_done=is_done)
    planned = [found for found in known.values() if found is not None]
    groups = _groups(context, numbers, planned)
    in_review = [n.phone_number for n in planned if n.action in (Action.ADD, Action.WAIT)]
    has_ledger = history.options.ledger is not None
    return OnboardingPlan(
        numbers=tuple(planned),
        groups=groups,
        invoices=tuple(in_review) if settings.voice_code is None else (),
        warnings=tuple(_warnings(planned, groups, settings, has_ledger=has_ledger)),
    )


def _known(
    one: NumberProgress, history: History, settings: OnboardingSettings
) -> PlannedNumber | None:
    """Return the action for a number of an earlier run; `None` for another number."""
    number, known, again = one.number, history.known, settings.retry_rejected
    order, held = known.ordered.get(number), history.held(number)
    if order is not None and not (again and history.failed(number)):
        why = history.why_not_done(number) if order.state == OrderState.COMPLETED else None
        action = Action.FOLLOW if why is None else Action.FAIL if why else Action.DONE
        reason = f"its order is {order.state.name}" if why is None else why
        return PlannedNumber(
            phone_number=number, action=action, reason=reason, order_id=order.hosting_order_id
        )
    if held is not None and not history.may_resend(held, one.group):
        reason = f"sent by an earlier run under the tag {held.entry.tag}"
        return PlannedNumber(phone_number=number, action=Action.HOLD, reason=reason)
    if order is None and number in known.rejected and not again:
        return PlannedNumber(
            phone_number=number,
            action=Action.FAIL,
            reason=REJECTED,
            order_id=known.rejected[number].hosting_order_id,
        )
    return None


async def _check_done(
    context: Context,
    numbers: Sequence[NumberProgress],
    known: dict[str, PlannedNumber | None],
) -> None:
    """Check whether numbers are still linked as their orders left them."""
    actions = {name: planned.action for name, planned in known.items() if planned is not None}
    done = [one for one in numbers if actions.get(one.number) is Action.DONE]
    for number, here in (await moved_since(context, done)).items():
        known[number] = PlannedNumber(
            phone_number=number, action=_ACTIONS[here.stage], reason=here.reason
        )


def _assessed(one: NumberProgress, *, is_done: bool) -> PlannedNumber:
    action = _ACTIONS[one.assessment.stage]
    if action is Action.FOLLOW and is_done:
        return PlannedNumber(phone_number=one.number, action=Action.DONE)
    return PlannedNumber(phone_number=one.number, action=action, reason=one.assessment.reason)


def _groups(
    context: Context, numbers: Sequence[NumberProgress], planned: Sequence[PlannedNumber]
) -> tuple[PlannedGroup, ...]:
    to_order = [
        one for one, number in zip(numbers, planned, strict=True) if number.action in _TO_ORDER
    ]
    return tuple(
        PlannedGroup(
            kind="toll-free" if group.is_toll_free else "local",
            region_code=group.region_code,
            letter_to=context.template(group).signer,
            numbers=tuple(listed),
            orders=-(-len(listed) // context.settings.chunk_size),
        )
        for group, listed in _by_group(to_order).items()
    )


def _by_group(numbers: Sequence[NumberProgress]) -> Mapping[Group, list[str]]:
    found: defaultdict[Group, list[str]] = defaultdict(list)
    for one in numbers:
        found[one.group].append(one.number)
    return found


def letters_for(context: Context, numbers: Sequence[NumberProgress]) -> LettersToSend:
    """Return the lowest number of letters, by address, where these numbers are ordered."""
    letters: Counter[str] = Counter()
    mailed = 0
    for group, listed in _by_group(numbers).items():
        signer = context.template(group).signer
        if signer is not None:
            letters[signer] += -(-len(listed) // context.settings.chunk_size)
            mailed += len(listed)
    return LettersToSend(letters=letters, numbers=mailed, is_at_least=True)


def _warnings(
    planned: Sequence[PlannedNumber],
    groups: Sequence[PlannedGroup],
    settings: OnboardingSettings,
    *,
    has_ledger: bool,
) -> Iterator[str]:
    """Give the warnings for a person, before the onboarding begins."""
    counts = Counter(number.action for number in planned)
    staying = [n for n in planned if n.action not in (Action.FAIL, Action.HOLD)]
    on_campaign = sum(not is_toll_free(number.phone_number) for number in staying)
    if settings.campaign_id and on_campaign > TMO_LIMIT:
        yield (
            f"T-Mobile takes up to {TMO_LIMIT} numbers on a campaign without a number pool: "
            f"with this {on_campaign} are on {settings.campaign_id}"
        )
    local = sum(len(group.numbers) for group in groups if group.kind == "local")
    yield from text_enable_warnings(local, settings.campaign_id, settings.nnid)
    if counts[Action.RELINK]:
        yield (
            f"{counts[Action.RELINK]} numbers are relinked: each is without service until it is "
            "linked anew"
        )
    if any(group.letter_to is not None for group in groups) and not has_ledger:
        yield (
            "letters are mailed and there is no ledger: where a run is killed, only what the "
            "service lists tells which were"
        )
    if counts[Action.HOLD]:
        yield (
            f"{counts[Action.HOLD]} numbers are held: an earlier run sent them and saw no answer; "
            "reconcile them, or send them with on_unknown='resend'"
        )
