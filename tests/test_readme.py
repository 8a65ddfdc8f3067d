"""Every Python block of the README runs, in order, against the sandbox."""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import pytest
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator, pad
from sybil.parsers.markdown import CodeBlockParser

from sinch_hosting.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sybil import Example

README = Path(__file__).resolve().parents[1] / "README.md"


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


def blocks() -> list[Example]:
    """The README's Python blocks."""
    parser = CodeBlockParser(language="python", evaluator=AwaitingEvaluator())
    return list(Sybil(parsers=[parser], pattern="*.md").parse(README).examples())


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[asyncio.Runner]:
    """A runner on whose loop a sandbox lives, with the environment pointing at it."""
    monkeypatch.chdir(tmp_path)  # ledgers and reports are written where the reader is
    with asyncio.Runner(debug=True) as runner:
        sandbox = Sandbox(profile="immediate")
        runner.run(sandbox.start())
        for name, value in sandbox.environ.items():
            monkeypatch.setenv(name, value)
        yield runner
        runner.run(sandbox.stop())


def test_every_block_runs(runner: asyncio.Runner, capsys: pytest.CaptureFixture[str]) -> None:
    """The README's examples work as written, one after the other."""
    examples = blocks()
    assert len(examples) >= 6
    for example in examples:
        example.namespace["runner"] = runner
        example.evaluate()
    said = capsys.readouterr().out
    assert "+12025550134 DONE" in said
    assert "3 orders, 0 numbers left out" in said
    assert "COMPLETED" in said
    assert "3 orders adopted, 0 unknown" in said
    assert "Counter({'done': 3})" in said


def test_the_commands_are_the_ones_that_ci_runs() -> None:
    """The two set-up commands stand in the README as one line each."""
    lines = README.read_text(encoding="utf-8").splitlines()
    venv = "python3 -m venv .venv && .venv/bin/pip install -q"
    assert f'{venv} ".[cli]" && .venv/bin/sinch-hosting demo' in lines
    assert f'{venv} ".[dev]" && .venv/bin/pytest' in lines
