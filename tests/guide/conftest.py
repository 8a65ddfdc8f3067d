"""A sandbox in a thread of its own, at which the environment points; time passes in no time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sinch_hosting import SinchHosting
from sinch_hosting.sandbox import Sandbox

T = TypeVar("T")
SECRET = "the-secret-of-the-callbacks"


class Served:
    """A sandbox that serves while programs run event loops of their own."""

    def __init__(self, sandbox: Sandbox, loop: asyncio.AbstractEventLoop) -> None:
        self.sandbox = sandbox
        self._loop = loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something on the sandbox's loop, to its end."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def call(self, action: Callable[..., T], *arguments: Any) -> T:
        """Call a handle of the sandbox on its own loop."""

        async def called() -> T:
            return action(*arguments)

        return self.run(called())


@contextmanager
def served(**options: Any) -> Iterator[Served]:
    """Serve a sandbox in a thread."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        service = Served(Sandbox(**options), loop)
        try:
            service.run(service.sandbox.start())
            yield service
            service.run(service.sandbox.stop())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


class QuickTime:
    """A clock that moves when somebody sleeps, so that no program of the guide waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def quick_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients from the environment sleep in no time."""
    from_env = SinchHosting.from_env.__func__  # type: ignore[attr-defined]

    def quick(cls: type[SinchHosting], **overrides: Any) -> SinchHosting:
        time = QuickTime()
        client: SinchHosting = from_env(cls, **{"clock": time, "sleep": time.sleep, **overrides})
        return client

    monkeypatch.setattr(SinchHosting, "from_env", classmethod(quick))


@pytest.fixture
def service(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    quick_time: None,
    request: pytest.FixtureRequest,
) -> Iterator[Served]:
    """A sandbox at which the environment points; files are written to a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SINCH_CALLBACK_SECRET", SECRET)
    with served(**{"profile": "immediate", **getattr(request, "param", {})}) as service:
        for name, value in service.sandbox.environ.items():
            monkeypatch.setenv(name, value)
        yield service
