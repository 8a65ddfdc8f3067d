"""Questions on the terminal; they are asked on standard error, so output can go elsewhere."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..errors import InvalidRequest
from .errors import BadInput, ExitCode, Failed
from .messages import hide

T = TypeVar("T")


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


def answer_to(
    flag: str,
    question: str,
    given: str | None,
    checked: Callable[[str], T],
    default: str | None = None,
) -> T:
    """Return an answer as *checked* returns it: a flag's, or else a person's.

    A person whose answer is wrong is asked again.

    Args:
        flag: The flag that answers it, such as `--plan`.
        question: What is asked.
        given: What the flag said.
        checked: Returns what the answer means; raises `InvalidRequest` or `BadInput`.
        default: What an empty answer means; `None` asks again.

    Raises:
        BadInput: Nobody can be asked, or the flag's answer is wrong.
    """
    if given is None and not can_ask():
        if default is None:
            raise BadInput(f"nobody can be asked here: give {flag} ({question})")
        given = default
    if given is not None:
        return _checked(flag, given, checked)
    shown = f"{question} [{default}] " if default else f"{question} "
    while True:
        answer = ask(shown) or default
        if answer is None:
            continue
        try:
            return _checked("", answer, checked)
        except BadInput as error:
            sys.stderr.write(f"  {error}\n")


def _checked(flag: str, answer: str, checked: Callable[[str], T]) -> T:
    """Return what an answer means; raises `BadInput` that names the flag."""
    try:
        return checked(answer)
    except InvalidRequest as error:
        raise BadInput(f"{flag or error.field} {answer!r}: {error.rule}") from None
    except BadInput as error:
        raise BadInput(f"{flag}: {error}" if flag else str(error)) from None


def choice_of(
    choices: Mapping[T, str],
    flag: str,
    question: str,
    given: T | None,
    default: T | None = None,
) -> T:
    """Return one of some choices; on a terminal they are listed, and may be numbered."""
    if given is not None:
        return given
    if can_ask():
        for number, (name, said) in enumerate(choices.items(), 1):
            sys.stderr.write(f"  {number}. {name}: {said}\n")
    by_name = {str(name): name for name in choices}
    by_name |= {str(number): name for number, name in enumerate(choices, 1)}

    def chosen(answer: str) -> T:
        if answer not in by_name:
            raise BadInput(f"must be one of {', '.join(map(str, choices))}, not {answer!r}")
        return by_name[answer]

    return answer_to(flag, question, None, chosen, None if default is None else str(default))
