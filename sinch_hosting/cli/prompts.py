"""Questions on the terminal; they are asked on standard error, so output can go elsewhere."""

from __future__ import annotations

import getpass
import sys

from .errors import BadInput, ExitCode, Failed, hide

__all__ = ["ask", "ask_secret", "can_ask", "confirm"]


def can_ask() -> bool:
    """Return whether a person can be asked: standard input and standard error are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def ask(question: str) -> str:
    """Return a person's answer, in one line.

    Raises:
        KeyboardInterrupt: The terminal was closed instead.
    """
    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise KeyboardInterrupt
    return answer.strip()


def ask_secret(question: str) -> str:
    """Return a secret that a person types; it is not shown.

    Raises:
        BadInput: Nothing was typed.
    """
    try:
        secret = getpass.getpass(question, stream=sys.stderr).strip()
    except EOFError:
        raise KeyboardInterrupt from None
    if not secret:
        raise BadInput("no secret was typed")
    hide(secret)
    return secret


def confirm(question: str, *, yes: bool, otherwise: str) -> None:
    """Ask whether to go on, unless *yes*.

    Args:
        question: What is asked, without the choices behind it.
        yes: Whether it was answered by a flag.
        otherwise: What to do where nobody can be asked.

    Raises:
        BadInput: Nobody can be asked.
        Failed: The answer is anything but yes.
    """
    if yes:
        return
    if not can_ask():
        raise BadInput(f"nobody can be asked here: {otherwise}")
    if ask(f"{question} [y/N] ").casefold() not in ("y", "yes"):
        raise Failed("not confirmed; nothing was sent", ExitCode.INTERRUPTED)
