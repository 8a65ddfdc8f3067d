"""The main job against the sandbox: the way through, and every way of not getting through."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from sinch_hosting import (
    Address,
    AuthorisedPerson,
    DirectLoa,
    Order,
    OrderNumber,
    PollPolicy,
    RetryPolicy,
    SinchHosting,
)
from sinch_hosting.cli.demo_run import mail_invoices
from sinch_hosting.cli.main_job import MainJob, verdict
from sinch_hosting.models import CampaignProvisioning, CarrierState, OsrUpdate, PlatformProvisioning
from sinch_hosting.phone_files import NumberKind, PhoneRecord, RecordOutcome, read_phone_bytes
from sinch_hosting.sandbox import PROFILES, Sandbox
from sinch_hosting.states import ProvisioningState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DAYS = 10_000_000.0
"""Virtual seconds a second at which days pass in a blink."""
LETTER = DirectLoa(
    authorised_person=AuthorisedPerson(first_name="A", last_name="B", email="a@example.com"),
    address=Address(
        building_number="1", street="S", city="C", state="IL", postal_code="62701", country="US"
    ),
    current_voice_carrier="Example Telecom",
)


class Told:
    """Collects what a person would see."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.stages: dict[str, tuple[int, list[int]]] = {}

    def stage(self, title: str, total: int) -> Callable[[int], None]:
        """Note the stage, and each count it is told."""
        self.stages[title] = (total, [])
        return self.stages[title][1].append

    def note(self, text: str) -> None:
        """Note the line."""
        self.notes.append(text)


def records(*numbers: str) -> tuple[PhoneRecord, ...]:
    """Accepted records, as a file of these numbers gives them."""
    return read_phone_bytes("\n".join(("Phone", *numbers)).encode()).accepted


@asynccontextmanager
async def working(sandbox: Sandbox, **changes: Any) -> AsyncIterator[MainJob]:
    """A job on a client of *sandbox*, which runs meanwhile."""
    async with (
        sandbox,
        SinchHosting(
            sandbox.project_id,
            sandbox.key_id,
            sandbox.key_secret,
            base_url=sandbox.base_url,
            auth_url=sandbox.auth_url,
            poll=PollPolicy(initial=0.005, maximum=0.005),
            retry=RetryPolicy(max_tries=1),
        ) as sinch,
        AsyncExitStack() as stack,
    ):
        folder = stack.enter_context(TemporaryDirectory())
        settings: dict[str, Any] = {
            "sinch": sinch,
            "show": Told(),
            "mail_invoices": partial(mail_invoices, sandbox),
            "letters": {"US": LETTER, "CA": LETTER},
            "service_plan_id": "plan",
            "campaign_id": "campaign",
            "interval": 0.005,
            "job": "test",
            "ledgers": Path(folder),
            "settle": 0,
        }
        yield MainJob(**{**settings, **changes})


async def test_every_number_gets_through_and_the_work_is_split_by_what_an_order_holds() -> None:
    """One order holds one region and one kind; more than 500 numbers are further orders."""
    local = [f"{area}-555-{line:04d}" for area in (202, 212, 415) for line in range(100, 200)]
    local += [f"{area}-555-{line:04d}" for area in (305, 713, 787) for line in range(100, 200)]
    sandbox, told = Sandbox(speed=DAYS, seed=1), Told()

    async with working(sandbox, show=told) as job:
        fates = await job.run(records(*local, "514-555-0100", "833-555-0100", "604-555-0101"))

        orders = {
            order.hosting_order_id: (order.region_code, order.toll_free, len(order.numbers))
            for order in sandbox.orders_created()
        }
        assert sorted(orders.values()) == [
            ("CA", False, 2),
            ("US", False, 100),
            ("US", False, 500),
            ("US", True, 1),
        ]
        assert {fate.reason for fate in fates.values()} == {""}
        assert {fate.order_id for fate in fates.values()} == set(orders)
        assert len(sandbox.letters_sent) == 4
        kept = {book.stem for book in job.ledgers.iterdir()}
        assert kept == {order.display_name.split("/")[0] for order in sandbox.orders_created()}
        assert len(kept) == 3
        assert sandbox.qualified_number("+12025550100").state == "HOSTING_DONE"
    assert len(fates) == 603
    assert {title: (total, done[-1]) for title, (total, done) in told.stages.items()} == {
        "qualification": (603, 603),
        "text-enabling": (4, 4),
        "completion": (4, 4),
    }
    assert sum("COMPLETED" in note for note in told.notes) == 4


async def test_numbers_that_fail_on_the_way_say_where_and_the_others_get_through() -> None:
    """Each kind of refusal is a reason of its own number and of nobody else's."""
    sandbox = Sandbox(speed=DAYS, seed=1)
    sandbox.plan("+12025550101", not_eligible="no landline")
    sandbox.plan("+12025550102", not_verified="another name on the invoice")
    sandbox.plan("+12025550103", osr="INVALID_NNID")
    sandbox.plan("+12025550104", campaign="CAMPAIGN_EXPIRED")

    async with working(sandbox) as job:
        fates = await job.run(records(*(f"202-555-010{digit}" for digit in range(5))))

    assert {number[-1]: fate.reason for number, fate in fates.items()} == {
        "0": "",
        "1": "NOT_ELIGIBLE: no landline",
        "2": "VERIFICATION_FAILED: another name on the invoice",
        "3": "the routing update failed",
        "4": "linking to the campaign failed",
    }
    assert [bool(fate.order_id) for fate in fates.values()] == [True, False, False, True, True]


