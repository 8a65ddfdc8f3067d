"""Open enums, and the order of life."""

from __future__ import annotations

import copy
import json
import pickle
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_hosting import states
from sinch_hosting.errors import InvalidRequest
from sinch_hosting.states import (
    COMPLETED,
    REJECTED,
    OpenEnum,
    OrderState,
    OrderType,
    ProvisioningState,
    QualificationState,
    has_reached,
    in_order_of_life,
    parse_state,
    parse_states,
)

ENUMS = sorted(OpenEnum.__subclasses__(), key=lambda cls: cls.__name__)
MEMBERS = [member for kind in ENUMS for member in kind]
ALIKE = (
    {COMPLETED, REJECTED},
    {QualificationState.ELIGIBLE, QualificationState.NOT_ELIGIBLE},
    {
        QualificationState.VERIFIED,
        QualificationState.VERIFICATION_FAILED,
        QualificationState.VERIFICATION_BLOCKED,
    },
    {QualificationState.HOSTING_DONE, QualificationState.HOSTING_FAILED},
)


def test_the_constants_are_the_members() -> None:
    """COMPLETED and REJECTED stand for the states of orders."""
    assert COMPLETED is OrderState.COMPLETED
    assert REJECTED is OrderState.REJECTED
    assert {"COMPLETED", "REJECTED"} < set(states.__all__)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: f"{type(m).__name__}.{m.name}")
def test_members_are_their_wire_strings(member: OpenEnum) -> None:
    """A member equals, hashes, prints, formats and serialises as its wire string."""
    wire = member.value
    assert member == wire
    assert hash(member) == hash(wire)
    assert {wire: 1}[member] == {member: 1}[wire] == 1
    assert str(member) == f"{member}" == wire
    assert json.loads(json.dumps(member)) == wire
    assert type(member)(wire) is member
    assert member.is_known


def test_qualification_states_drop_the_prefix_from_their_names() -> None:
    """The wire's prefix stays on the wire."""
    assert QualificationState.ELIGIBLE == "GLOBAL_PROCESS_STATE_ELIGIBLE"
    for state in QualificationState:
        assert state.value == f"GLOBAL_PROCESS_STATE_{state.name}"


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
@settings(max_examples=20, deadline=None)
@given(text=st.text(max_size=20))
def test_unknown_values_survive(kind: type[OpenEnum], text: str) -> None:
    """A value of a later version compares, hashes, prints, copies and pickles as itself."""
    value = f"NEW_{text}"
    member = kind(value)
    assert type(member) is kind
    assert member == value == str(member) == f"{member}" == member.value == member.name
    assert member == kind(value)
    assert hash(member) == hash(value)
    assert repr(value) in repr(member)
    assert not member.is_known
    assert member not in list(kind)
    assert json.loads(json.dumps(member)) == value
    for again in (pickle.loads(pickle.dumps(member)), copy.copy(member), copy.deepcopy(member)):
        assert type(again) is kind
        assert again == member
        assert not again.is_known


def test_unknown_values_do_not_join_the_enum() -> None:
    """Looking at an unknown value leaves the members as they were."""
    before = list(OrderState)
    OrderState("LATER")
    assert list(OrderState) == before
    assert "LATER" not in OrderState.__members__


def test_a_value_without_its_prefix_is_the_member() -> None:
    """The vendor's prose drops the prefix, so a wire may."""
    for state in (*QualificationState, OrderState.UNSPECIFIED, OrderType.TEXT_ENABLE):
        assert type(state)(state.name) is state
        assert type(state)(state.name).is_known


def test_values_that_are_no_text_survive_as_text() -> None:
    """Enum values that a server writes as numbers are kept, too."""
    member = OrderState(7)  # type: ignore[arg-type]
    assert member == "7"
    assert not member.is_known


@pytest.mark.parametrize("state", list(OrderState))
def test_orders_end_completed_or_rejected(state: OrderState) -> None:
    """Two states are terminal; an unknown one is not."""
    assert state.is_terminal == (state.name in {"COMPLETED", "REJECTED"})
    assert not OrderState("LATER").is_terminal


@pytest.mark.parametrize("state", list(QualificationState))
def test_failures_of_qualification(state: QualificationState) -> None:
    """The states in which a number's way ends without success."""
    failures = {"NOT_ELIGIBLE", "VERIFICATION_FAILED", "VERIFICATION_BLOCKED", "HOSTING_FAILED"}
    assert state.is_failure == (state.name in failures)


# ------------------------------------------------------------ order of life

LIVES: list[list[OpenEnum]] = [
    [
        OrderState.DRAFT,
        OrderState.SUBMITTED,
        OrderState.WAITING_FOR_LOA_SIGNATURE,
        OrderState.IN_PROGRESS,
        OrderState.COMPLETED,
    ],
    [
        QualificationState.ELIGIBLE_CHECK_PENDING,
        QualificationState.ELIGIBLE,
        QualificationState.VERIFICATION_PENDING,
        QualificationState.VERIFIED,
        QualificationState.HOSTING_IN_PROGRESS,
        QualificationState.HOSTING_DONE,
    ],
]


