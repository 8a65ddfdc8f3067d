"""The pytest plugin, as its users meet it: in a project of their own, with nothing configured."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PLUGIN = "sinch_hosting.pytest_plugin"

TESTS = """
import pytest

pytestmark = pytest.mark.asyncio


async def test_an_order_completes(sinch, sinch_sandbox):
    order = await sinch.hosting_orders.import_numbers(
        ["+12025550134"], region_code="US", service_plan_id="plan", campaign_id="campaign")
    sinch_sandbox.advance(days=2)
    order = await order.wait_until("COMPLETED", timeout=30)
    assert order.state == "COMPLETED"
    assert len(sinch_sandbox.orders_created()) == 1


@pytest.mark.sinch_sandbox(profile="people")
class TestMarked:
    @pytest.mark.sinch_sandbox(speed=0)
    async def test_markers_set_it_up_and_add_up(self, sinch_sandbox):
        assert sinch_sandbox.speed == 0
        assert sinch_sandbox.profile.name == "people"


async def test_the_next_test_has_a_new_one(sinch_sandbox):
    assert sinch_sandbox.orders_created() == []
    assert sinch_sandbox.profile.name == "standard"
"""


ONE_BY_ONE = ("-p", "pytest_asyncio.plugin", "-p", PLUGIN)


def run(
    folder: Path, *arguments: str, named: tuple[str, ...] | None = ONE_BY_ONE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest in *folder*, with no other plugins than the named: loading all costs a second.

    With `named=None` it loads what is installed, as users have it.
    """
    environment.setdefault("PYTEST_ADDOPTS", "")
    if named is not None:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    else:
        installed = any(found.value == PLUGIN for found in entry_points(group="pytest11"))
        others = ("-p", "no:schemathesis", "-p", "no:playwright", "-p", "no:xdist")
        named = others if installed else (*others, "-p", PLUGIN)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *named, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_the_fixtures_work_in_both_modes(tmp_path, mode):
    """Client and sandbox work together, markers add up, and no test sees another's state."""
    source = TESTS if mode == "strict" else TESTS.replace("pytestmark =", "unused =")
    (tmp_path / "test_it.py").write_text(source)
    loop = ("-o", "asyncio_default_fixture_loop_scope=function")
    # Unawaited coroutines, unclosed sessions and unknown markers are errors.
    ran = run(tmp_path, "-W", "error", "--strict-markers", "-o", f"asyncio_mode={mode}", *loop)
    assert "3 passed" in ran.stdout, ran.stdout + ran.stderr


def test_nothing_needs_to_be_configured(tmp_path):
    """It works with no option and no file but the test."""
    (tmp_path / "test_it.py").write_text(TESTS)
    ran = run(tmp_path, named=None)
    assert "3 passed" in ran.stdout, ran.stdout + ran.stderr


SCOPED = """
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="{scope}")


class TestScoped:
    async def test_one(self, sinch, sinch_sandbox):
        order = await sinch.hosting_orders.import_numbers(
            ["+12025550134"], region_code="US", service_plan_id="plan", campaign_id="campaign")
        assert len(sinch_sandbox.orders_created()) == 1

    async def test_two(self, sinch, sinch_sandbox):
        await sinch.callback_configuration.get()
        assert sinch_sandbox.orders_created() == []
"""


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_the_fixtures_are_of_the_tests_loop(tmp_path, scope):
    """Whatever loop a test runs in, client and sandbox live in the same one, and for one test."""
    (tmp_path / "test_it.py").write_text(SCOPED.format(scope=scope))
    ran = run(tmp_path)
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


def test_a_default_loop_scope_is_followed(tmp_path):
    """Where the configuration makes tests share a loop, the fixtures live in it."""
    (tmp_path / "test_it.py").write_text(TESTS)
    ran = run(tmp_path, "-o", "asyncio_default_test_loop_scope=session")
    assert "3 passed" in ran.stdout, ran.stdout + ran.stderr


WRONG = """
import pytest

def test_not_async(sinch_sandbox):
    pass

def test_not_async_either(sinch):
    pass

async def test_not_run_by_asyncio(sinch_sandbox):
    pass

@pytest.mark.asyncio
@pytest.mark.sinch_sandbox("people")
async def test_positional(sinch_sandbox):
    pass
"""


