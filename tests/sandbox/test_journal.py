"""A large state: what has changed is appended to a journal, and nothing else is written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.state_file import StateFile
from sinch_hosting.sandbox.structures import json_of

N1, N2, N3 = "+12025550134", "+12025550135", "+12025550136"
DEAD = "http://127.0.0.1:9/"
"""Where nothing listens: events for it are attempted again and again."""


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every state counts as a large one, and the journal never as long."""
    monkeypatch.setattr(StateFile, "appends", property(lambda file: file._size > 0))


def killed(path: Path) -> Path:
    """The state as a `kill -9` would leave it now: a copy of its files."""
    copy = path.parent / "copy" / path.name
    copy.parent.mkdir(exist_ok=True)
    for name in (path.name, f"{path.name}.journal"):
        shutil.copy(path.with_name(name), copy.with_name(name))
    return copy


def in_the_files(path: Path) -> Any:
    """What a sandbox would find after `kill -9` now."""
    file = StateFile(killed(path))
    try:
        return comparable(file.open())
    finally:
        file.close()


def comparable(snapshot: Any) -> Any:
    """A state as JSON, without what differs by a rounding, and with plans as they will happen."""
    found = json.loads("".join(json_of(snapshot)))
    del found["tokens"]
    found["planned"] = sorted(found.get("planned", ()), key=lambda one: one.get("due", 1e99))
    return found


async def life(sandbox: Sandbox, api: Any) -> Any:
    """Yield after each of many things that can happen, those that leave no trace among them."""
    qualified = [f"+1202555{n:04}" for n in range(8)]
    sms = {"servicePlanId": "plan", "campaignId": "campaign"}
    number = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": sms, "callbackUrl": DEAD}
    steps: list[Callable[[], Any]] = [
        lambda: api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": qualified}),
        lambda: api.ok("DELETE", f"/qualifiedNumbers/{qualified[0]}"),
        lambda: api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": qualified[:1]}),
        lambda: sandbox.receive_invoices(qualified[1]),
        lambda: sandbox.advance(minutes=31),
        lambda: api.ok("POST", f"/qualifiedNumbers/{qualified[2]}:sendVoiceChallenge"),
        lambda: api.ok("POST", f"/qualifiedNumbers/{qualified[2]}:sendVoiceChallenge"),
        lambda: api(
            "POST", f"/qualifiedNumbers/{qualified[2]}:verifyVoiceChallenge", {"code": "no"}
        ),
        lambda: sandbox.refuse(qualified[3], "no invoices"),
        lambda: sandbox.approve(qualified[4:6]),
        lambda: sandbox.plan(N2, osr="INVALID_NNID"),
        lambda: sandbox.change_rules(enums="texts"),
        lambda: sandbox.faults.add("lag", operation="lists", probability=0.5, seconds=1),
        lambda: api.ok("POST", "/importedNumbers", number),
        lambda: sandbox.pass_time(minutes=3),
        lambda: api.ok("PATCH", f"/importedNumbers/{N1}", {"displayName": "new"}),
        lambda: api.text_enable(qualified[4], callbackUrl=DEAD),
        lambda: api.import_numbers(N2, N3, callbackUrl=DEAD),
        lambda: api.text_enable(qualified[5]),
        lambda: sandbox.pass_time(minutes=11),
        lambda: sandbox.sign_letter(sandbox.orders_created()[0]),
        lambda: sandbox.decline_letter(sandbox.orders_created()[2]),
        *[sandbox.step for _ in range(20)],
        lambda: sandbox.pass_time(minutes=30),
        sandbox.faults.clear,
        lambda: api.ok(
            "PATCH",
            f"/importedNumbers/{N1}",
            {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}},
        ),
        lambda: sandbox.pass_time(days=1),
        lambda: api.ok("DELETE", f"/importedNumbers/{N1}"),
        lambda: api.ok("PATCH", "/callbackConfiguration", {"hmacSecret": "a secret"}),
        lambda: sandbox.complete(sandbox.orders_created()[0]),
        lambda: sandbox.change_speed(0),
    ]
    for step in steps:
        done = step()
        yield await done if hasattr(done, "__await__") else done


