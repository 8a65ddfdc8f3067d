"""`sinch-hosting completion`: what a shell needs to complete the command's lines."""

from __future__ import annotations

from typing import Literal

from .output import print_text


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print the completion script for a shell.

    Example: `sinch-hosting completion bash > ~/.bash_completion.d/sinch-hosting`

    Args:
        shell: bash, zsh or fish.
    """
    from .app import make_app  # noqa: PLC0415 - the app names this module

    print_text(make_app().generate_completion(prog_name="sinch-hosting", shell=shell))
    return 0
