"""No number is ever in two letters, over combinations of what goes wrong."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinch_hosting import JobChanged, RetryPolicy, SinchHosting, SinchHostingError, UnreadableList

from ..conftest import SteppedClock
from ..service import (
    CREATES,
    Fault,
    Request,
    Service,
    cut,
    delay,
    drop,
    duplicate,
    error,
    hang,
    reply,
)
from .rig import CAMPAIGN, PLAN, adds_up, letter, numbers

GRACE, SETTLE = 60.0, 10.0
LATE = reply(200, {"error": {"code": 500, "message": "later"}}, after=True)
PAGE = reply(404, "<html>no such page</html>", after=True)
ABORTED = reply(409, {"code": "409", "message": "broke off", "status": "ABORTED"}, after=True)
# Carried out and then lost, carried out twice, or not carried out at all.
CREATE_FAULTS: list[Fault] = [
    *(error(status, after=True) for status in (408, 499, 500, 503)),
    *(drop(after=True), cut(), LATE, PAGE, ABORTED, duplicate(), duplicate(3)),
    *(error(400), error(403), error(408), error(409), error(429), error(503), drop()),
    *(hang(after=True), hang()),
]
READ_FAULTS: list[Fault] = [
    *(error(status) for status in (403, 404, 429, 500, 503)),
    *(drop(), reply(200, {"message": "later"}), reply(200, "<html>"), delay(3)),
]
FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["create", "ListHostingOrders", "GetHostingOrder", "GetImportedNumber"]),
        st.integers(0, 30),
        st.integers(0, 12),
        st.integers(1, 3),
    ),
    max_size=5,
)
LISTS = st.fixed_dictionaries(
    {
        "lag": st.sampled_from([0.0, 5.0, 9.0]),
        "page_cap": st.sampled_from([1, 2, 50]),
        "paging": st.sampled_from(["stable", "shifting"]),
        "descending": st.booleans(),
        "total_size": st.booleans(),
        "empty_every": st.sampled_from([0, 2]),
    }
)
JOBS = st.fixed_dictionaries(
    {
        "on_unknown": st.sampled_from([None, "hold", "resend"]),
        "has_ledger": st.booleans(),
        "fills_in": st.sampled_from([0.0, 1.0, 5.0]),
        "runs": st.integers(1, 3),
    }
)


def arranged(service: Service, faults: list[tuple[str, int, int, int]]) -> None:
    """Let the faults of an example befall the next requests.

    The service takes a number twice, so that a second letter shows; only what a proxy doubles is
    refused, as by a service that minds.
    """

    def minds(*, conflicts: bool) -> Callable[[Request], bool]:
        def when(_: Request) -> bool:
            service.rules.text_enable_conflicts = conflicts
            return conflicts

        return when

    service.fault(CREATES, Fault(), times=None, when=minds(conflicts=False))
    for what, kind, skip, times in faults:
        if what == "create":
            fault = CREATE_FAULTS[kind % len(CREATE_FAULTS)]
            when = minds(conflicts=True) if fault.runs > 1 else None
            service.fault(CREATES, fault, times=times, skip=skip % 3, when=when)
        else:
            fault = READ_FAULTS[kind % len(READ_FAULTS)]
            service.fault(what, fault, times=times, skip=skip)


async def run(service: Service, listed: list[str], **job: Any) -> bool:
    """One run of the job, cancelled where its create hangs; whether all was created."""
    client = SinchHosting(
        **service.client_arguments, retry=RetryPolicy(max_tries=3, initial=0.1), max_concurrency=3
    )
    calling = asyncio.ensure_future(
        client.hosting_orders.text_enable_many(
            listed,
            region_code="US",
            service_plan_id=PLAN,
            campaign_id=CAMPAIGN,
            loa=letter(),
            chunk_size=2,
            settle=SETTLE,
            grace=GRACE,
            **job,
        )
    )
    hanging = [rule for rule in service._faults if rule.fault.hangs]
    watchers = [asyncio.ensure_future(rule.arrived.wait()) for rule in hanging]
    await asyncio.wait([calling, *watchers], return_when=asyncio.FIRST_COMPLETED)
    for watcher in watchers:
        watcher.cancel()
    if not calling.done():
        calling.cancel()
    try:
        result = await calling
    except (asyncio.CancelledError, JobChanged, UnreadableList, SinchHostingError):
        return False
    finally:
        await client.aclose()
        for rule in hanging:
            rule.end()
            rule.release()
        await asyncio.sleep(0)
    adds_up(result, listed)
    return not result.failed and not result.unknown


async def check(
    faults: list[tuple[str, int, int, int]], lists: dict[str, Any], job: dict[str, Any]
) -> None:
    """Run the job some times with all that goes wrong, and once in peace."""
    clock, listed = SteppedClock(), numbers(6)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "job.jsonl" if job["has_ledger"] else None
        async with Service(clock=clock, sleep=clock.sleep, **lists) as service:
            if job["fills_in"]:
                service.rules.numbers_shown = lambda age, count: int(age / job["fills_in"])
            arranged(service, faults)
            options = {"job": "property", "ledger": ledger, "on_unknown": job["on_unknown"]}
            for _ in range(job["runs"]):
                await run(service, listed, **options)
                assert not service.numbers_in_two_letters
            service.clear_faults()
            service.rules.text_enable_conflicts = False
            service.lists["ListHostingOrders"].lag = 0.0
            await clock.sleep(100)
            is_done = await run(service, listed, **options)
            assert not service.numbers_in_two_letters
            if not is_done and job["has_ledger"]:
                # What a ledger holds back is for a person to say.
                is_done = await run(service, listed, **{**options, "on_unknown": "resend"})
            assert is_done
            assert not service.numbers_in_two_letters
            assert {n for sent in service.letters for n in sent.numbers} == set(listed)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(FAULTS, LISTS, JOBS)
def test_no_number_is_ever_in_two_letters(
    faults: list[tuple[str, int, int, int]], lists: dict[str, Any], job: dict[str, Any]
) -> None:
    """With and without a ledger, held or sent again: what `order_streams` promises."""
    asyncio.run(check(faults, lists, job))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(FAULTS, LISTS, st.sampled_from([30.0, 55.0, 1e6]), st.sampled_from([None, "hold"]))
def test_with_a_ledger_lists_may_lag_for_good(
    faults: list[tuple[str, int, int, int]], lists: dict[str, Any], lag: float, on_unknown: Any
) -> None:
    """What was sent and is never listed is held, run after run."""
    job = {"on_unknown": on_unknown, "has_ledger": True, "fills_in": 1.0, "runs": 3}
    asyncio.run(check(faults, {**lists, "lag": lag}, job))


@pytest.mark.parametrize("kind", range(len(CREATE_FAULTS)))
@pytest.mark.parametrize("has_ledger", [True, False])
def test_each_fault_of_a_create_alone(kind: int, *, has_ledger: bool) -> None:
    """Whatever the examples above leave out."""
    lists = {"lag": 9.0, "page_cap": 2, "paging": "shifting"}
    job = {"on_unknown": "resend", "has_ledger": has_ledger, "fills_in": 1.0, "runs": 2}
    asyncio.run(check([("create", kind, 0, 2)], lists, job))
