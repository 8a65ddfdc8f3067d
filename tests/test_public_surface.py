"""The names and signatures that callers and tools outside the project rely on."""

from __future__ import annotations

import ast
import importlib.resources
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import sinch_hosting
from sinch_hosting import errors, models, states
from sinch_hosting.callbacks import parse, sign, verify
from sinch_hosting.client import SinchHosting
from sinch_hosting.models import Order
from sinch_hosting.resources.callback_configuration import Callbacks
from sinch_hosting.resources.hosting_orders import HostingOrders
from sinch_hosting.resources.imported_numbers import ImportedNumbers
from sinch_hosting.resources.qualified_numbers import QualifiedNumbers

# The public face of the design: positional parameters, then keywords; `=` marks a default.
TEXT_ENABLE = (
    "numbers, *, region_code, service_plan_id, loa, campaign_id=, nnid=, "
    "scheduled_osr_update_time=, display_name=, callback_url=, migrate_to_sinch_tmo="
)
TOLL_FREE = (
    "numbers, *, region_code, service_plan_id, loa, scheduled_zipwhip_provisioning_time=, "
    "display_name=, callback_url=, migrate_to_sinch_tmo="
)
IMPORT = (
    "numbers, *, region_code, service_plan_id, campaign_id=, display_name=, callback_url=, "
    "migrate_to_sinch_tmo="
)
BULK = ", chunk_size=, max_concurrency=, on_progress="
PAGED = "order_by=, page_size=, page_token="

METHODS: dict[type[Any], dict[str, str]] = {
    ImportedNumbers: {
        "import_number": "phone_number, *, region_code, service_plan_id, campaign_id=, "
        "display_name=, callback_url=, migrate_to_sinch_tmo=",
        "get": "phone_number",
        "list": "*, service_plan_id, campaign_id, region_code=, pattern=, search_pattern=, "
        + PAGED,
        "update": "phone_number, *, display_name=, service_plan_id=, campaign_id=, callback_url=",
        "delete": "phone_number",
        "relink": "phone_number, *, service_plan_id, campaign_id=, timeout=",
        "wait_until_provisioned": "phone_number, *, timeout=",
    },
    QualifiedNumbers: {
        "add": "phone_numbers",
        "get": "phone_number",
        "list": "*, states, region_code=, " + PAGED,
        "delete": "phone_number",
        "text_enable": TEXT_ENABLE,
        "text_enable_toll_free": TOLL_FREE,
        "send_voice_challenge": "phone_number",
        "verify_voice_challenge": "phone_number, code",
        "wait_until": "phone_number, *states, timeout=",
    },
    HostingOrders: {
        "import_numbers": IMPORT,
        "text_enable": TEXT_ENABLE,
        "text_enable_toll_free": TOLL_FREE,
        "get": "order_id",
        "list": "*, states, type, service_plan_id, campaign_id, region_code=, " + PAGED,
        "report": "order_id",
        "numbers": "order_id, *, order_by=, osr_update_state=, campaign_provisioning_state=, "
        "platform_provisioning_state=, page_size=, page_token=",
        "number": "order_id, phone_number",
        "wait_all": "orders, state, *, timeout=, return_exceptions=",
        "import_many": IMPORT + BULK,
        "text_enable_many": TEXT_ENABLE + BULK,
        "text_enable_toll_free_many": TOLL_FREE + BULK,
    },
    Callbacks: {"get": "", "update": "*, hmac_secret"},
    Order: {
        "refresh": "",
        "wait_until": "state, *, timeout=, on_update=",
        "report": "",
        "numbers": "",
    },
}
CONSTRUCTOR = (
    "project_id, key_id, key_secret, *, auth=, base_url=, auth_url=, session=, timeout=, retry=, "
    "poll=, max_concurrency=, requests_per_second=, import_limit=, trace_configs=, trust_env=, "
    "proxy=, ssl="
)
FUNCTIONS: dict[Callable[..., Any], str] = {
    sign: "body, secret",
    verify: "body, signature, secrets",
    parse: "body, signature, secrets",
}
DESIGNED = {
    *("SinchHosting", "COMPLETED", "REJECTED", "PollPolicy", "RetryPolicy", "BulkResult", "Pages"),
    *("OrderState", "OrderType", "QualificationState", "ProvisioningState"),
    *("DirectLoa", "ResellerLoa", "BlanketLoa", "AuthorisedPerson", "Address", "Order"),
    *("SinchHostingError", "ConfigurationError", "InvalidRequest", "TransportError"),
    *("OutcomeUnknown", "ApiError", "BadRequest", "AuthenticationFailed", "PermissionDenied"),
    *("NotFound", "Conflict", "RateLimited", "ServerError", "DecodeError", "OrderRejected"),
    *("NumberFailed", "WaitTimeout", "InvalidSignature", "CallbackEvent"),
}


