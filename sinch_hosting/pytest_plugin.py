"""pytest fixtures: `sinch_sandbox`, a simulated service, and `sinch`, a client of it.

They are installed with the package (entry point ``pytest11``) and need no configuration::

    async def test_an_order_completes(sinch, sinch_sandbox):
        order = await sinch.hosting_orders.import_numbers(
            ["+12025550134"], region_code="US", service_plan_id="plan", campaign_id="campaign")
        sinch_sandbox.advance(days=2)
        assert (await order.refresh()).state == "COMPLETED"

Both exist for one test, on its event loop, whatever ``loop_scope`` its ``asyncio`` marker has.
Your own fixtures that await something of them need the same ``loop_scope``. Tests that use
them must be ``async``, because a sandbox can answer only while its loop runs. The marker
``sinch_sandbox`` takes the arguments of `sinch_hosting.sandbox.Sandbox`, by name:
``@pytest.mark.sinch_sandbox(speed=0, profile="people")``. Without the marker, time runs 3600
times as fast as real time, and the seed is 1.
"""

# Nothing of the package is imported before a fixture is used: every run of pytest in the
# environment loads this module, and most of them have nothing to do with it.
from __future__ import annotations

import sys
from inspect import iscoroutinefunction, signature
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sinch_hosting import SinchHosting
    from sinch_hosting.sandbox import Sandbox

_LoopScope: TypeAlias = Literal["function", "class", "module", "package", "session"]

SEED = 1
"""The sandbox's seed, unless the marker names another."""

_NEEDED = "the fixtures of sinch_hosting need pytest-asyncio 0.24 or newer"

_LOOP_SCOPES: tuple[_LoopScope, ...] = ("function", "class", "module", "package", "session")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and the fixtures; it never fails, whatever else is installed."""
    config.addinivalue_line(
        "markers",
        "sinch_sandbox(**options): sets up the sinch_sandbox fixture; the options are the "
        "arguments of sinch_hosting.sandbox.Sandbox.",
    )
    holder = ModuleType("sinch_hosting_fixtures")
    try:
        missing = _what_is_missing(config)
        if missing is None:
            _add_fixtures(holder)
    except Exception as error:  # most runs do not use these fixtures, and must not fail
        missing = f"{_NEEDED}, which failed: {error!r}"
    if missing is not None:
        for name in ("sinch_sandbox", "sinch"):
            made = pytest.fixture(name=name)
            holder.__dict__[name] = made(_unavailable(missing))
    config.pluginmanager.register(holder, holder.__name__)


def _what_is_missing(config: pytest.Config) -> str | None:
    """Return why the fixtures cannot work; `None` where they can."""
    # The import takes time in every run, so it is left out where the plugin is not loaded.
    plugin = sys.modules.get("pytest_asyncio.plugin")
    if plugin is None or not config.pluginmanager.is_registered(plugin):
        return f"{_NEEDED}, which is not loaded"
    from pytest_asyncio import __version__, fixture  # noqa: PLC0415

    if "loop_scope" not in signature(fixture).parameters:
        return f"{_NEEDED}; the one that is installed is {__version__}"
    return None


def _add_fixtures(holder: ModuleType) -> None:
    """Add the two fixtures, and one hidden fixture of each kind for every loop scope."""
    # This decorator works in both modes of pytest-asyncio.
    from pytest_asyncio import fixture  # noqa: PLC0415

    for scope in _LOOP_SCOPES:
        made = fixture(name=f"_sinch_sandbox_{scope}", loop_scope=scope)
        holder.__dict__[f"_sinch_sandbox_{scope}"] = made(_copy(_sandbox))
        made = fixture(name=f"_sinch_{scope}", loop_scope=scope)
        holder.__dict__[f"_sinch_{scope}"] = made(_copy(_client))
    holder.__dict__["sinch_sandbox"] = pytest.fixture(name="sinch_sandbox")(_sandbox_of_loop)
    holder.__dict__["sinch"] = pytest.fixture(name="sinch")(_client_of_loop)


def _copy(function: Any) -> Any:
    # pytest-asyncio notes the scope of the loop on the function itself.
    return FunctionType(function.__code__, function.__globals__)


def _sandbox_of_loop(request: pytest.FixtureRequest) -> Sandbox:
    """Return the running `sinch_hosting.sandbox.Sandbox` of the test's event loop."""
    _check_test(request, "sinch_sandbox")
    sandbox: Sandbox = request.getfixturevalue(f"_sinch_sandbox_{_loop_scope(request)}")
    return sandbox


