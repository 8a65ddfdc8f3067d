"""The secret that callbacks are signed with."""

from __future__ import annotations

import pytest

from sinch_hosting import BadRequest, InvalidRequest, NotFound, ServerError

PATH = "/callbackConfiguration"


async def test_get_and_update(service, client):
    """Read, set, and answered as the service tells it."""
    service.on("GET", PATH, {"projectId": "p", "hmacSecret": "old"})
    service.on("PATCH", PATH, {"projectId": "p", "hmacSecret": "new"})
    assert (await client.callback_configuration.get()).hmac_secret == "old"
    assert (await client.callback_configuration.update(hmac_secret="new")).hmac_secret == "new"
    assert service.calls("PATCH", PATH)[0].json == {"hmacSecret": "new"}


@pytest.mark.parametrize("lost", [500, "DROP"])
async def test_a_retried_update_that_is_refused_is_settled(service, client, lost):
    """The secret is set already: that is what was wanted."""
    service.on("PATCH", PATH, service.DROP if lost == "DROP" else lost, 400)
    service.on("GET", PATH, {"hmacSecret": "new"})
    assert (await client.callback_configuration.update(hmac_secret="new")).hmac_secret == "new"


async def test_a_refused_update_that_did_not_happen_is_refused(service, client):
    """The old secret still stands: the refusal is the caller's."""
    service.on("PATCH", PATH, 500, (400, {"message": "too short"}))
    service.on("GET", PATH, {"hmacSecret": "old"})
    with pytest.raises(BadRequest, match="too short"):
        await client.callback_configuration.update(hmac_secret="new")


async def test_a_refusal_at_first_is_not_looked_into(service, client):
    """Nothing was lost."""
    service.on("PATCH", PATH, 404)
    with pytest.raises(NotFound):
        await client.callback_configuration.update(hmac_secret="new")


async def test_an_update_that_stays_lost_is_looked_for(service, client):
    """All tries answered 500: the GET tells that it is set after all."""
    service.on("PATCH", PATH, 500)
    service.on("GET", PATH, {"hmacSecret": "new"})
    assert (await client.callback_configuration.update(hmac_secret="new")).hmac_secret == "new"
    service.on("GET", PATH, {"hmacSecret": "old"})
    with pytest.raises(ServerError):
        await client.callback_configuration.update(hmac_secret="new")


@pytest.mark.parametrize("value", ["", None, 5, b"bytes", "s\n", "\x00", "\x85"])
async def test_a_secret_that_is_none_is_refused(service, client, value):
    """Before anything is sent."""
    with pytest.raises(InvalidRequest) as caught:
        await client.callback_configuration.update(hmac_secret=value)
    assert caught.value.field == "hmac_secret"
    assert service.requests == []


async def test_half_a_character_in_a_secret_is_refused_unseen(service, client):
    """Neither JSON's reader nor a signature could be sure of it."""
    with pytest.raises(InvalidRequest) as caught:
        await client.callback_configuration.update(hmac_secret="hush\ud800")
    assert caught.value.value == "***"
    assert "hush" not in str(caught.value)
    assert service.requests == []
