"""Virtual time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.clock import Clock, business_days_after, wire_time

N1 = "+12025550134"


def clock(speed: float = 0) -> Clock:
    """A clock that starts at 1000."""
    return Clock(speed, 1000.0)


def test_what_is_due_runs_in_order_at_its_own_time():
    """Transitions run by due time, equal ones as planned; the clock shows each one's time."""
    found = clock()
    seen: list[tuple[str, float]] = []
    for name, due in (("c", 1030.0), ("a", 1010.0), ("b", 1010.0), ("later", 2000.0)):
        found.plan(("x", name), name, due, lambda name=name: seen.append((name, found.now)))
    assert found.advance(100) == 3
    assert seen == [("a", 1010.0), ("b", 1010.0), ("c", 1030.0)]
    assert found.now == 1100
    assert found.next_due() == 2000


def test_what_follows_within_the_same_step_runs_too():
    """A transition planned by another one, still due, runs in the same advance."""
    found, seen = clock(), []

    def first() -> None:
        found.plan(("x", "1"), "second", found.now + 5, lambda: seen.append(found.now))

    found.plan(("x", "1"), "first", 1010, first)
    found.advance(100)
    assert seen == [1015]


def test_a_new_plan_replaces_the_old_one():
    """A subject has one planned transition; forgetting takes it away."""
    found, seen = clock(), []
    subject = ("x", "1")
    found.plan(subject, "old", 1010, lambda: seen.append("old"))
    found.plan(subject, "new", 1020, lambda: seen.append("new"))
    assert found.next_due() == 1020
    assert found.pending(subject).name == "new"
    found.advance(50)
    assert seen == ["new"]
    found.plan(subject, "never", 2000, lambda: seen.append("never"))
    found.forget(subject)
    assert found.advance(5000) == 0
    assert found.step() is None


def test_a_manual_transition_waits_for_its_trigger():
    """Without a due time nothing happens until it is triggered, and then once."""
    found, seen = clock(), []
    found.plan(("x", "1"), "by hand", None, lambda: seen.append(1))
    found.advance(1e6)
    assert seen == []
    assert found.trigger(("x", "1")) == "by hand"
    assert found.trigger(("x", "1")) == ""
    assert seen == [1]


def test_stepping_jumps_to_the_next_transition_alone():
    """A step does one transition and moves time to it; one overdue does not move time back."""
    found, seen = clock(), []
    found.plan(("x", "1"), "one", 1010, lambda: seen.append(found.now))
    found.plan(("x", "2"), "two", 1010, lambda: seen.append(found.now))
    assert found.step() == "one"
    assert found.now == 1010
    assert seen == [1010]
    assert found.step() == "two"


def test_time_does_not_go_back_or_end():
    """Negative and absurd steps are refused, and change nothing."""
    found = clock()
    for wrong in (-1, 1e15):
        with pytest.raises(ValueError):
            found.advance(wrong)
    assert found.now == 1000


def test_a_failing_transition_does_not_stop_the_clock():
    """An error reaches the caller, and the clock works on."""
    found, seen = clock(), []
    found.plan(("x", "1"), "bad", 1010, lambda: 1 / 0)
    found.plan(("x", "2"), "good", 1020, lambda: seen.append(1))
    with pytest.raises(ZeroDivisionError):
        found.advance(100)
    found.advance(100)
    assert seen == [1]


def test_a_fast_clock_multiplies_real_time():
    """Virtual time is real time times the speed."""
    real = [0.0]
    found = Clock(3600.0, 0.0, lambda: real[0])
    real[0] = 2.0
    assert found.now == 7200
    found.advance(10)
    assert found.now == 7210


async def test_a_fast_clock_wakes_by_itself():
    """What is due happens without anybody asking, the earlier first."""
    found = clock(1000.0)
    done = asyncio.Event()
    seen: list[str] = []
    now = found.now
    found.plan(("x", "2"), "late", now + 200, lambda: (seen.append("late"), done.set()))
    found.plan(("x", "1"), "soon", now + 50, lambda: seen.append("soon"))
    await asyncio.wait_for(done.wait(), 120)
    assert seen == ["soon", "late"]
    found.plan(("x", "1"), "dropped", found.now + 100, done.clear)
    found.clear()
    await asyncio.sleep(0.15)
    assert done.is_set()


async def test_an_order_completes_by_itself_when_time_is_fast(open_api):
    """Days pass in milliseconds, through every state, with nobody stepping."""
    async with Sandbox(speed=1e6) as sandbox:
        api = await open_api(sandbox)
        order_id = await api.text_enable(N1)
        for _ in range(500):
            order = await api.ok("GET", f"/hostingOrders/{order_id}")
            if order["state"] == "COMPLETED":
                break
            await asyncio.sleep(0.002)
        history = sandbox.order(order_id).history
        assert [state for _, state in history] == [
            "SUBMITTED",
            "WAITING_FOR_LOA_SIGNATURE",
            "IN_PROGRESS",
            "COMPLETED",
        ]
        assert [at for at, _ in history] == sorted({at for at, _ in history})


