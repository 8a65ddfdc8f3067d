"""`sinch-hosting guide`: the pages of the guide, which come with the package."""

from __future__ import annotations

import sys
from importlib.resources import files

from .errors import BadInput, ExitCode
from .output import print_text

_FIRST = "start"


def guide(page: str | None = None, /) -> int:
    """Show a page of the guide.

    Without a name it lists the pages. If you pipe it into another program, it prints Markdown.

    Example: `sinch-hosting guide onboarding`

    Args:
        page: The page, such as `start`, `bulk` or `troubleshooting`.
    """
    pages = _pages()
    if page is None:
        width = max(map(len, pages))
        for each, text in pages.items():
            title = text.splitlines()[0].removeprefix("# ")
            print_text(f"{each:{width}}  {title}")
        return ExitCode.DONE
    name = page.removesuffix(".md").lower()
    if name not in pages:
        raise BadInput(f"no page is called {page!r}; there are {', '.join(pages)}")
    text = pages[name]
    if sys.stdout is not None and sys.stdout.isatty():
        _print_formatted(text)
    else:
        print_text(text.rstrip())
    return ExitCode.DONE


def _pages() -> dict[str, str]:
    """Return the pages by name, the first one first."""
    found = {
        page.name.removesuffix(".md"): page.read_text("utf-8")
        for page in files("sinch_hosting").joinpath("guides").iterdir()
        if page.name.endswith(".md")
    }
    return {name: found[name] for name in sorted(found, key=lambda n: (n != _FIRST, n))}


def _print_formatted(text: str) -> None:
    from rich.console import Console  # noqa: PLC0415 - `--help` must not pay for it
    from rich.markdown import Markdown  # noqa: PLC0415 - as above

    Console().print(Markdown(text, hyperlinks=False))
