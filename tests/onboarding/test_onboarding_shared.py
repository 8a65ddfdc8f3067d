"""Onboardings on several machines, with a ledger in PostgreSQL: one does it, others stand by.

`STALL_ROUNDS=200 pytest -n 2 tests/onboarding/test_onboarding_shared.py` is the long mode.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("asyncpg", reason="asyncpg is not installed")

from sinch_hosting import LedgerLocked, PollPolicy
from sinch_hosting._bulk import open_ledger
from sinch_hosting._bulk.ledger import Claim
from sinch_hosting._bulk.ledger_postgres import PostgresLedger
from sinch_hosting._onboarding.fence import Fence
from sinch_hosting._onboarding.report import Step

from ..bulk.rig import CAMPAIGN, PLAN, Rig, letter, numbers, rigged
from ..bulk.test_stalls import is_stopped
from ..postgres import Postgres, running_postgres
from ..service import Service

ROUNDS = int(os.environ.get("STALL_ROUNDS", "4"))
FIRST, LAST = 95, 215
"""The awaits of a run, of about 300, in which it rings and orders."""
LISTED = numbers(4)
WORKER = Path(__file__).with_name("onboarding_worker.py")
DAY = 86_400.0


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A database server; tests that ask for it are skipped where there is none."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def url(postgres: Postgres) -> str:
    """A new database."""
    return postgres.database()


# ------------------------------------------------------------ in one process


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A sandbox in which nobody mails invoices by themselves."""
    async with rigged(profile="people") as made:
        yield made


def begun(rig: Rig, url: str, **settings: Any) -> Any:
    """An onboarding with a client of its own, as on another machine."""
    arguments: dict[str, Any] = {
        "job": "acme",
        "service_plan_id": PLAN,
        "campaign_id": CAMPAIGN,
        "loa": letter(),
        "timeout": 3 * DAY,
        "ledger": url,
        **settings,
    }
    poll = PollPolicy(initial=900, maximum=7200, jitter=0)
    return rig.client(poll=poll).onboard(LISTED, **arguments)


