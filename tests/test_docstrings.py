"""What a docstring of the public face says; that there is one, the linters see to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from sinch_hosting._session.operations import OPERATIONS, Retryability
from sinch_hosting.client import SinchHosting
from sinch_hosting.models import Order
from sinch_hosting.resources.callback_configuration import Callbacks
from sinch_hosting.resources.hosting_orders import HostingOrders
from sinch_hosting.resources.imported_numbers import ImportedNumbers
from sinch_hosting.resources.qualified_numbers import QualifiedNumbers

RESOURCES = (ImportedNumbers, QualifiedNumbers, HostingOrders, Callbacks)
# Steps of other methods, which the resources call among themselves.
BETWEEN_RESOURCES = {"create", "create_toll_free", "read_created", "wait_for", "wait_all"}
SENDING_NOTHING = {"from_token", "to_token", "stop_runs", "to_dict"}
METHODS = {
    f"{cls.__name__}.{name}": method
    for cls in (*RESOURCES, Order)
    for name, method in inspect.getmembers(cls, inspect.isfunction)
    if not name.startswith("_")
}
CALLING = {
    name: method
    for name, method in METHODS.items()
    if name.partition(".")[2] not in BETWEEN_RESOURCES | SENDING_NOTHING
}


def text_of(method: Callable[..., Any]) -> str:
    """A docstring in one line."""
    return " ".join((inspect.getdoc(method) or "").split())


def named_in(method: Callable[..., Any]) -> set[str]:
    """The operations of the contract that a docstring names."""
    return set(re.findall(r"\(`(\w+)`\)", text_of(method))) & set(OPERATIONS)


@pytest.mark.parametrize("name", CALLING)
def test_methods_name_their_operation(name: str) -> None:
    """So that a reader finds it in the vendor's documentation."""
    assert len(named_in(CALLING[name])) == 1


def test_every_operation_is_named() -> None:
    """By one method at least."""
    assert set().union(*map(named_in, CALLING.values())) == set(OPERATIONS)


@pytest.mark.parametrize("name", CALLING)
def test_methods_say_what_a_second_call_does(name: str) -> None:
    """Reads and safe ones may be repeated; creates and challenges not, and the caller is told."""
    (operation,) = named_in(CALLING[name])
    text = text_of(CALLING[name])
    kind = OPERATIONS[operation].kind
    if (
        kind is Retryability.CREATE
        and operation != "ImportNumber"
        and name != "QualifiedNumbers.add_many"
    ):
        assert re.search(r"[Nn]ot to be repeated blindly|[Nn]ever repeat it blindly", text)
    elif kind is Retryability.NEVER:
        assert "never sent again by itself" in text
    elif not name.startswith("Order."):
        assert re.search(r"[Ss]afe to repeat", text)


@pytest.mark.parametrize("name", METHODS)
def test_listed_arguments_are_the_parameters(name: str) -> None:
    """Where a docstring lists arguments it lists all, in their order, and no others."""
    method = METHODS[name]
    given = (inspect.getdoc(method) or "").partition("Args:")[2]
    given = re.split(r"\n(?:Returns|Yields|Raises):", given)[0]
    listed = re.findall(r"^    (\w+): ", given, re.M)
    if listed:
        assert listed == [p for p in inspect.signature(method).parameters if p != "self"]


def test_the_client_lists_its_arguments() -> None:
    """All keywords of the constructor, in their order."""
    given = (inspect.getdoc(SinchHosting) or "").partition("Args:")[2].partition("\nRaises:")[0]
    listed = re.findall(r"^    (\w+): ", given, re.M)
    assert listed == list(inspect.signature(SinchHosting).parameters)


def test_the_client_states_the_contract_of_retries() -> None:
    """What is sent again, and when, stands in its docstring."""
    text = text_of(SinchHosting)
    for word in ("429", "Retry-After", "OutcomeUnknown", "max_tries", "max_time", "expired"):
        assert word in text
