"""Tokens: what is in them, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_hosting import InvalidRequest, Order, OrderType
from sinch_hosting.models.orders import read_resume_token, write_resume_token

ORDER = Order(
    hosting_order_id="01arz3nhyrtsv4rrffq69g5fav",
    project_id="project-1",
    display_name="a name that is nobody's business",
    type=OrderType.IMPORT,
    service_plan_id="plan",
    campaign_id="C1",
    callback_url="https://user:password@example.com/callback",
)


def test_a_token_is_a_small_json_text_of_ids() -> None:
    """A version and what it takes to look for the order, nothing else."""
    assert json.loads(ORDER.to_token()) == {
        "version": 1,
        "kind": "hosting_order",
        "project_id": "project-1",
        "hosting_order_id": "01arz3nhyrtsv4rrffq69g5fav",
        "type": "IMPORT",
        "service_plan_id": "plan",
        "campaign_id": "C1",
    }
    assert len(ORDER.to_token()) < 300


def test_what_is_not_known_is_left_out() -> None:
    """An order of which only the id is known makes a token all the same."""
    text = write_resume_token(Order(hosting_order_id="o1"))

    assert read_resume_token(text, "any project") == {"hosting_order_id": "o1"}


def _but(**changes: object) -> str:
    return json.dumps({**json.loads(ORDER.to_token()), **changes})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "to_token"),
        ("[]", "to_token"),
        ("null", "to_token"),
        ("{" * 4000, "to_token"),
        ("x" * 5000, "at most 4096"),
        (b"{}", "text"),
        (_but(kind="number"), "to_token"),
        (_but(version=2), "version"),
        (_but(version="1"), "version"),
        (_but(version=True), "version"),
        (_but(version=1.0), "version"),
        (_but(version=None), "version"),
        (_but(project_id="project-2"), "project-2"),
        (_but(hosting_order_id=""), "not empty"),
        (_but(hosting_order_id="../../token"), "path"),
        (_but(hosting_order_id=7), "hosting_order_id"),
        (_but(campaign_id=["C1"]), "campaign_id"),
    ],
)
def test_what_is_no_token_of_this_project_is_refused(text: str, says: str) -> None:
    """With the rule that it breaks, before anything could be asked with it."""
    with pytest.raises(InvalidRequest, match=says):
        read_resume_token(text, "project-1")


@pytest.mark.parametrize(
    "name", ["project_id", "hosting_order_id", "type", "service_plan_id", "campaign_id"]
)
@pytest.mark.parametrize("value", ["a\ud800", "a\nb", "a\x00", "\x7f", " ", None, 1, True, [], {}])
def test_every_field_is_checked(name: str, value: object) -> None:
    """Nothing gets in that could not be sent, or that is no text."""
    with pytest.raises(InvalidRequest, match=name) as caught:
        read_resume_token(_but(**{name: value}), "project-1")
    str(caught.value).encode()


def test_a_type_has_a_name() -> None:
    """It may be one that only a later version knows; a token without one is fine."""
    with pytest.raises(InvalidRequest, match="type"):
        read_resume_token(_but(type=""), "project-1")
    order = Order(hosting_order_id="o1", type=OrderType("PORT"), campaign_id="")
    assert read_resume_token(write_resume_token(order), "project-1") == {
        "hosting_order_id": "o1",
        "type": "PORT",
        "campaign_id": "",
    }


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else is ever raised."""
    with pytest.raises(InvalidRequest):
        read_resume_token(text, "project-1")
