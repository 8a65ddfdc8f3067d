"""`sinch-hosting guide`, and the lines of commands that the guide shows."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

import sinch_hosting
from sinch_hosting.cli import app

from .conftest import Account

ROOT = Path(sinch_hosting.__file__).parents[1]
PAGES = {
    path.stem: path.read_text("utf-8") for path in (ROOT / "sinch_hosting/guides").glob("*.md")
}


def lines_in(text: str) -> list[str]:
    """The command's lines in the shell blocks of a page."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [part.strip() for block in blocks for part in re.split(r"[\n|]", block)]
    return [line.partition(" #")[0] for line in lines if line.startswith("sinch-hosting ")]


LINES = sorted({line for text in PAGES.values() for line in lines_in(text)})


def test_it_lists_the_pages(capsys: pytest.CaptureFixture[str]) -> None:
    """With their titles, the first one first."""
    assert app.run(["guide"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].split() == ["start", "Start"]
    assert {line.split()[0] for line in listed} == set(PAGES)


def test_it_shows_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Piped, it is the Markdown as it is."""
    assert app.run(["guide", "bulk"]) == 0
    assert capsys.readouterr().out == PAGES["bulk"]


def test_an_unknown_page_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The error names those that there are."""
    assert app.run(["guide", "nothing"]) == 2
    said = capsys.readouterr().err
    assert "no page is called 'nothing'" in said
    assert "troubleshooting" in said


def test_on_a_terminal_it_is_formatted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Headings and tables, no Markdown."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert app.run(["guide", "start"]) == 0
    said = capsys.readouterr().out
    assert "The first order" in said
    assert "## The first order" not in said
    assert "```" not in said


@pytest.mark.parametrize("line", LINES)
def test_the_lines_of_the_guide_are_commands(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command is there, and has the options that the line gives it."""
    words = shlex.split(line)[1:]
    command = words[:1]
    assert command[0] in app.COMMANDS
    assert app.run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    if len(words) > 1 and re.search(rf"^│ {re.escape(words[1])} ", shown, re.M):
        assert app.run([*words[:2], "--help"]) == 0
        shown = capsys.readouterr().out
    else:
        assert "COMMAND" not in shown.splitlines()[0] or len(words) == 1, line
    for option in (word for word in words if word.startswith("--")):
        assert option in shown, line


def test_the_lines_of_the_command_page_need_no_settings_but_credentials(still: Account) -> None:
    """The plan and the campaign stand in each line that needs them."""
    page = PAGES["command"]
    lines = lines_in(page[page.index("## Look and wait") : page.index("## Settings")])
    still.file("fleet.csv", "phone\n+12025550134\n")
    assert len(lines) == 9
    for line in lines:
        done = still.run(
            *shlex.split(line)[1:],
            stdin="+12025550134\n",
            SINCH_HOSTING_SERVICE_PLAN_ID="",
            SINCH_HOSTING_CAMPAIGN_ID="",
        )
        assert "no service_plan_id" not in done.stderr, line
        has_failed = done.returncode == 2
        assert has_failed == line.startswith("sinch-hosting jobs reconcile"), done.stderr


def test_every_command_of_a_group_stands_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The guide names them all, and no others."""
    table = re.findall(r"^\| `(\w+)` \| ((?:`[\w-]+`(?:, )?)+) \|$", PAGES["command"], re.M)
    assert len(table) == 7
    for group, commands in table:
        assert app.run([group, "--help"]) == 0
        shown = capsys.readouterr().out.partition("Commands")[2].partition("╰")[0]
        assert set(re.findall(r"^│ ([\w-]+) ", shown, re.M)) == set(re.findall(r"[\w-]+", commands))


def test_all_commands_are_named() -> None:
    """One that is added has to be told of."""
    for name in app.COMMANDS:
        assert re.search(rf"`(sinch-hosting )?{name}\b|sinch-hosting {name}\b", PAGES["command"])


def test_the_configurations_of_clients_start_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is JSON, and gives the command options that it has."""
    assert app.run(["mcp", "--help"]) == 0
    shown = capsys.readouterr().out
    blocks = re.findall(r"```json\n(.*?)```", PAGES["agents"], re.S)
    assert len(blocks) == 2
    for block in map(json.loads, blocks):
        for server in (block.get("mcpServers") or block["servers"]).values():
            assert server["command"] == "sinch-hosting"
            assert server["args"][0] == "mcp"
            assert all(o in shown for o in server["args"] if o.startswith("--"))
