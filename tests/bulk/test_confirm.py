"""Letters that are shown to somebody before they are mailed, and are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import (
    BlanketLoa,
    FailedChunk,
    InvalidRequest,
    LettersToSend,
    NotConfirmed,
    SinchHosting,
)

from ..service import TEXT_ENABLES, Service, drop
from ..service.fixtures import api_client, api_service, make_api_client
from .rig import letter, numbers

__all__ = ["api_client", "api_service", "make_api_client"]

WHO = "Jane Roe <jane.roe@example.com>"
SHARED: dict[str, Any] = {"region_code": "US", "service_plan_id": "plan-1", "loa": letter()}


class Asked:
    """Keeps what it is shown, and says what it is told to."""

    def __init__(self, said: Any) -> None:
        self.said = said
        self.shown: list[LettersToSend] = []

    async def __call__(self, letters: LettersToSend) -> Any:
        """Take a look."""
        self.shown.append(letters)
        return self.said

    def plainly(self, letters: LettersToSend) -> Any:
        """Take a look without a coroutine."""
        self.shown.append(letters)
        return self.said


def single(client: SinchHosting) -> list[Callable[..., Any]]:
    """The four calls that create one order, and mail one letter."""
    return [
        client.hosting_orders.text_enable,
        client.hosting_orders.text_enable_toll_free,
        client.qualified_numbers.text_enable,
        client.qualified_numbers.text_enable_toll_free,
    ]


def writes(service: Service) -> int:
    """How many creates came."""
    return len(service.requests_of(*TEXT_ENABLES))


@pytest.mark.parametrize("said", [False, None, 0, "yes", 1])
@pytest.mark.parametrize("call", range(4))
async def test_a_single_create_that_is_refused_sends_nothing(
    api_service: Service, api_client: SinchHosting, call: int, said: Any
) -> None:
    """Only `True` agrees: a function that forgets to return does not."""
    asked = Asked(said)
    for confirm in (asked, asked.plainly):
        with pytest.raises(NotConfirmed, match=r"jane\.roe@example\.com") as caught:
            await single(api_client)[call](numbers(3), confirm=confirm, **SHARED)
        assert repr(said) in str(caught.value)
    assert [(one.letters, one.numbers) for one in asked.shown] == [({WHO: 1}, 3)] * 2
    assert not writes(api_service)
    assert not api_service.letters


@pytest.mark.parametrize("call", range(4))
async def test_a_single_create_that_is_agreed_to_goes(
    api_service: Service, api_client: SinchHosting, call: int
) -> None:
    """One letter, as shown."""
    api_service.set_qualified(numbers(3), "VERIFIED")
    asked = Asked(True)
    await single(api_client)[call](numbers(3), confirm=asked, **SHARED)
    assert len(asked.shown) == len(api_service.letters) == 1


@pytest.mark.parametrize("name", ["text_enable_many", "text_enable_toll_free_many"])
async def test_a_job_shows_how_many_letters_it_would_mail(
    api_service: Service, api_client: SinchHosting, tmp_path: Path, name: str
) -> None:
    """Refused nothing is sent; run again after a loss only what is still to be mailed is shown."""
    many = getattr(api_client.hosting_orders, name)
    job: dict[str, Any] = {"job": "spring", "ledger": tmp_path / "spring.jsonl", "chunk_size": 5}
    asked = Asked(False)
    with pytest.raises(NotConfirmed):
        await many(numbers(23), confirm=asked, **SHARED, **job)
    assert not writes(api_service)
    asked.said = True
    api_service.fault(TEXT_ENABLES, drop(), when=lambda request: numbers(1)[0] in str(request.body))
    await many(numbers(23), confirm=asked, **SHARED, **job)
    await many(numbers(23), confirm=asked, on_unknown="resend", **SHARED, **job)
    assert [one.letters for one in asked.shown] == [{WHO: 5}, {WHO: 5}, {WHO: 1}]
    await many(numbers(23), confirm=asked, **SHARED, **job)
    assert len(asked.shown) == 3
    assert len(api_service.letters) == 5
    assert not api_service.numbers_in_two_letters


@pytest.mark.parametrize("name", ["text_enable_stream", "text_enable_toll_free_stream"])
@pytest.mark.parametrize("as_job", [True, False])
async def test_a_stream_asks_for_each_order(
    api_service: Service, api_client: SinchHosting, tmp_path: Path, name: str, as_job: bool
) -> None:
    """One at a time; what is refused fails alone, and the next run asks for that alone."""
    stream = getattr(api_client.hosting_orders, name)
    job = {"job": "spring", "ledger": tmp_path / "spring.jsonl"} if as_job else {}
    asking = 0

    async def only_full_ones(letters: LettersToSend) -> bool:
        nonlocal asking
        asking += 1
        await asyncio.sleep(0)
        assert asking == 1
        asking -= 1
        return letters.numbers == 5

    arguments = {**SHARED, **job, "chunk_size": 5}
    outcomes = [one async for one in stream(numbers(23), confirm=only_full_ones, **arguments)]
    (failed,) = [one for one in outcomes if isinstance(one.result, FailedChunk)]
    assert failed.numbers == tuple(numbers(3, 20))
    assert isinstance(failed.result.error, NotConfirmed)
    assert len(outcomes) == 5
    assert len(api_service.letters) == 4
    if as_job:
        asked = Asked(True)
        again = [one async for one in stream(numbers(23), confirm=asked, **arguments)]
        assert [(one.letters, one.numbers) for one in asked.shown] == [({WHO: 1}, 3)]
        assert sum(one.adopted for one in again) == 4
        assert len(api_service.letters) == 5
        assert not api_service.numbers_in_two_letters


async def test_nobody_is_asked_where_no_letter_is_mailed(
    api_service: Service, api_client: SinchHosting
) -> None:
    """A blanket letter goes to nobody; a plan sends nothing."""
    asked = Asked(False)
    orders = api_client.hosting_orders
    await orders.text_enable(numbers(1), confirm=asked, **{**SHARED, "loa": BlanketLoa()})
    await orders.text_enable_many(numbers(9), confirm=asked, plan=True, **SHARED)
    assert not asked.shown
    assert writes(api_service) == 1


async def test_what_confirm_raises_is_raised(
    api_service: Service, api_client: SinchHosting
) -> None:
    """Before anything is sent; and what is no function is refused."""

    def breaks(_: LettersToSend) -> bool:
        raise ZeroDivisionError

    orders = api_client.hosting_orders
    with pytest.raises(ZeroDivisionError):
        await orders.text_enable(numbers(1), confirm=breaks, **SHARED)
    for call in (orders.text_enable, orders.text_enable_many):
        with pytest.raises(InvalidRequest, match="confirm"):
            await call(numbers(1), confirm=True, **SHARED)
    for stream in (orders.text_enable_stream, orders.text_enable_toll_free_stream):
        with pytest.raises(InvalidRequest, match="confirm"):
            stream(numbers(1), confirm=True, **SHARED)
    with pytest.raises(ZeroDivisionError):
        await anext(orders.text_enable_stream(numbers(1), confirm=breaks, **SHARED))
    assert not api_service.requests
