"""What singles, `_many` and `_stream` do alike: no numbers, one twice, the order of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from attrs import frozen

from sinch_hosting import BlanketLoa, InvalidRequest, Order, SinchHosting, SkippedNumber

from ..letters import DIRECT
from ..service import Service, edit
from ..service.fixtures import api_client, api_service, make_api_client

__all__ = ["api_client", "api_service", "make_api_client"]

A, B, C, D = (f"+1202555013{n}" for n in range(4))
GIVEN = [C, A, C, B, A]
ONCE = [C, A, B]
IMPORT = {"region_code": "US", "service_plan_id": "plan", "campaign_id": "c"}
ENABLE = {**IMPORT, "loa": BlanketLoa()}
TOLL_FREE = {"region_code": "US", "service_plan_id": "plan", "loa": DIRECT}


@frozen
class Call:
    """A call that takes numbers."""

    path: str
    operation: str
    keywords: Mapping[str, Any] = MappingProxyType({})

    @property
    def method(self) -> str:
        """The method's name."""
        return self.path.partition(".")[2]

    def on(self, client: SinchHosting) -> Callable[..., Any]:
        """The method."""
        resource = getattr(client, self.path.partition(".")[0])
        method: Callable[..., Any] = getattr(resource, self.method)
        return method

    async def __call__(self, client: SinchHosting, numbers: Any) -> Any:
        """The result; of a stream, the outcomes in the order of the input."""
        called = self.on(client)(numbers, **self.keywords)
        if self.method.endswith("_stream"):
            outcomes = [outcome async for outcome in called]
            return sorted(outcomes, key=lambda outcome: outcome.index)
        return await called


ORDERS = [
    Call(f"{resource}.{name}{kind}", operation, keywords)
    for resource, name, kinds, operation, keywords in [
        ("hosting_orders", "import_", ["numbers", "many", "stream"], "ImportNumbers", IMPORT),
        (
            "hosting_orders",
            "text_enable",
            ["", "_many", "_stream"],
            "TextEnableHostingOrderNumbers",
            ENABLE,
        ),
        (
            "hosting_orders",
            "text_enable_toll_free",
            ["", "_many", "_stream"],
            "TextEnableTollFreeHostingOrderNumbers",
            TOLL_FREE,
        ),
        ("qualified_numbers", "text_enable", [""], "TextEnableQualifiedNumbers", ENABLE),
        (
            "qualified_numbers",
            "text_enable_toll_free",
            [""],
            "TextEnableTollFreeQualifiedNumbers",
            TOLL_FREE,
        ),
    ]
    for kind in kinds
]
NUMBERS = [
    Call("qualified_numbers.add", "AddQualifiedNumbers"),
    Call("qualified_numbers.add_many", "AddQualifiedNumbers"),
    Call("qualified_numbers.delete_many", "DeleteQualifiedNumber"),
    Call("imported_numbers.delete_many", "DeleteImportedNumber"),
    Call("imported_numbers.relink_many", "UpdateImportedNumber", {"service_plan_id": "other"}),
]
CALLS = ORDERS + NUMBERS


@pytest.fixture
def api_service_ready(api_service: Service) -> Service:
    """A service that takes any number in any order."""
    api_service.rules.require_qualified = False
    return api_service


def names(call: Call) -> str:
    """How a call is shown."""
    return call.path


def test_no_call_is_forgotten(api_client: SinchHosting) -> None:
    """Every method whose first argument is numbers to do something with is in the table."""
    found = {
        f"{resource}.{name}"
        for resource in ("hosting_orders", "qualified_numbers", "imported_numbers")
        for name in dir(getattr(api_client, resource))
        if name.endswith(("_many", "_stream")) and not name.startswith(("_", "wait"))
    }
    assert found <= {call.path for call in CALLS}


@pytest.mark.parametrize("empty", ["list", "iterator"])
@pytest.mark.parametrize("call", CALLS, ids=names)
async def test_no_numbers_are_refused(
    call: Call, empty: str, api_client: SinchHosting, api_service: Service
) -> None:
    """With the same words, and nothing is sent."""
    with pytest.raises(InvalidRequest, match=r"numbers = \[\]: must hold at least 1 number"):
        await call(api_client, [] if empty == "list" else iter([]))
    assert not api_service.requests


@pytest.mark.parametrize("call", CALLS, ids=names)
async def test_a_number_twice_is_sent_once(
    call: Call, api_client: SinchHosting, api_service_ready: Service
) -> None:
    """In the order in which each came first; where a result can say so, it does."""
    service = api_service_ready
    if call.method in ("delete_many", "relink_many"):
        service.set_qualified(ONCE, "VERIFIED")
        service.add_imported(ONCE, plan="plan", campaign="c")
    result = await call(api_client, GIVEN)

    sent = service.requests_of(call.operation)
    if call in ORDERS or "add" in call.path:
        (request,) = sent
        assert request.body.get("numbers", request.body.get("phoneNumbers")) == ONCE
    else:
        assert len({request.path for request in sent}) == len(ONCE)
    skipped = skipped_of(result)
    if skipped is not None:
        assert [(s.phone_number, s.reason) for s in skipped] == [(C, "duplicate"), (A, "duplicate")]


def skipped_of(result: Any) -> list[SkippedNumber] | None:
    """What a result says was left out; `None` where it is an order, or numbers."""
    if isinstance(result, Order | tuple):
        return None
    if isinstance(result, list):
        return [skipped for outcome in result for skipped in outcome.skipped]
    return list(result.skipped)


@pytest.mark.parametrize("call", [c for c in ORDERS if "import" in c.path], ids=names)
async def test_chunks_come_in_the_order_of_the_input(
    call: Call, api_client: SinchHosting, api_service_ready: Service
) -> None:
    """A result in that order; a stream as chunks end, each with its place."""
    given = [f"+1202555{n:04}" for n in range(500, 480, -1)]
    if call.method == "import_numbers":
        await call(api_client, given[:5])
        assert api_service_ready.requests_of(call.operation)[0].body["numbers"] == given[:5]
        return
    result = await call(api_client, given)
    chunks = result if isinstance(result, list) else result.chunks
    assert [n for chunk in chunks for n in chunk.numbers] == given
    assert [chunk.index for chunk in chunks] == list(range(4))


@pytest.mark.parametrize("call", [c for c in NUMBERS if "add" in c.path], ids=names)
async def test_numbers_come_in_the_order_of_the_input(
    call: Call, api_client: SinchHosting, api_service: Service
) -> None:
    """However the service orders them."""

    def turned(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "qualifiedNumbers": sorted_numbers(answer["qualifiedNumbers"])}

    api_service.fault("AddQualifiedNumbers", edit(turned))
    result = await call(api_client, GIVEN)
    shown = result if isinstance(result, tuple) else result.succeeded
    assert [number.phone_number for number in shown] == ONCE


def sorted_numbers(numbers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers by the alphabet."""
    return sorted(numbers, key=lambda number: number["phoneNumber"])


async def test_what_is_left_out_comes_in_the_order_of_the_input(
    api_client: SinchHosting, api_service_ready: Service
) -> None:
    """Duplicates and refusals together."""
    api_service_ready.add_imported([B], plan="another", campaign="another")
    result = await api_client.hosting_orders.import_many([D, B, A, A, D], **IMPORT)
    assert [skipped.phone_number for skipped in result.skipped] == [D, B, A]
    assert result.skipped[1].reason != "duplicate"
