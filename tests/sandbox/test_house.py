"""What holds for the sandbox's source as a whole."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import sinch_hosting.sandbox
from sinch_hosting.sandbox import Sandbox, control, views

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


def test_the_modules_import_one_another_in_one_direction_only():
    """No circle, imports for type checkers included: each module can be read after its own."""
    imports = {source.stem: imported_modules(source) for source in FOLDER.glob("*.py")}
    done: set[str] = set()
    while left := {name: below - done for name, below in imports.items() if name not in done}:
        ready = {name for name, below in left.items() if not below}
        assert ready, f"these import one another: {left}"
        done |= ready


def imported_modules(source: Path) -> set[str]:
    """The sandbox's own modules that *source* imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return found


def test_the_documentation_names_every_handle_over_http():
    """Each view and action below /_sandbox stands in the package's docstring."""
    text = sinch_hosting.sandbox.__doc__ or ""
    for name in (*views.VIEWS, *control._ACTIONS):
        assert f"``{name}``" in text, name


def test_handles_and_actions_have_docstrings():
    """Every public name of Sandbox says what it does."""
    for name in dir(Sandbox):
        if not name.startswith("_"):
            assert getattr(Sandbox, name).__doc__, name