def test_what_could_only_hang_or_be_ignored_is_explained(tmp_path):
    """A test without a running loop, and a marker with positional arguments, fail with a reason."""
    (tmp_path / "test_it.py").write_text(WRONG)
    ran = run(tmp_path)
    assert "sinch_sandbox answers only while its event loop runs" in ran.stdout
    assert "sinch answers only while its event loop runs" in ran.stdout
    assert "mark it with `pytest.mark.asyncio`" in ran.stdout
    assert "named arguments only, not ('people',)" in ran.stdout
    assert "4 errors" in ran.stdout


INDIRECT = """
import pytest, pytest_asyncio

@pytest_asyncio.fixture
async def order(sinch):
    return await sinch.hosting_orders.import_numbers(
        ["+12025550134"], region_code="US", service_plan_id="plan", campaign_id="campaign")

def test_what_a_fixture_did(order):
    assert order.state == "SUBMITTED"
"""


def test_a_fixture_may_use_them_for_any_test(tmp_path):
    """A fixture that is async itself may prepare things for a test that is not."""
    (tmp_path / "test_it.py").write_text(INDIRECT)
    ran = run(tmp_path)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_without_pytest_asyncio_the_fixtures_say_so(tmp_path):
    """Where pytest-asyncio is not loaded, a test that asks for them fails with the reason."""
    (tmp_path / "test_it.py").write_text("def test_it(sinch_sandbox):\n    pass\n")
    ran = run(tmp_path, "-p", "no:asyncio", named=None)
    assert "need pytest-asyncio" in ran.stdout


PLAIN = """
import pytest

def test_plain():
    pass

@pytest.mark.asyncio
async def test_it(sinch, sinch_sandbox):
    await sinch.callback_configuration.get()
"""


def test_plugins_may_be_named_one_by_one(tmp_path):
    """With autoload off, pytest-asyncio has another name: it is there all the same."""
    (tmp_path / "test_it.py").write_text(PLAIN)
    ran = run(tmp_path, named=ONE_BY_ONE)
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr
    ran = run(tmp_path, named=("-p", PLUGIN))
    assert "need pytest-asyncio 0.24 or newer, which is not loaded" in ran.stdout


# What pytest-asyncio 0.23 offers; `.ci/run` runs the real one.
OLD = """
import pytest
__version__ = "0.23.8"
def fixture(fixture_function=None, **kwargs):
    return pytest.fixture(fixture_function, **kwargs)
"""
OLD_PLUGIN = """
def pytest_configure(config):
    config.addinivalue_line("markers", "asyncio: old")
"""


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (OLD, "need pytest-asyncio 0.24 or newer; the one that is installed is 0.23.8"),
        ("fixture = None", "need pytest-asyncio 0.24 or newer, which failed: ImportError("),
    ],
)
def test_another_pytest_asyncio_breaks_no_run(tmp_path, module, said):
    """Tests that use no fixture of ours run; those that do say what they need."""
    (tmp_path / "test_it.py").write_text(PLAIN)
    other = tmp_path / "other" / "pytest_asyncio"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(module)
    (other / "plugin.py").write_text(OLD_PLUGIN)
    path = os.pathsep.join([str(other.parent), os.environ.get("PYTHONPATH", "")])
    ran = run(tmp_path, PYTHONPATH=path)
    assert "1 passed, 1 error" in ran.stdout, ran.stdout + ran.stderr
    assert said in ran.stdout


def test_it_shows_up_in_the_lists(tmp_path):
    """Fixtures and marker are documented for `--fixtures` and `--markers`."""
    (tmp_path / "test_it.py").write_text("")
    fixtures = run(tmp_path, "--fixtures", named=None).stdout
    assert re.search(r"^sinch_sandbox\b", fixtures, re.MULTILINE)
    assert re.search(r"^sinch\b", fixtures, re.MULTILINE)
    assert "talks to `sinch_sandbox`" in fixtures
    assert "sinch_sandbox(**options)" in run(tmp_path, "--markers").stdout


LOADED = """
import sys
import pytest, pytest_asyncio
before = set(sys.modules)
import sinch_hosting.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""


def test_it_costs_next_to_nothing_where_it_is_not_used():
    """Every run of pytest loads it: it brings itself, the bare package, and nothing else."""
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(loaded) == {"sinch_hosting", "sinch_hosting._version", PLUGIN}
