"""Writes the Python of the README and of each page of the guide as a module, to be checked.

Usage: python .ci/check_documents.py FOLDER    (then mypy, pyright and ruff on the folder)
"""

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)
# Tests need no annotations in a page; a module that is checked does.
FIXTURES = "(sinch, sinch_sandbox):"
ANNOTATED = "(sinch: Client, sinch_sandbox: Service) -> None:"
IMPORTS = """\
from sinch_hosting import SinchHosting as Client
from sinch_hosting.sandbox import Sandbox as Service
"""


def module_of(text: str) -> str:
    """Return the blocks of a page within one async function: they await at the top level."""
    source = "\n".join(BLOCK.findall(text))
    head = IMPORTS if FIXTURES in source else ""
    body = textwrap.indent(source.replace(FIXTURES, ANNOTATED), "    ")
    return f"{head}\n\nasync def page() -> None:\n{body}"


def main(folder: Path) -> None:
    """Write a module for each page that has Python in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [ROOT / "README.md", *sorted((ROOT / "sinch_hosting" / "guides").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        if BLOCK.search(text):
            (folder / f"page_{path.stem.lower()}.py").write_text(module_of(text), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