def _client_of_loop(request: pytest.FixtureRequest) -> SinchHosting:
    """Return a `sinch_hosting.SinchHosting` that talks to `sinch_sandbox`, and polls often."""
    _check_test(request, "sinch")
    client: SinchHosting = request.getfixturevalue(f"_sinch_{_loop_scope(request)}")
    return client


def _loop_scope(request: pytest.FixtureRequest) -> str:
    """Return the scope of the loop that runs the test, or its fixtures if it is not async."""
    marker = request.node.get_closest_marker("asyncio")
    told = {} if marker is None else marker.kwargs
    option = f"asyncio_default_{'fixture' if marker is None else 'test'}_loop_scope"
    found = told.get("loop_scope") or told.get("scope") or _setting(request.config, option)
    return str(found or "function")


def _setting(config: pytest.Config, name: str) -> object:
    """Return a setting of pytest-asyncio; `None` where it is older than the setting."""
    try:
        return config.getini(name)
    except (KeyError, ValueError):
        return None


def _check_test(request: pytest.FixtureRequest, name: str) -> None:
    """Fail a test that uses the fixture *name* without a running event loop."""
    test = getattr(request.node, "obj", None)
    if test is None or name not in signature(test).parameters:
        return
    # Hypothesis hides the test behind a function that is not async.
    inner = getattr(getattr(test, "hypothesis", None), "inner_test", test)
    if not iscoroutinefunction(inner):
        pytest.fail(
            f"{name} answers only while its event loop runs: make the test `async def`",
            pytrace=False,
        )
    if request.node.get_closest_marker("asyncio") is None:
        pytest.fail(
            f"{name} needs a test that pytest-asyncio runs: mark it with `pytest.mark.asyncio`",
            pytrace=False,
        )


def _unavailable(missing: str) -> Callable[[], None]:
    """Return a fixture that fails and says why it cannot work."""

    def unavailable() -> None:
        """A fixture of sinch_hosting, which needs pytest-asyncio."""
        pytest.fail(missing, pytrace=False)

    return unavailable


async def _sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A running `sinch_hosting.sandbox.Sandbox`."""
    from sinch_hosting.sandbox import Sandbox  # noqa: PLC0415 - see the top

    options: dict[str, Any] = {"seed": SEED}
    for marker in reversed(list(request.node.iter_markers("sinch_sandbox"))):
        if marker.args:
            pytest.fail(
                f"the marker sinch_sandbox takes named arguments only, not {marker.args!r}",
                pytrace=False,
            )
        options.update(marker.kwargs)
    async with Sandbox(**options) as sandbox:
        yield sandbox


async def _client(sinch_sandbox: Sandbox) -> AsyncIterator[SinchHosting]:
    """A `sinch_hosting.SinchHosting` that talks to `sinch_sandbox`, and polls often."""
    from sinch_hosting import PollPolicy, SinchHosting  # noqa: PLC0415 - see the top

    async with SinchHosting(
        sinch_sandbox.project_id,
        sinch_sandbox.key_id,
        sinch_sandbox.key_secret,
        base_url=sinch_sandbox.base_url,
        auth_url=sinch_sandbox.auth_url,
        poll=PollPolicy(initial=0.01, maximum=0.1),
    ) as client:
        yield client