@pytest.mark.parametrize("life", LIVES, ids=["orders", "numbers"])
def test_later_states_have_passed_earlier_ones(life: list[OpenEnum]) -> None:
    """Each state has reached itself and what came before, and nothing that comes later."""
    for at, state in enumerate(life):
        assert [has_reached(state, wanted) for wanted in life] == [
            place <= at for place in range(len(life))
        ]


@pytest.mark.parametrize("alternatives", ALIKE, ids=["ended", "eligible", "verified", "hosted"])
def test_alternatives_count_as_passed(alternatives: set[OpenEnum]) -> None:
    """States that exclude each other have passed each other."""
    assert all(has_reached(a, b) for a in alternatives for b in alternatives)


@pytest.mark.parametrize("kind", [OrderState, QualificationState])
def test_states_without_a_place_are_reached_by_being_in_them(kind: type[OpenEnum]) -> None:
    """UNSPECIFIED and unknown states neither pass others nor are passed."""
    odd = [kind["UNSPECIFIED"], kind("LATER")]
    for state in odd:
        assert has_reached(state, state)
        for other in kind:
            assert has_reached(state, other) == has_reached(other, state) == (state == other)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([*QualificationState, QualificationState("LATER")])))
def test_the_order_of_life_is_a_sort_without_repetition(
    given_states: list[QualificationState],
) -> None:
    """Every state once, none after one that has passed it, placeless ones at the end."""
    ordered = in_order_of_life(given_states)
    assert set(ordered) == set(given_states)
    assert len(ordered) == len(set(ordered))
    placeless = [s for s in ordered if s.name in {"UNSPECIFIED", "LATER"}]
    placed = ordered[: len(ordered) - len(placeless)]
    assert list(ordered[len(placed) :]) == placeless
    assert all(has_reached(later, earlier) for earlier, later in pairwise(placed))


# ------------------------------------------------------------ what callers pass


@pytest.mark.parametrize(
    "value", [QualificationState.ELIGIBLE, "GLOBAL_PROCESS_STATE_ELIGIBLE", "ELIGIBLE"]
)
def test_states_are_given_as_members_wire_strings_or_names(value: str) -> None:
    """Three spellings, one member."""
    assert parse_state(QualificationState, value, "states") is QualificationState.ELIGIBLE


def test_newer_states_are_given_as_members() -> None:
    """A state that this version does not know is passed on when it comes as a member."""
    newer = OrderState("LATER")
    assert parse_state(OrderState, newer, "state") is newer


@pytest.mark.parametrize("value", ["LATER", "completed", "", None, 7, b"COMPLETED", ["COMPLETED"]])
def test_other_states_are_refused(value: object) -> None:
    """The error names the field, the value, what there is, and the way to pass a newer one."""
    with pytest.raises(InvalidRequest) as caught:
        parse_state(OrderState, value, "state")
    assert caught.value.field == "state"
    assert caught.value.value == value
    assert "WAITING_FOR_LOA_SIGNATURE" in caught.value.rule
    assert "OrderState(value)" in caught.value.rule


def test_several_states_come_in_the_order_of_life() -> None:
    """Whatever their order, spelling and repetition."""
    wanted = (OrderState.DRAFT, OrderState.IN_PROGRESS, OrderState.COMPLETED)
    given_states = iter(["COMPLETED", OrderState.DRAFT, "IN_PROGRESS", "COMPLETED"])
    assert parse_states(OrderState, given_states, "states") == wanted
    assert parse_states(OrderState, "DRAFT", "states") == (OrderState.DRAFT,)
    assert parse_states(OrderState, COMPLETED, "states") == (COMPLETED,)


@pytest.mark.parametrize("values", [[], None, 5, "NO", ["DRAFT", "NO"]])
def test_no_states_and_wrong_states_are_refused(values: object) -> None:
    """An empty list asks for nothing and is refused, as is a single wrong state."""
    with pytest.raises(InvalidRequest) as caught:
        parse_states(OrderState, values, "states")
    assert caught.value.field == "states"


def test_unspecified_is_on_the_wire_what_the_contract_says() -> None:
    """The members for an absent state carry the contract's long names."""
    assert OrderState.UNSPECIFIED == "HOSTING_ORDER_STATE_UNSPECIFIED"
    assert OrderType.UNSPECIFIED == "HOSTING_ORDER_TYPE_UNSPECIFIED"
    assert OrderType.TEXT_ENABLE == "TYPE_TEXT_ENABLE"
    assert ProvisioningState.UNSPECIFIED == "STATE_UNSPECIFIED"
