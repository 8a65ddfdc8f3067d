"""The house plan: imports run downward only, and each engine is imported in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from attrs import frozen

import sinch_hosting

ROOT = Path(sinch_hosting.__file__).parent
PACKAGE = "sinch_hosting"

# From the bottom up. A room may import its own floor and the floors below it.
LAYERS: list[set[str]] = [
    {"_version", "errors", "states", "_aio", "_reports"},
    {"models", "phone_files", "workflows", "_events", "_telemetry"},
    {"_session", "_retry"},
    {"_polling", "_bulk", "callbacks"},
    {"resources"},
    {"_onboarding"},
    {"client", "_explaining"},
    {""},  # the package itself, whose names resolve lazily
    {"mcp", "temporal"},
    {"cli", "pytest_plugin", "__main__"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
# Third parties that are imported in one place only; the sandbox is a program of its own.
ONLY_IN = {
    "asyncpg": {"_bulk"},
    "backoff": {"_session"},
    "aiohttp": {"_session", "callbacks", "cli"},  # aiohttp.web where callbacks are received
    "cattrs": {"_session", "temporal"},
    "msgspec": {"_polling", "_session"},  # optional: reads answers, tells entries of lists apart
    "phonenumbers": {"phone_files"},
    "python_calamine": {"phone_files"},
    "cyclopts": {"cli"},
    "pydantic_core": {"models"},  # where pydantic asks a model for its schema
    "rich": {"cli"},
    "opentelemetry": {"_telemetry"},
    "mcp": {"mcp"},
    "mcp_types": {"mcp"},
    "pydantic": {"mcp"},
    "uvicorn": {"mcp"},
    "pytest": {"pytest_plugin"},
    "temporalio": {"temporal"},
}


@frozen
class Import:
    """One import, as far as it matters here."""

    importer: str
    """The module below the package, such as `resources.hosting_orders`; `""` is the package."""
    imported: str
    """The module, whole."""
    for_types: bool
    """Whether only a type checker sees it."""
    line: int
    lazy: bool = False
    """Whether it runs when a function is called, and not when the module is loaded."""

    def __str__(self) -> str:
        return f"{self.importer or PACKAGE}:{self.line} imports {self.imported}"

    @property
    def inner(self) -> str | None:
        """The module below the package that is imported; `None` for another package's."""
        head, _, rest = self.imported.partition(".")
        return rest if head == PACKAGE else None


def part(module: str) -> str:
    """The first name below the package: what the plan has a row for."""
    return module.partition(".")[0]


def modules() -> dict[str, Path]:
    """Every module by its name below the package."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        if "guides" in path.parts:  # programs to copy: nothing imports them
            continue
        steps = list(path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(steps[:-1] if steps[-1] == "__init__" else steps)] = path
    return found


MODULES = modules()


class Reader(ast.NodeVisitor):
    """Collects the imports of one module, whatever they are nested in."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.found: list[Import] = []
        self._for_types = False
        self._lazy = False

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """What is inside runs later."""
        before, self._lazy = self._lazy, True
        self.generic_visit(node)
        self._lazy = before

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node: ast.If) -> None:
        """Look for `if TYPE_CHECKING:`; its `else` runs."""
        if "TYPE_CHECKING" not in ast.unparse(node.test):
            self.generic_visit(node)
            return
        self._for_types = True
        for child in node.body:
            self.visit(child)
        self._for_types = False
        for child in node.orelse:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        """`import a.b`."""
        for alias in node.names:
            self._add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """`from a import b`, where b may be a module."""
        base = node.module or ""
        if node.level:
            steps = [PACKAGE, *filter(None, self.package.split("."))]
            kept = steps[: len(steps) - node.level + 1]
            base = ".".join([*kept, *filter(None, [node.module])])
        for alias in node.names:
            below = f"{base}.{alias.name}".removeprefix(f"{PACKAGE}.")
            is_module = base.split(".")[0] == PACKAGE and below in MODULES
            self._add(f"{PACKAGE}.{below}" if is_module else base, node.lineno)

    def _add(self, imported: str, line: int) -> None:
        self.found.append(Import(self.name, imported, self._for_types, line, self._lazy))


def read(name: str, source: str, path: Path) -> list[Import]:
    """The imports of a module's source."""
    reader = Reader(name, path)
    reader.visit(ast.parse(source))
    return reader.found


@cache
def every_import() -> list[Import]:
    """The imports of all modules, read once."""
    return [
        found
        for name, path in MODULES.items()
        for found in read(name, path.read_text(encoding="utf-8"), path)
    ]


def running() -> list[Import]:
    """The imports that are more than names of types."""
    return [found for found in every_import() if not found.for_types]


def below(imports: list[Import]) -> Iterator[tuple[Import, str]]:
    """The imports of modules of this package, with the module."""
    for found in imports:
        if found.inner is not None:
            yield found, found.inner


# ------------------------------------------------------------ the rules


