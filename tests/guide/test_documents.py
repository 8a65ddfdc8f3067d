"""Every Python block of the README and of the guide runs, in order, against the sandbox."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator, pad
from sybil.parsers.markdown import CodeBlockParser

import sinch_hosting
from sinch_hosting import SinchHosting, errors
from sinch_hosting.callbacks import sign

from .conftest import SECRET, Served

if TYPE_CHECKING:
    from sybil import Example

GUIDES = Path(sinch_hosting.__file__).parent / "guides"
README = Path(__file__).parents[2] / "README.md"
PAGES = {path.stem: path for path in [README, *sorted(GUIDES.glob("*.md"))]}
SAID = {
    "README": ["+12025550134 DONE"],
    "start": ["+12025550135 DONE"],
    "qualify": ["COMPLETED", "nothing was sent: letters for 1 numbers"],
    "bulk": ["3 orders, 0 numbers left out", "3 orders adopted, 0 unknown"],
    "onboarding": ["Counter({'done': 3})"],
    "files": ["['+12025550134', '+15145550135']"],
    "json": ["True\n2\nTrue\n"],
    "import": ["imported already: 409", "Front desk C999999"],
    "observability": [
        "GET 127.0.0.1 200",
        "GetCallbackConfiguration 200 1",
        "get callback_configuration\nlook up\n",
        "a token is valid for 3600",
    ],
    "troubleshooting": ["404 False False"],
}

OPTIONAL = {
    "callbacks": ("fastapi", "django", "flask"),
    "fleets": ("temporalio",),
    "json": ("fastapi",),
    "observability": ("opentelemetry.sdk",),
}
"""What a page's blocks need besides this package."""


class AwaitingEvaluator(PythonEvaluator):
    """Runs a block with top-level await on the runner in the document's namespace."""

    def __call__(self, example: Example) -> None:
        """Run one block."""
        source = pad(example.parsed, example.line + example.parsed.line_offset)
        code: CodeType = compile(
            source, str(example.path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
        )
        namespace: dict[str, Any] = example.namespace
        if code.co_flags & inspect.CO_COROUTINE:
            namespace["runner"].run(eval(code, namespace))
        else:
            exec(code, namespace)


def blocks(path: Path) -> list[Example]:
    """A page's Python blocks."""
    parser = CodeBlockParser(language="python", evaluator=AwaitingEvaluator())
    return list(Sybil(parsers=[parser], pattern="*.md").parse(path).examples())


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """What runs the blocks with `await` at the top level."""
    with asyncio.Runner(debug=True) as runner:
        yield runner


def run_page(page: str, runner: asyncio.Runner) -> dict[str, Any]:
    """Run a page's blocks one after the other, and return the names that they made."""
    namespace: dict[str, Any] = {}
    for example in blocks(PAGES[page]):
        namespace = example.namespace
        # A block may hold a program: it has a name, and runs an event loop of its own.
        namespace |= {"runner": runner, "__name__": "__main__"}
        example.evaluate()
    return namespace


@pytest.mark.parametrize("page", [name for name, path in PAGES.items() if blocks(path)])
def test_every_block_runs(
    page: str,
    service: Served,
    runner: asyncio.Runner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The examples work as written, one after the other."""
    for optional in OPTIONAL.get(page, ()):
        pytest.importorskip(optional)
    run_page(page, runner)
    said = capsys.readouterr().out
    for text in SAID.get(page, []):
        assert text in said


def test_every_framework_takes_callbacks(service: Served, runner: asyncio.Runner) -> None:
    """The routes of the page answer a signed event with 200, and another with 401."""
    for framework in ("fastapi", "django", "flask"):
        pytest.importorskip(framework)
    page = run_page("callbacks", runner)
    body = b'{"eventId": "e1", "resourceId": "+12025550134"}'

    for signature, status in ((sign(body, SECRET), 200), (sign(body, "another"), 401)):
        headers = {"X-Sinch-Signature": signature}
        with page["flask_app"].test_client() as flask:
            assert flask.post("/sinch", data=body, headers=headers).status_code == status
        called = page["function_callback"]({"body": body.decode(), "headers": headers}, None)
        assert called["statusCode"] == status
        assert runner.run(django_answers(page["django_callback"], body, signature)) == status
        assert runner.run(aiohttp_answers(page["make_app"](), body, headers)) == status


async def django_answers(view: Callable[..., Any], body: bytes, signature: str) -> int:
    """The status with which a view of Django answers."""
    from django.conf import settings
    from django.test import AsyncRequestFactory

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
    request = AsyncRequestFactory().post(
        "/sinch", body, content_type="application/json", headers={"X-Sinch-Signature": signature}
    )
    status: int = (await view(request)).status_code
    return status


async def aiohttp_answers(app: web.Application, body: bytes, headers: dict[str, str]) -> int:
    """The status with which an application of aiohttp answers."""
    async with TestClient(TestServer(app)) as client:
        return (await client.post("/sinch", data=body, headers=headers)).status


def test_what_is_said_is_looked_for_on_pages_that_exist() -> None:
    """A page that is renamed takes its line along."""
    assert set(SAID) <= set(PAGES)


@pytest.mark.parametrize("page", ["README", "troubleshooting"])
def test_every_error_is_explained(page: str) -> None:
    """What happened, and what to do; the README leaves out what is seldom met."""
    text = PAGES[page].read_text(encoding="utf-8")
    left_out = {"README": {"ApiError", "PageTokenRepeated"}}.get(page, set())
    assert [
        name for name in errors.__all__ if f"`{name}`" not in text and name not in left_out
    ] == []


@pytest.mark.parametrize("page", PAGES)
def test_calls_exist(page: str) -> None:
    """What a page names of the resources is there."""
    text = PAGES[page].read_text(encoding="utf-8")
    client = SinchHosting("project", "key", "secret")
    for resource, name in re.findall(
        r"\b(hosting_orders|imported_numbers|qualified_numbers|callback_configuration)\.(\w+)", text
    ):
        assert callable(getattr(getattr(client, resource), name)), f"{resource}.{name}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Links are relative, to files that are there."""
    text = re.sub(r"```.*?```", "", PAGES[page].read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (PAGES[page].parent / target).exists(), target


def test_the_readme_is_short_and_links_to_every_page() -> None:
    """What does not fit goes into the guide."""
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 250
    for page in set(PAGES) - {"README"}:
        assert f"sinch_hosting/guides/{page}.md" in text


def test_the_commands_are_the_ones_that_ci_runs() -> None:
    """The two set-up commands stand in the README as one line each."""
    lines = README.read_text(encoding="utf-8").splitlines()
    venv = "python3 -m venv .venv && .venv/bin/pip install -q"
    assert f'{venv} ".[cli]" && .venv/bin/sinch-hosting demo' in lines
    assert f'{venv} ".[dev]" && .venv/bin/pytest' in lines