async def test_every_change_is_in_the_journal(tmp_path, open_api, large):
    """After each step a kill would lose nothing; the state itself is written once."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=3, state_file=path, profile="troubled") as sandbox:
        at_first, api = path.read_bytes(), await open_api(sandbox)
        seen = 0
        async for _ in life(sandbox, api):
            sandbox._world.changed = True
            sandbox._keeper.save_changes()
            assert in_the_files(path) == comparable(sandbox._keeper.whole())
            seen += 1
        assert seen > 40
        assert {len(sandbox.letters_sent), len(sandbox.orders_created())} == {2, 3}
        assert any(event.attempts for event in sandbox.callbacks)
        sandbox.reset()
        await api.import_numbers(N1)  # all is gone: the whole is written, and no journal is left
        assert path.read_bytes() != at_first
        assert not path.with_name("state.json.journal").exists()
    async with Sandbox(speed=0, state_file=path) as again:
        assert [len(order.numbers) for order in again.orders_created()] == [1]


async def test_a_change_of_a_large_state_writes_little(tmp_path, open_api):
    """A request writes a few thousand bytes, however many numbers there are."""
    path = tmp_path / "state.json"
    journal = path.with_name("state.json.journal")
    async with Sandbox(speed=0, seed=1, state_file=path, import_limit=500) as sandbox:
        api = await open_api(sandbox)
        for block in range(20):
            await api.import_numbers(*(f"+1202{block:03}{n:04}" for n in range(500)))
        sandbox.advance(days=2)
        sandbox.save()
        written = as_it_is(path)
        assert path.stat().st_size > 5_000_000
        for n in range(5):
            order = await api.import_numbers(f"+1303555000{n}")
        assert as_it_is(path) == written
        assert journal.stat().st_size < 100_000
        assert journal.stat().st_mode & 0o777 == 0o600
        copy = killed(path)
    assert not journal.exists()  # to stop writes all of it
    for left in (copy, path):
        written = as_it_is(left)
        async with Sandbox(speed=0, state_file=left, import_limit=500) as again:
            assert as_it_is(left) == written
            assert len(again.imported_numbers()) == 10_000
            assert again.order(order).state == "SUBMITTED"


async def test_the_journal_does_not_grow_without_end(tmp_path, open_api, monkeypatch):
    """Where it is as long as the state, the state is written anew."""
    monkeypatch.setattr("sinch_hosting.sandbox.state_file.LARGE", 20_000)
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as sandbox:
        api, sizes = await open_api(sandbox), []
        for n in range(60):
            await api.import_numbers(f"+1303555{n:04}")
            journal = path.with_name("state.json.journal")
            sizes.append(journal.stat().st_size if journal.exists() else 0)
        assert max(sizes) > 20_000
        assert sizes.count(0) > 2
        assert max(sizes) < path.stat().st_size + 20_000


def as_it_is(path: Path) -> tuple[int, int]:
    """What changes where a file is written anew."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def damaged(how: Callable[[bytes], bytes], path: Path) -> None:
    """Change the journal beside a state."""
    journal = path.with_name(f"{path.name}.journal")
    journal.write_bytes(how(journal.read_bytes()))


async def test_a_line_without_its_end_is_left_out(tmp_path, open_api, large):
    """It was being written when the process was killed; what is written next is read again."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as sandbox:
        api = await open_api(sandbox)
        first = await api.import_numbers(N1)
        path = killed(path)
    damaged(lambda raw: raw + b'{"now":17', path)
    async with Sandbox(speed=0, state_file=path) as sandbox:
        assert [one.hosting_order_id for one in sandbox.orders_created()] == [first]
        api = await open_api(sandbox)
        second = await api.import_numbers(N2)
        path = killed(path)
    async with Sandbox(speed=0, state_file=path) as sandbox:
        assert [one.hosting_order_id for one in sandbox.orders_created()] == [first, second]


async def test_a_journal_of_another_state_is_not_read(tmp_path, open_api, large):
    """Such as one that a kill left behind after the whole state was written."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as sandbox:
        api = await open_api(sandbox)
        await api.import_numbers(N1)
        left = path.with_name("state.json.journal").read_bytes()
        sandbox.reset()
    path.with_name("state.json.journal").write_bytes(left)
    async with Sandbox(speed=0, state_file=path) as sandbox:
        assert sandbox.orders_created() == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda raw: raw.replace(b'"now"', b'"then"', 1), "line 2: then is not known here"),
        (lambda raw: raw.replace(b'"now":', b'"now":"', 1), "line 2: line 1, column"),
        (
            lambda raw: raw.replace(b'"SUBMITTED"', b"7"),
            r"line \d+: orders\[0\]\.history\[0\]\[1\] must",
        ),
    ],
)
async def test_a_damaged_journal_is_a_clear_error(tmp_path, open_api, large, how, said):
    """The message names the file, the line, and what to do."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as sandbox:
        await (await open_api(sandbox)).import_numbers(N1)
        path = killed(path)
    damaged(how, path)
    with pytest.raises(ValueError, match=said) as caught:
        await Sandbox(speed=0, state_file=path).start()
    assert "state.json.journal is damaged" in str(caught.value)
    assert "move it away" in str(caught.value)


async def test_a_change_that_cannot_be_written_is_written_later(
    tmp_path, open_api, large, monkeypatch
):
    """The request is not answered as done, the journal is as it was, and nothing is lost."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as sandbox:
        api = await open_api(sandbox)
        await api.import_numbers(N1)
        before = path.with_name("state.json.journal").read_bytes()

        def fails(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fails)
            status, _ = await api("DELETE", f"/importedNumbers/{N1}")
            assert status == 500
            assert path.with_name("state.json.journal").read_bytes() == before
        await api.import_numbers(N2)
        path = killed(path)
    async with Sandbox(speed=0, state_file=path) as again:
        assert len(again.orders_created()) == 2
        assert again.calls("DeleteImportedNumber")
