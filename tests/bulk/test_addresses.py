"""The addresses of ledgers in databases: what is shown of them holds no password."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_hosting._bulk.addresses import address_of, passwords_in, without_password
from sinch_hosting._bulk.order_template import JobOptions

URL = "postgresql://user:secret@db.example.com:5432/sinch?sslmode=require&password=other"


def test_what_is_shown_of_an_address() -> None:
    """Hosts and database in messages; all but the passwords in what another run is given."""
    assert address_of(URL) == "postgresql://db.example.com:5432/sinch"
    kept = "postgresql://user@db.example.com:5432/sinch?sslmode=require"
    assert without_password(URL) == without_password(kept) == kept
    assert passwords_in(URL) == {"secret", "other"}
    assert (
        address_of("/tmp/a:b@c.jsonl")
        == without_password("/tmp/a:b@c.jsonl")
        == ("/tmp/a:b@c.jsonl")
    )
    assert "secret" not in repr(JobOptions(job="acme", ledger=URL))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://@/db?host=/var/run",
        "postgres://a.example.com:1,b.example.com:2/db",
        "postgresql://[::1]:5432/db",
        "postgresql:///db",
        "postgresql://host",
    ],
)
def test_addresses_without_a_password_stay_as_they_are(address: str) -> None:
    """Any form that libpq knows."""
    assert without_password(address) == address.replace("@", "")
    assert not passwords_in(address)


@given(st.text(min_size=1, max_size=12).map(lambda text: f"Q7Z{text}"))
def test_a_password_is_never_shown(password: str) -> None:
    """Whether it is escaped, as it has to be, or not; then it may be anywhere in the address."""
    for written in (quote(password, safe=""), password):
        for url in (
            f"postgresql://user:{written}@host:5432/db",
            f"postgresql://host/db?password={written}",
            f"postgresql://user@host/db?a=b&password={written}&c=d",
        ):
            shown = address_of(url) + without_password(url)
            for secret in passwords_in(url):
                shown = shown.replace(secret, "***")
            assert "Q7Z" not in shown