async def test_one_does_it_and_others_stand_by(
    rig: Rig, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Those get the same report, and repeat nothing, also where a run alone would."""
    wrong = LISTED[0]

    def code(number: str) -> str:
        return "0000" if number == wrong else rig.sandbox.voice_code(number)

    both = {"voice_code": code, "retry_rejected": True}
    first, second = begun(rig, url, **both), begun(rig, url, **both)
    async with asyncio.timeout(60):
        one, other = await asyncio.gather(first.run(), second.run())
    assert "another run does job acme: this one waits" in caplog.text
    assert one.counts == other.counts
    calls = Counter(mail.to for mail in rig.sandbox.outbox if mail.kind == "voice")
    assert calls == dict.fromkeys(LISTED, 1)
    assert max(rig.held().values()) == 1
    assert len(rig.sandbox.orders_created()) == 1
    later = begun(rig, url, **both)  # it waits for nobody, and so it may try again
    await later.run()
    assert sum(mail.kind == "voice" for mail in rig.sandbox.outbox) == len(LISTED) + 1


async def test_a_run_that_is_stopped_hands_over(
    rig: Rig, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At once, with all that it was to do: as where programs are replaced one by one."""
    first = begun(rig, url, timeout=None)
    second = begun(rig, url, timeout=None, voice_code=rig.sandbox.voice_code)
    async with asyncio.timeout(60), aclosing(first.steps()) as steps, aclosing(second) as other:
        while (await anext(steps)).step is not Step.INVOICES:
            pass
        going_on = asyncio.create_task(anext(other.steps()))
        while "another run does job acme" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not rig.sandbox.calls("SendVoiceChallenge")
        first.stop()
        async for _ in steps:
            pass
        await going_on
        while not rig.sandbox.orders_created():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert len(rig.sandbox.calls("SendVoiceChallenge")) == len(LISTED)
    assert rig.held() == dict.fromkeys(LISTED, 1)


async def test_a_plan_waits_for_nobody(rig: Rig, url: str) -> None:
    """It locks nothing, and makes no tables."""
    plan = await begun(rig, url).plan()
    assert plan.counts == {"add": len(LISTED)}
    ledger = await PostgresLedger.open(url, name="pg", lease=60, job="acme", alone=True)
    try:
        assert (await begun(rig, url).plan()).counts == {"add": len(LISTED)}
    finally:
        await ledger.close()


async def test_a_run_that_lost_its_claim_ends(
    rig: Rig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It calls nobody and orders nothing any more, and says what to do."""
    monkeypatch.setattr(open_ledger, "_REQUESTS_A_LEASE", 0.005)  # 0.3 s: less than a request takes
    running = begun(rig, url, timeout=None, voice_code=rig.sandbox.voice_code)
    monkeypatch.setattr(PostgresLedger, "_renew", lambda self: asyncio.sleep(3600))
    with pytest.raises(LedgerLocked, match="lost its claim of the onboarding"):
        await running.run()
    assert not rig.sandbox.calls("SendVoiceChallenge")
    assert not rig.sandbox.orders_created()


async def test_the_fence() -> None:
    """A request leaves only if it ends before the claim does; its body only before it ends."""
    now = 100.0
    claim = Claim(lambda: now, ends=110.0, what="the job")
    fence = Fence(claim, longest=5.0)
    await fence.on_sending()
    now = 106.0
    with pytest.raises(LedgerLocked, match=r"the claim of the job lasts for 4\.0 s more"):
        await fence.on_sending()
    fence.on_writing()
    now = 111.0
    with pytest.raises(LedgerLocked):
        fence.on_writing()


# ---------------------------------------------------------------- processes


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A service on the real clock, for real processes."""
    async with Service() as running:
        running.rules.qualification = [(0, "ELIGIBLE"), (0.1, "VERIFICATION_PENDING")]
        running.rules.lives["TYPE_TEXT_ENABLE"] = [(0, "SUBMITTED"), (0.3, "COMPLETED")]
        yield running


async def begin(
    service: Service, url: str, stop_at: int | None, how: str, listed: list[str] = LISTED
) -> Any:
    """Start a process."""
    client = {k: v for k, v in service.client_arguments.items() if k not in ("clock", "sleep")}
    arguments = {
        "client": {**client, "timeout": 0.5},
        "listed": listed,
        "stop_at": stop_at,
        "how": how,
        "job": "stalls",
        "ledger": url,
        "on_unknown": "resend",
        "chunk_size": 2,
        "settle": 0.1,
        "grace": 2.0,
        "timeout": 30,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), json.dumps(arguments), stdout=asyncio.subprocess.PIPE
    )


async def said_by(process: Any) -> dict[str, Any]:
    """What a process says at its end."""
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0
    result: dict[str, Any] = json.loads(said)
    return result


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_nothing_twice(round_: int, service: Service, url: str) -> None:
    """A process is killed, or stands still and comes back, when another one has taken over.

    That one has half of the numbers, in orders of other places: the claims of chunks alone would
    not keep the late one from ordering them again.
    """
    dice = random.Random(round_)
    how = ("SIGKILL", "SIGSTOP")[round_ % 2]
    stop_at = dice.randrange(FIRST, LAST)
    first = await begin(service, url, stop_at, how)
    is_stalled = how == "SIGSTOP" and await is_stopped(first)
    if not is_stalled:
        await first.wait()
    half = await said_by(await begin(service, url, None, how, LISTED[2:]))
    if is_stalled:
        first.send_signal(signal.SIGCONT)
        late = await said_by(first)
        assert "lost its claim" in late.get("lost", "") or late["lines"].keys() == set(LISTED)
    result = await said_by(await begin(service, url, None, how))
    assert not service.numbers_in_two_letters, (how, stop_at)
    assert half["lines"] == dict.fromkeys(LISTED[2:], "done"), (how, stop_at)
    assert result["lines"] == dict.fromkeys(LISTED, "done"), (how, stop_at)
    mailed = Counter(number for one in service.letters for number in one.numbers)
    assert mailed == dict.fromkeys(LISTED, 1), (how, stop_at)
