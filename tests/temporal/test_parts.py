"""The parts of jobs on Temporal that need no server: files, payloads, rates, the lease."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError, RPCStatusCode

from sinch_hosting import BlanketLoa, ConfigurationError, InvalidRequest, RunStopped
from sinch_hosting.temporal import hosting_job, messages, onboard, positions, text_enable
from sinch_hosting.temporal.files import References
from sinch_hosting.temporal.lease import Lease
from sinch_hosting.temporal.messages import (
    ChunkResult,
    FailedNumber,
    Prepared,
    Standing,
    State,
    TextEnableInput,
)
from sinch_hosting.temporal.payloads import AttrsPayloads
from sinch_hosting.temporal.starting import check_input, workflow_id
from sinch_hosting.temporal.worker import share_of_rate

from .jobs import LETTER, job_of, onboarding_of


@pytest.mark.parametrize(
    "value",
    [
        job_of(state=State(prepared=Prepared(numbers=5, chunks=1, existing=(3, 4)), next_chunk=1)),
        ChunkResult(kind="created", left_out=(FailedNumber(position=3, reason="why"),)),
        Standing(states={"COMPLETED": 2}, waiting={"signer": 1}),
    ],
)
def test_messages_come_back_as_they_were(value: object) -> None:
    """Written by one worker and read by another one."""
    payloads = AttrsPayloads().to_payloads([value])
    assert AttrsPayloads().from_payloads(payloads, [type(value)]) == [value]
    assert payloads[0].metadata["encoding"] == b"json/plain"


def test_messages_of_another_version_can_be_read() -> None:
    """What it added is passed over, and what it lacks has its default."""
    converter = AttrsPayloads()
    payload = converter.to_payloads([{"order": {"job": "a"}}])[0]
    payload.data = (
        b'{"order": {"job": "a", "numbers": "n", "letter": "l", "region_code": "US", '
        b'"service_plan_id": "p", "campaign_id": "c", "later": 1}, "added": true}'
    )
    (read,) = converter.from_payloads([payload], [TextEnableInput])
    assert (read.order.job, read.order.chunk_size, read.on_unknown) == ("a", 500, "hold")


async def test_numbers_are_read_by_position(tmp_path: Path) -> None:
    """In any order, without blank lines, and anew where the file was changed."""
    path = tmp_path / "numbers.txt"
    path.write_text("\ufeff+12025550134\n\n+12025550135\n+442071838750\n", "utf-8")
    references = References(tmp_path)
    assert await references.count("numbers.txt") == 3
    assert await references.numbers("numbers.txt", 1, 5) == ("+12025550135", "+442071838750")
    path.write_text("+12025550199\n+12025550134\n+12025550135\n+12025550136\n")
    assert await references.count("numbers.txt") == 4
    assert await references.numbers("numbers.txt", 0, 1) == ("+12025550199",)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("+12025550134\n12025550135\n", "line 2"),
        ("+12025550134\n+12025550134\n", "line 2"),
        ("\n", "numbers"),
    ],
)
async def test_wrong_numbers_are_refused(tmp_path: Path, text: str, field: str) -> None:
    """With their line, before anything is sent."""
    (tmp_path / "numbers.txt").write_text(text)
    with pytest.raises(InvalidRequest) as refused:
        await References(tmp_path).count("numbers.txt")
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "no-such-file"])
async def test_no_file_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    """Whoever may start a job may not read the worker's machine."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_text("+12025550134\n")
    with pytest.raises(InvalidRequest, match="reference"):
        await References(tmp_path / "inside").count(name)


async def test_letters(tmp_path: Path) -> None:
    """As `letter template` writes them; what is wrong is named without what it says."""
    references = References(tmp_path)
    (tmp_path / "direct.toml").write_text(LETTER)
    (tmp_path / "blanket.toml").write_text('kind = "blanket"\n')
    (tmp_path / "half.toml").write_text(LETTER.replace('email = "jane.roe@example.com"', ""))
    letter = await references.letter("direct.toml")
    assert letter.authorised_person.first_name == "Jane"  # type: ignore[union-attr]
    assert isinstance(await references.letter("blanket.toml"), BlanketLoa)
    with pytest.raises(InvalidRequest, match="letter check") as refused:
        await references.letter("half.toml")
    assert "Roe" not in str(refused.value)


def test_each_worker_has_its_share_of_the_rate() -> None:
    """The product of the share and the most workers is the rate of the fleet."""
    told = {"SINCH_HOSTING_FLEET_RATE": "12", "SINCH_HOSTING_FLEET_WORKERS": "4"}
    assert share_of_rate(told) == 3
    assert share_of_rate({"SINCH_HOSTING_FLEET_RATE": "12"}) == 12
    assert share_of_rate({}) is None
    for wrong in ("0", "-1", "many", "inf"):
        with pytest.raises(ConfigurationError, match="FLEET_RATE"):
            share_of_rate({"SINCH_HOSTING_FLEET_RATE": wrong})
    with pytest.raises(ConfigurationError, match="FLEET_WORKERS"):
        share_of_rate({**told, "SINCH_HOSTING_FLEET_WORKERS": "1.5"})


