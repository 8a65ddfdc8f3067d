"""Writes what is made from the table of workflows: the page `choose`, the table of the README.

Usage: python .ci/write_workflows.py    (a test fails where they differ from the table)
"""

import re
import sys
from pathlib import Path

from sinch_hosting.workflows import guide_page, readme_table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "sinch_hosting" / "guides" / "choose.md"
README = ROOT / "README.md"
_TABLE = re.compile(r"^\| I want to \|.*?(?=\n\n)", re.S | re.M)


def readme() -> str:
    """Return the README with the table as it has to be."""
    return _TABLE.sub(lambda _: readme_table(), README.read_text(encoding="utf-8"), count=1)


if __name__ == "__main__":
    PAGE.write_text(guide_page(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name}, {README.name}\n")
