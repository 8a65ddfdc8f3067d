"""The server as others start it: over HTTP on loopback, by hand, and under the Inspector."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sinch_hosting.cli import app

from .conftest import NUMBER, call, command

pytest.importorskip("mcp", reason="needs the extra [mcp]")

from mcp import Client

PATIENCE = 120.0
INSPECTOR = "@modelcontextprotocol/inspector@0.15.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sinch-hosting-tests"


@contextlib.asynccontextmanager
async def serving(environ: dict[str, str], *arguments: str) -> AsyncIterator[str]:
    """Serve HTTP in a process of its own; gives its address."""
    process = await asyncio.create_subprocess_exec(
        *command("--http", "0", *arguments), env=environ, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            async for line in process.stderr:
                if line.startswith(b"ready: "):
                    break
        yield line.decode().removeprefix("ready: ").strip()
    finally:
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            await process.communicate()


def status_of(address: str, **headers: str) -> int:
    """The status with which a request from elsewhere is answered."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(address, data=body, headers={**sent, **headers})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
async def test_http_on_loopback(host: str, environ: dict[str, str]) -> None:
    """The official client gets its answers; other hosts and origins are refused."""
    if host != "127.0.0.1" and sys.platform != "linux":
        pytest.skip("only Linux has the whole network of loopback addresses")
    async with serving(environ, "--host", host) as address:
        assert address.startswith(f"http://{host}:")
        async with Client(address) as client:
            told = await call(client, "explain_number", phone_number=NUMBER)
        foreign = await asyncio.to_thread(status_of, address, Host="evil.example")
        origin = await asyncio.to_thread(status_of, address, Origin="http://evil.example")

    assert told["where"].startswith("this project does not know it")
    assert foreign == 421
    assert origin == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::"])
def test_it_listens_on_loopback_only(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """There are no passwords: nobody else may reach it."""
    assert app.run(["mcp", "--http", "0", "--host", host]) == 2
    assert "give an address of this machine" in capsys.readouterr().err


def test_a_missing_extra_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to install."""
    for name in [name for name in sys.modules if name.startswith("sinch_hosting.mcp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp.server.elicitation", None)
    assert app.run(["mcp"]) == 2
    assert "pip install 'sinch-hosting[mcp]'" in capsys.readouterr().err


def test_help_loads_nothing_of_it() -> None:
    """The SDK of the protocol takes a second to load: only `mcp` pays for it."""
    code = (
        "import sys\nfrom sinch_hosting.cli import app\n"
        "assert app.run(['mcp', '--help']) == 0\nassert app.run(['start', '--help']) == 0\n"
        "sys.exit(any(name.split('.')[0] in ('mcp', 'pydantic') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr


def inspector() -> str:
    """The Inspector's program; skips where it is not there."""
    found = shutil.which("mcp-inspector", path=str(CACHE / "inspector/node_modules/.bin"))
    if found is None and os.environ.get("SINCH_HOSTING_TEST_INSPECTOR") and shutil.which("npm"):
        home = CACHE / "inspector"
        install = ["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", INSPECTOR]
        subprocess.run(install, check=True, capture_output=True, timeout=240)
        found = shutil.which("mcp-inspector", path=str(home / "node_modules/.bin"))
    if found is None:
        pytest.skip("the Inspector is not installed: set SINCH_HOSTING_TEST_INSPECTOR=1, with npm")
    return found


@pytest.mark.parametrize(
    ("method", "holds"),
    [
        (("tools/list",), "plan_text_enable"),
        (
            ("tools/call", "--tool-name", "explain_number", "--tool-arg", f"phone_number={NUMBER}"),
            "structuredContent",
        ),
    ],
)
async def test_the_inspector_finds_nothing_wrong(
    method: tuple[str, ...], holds: str, environ: dict[str, str]
) -> None:
    """It checks each answer against the schemas of the protocol."""
    program = inspector()
    process = await asyncio.create_subprocess_exec(
        program,
        "--cli",
        *command(),
        "--method",
        *method,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(2 * PATIENCE):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert holds in json.dumps(json.loads(out))
