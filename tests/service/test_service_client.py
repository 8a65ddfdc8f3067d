"""For those who use the service: its fixtures, from end to end, and its examples."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from sinch_hosting import COMPLETED, Address, AuthorisedPerson, DirectLoa

from . import TEXT_ENABLES, drop, error

PLACE = {"region_code": "US", "service_plan_id": "plan", "campaign_id": "campaign"}
LOA = DirectLoa(
    authorised_person=AuthorisedPerson(first_name="John", last_name="Doe", email="j@email.com"),
    address=Address(
        building_number="1", street="Main St", city="NYC", state="NY", postal_code="1", country="US"
    ),
    current_voice_carrier="Verizon",
)


def numbers(count: int) -> list[str]:
    """Numbers in a row."""
    return [f"+1{2025550000 + index}" for index in range(count)]


async def test_an_order_is_waited_for(api_service, api_client):
    """The client sees the order complete on the shared clock."""
    order = await api_client.hosting_orders.import_numbers(numbers(2), **PLACE)
    order = await order.wait_until(COMPLETED)
    assert (await order.report()).sms_provisioned == 2
    assert api_service.counts["ImportNumbers"] == 1


async def test_no_answer_that_is_lost_mails_a_second_letter(api_service, api_client, tmp_path):
    """Six orders, four of whose answers are lost, and a second run: six letters."""
    api_service.fault(TEXT_ENABLES, drop(after=True), times=2)
    api_service.fault(TEXT_ENABLES, error(503, after=True), times=2)
    job = {"job": "job", "ledger": tmp_path / "job.jsonl", "loa": LOA}
    for _ in range(2):
        result = await api_client.hosting_orders.text_enable_many(numbers(3000), **PLACE, **job)
        assert len(result.succeeded) == 6
    assert len(api_service.letters) == 6
    assert not api_service.numbers_in_two_letters


async def test_numbers_are_onboarded(api_service, api_client, tmp_path):
    """From unknown to hosted, with one letter."""
    job = {"job": "job", "ledger": tmp_path / "job.jsonl", "loa": LOA}
    report = await api_client.onboard(numbers(20), **PLACE, **job).run()
    assert {line.outcome.value for line in report.lines} == {"done"}
    assert len(api_service.letters) == 1


async def test_the_examples_of_the_package_run(api_service, clock):
    """Each line of its docstring that stands alone."""
    package = sys.modules[__package__]
    number, url = numbers(1)[0], "http://127.0.0.1:9/"
    (order,) = api_service.add_orders(1, numbers=[[number]])
    known = {"service": api_service, "order": order, "number": number, "url": url, "clock": clock}
    known |= {"datetime": datetime, "UTC": UTC}
    lines = [line[4:] for line in package.__doc__.splitlines() if line.startswith("    ")]
    skipped = ("async", " ", "assert", "await", "rule.release", "service.requests")
    examples = [line for line in lines if not line.startswith(skipped)]
    for line in examples:
        exec(line, vars(package) | known, known)
    assert len(examples) >= 50