def upward(imports: list[Import]) -> list[str]:
    """The imports that look up."""
    return [
        str(found)
        for found, inner in below(imports)
        if "sandbox" not in (part(found.importer), part(inner))
        and LEVEL[part(inner)] > LEVEL[part(found.importer)]
    ]


def test_the_plan_has_a_place_for_every_module() -> None:
    """A new module is put into the plan before anything imports it."""
    assert {part(name) for name in MODULES} <= set(LEVEL) | {"sandbox"}
    assert len(every_import()) > 100


def test_imports_run_downward() -> None:
    """A running import looks at its own row or below; one for types may look up."""
    assert upward(running()) == []


def test_nothing_imports_in_a_circle() -> None:
    """Not even within a row; an import inside a function comes after all are loaded."""
    edges: dict[str, set[str]] = {name: set() for name in MODULES}
    for found, inner in below(running()):
        if not found.lazy:
            edges[found.importer].add(inner)
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for following in sorted(edges[name]):
                walk(following, (*trail, name))
            done.add(name)

    for name in edges:
        walk(name, ())
    assert done == set(MODULES)


def test_errors_import_nothing() -> None:
    """Nor does the version."""
    mine = [found for found in running() if found.importer in {"errors", "_version"}]
    assert {found.imported for found in mine} <= {"__future__", "typing"}


def test_the_package_itself_loads_only_its_version() -> None:
    """Its names resolve when they are first used."""
    inner = [inner for found, inner in below(running()) if found.importer == ""]
    assert inner == ["_version"]


@pytest.mark.parametrize("engine", ONLY_IN)
def test_an_engine_is_imported_in_one_place(engine: str) -> None:
    """Replacing it touches one module; types may be named where the client is made."""
    users = {
        (part(found.importer), found.for_types)
        for found in every_import()
        if found.imported.partition(".")[0] == engine and part(found.importer) != "sandbox"
    }
    assert {user for user, for_types in users if not for_types} <= ONLY_IN[engine]
    assert {user for user, for_types in users if for_types} <= ONLY_IN[engine] | {"client"}


def test_engines_that_the_core_needs_are_imported() -> None:
    """The rule above does not hold because nothing is imported at all."""
    for engine in ("backoff", "aiohttp", "cattrs", "phonenumbers"):
        assert any(found.imported.partition(".")[0] == engine for found in running()), engine


def test_the_sandbox_shares_no_code_with_the_sdk() -> None:
    """A converter's bug must not agree with itself on both ends of the wire."""
    shared = [
        str(found)
        for found, inner in below(every_import())
        if part(found.importer) == "sandbox" and part(inner) != "sandbox"
    ]
    assert shared == []


def test_the_sdk_does_not_know_the_sandbox() -> None:
    """Only the command and the fixtures start one."""
    users = {part(f.importer) for f, inner in below(every_import()) if part(inner) == "sandbox"}
    assert users <= {"sandbox", "cli", "pytest_plugin"}


def test_only_the_command_imports_the_tools_and_only_when_it_runs() -> None:
    """They need an extra of their own, which takes a second to load."""
    found = [
        f for f, inner in below(running()) if part(inner) == "mcp" and part(f.importer) != "mcp"
    ]
    assert {part(one.importer) for one in found} == {"cli"}
    assert all(one.lazy for one in found)


def test_nothing_imports_the_command() -> None:
    """It is optional, and so is what it needs."""
    users = {part(f.importer) for f, inner in below(every_import()) if part(inner) == "cli"}
    assert users <= {"cli", "__main__"}


# ------------------------------------------------------------ the reader itself


def test_the_reader_reads_all_kinds_of_imports() -> None:
    """Absolute, relative, of modules, nested in functions, for types only."""
    source = """
import json, aiohttp.web
from typing import TYPE_CHECKING
from .. import errors, _aio as aio
from .._session.codec import encode
from . import callback_configuration
from sinch_hosting import models, Order
if TYPE_CHECKING:
    from .hosting_orders import HostingOrders
else:
    import backoff
def f():
    from ..client import SinchHosting
"""
    name = "resources.imported_numbers"
    found = read(name, source, MODULES[name])
    assert [(one.imported, one.for_types) for one in found] == [
        ("json", False),
        ("aiohttp.web", False),
        ("typing", False),
        ("sinch_hosting.errors", False),
        ("sinch_hosting._aio", False),
        ("sinch_hosting._session.codec", False),
        ("sinch_hosting.resources.callback_configuration", False),
        ("sinch_hosting.models", False),
        ("sinch_hosting", False),
        ("sinch_hosting.resources.hosting_orders", True),
        ("backoff", False),
        ("sinch_hosting.client", False),
    ]
    assert [one.imported for one in found if one.lazy] == ["sinch_hosting.client"]
    assert upward([one for one in found if not one.for_types]) == [
        f"{name}:7 imports sinch_hosting",
        f"{name}:13 imports sinch_hosting.client",
    ]
