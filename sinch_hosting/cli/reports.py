"""Files that tell what became of every number: checked before the work, written at its end."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .._reports import write_whole
from .errors import BadInput
from .messages import complain, tell


@contextmanager
def writing_report(path: Path | None, said: str, write: Callable[[Path], None]) -> Iterator[None]:
    """Write the report at the end, however the work ends: what was ordered stays ordered.

    Args:
        path: Where the report is to go; `None` writes none.
        said: What is in it, for a person.
        write: Writes it.

    Raises:
        BadInput: It cannot be written; where the work failed, that is told first.
    """
    try:
        yield
    except BaseException:
        if path is not None:
            try:
                write(path)
            except BadInput as error:
                complain(str(error))
            else:
                tell(f"{said}, as far as it is known: {path}")
        raise
    if path is not None:
        write(path)
        tell(f"{said}: {path}")


def write_text(path: Path, text: str) -> None:
    """Write a file whole; an older one stays as it was until then.

    Raises:
        BadInput: It cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise BadInput(f"{path}: the report cannot be written: {error.strerror}") from error


def check_report(path: Path, numbers: Path | None) -> None:
    """Refuse a report that could not be written at the end, before any work is done.

    Args:
        path: Where the report is to go.
        numbers: The file that is read, which the report must not overwrite.

    Raises:
        BadInput: The file cannot be opened and written to, its folder is missing, the path is
            a folder, or it is the file of numbers itself.
    """
    if path.is_dir():
        raise BadInput(f"{path}: is a directory; name a file in it for the report")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: there is no folder {path.parent}; make it, or name another")
    if numbers is not None and path.exists() and numbers.exists() and path.samefile(numbers):
        raise BadInput(f"{path}: the report would overwrite the numbers; name another file")
    try:
        _try_writing(path)
    except OSError as error:
        why = error.strerror or error
        raise BadInput(
            f"{path}: the report cannot be written: {why}; name another file for it"
        ) from error


def _try_writing(path: Path) -> None:
    """Check that the file can be written; an older report is not changed."""
    exists = path.exists()
    mode = path.stat().st_mode if exists else 0
    if stat.S_ISFIFO(mode):
        return  # its reader takes the first closing for the end
    target = path if exists else path.resolve()  # never to take a link for a file of ours
    try:
        with target.open("ab") as file:
            if not exists or stat.S_ISCHR(mode):
                file.write(b"\n")
    finally:
        if not exists:
            target.unlink(missing_ok=True)