def test_a_job_has_one_workflow() -> None:
    """The name is checked: it stands in the tag of every order."""
    assert workflow_id("project", "acme") == "sinch-hosting/project/acme"
    with pytest.raises(InvalidRequest):
        workflow_id("project", "a/b")


class Handle:
    """An activity's handle whose heartbeats take a while, or are refused."""

    def __init__(self, takes: float = 0.0, *, is_gone: bool = False) -> None:
        self.now = 100.0
        self._takes, self._is_gone = takes, is_gone

    def clock(self) -> float:
        """The time of this machine."""
        return self.now

    async def heartbeat(self) -> None:
        """Take a heartbeat."""
        self.now += self._takes
        if self._is_gone:
            raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")


async def test_a_lease_counts_from_before_its_heartbeat() -> None:
    """However long the server took: it counts from later."""
    handle: Any = Handle(takes=4)
    lease = Lease(handle, 10, handle.clock)
    await lease.check(6)
    with pytest.raises(RunStopped, match=r"may act for 6\.0 s more"):
        await lease.check(6.5)
    handle.now += 11
    with pytest.raises(RunStopped):
        lease.check_now()


async def test_an_attempt_that_was_given_up_sends_nothing() -> None:
    """The server knows it no more: another one has its work."""
    handle: Any = Handle(is_gone=True)
    with pytest.raises(RunStopped, match="given this attempt up"):
        await Lease(handle, 10, handle.clock).check(1)


@pytest.mark.parametrize("is_gone", [True, False])
async def test_what_was_given_up_does_not_go_on(*, is_gone: bool) -> None:
    """A watching attempt would read the lists for ever, beside the one that took its place."""
    handle: Any = Handle(is_gone=is_gone)
    if not is_gone:
        handle.heartbeat = refused_heartbeat

    async def watch() -> None:
        async with Lease(handle, 0.04, handle.clock).kept():
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(watch(), 120)


async def refused_heartbeat() -> None:
    """A heartbeat of an activity that its workflow has cancelled."""
    raise AsyncActivityCancelledError


@pytest.mark.parametrize("module", [text_enable, onboard, hosting_job, positions, messages])
def test_workflow_code_imports_messages_only(module: ModuleType) -> None:
    """What is replayed does not depend on what starts processes, opens files or sends requests."""
    source = Path(str(module.__file__)).read_text()
    imported = {
        f"{'.' * node.level}{node.module or ''}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
    }
    ours = {name for name in imported if name.startswith(".")}
    assert ours <= {".messages", ".hosting_job", ".positions"}
    assert "subprocess" not in source


@pytest.mark.parametrize(
    "listed", [[], [0], [7, 8], list(range(500)), [999_999], list(range(0, 1_000_000, 3))]
)
def test_sets_of_positions_are_small(listed: list[int]) -> None:
    """A million numbers are far below what a payload may be, and a chunk is a few letters."""
    mask = positions.mask_of(listed)
    text = positions.pack(mask)
    assert positions.unpack(text) == mask
    assert list(positions.positions_in(mask)) == listed
    assert mask.bit_count() == len(listed)
    assert len(text) < (100 if listed[-1:] != [999_999] else 170_000)
    assert positions.pack(0) == ""


async def test_numbers_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """By positions that are no range, and positions by numbers; a code is read like them."""
    (tmp_path / "numbers.txt").write_text("".join(f"+1202555{n:04}\n" for n in range(30)))
    (tmp_path / "code").write_text(" 1234\n")
    references = References(tmp_path)
    wanted = ("+12025550000", "+12025550002", "+12025550003", "+12025550029")
    assert tuple(await references.at("numbers.txt", [0, 2, 3, 29])) == wanted
    found = await references.positions("numbers.txt", {*wanted, "+12025559999"})
    assert sorted(found.values()) == [0, 2, 3, 29]
    assert await references.code("code") == "1234"
    with pytest.raises(InvalidRequest):
        await references.code("../code")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chunk_size", 0),
        ("chunk_size", 501),
        ("most_pending", 0),
        ("every", 0.0),
        ("lease", 0.0),
        ("lease", float("inf")),
        ("grace", -1.0),
        ("callback_url", "not an address"),
        ("readiness_window", 1e12),
    ],
)
def test_what_no_job_can_be_done_with_is_refused_before_it_starts(field: str, value: Any) -> None:
    """A name is used once, so that a job that can only fail must not use one."""
    with pytest.raises(InvalidRequest) as refused:
        check_input(onboarding_of(**{field: value}))
    assert refused.value.field == field