def shape(function: Callable[..., Any]) -> str:
    """A signature in the notation of the tables above."""
    parts: list[str] = []
    starred = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        assert parameter.kind is not parameter.VAR_KEYWORD
        if parameter.kind is parameter.VAR_POSITIONAL:
            parts.append(f"*{parameter.name}")
            starred = True
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        parts.append(parameter.name + ("" if parameter.default is parameter.empty else "="))
    return ", ".join(parts)


def in_python(script: str) -> str:
    """What a script prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


ALL_METHODS = [(cls, name) for cls, methods in METHODS.items() for name in methods]


@pytest.mark.parametrize(
    ("cls", "name"), ALL_METHODS, ids=[f"{cls.__name__}.{name}" for cls, name in ALL_METHODS]
)
def test_methods_are_as_designed(cls: type[Any], name: str) -> None:
    """Names, order and kind of every parameter; a create may take more after them, for jobs."""
    ours, designed = shape(getattr(cls, name)), METHODS[cls][name]
    creates = name.startswith(("import_numbers", "text_enable"))
    if name.endswith("_many") or creates:
        assert f"{ours}, ".startswith(f"{designed}, ")
    else:
        assert ours == designed


def test_lists_are_plain_calls() -> None:
    """A list is no coroutine: it answers `Pages` at once; all else is awaited."""
    for cls, name in ALL_METHODS:
        lists = name == "list" or (name == "numbers" and cls in (HostingOrders, Order))
        assert inspect.iscoroutinefunction(getattr(cls, name)) == (not lists), name


def test_the_client_is_made_as_designed() -> None:
    """Keywords in order; what waits and what tells the time may be put in, behind them."""
    ours = shape(SinchHosting.__init__).removesuffix(", clock=, sleep=")
    for later in ("max_response_bytes=, ", ", allow_http=", ", on_event=", ", telemetry="):
        assert later in ours
        ours = ours.replace(later, "")
    assert ours == CONSTRUCTOR
    assert {"from_env", "aclose", "__aenter__", "__aexit__"} <= set(dir(SinchHosting))
    parameters = inspect.signature(SinchHosting).parameters
    defaults = {
        "auth": "oauth",
        "session": None,
        "requests_per_second": None,
        "import_limit": 5,
        "trace_configs": (),
        "trust_env": False,
        "proxy": None,
        "ssl": True,
    }
    assert {name: parameters[name].default for name in defaults} == defaults


async def test_the_client_has_four_resources() -> None:
    """Under the names of the design."""
    client = SinchHosting("project", "key", "secret")
    resources = {
        "imported_numbers": ImportedNumbers,
        "qualified_numbers": QualifiedNumbers,
        "hosting_orders": HostingOrders,
        "callback_configuration": Callbacks,
    }
    public = {name: type(value) for name, value in vars(client).items() if name[0] != "_"}
    assert public == resources
    await client.aclose()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_functions_for_callbacks_are_as_designed(function: Callable[..., Any]) -> None:
    """Sign, verify, parse."""
    assert shape(function) == FUNCTIONS[function]


@pytest.mark.parametrize(
    ("policy", "keywords"),
    [
        ("PollPolicy", {"initial", "factor", "maximum", "jitter", "requests_per_minute"}),
        ("RetryPolicy", {"max_tries", "max_time", "initial", "maximum"}),
    ],
)
def test_policies_take_their_keywords(policy: str, keywords: set[str]) -> None:
    """Each with a default, none by position."""
    parameters = inspect.signature(getattr(sinch_hosting, policy)).parameters
    assert set(parameters) == keywords
    for parameter in parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty


def test_a_bulk_result_is_as_designed() -> None:
    """What succeeded, failed, is unknown, was skipped, and a way to raise."""
    parameters = inspect.signature(sinch_hosting.BulkResult).parameters
    assert {"succeeded", "failed", "unknown", "skipped"} <= set(parameters)
    assert shape(sinch_hosting.BulkResult.raise_for_failures) == ""


# ------------------------------------------------------------ exports


def test_all_is_sorted_and_has_what_the_design_names() -> None:
    """Constants first, then classes, then the rest, each by the alphabet; nothing twice."""

    def place(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    exported = sinch_hosting.__all__
    assert exported == sorted(exported, key=place)
    assert len(exported) == len(set(exported))
    assert set(exported) >= DESIGNED


@pytest.mark.parametrize("name", sinch_hosting.__all__)
def test_every_export_resolves(name: str) -> None:
    """To the same object each time, and to one that is documented."""
    value = getattr(sinch_hosting, name)
    assert value is getattr(sinch_hosting, name)
    assert name in dir(sinch_hosting)
    if inspect.isclass(value):
        assert value.__name__ == name
        assert value.__doc__


@pytest.mark.parametrize("module", [errors, models, states])
def test_what_a_module_offers_the_package_offers(module: Any) -> None:
    """Every error, model and state is to be had from the package itself."""
    for name in module.__all__:
        assert getattr(sinch_hosting, name) is getattr(module, name)


def test_the_static_names_are_the_lazy_ones() -> None:
    """A type checker sees what a program gets: the three lists of `__init__` agree."""
    tree = ast.parse(inspect.getsource(sinch_hosting))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    static = {
        (alias.name, node.module)
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert static == set(sinch_hosting._HOME.items())
    static = {name for name, _ in static}
    lazy = set(sinch_hosting._HOME)
    assert static == lazy == set(sinch_hosting.__all__) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """That says module and name, as any module does."""
    with pytest.raises(AttributeError, match="module 'sinch_hosting' has no attribute 'Sinch'"):
        _ = sinch_hosting.Sinch
    assert not hasattr(sinch_hosting, "__path_of_nothing__")


def test_importing_the_package_loads_next_to_nothing() -> None:
    """Neither aiohttp nor attrs nor any module of the package but the version."""
    loaded = in_python(
        "import sys; before = set(sys.modules); import sinch_hosting; "
        "print(*sorted(set(sys.modules) - before))"
    ).split()
    assert {name for name in loaded if name.startswith("sinch_hosting")} == {
        "sinch_hosting",
        "sinch_hosting._version",
    }
    heavy = {"aiohttp", "attr", "attrs", "cattrs", "asyncio", "backoff", "json"}
    assert not heavy & {name.partition(".")[0] for name in loaded}


@pytest.mark.parametrize("name", ["SinchHostingError", "ConfigurationError"])
def test_catching_an_error_loads_no_client(name: str) -> None:
    """A program that only names an error does not pay for aiohttp or attrs."""
    loaded = in_python(f"import sys; from sinch_hosting import {name}; print(*sys.modules)").split()
    assert not {"aiohttp", "attr", "cattrs"} & set(loaded)


def test_the_client_loads_no_extras() -> None:
    """What only the command or the sandbox needs is not loaded, nor is a server."""
    loaded = in_python(
        "import sys; from sinch_hosting import SinchHosting, COMPLETED; print(*sys.modules)"
    ).split()
    extras = {"cyclopts", "rich", "phonenumbers", "aiohttp.web", "pytest", "mcp", "pydantic"}
    assert not extras & set(loaded)
    ours = {name.split(".")[1] for name in loaded if name.startswith("sinch_hosting.")}
    assert "client" in ours
    assert not {"cli", "sandbox", "pytest_plugin", "phone_files", "mcp", "workflows"} & ours


def test_making_a_client_loads_only_what_every_call_needs() -> None:
    """What waits, what creates orders, callbacks and onboarding are loaded when they are used."""
    loaded = in_python(
        "import sys; from sinch_hosting import SinchHosting; SinchHosting('p', 'k', 's'); "
        "print(*sys.modules)"
    ).split()
    ours = {name.removeprefix("sinch_hosting.") for name in loaded}
    assert "resources.hosting_orders" in ours
    assert not {"_bulk.order_runs", "_bulk.plan", "_bulk.job", "_polling.watcher"} & ours
    assert not {"_onboarding.onboarding", "_onboarding.plan", "callbacks", "msgspec"} & ours


def test_star_imports_give_everything() -> None:
    """`from sinch_hosting import *` resolves every lazy name."""
    namespace: dict[str, Any] = {}
    exec("from sinch_hosting import *", namespace)
    assert set(sinch_hosting.__all__) <= set(namespace)


def test_importing_starts_nothing() -> None:
    """No thread, no event loop, no log handler, no output."""
    script = """
import asyncio, logging, threading
import sinch_hosting
for name in sinch_hosting.__all__:
    getattr(sinch_hosting, name)
assert threading.active_count() == 1
assert not logging.getLogger().handlers
assert not logging.getLogger("sinch_hosting").handlers
try:
    asyncio.get_running_loop()
except RuntimeError:
    print("quiet")
"""
    assert in_python(script) == "quiet"


def test_the_package_says_that_it_is_typed() -> None:
    """`py.typed` is beside `__init__.py`."""
    package = importlib.resources.files("sinch_hosting")
    assert package.joinpath("py.typed").is_file()


def test_modules_that_are_not_underscored_are_few() -> None:
    """What is not private is meant to be imported: nobody adds a public module by accident."""
    public = {
        module.name
        for module in pkgutil.iter_modules(sinch_hosting.__path__)
        if not module.name.startswith("_")
    }
    assert public <= {
        "temporal",
        *("callbacks", "client", "errors", "models", "states", "phone_files", "resources"),
        *("sandbox", "cli", "pytest_plugin", "workflows", "mcp", "temporal"),
    }
