"""Opens a ledger: a file, or a database that several workers share."""

from __future__ import annotations

import os

from ..errors import ConfigurationError, InvalidRequest
from .addresses import address_of, is_shared
from .ledger import Ledger
from .ledger_file import LedgerFile

_REQUESTS_A_LEASE = 2


async def open_ledger(
    ledger: str | os.PathLike[str],
    *,
    longest_request: float | None,
    job: str | None = None,
    read_only: bool = False,
    is_new_fine: bool = True,
    alone: bool = False,
) -> Ledger:
    """Open the ledger at a path, or in the database at a `postgresql://` address.

    Args:
        ledger: The path or the address.
        longest_request: Seconds that a request of the client may take; `None` is no limit.
        job: The job that is wanted, with its sub-jobs; a file holds all of them.
        read_only: Neither lock it nor make it; a missing one counts as empty.
        is_new_fine: Whether it may be missing.
        alone: Whether one run does all of the job. Then others wait for it where the ledger is
            in a database, until it has ended or is taken for dead.

    Raises:
        ConfigurationError: `asyncpg` is not installed.
        InvalidRequest: A request may take for ever, so that no claim of a chunk outlasts it.
        LedgerError: It cannot be opened or read; `LedgerLocked` where another run holds the file.
    """
    if not (isinstance(ledger, str) and is_shared(ledger)):
        return await LedgerFile.open(ledger, read_only=read_only, is_new_fine=is_new_fine)
    if longest_request is None:
        raise InvalidRequest(
            field="timeout",
            value=None,
            rule="a client whose ledger is shared needs a time-out that ends every request: give "
            "SinchHosting(timeout=) seconds, or a ClientTimeout with a total",
        )
    try:
        from .ledger_postgres import PostgresLedger  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            "a ledger in PostgreSQL needs asyncpg: pip install 'sinch-hosting[postgres]'"
        ) from error
    return await PostgresLedger.open(
        ledger,
        name=address_of(ledger),
        lease=_REQUESTS_A_LEASE * longest_request,
        job=job,
        read_only=read_only,
        is_new_fine=is_new_fine,
        alone=alone,
    )