async def test_a_declined_letter_fails_the_numbers_of_its_order() -> None:
    """A rejected order is the reason of each of its numbers, which keep the order's id."""
    profile = evolve(PROFILES["standard"], letters_declined=1.0)
    sandbox = Sandbox(speed=DAYS, seed=1, profile=profile)

    async with working(sandbox) as job:
        fates = await job.run(records("202-555-0100", "202-555-0101"))
        (order,) = sandbox.orders_created()

    for fate in fates.values():
        assert "REJECTED" in fate.reason
        assert fate.order_id == order.hosting_order_id


async def test_a_review_that_takes_too_long_is_a_reason() -> None:
    """Patience ends: who is still in review fails with that, and nothing is ordered."""
    sandbox = Sandbox(speed=0)

    async with working(sandbox, patience=0.02) as job:
        fates = await job.run(records("202-555-0100"))

        assert sandbox.orders_created() == []
    assert fates["+12025550100"].reason == "not reviewed within 0.02 s"


async def test_an_order_that_takes_too_long_is_a_reason() -> None:
    """A letter that nobody signs fails its numbers in the end; the order's id stays known."""
    sandbox = Sandbox(
        speed=DAYS, seed=1, profile="immediate", transitions={"sign_letter": "manual"}
    )

    async with working(sandbox) as job:
        job.mail_invoices = lambda _: None  # this profile needs no proof

        def impatient(title: str, total: int) -> Callable[[int], None]:
            job.patience = 0.05 if title == "completion" else job.patience
            return lambda done: None

        job.show.stage = impatient  # type: ignore[method-assign]
        fates = await job.run(records("202-555-0100"))
        (order,) = sandbox.orders_created()

    fate = fates["+12025550100"]
    assert fate.order_id == order.hosting_order_id
    assert fate.reason == "its order is still WAITING_FOR_LOA_SIGNATURE after 0.05 s"


async def test_a_number_that_its_order_does_not_list_is_not_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A completed order that forgot a number has not text-enabled it."""

    async def nothing(_: Order) -> AsyncIterator[OrderNumber]:
        for number in ():
            yield number

    monkeypatch.setattr(Order, "numbers", nothing)

    async with working(Sandbox(speed=DAYS, seed=1)) as job:
        fates = await job.run(records("202-555-0100"))

    fate = fates["+12025550100"]
    assert fate.order_id
    assert fate.reason == "ordered, and its order does not list it"


async def test_numbers_that_qualification_refuses_fail_with_its_answer() -> None:
    """A request that is refused as a whole fails its numbers and orders nothing."""
    sandbox = Sandbox(speed=DAYS, seed=1)
    foreign = PhoneRecord(
        row=2,
        raw="",
        outcome=RecordOutcome.ACCEPTED,
        phone_number="+442079460958",
        kind=NumberKind.LOCAL,
        region="US",
    )

    async with working(sandbox) as job:
        fates = await job.run([foreign])

        assert sandbox.orders_created() == []
    assert fates["+442079460958"].reason.startswith("not taken into qualification: ")


async def test_numbers_whose_order_is_refused_fail_with_its_answer() -> None:
    """A refused order is a reason; the order of the other region goes through."""
    sandbox = Sandbox(speed=DAYS, seed=1)

    async with working(sandbox) as job:
        await job.sinch.hosting_orders.import_numbers(
            ["+12025550100"], region_code="US", service_plan_id="other"
        )
        fates = await job.run(records("202-555-0100", "514-555-0100"))

    assert fates["+12025550100"].reason.startswith("not ordered: ")
    assert fates["+15145550100"].reason == ""


async def test_a_file_without_numbers_is_done_at_once() -> None:
    """Nothing to do is nothing sent but the look at an empty list of work."""
    sandbox = Sandbox(speed=0)

    async with working(sandbox) as job:
        assert await job.run([]) == {}
        assert sandbox.requests == []


DONE, FAILED = ProvisioningState.DONE, ProvisioningState.FAILED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"osr_update": OsrUpdate(state=FAILED)}, "the routing update failed"),
        (
            {"platform_provisioning": PlatformProvisioning(state=FAILED)},
            "provisioning to the SMS platform failed",
        ),
        (
            {"campaign_provisioning": CampaignProvisioning(state=FAILED)},
            "linking to the campaign failed",
        ),
        (
            {"platform_provisioning": PlatformProvisioning()},
            "not on the SMS platform: UNSPECIFIED",
        ),
        (
            {"sms_tmo": CarrierState(state=FAILED, error_code="60135", error_message="elsewhere")},
            "T-Mobile (SMS) refused it: 60135 elsewhere",
        ),
        ({"mms_att": CarrierState(state=FAILED)}, "AT&T (MMS) refused it: no reason given"),
    ],
)
def test_the_verdict_on_a_number_names_the_step_that_failed(
    changes: dict[str, Any], reason: str
) -> None:
    """A completed order does not make its numbers done: each is looked at."""
    steps: dict[str, Any] = {
        "osr_update": OsrUpdate(state=DONE),
        "platform_provisioning": PlatformProvisioning(state=DONE),
    }

    assert verdict(OrderNumber(phone_number="+12025550100", **{**steps, **changes})) == reason
