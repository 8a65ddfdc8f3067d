"""What holds for the sandbox's source as a whole."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import sinch_hosting.sandbox
from sinch_hosting.sandbox import Sandbox, control

FOLDER = Path(sinch_hosting.sandbox.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "aiohttp", "attrs"}


def test_the_sandbox_shares_no_code_with_the_sdk():
    """Its modules import the standard library, aiohttp, attrs and each other, nothing else."""
    sources = sorted(FOLDER.glob("*.py"))
    assert len(sources) > 10
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, source
                names = [] if node.level else [node.module or ""]
            else:
                continue
            assert {name.split(".")[0] for name in names} <= ALLOWED, source


def test_the_documentation_names_every_handle_over_http():
    """Each view and action below /_sandbox stands in the package's docstring."""
    text = sinch_hosting.sandbox.__doc__ or ""
    for name in (*control._VIEWS, *control._ACTIONS):
        assert f"``{name}``" in text, name


def test_handles_and_actions_have_docstrings():
    """Every public name of Sandbox says what it does."""
    for name in dir(Sandbox):
        if not name.startswith("_"):
            assert getattr(Sandbox, name).__doc__, name
