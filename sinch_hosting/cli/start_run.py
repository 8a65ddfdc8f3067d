"""Running what `sinch-hosting start` wrote: on a sandbox of its own, or for real."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from .errors import BadInput
from .interrupts import orderly_ctrl_c
from .messages import tell
from .prompts import confirm
from .settings import VARIABLES

if TYPE_CHECKING:
    from ..sandbox import Sandbox
    from .settings import Settings
    from .start_answers import Answers


async def run_on_sandbox(answers: Answers, text: str) -> int:
    """Run a text against a sandbox that ends with it; returns its exit code.

    What the goal takes for granted is there: numbers to text-enable are verified, for instance.

    Raises:
        BadInput: It makes no sense on a sandbox.
    """
    if answers.goal in ("status", "challenge"):
        raise BadInput(
            f"--run sandbox: a fresh sandbox has nothing for {answers.goal}; run `sinch-hosting "
            "sandbox` in another terminal, and this against it"
        )
    from ..sandbox import Sandbox  # noqa: PLC0415 - few run it

    with TemporaryDirectory(prefix="sinch-hosting-") as folder:
        async with Sandbox(profile="immediate", rules={"empty_campaign": 200}) as sandbox:
            await _prepare(sandbox, answers)
            environ = {**_environ(Path(folder)), **sandbox.environ}
            environ["XDG_STATE_HOME"] = folder
            environ["SINCH_HOSTING_CONFIG"] = str(Path(folder) / "none.toml")
            tell("running it on a sandbox; nothing leaves this machine")
            return await _run(answers, text, environ, Path(folder))


async def _prepare(sandbox: Sandbox, answers: Answers) -> None:
    """Have the numbers on the sandbox in the state that the goal begins with."""
    from .. import SinchHosting  # noqa: PLC0415 - loaded with the sandbox

    async with SinchHosting(
        sandbox.project_id,
        sandbox.key_id,
        sandbox.key_secret,
        base_url=sandbox.base_url,
        auth_url=sandbox.auth_url,
    ) as sinch:
        if answers.goal == "text-enable":
            await sinch.qualified_numbers.add_many(answers.numbers)
        if answers.goal in ("relink", "delete"):
            for group in answers.groups:
                await sinch.hosting_orders.import_many(
                    group.numbers, region_code=group.region, service_plan_id="a-plan-before"
                )
        await sandbox.settle()


async def run_for_real(answers: Answers, text: str, settings: Settings, *, yes: bool) -> int:
    """Run a text with the account of the settings, once that is confirmed; returns its exit code.

    Raises:
        BadInput: Nobody can be asked.
        Failed: It was not confirmed.
    """
    settings.check_identity()
    confirm(
        f"Run this for {settings.whose}?",
        yes=yes,
        otherwise="give --yes to run it for real",
    )
    with TemporaryDirectory(prefix="sinch-hosting-") as folder:
        environ = _environ(Path(folder))
        for name in ("project_id", "key_id", "key_secret", "base_url", "auth_url"):
            if (value := settings.get(name)) is not None:
                environ[VARIABLES[name]] = value
        return await _run(answers, text, environ, Path.cwd())


def _environ(folder: Path) -> dict[str, str]:
    """Return the environment, with this `sinch-hosting` as the command of its name."""
    kept = {name: value for name, value in os.environ.items() if name != "SINCH_HOSTING_PROFILE"}
    command = folder / "bin" / "sinch-hosting"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m sinch_hosting "$@"\n')
    command.chmod(0o700)
    return {**kept, "PATH": f"{command.parent}{os.pathsep}{kept.get('PATH', os.defpath)}"}


async def _run(answers: Answers, text: str, environ: Mapping[str, str], folder: Path) -> int:
    with TemporaryDirectory(prefix="sinch-hosting-") as kept:
        is_python = answers.language == "python"
        path = Path(kept) / ("program.py" if is_python else "lines.sh")
        path.write_text(text, encoding="utf-8")
        runner = sys.executable if is_python else "sh"
        try:
            process = await asyncio.create_subprocess_exec(
                runner, str(path), env=dict(environ), cwd=folder
            )
        except FileNotFoundError as error:
            raise BadInput(f"{runner} is not here: take --language python") from error
        # Ctrl-C reaches the process, too: it ends in order, and says how to go on.
        with orderly_ctrl_c(lambda: None, "waiting for it to end"):
            try:
                return await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
