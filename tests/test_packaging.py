"""What the package says it needs is what it imports, and no version that breaks a promise."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .test_imports import every_import, part

PROJECT = tomllib.loads(
    Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
)["project"]
EXTRAS = PROJECT["optional-dependencies"]
CORE = {found.name: found for found in map(Requirement, PROJECT["dependencies"])}
OF_COMMAND = {"cli", "phone_files", "_phone_cells"}
OF_TOOLS = {"mcp"}
USED_WHERE_INSTALLED = {"keyring"}
# A plugin of pytest is loaded by pytest, and says so where pytest-asyncio is not there.
OF_PLUGIN = {"pytest", "pytest-asyncio"}


def installed_with(extra: str) -> set[str]:
    """The packages of an extra, and of the extras that it names itself."""
    found = [Requirement(text) for text in EXTRAS[extra]]
    own = [named for one in found if one.name == PROJECT["name"] for named in one.extras]
    others = {one.name for one in found if one.name != PROJECT["name"]}
    return others.union(*map(installed_with, own))


def distributions(rooms: set[str], *, inside: bool) -> set[str]:
    """What the modules of some rooms import of others, under the names of the packages."""
    names = {
        found.imported.partition(".")[0]
        for found in every_import()
        if (part(found.importer) in rooms) == inside
    }
    foreign = names - set(sys.stdlib_module_names) - {"sinch_hosting"}
    return {re.sub("_", "-", name) for name in foreign}


def test_what_the_core_imports_is_declared() -> None:
    """Also what would come along with another package, such as yarl with aiohttp."""
    needed = distributions(OF_COMMAND | OF_TOOLS | {"pytest_plugin"}, inside=False)
    # pydantic asks for a schema where it is there; all else that is optional has an extra.
    extras = set(EXTRAS) - {"dev", "test"}
    optional = {"pydantic-core", "opentelemetry"}.union(*map(installed_with, extras))
    assert needed - optional == set(CORE)
    assert installed_with("otel") == {"opentelemetry-api"}


def test_what_the_command_imports_is_declared() -> None:
    """In the extra `cli`."""
    needed = distributions(OF_COMMAND, inside=True) - set(CORE) - USED_WHERE_INSTALLED
    assert needed == installed_with("cli")
    assert distributions({"pytest_plugin"}, inside=True) <= OF_PLUGIN


def test_what_the_tools_for_assistants_import_is_declared() -> None:
    """In the extra `mcp`, which brings the command along: it starts them."""
    needed = distributions(OF_TOOLS, inside=True) - set(CORE)
    assert needed == installed_with("mcp") - installed_with("cli")


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("aiohttp", "3.14.1", "3.14.0"),  # takes a connection of its pool for another host's
        ("attrs", "24.3.0", None),
        ("cattrs", "25.3.0", None),
        ("yarl", "1.18.3", None),
    ],
)
def test_versions_that_are_admitted(name: str, allowed: str, refused: str | None) -> None:
    """As low as the tests pass (`.ci/run` runs them so), and not lower."""
    assert allowed in CORE[name].specifier
    assert refused is None or refused not in CORE[name].specifier
