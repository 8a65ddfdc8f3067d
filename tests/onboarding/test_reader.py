"""Where many numbers are: by lists where that is cheaper, within the budget, told as it is read."""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing

import pytest

from sinch_hosting import OnboardingStep
from sinch_hosting._onboarding.report import Outcome, Step

from ..bulk.rig import numbers
from ..service import Service, error, slow
from .test_worlds import Begin, api_service, begin, make_api_client, service

__all__ = ["api_service", "begin", "make_api_client", "service"]

READS = ("GetQualifiedNumber", "GetImportedNumber", "ListQualifiedNumbers", "ListImportedNumbers")


def requests(service: Service) -> Counter[str]:
    """The reads of numbers so far."""
    return Counter({name: service.counts[name] for name in READS if service.counts[name]})


async def read(service: Service, begin: Begin, count: int) -> tuple[list[OnboardingStep], int]:
    """Begin an onboarding, and end it once each number was read; reads left to do at the first."""
    seen: list[OnboardingStep] = []
    first = 0
    async with aclosing(begin(numbers(count))) as running:
        async for step in running:
            if step.step is Step.SEEN:
                first = first or sum(requests(service).values())
                seen.append(step)
            if len(seen) == count:
                break
    return seen, sum(requests(service).values()) - first


@pytest.mark.parametrize("cap", [20, 100, 1000])
async def test_a_thousand_numbers_in_qualification_cost_pages(
    service: Service, begin: Begin, cap: int
) -> None:
    """Before: 2,022 requests. The steps come while it reads."""
    for rules in service.lists.values():
        rules.page_cap = cap
    listed = numbers(1000)
    service.set_qualified(listed[:600], "ELIGIBLE_CHECK_PENDING")
    service.set_qualified(listed[600:], "VERIFICATION_PENDING")
    seen, _ = await read(service, begin, 1000)
    assert {number for step in seen for number in step.phone_numbers} == set(listed)
    made = requests(service)
    assert made["GetQualifiedNumber"] == made["GetImportedNumber"] == 0
    assert sum(made.values()) <= 5 + 1000 // cap


async def test_numbers_that_are_nowhere_are_asked_for_once(service: Service, begin: Begin) -> None:
    """New ones may be imported on any plan: that is asked for singly, and told as it is read."""
    seen, left = await read(service, begin, 300)
    assert {step.text for step in seen} == {"is not in qualification"}
    made = requests(service)
    assert made["GetImportedNumber"] == 300
    assert made["GetQualifiedNumber"] == 0
    assert made["ListQualifiedNumbers"] == 10
    assert left > 250


async def test_numbers_that_are_imported_where_they_are_wanted_cost_a_page(
    service: Service, begin: Begin
) -> None:
    """They are done, and nothing else is asked."""
    listed = numbers(300)
    service.add_imported(listed, plan="plan-1", campaign="CAMP1")
    report = await begin(listed).run()
    assert report.is_done
    assert requests(service) == {"ListImportedNumbers": 3}


@pytest.mark.parametrize("here", [1, 8, 12])
async def test_numbers_on_several_other_plans_are_all_found(
    service: Service, begin: Begin, here: int
) -> None:
    """Before: those that the first plan's list did not show were taken to be imported nowhere.

    So their review was begun, and a letter would have been mailed for them.
    """
    listed = numbers(20)
    service.add_imported(listed[:here], plan="plan-2", campaign="CAMP1")
    service.add_imported(listed[here:], plan="plan-3", campaign="CAMP1")
    report = await begin(listed).run()
    plans = [line.reason.partition("plan ")[2][:6] for line in report.lines]
    assert plans == ["plan-2"] * here + ["plan-3"] * (20 - here)
    assert not service.counts["AddQualifiedNumbers"]


@pytest.mark.parametrize("is_new", [True, False])
async def test_what_lists_do_not_show_is_looked_at_before_it_counts_as_gone(
    service: Service, begin: Begin, *, is_new: bool
) -> None:
    """Before: "is in qualification no more", though a single look showed them."""
    listed = numbers(60)
    if not is_new:
        service.set_qualified(listed, "VERIFICATION_PENDING")
    service.lists["ListQualifiedNumbers"].hidden.update(listed[::3])
    report = await begin(listed).run()
    assert not [line for line in report.lines if line.outcome is Outcome.FAILED], report.to_csv()


async def test_lists_that_show_the_past_for_good_hold_nothing_up(
    service: Service, begin: Begin
) -> None:
    """Before: no number was ever looked at singly, and the onboarding did not end."""
    listed = numbers(60)
    service.set_qualified(listed, "VERIFICATION_PENDING")
    rules = service.lists["ListQualifiedNumbers"]
    rules.shown_as = dict.fromkeys(listed, "VERIFICATION_PENDING")
    async with aclosing(begin(listed)) as running:
        async for step in running:
            if step.step is Step.SEEN and "VERIFICATION_PENDING" in step.text:
                service.set_qualified(listed, "VERIFIED")
    assert running.report.is_done, running.report.to_csv()


async def test_a_number_is_gone_when_two_looks_say_so(service: Service, begin: Begin) -> None:
    """One 404 of a replica that does not know it failed the number for good."""
    listed = numbers(2)
    service.set_qualified(listed, "VERIFICATION_PENDING")
    service.fault("GetQualifiedNumber", error(404), times=1, skip=2)
    async with aclosing(begin(listed)) as running:
        async for step in running:
            if step.step is Step.SEEN and "VERIFICATION_PENDING" in step.text:
                service.set_qualified(listed, "VERIFIED")
    assert running.report.is_done, running.report.to_csv()


async def test_numbers_that_were_added_moments_ago_are_not_gone(
    service: Service, begin: Begin
) -> None:
    """A replica that does not know them yet says 404."""
    service.fault("GetQualifiedNumber", error(404), times=4)
    report = await begin(numbers(2)).run()
    assert report.is_done, report.to_csv()


@pytest.mark.parametrize("fault", [error(404), error(422), error(405), slow(1.0, 504)])
async def test_lists_that_do_not_work_are_done_without(
    service: Service, begin: Begin, fault: object
) -> None:
    """Each number is asked for singly, and the onboarding goes on."""
    listed = numbers(30)
    service.fault("ListQualifiedNumbers", fault, times=None)
    service.set_qualified(listed, "VERIFIED")
    report = await begin(listed).run()
    assert report.is_done, report.to_csv()
    assert len(service.letters) == 1


async def test_a_first_reading_waits_for_no_budget(service: Service, begin: Begin) -> None:
    """It is made once: only what is read again keeps to 600 requests a minute."""
    started = service.clock()
    await read(service, begin, 1000)
    assert sum(requests(service).values()) > 1000
    assert service.clock() - started < 60
