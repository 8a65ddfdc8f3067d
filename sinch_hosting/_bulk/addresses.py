"""The addresses of ledgers in a database, and what may be shown of them."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

_SCHEMES = ("postgresql://", "postgres://")
_HOST = r"(?:[\w.-]*|\[[\da-fA-F:.]+\])(?::\d*)?"
_ADDRESS = re.compile(
    rf"(?P<scheme>postgres(?:ql)?://)(?:(?P<user>[^:/?#]*)(?::(?P<password>[^/?#]*))?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?P<database>/[^?#@]*)?(?:\?(?P<query>[^#@]*))?\Z"
)
_SECRET = ("password", "sslpassword")


def is_shared(ledger: object) -> bool:
    """Whether a ledger's address is that of a database."""
    return isinstance(ledger, str) and ledger.startswith(_SCHEMES)


def address_of(ledger: object) -> str:
    """Return what names a ledger in messages: a path, or an address without user and password."""
    if not is_shared(ledger):
        return str(ledger)
    found = _ADDRESS.match(str(ledger))
    if found is None:
        return _unreadable(ledger)
    return f"{found['scheme']}{found['hosts']}{found['database'] or ''}"


def without_password(ledger: str) -> str:
    """Return an address that another run can use, and that has no password in it.

    The password then comes from the environment or a password file, as for `psql`.
    """
    if not is_shared(ledger):
        return ledger
    found = _ADDRESS.match(ledger)
    if found is None:
        return _unreadable(ledger)
    user = f"{found['user']}@" if found["user"] else ""
    kept = [part for part in (found["query"] or "").split("&") if not _is_secret(part)]
    query = f"?{'&'.join(kept)}" if any(kept) else ""
    return f"{found['scheme']}{user}{found['hosts']}{found['database'] or ''}{query}"


def passwords_in(ledger: str) -> set[str]:
    """Return the passwords in an address, in each way of writing them."""
    if not is_shared(ledger):
        return set()
    found = _ADDRESS.match(ledger)
    if found is None:
        return {ledger.partition("://")[2]}  # nobody can tell where in it one is
    written = [found["password"] or ""]
    written += [p.partition("=")[2] for p in (found["query"] or "").split("&") if _is_secret(p)]
    return {text for each in written for text in (each, unquote(each)) if text}


def _is_secret(part: str) -> bool:
    return any(name in _SECRET for name, _ in parse_qsl(part, keep_blank_values=True))


def _unreadable(ledger: object) -> str:
    """Return what is shown of an address in which nobody can tell where the password is."""
    return f"{str(ledger).partition('://')[0]}://…"
