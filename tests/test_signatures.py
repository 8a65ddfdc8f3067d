"""The signatures of version 0.1 hold: what was called with them can be called so today."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import sinch_hosting
from sinch_hosting.client import ClientOptions, SinchHosting

GOLDEN = Path(__file__).parent / "golden" / "signatures-0.1.json"
MODULES = ("callbacks", "errors", "models", "phone_files", "sandbox", "states", "resources")
RESOURCES = (
    "callback_configuration.Callbacks",
    "hosting_orders.HostingOrders",
    "imported_numbers.ImportedNumbers",
    "qualified_numbers.QualifiedNumbers",
)
# Keywords that came later.
_SINCE = re.compile(
    r", (confirm: 'Confirm \| None'|migrate_to_sinch_tmo: 'bool \| None') = None(?=, |\))"
)
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
# They served the package's own modules, never callers; so do functions of `models`, and the
# making of resources.
INTERNAL = {"create", "create_toll_free", "read_created", "wait_for", "runs", "watcher", "digest"}


def public_callables() -> Iterator[tuple[str, Any]]:
    """Every public function and class, and the public methods of the classes, by name."""
    for name in sinch_hosting.__all__:
        yield from _with_methods(name, getattr(sinch_hosting, name))
    for module_name in MODULES:
        module = importlib.import_module(f"sinch_hosting.{module_name}")
        for name, value in vars(module).items():
            is_own = str(getattr(value, "__module__", "")).startswith("sinch_hosting")
            is_further = is_own and value is not getattr(sinch_hosting, name, None)
            if not name.startswith("_") and is_further and callable(value):
                yield from _with_methods(f"{module_name}.{name}", value)
    for path in RESOURCES:
        module_name, name = path.split(".")
        module = importlib.import_module(f"sinch_hosting.resources.{module_name}")
        yield from _with_methods(f"resources.{path}", getattr(module, name))


def _with_methods(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not callable(value):
        return
    if not inspect.isclass(value):
        yield name, value
        return
    yield name, value
    for attribute in dir(value):
        if attribute.startswith("_") or attribute in INTERNAL:
            continue
        method = inspect.getattr_static(value, attribute)
        if isinstance(method, (staticmethod, classmethod)) or inspect.isroutine(method):
            bound = getattr(value, attribute)
            if str(getattr(bound, "__module__", "")).startswith("sinch_hosting"):
                yield f"{name}.{attribute}", bound


def described(value: Any) -> dict[str, Any] | None:
    """A signature as JSON; `None` for what has none of its own."""
    if inspect.isclass(value) and issubclass(value, Enum):
        return None  # Python's, and not the same in each of its versions
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    return {
        "text": _ADDRESS.sub("", str(signature)),
        "parameters": [
            [p.name, p.kind.name, None if p.default is p.empty else _shown(p.default)]
            for p in signature.parameters.values()
        ],
    }


def _shown(default: object) -> str:
    return _ADDRESS.sub("", repr(default))


def signatures() -> dict[str, dict[str, Any]]:
    """The signatures of today, by name."""
    found = {name: described(value) for name, value in public_callables()}
    return {name: it for name, it in sorted(found.items()) if it is not None}


MADE_BY_THE_CLIENT = "Onboarding"  # `sinch.onboard` makes it, callers never do
BEFORE: dict[str, dict[str, Any]] = json.loads(GOLDEN.read_text())
BEFORE.pop(MADE_BY_THE_CLIENT)
# What came after version 0.1.
BEFORE |= json.loads(GOLDEN.with_name("signatures-later.json").read_text())
# Helpers that these modules happened to import.
for name in ("callbacks.check_seconds", "callbacks.check_whole", "phone_files.understand"):
    BEFORE.pop(name)
# A project has no secret until one is set: the sandbox has none either, unless it is told one.
SECRET = BEFORE["sandbox.Sandbox"]["parameters"]
SECRET[SECRET.index(["hmac_secret", "KEYWORD_ONLY", "'sandbox-hmac-secret'"])][2] = "''"
TODAY = signatures()


def widened(parameter: list[str | None]) -> list[str | None]:
    """What was a keyword may be a place as well."""
    name, kind, default = parameter
    return [name, "KEYWORD" if kind in ("KEYWORD_ONLY", "POSITIONAL_OR_KEYWORD") else kind, default]


@pytest.mark.parametrize("name", BEFORE)
def test_what_could_be_called_can_be_called(name: str) -> None:
    """No parameter is gone, renamed, moved or without its default; new ones have defaults."""
    before = BEFORE[name]["parameters"]
    today = TODAY[name]["parameters"]
    names = [parameter[0] for parameter in before]
    assert [widened(p) for p in today if p[0] in names] == [widened(p) for p in before]
    for _, kind, default in (p for p in today if p[0] not in names):
        assert default is not None or kind == "VAR_KEYWORD"


CREATES = [
    f"resources.hosting_orders.HostingOrders.{verb}{kind}"
    for verb in ("import", "text_enable", "text_enable_toll_free")
    for kind in ("_many", "_stream", "" if verb != "import" else "_numbers")
] + [
    "resources.hosting_orders.HostingOrders.reconcile",
    "resources.qualified_numbers.QualifiedNumbers.text_enable",
    "resources.qualified_numbers.QualifiedNumbers.text_enable_toll_free",
]


@pytest.mark.parametrize("name", CREATES)
def test_what_creates_orders_shows_every_keyword(name: str) -> None:
    """`help()` and `inspect.signature` tell each keyword and its type, as in version 0.1."""
    assert _SINCE.sub("", TODAY[name]["text"]) == _SINCE.sub("", BEFORE[name]["text"])


def test_every_public_callable_is_in_the_golden_file() -> None:
    """The file holds the whole face of version 0.1."""
    assert len(BEFORE) > 200
    assert set(CREATES) <= set(BEFORE)


def test_from_env_takes_what_the_constructor_takes() -> None:
    """Each of its arguments with its type, and no other, so that a checker finds a misspelt one."""
    parameters = inspect.signature(SinchHosting).parameters.values()
    hints = {name: hint.__forward_arg__ for name, hint in ClientOptions.__annotations__.items()}
    assert hints == {parameter.name: parameter.annotation for parameter in parameters}
    assert list(hints) == list(inspect.signature(SinchHosting).parameters)