def test_business_days_leave_weekends_out():
    """Friday plus one is Monday; a start on Saturday counts from Monday; halves are hours."""

    def after(day: int, days: float) -> datetime:
        start = datetime(2026, 1, day, 12, tzinfo=UTC).timestamp()
        return datetime.fromtimestamp(business_days_after(start, days), UTC)

    assert after(9, 1) == datetime(2026, 1, 12, 12, tzinfo=UTC)
    assert after(10, 1) == datetime(2026, 1, 13, 12, tzinfo=UTC)
    assert after(5, 3) == datetime(2026, 1, 8, 12, tzinfo=UTC)
    assert after(5, 0.5) == datetime(2026, 1, 6, 0, tzinfo=UTC)


def test_wire_times_have_the_digits_asked_for():
    """Three or six fractional digits, in UTC."""
    assert wire_time(0.5) == "1970-01-01T00:00:00.500Z"
    assert wire_time(0.5, 6) == "1970-01-01T00:00:00.500000Z"


def test_time_starts_where_it_is_told():
    """By hand or with a seed on a fixed Monday, else now, or at a given start."""
    monday = datetime(2026, 1, 5, 14, tzinfo=UTC)
    assert Sandbox(speed=0).now == monday
    assert abs(Sandbox(seed=1).now - monday) < timedelta(hours=1)
    assert abs(Sandbox(speed=1).now - datetime.now(UTC)) < timedelta(minutes=1)
    start = datetime(2030, 1, 1, tzinfo=UTC)
    assert Sandbox(speed=0, start=start).now == start
    for wrong in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="speed"):
            Sandbox(speed=wrong)


def test_time_advances_by_deltas_and_units():
    """Both ways to say how far."""
    sandbox = Sandbox(speed=0)
    start = sandbox.now
    sandbox.advance(timedelta(hours=1))
    sandbox.advance(days=2, minutes=1)
    assert sandbox.now - start == timedelta(days=2, hours=1, minutes=1)


@pytest.mark.parametrize("wrong", [{"speed": 1e300}, {"start": datetime(9999, 1, 1, tzinfo=UTC)}])
def test_time_that_would_end_is_refused(wrong):
    """No speed that runs through millennia in a moment, no start at the end of time."""
    with pytest.raises(ValueError, match="must lie between"):
        Sandbox(**wrong)


def test_a_step_beyond_the_end_of_time_is_refused():
    """Stepping checks as advancing does, and leaves clock and plan as they were."""
    found = clock()
    found.plan(("x", "1"), "too late", 3e11, lambda: None)
    with pytest.raises(ValueError, match="end of virtual time"):
        found.step()
    assert found.now == 1000
    assert found.next_due() == 3e11


def test_a_clock_that_runs_stops_at_the_end_of_time():
    """However long it runs, its time can be written."""
    real = [0.0]
    found = Clock(1e7, 0.0, lambda: real[0])
    real[0] = 1e9
    assert wire_time(found.now) == "9990-01-01T00:00:00.000Z"


def test_what_is_immediate_happens_at_once_on_a_running_clock():
    """A chain of immediate transitions is over in one go though real time passes meanwhile."""
    real = [0.0]

    def ticking() -> float:
        real[0] += 0.001
        return real[0]

    found, seen = Clock(3600.0, 0.0, ticking), []

    def follow(left: int) -> None:
        seen.append(left)
        if left:
            found.plan(("x", "1"), "next", found.now, lambda: follow(left - 1))

    found.plan(("x", "1"), "first", found.now, lambda: follow(3))
    found.run_due()
    assert seen == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "units"),
    [
        ((), {}),
        ((5,), {}),
        ((timedelta(days=1),), {"days": 1}),
        ((), {"days": True}),
        ((), {"days": "two"}),
        ((), {"days": 1e12}),
        ((), {"fortnights": 1}),
        ((), {"days": float("nan")}),
    ],
)
async def test_a_wrong_distance_is_a_value_error(arguments, units):
    """Nothing, two things, no number, no unit or too far: both ways to move time say so."""
    sandbox = Sandbox(speed=0)
    before = sandbox.now
    with pytest.raises(ValueError):
        sandbox.advance(*arguments, **units)
    with pytest.raises(ValueError):
        await sandbox.pass_time(*arguments, **units)
    assert sandbox.now == before
