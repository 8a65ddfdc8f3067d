"""`sinch-hosting mcp`: tools for assistants, over standard input and output or HTTP."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import BadInput, ExitCode, cannot_listen
from .job_files import JobFile, keep_job, ledger_path, orders_in_ledgers
from .messages import tell
from .options import ACCOUNT, PLACE, Account, Place, Seconds
from .settings import Settings, open_client, read_settings

if TYPE_CHECKING:
    from .. import SinchHosting
    from ..mcp import Workplace


async def mcp(
    *,
    allow_changes: bool = False,
    http: int | None = None,
    host: str = "127.0.0.1",
    folder: list[Path] | None = None,
    settle: Seconds = 10.0,
    place: Place = PLACE,
    account: Account = ACCOUNT,
) -> int:
    """Serve tools for assistants (Model Context Protocol).

    An assistant can look at numbers, orders and letters, and show what a change would do. It
    changes nothing unless you give `--allow-changes`. Even then each change needs a plan that
    was shown before, and a person is asked before letters are mailed, where the assistant's
    program can ask. By default it speaks over standard input and output, so that program
    starts it; see `sinch-hosting guide agents`.

    Example: `sinch-hosting mcp --allow-changes --folder ~/numbers`

    Args:
        allow_changes: Offer the tools that change something, too.
        http: Serve HTTP on this port instead; 0 takes a free one.
        host: The address to listen on; only those of this machine are allowed.
        folder: Files of numbers below this folder may be read; may be given several times.
        settle: Time between the two searches for earlier orders; 10s by default.
    """
    settings = read_settings(account)
    _check_loopback(host)
    if allow_changes:
        settings.check_identity()
    try:
        from ..mcp import make_server, serve_http, serve_stdio  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise BadInput(
            f"this command needs {error.name}, which is not installed: "
            "pip install 'sinch-hosting[mcp]'"
        ) from error
    async with open_client(settings) as sinch:
        workplace = _workplace(
            sinch, settings, place, folder or [], allow_changes=allow_changes, settle=settle
        )
        server = make_server(workplace)
        changes = "with changes" if allow_changes else "read-only"
        tell(f"{settings.whose}: {changes}")
        if http is None:
            await serve_stdio(server)
        else:
            try:
                await serve_http(server, host, http, lambda address: tell(f"ready: {address}"))
            except (OSError, OverflowError) as error:
                raise cannot_listen(host, http, error) from error
    return ExitCode.DONE


def _check_loopback(host: str) -> None:
    """Refuse an address that others can reach: there are no passwords here."""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise BadInput(f"--host {host}: give an address of this machine, such as 127.0.0.1")


def _workplace(
    sinch: SinchHosting,
    settings: Settings,
    place: Place,
    folders: Sequence[Path],
    *,
    allow_changes: bool,
    settle: float,
) -> Workplace:
    from ..mcp import Workplace  # noqa: PLC0415 - loaded by now

    project = settings.project_id
    for folder in folders:
        if not folder.expanduser().is_dir():
            raise BadInput(f"--folder {folder}: there is no such folder")

    def note(job: str, numbers: Sequence[str], plan: str, campaign: str) -> None:
        keep_job(
            JobFile(
                job=job,
                project_id=project,
                ledger=str(ledger_path(project, job)),
                numbers=tuple(numbers),
                service_plan_id=plan,
                campaign_id=campaign,
            )
        )

    return Workplace(
        sinch=sinch,
        project_id=project,
        ledger_of=lambda job: ledger_path(project, job),
        keep_job=note,
        known_orders=functools.partial(orders_in_ledgers, project),
        service_plan_id=place.plan or settings.get("service_plan_id"),
        campaign_id=settings.campaign(place) or None,
        folders=tuple(folder.expanduser() for folder in folders),
        allow_changes=allow_changes,
        settle=settle,
    )
