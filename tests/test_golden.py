"""What earlier versions wrote can be read: pickles, ledgers, resume tokens."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
from pathlib import Path

import pytest

from sinch_hosting import (
    DirectLoa,
    Order,
    OrderRejected,
    OrderState,
    PollPolicy,
    QualificationState,
    QualifiedNumber,
    RetryPolicy,
)

from .bulk.rig import numbers, rigged

GOLDEN = Path(__file__).parent / "golden"
PICKLES: dict[str, str] = json.loads((GOLDEN / "pickles-0.1.json").read_text())
TOKEN = (GOLDEN / "order-token-1.json").read_text().strip()


def load(name: str) -> object:
    """An object as version 0.1 pickled it."""
    return pickle.loads(base64.b64decode(PICKLES[name]))


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_of_version_0_1_loads(name: str) -> None:
    """Whatever module its class lives in today."""
    again = load(name)
    assert pickle.loads(pickle.dumps(again)).__class__ is again.__class__


def test_what_was_pickled_is_what_it_was() -> None:
    """Values, not only classes."""
    order = load("order")
    assert isinstance(order, Order)
    assert (order.hosting_order_id, order.state) == ("01arz3nhyrtsv4rrffq69g5fav", "COMPLETED")
    rejected = load("order_rejected")
    assert isinstance(rejected, OrderRejected)
    assert rejected.order == order
    letter = load("letter")
    assert isinstance(letter, DirectLoa)
    assert letter.authorised_person.email == "jane.roe@example.com"
    assert load("unknown_state") == OrderState("SOMETHING_NEW")
    number = load("qualified_number")
    assert isinstance(number, QualifiedNumber)
    assert number.global_process_state == QualificationState.VERIFIED


def test_the_policies_of_a_pickle_are_what_they_were() -> None:
    """The first `PollPolicy` of 0.1 had four fields; another one has its default."""
    poll = PollPolicy(initial=1.0, factor=2.0, maximum=30.0, jitter=0.1)
    assert load("poll_policy") == load("poll_policy_of_four_fields") == poll
    again = pickle.loads(pickle.dumps(poll))
    assert repr(again) == repr(poll)
    assert again.requests_per_minute == 600.0
    retry = RetryPolicy(max_tries=3, max_time=60.0, initial=0.25, maximum=10.0)
    assert load("retry_policy") == pickle.loads(pickle.dumps(retry)) == retry


def test_a_resume_token_is_written_as_before() -> None:
    """To the letter: other processes read it."""
    order = load("order")
    assert isinstance(order, Order)
    assert order.to_token() == TOKEN


def ids_by_tag(ledger: str) -> dict[str, str]:
    """The order that each tag of a ledger became."""
    records = map(json.loads, ledger.splitlines())
    return {r["tag"]: r["order_id"] for r in records if r.get("order_id")}


async def test_a_ledger_of_version_1_goes_on(tmp_path: Path) -> None:
    """A job that an earlier version did is known to be done: nothing is sent again."""
    mine, golden = tmp_path / "mine.jsonl", tmp_path / "golden.jsonl"
    text = (GOLDEN / "ledger-1.jsonl").read_text()
    async with rigged() as rig:
        await rig.text_enable(numbers(7), job="golden", ledger=mine)
        now = ids_by_tag(mine.read_text())
        assert ids_by_tag(text).keys() == now.keys()
        for tag, order_id in ids_by_tag(text).items():
            text = text.replace(order_id, now[tag])
        golden.write_text(text)
        shutil.copymode(mine, golden)
        creates = rig.creates()
        again = await rig.text_enable(numbers(7), job="golden", ledger=golden)
        assert rig.creates() == creates
        assert {order.hosting_order_id for order in again.succeeded} == set(now.values())
