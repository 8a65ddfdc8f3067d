"""The programs of the guide run against the sandbox, and are short."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer, unused_port

import sinch_hosting

from .conftest import SECRET, Served

EXAMPLES = Path(sinch_hosting.__file__).parent / "guides" / "examples"
TESTED = {
    *("aiohttp_service", "fastapi_service", "csv_batch", "waits_bot", "test_texting", "tracing"),
}


def example(name: str) -> ModuleType:
    """Load a program anew."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def test_all_are_tested_and_short() -> None:
    """So that they can be read at once."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == TESTED
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path


# ----------------------------------------------------------------- services


@contextlib.asynccontextmanager
async def aiohttp_service() -> AsyncIterator[str]:
    """The aiohttp service, at its address."""
    server = TestServer(example("aiohttp_service").make_app())
    async with server:
        yield str(server.make_url("")).rstrip("/")


@contextlib.asynccontextmanager
async def fastapi_service() -> AsyncIterator[str]:
    """The FastAPI service on uvicorn, at its address."""
    pytest.importorskip("fastapi")
    uvicorn = pytest.importorskip("uvicorn")
    port = unused_port()
    started = asyncio.Event()

    class Server(uvicorn.Server):  # type: ignore[misc]
        """Says when it serves."""

        async def startup(self, *arguments: Any, **options: Any) -> None:
            """Start."""
            await super().startup(*arguments, **options)
            started.set()

    app = example("fastapi_service").app
    server = Server(uvicorn.Config(app, port=port, ws="none", log_config=None, lifespan="on"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        await started.wait()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest.mark.parametrize("start", [aiohttp_service, fastapi_service])
async def test_services_import_and_hear_of_it(
    service: Served,
    start: Callable[[], contextlib.AbstractAsyncContextManager[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An order is created over HTTP, and the callbacks about it arrive, signed."""
    async with start() as address, aiohttp.ClientSession() as http:
        async with sinch_hosting.SinchHosting.from_env() as sinch:
            await sinch.callback_configuration.update(hmac_secret=SECRET)
        async with http.post(f"{address}/imports", json=["+12025550134"]) as answer:
            assert answer.status == 200
            created = await answer.json()
        assert created["id"] == service.sandbox.orders_created()[0].hosting_order_id
        async with http.post(f"{address}/imports", json=["0134"]) as answer:
            assert answer.status == 400
        async with http.post(f"{address}/sinch", data=b"{}") as answer:
            assert answer.status == 401  # it is not signed

        await asyncio.to_thread(service.run, service.sandbox.settle())
    # The service ends when its handlers have.
    said = capsys.readouterr().out
    assert "+12025550134 " in said
    assert said.count("\n") == len(service.sandbox.callbacks)


# ----------------------------------------------------------------- programs


def test_the_csv_batch_goes_on_after_a_crash(service: Served, tmp_path: Path) -> None:
    """Of eight rows five are numbers to import, each once; a second run creates nothing."""
    batch = example("csv_batch")
    path = tmp_path / "numbers.csv"
    rows = [*(f"202-555-01{n}" for n in range(34, 39)), "202-555-0134", "no number", "514-555-0135"]
    path.write_text("Phone\n" + "\n".join(rows) + "\n")
    service.sandbox.faults.add("drop_after", operation="ImportNumbers", count=1)

    first = batch.main(path, "plan", "campaign")
    created = len(service.sandbox.orders_created())
    second = batch.main(path, "plan", "campaign")

    assert created == len(service.sandbox.orders_created()) == 1
    assert (first, second) == (1, 1)  # two rows cannot be imported
    written = path.with_suffix(".result.csv").read_text()
    assert written.count(",DONE\n") + written.count(",DONE\r\n") == 5
    assert "row 8," in written
    assert "row 9,is of CA" in written


@pytest.mark.parametrize("service", [{"profile": "manual"}], indirect=True)
def test_the_bot_picks_up_its_waits(
    service: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ended while it waits, it goes on, and tells of the end once."""

    async def begin() -> None:
        bot = example("waits_bot")
        kept, keep = asyncio.Event(), bot.keep
        monkeypatch.setattr(bot, "keep", lambda waits: (keep(waits), kept.set()))
        running = asyncio.create_task(bot.main(["+12025550134"]))
        async with asyncio.timeout(10):
            await kept.wait()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(begin())
    (order,) = service.sandbox.orders_created()
    assert order.hosting_order_id in Path("waits.jsonl").read_text()

    service.call(service.sandbox.complete, order.hosting_order_id)
    asyncio.run(example("waits_bot").main([]))
    assert f"{order.hosting_order_id} COMPLETED" in capsys.readouterr().out
    assert Path("waits.jsonl").read_text() == ""

    asyncio.run(example("waits_bot").main(["+12025550134"]))  # the same number: no other order
    assert len(service.sandbox.orders_created()) == 1


def test_tracing_tells_of_an_import(service: Served) -> None:
    """Spans, measurements and events, in a process of its own: providers are global."""
    pytest.importorskip("opentelemetry.sdk")
    done = subprocess.run(
        [sys.executable, EXAMPLES / "tracing.py", "plan", "campaign", "+12025550134"],
        env={**os.environ, "PYTHONPATH": str(Path(sinch_hosting.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for said in (
        '"name": "import numbers"',
        '"name": "import_numbers hosting_orders"',
        '"name": "wait_until hosting_orders"',
        '"url.template": "/v1/projects/{project_id}/hostingOrders:importNumbers"',
        '"name": "http.client.request.duration"',
        "TokenFetched",
        "is COMPLETED",
    ):
        assert said in done.stdout
    assert "2025550134" not in done.stdout
    assert len(service.sandbox.orders_created()) == 1


def test_the_suite_passes(tmp_path: Path) -> None:
    """In a project of its own, without configuration."""
    (tmp_path / "test_texting.py").write_text((EXAMPLES / "test_texting.py").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_texting.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(sinch_hosting.__file__).parents[1]), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
